//! Reports of acquirers beyond the usual: figures finer than the currency, payouts stated in rows, currencies of no and of
//! three decimals, files that a spreadsheet saved.

use super::samples::{good, profile, read_both_ways, read_on, refused};
use super::*;
use crate::ingest::formats::testing::{Kept, context, settings, source};

const DAY: (i32, u32, u32) = (2026, 11, 20);

/// The columns of the settlement breakdown that are read.
const CHECKOUT: &str = "Client Entity ID,Type,Payment ID,Reference,Processed On,Available On,Holding Currency,Payout ID,Gross In Holding Currency,Deduction In Holding Currency,Net In Holding Currency,Processing Currency,Gross In Processing Currency,Action ID\n";

/// A row of it; the net is what stands there.
fn breakdown(kind: &str, payment: &str, currency: &str, payout: &str, figures: &str) -> String {
    let gross = figures.split(',').next().unwrap_or_default();
    format!(
        "ent_1,{kind},{payment},O-{payment},2026-11-19T10:00:00,2026-11-20T00:00:00,{currency},{payout},{figures},{currency},{gross},act_{payment}\n"
    )
}

/// What rows of a payout move, from their text: what came in less what went out, less fees.
fn booked(kept: &Kept, of: impl Fn(&str) -> bool) -> i128 {
    let rows = kept.rows.iter().map(|row| row.split('|').collect::<Vec<_>>());
    let moved = |row: Vec<&str>| {
        let (amount, fee): (i128, i128) = (row[4].parse().unwrap(), row[5].parse().unwrap());
        match row[3] {
            "PAYMENT" | "ADJUSTMENT" | "CHARGEBACK_REVERSAL" => amount - fee,
            _ => -(amount - fee),
        }
    };
    rows.filter(|row| of(row[1])).map(moved).sum()
}

#[test]
fn fees_finer_than_cents_are_rounded_once_and_a_payout_adds_up_to_the_cent() {
    let text = [
        CHECKOUT,
        &breakdown("Charge", "pay_1", "EUR", "P1", "10.00000,-0.25500,9.74500"),
        &breakdown(
            "Partial Charge",
            "pay_2",
            "EUR",
            "P1",
            "10.00000,-0.25500,9.74500",
        ),
        &breakdown("Charge", "pay_3", "EUR", "P2", "5.00000,-0.12345678,4.87654322"),
        &breakdown("Charge", "pay_4", "EUR", "P1", "10.00000,-0.25500,9.74500"),
        &breakdown(
            "Partial Refund",
            "pay_1",
            "EUR",
            "P1",
            "-4.00000,-0.00300,-4.00300",
        ),
        &breakdown("Void", "pay_5", "EUR", "P1", "0.00000,-0.00400,-0.00400"),
        &breakdown("Merchant Payout", "", "EUR", "P3", "0,-0.25,-0.25"),
    ]
    .concat();
    let (rows, checked, kept) = good("checkout", DAY, text.as_bytes());
    let time = "2026-11-19T10:00:00+08:00|2026-11-20|SUCCESS";
    assert_eq!(
        rows,
        [
            format!("CHECKOUT|pay_1|O-pay_1|PAYMENT|1000|26|EUR|{time}|act_pay_1"),
            format!("CHECKOUT|pay_2|O-pay_2|PAYMENT|1000|26|EUR|{time}|act_pay_2"),
            format!("CHECKOUT|pay_3|O-pay_3|PAYMENT|500|12|EUR|{time}|act_pay_3"),
            format!("CHECKOUT|pay_4|O-pay_4|PAYMENT|1000|26|EUR|{time}|act_pay_4"),
            // A deduction of less than half a cent is nothing in its row, and stays in the payout.
            format!("CHECKOUT|pay_1|O-pay_1|REFUND|400|0|EUR|{time}|act_pay_1"),
            format!("CHECKOUT|act_/fee|O-|WITHDRAWAL|25|0|EUR|{time}|act_"),
            // 25.228 is 25.23, and the rows are 25.22.
            format!("CHECKOUT|P1/rounding/EUR||ADJUSTMENT|1|0|EUR|{time}|"),
        ]
    );
    assert_eq!(kept.not_booked, [7]);
    assert!(kept.places.is_sorted(), "rows are found again by their place");
    let rounding: Vec<&String> = checked
        .iter()
        .filter(|words| words.starts_with("rounding"))
        .collect();
    assert_eq!(
        rounding,
        [
            "rounding P1 EUR: 5 rows, net 25.228 exactly, 25.23 rounded half up once; the rows are booked as 25.22, and 0.01 is a row of its own",
            "rounding P2 EUR: 1 rows, net 4.87654322 exactly, 4.88 rounded half up once, as the rows are booked",
        ]
    );
    assert_eq!(
        booked(&kept, |reference| !reference.starts_with("act_")
            && reference != "pay_3"),
        2523
    );
    // A net that is not the exact difference is a reject, however small the fault is.
    let wrong = text.replace("4.87654322", "4.87654321");
    let (result, kept) = read_on(&profile("checkout"), DAY, wrong.as_bytes());
    result.unwrap();
    assert_eq!(
        kept.rejects[0].expected,
        "4.87654322, the amount less the fee (column Net In Holding Currency)"
    );
    // What was processed stays exact: an amount finer than its currency is no rounding matter.
    let finer = text.replace("10.00000,-0.25500,9.74500", "10.00500,-0.25500,9.75000");
    let (result, kept) = read_on(&profile("checkout"), DAY, finer.as_bytes());
    result.unwrap();
    assert_eq!(
        kept.rejects[0].expected,
        "at most 2 decimals (EUR) (column Gross In Holding Currency)"
    );
    // A row that no payout has paid yet has nothing that its rounding could be of.
    let unpaid = text.replace(",P2,5.00000,", ",,5.00000,");
    let (result, kept) = read_on(&profile("checkout"), DAY, unpaid.as_bytes());
    result.unwrap();
    assert!(
        kept.rejects[0].expected.contains("names no batch"),
        "{:?}",
        kept.rejects[0]
    );
    let beyond = text.replace("-0.12345678", "-0.123456789");
    let (_, kept) = read_on(&profile("checkout"), DAY, beyond.as_bytes());
    assert_eq!(
        kept.rejects[0].expected,
        "at most 8 decimals (EUR) (column Deduction In Holding Currency)"
    );
}

