//! Layouts and contradictions that public files of the formats have, in made-up rows.

use super::NOT_PROVEN;
use super::samples::{D, SIGNCUSTOMER, good, profile, read_on, refused};

/// The refused row of a file in which only one is refused: column of the field, what was found and expected.
fn reject(name: &str, date: (i32, u32, u32), text: &str) -> String {
    let (_, kept) = read_on(&profile(name), date, text.as_bytes());
    assert_eq!(kept.rejects.len(), 1, "{name}: {:?}", kept.rejects);
    let reject = &kept.rejects[0];
    format!(
        "{}: {}: found {}, expected {}",
        reject.line, reject.field, reject.found, reject.expected
    )
}

#[test]
fn balances_of_alipay_that_do_not_follow_are_said() {
    // Rows in another order than they were booked in, within which the balances follow.
    let lines: Vec<&str> = SIGNCUSTOMER.lines().collect();
    let mut moved = lines.clone();
    moved.swap(5, 6);
    let (result, kept) = read_on(
        &profile("alipay-signcustomer"),
        D,
        (moved.join("\n") + "\n").as_bytes(),
    );
    let facts = result.unwrap();
    assert_eq!(kept.balances, ["0 CNY 2026-03-31 10000 14940"]);
    assert!(
        facts.checked.iter().any(|words| words
            == "running balance: 3 rows from 100.00 CNY to 149.40 CNY (rows stand in another order than they were booked in, first from line 6 on)"),
        "{:?}",
        facts.checked
    );
    assert_eq!(facts.undated, []);
    // A balance that lags behind.
    let lagging = SIGNCUSTOMER.replace("199.40", "149.40");
    let (result, kept) = read_on(&profile("alipay-signcustomer"), D, lagging.as_bytes());
    let facts = result.unwrap();
    assert_eq!((kept.rows.len(), kept.balances.len()), (3, 0));
    let said = facts
        .statements
        .iter()
        .find(|words| words.starts_with("balances of 3 rows do not follow from one another"));
    assert!(said.is_some(), "{:?}", facts.statements);
    assert_eq!(facts.undated.len(), 1);
    assert_eq!(facts.undated[0].0, 6);
    // What is missing is found by the sums all the same.
    let without = lines
        .iter()
        .enumerate()
        .filter(|(at, _)| *at != 6)
        .map(|(_, line)| *line);
    let without = without.collect::<Vec<_>>().join("\n") + "\n";
    assert_eq!(
        refused("alipay-signcustomer", D, without.as_bytes()).1,
        "支出合计: rows: found 1, expected 2"
    );
}

#[test]
fn an_alipay_fund_bill_of_eight_columns_is_read() {
    let text = "#支付宝账务明细查询\n#起始日期：[2026年03月31日 00:00:00]   终止日期：[2026年04月01日 00:00:00]\n\
账务流水号,商户订单号,业务流水号,收入金额（+元）,支出金额（-元）,账户余额（元）,发生时间,备注\n\
A1,P-1,B-1,88.00,,100.00,2026-03-31 10:00:00,订单收款\n\
#-----账务明细列表结束-----,,,,,,,\n#支出合计：0笔，共0.00元,,,,,,,\n#收入合计：1笔，共88.00元,,,,,,,\n";
    let (rows, _, kept) = good("alipay-signcustomer", D, text.as_bytes());
    assert_eq!(
        rows,
        ["A1|0|2026-03-31T10:00:00+08:00|2026-03-31|C|8800|CNY|P-1|订单收款||||"]
    );
    assert_eq!(kept.balances, ["0 CNY 2026-03-31 1200 10000"]);
    // It has no free text: a comma in a cell shifts the row, which is refused.
    let shifted = text.replace("订单收款", "订单,收款");
    let (_, message) = refused("alipay-signcustomer", D, shifted.as_bytes());
    assert!(message.contains("9 fields, expected 8 fields"), "{message}");
}

const WECHAT: &str = "交易时间,公众账号ID,商户号,微信订单号,商户订单号,交易类型,交易状态,货币种类,应结订单金额,微信退款单号,商户退款单号,退款金额,退款状态,手续费,费率,订单金额,申请退款金额\n\
ROW\
总交易单数,应结订单总金额,退款总金额,手续费总金额,订单总金额,申请退款总金额\n";

