use super::*;
use crate::book::settings::Role;
use crate::ingest::formats::testing::{Kept, read_from, read_openly, sample, settings, source};
use crate::ingest::formats::{FileFacts, OFX};
use crate::terms::date::Date;
use crate::terms::money::AmountError;

fn read(text: &[u8]) -> (Result<FileFacts, FileRefused>, Kept) {
    let settings = settings(&[("0000123456", "USD"), ("77", "EUR")]);
    read_from(&settings, &source(OFX, Role::Bank), text)
}

fn refused(text: &str, expected: &str) {
    let (result, _) = read(text.as_bytes());
    let message = result.unwrap_err().message;
    assert!(message.contains(expected), "`{message}` lacks `{expected}`");
}

#[test]
fn samples_are_read() {
    let check = |name: &str, row: &str, balance: &str, encoding: &str| {
        let Some(bytes) = sample(name) else { return };
        let (result, kept) = read(&bytes);
        let facts = result.unwrap_or_else(|refused| panic!("{name}: {refused:?}"));
        assert_eq!(kept.rejects, [], "{name}");
        assert_eq!(kept.rows.len(), 1, "{name}");
        assert_eq!(&kept.rows[0][32..], row, "{name}");
        assert_eq!(kept.balances, [balance], "{name}");
        assert_eq!(facts.encoding, encoding, "{name}");
        let place = kept.places[0];
        assert!(bytes[place.offset as usize..].starts_with(b"<STMTTRN>"), "{name}");
        let line = bytes[..place.offset as usize]
            .iter()
            .filter(|byte| **byte == b'\n')
            .count() as u64
            + 1;
        assert_eq!(place.line, line, "{name}");
    };
    let row = |amount: &str, name: &str| {
        format!("|0|2026-01-15|2026-01-15|D|{amount}|USD|T0001|{name} ANON MEMO|{name}||DEBIT|")
    };
    check(
        "ofx/chase-non-ascii-byte-declared-usascii.qfx",
        &row("1000", "ANON ¦ MERCHANT"),
        "0 USD 2026-01-31 10000 9000",
        "windows-1252",
    );
    check(
        "ofx/unnamed-bank-amount-comma-decimal.ofx",
        &row("200000", "ANON MERCHANT"),
        "0 USD 2026-01-31 400000 200000",
        "windows-1252",
    );
    check(
        "ofx/unnamed-bank-empty-tags-curdef-fitid-name.ofx",
        "|0|2026-01-15|2026-01-15|D|1000|USD||ANON MEMO|||DEBIT|",
        "0 USD 2026-01-31 10000 9000",
        "windows-1252",
    );
    check(
        "ofx/unnamed-bank-xml-declaration-ofx-2.ofx",
        &row("1000", "ANON ÉNERGIE"),
        "0 USD 2026-01-31 10000 9000",
        "UTF-8",
    );
    check(
        "ofx/wells-fargo-header-on-one-line.qfx",
        &row("1000", "ANON MERCHANT"),
        "0 USD 2026-01-31 10000 9000",
        "windows-1252",
    );
    // Without a book nobody says which currency it is, and none is invented.
    if let Some(bytes) = sample("ofx/unnamed-bank-empty-tags-curdef-fitid-name.ofx") {
        let (result, ..) = read_openly(OFX, &bytes);
        assert!(
            result
                .unwrap_err()
                .message
                .contains("currency of account `0000123456` is not given")
        );
    }
}

fn entry(more: &str) -> String {
    format!("<STMTTRN><TRNTYPE>CREDIT<DTPOSTED>20260331120000[-5:EST]<TRNAMT>1.00<FITID>F1{more}</STMTTRN>")
}

fn document(entries: &str) -> String {
    format!(
        "OFXHEADER:100\nDATA:OFXSGML\n\n<OFX><BANKMSGSRSV1><STMTTRNRS><STMTRS><CURDEF>EUR<BANKACCTFROM><ACCTID>77</BANKACCTFROM><BANKTRANLIST>{entries}</BANKTRANLIST><LEDGERBAL><BALAMT>10.00<DTASOF>20260331</LEDGERBAL></STMTRS></STMTTRNRS></BANKMSGSRSV1></OFX>\n"
    )
}

