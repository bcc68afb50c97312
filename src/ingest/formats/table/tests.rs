use super::samples::read_both_ways;
use super::*;
use crate::ingest::formats::profile::builtin;
use crate::ingest::formats::testing::{Kept, context, sample, settings, source};

const SAMPLE: &str = "alipay/trade_detail_2019-09-16.gbk.csv";
const HEADER: &str = "支付宝交易号,商户订单号,业务类型,商品名称,创建时间,完成时间,门店编号,门店名称,操作员,终端号,对方账户,订单金额（元）,商家实收（元）,支付宝红包（元）,集分宝（元）,支付宝优惠（元）,商家优惠（元）,券核销金额（元）,券名称,商家红包消费金额（元）,卡消费金额（元）,退款批次号/请求号,服务费（元）,分润（元）,备注";

fn alipay() -> Profile {
    Profile::parse(builtin("alipay-trade").unwrap(), "alipay-trade").unwrap()
}

fn read_with(
    profile: &Profile,
    bytes: &[u8],
    encoding: Option<&str>,
) -> (Result<FileFacts, FileRefused>, Kept) {
    let settings = settings(&[("6222", "CNY")]);
    let mut source = source(&profile.name, profile.role);
    source.encoding = encoding.map(str::to_owned);
    let mut kept = Kept::default();
    let result = read_both_ways(profile, bytes, &context(&settings, &source), &mut kept);
    (result, kept)
}

/// A row of a bill; the times are those of the sample.
fn row(kind: &str, goods: &str, amount: &str, fee: &str, refund: &str) -> String {
    format!(
        "20190916\t,order\t,{kind}\t,{goods},2019-09-16 10:55:16,2019-09-16 10:55:23,\t,\t,\t,\t,*x\t,{amount},{amount},0.00,0.00,0.00,0.00,0.00,,0.00\t,0.00,{refund}\t,{fee},0.00,"
    )
}

fn bill(rows: &[String], paid: &str, refunded: &str) -> String {
    format!(
        "#支付宝业务明细查询\n#账号：[20880156]\n#起始日期：[2019年09月16日 00:00:00]   终止日期：[2019年09月17日 00:00:00]\n#---业务明细列表---\n{HEADER}\n{}\n#---业务明细列表结束---\n#交易合计：{paid}，商家优惠共0.00元\n#退款合计：{refunded}，商家优惠退款共0.00元\n#导出时间：[c]\n",
        rows.join("\n")
    )
}

const NO_REFUND: &str = "0笔，商家实收退款共0.00元";

/// Reads a bill with one payment row and gives its row or its reject in words.
fn one(row: String, paid: &str, refunded: &str) -> Result<String, String> {
    let (result, kept) = read_with(&alipay(), bill(&[row], paid, refunded).as_bytes(), None);
    result.map_err(|refused| refused.message)?;
    match kept.rejects.first() {
        Some(reject) => Err(format!(
            "{}: {} / {}",
            reject.field, reject.found, reject.expected
        )),
        None => Ok(kept.rows.join("\n")),
    }
}

#[test]
fn the_public_bill_is_read() {
    let Some(bytes) = sample(SAMPLE) else { return };
    let (result, kept) = read_with(&alipay(), &bytes, None);
    let facts = result.unwrap();
    assert_eq!(
        facts.checked,
        [
            "交易合计: 6 rows, 商家实收（元） 0.06, 商家优惠（元） 0.00",
            "退款合计: 4 rows, 商家实收（元） 0.04, 商家优惠（元） 0.00",
        ]
    );
    assert_eq!(facts.statements[0], "账号 …5633");
    assert_eq!(kept.rows.len(), 10);
    assert_eq!(
        kept.rows[..2],
        [
            "ALIPAY|2019091622001458860515315453|service_1568601259302|PAYMENT|1|0|CNY|2019-09-16T10:55:23+08:00|2019-09-16|SUCCESS|",
            "ALIPAY|2019091622001458860515315453|service_1568601259302|REFUND|1|0|CNY|2019-09-16T10:56:48+08:00|2019-09-16|SUCCESS|re_test_1568602607356",
        ]
    );
    assert!(kept.rejects.is_empty());
    // Lines and offsets lead back to the row.
    assert_eq!(kept.places[0].line, 6);
    for place in &kept.places {
        assert!(bytes[place.offset as usize..].starts_with(b"20190916"));
        assert_eq!(bytes[place.offset as usize - 1], b'\n');
    }
}

