//! What a row without a number of its own says, however it is written, so that a file that was saved again is known beside the one
//! that the bank gave (`1,000.00` and `1000.00`, `2026/11/20` and `2026-11-20`).
//!
//! In: a row and the fields that read it. Out: a digest of its account, amount, fee, time and balance as read, and of the other
//! cells that it has. Its id is not made of this ([`super::Digest`]): ids stand in sealed closes.

use super::bind::Times;
use super::cut::Row;
use super::fields::BankFields;
use crate::ingest::formats::FormatContext;
use crate::ingest::formats::profile::Profile;

/// Fields that are taken as they are read; the cells they are read from do not count again.
const AS_READ: [&str; 8] = [
    "account",
    "booking_time",
    "value_date",
    "direction",
    "amount",
    "currency",
    "balance",
    "fee",
];

/// For each title whether its cell is one of the texts that tell rows apart.
pub fn texts_that_tell(profile: &Profile, titles: &[String]) -> Vec<bool> {
    let rules = AS_READ
        .iter()
        .filter_map(|name| profile.fields.get(*name))
        .flatten();
    let read: Vec<&String> = rules.flat_map(|rule| rule.titles().chain(&rule.join)).collect();
    titles.iter().map(|title| !read.contains(&title)).collect()
}

/// The digest of what a row says; `None` where it cannot be read, so that it is refused anyway.
pub fn digest(
    fields: &BankFields<'_>,
    row: &Row<'_>,
    telling: &[bool],
    times: &Times,
    ctx: &FormatContext<'_>,
    said: &mut Vec<u8>,
) -> Option<u64> {
    let figures = fields.said(row, times, ctx).ok()?;
    said.clear();
    said.extend_from_slice(&figures.account.to_le_bytes());
    said.extend_from_slice(figures.currency.code().as_bytes());
    said.extend_from_slice(&figures.moved_minor.to_le_bytes());
    said.extend_from_slice(figures.booked.date.to_string().as_bytes());
    said.extend_from_slice(&figures.booked.second.to_le_bytes());
    if let Some(balance_minor) = figures.balance_minor {
        said.extend_from_slice(&balance_minor.to_le_bytes());
    }
    // An account cannot have the same balance behind the same amount twice in a second, whatever the texts are.
    if figures.balance_minor.is_none() || figures.booked.second == 0 {
        texts(row, telling, said);
    }
    Some(xxhash_rust::xxh3::xxh3_64(said))
}

/// Puts the texts that tell a row from others.
fn texts(row: &Row<'_>, telling: &[bool], said: &mut Vec<u8>) {
    for (at, _) in telling.iter().enumerate().filter(|(_, tells)| **tells) {
        let start = said.len();
        for c in row.cell(at).chars().filter(|c| !c.is_whitespace()) {
            said.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
        }
        as_number(said, start);
        if said.len() > start {
            said.extend_from_slice(&[0x1f, at as u8]);
        }
    }
}

/// Takes what a program may add to or take from a number without changing it: thousands signs, zeros before it and behind its point.
fn as_number(said: &mut Vec<u8>, start: usize) {
    let is_number = |byte: &u8| byte.is_ascii_digit() || matches!(byte, b',' | b'.');
    let text = said[start..].strip_prefix(b"-").unwrap_or(&said[start..]);
    let is_signed = text.len() < said.len() - start;
    if text.is_empty() || !text.iter().all(is_number) || !text.iter().any(u8::is_ascii_digit) {
        return;
    }
    let mut digits: Vec<u8> = text.iter().copied().filter(|byte| *byte != b',').collect();
    if digits.contains(&b'.') {
        let kept = digits
            .iter()
            .rposition(|byte| *byte != b'0')
            .map_or(0, |at| at + 1);
        digits.truncate(kept);
        if digits.last() == Some(&b'.') {
            digits.pop();
        }
    }
    let zeros = digits.iter().take_while(|byte| **byte == b'0').count();
    said.truncate(start);
    if is_signed {
        said.push(b'-');
    }
    // A zero alone is nothing but itself, so that it is not taken for an empty cell.
    said.push(b'#');
    said.extend_from_slice(&digits[zeros..]);
}

