//! UnionPay's merchant files of fixed places: made-up records of the published widths, with splits, collections and payouts, and
//! with their blanks cut off.

use super::samples::{D, good, profile, read_on, refused};
use super::*;
use crate::ingest::files;
use crate::ingest::inspect::{builtin_profiles, inspect};
use std::io::Write;

/// A payment of 100.00 with a fee of 0.60; `cells` are other texts of its fields.
fn record(format: &str, cells: &[(&str, &str)]) -> String {
    let common = [
        ("交易代码", "S56"),
        ("系统跟踪号", "000001"),
        ("交易传输时间", "0331100000"),
        ("交易金额", "000000010000"),
        ("查询流水号", "202603310000000000001"),
        ("商户订单号", "A1"),
        ("商户手续费", "D000000000060"),
        ("结算金额", "C000000009940"),
        ("交易类型", "01"),
        ("二级商户分账金额", " 000000000000"),
        ("清算净额", "C000000009940"),
        ("交易介质", "7"),
    ];
    let text = |title: &str| {
        let of = |cells: &[(&str, &str)]| {
            cells
                .iter()
                .find(|(known, _)| *known == title)
                .map(|(_, text)| (*text).to_owned())
        };
        of(cells).or_else(|| of(&common)).unwrap_or_default()
    };
    let widths = profile(format).frame.fixed;
    let cells = widths
        .iter()
        .map(|(title, width)| format!("{:<width$}", text(title)));
    cells.collect::<Vec<_>>().join(" ") + "\r\n"
}

/// What the one record is refused for; empty when it is taken.
fn refusal_of(cells: &[(&str, &str)]) -> String {
    let (result, kept) = read_on(
        &profile("unionpay-zm"),
        D,
        record("unionpay-zm", cells).as_bytes(),
    );
    result.unwrap();
    assert_eq!(kept.rows.len() + kept.rejects.len(), 1);
    kept.rejects.first().map_or(String::new(), |reject| {
        format!("{}: {}", reject.found, reject.expected)
    })
}

#[test]
fn a_net_without_a_split_is_the_settled_amount() {
    let check = |split: &str, net: &str, expected: &str| {
        let found = refusal_of(&[("二级商户分账金额", split), ("清算净额", net)]);
        assert!(
            found.starts_with(expected) && found.is_empty() == expected.is_empty(),
            "{split} {net}: {found}"
        );
    };
    let nothing = "what 结算金额 says, for nothing of this row is split";
    for split in [
        "",
        " 000000000000",
        "0000000000000",
        "C000000000000",
        "D000000000000",
    ] {
        check(split, "C000000009940", "");
        check(split, "", "");
        check(split, "C000000009941", &format!("C000000009941: {nothing}"));
        check(split, "D000000009940", &format!("D000000009940: {nothing}"));
        check(split, " 000000000000", &format!("000000000000: {nothing}"));
    }
    // What is split may be taken off; which sign it has, and who takes it off, nothing public says.
    check("D000000001000", "C000000008940", "");
    check("C000000001000", "C000000008940", "");
    check("C000000001000", "C000000009940", "");
    // Nil in whichever form.
    for (settled, net) in [
        (" 000000000000", "C000000000000"),
        ("C000000000000", " 000000000000"),
    ] {
        let cells = [
            ("交易金额", "000000000060"),
            ("结算金额", settled),
            ("清算净额", net),
        ];
        assert_eq!(refusal_of(&cells), "", "{settled} {net}");
    }
}

#[test]
fn a_collection_is_a_payment_and_a_payout_is_called_by_its_name() {
    let (rows, ..) = good(
        "unionpay-zm",
        D,
        record("unionpay-zm", &[("交易类型", "11")]).as_bytes(),
    );
    assert_eq!(
        rows,
        [
            "UNIONPAY|202603310000000000001|A1|PAYMENT|10000|60|CNY|2026-03-31T10:00:00+08:00|2026-03-31|SUCCESS|"
        ]
    );
    // A collection brings money in, or it is none.
    let back = [
        ("交易类型", "11"),
        ("结算金额", "D000000009940"),
        ("清算净额", "D000000009940"),
    ];
    assert!(
        refusal_of(&back).contains("the amount less the fee"),
        "{}",
        refusal_of(&back)
    );
    let payout = [
        ("交易类型", "12"),
        ("商户手续费", "D000000000060"),
        ("结算金额", "D000000010060"),
        ("清算净额", "D000000010060"),
    ];
    let message = refusal_of(&payout);
    assert!(
        message.starts_with("12: a payment or what takes one back: 12 is 代付, money paid out to a card"),
        "{message}"
    );
    assert_eq!(
        refusal_of(&[("交易类型", "99")]),
        "99: one of 01, 03, 04, 11, 31, 33 (column 交易类型)"
    );
}

#[test]
fn records_whose_blanks_were_cut_off_are_called_what_they_are() {
    for (format, bytes) in [("unionpay-zm", 607), ("unionpay-zme", 339)] {
        let whole = record(format, &[]);
        let cut = format!("{}\r\n", whole.trim_end());
        let short = cut.len() - 2;
        assert_eq!(recognise(&profile(format), cut.as_bytes(), None), None);
        assert_eq!(cut_short(&profile(format), whole.as_bytes()), None);
        let found = cut_short(&profile(format), cut.as_bytes()).unwrap();
        let expected = format!("its first record has {short} bytes, expected {bytes}: ");
        assert!(found.message.starts_with(&expected), "{}", found.message);
        assert!(
            found
                .message
                .contains("the blanks at the ends of its lines were cut off"),
            "{}",
            found.message
        );
        assert!(found.help.contains("fetch it again"), "{}", found.help);
        // A close says the same, and what to do.
        let stop = unknown(&profile(format), cut.as_bytes(), None);
        assert_eq!((&stop.message, &stop.help), (&found.message, &found.help));
        refused(format, D, cut.as_bytes());
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(cut.as_bytes()).unwrap();
        let (delivery, _) = files::deliver(file.path());
        let seen = inspect(&delivery.files[0], &builtin_profiles(), None).unwrap();
        assert_eq!(seen.title, "records of fixed places, shorter than they are");
        assert!(
            seen.draft.is_none() && seen.failed[0].help == stop.help,
            "{seen:?}"
        );
        // Another text, however short, is none.
        for other in ["hello\r\n", "S56\r\n", "\r\n", "", "交易代码 时间\r\n"] {
            assert_eq!(cut_short(&profile(format), other.as_bytes()), None, "{other}");
        }
        let moved = cut.replacen(' ', "x ", 1);
        assert_eq!(cut_short(&profile(format), moved.as_bytes()), None);
    }
}
