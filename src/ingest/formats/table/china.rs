//! Corporate exports of banks of China whose account stands before the header: made-up statements of their public titles and lines,
//! in UTF-8 and GBK, whole, changed and saved again from a spreadsheet.

use super::row_digest::DIGEST_CHARS;
use super::samples::{D, good, profile, read_both_ways, read_on, refused};
use super::*;
use crate::ingest::formats::testing::{Kept, settings, source};
use crate::terms::date::Date;

const CCB: &str = "中国建设银行\n账　　号,6222,账户名称,某店\n交易时间,借方发生额/元(支取),贷方发生额/元(收入),余额,币种,对方户名,对方账号,对方开户机构,记账日期,摘要,备注,账户明细编号-交易流水号\n\
20260331 09:00:00,0,10.00,110.00,人民币元,甲公司,6217,行,20260331,电子转账,货款,13835-5309A\n\
20260331 10:30:05,5.50,0,104.50,人民币元,\"乙, 公司\",6218,行,20260331,电子转账,服务费,13836-5309B\n\
20260331 10:30:05,0,\"1,000.00\",\"1,104.50\",人民币元,,,,20260331,结息,,13837-5309C\n";

const BOC: &str = "查询账号[ Inquirer account number ],\"6222\t\"\n总笔数[ Total number ],3\n借方发生总笔数[ Total Numbers of Debited Payments ],1\n借方发生总额[ Total Debit Amount of Payments ],5.50\n贷方发生总笔数[ Total Numbers of Credited Payments ],2\n贷方发生总额[ Total Credit Amount of Payments ],\"1,010.00\"\n查询时间范围[ Time Range ],20260331-20260331\n\
交易类型[ Transaction Type ],业务类型[ Business type ],付款人开户行号[ Account holding bank number of payer ],付款人开户行名[ Payer account bank ],付款人账号[ Debit Account No. ],付款人名称[ Payer's Name ],收款人开户行行号[ Account holding bank number of beneficiary ],收款人开户行名[ Beneficiary account bank ],收款人账号[ Payee's Account Number ],收款人名称[ Payee's Name ],交易日期[ Transaction Date ],交易时间[ Transaction time ],交易货币[ Trade Currency ],交易金额[ Trade Amount ],交易后余额[ After-transaction balance ],起息日期[ Value Date ],汇率[ Exchange rate ],交易流水号[ Transaction reference number ],客户申请号[ Online Banking Transaction Ref.(Bank Ref.) ],客户业务编号[ Customer Transaction Ref.(Customer Ref.) ],凭证类型[ Voucher type ],凭证号码[ Voucher number ],记录标识号[ Record ID ],摘要[ Reference ],用途[ Purpose ],交易附言[ Remark ],备注[ Remarks ]\n\
\"来账\",\"转账\",\"1\t\",\"行\t\",\"6217\t\",\"甲公司\t\",\"2\t\",\"行\t\",\"6222\t\",\"某店\t\",\"20260331\t\",\"09:00:00\t\",\"CNY\t\",\"+10.00\",\"+110.00\",\"20260331\",\"1\",\"109001\t\",\"\",\"\",\"\",\"\",\"900001\",\"货款\",\"\",\"P-1\",\"\"\n\
\"往账\",\"收费\",\"2\t\",\"行\t\",\"6222\t\",\"某店\t\",\"1\t\",\"行\t\",\"6218\t\",\"乙公司\t\",\"20260331\t\",\"10:30:05\t\",\"CNY\t\",\"-5.50\",\"+104.50\",\"20260331\",\"1\",\"109002\t\",\"\",\"C-2\",\"\",\"\",\"900002\",\"\",\"服务费, 三月\",\"\",\"\"\n\
\"来账\",\"国际汇款\",\"1\t\",\"行\t\",\"6219\t\",\"丙公司\t\",\"2\t\",\"行\t\",\"6222\t\",\"某店\t\",\"20260331\t\",\"11:00:00\t\",\"CNY\t\",\"+1,000.00\",\"+1,104.50\",\"20260401\",\"1\",\"109003\t\",\"\",\"\",\"\",\"\",\"900003\",\"\",\"\",\"\",\"\"\n";

