//! How the statements of one file follow from one another: what a close would ask of the files of its day, and what one file
//! may be without.

use std::collections::BTreeMap;

use crate::book::settings::Account;
use crate::ingest::formats::desk::{Purport, StatementTold, text_of};
use crate::ingest::formats::values::shown;

/// Notes that are made one by one.
const NOTED_MAX: usize = 20;

/// Statements that stand twice, balances and numbers that leave a gap, and pages that are not in the file; in words.
pub(super) fn how_they_follow(told: &[StatementTold], accounts: &[Account]) -> Vec<String> {
    let mut notes = Vec::new();
    let mut before: BTreeMap<usize, &StatementTold> = BTreeMap::new();
    for one in told.iter().filter(|one| one.purport == Purport::Statement) {
        let Some(account) = accounts.get(one.account) else {
            continue;
        };
        let place = format!(
            "the statement at line {} of account {}",
            one.line,
            shown(&account.id)
        );
        if one.first_page > 1 {
            notes.push(format!(
                "{place} begins with page {}: those before it are not in this file",
                one.first_page
            ));
        }
        if one.goes_on {
            notes.push(format!("{place} has more pages, which are not in this file"));
        }
        let Some(earlier) = before.insert(one.account, one) else {
            continue;
        };
        let name = |told: &StatementTold| (told.id.clone(), told.sequence, told.first_page, told.section);
        if earlier.content == one.content && name(earlier) == name(one) {
            notes.push(format!(
                "{place} is that of line {} once more: a close takes it once",
                earlier.line
            ));
            continue;
        }
        if let (Some(closing), Some(opening)) = (earlier.closing, one.opening)
            && closing.minor != opening.minor
        {
            let text = |minor: i64| text_of(minor.into(), account.currency);
            notes.push(format!(
                "{place} opens with {}, and the one before it (line {}) closes with {}: one between them is missing, or they are of no one row",
                text(opening.minor),
                earlier.line,
                text(closing.minor)
            ));
        }
        if let (Some(from), Some(to)) = (earlier.sequence, one.sequence)
            && to > from + 1
            && !earlier.goes_on
        {
            notes.push(format!("{place} has the number {to}, and the one before it {from}: those between are not in this file"));
        }
    }
    let more = notes.len().saturating_sub(NOTED_MAX);
    notes.truncate(NOTED_MAX);
    if more > 0 {
        notes.push(format!("and {more} more notes of this kind"));
    }
    notes
}

#[cfg(test)]
mod tests {
    use super::super::tests::looked_at;

    fn statement(number: &str, opening: &str, closing: &str, last: &str) -> String {
        format!(":20:A\n:25:77\n:28C:{number}\n:60F:C260331EUR{opening}\n:{last}:C260331EUR{closing}\n-\n")
    }

    #[test]
    fn what_is_missing_between_the_statements_of_a_file_is_said() {
        let notes = |statements: &[String]| {
            let seen = looked_at(statements.concat().as_bytes());
            assert!(seen.holds(), "{:?}", seen.failed);
            seen.notes.join("; ")
        };
        let one = statement("1", "25,", "25,", "62F");
        let said = |words: &str, other: String| {
            let found = notes(&[one.clone(), other]);
            assert!(found.contains(words), "{found}");
        };
        assert!(!notes(&[one.clone(), statement("2", "25,", "25,", "62F")]).contains("the one before it"));
        said(
            "opens with 26.00, and the one before it (line 1) closes with 25.00",
            statement("2", "26,", "26,", "62F"),
        );
        said(
            "has the number 3, and the one before it 1",
            statement("3", "25,", "25,", "62F"),
        );
        said(
            "has more pages, which are not in this file",
            statement("2/1", "25,", "25,", "62M"),
        );
    }
}
