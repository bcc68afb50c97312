//! How amounts, days and letters are written in files of banks and channels: read where the profile says so, refused elsewhere.

use super::samples::{D, good, read_on};
use super::*;
use crate::entries::rows::Reject;
use crate::ingest::formats::testing::Kept;

fn parsed(text: &str) -> Profile {
    match Profile::parse(text, "x") {
        Ok(profile) => profile,
        Err(findings) => panic!("{findings:?}"),
    }
}

/// What is wrong with a profile, a fault a line.
fn faults(text: &str) -> Vec<String> {
    let findings = Profile::parse(text, "x").err().unwrap_or_default();
    findings
        .iter()
        .map(|finding| format!("{}:{}: {}", finding.line, finding.column, finding.message))
        .collect()
}

/// The refused rows of a file.
fn rejects(kept: &Kept) -> Vec<String> {
    let words = |reject: &Reject| {
        format!(
            "{}: {}: {} / {}",
            reject.line, reject.field, reject.found, reject.expected
        )
    };
    kept.rejects.iter().map(words).collect()
}

/// Direction and amount of every row.
fn moved(kept: &Kept) -> Vec<String> {
    let part = |row: &String| row.split('|').skip(4).take(2).collect::<Vec<_>>().join(" ");
    kept.rows.iter().map(part).collect()
}

/// A German bank: signs behind the amounts, blanks and points between thousands, words behind balances, a total.
const NORTH: &str = r#"
title = "Nordbank Umsätze"
role = "bank"
encodings = ["utf-8", "windows-1252"]
[recognise]
header = ["Buchung", "Nr", "Betrag", "Saldo"]
[number]
thousands = [".", "\u00A0", "\u202F", " "]
decimal = ","
sign_behind = true
sign_words = { S = "-", H = "+" }
[frame]
delimiter = ";"
quote = '"'
[fields]
entry_id = { columns = "Nr", required = true }
account = { from = "source.account" }
booking_time = { columns = "Buchung", pattern = "dd.MM.yy" }
value_date = { columns = "Wert", pattern = ["dd-MMM-yyyy", "dd.MM.yy"] }
direction = { from = "amount sign" }
amount = { columns = "Betrag", required = true, sign = { ANY = "any" } }
currency = { value = "CNY" }
remark = { columns = "Text" }
balance = { columns = "Saldo" }
[balance]
order = "oldest first"
statement = true
[[total]]
name = "Summe"
row = "Summe"
count = "Nr"
sums = [{ stated = "Betrag", column = "Betrag" }]
"#;

fn north() -> String {
    let mut text = String::from("Buchung;Nr;Wert;Text;Betrag;Saldo\n");
    let (mut sum, mut balance) = (0i64, -100_000);
    let point = |minor: i64| {
        let text = crate::terms::money::format_minor(i128::from(minor.abs()), 2);
        let (whole, fraction) = text.split_once('.').unwrap();
        match whole.len() {
            0..=3 => format!("{whole},{fraction}"),
            length => format!("{}~{},{fraction}", &whole[..length - 3], &whole[length - 3..]),
        }
    };
    for number in 0..150i64 {
        let minor = (number % 7 - 3) * 50_001 + 1;
        (sum, balance) = (sum + minor, balance + minor);
        let sign = if minor < 0 {
            ["-", " S", "S"][number as usize % 3]
        } else {
            ""
        };
        let word = if balance < 0 { "S" } else { "H" };
        let between = [".", "\u{a0}", "\u{202f}", " "][number as usize % 4];
        let day = if number % 2 == 0 {
            "31-MAR-2026"
        } else {
            "31.03.26"
        };
        let amount = format!("{}{sign}", point(minor)).replace('~', between);
        text += &format!(
            "31.03.26;{number};{day};Bücher;\"{amount}\";{} {word}\n",
            point(balance).replace('~', ".")
        );
    }
    let sign = if sum < 0 { "-" } else { "" };
    text + &format!("Summe;150;;;{}{sign};\n", point(sum).replace('~', "."))
}

