//! Canonical Parquet (SPEC §4.2, R37): row groups in, typed rows and rejects out, by the same rules as CSV.
//!
//! Columns are bound by name. Amounts are decimals of up to 38 digits or canonical texts; times are timestamps with a
//! time zone or RFC 3339 texts; days are dates or texts; all else is text. Null is empty. A first reading takes only
//! the columns that rules look at; rows wanted in full are read again by number. Row groups can be read by any number
//! of threads. Repeated texts stay dictionary-encoded while they are read. Timestamps without a zone are refused: they
//! name no moment. Nested columns are read over, as unknown ones are.

mod bits;
mod columns;
mod delta;
mod fast;
mod input;
mod page_header;
mod pages;
mod plan;
mod stock;
mod survey;
mod unpack;
mod values;

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use arrow::datatypes::{DataType, Field as ArrowField, Schema};
use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ArrowReaderOptions, RowSelection};
use parquet::basic::Compression;
use parquet::errors::ParquetError;
use parquet::file::metadata::{ColumnChunkMetaData, ParquetMetaData, RowGroupMetaData};

use crate::book::settings::Role;
use crate::entries::rows::RowSink;
use crate::findings;
use crate::ingest::canonical::context::ReadContext;
use crate::ingest::canonical::layout::{self, ABSENT, HeaderBinding};
use crate::ingest::canonical::rules::{self, Table};
use crate::ingest::csv_blocks::BlockError;
use crate::ingest::formats::FileRefused;
pub use fast::{Kept, WantedRow};
use fast::{Scratch, Wanted, kept_fields};
use input::Input;
use values::{Zone, zone_of};

/// Fields that no rule looks at: left out of a first reading.
const UNJUDGED: [&str; 4] = ["memo", "remark", "counterparty_name", "counterparty_account"];

/// Fields that rules look at on rows that move a wallet only.
const WALLET_IDS: [&str; 2] = ["customer_id", "counterparty_id"];

/// Fields and values that make a row move a wallet.
const WALLET_ROWS: [(&str, &[&str]); 2] = [
    ("txn_type", &["TOPUP", "TRANSFER", "WITHDRAWAL"]),
    ("funding", &["BALANCE"]),
];

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
    /// False when the file's statistics say that no row moves a wallet.
    moves_wallets: bool,
    /// Field to column, and the columns that no field has.
    pub binding: HeaderBinding,
    zones: Vec<Option<Zone>>,
    /// First row number of each row group, and the number of all rows.
    first_rows: Vec<u64>,
    /// Buffers of threads that are done with their row group, for the next.
    scratch: Mutex<Vec<Scratch>>,
}

/// The fast path does not know or does not trust what it found: the crate's reader takes over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Unfit;

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

/// What is wrong with a file that is compressed with what this engine does not unpack, and what to do; `None` where nothing is. Such a
/// file is whole: to have it delivered again would bring the same.
pub fn codec_refusal(metadata: &ParquetMetaData) -> Option<(String, &'static str)> {
    let chunks = metadata.row_groups().iter().flat_map(RowGroupMetaData::columns);
    let unread = |chunk: &ColumnChunkMetaData| match chunk.compression() {
        Compression::BROTLI(_) => Some((chunk.column_path().string(), "BROTLI", REWRITE)),
        Compression::LZO => Some((chunk.column_path().string(), "LZO", WRITE_ANEW)),
        _ => None,
    };
    let (column, codec, help) = chunks.filter_map(unread).next()?;
    let message = format!(
        "column {column}: found a Parquet file compressed with {codec}, expected SNAPPY, GZIP, ZSTD, LZ4, LZ4_RAW or none"
    );
    Some((message, help))
}

