//! Copies of bills and statements that a person opened in a spreadsheet and saved: what it changed and cannot be told any more is
//! refused in words that say so, and what only looks otherwise is read.

use super::samples::{D, SIGNCUSTOMER, good, profile, read_on, refused};
use super::*;
use crate::entries::rows::Reject;

/// The first reject of a file that is read.
fn rejected(name: &str, text: &str) -> Reject {
    let (result, kept) = read_on(&profile(name), D, text.as_bytes());
    if let Err(refused) = result {
        panic!("{name}: {refused:?}");
    }
    kept.rejects
        .first()
        .cloned()
        .unwrap_or_else(|| panic!("{name} has no reject: {:?}", kept.rows))
}

/// Ids as a spreadsheet shows them: those of many rows become one.
#[test]
fn an_id_that_a_spreadsheet_has_shortened_is_refused_in_every_format() {
    let check = |name: &str, text: &str, field: &str, found: &str| {
        let reject = rejected(name, text);
        assert_eq!(
            (reject.field.as_str(), reject.found.as_str()),
            (field, found),
            "{name}"
        );
        assert!(
            reject
                .expected
                .contains("a spreadsheet has shortened this one when the file was saved from it"),
            "{name}: {}",
            reject.expected
        );
        assert!(reject.expected.contains("fetch the file again"), "{name}");
    };
    let chinaums = "清算日期,交易日期,交易时间,交易金额,终端号,分店简称,清算金额,手续费,流水号,交易类型,参考号,卡号,商户号,商户名称,发卡行,卡类型,商户订单号,退货订单号\n";
    let row = |reference: &str, order: &str| {
        format!(
            "20260331,20260331,101500,100.00,12345678,店,99.40,0.60,1,消费,{reference},6226,898000,商户,工行,借记卡,{order},\n"
        )
    };
    // Behind rows enough that it stands among those that are read by column.
    let usual: String = (0..70)
        .map(|at| row(&format!("1120120{at}"), &format!("20261{at}")))
        .collect();
    check(
        "chinaums",
        &format!("{chinaums}{usual}{}{usual}", row("1.12012E+11", "A1")),
        "channel_ref",
        "1.12012E+11",
    );
    check(
        "chinaums",
        &format!("{chinaums}{usual}{}", row("112012", "2.02611E+17")),
        "order_id",
        "2.02611E+17",
    );
    // Two texts side by side are the id here.
    check(
        "baidu-wallet",
        "订单号,百付宝交易号,创建时间,收入金额（+元）,支出金额（-元）,业务类型,账户余额（元）,说明\n20261,2.02611E+17,2026-03-31 10:00:00,100.00,,即时到账,100.00,\n",
        "entry_id",
        "2.02611E+17/即时到账",
    );
    check(
        "baidu-wallet",
        "订单号,百付宝交易号,创建时间,收入金额（+元）,支出金额（-元）,业务类型,账户余额（元）,说明\n2.02611E+17,20261,2026-03-31 10:00:00,100.00,,即时到账,100.00,\n",
        "bank_ref",
        "2.02611E+17",
    );
    check(
        "ccb",
        "账号,账户名称,交易时间,借方发生额（支取）,贷方发生额（收入）,余额,币种,对方户名,对方账号,对方开户机构,记账日期,摘要,备注,账户明细编号-交易流水号\n6222,店,20260331 17:07:09,0.00,10.00,110.00,人民币元,张三,6217,行,20260331,转账,订单,1.35E+17\n",
        "entry_id",
        "1.35E+17",
    );
    let id = SIGNCUSTOMER
        .lines()
        .find(|line| line.starts_with(|c: char| c.is_ascii_digit()))
        .unwrap();
    let id = id.split(',').next().unwrap().trim();
    check(
        "alipay-signcustomer",
        &SIGNCUSTOMER.replacen(id, "5.46324E+13", 1),
        "entry_id",
        "5.46324E+13",
    );
    let trade = trade_bill("2026033122001400001");
    check(
        "alipay-trade",
        &trade.replace("2026033122001400001", "2.02603E+18"),
        "channel_ref",
        "2.02603E+18",
    );
    // A profile of the book too, and however its cells are put together.
    let own = "title = \"x\"\nrole = \"bank\"\nencodings = [\"utf-8\"]\n[recognise]\nheader = [\"id\", \"day\"]\n[frame]\ndelimiter = \",\"\n[fields]\nentry_id = { columns = \"id\", required = true }\naccount = { from = \"source.account\" }\nbooking_time = { columns = \"day\", pattern = \"yyyy-MM-dd\" }\nvalue_date = { columns = \"day\", pattern = \"yyyy-MM-dd\" }\namount = { columns = \"amount\" }\ndirection = { from = \"amount sign\" }\ncurrency = { value = \"CNY\" }\nbank_ref = { columns = \"ref\", strip_prefix = \"R\" }\noriginal_ref = { columns = \"of\" }\n";
    let own = Profile::parse(own, "own").unwrap();
    let text = "id,day,amount,ref,of\n1,2026-03-31,1.00,R1.5E+11,2\n2,2026-03-31,1.00,R7,3E+12\n3,2026-03-31,1.00,R7,DE+12\n";
    let (result, kept) = read_on(&own, D, text.as_bytes());
    result.unwrap();
    let fields: Vec<(u64, &str)> = kept
        .rejects
        .iter()
        .map(|reject| (reject.line, reject.field.as_str()))
        .collect();
    assert_eq!(fields, [(2, "bank_ref"), (3, "original_ref")]);
    assert_eq!(kept.rows.len(), 1);
}