#[test]
fn a_statement_with_signs_behind_its_amounts_is_read() {
    let (result, kept) = read_on(&parsed(NORTH), D, north().as_bytes());
    let facts = result.unwrap();
    assert_eq!(rejects(&kept), [""; 0]);
    assert_eq!(moved(&kept)[..4], ["D 150002", "D 100001", "D 50000", "C 1"]);
    assert_eq!(kept.rows.len(), 150);
    assert_eq!(kept.rows[0], "0|0|2026-03-31|2026-03-31|D|150002|CNY||Bücher||||");
    assert_eq!(
        facts.checked,
        [
            "Summe: 150 rows, Betrag -2998.56",
            "running balance: 150 rows from -1000.00 CNY to -3998.56 CNY"
        ]
    );
    // What the profile does not say is refused, with the key that would say it.
    let plain = NORTH
        .replace("sign_behind = true\n", "")
        .replace("sign_words =", "# sign_words =");
    let (result, _) = read_on(&parsed(&plain), D, north().as_bytes());
    let message = result.unwrap_err().message;
    assert_eq!(
        message,
        "Summe cannot be checked: Betrag: found `1.500,02-`, expected an amount, or, if the file is right, `sign_behind = true` in the profile"
    );
}

#[test]
fn a_sign_stands_once_and_a_word_is_one_of_the_profile() {
    let text = "Buchung;Nr;Wert;Text;Betrag;Saldo\n31.03.26;1;31.03.26;a;~;\n";
    let profile = NORTH.split_once("balance = {").unwrap().0.to_owned();
    let read = |amount: &str| {
        let (result, kept) = read_on(&parsed(&profile), D, text.replace('~', amount).as_bytes());
        result.unwrap();
        match kept.rejects.first() {
            Some(_) => rejects(&kept)[0].clone(),
            None => moved(&kept).concat(),
        }
    };
    assert_eq!(read("1.234,56-"), "D 123456");
    assert_eq!(read("1 234,56 S"), "D 123456");
    assert_eq!(read("1\u{202f}234,56H"), "C 123456");
    assert_eq!(read("-1.234,56"), "D 123456");
    for bad in [
        "-1,00-",
        "-1,00 S",
        "1,00 S-",
        "1,00 CR",
        "1,00--",
        "1.234\u{a0}567,00",
    ] {
        let words = read(bad);
        let expected = format!("2: amount: {bad} / a decimal amount such as 12.34");
        assert!(words.starts_with(&expected), "{words}");
    }
}

/// A bill of a channel in dollars, as spreadsheets for accountants write it.
const LEDGER: &str = r#"
title = "a ledger"
role = "channel"
encodings = ["utf-8"]
[recognise]
header = ["Time", "Ref", "Type", "Gross", "Fee", "Net"]
[number]
thousands = ","
parentheses = true
symbols = ["$"]
[frame]
delimiter = ","
quote = '"'
blank = ["-", "n/a"]
[fields]
channel = { value = "X" }
channel_ref = { columns = "Ref", required = true }
order_id = { columns = "Order" }
txn_type = { columns = "Type", map = { Sale = "PAYMENT", Refund = "REFUND" } }
amount = { columns = "Gross", sign = { PAYMENT = "positive", REFUND = "negative" } }
fee = { columns = "Fee", empty = "0", sign = { PAYMENT = "negative", REFUND = "positive" } }
net = { columns = "Net" }
currency = { value = "USD" }
txn_time = { columns = "Time", pattern = ["M/d/yyyy h:mm:ss a", "dd-MMM-yyyy Hmmss"] }
settle_date = { from = "business date" }
status = { value = "SUCCESS" }
[[total]]
name = "Total"
row = "Total"
sums = [{ stated = "Gross", column = "Gross" }, { stated = "Fee", column = "Fee" }]
"#;

const LEDGER_FILE: &str = "Time,Ref,Order,Type,Gross,Fee,Net\n\
3/31/2026 12:05:09 AM,1,P1,Sale,\"$1,234.50\",($34.50),\"$1,200.00\"\n\
3/31/2026 1:05:09 pm,2,n/a,Refund,\"$(1,000.00)\",-,\"($1,000.00)\"\n\
31-mar-2026 93005,3,-,Sale,10.00,(0.25),9.75\n\
Total,,,,$244.50,($34.75),\n";