#[test]
fn entries_with_one_fitid_have_ids_of_their_own() {
    let three = entry("<NAME>A &amp; B") + &entry("<NAME>A &amp; B") + &entry("<NAME>C");
    let ids = |text: &str| -> Vec<String> {
        let (result, kept) = read(text.as_bytes());
        result.unwrap();
        let mut ids: Vec<String> = kept.rows.iter().map(|row| row[..32].to_owned()).collect();
        assert_eq!(kept.balances, ["1 EUR 2026-03-31 700 1000"]);
        ids.sort();
        ids.dedup();
        ids
    };
    let first = ids(&document(&three));
    assert_eq!(first.len(), 3);
    // Order and layout do not count.
    let turned = entry("<NAME>C") + "\n" + &entry("<NAME>A &amp; B") + &entry("<NAME>A &amp; B</NAME>");
    assert_eq!(ids(&document(&turned)), first);
}

#[test]
fn a_lone_mark_before_three_digits_is_refused_unless_the_currency_has_three() {
    for text in ["1,000", "1.000", "12,000", "-1,000", "100.000"] {
        for digits in [0, 2] {
            let found = signed_amount(text, digits);
            assert_eq!(found, Err(AmountError::Form), "{text} of {digits}");
        }
    }
    assert_eq!(signed_amount("1,000", 3), Ok(1000));
    assert_eq!(signed_amount("1.000", 3), Ok(1000));
    assert_eq!(signed_amount("-12,000", 3), Ok(-12_000));
    // No group stands before these marks.
    assert_eq!(signed_amount("1234.500", 2), Ok(123_450));
    assert_eq!(signed_amount("0.500", 2), Ok(50));
    let one = document(&entry("<NAME>A").replace("<TRNAMT>1.00", "<TRNAMT>-1,000"));
    assert!(one.contains("-1,000"), "{one}");
    let refused = read(one.as_bytes()).0.unwrap_err();
    assert!(
        refused.message.contains("`1,000` can be one or one thousand"),
        "{}",
        refused.message
    );
}

#[test]
fn amounts_and_days_of_banks() {
    let check = |text: &str, expected: Result<i64, AmountError>| {
        assert_eq!(signed_amount(text, 2), expected, "{text}")
    };
    check("-10.00", Ok(-1000));
    check("-2000,00", Ok(-200_000));
    check("+1 006,60", Ok(100_660));
    check("1,006.60", Ok(100_660));
    check("1.006,60", Ok(100_660));
    check("1,234,567", Ok(123_456_700));
    check("1.234.567,8", Ok(123_456_780));
    check(".5", Ok(50));
    check("5.", Ok(500));
    check("100.5000", Ok(10_050));
    check("100.500", Err(AmountError::Form));
    check("1,006", Err(AmountError::Decimals));
    check("12,34,567.00", Err(AmountError::Form));
    check("1,2345.00", Err(AmountError::Form));
    for bad in ["", "-", "--1", "1e3", "1E+5", "1.5E+5", "1-", "abc", ".", ","] {
        check(bad, Err(AmountError::Form));
    }
    let date = |text: &str| Date::parse(text.as_bytes());
    let period = Some((date("2025-12-01"), date("2025-12-31")));
    let day = |text: &str| {
        super::day(text, period)
            .map(|date| date.to_string())
            .unwrap_or_default()
    };
    assert_eq!(day("20260115"), "2026-01-15");
    assert_eq!(day("20260115235959.123[-5:EST]"), "2026-01-15");
    assert_eq!(day("2026-01-15T10:00:00"), "2026-01-15");
    // Of six digits only what falls into the period is a day.
    assert_eq!(day("311225"), "2025-12-31");
    assert_eq!(day("251231"), "2025-12-31");
    assert_eq!(day("260331"), "");
    assert_eq!(super::day("311225", None), None);
    let years = Some((date("2000-01-01"), date("2040-12-31")));
    assert_eq!(super::day("260331", years), None);
    assert_eq!(super::day("252525", years), None);
    for none in [
        "00000000",
        "20260230",
        "2026",
        "2026011",
        "202601155",
        "2026-02-30",
    ] {
        assert_eq!(day(none), "", "{none}");
    }
}

