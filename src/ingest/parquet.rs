//! Canonical Parquet (SPEC §4.2, R37): row groups in, typed rows and rejects out, by the same rules as CSV.
//!
//! Columns are bound by name. Amounts are decimals of up to 38 digits or canonical texts; times are timestamps with a
//! time zone or RFC 3339 texts; days are dates or texts; all else is text. Null is empty. A first reading takes only
//! the columns that rules look at; rows wanted in full are read again by number. Row groups can be read by any number
//! of threads. Repeated texts stay dictionary-encoded while they are read. Timestamps without a zone are refused: they
//! name no moment. Nested columns are read over, as unknown ones are.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Field as ArrowField, Int32Type, Schema, TimeUnit,
    TimestampMicrosecondType, TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow::util::display::array_value_to_string;
use bytes::Bytes;
use jiff::tz::TimeZone;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder,
    RowSelection,
};
use parquet::errors::ParquetError;
use parquet::file::reader::{ChunkReader, Length};

use crate::book::settings::Role;
use crate::entries::rows::{Place, Reject, RowSink};
use crate::findings;
use crate::ingest::canonical::context::{Memory, ReadContext};
use crate::ingest::canonical::layout::{self, ABSENT, HeaderBinding};
use crate::ingest::canonical::rules::{self, Table};
use crate::ingest::canonical::values::{self, Fields, TimeMemory, TimeText, Wrong, shown};
use crate::ingest::csv_blocks::BlockError;
use crate::ingest::formats::FileRefused;
use crate::terms::currency::Currency;
use crate::terms::date::{Date, Instant};
use crate::terms::money::AmountError;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8192;

/// Fields that no rule looks at: left out of a first reading.
const UNJUDGED: [&str; 4] = ["memo", "remark", "counterparty_name", "counterparty_account"];

/// Fields with few distinct values, kept dictionary-encoded where the file has them so.
const REPEATED: [&str; 8] = [
    "merchant_id",
    "txn_type",
    "channel",
    "currency",
    "status",
    "account",
    "direction",
    "funding",
];

/// Seconds since 1970 of the years 1 to 9999.
const YEARS_1_TO_9999: std::ops::Range<i64> = -62_135_596_800..253_402_300_800;

/// Which columns a reading takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Columns {
    /// Those that rules look at; memo, remark and the other side's name and account are empty in the rows, and
    /// so is a booking time that needs no judging.
    Judged,
    /// All that have a field.
    All,
}

/// A Parquet file of a canonical table.
pub struct ParquetFile {
    input: Input,
    metadata: ArrowReaderMetadata,
    /// Field to column, and the columns that no field has.
    pub binding: HeaderBinding,
    zones: Vec<Option<Zone>>,
    /// First row number of each row group, and the number of all rows.
    first_rows: Vec<u64>,
}

#[derive(Clone)]
enum Input {
    File(Arc<File>, u64),
    Memory(Bytes),
}

/// Reads by position: descriptors of one file share their offset, and row groups are read by several threads.
impl ChunkReader for Input {
    type T = Positioned;

    fn get_read(&self, start: u64) -> Result<Positioned, ParquetError> {
        Ok(Positioned {
            input: self.clone(),
            at: start,
        })
    }

    fn get_bytes(&self, start: u64, length: usize) -> Result<Bytes, ParquetError> {
        // A length beyond the file is damage; it must not ask for memory first.
        if start
            .checked_add(length as u64)
            .is_none_or(|end| end > self.len())
        {
            return Err(ParquetError::EOF(
                "a part lies beyond the end of the file".to_owned(),
            ));
        }
        match self {
            Input::File(file, _) => {
                let mut part = vec![0; length];
                file.read_exact_at(&mut part, start)?;
                Ok(Bytes::from(part))
            }
            Input::Memory(content) => content.get_bytes(start, length),
        }
    }
}

impl Length for Input {
    fn len(&self) -> u64 {
        match self {
            Input::File(_, bytes) => *bytes,
            Input::Memory(content) => content.len() as u64,
        }
    }
}

