//! What says that a file is whole: first and last records of their own layout, totals of what was taken back, totals that stand in
//! quotes or beside one another, and files in which nothing says it.

use super::samples::{D, read_on};
use super::*;
use crate::findings::Finding;
use crate::ingest::formats::testing::Kept;

const CLEARING_HOUSE: &str = include_str!("../../../../testdata/profiles/clearing-house.toml");
const CLEARING_FILE: &[u8] = include_bytes!("../../../../testdata/profiles/clearing-house.dat");

fn parsed(text: &str) -> Profile {
    match Profile::parse(text, "own") {
        Ok(profile) => profile,
        Err(findings) => panic!("{findings:?}"),
    }
}

/// What is wrong with a profile, in words.
fn faults(text: &str) -> Vec<String> {
    let findings = Profile::parse(text, "own").unwrap_err();
    findings.iter().map(Finding::to_string).collect()
}

fn read_text(profile: &str, text: &str) -> (Result<FileFacts, FileRefused>, Kept) {
    read_on(&parsed(profile), D, text.as_bytes())
}

/// What held of a file that is read without a reject.
fn checked(profile: &str, text: &str) -> Vec<String> {
    let (result, kept) = read_text(profile, text);
    assert_eq!(kept.rejects, []);
    let facts = result.unwrap();
    facts.checked.into_iter().chain(facts.noted).collect()
}

fn refused(profile: &str, text: &str) -> (u64, String, String) {
    let refused = read_text(profile, text).0.unwrap_err();
    (refused.line, refused.message, refused.help)
}

/// The file of the clearing house as text, with the blanks at the end of its lines or without.
fn clearing_file(blanks: bool) -> String {
    let text = encoding_rs::GB18030.decode(CLEARING_FILE).0.into_owned();
    if blanks {
        return text;
    }
    let lines = text.lines().map(|line| line.trim_end().to_owned() + "\r\n");
    lines.collect()
}

fn clearing_house(profile: &str, text: &str) -> (Result<FileFacts, FileRefused>, Kept) {
    let bytes = encoding_rs::GB18030.encode(text).0;
    read_on(&parsed(profile), D, &bytes)
}

#[test]
fn a_file_with_records_of_its_own_before_and_behind_its_rows_is_read() {
    let page = include_str!("../../../../docs/profiles.md");
    assert!(
        page.contains(CLEARING_HOUSE),
        "docs/profiles.md shows another profile"
    );
    let shown: Vec<String> = clearing_file(false).lines().map(str::to_owned).collect();
    assert!(
        page.contains(&shown.join("\n")),
        "docs/profiles.md shows another file"
    );
    for blanks in [true, false] {
        let (result, kept) = clearing_house(CLEARING_HOUSE, &clearing_file(blanks));
        let facts = result.unwrap();
        assert_eq!(kept.rejects, []);
        assert_eq!(
            kept.rows,
            [
                "HUADONG|000000000001|M-1001|PAYMENT|120000|720|CNY|2026-03-31T09:15:02+08:00|2026-03-31|SUCCESS|",
                "HUADONG|000000000002|门店-7|PAYMENT|5050|30|CNY|2026-03-31T10:15:00+08:00|2026-03-31|SUCCESS|",
                "HUADONG|000000000003|M-0987|REFUND|20050|0|CNY|2026-03-31T11:40:30+08:00|2026-03-31|SUCCESS|",
            ]
        );
        assert_eq!(facts.checked, ["trailer: 3 rows, amount 1050.00"]);
        assert_eq!(facts.statements, ["merchant 898100012345678"]);
    }
    // A day without rows is a file of the format too.
    let text = clearing_file(false);
    let lines: Vec<&str> = text.lines().collect();
    let none = format!("{}\n{}\n", lines[0], "T000000000000000000000000");
    let facts = clearing_house(CLEARING_HOUSE, &none).0.unwrap();
    assert_eq!(facts.checked, ["trailer: 0 rows, amount 0.00"]);
}

