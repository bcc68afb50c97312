//! Of which day a statement is: of that of its closing balance, and without one of the day that the file states (D233). OFX that
//! goes back to days that are closed (D234).

use std::collections::{BTreeMap, BTreeSet};

use super::{Told, account_id, name};
use crate::book::settings::Settings;
use crate::day::state::State;
use crate::findings::Finding;
use crate::ingest::formats::desk::{Earlier, Purport};
use crate::terms::date::Date;
use crate::terms::money::format_minor;

/// What was found, and the accounts of which nothing else is to be said: what would follow from the balances of another day only
/// leads astray.
#[derive(Default)]
pub(super) struct OfOtherDays {
    pub findings: Vec<Finding>,
    pub accounts: BTreeSet<usize>,
}

impl OfOtherDays {
    fn add(&mut self, one: &Told<'_>, message: String, help: String) {
        self.accounts.insert(one.told.account);
        let finding = Finding::about(one.file, message, help);
        self.findings.push(finding.at(one.told.line, 0));
    }
}

/// Statements that are of another day than the one that is closed, and those that go back to days that are closed. `state` has
/// the balances of the day before.
pub(super) fn check(settings: &Settings, told: &[Told<'_>], state: &State, date: Date) -> OfOtherDays {
    let mut found = OfOtherDays::default();
    of_other_days(settings, told, date, &mut found);
    reach_back(settings, told, state, date, &mut found);
    found
}

/// True for what books entries.
pub(super) fn books(one: &Told<'_>) -> bool {
    one.told.purport == Purport::Statement
}

/// Where a statement has balances they say its day, and where it has none the file may: entries without balances would be booked
/// once more, and nothing would show it.
fn of_other_days(settings: &Settings, told: &[Told<'_>], date: Date, found: &mut OfOtherDays) {
    let mut days: BTreeMap<&str, BTreeSet<Date>> = BTreeMap::new();
    for one in told {
        days.entry(one.file).or_default().extend(one.told.books_on());
    }
    for one in told.iter().filter(|one| books(one)) {
        let statement = one.told;
        let Some(day) = statement.day().filter(|day| *day != date) else {
            continue;
        };
        let said_by = match statement.day_said_by {
            "" => String::new(),
            words => format!("{words}: "),
        };
        let message = format!(
            "statement {} of account {}: {said_by}found date {day}, expected {date}",
            name(statement),
            account_id(settings, statement.account)
        );
        let of_file = days.get(one.file).cloned().unwrap_or_default();
        let mut help = help_for_day(day, date, &of_file);
        if day > date && of_file.len() == 1 && statement.closing.is_some() {
            help += &format!(
                "; where its entries are of {date} and only the balance is that of the moment at which it was fetched, ask the bank for a statement with the balance at the end of {date}"
            );
        }
        found.add(one, message, help);
    }
}

/// To fetch the day without those before and after it.
pub(super) fn fetch_alone(date: Date) -> String {
    format!("fetch {date} from the bank by itself (from {date} to {date}) and deliver that instead")
}

/// What to do about a statement of another day, in a file of these days.
pub(in crate::day) fn help_for_day(day: Date, date: Date, of_file: &BTreeSet<Date>) -> String {
    if of_file.len() > 1 && of_file.contains(&date) {
        return format!(
            "the file holds several days, and a close cannot take one of them from it: {}, and each day that is not closed yet likewise below the inbox of its date",
            fetch_alone(date)
        );
    }
    if of_file.len() > 1 {
        return format!(
            "the file holds statements of several days, and none of {date}: deliver it below the inbox of each of its days that is not closed yet, whose close takes its own"
        );
    }
    let own = format!(
        "deliver statements below the inbox of the date they close: this one belongs below inbox/{day}"
    );
    match day < date {
        true => own + ", and nowhere when that day was closed with its entries",
        false => own,
    }
}

/// Statements whose opening balance is what their entries leave of the closing one, and would be that of the day before without
/// the entries of earlier days: these were asked for with it, and the day before was closed with them.
fn reach_back(settings: &Settings, told: &[Told<'_>], state: &State, date: Date, found: &mut OfOtherDays) {
    for one in told.iter().filter(|one| books(one)) {
        let (Some(earlier), Some(opening)) = (one.told.earlier, one.told.opening) else {
            continue;
        };
        let Some(account) = settings.accounts.get(one.told.account) else {
            continue;
        };
        let Earlier {
            count,
            first,
            net_minor,
        } = earlier;
        let closed = state
            .of_account(account)
            .map(|line| i128::from(line.closing_minor));
        let opening = i128::from(opening.minor);
        // A second statement of the day goes on from the first.
        let goes_on = told.iter().filter(|other| books(other)).any(|other| {
            let closing = other.told.closing.map(|closing| i128::from(closing.minor));
            other.told.account == one.told.account && closing == Some(opening) && other.told != one.told
        });
        // Where they add up to nothing, the balance is right with them and without them.
        let is_hidden = net_minor == 0 && !one.other_days && closed.is_some();
        let is_proven = net_minor != 0 && closed == Some(opening + net_minor) && !goes_on;
        if !is_hidden && !is_proven {
            continue;
        }
        let entries = format!(
            "statement {} of account {}: {count} {} of days before {date}, the first of {first}",
            name(one.told),
            account.id,
            if count == 1 { "entry is" } else { "entries are" },
        );
        let fetch = format!("fetch it from {date} on and deliver that instead");
        if is_hidden {
            let message = format!(
                "{entries}, and they add up to nothing: no balance shows whether an earlier close has taken them"
            );
            let help = format!(
                "where they were booked before, {fetch}; where the bank books them only now, say `other_days = true` in the [[source]] of book.toml"
            );
            found.add(one, message, help);
            continue;
        }
        let digits = account.currency.digits();
        let message = format!(
            "{entries}: with them it opens with {}, and {} ended with {} {}, which is right without them",
            format_minor(opening, digits),
            date.plus_days(-1),
            format_minor(opening + net_minor, digits),
            account.currency
        );
        let help = format!("the file goes back to days that are closed with these entries: {fetch}");
        found.add(one, message, help);
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::{TODAY, from_file, settings, statement};
    use super::*;
    use crate::ingest::formats::desk::{Balance, StatementTold};

    /// What is said of statements in files.
    fn of_days(statements: &[(StatementTold, &str)]) -> Vec<String> {
        let told: Vec<Told<'_>> = statements
            .iter()
            .map(|(told, file)| from_file(file, "bai2", told))
            .collect();
        let date = Date::from_ymd(TODAY.0, TODAY.1, TODAY.2).unwrap();
        let mut found = OfOtherDays::default();
        of_other_days(&settings(), &told, date, &mut found);
        let findings = found.findings.iter();
        findings
            .map(|finding| format!("{}: {} ({})", finding.file, finding.message, finding.help))
            .collect()
    }

    #[test]
    fn a_statement_of_another_day_is_refused_with_balances_and_without() {
        let on = |day: &str, balances: bool| {
            let mut told = statement("", 0, 0, 5, day);
            let day = Date::parse(day.as_bytes()).unwrap();
            told.day_said_by = "as-of date";
            if balances {
                told.closing = Some(Balance { date: day, minor: 5 });
            } else {
                (told.opening, told.closing, told.day) = (None, None, Some(day));
            }
            told
        };
        for balances in [true, false] {
            let today = on("2026-03-31", balances);
            let yesterday = on("2026-03-30", balances);
            assert_eq!(of_days(&[(today.clone(), "a")]), [""; 0]);
            assert_eq!(
                of_days(&[(yesterday.clone(), "a"), (today.clone(), "b")]),
                [
                    "a: statement without id of account A0: as-of date: found date 2026-03-30, expected 2026-03-31 (deliver statements below the inbox of the date they close: this one belongs below inbox/2026-03-30, and nowhere when that day was closed with its entries)"
                ]
            );
            let several = of_days(&[(yesterday.clone(), "a"), (today.clone(), "a")]);
            assert_eq!(several.len(), 1);
            assert!(
                several[0].contains("fetch 2026-03-31 from the bank by itself"),
                "{several:?}"
            );
            let tomorrow = of_days(&[(on("2026-04-01", balances), "a")]);
            assert_eq!(
                tomorrow[0].contains("the balance at the end of 2026-03-31"),
                balances,
                "{tomorrow:?}"
            );
            // Accounts of several days in one file.
            let of_another = StatementTold {
                account: 1,
                ..today.clone()
            };
            let accounts = of_days(&[(yesterday.clone(), "a"), (of_another, "a")]);
            assert_eq!(accounts.len(), 1);
            assert!(
                accounts[0].contains("the file holds several days"),
                "{accounts:?}"
            );
        }
        let before = of_days(&[(on("2026-03-29", true), "a"), (on("2026-03-30", true), "a")]);
        assert!(
            before[0].contains("the file holds statements of several days, and none of 2026-03-31"),
            "{before:?}"
        );
        // One balance alone is compared with no other day.
        let (with_closing, without) = (on("2026-03-30", true), on("2026-03-30", false));
        let opening = with_closing.closing;
        for one in [
            StatementTold {
                opening: None,
                ..with_closing
            },
            StatementTold { opening, ..without },
        ] {
            assert_eq!(of_days(&[(one, "a")]).len(), 1);
        }
        // A report books nothing, whatever day it is of.
        let mut report = on("2026-03-30", false);
        report.purport = Purport::Intraday;
        assert_eq!(of_days(&[(report, "a")]), [""; 0]);
        // A statement that says no day is told by nothing here.
        let mut silent = on("2026-03-30", false);
        silent.day = None;
        assert_eq!(of_days(&[(silent, "a")]), [""; 0]);
    }

    #[test]
    fn a_statement_that_goes_back_to_closed_days_says_so_once() {
        let date = Date::from_ymd(TODAY.0, TODAY.1, TODAY.2).unwrap();
        let mut state = State::default();
        state.accounts.push(crate::day::state::AccountBalance {
            account: "A0".to_owned(),
            currency: crate::terms::currency::Currency::CNY,
            closing_minor: 500,
            book_minor: 0,
        });
        let check = |statements: &[StatementTold], state: &State, other_days: bool| {
            let told: Vec<Told<'_>> = statements
                .iter()
                .map(|told| Told {
                    other_days,
                    ..from_file("a", "ofx", told)
                })
                .collect();
            let mut found = OfOtherDays::default();
            reach_back(&settings(), &told, state, date, &mut found);
            let findings = found.findings.into_iter();
            findings.map(|finding| finding.message).collect::<Vec<_>>()
        };
        let back = |opening, closing, net_minor| StatementTold {
            earlier: Some(Earlier {
                count: 5,
                first: date.plus_days(-3),
                net_minor,
            }),
            ..statement("", 0, opening, closing, "x")
        };
        assert_eq!(
            check(&[back(0, 507, 500)], &state, false),
            [
                "statement without id of account A0: 5 entries are of days before 2026-03-31, the first of 2026-03-28: with them it opens with 0.00, and 2026-03-30 ended with 5.00 CNY, which is right without them"
            ]
        );
        for statements in [
            // Entries that the bank dates before the day and books on it are right where the balances are.
            vec![back(500, 507, 100)],
            vec![back(507, 600, 100), back(500, 507, 100)],
            vec![statement("", 0, 500, 600, "x"), back(600, 700, -100)],
            // What is missing or was corrected besides is for the balances to say.
            vec![back(0, 507, 499)],
            vec![statement("", 0, 0, 507, "x")],
        ] {
            assert_eq!(check(&statements, &state, false), [""; 0], "{statements:?}");
        }
        assert_eq!(check(&[back(0, 507, 500)], &State::default(), false), [""; 0]);
        // Entries that add up to nothing no balance shows.
        assert_eq!(
            check(&[back(500, 507, 0)], &state, false),
            [
                "statement without id of account A0: 5 entries are of days before 2026-03-31, the first of 2026-03-28, and they add up to nothing: no balance shows whether an earlier close has taken them"
            ]
        );
        assert_eq!(check(&[back(500, 507, 0)], &state, true), [""; 0]);
        assert_eq!(check(&[back(500, 507, 0)], &State::default(), false), [""; 0]);
    }
}
