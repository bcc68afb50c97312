//! A bank account on a day: its statements, its entries counted and summed, its balances, and what is open on it (R1, R27).

use std::collections::BTreeMap;

use super::closes::{Day, Days, money};
use super::find::{Wanted, search, statements};
use super::{NAMED_ROWS_MAX, Section};
use crate::book::settings::Account;
use crate::findings::Stop;
use crate::report::show::masked;
use crate::terms::date::Date;
use crate::terms::kinds::Direction;

/// Explains an account, by its id or its number: in the latest close that has it unless a date is given.
pub(super) fn explain(days: &Days, what: &str, date: Option<Date>) -> Result<Vec<Section>, Stop> {
    for day in days.looked_into(date) {
        let book = day.book()?;
        let mut accounts = book.settings.accounts.iter();
        let account =
            accounts.find(|account| account.id == what || account.numbers().any(|number| number == what));
        if let Some(account) = account {
            return Ok(vec![
                balances(days, day, account)?,
                entries(days, day, account)?,
                breaks(day, account)?,
            ]);
        }
    }
    Ok(Vec::new())
}

/// Ids of the accounts of a close.
pub(super) fn ids(day: &Day) -> Result<Vec<String>, Stop> {
    let book = day.book()?;
    Ok(book
        .settings
        .accounts
        .iter()
        .map(|account| account.id.clone())
        .collect())
}

fn balances(days: &Days, day: &Day, account: &Account) -> Result<Section, Stop> {
    let currency = account.currency.code();
    let number = account
        .number
        .as_deref()
        .map_or(String::new(), |number| format!(" {}", masked(number)));
    let mut section = Section::new(format!(
        "account {}, {}{number}, {currency}, {}, in the close of {}",
        account.id,
        account.bank,
        account.kind.name(),
        day.date()
    ));
    let told = statements(day, &account.id)?;
    for (name, opening, closing) in &told {
        section.source(
            day.date(),
            &format!("inbox/{}/{name}", day.date()),
            0,
            format!(
                "statement: opening {}, closing {}",
                money(*opening, currency),
                money(*closing, currency)
            ),
        );
    }
    if told.is_empty() {
        section.note("no statement of the day tells a balance of it: opening is the closing before, closing follows from the entries (R27)");
    }
    let before = days.list.iter().rev().find(|other| other.date() < day.date());
    for line in day.rows("accounts.csv", |row| row.get("account") == account.id)? {
        let (opening, closing) = (line.minor("opening_minor"), line.minor("closing_minor"));
        let moved = opening + line.minor("credit_minor") - line.minor("debit_minor");
        section.source(
            day.date(),
            &day.told("accounts.csv"),
            line.line,
            format!(
                "opening {} + {} credits {} − {} debits {} = closing {}",
                line.money("opening_minor"),
                line.get("credit_count"),
                line.money("credit_minor"),
                line.get("debit_count"),
                line.money("debit_minor"),
                line.money("closing_minor")
            ),
        );
        if moved != closing {
            section.note(format!(
                "the sum is {}: run tieout verify",
                money(moved, currency)
            ));
        }
        match before {
            None => {
                section.note("the first close: its opening balance is that of opening/accounts.csv, or 0")
            }
            Some(before) => {
                let earlier = before.rows("accounts.csv", |row| row.get("account") == account.id)?;
                for earlier in earlier {
                    let same = earlier.minor("closing_minor") == opening;
                    section.source(
                        before.date(),
                        &before.told("accounts.csv"),
                        earlier.line,
                        format!(
                            "closing {}, {} the opening balance",
                            earlier.money("closing_minor"),
                            if same { "which is" } else { "which is not" }
                        ),
                    );
                }
            }
        }
    }
    for line in day.rows("reserve/lines.csv", |row| row.get("account") == account.id)? {
        section.source(
            day.date(),
            &day.told("reserve/lines.csv"),
            line.line,
            format!(
                "bank {} + A1 {} − A2 {} − B1 {} + B2 {} = book {}",
                line.money("bank_minor"),
                line.money("a1_minor"),
                line.money("a2_minor"),
                line.money("b1_minor"),
                line.money("b2_minor"),
                line.money("book_minor")
            ),
        );
    }
    Ok(section)
}

