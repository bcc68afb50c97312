//! What the merchant master may say, and in what words it is refused.

use std::sync::Arc;

use arrow::array::{
    Decimal128Array, Float64Array, Int32Array, Int64Array, RecordBatch, StringArray, UInt16Array,
};
use parquet::arrow::ArrowWriter;

use super::*;
use crate::book::merchants::MerchantCode;
use crate::book::parse::parse_settings;

const SHORT: &str = "merchant_id,fee_bps,fee_min_minor,fee_max_minor,hold_bps,settlement_cycle_days";

fn settings() -> Settings {
    parse_settings(crate::book::parse::EXAMPLE, "book.toml").unwrap()
}

fn read(text: &str) -> Result<Merchants, Stop> {
    read_merchants(text.as_bytes(), "merchants.csv", MasterKind::Csv, &settings())
}

fn told(text: &str) -> String {
    let stop = read(text).unwrap_err();
    assert_eq!(stop.code, StopCode::BadData);
    stop.to_string()
}

/// The finding about a file of the short columns, one more column, and one row.
fn told_row(more: &str, row: &str) -> String {
    let text = told(&format!("{SHORT}{more}\n{row}\n"));
    text.strip_prefix("merchants.csv:2:").unwrap_or(&text).to_owned()
}

#[test]
fn a_plain_master_reads_sorted_by_id() {
    let merchants = read(&format!("{SHORT}\nM2,60,10,500,0,1\nM1,0,0,,10000,0\n")).unwrap();
    assert_eq!(merchants.len(), 2);
    let first = merchants.get(MerchantCode(0));
    assert_eq!(
        (first.id.as_str(), first.hold_bps, first.hold_days),
        ("M1", 10_000, 180)
    );
    assert_eq!(
        (first.cycle, first.pool.as_str()),
        (Cycle::Business(0), "default")
    );
    assert_eq!(first.status, MerchantStatus::Active);
    let second = merchants.get(merchants.code(b"M2"));
    let columns = FeeTerms::Columns {
        fee_bps: 60,
        min_minor: 10,
        max_minor: Some(500),
    };
    assert_eq!(second.fee, columns);
    assert_eq!(merchants.code(b"M3"), MerchantCode::NONE);
}

#[test]
fn every_column_is_bound_by_name_in_any_order() {
    let text = "\u{feff}pool,calendar,status,escrow_days,split_plan,participant_id,payout_name,payout_bank,\
        payout_account,currency,min_payout,cycle,hold_days,fee_plan,name,settlement_cycle_days,hold_bps,\
        fee_max_minor,fee_min_minor,fee_bps,merchant_id\r\n\
        default,UK,held,7,,P1,\"Shop, Ltd\",BKCHCNBJ,GB00X,JPY,500,weekly:FRI,30,standard,小店,,100,,,,M1\r\n";
    let merchants = read(text).unwrap();
    let m = merchants.get(MerchantCode(0));
    assert_eq!(
        (m.id.as_str(), m.name.as_str(), m.payout_name.as_str()),
        ("M1", "小店", "Shop, Ltd")
    );
    assert_eq!(m.fee, FeeTerms::Plan("standard".to_owned()));
    assert_eq!(
        (m.min_payout_minor, m.currency),
        (Some(500), Currency::parse(b"JPY"))
    );
    assert_eq!(
        (m.cycle, m.hold_days, m.status),
        (Cycle::Weekly(4), 30, MerchantStatus::Held)
    );
    assert_eq!(
        (m.participant_id.as_str(), m.calendar.as_deref()),
        ("P1", Some("UK"))
    );
    assert_eq!(
        (m.payout_account.as_str(), m.payout_bank.as_str()),
        ("GB00X", "BKCHCNBJ")
    );
}

#[test]
fn the_cycle_goes_by_precedence() {
    let cycle = |row: &str| {
        read(&format!("{SHORT},cycle\n{row}\n"))
            .unwrap()
            .get(MerchantCode(0))
            .cycle
    };
    assert_eq!(cycle("M,1,0,,0,3,D+0"), Cycle::Calendar(0));
    assert_eq!(cycle("M,1,0,,0,3,"), Cycle::Business(3));
    assert_eq!(cycle("M,1,0,,0,,"), Cycle::Business(1));
}