#[test]
fn fees_are_rounded_by_the_decimals_of_their_currency() {
    let text = [
        CHECKOUT,
        &breakdown("Charge", "pay_1", "JPY", "P1", "1000.00000,-25.50000,974.50000"),
        &breakdown("Charge", "pay_2", "KWD", "P2", "1.50000,-0.03750,1.46250"),
        &breakdown(
            "Chargeback",
            "pay_3",
            "KRW",
            "P3",
            "-5000.00000,-15.40000,-5015.40000",
        ),
        &breakdown("Refund", "pay_4", "BHD", "P4", "-1.250,0.0104,-1.2396"),
    ]
    .concat();
    let (rows, ..) = good("checkout", DAY, text.as_bytes());
    let shown: Vec<String> = rows
        .iter()
        .map(|row| row.split('|').skip(1).take(6).collect::<Vec<_>>().join("|"))
        .collect();
    assert_eq!(
        shown,
        [
            "pay_1|O-pay_1|PAYMENT|1000|26|JPY",
            "pay_2|O-pay_2|PAYMENT|1500|38|KWD",
            "pay_3|O-pay_3|CHARGEBACK|5000|0|KRW",
            "pay_3/fee|O-pay_3|WITHDRAWAL|15|0|KRW",
            "pay_4|O-pay_4|REFUND|1250|10|BHD",
            // 974.5 and 1.4625 are 975 and 1.463; −5015.4 is −5015, and −1.2396 is −1.240.
            "P1/rounding/JPY||ADJUSTMENT|1|0|JPY",
            "P2/rounding/KWD||ADJUSTMENT|1|0|KWD",
        ]
    );
}

