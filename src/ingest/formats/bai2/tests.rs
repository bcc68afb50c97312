use std::collections::BTreeSet;

use crate::book::settings::Role;
use crate::ingest::formats::testing::{
    Kept, read_from, read_openly, read_passing_over, sample, settings, source,
};
use crate::ingest::formats::{BAI2, FileFacts, FileRefused, OFX, statements_of_other_days};

fn read(text: &str) -> (Result<FileFacts, FileRefused>, Kept) {
    let settings = settings(&[("111", "USD"), ("222", "JPY")]);
    read_from(&settings, &source(BAI2, Role::Bank), text.as_bytes())
}

fn refused(text: &str, expected: &str) {
    let (result, _) = read(text);
    let message = result.unwrap_err().message;
    assert!(message.contains(expected), "`{message}` lacks `{expected}`");
}

const FILE: &str = "01,BANK,US,260331,0700,1,,,2/
02,US,BANK,1,260331,2400,USD,2/
03,111,,010,1000,,,015,1250,,,100,500,1,,400,250,1,V,260331,/
16,195,500,V,260401,,B1,C1,WIRE, IN/OUT/
16,475,250,Z,B2,,CHECK
88,88 of/
49,3750,5/
98,3750,1,7/
99,3750,1,9/
";

#[test]
fn sections_of_one_account_keep_equal_entries_apart() {
    let section = "03,111,USD,,,,/\n16,195,500,Z,,C1,x/\n49,500,3/\n";
    let text = format!(
        "01,BANK,US,260331,0700,1,,,2/\n02,US,BANK,1,260331,2400,USD,2/\n{section}{section}98,1000,2,8/\n99,1000,1,10/\n"
    );
    let (result, kept) = read(&text);
    let told = result.unwrap().told;
    let sections: Vec<u32> = told.iter().map(|told| told.section).collect();
    assert_eq!(sections, [0, 1]);
    assert!(
        told.iter()
            .all(|told| told.day == crate::terms::date::Date::from_ymd(2026, 3, 31))
    );
    let id = |row: &String| row.split('|').next().unwrap_or_default().to_owned();
    assert_eq!(kept.rows.len(), 2);
    assert_ne!(id(&kept.rows[0]), id(&kept.rows[1]));
    // The id of the first is that of an account with one section.
    let alone = text
        .replacen(section, "", 1)
        .replace("98,1000,2,8/", "98,500,1,5/")
        .replace("99,1000,1,10/", "99,500,1,7/");
    assert_eq!(id(&read(&alone).1.rows[0]), id(&kept.rows[0]));
}

#[test]
fn groups_of_other_days_are_passed_over() {
    let group = |date: &str, amount: &str| {
        format!(
            "02,US,BANK,1,{date},2400,USD,2/\n03,111,USD,,,,/\n16,195,{amount},Z,,C1,x/\n16,475,{amount},Z,,C2,x/\n49,{sum},4/\n98,{sum},1,6/\n",
            sum = 2 * amount.parse::<u32>().unwrap()
        )
    };
    let text = format!(
        "01,BANK,US,260331,0700,1,,,2/\n{}{}99,1400,2,14/\n",
        group("260330", "500"),
        group("260331", "200")
    );
    let date = |day| crate::terms::date::Date::from_ymd(2026, 3, day).unwrap();
    let (result, whole) = read(&text);
    let whole_facts = result.unwrap();
    let others = |day| statements_of_other_days(BAI2, &whole_facts, date(day));
    assert_eq!(others(30), BTreeSet::from([1]));
    assert_eq!(others(31), BTreeSet::from([0]));
    // A file without a statement of the day is no file of the day.
    assert_eq!(others(29), BTreeSet::new());
    assert_eq!(
        statements_of_other_days(OFX, &whole_facts, date(31)),
        BTreeSet::new()
    );
    let settings = settings(&[("111", "USD"), ("222", "JPY")]);
    let source = source(BAI2, Role::Bank);
    let (facts, kept) = read_passing_over(&settings, &source, text.as_bytes(), &others(31));
    assert_eq!(kept.rows, whole.rows[2..]);
    assert_eq!((kept.not_booked.len(), whole.not_booked.len()), (2, 0));
    assert_eq!(kept.rejects, []);
    // It is remembered as it was, and nothing else is said of it.
    let contents = |facts: &FileFacts| -> Vec<String> {
        let told = facts.told.iter();
        told.map(|told| format!("{:?} {}", told.booked, told.content))
            .collect()
    };
    assert_eq!(contents(&facts), contents(&whole_facts));
    let passed: Vec<bool> = facts.told.iter().map(|told| told.passed_over).collect();
    assert_eq!(passed, [true, false]);
    assert_eq!((facts.statements.len(), whole_facts.statements.len()), (1, 2));
    assert_eq!((facts.noted.len(), whole_facts.noted.len()), (1, 2));
}

