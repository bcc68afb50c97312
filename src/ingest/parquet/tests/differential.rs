//! The fast path against the crate's reader, over files written in many ways, whole and damaged.

use std::sync::Arc;

use arrow::array::*;
use arrow::datatypes::{DataType, Field, Schema, TimeUnit};
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, Encoding, GzipLevel, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;
use proptest::prelude::*;

use super::super::fast::{self, Kept, Scratch, Wanted, WantedRow};
use super::super::{Columns, ParquetFile, plan};
use crate::book::settings::Role;
use crate::entries::rows::{BalanceRow, BankRow, ChannelRow, Place, PlatformRow, Reject, RowSink};
use crate::ingest::canonical::rules;
use crate::ingest::canonical::tests::{Seen, context};
use crate::ingest::csv_blocks::BlockError;
use crate::ingest::formats::FileRefused;

/// What became of a file: rows and rejects, or the message that refuses it.
type Outcome = Result<Seen, String>;

fn message(refused: FileRefused) -> String {
    refused.message
}

fn open(content: &[u8]) -> Result<ParquetFile, String> {
    ParquetFile::from_bytes(content.to_vec(), Role::Bank, &context(Role::Bank)).map_err(|error| match error {
        BlockError::Refused(refused) => refused.message,
        BlockError::Io(error) => error.to_string(),
    })
}

/// As the engine reads it.
fn read(file: &ParquetFile, columns: Columns) -> Outcome {
    let mut seen = Seen::default();
    for group in 0..file.row_groups() {
        file.read_row_group(group, columns, &context(Role::Bank), &mut seen)
            .map_err(message)?;
    }
    Ok(seen)
}

/// By the crate's reader alone.
fn read_slowly(file: &ParquetFile, columns: Columns) -> Outcome {
    let mut seen = Seen::default();
    for group in 0..file.row_groups() {
        let taken = file.columns_to_read(columns, group);
        let all = (Wanted::All, file.first_rows[group]);
        file.read_table_slowly::<rules::Bank, _>(group, &taken, all, &context(Role::Bank), &mut seen)
            .map_err(message)?;
    }
    Ok(seen)
}

/// By the fast path alone; `None` where it did not go to the end.
fn read_fast(file: &ParquetFile, columns: Columns, wanted: Wanted<'_>) -> Option<Seen> {
    let mut seen = Seen::default();
    let mut scratch = Scratch::default();
    for group in 0..file.row_groups() {
        let taken = file.columns_to_read(columns, group);
        let plan = plan::plan(file, group, &taken)?;
        let context = context(Role::Bank);
        fast::read::<rules::Bank, _>(&file.input, &plan, wanted, &mut scratch, &context, &mut seen).ok()?;
    }
    Some(seen)
}

/// Keeps of bank rows what a first reading keeps.
#[derive(Default)]
struct Keeping(Vec<(u64, Vec<u8>, Vec<u8>, i64)>);