#[test]
fn copies_saved_again_in_utf8_say_the_same() {
    let Some(bytes) = sample(SAMPLE) else { return };
    let (_, original) = read_with(&alipay(), &bytes, None);
    let text = encoding_rs::GB18030.decode(&bytes).0.into_owned();
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    let copies: [Vec<u8>; 4] = [
        text.clone().into_bytes(),
        format!("\u{feff}{text}").into_bytes(),
        text.replace('\n', "\r\n").into_bytes(),
        wide,
    ];
    for copy in copies {
        let (result, kept) = read_with(&alipay(), &copy, None);
        result.unwrap();
        assert_eq!(kept.rows, original.rows);
        assert_eq!(
            kept.places.iter().map(|place| place.line).collect::<Vec<_>>(),
            original.places.iter().map(|place| place.line).collect::<Vec<_>>()
        );
    }
    // Spreadsheets pad the lines of the frame.
    let padded: Vec<String> = text
        .lines()
        .map(|line| {
            if line.starts_with('#') {
                format!("{line},,,,")
            } else {
                line.to_owned()
            }
        })
        .collect();
    let (result, kept) = read_with(&alipay(), padded.join("\n").as_bytes(), None);
    result.unwrap();
    assert_eq!(kept.rows, original.rows);
    // A declared encoding is used and no other.
    assert!(read_with(&alipay(), &bytes, Some("gbk")).0.is_ok());
    assert!(read_with(&alipay(), &bytes, Some("utf-8")).0.is_err());
}

#[test]
fn a_cut_bill_is_never_taken_for_another() {
    let Some(bytes) = sample(SAMPLE) else { return };
    let profile = alipay();
    let (_, whole) = read_with(&profile, &bytes, None);
    let mut taken = 0;
    for end in 0..bytes.len() {
        let (result, kept) = read_with(&profile, &bytes[..end], None);
        if result.is_ok() {
            assert_eq!(kept, whole, "cut to {end} bytes");
            taken += 1;
        }
    }
    // From the end of 退款合计 on only the time of export is lost; nothing checks it, and no row depends on it. A cut
    // inside one of its characters does not decode and is refused.
    let tail = encoding_rs::GB18030
        .encode("\n#导出时间：[2019年09月17日 05:46:49]\n")
        .0
        .len();
    assert!(taken > 0 && taken <= tail, "{taken} of {tail}");
}

#[test]
fn rows_are_read_exactly_or_refused() {
    let check = |row: String, paid: &str, refunded: &str, expected: Result<&str, &str>| {
        let found = one(row, paid, refunded);
        match (&found, expected) {
            (Ok(row), Ok(part)) | (Err(row), Err(part)) => assert!(row.contains(part), "{row} lacks {part}"),
            _ => panic!("found {found:?}, expected {expected:?}"),
        }
    };
    let paid = "1笔，商家实收共10.00元";
    let none = "0笔，商家实收共0.00元";
    let refunded = "1笔，商家实收退款共-10.00元";
    check(
        row("交易", "x", "10.00", "-0.06", ""),
        paid,
        NO_REFUND,
        Ok("PAYMENT|1000|6|CNY"),
    );
    check(
        row("退款", "x", "-10.00", "0.06", "r1"),
        none,
        refunded,
        Ok("REFUND|1000|6|CNY"),
    );
    // A refund may be written without its minus sign; the type decides.
    check(
        row("退款", "x", "10.00", "0.00", "r1"),
        none,
        refunded,
        Ok("REFUND|1000|0|CNY"),
    );
    check(
        row("退款", "x", "10.00", "0.00", "r1"),
        none,
        "1笔，商家实收退款共10.00元",
        Ok("REFUND|1000"),
    );
    check(
        row("交易", "x", "-10.00", "0.00", ""),
        paid,
        NO_REFUND,
        Err("amount: -10.00 / no minus sign on PAYMENT (column 商家实收（元）)"),
    );
    check(
        row("交易", "x", "10.00", "0.06", ""),
        paid,
        NO_REFUND,
        Err("fee: 0.06 / a minus sign on PAYMENT (column 服务费（元）)"),
    );
    check(
        row("退款", "x", "-10.00", "-0.06", ""),
        none,
        refunded,
        Err("fee: -0.06 / no minus sign on REFUND"),
    );
    check(
        row("转账", "x", "10.00", "0.00", ""),
        none,
        NO_REFUND,
        Err("txn_type: 转账 / one of 交易, 退款 (column 业务类型)"),
    );
    // Amounts that cannot be read leave the total uncheckable: the file is refused.
    for bad in [
        "10.005",
        "1,0.00",
        "１0.00",
        "1e1",
        "",
        "NaN",
        "+10.00",
        "010.00",
        "99999999999999999999.00",
    ] {
        check(
            row("交易", "x", bad, "0.00", ""),
            paid,
            NO_REFUND,
            Err("交易合计"),
        );
    }
    // A zero row moves no money.
    check(
        row("交易", "x", "0.00", "0.00", ""),
        "1笔，商家实收共0.00元",
        NO_REFUND,
        Ok(""),
    );
    check(
        row("交易", "x", "0.00", "-0.01", ""),
        "1笔，商家实收共0.00元",
        NO_REFUND,
        Err("there is a fee"),
    );
    let late = row("交易", "x", "10.00", "0.00", "").replace("10:55:23", "25:55:23");
    check(late, paid, NO_REFUND, Err("txn_time: 2019-09-16 25:55:23"));
}

