//! Public samples and texts after published layouts, read by the built-in profiles: entries and totals, or the reason of
//! the refusal.

use super::row_digest::DIGEST_CHARS;
use super::*;
use crate::ingest::formats::ReportPart;
use crate::ingest::formats::profile::builtin;
use crate::ingest::formats::testing::{Kept, sample, settings, source};
use crate::terms::date::Date;

pub(super) fn profile(name: &str) -> Profile {
    match Profile::parse(builtin(name).unwrap(), name) {
        Ok(profile) => profile,
        Err(findings) => panic!("{findings:?}"),
    }
}

/// Reads a file by column and by record: both give the same, and what is wrong is wrong in the same words.
pub(super) fn read_both_ways(
    profile: &Profile,
    bytes: &[u8],
    ctx: &FormatContext<'_>,
    kept: &mut Kept,
) -> Result<FileFacts, FileRefused> {
    let mut by_record = Kept::default();
    let expected = read_in(Way::ByRecord, profile, Box::new(bytes), ctx, &mut by_record);
    let result = read_in(Way::ByColumn, profile, Box::new(bytes), ctx, kept);
    assert_eq!(result, expected, "{}", String::from_utf8_lossy(bytes));
    if result.is_ok() {
        assert_eq!(*kept, by_record, "{}", String::from_utf8_lossy(bytes));
    }
    result
}

/// Reads by a profile on a business date; the source names account `6222` and no channel.
pub(super) fn read_on(
    profile: &Profile,
    date: (i32, u32, u32),
    bytes: &[u8],
) -> (Result<FileFacts, FileRefused>, Kept) {
    let mut settings = settings(&[("6222", "CNY"), ("STRIPE", "USD")]);
    // The numbers by which samples name the account.
    settings.accounts[0].other_numbers = ["1234****9876", "6214********6222", "3201000000009"]
        .map(str::to_owned)
        .to_vec();
    let mut source = source(&profile.name, profile.role);
    if profile.role == crate::book::settings::Role::Bank {
        source.account = Some(
            if profile.name.starts_with("stripe-balance") {
                "A1"
            } else {
                "A0"
            }
            .to_owned(),
        );
    }
    let ctx = FormatContext {
        settings: &settings,
        source: &source,
        business_date: Date::from_ymd(date.0, date.1, date.2).unwrap(),
    };
    let mut kept = Kept::default();
    let result = read_both_ways(profile, bytes, &ctx, &mut kept);
    (result, kept)
}

/// Rows and what was checked of a file that must be read without a reject.
pub(super) fn good(name: &str, date: (i32, u32, u32), bytes: &[u8]) -> (Vec<String>, Vec<String>, Kept) {
    let (result, kept) = read_on(&profile(name), date, bytes);
    let facts = match result {
        Ok(facts) => facts,
        Err(refused) => panic!("{name}: {refused:?}"),
    };
    assert_eq!(kept.rejects, [], "{name}");
    // What holds and what is said beside it, as a close tells them.
    let told = facts.checked.into_iter().chain(facts.noted).collect();
    (kept.rows.clone(), told, kept)
}

/// Line and message of a refused file.
pub(super) fn refused(name: &str, date: (i32, u32, u32), bytes: &[u8]) -> (u64, String) {
    let (result, _) = read_on(&profile(name), date, bytes);
    let refused = result.unwrap_err();
    assert!(!refused.help.is_empty());
    (refused.line, refused.message)
}

/// A member of a zip.
pub(super) fn member(bytes: &[u8], name: &str) -> Vec<u8> {
    let mut archive = zip::ZipArchive::new(std::io::Cursor::new(bytes)).unwrap();
    let mut content = Vec::new();
    archive.by_name(name).unwrap().read_to_end(&mut content).unwrap();
    content
}

pub(super) const D: (i32, u32, u32) = (2026, 3, 31);

#[test]
fn unionpay_zm_of_the_demo_is_read_to_the_fen() {
    let Some(zip) = sample("unionpay/802310048993424_20150905.zip") else {
        return;
    };
    let zm = member(&zip, "INN15090588ZM_802310048993424");
    let (rows, checked, _) = good("unionpay-zm", (2015, 9, 5), &zm);
    assert_eq!(rows.len(), 8);
    assert_eq!(
        rows[0],
        "UNIONPAY|201509061122031906248|10078087|PAYMENT|476800|2861|CNY|2015-09-06T11:22:03+08:00|2015-09-05|SUCCESS|"
    );
    assert_eq!(
        checked,
        [
            "合计: 8 rows, 交易金额 13227.00, 商户手续费 -79.36, 结算金额 13147.64 (counted; the file states none)",
            NOT_PROVEN,
        ]
    );
    let report = member(&zip, "RD201015090501_802310048993424");
    let (rows, checked, _) = good("unionpay-zm", (2015, 9, 5), &report);
    assert_eq!(rows.len(), 0);
    assert!(
        checked[0].starts_with("not read: UnionPay's report"),
        "{checked:?}"
    );
    // A year later the same times are of that year.
    let (rows, ..) = good("unionpay-zm", (2016, 1, 2), &zm);
    assert!(rows[0].contains("|2015-09-06T"), "{}", rows[0]);
    // A record with a refund: money goes from the merchant, the fee comes back.
    let text = String::from_utf8(zm.clone()).unwrap();
    let mut record = text.lines().next().unwrap().to_owned();
    record.replace_range(215..217, "04");
    record.replace_range(166..193, "C000000002861 D000000473939");
    record.replace_range(374..387, "D000000473939");
    record.replace_range(476..486, "ORIGINAL-1");
    let (rows, ..) = good("unionpay-zm", (2015, 9, 5), format!("{record}\r\n").as_bytes());
    assert_eq!(
        rows[0],
        "UNIONPAY|201509061122031906248|ORIGINAL-1|REFUND|476800|2861|CNY|2015-09-06T11:22:03+08:00|2015-09-05|SUCCESS|10078087"
    );
    // Refused row by row: another settled amount, another net, another amount, an unknown type, a sign that contradicts, another length.
    let first = text.lines().next().unwrap();
    for (from, to, expected) in [
        ("C000000473939 0001", "C000000473938 0001", "row"),
        ("C000000473939 0108", "C000000473938 0108", "row"),
        ("000000476800", "000000476801", "net"),
        ("01    000201", "99    000201", "txn_type"),
        ("D000000002861", "C000000002861", "fee"),
        ("D000000002861", "X000000002861", "fee"),
        ("000000476800", "00000047680A", "amount"),
        (" 7  ", " 7 ", "row"),
        ("S56 8", "S56X8", "row"),
    ] {
        assert!(first.contains(from), "{from}");
        let changed = format!("{}\r\n{}\r\n", first, first.replacen(from, to, 1));
        let (result, kept) = read_on(&profile("unionpay-zm"), (2015, 9, 5), changed.as_bytes());
        result.unwrap();
        assert_eq!(kept.rejects.len(), 1, "{from}");
        assert_eq!(kept.rejects[0].field, expected, "{from}");
        assert_eq!(kept.rejects[0].line, 2);
    }
}

#[test]
fn unionpay_disputes_are_chargebacks() {
    let widths = profile("unionpay-zme").frame.fixed;
    let line = |cells: &[(&str, &str)]| {
        let cell = |(title, width): &(String, usize)| {
            let text = cells
                .iter()
                .find(|(known, _)| known == title)
                .map_or("", |(_, text)| text);
            format!("{text:<width$}")
        };
        widths.iter().map(cell).collect::<Vec<_>>().join(" ") + "\r\n"
    };
    let common = [
        ("交易代码", "E74"),
        ("代理机构", "88022900"),
        ("系统跟踪号", "190624"),
        ("交易传输时间", "0906112203"),
        ("交易金额", "000000010000"),
        ("上一笔跟踪号", "123456"),
        ("上一笔日期时间", "0901101112"),
    ];
    let taken = [
        &common[..],
        &[("商户手续费", "C000000000060"), ("结算金额", "D000000009940")],
    ]
    .concat();
    let given = [
        &common[..],
        &[("商户手续费", "D000000000060"), ("结算金额", "C000000009940")],
    ]
    .concat();
    let (rows, ..) = good(
        "unionpay-zme",
        (2015, 9, 7),
        (line(&taken) + &line(&given)).as_bytes(),
    );
    assert_eq!(
        rows,
        [
            "UNIONPAY|88022900-190624-0906112203|123456-0901101112|CHARGEBACK|10000|60|CNY|2015-09-06T11:22:03+08:00|2015-09-07|SUCCESS|",
            "UNIONPAY|88022900-190624-0906112203|123456-0901101112|CHARGEBACK_REVERSAL|10000|60|CNY|2015-09-06T11:22:03+08:00|2015-09-07|SUCCESS|",
        ]
    );
    // One source may take all files of UnionPay: each is read by the format of which it is.
    let as_family = |bytes: &[u8]| {
        let settings = settings(&[]);
        let source = source("unionpay", crate::book::settings::Role::Channel);
        let ctx = FormatContext {
            settings: &settings,
            source: &source,
            business_date: Date::from_ymd(2015, 9, 7).unwrap(),
        };
        let mut kept = Kept::default();
        let none = |_: &str| None;
        let known = crate::ingest::formats::recognise("unionpay", &none, bytes).unwrap();
        let read = crate::ingest::formats::read_foreign("unionpay", &none, Box::new(bytes), &ctx, &mut kept);
        assert_eq!(known.is_some(), read.is_ok());
        read.map(|facts| (kept.rows, facts.without_rows))
    };
    assert_eq!(as_family(line(&taken).as_bytes()).unwrap().0, rows[..1]);
    assert!(
        as_family(b"hello\r\n")
            .unwrap_err()
            .message
            .contains("no file of format unionpay-zm")
    );
    if let Some(zip) = sample("unionpay/802310048993424_20150905.zip") {
        let zm = member(&zip, "INN15090588ZM_802310048993424");
        assert_eq!(as_family(&zm).unwrap().0.len(), 8);
        let report = member(&zip, "RD201015090501_802310048993424");
        assert!(as_family(&report).unwrap().1.starts_with("UnionPay's report"));
    }
}

