//! What the fast path makes of a row group's metadata: where each wanted column lies and what its values mean, or
//! that the row group is none of its business.

use std::sync::Arc;

use arrow::datatypes::{DataType, TimeUnit};
use parquet::basic::{ConvertedType, Encoding, LogicalType, TimeUnit as ParquetTimeUnit, Type};
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::file::reader::Length;

use super::ParquetFile;
use super::columns::{Chunk, Physical};
use super::fast::kept_fields;
use super::unpack::Codec;
use super::values::Zone;
use crate::book::settings::Role;
use crate::ingest::canonical::layout::{ABSENT, FIELDS_MAX};

/// A row group as the fast path reads it.
pub struct GroupPlan {
    /// The table.
    pub role: Role,
    /// By field; `None` where nothing is read.
    pub columns: Vec<Option<PlannedColumn>>,
    /// Fields that the file has and this reading leaves out.
    pub left_out: [bool; FIELDS_MAX],
    /// Fields that are left out because the caller has kept them ([`super::fast::Kept`]).
    pub kept: Option<[usize; 3]>,
    /// Number of the first row, 0-based.
    pub first_row: u64,
    /// Number of the row behind the last.
    pub last_row: u64,
}

/// A column that is read.
pub struct PlannedColumn {
    /// Where and how it lies.
    pub chunk: Chunk,
    /// What its values mean.
    pub meaning: Meaning,
}

/// What values mean.
pub enum Meaning {
    /// UTF-8.
    Text,
    /// A decimal number.
    Decimal {
        /// Digits.
        precision: u8,
        /// Digits behind the point.
        scale: i8,
    },
    /// Units since 1970 in UTC.
    Time {
        /// The unit.
        unit: TimeUnit,
        /// The zone that they are written in.
        zone: Zone,
        /// Its name.
        zone_name: Arc<str>,
    },
    /// Days since 1970.
    Days,
}

/// The plan of a row group; `None` leaves it to the crate's reader. `taken` is by field.
pub fn plan(file: &ParquetFile, group: usize, taken: &[bool]) -> Option<GroupPlan> {
    let metadata = file.metadata.metadata().row_groups().get(group)?;
    let schema = file.metadata.parquet_schema();
    let mut columns = Vec::with_capacity(taken.len());
    let mut left_out = [false; FIELDS_MAX];
    for (field, taken) in taken.iter().enumerate() {
        let root = file.binding.columns[field];
        if root == ABSENT || !taken {
            left_out[field] = root != ABSENT;
            columns.push(None);
            continue;
        }
        let root = usize::from(root);
        let wanted = file.metadata.schema().field(root).data_type();
        // A column of the null type has nothing to read.
        if *wanted == DataType::Null {
            columns.push(None);
            continue;
        }
        let leaf = (0..schema.num_columns()).find(|leaf| schema.get_column_root_idx(*leaf) == root)?;
        let chunk = metadata.columns().get(leaf)?;
        let meaning = meaning(chunk, wanted, file.zones[field].as_ref())?;
        let values = u64::try_from(chunk.num_values()).ok()?;
        if values != file.first_rows[group + 1] - file.first_rows[group] {
            return None;
        }
        columns.push(Some(PlannedColumn {
            chunk: place(chunk, file.input.len())?,
            meaning,
        }));
    }
    // Without a column there is nothing that could say how many rows there are.
    columns.iter().any(Option::is_some).then_some(GroupPlan {
        role: file.binding.role,
        columns,
        left_out,
        kept: kept_fields(file.binding.role).filter(|numbers| numbers.iter().all(|number| left_out[*number])),
        first_row: file.first_rows[group],
        last_row: file.first_rows[group + 1],
    })
}