/// A place in a file from which it is read on.
struct Positioned {
    input: Input,
    at: u64,
}

impl Read for Positioned {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = match &self.input {
            Input::File(file, _) => file.read_at(out, self.at)?,
            Input::Memory(content) => {
                let start = usize::try_from(self.at).unwrap_or(usize::MAX).min(content.len());
                (&content[start..]).read(out)?
            }
        };
        self.at += read as u64;
        Ok(read)
    }
}

/// How a column's times are written.
#[derive(Clone)]
enum Zone {
    Fixed(i64),
    Named(TimeZone),
}

fn refused(message: impl fmt::Display) -> FileRefused {
    FileRefused {
        line: 0,
        column: 0,
        message: format!("the Parquet file cannot be read: {message}"),
        help: "have it delivered again; nothing of it was taken".to_owned(),
    }
}

fn unreadable(error: ParquetError) -> FileRefused {
    refused(error)
}

/// The decoder panics on some damaged files; to us that is a damaged file like any other.
fn guarded<T>(decode: impl FnOnce() -> T) -> Result<T, FileRefused> {
    findings::guarded(decode).ok_or_else(|| refused("it is damaged"))
}

impl ParquetFile {
    /// Opens a file and binds its columns.
    ///
    /// # Errors
    /// It cannot be opened, is no Parquet file, lacks columns, or has columns of a type that their field cannot have.
    pub fn open(path: &Path, role: Role, context: &ReadContext) -> Result<ParquetFile, BlockError> {
        ParquetFile::from_file(File::open(path)?, role, context)
    }

    /// As [`ParquetFile::open`], for a file that is open already ([`crate::ingest::files::open_on_disk`]).
    ///
    /// # Errors
    /// As [`ParquetFile::open`].
    pub fn from_file(file: File, role: Role, context: &ReadContext) -> Result<ParquetFile, BlockError> {
        let bytes = file.metadata()?.len();
        ParquetFile::bind(Input::File(Arc::new(file), bytes), role, context)
    }

    /// As [`ParquetFile::open`], for content unpacked into memory.
    ///
    /// # Errors
    /// As [`ParquetFile::open`].
    pub fn from_bytes(
        content: Vec<u8>,
        role: Role,
        context: &ReadContext,
    ) -> Result<ParquetFile, BlockError> {
        ParquetFile::bind(Input::Memory(Bytes::from(content)), role, context)
    }

    fn bind(input: Input, role: Role, context: &ReadContext) -> Result<ParquetFile, BlockError> {
        let found = guarded(|| ArrowReaderMetadata::load(&input, ArrowReaderOptions::new()))
            .and_then(|found| found.map_err(unreadable))
            .map_err(BlockError::Refused)?;
        let names = found
            .schema()
            .fields()
            .iter()
            .map(|field| field.name().clone())
            .collect();
        let binding = HeaderBinding::bind(role, names, &context.given()).map_err(BlockError::Refused)?;
        let mut wrong = Vec::new();
        let mut zones = vec![None; layout::FIELDS_MAX];
        let mut wanted: Vec<ArrowField> = found
            .schema()
            .fields()
            .iter()
            .map(|field| field.as_ref().clone())
            .collect();
        for (number, field) in layout::fields(role).iter().enumerate() {
            let column = binding.columns[number];
            if column == ABSENT {
                continue;
            }
            let arrow = &mut wanted[usize::from(column)];
            match column_type(field.name, arrow.data_type()) {
                Ok((data_type, zone)) => {
                    zones[number] = zone;
                    let repeated = REPEATED.contains(&field.name) && data_type == DataType::Utf8;
                    let data_type = if repeated && has_dictionaries(&found, arrow.name()) {
                        DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
                    } else {
                        data_type
                    };
                    *arrow = arrow.clone().with_data_type(data_type);
                }
                Err(expected) => {
                    wrong.push(format!(
                        "{}: found type {}, expected {expected}",
                        field.name,
                        arrow.data_type()
                    ));
                }
            }
        }
        if !wrong.is_empty() {
            return Err(BlockError::Refused(FileRefused {
                line: 0,
                column: 0,
                message: wrong.join("; "),
                help: "have the file made with these types; nothing of it was taken".to_owned(),
            }));
        }
        let schema = Arc::new(Schema::new_with_metadata(
            wanted,
            found.schema().metadata().clone(),
        ));
        let metadata = ArrowReaderMetadata::try_new(
            Arc::clone(found.metadata()),
            ArrowReaderOptions::new().with_schema(schema),
        )
        .map_err(|e| BlockError::Refused(unreadable(e)))?;
        let mut first_rows = vec![0];
        for group in metadata.metadata().row_groups() {
            let rows = u64::try_from(group.num_rows())
                .map_err(|_| BlockError::Refused(refused("a row group has a negative number of rows")))?;
            first_rows.push(first_rows[first_rows.len() - 1] + rows);
        }
        Ok(ParquetFile {
            input,
            metadata,
            binding,
            zones,
            first_rows,
        })
    }