/// An Alipay bill of one payment.
fn trade_bill(number: &str) -> String {
    format!(
        "#支付宝业务明细查询\n#账号：[20880211096256330156]\n#起始日期：[2026年03月31日 00:00:00]   终止日期：[2026年04月01日 00:00:00]\n#-----------------------------------------业务明细列表----------------------------------------\n支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注\n{number},A001,交易,苹果,2026-03-31 10:00:00,2026-03-31 10:00:05,,,,,张*,100.00,100.00,0.00,0.00,0.00,0.00,0.00,,0.00,0.00,,-0.60,0.00,x\n#-----------------------------------------业务明细列表结束------------------------------------\n#交易合计：1笔，商家实收共100.00元，商家优惠共0.00元\n#退款合计：0笔，商家实收退款共0.00元，商家优惠退款共0.00元\n"
    )
}

#[test]
fn an_account_that_a_spreadsheet_has_shortened_is_never_taken_for_the_sources() {
    let ccb = |account: &str| {
        format!(
            "账号,账户名称,交易时间,借方发生额（支取）,贷方发生额（收入）,余额,币种,对方户名,对方账号,对方开户机构,记账日期,摘要,备注,账户明细编号-交易流水号\n{account},店,20260331 17:07:09,0.00,10.00,110.00,人民币元,张三,6217,行,20260331,转账,订单,B1\n"
        )
    };
    good("ccb", D, ccb("6222").as_bytes());
    for account in ["6.222E+18", "6.2E+03"] {
        let (line, message) = refused("ccb", D, ccb(account).as_bytes());
        assert_eq!(line, 2);
        let end = format!("…{}", &account[account.len() - 4..]);
        assert!(
            message.contains(&end) && message.contains("a spreadsheet has shortened"),
            "{message}"
        );
    }
    // In a line before the header.
    let told = SIGNCUSTOMER
        .lines()
        .find(|line| line.starts_with("#账号"))
        .unwrap();
    let (_, message) = refused(
        "alipay-signcustomer",
        D,
        SIGNCUSTOMER.replace(told, "#账号：[2.08802E+19]").as_bytes(),
    );
    assert!(message.contains("a spreadsheet has shortened"), "{message}");
}