#[cfg(test)]
mod tests {
    use super::super::samples::read_on;
    use super::*;

    fn told(file: &str, profile: &str) -> Vec<(u64, u64)> {
        let profile = match Profile::parse(profile, "said") {
            Ok(profile) => profile,
            Err(findings) => panic!("{findings:?}"),
        };
        let (result, kept) = read_on(&profile, (2026, 3, 31), file.as_bytes());
        assert_eq!(kept.rejects, []);
        let mut rows = result.unwrap().digests;
        rows.sort_by_key(|row| row.line);
        rows.iter().map(|row| (row.digest, row.value)).collect()
    }

    const PROFILE: &str = "title = \"Said\"\nrole = \"bank\"\nencodings = [\"utf-8\"]\n[recognise]\nheader = [\"day\", \"who\"]\n[number]\nthousands = \",\"\n[frame]\ndelimiter = \",\"\nquote = '\"'\n[fields]\nentry_id = { from = \"row\" }\naccount = { from = \"source.account\" }\nbooking_time = { join = [\"day\", \"clock\"], with = \" \", pattern = [\"yyyy-MM-dd HH:mm:ss\", \"yyyy/M/d H:mm:ss\"] }\nvalue_date = { columns = \"day\", pattern = [\"yyyy-MM-dd\", \"yyyy/M/d\"] }\namount = { credit_columns = \"in\", debit_columns = \"out\" }\ncurrency = { value = \"CNY\" }\nbalance = { columns = \"bal\" }\n[balance]\norder = \"oldest first\"\n";
    const HEADER: &str = "day,clock,in,out,bal,who,extra\n";

    #[test]
    fn a_row_that_was_saved_again_says_the_same_and_has_another_id() {
        let one = told(
            &format!("{HEADER}2026-03-31,09:00:00,1000.00,,2000.00,0062 17,1200.50\n"),
            PROFILE,
        );
        let again = told(
            &format!("{HEADER}2026/3/31,9:00:00,\"1,000.00\",,\"2,000.00\",6217,\"1,200.5\"\n"),
            PROFILE,
        );
        assert_ne!(one[0].0, again[0].0);
        assert_eq!(one[0].1, again[0].1);
    }

    #[test]
    fn texts_tell_rows_apart_where_no_clock_does() {
        let rows = |clock: &str| {
            let row = |who: &str, credit: &str, debit: &str, balance: &str| {
                format!("2026-03-31,{clock},{credit},{debit},{balance},{who},0\n")
            };
            let (first, back) = (row("a", "5.00", "", "15.00"), row("a", "", "5.00", "10.00"));
            told(
                &format!("{HEADER}{first}{back}{}", row("b", "5.00", "", "15.00")),
                PROFILE,
            )
        };
        let midnight = rows("00:00:00");
        assert_ne!(midnight[0].1, midnight[2].1);
        let timed = rows("09:00:00");
        assert_ne!(timed[0].0, timed[2].0);
        assert_eq!(timed[0].1, timed[2].1);
        assert_ne!(timed[0].1, timed[1].1);
    }

    #[test]
    fn a_number_is_itself_however_it_is_written() {
        let of = |text: &str| {
            let mut said = text.as_bytes().to_vec();
            as_number(&mut said, 0);
            String::from_utf8(said).unwrap()
        };
        for same in ["1000", "1,000", "1,000.00", "01000.0"] {
            assert_eq!(of(same), "#1000", "{same}");
        }
        assert_eq!([of("-0.50"), of("0"), of("0.00")], ["-#.5", "#", "#"]);
        assert_eq!([of("-"), of("1-2"), of("a1"), of(".")], ["-", "1-2", "a1", "."]);
    }
}