#[test]
fn wechat_trade_bills_are_read() {
    if let Some(bytes) = sample("wechat/trade_ALL_27col_v3_2021-01-28.csv") {
        let (rows, checked, kept) = good("wechat-trade", (2021, 1, 28), &bytes);
        assert_eq!(rows.len(), 3);
        assert_eq!(
            rows[0],
            "WECHAT|4200000925202101284997714292|S20210128170702357723|PAYMENT|1|0|CNY|2021-01-28T17:07:11+08:00|2021-01-28|SUCCESS|"
        );
        assert_eq!(
            checked,
            [
                "汇总: 3 rows, 应结订单金额 0.03, 退款金额 0.00, 充值券退款金额 0.00, 手续费 0.00, 订单金额 0.03, 申请退款金额 0.00"
            ]
        );
        assert_eq!(kept.places[0].line, 2);
        assert!(bytes[kept.places[2].offset as usize..].starts_with(b"`2021-01-28 16:59:46"));
        // Some write the mark before titles as well.
        let text = String::from_utf8(bytes).unwrap();
        let marked = |line: &str| match line.starts_with('`') {
            true => format!("{line}\n"),
            false => format!("`{}\n", line.replace(',', ",`")),
        };
        let marked: String = text.lines().map(marked).collect();
        let (same, held, _) = good("wechat-trade", (2021, 1, 28), marked.as_bytes());
        assert_eq!((same, held), (rows, checked));
    }
    if let Some(bytes) = sample("wechat/trade_ALL_24col_legacy_2014-11-10.csv") {
        let (rows, checked, _) = good("wechat-trade", (2014, 11, 10), &bytes);
        assert_eq!(
            rows,
            [
                "WECHAT|1001690740201411100005734289|1415640626|PAYMENT|1|0|CNY|2014-11-10T16:33:45+08:00|2014-11-10|SUCCESS|",
                "WECHAT|1002780740201411100005729794|1415635270|PAYMENT|1|0|CNY|2014-11-10T16:46:14+08:00|2014-11-10|SUCCESS|",
            ]
        );
        assert_eq!(
            checked,
            ["汇总: 2 rows, 总金额 0.02, 退款金额 0.00, 代金券或立减优惠退款金额 0.00, 手续费 0.00"]
        );
    }
    if let Some(bytes) = sample("wechat/no_bill_exist.xml") {
        for name in ["wechat-trade", "wechat-fund"] {
            assert_eq!(
                refused(name, D, &bytes),
                (
                    1,
                    "this is no bill but an answer: WeChat Pay has no bill for that day (No Bill Exist)"
                        .to_owned()
                )
            );
        }
        let (_, message) = refused("alipay-trade", D, &bytes);
        assert!(
            message.starts_with("this is no bill but an answer of the sender's system: `<xml>"),
            "{message}"
        );
    }
}

/// A bill of WeChat with these rows, each a list of the cells that matter; the rest is as in the public bill.
fn wechat(columns: &str, rows: &[&[(&str, &str)]], summary: &str) -> String {
    let titles: Vec<&str> = columns.split(',').collect();
    let usual = [
        ("交易时间", "2026-03-31 10:00:00"),
        ("公众账号ID", "wx1"),
        ("商户号", "1900000001"),
        ("特约商户号", "0"),
        ("微信订单号", "42000001"),
        ("商户订单号", "P1"),
        ("交易类型", "JSAPI"),
        ("货币种类", "CNY"),
        ("代金券金额", "0.00"),
        ("微信退款单号", "0"),
        ("商户退款单号", "0"),
        ("退款金额", "0.00"),
        ("充值券退款金额", "0.00"),
        ("费率", "0.60%"),
        ("申请退款金额", "0.00"),
    ];
    let mut text = format!("{columns}\r\n");
    for row in rows {
        let cell = |title: &&str| {
            let own = row.iter().find(|(known, _)| known == title);
            let text = own.or(usual.iter().find(|(known, _)| known == title));
            format!("`{}", text.map_or("", |(_, text)| text))
        };
        text += &(titles.iter().map(cell).collect::<Vec<_>>().join(",") + "\r\n");
    }
    text + summary
}

const WECHAT_27: &str = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,微信退款单号,商户退款单号,退款金额,充值券退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率,订单金额,申请退款金额,费率备注";
const SUMMARY_7: &str =
    "总交易单数,应结订单总金额,退款总金额,充值券退款总金额,手续费总金额,订单总金额,申请退款总金额\r\n";

const PAID: [(&str, &str); 4] = [
    ("交易状态", "SUCCESS"),
    ("应结订单金额", "53.30"),
    ("订单金额", "53.30"),
    ("手续费", "0.32000"),
];
const REFUNDED: [(&str, &str); 8] = [
    ("交易状态", "REFUND"),
    ("应结订单金额", "0.00"),
    ("订单金额", "0.00"),
    ("微信退款单号", "50000001"),
    ("商户退款单号", "R1"),
    ("退款金额", "45.00"),
    ("申请退款金额", "45.00"),
    ("手续费", "-0.27000"),
];

#[test]
fn wechat_refunds_fees_and_data_packets_are_read() {
    let processing = [
        &REFUNDED[..],
        &[
            ("退款状态", "PROCESSING"),
            ("商户数据包", "{\"a\":\"1\",\"b\":2},x"),
        ],
    ]
    .concat();
    let revoked = [
        ("交易状态", "REVOKED"),
        ("退款金额", "1.00"),
        ("申请退款金额", "1.00"),
        ("微信退款单号", "50000002"),
        ("商户退款单号", "R2"),
        ("应结订单金额", "0.00"),
        ("订单金额", "0.00"),
        ("手续费", "0.00000"),
    ];
    let text = wechat(
        WECHAT_27,
        &[&PAID, &processing, &revoked],
        &format!("{SUMMARY_7}`3.0,`53.30,`46.00,`0.00,`0.05000,`53.30,`46.00\r\n"),
    );
    let (rows, ..) = good("wechat-trade", D, text.as_bytes());
    assert_eq!(
        rows,
        [
            "WECHAT|42000001|P1|PAYMENT|5330|32|CNY|2026-03-31T10:00:00+08:00|2026-03-31|SUCCESS|",
            "WECHAT|42000001|P1|REFUND|4500|27|CNY|2026-03-31T10:00:00+08:00|2026-03-31|SUCCESS|R1",
            "WECHAT|42000001|P1|REFUND|100|0|CNY|2026-03-31T10:00:00+08:00|2026-03-31|SUCCESS|R2",
        ]
    );
    // A fee of parts of a fen is refused, never rounded; so are signs that contradict and unknown words.
    for (from, to, field) in [
        ("`0.32000", "`0.32010", "fee"),
        ("`0.32000", "`-0.32000", "fee"),
        ("`SUCCESS", "`CLOSED", "txn_type"),
        ("`PROCESSING", "`MAYBE", "status"),
        ("`2026-03-31 10:00:00", "`2026-02-30 10:00:00", "txn_time"),
        ("`CNY", "`cny", "currency"),
        ("`42000001", "`", "channel_ref"),
    ] {
        let summary = match to {
            "`0.32010" => "`0.05010",
            "`-0.32000" => "`-0.59000",
            _ => "`0.05000",
        };
        let changed = text.replacen(from, to, 1).replace("`0.05000", summary);
        let (result, kept) = read_on(&profile("wechat-trade"), D, changed.as_bytes());
        result.unwrap();
        assert_eq!(kept.rejects.len(), 1, "{from}");
        assert_eq!(kept.rejects[0].field, field);
        assert_eq!(
            kept.rejects[0].line,
            if from.contains("PROCESSING") { 3 } else { 2 }
        );
        assert_eq!(kept.rows.len(), 2);
    }
    // A packet that holds the mark itself shifts the row: refused, and so is the file, whose sums are unknown.
    let shifted = text.replace("\"b\":2},x", "\"b\":2},`x");
    assert!(
        refused("wechat-trade", D, shifted.as_bytes())
            .1
            .contains("28 fields, expected 27 fields")
    );
    for (from, to, expected) in [
        ("`3.0,", "`4,", "汇总: rows: found 3, expected 4"),
        (
            "`53.30,`46.00,`0.00",
            "`53.31,`46.00,`0.00",
            "汇总: 应结订单金额: found 53.30, expected 53.31",
        ),
        (
            "`0.05000",
            "`0.05001",
            "汇总: 手续费: found 0.05, expected 0.05001",
        ),
        (
            "`0.05000",
            "`-0.05000",
            "汇总: 手续费: found 0.05, expected -0.05000",
        ),
        (SUMMARY_7, "", "汇总 cannot be checked: a row: found 7 fields"),
    ] {
        let (_, message) = refused("wechat-trade", D, text.replacen(from, to, 1).as_bytes());
        assert!(message.contains(expected), "{message} lacks {expected}");
    }
    let cut = text.rsplit_once("`3.0").unwrap().0;
    assert!(
        refused("wechat-trade", D, cut.as_bytes())
            .1
            .contains("ends before its summary")
    );
    let doubled = format!("{text}{SUMMARY_7}");
    assert!(
        refused("wechat-trade", D, doubled.as_bytes())
            .1
            .contains("summary stands twice")
    );
    let behind = format!("{text}`a,`b\r\n");
    assert!(
        refused("wechat-trade", D, behind.as_bytes())
            .1
            .contains("behind the line that ends the table")
    );
}

#[test]
fn wechat_layouts_differ_and_are_bound_by_title() {
    let success = "交易时间,公众账号ID,商户号,特约商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,应结订单金额,代金券金额,商品名称,商户数据包,手续费,费率,订单金额,费率备注";
    let expected = "WECHAT|42000001|P1|PAYMENT|5330|32|CNY|2026-03-31T10:00:00+08:00|2026-03-31|SUCCESS|";
    for summary in [
        "总交易单数,应结订单总金额,手续费总金额,订单总金额\r\n`1,`53.30,`0.32000,`53.30\r\n".to_owned(),
        format!("{SUMMARY_7}`1,`53.30,`0.00,`0.00,`0.32000,`53.30,`0.00\r\n"),
    ] {
        let (rows, ..) = good("wechat-trade", D, wechat(success, &[&PAID], &summary).as_bytes());
        assert_eq!(rows, [expected]);
    }
    let refund = WECHAT_27.replace("代金券金额,", "代金券金额,退款申请时间,退款成功时间,");
    let row = [
        &REFUNDED[..],
        &[
            ("退款申请时间", "2026-03-31 11:00:00"),
            ("交易时间", "2026-03-01 10:00:00"),
        ],
    ]
    .concat();
    let text = wechat(
        &refund,
        &[&row],
        &format!("{SUMMARY_7}`1,`0.00,`45.00,`0.00,`-0.27000,`0.00,`45.00\r\n"),
    );
    let (rows, ..) = good("wechat-trade", D, text.as_bytes());
    assert_eq!(
        rows,
        ["WECHAT|42000001|P1|REFUND|4500|27|CNY|2026-03-31T11:00:00+08:00|2026-03-31|SUCCESS|R1"]
    );
    // Of merchants without 免充值券.
    let legacy = "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,企业红包金额,微信退款单号,商户退款单号,退款金额,企业红包退款金额,退款类型,退款状态,商品名称,商户数据包,手续费,费率";
    let paid = [
        ("交易状态", "SUCCESS"),
        ("总金额", "53.30"),
        ("手续费", "0.32"),
        ("企业红包退款金额", "0"),
    ];
    let summary =
        "总交易单数,总交易额,总退款金额,总企业红包退款金额,手续费总金额\r\n`1,`53.30,`0.0,`0,`0.32000\r\n";
    let (rows, ..) = good("wechat-trade", D, wechat(legacy, &[&paid], summary).as_bytes());
    assert_eq!(rows, [expected]);
    let legacy_success = "交易时间,公众账号ID,商户号,子商户号,设备号,微信订单号,商户订单号,用户标识,交易类型,交易状态,付款银行,货币种类,总金额,代金券或立减优惠金额,商品名称,商户数据包,手续费,费率";
    let summary = "总交易单数,总交易额,总退款金额,总代金券或立减优惠退款金额,手续费总金额\r\n`1,`53.30,`0.0,`0,`0.32000\r\n";
    let (rows, ..) = good(
        "wechat-trade",
        D,
        wechat(legacy_success, &[&paid], summary).as_bytes(),
    );
    assert_eq!(rows, [expected]);
    // A partner's bill names the sub-merchant; an empty day has no rows.
    let partner = wechat(
        WECHAT_27,
        &[&[&PAID[..], &[("特约商户号", "1900000109")]].concat()],
        &format!("{SUMMARY_7}`1,`53.30,`0.00,`0.00,`0.32000,`53.30,`0.00\r\n"),
    );
    assert_eq!(good("wechat-trade", D, partner.as_bytes()).0, [expected]);
    let empty = wechat(
        WECHAT_27,
        &[],
        &format!("{SUMMARY_7}`0,`0.00,`0.00,`0.00,`0.00,`0.00,`0.00\r\n"),
    );
    assert_eq!(
        good("wechat-trade", D, format!("\u{feff}{empty}").as_bytes())
            .0
            .len(),
        0
    );
    // A title that is gone is said.
    let (_, message) = refused("wechat-trade", D, empty.replace("手续费,", "服务费,").as_bytes());
    assert!(
        message.starts_with("the header has no column 手续费 (of fields.fee"),
        "{message}"
    );
}