#[test]
fn a_wechat_row_is_a_payment_or_takes_one_back() {
    let bill = |state: &str, order: &str, refund: &str| {
        let row = format!(
            "`2026-03-31 10:00:00,`wx1,`1900000001,`42000001,`P1,`JSAPI,`{state},`CNY,`{order},`0,`0,`{refund},`,`0.00000,`0.60%,`{order},`{refund}\n"
        );
        WECHAT.replace("ROW", &row) + &format!("`1,`{order},`{refund},`0.00,`{order},`{refund}\n")
    };
    for (state, order, refund) in [
        ("SUCCESS", "1.00", "0.00"),
        ("SUCCESS", "1.00", "0"),
        ("REFUND", "0.00", "1.00"),
        ("REVOKED", "0", "1.00"),
    ] {
        let (rows, ..) = good("wechat-trade", D, bill(state, order, refund).as_bytes());
        assert!(rows[0].contains("|100|0|CNY|"), "{rows:?}");
    }
    assert_eq!(
        reject("wechat-trade", D, &bill("REVOKED", "1.00", "0.00")),
        "2: row: found REVOKED, expected SUCCESS, or nothing in the amount of the order: a row is a payment or takes one back (column 交易状态)"
    );
    assert_eq!(
        reject("wechat-trade", D, &bill("REFUND", "1.00", "1.00")),
        "2: row: found REFUND, expected SUCCESS, or nothing in the amount of the order: a row is a payment or takes one back (column 交易状态)"
    );
    assert_eq!(
        reject("wechat-trade", D, &bill("SUCCESS", "1.00", "1.00")),
        "2: row: found SUCCESS, expected REFUND, or nothing in 退款金额: a row is a payment or takes one back (column 交易状态)"
    );
}

const ADYEN: &str = "Psp Reference,Merchant Reference,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Batch Number\n";

#[test]
fn adyen_types_and_currencies_are_kept_apart() {
    let day = (2026, 1, 5);
    let rows = "P1,O1,2026-01-05 10:00:00,CET,Settled,,USD,,1,USD,,.91,,,.04,.05,7\n\
P2,O2,2026-01-05 10:00:00,CET,Settled,,EUR,,50,EUR,,49,1,,,,7\n\
,,2026-01-06 00:00:00,CET,MerchantPayout,TX1,,,,EUR,49,,,,,,7\n\
,,2026-01-06 00:00:00,CET,MerchantPayout,TX2,,,,USD,.91,,,,,,7\n";
    let (given, checked, _) = good("adyen", day, format!("{ADYEN}{rows}").as_bytes());
    assert_eq!(
        given[0],
        "ADYEN|P1|O1|PAYMENT|100|9|USD|2026-01-05T10:00:00+01:00|2026-01-05|SUCCESS|"
    );
    assert_eq!(
        checked,
        [
            "batch 7 USD: 1 rows, Net Credit (NC) 0.91",
            "batch 7 EUR: 1 rows, Net Credit (NC) 49.00"
        ]
    );
    // What is too much in the one currency is not made good by the other.
    let crossed = rows
        .replace("EUR,49,,,,,,7", "EUR,48,,,,,,7")
        .replace("USD,.91,,", "USD,1.91,,");
    let (_, message) = refused("adyen", day, format!("{ADYEN}{crossed}").as_bytes());
    assert_eq!(message, "batch 7 USD: Net Credit (NC): found 0.91, expected 1.91");
    for (kind, amounts) in [("refunded", "1,"), ("Reserved", ",1")] {
        let row = format!("P1,O1,2026-01-05 10:00:00,CET,{kind},M1,USD,{amounts},USD,{amounts},,,,,7\n");
        assert_eq!(
            reject("adyen", day, &format!("{ADYEN}{row}")),
            format!(
                "2: row: found {kind}, expected a type of payment that the profile knows: what this one does to the payment is not known; where such rows are usual for you, copy the profile into profiles/ of the book and say in `txn_type` what they are (column Type)"
            )
        );
    }
}