#[test]
fn what_only_looks_otherwise_in_a_copy_is_read() {
    // Times without seconds, amounts without their zeros, lines of the frame filled up.
    let whole = trade_bill("2026033122001400001");
    let (expected, ..) = good("alipay-trade", D, whole.as_bytes());
    let copy: String = whole
        .replace(
            "2026-03-31 10:00:00,2026-03-31 10:00:05",
            "2026/3/31 10:00,2026/3/31 10:00",
        )
        .replace("100.00,100.00", "100,100")
        .lines()
        .map(|line| match line.starts_with('#') {
            true => format!("{line}{}\n", ",".repeat(24)),
            false => format!("{line}\n"),
        })
        .collect();
    let (rows, ..) = good("alipay-trade", D, copy.as_bytes());
    assert_eq!(
        rows,
        expected
            .iter()
            .map(|row| row.replace("10:00:05", "10:00:00"))
            .collect::<Vec<_>>()
    );
    // A clock in digits without its zero.
    let abc = |clock: &str| {
        format!(
            "交易日期,交易时间,交易摘要,交易金额,本次余额,对手信息,日 志 号,交易渠道,交易附言\n20260331,{clock},转存,+10.00,110.00,甲,369,网银,货款\n"
        )
    };
    let (rows, ..) = good("abc", D, abc("93005").as_bytes());
    assert!(rows[0].contains("|2026-03-31T09:30:05+08:00|"), "{}", rows[0]);
    let ccb = "账号,账户名称,交易时间,借方发生额（支取）,贷方发生额（收入）,余额,币种,对方户名,对方账号,对方开户机构,记账日期,摘要,备注,账户明细编号-交易流水号\n6222,店,2026/3/31 10:00,0,10,110,人民币元,甲,1,行,2026/3/31,转账,x,B1\n";
    let (rows, ..) = good("ccb", D, ccb.as_bytes());
    assert!(rows[0].contains("|2026-03-31T10:00:00+08:00|"), "{}", rows[0]);
    // Rows of nothing, at the end and between others, also where rows are read many at a time.
    let row = "6222,店,2026/3/31 10:00,0,10,110,人民币元,甲,1,行,2026/3/31,转账,x,B1\n";
    let (header, _) = ccb.split_once('\n').unwrap();
    let mut balance = 100;
    let rows: Vec<String> = (0..200)
        .map(|at| {
            balance += 10;
            row.replace(",10,110,", &format!(",10,{balance},"))
                .replace("B1", &format!("B{at}"))
        })
        .collect();
    let nothing = ",".repeat(13);
    let text = format!(
        "{header}\n{}{nothing}\n{}{nothing}\n, ,\t,,,,,,,,,,,\n{nothing}",
        rows[..100].concat(),
        rows[100..].concat()
    );
    let (read, told, _) = good("ccb", D, text.as_bytes());
    assert_eq!(read.len(), 200);
    assert!(
        told.contains(&"rows of separators alone, as a spreadsheet leaves them, are passed over: 4, the first in line 102".to_owned()),
        "{told:?}"
    );
    // A row with anything in it is a row.
    let reject = rejected(
        "chinaums",
        "清算日期,交易日期,交易时间,交易金额,清算金额,手续费,交易类型,参考号\n,,,,,,,\n,,,,,,,x\n",
    );
    assert_eq!(reject.line, 3);
}

#[test]
fn a_summary_may_be_filled_up_with_empty_cells() {
    let Some(bytes) = crate::ingest::formats::testing::sample("wechat/trade_ALL_27col_v3_2021-01-28.csv")
    else {
        return;
    };
    let text = String::from_utf8(bytes).unwrap();
    let day = (2021, 1, 28);
    let (expected, ..) = good("wechat-trade", day, text.as_bytes());
    let lines: Vec<&str> = text.lines().collect();
    let (rows, summary) = lines.split_at(lines.len() - 2);
    let copy = |padding: &str| {
        format!(
            "{}\n{}\n",
            rows.join("\n"),
            summary
                .iter()
                .map(|line| format!("{line}{padding}"))
                .collect::<Vec<_>>()
                .join("\n")
        )
    };
    let padding = ",".repeat(20);
    assert_eq!(good("wechat-trade", day, copy(&padding).as_bytes()).0, expected);
    // What stands there must be nothing.
    refused("wechat-trade", day, copy(",,1").as_bytes());
}

#[test]
fn a_copy_that_cannot_be_read_is_not_sent_to_the_bank() {
    let ccb = |time: &str| {
        format!(
            "账号,账户名称,交易时间,借方发生额（支取）,贷方发生额（收入）,余额,币种,对方户名,对方账号,对方开户机构,记账日期,摘要,备注,账户明细编号-交易流水号\n6222,店,{time},0,10,110,人民币元,甲,1,行,20260331,转账,x,B1\n"
        )
    };
    for time in ["########", "00:05.0", "3/31/2026 10:00"] {
        let (result, _) = read_on(&profile("ccb"), D, ccb(time).as_bytes());
        let refused = result.unwrap_err();
        assert!(
            refused
                .message
                .contains("it looks as if a spreadsheet has changed it"),
            "{refused:?}"
        );
        assert!(
            refused
                .help
                .starts_with("fetch the file again and deliver it without opening it"),
            "{refused:?}"
        );
    }
    let (result, _) = read_on(&profile("ccb"), D, ccb("31.03.2026").as_bytes());
    let refused = result.unwrap_err();
    assert!(refused.help.starts_with("ask the bank"), "{refused:?}");
}