    /// Number of row groups.
    pub fn row_groups(&self) -> usize {
        self.first_rows.len() - 1
    }

    /// Number of rows.
    pub fn rows(&self) -> u64 {
        self.first_rows[self.row_groups()]
    }

    /// Reads a row group in order. Returns the number of rows, rejects included.
    ///
    /// # Errors
    /// The content does not decode: the file is refused as a whole, rows already handed on included.
    pub fn read_row_group<S: RowSink>(
        &self,
        group: usize,
        columns: Columns,
        context: &ReadContext,
        sink: &mut S,
    ) -> Result<u64, FileRefused> {
        let taken = self.columns_to_read(columns, group);
        let first = self.first_rows[group];
        let last = self.first_rows[group + 1];
        let reader = self.reader(&taken, Some(group), None)?;
        self.hand_on(reader, &taken, &mut (first..last), context, sink)
    }

    /// Reads rows again, all columns, by their numbers (0-based, ascending: `Place::offset`).
    ///
    /// # Errors
    /// The content does not decode, or has no such row.
    pub fn read_rows<S: RowSink>(
        &self,
        rows: &[u64],
        context: &ReadContext,
        sink: &mut S,
    ) -> Result<(), FileRefused> {
        assert!(
            rows.is_sorted_by(|a, b| a < b),
            "row numbers come in order, each once"
        );
        if rows.last().is_some_and(|last| *last >= self.rows()) {
            return Err(refused("it has fewer rows than before"));
        }
        if rows.is_empty() {
            return Ok(());
        }
        let taken = self.columns_to_read(Columns::All, 0);
        let ranges = rows.iter().map(|row| *row as usize..*row as usize + 1);
        let selection = RowSelection::from_consecutive_ranges(ranges, self.rows() as usize);
        let reader = self.reader(&taken, None, Some(selection))?;
        self.hand_on(reader, &taken, &mut rows.iter().copied(), context, sink)?;
        Ok(())
    }

    /// True per field that is read.
    fn columns_to_read(&self, columns: Columns, group: usize) -> Vec<bool> {
        layout::fields(self.binding.role)
            .iter()
            .enumerate()
            .map(|(number, field)| {
                let there = self.binding.columns[number] != ABSENT;
                let time_without_null = field.name == "booking_time"
                    && self.zones[number].is_some()
                    && self.has_no_null(number, group);
                let judged = !UNJUDGED.contains(&field.name) && !time_without_null;
                there && (columns == Columns::All || judged)
            })
            .collect()
    }

