use encoding_rs::{GB18030, UTF_8, WINDOWS_1252};

use super::*;
use crate::ingest::formats::profile::Profile;

fn drafted(bytes: &[u8]) -> (Inspected, String) {
    let mut seen = Inspected::default();
    draft(bytes, false, &[UTF_8, GB18030], &mut seen);
    let text = seen.draft.clone().unwrap_or_default();
    (seen, text)
}

#[test]
fn the_account_of_the_other_side_is_nobodys_own() {
    let text = "日期;流水号;借贷;金额;对方户名;对方账号\n2026-03-31;T1;贷;1,000.00;张三;6222\n2026-03-31;T2;借;5.00;李四;6223\n";
    let (_, drafted) = drafted(text.as_bytes());
    for expected in [
        "[fields.account]\nfrom = \"source.account\"",
        "[fields.counterparty_account]\ncolumns = [\"对方账号\"]",
        "[fields.booking_time]\ncolumns = [\"日期\"]",
    ] {
        assert!(drafted.contains(expected), "{expected} is missing in\n{drafted}");
    }
}

#[test]
fn a_day_and_its_time_in_two_columns_are_joined() {
    for (day, clock, pattern) in [
        ("2026-03-31", "10:00:00", "yyyy-MM-dd HH:mm:ss"),
        ("20260331", "100000", "yyyyMMdd HHmmss"),
    ] {
        let text = format!(
            "流水号,交易日期,交易时间,收入,支出,余额,摘要\nT1,{day},{clock},5.00,,105.00,a\nT2,{day},{clock},,5.00,100.00,b\n"
        );
        let (_, drafted) = drafted(text.as_bytes());
        for expected in [
            format!(
                "[fields.booking_time]\njoin = [\"交易日期\", \"交易时间\"]  # confirm\nwith = \" \"\npattern = \"{pattern}\"  # confirm"
            ),
            format!(
                "[fields.value_date]\ncolumns = [\"交易日期\"]  # confirm\npattern = \"{}\"",
                pattern.split(' ').next().unwrap()
            ),
        ] {
            assert!(drafted.contains(&expected), "{expected} is missing in\n{drafted}");
        }
        let parsed = Profile::parse(&drafted, "x");
        assert!(parsed.is_ok(), "{:?}\n{drafted}", parsed.err());
    }
}

#[test]
fn the_account_of_payer_or_payee_is_never_taken_for_the_own() {
    for title in [
        "收(付)方账号",
        "收（付）方账号",
        "收付方账号",
        "收款人账号",
        "付款人账号",
        "交易对方账号",
    ] {
        let text = format!(
            "公司,店\n日期,单号,借方金额,贷方金额,余额,{title}\n2026-03-31,T1,,10.00,110.00,6217\n2026-03-31,T2,5.00,,105.00,6218\n"
        );
        let (_, drafted) = drafted(text.as_bytes());
        assert!(
            drafted.contains("[fields.account]\nfrom = \"source.account\""),
            "{title}\n{drafted}"
        );
    }
}

#[test]
fn a_bank_of_china_is_drafted_whole() {
    let text = "账户：1\n流水号,账号,交易时间,借方发生额,贷方发生额,币种,对方户名,摘要\nF1,62,2026-03-31 10:00:00,\"1,000.00\",,CNY,张三,货款\nF2,62,2026-03-31 11:00:00,,5.00,CNY,李四,退\n";
    let (bytes, _, _) = encoding_rs::GBK.encode(text);
    let (seen, drafted) = drafted(&bytes);
    assert_eq!(seen.encoding, "gb18030");
    for expected in [
        "role = \"bank\"",
        "encodings = [\"gb18030\"]",
        "preamble_lines = 1",
        "credit_columns = [\"贷方发生额\"]",
        "debit_columns = [\"借方发生额\"]",
        "thousands = \",\"",
        "pattern = \"yyyy-MM-dd HH:mm:ss\"",
        "[fields.remark]\ncolumns = [\"摘要\"]",
    ] {
        assert!(drafted.contains(expected), "{expected} is missing in\n{drafted}");
    }
    let parsed = Profile::parse(&drafted, "x");
    assert!(parsed.is_ok(), "{:?}\n{drafted}", parsed.err());
}