#[test]
fn end_tags_may_be_left_out() {
    let two = document(&(entry("<NAME>A") + &entry("<FITID>F1<NAME>B")));
    let rows = |text: &str| {
        let (result, kept) = read(text.as_bytes());
        let facts = result.unwrap_or_else(|refused| panic!("{text}: {refused:?}"));
        let implied = facts
            .noted
            .iter()
            .any(|words| words.contains("without an end tag"));
        (kept.rows, kept.balances, implied)
    };
    let (whole, balances, implied) = rows(&two);
    assert_eq!((whole.len(), implied), (2, false));
    let without = |names: &[&str]| {
        let text = names
            .iter()
            .fold(two.clone(), |text, name| text.replace(&format!("</{name}>"), ""));
        assert_eq!(rows(&text), (whole.clone(), balances.clone(), true), "{names:?}");
        text
    };
    without(&["BANKTRANLIST"]);
    without(&["STMTTRN"]);
    without(&["STMTTRN", "BANKTRANLIST", "LEDGERBAL", "BANKACCTFROM"]);
    let all = [
        "STMTTRN",
        "BANKTRANLIST",
        "LEDGERBAL",
        "BANKACCTFROM",
        "STMTRS",
        "STMTTRNRS",
        "BANKMSGSRSV1",
        "OFX",
    ];
    let none = without(&all);
    // Cut anywhere before the day of its ledger balance it is no statement.
    let end = none.find("<DTASOF>20260331").unwrap() + "<DTASOF>20260331".len();
    assert!(read(&none.as_bytes()[..end]).0.is_ok());
    for cut in 0..end {
        assert!(read(&none.as_bytes()[..cut]).0.is_err(), "{}", &none[..cut]);
    }
    // With end tags elsewhere it was cut.
    refused(&two.replace("</OFX>", ""), "ends without </OFX>");
}

#[test]
fn data_and_comments_hold_no_tags() {
    let text = |memo: &str| document(&entry(memo));
    let remark = |memo: &str| {
        let (result, kept) = read(text(memo).as_bytes());
        result.unwrap_or_else(|refused| panic!("{memo}: {refused:?}"));
        kept.rows[0].split('|').nth(8).unwrap_or_default().to_owned()
    };
    assert_eq!(
        remark("<MEMO><![CDATA[A & <B> &amp; C]]></MEMO>"),
        "A & <B> &amp; C"
    );
    assert_eq!(remark("<MEMO><![CDATA[A]]> B</MEMO>"), "A B");
    assert_eq!(remark("<MEMO><![CDATA[A]]><![CDATA[B]]>"), "AB");
    assert_eq!(remark("<MEMO>A<!-- <TRNAMT>9.00 --><CHECKNUM>7"), "A");
    assert_eq!(remark("<MEMO><![CDATA[]]>"), "");
    refused(&text("<![CDATA[x]]>"), "where no element holds one");
    refused(&text("<!-- x --> y"), "behind a comment");
    refused(&text("<MEMO><![CDATA[x"), "ends without </OFX>");
    refused(&text("<TRNAMT>2.00"), "an entry has two different <TRNAMT>");
    let two = "<LEDGERBAL><BALAMT>11.00<DTASOF>20260331</LEDGERBAL></STMTRS>";
    refused(
        &text("").replace("</STMTRS>", two),
        "two different ledger balances",
    );
}

#[test]
fn a_day_of_value_that_cannot_be_read_is_no_other_day() {
    let rejects = |more: &str| {
        let (result, kept) = read(document(&entry(more)).as_bytes());
        result.unwrap();
        (
            kept.rows.len(),
            kept.rejects.first().map(|reject| reject.field.clone()),
        )
    };
    assert_eq!(rejects("<DTAVAIL>20260401"), (1, None));
    assert_eq!(rejects("<DTAVAIL>00000000"), (1, None));
    assert_eq!(rejects("<DTAVAIL>20260231"), (0, Some("value_date".to_owned())));
    refused(
        &document(&entry("")).replace("<DTASOF>20260331", "<DTASOF>20260231"),
        "DTASOF: found `20260231`",
    );
}