#[test]
fn such_a_file_that_lost_or_changed_something_is_refused() {
    let text = clearing_file(false);
    let lines: Vec<&str> = text.lines().collect();
    let of = |lines: &[&str]| {
        let (result, kept) = clearing_house(CLEARING_HOUSE, &(lines.join("\r\n") + "\r\n"));
        (
            result
                .map(|facts| facts.checked)
                .map_err(|refused| refused.message),
            kept,
        )
    };
    let message = |lines: &[&str]| of(lines).0.unwrap_err();
    let [head, first, second, third, last] = lines.as_slice() else {
        panic!("{lines:?}")
    };
    assert_eq!(
        message(&[head, first, third, last]),
        "trailer: rows: found 2, expected 00000003"
    );
    assert_eq!(
        message(&[head, first, second, third]),
        "the line that ends the table is missing (Merchant file of a clearing house)"
    );
    assert_eq!(
        message(&[head, first, second, third, last, third]),
        "a row stands behind the line that ends the table (Merchant file of a clearing house)"
    );
    let other = first.replace("000000120000", "000000120001");
    assert_eq!(
        message(&[head, &other, second, third, last]),
        "trailer: amount: found 1050.01, expected 1050.00"
    );
    // A last record that is cut off states nothing.
    assert!(
        message(&[head, first, second, third, "T0000000300000000001050"]).contains("the table is missing")
    );
    // Without the first record the file is another.
    let message = message(&[first, second, third, last]);
    assert!(
        message.ends_with("no line of it is `H{:8}{:15}{}`, behind which its rows stand"),
        "{message}"
    );
    // A row of another layout is told by what stands at the places of the times.
    let bad = first.replace("20260331091502", "2026-03-310915");
    let message = of(&[head, &bad, second, third, last]).0.unwrap_err();
    assert!(
        message.ends_with("its first record behind the line that begins the table has `2026-03-310915` at the place of time, expected a time as in `guards`"),
        "{message}"
    );
}

#[test]
fn blanks_that_were_cut_off_are_taken_for_blanks_only_where_the_profile_says_so() {
    let without = CLEARING_HOUSE.replace("blanks_cut = true\n", "");
    let text = clearing_file(true);
    assert!(clearing_house(&without, &text).0.is_ok());
    let shorter = text.replacen("-7          \r\n", "-7\r\n", 1);
    assert_ne!(shorter, text);
    let (_, kept) = clearing_house(&without, &shorter);
    let reject = &kept.rejects[0];
    assert_eq!((reject.line, reject.found.as_str()), (3, "55 bytes"));
    assert_eq!(
        reject.expected,
        "65 bytes with its fields at their places; where blanks at the end of lines are cut off on the way, say `blanks_cut = true` in [frame]"
    );
}

#[test]
fn a_figure_that_a_record_ends_in_is_taken_only_where_a_sum_shows_that_it_is_whole() {
    let text = clearing_file(false);
    // The record ends inside the fee, of which no total speaks; and before it.
    let shop = "00000030门店-7";
    for (left, found, ends) in [
        ("000000", "000000", "with 6 of them"),
        ("", "no figure", "before it"),
    ] {
        let cut = text.replacen(shop, left, 1);
        assert_ne!(cut, text);
        let (result, kept) = clearing_house(CLEARING_HOUSE, &cut);
        let reject = &kept.rejects[0];
        assert_eq!(
            (reject.line, reject.field.as_str(), reject.found.as_str()),
            (3, "fee", found)
        );
        assert!(
            reject.expected.starts_with(&format!(
                "a figure of 8 bytes: the record ends {ends}, and no sum of this column shows"
            )),
            "{}",
            reject.expected
        );
        assert!(
            result
                .unwrap_err()
                .message
                .starts_with("trailer cannot be checked: fee: found")
        );
    }
    // A blank behind the figure shows that it ended, as does the end of its place.
    for whole in ["30      门店-7", "30 ", "00000030", "30      "] {
        let (result, kept) = clearing_house(CLEARING_HOUSE, &text.replacen(shop, whole, 1));
        assert_eq!((result.err(), kept.rejects.len()), (None, 0), "{whole}");
        assert!(kept.rows[1].contains("|5050|30|"), "{:?}", kept.rows);
    }
    // What an empty fee stands for is the profile's word.
    let with_empty = CLEARING_HOUSE.replace(
        "fee = { columns = \"fee\"",
        "fee = { columns = \"fee\", empty = \"0\"",
    );
    assert_ne!(with_empty, CLEARING_HOUSE);
    let (_, kept) = clearing_house(&with_empty, &text.replacen(shop, "", 1));
    assert!(
        kept.rejects.is_empty() && kept.rows[1].contains("|5050|0|"),
        "{kept:?}"
    );
    // With a sum of the fees, what is cut off of one is found out by it.
    let with_sum = CLEARING_HOUSE
        .replace("T{count:8}{sum:16}", "T{count:8}{sum:16}{fees:8}")
        .replace("T{:8}{:16}", "T{:8}{:16}{:8}")
        .replace("sums = [{", "sums = [{ stated = \"fees\", column = \"fee\" }, {");
    let text = text.replace("0000105000", "000010500000000750");
    assert!(clearing_house(&with_sum, &text).0.is_ok());
    let message = clearing_house(&with_sum, &text.replacen(shop, "00000", 1))
        .0
        .unwrap_err()
        .message;
    assert_eq!(message, "trailer: fee: found 7.20, expected 7.50");
    let inside_amount = text.replacen(&format!("5050{shop}"), "505", 1);
    assert_ne!(inside_amount, text);
    let message = clearing_house(&with_sum, &inside_amount).0.unwrap_err().message;
    assert!(message.starts_with("trailer: fee: found"), "{message}");
    let left_aligned = text.replacen(shop, "30", 1);
    assert!(clearing_house(&with_sum, &left_aligned).0.is_ok());
}