#[test]
fn wechat_fund_bills_must_add_up() {
    let Some(bytes) = sample("wechat/fundflow_v3_2021-02-01.csv") else {
        return;
    };
    let day = (2021, 2, 1);
    assert_eq!(
        refused("wechat-fund", day, &bytes),
        (5, "资金流水总笔数: rows: found 2, expected 3".to_owned())
    );
    // The excerpt with the summary of its two rows.
    let whole = String::from_utf8(bytes)
        .unwrap()
        .replace("`3,`1,`0.01,", "`2.0,`0,`0.00,");
    let (rows, checked, kept) = good("wechat-fund", day, whole.as_bytes());
    assert_eq!(
        rows[0],
        "4200000920202101197964319284/50300806962021020105978994968/退款|0|2021-02-01T13:54:01+08:00|2021-02-01|D|1|CNY|S20210201135356381941|退款总金额0.01元;含手续费0.00元||||"
    );
    assert_eq!(rows.len(), 2);
    assert_eq!(
        checked,
        [
            "资金流水总笔数: 2 rows",
            "收入: 0 rows, 收支金额(元) 0.00",
            "支出: 2 rows, 收支金额(元) 0.02",
            "running balance: 2 rows from 0.23 CNY to 0.21 CNY"
        ]
    );
    assert_eq!(kept.balances, ["0 CNY 2021-02-01 23 21"]);
    // A balance that does not follow, and a fee with its purpose; newest first is as good as oldest first.
    let broken = whole.replace("`0.22,", "`0.23,");
    assert!(
        refused("wechat-fund", day, broken.as_bytes())
            .1
            .contains("running balance: found 0.21 CNY, expected 0.22 CNY")
    );
    let lines: Vec<&str> = whole.lines().collect();
    let turned = [lines[0], lines[2], lines[1], lines[3], lines[4]].join("\n");
    let (_, _, kept) = good("wechat-fund", day, turned.as_bytes());
    assert_eq!(kept.balances, ["0 CNY 2021-02-01 23 21"]);
    let fee = whole.replace(
        "`退款,`退款,`支出,`0.01,`0.22",
        "`x,`扣除交易手续费,`支出,`0.01,`0.22",
    );
    assert!(good("wechat-fund", day, fee.as_bytes()).0[0].ends_with("|BANK_FEE|"));
}

pub(super) const SIGNCUSTOMER: &str = "#支付宝账务明细查询,,,\n#账号：[62220156],,\n#起始日期：[2026年03月31日 00:00:00]   终止日期：[2026年04月01日 00:00:00]\n#-----账务明细列表----\n账务流水号,业务流水号,商户订单号,商品名称,发生时间,对方账号,收入金额（+元）,支出金额（-元）,账户余额（元）,交易渠道,业务类型,备注\n\
103\t,T2\t,\t,提现,2026-03-31 12:00:00,x\t,0.00,-50.00,149.40,支付宝,提现,\n\
102\t,T1\t,P1\t,服务费,2026-03-31 10:00:01,y\t,0.00,-0.60,199.40,支付宝,收费,\n\
101\t,T1\t,P1\t,茶, 绿,2026-03-31 10:00:00,z\t,100.00,0.00,200.00,支付宝,在线支付,谢谢\n\
#-----账务明细列表结束----,,,,\n#支出合计：2笔，共50.60元,,,\n#收入合计：1笔，共100.00元\n#导出时间：[2026年04月01日 05:00:00]\n";

#[test]
fn alipay_fund_bills_are_statements() {
    let profile = profile("alipay-signcustomer");
    let settings = settings(&[("6222", "CNY")]);
    let source = source("alipay-signcustomer", profile.role);
    let ctx = FormatContext {
        settings: &settings,
        source: &source,
        business_date: Date::from_ymd(2026, 3, 31).unwrap(),
    };
    let gbk = encoding_rs::GB18030.encode(SIGNCUSTOMER).0.into_owned();
    for bytes in [SIGNCUSTOMER.as_bytes(), &gbk] {
        let mut kept = Kept::default();
        let facts = read_both_ways(&profile, bytes, &ctx, &mut kept).unwrap();
        assert_eq!(
            kept.rows,
            [
                "103|0|2026-03-31T12:00:00+08:00|2026-03-31|D|5000|CNY|T2|提现||x||",
                "102|0|2026-03-31T10:00:01+08:00|2026-03-31|D|60|CNY|P1|服务费||y|BANK_FEE|",
                "101|0|2026-03-31T10:00:00+08:00|2026-03-31|C|10000|CNY|P1|谢谢||z||",
            ]
        );
        assert_eq!(kept.balances, ["0 CNY 2026-03-31 10000 14940"]);
        assert_eq!(facts.checked.len(), 3);
    }
    let check = |from: &str, to: &str, expected: &str| {
        let (_, message) = refused(
            "alipay-signcustomer",
            D,
            SIGNCUSTOMER.replacen(from, to, 1).as_bytes(),
        );
        assert!(message.contains(expected), "{message} lacks {expected}");
    };
    check(
        "共50.60",
        "共50.61",
        "支出合计: 支出金额（-元）: found 50.60, expected 50.61",
    );
    check(
        "#-----账务明细列表结束",
        "#---",
        "the line that ends the table is missing",
    );
    let (rows, checked, _) = good(
        "alipay-signcustomer",
        D,
        "#支付宝账务汇总查询\n#账号：[1]\n".as_bytes(),
    );
    assert!(rows.is_empty() && checked[0].starts_with("not read: summary by kind"));
}

/// The book may have the number with what all accounts of Alipay end with.
#[test]
fn the_account_of_a_fund_bill_is_known_as_the_file_prints_it() {
    let profile = profile("alipay-signcustomer");
    let read = |numbers: &[(&str, &str)], account: Option<&str>, text: &str| {
        let settings = settings(numbers);
        let source = crate::book::settings::Source {
            account: account.map(str::to_owned),
            ..source("alipay-signcustomer", profile.role)
        };
        let ctx = FormatContext {
            settings: &settings,
            source: &source,
            business_date: Date::from_ymd(2026, 3, 31).unwrap(),
        };
        let mut kept = Kept::default();
        let facts = read_both_ways(&profile, text.as_bytes(), &ctx, &mut kept);
        assert_eq!(kept.rejects, []);
        facts
    };
    let text = SIGNCUSTOMER.replace("[62220156]", "[20880211096256330156]");
    for number in ["20880211096256330156", "2088021109625633"] {
        for account in [None, Some("A0")] {
            let facts = read(&[(number, "CNY")], account, &text).unwrap();
            assert_eq!(facts.statements[0], "账号 …5633");
            let unknown = facts.statements.iter().find(|words| words.contains("book.toml"));
            assert_eq!(unknown, None, "{number}");
        }
    }
    let both = [("20880211096256330156", "CNY"), ("20880211096299990156", "CNY")];
    let other = text.replace("6330156]", "9990156]").replace("9625", "9629");
    let refused = read(&both, Some("A0"), &other).unwrap_err();
    assert!(
        refused.message.contains("it is not A0") || refused.message.contains("which is A1"),
        "{refused:?}"
    );
}

#[test]
fn tenpay_is_read_and_its_errors_refused() {
    let Some(bytes) = sample("tenpay/tenpay_mchdown_2015-09-17.csv") else {
        return;
    };
    let day = (2015, 9, 17);
    let (rows, checked, _) = good("tenpay", day, &bytes);
    assert_eq!(
        rows,
        [
            "TENPAY|1233762202351509178345000571|c8edab60wxp073802560000675391380|PAYMENT|200|4|CNY|2015-09-17T11:35:51+08:00|2015-09-17|SUCCESS|",
            "TENPAY|1233762202341509178708946881|c221ee92wxp010402560000675365905|PAYMENT|3600|72|CNY|2015-09-17T11:31:40+08:00|2015-09-17|SUCCESS|",
            "TENPAY|1233762202321509178106956190|a2f6161bwxp028802560000675378304|PAYMENT|200|4|CNY|2015-09-17T11:32:58+08:00|2015-09-17|SUCCESS|",
        ]
    );
    assert_eq!(
        checked,
        ["汇总: 3 rows, 订单交易金额 40.00, 退款金额 0.00, 手续费金额 0.80"]
    );
    let text = String::from_utf8(bytes).unwrap();
    let refund = text.replacen("2.00, `0,0.00,`,0.04", "0.00, `R1,2.00,`退款成功,-0.04", 1);
    let refund = refund.replace("3,40.00,0.00,0.80,", "3,38.00,2.00,0.72,");
    assert!(good("tenpay", day, refund.as_bytes()).0[0].contains("|REFUND|200|4|CNY|"));
    let (_, message) = refused("tenpay", day, b"<html><body>03020003:no such day</body></html>");
    assert!(
        message.contains("no bill but an answer of the sender's system: `<html><body>03020003:no such day"),
        "{message}"
    );
    assert!(
        refused("tenpay", day, text.replace("40.00,0.00", "41.00,0.00").as_bytes())
            .1
            .contains("expected 41.00")
    );
}

