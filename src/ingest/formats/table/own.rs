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
        (6, "direction", "借贷=借, 红蓝=紫")
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

/// A profile of few columns, with some of its text changed, and a file of it.
const SMALL: &str = "title = \"Small\"\nrole = \"bank\"\nencodings = [\"utf-8\"]\n[recognise]\nheader = [\"日期\", \"id\"]\n[frame]\ndelimiter = \",\"\n[[fact]]\nname = \"账号\"\nline = \"账号: {n}\"\n[fields]\nentry_id = { columns = \"id\", required = true }\naccount = { from = \"source.account\", fact = \"账号\" }\nbooking_time = { columns = \"日期\", pattern = \"yyyy-MM-dd\" }\nvalue_date = { columns = \"日期\", pattern = \"yyyy-MM-dd\" }\namount = { credit_columns = \"credit\", debit_columns = \"debit\", required = true }\ncurrency = { value = \"CNY\" }\n";
const SMALL_FILE: &str = "日期,id,debit,credit,memo\n2026-03-31,1,,100.00,a\n";

fn small(from: &str, to: &str) -> Profile {
    assert!(SMALL.contains(from), "{from}");
    match Profile::parse(&SMALL.replace(from, to), "small") {
        Ok(profile) => profile,
        Err(findings) => panic!("{findings:?}"),
    }
}

fn refusal(profile: &Profile, bytes: &[u8]) -> FileRefused {
    let (result, _) = read_on(profile, (2026, 3, 31), bytes);
    result.unwrap_err()
}

#[test]
fn an_account_that_no_line_gives_is_said() {
    let profile = small("title", "title");
    for line in ["", "account: 6222\n"] {
        let (result, kept) = read_on(&profile, (2026, 3, 31), format!("{line}{SMALL_FILE}").as_bytes());
        let said = "no line of the file gives 账号 (`账号: {n}`): the account is the source's, unchecked";
        assert!(
            result.unwrap().statements.iter().any(|words| words == said),
            "{line}"
        );
        assert_eq!(kept.rows.len(), 1);
    }
    let (result, _) = read_on(
        &profile,
        (2026, 3, 31),
        format!("账号: 6222\n{SMALL_FILE}").as_bytes(),
    );
    assert!(
        !result
            .unwrap()
            .statements
            .iter()
            .any(|words| words.contains("unchecked"))
    );
    let required = small("line =", "required = true\nline =");
    let refused = refusal(&required, format!("account: 6222\n{SMALL_FILE}").as_bytes());
    assert_eq!(
        refused.message,
        "no line of the file gives 账号: found none, expected `账号: {n}` (Small)"
    );
    let (result, _) = read_on(
        &required,
        (2026, 3, 31),
        format!("账号: 6222\n{SMALL_FILE}").as_bytes(),
    );
    assert!(result.is_ok(), "{result:?}");
    let wrong = Profile::parse(&SMALL.replace("line =", "required = \"yes\"\nline ="), "small");
    assert!(format!("{:?}", wrong.err()).contains("expected true or false"));
}

#[test]
fn a_file_of_a_foreign_account_is_refused_masked_or_whole() {
    let profile = small("title", "title");
    for foreign in ["6217****0009", "6217000000000009"] {
        let refused = refusal(&profile, format!("账号: {foreign}\n{SMALL_FILE}").as_bytes());
        assert!(
            refused
                .message
                .contains("…0009, which book.toml does not have: it is not A0"),
            "{refused:?}"
        );
        assert!(refused.help.contains("other_numbers"), "{refused:?}");
        // Two exports put together: the second line counts as well.
        let refused = refusal(
            &profile,
            format!("账号: 6222\n{SMALL_FILE}账号: {foreign}\n").as_bytes(),
        );
        assert!(refused.message.contains("it is not A0"), "{refused:?}");
    }
    let named = small("from = \"source.account\", fact", "fact");
    let twice = |second: &str| {
        let text = format!("账号: A0\n{SMALL_FILE}账号: {second}\n");
        read_on(&named, (2026, 3, 31), text.as_bytes()).0
    };
    assert!(twice("A0").is_ok());
    let refused = twice("A1").unwrap_err();
    assert!(
        refused
            .message
            .contains("two lines of the file say 账号, and not the same: A0 and A1"),
        "{refused:?}"
    );
    // So it is where the source names no account: the first line alone says whose the rows are.
    let settings = crate::ingest::formats::testing::settings(&[("6222", "CNY"), ("6223", "CNY")]);
    let source = crate::ingest::formats::testing::source("small", named.role);
    let ctx = FormatContext {
        settings: &settings,
        source: &source,
        business_date: crate::terms::date::Date::from_ymd(2026, 3, 31).unwrap(),
    };
    let text = format!("账号: A0\n{SMALL_FILE}账号: A1\n");
    let again = super::samples::read_both_ways(&named, text.as_bytes(), &ctx, &mut Kept::default());
    assert_eq!(again.unwrap_err(), refused);
}