#[test]
fn a_stripe_report_without_its_day_says_what_to_order() {
    let text = "balance_transaction_id,source_id,created_utc,available_on,currency,gross,fee,net,reporting_category\n\
txn_1,ch_1,2026-01-30 10:11:12,2026-02-02 00:00:00,usd,25.00,0.95,24.05,charge\n\
txn_2,ch_2,2026-01-30 12:30:00,2026-02-02 00:00:00,USD,10.00,0.05,9.95,charge\n";
    let (_, checked, _) = good("stripe", (2026, 1, 31), text.as_bytes());
    assert_eq!(
        checked,
        [
            "balance transactions USD: 2 rows, gross 35.00, fee 1.00, net 34.00 (counted; the file states none)",
            NOT_PROVEN,
        ]
    );
    let without = text.replace("available_on", "automatic_payout_effective_at");
    let (result, _) = read_on(&profile("stripe"), (2026, 1, 31), without.as_bytes());
    let refused = result.unwrap_err();
    assert!(
        refused
            .message
            .starts_with("the header has no column available_on or available_on_utc (of fields.settle_date"),
        "{}",
        refused.message
    );
    assert!(
        refused.help.contains("order the report again with these columns")
            && refused.help.contains("available_on"),
        "{}",
        refused.help
    );
}

#[test]
fn a_time_is_in_the_zone_that_its_row_names() {
    let file = |zone: &str, time: &str| {
        format!(
            "Type,Payment ID,Reference,Processed On,Available On,Holding Currency,Payout ID,Gross In Holding Currency,Deduction In Holding Currency,Net In Holding Currency,Processing Currency,Action ID,Timezone\n\
Charge,pay_1,R1,{time},2026-11-21,EUR,po_1,10.00,-0.30,9.70,EUR,act_1,{zone}\n"
        )
    };
    let time = |zone: &str, time: &str| {
        let (rows, ..) = good("checkout", (2026, 11, 20), file(zone, time).as_bytes());
        rows[0].split('|').nth(7).unwrap_or_default().to_owned()
    };
    let wall = "2026-11-20 10:11:12";
    assert_eq!(time("America/Los_Angeles", wall), "2026-11-20T10:11:12-08:00");
    assert_eq!(
        time("Europe/London", "2026-07-20 10:11:12"),
        "2026-07-20T10:11:12+01:00"
    );
    assert_eq!(
        time("Europe/London", "2026-11-20T10:11:12+08:00"),
        "2026-11-20T10:11:12+08:00"
    );
    // Without a name the book's.
    assert_eq!(time("", wall), "2026-11-20T10:11:12+08:00");
    for (zone, when, field) in [
        ("PST", wall, "the name of a time zone such as Europe/London"),
        (
            "Europe/London",
            "2026-10-25 01:30:00",
            "a time that clocks showed once",
        ),
    ] {
        let (_, kept) = read_on(&profile("checkout"), (2026, 11, 20), file(zone, when).as_bytes());
        assert!(kept.rejects[0].expected.starts_with(field), "{:?}", kept.rejects);
    }
}

#[test]
fn stripe_settles_on_the_day_in_utc() {
    let file = "balance_transaction_id,source_id,created_utc,created,available_on_utc,available_on,automatic_payout_id,currency,gross,fee,net,reporting_category\n\
txn_0,ch_1,2026-11-20 10:11:12,2026-11-20 02:11:12,2026-11-22 00:00:00,2026-11-21 16:00:00,po_1,usd,10.00,0.30,9.70,charge\n\
txn_1,ch_2,2026-11-20 10:11:12,2026-11-20 02:11:12,,2026-11-21 16:00:00,po_1,usd,10.00,0.30,9.70,charge\n";
    let (rows, ..) = good("stripe", (2026, 11, 20), file.as_bytes());
    let days: Vec<&str> = rows.iter().filter_map(|row| row.split('|').nth(8)).collect();
    assert_eq!(days, ["2026-11-22", "2026-11-21"]);
}