#[test]
fn a_file_of_fixed_places_that_was_saved_as_utf8_is_told_so() {
    let told = |text: &str| {
        let refused = read_text(CLEARING_HOUSE, text).0.unwrap_err();
        assert!(refused.help.contains("saved as UTF-8 on its way"), "{refused:?}");
        (refused.line, refused.message)
    };
    let text = clearing_file(false);
    let places = "its letters are UTF-8, and its places are counted in bytes of gb18030: found UTF-8, expected gb18030";
    assert_eq!(told(&text), (1, places.to_owned()));
    // A letter in the last row, of which not even the bytes fit.
    let plain = text.replace("华东清算中心", "HUADONG").replace("门店-7", "M-7");
    let late = plain.replace("M-0987", "门-0987");
    let bytes = "the bytes of this line are not gb18030, in which the file is read: found UTF-8";
    assert_eq!(told(&late), (4, bytes.to_owned()));
    assert_eq!(
        told(&plain.replace("M-0987", "门店-0987")),
        (4, places.to_owned())
    );
    // As it was sent it is read, whatever letters it has.
    for name in ["拢", "门店-7", "中心"] {
        let (result, kept) = clearing_house(CLEARING_HOUSE, &plain.replace("M-0987", name));
        assert_eq!((result.err(), kept.rejects.len()), (None, 0), "{name}");
        assert!(kept.rows[2].contains(name));
    }
}

#[test]
fn two_returns_at_the_end_of_lines_are_said() {
    let text = clearing_file(true).replace("\r\n", "\r\r\n");
    let message = clearing_house(CLEARING_HOUSE, &text).0.unwrap_err().message;
    assert!(
        message.contains("66 bytes with two carriage returns (CR CR LF) at the end of the line"),
        "{message}"
    );
    let profile = BANK.to_owned() + TOTAL;
    let (line, message, _) = refused(&profile, &ROWS.replace('\n', "\r\r\n"));
    assert_eq!(line, 1);
    assert_eq!(
        message,
        "its lines end with two carriage returns: found CR CR LF, expected LF or CR LF"
    );
}

/// A bank's file of fixed places whose amounts stand at the end of its records.
const FIXED_BANK: &str = r#"
title = "b"
role = "bank"
encodings = ["utf-8"]
[recognise]
by_shape = true
[frame]
fixed = [["day", 8], ["id", 2], ["in", 7], ["out", 7], ["balance", 8]]
guards = { day = "yyyyMMdd" }
trim = " "
blanks_cut = true
last_line_open = true
[fields]
entry_id = { columns = "id", required = true }
account = { from = "source.account" }
booking_time = { columns = "day", pattern = "yyyyMMdd" }
value_date = { columns = "day", pattern = "yyyyMMdd" }
amount = { credit_columns = "in", debit_columns = "out" }
currency = { value = "CNY" }
"#;