impl RowSink for Keeping {
    fn bank(&mut self, row: &BankRow<'_>) {
        let texts = (row.entry_id.to_vec(), row.bank_ref.to_vec());
        self.0
            .push((row.place.offset, texts.0, texts.1, row.amount_minor));
    }
    fn platform(&mut self, _row: &PlatformRow<'_>) {}
    fn channel(&mut self, _row: &ChannelRow<'_>) {}
    fn balance(&mut self, _row: &BalanceRow) {}
    fn reject(&mut self, _reject: Reject) {}
    fn not_booked(&mut self, _place: Place) {}
}

fn kept_row((number, id, bank_ref, amount_minor): &(u64, Vec<u8>, Vec<u8>, i64)) -> WantedRow<'_> {
    WantedRow {
        number: *number,
        kept: Some(Kept {
            id,
            bank_ref,
            amount_minor: *amount_minor,
        }),
    }
}

fn same(a: &Seen, b: &Seen) {
    assert_eq!(a.rows, b.rows);
    assert_eq!(a.rejects, b.rejects);
}

/// How a file is written.
#[derive(Clone, Debug)]
struct Way {
    version: WriterVersion,
    compression: Compression,
    /// Of texts; `None` is a dictionary.
    text: Option<Encoding>,
    /// Of numbers; `None` is a dictionary.
    number: Option<Encoding>,
    page_rows: usize,
    dictionary_bytes: usize,
    group_rows: usize,
    nullable: bool,
    /// One row in so many is null; 0 is none.
    null_every: usize,
    precision: u8,
    unit: TimeUnit,
    text_numbers: bool,
}

fn ways() -> impl Strategy<Value = Way> {
    let version = prop_oneof![Just(WriterVersion::PARQUET_1_0), Just(WriterVersion::PARQUET_2_0)];
    let compression = prop_oneof![
        Just(Compression::UNCOMPRESSED),
        Just(Compression::SNAPPY),
        Just(Compression::LZ4_RAW),
        Just(Compression::GZIP(GzipLevel::default())),
        Just(Compression::ZSTD(ZstdLevel::default())),
    ];
    let text = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Encoding::PLAIN)),
        1 => Just(Some(Encoding::DELTA_LENGTH_BYTE_ARRAY)),
        1 => Just(Some(Encoding::DELTA_BYTE_ARRAY)),
    ];
    let number = prop_oneof![
        2 => Just(None),
        1 => Just(Some(Encoding::PLAIN)),
        1 => Just(Some(Encoding::DELTA_BINARY_PACKED)),
    ];
    let sizes = (
        prop_oneof![Just(3usize), Just(50), Just(1100), Just(100_000)],
        prop_oneof![Just(40usize), Just(400), Just(1 << 20)],
        prop_oneof![Just(17usize), Just(700), Just(100_000)],
    );
    let values = (
        any::<bool>(),
        prop_oneof![Just(0usize), Just(2), Just(7), Just(300)],
        prop_oneof![Just(9u8), Just(18), Just(25), Just(38)],
        prop_oneof![
            Just(TimeUnit::Second),
            Just(TimeUnit::Millisecond),
            Just(TimeUnit::Microsecond),
            Just(TimeUnit::Nanosecond),
        ],
        any::<bool>(),
    );
    (version, compression, text, number, sizes, values).prop_map(
        |(version, compression, text, number, sizes, values)| Way {
            version,
            compression,
            text,
            number,
            page_rows: sizes.0,
            dictionary_bytes: sizes.1,
            group_rows: sizes.2,
            nullable: values.0 || values.1 > 0,
            null_every: values.1,
            precision: values.2,
            unit: values.3,
            text_numbers: values.4,
        },
    )
}

/// Ids of a row: mostly plain, some long, some beyond ASCII, some that no id may be.
fn id(row: usize, seed: u64) -> String {
    let mixed = (row as u64 + 1).wrapping_mul(seed | 1);
    match mixed >> 11 & 63 {
        0 => "订单".repeat(1 + row % 90),
        1 => format!("E{row}\u{1}"),
        2 => "x".repeat(row % 300),
        3 => format!("\u{7f}{row}"),
        4 => String::new(),
        _ => format!("E20261120{:014}", row * 3),
    }
}