#[test]
fn samples_hold_in_all_totals_or_say_which_failed() {
    let check = |name: &str, accounts: usize, entries: usize, net_minor: i128, expected: &[&str]| {
        let Some(bytes) = sample(name) else { return };
        let (result, kept, failed) = read_openly(BAI2, &bytes);
        let facts = result.unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
        let told: u64 = facts.told.iter().map(|told| told.booked.total().count).sum();
        let net: i128 = facts.told.iter().map(|told| told.booked.net_minor()).sum();
        assert_eq!(
            (facts.told.len(), told as usize, net),
            (accounts, entries, net_minor),
            "{name}"
        );
        assert_eq!(kept.rows.len(), entries, "{name}");
        assert_eq!(failed.len(), expected.len(), "{name}: {failed:?}");
        for (failed, expected) in failed.iter().zip(expected) {
            assert!(failed.message.contains(expected), "{name}: {}", failed.message);
        }
    };
    check("bai2/moov-sample1.bai", 2, 17, 0, &[]);
    check("bai2/moov-sample3.bai", 15, 26, -19_705, &[]);
    check(
        "bai2/moj-citi_example.bai",
        1,
        1,
        1,
        &["account 77777777: balances do not tie out: opening 100.00 + 1 credits 0.01"],
    );
    check(
        "bai2/moj-account_trailer_amount_blank_example.bai",
        2,
        0,
        0,
        &[
            "account 12345 was read, but it has neither balances nor entries",
            "account 54321 was read",
        ],
    );
    if let Some(bytes) = sample("bai2/moov-sample5-issue113.bai") {
        let (result, _, failed) = read_openly(BAI2, &bytes);
        assert!(result.is_ok(), "{result:?}");
        assert!(
            failed
                .iter()
                .any(|failed| failed.message.contains("control total")),
            "{failed:?}"
        );
    }
    if let Some(bytes) = sample("bai2/moov-parseError.bai") {
        let (result, ..) = read_openly(BAI2, &bytes);
        assert!(result.unwrap_err().message.contains("begins with no record code"));
    }
}

#[test]
fn rows_carry_what_the_bank_says() {
    let (result, kept) = read(FILE);
    result.unwrap();
    let rows: Vec<&str> = kept.rows.iter().map(|row| &row[32..]).collect();
    assert_eq!(
        rows,
        [
            "|0|2026-03-31|2026-04-01|C|500|USD|C1|WIRE, IN/OUT|||195|",
            "|0|2026-03-31|2026-03-31|D|250|USD|B2|CHECK 88 of|||475|",
        ]
    );
    assert_eq!(kept.balances, ["0 USD 2026-03-31 1000 1250"]);
}

#[test]
fn every_level_is_checked() {
    let cases = [
        (
            "16,475,250",
            "16,475,251",
            "control total: found 3751, expected 3750",
        ),
        ("49,3750,5", "49,3751,5", "account …: control total"),
        ("49,3750,5", "49,3750,6", "found 5 records, expected 6"),
        ("49,3750,5", "49,3750", "gives no number of records"),
        ("98,3750,1,7", "98,3751,1,7", "group: control total"),
        (
            "98,3750,1,7",
            "98,3750,2,7",
            "group trailer: found 1 accounts, expected 2",
        ),
        ("98,3750,1,7", "98,3750,1,8", "group: found 7 records"),
        ("99,3750,1,9", "99,3750,2,9", "file trailer: found 1 groups"),
        ("99,3750,1,9", "99,3750,1,8", "file: found 9 records"),
        ("99,3750,1,9/\n", "", "ends without its trailer (99)"),
        ("98,3750,1,7/\n", "", "found record 99, expected 03 or 98"),
        ("16,475,250", "16,720,250", "type code: found `720`"),
        ("16,475,250", "16,475,2.50", "expected whole minor units"),
        ("16,475,250", "16,475,-250", "without a sign"),
        ("V,260401,,", "V,260431,,", "value date: found `260431`"),
        ("V,260401,,", "X,", "funds type: found `X`"),
        ("1,260331,2400", "1,260332,2400", "as-of date: found `260332`"),
        ("1,260331,2400", "9,260331,2400", "group status: found `9`"),
        ("2400,USD", "2400,XYZ", "group currency"),
        (
            "03,111,,",
            "03,111,EUR,",
            "expected USD, the currency of the account",
        ),
        ("03,111,,", "03,112,,", "account (03): found `112`"),
        (",,,2/", ",,,1/", "version: found `1`"),
    ];
    for (from, to, expected) in cases {
        let text = FILE.replacen(from, to, 1);
        assert_ne!(text, FILE, "{from}");
        let (result, _) = read(&text);
        let message = result.unwrap_err().message;
        let expected = expected.replace("account …", "account 111");
        assert!(message.contains(&expected), "`{message}` lacks `{expected}`");
    }
    // The totals by side and the identity, where the sums of control still hold.
    refused(
        &FILE
            .replace("100,500,1", "100,600,1")
            .replace("400,250,1", "400,150,1"),
        "total credits (100): found 5.00, expected 6.00 USD",
    );
    refused(
        &FILE.replace("100,500,1", "100,500,2"),
        "total credits (100): found 1 details, expected 2",
    );
    refused(
        &FILE
            .replace("010,1000", "010,1001")
            .replace("015,1250", "015,1249"),
        "balances do not tie out",
    );
    refused("", "no file header (01)");
    refused("hello\n", "begins with no record code");
    refused(&format!("{FILE}01,x/\n"), "stands behind the end");
}

