use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{Int32Type, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::file::properties::WriterProperties;

use super::values::{DAYS_1_TO_9999, YEARS_1_TO_9999, decimal_minor, write_time};
use super::*;
use crate::ingest::canonical::index::Level;
use crate::ingest::canonical::tests::{Seen, context, read};
use crate::ingest::canonical::values::TimeText;
use crate::terms::date::Date;
use crate::terms::money::AmountError;

fn written(columns: Vec<(&str, ArrayRef)>) -> Vec<u8> {
    let batch = RecordBatch::try_from_iter_with_nullable(
        columns.into_iter().map(|(name, array)| (name, array, true)),
    )
    .unwrap();
    let properties = WriterProperties::builder()
        .set_max_row_group_row_count(Some(100))
        .build();
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties)).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

fn text(values: Vec<Option<String>>) -> ArrayRef {
    Arc::new(StringArray::from(values))
}

fn same(value: &str, rows: usize) -> ArrayRef {
    text(vec![Some(value.to_owned()); rows])
}

fn open(role: Role, columns: Vec<(&str, ArrayRef)>) -> Result<ParquetFile, String> {
    ParquetFile::from_bytes(written(columns), role, &context(role)).map_err(|error| match error {
        BlockError::Refused(refused) => refused.message,
        BlockError::Io(error) => error.to_string(),
    })
}

fn read_all(file: &ParquetFile, columns: Columns, role: Role) -> Seen {
    let mut seen = Seen::default();
    let mut rows = 0;
    for group in 0..file.row_groups() {
        rows += file
            .read_row_group(group, columns, &context(role), &mut seen)
            .unwrap();
    }
    assert_eq!(rows, file.rows());
    assert_eq!(rows as usize, seen.rows.len() + seen.rejects.len());
    seen
}

/// Rows without their place, which differs between formats.
fn without_place(rows: &[String]) -> Vec<&str> {
    rows.iter().map(|row| row.split_once(' ').unwrap().1).collect()
}

const ROWS: usize = 250;

fn time_ms(row: usize) -> i64 {
    1_772_416_800_123 + row as i64 * 61_007
}

fn time_text(row: usize) -> String {
    let mut text = TimeText::default();
    let bytes = write_time(
        time_ms(row),
        TimeUnit::Millisecond,
        &Zone::Fixed(8 * 3600),
        &mut text,
    );
    String::from_utf8(bytes.to_vec()).unwrap()
}

fn times() -> ArrayRef {
    Arc::new(TimestampMillisecondArray::from_iter_values((0..ROWS).map(time_ms)).with_timezone("+08:00"))
}

fn amounts() -> ArrayRef {
    let values = (0..ROWS).map(|row| row as i128 * 37);
    Arc::new(
        Decimal128Array::from_iter_values(values)
            .with_precision_and_scale(18, 2)
            .unwrap(),
    )
}

/// Two decimals, as the writer of the CSV gives them; row 0 is zero and so a reject.
fn amount_text(row: usize) -> String {
    crate::terms::money::format_minor(row as i128 * 37, 2)
}