#[test]
fn a_wrong_title_names_its_field_and_the_titles_that_are_there() {
    let refused = refusal(&small("\"credit\"", "\"credits\""), SMALL_FILE.as_bytes());
    assert_eq!(
        refused.message,
        "the header has no column credits (of fields.amount, did you mean `credit`?); its titles are 日期, id, debit, credit, memo"
    );
    assert!(
        refused.help.starts_with("correct the title in the profile"),
        "{refused:?}"
    );
    // Where the profile itself gives the titles, the profile is wrong.
    let own = SMALL
        .replace(
            "delimiter = \",\"",
            "delimiter = \",\"\ncolumns = [\"日期\", \"id\", \"debit\", \"credit\", \"memo\"]",
        )
        .replace("\"credit\", debit", "\"credits\", debit");
    let found = format!("{:?}", Profile::parse(&own, "small").err());
    assert!(
        found.contains("fields.amount: [frame] has no column `credits`, did you mean `credit`?"),
        "{found}"
    );
}

#[test]
fn a_file_in_another_encoding_is_told_what_to_add() {
    let (gbk, _, _) = encoding_rs::GB18030.encode(SMALL_FILE);
    let refused = refusal(&small("title", "title"), &gbk);
    assert!(
        refused.message.contains(
            "its bytes are gb18030, and it is read in utf-8: add \"gb18030\" to `encodings` of the profile"
        ),
        "{refused:?}"
    );
    let refused = refusal(&small("\"utf-8\"", "\"iso-8859-1\""), SMALL_FILE.as_bytes());
    assert!(!refused.message.ends_with(": "), "{refused:?}");
}

#[test]
fn lines_that_end_with_a_carriage_return_alone_are_said() {
    let refused = refusal(
        &small("title", "title"),
        SMALL_FILE.replace('\n', "\r").as_bytes(),
    );
    assert!(
        refused.message.contains("carriage return (CR) alone"),
        "{refused:?}"
    );
}

#[test]
fn a_row_that_no_rule_is_for_shows_all_that_the_rules_ask() {
    let sides = "[[fields.direction]]\nwhen = [{ column = \"借贷\", is = \"贷\" }, { column = \"红蓝\", is = \"蓝\" }]\nvalue = \"C\"\n[[fields.direction]]\nwhen = [{ column = \"借贷\", is = \"借\" }, { column = \"红蓝\", is = \"蓝\" }]\nvalue = \"D\"\n";
    let text = SMALL.replace(
        "amount = { credit_columns = \"credit\", debit_columns = \"debit\", required = true }",
        "amount = { columns = \"金额\", required = true }",
    );
    let Ok(profile) = Profile::parse(&format!("{text}{sides}"), "small") else {
        panic!("the profile does not read");
    };
    let (result, kept) = read_on(
        &profile,
        (2026, 3, 31),
        "日期,id,借贷,红蓝,金额\n2026-03-31,1,贷,红,5.00\n".as_bytes(),
    );
    assert!(result.is_ok(), "{result:?}");
    assert!(
        format!("{:?}", kept.rejects).contains("借贷=贷, 红蓝=红"),
        "{:?}",
        kept.rejects
    );
}