const REWRITE: &str = "have it written with ZSTD, or rewrite it and leave only the new one in the inbox: duckdb -c \"COPY (FROM 'old.parquet') TO 'new.parquet' (FORMAT parquet, COMPRESSION zstd)\"";
const WRITE_ANEW: &str = "have it written with ZSTD or SNAPPY: few tools read LZO";

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
        if let Some((message, help)) = codec_refusal(found.metadata()) {
            return Err(BlockError::Refused(FileRefused {
                line: 0,
                column: 0,
                message,
                help: help.to_owned(),
            }));
        }
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
            let before: u64 = first_rows[first_rows.len() - 1];
            let rows = u64::try_from(group.num_rows())
                .ok()
                .and_then(|rows| before.checked_add(rows))
                .ok_or_else(|| {
                    BlockError::Refused(refused("a row group has an impossible number of rows"))
                })?;
            first_rows.push(rows);
        }
        let groups = metadata.metadata().row_groups();
        let moves_wallets = groups.iter().any(may_move_wallets);
        Ok(ParquetFile {
            input,
            moves_wallets,
            metadata,
            binding,
            zones,
            first_rows,
            scratch: Mutex::default(),
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
        self.read_wanted(group, &taken, Wanted::All, context, sink)?;
        Ok(self.first_rows[group + 1] - self.first_rows[group])
    }

    /// Reads rows again (ascending: `Place::offset`) with all their fields. What the caller has kept of every one of them
    /// is not unpacked again.
    ///
    /// # Errors
    /// The content does not decode, or has no such row.
    pub fn read_rows<S: RowSink>(
        &self,
        rows: &[WantedRow<'_>],
        context: &ReadContext,
        sink: &mut S,
    ) -> Result<(), FileRefused> {
        assert!(
            rows.is_sorted_by(|a, b| a.number < b.number),
            "row numbers come in order, each once"
        );
        let mut taken = self.columns_to_read(Columns::All, 0);
        if rows.iter().all(|row| row.kept.is_some()) {
            for number in kept_fields(self.binding.role).iter().flatten() {
                taken[*number] = false;
            }
        }
        for (group, these) in self.by_row_group(rows)? {
            self.read_wanted(group, &taken, Wanted::Rows(these), context, sink)?;
        }
        Ok(())
    }

    /// Rows, ascending, by the row group that they stand in.
    ///
    /// # Errors
    /// There is no such row.
    pub fn by_row_group<'a, 'k>(
        &self,
        rows: &'a [WantedRow<'k>],
    ) -> Result<Vec<(usize, &'a [WantedRow<'k>])>, FileRefused> {
        if rows.last().is_some_and(|last| last.number >= self.rows()) {
            return Err(refused("it has fewer rows than before"));
        }
        let group_of =
            |row: &WantedRow<'_>| self.first_rows.partition_point(|first| *first <= row.number) - 1;
        let groups = rows.chunk_by(|a, b| group_of(a) == group_of(b));
        Ok(groups.map(|these| (group_of(&these[0]), these)).collect())
    }

    /// Reads rows of a row group by the rules of the file's table.
    fn read_wanted<S: RowSink>(
        &self,
        group: usize,
        taken: &[bool],
        wanted: Wanted<'_>,
        context: &ReadContext,
        sink: &mut S,
    ) -> Result<(), FileRefused> {
        match self.binding.role {
            Role::Platform => self.read_table::<rules::Platform, S>(group, taken, wanted, context, sink),
            Role::Bank => self.read_table::<rules::Bank, S>(group, taken, wanted, context, sink),
            Role::Channel => self.read_table::<rules::Channel, S>(group, taken, wanted, context, sink),
            Role::Balances => self.read_table::<rules::Balances, S>(group, taken, wanted, context, sink),
            Role::Adjustments => {
                self.read_table::<rules::Adjustments, S>(group, taken, wanted, context, sink)
            }
        }
    }

    /// By the fast path as far as that goes, then by the crate's reader.
    fn read_table<T: Table, S: RowSink>(
        &self,
        group: usize,
        taken: &[bool],
        wanted: Wanted<'_>,
        context: &ReadContext,
        sink: &mut S,
    ) -> Result<(), FileRefused> {
        let (first, last) = (self.first_rows[group], self.first_rows[group + 1]);
        let mut from = first;
        if let Some(plan) = plan::plan(self, group, taken) {
            let known = self.lock_scratch().pop();
            let mut scratch = known.unwrap_or_default();
            match fast::read::<T, S>(&self.input, &plan, wanted, &mut scratch, context, sink) {
                Ok(()) => {
                    self.lock_scratch().push(scratch);
                    return Ok(());
                }
                Err(stopped) => from = stopped.at,
            }
            // Is it damaged, or only unusual? The crate says it in its own words, which do not depend on how far the
            // fast path came.
            stock::check(self, taken, group, last - first)?;
            if from == last {
                return Ok(());
            }
        }
        // Statistics that spoke of no wallets are believed as long as no row gives them the lie. Rows that are wanted again
        // are read whole.
        let again = matches!(wanted, Wanted::Rows(_));
        let fields = layout::fields(self.binding.role).iter().zip(taken).enumerate();
        let taken: Vec<bool> = fields
            .map(|(number, (field, taken))| {
                let there = self.binding.columns[number] != ABSENT;
                *taken || (there && (again || WALLET_IDS.contains(&field.name)))
            })
            .collect();
        self.read_table_slowly::<T, S>(group, &taken, (wanted, from), context, sink)
    }

    /// By the crate's reader, from a row on.
    fn read_table_slowly<T: Table, S: RowSink>(
        &self,
        group: usize,
        taken: &[bool],
        (wanted, from): (Wanted<'_>, u64),
        context: &ReadContext,
        sink: &mut S,
    ) -> Result<(), FileRefused> {
        let (first, last) = (self.first_rows[group], self.first_rows[group + 1]);
        let rows = (last - first) as usize;
        let at = |number: u64| (number - first) as usize;
        match wanted.within(from, last) {
            Wanted::All => {
                let rest = std::iter::once(at(from)..rows);
                let selection = (from > first).then(|| RowSelection::from_consecutive_ranges(rest, rows));
                let reader = stock::reader(self, taken, group, selection)?;
                stock::hand_on::<T, S>(
                    self,
                    reader,
                    taken,
                    (&mut (from..last), last - from),
                    context,
                    sink,
                )
            }
            Wanted::Rows([]) => Ok(()),
            Wanted::Rows(wanted) => {
                let ranges = wanted.iter().map(|row| at(row.number)..at(row.number) + 1);
                let selection = RowSelection::from_consecutive_ranges(ranges, rows);
                let reader = stock::reader(self, taken, group, Some(selection))?;
                let count = wanted.len() as u64;
                let numbers = &mut wanted.iter().map(|row| row.number);
                stock::hand_on::<T, S>(self, reader, taken, (numbers, count), context, sink)
            }
        }
    }

    fn lock_scratch(&self) -> std::sync::MutexGuard<'_, Vec<Scratch>> {
        self.scratch.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// True per field that is read.
    fn columns_to_read(&self, columns: Columns, group: usize) -> Vec<bool> {
        // Of the whole file, so that nothing depends on how it was cut into row groups (R32).
        let wallets = columns == Columns::All || self.moves_wallets;
        layout::fields(self.binding.role)
            .iter()
            .enumerate()
            .map(|(number, field)| {
                let there = self.binding.columns[number] != ABSENT;
                let time_without_null = field.name == "booking_time"
                    && self.zones[number].is_some()
                    && self.has_no_null(field.name, group);
                let judged = !UNJUDGED.contains(&field.name)
                    && !time_without_null
                    && (wallets || !WALLET_IDS.contains(&field.name));
                there && (columns == Columns::All || judged)
            })
            .collect()
    }

    /// True when the file says that a column of a row group has no null.
    fn has_no_null(&self, name: &str, group: usize) -> bool {
        chunk(self.metadata.metadata().row_group(group), name).is_some_and(|chunk| {
            chunk.column_descr().max_def_level() == 0
                || chunk
                    .statistics()
                    .and_then(|statistics| statistics.null_count_opt())
                    == Some(0)
        })
    }
}