    /// True when the file says that a column of a row group has no null.
    fn has_no_null(&self, field: usize, group: usize) -> bool {
        let name = layout::fields(self.binding.role)[field].name;
        let group = self.metadata.metadata().row_group(group);
        let mut chunks = group
            .columns()
            .iter()
            .filter(|chunk| chunk.column_path().string() == name);
        chunks.next().is_some_and(|chunk| {
            chunk.column_descr().max_def_level() == 0
                || chunk
                    .statistics()
                    .and_then(|statistics| statistics.null_count_opt())
                    == Some(0)
        })
    }

    fn reader(
        &self,
        taken: &[bool],
        group: Option<usize>,
        selection: Option<RowSelection>,
    ) -> Result<ParquetRecordBatchReader, FileRefused> {
        let roots = (0..taken.len())
            .filter(|field| taken[*field])
            .map(|field| usize::from(self.binding.columns[field]));
        let mask = ProjectionMask::roots(self.metadata.parquet_schema(), roots);
        let mut builder =
            ParquetRecordBatchReaderBuilder::new_with_metadata(self.input.clone(), self.metadata.clone())
                .with_batch_size(BATCH_ROWS)
                .with_projection(mask);
        if let Some(group) = group {
            builder = builder.with_row_groups(vec![group]);
        }
        if let Some(selection) = selection {
            builder = builder.with_row_selection(selection);
        }
        guarded(|| builder.build())?.map_err(unreadable)
    }

    fn hand_on<S: RowSink>(
        &self,
        mut reader: ParquetRecordBatchReader,
        taken: &[bool],
        numbers: &mut dyn Iterator<Item = u64>,
        context: &ReadContext,
        sink: &mut S,
    ) -> Result<u64, FileRefused> {
        let mut memory = Memory::default();
        let mut rows = 0;
        while let Some(batch) = guarded(|| reader.next())? {
            let batch = batch.map_err(refused)?;
            let fields = BatchFields::new(self, &batch, taken)?;
            rows += batch.num_rows() as u64;
            match self.binding.role {
                Role::Platform => {
                    hand_on_batch::<rules::Platform, S>(fields, numbers, context, &mut memory, sink)
                }
                Role::Bank => hand_on_batch::<rules::Bank, S>(fields, numbers, context, &mut memory, sink),
                Role::Channel => {
                    hand_on_batch::<rules::Channel, S>(fields, numbers, context, &mut memory, sink)
                }
                Role::Balances => {
                    hand_on_batch::<rules::Balances, S>(fields, numbers, context, &mut memory, sink)
                }
            }
        }
        if numbers.next().is_some() {
            return Err(refused("it holds fewer rows than it says"));
        }
        Ok(rows)
    }
}

fn hand_on_batch<T: Table, S: RowSink>(
    mut fields: BatchFields<'_>,
    numbers: &mut dyn Iterator<Item = u64>,
    context: &ReadContext,
    memory: &mut Memory,
    sink: &mut S,
) {
    for (row, number) in (0..fields.rows).zip(numbers) {
        fields.row = row;
        let place = Place {
            line: number + 1,
            offset: number,
        };
        if let Err(wrong) = T::row(&fields, place, fields.irregular, context, memory, sink) {
            sink.reject(fields.reject(T::ROLE, place, wrong));
        }
    }
}

/// The type to read a column with, and the zone of its times; or what was expected.
fn column_type(field: &str, found: &DataType) -> Result<(DataType, Option<Zone>), &'static str> {
    let inner = match found {
        DataType::Dictionary(_, value) => value,
        other => other,
    };
    if matches!(
        inner,
        DataType::Utf8
            | DataType::LargeUtf8
            | DataType::Utf8View
            | DataType::Binary
            | DataType::LargeBinary
            | DataType::BinaryView
    ) {
        return Ok((DataType::Utf8, None));
    }
    if *inner == DataType::Null {
        return Ok((DataType::Null, None));
    }
    match field {
        "amount" | "fee" | "opening" | "closing" => match inner {
            DataType::Decimal32(precision, scale)
            | DataType::Decimal64(precision, scale)
            | DataType::Decimal128(precision, scale)
                if *scale >= 0 =>
            {
                Ok((DataType::Decimal128(*precision, *scale), None))
            }
            _ => Err("a decimal of up to 38 digits, or a text"),
        },
        "txn_time" | "booking_time" => match inner {
            DataType::Timestamp(_, Some(zone)) => match zone_of(zone) {
                Some(zone) => Ok((inner.clone(), Some(zone))),
                None => Err("a timestamp with a time zone that is known"),
            },
            DataType::Date32 if field == "booking_time" => Ok((DataType::Date32, None)),
            _ => Err("a timestamp with a time zone, or a text (RFC 3339)"),
        },
        "value_date" | "settle_date" | "date" => match inner {
            DataType::Date32 => Ok((DataType::Date32, None)),
            _ => Err("a date (32 bits), or a text"),
        },
        _ => Err("a text"),
    }
}