#[test]
fn a_file_of_another_account_than_the_source_says_is_refused() {
    let two = settings(&[("6222000000001111", "CNY"), ("6222000000002222", "CNY")]);
    let read_as = |name: &str, text: &str| {
        let profile = profile(name);
        let mut source = source(name, profile.role);
        source.account = Some("A0".to_owned());
        let ctx = FormatContext {
            settings: &two,
            source: &source,
            business_date: Date::from_ymd(2026, 3, 31).unwrap(),
        };
        let mut kept = Kept::default();
        let result = read_both_ways(&profile, text.as_bytes(), &ctx, &mut kept);
        (result, kept)
    };
    let column = "[HISTORYDETAIL],,\n凭证号,本方账号,对方账号,交易时间,借/贷,借方发生额,贷方发生额,对方单位名称,余额\nV1,NUMBER,6217,2026-03-31 10:00:00,贷,,10.00,张三,110.00\n";
    let line = "账户名称,店,,\n账号,NUMBER,,\n币种,人民币,\n起始日期,2026-03-31,\n\n交易日期,交易时间,借方发生额,贷方发生额,账户余额,对方户名,对方账号,摘要\n2026-03-31,10:00:00,,10.00,110.00,张三,6217,货款\n";
    let alipay = SIGNCUSTOMER.replace("62220156", "NUMBER0156");
    let card = "明细查询文件下载\n\n卡号: NUMBER,\"卡别名: 店, 一\"\n\n交易日期,摘要,记账金额(收入),记账金额(支出),记账币种,余额\n2026-03-31,转账,10.00,,人民币,110.00\n人民币合计,,10.00,,,\n";
    let bare = card.replace(",\"卡别名: 店, 一\"", "");
    for (name, text) in [
        ("icbc-corporate", column),
        ("cmbc", line),
        ("alipay-signcustomer", &alipay),
        ("icbc-retail", card),
        ("icbc-retail", &bare),
    ] {
        let told = |facts: &FileFacts| {
            facts
                .statements
                .iter()
                .any(|words| words.contains("does not have"))
        };
        // What a mask leaves must fit; what shows too little names no account.
        for (same, is_told) in [
            ("6222000000001111", false),
            ("6222********1111", false),
            ("62***", false),
        ] {
            let (result, kept) = read_as(name, &text.replace("NUMBER", same));
            assert!(result.is_ok(), "{name}: {result:?}");
            assert!(!kept.rows.is_empty() && kept.rejects.is_empty(), "{name}");
            assert_eq!(told(&result.unwrap()), is_told, "{name}: {same}");
        }
        for foreign in ["6222********3333", "6222000000003333"] {
            let (result, _) = read_as(name, &text.replace("NUMBER", foreign));
            assert_eq!(
                result.unwrap_err().message,
                "the file is of account …3333, which book.toml does not have: it is not A0, the account that the source says (…1111)",
                "{name}"
            );
        }
        for other in ["6222000000002222", "6222********2222"] {
            let (result, _) = read_as(name, &text.replace("NUMBER", other));
            assert_eq!(
                result.unwrap_err().message,
                "the file is of account …2222, which is A1 of the book, but the source says A0",
                "{name}"
            );
        }
    }
}

#[test]
fn rows_without_a_number_are_told_to_the_other_files() {
    let profile = profile("icbc-corporate");
    let row = "V1,6217,2026-03-31 10:00:00,,10.00,张三,110.00\n";
    let back = "V1,6217,2026-03-31 10:00:00,10.00,,张三,100.00\n";
    let text = format!(
        "[HISTORYDETAIL],,\n凭证号,对方账号,交易时间,借方发生额,贷方发生额,对方单位名称,余额\n{row}{back}{row}"
    );
    let two = settings(&[("6222", "CNY"), ("6333", "CNY")]);
    let digests = |account: &str, bytes: &[u8]| {
        let source = crate::book::settings::Source {
            account: Some(account.to_owned()),
            ..source("icbc-corporate", profile.role)
        };
        let ctx = FormatContext {
            settings: &two,
            source: &source,
            business_date: Date::from_ymd(2026, 3, 31).unwrap(),
        };
        let mut kept = Kept::default();
        let facts = read_both_ways(&profile, bytes, &ctx, &mut kept).unwrap();
        assert_eq!((kept.rows.len(), kept.rejects.len()), (3, 0));
        facts.digests
    };
    let found = digests("A0", text.as_bytes());
    let mut counts: Vec<(u32, u32)> = found.iter().map(|row| (row.count, row.line)).collect();
    counts.sort_unstable();
    assert_eq!(counts, [(1, 4), (2, 3)]);
    // The same rows in other bytes are the same rows; those of another account are others.
    let (gbk, _, _) = encoding_rs::GBK.encode(&text);
    assert_eq!(digests("A0", &gbk), found);
    let others = digests("A1", text.as_bytes());
    assert!(
        others
            .iter()
            .all(|row| found.iter().all(|known| known.digest != row.digest))
    );
}

#[test]
fn a_blank_amount_counts_as_nothing_in_totals() {
    let text = "交易日期,摘要,记账金额(收入),记账金额(支出),记账币种,余额\n2026-03-31,消费,-,5.00,人民币,105.00\n2026-03-31,转账,10.00,-,人民币,110.00\n人民币合计,,10.00,5.00,,\n";
    let (rows, checked, _) = good("icbc-retail", D, text.as_bytes());
    assert_eq!(rows.len(), 2);
    assert_eq!(
        checked[0],
        "人民币合计: 2 rows, 记账金额(收入) 10.00, 记账金额(支出) 5.00"
    );
    let other = text.replace("人民币合计,,10.00", "人民币合计,,-");
    assert!(
        refused("icbc-retail", D, other.as_bytes())
            .1
            .contains("found 10.00")
    );
}

#[test]
fn an_optional_sum_that_is_not_stated_is_said() {
    let mut profile = profile("icbc-retail");
    profile.totals[0].sums[1].optional = true;
    profile.totals[0].sums[1].stated = vec!["支出合计".to_owned()];
    let text = "交易日期,摘要,记账金额(收入),记账金额(支出),记账币种,余额\n2026-03-31,消费,,5.00,人民币,105.00\n人民币合计,,,5.00,,\n";
    let (result, _) = read_on(&profile, D, text.as_bytes());
    let facts = result.unwrap();
    let name = &facts.checked[0][..facts.checked[0].find(':').unwrap()];
    assert!(!facts.checked[0].contains("记账金额(支出)"), "{facts:?}");
    assert_eq!(
        facts.noted,
        [format!("{name}: not stated in this file: 记账金额(支出)")]
    );
}

#[test]
fn a_fee_given_back_at_wechat_is_no_charge() {
    let file = "记账时间,微信支付业务单号,资金流水单号,业务名称,业务类型,收支类型,收支金额(元),账户结余(元),资金变更提交申请人,备注,业务凭证号\n`2026-03-31 10:00:00,`W1,`F1,`x,`扣除交易手续费,`支出,`1.00,`99.00,`s,`,`B1\n`2026-03-31 11:00:00,`W2,`F2,`x,`扣除交易手续费,`支出,`-1.00,`100.00,`s,`,`B2\n资金流水总笔数,收入笔数,收入金额,支出笔数,支出金额\n`2,`0,`0.00,`2,`0.00\n";
    let (rows, ..) = good("wechat-fund", D, file.as_bytes());
    assert!(
        rows[0].contains("|D|100|") && rows[0].ends_with("|BANK_FEE|"),
        "{}",
        rows[0]
    );
    assert!(
        rows[1].contains("|C|100|") && rows[1].ends_with("||"),
        "{}",
        rows[1]
    );
}

#[test]
fn deposits_of_square_are_no_entries_of_the_channel() {
    let file = "id,payout_id,effective_at,type,gross_amount_money,fee_amount_money,net_amount_money,currency,payment_id\n\
e1,po1,2026-01-05T10:00:00Z,CHARGE,1000,30,970,USD,p1\ne2,po1,2026-01-05T11:00:00Z,DEPOSIT,-970,0,-970,USD,\n";
    let (rows, _, kept) = good("square", (2026, 1, 5), file.as_bytes());
    assert_eq!(rows.len(), 1);
    assert_eq!(kept.not_booked, [3]);
}

#[test]
fn the_currency_of_cmbc_is_that_of_its_file() {
    let text = "账号,6222,,\n币种,美元,\n\n交易日期,交易时间,借方发生额,贷方发生额,账户余额,对方户名,对方账号,摘要\n2026-03-31,10:00:00,,10.00,110.00,张三,6217,货款\n";
    let (result, kept) = read_on(&profile("cmbc"), D, text.as_bytes());
    result.unwrap();
    assert_eq!((kept.rows.len(), kept.rejects.len()), (0, 1));
    assert!(
        kept.rejects[0]
            .expected
            .starts_with("CNY, the currency of the account; an account has one currency")
    );
    let (rows, ..) = good("cmbc", D, text.replace("币种,美元,\n", "").as_bytes());
    assert_eq!(rows.len(), 1);
}

#[test]
fn account_numbers_are_masked_in_messages_and_notes() {
    let text = "账户名称,店,,\n账号,6222000000009999,,\n币种,人民币,\n\n交易日期,交易时间,借方发生额,贷方发生额,账户余额,对方户名,对方账号,摘要\n2026-03-31,10:00:00,,10.00,110.00,张三,6217,货款\n";
    let profile = profile("cmbc");
    let (settings, source) = (settings(&[("6222", "CNY")]), source("cmbc", profile.role));
    let ctx = FormatContext {
        settings: &settings,
        source: &source,
        business_date: Date::from_ymd(2026, 3, 31).unwrap(),
    };
    let mut kept = Kept::default();
    let facts = read_both_ways(&profile, text.as_bytes(), &ctx, &mut kept).unwrap();
    assert_eq!(kept.rejects[0].found, "…9999");
    assert_eq!(facts.statements[0], "账号 …9999");
}

#[test]
fn a_statement_of_another_day_gives_its_balances_with_its_own_date() {
    let file = "记账日期,货币,交易金额,联机余额,交易摘要,对手信息,客户摘要\n2026-03-30,CNY,10.00,110.00,转账,张三,茶\n2026-03-30,CNY,-5.00,105.00,消费,店,\n";
    let (_, _, kept) = good("cmb-retail", D, file.as_bytes());
    assert_eq!(kept.balances, ["0 CNY 2026-03-30 10000 10500"]);
    // Over two days it is of the newer one, and opens before the older.
    let two = file.to_owned() + "2026-03-31,CNY,1.00,106.00,转账,张三,\n";
    let (_, _, kept) = good("cmb-retail", D, two.as_bytes());
    assert_eq!(kept.balances, ["0 CNY 2026-03-31 10000 10600"]);
}