proptest::proptest! {
    #[test]
    fn what_is_booked_of_a_payout_is_its_exact_sum_rounded_once(
        rows in proptest::collection::vec((0u8..4, 0u32..3, 0i64..5_000, -300_000i64..300_000), 1..40),
    ) {
        let decimal = |scaled: i64| {
            let sign = if scaled < 0 { "-" } else { "" };
            format!("{sign}{}.{:05}", scaled.abs() / 100_000, scaled.abs() % 100_000)
        };
        let mut text = CHECKOUT.to_owned();
        let mut exact = [0i64; 3];
        for (at, (kind, payout, cents, fee)) in rows.iter().enumerate() {
            let (kind, gross) = match kind {
                0 | 1 => ("Charge", cents * 1000),
                2 => ("Refund", -cents * 1000),
                _ => ("Scheme Fee", 0),
            };
            let net = gross - fee;
            exact[*payout as usize] += net;
            let figures = format!("{},{},{}", decimal(gross), decimal(-fee), decimal(net));
            text += &breakdown(kind, &format!("P{payout}-{at}"), "EUR", &format!("P{payout}"), &figures);
        }
        let (_, _, kept) = good("checkout", DAY, text.as_bytes());
        for (payout, exact) in exact.iter().enumerate() {
            let half_up = (exact.abs() + 500) / 1000 * exact.signum();
            let name = format!("P{payout}");
            let of = |reference: &str| reference.starts_with(&name);
            proptest::prop_assert_eq!(booked(&kept, of), i128::from(half_up));
        }
        proptest::prop_assert!(kept.places.is_sorted());
        let mut places = kept.places.clone();
        places.dedup();
        proptest::prop_assert_eq!(places.len(), kept.places.len());
    }
}

#[test]
fn a_profile_that_rounds_says_by_what_the_rounding_is_proven() {
    let text = profile::builtin("checkout").unwrap();
    let faults = |from: &str, to: &str| {
        assert!(text.contains(from), "{from}");
        let findings = Profile::parse(&text.replacen(from, to, 1), "x").unwrap_err();
        let words: Vec<String> = findings.iter().map(ToString::to_string).collect();
        words.join("\n")
    };
    for (from, to, expected) in [
        (
            "round = \"half up\"",
            "round = \"half even\"",
            "round: found `half even`",
        ),
        (
            "[fields.batch_ref]\ncolumns = [\"Payout ID\"]\n",
            "",
            "fields.fee.round: expected the fields net",
        ),
        (
            "columns = [\"Net In Holding Currency\"]",
            "sum = [\"Net In Holding Currency\"]",
            "fields.fee.round: expected fee and net each from one column",
        ),
        (
            "columns = [\"Deduction In Holding Currency\"]\n",
            "columns = [\"Deduction In Holding Currency\"]\nunit = \"minor\"\n",
            "fields.fee.round: expected amounts in major units",
        ),
        (
            "[fields.net]\ncolumns",
            "[fields.net]\nround = \"half up\"\ncolumns",
            "unknown key `round`",
        ),
    ] {
        let words = faults(from, to);
        assert!(words.contains(expected), "{words} lacks {expected}");
    }
    let stripe = profile::builtin("stripe").unwrap();
    let findings =
        Profile::parse(&stripe.replace("[fields.net]\ncolumns = [\"net\"]\n", ""), "x").unwrap_err();
    assert!(
        findings[0]
            .to_string()
            .contains("skip.adds_up: expected the field net"),
        "{findings:?}"
    );
    let unless = "unless = { column = \"reporting_category\"";
    let told = stripe.replacen(
        "rows = { column = \"reporting_category\", is = [\"payout\"] }",
        "tell = true",
        1,
    );
    assert!(told.contains(unless));
    let findings = Profile::parse(&told, "x").unwrap_err();
    assert!(
        findings[0]
            .to_string()
            .contains("total payout: unless is for totals with rows"),
        "{findings:?}"
    );
}

/// An itemized report of two payouts and a row that none has paid yet.
const STRIPE: &str = "automatic_payout_id,balance_transaction_id,source_id,payment_intent_id,charge_id,created_utc,created,available_on,currency,gross,fee,net,reporting_category\n\
po_1,txn_1,ch_1,pi_1,ch_1,2026-11-18 08:15:00,2026-11-18 08:15:00,2026-11-20 00:00:00,eur,25.00,0.95,24.05,charge\n\
po_1,txn_2,re_1,pi_1,ch_1,2026-11-18 09:15:00,2026-11-18 09:15:00,2026-11-20 00:00:00,EUR,-10.00,0.00,-10.00,refund\n\
po_2,txn_3,ch_2,pi_2,ch_2,2026-11-18 09:30:00,2026-11-18 09:30:00,2026-11-20 00:00:00,jpy,1000,36,964,charge\n\
,txn_4,ch_3,pi_3,ch_3,2026-11-19 09:30:00,2026-11-19 09:30:00,2026-11-21 00:00:00,eur,7.00,0.30,6.70,charge\n\
po_1,txn_5,po_1,,,2026-11-20 00:00:00,2026-11-20 00:00:00,2026-11-20 00:00:00,eur,-14.05,0,-14.05,payout\n\
po_2,txn_6,po_2,,,2026-11-20 00:00:00,2026-11-20 00:00:00,2026-11-20 00:00:00,jpy,-964,0,-964,payout\n";

