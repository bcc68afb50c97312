//! Statement balances (R27): accounts of the day, from what statements tell and what was delivered.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::settings::Settings;
use crate::day::across::days::help_for_day;
use crate::day::figures::AccountLine;
use crate::day::intake::Sum;
use crate::day::state::State;
use crate::entries::rows::BalanceRow;
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::date::Date;
use crate::terms::money::format_minor;

/// Makes the lines of accounts.csv and checks what R27 and R46 ask.
///
/// `movements` are accepted entries by account index: credits, debits. `told` are the balances of all files, with
/// the name of the file. `is_first` is true when there is neither a previous close nor `opening/`.
///
/// # Errors
/// 65 when a balance does not tie out, 66 when an opening balance has no owner (R46).
pub fn account_lines(
    settings: &Settings,
    state: &State,
    movements: &BTreeMap<u16, [Sum; 2]>,
    told: &[(String, BalanceRow)],
    date: Date,
    is_first: bool,
) -> Result<Vec<AccountLine>, Stop> {
    let mut findings = Vec::new();
    let mut missing = Vec::new();
    let mut lines = Vec::new();
    // What an account's figures come to while rows of another day are among them says nothing more.
    let mut mixed = BTreeSet::new();
    let mut days: BTreeMap<&str, BTreeSet<Date>> = BTreeMap::new();
    for (file, row) in told {
        days.entry(file).or_default().insert(row.date);
    }
    for (file, row) in told {
        if row.date != date {
            mixed.insert(usize::from(row.account));
            findings.push(
                Finding::about(
                    file.clone(),
                    format!(
                        "balance of account {}: found date {}, expected {date}",
                        settings.accounts[usize::from(row.account)].id,
                        row.date
                    ),
                    help_for_day(
                        row.date,
                        date,
                        &days.get(file.as_str()).cloned().unwrap_or_default(),
                    ),
                )
                .at(row.place.line, 0),
            );
        }
    }
    for (index, account) in settings.accounts.iter().enumerate() {
        let digits = account.currency.digits();
        let shown = |minor: i128| format!("{} {}", format_minor(minor, digits), account.currency);
        let [credits, debits] = movements.get(&(index as u16)).copied().unwrap_or_default();
        let previous = state.of_account(account);
        let carried = previous.map_or(0, |line| i128::from(line.closing_minor));
        let rows: Vec<&(String, BalanceRow)> = told
            .iter()
            .filter(|(_, row)| usize::from(row.account) == index && row.date == date)
            .collect();
        let mut opening = carried;
        let mut closing = carried + credits.minor - debits.minor;
        if let Some((file, _)) = rows.first().filter(|_| !mixed.contains(&index)) {
            match chain(&rows, carried, |first| first + credits.minor - debits.minor) {
                Some((first, last)) => (opening, closing) = (first, last),
                None => findings.push(Finding::about(
                    file.clone(),
                    format!("account {}: {} statements of {date} do not follow from one another", account.id, rows.len()),
                    "each opening must be the closing of the one before: ask the bank for the missing statement",
                )),
            }
            let moved = opening + credits.minor - debits.minor;
            if moved != closing {
                findings.push(Finding::about(
                    file.clone(),
                    format!(
                        "account {}: opening {} + credits {} - debits {} = {}, but the closing balance is {}",
                        account.id,
                        shown(opening),
                        shown(credits.minor),
                        shown(debits.minor),
                        shown(moved),
                        shown(closing)
                    ),
                    "entries are missing, or delivered twice under other ids: ask the bank for the complete statement",
                ));
            }
            if opening != carried {
                if is_first {
                    missing.push(Finding::about(
                        "opening",
                        format!(
                            "account {} opens with {} but the book has no opening/ to say whose money it is (R46)",
                            account.id,
                            shown(opening)
                        ),
                        "add opening/accounts.csv with this balance, and opening/own.csv, carried.csv, customers.csv … with its owners",
                    ));
                } else {
                    findings.push(Finding::about(
                        file.clone(),
                        format!(
                            "account {}: opening balance {} is not the previous closing balance {}",
                            account.id,
                            shown(opening),
                            shown(carried)
                        ),
                        "a statement is missing between the two days, or the bank corrected one: ask the bank",
                    ));
                }
            }
        }
        lines.push(AccountLine {
            account: index,
            credit_count: credits.rows,
            credit_minor: credits.minor,
            debit_count: debits.rows,
            debit_minor: debits.minor,
            opening_minor: opening,
            closing_minor: closing,
            book_opening_minor: previous.map_or(0, |line| i128::from(line.book_minor)),
        });
    }
    let bad = Stop::of(StopCode::BadData, findings);
    let absent = Stop::of(StopCode::InputMissing, missing);
    match Stop::join(bad.into_iter().chain(absent).collect()) {
        Some(stop) => Err(stop),
        None => Ok(lines),
    }
}

/// First opening and last closing of an account's statements of one day, which must follow from one another.
///
/// A statement told twice in the same words (a page and a table, say) counts once, unless only twice it leads to `closes`, which
/// is what a first opening and the day's entries come to: a balance may rise and fall to the same sums twice a day.
fn chain(rows: &[&(String, BalanceRow)], start: i128, closes: impl Fn(i128) -> i128) -> Option<(i128, i128)> {
    let mut pairs: Vec<(i128, i128)> = rows
        .iter()
        .map(|(_, row)| (i128::from(row.opening_minor), i128::from(row.closing_minor)))
        .collect();
    pairs.sort_unstable();
    let mut once = pairs.clone();
    once.dedup();
    let ends = ends(&once, start);
    if ends.is_some_and(|(first, last)| closes(first) == last) || once.len() == pairs.len() {
        return ends;
    }
    let twice = self::ends(&pairs, start).filter(|(first, last)| closes(*first) == *last);
    twice.or(ends)
}