#[test]
fn bank_exports_that_do_not_add_up_are_refused() {
    if let Some(bytes) = sample("bank/example-icbc-debit-v1-records.csv") {
        let (line, message) = refused("icbc-retail", (2023, 5, 2), &bytes);
        assert_eq!(
            (line, message.as_str()),
            (20, "人民币合计: 记账金额(收入): found 2841.74, expected 1,234.56")
        );
        // With the sums and balances of its rows it is read.
        let text = String::from_utf8(bytes).unwrap();
        let mut balance = 1_000_000;
        let mut lines: Vec<String> = Vec::new();
        for line in text.lines() {
            let cells: Vec<&str> = line.split("\t\",").collect();
            let amount = |cell: &str| -> i64 {
                let digits: String = cell.chars().filter(char::is_ascii_digit).collect();
                digits.parse().unwrap_or(0)
            };
            let mut line = line.to_owned();
            if line.contains("xx,yyyy.zz") {
                line = line.replace("xx,yyyy.zz", &crate::terms::money::format_minor(balance, 2));
                // Newest first: the row below was before this one.
                let side = |at: usize| cells.get(at).map_or(0, |cell| amount(cell));
                let position = cells.iter().position(|cell| cell.contains("人民币")).unwrap();
                balance -= i128::from(side(position - 2) - side(position - 1));
            }
            lines.push(line);
        }
        let text = lines
            .join("\n")
            .replace("1,234.56          \t\",\"9,876.54", "2,841.74\t\",\"4,241.08");
        let (result, kept) = read_on(&profile("icbc-retail"), (2023, 5, 2), text.as_bytes());
        match result {
            Ok(facts) => assert_eq!(
                facts.checked[0],
                "人民币合计: 11 rows, 记账金额(收入) 2841.74, 记账金额(支出) 4241.08"
            ),
            Err(refused) => panic!("{refused:?}"),
        }
        assert_eq!(kept.rows.len(), 11);
        assert!(kept.rows[0].ends_with("|0|2023-05-02|2023-05-02|D|1340|CNY||消费 广东三元麦当劳食品有|深圳市财付通支付科技有限公司|||"), "{}", kept.rows[0]);
    }
    if let Some(bytes) = sample("bank/example-cmb-records.csv") {
        let (line, message) = refused("cmb-retail", (2024, 1, 27), &bytes);
        assert_eq!(
            (line, message.as_str()),
            (
                4,
                "running balance: found 81.22 CNY, expected 268.66 CNY, which follows from the row before"
            )
        );
        // Its rows as they are, without the check of balances.
        let mut profile = profile("cmb-retail");
        profile.balance = None;
        let (result, kept) = read_on(&profile, (2024, 1, 27), &bytes);
        result.unwrap();
        let short: Vec<String> = kept
            .rows
            .iter()
            .map(|row| row.split_once('|').unwrap().1.to_owned())
            .collect();
        assert_eq!(
            short,
            [
                "0|2024-01-01|2024-01-01|C|123400|CNY||代发住房公积金 01月01日约定提取|北京住房公积金管理中心1111111111|||",
                "0|2024-01-01|2024-01-01|D|100000|CNY||转账汇款 转账|张三 66666666666666|||",
                "0|2024-01-27|2024-01-27|D|300|CNY||一网通支付 供电|国网电力有限公司99999999999999|||",
                "0|2024-01-20|2024-01-20|D|100000|CNY||银联ATM取款 银联 ATM 取款，中国银行||||",
                "0|2024-01-23|2024-01-23|D|1014|CNY||快捷支付 抖音支付-抖音电商商家|抖音电商商家888888888|||",
            ]
        );
        assert_eq!(kept.rejects, []);
    }
}

/// The first fenced block of a kind behind a heading of a page of docs.
fn fenced<'t>(page: &'t str, heading: &str, fence: &str) -> &'t str {
    let (_, behind) = page.split_once(heading).unwrap();
    let (_, block) = behind.split_once(fence).unwrap();
    block.split_once("```").unwrap().0
}

#[test]
fn the_example_of_the_docs_reads_its_file() {
    let page = include_str!("../../../../docs/profiles.md");
    let file = fenced(page, "## A first profile", "```\n");
    let profile = Profile::parse(fenced(page, "## A first profile", "```toml\n"), "my-bank").unwrap();
    let settings = settings(&[("6222000000000001", "CNY")]);
    let source = source("my-bank", profile.role);
    let ctx = FormatContext {
        settings: &settings,
        source: &source,
        business_date: Date::from_ymd(2026, 3, 31).unwrap(),
    };
    let gbk = encoding_rs::GB18030.encode(file).0.into_owned();
    let mut kept = Kept::default();
    let facts = read_both_ways(&profile, &gbk[..], &ctx, &mut kept).unwrap();
    assert_eq!(
        kept.rows,
        [
            "1001|0|2026-03-31|2026-03-31|C|120000|CNY|1|货款 P-1||||",
            "1002|0|2026-03-31|2026-03-31|D|20000|CNY||手续费||||",
        ]
    );
    assert_eq!(kept.balances, ["0 CNY 2026-03-31 400000 500000"]);
    assert_eq!(facts.checked[0], "合计: 2 rows, 借方 200.00, 贷方 1200.00");
    // Every key that a profile may have is explained.
    let explained = |key: &str| page.contains(&format!("`{key}`")) || page.contains(&format!("{key} ="));
    for key in [
        "title",
        "role",
        "encodings",
        "source",
        "verified",
        "first_line",
        "header",
        "by_shape",
        "unit",
        "thousands",
        "decimal",
        "padded",
        "plus",
        "sign_marks",
        "sign_behind",
        "sign_words",
        "parentheses",
        "symbols",
        "blank_runs",
        "delimiter",
        "quote",
        "trim",
        "trailing_delimiter",
        "cell_mark",
        "fixed",
        "gap",
        "columns",
        "preamble_lines",
        "comment",
        "comment_padding",
        "begin",
        "end",
        "summary_header",
        "header_type",
        "row_types",
        "other_types",
        "last_type",
        "begins",
        "ends",
        "number",
        "free_text",
        "guards",
        "join",
        "with",
        "sum",
        "credit_columns",
        "debit_columns",
        "debit_is_negative",
        "value",
        "from",
        "strip_prefix",
        "strip_suffix",
        "extract",
        "upper",
        "map",
        "required",
        "empty",
        "blank",
        "forbid",
        "optional",
        "sign",
        "negate",
        "apart",
        "pattern",
        "zone",
        "zone_column",
        "when",
        "order",
        "line",
        "row",
        "rows",
        "count",
        "sums",
        "stated",
        "minus",
        "take",
        "group_column",
        "group",
        "and_column",
        "bare_point",
        "may_break",
        "choose_columns",
        "help",
        "count_of",
        "opening",
        "closing",
        "scope",
        "behind",
        "goes_out",
    ] {
        assert!(explained(key), "docs/profiles.md does not explain `{key}`");
    }
}

#[test]
fn stripe_rows_carry_their_payout() {
    let file = "balance_transaction_id,source_id,payment_intent_id,charge_id,created_utc,available_on,automatic_payout_id,currency,gross,fee,net,reporting_category,description\n\
txn_1,ch_1,pi_1,ch_1,2026-01-30 10:11:12,2026-02-02 00:00:00,po_1,usd,25,0.95,24.05,charge,\"tea, green\"\n\
txn_2,re_1,pi_1,ch_1,2026-01-30 12:30:00,2026-02-02 00:00:00,po_1,USD,-10.00,0,-10.00,refund,\n\
txn_3,,,,2026-01-30 12:31:00,2026-02-02 00:00:00,po_1,USD,-0.50,0,-0.50,fee,network costs\n\
txn_4,du_1,pi_2,ch_2,2026-01-30 12:32:00,2026-02-02 00:00:00,po_1,USD,-3.35,15.00,-18.35,dispute,\n\
txn_5,du_1,pi_2,ch_2,2026-01-30 12:33:00,2026-02-02 00:00:00,po_1,USD,3.35,-15.00,18.35,dispute_reversal,\n\
txn_6,po_1,,,2026-01-31 00:00:00,2026-01-31 00:00:00,po_1,USD,-13.55,0,-13.55,payout,\n";
    let (rows, checked, kept) = good("stripe", (2026, 1, 31), file.as_bytes());
    assert_eq!(
        rows,
        [
            "STRIPE|ch_1|pi_1|PAYMENT|2500|95|USD|2026-01-30T10:11:12+00:00|2026-02-02|SUCCESS|txn_1",
            "STRIPE|re_1|pi_1|REFUND|1000|0|USD|2026-01-30T12:30:00+00:00|2026-02-02|SUCCESS|re_1",
            "STRIPE|txn_3||WITHDRAWAL|50|0|USD|2026-01-30T12:31:00+00:00|2026-02-02|SUCCESS|txn_3",
            "STRIPE|du_1|pi_2|CHARGEBACK|335|0|USD|2026-01-30T12:32:00+00:00|2026-02-02|SUCCESS|txn_4",
            "STRIPE|du_1/fee|pi_2|WITHDRAWAL|1500|0|USD|2026-01-30T12:32:00+00:00|2026-02-02|SUCCESS|txn_4",
            "STRIPE|du_1|pi_2|CHARGEBACK_REVERSAL|335|0|USD|2026-01-30T12:33:00+00:00|2026-02-02|SUCCESS|txn_5",
            "STRIPE|du_1/fee|pi_2|ADJUSTMENT|1500|0|USD|2026-01-30T12:33:00+00:00|2026-02-02|SUCCESS|txn_5",
        ]
    );
    assert_eq!(kept.not_booked, [7]);
    assert_eq!(
        checked,
        [
            "payout USD po_1: 5 rows, net 13.55",
            "balance transactions USD: 5 rows, gross 14.50, fee 0.95, net 13.55 (counted; the file states none)"
        ]
    );
    let wrong = file.replace("24.05", "24.06");
    assert_eq!(
        refused("stripe", (2026, 1, 31), wrong.as_bytes()).1,
        "payout USD po_1: net: found 13.56, expected 13.55"
    );
    let without_payout = wrong.split_once("txn_6").unwrap().0;
    let (result, kept) = read_on(&profile("stripe"), (2026, 1, 31), without_payout.as_bytes());
    result.unwrap();
    assert_eq!(
        kept.rejects[0].expected,
        "24.05, the amount less the fee (column net)"
    );
    let bank = "id,Type,Source,Amount,Fee,Net,Currency,Created (UTC),Available On (UTC),Description\n\
txn_1,charge,ch_1,\"1,025.00\",30.05,994.95,usd,2026-01-30 10:11,2026-02-02 00:00,tea\n";
    let (rows, ..) = good("stripe-balance", (2026, 1, 30), bank.as_bytes());
    assert_eq!(
        rows,
        [
            "txn_1|1|2026-01-30T10:11:00+00:00|2026-02-02|C|102500|USD|ch_1|tea||||",
            "txn_1/fee|1|2026-01-30T10:11:00+00:00|2026-02-02|D|3005|USD|ch_1|tea|||BANK_FEE|",
        ]
    );
    // Every row must add up, and the zone of its times is said.
    let (result, kept) = read_on(
        &profile("stripe-balance"),
        (2026, 1, 30),
        bank.replace("994.95", "995.95").as_bytes(),
    );
    assert_eq!(
        kept.rejects[0].expected,
        "994.95, the amount less the fee (column Net)"
    );
    assert_eq!(
        result.unwrap().statements[0],
        "booking_time: times of column Created (UTC) are read as UTC"
    );
    let utc = "balance_transaction_id,created,available_on,currency,gross,fee,net,source_id\n\
txn_1,2026-01-30 23:30:00,2026-02-02,usd,-1.00,0,-1.00,re_1\n";
    let (rows, ..) = good("stripe-balance", (2026, 1, 30), utc.as_bytes());
    assert_eq!(
        rows,
        ["txn_1|1|2026-01-30T23:30:00+00:00|2026-02-02|D|100|USD|re_1|||||"]
    );
}