fn file(rows: usize, seed: u64, way: &Way) -> Vec<u8> {
    let null = |row: usize| way.null_every > 0 && (row + 1).is_multiple_of(way.null_every);
    let texts = |text: &dyn Fn(usize) -> String| -> ArrayRef {
        let texts = (0..rows).map(|row| (!null(row)).then(|| text(row)));
        Arc::new(StringArray::from_iter(texts))
    };
    let pick = |row: usize, words: &[&str]| {
        words[(row as u64).wrapping_mul(seed | 1) as usize % words.len()].to_owned()
    };
    let per_second = match way.unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    let time = |row: usize| {
        (!null(row)).then(|| (1_772_416_800 + row as i64 * 61) * per_second + row as i64 % per_second)
    };
    let zone = "+08:00";
    let times: ArrayRef = match way.unit {
        TimeUnit::Second => {
            Arc::new(TimestampSecondArray::from_iter((0..rows).map(time)).with_timezone(zone))
        }
        TimeUnit::Millisecond => {
            Arc::new(TimestampMillisecondArray::from_iter((0..rows).map(time)).with_timezone(zone))
        }
        TimeUnit::Microsecond => {
            Arc::new(TimestampMicrosecondArray::from_iter((0..rows).map(time)).with_timezone(zone))
        }
        TimeUnit::Nanosecond => {
            Arc::new(TimestampNanosecondArray::from_iter((0..rows).map(time)).with_timezone(zone))
        }
    };
    let minor = |row: usize| (row as i128 * i128::from(seed % 1000)) % 99_999_999 - i128::from(row % 50 == 7);
    let amounts: ArrayRef = if way.text_numbers {
        texts(&|row| format!("{}.{:02}", row * 7, row % 100))
    } else {
        let values = (0..rows).map(|row| (!null(row)).then(|| minor(row)));
        Arc::new(
            Decimal128Array::from_iter(values)
                .with_precision_and_scale(way.precision, 2)
                .unwrap(),
        )
    };
    let days: ArrayRef = if way.text_numbers {
        texts(&|row| format!("2026-11-{:02}", row % 31))
    } else {
        let day = |row: usize| {
            if row % 97 == 5 {
                9_000_000
            } else {
                20_514 + row as i32 % 40
            }
        };
        Arc::new(Date32Array::from_iter(
            (0..rows).map(|row| (!null(row)).then(|| day(row))),
        ))
    };
    let columns: Vec<(&str, ArrayRef)> = vec![
        ("remark", texts(&|row| format!("备注 {}", row % 9))),
        ("entry_id", texts(&|row| id(row, seed))),
        (
            "account",
            texts(&|row| pick(row, &["622201", "622201", "nowhere"])),
        ),
        ("booking_time", times),
        ("value_date", days),
        ("direction", texts(&|row| pick(row, &["C", "C", "D", "C", "x"]))),
        ("amount", amounts),
        (
            "currency",
            texts(&|row| pick(row, &["CNY", "CNY", "CNY", "JPY", "cny"])),
        ),
        (
            "bank_ref",
            texts(&|row| format!("2026112000{:x}", (row as u64).wrapping_mul(seed | 1))),
        ),
        (
            "purpose",
            texts(&|row| pick(row, &["", "", "OWN_IN", "BANK_FEE", "gift"])),
        ),
        ("original_ref", texts(&|_| String::new())),
    ];
    let nullable = way.nullable;
    let fields: Vec<Field> = columns
        .iter()
        .map(|(name, array)| Field::new(*name, array.data_type().clone(), nullable))
        .collect();
    let arrays = columns.iter().map(|(_, array)| Arc::clone(array)).collect();
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), arrays).unwrap();
    let mut properties = WriterProperties::builder()
        .set_writer_version(way.version)
        .set_compression(way.compression)
        .set_data_page_row_count_limit(way.page_rows)
        .set_write_batch_size(way.page_rows.min(64))
        .set_dictionary_page_size_limit(way.dictionary_bytes)
        .set_max_row_group_row_count(Some(way.group_rows))
        .set_statistics_enabled(if seed.is_multiple_of(2) {
            EnabledStatistics::Page
        } else {
            EnabledStatistics::None
        });
    for (name, array) in &columns {
        let path = ColumnPath::from(*name);
        let text = *array.data_type() == DataType::Utf8;
        let wide = matches!(array.data_type(), DataType::Decimal128(19.., _));
        let encoding = match (text, wide) {
            (true, _) => way.text,
            // Long decimals have no deltas of numbers.
            (_, true) => way.number.map(|_| Encoding::PLAIN),
            _ => way.number,
        };
        properties = match encoding {
            None => properties.set_column_dictionary_enabled(path, true),
            Some(encoding) => properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, encoding),
        };
    }
    let mut writer = ArrowWriter::try_new(Vec::new(), batch.schema(), Some(properties.build())).unwrap();
    writer.write(&batch).unwrap();
    writer.into_inner().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    /// Every way of writing gives the same rows, and none of these needs the crate's reader.
    #[test]
    fn the_fast_path_reads_what_the_crate_reads(
        way in ways(),
        rows in prop_oneof![Just(1usize), 2usize..60, 900usize..1300, Just(2500)],
        seed in any::<u64>(),
    ) {
        let content = file(rows, seed, &way);
        let file = open(&content).unwrap();
        for columns in [Columns::Judged, Columns::All] {
            let slow = read_slowly(&file, columns).unwrap();
            let fast = read_fast(&file, columns, Wanted::All);
            prop_assert!(fast.is_some(), "it did not go to the end");
            same(&fast.unwrap(), &slow);
        }
        // Some rows by number, some pages without any.
        let all = read_slowly(&file, Columns::All).unwrap();
        let step = 1 + seed as usize % 400;
        let numbers: Vec<WantedRow<'_>> = (0..rows as u64).step_by(step).map(WantedRow::by_number).collect();
        let mut found = Seen::default();
        file.read_rows(&numbers, &context(Role::Bank), &mut found).unwrap();
        let few = read_fast(&file, Columns::All, Wanted::Rows(&numbers)).unwrap();
        same(&found, &few);
        let line = |row: &String| row.split_once(' ').map(|(line, _)| line.to_owned());
        let lines: Vec<Option<String>> = found.rows.iter().map(line).collect();
        let wanted: Vec<String> = all.rows.iter().filter(|row| lines.contains(&line(row))).cloned().collect();
        prop_assert_eq!(&found.rows, &wanted);
        prop_assert_eq!(found.rows.len() + found.rejects.len(), numbers.len());
        // What was kept of rows takes the place of what stands in the file.
        let mut keeping = Keeping::default();
        for group in 0..file.row_groups() {
            file.read_row_group(group, Columns::Judged, &context(Role::Bank), &mut keeping).unwrap();
        }
        let kept: Vec<WantedRow<'_>> = keeping.0.iter().step_by(step).map(kept_row).collect();
        let whole: Vec<WantedRow<'_>> = kept.iter().map(|row| WantedRow::by_number(row.number)).collect();
        let (mut with, mut without) = (Seen::default(), Seen::default());
        file.read_rows(&kept, &context(Role::Bank), &mut with).unwrap();
        file.read_rows(&whole, &context(Role::Bank), &mut without).unwrap();
        same(&with, &without);
        prop_assert_eq!(with.rows.len(), kept.len());
    }
}