fn entries(days: &Days, day: &Day, account: &Account) -> Result<Section, Stop> {
    let currency = account.currency.code();
    let mut section = Section::new(format!("entries of {} delivered for {}", account.id, day.date()));
    let found = search(days, &[day], &Wanted::Account(&account.id))?;
    for (file, [credits, debits]) in &found.sums {
        section.source(
            day.date(),
            file,
            0,
            format!(
                "{} credits {}, {} debits {}",
                credits.0,
                money(credits.1, currency),
                debits.0,
                money(debits.1, currency)
            ),
        );
    }
    let all = |at: usize| {
        let sums = found.sums.iter().map(|(_, sums)| sums[at]);
        sums.fold((0, 0), |all, sum| (all.0 + sum.0, all.1 + sum.1))
    };
    let counted =
        |(count, minor): (u64, i128), word: &str| format!("{count} {word} {}", money(minor, currency));
    let (credits, debits) = (all(0), all(1));
    section.figure(format!(
        "in all {}, {}",
        counted(credits, "credits"),
        counted(debits, "debits")
    ));
    for line in day.rows("accounts.csv", |row| row.get("account") == account.id)? {
        let published = [("credit_count", "credit_minor"), ("debit_count", "debit_minor")];
        let same = [credits, debits]
            .iter()
            .zip(published)
            .all(|((count, minor), (counts, minors))| {
                line.minor(counts) == i128::from(*count) && line.minor(minors) == *minor
            });
        if !same {
            section.note("accounts.csv counts once what was delivered twice, in this close or before");
        }
    }
    for row in found.rows.iter().take(NAMED_ROWS_MAX) {
        let direction = row.row.direction.map_or("", |direction| match direction {
            Direction::Credit => "credit",
            Direction::Debit => "debit",
        });
        section.source(
            row.date,
            &row.file,
            row.line,
            format!(
                "{}: {direction} {}{}",
                row.row.id,
                money(i128::from(row.row.amount_minor), currency),
                match row.row.bank_ref.as_str() {
                    "" => String::new(),
                    reference => format!(", bank_ref {reference}"),
                }
            ),
        );
    }
    let rows = credits.0 + debits.0;
    if rows > NAMED_ROWS_MAX as u64 {
        section.note(format!(
            "and {} more, in the same files",
            rows - NAMED_ROWS_MAX as u64
        ));
    }
    for note in found.notes {
        section.note(note);
    }
    Ok(section)
}

fn breaks(day: &Day, account: &Account) -> Result<Section, Stop> {
    let lines = day.rows("breaks.csv", |row| row.get("account") == account.id)?;
    let mut section = Section::new(format!(
        "open on {} after the close of {}",
        account.id,
        day.date()
    ));
    if lines.is_empty() {
        section.note("no break names an entry of it");
    }
    let mut classes: BTreeMap<(&str, &str), (u64, i128)> = BTreeMap::new();
    for line in &lines {
        let class = classes
            .entry((line.get("class"), line.get("currency")))
            .or_default();
        class.0 += 1;
        class.1 += line.minor("bank_minor");
    }
    for ((class, currency), (count, minor)) in classes {
        let breaks = if count == 1 { "break" } else { "breaks" };
        section.figure(format!("{class}: {count} {breaks}, {}", money(minor, currency)));
    }
    for line in lines.iter().take(NAMED_ROWS_MAX) {
        section.source(
            day.date(),
            &day.told("breaks.csv"),
            line.line,
            format!(
                "{} on leg {}, entry {} {}, since {}, break {}",
                line.get("class"),
                line.get("leg"),
                line.get("entry_id"),
                line.money("bank_minor"),
                line.get("first_seen"),
                line.get("break_id")
            ),
        );
    }
    section.more_lines(lines.len(), &day.told("breaks.csv"));
    Ok(section)
}