#[test]
fn of_two_columns_at_the_end_of_a_record_one_may_be_blank_and_none_cut() {
    let with_balance =
        FIXED_BANK.to_owned() + "balance = { columns = \"balance\" }\n[balance]\norder = \"oldest first\"\n";
    let rows =
        "20260331T1100.00 0.00   100.00\n20260331T2        40.00   60.00\n20260331T31.00           61.00\n";
    let (result, kept) = read_text(&with_balance, rows);
    assert_eq!((result.err(), kept.rejects, kept.rows.len()), (None, vec![], 3));
    let fields = |text: &str| {
        let (_, kept) = read_text(FIXED_BANK, text);
        let fields = kept
            .rejects
            .into_iter()
            .map(|reject| (reject.field, reject.found));
        (kept.rows.len(), fields.collect::<Vec<_>>())
    };
    let found = |field: &str, found: &str| vec![(field.to_owned(), found.to_owned())];
    let first = "20260331T11234.56\n";
    assert_eq!(fields(&format!("{first}20260331T21234.56       \n")), (2, vec![]));
    assert_eq!(fields(&format!("{first}20260331T2       1234.56\n")), (2, vec![]));
    assert_eq!(
        fields(&format!("{first}20260331T2       123\n")),
        (1, found("out", "123"))
    );
    assert_eq!(fields(&format!("{first}20260331T212\n")), (1, found("in", "12")));
    // Neither an amount in nor one out: nobody knows what was there.
    assert_eq!(
        fields(&format!("{first}20260331T2\n")),
        (1, found("in", "no figure"))
    );
    assert_eq!(
        fields(&format!("{first}20260331T20.00   \n")),
        (1, found("out", "no figure"))
    );
}

#[test]
fn what_keeps_a_first_record_from_being_a_row_is_said() {
    let profile = CLEARING_HOUSE.replace("begin = \"H{:8}{:15}{}\"\n", "");
    let message = clearing_house(&profile, &clearing_file(true))
        .0
        .unwrap_err()
        .message;
    assert!(message.contains("with its fields at their places; where a record of its own layout stands before the rows, say it: begin = \"H{}\" in [frame]"), "{message}");
    // A total in a row of fixed places is as long as the rows.
    let profile = CLEARING_HOUSE.replace("line = \"T{count:8}{sum:16}\"", "row = \"T\"");
    let profile = profile
        .replace("stated = \"sum\"", "stated = \"fee\"")
        .replace("count = \"count\"", "count = \"ref\"");
    for profile in [profile.clone(), profile.replace("end = \"T{:8}{:16}\"\n", "")] {
        let profile = profile.replace("blanks_cut = true\n", "");
        let text =
            clearing_file(true).replacen("105000                                        ", "105000", 1);
        let refused = clearing_house(&profile, &text).0.unwrap_err();
        assert_eq!(
            refused.message,
            "the record of total trailer has 25 bytes and the rows have 65: with `row` its figures stand at the places of the rows"
        );
        assert!(refused.help.contains("line = \"T{count:8}{sum:16}\""));
    }
    let words = faults(&CLEARING_HOUSE.replace("begin =", "header_type = \"H\"\nrow_types = \"D\"\nbegin ="));
    assert!(words[0].contains("frame.header_type: records of fixed places have no titles; say the record before the rows with begin"), "{words:?}");
    let words = faults(&CLEARING_HOUSE.replace("{sum:16}", "{sum:wide}"));
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(
        words[0].contains("the hole {sum} has the width `wide`, expected a number of bytes, such as {sum:8}"),
        "{words:?}"
    );
    let words = faults(
        &(BANK.to_owned() + TOTAL).replace("delimiter = \",\"", "delimiter = \",\"\nblanks_cut = true"),
    );
    assert!(
        words[0].contains("frame.blanks_cut: only records of fixed places have it"),
        "{words:?}"
    );
}

/// A bank's table with a column that says in or out, and one that says which rows take others back.
const BANK: &str = r#"
title = "b"
role = "bank"
encodings = ["utf-8"]
[recognise]
header = ["日期", "流水号"]
[number]
thousands = ","
[frame]
delimiter = ","
quote = '"'
comment_padding = ","
[fields]
entry_id = { columns = "流水号", required = true }
account = { from = "source.account" }
booking_time = { columns = "日期", pattern = "yyyy-MM-dd" }
value_date = { columns = "日期", pattern = "yyyy-MM-dd" }
amount = { columns = "金额", required = true }
currency = { value = "CNY" }
direction = [
  { when = [{ column = "借贷", is = "贷" }, { column = "红蓝", is = "蓝" }], value = "C" },
  { when = [{ column = "借贷", is = "借" }, { column = "红蓝", is = "红" }], value = "C" },
  { when = [{ column = "借贷", is = "借" }, { column = "红蓝", is = "蓝" }], value = "D" },
  { when = [{ column = "借贷", is = "贷" }, { column = "红蓝", is = "红" }], value = "D" },
]
"#;