fn zone_of(name: &str) -> Option<Zone> {
    if matches!(name, "UTC" | "Z" | "utc") {
        return Some(Zone::Fixed(0));
    }
    if let Some(Instant(ms)) = Instant::parse_rfc3339(format!("1970-01-01T00:00:00{name}").as_bytes()) {
        return Some(Zone::Fixed(-ms / 1000));
    }
    TimeZone::get(name).ok().map(Zone::Named)
}

/// True when every row group keeps a column's texts in a dictionary.
fn has_dictionaries(metadata: &ArrowReaderMetadata, name: &str) -> bool {
    metadata.metadata().row_groups().iter().all(|group| {
        group
            .columns()
            .iter()
            .any(|chunk| chunk.column_path().string() == name && chunk.dictionary_page_offset().is_some())
    })
}

/// One column of a batch.
enum Column<'a> {
    /// Not in the file, not read, or all null.
    None,
    Text(&'a StringArray, Option<&'a NullBuffer>),
    Dictionary(&'a [i32], &'a StringArray, Option<&'a NullBuffer>),
    Decimal(&'a [i128], u32, Option<&'a NullBuffer>),
    Time(&'a [i64], TimeUnit, &'a Zone, Option<&'a NullBuffer>),
    Days(&'a [i32], Option<&'a NullBuffer>),
}

fn is_null(nulls: Option<&NullBuffer>, row: usize) -> bool {
    nulls.is_some_and(|nulls| nulls.is_null(row))
}

/// The fields of one row of a batch.
struct BatchFields<'a> {
    columns: Vec<Column<'a>>,
    arrays: Vec<Option<&'a ArrayRef>>,
    left_out: Vec<bool>,
    rows: usize,
    row: usize,
    irregular: bool,
}

impl<'a> BatchFields<'a> {
    fn new(
        file: &'a ParquetFile,
        batch: &'a RecordBatch,
        taken: &[bool],
    ) -> Result<BatchFields<'a>, FileRefused> {
        let mut fields = BatchFields {
            columns: Vec::new(),
            arrays: Vec::new(),
            left_out: Vec::new(),
            rows: batch.num_rows(),
            row: 0,
            irregular: false,
        };
        for (number, field) in layout::fields(file.binding.role).iter().enumerate() {
            let there = file.binding.columns[number] != ABSENT;
            let array = if taken[number] {
                batch.column_by_name(field.name)
            } else {
                None
            };
            if taken[number] && array.is_none() {
                return Err(refused(format!("column `{}` is not in a row group", field.name)));
            }
            let column = match array {
                Some(array) => column_of(array, file.zones[number].as_ref())?,
                None => Column::None,
            };
            if field.id {
                fields.irregular |= match &column {
                    Column::Text(array, _) | Column::Dictionary(_, array, _) => {
                        // Without an early way out the compiler makes it a vector loop.
                        array
                            .values()
                            .iter()
                            .fold(false, |any, byte| any | byte.is_ascii_control())
                    }
                    _ => false,
                };
            }
            fields.columns.push(column);
            fields.arrays.push(array);
            fields.left_out.push(there && !taken[number]);
        }
        Ok(fields)
    }

    #[cold]
    fn reject(&self, role: Role, place: Place, wrong: Wrong) -> Reject {
        let found = match self.arrays[wrong.field] {
            Some(array) if !array.is_null(self.row) => {
                array_value_to_string(array, self.row).unwrap_or_else(|error| error.to_string())
            }
            _ => String::new(),
        };
        Reject {
            line: place.line,
            column: 0,
            field: layout::fields(role)[wrong.field].name.to_owned(),
            found: shown(found.as_bytes()),
            expected: wrong.expected.describe(found.as_bytes()),
        }
    }
}