#[test]
fn headers_name_the_encoding() {
    let check = |text: &str, expected: Option<&str>| {
        assert_eq!(declared(text.as_bytes()).as_deref(), expected, "{text}")
    };
    check("ENCODING:USASCII\nCHARSET:1252\n\n<OFX>", Some("windows-1252"));
    check(
        "ENCODING:USASCIICHARSET:1252COMPRESSION:NONE<OFX>",
        Some("windows-1252"),
    );
    check("ENCODING:UTF-8\nCHARSET:NONE\n<OFX>", Some("utf-8"));
    check("ENCODING:USASCII\nCHARSET:8859-1\n<OFX>", Some("ISO-8859-1"));
    check("ENCODING:USASCII\nCHARSET:NONE\n<OFX>", None);
    check(
        "<?xml version='1.0' encoding='iso-8859-1'?><OFX>",
        Some("ISO-8859-1"),
    );
    check("<OFX>", None);
    // A header that was never changed, before a text in UTF-8: the letters say what they are.
    let old_header = |letters: &[u8], before: usize| {
        let text = document(&entry(&format!("{}<NAME>CAF#", "\n".repeat(before))));
        let text = text.replace("DATA:OFXSGML\n", "DATA:OFXSGML\nENCODING:USASCII\nCHARSET:1252\n");
        let (before, behind) = text.split_once('#').unwrap();
        let (result, kept) = read(&[before.as_bytes(), letters, behind.as_bytes()].concat());
        let says_so = result
            .unwrap()
            .noted
            .iter()
            .any(|words| words.contains("the letters are UTF-8"));
        assert!(kept.rows[0].contains("CAFÉ"), "{:?}", kept.rows);
        says_so
    };
    // They may stand far behind the head.
    for before in [0, 100_000, 1_000_000] {
        assert!(old_header("É".as_bytes(), before));
        assert!(!old_header(b"\xc9", before));
    }
}

#[test]
fn an_entry_that_corrects_another_stops() {
    for action in ["DELETE", "REPLACE"] {
        refused(
            &document(&entry(&format!("<CORRECTFITID>F0<CORRECTACTION>{action}"))),
            &format!(
                "entry F1 takes back or changes entry F0, which was sent before (CORRECTFITID, CORRECTACTION {action})"
            ),
        );
    }
}

#[test]
fn utf_16_with_its_mark_is_read_as_what_it_is() {
    let text = document(&entry("<NAME>Müller"));
    let wide: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(text.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    assert_eq!(
        crate::ingest::formats::grammars::recognise(&wide),
        Some(crate::ingest::formats::OFX)
    );
    let (result, kept) = read(&wide);
    assert_eq!(result.unwrap().variant, "OFX 1 (SGML)");
    assert_eq!(kept.rows, read(text.as_bytes()).1.rows);
}

#[test]
fn what_cannot_be_read_is_refused() {
    let one = entry("");
    assert!(read(document(&one).as_bytes()).0.is_ok());
    refused(
        &document(&one.replace("1.00", "1.005")),
        "amount: found `1.005`, expected at most 2 decimals (EUR)",
    );
    refused(&document(&one.replace("<TRNAMT>1.00", "")), "amount: found ``");
    refused(
        &document(&one).replace("<LEDGERBAL><BALAMT>10.00<DTASOF>20260331</LEDGERBAL>", ""),
        "no ledger balance",
    );
    refused(&document(&one).replace("10.00", "x"), "BALAMT: found `x`");
    refused(
        &document(&one).replace("<ACCTID>77", "<ACCTID>78"),
        "ACCTID: found `78`",
    );
    refused(
        &document(&one).replace("<CURDEF>EUR", "<CURDEF>USD"),
        "CURDEF: found `USD`, expected EUR",
    );
    refused(&document(&one).replace("</OFX>", ""), "ends without </OFX>");
    refused(
        &document(&one).replace("<STMTTRN>", ""),
        "found </STMTTRN>, but <BANKTRANLIST> is open",
    );
    refused(
        &document(&one).replace("STMTRS>", "INVSTMTRS>"),
        "investment statement",
    );
    refused(
        &document(&one).replace(
            "<STMTTRNRS>",
            "<STMTTRNRS><STATUS><CODE>2000<SEVERITY>ERROR</STATUS>",
        ),
        "answers with an error",
    );
    refused("OFXHEADER:100\n<OFX></OFX>", "holds no statement");
    // The header in a comment, as the specification prints it.
    let commented = document(&one).replace("OFXHEADER:100\nDATA:OFXSGML\n", "<!--\nOFXHEADER:100\n-->");
    assert!(read(commented.as_bytes()).0.is_ok());
    refused("a,b\n", "no OFX file");
    // A day that does not exist: the amount counts, the row is set aside.
    let (result, kept) = read(document(&one.replace("20260331120000", "20260231")).as_bytes());
    result.unwrap();
    assert_eq!(kept.rejects.len(), 1);
    assert_eq!(kept.balances, ["1 EUR 2026-03-31 900 1000"]);
}

#[test]
fn entries_of_one_content_are_counted_each_time() {
    let mut known = Occurrences::new();
    let hash = |number: u128| number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    for time in 1..=4 {
        for number in (0..3000).filter(|number| time == 1 || number % 7 == 0) {
            assert_eq!(known.note(hash(number)), time, "{number}");
        }
    }
}