/// Its total, net of what was taken back.
const TOTAL: &str = r#"
[[total]]
name = "合计"
line = "合计,{n}笔,借方,{out},贷方,{in}"
count = "n"
sums = [
  { stated = "out", column = "金额", when = { column = "借贷", is = "借" }, minus_when = { column = "红蓝", is = "红" } },
  { stated = "in", column = "金额", when = { column = "借贷", is = "贷" }, minus_when = { column = "红蓝", is = "红" } },
]
"#;

const ROWS: &str = "日期,流水号,借贷,红蓝,金额,摘要\n2026-03-31,1,贷,蓝,\"1,200.00\",a\n2026-03-31,2,借,蓝,70.00,b\n2026-03-31,3,贷,红,100.00,c\n2026-03-31,4,借,红,\"20.00\",d\n";

#[test]
fn rows_that_take_others_back_are_taken_off_a_sum() {
    let profile = BANK.to_owned() + TOTAL;
    let good = format!("{ROWS}合计,4笔,借方,50.00,贷方,\"1,100.00\",,,\n");
    assert_eq!(
        checked(&profile, &good),
        ["合计: 4 rows, 金额 {out} 50.00, 金额 {in} 1100.00"]
    );
    let (line, message, _) = refused(&profile, &good.replace("1,100.00", "1,300.00"));
    assert_eq!(line, 6);
    assert_eq!(message, "合计: 金额 {in}: found 1100.00, expected 1,300.00");
    let (_, message, _) = refused(&profile, &good.replace("借方,50.00", "借方,90.00"));
    assert_eq!(message, "合计: 金额 {out}: found 50.00, expected 90.00");
    // Magnitudes are taken off too.
    let of_magnitudes = profile.replace("minus_when =", "take = \"magnitude\", minus_when =");
    assert_eq!(checked(&of_magnitudes, &good).len(), 1);
    let words = faults(&profile.replacen("minus_when = {", "minus_wenn = {", 1));
    assert!(words[0].contains("did you mean `minus_when`?"), "{words:?}");
}

#[test]
fn a_total_is_found_behind_quotes_and_its_thousands_signs_end_no_hole() {
    let profile = BANK.to_owned() + TOTAL;
    for total in [
        "合计,4笔,借方,50.00,贷方,\"1,100.00\"",
        "\"合计\",\"4笔\",\"借方\",\"50.00\",\"贷方\",\"1,100.00\",,",
    ] {
        assert_eq!(checked(&profile, &format!("{ROWS}{total}\n")).len(), 1, "{total}");
    }
    // What is no figure is not said to be a difference of rows.
    let wrong = profile.replace("借方,{out},贷方,{in}", "借方,{out},{in}");
    let (_, message, help) = refused(&wrong, &format!("{ROWS}合计,4笔,借方,50.00,贷方,\"1,100.00\"\n"));
    assert_eq!(
        message,
        "合计: 金额 {in}: it states `贷方,1,100.00`, expected an amount as [number] or the field of the column says"
    );
    assert!(help.contains("compare the line with the profile"));
    // A pattern with quotes is compared as it stands.
    let quoted = profile.replace(
        "line = \"合计,{n}笔,借方,{out},贷方,{in}\"",
        "line = '合计,{n}笔,借方,{out},贷方,\"{in}\"'",
    );
    assert_eq!(
        checked(&quoted, &format!("{ROWS}合计,4笔,借方,50.00,贷方,\"1,100.00\"\n")).len(),
        1
    );
}

#[test]
fn one_record_may_state_a_total_as_a_line_and_one_in_its_cells() {
    let profile = BANK.to_owned()
        + r##"
[[total]]
name = "rows"
line = "合计,{n}笔,{}"
count = "n"
[[total]]
name = "sum"
row = "合计"
sums = [{ stated = "金额", column = "金额", minus_when = { column = "借贷", is = "借" } }]
"##;
    let text = format!("{ROWS}合计,4笔,,,\"1,210.00\",\n");
    assert_eq!(
        checked(&profile, &text),
        ["rows: 4 rows", "sum: 4 rows, 金额 1210.00"]
    );
    let (_, message, _) = refused(&profile, &text.replace("1,210.00", "1,210.01"));
    assert_eq!(message, "sum: 金额: found 1210.00, expected 1,210.01");
    // The line that ends the table may state one too.
    let ended = profile.replace("comment_padding", "end = \"合计,{}\"\ncomment_padding");
    assert_eq!(checked(&ended, &text).len(), 2);
}