#[test]
fn a_comma_in_the_goods_is_anchored_and_elsewhere_refused() {
    let paid = "1笔，商家实收共10.00元";
    let found = one(
        row("交易", "tea, green, 50g", "10.00", "0.00", ""),
        paid,
        NO_REFUND,
    );
    assert!(found.unwrap().contains("PAYMENT|1000|0"));
    let remark = format!("{}a,b", row("交易", "x", "10.00", "0.00", ""));
    assert_eq!(
        one(remark, paid, NO_REFUND).unwrap_err(),
        "交易合计 cannot be checked: a row: found 26 fields, expected 25 fields, as in the header"
    );
    let short = "20190916,order,交易".to_owned();
    assert!(
        one(short, paid, NO_REFUND)
            .unwrap_err()
            .contains("found 3 fields")
    );
}

#[test]
fn totals_and_frame_hold_or_the_file_is_refused() {
    let good = bill(
        &[row("交易", "x", "10.00", "0.00", "")],
        "1笔，商家实收共10.00元",
        NO_REFUND,
    );
    let check = |from: &str, to: &str, expected: &str| {
        assert!(good.contains(from), "{from}");
        let (result, _) = read_with(&alipay(), good.replacen(from, to, 1).as_bytes(), None);
        let refused = result.unwrap_err();
        assert!(
            refused.message.contains(expected),
            "{} lacks {expected}",
            refused.message
        );
        assert!(!refused.help.is_empty());
    };
    assert!(read_with(&alipay(), good.as_bytes(), None).0.is_ok());
    check("：1笔", "：2笔", "交易合计: rows: found 1, expected 2");
    check(
        "共10.00元",
        "共10.01元",
        "交易合计: 商家实收（元）: found 10.00, expected 10.01",
    );
    check("#退款合计", "#合计", "退款合计 is missing");
    check(
        "#---业务明细列表结束---",
        "#",
        "the line that ends the table is missing",
    );
    check(
        "#---业务明细列表---",
        "#",
        "a row stands before the line that begins the table",
    );
    check("#导出时间", "#---业务明细列表---\n#", "the table begins twice");
    check(
        "#导出时间",
        "#退款合计：0笔，商家实收退款共0.00元，商家优惠退款共0.00元\n#",
        "退款合计 stands twice",
    );
    check(
        "#导出时间：[c]",
        "1,2,3",
        "a row stands behind the line that ends the table",
    );
    check("服务费（元）", "服务费", "the header has no column 服务费（元）");
    check("门店编号", "服务费（元）", "the column 服务费（元） twice");
    check(
        "#支付宝业务明细查询",
        "#支付宝账务明细查询",
        "this is no file of format alipay-trade",
    );
    check("order", "or\0der", "NUL");
}

