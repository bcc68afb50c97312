//! Banks that nobody knows, read by profiles that were written from `docs/profiles.md` alone.

use super::samples::read_on;
use super::*;
use crate::ingest::formats::testing::Kept;

const PROFILE: &str = include_str!("../../../../testdata/profiles/lakeside-bank.toml");
pub use crate::ingest::fuzzing::STATEMENT;

pub fn lakeside() -> Profile {
    match Profile::parse(PROFILE, "lakeside-bank") {
        Ok(profile) => profile,
        Err(findings) => panic!("{findings:?}"),
    }
}

/// Reads the statement with some of its text changed.
fn changed(from: &str, to: &str) -> (Result<FileFacts, FileRefused>, Kept) {
    let text = encoding_rs::GB18030.decode(STATEMENT).0.into_owned();
    assert!(text.contains(from), "{from}");
    let bytes = encoding_rs::GB18030
        .encode(&text.replacen(from, to, 1))
        .0
        .into_owned();
    read_on(&lakeside(), (2026, 3, 31), &bytes)
}

#[test]
fn a_profile_of_a_page_reads_the_entries_of_a_bank() {
    assert!(PROFILE.lines().count() < 40);
    let (result, kept) = read_on(&lakeside(), (2026, 3, 31), STATEMENT);
    let facts = result.unwrap();
    assert_eq!(kept.rejects, []);
    assert_eq!(
        kept.rows,
        [
            "2603310001|0|2026-03-31T09:15:02+08:00|2026-03-31|C|1200000|CNY|P-1001|货款 订单P-1001|江南茶叶有限公司|6217000000000011||",
            "2603310002|0|2026-03-31T09:15:02+08:00|2026-03-31|C|123456789|CNY|P-1002|货款 订单P-1002, 尾款|青山商贸, 有限公司|6217000000000022||",
            "2603310003|0|2026-03-31T11:40:30+08:00|2026-03-31|D|200050|CNY|P-0987|退款 订单P-0987|王芳|6217000000000033||",
            "2603310004|0|2026-03-31T23:59:59+08:00|2026-03-31|D|1500|CNY||手续费||||",
        ]
    );
    assert_eq!(
        facts.checked,
        [
            "合计: 4 rows, 借方金额(元) 2015.50, 贷方金额(元) 1246567.89",
            "running balance: 4 rows from 1000000.00 CNY to 2244552.39 CNY",
        ]
    );
    assert_eq!(kept.balances, ["0 CNY 2026-03-31 100000000 224455239"]);
    // Places lead back to the rows as delivered.
    for (place, row) in kept.places.iter().zip(&kept.rows) {
        assert!(
            STATEMENT[place.offset as usize..].starts_with(b"2026/03/31,"),
            "{row}"
        );
    }
    assert_eq!(kept.places[3].line, 8);
}

#[test]
fn its_trailer_and_its_balances_must_hold() {
    let refused = |from: &str, to: &str| changed(from, to).0.unwrap_err().message;
    assert_eq!(refused("合计,,4", "合计,,5"), "合计: rows: found 4, expected 5");
    assert_eq!(
        refused("\"2,015.50\"", "\"2,015.51\""),
        "合计: 借方金额(元): found 2015.50, expected 2,015.51"
    );
    assert_eq!(
        refused("合计,,4,,\"2,015.50\",\"1,246,567.89\",,,,,,\r\n", ""),
        "合计 is missing: the file was cut off"
    );
    assert_eq!(
        refused("\"2,246,567.89\"", "\"2,246,567.88\""),
        "running balance: found 2246567.88 CNY, expected 2246567.89 CNY, which follows from the row before"
    );
}

#[test]
fn its_rows_are_read_exactly_or_refused() {
    let reject = |from: &str, to: &str| {
        let (_, kept) = changed(from, to);
        let reject = &kept.rejects[0];
        format!(
            "{}:{}: {}: {} / {}",
            reject.line, reject.column, reject.field, reject.found, reject.expected
        )
    };
    assert_eq!(
        reject("2026/03/31,11:40:30", "2026/02/30,11:40:30"),
        "7:1: booking_time: 2026/02/30 11:40:30 / a time that exists, like yyyy/MM/dd HH:mm:ss (column 交易日)"
    );
    assert_eq!(
        reject("\"2,000.50\",,", "\"2,000.50\",1.00,"),
        "7:38: amount: 2,000.50 / one amount, in or out, not both (column 借方金额(元))"
    );
    assert_eq!(
        reject("\"青山商贸, 有限公司\"", "青山商贸, 有限公司"),
        "6:0: row: 13 fields / 12 fields, as in the header"
    );
}

/// A second bank: one amount, whose direction two columns say together, and a number of rows behind the last.
#[test]
fn two_columns_say_the_direction_together() {
    const PROFILE: &str = include_str!("../../../../testdata/profiles/rural-bank.toml");
    const STATEMENT: &[u8] = include_bytes!("../../../../testdata/profiles/rural-bank.csv");
    assert!(PROFILE.lines().count() < 40);
    let profile = match Profile::parse(PROFILE, "rural-bank") {
        Ok(profile) => profile,
        Err(findings) => panic!("{findings:?}"),
    };
    let (result, kept) = read_on(&profile, (2026, 3, 31), STATEMENT);
    let facts = result.unwrap();
    assert_eq!(kept.rejects, []);
    let moved: Vec<String> = kept
        .rows
        .iter()
        .map(|row| row.split('|').skip(4).take(2).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(moved, ["C 1250000", "D 120050", "C 120050", "D 500"]);
    assert_eq!(
        facts.checked,
        [
            "合计: 4 rows",
            "running balance: 4 rows from 100000.00 CNY to 112495.00 CNY"
        ]
    );
    // A pair that no rule is for is refused, and so is the file: its balances no longer follow.
    let text = encoding_rs::GB18030.decode(STATEMENT).0.replacen("红;", "紫;", 1);
    let (result, kept) = read_on(&profile, (2026, 3, 31), &encoding_rs::GB18030.encode(&text).0);
    let found = &kept.rejects[0];
    assert_eq!(
        (found.line, found.field.as_str(), found.found.as_str()),
        (6, "direction", "借")
    );
    assert!(result.unwrap_err().message.contains("cannot be checked"));
}

#[test]
fn a_long_statement_is_read_as_a_short_one() {
    let bytes = crate::ingest::fuzzing::long_statement(60);
    let (result, kept) = read_on(&lakeside(), (2026, 3, 31), &bytes);
    let facts = result.unwrap();
    assert_eq!((kept.rejects.len(), kept.rows.len()), (0, 60));
    assert_eq!(
        facts.checked,
        [
            "合计: 60 rows, 借方金额(元) 145.90, 贷方金额(元) 291.80",
            "running balance: 60 rows from 200.00 CNY to 345.90 CNY",
        ]
    );
}