/// Where statements begin and end that all follow from one another, each opening with what the one before closes with: whatever
/// their order is, for the ends are the same for every order. `None` where there is no order.
///
/// Where they end with what they began with, any of them can be the first: the one that opens with `start`, else with the least.
pub fn ends(pairs: &[(i128, i128)], start: i128) -> Option<(i128, i128)> {
    // Of every balance, how many statements it opens, less how many it closes; and one balance that leads on to its own part.
    let mut balances: BTreeMap<i128, i64> = BTreeMap::new();
    for (opening, closing) in pairs {
        *balances.entry(*opening).or_default() += 1;
        *balances.entry(*closing).or_default() -= 1;
    }
    let reached = reached_from(pairs.first()?.0, pairs);
    let one_by_one = pairs.iter().all(|(opening, _)| reached.contains(opening));
    let mut firsts = balances.iter().filter(|(_, more)| **more > 0);
    let mut lasts = balances.iter().filter(|(_, more)| **more < 0);
    match (firsts.next(), firsts.next(), lasts.next(), lasts.next()) {
        _ if !one_by_one => None,
        (None, _, None, _) => {
            let opens = |wanted: i128| pairs.iter().any(|(opening, _)| *opening == wanted);
            let least = pairs.iter().map(|(opening, _)| *opening).min()?;
            let first = if opens(start) { start } else { least };
            Some((first, first))
        }
        (Some((first, 1)), None, Some((last, -1)), None) => Some((*first, *last)),
        _ => None,
    }
}

/// The balances that statements join with one another, from one of them, in either direction.
fn reached_from(balance: i128, pairs: &[(i128, i128)]) -> BTreeSet<i128> {
    let mut next: BTreeMap<i128, Vec<i128>> = BTreeMap::new();
    for (opening, closing) in pairs {
        next.entry(*opening).or_default().push(*closing);
        next.entry(*closing).or_default().push(*opening);
    }
    let mut reached = BTreeSet::from([balance]);
    let mut open = vec![balance];
    while let Some(balance) = open.pop() {
        for other in next.get(&balance).into_iter().flatten() {
            if reached.insert(*other) {
                open.push(*other);
            }
        }
    }
    reached
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::rows::Place;
    use crate::terms::currency::Currency;

    fn told(pairs: &[(i64, i64)]) -> Vec<(String, BalanceRow)> {
        let row = |(opening_minor, closing_minor): &(i64, i64)| BalanceRow {
            place: Place { line: 1, offset: 0 },
            account: 0,
            currency: Currency::parse(b"CNY").unwrap(),
            date: Date(0),
            opening_minor: *opening_minor,
            closing_minor: *closing_minor,
        };
        pairs.iter().map(|pair| ("f".to_owned(), row(pair))).collect()
    }

    #[test]
    fn statements_of_a_day_follow_from_one_another() {
        let check = |pairs: &[(i64, i64)], start, expected| {
            let mut rows = told(pairs);
            // Whatever order files have.
            for _ in 0..rows.len() {
                rows.rotate_left(1);
                let told: Vec<&(String, BalanceRow)> = rows.iter().collect();
                assert_eq!(chain(&told, start, |first| first), expected, "{pairs:?}");
                let back: Vec<&(String, BalanceRow)> = rows.iter().rev().collect();
                assert_eq!(chain(&back, start, |first| first), expected, "{pairs:?}");
            }
        };
        check(&[(0, 10)], 0, Some((0, 10)));
        check(&[(10, 7), (0, 10)], 0, Some((0, 7)));
        check(&[(0, 10), (0, 10)], 0, Some((0, 10)));
        check(&[(5, 10), (10, 20)], 0, Some((5, 20)));
        check(&[(0, 10), (11, 20)], 0, None);
        check(&[(7, 7)], 0, Some((7, 7)));
        check(&[(7, 7), (5, 7)], 0, Some((5, 7)));
        // Two statements open with the same balance: only one of them can be the last.
        check(&[(0, 5), (0, 10), (10, 0)], 0, Some((0, 5)));
        check(&[(0, 10), (10, 4), (4, 10), (10, 3)], 0, Some((0, 3)));
        check(&[(0, 10), (10, 0), (20, 30), (30, 20)], 0, None);
        check(&[(0, 1), (0, 2)], 0, None);
        // All the way round: it begins where yesterday ended.
        check(&[(3, 8), (8, 3)], 8, Some((8, 8)));
        check(&[(3, 8), (8, 3)], 1, Some((3, 3)));
    }

    #[test]
    fn the_same_balances_twice_a_day_are_what_the_entries_come_to() {
        let rows = told(&[(0, 10), (10, 0), (0, 10)]);
        let rows: Vec<&(String, BalanceRow)> = rows.iter().collect();
        assert_eq!(chain(&rows, 0, |first| first), Some((0, 0)));
        assert_eq!(chain(&rows, 0, |first| first + 10), Some((0, 10)));
        assert_eq!(chain(&rows, 0, |first| first + 3), Some((0, 0)));
    }

    proptest::proptest! {
        /// Walks along random balances, told in any order: their ends are found.
        #[test]
        fn the_ends_of_a_walk_are_found(
            walk in proptest::collection::vec(0i128..5, 2..9),
            order in proptest::collection::vec(0usize..100, 8),
        ) {
            let mut pairs: Vec<(i128, i128)> = walk.windows(2).map(|two| (two[0], two[1])).collect();
            for (at, to) in order.iter().enumerate().take(pairs.len()) {
                let to = to % pairs.len();
                pairs.swap(at, to);
            }
            proptest::prop_assert_eq!(ends(&pairs, walk[0]), Some((walk[0], walk[walk.len() - 1])));
        }
    }
}