#[test]
fn parentheses_are_a_minus_sign_and_times_have_halves() {
    let (result, kept) = read_on(&parsed(LEDGER), D, LEDGER_FILE.as_bytes());
    let facts = result.unwrap();
    assert_eq!(rejects(&kept), [""; 0]);
    assert_eq!(
        kept.rows,
        [
            "X|1|P1|PAYMENT|123450|3450|USD|2026-03-31T00:05:09+08:00|2026-03-31|SUCCESS|",
            "X|2||REFUND|100000|0|USD|2026-03-31T13:05:09+08:00|2026-03-31|SUCCESS|",
            "X|3||PAYMENT|1000|25|USD|2026-03-31T09:30:05+08:00|2026-03-31|SUCCESS|",
        ]
    );
    assert_eq!(facts.checked, ["Total: 3 rows, Gross 244.50, Fee -34.75"]);
    let changed = |from: &str, to: &str| {
        assert!(LEDGER_FILE.contains(from), "{from}");
        let without_total = LEDGER.split_once("[[total]]").unwrap().0;
        let text = LEDGER_FILE.replacen(from, to, 1);
        let text = text.split_once("Total").unwrap().0;
        let (result, kept) = read_on(&parsed(without_total), D, text.as_bytes());
        result.unwrap();
        rejects(&kept).join("; ")
    };
    assert!(
        changed("(0.25)", "(0.25").starts_with("4: fee: (0.25 / a decimal amount such as 12.34 (column Fee)")
    );
    assert!(changed("(0.25)", "(-0.25)").starts_with("4: fee: (-0.25)"));
    assert_eq!(
        changed("(0.25)", "€0.25"),
        "4: fee: €0.25 / a decimal amount such as 12.34, or, if the file is right, `symbols = [\"$\", \"€\"]` in the profile (column Fee)"
    );
    assert_eq!(
        changed("3/31/2026 1:05:09 pm", "31/3/2026 1:05:09 pm"),
        "3: txn_time: 31/3/2026 1:05:09 pm / a time that exists, like M/d/yyyy h:mm:ss a or dd-MMM-yyyy Hmmss (column Time)"
    );
    assert!(changed("12:05:09 AM", "0:05:09 AM").starts_with("2: txn_time"));
    assert!(changed("12:05:09 AM", "13:05:09 PM").starts_with("2: txn_time"));
    // A cell of the profile's texts is empty, and an amount must not be.
    assert_eq!(
        changed("10.00", "n/a"),
        "4: amount:  / a decimal amount such as 12.34 (column Gross)"
    );
}

#[test]
fn wrong_keys_of_numbers_and_times_are_named_with_their_place() {
    let check = |from: &str, to: &str, expected: &str| {
        assert!(LEDGER.contains(from), "{from}");
        let found = faults(&LEDGER.replacen(from, to, 1));
        assert_eq!(found, [expected], "{to}");
    };
    check(
        "parentheses = true",
        "parentheses = \"yes\"",
        "9:15: number.parentheses: found a string, expected true or false",
    );
    check(
        "parentheses = true",
        "parenthesis = true",
        "9:1: unknown key `parenthesis` in number, did you mean `parentheses`?",
    );
    check(
        "parentheses = true",
        "sign_behind = 1",
        "9:15: number.sign_behind: found an integer, expected true or false",
    );
    check(
        "parentheses = true",
        "sign_words = { DR = \"minus\" }",
        "9:14: number.sign_words: found `minus`, expected + or -",
    );
    check(
        "parentheses = true",
        "sign_words = { \"D 1\" = \"-\" }",
        "9:14: number.sign_words: found `D 1`, expected a word without digits and blanks such as CR",
    );
    check(
        "thousands = \",\"",
        "thousands = [\",\", \"..\"]",
        "8:13: number.thousands: found `..`, expected one sign such as , or . or ' or a blank, or a list of such signs",
    );
    check(
        "thousands = \",\"",
        "thousands = [\",\", \"x\"]",
        "8:13: number.thousands: found `x`, expected one sign such as , or . or ' or a blank, or a list of such signs",
    );
    check(
        "thousands = \",\"",
        "thousands = [\",\", \".\"]",
        "8:13: thousands and decimal are the same sign",
    );
    check(
        "blank = [\"-\", \"n/a\"]",
        "blank_runs = \"--\"",
        "14:14: frame.blank_runs: found `--`, expected one sign such as - or *, or a list of such signs",
    );
    check(
        "blank = [\"-\", \"n/a\"]",
        "blank_runs = \"0\"",
        "14:14: frame.blank_runs: found `0`, expected one sign such as - or *, or a list of such signs",
    );
    check(
        "h:mm:ss a",
        "h:mm:ss",
        "24:42: fields.txn_time.pattern: `M/d/yyyy h:mm:ss`: hh or h (1 to 12) goes with a (AM or PM), and HH or H (0 to 23) without",
    );
    check(
        "dd-MMM-yyyy Hmmss",
        "yyyyMd Hmmss",
        "24:42: fields.txn_time.pattern: `yyyyMd Hmmss`: where one part ends and the next begins cannot be told; expected a sign between them, or MM, dd, HH in the place of M, d, H",
    );
}

