//! Of which day a statement is (D237): of that of its closing balance, and without one of the day that the file states.

use std::collections::{BTreeMap, BTreeSet};

use super::{Told, account_id, name};
use crate::book::settings::Settings;
use crate::day::state::State;
use crate::findings::{Finding, Stop, StopCode};
use crate::ingest::formats::desk::Purport;
use crate::terms::date::Date;
use crate::terms::money::format_minor;

/// Statements of other days, and those that go back to days that are closed. What a file is of decides everything else: what
/// would follow from its balances only leads astray, so that this stops the day by itself.
pub(super) fn check(settings: &Settings, told: &[Told<'_>], state: &State, date: Date) -> Option<Stop> {
    let mut findings = of_other_days(settings, told, date);
    if findings.is_empty() {
        findings = reach_back(settings, told, state, date);
    }
    Stop::of(StopCode::BadData, findings)
}

/// Statements that are of another day than the one that is closed. Where one has balances they say so, and where it has none
/// the file may: entries without balances would be booked once more, and nothing would show it.
fn of_other_days(settings: &Settings, told: &[Told<'_>], date: Date) -> Vec<Finding> {
    let books = |one: &&Told<'_>| one.is_new && one.told.purport == Purport::Statement;
    // By file and account, the days of the statements that a file holds.
    let mut days: BTreeMap<(&str, usize), BTreeSet<Date>> = BTreeMap::new();
    for one in told.iter().filter(books) {
        let key = (one.file, one.told.account);
        days.entry(key).or_default().extend(one.told.day());
    }
    let mut findings = Vec::new();
    for one in told.iter().filter(books) {
        let statement = one.told;
        let Some(day) = statement.day().filter(|day| *day != date) else {
            continue;
        };
        let said_by = match statement.day_said_by {
            "" => String::new(),
            words => format!("{words}: "),
        };
        let has_several = days
            .get(&(one.file, statement.account))
            .is_some_and(|days| days.len() > 1);
        findings.push(
            Finding::about(
                one.file,
                format!(
                    "statement {} of account {}: {said_by}found date {day}, expected {date}",
                    name(statement),
                    account_id(settings, statement.account)
                ),
                help_for_day(day, date, has_several),
            )
            .at(statement.line, 0),
        );
    }
    findings
}

/// What to do about a statement of another day.
fn help_for_day(day: Date, date: Date, has_several: bool) -> String {
    if has_several {
        return format!(
            "the file holds statements of several days, and a close books those of its own: fetch {date} from the bank by itself (from {date} to {date}) and deliver that instead, and each day that is not closed yet likewise below the inbox of its date"
        );
    }
    let own = format!(
        "deliver statements below the inbox of the date they close: this one belongs below inbox/{day}"
    );
    if day > date {
        return format!(
            "{own}; where its entries are of {date} and only the balance is that of the moment at which it was fetched, ask the bank for a statement with the balance at the end of {date}"
        );
    }
    format!("{own}, and nowhere when that day was closed with its entries")
}

/// Statements whose opening balance is what their entries leave of the closing one, and whose entries go back to days that are
/// closed: the bank gave what somebody asked for. Nothing is missing, and no entry has another id.
fn reach_back(settings: &Settings, told: &[Told<'_>], state: &State, date: Date) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (index, one) in told.iter().enumerate().filter(|(_, one)| one.is_new) {
        let (Some((entries, first)), Some(opening)) = (one.told.reaches_back, one.told.opening) else {
            continue;
        };
        let Some(account) = settings.accounts.get(one.told.account) else {
            continue;
        };
        let mut balances = state.accounts.iter();
        let before = balances.find(|line| line.account == account.id && line.currency == account.currency);
        let Some(before) = before.filter(|before| before.closing_minor != opening.minor) else {
            continue;
        };
        // The second file of a day goes on from the first.
        let goes_on = told.iter().enumerate().any(|(other, earlier)| {
            other != index
                && earlier.told.account == one.told.account
                && earlier.told.closing.map(|closing| closing.minor) == Some(opening.minor)
        });
        if goes_on {
            continue;
        }
        let digits = account.currency.digits();
        findings.push(
            Finding::about(
                one.file,
                format!(
                    "statement {} of account {}: {entries} {} of days before {date}, the first of {first}: with them it opens with {}, and {} ended with {} {}",
                    name(one.told),
                    account.id,
                    if entries == 1 { "entry is" } else { "entries are" },
                    format_minor(opening.minor.into(), digits),
                    date.plus_days(-1),
                    format_minor(before.closing_minor.into(), digits),
                    account.currency
                ),
                format!(
                    "the file goes back to days that are closed: fetch it from {date} on and deliver that instead; where these entries are new on {date}, the statement of a day before is missing, or the bank corrected one: ask the bank"
                ),
            )
            .at(one.told.line, 0),
        );
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::tests::{TODAY, settings, statement};
    use super::*;
    use crate::book::settings::StatementNumbers;
    use crate::ingest::formats::desk::{Balance, StatementTold};

    /// What is said of statements in files `a`, `b`, … of which the first `known` were taken before.
    fn of_days(statements: &[(StatementTold, &str)], known: usize) -> Vec<String> {
        let told: Vec<Told<'_>> = statements
            .iter()
            .enumerate()
            .map(|(index, (told, file))| Told {
                file,
                format: "bai2",
                numbers: StatementNumbers::Yearly,
                is_new: index >= known,
                told,
            })
            .collect();
        let date = Date::from_ymd(TODAY.0, TODAY.1, TODAY.2).unwrap();
        let findings = of_other_days(&settings(), &told, date);
        findings
            .iter()
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
            assert_eq!(of_days(&[(today.clone(), "a")], 0), [""; 0]);
            assert_eq!(
                of_days(&[(yesterday.clone(), "a"), (today.clone(), "b")], 0),
                [
                    "a: statement without id of account A0: as-of date: found date 2026-03-30, expected 2026-03-31 (deliver statements below the inbox of the date they close: this one belongs below inbox/2026-03-30, and nowhere when that day was closed with its entries)"
                ]
            );
            // Taken before, byte for byte: it counts for nothing.
            assert_eq!(
                of_days(&[(yesterday.clone(), "a"), (today.clone(), "b")], 1),
                [""; 0]
            );
            let several = of_days(&[(yesterday.clone(), "a"), (today.clone(), "a")], 0);
            assert_eq!(several.len(), 1);
            assert!(
                several[0].contains("fetch 2026-03-31 from the bank by itself"),
                "{several:?}"
            );
            let tomorrow = of_days(&[(on("2026-04-01", balances), "a")], 0);
            assert!(
                tomorrow[0].contains("the balance at the end of 2026-03-31"),
                "{tomorrow:?}"
            );
        }
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
            assert_eq!(of_days(&[(one, "a")], 0).len(), 1);
        }
        // A report books nothing, whatever day it is of.
        let mut report = on("2026-03-30", false);
        report.purport = Purport::Intraday;
        assert_eq!(of_days(&[(report, "a")], 0), [""; 0]);
        // A statement that says no day is told by nothing here.
        let mut silent = on("2026-03-30", false);
        silent.day = None;
        assert_eq!(of_days(&[(silent, "a")], 0), [""; 0]);
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
        let check = |statements: &[StatementTold], state: &State| {
            let told: Vec<Told<'_>> = statements
                .iter()
                .map(|told| Told {
                    file: "a",
                    format: "ofx",
                    numbers: StatementNumbers::Yearly,
                    is_new: true,
                    told,
                })
                .collect();
            let findings = reach_back(&settings(), &told, state, date);
            findings
                .into_iter()
                .map(|finding| finding.message)
                .collect::<Vec<_>>()
        };
        let back = |opening, closing| StatementTold {
            reaches_back: Some((5, date.plus_days(-3))),
            ..statement("", 0, opening, closing, "x")
        };
        assert_eq!(
            check(&[back(0, 507)], &state),
            [
                "statement without id of account A0: 5 entries are of days before 2026-03-31, the first of 2026-03-28: with them it opens with 0.00, and 2026-03-30 ended with 5.00 CNY"
            ]
        );
        // Entries that the bank dates before the day and books on it are right where the balances are.
        assert_eq!(check(&[back(500, 507)], &state), [""; 0]);
        assert_eq!(check(&[back(507, 600), back(500, 507)], &state), [""; 0]);
        assert_eq!(check(&[back(0, 507)], &State::default()), [""; 0]);
        assert_eq!(check(&[statement("", 0, 0, 507, "x")], &state), [""; 0]);
    }
}