#[test]
fn the_summary_is_known_for_what_it_is() {
    let text = "#支付宝业务汇总查询\n#账号：[20880156]\n合计,,1\n";
    let gbk = encoding_rs::GB18030.encode(text).0.into_owned();
    for bytes in [text.as_bytes(), &gbk] {
        assert!(matches!(
            recognise(&alipay(), bytes, None),
            Some(Kind::Skipped(_))
        ));
        let (result, kept) = read_with(&alipay(), bytes, None);
        assert!(result.unwrap().noted[0].starts_with("not read: summary per store"));
        assert_eq!(kept, Kept::default());
    }
    assert_eq!(
        recognise(&alipay(), "#支付宝业务明细查询\n".as_bytes(), None),
        Some(Kind::Rows)
    );
    assert_eq!(recognise(&alipay(), b"a,b\n", None), None);
    assert_eq!(recognise(&alipay(), b"", None), None);
}

#[test]
fn the_wider_bill_of_institutions_is_bound_by_name() {
    let wide = HEADER.replace(
        "退款批次号/请求号,服务费（元）,分润（元）,备注",
        "退款批次号,服务费（元）,实收净额（元）,商户识别号,交易方式,备注,花呗分期手续费,花呗分期数",
    );
    let read = |fee: &str, net: &str, instalments: &str| {
        let row = row("退款", "x", "-10.00", fee, "r1").replace(
            &format!("{fee},0.00,"),
            &format!("{fee},{net},,,,{instalments},0"),
        );
        let text =
            bill(&[row], "0笔，商家实收共0.00元", "1笔，商家实收退款共-10.00元").replace(HEADER, &wide);
        let (result, kept) = read_with(&alipay(), text.as_bytes(), None);
        result.unwrap();
        kept
    };
    let kept = read("0.06", "-9.94", "0.00");
    assert_eq!(kept.rejects, []);
    assert!(kept.rows[0].ends_with("|SUCCESS|r1"), "{}", kept.rows[0]);
    // 实收净额 is what is left of the amount without the fee; of instalments that is not known.
    let kept = read("0.09", "-9.94", "");
    let reject = &kept.rejects[0];
    assert_eq!(
        (
            reject.field.as_str(),
            reject.found.as_str(),
            reject.expected.as_str()
        ),
        (
            "net",
            "-9.94",
            "-9.91, the amount less the fee (column 实收净额（元）)"
        )
    );
    assert_eq!(read("0.09", "-9.94", "0.30").rejects, []);
}

const BANK: &str = r#"
title = "a bank's table"
role = "bank"
encodings = ["utf-8", "gb18030"]
[recognise]
header = ["流水号", "收入", "支出"]
[frame]
delimiter = ";"
quote = '"'
trim = " "
preamble_lines = 1
end = "合计;{count};{in};{out}"
[[skip]]
column = "状态"
is = ["冲正中"]
[fields.entry_id]
columns = ["流水号"]
required = true
[fields.account]
value = "6222"
[fields.booking_time]
columns = ["时间"]
pattern = "yyyyMMdd HH:mm:ss"
[fields.value_date]
columns = ["时间"]
pattern = "yyyyMMdd HH:mm:ss"
[fields.amount]
credit_columns = ["收入"]
debit_columns = ["支出"]
thousands = ","
[fields.currency]
value = "CNY"
[fields.bank_ref]
columns = ["附言", "备注"]
strip_prefix = "REF:"
[fields.remark]
columns = ["备注"]
[fields.purpose]
columns = ["用途"]
map = { "利息" = "INTEREST", "" = "" }
"#;