fn column_of<'a>(array: &'a ArrayRef, zone: Option<&'a Zone>) -> Result<Column<'a>, FileRefused> {
    let nulls = array.nulls().filter(|nulls| nulls.null_count() > 0);
    Ok(match (array.data_type(), zone) {
        (DataType::Utf8, _) => Column::Text(array.as_string(), nulls),
        (DataType::Dictionary(..), _) => {
            let dictionary: &DictionaryArray<Int32Type> = array.as_dictionary();
            let values: &StringArray = dictionary.values().as_string();
            if values.null_count() > 0 {
                return Err(refused("a dictionary holds a null"));
            }
            Column::Dictionary(dictionary.keys().values(), values, nulls)
        }
        (DataType::Decimal128(_, scale), _) => Column::Decimal(
            array.as_primitive::<Decimal128Type>().values(),
            u32::from(scale.unsigned_abs()),
            nulls,
        ),
        (DataType::Timestamp(unit, _), Some(zone)) => {
            let values: &[i64] = match unit {
                TimeUnit::Second => array.as_primitive::<TimestampSecondType>().values(),
                TimeUnit::Millisecond => array.as_primitive::<TimestampMillisecondType>().values(),
                TimeUnit::Microsecond => array.as_primitive::<TimestampMicrosecondType>().values(),
                TimeUnit::Nanosecond => array.as_primitive::<TimestampNanosecondType>().values(),
            };
            Column::Time(values, *unit, zone, nulls)
        }
        (DataType::Date32, _) => Column::Days(array.as_primitive::<Date32Type>().values(), nulls),
        (DataType::Null, _) => Column::None,
        (other, _) => return Err(refused(format!("a column came as {other}"))),
    })
}

/// Nanoseconds within the second, and whole seconds since 1970.
fn seconds_and_nanos(value: i64, unit: TimeUnit) -> (i64, i64) {
    let per_second = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    (
        value.div_euclid(per_second),
        value.rem_euclid(per_second) * (1_000_000_000 / per_second),
    )
}