#[test]
fn platform_rows_are_those_of_the_same_csv() {
    let merchants: Vec<String> = (0..ROWS).map(|row| format!("M{}", row % 7)).collect();
    let memo = |row: usize| (!row.is_multiple_of(3)).then(|| format!("memo, {row}"));
    let csv: String = (0..ROWS).fold(
        "txn_id,txn_time,merchant_id,customer_id,txn_type,channel,currency,amount,bank_ref,status,memo\n"
            .to_owned(),
        |csv, row| {
            let status = if row % 9 == 0 { "FAILED" } else { "SUCCESS" };
            let memo = memo(row).map_or(String::new(), |memo| format!("\"{memo}\""));
            csv + &format!(
                "T{row},{},{},,PAYMENT,BANK,CNY,{},R{row},{status},{memo}\n",
                time_text(row),
                merchants[row],
                amount_text(row)
            )
        },
    );
    let file = open(
        Role::Platform,
        vec![
            ("memo", text((0..ROWS).map(memo).collect())),
            (
                "txn_id",
                text((0..ROWS).map(|row| Some(format!("T{row}"))).collect()),
            ),
            ("txn_time", times()),
            (
                "merchant_id",
                Arc::new(
                    merchants
                        .iter()
                        .map(|m| Some(m.as_str()))
                        .collect::<DictionaryArray<Int32Type>>(),
                ),
            ),
            (
                "customer_id",
                Arc::new(LargeStringArray::from(vec![None::<&str>; ROWS])),
            ),
            ("txn_type", same("PAYMENT", ROWS)),
            ("channel", Arc::new(StringViewArray::from(vec!["BANK"; ROWS]))),
            ("currency", same("CNY", ROWS)),
            ("amount", amounts()),
            (
                "bank_ref",
                text((0..ROWS).map(|row| Some(format!("R{row}"))).collect()),
            ),
            (
                "status",
                text(
                    (0..ROWS)
                        .map(|row| Some(if row % 9 == 0 { "FAILED" } else { "SUCCESS" }.to_owned()))
                        .collect(),
                ),
            ),
            ("extra", Arc::new(Int64Array::from(vec![1; ROWS]))),
        ],
    )
    .unwrap();
    assert_eq!(file.binding.unknown, ["extra"]);
    assert_eq!(file.row_groups(), 3);
    let expected = read(Role::Platform, csv.as_bytes(), 1 << 20, Level::best()).unwrap();
    let found = read_all(&file, Columns::All, Role::Platform);
    assert_eq!(without_place(&found.rows), without_place(&expected.rows));
    assert_eq!(found.rejects.len(), 1);
    assert_eq!(
        (
            found.rejects[0].line,
            found.rejects[0].found.as_str(),
            &found.rejects[0].expected
        ),
        (1, "0.00", &expected.rejects[0].expected)
    );
    let judged = read_all(&file, Columns::Judged, Role::Platform);
    assert!(
        judged.rows.iter().all(|row| row.ends_with("|]")),
        "{:?}",
        judged.rows[0]
    );

    let mut again = Seen::default();
    let numbers = [1, 2, 99, 100, 249].map(WantedRow::by_number);
    file.read_rows(&numbers, &context(Role::Platform), &mut again)
        .unwrap();
    let wanted: Vec<String> = [0, 1, 98, 99, 248].map(|at| found.rows[at].clone()).to_vec();
    assert_eq!(again.rows, wanted);
    assert!(
        file.read_rows(&[WantedRow::by_number(250)], &context(Role::Platform), &mut again)
            .is_err()
    );
}

/// One TOPUP among payments; each row has a customer, one of them with a control character.
fn with_a_wallet() -> Vec<u8> {
    let texts = |of: &dyn Fn(usize) -> String| text((0..ROWS).map(|row| Some(of(row))).collect());
    let is_topup = |row: usize| row == 150;
    written(vec![
        ("txn_id", texts(&|row| format!("T{row}"))),
        ("txn_time", times()),
        ("merchant_id", same("M1", ROWS)),
        (
            "customer_id",
            texts(&|row| {
                if row == 10 {
                    "C\u{1}".to_owned()
                } else {
                    format!("C{row}")
                }
            }),
        ),
        (
            "txn_type",
            texts(&|row| if is_topup(row) { "TOPUP" } else { "PAYMENT" }.to_owned()),
        ),
        ("channel", same("BANK", ROWS)),
        ("currency", same("CNY", ROWS)),
        ("amount", same("1.00", ROWS)),
        ("bank_ref", texts(&|row| format!("R{row}"))),
        ("status", same("SUCCESS", ROWS)),
    ])
}

#[test]
fn customers_are_read_where_a_wallet_moves() {
    let bytes = with_a_wallet();
    let open = |bytes: Vec<u8>| {
        ParquetFile::from_bytes(bytes, Role::Platform, &context(Role::Platform))
            .ok()
            .unwrap()
    };
    let judged = read_all(&open(bytes.clone()), Columns::Judged, Role::Platform);
    assert!(
        judged.rejects.is_empty(),
        "a customer that no wallet needs is no reason to refuse"
    );
    let has_customer = |row: usize| judged.rows[row].contains(&format!("C{row}"));
    assert!(
        has_customer(150) && has_customer(199),
        "the second row group is read with its customers"
    );
    assert!(has_customer(20) && has_customer(249), "and so are the others");

    // Statistics that deny the TOPUP do not change what is made of it.
    let footer =
        bytes.len() - 8 - u32::from_le_bytes(*bytes[bytes.len() - 8..].first_chunk().unwrap()) as usize;
    let mut lying = bytes;
    let mut found = 0;
    while let Some(at) = memchr::memmem::find(&lying[footer..], b"TOPUP") {
        lying[footer + at..footer + at + 5].copy_from_slice(b"PAYMZ");
        found += 1;
    }
    assert!(found > 0);
    let deceived = read_all(&open(lying), Columns::Judged, Role::Platform);
    assert!(deceived.rejects.is_empty(), "{:?}", deceived.rejects);
    assert_eq!(deceived.rows[150], judged.rows[150]);
    assert!(!deceived.rows[20].contains("C20"), "nobody needs it");
}

