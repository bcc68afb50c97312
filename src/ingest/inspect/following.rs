//! How the statements of one file follow from one another: what a close would ask of the files of its day, and what one file
//! may be without.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::settings::Account;
use crate::ingest::formats::desk::{Purport, StatementTold, text_of};
use crate::ingest::formats::values::shown;
use crate::terms::date::Date;

/// Notes that are made one by one.
const NOTED_MAX: usize = 20;

/// Statements that stand twice, balances and numbers that leave a gap, and pages that are not in the file; in words.
pub(super) fn how_they_follow(told: &[StatementTold], accounts: &[Account]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut by_account: BTreeMap<usize, Vec<&StatementTold>> = BTreeMap::new();
    for one in told.iter().filter(|one| one.purport == Purport::Statement) {
        by_account.entry(one.account).or_default().push(one);
    }
    for (index, statements) in by_account {
        let Some(account) = accounts.get(index) else {
            continue;
        };
        let mut distinct: Vec<&StatementTold> = Vec::new();
        let mut first: BTreeMap<_, u64> = BTreeMap::new();
        for one in statements {
            let name = (&one.id, one.sequence, one.first_page, one.section, &one.content);
            match first.get(&name) {
                Some(line) => notes.push(format!(
                    "{} is that of line {line} once more: a close takes it once",
                    place(one, account)
                )),
                None => {
                    first.insert(name, one.line);
                    distinct.push(one);
                }
            }
        }
        // Some banks give the newest first.
        let gaps = |pairs: &mut dyn Iterator<Item = (&StatementTold, &StatementTold)>| {
            pairs
                .filter(|(before, behind)| leave_a_gap(before, behind))
                .count()
        };
        let down = gaps(&mut distinct.windows(2).map(|pair| (pair[0], pair[1])));
        let up = gaps(&mut distinct.windows(2).map(|pair| (pair[1], pair[0])));
        if up < down {
            distinct.reverse();
        }
        let before = std::iter::once(None).chain(distinct.iter().copied().map(Some));
        for (before, one) in before.zip(&distinct) {
            said_of(before, one, account, &mut notes);
        }
    }
    let more = notes.len().saturating_sub(NOTED_MAX);
    notes.truncate(NOTED_MAX);
    if more > 0 {
        notes.push(format!("and {more} more notes of this kind"));
    }
    notes
}

/// What to do with a file that has the statements of several days (D240).
pub(super) fn of_several_days(told: &[StatementTold]) -> Option<String> {
    let days: BTreeSet<Date> = told.iter().filter_map(StatementTold::books_on).collect();
    let (first, last) = (days.first()?, days.last()?);
    (first < last).then(|| {
        format!(
            "its statements are of {} days, {first} to {last}: a close takes those of its own day; deliver the file below the inbox of each",
            days.len()
        )
    })
}

fn place(one: &StatementTold, account: &Account) -> String {
    format!(
        "the statement at line {} of account {}",
        one.line,
        shown(&account.id)
    )
}

/// True where the second statement does not open with what the first closes with.
fn leave_a_gap(before: &StatementTold, behind: &StatementTold) -> bool {
    matches!((before.closing, behind.opening), (Some(closing), Some(opening)) if closing.minor != opening.minor)
}

fn said_of(before: Option<&StatementTold>, one: &StatementTold, account: &Account, notes: &mut Vec<String>) {
    let place = place(one, account);
    if one.first_page > 1 && before.is_none_or(|before| !before.goes_on) {
        notes.push(format!(
            "{place} begins with page {}: those before it are not in this file",
            one.first_page
        ));
    }
    if one.goes_on {
        notes.push(format!("{place} has more pages, which are not in this file"));
    }
    let Some(before) = before else { return };
    if let (Some(closing), Some(opening), true) = (before.closing, one.opening, leave_a_gap(before, one)) {
        let text = |minor: i64| text_of(minor.into(), account.currency);
        notes.push(format!(
            "{place} opens with {}, and the one before it (line {}) closes with {}: one between them is not in this file, or they stand in another order",
            text(opening.minor),
            before.line,
            text(closing.minor)
        ));
    }
    if let (Some(from), Some(to)) = (before.sequence, one.sequence)
        && to > from + 1
        && !before.goes_on
    {
        notes.push(format!(
            "{place} has the number {to}, and the one before it {from}: those between are not in this file"
        ));
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::looked_at;

    fn statement(number: &str, opening: &str, closing: &str, last: &str) -> String {
        let entry = ":61:2603310331C1,00NTRFR\n";
        format!(
            ":20:A\n:25:77\n:28C:{number}\n:60F:C260331EUR{opening}\n{entry}:{last}:C260331EUR{closing}\n-\n"
        )
    }

    #[test]
    fn what_is_missing_between_the_statements_of_a_file_is_said() {
        let notes = |statements: &[&String]| {
            let text: String = statements.iter().map(|one| one.as_str()).collect();
            let seen = looked_at(text.as_bytes());
            assert!(seen.holds(), "{:?}", seen.failed);
            let about = seen
                .notes
                .into_iter()
                .filter(|note| note.starts_with("the statement at"));
            about.collect::<Vec<_>>()
        };
        let check = |statements: &[&String], expected: &[&str]| {
            let found = notes(statements);
            assert_eq!(found.len(), expected.len(), "{found:?}");
            for (note, words) in found.iter().zip(expected) {
                assert!(note.contains(words), "{note}");
            }
        };
        let one = statement("1", "24,", "25,", "62F");
        let two = statement("2", "25,", "26,", "62F");
        let three = statement("3", "26,", "27,", "62F");
        check(&[&one, &two, &three], &[]);
        check(&[&three, &two, &one], &[]);
        check(&[&one, &two, &one], &["is that of line 1 once more"]);
        check(
            &[&one, &three],
            &[
                "opens with 26.00, and the one before it (line 1) closes with 25.00",
                "has the number 3, and the one before it 1",
            ],
        );
        check(
            &[&statement("2/1", "25,", "26,", "62M")],
            &["has more pages, which are not in this file"],
        );
    }
}