/// Where a chunk lies and how, if the fast path knows how.
fn place(chunk: &ColumnChunkMetaData, file_bytes: u64) -> Option<Chunk> {
    let descriptor = chunk.column_descr();
    if descriptor.max_rep_level() != 0 || descriptor.max_def_level() > 1 || chunk.file_path().is_some() {
        return None;
    }
    // BIT_PACKED is named by some writers for levels that are not there; each page says again how it is written.
    #[allow(deprecated)]
    let known = chunk.encodings().all(|encoding| {
        matches!(
            encoding,
            Encoding::PLAIN
                | Encoding::PLAIN_DICTIONARY
                | Encoding::RLE_DICTIONARY
                | Encoding::RLE
                | Encoding::BIT_PACKED
                | Encoding::DELTA_BINARY_PACKED
                | Encoding::DELTA_LENGTH_BYTE_ARRAY
                | Encoding::DELTA_BYTE_ARRAY
        )
    });
    if !known {
        return None;
    }
    let start = chunk.dictionary_page_offset().unwrap_or(chunk.data_page_offset());
    let start = u64::try_from(start).ok()?;
    let end = start.checked_add(u64::try_from(chunk.compressed_size()).ok()?)?;
    if end > file_bytes {
        return None;
    }
    Some(Chunk {
        physical: physical(chunk)?,
        codec: Codec::of(chunk.compression())?,
        optional: descriptor.max_def_level() == 1,
        start,
        end,
    })
}

fn physical(chunk: &ColumnChunkMetaData) -> Option<Physical> {
    Some(match chunk.column_type() {
        Type::BYTE_ARRAY => Physical::Text,
        Type::INT32 => Physical::Int32,
        Type::INT64 => Physical::Int64,
        Type::FIXED_LEN_BYTE_ARRAY => match usize::try_from(chunk.column_descr().type_length()).ok()? {
            width @ 1..=16 => Physical::Fixed(width),
            _ => return None,
        },
        _ => return None,
    })
}

/// What the values of a chunk mean when they are wanted as `wanted`, where that needs no conversion.
fn meaning(chunk: &ColumnChunkMetaData, wanted: &DataType, zone: Option<&Zone>) -> Option<Meaning> {
    let descriptor = chunk.column_descr();
    let logical = descriptor.logical_type_ref();
    match (wanted, chunk.column_type()) {
        (DataType::Utf8, Type::BYTE_ARRAY) => Some(Meaning::Text),
        (DataType::Dictionary(_, value), Type::BYTE_ARRAY) if **value == DataType::Utf8 => {
            Some(Meaning::Text)
        }
        (DataType::Decimal128(precision, scale), Type::INT32 | Type::INT64 | Type::FIXED_LEN_BYTE_ARRAY) => {
            let same = descriptor.type_scale() == i32::from(*scale)
                && descriptor.type_precision() == i32::from(*precision);
            same.then_some(Meaning::Decimal {
                precision: *precision,
                scale: *scale,
            })
        }
        (DataType::Timestamp(unit, Some(zone_name)), Type::INT64) => {
            let written = match (logical, descriptor.converted_type()) {
                (Some(LogicalType::Timestamp(written)), _) => match written.unit {
                    ParquetTimeUnit::MILLIS => TimeUnit::Millisecond,
                    ParquetTimeUnit::MICROS => TimeUnit::Microsecond,
                    ParquetTimeUnit::NANOS => TimeUnit::Nanosecond,
                },
                (None, ConvertedType::TIMESTAMP_MILLIS) => TimeUnit::Millisecond,
                (None, ConvertedType::TIMESTAMP_MICROS) => TimeUnit::Microsecond,
                // Seconds have no type of their own: arrow's schema alone says so.
                (None, ConvertedType::NONE) => TimeUnit::Second,
                _ => return None,
            };
            (written == *unit).then(|| {
                zone.map(|zone| Meaning::Time {
                    unit: *unit,
                    zone: zone.clone(),
                    zone_name: Arc::clone(zone_name),
                })
            })?
        }
        (DataType::Date32, Type::INT32) => {
            let days = matches!(logical, Some(LogicalType::Date))
                || descriptor.converted_type() == ConvertedType::DATE;
            days.then_some(Meaning::Days)
        }
        _ => None,
    }
}