fn bank(change: &str, array: ArrayRef) -> Vec<(&'static str, ArrayRef)> {
    let mut columns: Vec<(&str, ArrayRef)> = vec![
        (
            "entry_id",
            text((0..ROWS).map(|row| Some(format!("E{row}"))).collect()),
        ),
        ("account", same("622201", ROWS)),
        ("booking_time", times()),
        ("value_date", Arc::new(Date32Array::from(vec![20_514; ROWS]))),
        ("direction", same("C", ROWS)),
        ("amount", amounts()),
        ("currency", same("CNY", ROWS)),
        ("bank_ref", same("R", ROWS)),
        ("remark", same("备注", ROWS)),
    ];
    for (name, column) in &mut columns {
        if *name == change {
            *column = Arc::clone(&array);
        }
    }
    columns
}

#[test]
fn bank_rows_are_those_of_the_same_csv() {
    let file = open(Role::Bank, bank("", times())).unwrap();
    let csv: String = (0..ROWS).fold(
        "entry_id,account,booking_time,value_date,direction,amount,currency,bank_ref,remark\n".to_owned(),
        |csv, row| {
            let (time, amount) = (time_text(row), amount_text(row));
            csv + &format!("E{row},622201,{time},{},C,{amount},CNY,R,备注\r\n", Date(20_514))
        },
    );
    let expected = read(Role::Bank, csv.as_bytes(), 1 << 20, Level::best()).unwrap();
    let found = read_all(&file, Columns::All, Role::Bank);
    assert_eq!(without_place(&found.rows), without_place(&expected.rows));
    assert_eq!(found.rows.len(), ROWS - 1);
    let judged = read_all(&file, Columns::Judged, Role::Bank);
    assert!(
        judged.rows[0].contains(" E1 0  "),
        "no booking time: {}",
        judged.rows[0]
    );
    assert!(judged.rows[0].contains("[|"), "no remark: {}", judged.rows[0]);
}

#[test]
fn nulls_and_types_obey_the_rules() {
    let rejects = |change: &str, array: ArrayRef| {
        let seen = read_all(
            &open(Role::Bank, bank(change, array)).unwrap(),
            Columns::Judged,
            Role::Bank,
        );
        (seen.rejects.len(), format!("{:?}", seen.rejects.last().unwrap()))
    };
    let null_times = TimestampMillisecondArray::from(vec![None; ROWS]).with_timezone("+08:00");
    let (count, reject) = rejects("booking_time", Arc::new(null_times));
    assert_eq!(count, ROWS);
    assert!(reject.contains("booking_time"), "{reject}");
    let (count, reject) = rejects("account", text(vec![None; ROWS]));
    assert_eq!(count, ROWS);
    assert!(reject.contains("account"), "{reject}");
    let (count, reject) = rejects("entry_id", same("E\u{1}", ROWS));
    assert_eq!(count, ROWS);
    assert!(reject.contains("no control characters"), "{reject}");
    let fine: ArrayRef = Arc::new(
        Decimal128Array::from(vec![12_340_000; ROWS])
            .with_precision_and_scale(38, 6)
            .unwrap(),
    );
    let seen = read_all(
        &open(Role::Bank, bank("amount", fine)).unwrap(),
        Columns::Judged,
        Role::Bank,
    );
    assert!(seen.rows[0].contains(" Credit 1234 CNY"), "{}", seen.rows[0]);
    let finer: ArrayRef = Arc::new(
        Decimal128Array::from(vec![12_345_000; ROWS])
            .with_precision_and_scale(38, 6)
            .unwrap(),
    );
    let (count, reject) = rejects("amount", finer);
    assert_eq!(count, ROWS);
    assert!(
        reject.contains("12.345000") && reject.contains("at most 2 decimals"),
        "{reject}"
    );
    let (_, reject) = rejects("amount", same("1e3", ROWS));
    assert!(reject.contains("without an exponent"), "{reject}");
    let texts = read_all(
        &open(Role::Bank, bank("amount", same("1.50", ROWS))).unwrap(),
        Columns::All,
        Role::Bank,
    );
    assert_eq!(texts.rows.len(), ROWS);

    let refused = |change: &str, array: ArrayRef, expected: &str| {
        let message = open(Role::Bank, bank(change, array)).err().unwrap();
        assert!(message.contains(expected), "{message}");
    };
    refused(
        "booking_time",
        Arc::new(TimestampMillisecondArray::from(vec![0; ROWS])),
        "with a time zone",
    );
    refused(
        "amount",
        Arc::new(Float64Array::from(vec![1.5; ROWS])),
        "a decimal of up to 38 digits",
    );
    refused(
        "amount",
        Arc::new(Int64Array::from(vec![1; ROWS])),
        "a decimal of up to 38 digits",
    );
    refused("value_date", times(), "a date");
    refused(
        "entry_id",
        Arc::new(Int64Array::from(vec![1; ROWS])),
        "entry_id: found type Int64, expected a text",
    );
    let mut columns = bank("", times());
    columns.remove(0);
    assert!(
        open(Role::Bank, columns)
            .err()
            .unwrap()
            .contains("`entry_id` is missing")
    );
    assert!(ParquetFile::from_bytes(b"PAR1 no".to_vec(), Role::Bank, &context(Role::Bank)).is_err());
}