#[test]
fn checkout_times_have_milliseconds_and_payouts_a_fee() {
    let text = "Type,Payment ID,Reference,Processed On,Available On,Holding Currency,Payout ID,Gross In Holding Currency,Deduction In Holding Currency,Net In Holding Currency,Processing Currency,Gross In Processing Currency\n\
Charge,pay_1,O1,2026-01-05T10:00:00.000,2026-01-07T00:00:00.000,EUR,PO1,10,-0.25,9.75,EUR,10\n\
Merchant Payout,,,2026-01-05T00:00:00.000,2026-01-05T00:00:00.000,EUR,PO1,0,-2,-2,EUR,0\n";
    let (rows, ..) = good("checkout", (2026, 1, 5), text.as_bytes());
    assert_eq!(
        rows,
        [
            "CHECKOUT|pay_1|O1|PAYMENT|1000|25|EUR|2026-01-05T10:00:00+08:00|2026-01-07|SUCCESS|",
            "CHECKOUT|PO1/fee||WITHDRAWAL|200|0|EUR|2026-01-05T00:00:00+08:00|2026-01-05|SUCCESS|",
        ]
    );
    // A payment without a number is not one of its payout's.
    let unnamed = text.replace("pay_1,O1", ",");
    let found = reject("checkout", (2026, 1, 5), &unnamed);
    assert!(found.starts_with("2: channel_ref: found ,"), "{found}");
}

#[test]
fn a_record_of_cmb_web_is_read_with_and_without_its_frame() {
    let framed = "\"# 招商银行交易记录\"\n\"# 导出时间: [            2026-03-31 23:52:22]\"\n\"# 账    号: [一卡通:6214********6222   招商银行]\"\n\"# 币    种: [                         人民币]\"\n\"# 起始日期: [20260301]   终止日期: [20260331]\"\n\"# 过滤设置:  无\"\n\n\
\"交易日期\",\"交易时间\",\"收入\",\"支出\",\"余额\",\"交易类型\",\"交易备注\"\n\
\"\t20260331\",\"\t12:00:00\",\"1,100.00\",\"\",\"10,000.00\",\"转账\",\"\t货款, P-1\"\n\
\"\t20260331\",\"\t11:00:00\",\"\",\"100.00\",\"8900.00\",\"消费\",\"\t午饭\"\n\n\
\"# 收入合计: 1 笔，共 1,100.00 元\"\n\"# 支出合计: 1 笔，共 100.00 元\"\n";
    let rows_of = |rows: &[String]| -> Vec<String> {
        let short = rows.iter().map(|row| row.split_once('|').unwrap().1.to_owned());
        short.collect()
    };
    let expected = [
        "0|2026-03-31T12:00:00+08:00|2026-03-31|C|110000|CNY||转账 货款, P-1||||",
        "0|2026-03-31T11:00:00+08:00|2026-03-31|D|10000|CNY||消费 午饭||||",
    ];
    // Frame lines stand bare as well.
    let bare: String = framed
        .lines()
        .map(|line| match line.strip_prefix("\"#") {
            Some(rest) => format!("#{},,\n", rest.trim_end_matches('"')),
            None => format!("{line}\n"),
        })
        .collect();
    for text in [framed, &bare] {
        let gbk = encoding_rs::GB18030.encode(text).0.into_owned();
        for bytes in [text.as_bytes(), &gbk] {
            let (rows, checked, kept) = good("cmb-web", D, bytes);
            assert_eq!(rows_of(&rows), expected);
            assert_eq!(kept.balances, ["0 CNY 2026-03-31 900000 1000000"]);
            assert_eq!(
                checked,
                [
                    "收入合计: 1 rows, 收入 1100.00",
                    "支出合计: 1 rows, 支出 100.00",
                    "running balance: 2 rows from 9000.00 CNY to 10000.00 CNY"
                ]
            );
        }
    }
    let (_, message) = refused(
        "cmb-web",
        D,
        framed.replace("1 笔，共 100.00", "1 笔，共 100.01").as_bytes(),
    );
    assert_eq!(message, "支出合计: 支出: found 100.00, expected 100.01");
    let (_, message) = refused(
        "cmb-web",
        D,
        framed.replace("1 笔，共 1,100", "2 笔，共 1,100").as_bytes(),
    );
    assert_eq!(message, "收入合计: rows: found 1, expected 2");
    let dollars = reject_all("cmb-web", &framed.replace("人民币]", "美元]"));
    let of_account = |expected: &String| expected.starts_with("CNY, the currency of the account; ");
    assert!(
        dollars.len() == 2 && dollars.iter().all(of_account),
        "{dollars:?}"
    );
    // The table alone.
    let (_, table) = framed.split_once("无\"\n\n").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let plain = format!("{}\n", table.replace("\"\t", "\""));
    let (rows, checked, _) = good("cmb-web", D, plain.as_bytes());
    assert_eq!(rows_of(&rows), expected);
    assert!(
        checked.contains(&"收入合计: not stated in this file".to_owned()),
        "{checked:?}"
    );
}