#[test]
fn records_are_read_in_any_layout() {
    let (_, whole) = read(FILE);
    let same = |text: &str| {
        let (result, kept) = read(text);
        assert!(result.is_ok(), "{result:?} {text}");
        assert_eq!(kept.rows, whole.rows, "{text}");
    };
    same(&FILE.replace('\n', "\r\n"));
    same(
        &FILE
            .lines()
            .map(|line| format!("{line:<80}\n"))
            .collect::<String>(),
    );
    same(&FILE.replace("/\n49", "/   49").replace("/\n98", "/ 98"));
    // Cut between code and amount, with a comma that is none.
    let cut = FILE
        .replace(
            "100,500,1,,400,250,1,V,260331,/",
            "100,/\n88,500,1,,400/\n88,250,1,V/\n88,260331,/",
        )
        .replace("49,3750,5", "49,3750,8")
        .replace("1,7/", "1,10/")
        .replace("1,9/", "1,12/");
    same(&cut);
}

#[test]
fn version_3_is_read_as_version_2() {
    let (result, kept) = read(&FILE.replacen(",,,2/", ",,,3/", 1));
    let facts = result.unwrap();
    assert_eq!(facts.variant, "BTRS (version 3)");
    assert!(facts.noted.iter().any(|words| words.contains("version 3 (BTRS)")));
    assert_eq!(kept.rows, read(FILE).1.rows);
}

#[test]
fn what_is_no_update_is_not_booked() {
    for (from, to) in [
        ("BANK,1,260331,2400,USD,2/", "BANK,4,260331,2400,USD,2/"),
        ("BANK,1,260331,2400,USD,2/", "BANK,2,260331,2400,USD,3/"),
        ("BANK,1,260331,2400,USD,2/", "BANK,3,260331,2400,USD,1/"),
        ("USD,2/", "USD,3/"),
        ("USD,2/", "USD,1/"),
    ] {
        let (result, kept) = read(&FILE.replacen(from, to, 1));
        let facts = result.unwrap();
        assert!(facts.without_rows.starts_with("its group at line 2 is "), "{to}");
        assert_eq!(
            (kept.rows.len(), kept.not_booked.len(), kept.balances.len()),
            (0, 2, 0),
            "{to}"
        );
        assert!(
            facts
                .noted
                .iter()
                .any(|words| words.contains("nothing of it is booked"))
        );
    }
}

#[test]
fn what_takes_back_or_changes_what_was_sent_stops() {
    refused(
        &FILE.replacen("BANK,1,", "BANK,2,", 1),
        "group status: found 2 (deletion): it takes back what was sent before for 2026-03-31",
    );
    refused(
        &FILE.replacen("BANK,1,", "BANK,3,", 1),
        "group status: found 3 (correction): it changes what was sent before for 2026-03-31",
    );
    // Beside a group that is booked, a test does not make a file without rows.
    let (head, group) = FILE.split_once("02,").unwrap();
    let (group, _) = group.split_once("99,").unwrap();
    let test = group.replacen("BANK,1,", "BANK,4,", 1);
    let (result, kept) = read(&format!("{head}02,{group}02,{test}99,7500,2,16/\n"));
    assert_eq!(result.unwrap().without_rows, "");
    assert_eq!((kept.rows.len(), kept.not_booked.len()), (2, 2));
}

#[test]
fn a_text_only_detail_may_leave_its_amount_out() {
    let text = FILE
        .replace("49,3750,5/", "16,890,,Z,,,SEE LETTER/\n49,3750,6/")
        .replace("98,3750,1,7/", "98,3750,1,8/")
        .replace("99,3750,1,9/", "99,3750,1,10/");
    let (result, kept) = read(&text);
    result.unwrap();
    assert_eq!((kept.rows.len(), kept.not_booked.len()), (2, 1));
    refused(&text.replace("16,890,,", "16,475,,"), "amount: found ``");
    refused(
        &text.replace("16,890,,", "16,475,1E+5,"),
        "amount: found `1E+5`, expected whole minor units",
    );
}