const ABC: &str = "账户明细\n账户号,,6222,账户名称,,某店\n交易时间,收入金额,支出金额,账户余额,交易行名,对方省市,对方账号,对方户名,交易用途\n\
2026-03-31 09:00:00,10.00,,110.00,行,省,6217,甲公司,货款\n\
2026-03-31 10:30:05,,5.50,104.50,行,省,6218,\"乙, 公司\",服务费\n\
2026-03-31 11:00:00,\"1,000.00\",,\"1,104.50\",行,省,,,结息\n";

const BOCOM: &str = "查询账号:,6222\n户  名:,某店\n交易时间,摘要,借贷标志,发生额,余额,对方账号,对方户名\n\
2026-03-31 09:00:00,货款,贷,10.00,110.00,6217,甲公司\n\
2026-03-31 10:30:05,服务费,借,5.50,104.50,6218,\"乙, 公司\"\n\
2026-03-31 11:00:00,结息,贷,\"1,000.00\",\"1,104.50\",,\n";

const CMB: &str = "公司名称,某店\n银行账号,6222\n币种,人民币\n交易日,交易时间,起息日,交易类型,借方金额,贷方金额,余额,摘要,流水号,流程实例号,业务名称,用途,业务参考号,业务摘要,其它摘要,收(付)方分行名,收(付)方名称,收(付)方账号\n\
20260331,09:00:00,20260331,转账,,10.00,110.00,货款,K1,,,,R1,,,行,甲公司,6217\n\
20260331,10:30:05,20260331,转账,5.50,,104.50,服务费,K2,,,,,,,行,\"乙, 公司\",6218\n\
20260331,11:00:00,20260401,转账,,\"1,000.00\",\"1,104.50\",结息,K3,,,,,,,,,\n";

/// Format and text.
pub(super) const SAMPLES: [(&str, &str); 5] = [
    ("ccb", CCB),
    ("boc-corporate", BOC),
    ("abc-corporate", ABC),
    ("bocom-corporate", BOCOM),
    ("cmb-corporate", CMB),
];

/// True of those that say nothing about their end: cut behind a whole row they are the statement of a shorter day.
pub(super) fn is_open_ended(format: &str) -> bool {
    matches!(
        format,
        "ccb" | "abc-corporate" | "bocom-corporate" | "cmb-corporate"
    )
}

fn rows_of(format: &str, bytes: &[u8]) -> Vec<String> {
    let (rows, told, kept) = good(format, D, bytes);
    assert_eq!(kept.balances, ["0 CNY 2026-03-31 10000 110450"], "{format}");
    assert!(
        told.iter()
            .any(|words| words.starts_with("running balance: 3 rows from 100.00 CNY to 1104.50 CNY")),
        "{format}: {told:?}"
    );
    // The account of every one is compared with that of the source.
    if let Ok(text) = std::str::from_utf8(bytes) {
        let (_, message) = refused(format, D, text.replace("6222", "6223000000000009").as_bytes());
        assert!(
            message.contains("which book.toml does not have"),
            "{format}: {message}"
        );
        let (_, message) = refused(format, D, text.replace("6222", "6.222E+18").as_bytes());
        assert!(
            message.contains("a spreadsheet has shortened"),
            "{format}: {message}"
        );
    }
    // A day of a digest is another in each format; what stands behind it is compared.
    let is_digest = |id: &str| id.len() == DIGEST_CHARS;
    let rows = rows.iter().map(|row| match row.split_once('|') {
        Some((id, rest)) if is_digest(id) => rest.to_owned(),
        _ => row.clone(),
    });
    rows.collect()
}

