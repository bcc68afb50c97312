use crate::book::settings::{Role, Source};
use crate::ingest::formats::testing::{Kept, read_from, read_openly, settings, source};
use crate::ingest::formats::{CMB, FileFacts, FileRefused};

fn read(text: &str) -> (Result<FileFacts, FileRefused>, Kept) {
    let settings = settings(&[("110900000010001", "CNY")]);
    let source = Source {
        account: Some("A0".to_owned()),
        ..source(CMB, Role::Bank)
    };
    let (bytes, _, _) = encoding_rs::GBK.encode(text);
    read_from(&settings, &source, &bytes)
}

fn refused(text: &str, expected: &str) {
    let (result, _) = read(text);
    let message = result.unwrap_err().message;
    assert!(message.contains(expected), "`{message}` lacks `{expected}`");
}

fn row(side: &str, amount: &str, balance: &str, reference: &str) -> String {
    let sign = if side == "D" { "-" } else { "" };
    format!(
        "<NTQTSINFZ><AMTCDR>{side}</AMTCDR><C_TRSAMT>1,000.00</C_TRSAMT><ETYDAT>20260331</ETYDAT><ETYTIM>101112</ETYTIM><NARYUR>货款</NARYUR><REFNBR>{reference}</REFNBR><RPYACC>6225</RPYACC><RPYNAM>张三</RPYNAM><TRSAMT>{sign}{amount}</TRSAMT><TRSAMT{side}>{amount}</TRSAMT{side}><TRSBLV>{balance}</TRSBLV><TRSCOD>CPAA</TRSCOD><VLTDAT>20260401</VLTDAT><YURREF></YURREF></NTQTSINFZ>"
    )
}

fn answer(code: &str, rows: &str) -> String {
    format!(
        "<?xml version=\"1.0\" encoding=\"GBK\"?>\n<CMBSDKPGK><INFO><DATTYP>2</DATTYP><ERRMSG>无权限</ERRMSG><FUNNAM>GetTransInfo</FUNNAM><RETCOD>{code}</RETCOD></INFO>\n{rows}</CMBSDKPGK>"
    )
}

#[test]
fn rows_follow_from_one_another_in_either_order() {
    let rows = [
        row("C", "1000.00", "1100.00", "K1"),
        row("D", "0.01", "1099.99", "K2"),
        row("C", "5.00", "1104.99", "K3"),
    ];
    let (result, kept) = read(&answer("0", &rows.concat()));
    let facts = result.unwrap();
    assert_eq!(
        kept.rows[0],
        "K1|0|2026-03-31T10:11:12+08:00|2026-04-01|C|100000|CNY|K1|货款|张三|6225|CPAA|"
    );
    assert_eq!(kept.rows[1].split('|').nth(4), Some("D"));
    assert_eq!(kept.balances, ["0 CNY 2026-03-31 10000 110499"]);
    assert_eq!(facts.encoding, "GBK");
    let newest_first: String = rows.iter().rev().cloned().collect();
    let (result, mut turned) = read(&answer("0", &newest_first));
    // The same answer, whichever way it is sorted.
    assert_eq!(result.unwrap().told[0].content, facts.told[0].content);
    turned.rows.reverse();
    assert_eq!(turned.rows, kept.rows);
    assert_eq!(turned.balances, kept.balances);
    refused(
        &answer("0", &(rows[0].clone() + &rows[2])),
        "balances do not follow: 1100.00 and 5.00 of this row give 1105.00, but TRSBLV is 1104.99",
    );
}

#[test]
fn times_tell_the_order_where_balances_follow_both_ways() {
    let late = row("D", "5.00", "100.00", "K2").replace("101112", "101113");
    let both = [row("C", "5.00", "105.00", "K1"), late];
    let balances = |rows: String| read(&answer("0", &rows)).1.balances;
    assert_eq!(balances(both.concat()), ["0 CNY 2026-03-31 10000 10000"]);
    let turned = both.iter().rev().cloned().collect();
    assert_eq!(balances(turned), ["0 CNY 2026-03-31 10000 10000"]);
}

#[test]
fn a_row_without_its_number_is_rejected() {
    let rows = row("C", "1000.00", "1100.00", "") + &row("D", "0.01", "1099.99", "K2");
    let (result, kept) = read(&answer("0", &rows));
    result.unwrap();
    assert_eq!(kept.rows.len(), 1);
    assert_eq!(kept.rejects[0].field, "entry_id");
}

#[test]
fn what_contradicts_itself_is_refused() {
    let one = row("D", "1.00", "9.00", "K1");
    assert!(read(&answer("0", &one)).0.is_ok());
    refused(
        &answer("0", &one.replace("-1.00", "1.00")),
        "a sign of TRSAMT that fits AMTCDR D",
    );
    refused(
        &answer("0", &one.replace("<TRSAMTD>1.00", "<TRSAMTD>1.01")),
        "amount: found `1.01`, expected -1.00, as TRSAMT says",
    );
    refused(
        &answer("0", &one.replace("<AMTCDR>D", "<AMTCDR>X")),
        "direction: found `X`",
    );
    refused(&answer("0", &one.replace("9.00", "9,0")), "balance: found `9,0`");
    refused(
        &answer("0", &one.replace("9.00", "9E+0")),
        "balance: found `9E+0`",
    );
    refused(
        &answer("0", &one.replace(">-1.00", ">-1E+0")),
        "amount: found `-1E+0`",
    );
    refused(
        &answer("0", &one.replace("<ETYDAT>20260331", "<ETYDAT>20260332")),
        "booking_time: found `20260332`",
    );
    refused(&answer("9", ""), "return code `9`: 无权限");
    refused("<a/>", "the document is `a`, expected CMBSDKPGK");
    // No rows and return code 0 is the bank's word for an empty day.
    let (result, kept) = read(&answer("0", ""));
    assert!(result.unwrap().checked[0].contains("a day without entries"));
    assert_eq!(kept, Kept::default());
    let text = answer("0", &one);
    let (bytes, _, _) = encoding_rs::GBK.encode(&text);
    let settings = settings(&[]);
    let (result, _) = read_from(&settings, &source(CMB, Role::Bank), &bytes);
    assert!(result.unwrap_err().message.contains("does not name its account"));
    let (result, kept, failed) = read_openly(CMB, &bytes);
    assert_eq!((result.is_ok(), kept.rows.len(), failed.len()), (true, 1, 0));
}

#[test]
fn without_a_signed_amount_the_side_says_it() {
    let rows = row("C", "5.00", "105.00", "1") + &row("D", "1.00", "104.00", "2");
    let without = rows
        .replace("<TRSAMT>5.00</TRSAMT>", "")
        .replace("<TRSAMT>-1.00</TRSAMT>", "");
    let ((whole, kept), (result, bare)) = (read(&answer("0", &rows)), read(&answer("0", &without)));
    whole.unwrap();
    result.unwrap();
    assert_eq!((bare.rows.len(), bare.rows), (2, kept.rows));
    refused(
        &answer("0", &without.replace("<TRSAMTD>1.00", "<TRSAMTD>-1.00")),
        "expected an amount without a sign, or TRSAMT beside it",
    );
    refused(
        &answer("0", &without.replace("<TRSAMTD>1.00</TRSAMTD>", "")),
        "amount: found ``, expected an amount in CNY",
    );
}