#[test]
fn a_payout_of_stripe_is_what_its_rows_come_to() {
    let (rows, checked, kept) = good("stripe", DAY, STRIPE.as_bytes());
    assert_eq!(rows.len(), 4);
    assert_eq!(kept.not_booked, [6, 7]);
    assert!(
        checked.contains(&"payout EUR po_1: 2 rows, net 14.05".to_owned()),
        "{checked:?}"
    );
    assert!(
        checked.contains(&"payout JPY po_2: 1 rows, net 964.00".to_owned()),
        "{checked:?}"
    );
    assert!(
        !checked.iter().any(|words| words.contains("states no total")),
        "{checked:?}"
    );
    // Some write the payout without a minus sign.
    let plus = STRIPE.replace("-14.05", "14.05").replace("-964", "964");
    assert_eq!(good("stripe", DAY, plus.as_bytes()).0, rows);
    // A row that is missing, or one too many.
    let short = STRIPE.replacen("po_1,txn_2", "po_3,txn_2", 1);
    assert_eq!(
        refused("stripe", DAY, short.as_bytes()).1,
        "payout EUR po_1: net: found 24.05, expected 14.05"
    );
    // The payout itself must be its gross less its fee.
    let fee = STRIPE.replacen("-14.05,0,-14.05,payout", "-14.05,0.05,-14.05,payout", 1);
    let (result, kept) = read_on(&profile("stripe"), DAY, fee.as_bytes());
    result.unwrap();
    assert_eq!(
        (kept.rejects[0].line, kept.rejects[0].expected.as_str()),
        (6, "-14.10, the amount less the fee (column net)")
    );
    // A report of charges alone has no payouts, and one without the column none either.
    let part: String = STRIPE
        .lines()
        .filter(|line| !line.ends_with(",payout"))
        .map(|line| format!("{line}\n"))
        .collect();
    let checked = good("stripe", DAY, part.as_bytes()).1;
    assert!(
        checked.contains(&"payout EUR po_1: 2 rows, net 14.05 (the file states no total)".to_owned()),
        "{checked:?}"
    );
    let without: String = STRIPE
        .lines()
        .map(|line| format!("{}\n", line.split_once(',').unwrap().1))
        .collect();
    assert_eq!(good("stripe", DAY, without.as_bytes()).0.len(), 4);
    // Which payout a reversal is of is not documented, so nothing is compared.
    let reversed = format!(
        "{STRIPE}po_1,txn_7,po_0,,,2026-11-20 00:00:00,2026-11-20 00:00:00,2026-11-20 00:00:00,eur,3.00,0,3.00,payout_reversal\n"
    );
    let checked = good("stripe", DAY, reversed.as_bytes()).1;
    assert!(
        checked.iter().any(|words| words
            .ends_with("(not compared: the file has a row with reporting_category payout_reversal)")),
        "{checked:?}"
    );
}

#[test]
fn times_that_a_spreadsheet_saved_are_read_only_where_they_are_one_day() {
    let short = STRIPE
        .replace(":15:00", ":15")
        .replace(" 00:00:00", " 0:00")
        .replace(" 08:15", " 8:15");
    let (rows, ..) = good("stripe", DAY, short.as_bytes());
    assert_eq!(rows, good("stripe", DAY, STRIPE.as_bytes()).0);
    for (from, to) in [
        ("2026-11-18 08:15:00", "11/18/26 8:15"),
        ("2026-11-18 08:15:00", "18/11/2026 08:15"),
        ("2026-11-20 00:00:00", "11/20/26 0:00"),
    ] {
        let (_, kept) = read_on(&profile("stripe"), DAY, STRIPE.replace(from, to).as_bytes());
        assert_eq!(kept.rejects[0].found, to);
        assert!(
            kept.rejects[0]
                .expected
                .contains("its day and month can be mistaken; it looks as if a spreadsheet has changed it"),
            "{:?}",
            kept.rejects[0]
        );
    }
    // A comma before the decimals is an option of the report.
    let comma = STRIPE.replacen(",25.00,0.95,24.05,", ",\"25,00\",\"0,95\",\"24,05\",", 1);
    let (line, message) = refused("stripe", DAY, comma.as_bytes());
    assert_eq!(line, 2);
    assert!(message.contains("`decimal = \",\"`"), "{message}");
}