#[test]
fn files_that_look_like_another_are_called_by_their_name() {
    let card = "明细查询文件下载\n\n卡号: 1234****5678,\"卡别名: \"\n\n交易日期,记账日期,摘要,交易场所,交易金额(收入),交易金额(支出),交易币种,记账金额(收入),记账金额(支出),记账币种,余额,对方户名\n\
2026-03-31,2026-03-31,消费,店,,18.00,人民币,,18.00,人民币,-18.00,\n";
    let gbk = encoding_rs::GB18030.encode(card).0.into_owned();
    for bytes in [card.as_bytes(), &gbk] {
        assert_eq!(
            refused("icbc-retail", D, bytes).1,
            "this is a credit card's statement: what it shows is owed, and no money in an account"
        );
    }
    for name in ["wechat-trade", "wechat-fund"] {
        let creating = b"{\"code\":\"STATEMENT_CREATING\",\"message\":\"...\"}";
        let (result, _) = read_on(&profile(name), D, creating);
        let refused = result.unwrap_err();
        assert!(
            refused.message.contains("is still writing the bill"),
            "{refused:?}"
        );
        assert!(
            refused.help.starts_with("fetch it again after 10:00"),
            "{refused:?}"
        );
    }
    let person = "微信支付账单明细,,,,\n微信昵称：[某人],,,,\n";
    assert!(
        refused("wechat-trade", D, person.as_bytes())
            .1
            .contains("a person's and not a merchant's")
    );
    let workbook = b"PK\x03\x04\x14\0\x06\0[Content_Types].xml";
    assert_eq!(refused("ccb", D, workbook).1, "this is an Excel workbook (xlsx)");
}

const PAYPAL: &str = "RH,2026/01/07 05:00:00 -0800,A,EZ,010\nFH,1\nSH,2026/01/06 00:00:00 -0800,2026/01/06 23:59:59 -0800,EZ\n\
CH,Transaction ID,Invoice ID,PayPal Reference ID,PayPal Reference ID Type,Transaction Event Code,Transaction Initiation Date,Transaction Completion Date,Transaction Debit or Credit,Gross Transaction Amount,Gross Transaction Currency,Fee Debit or Credit,Fee Amount,Fee Currency\n\
SB,T1,I1,R1,TXN,T0006,2026/01/06 00:00:30 -0800,2026/01/06 00:00:30 -0800,CR,5200,USD,DR,225,USD\n\
SB,T2,I1,T1,TXN,T1107,2026/01/06 00:06:02 -0800,2026/01/06 00:06:02 -0800,DR,535,USD,CR,47,USD\n\
SF,USD,5200,535,47,225,CR,1000,CR,5487,CR,0,CR,0,2\nSC,2\nRF,USD,5200,535,47,225,CR,1000,CR,5487,CR,0,CR,0,2\nRC,2\nFF,2\n";

#[test]
fn paypal_states_credits_before_debits() {
    let day = (2026, 1, 6);
    let (rows, ..) = good("paypal-stl", day, PAYPAL.as_bytes());
    assert_eq!(rows.len(), 2);
    let turned = PAYPAL.replace("535,47,225,", "535,225,47,");
    let (_, message) = refused("paypal-stl", day, turned.as_bytes());
    assert_eq!(
        message,
        "SF fees of USD: Fee Amount (Fee Debit or Credit CR): found 0.47, expected 2.25"
    );
    // A spreadsheet fills up every line.
    let padded: String = PAYPAL
        .lines()
        .map(|line| match line.starts_with("SB") || line.starts_with("CH") {
            true => format!("{line}\n"),
            false => format!("{line},,,,,\n"),
        })
        .collect();
    assert_eq!(good("paypal-stl", day, padded.as_bytes()).0, rows);
    let (_, message) = refused("paypal-stl", day, padded.replace("0,2,,,", "0,3,,,").as_bytes());
    assert_eq!(message, "SF rows of USD: rows: found 2, expected 3");
}

