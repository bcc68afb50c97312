//! Statement balances (R27): accounts of the day, from what statements tell and what was delivered.

use std::collections::BTreeMap;

use crate::book::settings::Settings;
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
    for (file, row) in told {
        if row.date != date {
            findings.push(
                Finding::about(
                    file.clone(),
                    format!(
                        "balance of account {}: found date {}, expected {date}",
                        settings.accounts[usize::from(row.account)].id,
                        row.date
                    ),
                    "deliver statements below the inbox of the date they close",
                )
                .at(row.place.line, 0),
            );
        }
    }
    for (index, account) in settings.accounts.iter().enumerate() {
        let digits = account.currency.digits();
        let shown = |minor: i128| format!("{} {}", format_minor(minor, digits), account.currency);
        let [credits, debits] = movements.get(&(index as u16)).copied().unwrap_or_default();
        let previous = state
            .accounts
            .iter()
            .find(|line| line.account == account.id && line.currency == account.currency);
        let carried = previous.map_or(0, |line| i128::from(line.closing_minor));
        let rows: Vec<&(String, BalanceRow)> = told
            .iter()
            .filter(|(_, row)| usize::from(row.account) == index && row.date == date)
            .collect();
        let mut opening = carried;
        let mut closing = carried + credits.minor - debits.minor;
        if let Some((file, _)) = rows.first() {
            match chain(&rows, carried) {
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
    let bad = (!findings.is_empty()).then_some(Stop {
        code: StopCode::BadData,
        findings,
    });
    let absent = (!missing.is_empty()).then_some(Stop {
        code: StopCode::InputMissing,
        findings: missing,
    });
    match Stop::join(bad.into_iter().chain(absent).collect()) {
        Some(stop) => Err(stop),
        None => Ok(lines),
    }
}

/// First opening and last closing of an account's statements of one day, which must follow from one another.
/// A statement told twice in the same words (a page and a table, say) counts once.
fn chain(rows: &[&(String, BalanceRow)], start: i128) -> Option<(i128, i128)> {
    let mut pairs: Vec<(i128, i128)> = rows
        .iter()
        .map(|(_, row)| (i128::from(row.opening_minor), i128::from(row.closing_minor)))
        .collect();
    pairs.sort_unstable();
    pairs.dedup();
    let starts_at =
        |wanted: i128, pairs: &[(i128, i128)]| pairs.iter().position(|(opening, _)| *opening == wanted);
    // Begin with the one that goes on from yesterday, else with one that no other leads to.
    let first = starts_at(start, &pairs).or_else(|| {
        // A statement without movements opens as it closes: it leads to itself, and that is no one before it.
        let leads = |pair: &(i128, i128), opening: i128| pair.1 == opening && pair.0 != opening;
        pairs
            .iter()
            .position(|(opening, _)| !pairs.iter().any(|pair| leads(pair, *opening)))
    })?;
    let (opening, mut closing) = pairs.swap_remove(first);
    while !pairs.is_empty() {
        let next = starts_at(closing, &pairs)?;
        closing = pairs.swap_remove(next).1;
    }
    Some((opening, closing))
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
            let rows = told(pairs);
            assert_eq!(chain(&rows.iter().collect::<Vec<_>>(), start), expected);
        };
        check(&[(0, 10)], 0, Some((0, 10)));
        check(&[(10, 7), (0, 10)], 0, Some((0, 7)));
        check(&[(0, 10), (0, 10)], 0, Some((0, 10)));
        check(&[(5, 10), (10, 20)], 0, Some((5, 20)));
        check(&[(0, 10), (11, 20)], 0, None);
        check(&[(7, 7)], 0, Some((7, 7)));
        check(&[(7, 7), (5, 7)], 0, Some((5, 7)));
    }
}