#[test]
fn a_running_balance_is_drafted_where_it_follows() {
    let text = "流水号,交易时间,借方金额,贷方金额,账户余额\nF1,2026-03-31 10:00:00,-,\"1,000.00\",\"1,100.00\"\nF2,2026-03-31 11:00:00,5.00,-,\"1,095.00\"\nF3,2026-03-31 12:00:00,-,1.00,\"1,096.00\"\n";
    let order = |text: &str| {
        let (_, drafted) = drafted(text.as_bytes());
        let parsed = Profile::parse(&drafted, "x");
        assert!(parsed.is_ok(), "{:?}\n{drafted}", parsed.err());
        let behind = drafted
            .split_once("[balance]\norder = ")
            .map(|(_, behind)| behind);
        let order = behind
            .and_then(|behind| behind.split('"').nth(1))
            .unwrap_or_default();
        assert_eq!(
            drafted.contains("[fields.balance]"),
            !order.is_empty(),
            "{drafted}"
        );
        order.to_owned()
    };
    assert_eq!(order(text), "oldest first");
    let mut lines: Vec<&str> = text.lines().collect();
    lines[1..].reverse();
    assert_eq!(order(&(lines.join("\n") + "\n")), "newest first");
    assert_eq!(order(&text.replace("1,095.00", "1,096.00")), "");
    assert_eq!(order(&text.replace("-,1.00,", "-,none,")), "");
    let one = "日期;流水号;借贷;金额;余额\n2026-03-31;T1;贷;10.00;110.00\n2026-03-31;T2;借;5.00;105.00\n2026-03-31;T3;借;5.00;100.00\n";
    assert_eq!(order(one), "oldest first");
    assert_eq!(order(&one.replace("T2;借", "T2;贷")), "");
}

#[test]
fn a_guessed_encoding_is_to_be_confirmed() {
    let encodings = |bytes: &[u8]| {
        let (_, drafted) = drafted(bytes);
        let line = drafted.lines().find(|line| line.starts_with("encodings"));
        line.unwrap_or_default().to_owned()
    };
    assert_eq!(encodings(b"a;b;c\n1;2;3\n"), "encodings = [\"utf-8\"]  # confirm");
    assert_eq!(
        encodings("日期;b;c\n1;2;3\n".as_bytes()),
        "encodings = [\"utf-8\"]"
    );
    assert_eq!(
        encodings(b"\xef\xbb\xbfa;b;c\n1;2;3\n"),
        "encodings = [\"utf-8\"]"
    );
    let (bytes, _, _) = encoding_rs::GBK.encode("日期;b;c\n1;2;3\n");
    assert_eq!(encodings(&bytes), "encodings = [\"gb18030\"]  # confirm");
}

fn parses(drafted: &str) {
    let parsed = Profile::parse(drafted, "x");
    assert!(parsed.is_ok(), "{:?}\n{drafted}", parsed.err());
}

