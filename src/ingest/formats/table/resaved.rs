//! Copies of bills and statements that a person opened in a spreadsheet and saved: what it changed and cannot be told any more is
//! refused in words that say so, and what only looks otherwise is read.

use super::samples::{D, SIGNCUSTOMER, good, profile, read_on, refused};
use super::*;

/// The first reject of a file that is read.
fn rejected(name: &str, text: &str) -> Reject {
    let (result, kept) = read_on(&profile(name), D, text.as_bytes());
    if let Err(refused) = result {
        panic!("{name}: {refused:?}");
    }
    kept.rejects.first().cloned().unwrap_or_else(|| panic!("{name} has no reject: {:?}", kept.rows))
}

/// Ids as a spreadsheet shows them: those of many rows become one.
#[test]
fn an_id_that_a_spreadsheet_has_shortened_is_refused_in_every_format() {
    let check = |name: &str, text: &str, field: &str, found: &str| {
        let reject = rejected(name, text);
        assert_eq!((reject.field.as_str(), reject.found.as_str()), (field, found), "{name}");
        assert!(
            reject.expected.contains("a spreadsheet has shortened this one when the file was saved from it"),
            "{name}: {}",
            reject.expected
        );
        assert!(reject.expected.contains("fetch the file again"), "{name}");
    };
    let chinaums = "清算日期,交易日期,交易时间,交易金额,终端号,分店简称,清算金额,手续费,流水号,交易类型,参考号,卡号,商户号,商户名称,发卡行,卡类型,商户订单号,退货订单号\n";
    let row = |reference: &str, order: &str| {
        format!("20260331,20260331,101500,100.00,12345678,店,99.40,0.60,1,消费,{reference},6226,898000,商户,工行,借记卡,{order},\n")
    };
    // Behind rows enough that it stands among those that are read by column.
    let usual: String = (0..70).map(|at| row(&format!("1120120{at}"), &format!("20261{at}"))).collect();
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
    let id = SIGNCUSTOMER.lines().find(|line| line.starts_with(|c: char| c.is_ascii_digit())).unwrap();
    let id = id.split(',').next().unwrap().trim();
    check("alipay-signcustomer", &SIGNCUSTOMER.replacen(id, "5.46324E+13", 1), "entry_id", "5.46324E+13");
    let trade = trade_bill("2026033122001400001");
    check("alipay-trade", &trade.replace("2026033122001400001", "2.02603E+18"), "channel_ref", "2.02603E+18");
    // A profile of the book too, and however its cells are put together.
    let own = "title = \"x\"\nrole = \"bank\"\nencodings = [\"utf-8\"]\n[recognise]\nheader = [\"id\", \"day\"]\n[frame]\ndelimiter = \",\"\n[fields]\nentry_id = { columns = \"id\", required = true }\naccount = { from = \"source.account\" }\nbooking_time = { columns = \"day\", pattern = \"yyyy-MM-dd\" }\nvalue_date = { columns = \"day\", pattern = \"yyyy-MM-dd\" }\namount = { columns = \"amount\" }\ndirection = { from = \"amount sign\" }\ncurrency = { value = \"CNY\" }\nbank_ref = { columns = \"ref\", strip_prefix = \"R\" }\noriginal_ref = { columns = \"of\" }\n";
    let own = Profile::parse(own, "own").unwrap();
    let text = "id,day,amount,ref,of\n1,2026-03-31,1.00,R1.5E+11,2\n2,2026-03-31,1.00,R7,3E+12\n3,2026-03-31,1.00,R7,DE+12\n";
    let (result, kept) = read_on(&own, D, text.as_bytes());
    result.unwrap();
    let fields: Vec<(u64, &str)> = kept.rejects.iter().map(|reject| (reject.line, reject.field.as_str())).collect();
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
        assert!(message.contains(&end) && message.contains("a spreadsheet has shortened"), "{message}");
    }
    // In a line before the header.
    let told = SIGNCUSTOMER.lines().find(|line| line.starts_with("#账号")).unwrap();
    let (_, message) = refused("alipay-signcustomer", D, SIGNCUSTOMER.replace(told, "#账号：[2.08802E+19]").as_bytes());
    assert!(message.contains("a spreadsheet has shortened"), "{message}");
}