#[test]
fn times_are_written_in_the_zone_of_their_column() {
    let check = |value, unit, zone: &str, expected: &str| {
        let zone = zone_of(zone).unwrap();
        let mut text = TimeText::default();
        assert_eq!(
            String::from_utf8_lossy(write_time(value, unit, &zone, &mut text)),
            expected
        );
    };
    check(0, TimeUnit::Second, "UTC", "1970-01-01T00:00:00+00:00");
    check(
        1,
        TimeUnit::Millisecond,
        "Asia/Shanghai",
        "1970-01-01T08:00:00.001+08:00",
    );
    check(
        -1,
        TimeUnit::Microsecond,
        "-00:30",
        "1969-12-31T23:29:59.999999000-00:30",
    );
    check(
        2_000_000,
        TimeUnit::Nanosecond,
        "+08:00",
        "1970-01-01T08:00:00.002+08:00",
    );
    assert!(zone_of("Nowhere/Land").is_none());
}

#[test]
fn the_years_of_a_time_are_those_of_a_day() {
    let first = Date::from_ymd(1, 1, 1).unwrap();
    let last = Date::from_ymd(9999, 12, 31).unwrap();
    assert_eq!(
        YEARS_1_TO_9999,
        i64::from(first.0) * 86_400..(i64::from(last.0) + 1) * 86_400
    );
    assert_eq!(DAYS_1_TO_9999, first.0..last.0 + 1);
}

#[test]
fn decimals_become_minor_units_or_are_refused() {
    let check = |value, scale, digits, signed, expected| {
        assert_eq!(decimal_minor(value, scale, digits, signed), expected)
    };
    check(1234, 2, 2, false, Ok(1234));
    check(5, 0, 2, false, Ok(500));
    check(12_300, 4, 2, false, Ok(123));
    check(12_301, 4, 2, false, Err(AmountError::Decimals));
    check(-1, 2, 2, false, Err(AmountError::Form));
    check(-1, 2, 2, true, Ok(-1));
    check(i128::from(i64::MAX), 2, 2, false, Ok(i64::MAX));
    check(i128::from(i64::MAX) + 1, 2, 2, false, Err(AmountError::Overflow));
    check(i128::MAX / 2, 0, 2, false, Err(AmountError::Overflow));
}

#[test]
fn threads_share_one_file() {
    let content = written(bank("", times()));
    let mut on_disk = tempfile::NamedTempFile::new().unwrap();
    std::io::Write::write_all(&mut on_disk, &content).unwrap();
    let context = context(Role::Bank);
    let file = ParquetFile::open(on_disk.path(), Role::Bank, &context).unwrap_or_else(|_| panic!("it opens"));
    let expected = read_all(&file, Columns::All, Role::Bank);
    for _ in 0..20 {
        let rows: Vec<String> = std::thread::scope(|scope| {
            let read = |group| {
                let mut seen = Seen::default();
                file.read_row_group(group, Columns::All, &context, &mut seen)
                    .unwrap();
                seen.rows
            };
            let threads: Vec<_> = (0..file.row_groups())
                .map(|group| scope.spawn(move || read(group)))
                .collect();
            threads
                .into_iter()
                .flat_map(|thread| thread.join().unwrap())
                .collect()
        });
        assert_eq!(rows, expected.rows);
    }
}

#[test]
fn damaged_files_are_refused() {
    let content = written(bank("", times()));
    let context = context(Role::Bank);
    for at in (0..content.len()).step_by(97) {
        let mut damaged = content.clone();
        damaged[at] ^= 0x55;
        let mut seen = Seen::default();
        // Whatever comes out, it is rows or a refusal.
        if let Ok(file) = ParquetFile::from_bytes(damaged, Role::Bank, &context) {
            for group in 0..file.row_groups() {
                let _ = file.read_row_group(group, Columns::All, &context, &mut seen);
            }
        }
    }
}

mod differential;