#[test]
fn headers_are_exact() {
    assert!(told("").starts_with("merchants.csv: the file is empty"));
    assert!(
        told(&format!("{SHORT},payout_acount\n")).starts_with(
            "merchants.csv:1:80: unknown column `payout_acount`, did you mean `payout_account`?"
        )
    );
    assert!(told(&format!("{SHORT},fee_bps\n")).contains("column `fee_bps` stands twice"));
    assert!(told("merchant_id,fee_bps\n").contains("column `hold_bps` is missing"));
    assert!(read(&format!("{SHORT}\n")).unwrap().is_empty());
}

#[test]
fn values_are_read_exactly_or_refused() {
    for (more, row, expected) in [
        ("", ",1,0,,0,1", "1: merchant_id: found no id"),
        (
            "",
            "M,1.5,0,,0,1",
            "3: fee_bps: found `1.5`, expected a whole number from 0 to 10000",
        ),
        ("", "M,10001,0,,0,1", "3: fee_bps: found `10001`"),
        ("", "M,,0,,0,1", "3: fee_bps: found ``"),
        ("", "M,1,,,0,1", "5: fee_min_minor: found ``"),
        ("", "M,1,-1,,0,1", "5: fee_min_minor: found `-1`"),
        ("", "M,1,5,4,0,1", "5: fee_min_minor: 5 is above fee_max_minor 4"),
        ("", "M,1,0,,10001,1", "8: hold_bps: found `10001`"),
        ("", "M,1,0,,,1", "8: hold_bps: found ``"),
        ("", "M,1,0,,0,T+1", "10: settlement_cycle_days: found `T+1`"),
        ("", "商店,1,0,,0,x", "11: settlement_cycle_days: found `x`"),
        (
            ",cycle",
            "M,1,0,,0,1,weekly:FRIDAY",
            "12: cycle: found `weekly:FRIDAY`, expected T+n",
        ),
        (",status", "M,1,0,,0,1,Active", "12: status: found `Active`"),
        (",currency", "M,1,0,,0,1,RMB", "12: currency: found `RMB`"),
        (
            ",min_payout",
            "M,1,0,,0,1,1.001",
            "12: min_payout: found `1.001`, expected at most 2 decimals (CNY)",
        ),
        (
            ",hold_days",
            "M,1,0,,0,1,0",
            "12: hold_days: found `0`, expected a whole number from 1",
        ),
        (
            ",fee_plan",
            "M,1,0,,0,1,standart",
            "12: fee_plan: no fee plan `standart`, did you mean `standard`?",
        ),
        (
            ",fee_plan",
            "M,1,5,4,0,1,standard",
            "5: fee_min_minor: 5 is above",
        ),
        (
            ",split_plan",
            "M,1,0,,0,1,half",
            "12: split_plan: `half`: splits between merchants are not built yet",
        ),
        (",escrow_days", "M,1,0,,0,1,soon", "12: escrow_days: found `soon`"),
        (",calendar", "M,1,0,,0,1,../x", "12: calendar: found `../x`"),
        (
            ",pool",
            "M,1,0,,0,1,defualt",
            "12: pool: no account has the pool `defualt`, did you mean `default`?",
        ),
        ("", "M,1,0,,0", "found 5 values, expected 6"),
        (
            ",name",
            "M,1,0,,0,1,the \"shop\"",
            "12: name: found a quote that neither",
        ),
        (
            ",name",
            "M,1,0,,0,1,\"the\" shop",
            "12: name: found a quote that neither",
        ),
        ("", "M,1,0,,0,\"1", "control character"),
    ] {
        let told = if row.ends_with("\"1") {
            told(&format!("{SHORT}\n{row}\nM2,1,0,,0,1\n"))
        } else {
            told_row(more, row)
        };
        assert!(told.contains(expected), "{row}: {told}");
        assert_eq!(told.matches("help: ").count(), 1, "{told}");
    }
}

#[test]
fn quotes_stand_where_they_may() {
    for (raw, expected) in [
        ("a,b\n", None),
        ("\"a\",\"b\"\r\n", None),
        ("\"a \"\"x\"\"\",\"\"\n", None),
        ("\"a,b\",\"c\nd\"", None),
        ("a,\"b", Some(1)),
        ("a,\"b\"\"", Some(1)),
        ("a,\"", Some(1)),
        ("\"a\"b,c", Some(0)),
        ("a,b\"c\"", Some(1)),
    ] {
        assert_eq!(stray_quote(raw.as_bytes()), expected, "{raw}");
    }
}