#[test]
fn a_bank_table_is_read_by_a_profile_of_the_book() {
    let profile = Profile::parse(BANK, "bank").unwrap();
    let text = "某银行流水\n流水号;时间;收入;支出;附言;备注;用途;状态\n1;20260331 10:00:00;\"1,234.50\";;REF:P1;x;;\n2;20260331 11:00:00;;0.50;;\"a;\"\"b\"\"\nc\";;\n3;20260331 12:00:00;9.99;;;;利息;\n4;20260331 12:00:00;1.00;1.00;;;;\n5;20260331 12:00:00;12,34.00;;;;;\n6;20260331 12:00:00;;1.00;;;利息;\n7;20260331 12:00:00;5.00;;;;;冲正中\n合计;7;1;1\n";
    let (result, kept) = read_with(&profile, text.as_bytes(), None);
    result.unwrap();
    assert_eq!(
        kept.rows,
        [
            "1|0|2026-03-31T10:00:00+08:00|2026-03-31|C|123450|CNY|P1|x||||",
            "2|0|2026-03-31T11:00:00+08:00|2026-03-31|D|50|CNY|a;\"b\"\nc|a;\"b\"\nc||||",
            "3|0|2026-03-31T12:00:00+08:00|2026-03-31|C|999|CNY|||||INTEREST|",
        ]
    );
    let rejects: Vec<_> = kept
        .rejects
        .iter()
        .map(|r| (r.line, r.field.as_str(), r.found.as_str()))
        .collect();
    assert_eq!(
        rejects,
        [
            (7, "amount", "1.00"),
            (8, "amount", "12,34.00"),
            (9, "purpose", "利息")
        ]
    );
    assert_eq!(kept.not_booked, [10]);
}

#[test]
fn a_damaged_bill_never_loses_a_row_in_silence() {
    let Some(bytes) = sample(SAMPLE) else { return };
    let profile = alipay();
    // Type and amount of every row; fees stand in no total.
    let money = |kept: &Kept| -> Vec<String> {
        let fields = |row: &String| row.split('|').skip(3).take(2).collect::<Vec<_>>().join("|");
        kept.rows.iter().map(fields).collect()
    };
    let (_, whole) = read_with(&profile, &bytes, None);
    let mut damaged = bytes.clone();
    for at in 0..bytes.len() {
        for byte in [b'\n', b',', b'7', 0xff] {
            damaged[at] = byte;
            let (result, kept) = read_with(&profile, &damaged, None);
            if result.is_ok() {
                assert_eq!(kept.rows.len() + kept.rejects.len(), 10, "byte {at} is {byte}");
                if kept.rejects.is_empty() {
                    assert_eq!(money(&kept), money(&whole), "byte {at} is {byte}");
                }
            }
        }
        damaged[at] = bytes[at];
    }
}

#[test]
fn rejects_name_line_column_and_title() {
    let rows = [
        row("交易", "x", "10.00", "0.00", ""),
        row("交易", "茶", "10.00", "0.06", ""),
    ];
    let (result, kept) = read_with(
        &alipay(),
        bill(&rows, "2笔，商家实收共20.00元", NO_REFUND).as_bytes(),
        None,
    );
    result.unwrap();
    let reject = &kept.rejects[0];
    let before = rows[1].split("0.06").next().unwrap().chars().count() as u32;
    assert_eq!(
        (reject.line, reject.column, reject.field.as_str()),
        (7, before + 1, "fee")
    );
    assert!(reject.expected.ends_with("(column 服务费（元）)"));
    assert_eq!(kept.rows.len(), 1);
}

/// Reads bytes in GBK, and the text that they are; the same is found in both. False where they are no text.
fn gbk_says_what_its_text_says(profile: &Profile, bytes: &[u8]) -> bool {
    let (in_gbk, found) = read_with(profile, bytes, Some("gb18030"));
    let Some(text) = encoding_rs::GB18030.decode_without_bom_handling_and_without_replacement(bytes) else {
        assert!(in_gbk.is_err());
        return false;
    };
    let (in_text, expected) = read_with(profile, text.as_bytes(), Some("utf-8"));
    let shown = |result: Result<FileFacts, FileRefused>| result.map(|facts| facts.checked);
    assert_eq!(shown(in_gbk), shown(in_text));
    let lines = |kept: &Kept| kept.places.iter().map(|place| place.line).collect::<Vec<_>>();
    assert_eq!(lines(&found), lines(&expected));
    let without_places = |kept: Kept| Kept {
        places: Vec::new(),
        ..kept
    };
    assert_eq!(without_places(found), without_places(expected));
    true
}