#[test]
fn amounts_of_currencies_of_no_and_of_three_decimals_are_what_they_are() {
    let head = "id,Type,Source,Amount,Fee,Net,Currency,Created (UTC),Available On (UTC)\n";
    let row = |figures: &str, currency: &str| {
        format!("{head}txn_1,charge,ch_1,{figures},{currency},2026-11-18 08:15,2026-11-20 00:00\n")
    };
    let channel = "automatic_payout_id,balance_transaction_id,source_id,payment_intent_id,charge_id,created_utc,available_on,currency,gross,fee,net,reporting_category\n";
    let shown = |figures: &str, currency: &str| {
        let text = format!(
            "{channel}po_1,txn_1,ch_1,pi_1,ch_1,2026-11-18 08:15:00,2026-11-20 00:00:00,{currency},{figures},charge\n"
        );
        let (result, kept) = read_on(&profile("stripe"), DAY, text.as_bytes());
        result.unwrap();
        match kept.rows.first() {
            Some(row) => row.split('|').skip(4).take(3).collect::<Vec<_>>().join(" "),
            None => kept.rejects[0].expected.clone(),
        }
    };
    assert_eq!(shown("1000,36,964", "jpy"), "1000 36 JPY");
    assert_eq!(shown("1.500,0.040,1.460", "kwd"), "1500 40 KWD");
    assert_eq!(shown("1.5,0.04,1.46", "bhd"), "1500 40 BHD");
    assert_eq!(shown("1000.00,36.00,964.00", "isk"), "1000 36 ISK");
    assert!(shown("1000.50,36.00,964.50", "isk").starts_with("at most 0 decimals (ISK)"));
    // What may be a thousand times as much is refused, whatever holds.
    let settings = settings(&[("K", "KWD")]);
    let mut source = source("stripe-balance", crate::book::settings::Role::Bank);
    source.account = Some("A0".to_owned());
    let ctx = FormatContext {
        business_date: crate::terms::date::Date::from_ymd(2026, 11, 20).unwrap(),
        ..context(&settings, &source)
    };
    let read = |text: &str| {
        let mut kept = Kept::default();
        read_both_ways(&profile("stripe-balance"), text.as_bytes(), &ctx, &mut kept).unwrap();
        kept
    };
    assert_eq!(
        read(&row("1.500,0.040,1.460", "kwd")).rows[0],
        "txn_1|0|2026-11-18T08:15:00+00:00|2026-11-20|C|1500|KWD|ch_1|charge||||"
    );
    let comma = read(&row("\"1,500\",\"0,040\",\"1,460\"", "kwd"));
    assert_eq!((comma.rows.len(), comma.rejects[0].found.as_str()), (0, "1,500"));
    let adyen = "Company Account,Merchant Account,Psp Reference,Merchant Reference,Payment Method,Creation Date,TimeZone,Type,Modification Reference,Gross Currency,Gross Debit (GC),Gross Credit (GC),Exchange Rate,Net Currency,Net Debit (NC),Net Credit (NC),Commission (NC),Markup (NC),Scheme Fees (NC),Interchange (NC),Batch Number\n\
C,M,P1,O1,visa,2026-11-18 10:00:00,CET,Settled,M1,CLP,,1000.00,1,CLP,,970.00,30.00,,,,7\n\
C,M,P2,O2,visa,2026-11-18 10:00:00,CET,Settled,M2,KWD,,1.500,1,KWD,,1.455,,0.020,0.010,0.015,7\n\
C,M,P3,O3,visa,2026-11-18 10:00:00,CET,Settled,M3,KRW,,5000,1,KRW,,4900,100,,,,7\n\
C,M,,,,2026-11-18 10:00:00,CET,Fee,fee,,0.000,0.000,,KWD,0.030,0.000,,,,,7\n";
    let rows: Vec<String> = good("adyen", DAY, adyen.as_bytes())
        .0
        .iter()
        .map(|row| row.split('|').skip(3).take(4).collect::<Vec<_>>().join(" "))
        .collect();
    assert_eq!(
        rows,
        [
            "PAYMENT 1000 30 CLP",
            "PAYMENT 1500 45 KWD",
            "PAYMENT 5000 100 KRW",
            "WITHDRAWAL 30 0 KWD",
        ]
    );
}