/// Hyphens in the place of nothing, as many as the column is wide.
#[test]
fn cells_of_hyphens_alone_are_empty_however_many_there_are() {
    let file = |hyphens: &str| {
        format!(
            "记账日期,记账时间,币别,金额,余额,交易名称,渠道,网点名称,附言,对方账户名,对方卡号/账号,对方开户行\n\
2026-03-31,101112,人民币,-50.00,950.00,网上支付,a,{hyphens},{hyphens},{hyphens},{hyphens},{hyphens}\n\
2026/3/31,111213,人民币,8.00,958.00,{hyphens},a,b,ab-{hyphens},王芳,62-1,-x\n"
        )
    };
    let (first, ..) = good("boc", D, file("----------").as_bytes());
    assert_eq!(
        first
            .iter()
            .map(|row| row.split_once('|').unwrap().1)
            .collect::<Vec<_>>(),
        [
            "0|2026-03-31T10:11:12+08:00|2026-03-31|D|5000|CNY||网上支付||||",
            "0|2026-03-31T11:12:13+08:00|2026-03-31|C|800|CNY||ab-----------|王芳|62-1||",
        ]
    );
    for hyphens in ["-", "--", "-------------------"] {
        let (rows, ..) = good("boc", D, file(hyphens).as_bytes());
        let ids = |rows: &[String]| rows.iter().map(|row| row[..32].to_owned()).collect::<Vec<_>>();
        // A digest is of the row as it was delivered.
        assert_ne!(ids(&rows), ids(&first), "{hyphens}");
        assert_eq!(rows[0][32..], first[0][32..], "{hyphens}");
    }
}

#[test]
fn a_blank_cell_is_empty_in_conditions_and_totals_too() {
    let profile = LEDGER
        .replace("blank = [\"-\", \"n/a\"]", "blank_runs = [\"-\", \"*\"]")
        .replace("[fields]", "[[skip]]\ncolumn = \"Order\"\nis = \"\"\n[fields]");
    let file = LEDGER_FILE.replace("n/a", "****").replace("3,-,", "3,-*,");
    let (result, kept) = read_on(&parsed(&profile), D, file.as_bytes());
    let facts = result.unwrap();
    assert_eq!(kept.not_booked, [3]);
    assert_eq!(kept.rows.len(), 2);
    assert!(kept.rows[1].starts_with("X|3|-*|"), "{}", kept.rows[1]);
    assert_eq!(facts.checked, ["Total: 3 rows, Gross 244.50, Fee -34.75"]);
}

#[test]
fn a_day_and_a_clock_of_six_digits_are_a_time_of_the_chinese_banks() {
    for (day, expected) in [
        ("2026-09-02", "2026-09-02"),
        ("2026/9/2", "2026-09-02"),
        ("20260902", "2026-09-02"),
    ] {
        let file = format!(
            "交易日期,交易时间,交易摘要,交易金额,本次余额,对手信息,日志号,交易渠道,交易附言\n{day},120102,消费,-5.00,95.00,x,123,网银,y\n"
        );
        let (rows, ..) = good("abc", (2026, 9, 2), file.as_bytes());
        assert!(
            rows[0].contains(&format!("|{expected}T12:01:02+08:00|{expected}|D|500|")),
            "{}",
            rows[0]
        );
        let file = file.replace("120102", "126102");
        let (_, kept) = read_on(&super::samples::profile("abc"), (2026, 9, 2), file.as_bytes());
        assert_eq!(kept.rejects[0].field, "booking_time");
    }
}