#[test]
fn minor_units_of_stripe_are_told_by_their_titles() {
    let file = "id,object,amount,available_on,created,currency,description,fee,net,source,type\n\
txn_1,balance_transaction,102500,1770033600,1769767860,usd,tea,3005,99495,ch_1,charge\n\
txn_2,balance_transaction,-1000,2026-02-02 00:00:00,2026-01-30 10:11:01,usd,,0,-1000,re_1,refund\n";
    let day = (2026, 1, 30);
    let (rows, ..) = good("stripe-balance-api", day, file.as_bytes());
    assert_eq!(
        rows,
        [
            "txn_1|1|2026-01-30T10:11:00+00:00|2026-02-02|C|102500|USD|ch_1|tea||||",
            "txn_1/fee|1|2026-01-30T10:11:00+00:00|2026-02-02|D|3005|USD|ch_1|tea|||BANK_FEE|",
            "txn_2|1|2026-01-30T10:11:01+00:00|2026-02-02|D|1000|USD|re_1|refund||||",
        ]
    );
    // Neither is ever taken for the other.
    let (_, message) = refused("stripe-balance", day, file.as_bytes());
    assert!(
        message.contains("this is no file of format stripe-balance"),
        "{message}"
    );
    let major = file.replace(",amount,", ",gross,");
    assert!(recognise(&profile("stripe-balance-api"), major.as_bytes(), None).is_none());
    let (_, kept) = read_on(
        &profile("stripe-balance-api"),
        day,
        file.replace("102500", "1025.00").as_bytes(),
    );
    assert_eq!(
        (kept.rejects[0].field.as_str(), kept.rejects[0].found.as_str()),
        ("amount", "1025.00")
    );
    let (_, kept) = read_on(
        &profile("stripe-balance-api"),
        day,
        file.replace(",usd,tea", ",isk,tea").as_bytes(),
    );
    assert!(
        kept.rejects[0].expected.contains("smallest unit"),
        "{:?}",
        kept.rejects[0]
    );
}

/// Channel, reference, type and reference of the modification: what makes two rows one (R19).
fn identity(row: &str) -> [&str; 4] {
    let parts: Vec<&str> = row.split('|').collect();
    [parts[0], parts[1], parts[3], parts[10]]
}

#[test]
fn rows_that_the_totals_count_twice_are_two_rows() {
    let stripe = "balance_transaction_id,source_id,created_utc,available_on,automatic_payout_id,currency,gross,fee,net,reporting_category\n\
txn_0,ch_1,2026-01-30 10:11:12,2026-02-02 00:00:00,po_1,usd,10.00,0.30,9.70,charge\n\
txn_1,ch_1,2026-01-30 10:11:12,2026-02-02 00:00:00,po_1,usd,10.00,0.30,9.70,charge\n\
txn_2,du_1,2026-01-30 10:11:12,2026-02-02 00:00:00,po_1,usd,-0.15,0,-0.15,other_adjustment\n\
txn_3,du_1,2026-01-30 10:11:12,2026-02-02 00:00:00,po_1,usd,-0.15,0,-0.15,other_adjustment\n\
txn_4,po_1,2026-01-31 00:00:00,2026-01-31 00:00:00,po_1,usd,-19.10,0,-19.10,payout\n";
    let adyen = "Merchant Account,Psp Reference,Merchant Reference,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Batch Number,Booking Date\n\
A,P1,O1,2026-01-05 10:00:00,EET,Settled,M1,EUR,,100.00,EUR,,100.00,,,,,7,2026-01-06 00:00:00\n\
A,,,2026-01-05 13:00:00,EET,Fee,monthly fee,,,,EUR,5.00,,,,,,7,2026-01-06 00:00:00\n\
A,,,2026-01-05 13:00:00,EET,Fee,monthly fee,,,,EUR,2.00,,,,,,7,2026-01-06 00:00:00\n\
B,,,2026-01-05 13:00:00,EET,Fee,monthly fee,,,,EUR,5.00,,,,,,7,2026-01-06 00:00:00\n\
A,,,2026-01-06 00:00:00,EET,MerchantPayout,TX1,,,,EUR,88.00,,,,,,7,2026-01-06 00:00:00\n";
    for (name, day, file) in [("stripe", (2026, 1, 31), stripe), ("adyen", (2026, 1, 6), adyen)] {
        let (rows, ..) = good(name, day, file.as_bytes());
        let mut ids: Vec<[&str; 4]> = rows.iter().map(|row| identity(row)).collect();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), rows.len()), (4, 4), "{name}: {rows:?}");
    }
}

#[test]
fn an_abbreviation_of_several_zones_is_not_guessed() {
    let file = |zone: &str| {
        format!(
            "Merchant Account,Psp Reference,Merchant Reference,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Batch Number,Booking Date\n\
A,P1,O1,2026-01-05 10:00:00,{zone},Settled,M1,EUR,,100.00,EUR,,100.00,,,,,7,2026-01-06 00:00:00\n"
        )
    };
    let (rows, ..) = good("adyen", (2026, 1, 6), file("NZDT").as_bytes());
    assert!(rows[0].contains("2026-01-05T10:00:00+13:00"), "{rows:?}");
    for zone in ["CST", "IST", "Asia/Shanghai"] {
        let (_, kept) = read_on(&profile("adyen"), (2026, 1, 6), file(zone).as_bytes());
        let reject = &kept.rejects[0];
        assert_eq!((reject.field.as_str(), reject.found.as_str()), ("txn_time", zone));
        assert!(reject.expected.contains("add it to `zones`"), "{reject:?}");
    }
}

#[test]
fn adyen_batches_add_up_to_their_payout() {
    let header = "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Batch Number,Booking Date\n";
    let rows = "C,M,P1,O1,visa,2026-01-05 10:00:00,CET,Settled,,EUR,,100.00,1,EUR,,98.50,,0.50,0.25,0.75,7,2026-01-06 00:00:00\n\
C,M,P1,O1,visa,2026-01-05 11:00:00,CEST,Refunded,M1,EUR,20.00,,1,EUR,20.10,,0.10,,,,7,2026-01-06 00:00:00\n\
C,M,P2,O2,visa,2026-01-05 12:00:00,CET,Settled,,EUR,,0.05,1,EUR,0.03,,0.08,,,,7,2026-01-06 00:00:00\n\
C,M,,,,2026-01-05 13:00:00,CET,Fee,monthly fee,,,,,EUR,5.00,,,,,,7,2026-01-06 00:00:00\n";
    let payout = "C,M,,,,2026-01-06 00:00:00,CET,MerchantPayout,\"TX1 batch 7, M\",,,,,EUR,73.37,,,,,,7,2026-01-06 00:00:00\n";
    let day = (2026, 1, 6);
    let (result, kept) = read_on(
        &profile("adyen"),
        day,
        format!("{header}{rows}{payout}").as_bytes(),
    );
    let facts = result.unwrap();
    assert_eq!(
        kept.rows,
        [
            "ADYEN|P1|O1|PAYMENT|10000|150|EUR|2026-01-05T10:00:00+01:00|2026-01-06|SUCCESS|",
            "ADYEN|P1|O1|REFUND|2000|0|EUR|2026-01-05T11:00:00+02:00|2026-01-06|SUCCESS|M1",
            "ADYEN|P1/fee|O1|WITHDRAWAL|10|0|EUR|2026-01-05T11:00:00+02:00|2026-01-06|SUCCESS|M1",
            "ADYEN|P2|O2|PAYMENT|5|8|EUR|2026-01-05T12:00:00+01:00|2026-01-06|SUCCESS|",
            "ADYEN|monthly fee||WITHDRAWAL|500|0|EUR|2026-01-05T13:00:00+01:00|2026-01-06|SUCCESS|monthly fee 7 M EUR 5.00",
        ]
    );
    assert_eq!(kept.rejects, []);
    assert_eq!(facts.checked, ["batch 7 EUR: 4 rows, Net Credit (NC) 73.37"]);
    // Two chargebacks of a payment are two, by their own references.
    let twice = "C,M,P1,O1,visa,2026-01-05 11:00:00,CET,Chargeback,M2,EUR,1.00,,1,EUR,1.10,,0.10,,,,7,2026-01-06 00:00:00\n";
    let twice = format!("{header}{twice}{}", twice.replace("M2", "M3"));
    let given = good("adyen", day, twice.as_bytes()).0;
    let references: Vec<&str> = given.iter().filter_map(|row| row.rsplit('|').next()).collect();
    assert_eq!(references, ["M2", "M2", "M3", "M3"]);
    // Money carried over from a batch and into the next: what tells the rows is beside the reference, where the file has it.
    let header_with_words = header.replace("Batch Number", "Modification Merchant Reference,Batch Number");
    let carried = "C,M,,,,2026-01-05 01:00:00,CET,Balancetransfer,Balancetransfer,,,,,EUR,,9.00,,,,,Balancetransfer from batch 6,7,2026-01-06 00:00:00\n\
C,M,,,,2026-01-05 23:00:00,CET,Balancetransfer,Balancetransfer,,,,,EUR,9.00,,,,,,Balancetransfer to batch 8,7,2026-01-06 00:00:00\n";
    let given = good("adyen", day, format!("{header_with_words}{carried}").as_bytes()).0;
    assert!(
        given[0].starts_with("ADYEN|Balancetransfer from batch 6||ADJUSTMENT|900|"),
        "{given:?}"
    );
    assert!(
        given[1].starts_with("ADYEN|Balancetransfer to batch 8||WITHDRAWAL|900|"),
        "{given:?}"
    );
    let bare = carried
        .replace("Balancetransfer from batch 6,", "")
        .replace("Balancetransfer to batch 8,", "");
    let given = good("adyen", day, format!("{header}{bare}").as_bytes()).0;
    assert!(
        given.iter().all(|row| row.starts_with("ADYEN|Balancetransfer||")),
        "{given:?}"
    );
    let part = good("adyen", day, format!("{header}{rows}").as_bytes()).1;
    assert!(part[0].ends_with("(the file states no total)"), "{part:?}");
    let wrong = format!("{header}{rows}{}", payout.replace("73.37", "73.38"));
    assert_eq!(
        refused("adyen", day, wrong.as_bytes()).1,
        "batch 7 EUR: Net Credit (NC): found 73.37, expected 73.38"
    );
    let reject = |from: &str, to: &str| {
        let text = format!("{header}{}", rows.replacen(from, to, 1));
        let (result, kept) = read_on(&profile("adyen"), day, text.as_bytes());
        result.unwrap();
        kept.rejects[0].expected.clone()
    };
    assert!(reject("1,EUR,,98.50", "1,USD,,98.50").starts_with("the gross currency"));
    assert!(reject(",CET,Settled", ",IST,Settled").starts_with("a zone that the profile knows"));
    assert!(reject("P1,O1", "1.2302025304E+022,O1").contains("a spreadsheet has changed it"));
}