#[test]
fn a_damaged_file_in_gbk_says_what_its_text_says() {
    let (mut profiles, mut files) = (vec![super::own::lakeside()], vec![super::own::STATEMENT.to_vec()]);
    if let Some(bytes) = sample(SAMPLE) {
        profiles.push(alipay());
        files.push(bytes);
    }
    let (mut texts, mut others) = (0, 0);
    for (profile, bytes) in profiles.iter().zip(&files) {
        let mut look = |bytes: &[u8]| match gbk_says_what_its_text_says(profile, bytes) {
            true => texts += 1,
            false => others += 1,
        };
        look(bytes);
        let step = bytes.len() / 400 + 1;
        for at in (0..bytes.len()).step_by(step) {
            let mut copy = bytes.clone();
            copy[at] ^= 1;
            look(&copy);
            copy[at] = bytes[at] ^ 0x80;
            look(&copy);
            copy[at] = b'"';
            look(&copy);
            copy[at] = bytes[at];
            copy.insert(at, b',');
            look(&copy);
            copy[at] = b'"';
            look(&copy);
            copy.remove(at);
            copy.remove(at);
            look(&copy);
        }
    }
    assert!(texts > 1000 && others > 10, "{texts} {others}");
    // Windows ends its lines in its own way; a character of four bytes stands beside those of two.
    let text = encoding_rs::GB18030.decode(super::own::STATEMENT).0.into_owned();
    for text in [
        text.replace("\r\n", "\n"),
        text.replace("\r\n", "\n").replace('\n', "\r\n"),
        text.replacen("青山", "𠀀山", 1),
        text.replacen("青山", "€山", 1),
    ] {
        assert!(gbk_says_what_its_text_says(
            &profiles[0],
            &encoding_rs::GB18030.encode(&text).0
        ));
        let in_gbk = encoding_rs::GB18030.encode(&text).0.into_owned();
        assert!(read_with(&profiles[0], &in_gbk, None).0.is_ok(), "{text}");
    }
}

#[test]
fn a_bill_says_of_which_days_it_is() {
    use crate::terms::date::Date;
    let day = |day: u32| Date::from_ymd(2019, 9, day).unwrap();
    let text = bill(&[], "0笔，商家实收共0.00元", NO_REFUND);
    let (result, _) = read_with(&alipay(), text.as_bytes(), None);
    let period = result.unwrap().period.unwrap();
    assert_eq!((period.line, period.days()), (3, (day(16), day(16))));
    // It ends where the next day begins, whatever the cut-off.
    assert_eq!(
        [15, 16, 17].map(|at| period.has(day(at), 0)),
        [false, true, false]
    );
    assert_eq!(
        [14, 15, 16].map(|at| period.has(day(at), 22 * 60)),
        [false, true, true]
    );
    let month = text.replace("[2019年09月17日", "[2019年10月01日");
    let (result, _) = read_with(&alipay(), month.as_bytes(), None);
    assert_eq!(result.unwrap().period.unwrap().days(), (day(16), day(30)));
    // What cannot be read is refused; a bill without the line says nothing.
    let (result, _) = read_with(&alipay(), text.replace("09月17日", "9月17日").as_bytes(), None);
    let refused = result.unwrap_err();
    assert_eq!(
        (refused.line, refused.message.as_str()),
        (
            3,
            "the days of the file: found `2019年9月17日 00:00:00`, expected a time like yyyy年MM月dd日 HH:mm:ss"
        )
    );
    let (result, _) = read_with(&alipay(), text.replace("#起始日期：", "#起始：").as_bytes(), None);
    assert_eq!(result.unwrap().period, None);
}

#[test]
fn the_line_of_the_days_is_checked() {
    let text = crate::ingest::formats::profile::builtin("alipay-trade").unwrap();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        format!("{:?}", Profile::parse(&text.replacen(from, to, 1), "x").err())
    };
    assert!(refused("[{until}]", "[{till}]").contains("period.line: expected the holes {from} and {until}"));
    assert!(refused("yyyy年MM月dd日 HH:mm:ss", "MM月dd日").contains("period.pattern: expected a year"));
    assert!(refused("pattern = \"yyyy年", "patern = \"yyyy年").contains("patern"));
}

#[test]
fn the_records_of_a_parted_report_are_checked() {
    let text = crate::ingest::formats::profile::builtin("paypal-stl").unwrap();
    let refused = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        format!("{:?}", Profile::parse(&text.replacen(from, to, 1), "x").err())
    };
    assert!(
        refused("begins = \"RH\"", "begins = \"RX\"").contains("parted.begins: expected one of other_types")
    );
    assert!(refused("ends = \"RC\"\n", "").contains("`begins` and `ends` go together"));
    assert!(refused("number = \"FH\"", "numbers = \"FH\"").contains("numbers"));
}