#[test]
fn what_is_wrong_with_a_total_is_said_once_and_in_its_own_words() {
    let profile = BANK.to_owned() + TOTAL;
    let words = faults(&profile.replace("借方,{out},贷方,{in}", "借方,{out}{in}"));
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(
        words[0].contains("two holes need a text between them"),
        "{words:?}"
    );
    let words = faults(&profile.replace("count = \"n\"", "count = \"n\"\nrow = \"合计\""));
    assert_eq!(words.len(), 1, "{words:?}");
    assert!(
        words[0].contains("total 合计: only one of line and row: write a [[total]] for each"),
        "{words:?}"
    );
    let words = faults(&profile.replace("count = \"n\"", "count = \"n\"\ncount_skipped = true"));
    assert!(
        words[0].contains("total 合计: count_skipped is for totals with tell"),
        "{words:?}"
    );
    let words = faults(&profile.replacen("pattern = \"yyyy-MM-dd\"", "pattern = \"yyyy-MM-dd HH\"", 1));
    assert_eq!(words.len(), 1, "{words:?}");
}

#[test]
fn a_total_that_is_told_is_of_the_rows_that_are_read() {
    let with = |keys: &str| {
        format!(
            "{BANK}[[skip]]\ncolumn = \"摘要\"\nis = \"d\"\n[[total]]\nname = \"told\"\ntell = true\n{keys}sums = [{{ column = \"金额\" }}]\n"
        )
    };
    assert_eq!(
        checked(&with(""), ROWS)[0],
        "told: 3 rows, 金额 1370.00 (counted; the file states none)"
    );
    assert_eq!(
        checked(&with("count_skipped = true\n"), ROWS)[0],
        "told: 4 rows, 金额 1390.00 (counted; the file states none)"
    );
    // What a file states is of all its rows.
    let stated = with("")
        .replace("tell = true\n", "line = \"合计:{sum}\"\n")
        .replace("{ column = \"金额\" }", "{ stated = \"sum\", column = \"金额\" }");
    assert_eq!(
        checked(&stated, &format!("{ROWS}合计:1390.00\n")),
        ["told: 4 rows, 金额 1390.00"]
    );
}

#[test]
fn subtotals_of_pages_are_no_rows_where_the_profile_says_how_they_begin() {
    let profile = BANK.replace(
        "comment_padding",
        "comment = [\"本页小计\", \"第\"]\ncomment_padding",
    ) + TOTAL;
    let text = ROWS.replace(
        "2026-03-31,3,",
        "本页小计,2,,,\"1,270.00\",\n第2页,,,,,\n,,,,,\n2026-03-31,3,",
    );
    let text = format!("{text}合计,4笔,借方,50.00,贷方,\"1,100.00\"\n");
    let told = checked(&profile, &text);
    assert!(told[0].starts_with("合计: 4 rows"), "{told:?}");
    assert!(told[1].starts_with("rows of separators alone"), "{told:?}");
    assert_eq!(told.len(), 2);
}

