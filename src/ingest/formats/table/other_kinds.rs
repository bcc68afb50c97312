//! Files that people deliver in the place of a bank's or channel's table, and that hold none: workbooks, documents, and
//! bills that an app gives to a person. In: the first bytes. Out: what the file is, and what to fetch in its place.

use encoding_rs::{GB18030, UTF_8};

use super::lines::decode;
use crate::ingest::formats::FileRefused;

/// Bytes that are looked at.
const HEAD_BYTES: usize = 4 << 10;
/// Lines in which a bill says what it is.
const LINES: usize = 24;

/// Texts of the first lines of a bill that is a person's, what it is, and what to fetch.
const OF_PERSONS: [(&str, &str, &str); 5] = [
    (
        "微信支付账单明细",
        "a WeChat user's bill (微信支付账单明细), a person's and not a merchant's",
        "fetch the trade bill (交易账单) or the fund bill (资金账单) of the merchant number from the merchant platform or by its interface",
    ),
    (
        "支付宝交易记录明细查询",
        "an Alipay user's record (支付宝交易记录明细查询), a person's and not a merchant's",
        "fetch the trade bill (业务明细) or the fund bill (账务明细) of the merchant's PID from the merchant platform or by its interface",
    ),
    (
        "电子客户回单",
        "an Alipay user's record (电子客户回单), a person's and not a merchant's",
        "fetch the trade bill (业务明细) or the fund bill (账务明细) of the merchant's PID from the merchant platform or by its interface",
    ),
    ("信用卡账单", CREDIT_CARD, OF_ACCOUNT),
    ("信用卡对账单", CREDIT_CARD, OF_ACCOUNT),
];
/// Archives and packings that are not read, by their first bytes and where these stand.
const PACKED: [(usize, &[u8], &str); 6] = [
    (0, b"\x1f\x8b", "packed by gzip twice"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive"),
    (0, b"Rar!\x1a\x07", "a RAR archive"),
    (0, b"\xfd7zXZ\0", "packed by xz"),
    (0, b"BZh", "packed by bzip2"),
    // Where tar files of POSIX and of GNU say what they are.
    (257, b"ustar", "a tar archive"),
];
const CREDIT_CARD: &str = "a credit card's statement: what it shows is owed, and no money in an account";
const OF_ACCOUNT: &str = "fetch the statement of the account that the source names";

/// What a file is that holds no table for anybody; `None` where it may be one.
pub fn other_kind(head: &[u8]) -> Option<FileRefused> {
    let head = &head[..head.len().min(HEAD_BYTES)];
    let is = |what: &str, help: &str| Some(FileRefused::at(1, format!("this is {what}"), help));
    let as_table = "export it as CSV with every cell as text, or fetch the CSV of the same period: a number that a spreadsheet has shortened (1.23E+17) is refused";
    let contains = |text: &[u8]| memchr::memmem::find(head, text).is_some();
    match head {
        [b'P', b'K', 3, 4, ..] if contains(b"[Content_Types].xml") || contains(b"xl/") => {
            return is("an Excel workbook (xlsx)", as_table);
        }
        [0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1, ..] => {
            return is("an Excel workbook (xls)", as_table);
        }
        [b'%', b'P', b'D', b'F', b'-', ..] => {
            return is(
                "a PDF document",
                "fetch the same statement as CSV, or as camt.053 or MT940: no figure is read from a page",
            );
        }
        _ => {}
    }
    for (at, magic, what) in PACKED {
        // `BZh` might begin a line of text; what is packed is none.
        if head.get(at..).is_some_and(|rest| rest.starts_with(magic)) && head.contains(&0) {
            return is(
                what,
                "unpack it, and lay the files in it into the inbox: zip, gzip and zstd are unpacked here, other archives are not",
            );
        }
    }
    let text = text_of(head);
    let start: String = text.trim_start().chars().take(200).collect();
    let start = start.to_ascii_lowercase();
    if start.starts_with('<') && start.contains("<table") {
        return is("an HTML page with a table, whatever its name ends in", as_table);
    }
    let lines = || text.lines().take(LINES);
    for (words, what, help) in OF_PERSONS {
        let says = |line: &str| {
            // A title: not one of many cells of a row or a header.
            let title = line.trim_matches(|c: char| c == ',' || c == '"' || c == '-' || c.is_whitespace());
            title.contains(words) && !title.contains(',')
        };
        if lines().any(says) {
            return is(what, help);
        }
    }
    None
}

fn text_of(head: &[u8]) -> String {
    // The last line may be cut inside a character.
    let whole = memchr::memrchr(b'\n', head).map_or(head, |end| &head[..end]);
    let text = decode(UTF_8, whole).or_else(|| decode(GB18030, whole));
    text.map(|text| text.trim_start_matches('\u{feff}').to_owned())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_table_is_called_by_its_name() {
        let kind = |head: &[u8]| {
            other_kind(head)
                .map(|refused| refused.message)
                .unwrap_or_default()
        };
        assert_eq!(
            kind(b"PK\x03\x04\x14\0\0\0\0\0[Content_Types].xml<?xml"),
            "this is an Excel workbook (xlsx)"
        );
        assert_eq!(
            kind(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1\0\0"),
            "this is an Excel workbook (xls)"
        );
        assert_eq!(kind(b"%PDF-1.4\n%\xe2\xe3"), "this is a PDF document");
        assert_eq!(kind(b"7z\xbc\xaf\x27\x1c\0\x04"), "this is a 7z archive");
        assert_eq!(kind(b"Rar!\x1a\x07\x01\0"), "this is a RAR archive");
        let mut tar = vec![0; 512];
        tar[..9].copy_from_slice(b"bill.csv\0");
        tar[257..263].copy_from_slice(b"ustar\0");
        assert_eq!(kind(&tar), "this is a tar archive");
        assert_eq!(kind(b"BZh,1.00\n"), "", "text");
        assert_eq!(
            kind(b"<HTML><table><tr><td>1</td></tr></table>"),
            "this is an HTML page with a table, whatever its name ends in"
        );
        let both = |text: &str| {
            let gbk = GB18030.encode(text).0.into_owned();
            assert_eq!(kind(text.as_bytes()), kind(&gbk), "{text}");
            kind(text.as_bytes())
        };
        for text in [
            "微信支付账单明细,,,,\n微信昵称：[某人],,,,\n",
            "支付宝交易记录明细查询\n账号:[a@example.com]\n",
            "------\n导出信息：\n姓名：某人\n起始时间：\n终止时间：\n导出交易类型：\n导出时间：\n共2笔记录\n收入：\n支出：\n不计收支：\n\n-----支付宝（中国）网络技术有限公司  电子客户回单------\n交易时间,交易分类\n",
        ] {
            assert!(both(text).contains("a person's and not a merchant's"), "{text}");
        }
        for text in [
            "招商银行信用卡对账单（个人消费卡账户 2026年03月）\n交易日,记账日,交易摘要\n",
            "中国银行信用卡账单(2026年03月)\n交易日,银行记账日,卡号后四位,交易描述,存入,支出,币种\n",
        ] {
            assert!(
                both(text).starts_with("this is a credit card's statement"),
                "{text}"
            );
        }
        // Rows that speak of such things are rows.
        for text in [
            "日期,摘要,金额\n2026-03-31,信用卡还款,1.00\n",
            "#支付宝账务明细查询\n#账号：[1]\n",
            "<html><body>03020003:no such day</body></html>\n",
            "{\"code\":\"STATEMENT_CREATING\"}",
            "PK\u{3}\u{4}",
        ] {
            assert_eq!(both(text), "", "{text}");
        }
    }
}