impl Fields for BatchFields<'_> {
    #[inline]
    fn text(&self, field: usize) -> &[u8] {
        match &self.columns[field] {
            Column::Text(array, nulls) if !is_null(*nulls, self.row) => array.value(self.row).as_bytes(),
            Column::Dictionary(keys, values, nulls) if !is_null(*nulls, self.row) => {
                values.value(keys[self.row] as usize).as_bytes()
            }
            _ => &[],
        }
    }

    #[inline]
    fn amount_minor(&self, field: usize, currency: Currency, signed: bool) -> Result<i64, AmountError> {
        match &self.columns[field] {
            Column::Decimal(values, scale, nulls) if !is_null(*nulls, self.row) => {
                decimal_minor(values[self.row], *scale, currency.digits(), signed)
            }
            _ => match self.text(field) {
                [b'-', magnitude @ ..] if signed => {
                    values::amount_minor(magnitude, 0, magnitude.len(), currency.digits()).map(|minor| -minor)
                }
                text => values::amount_minor(text, 0, text.len(), currency.digits()),
            },
        }
    }

    #[inline]
    fn instant(&self, field: usize, memory: &mut TimeMemory) -> Option<Instant> {
        match &self.columns[field] {
            Column::Time(values, unit, _, nulls) if !is_null(*nulls, self.row) => {
                let (seconds, nanos) = seconds_and_nanos(values[self.row], *unit);
                // Years that no calendar day of ours has are refused, as in a text.
                YEARS_1_TO_9999
                    .contains(&seconds)
                    .then_some(Instant(seconds * 1000 + nanos / 1_000_000))
            }
            Column::Time(..) | Column::Days(..) => None,
            _ => values::instant(self.text(field), memory),
        }
    }

    #[inline]
    fn date(&self, field: usize, memory: &mut TimeMemory) -> Option<Date> {
        match &self.columns[field] {
            Column::Days(values, nulls) if !is_null(*nulls, self.row) => {
                let date = Date(values[self.row]);
                let (year, ..) = date.ymd();
                (1..=9999).contains(&year).then_some(date)
            }
            _ => values::date(self.text(field), memory),
        }
    }

    #[inline]
    fn left_out(&self, field: usize) -> bool {
        self.left_out[field]
    }

    fn time_text<'b>(&'b self, field: usize, buffer: &'b mut TimeText) -> &'b [u8] {
        match &self.columns[field] {
            Column::Time(values, unit, zone, nulls) if !is_null(*nulls, self.row) => {
                write_time(values[self.row], *unit, zone, buffer)
            }
            Column::Days(..) => match self.date(field, &mut TimeMemory::default()) {
                Some(date) => buffer.set(format_args!("{date}")),
                None => &[],
            },
            _ => self.text(field),
        }
    }
}

/// RFC 3339 in the column's zone: to the millisecond, finer only where the value is.
fn write_time<'b>(value: i64, unit: TimeUnit, zone: &Zone, buffer: &'b mut TimeText) -> &'b [u8] {
    let (seconds, nanos) = seconds_and_nanos(value, unit);
    let offset = match zone {
        Zone::Fixed(offset) => *offset,
        Zone::Named(zone) => match jiff::Timestamp::from_second(seconds) {
            Ok(at) => i64::from(zone.to_offset(at).seconds()),
            Err(_) => 0,
        },
    };
    // An offset with seconds (before 1901 in Shanghai) is written in whole minutes, of the same moment.
    let minutes = offset.div_euclid(60);
    let local = seconds + minutes * 60;
    let Ok(day) = i32::try_from(local.div_euclid(86_400)) else {
        return &[];
    };
    let clock = local.rem_euclid(86_400);
    let (date, hour, minute, second) = (Date(day), clock / 3600, clock / 60 % 60, clock % 60);
    let sign = if minutes < 0 { '-' } else { '+' };
    let (zone_hour, zone_minute) = (minutes.abs() / 60, minutes.abs() % 60);
    let head = format_args!("{date}T{hour:02}:{minute:02}:{second:02}").to_string();
    let zone = format_args!("{sign}{zone_hour:02}:{zone_minute:02}").to_string();
    if unit == TimeUnit::Second {
        buffer.set(format_args!("{head}{zone}"))
    } else if nanos % 1_000_000 == 0 {
        buffer.set(format_args!("{head}.{:03}{zone}", nanos / 1_000_000))
    } else {
        buffer.set(format_args!("{head}.{nanos:09}{zone}"))
    }
}

/// A decimal as minor units (R37): more decimals than the currency has only if they are zero.
fn decimal_minor(value: i128, scale: u32, digits: u32, signed: bool) -> Result<i64, AmountError> {
    if value < 0 && !signed {
        return Err(AmountError::Form);
    }
    let minor = if scale <= digits {
        value
            .checked_mul(10i128.pow(digits - scale))
            .ok_or(AmountError::Overflow)?
    } else {
        let unit = 10i128.pow(scale - digits);
        if value % unit != 0 {
            return Err(AmountError::Decimals);
        }
        value / unit
    };
    match i64::try_from(minor) {
        // As in texts, where the magnitude is read first.
        Ok(i64::MIN) | Err(_) => Err(AmountError::Overflow),
        Ok(minor) => Ok(minor),
    }
}

#[cfg(test)]
mod tests;
