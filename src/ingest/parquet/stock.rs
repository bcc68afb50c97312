//! The crate's own reader: slower, and the one for all that the fast path does not know or finds damaged.

use arrow::array::{Array, ArrayRef, AsArray, DictionaryArray, RecordBatch, StringArray};
use arrow::buffer::NullBuffer;
use arrow::datatypes::{
    DataType, Date32Type, Decimal128Type, Int32Type, TimeUnit, TimestampMicrosecondType,
    TimestampMillisecondType, TimestampNanosecondType, TimestampSecondType,
};
use arrow::util::display::array_value_to_string;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder, RowSelection};

use super::values::{Zone, amount_of_text, date_of, decimal_minor, decimal_text, instant_of, write_time};
use super::{ParquetFile, guarded, refused, unreadable};
use crate::book::settings::Role;
use crate::entries::rows::{Place, Reject, RowSink};
use crate::ingest::canonical::context::{Memory, ReadContext};
use crate::ingest::canonical::layout::{self, ABSENT};
use crate::ingest::canonical::rules::{self, Table};
use crate::ingest::canonical::values::{self, Fields, TimeMemory, TimeText, Wrong, shown};
use crate::ingest::formats::FileRefused;
use crate::terms::currency::Currency;
use crate::terms::date::{Date, Instant};
use crate::terms::money::AmountError;

/// Rows decoded at a time.
const BATCH_ROWS: usize = 8192;

/// The crate's reader of some columns of a row group, of selected rows or of all.
pub fn reader(
    file: &ParquetFile,
    taken: &[bool],
    group: usize,
    selection: Option<RowSelection>,
) -> Result<ParquetRecordBatchReader, FileRefused> {
    let roots = (0..taken.len())
        .filter(|field| taken[*field])
        .map(|field| usize::from(file.binding.columns[field]));
    let mask = ProjectionMask::roots(file.metadata.parquet_schema(), roots);
    let mut builder =
        ParquetRecordBatchReaderBuilder::new_with_metadata(file.input.clone(), file.metadata.clone())
            .with_batch_size(BATCH_ROWS)
            .with_projection(mask)
            .with_row_groups(vec![group]);
    if let Some(selection) = selection {
        builder = builder.with_row_selection(selection);
    }
    guarded(|| builder.build())?.map_err(unreadable)
}

/// Reads a row group again and hands nothing on: what does the crate say of it?
///
/// # Errors
/// It does not decode, or holds another number of rows than it says.
pub fn check(file: &ParquetFile, taken: &[bool], group: usize, rows: u64) -> Result<(), FileRefused> {
    let mut reader = reader(file, taken, group, None)?;
    let mut found = 0;
    while let Some(batch) = guarded(|| reader.next())? {
        found += batch.map_err(refused)?.num_rows() as u64;
    }
    if found == rows {
        return Ok(());
    }
    Err(other_count(found > rows))
}

fn other_count(more: bool) -> FileRefused {
    let other = if more { "more" } else { "fewer" };
    refused(format!("it holds {other} rows than it says"))
}

/// Hands on what a reader gives. The numbers are those of its rows, and how many they are.
///
/// # Errors
/// It does not decode, or holds another number of rows.
pub fn hand_on<T: Table, S: RowSink>(
    file: &ParquetFile,
    mut reader: ParquetRecordBatchReader,
    taken: &[bool],
    (numbers, mut left): (&mut dyn Iterator<Item = u64>, u64),
    context: &ReadContext,
    sink: &mut S,
) -> Result<(), FileRefused> {
    let mut memory = Memory::default();
    while let Some(batch) = guarded(|| reader.next())? {
        let batch = batch.map_err(refused)?;
        let fields = BatchFields::new(file, &batch, taken)?;
        left = left
            .checked_sub(batch.num_rows() as u64)
            .ok_or_else(|| other_count(true))?;
        hand_on_batch::<T, S>(fields, numbers, context, &mut memory, sink);
    }
    if left > 0 {
        return Err(other_count(false));
    }
    Ok(())
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
            amount: rules::amount_of(self, role),
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
            _ => amount_of_text(self.text(field), currency, signed),
        }
    }

    fn decimal_text(&self, field: usize) -> Option<String> {
        let Column::Decimal(values, scale, nulls) = &self.columns[field] else {
            return None;
        };
        if is_null(*nulls, self.row) {
            return None;
        }
        Some(decimal_text(values[self.row], *scale))
    }

    #[inline]
    fn instant(&self, field: usize, memory: &mut TimeMemory) -> Option<Instant> {
        match &self.columns[field] {
            Column::Time(values, unit, _, nulls) if !is_null(*nulls, self.row) => {
                instant_of(values[self.row], *unit)
            }
            Column::Time(..) | Column::Days(..) => None,
            _ => values::instant(self.text(field), memory),
        }
    }

    #[inline]
    fn date(&self, field: usize, memory: &mut TimeMemory) -> Option<Date> {
        match &self.columns[field] {
            Column::Days(values, nulls) if !is_null(*nulls, self.row) => date_of(values[self.row]),
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