#[test]
fn a_header_that_stands_again_is_no_row_where_the_profile_says_so() {
    let header = ROWS.split_inclusive('\n').next().unwrap();
    let total = "合计,4笔,借方,50.00,贷方,\"1,100.00\"\n";
    let page = format!("第2页,,,,,\n{header}2026-03-31,3,");
    let text = ROWS.replacen("2026-03-31,3,", &page, 1) + total;
    let without = BANK.replace("comment_padding", "comment = \"第\"\ncomment_padding") + TOTAL;
    let with = without.replace("[frame]\n", "[frame]\nheader_again = true\n");
    let holds = "合计: 4 rows, 金额 {out} 50.00, 金额 {in} 1100.00";
    let noted = "the header stands again among the rows, once, in line 5: it is no row";
    assert_eq!(checked(&with, &text), [holds, noted]);
    // So it is where other rows are passed over by a column, and in a file of many rows in GBK.
    let skips = format!("{with}[[skip]]\ncolumn = \"借贷\"\nis_not = [\"借\", \"贷\"]\n");
    let row = "2026-03-31,9,贷,蓝,\"1,200.00\",a\n";
    let many = format!(
        "{header}{}{header}{}{header}{row}",
        row.repeat(200),
        row.repeat(200)
    );
    let profile = skips
        .replace("[[total]]", "[[total]]\noptional = true")
        .replace("\"utf-8\"", "\"gb18030\"");
    for (profile, bytes) in [
        (
            parsed(&profile),
            encoding_rs::GB18030.encode(&many).0.into_owned(),
        ),
        (
            parsed(&profile.replace("gb18030", "utf-8")),
            many.clone().into_bytes(),
        ),
    ] {
        let (result, kept) = read_on(&profile, D, &bytes);
        let noted = result.unwrap().noted;
        assert!(
            noted[0].contains("among the rows, 2 times, first in line 202"),
            "{noted:?}"
        );
        assert_eq!(
            (kept.rows.len(), kept.rejects.len(), kept.not_booked.len()),
            (401, 0, 0)
        );
    }
    // Without the key two files may have been put together.
    let expected = "a row: two files may have been put together, so fetch each by itself; where the sender writes the header at the top of each page, say `header_again = true` in [frame]";
    let (line, message, _) = refused(&without, &text);
    assert_eq!(line, 5);
    assert_eq!(
        message,
        format!("合计 cannot be checked: a row: found the header once more, expected {expected}")
    );
    let (_, kept) = read_text(&without, &text);
    assert_eq!(
        (kept.rejects.len(), kept.rejects[0].expected.as_str()),
        (1, expected)
    );
    // A profile that passes such rows over, and whose total leaves them out, reads what it did.
    let by_column = without.replace(
        "count = \"n\"",
        "count = \"n\"\nwhen = { column = \"流水号\", is_not = \"流水号\" }",
    ) + "[[skip]]\ncolumn = \"流水号\"\nis = \"流水号\"\n";
    assert_eq!(checked(&by_column, &text), [holds]);
    // What is not the header to the letter is a row.
    let (_, kept) = read_text(&with, &text.replacen(&page, &page.replace("摘要", "摘 要"), 1));
    assert_eq!(kept.rejects.len(), 1);
    let words = faults(&CLEARING_HOUSE.replace("[frame]\n", "[frame]\nheader_again = true\n"));
    assert!(
        words[0].contains("frame.header_again: expected a format whose files have a header"),
        "{words:?}"
    );
}

#[test]
fn a_title_that_stands_twice_refuses_a_file_only_where_it_is_used() {
    let twice = ROWS
        .replace(",摘要\n", ",摘要,摘要\n")
        .replace(",a\n", ",a,a\n")
        .replace(",b\n", ",b,b\n");
    let twice = twice.replace(",c\n", ",c,c\n").replace(",d\n", ",d,d\n");
    assert_eq!(read_text(BANK, &twice).1.rows.len(), 4);
    let uses = [
        "remark = { columns = \"摘要\" }\n",
        "bank_ref = { join = [\"流水号\", \"摘要\"] }\n",
        "[[skip]]\ncolumn = \"摘要\"\nis = \"x\"\n",
        "[[refuse]]\nexpected = \"x\"\nwhen = { column = \"流水号\", equals_column = \"摘要\" }\n",
        "[[total]]\nname = \"t\"\nrow = \"合计\"\noptional = true\ncount = \"摘要\"\n",
        "[[total]]\nname = \"t\"\ntell = true\ngroup_column = \"摘要\"\ncount = \"n\"\n",
    ];
    for keys in uses {
        let (line, message, help) = refused(&format!("{BANK}{keys}"), &twice);
        assert_eq!(
            (line, message.as_str()),
            (1, "the header has the column 摘要 twice, and the profile uses it"),
            "{keys}"
        );
        assert!(help.contains("a title for each column"));
    }
}

#[test]
fn a_file_that_nothing_proves_whole_says_so() {
    let words = "nothing in this file says that it is whole: it states no total, no running balance and no end, so rows missing at its end would not be seen";
    assert_eq!(checked(BANK, ROWS), [words]);
    let optional = BANK.to_owned() + &TOTAL.replace("count = \"n\"", "count = \"n\"\noptional = true");
    assert_eq!(checked(&optional, ROWS), ["合计: not stated in this file", words]);
    let total = format!("{ROWS}合计,4笔,借方,50.00,贷方,\"1,100.00\"\n");
    assert_eq!(checked(&optional, &total).len(), 1);
    let ended = BANK.replace("comment_padding", "end = \"完\"\ncomment_padding");
    assert_eq!(checked(&ended, &format!("{ROWS}完\n")), [""; 0]);
}