/// The chunk of a column of a row group.
fn chunk<'a>(group: &'a RowGroupMetaData, name: &str) -> Option<&'a ColumnChunkMetaData> {
    let mut chunks = group.columns().iter();
    chunks.find(|chunk| chunk.column_path().string() == name)
}

/// False when the statistics of a row group say that no row of it moves a wallet.
fn may_move_wallets(group: &RowGroupMetaData) -> bool {
    WALLET_ROWS.iter().any(|(name, values)| {
        // A column that is not there has no such value.
        let Some(chunk) = chunk(group, name) else {
            return false;
        };
        let known = chunk.statistics().filter(|known| !known.is_min_max_deprecated());
        let bounds = known.and_then(|known| known.min_bytes_opt().zip(known.max_bytes_opt()));
        bounds.is_none_or(|(min, max)| {
            let mut values = values.iter().map(|value| value.as_bytes());
            values.any(|value| min <= value && value <= max)
        })
    })
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
        "txn_time" | "booking_time" | "approved_at" => match inner {
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

/// True when every row group keeps a column's texts in a dictionary.
fn has_dictionaries(metadata: &ArrowReaderMetadata, name: &str) -> bool {
    metadata.metadata().row_groups().iter().all(|group| {
        group
            .columns()
            .iter()
            .any(|chunk| chunk.column_path().string() == name && chunk.dictionary_page_offset().is_some())
    })
}

#[cfg(test)]
mod tests;