#[test]
fn every_finding_has_its_line() {
    let rows = [
        "M1,1,0,,0,1",
        "M2,x,0,,0,1",
        "",
        "M3,1,0,,0,1",
        "M1,1,0,,0,1",
        "M4,1,0",
        "M5,y,z,,0,1",
    ];
    for end in ["\n", "\r\n"] {
        let text = format!("{SHORT}{end}{}{end}", rows.join(end));
        let stop = read(&text).unwrap_err();
        let places: Vec<(u64, u32)> = stop.findings.iter().map(|f| (f.line, f.column)).collect();
        assert_eq!(places, [(3, 4), (6, 0), (7, 0), (8, 4), (8, 6)], "{end:?} {stop}");
        assert!(stop.findings[1].message.contains("`M1` stands in line 2 already"));
    }
    let mut latin = format!("{SHORT}\nM1,1,0,,0,1\n").into_bytes();
    latin.extend(b"M\xe9,1,0,,0,1\n");
    let stop = read_merchants(&latin, "merchants.csv", MasterKind::Csv, &settings()).unwrap_err();
    assert!(
        stop.to_string()
            .starts_with("merchants.csv:3:1: found bytes that are not UTF-8"),
        "{stop}"
    );
}

#[test]
fn a_flood_of_findings_is_counted() {
    let text = format!("{SHORT}\n{}", "M,1,x,,0,1\n".repeat(1500));
    let stop = read(&text).unwrap_err();
    assert_eq!(stop.findings.len(), 1001);
    assert_eq!(stop.findings[1000].message, "and 500 further findings");
}

fn parquet(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch =
        RecordBatch::try_from_iter_with_nullable(columns.into_iter().map(|(n, c)| (n, c, true))).unwrap();
    let mut bytes = Vec::new();
    let mut writer = ArrowWriter::try_new(&mut bytes, batch.schema(), None).unwrap();
    writer.write(&batch).unwrap();
    writer.close().unwrap();
    bytes
}

#[test]
fn parquet_says_the_same_as_csv() {
    let ids: ArrayRef = Arc::new(StringArray::from(vec!["M2", "M1"]));
    let columns = |fee: ArrayRef| {
        vec![
            ("merchant_id", ids.clone()),
            ("fee_bps", fee),
            (
                "fee_min_minor",
                Arc::new(Int64Array::from(vec![10, 0])) as ArrayRef,
            ),
            ("fee_max_minor", Arc::new(Int64Array::from(vec![Some(500), None]))),
            ("hold_bps", Arc::new(UInt16Array::from(vec![0, 10_000]))),
            ("settlement_cycle_days", Arc::new(Int32Array::from(vec![1, 0]))),
            (
                "min_payout",
                Arc::new(
                    Decimal128Array::from(vec![Some(100_000), None])
                        .with_precision_and_scale(18, 4)
                        .unwrap(),
                ),
            ),
        ]
    };
    let read = |bytes: &[u8]| read_merchants(bytes, "merchants.parquet", MasterKind::Parquet, &settings());
    let merchants = read(&parquet(columns(Arc::new(Int32Array::from(vec![60, 0]))))).unwrap();
    let text = format!("{SHORT},min_payout\nM2,60,10,500,0,1,10.00\nM1,0,0,,10000,0,\n");
    let same = self::read(&text).unwrap();
    assert_eq!(format!("{:?}", merchants.terms), format!("{:?}", same.terms));
    assert_eq!(merchants.terms[1].min_payout_minor, Some(1000));

    let float = read(&parquet(columns(Arc::new(Float64Array::from(vec![60.0, 0.0]))))).unwrap_err();
    assert!(
        float
            .to_string()
            .contains("fee_bps: found a column of type Float64"),
        "{float}"
    );
    let negative = read(&parquet(columns(Arc::new(Int32Array::from(vec![60, -1]))))).unwrap_err();
    assert!(
        negative
            .to_string()
            .starts_with("merchants.parquet:2: fee_bps: found `-1`"),
        "{negative}"
    );
    let garbage = read(b"PAR1 not").unwrap_err();
    assert!(
        garbage
            .to_string()
            .contains("not a Parquet file that can be read"),
        "{garbage}"
    );
}