#[test]
fn rows_that_take_another_back_turn_the_direction() {
    let text = "流水号,交易日期,借贷标志,红蓝标志,交易金额,账户余额\nT1,2026-03-31,贷,蓝,10.00,110.00\nT2,2026-03-31,贷,红,10.00,100.00\nT3,2026-03-31,借,蓝,5.00,95.00\n";
    let (_, text) = drafted(text.as_bytes());
    for expected in [
        "[[fields.direction]]\nwhen = [{ column = \"借贷标志\", is = \"贷\" }, { column = \"红蓝标志\", is = \"红\" }]  # confirm\nvalue = \"D\"",
        "when = [{ column = \"借贷标志\", is = \"借\" }, { column = \"红蓝标志\", is = \"红\" }]  # confirm\nvalue = \"C\"",
        "order = \"oldest first\"",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    parses(&text);
    let (_, text) =
        drafted("流水号,交易日期,借贷标志,冲正标志,交易金额\nT1,2026-03-31,贷,Z9,10.00\n".as_bytes());
    assert!(
        text.contains("# [fields.direction]: \"借贷标志\" says the direction, and \"冲正标志\" may say"),
        "{text}"
    );
}

#[test]
fn a_type_that_nobody_knows_is_no_payment() {
    let text = "Transaction ID,Merchant Reference,Type,Amount,Fixed Fee,Percent Fee,Fee Rate,Currency,Created\nA1,O1,Sale,\"$1,200.00\",$0.30,$2.00,2%,USD,11/21/2026 10:00:00\nA2,O2,Chargeback,$5.00,$0.30,$0.00,2%,USD,11/05/2026 10:00:00\nA3,O3,Top-Up,$5.00,$0.30,$0.00,2%,USD,11/05/2026 10:00:00\n";
    let (_, text) = drafted(text.as_bytes());
    for expected in [
        "map = { \"Chargeback\" = \"CHARGEBACK\", \"Sale\" = \"PAYMENT\" }",
        "# \"Top-Up\": what it means is not known; add it to the map",
        "pattern = \"MM/dd/yyyy HH:mm:ss\"  # confirm\n",
        "sum = [\"Fixed Fee\", \"Percent Fee\"]  # confirm",
        "symbols = [\"$\"]",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
    parses(&text);
    let (_, text) = drafted(b"id,date,amount\n1,03/04/2026,5.00\n");
    assert!(
        text.contains("pattern = \"dd/MM/yyyy\"  # confirm: or MM/dd/yyyy?"),
        "{text}"
    );
}

#[test]
fn quotes_are_drafted_where_cells_stand_in_them() {
    let (_, text) = drafted(
        "交易时间\t平台流水号\t商户订单号\t备注\n2026-11-20\t42\t=\"0001\"\the said \"hi\"\n".as_bytes(),
    );
    assert!(
        text.contains("delimiter = \"\\t\"") && !text.contains("quote ="),
        "{text}"
    );
    let lines = "Umsätze\n\nBuchungstag;Verwendungszweck;Betrag;Saldo;Referenz\n20.11.2026;\"Miete;\nEREF: 1\";\"1.205,70\";2.205,70;R1\n20.11.2026;\"a\nb\";5,00-;2.200,70;R2\n";
    let (seen, text) = drafted(lines.as_bytes());
    assert_eq!(seen.title, "unknown table");
    for expected in [
        "quote = '\"'",
        "decimal = \",\"",
        "thousands = \".\"",
        "order = \"oldest first\"",
        "preamble_lines = 1",
    ] {
        assert!(text.contains(expected), "{expected} is missing in\n{text}");
    }
}

#[test]
fn one_row_does_not_contradict_its_balance() {
    let (_, text) = drafted("账号,日期,收入,支出,余额,摘要\n1,2026-04-13,100.00,,200.00,x\n".as_bytes());
    assert!(
        text.contains("\"余额\" may be the running balance, which one row does not show"),
        "{text}"
    );
}

#[test]
fn a_text_of_western_letters_is_drafted_as_a_guess() {
    let mut seen = Inspected::default();
    let (bytes, _, _) = WINDOWS_1252.encode("Id;Datum;Betrag;Empfänger\n1;2026-11-20;5,00;Müller\n");
    draft(&bytes, false, &[], &mut seen);
    let text = seen.draft.unwrap_or_default();
    assert!(
        text.contains("encodings = [\"windows-1252\"]  # confirm"),
        "{text}"
    );
}

/// A draft with its parts, which parses.
fn drafted_with(text: &str, expected: &[&str]) -> String {
    let (_, text) = drafted(text.as_bytes());
    for part in expected {
        assert!(text.contains(part), "{part} is missing in\n{text}");
    }
    parses(&text);
    text
}

#[test]
fn signs_behind_amounts_and_around_them_are_drafted_to_be_confirmed() {
    let bank = |first: &str, second: &str| {
        format!("id,date,amount,balance\n1,2026-03-31,{first},{second}\n2,2026-03-31,\"1,000.00\",10.00\n")
    };
    drafted_with(
        &bank("\"1,234.50-\"", "5.00"),
        &[
            "sign_behind = true  # confirm",
            "thousands = \",\"",
            "sign = { ANY = \"any\" }  # confirm",
        ],
    );
    drafted_with(
        &bank("\"(1,234.50)\"", "5.00"),
        &["parentheses = true  # confirm"],
    );
    // A balance follows by them.
    drafted_with(
        "id,date,amount,balance\n1,2026-03-31,\"1,234.50 CR\",\"1,000.00 CR\"\n2,2026-03-31,500.00DR,500.00 CR\n3,2026-03-31,600.00 DR,100.00 DR\n",
        &[
            "sign_words = { CR = \"+\", DR = \"-\" }  # confirm",
            "[fields.balance]",
            "order = \"oldest first\"",
        ],
    );
    let text = drafted_with(
        &bank("12.50 XX", "5.00"),
        &["# \"XX\" stands behind amounts: what it means is not known"],
    );
    assert!(!text.contains("sign_words"), "{text}");
    drafted_with(&bank("+12.50", "5.00"), &["plus = true  # confirm"]);
    drafted_with(
        "id,date,credit,debit\n1,2026-03-31,5.00,--\n2,2026-03-31,N/A,\"(1,200.00)\"\n",
        &[
            "blank = [\"--\", \"N/A\"]  # confirm",
            "debit_is_negative = true  # confirm",
            "parentheses = true  # confirm",
        ],
    );
}

#[test]
fn times_of_half_days_and_months_by_name_are_drafted() {
    let of = |first: &str, second: &str| {
        let (_, text) = drafted(format!("id,date,amount\n1,{first},5.00\n2,{second},6.00\n").as_bytes());
        let line = text.lines().find(|line| line.starts_with("pattern ="));
        if line.is_some() {
            parses(&text);
        }
        line.unwrap_or_default().to_owned()
    };
    for (first, second, expected) in [
        (
            "11/20/2026 01:05:09 PM",
            "11/05/2026 11:05:09 AM",
            "\"MM/dd/yyyy hh:mm:ss a\"  # confirm",
        ),
        (
            "03/04/2026 01:05 PM",
            "03/05/2026 11:05 am",
            "\"dd/MM/yyyy hh:mm a\"  # confirm: or MM/dd/yyyy hh:mm a? The first rows fit both",
        ),
        (
            "3/21/2026 1:05 PM",
            "12/5/2026 11:05 AM",
            "\"M/d/yyyy h:mm a\"  # confirm",
        ),
        (
            "2026-03-31 1:05:09PM",
            "2026-03-31 11:05:09PM",
            "\"yyyy-MM-dd h:mm:ssa\"  # confirm",
        ),
        ("20-Nov-2026", "01-DEC-2026", "\"dd-MMM-yyyy\"  # confirm"),
        (
            "20-Nov-2026 13:00",
            "01-DEC-2026 09:30",
            "\"dd-MMM-yyyy HH:mm\"  # confirm",
        ),
        ("soon", "later", ""),
    ] {
        let expected = if expected.is_empty() {
            String::new()
        } else {
            format!("pattern = {expected}")
        };
        assert_eq!(of(first, second), expected, "{first}");
    }
    drafted_with(
        "流水号,交易日期,交易时间,收入,支出\nT1,2026-03-31,01:00:00 PM,5.00,\nT2,2026-03-31,11:00:00 AM,,5.00\n",
        &["pattern = \"yyyy-MM-dd hh:mm:ss a\""],
    );
}

#[test]
fn a_line_of_totals_is_drafted_where_its_figures_are_those_of_the_rows() {
    let bill = "Transaction ID,Merchant Reference,Type,Amount,Fee,Created\nA1,O1,Sale,\"1,200.00\",2.00,2026-03-31 10:00:00\nA2,O2,Sale,20.50,1.00,2026-03-31 10:00:00\nA3,O3,Refund,20.00,0.00,2026-03-31 10:00:00\n";
    // Refunds are taken off, and the number of a page is nothing that anybody knows.
    drafted_with(
        &format!("{bill}Total page 7: 3 rows 1200.50 net\n"),
        &[
            "[[total]]\nname = \"Total\"\nline = \"Total page {}: {count} rows {sum} net\"  # confirm\ncount = \"count\"  # confirm\n",
            "sums = [{ stated = \"sum\", column = \"Amount\", minus_when = { column = \"Type\", is = [\"Refund\"] } }]  # confirm",
            "sign = { REFUND = \"negative\" }  # confirm",
        ],
    );
    drafted_with(
        &format!("{bill}T 2026-03-31 3 1240.50\n"),
        &[
            "line = \"T {} {count} {sum}\"  # confirm",
            "sums = [{ stated = \"sum\", column = \"Amount\" }]  # confirm",
        ],
    );
    let bank = "流水号,日期,借贷,红蓝,金额,摘要\n1,2026-03-31,贷,蓝,\"1,200.00\",a\n2,2026-03-31,借,蓝,70.00,b\n3,2026-03-31,贷,红,100.00,c\n";
    drafted_with(
        &format!("{bank}合计,3笔,借方,70.00,贷方,\"1,100.00\"\n"),
        &[
            "line = \"合计,{count}笔,借方,{out},贷方,{in}\"  # confirm",
            "{ stated = \"out\", column = \"金额\", when = { column = \"借贷\", is = [\"借\"] }, minus_when = { column = \"红蓝\", is = [\"红\"] } }",
        ],
    );
    drafted_with(
        &format!("{bank}合计：3笔，共1,100.00元,,,,,\n"),
        &[
            "line = \"合计：{count}笔，共{in}元\"",
            "comment_padding = \",\"  # confirm",
        ],
    );
    // Figures that the rows do not have are no totals, and a file that goes on is not added up.
    for other in ["合计,4笔,借方,71.00,贷方,\"1,101.00\"\n", "合计,0.00\n"] {
        let text = drafted_with(
            &format!("{bank}{other}"),
            &["# This line behind the rows may state totals"],
        );
        assert!(!text.contains("[[total]]\n"), "{text}");
    }
    let mut seen = Inspected::default();
    draft(format!("{bank}合计,3笔\n").as_bytes(), true, &[UTF_8], &mut seen);
    assert!(!seen.draft.unwrap().contains("[[total]]\n"));
}

#[test]
fn what_no_title_tells_is_left_open() {
    let (seen, text) = drafted(b"a;b;c\n1;2;3\n4;5;6\n");
    assert!(
        text.contains("no title says which column is the amount"),
        "{text}"
    );
    assert!(!text.contains("[fields.amount]\n"), "{text}");
    assert!(!seen.holds());
    let (seen, text) = drafted(b"hello\nworld\n");
    assert_eq!((seen.title.as_str(), text.as_str()), ("no table", ""));
    let (seen, _) = drafted(&[0xff, 0xff, 0xff]);
    assert!(seen.failed[0].message.contains("no known format"));
}

/// Titles, the rest of two rows behind their day and number, what the draft says, and what it never does.
const DOUBTS: [(&str, [&str; 2], &str, &str); 22] = [
    // The side, by the title of its column or by its words; a word that nobody here knows is left open.
    (
        "date,id,amount,direction",
        ["100.00,in", "20.00,out"],
        "map = { \"in\" = \"C\", \"out\" = \"D\" }",
        NOTHING,
    ),
    (
        "date,id,amount,type",
        ["100.00,Credit", "20.00,Debit"],
        "map = { \"Credit\" = \"C\", \"Debit\" = \"D\" }",
        "amount sign",
    ),
    (
        "date,id,Dr/Cr,Amount",
        ["CR,100.00", "DR,20.00"],
        "map = { \"CR\" = \"C\", \"DR\" = \"D\" }",
        "amount sign",
    ),
    (
        "date,id,amount,direction",
        ["100.00,in", "20.00,other"],
        "# \"other\": what it means is not known",
        "\"other\" =",
    ),
    (
        "date,id,amount",
        ["100.00", "20.00"],
        "all of them would be money in",
        NOTHING,
    ),
    (
        "date,id,amount",
        ["100.00", "-20.00"],
        "from = \"amount sign\"  # confirm\n",
        NOTHING,
    ),
    // A column of blanks or of one word says no side, and none is needed where amounts have signs.
    (
        "date,id,amount,mark",
        ["100.00,-", "20.00,-"],
        "from = \"amount sign\"",
        "map =",
    ),
    (
        "date,id,amount,mark",
        ["100.00,S", "20.00,S"],
        "from = \"amount sign\"",
        "map =",
    ),
    (
        "date,id,amount,mark",
        ["100.00,C", "-20.00,D"],
        "from = \"amount sign\"",
        "map =",
    ),
    // The unit and the currency, by titles.
    (
        "日期,流水号,收入（万元）,支出（万元）",
        ["1.50,", ",2.00"],
        "is in a unit that no key reads",
        "[fields.amount]\n",
    ),
    (
        "日期,流水号,金额（万元）",
        ["1.50", "2.00"],
        "is in a unit that no key reads",
        "[fields.amount]\n",
    ),
    (
        "日期,流水号,金额(元/角/分)",
        ["1.50", "2.00"],
        "[fields.amount]\n",
        "unit =",
    ),
    (
        "date,id,金额(分)",
        ["10000", "2000"],
        "unit = \"minor\"  # confirm",
        NOTHING,
    ),
    (
        "date,id,金额（单位：分）",
        ["10000", "2000"],
        "unit = \"minor\"  # confirm",
        NOTHING,
    ),
    (
        "date,id,Amount (cents)",
        ["10000", "2000"],
        "unit = \"minor\"  # confirm",
        NOTHING,
    ),
    (
        "date,id,amount_minor",
        ["10000", "2000"],
        "unit = \"minor\"  # confirm",
        NOTHING,
    ),
    (
        "date,id,amount USD",
        ["100.00", "20.00"],
        "value = \"USD\"",
        "CNY",
    ),
    (
        "date,id,USD amount",
        ["100.00", "20.00"],
        "value = \"USD\"",
        "CNY",
    ),
    ("date,id,USD金额", ["100.00", "20.00"], "value = \"USD\"", "CNY"),
    // A comma before three digits may be either; one with more behind it is none before decimals.
    (
        "date,id,amount",
        ["\"1,000\"", "\"2,500\""],
        "thousands = \",\"  # confirm: or",
        NOTHING,
    ),
    (
        "date,id,amount",
        ["\"1,000.00\"", "\"2,500\""],
        "thousands = \",\"\n",
        NOTHING,
    ),
    // Lines before the titles are counted as they are read: empty ones are none.
    (
        "Statement\n\ndate,id,amount",
        ["1.00", "-2.00"],
        "preamble_lines = 1",
        "not hold",
    ),
];

/// No draft has it.
const NOTHING: &str = "\0";

#[test]
fn what_a_draft_does_not_know_it_does_not_say() {
    let text_of =
        |titles: &str, [one, two]: [&str; 2]| format!("{titles}\n2026-11-23,A1,{one}\n2026-11-23,A2,{two}\n");
    for (titles, rows, expected, never) in DOUBTS {
        let (_, draft) = drafted(text_of(titles, rows).as_bytes());
        assert!(draft.contains(expected), "{expected} is missing in\n{draft}");
        assert!(!draft.contains(never), "{never} stands in\n{draft}");
    }
    let text = text_of("Statement\n\ndate,id,amount", ["1.00", "-2.00"]);
    let draft = super::super::tests::looked_at(text.as_bytes()).draft.unwrap();
    assert!(draft.contains("2 rows are read by it as it stands"), "{draft}");
}