#[test]
fn a_last_row_without_its_line_end_is_refused_where_nothing_would_show_what_it_lost() {
    let profile = BANK
        .replace("金额", "z")
        .replace("header = [", "header = [\"z\", ");
    let rows = "日期,流水号,借贷,红蓝,z\n2026-03-31,1,贷,蓝,100.00\n2026-03-31,2,贷,蓝,";
    for (end, line_end) in [("743", "\n"), ("743", "\r\n"), ("\"743\"", "\n")] {
        let text = format!("{rows}{end}").replace('\n', line_end);
        let (result, kept) = read_text(&profile, &text);
        assert!(result.is_ok());
        assert_eq!((kept.rows.len(), kept.rejects.len()), (1, 1), "{text}");
        let reject = &kept.rejects[0];
        assert_eq!((reject.line, reject.field.as_str()), (3, "line"));
        assert!(reject.found.ends_with(end), "{}", reject.found);
        assert!(reject.expected.starts_with("a line end behind the last row, as behind the lines before it: the file may be cut off; fetch it again"));
        // Where the sender never ends the last line, it is read.
        let open = profile.replace("[frame]\n", "[frame]\nlast_line_open = true\n");
        assert_eq!(read_text(&open, &text).1.rows.len(), 2);
        // So it is where it is ended.
        assert_eq!(read_text(&profile, &(text + line_end)).1.rows.len(), 2);
    }
    // A sum before the rows shows it, a number of rows does not.
    let of_sum = format!(
        "{profile}[[total]]\nname = \"t\"\nline = \"共{{n}}笔{{sum}}元\"\nsums = [{{ stated = \"sum\", column = \"z\" }}]\n"
    );
    let text = format!("共2笔843元\n{rows}743");
    assert_eq!(checked(&of_sum, &text), ["t: 2 rows, z 843.00"]);
    let of_count = of_sum.replace("sums = [{ stated = \"sum\", column = \"z\" }]", "count = \"n\"");
    let (line, message, _) = refused(&of_count, &text);
    assert_eq!(line, 4);
    assert!(
        message.starts_with("t cannot be checked: the last line: found"),
        "{message}"
    );
    assert_eq!(checked(&of_count, &(text + "\n")), ["t: 2 rows"]);
    // Lines behind the rows may end as they like.
    let behind = BANK.to_owned() + TOTAL;
    assert_eq!(
        checked(&behind, &format!("{ROWS}合计,4笔,借方,50.00,贷方,\"1,100.00\"")).len(),
        1
    );
}

/// Its length proves it: a record that lost a byte is none.
#[test]
fn a_last_record_of_fixed_places_is_whole_by_its_length() {
    let profile = super::samples::profile("unionpay-zme");
    let line: String = profile
        .frame
        .fixed
        .iter()
        .map(|(title, width)| {
            let text = match title.as_str() {
                "交易代码" => "E74",
                "代理机构" => "88022900",
                "系统跟踪号" => "190624",
                "交易传输时间" => "0331112203",
                "交易金额" => "000000010000",
                "上一笔跟踪号" => "123456",
                "上一笔日期时间" => "0330101112",
                "商户手续费" => "C000000000060",
                "结算金额" => "D000000009940",
                _ => "",
            };
            format!("{text:<width$}")
        })
        .collect::<Vec<_>>()
        .join(" ");
    let read = |end: &str| {
        let (result, kept) = read_on(&profile, D, format!("{line}\r\n{line}{end}").as_bytes());
        assert!(result.is_ok());
        (kept.rows.len(), kept.rejects.len())
    };
    assert_eq!(line.len(), 339);
    for end in ["", "\r", "\n", "\r\n"] {
        assert_eq!(read(end), (2, 0), "{end:?}");
    }
    let cut = format!("{line}\r\n{}", &line[..338]);
    let (result, kept) = read_on(&profile, D, cut.as_bytes());
    assert!(result.is_ok());
    assert_eq!((kept.rows.len(), kept.rejects.len()), (1, 1));
}