fn small_ways() -> Vec<Way> {
    let plain = Way {
        version: WriterVersion::PARQUET_1_0,
        compression: Compression::UNCOMPRESSED,
        text: None,
        number: None,
        page_rows: 20,
        dictionary_bytes: 1 << 20,
        group_rows: 1000,
        nullable: true,
        null_every: 7,
        precision: 18,
        unit: TimeUnit::Millisecond,
        text_numbers: false,
    };
    vec![
        Way {
            dictionary_bytes: 60,
            ..plain.clone()
        },
        Way {
            version: WriterVersion::PARQUET_2_0,
            text: Some(Encoding::DELTA_BYTE_ARRAY),
            number: Some(Encoding::DELTA_BINARY_PACKED),
            ..plain.clone()
        },
        Way {
            version: WriterVersion::PARQUET_2_0,
            compression: Compression::SNAPPY,
            text: Some(Encoding::DELTA_LENGTH_BYTE_ARRAY),
            precision: 38,
            ..plain.clone()
        },
        Way {
            compression: Compression::ZSTD(ZstdLevel::default()),
            ..plain.clone()
        },
        Way {
            compression: Compression::LZ4_RAW,
            ..plain
        },
    ]
}

/// What the engine makes of damaged content is what the crate makes of it, or a refusal; or it is `whole`, the rows
/// of the content before, where the damage hit what no row needs and the crate alone looks at. False when it is
/// neither: other values, which the crate happens to see through and the fast path does not. Without checksums no
/// reader sees through all.
fn check_damaged(content: &[u8], whole: &Seen, what: &str) -> bool {
    let Ok(file) = open(content) else {
        return true;
    };
    // A row count beyond all reason is the metadata's, and no reader's business here.
    if file.rows() > 1_000_000 {
        return true;
    }
    match (read(&file, Columns::All), read_slowly(&file, Columns::All)) {
        (Ok(fast), Ok(slow)) => {
            assert_eq!(fast.rows, slow.rows, "{what}");
            assert_eq!(fast.rejects, slow.rejects, "{what}");
        }
        (Err(fast), Err(slow)) => assert_eq!(fast, slow, "{what}"),
        (Err(_), Ok(_)) => {}
        (Ok(fast), Err(_)) => return fast == *whole,
    }
    true
}

#[test]
fn every_damaged_byte_is_a_refusal_or_the_rows_of_the_crate() {
    let (mut tried, mut unseen) = (0, 0);
    for (number, way) in small_ways().iter().enumerate() {
        let content = file(24, 12_345, way);
        let whole = read(&open(&content).unwrap(), Columns::All).unwrap();
        // Every byte in one of the ways at least, or the test would take minutes.
        for at in (number..content.len()).step_by(5) {
            for flip in [0x01, 0x80] {
                let mut damaged = content.clone();
                damaged[at] ^= flip;
                tried += 1;
                unseen += usize::from(!check_damaged(
                    &damaged,
                    &whole,
                    &format!("{way:?} byte {at} ^ {flip:#x}"),
                ));
            }
        }
    }
    println!("{unseen} of {tried} damages are seen by the crate alone");
    assert!(unseen * 1000 <= tried, "{unseen} of {tried}");
}

#[test]
fn files_cut_short_are_refused() {
    for way in small_ways() {
        let content = file(40, 99, &way);
        for length in (0..content.len()).step_by(3) {
            assert!(open(&content[..length]).is_err());
        }
        let whole = read(&open(&content).unwrap(), Columns::All).unwrap();
        // Content lost from the middle, with the footer whole.
        for length in (1..content.len() / 2).step_by(37) {
            check_damaged(
                &content[length..],
                &whole,
                &format!("{way:?} without {length} bytes"),
            );
        }
    }
}

#[test]
fn surplus_and_missing_rows_are_refused() {
    // Two row groups of one file whose metadata is that of another with fewer rows would need a writer of our own;
    // the reader's own count is changed instead.
    let way = &small_ways()[0];
    let content = file(40, 5, way);
    for (rows, other) in [(39, "more"), (41, "fewer")] {
        let mut file = open(&content).unwrap();
        file.first_rows[1] = rows;
        let message = read(&file, Columns::All).err().unwrap();
        assert!(
            message.contains(&format!("it holds {other} rows than it says")),
            "{message}"
        );
        assert_eq!(read_slowly(&file, Columns::All).err().unwrap(), message);
    }
}