#[test]
fn corporate_statements_are_read_with_the_account_above_their_header() {
    let check = |format: &str, text: &str, expected: [&str; 3]| {
        let gbk = encoding_rs::GB18030.encode(text).0.into_owned();
        assert_eq!(rows_of(format, &gbk), expected, "{format}");
        assert_eq!(rows_of(format, text.as_bytes()), expected, "{format}");
        let crlf = text.replace('\n', "\r\n");
        assert_eq!(rows_of(format, crlf.as_bytes()), expected, "{format}");
        // A spreadsheet fills up every line, and leaves empty rows at the end.
        let cells = separators(text);
        let padded: String = text
            .lines()
            .map(|line| match line.contains('"') || line.starts_with("2026") {
                true => format!("{line}\n"),
                false => format!(
                    "{line}{}\n",
                    ",".repeat(cells.saturating_sub(line.matches(',').count()))
                ),
            })
            .collect();
        let row = ",".repeat(cells);
        let padded = if format == "boc-corporate" {
            text.to_owned()
        } else {
            padded
        };
        let empty = format!("{padded}{row}\n{row}\n");
        assert_eq!(rows_of(format, empty.as_bytes()), expected, "{format}");
        let (_, told, _) = good(format, D, empty.as_bytes());
        let first = text.lines().count() + 1;
        assert!(
            told.contains(&format!(
                "rows of separators alone, as a spreadsheet leaves them, are passed over: 2, the first in line {first}"
            )),
            "{format}: {told:?}"
        );
        // Newest first, as some banks write.
        let lines: Vec<&str> = text.lines().collect();
        let (head, rows) = lines.split_at(lines.len() - 3);
        let turned: Vec<&str> = head.iter().chain(rows.iter().rev()).copied().collect();
        let turned = rows_of(format, format!("{}\n", turned.join("\n")).as_bytes());
        let expected: Vec<&str> = expected.iter().rev().copied().collect();
        assert_eq!(turned, expected, "{format}");
        // A balance that does not follow, and a row that is gone.
        let (_, message) = refused(format, D, text.replacen("110.00", "110.01", 1).as_bytes());
        assert!(message.contains("running balance"), "{format}: {message}");
        let gone = format!("{}\n{}\n{}\n", head.join("\n"), rows[0], rows[2]);
        refused(format, D, gone.as_bytes());
    };
    check(
        "ccb",
        CCB,
        [
            "13835-5309A|0|2026-03-31T09:00:00+08:00|2026-03-31|C|1000|CNY|13835-5309A|电子转账 货款|甲公司|6217||",
            "13836-5309B|0|2026-03-31T10:30:05+08:00|2026-03-31|D|550|CNY|13836-5309B|电子转账 服务费|乙, 公司|6218||",
            "13837-5309C|0|2026-03-31T10:30:05+08:00|2026-03-31|C|100000|CNY|13837-5309C|结息||||",
        ],
    );
    check(
        "boc-corporate",
        BOC,
        [
            "109001|0|2026-03-31T09:00:00+08:00|2026-03-31|C|1000|CNY|109001|货款 P-1|甲公司|6217||",
            "109002|0|2026-03-31T10:30:05+08:00|2026-03-31|D|550|CNY|C-2|服务费, 三月|乙公司|6218||",
            "109003|0|2026-03-31T11:00:00+08:00|2026-04-01|C|100000|CNY|109003||丙公司|6219||",
        ],
    );
    check(
        "abc-corporate",
        ABC,
        [
            "0|2026-03-31T09:00:00+08:00|2026-03-31|C|1000|CNY||货款|甲公司|6217||",
            "0|2026-03-31T10:30:05+08:00|2026-03-31|D|550|CNY||服务费|乙, 公司|6218||",
            "0|2026-03-31T11:00:00+08:00|2026-03-31|C|100000|CNY||结息||||",
        ],
    );
    check(
        "bocom-corporate",
        BOCOM,
        [
            "0|2026-03-31T09:00:00+08:00|2026-03-31|C|1000|CNY||货款|甲公司|6217||",
            "0|2026-03-31T10:30:05+08:00|2026-03-31|D|550|CNY||服务费|乙, 公司|6218||",
            "0|2026-03-31T11:00:00+08:00|2026-03-31|C|100000|CNY||结息||||",
        ],
    );
    check(
        "cmb-corporate",
        CMB,
        [
            "0|2026-03-31T09:00:00+08:00|2026-03-31|C|1000|CNY|R1|货款|甲公司|6217||",
            "0|2026-03-31T10:30:05+08:00|2026-03-31|D|550|CNY|K2|服务费|乙, 公司|6218||",
            "0|2026-03-31T11:00:00+08:00|2026-04-01|C|100000|CNY|K3|结息||||",
        ],
    );
}