#[test]
fn paypal_sections_state_their_sums() {
    let file = "\"RH\",\"2026/01/07 05:00:00 -0800\",A,EZ,010\n\"FH\",1\n\"SH\",\"2026/01/06 00:00:00 -0800\",\"2026/01/06 23:59:59 -0800\",\"EZ\"\n\
\"CH\",\"Transaction ID\",\"Invoice ID\",\"PayPal Reference ID\",\"PayPal Reference ID Type\",\"Transaction Event Code\",\"Transaction Initiation Date\",\"Transaction Completion Date\",\"Transaction  Debit or Credit\",\"Gross Transaction Amount\",\"Gross Transaction Currency\",\"Fee Debit or Credit\",\"Fee Amount\",\"Fee Currency\"\n\
\"SB\",T1,I1,R1,TXN,T0006,2026/01/06 00:00:30 -0800,2026/01/06 00:00:30 -0800,CR,5200,USD,DR,225,USD\n\
\"SB\",T2,I1,T1,TXN,T1107,2026/01/06 00:06:02 -0800,2026/01/06 00:06:02 -0800,DR,535,USD,CR,47,USD\n\
\"SB\",T3,I3,R3,TXN,T0006,2026/01/06 00:07:02 -0800,2026/01/06 00:07:02 -0800,CR,10000,JPY,DR,4000,JPY\n\
\"SB\",T4,,,,T0403,2026/01/06 01:00:00 -0800,2026/01/06 01:00:00 -0800,DR,4000,USD,,,\n\
\"SF\",USD,5200,4535,47,225,CR,10000,CR,10487,CR,0,CR,0,3\n\"SF\",JPY,10000,0,0,4000,DR,500,CR,5500,CR,0,CR,0,1\n\"SC\",4\n\
\"RF\",USD,5200,4535,47,225,CR,10000,CR,10487,CR,0,CR,0,3\n\"RF\",JPY,10000,0,0,4000,DR,500,CR,5500,CR,0,CR,0,1\n\"RC\",4\n\"FF\",4\n";
    let day = (2026, 1, 6);
    let (rows, checked, kept) = good("paypal-stl", day, file.as_bytes());
    assert_eq!(
        rows,
        [
            "PAYPAL|T1|I1|PAYMENT|5200|225|USD|2026-01-06T00:00:30-08:00|2026-01-06|SUCCESS|",
            "PAYPAL|T2|I1|REFUND|535|47|USD|2026-01-06T00:06:02-08:00|2026-01-06|SUCCESS|T2",
            "PAYPAL|T3|I3|PAYMENT|100|40|JPY|2026-01-06T00:07:02-08:00|2026-01-06|SUCCESS|",
        ]
    );
    assert_eq!(kept.not_booked, [8]);
    assert_eq!(checked.len(), 21, "{checked:?}");
    assert_eq!(checked[9], "SF rows JPY: 1 rows");
    let facts = |text: &str| read_on(&profile("paypal-stl"), day, text.as_bytes()).0.unwrap();
    let told = facts(file);
    let days = told.period.map(|period| period.days());
    let of = |day: u32| Date::from_ymd(2026, 1, day).unwrap();
    assert_eq!(days, Some((of(6), of(6))));
    let part = |begins: u32, ends: u32| {
        Some(ReportPart {
            begins,
            ends,
            number: Some(1),
            line: 1,
        })
    };
    assert_eq!(told.part, part(1, 1));
    let goes_on = file[..file.find("\"RF\"").unwrap()].to_owned() + "\"FF\",4\n";
    assert_eq!(facts(&goes_on).part, part(1, 0));
    // A section of the day behind: the file is of both.
    let section = &file[file.find("\"SH\"").unwrap()..file.find("\"RF\"").unwrap()];
    let next = section.replace("2026/01/06", "2026/01/07");
    let two = file
        .replacen("\"RF\"", &format!("{next}\"RF\""), 1)
        .replace("\"FF\",4", "\"FF\",8");
    let two = two.replacen("\"RF\",USD,5200,4535,47,225,CR,10000,CR,10487,CR,0,CR,0,3\n\"RF\",JPY,10000,0,0,4000,DR,500,CR,5500,CR,0,CR,0,1\n\"RC\",4", "\"RC\",8", 1);
    let days = facts(&two).period.map(|period| period.days());
    assert_eq!(days, Some((of(6), of(7))));
    let (_, message) = refused(
        "paypal-stl",
        day,
        file.replace("\"FH\",1", "\"FH\",3x").as_bytes(),
    );
    assert!(
        message.starts_with("the number of the file among those of its report: found `3x`"),
        "{message}"
    );
    let (_, message) = refused(
        "paypal-stl",
        day,
        file.replace("\"2026/01/06 23:59:59 -0800\"", "\"today\"")
            .as_bytes(),
    );
    assert!(
        message.starts_with("the days of the file: found `today`"),
        "{message}"
    );
    // Records of the file may be counted, too.
    for (from, to) in [("\"FF\",4\n", "\"FF\",15\n"), ("\"FF\",4\n", "\"FF\",14\n")] {
        good("paypal-stl", day, file.replacen(from, to, 1).as_bytes());
    }
    // The last file of a report that was parted: its RF is of all of them.
    let part = file.replacen("\"RH\",\"2026/01/07 05:00:00 -0800\",A,EZ,010\n", "", 1);
    let part = part.replacen("\"RC\",4", "\"RC\",9", 1);
    let (_, checked, _) = good("paypal-stl", day, part.as_bytes());
    assert!(
        checked.contains(&"RC: not compared: the file has no record RH, it is a part".to_owned()),
        "{checked:?}"
    );
    for (from, to, expected) in [
        (
            "SF\",USD,5200",
            "SF\",USD,5201",
            "SF gross credits of USD: Gross Transaction Amount: found 52.00, expected 52.01",
        ),
        ("0,3\n", "0,4\n", "SF rows of USD: rows: found 3, expected 4"),
        (
            "\"SF\",JPY,10000,0,0,4000,DR,500,CR,5500,CR,0,CR,0,1\n",
            "",
            "SF gross credits is missing: rows of JPY stand in the file, and no record SF states what they add up to, though the file has its end",
        ),
        (
            "4535,47,225,",
            "4535,48,225,",
            "SF fees of USD: Fee Amount (Fee Debit or Credit CR): found 0.47, expected 0.48",
        ),
        (
            "CR,10000,CR,10487",
            "CR,10000,CR,10488",
            "SF balance of USD: closing balance: found 104.87, expected 104.88",
        ),
        (
            "CR,10000,CR,10487",
            "DR,10000,CR,10487",
            "SF balance of USD: closing balance",
        ),
        ("\"SC\",4", "\"SC\",5", "SC: rows: found 4, expected 5"),
        ("\"RF\",USD,5200", "\"RF\",USD,5201", "RF gross credits of USD"),
        (
            "\"RF\",USD,5200,4535",
            "\"RF\",USD,5200,4536",
            "RF gross debits of USD",
        ),
        (
            "\"RF\",USD,5200,4535,47",
            "\"RF\",USD,5200,4535,48",
            "RF fees of USD: Fee Amount (Fee Debit or Credit CR): found 0.47, expected 0.48",
        ),
        ("\"RC\",4", "\"RC\",5", "RC: rows: found 4, expected 5"),
        ("\"FF\",4", "\"FF\",5", "FF: rows: found 4, expected 5"),
        ("\"SC\"", "\"XX\"", "a record of the unknown type `XX`"),
        ("\"FF\",4\n", "", "the file ends before its record FF"),
        (
            "\"FF\",4\n",
            "\"FF\",4\n\"SC\",4\n",
            "a record stands behind the one that ends the file",
        ),
        (
            "\"CH\",\"Transaction ID\"",
            "\"CH\",\"Transaction Id\"",
            "this is no file of format paypal-stl",
        ),
    ] {
        let (_, message) = refused("paypal-stl", day, file.replacen(from, to, 1).as_bytes());
        assert!(message.contains(expected), "{message} lacks {expected}");
    }
    // Without any SF the file is whole all the same: it was not cut off.
    let without: String = file
        .lines()
        .filter(|line| !line.starts_with("\"SF\""))
        .map(|line| format!("{line}\n"))
        .collect();
    let (_, message) = refused("paypal-stl", day, without.as_bytes());
    assert_eq!(
        message,
        "SF gross credits is missing: rows of JPY, USD stand in the file, and no record SF states what they add up to, though the file has its end"
    );
    // Two sections in one file have sums of their own.
    let (head, body) = file.split_once("\"SH\"").unwrap();
    let section = format!("\"SH\"{}", body.split_once("\"RF\"").unwrap().0);
    let (rows, ..) = good(
        "paypal-stl",
        day,
        format!("{head}{section}{section}\"FF\",8\n").as_bytes(),
    );
    assert_eq!(rows.len(), 6);
    // Cut behind the first section, or inside the second.
    for cut in ["", "\"SH\",\"2026/01/06 00:00:00 -0800\"", &section] {
        let (_, message) = refused("paypal-stl", day, format!("{head}{section}{cut}").as_bytes());
        assert!(
            message.contains("the file ends before its record FF"),
            "{message}"
        );
    }
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(file.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    assert_eq!(good("paypal-stl", day, &wide).0.len(), 3);
}

#[test]
fn other_processors_are_read_from_their_fields() {
    let square = "id,payout_id,effective_at,type,gross_amount_money,fee_amount_money,net_amount_money,currency\n\
e1,po1,2026-01-05T10:00:00Z,CHARGE,1000,29,971,USD\n\
e2,po1,2026-01-05T11:00:00.5+00:00,REFUND,-500,-15,-485,USD\n\
e3,po1,2026-01-05T12:00:00Z,DEPOSIT_FEE,-7,0,-7,USD\n";
    let (rows, ..) = good("square", (2026, 1, 5), square.as_bytes());
    assert_eq!(
        rows,
        [
            "SQUARE|e1||PAYMENT|1000|29|USD|2026-01-05T10:00:00+00:00|2026-01-05|SUCCESS|",
            "SQUARE|e2||REFUND|500|15|USD|2026-01-05T11:00:00+00:00|2026-01-05|SUCCESS|e2",
            "SQUARE|e3||WITHDRAWAL|7|0|USD|2026-01-05T12:00:00+00:00|2026-01-05|SUCCESS|",
        ]
    );
    let checkout = "Type,Payment ID,Reference,Processed On,Available On,Holding Currency,Payout ID,Gross In Holding Currency,Deduction In Holding Currency,Net In Holding Currency,Processing Currency,Gross In Processing Currency\n\
Charge,pay_1,O1,2026-01-05T10:00:00,2026-01-07T00:00:00,EUR,P1,10.00000,-0.25000,9.75000,EUR,10.00\n\
Charge,pay_2,O2,2026-01-05T10:00:00,2026-01-07T00:00:00,EUR,P1,10.00000,-0.25500,9.74500,EUR,10.00\n";
    let (rows, ..) = good("checkout", (2026, 1, 5), checkout.as_bytes());
    assert_eq!(
        rows,
        [
            "CHECKOUT|pay_1|O1|PAYMENT|1000|25|EUR|2026-01-05T10:00:00+08:00|2026-01-07|SUCCESS|",
            "CHECKOUT|pay_2|O2|PAYMENT|1000|26|EUR|2026-01-05T10:00:00+08:00|2026-01-07|SUCCESS|",
            "CHECKOUT|P1/rounding/EUR||ADJUSTMENT|1|0|EUR|2026-01-05T10:00:00+08:00|2026-01-07|SUCCESS|",
        ]
    );
    // A fee without an amount is no payment, and is not lost.
    let head = checkout.lines().next().unwrap();
    let fees = format!(
        "{head}\n\
Charge,pay_3,O3,2026-01-05T10:00:00,2026-01-07T00:00:00,EUR,P1,0.00000,-0.08000,-0.08000,EUR,0\n\
Scheme Fee,,adj_1,2026-01-05T10:00:00,2026-01-07T00:00:00,EUR,P1,,-1.50000,-1.50000,,\n\
Refund,pay_4,O4,2026-01-05T10:00:00,2026-01-07T00:00:00,EUR,P1,0,0.02,0.02,EUR,0\n\
Charge,pay_5,O5,2026-01-05T10:00:00,2026-01-07T00:00:00,EUR,P1,0,-0.08000,-0.07000,EUR,0\n"
    );
    let (result, kept) = read_on(&profile("checkout"), (2026, 1, 5), fees.as_bytes());
    result.unwrap();
    assert_eq!(
        kept.rows,
        [
            "CHECKOUT|pay_3/fee|O3|WITHDRAWAL|8|0|EUR|2026-01-05T10:00:00+08:00|2026-01-07|SUCCESS|",
            "CHECKOUT|adj_1/fee|adj_1|WITHDRAWAL|150|0|EUR|2026-01-05T10:00:00+08:00|2026-01-07|SUCCESS|",
            "CHECKOUT|pay_4/fee|O4|ADJUSTMENT|2|0|EUR|2026-01-05T10:00:00+08:00|2026-01-07|SUCCESS|pay_4",
        ]
    );
    assert_eq!(
        kept.rejects[0].expected,
        "-0.08, the amount less the fee (column Net In Holding Currency)"
    );
    // Two captures of a payment and their fees are told apart by the action, and by their number where there is none.
    let twice = |head: &str, one: &str, two: &str| {
        let text = format!(
            "{head}\n\
Charge,pay_6,O6,2026-01-05T10:00:00,2026-01-07T00:00:00,EUR,P1,0,-0.08000,-0.08000,EUR,0{one}\n\
Charge,pay_6,O6,2026-01-05T10:00:00,2026-01-07T00:00:00,EUR,P1,0,-0.08000,-0.08000,EUR,0{two}\n"
        );
        let (rows, ..) = good("checkout", (2026, 1, 5), text.as_bytes());
        let named = |row: &String| {
            let fields: Vec<&str> = row.split('|').collect();
            format!("{} {}", fields[1], fields[10])
        };
        rows.iter().map(named).collect::<Vec<_>>()
    };
    assert_eq!(twice(head, "", ""), ["pay_6/fee ", "pay_6/fee/2 "]);
    assert_eq!(
        twice(&format!("{head},Action ID"), ",act_1", ",act_2"),
        ["pay_6/fee act_1", "pay_6/fee act_2"]
    );
    let bill =
        "orderId,dealId,orderAmount,payAmount,fee,dealTime,payResult\nO1,D1,1000,1000,6,20260331100000,10\n";
    assert_eq!(
        good("99bill", D, bill.as_bytes()).0,
        ["99BILL|D1|O1|PAYMENT|1000|6|CNY|2026-03-31T10:00:00+08:00|2026-03-31|SUCCESS|"]
    );
    let ums = "清算日期,交易日期,交易时间,交易金额,清算金额,手续费,流水号,交易类型,参考号,商户订单号,退货订单号\n\
20260401,20260331,100000,\"1,000.00\",994.00,6.00,1,消费,R1,O1,\n20260401,20260331,110000,-10.00,-9.94,-0.06,2,退货,R2,O1,B1\n";
    assert_eq!(
        good("chinaums", D, ums.as_bytes()).0,
        [
            "CHINAUMS|R1|O1|PAYMENT|100000|600|CNY|2026-03-31T10:00:00+08:00|2026-04-01|SUCCESS|",
            "CHINAUMS|R2|O1|REFUND|1000|6|CNY|2026-03-31T11:00:00+08:00|2026-04-01|SUCCESS|B1",
        ]
    );
    let baidu = "订单号,百付宝交易号,创建时间,收入金额（+元）,支出金额（-元）,业务类型,账户余额（元）,说明\nO1,B1,2026-03-31 10:00:00,+10.00,,收款,110.00,茶\nO1,B1,2026-03-31 10:00:01,,-0.06,服务费,109.94,\n";
    let (rows, _, kept) = good("baidu-wallet", D, baidu.as_bytes());
    assert_eq!(
        rows[1],
        "B1/服务费|0|2026-03-31T10:00:01+08:00|2026-03-31|D|6|CNY|O1|||||"
    );
    assert_eq!(kept.balances, ["0 CNY 2026-03-31 10000 10994"]);
}

#[test]
fn bank_statements_of_every_layout_are_read() {
    let check = |name: &str, file: &str, first: &str, balances: &str| {
        let gbk = encoding_rs::GB18030.encode(file).0.into_owned();
        for bytes in [file.as_bytes(), &gbk] {
            let (rows, _, kept) = good(name, D, bytes);
            let row = rows[0].split_once('|').unwrap();
            // An id is the bank's own, or a digest.
            assert!(row.0 == "B1" || row.0.len() == DIGEST_CHARS, "{name}: {}", row.0);
            assert_eq!(row.1, first, "{name}");
            assert_eq!(kept.balances, [balances], "{name}");
        }
        // A balance that does not follow refuses the file.
        let broken = file.replacen("110.00", "110.01", 1);
        assert!(broken != *file, "{name} has a balance of 110.00");
        assert!(
            refused(name, D, broken.as_bytes()).1.contains("running balance"),
            "{name}"
        );
    };
    check(
        "ccb",
        "账号,账户名称,交易时间,借方发生额（支取）,贷方发生额（收入）,余额,币种,对方户名,对方账号,对方开户机构,记账日期,摘要,备注,账户明细编号-交易流水号,企业流水号\n6222,店,20260331 17:07:09,0.00,10.00,110.00,人民币元,张三,6217,行,20260331,转账,订单,B1,E1\n6222,店,20260331 17:08:09,20.00,0.00,90.00,人民币元,张三,6217,行,20260331,转账,订单,B2,E2\n",
        "0|2026-03-31T17:07:09+08:00|2026-03-31|C|1000|CNY|E1|转账 订单|张三|6217||",
        "0 CNY 2026-03-31 10000 9000",
    );
    check(
        "icbc-corporate",
        "[HISTORYDETAIL]\n凭证号,交易时间,对方单位,对方账号,转入金额,转出金额,余额,用途,摘要,附言\n0,2026-03-31 10:00:00,张三,6217,,\"1,000.00\",110.00,货款,转账,\nV2,2026-03-31 11:00:00,张三,6217,5.00,,115.00,货款,转账,x\n",
        "0|2026-03-31T10:00:00+08:00|2026-03-31|D|100000|CNY||货款 转账|张三|6217||",
        "0 CNY 2026-03-31 111000 11500",
    );
    check(
        "icbc-corporate",
        "[HISTORYDETAIL],,\n凭证号,本方账号,对方账号,交易时间,借/贷,借方发生额,贷方发生额,对方单位名称,余额\nV1,6222,6217,2026-03-31 10:00:00,贷,,10.00,张三,110.00\nV2,6222,6217,2026-03-31 11:00:00,借,1.00,,张三,109.00\n",
        "0|2026-03-31T10:00:00+08:00|2026-03-31|C|1000|CNY|V1||张三|6217||",
        "0 CNY 2026-03-31 10000 10900",
    );
    check(
        "cmb-corporate",
        "账号,账号名称,币种,交易日,交易时间,起息日,交易类型,借方金额,贷方金额,余额,摘要\n6222,店,人民币,20260331,100000,20260401,转账,1.00,,\"1,099.00\",退款\n6222,店,人民币,20260331,090000,20260331,转账,,990.00,\"1,100.00\",货款\n6222,店,人民币,20260331,080000,20260331,转账,,10.00,110.00,货款\n",
        "0|2026-03-31T10:00:00+08:00|2026-04-01|D|100|CNY||退款||||",
        "0 CNY 2026-03-31 10000 109900",
    );
    check(
        "cmbc",
        "账户名称,店,,\n账号,6222,,\n币种,人民币,\n起始日期,2026-03-31,\n\n交易日期,交易时间,借方发生额,贷方发生额,账户余额,对方户名,对方账号,摘要\n2026-03-31,10:00:00,,10.00,110.00,张三,6217,货款\n2026-03-31,11:00:00,5.00,,105.00,张三,6217,退款\n",
        "0|2026-03-31T10:00:00+08:00|2026-03-31|C|1000|CNY||货款|张三|6217||",
        "0 CNY 2026-03-31 10000 10500",
    );
    check(
        "boc",
        "中国银行交易流水明细单\n记账日期,记账时间,币别,金额,余额,交易名称,渠道,网点名称,附言,对方账户名,对方卡号/账号,对方开户行,借记卡号\n2026-03-31,17:57:17,人民币,-71.89,38.11,无卡支付,线上,-------------------,----------,张三,6226,-------------------,3167\n2026-03-31,12:24:20,人民币,10.00,110.00,网上快捷支付,银企,-------------------,茶,----------,----------,-------------------,3167\n",
        "0|2026-03-31T17:57:17+08:00|2026-03-31|D|7189|CNY||无卡支付|张三|6226||",
        "0 CNY 2026-03-31 10000 3811",
    );
    check(
        "bocom",
        "序号,交易日期,交易时间,交易类型,借贷,交易金额,余额,对方账号,对方户名,交易地点,摘要\n1,2026-03-31,00:00:00,存款利息,贷 Cr,10.00,110.00,132,应付利息,批处理,\n2,2026-03-31,13:15:12,消费,借 Dr,3.21,106.79,666,店,其他,茶\n",
        "0|2026-03-31T00:00:00+08:00|2026-03-31|C|1000|CNY||存款利息|应付利息|132||",
        "0 CNY 2026-03-31 10000 10679",
    );
    check(
        "abc",
        "交易日期,交易时间,交易摘要,交易金额,本次余额,对手信息,日 志 号,交易渠道,交易附言\n20260331,123456,转存,+10.00,110.00,哈哈,369,超级网银,转账\n20260331,,结息,+0.01,110.01,--,0000000000,,利息\n20260331,,利息税,+0.00,110.01,--,0000000000,,利息\n",
        "0|2026-03-31T12:34:56+08:00|2026-03-31|C|1000|CNY|369|转存 转账|哈哈|||",
        "0 CNY 2026-03-31 10000 11001",
    );
    check(
        "cmb-retail",
        "记账日期,货币,交易金额,联机余额,交易摘要,对手信息,客户摘要\n2026-03-31,CNY,10.00,110.00,转账,张三,茶\n2026-03-31,CNY,-5.00,105.00,消费,店,\n2026-03-31,CNY,-5.00,100.00,消费,店,\n",
        "0|2026-03-31|2026-03-31|C|1000|CNY||转账 茶|张三|||",
        "0 CNY 2026-03-31 10000 10000",
    );
}