#[test]
fn a_transaction_detail_report_is_no_settlement_report() {
    let detail = PAYPAL
        .replace("Fee Currency", "Fee Currency,Transactional Status")
        .replace("DR,225,USD", "DR,225,USD,P")
        .replace("CR,47,USD", "CR,47,USD,S");
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(detail.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    for bytes in [detail.as_bytes(), &wide] {
        let (result, kept) = read_on(&profile("paypal-stl"), (2026, 1, 6), bytes);
        let refused = result.unwrap_err();
        assert_eq!(
            refused.message,
            "this is a transaction detail report (TRR): its rows may be pending, and it states no sums"
        );
        assert_eq!(refused.help, "fetch PayPal's settlement report (STL) of the day");
        assert_eq!(kept.rows.len(), 0);
    }
}

/// What was expected in the place of what every refused row has.
fn reject_all(name: &str, text: &str) -> Vec<String> {
    let (_, kept) = read_on(&profile(name), D, text.as_bytes());
    let rejects = kept.rejects.into_iter();
    rejects
        .map(|reject| {
            reject
                .expected
                .split(" (column")
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

#[test]
fn corporate_layouts_of_icbc_are_read() {
    let sides = "[HISTORYDETAIL]\n对方账号,交易时间,对方单位,用途,摘要,附言,回单个性化信息,余额,转出金额,转入金额\n\
2001,2026-03-31 10:00:00,甲公司,货款,,,,900.00,100.00,\n2002,2026-03-31 11:00:00,乙公司,收款,,,,950.00,,50.00\n";
    let side = "[HISTORYDETAIL]\n对方账号,交易时间,借贷标志,对方单位,对方行号,用途,摘要,附言,发生额,余额,币种\n\
2001,2026-03-31 10:00:00,借,甲公司,102,货款,,,100.00,900.00,人民币\n2002,2026-03-31 11:00:00,贷,乙公司,102,收款,,,50.00,950.00,人民币\n";
    let numbered = "[HISTORYDETAIL]\n凭证号,本方账号,对方账号,交易时间,借/贷,借方发生额,贷方发生额,对方行号,摘要,用途,对方单位名称,余额,个性化信息\n\
000000001,6222,2001,2026-03-31 10:00:00,借,100.00,,,货款,,甲公司,900.00,\n000000002,6222,2002,2026-03-31 11:00:00,贷,,50.00,,收款,,乙公司,950.00,\n";
    for (name, text, reference) in [
        ("icbc-corporate", sides, ""),
        ("icbc-corporate-side", side, ""),
        ("icbc-corporate", numbered, "000000001"),
    ] {
        for text in [text.to_owned(), text.replace(',', "\t")] {
            let gbk = encoding_rs::GB18030.encode(&text).0.into_owned();
            for bytes in [text.as_bytes(), &gbk] {
                let (rows, _, kept) = good(name, D, bytes);
                assert_eq!(
                    rows[0].split_once('|').unwrap().1,
                    format!(
                        "0|2026-03-31T10:00:00+08:00|2026-03-31|D|10000|CNY|{reference}|货款|甲公司|2001||"
                    )
                );
                assert!(rows[1].contains("|C|5000|CNY|"), "{rows:?}");
                assert_eq!(kept.balances, ["0 CNY 2026-03-31 100000 95000"]);
            }
        }
    }
    // One layout is none of the other, and a side that nobody knows is refused.
    for (name, text) in [("icbc-corporate", side), ("icbc-corporate-side", sides)] {
        let (_, message) = refused(name, D, text.as_bytes());
        assert!(
            message.starts_with(&format!("this is no file of format {name}")),
            "{message}"
        );
    }
    let (result, kept) = read_on(
        &profile("icbc-corporate-side"),
        D,
        side.replace(",贷,", ",平,").as_bytes(),
    );
    assert_eq!(kept.rejects[0].field, "direction");
    assert!(result.unwrap_err().message.contains("cannot be checked"));
}