/// The second layout of China Minsheng Bank, with the cells of a public parser's test.
#[test]
fn the_layout_of_minsheng_bank_with_one_column_for_the_time_is_read() {
    let file = "账户名称:,某能源科技有限公司\n账号:,6222\n币种:,人民币\n\
交易时间,交易流水号,借方发生额,贷方发生额,账户余额,凭证号,客户附言,对方账号,对方账号名称,对方开户行\n\
2026-04-13 10:05:43,CMBC-001,65000.00,,8189.46,9800000000041,付公司帐户,2502014019350006386,某能源科技有限公司,中国工商银行\n\
2026-04-13 11:05:43,CMBC-002,,100.00,8289.46,9800000000042,货款,2502014019350006386,某能源科技有限公司,中国工商银行\n";
    for bytes in [
        encoding_rs::GB18030.encode(file).0.into_owned(),
        file.as_bytes().to_vec(),
    ] {
        let (rows, checked, kept) = good("cmbc", (2026, 4, 13), &bytes);
        let rows: Vec<&str> = rows.iter().map(|row| row.split_once('|').unwrap().1).collect();
        assert_eq!(
            rows,
            [
                "0|2026-04-13T10:05:43+08:00|2026-04-13|D|6500000|CNY|CMBC-001|付公司帐户|某能源科技有限公司|2502014019350006386||",
                "0|2026-04-13T11:05:43+08:00|2026-04-13|C|10000|CNY|CMBC-002|货款|某能源科技有限公司|2502014019350006386||",
            ]
        );
        assert_eq!(
            checked,
            ["running balance: 2 rows from 73189.46 CNY to 8289.46 CNY"]
        );
        assert_eq!(kept.balances, ["0 CNY 2026-04-13 7318946 828946"]);
    }
    // No other bank's files are taken for it.
    let others = ["ccb", "cmb-corporate", "icbc-corporate", "bocom"];
    for name in others {
        assert_eq!(
            recognise(&super::samples::profile(name), file.as_bytes(), None),
            None,
            "{name}"
        );
    }
}

#[test]
fn letters_of_utf8_are_not_read_as_those_of_another_encoding() {
    let file =
        |letters: &str| format!("Buchung;Nr;Wert;Text;Betrag;Saldo\n31.03.26;1;31.03.26;{letters};1,00;\n");
    let profile = |encodings: &str| {
        let text = NORTH.split_once("balance = {").unwrap().0;
        parsed(&text.replace("[\"utf-8\", \"windows-1252\"]", encodings))
    };
    for encodings in ["\"windows-1252\"", "[\"iso-8859-15\", \"utf-8\"]"] {
        let (result, _) = read_on(&profile(encodings), D, file("Müller").as_bytes());
        let refused = result.unwrap_err();
        let name = if encodings.contains("15") {
            "ISO-8859-15"
        } else {
            "windows-1252"
        };
        assert_eq!(
            (refused.line, refused.message),
            (
                2,
                format!("its letters are UTF-8 and would be read as others in {name}")
            )
        );
        assert!(
            refused.help.starts_with(&format!(
                "add \"utf-8\" to `encodings` of the profile before {name}"
            )),
            "{}",
            refused.help
        );
        // Its own letters, and none, are read.
        let (own, _, _) = encoding_rs::WINDOWS_1252.encode("Müller");
        let own = [
            file("~").as_bytes().split(|byte| *byte == b'~').next().unwrap(),
            &own,
            b";1,00;\n",
        ]
        .concat();
        let (result, kept) = read_on(&profile(encodings), D, &own);
        result.unwrap();
        assert!(kept.rows[0].contains("|Müller|"), "{}", kept.rows[0]);
        let (result, _) = read_on(&profile(encodings), D, file("Mueller").as_bytes());
        result.unwrap();
    }
    // Behind the first bytes, too; and with UTF-8 named first the file is read.
    let rows: String = (2..20_000)
        .map(|number| format!("31.03.26;{number};31.03.26;a;1,00;\n"))
        .collect();
    let long = file("a")
        + &rows
        + &file("Müller")
            .split_once('\n')
            .unwrap()
            .1
            .replace(";1;", ";20000;");
    let (result, _) = read_on(&profile("\"windows-1252\""), D, long.as_bytes());
    assert_eq!(result.unwrap_err().line, 20_001);
    let (result, kept) = read_on(
        &profile("[\"utf-8\", \"windows-1252\"]"),
        D,
        file("Müller").as_bytes(),
    );
    result.unwrap();
    assert!(kept.rows[0].contains("|Müller|"), "{}", kept.rows[0]);
    // The book can insist.
    let settings = crate::ingest::formats::testing::settings(&[("6222", "CNY")]);
    let mut source = crate::ingest::formats::testing::source("x", crate::book::settings::Role::Bank);
    source.account = Some("A0".to_owned());
    source.encoding = Some("windows-1252".to_owned());
    let ctx = crate::ingest::formats::testing::context(&settings, &source);
    let mut kept = Kept::default();
    let text = file("Müller");
    super::samples::read_both_ways(&profile("\"windows-1252\""), text.as_bytes(), &ctx, &mut kept).unwrap();
    assert!(kept.rows[0].contains("|MÃ¼ller|"), "{}", kept.rows[0]);
}