/// Separators of a row of a sample.
fn separators(text: &str) -> usize {
    let header = text
        .lines()
        .find(|line| line.starts_with("交易") && line.contains("余额"))
        .unwrap();
    header.matches(',').count()
}

#[test]
fn a_statement_of_boc_adds_up_to_the_sums_of_both_sides() {
    let (_, told, _) = good("boc-corporate", D, BOC.as_bytes());
    assert_eq!(
        told,
        [
            "总笔数: 3 rows",
            "借方发生总笔数: 1 rows",
            "借方发生总额: 1 rows, 交易金额[ Trade Amount ] 5.50",
            "贷方发生总笔数: 2 rows",
            "贷方发生总额: 2 rows, 交易金额[ Trade Amount ] 1010.00",
            "running balance: 3 rows from 100.00 CNY to 1104.50 CNY",
        ]
    );
    for (from, to, total) in [
        ("number ],3", "number ],4", "总笔数"),
        ("Debited Payments ],1", "Debited Payments ],2", "借方发生总笔数"),
        ("],5.50", "],5.51", "借方发生总额"),
        ("Credited Payments ],2", "Credited Payments ],1", "贷方发生总笔数"),
        ("1,010.00", "1,010.01", "贷方发生总额"),
    ] {
        assert!(BOC.contains(from), "{from}");
        let (_, message) = refused("boc-corporate", D, BOC.replacen(from, to, 1).as_bytes());
        assert!(message.starts_with(total), "{message}");
    }
    // Without its last row both sums and the number contradict; without its head they are missing.
    let (whole, _) = BOC.trim_end().rsplit_once('\n').unwrap();
    refused("boc-corporate", D, format!("{whole}\n").as_bytes());
    let (_, table) = BOC.split_once("20260331-20260331\n").unwrap();
    refused("boc-corporate", D, table.as_bytes());
    // Cut by `|`, with one at the end of every line.
    let piped: String = BOC
        .lines()
        .map(|line| {
            let cells = line
                .replace("\",\"", "|")
                .replace("],", "]|")
                .replace(['"', '\t'], "");
            format!("{cells}|\n")
        })
        .collect();
    let rows = rows_of("boc-corporate", piped.as_bytes());
    assert_eq!(rows, rows_of("boc-corporate", BOC.as_bytes()));
    let gbk = encoding_rs::GB18030.encode(&piped).0.into_owned();
    assert_eq!(rows, rows_of("boc-corporate", &gbk));
}

#[test]
fn a_side_or_a_sign_that_is_not_known_is_refused() {
    let rejected = |format: &str, text: String| {
        let (result, kept) = read_on(&profile(format), D, text.as_bytes());
        assert!(result.is_err() || !kept.rejects.is_empty(), "{format}");
    };
    rejected("bocom-corporate", BOCOM.replacen(",借,", ",付,", 1));
    rejected("bocom-corporate", BOCOM.replacen(",借,5.50", ",贷,-5.50", 1));
    rejected("boc-corporate", BOC.replace("\"CNY\t\"", "\"USD\t\""));
    rejected("cmb-corporate", CMB.replace("币种,人民币", "币种,美元"));
    rejected("cmb-corporate", CMB.replacen(",5.50,,", ",5.50,5.50,", 1));
    rejected("ccb", CCB.replacen("人民币元", "某币", 1));
}