/// A channel that charges for a chargeback: the fee of such a row is no part of the amount that goes back.
#[test]
fn a_fee_charged_for_a_chargeback_is_a_row_of_its_own_where_the_profile_says_so() {
    let page = include_str!("../../../../docs/profiles.md");
    let (_, example) = page
        .split_once("### A fee that is charged for a chargeback")
        .unwrap();
    let (_, example) = example.split_once("```toml\n").unwrap();
    let fee = example.split_once("```").unwrap().0;
    let profile = |fee: &str| {
        parsed(&format!(
            r#"
title = "a bill"
role = "channel"
encodings = ["utf-8"]
[recognise]
header = ["id", "type", "amount", "net"]
[frame]
delimiter = "\t"
[fields]
channel = {{ value = "X" }}
channel_ref = {{ columns = "id", required = true }}
txn_type = {{ columns = "type", map = {{ S = "PAYMENT", C = "CHARGEBACK", R = "REFUND" }} }}
amount = {{ columns = "amount", sign = {{ PAYMENT = "positive", ANY = "negative" }} }}
{fee}
net = {{ columns = "net" }}
currency = {{ value = "CNY" }}
txn_time = {{ columns = "time", pattern = "yyyy-MM-dd HH:mm:ss" }}
settle_date = {{ from = "business date" }}
status = {{ value = "SUCCESS" }}
"#
        ))
    };
    let file = "id\ttype\tamount\tfee\tnet\ttime\n\
A1\tS\t100.00\t2.00\t98.00\t2026-03-31 09:00:00\n\
A2\tC\t-100.00\t15.00\t-115.00\t2026-03-31 10:00:00\n\
A3\tR\t-50.00\t-1.00\t-49.00\t2026-03-31 11:00:00\n\
A4\tC\t-30.00\t0.00\t-30.00\t2026-03-31 12:00:00\n";
    let (result, kept) = read_on(&profile(fee), D, file.as_bytes());
    result.unwrap();
    assert_eq!(rejects(&kept), [""; 0]);
    let short: Vec<String> = kept
        .rows
        .iter()
        .map(|row| row.split('|').skip(1).take(5).collect::<Vec<_>>().join("|"))
        .collect();
    assert_eq!(
        short,
        [
            "A1||PAYMENT|10000|200",
            "A2||CHARGEBACK|10000|0",
            "A2/fee||WITHDRAWAL|1500|0",
            "A3||REFUND|5000|100",
            "A4||CHARGEBACK|3000|0",
        ]
    );
    // Without `sign` the fee of the chargeback is one that is given back, which the net contradicts.
    let (_, kept) = read_on(
        &profile("fee = { columns = \"fee\", sign = { ANY = \"any\" } }"),
        D,
        file.as_bytes(),
    );
    assert_eq!(
        rejects(&kept),
        ["3: net: -115.00 / -85.00, the amount less the fee (column net)"]
    );
}