#[test]
fn a_history_of_icbc_with_its_own_account_needs_no_line_before_its_header() {
    let table = "本方账号,对方账号,交易时间,对方单位,用途,摘要,附言,转出金额,转入金额,余额\n\
6222,6217,2026-03-31 09:00:00,甲公司,货款,转账,,,10.00,110.00\n6222,6218,2026-03-31 10:30:05,乙公司,服务费,转账,,5.50,,104.50\n";
    let (expected, ..) = good(
        "icbc-corporate",
        D,
        format!("[HISTORYDETAIL]\n{table}").as_bytes(),
    );
    assert_eq!(expected.len(), 2);
    for text in [table.to_owned(), table.replace(',', "\t")] {
        assert_eq!(good("icbc-corporate", D, text.as_bytes()).0, expected);
    }
    let (_, message) = refused(
        "icbc-corporate",
        D,
        table.replace("6222,", "6223000000000009,").as_bytes(),
    );
    assert!(message.contains("which book.toml does not have"), "{message}");
    let other = table.replace("本方账号", "账号");
    assert_eq!(
        recognise(&profile("icbc-corporate"), other.as_bytes(), None),
        None
    );
}

#[test]
fn zeros_behind_a_yen_and_a_second_currency_are_refused_with_what_to_do() {
    let settings = settings(&[("6222", "JPY")]);
    let seen = |profile: &Profile, text: &str| {
        let mut source = source("ccb", profile.role);
        source.account = Some("A0".to_owned());
        let ctx = FormatContext {
            settings: &settings,
            source: &source,
            business_date: Date::from_ymd(D.0, D.1, D.2).unwrap(),
        };
        let mut kept = Kept::default();
        let result = read_both_ways(profile, text.as_bytes(), &ctx, &mut kept);
        (result, kept)
    };
    let yen = CCB.replace("人民币元", "日元");
    let (result, kept) = seen(&profile("ccb"), &yen);
    assert!(result.is_err() && kept.rows.is_empty());
    assert!(kept.rejects[0].expected.starts_with("at most 0 decimals (JPY), and no zeros there, or, if the file is right, `padded = true` in the profile, which reads zeros and refuses other decimals"), "{:?}", kept.rejects);
    let own = profile::builtin("ccb")
        .unwrap()
        .replace("thousands = \",\"", "thousands = \",\"\npadded = true");
    let own = Profile::parse(&own, "own").unwrap();
    let whole = yen.replace("5.50", "5.00").replace("104.50", "105.00");
    let (result, kept) = seen(&own, &whole);
    result.unwrap();
    assert_eq!(kept.rows.len(), 3, "{:?}", kept.rejects);
    assert!(kept.rows[0].contains("|C|10|JPY|"), "{}", kept.rows[0]);
    // Another decimal stays refused, and what may be one thousand is not offered to be one.
    let (_, kept) = seen(&profile("ccb"), &yen.replacen("10.00", "1.000", 1));
    let reject = &kept.rejects[0];
    assert!(
        reject.found == "1.000" && !reject.expected.contains("padded"),
        "{reject:?}"
    );
    let (_, kept) = seen(&own, &yen);
    assert!(
        kept.rejects[0]
            .expected
            .starts_with("at most 0 decimals (JPY) (column "),
        "{:?}",
        kept.rejects
    );
    // Two currencies of one account.
    let (_, kept) = read_on(&profile("ccb"), D, CCB.replacen("人民币元", "美元", 1).as_bytes());
    assert!(kept.rejects[0].expected.starts_with("CNY, the currency of the account; an account has one currency: where this file has entries in several, fetch a file of each, and give each currency an account and a source of its own in book.toml"), "{:?}", kept.rejects);
}
