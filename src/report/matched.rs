//! `matched/part-NNNNN.parquet` (R31): the agreed rows, a line a leg, sorted by (leg, txn_id, entry_id).
//!
//! A part is written row group by row group; the groups of a part are encoded in parallel and appended in order,
//! so the bytes are the same for any number of threads. The encodings were chosen by measurement: ids and
//! references as deltas of the row before, small vocabularies as dictionaries, amounts as packed deltas.

use std::io::Write;
use std::sync::Arc;

use arrow::array::{ArrayRef, Int64Array, StringArray};
use arrow::buffer::{Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnChunk, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::{ColumnDescPtr, ColumnPath};
use rayon::prelude::*;

use crate::entries::bytes::Window;
use crate::findings::Stop;
use crate::report::coded::CodedChunk;
use crate::terms::kinds::TXN_TYPES;

/// Rows of one row group.
pub const ROW_GROUP_ROWS: usize = 262_144;

/// Columns of the table, in order.
pub const COLUMNS: [&str; 11] = [
    "leg",
    "pass",
    "txn_id",
    "entry_id",
    "bank_ref",
    "merchant_id",
    "txn_type",
    "account",
    "currency",
    "amount_minor",
    "fee_minor",
];

/// The columns of one row group as the writer takes them. Empty texts are written as null (R31).
#[derive(Debug, Default)]
pub struct Lines {
    /// Leg and pass of runs of lines: name, pass, number of lines.
    pub runs: Vec<(String, String, usize)>,
    /// txn_id.
    pub txn_id: Texts,
    /// entry_id.
    pub entry_id: Texts,
    /// The shared reference.
    pub bank_ref: Texts,
    /// Index into the merchants' names; `u32::MAX` is none.
    pub merchant: Vec<u32>,
    /// Index into [`crate::terms::kinds::TXN_TYPES`]; `u32::MAX` is none.
    pub txn_type: Vec<u32>,
    /// Index into the accounts' ids; `u32::MAX` is none.
    pub account: Vec<u32>,
    /// Currency index; see [`crate::terms::currency::Currency::index`].
    pub currency: Vec<u32>,
    /// Minor units.
    pub amount_minor: Vec<i64>,
    /// Minor units; `None` where another leg's line carries the fee (R41).
    pub fee_minor: Vec<Option<i64>>,
}

impl Lines {
    /// Number of lines.
    pub fn len(&self) -> usize {
        self.amount_minor.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.amount_minor.is_empty()
    }
}

/// A text column under construction.
#[derive(Debug)]
pub struct Texts {
    offsets: Vec<i32>,
    data: Vec<u8>,
    empties: bool,
}

impl Default for Texts {
    fn default() -> Texts {
        Texts {
            offsets: vec![0],
            data: Vec::new(),
            empties: false,
        }
    }
}

impl Texts {
    /// Adds a text.
    #[inline]
    pub fn push(&mut self, text: &[u8]) {
        self.data.extend_from_slice(text);
        self.empties |= text.is_empty();
        self.offsets.push(self.data.len() as i32);
    }

    /// Adds a text that lies within a longer one. Short texts are copied as 32 bytes at once, which is cheaper than
    /// copying exactly as many.
    #[inline]
    pub fn push_window(&mut self, window: Window<'_>) {
        self.empties |= window.len == 0;
        let end = self.data.len() + window.len;
        match window.bytes.get(window.start..window.start + 32) {
            Some(wide) if window.len <= 32 => {
                self.data.extend_from_slice(wide);
                self.data.truncate(end);
            }
            _ => self
                .data
                .extend_from_slice(&window.bytes[window.start..window.start + window.len]),
        }
        self.offsets.push(end as i32);
    }

    fn array(self) -> Result<ArrayRef, Stop> {
        let nulls = self
            .empties
            .then(|| NullBuffer::from_iter(self.offsets.windows(2).map(|pair| pair[0] != pair[1])));
        let offsets = OffsetBuffer::new(ScalarBuffer::from(self.offsets));
        StringArray::try_new(offsets, Buffer::from_vec(self.data), nulls)
            .map(|array| Arc::new(array) as ArrayRef)
            .map_err(|error| Stop::invariant(format!("matched: a text is not UTF-8 after all: {error}")))
    }
}

/// Names that the coded columns point into.
pub struct Names {
    merchants: Vec<String>,
    accounts: Vec<String>,
    currencies: Vec<&'static str>,
}

impl Names {
    /// From the merchants' ids by code and the accounts' ids by index.
    pub fn new<'a>(
        merchants: impl Iterator<Item = &'a str>,
        accounts: impl Iterator<Item = &'a str>,
    ) -> Names {
        let currencies = (0u8..=255)
            .map_while(crate::terms::currency::Currency::from_index)
            .map(|c| c.code());
        Names {
            merchants: merchants.map(str::to_owned).collect(),
            accounts: accounts.map(str::to_owned).collect(),
            currencies: currencies.collect(),
        }
    }
}

fn schema() -> SchemaRef {
    let text = |name: &str| Field::new(name, DataType::Utf8, true);
    Arc::new(Schema::new(vec![
        text("leg"),
        text("pass"),
        text("txn_id"),
        text("entry_id"),
        text("bank_ref"),
        text("merchant_id"),
        text("txn_type"),
        text("account"),
        text("currency"),
        Field::new("amount_minor", DataType::Int64, false),
        Field::new("fee_minor", DataType::Int64, true),
    ]))
}

fn properties() -> Result<WriterPropertiesPtr, Stop> {
    let level = ZstdLevel::try_new(1).map_err(|e| Stop::invariant(format!("zstd level 1: {e}")))?;
    let mut builder = WriterProperties::builder()
        .set_created_by("tieout".to_owned())
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    for name in ["txn_id", "entry_id", "bank_ref"] {
        let column = ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BYTE_ARRAY);
    }
    for name in ["entry_id", "bank_ref"] {
        builder = builder.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::None);
    }
    for name in ["amount_minor", "fee_minor"] {
        let column = ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(column.clone(), false)
            .set_column_encoding(column, Encoding::DELTA_BINARY_PACKED);
    }
    Ok(Arc::new(builder.build()))
}

/// Writes one part: `groups` row groups, the lines of each made by `lines` when its turn comes.
///
/// # Errors
/// What `lines` or the file reports.
pub fn write_part<W: Write + Send>(
    file: W,
    groups: usize,
    names: &Names,
    lines: &(dyn Fn(usize) -> Result<Lines, Stop> + Sync),
) -> Result<W, Stop> {
    let broken = |e: parquet::errors::ParquetError| {
        Stop::io(
            std::path::Path::new("matched"),
            "write",
            &std::io::Error::other(e),
        )
    };
    let schema = schema();
    let properties = properties()?;
    let converted = ArrowSchemaConverter::new().convert(&schema).map_err(broken)?;
    let mut writer = SerializedFileWriter::new(file, converted.root_schema_ptr(), Arc::clone(&properties))
        .map_err(broken)?;
    let factory = ArrowRowGroupWriterFactory::new(&writer, Arc::clone(&schema));
    // As many groups at a time as there are threads: memory stays bounded, the order of appending is fixed.
    let at_once = rayon::current_num_threads().max(1);
    let mut first = 0;
    while first < groups {
        let last = (first + at_once).min(groups);
        let columns: Vec<_> = (0..COLUMNS.len())
            .map(|column| writer.schema_descr().column(column))
            .collect();
        let encoded: Vec<Result<Vec<Chunk>, Stop>> = (first..last)
            .into_par_iter()
            .map(|group| encode(&factory, &schema, &columns, group, lines(group)?, names))
            .collect();
        for group in encoded {
            let mut row_group = writer.next_row_group().map_err(broken)?;
            for chunk in group? {
                match chunk {
                    Chunk::Plain(chunk) => chunk.append_to_row_group(&mut row_group),
                    Chunk::Coded(chunk) => chunk.append_to_row_group(&mut row_group),
                }
                .map_err(broken)?;
            }
            row_group.close().map_err(broken)?;
        }
        first = last;
    }
    writer.into_inner().map_err(broken)
}

/// A column of a row group, by either writer.
enum Chunk {
    Plain(ArrowColumnChunk),
    Coded(CodedChunk),
}

/// The values of a column.
enum Column<'a> {
    Plain(ArrayRef),
    Coded {
        codes: Vec<u32>,
        names: Box<dyn Fn(u32) -> &'a str + Send + Sync + 'a>,
        names_max: usize,
    },
}

fn encode(
    factory: &ArrowRowGroupWriterFactory,
    schema: &SchemaRef,
    descriptors: &[ColumnDescPtr],
    group: usize,
    lines: Lines,
    names: &Names,
) -> Result<Vec<Chunk>, Stop> {
    let broken = |e: parquet::errors::ParquetError| Stop::invariant(format!("matched: encoding failed: {e}"));
    let runs = lines.runs.clone();
    let columns = columns(lines, &runs, names)?;
    let writers = factory.create_column_writers(group).map_err(broken)?;
    let jobs: Vec<_> = writers
        .into_iter()
        .zip(columns)
        .zip(schema.fields())
        .zip(descriptors)
        .collect();
    jobs.into_par_iter()
        .map(|(((mut writer, column), field), descriptor)| match column {
            Column::Coded {
                codes,
                names,
                names_max,
            } => CodedChunk::encode(descriptor.clone(), &codes, &*names, names_max)
                .map(Chunk::Coded)
                .map_err(broken),
            Column::Plain(array) => {
                for leaf in compute_leaves(field, &array).map_err(broken)? {
                    writer.write(&leaf).map_err(broken)?;
                }
                writer.close().map(Chunk::Plain).map_err(broken)
            }
        })
        .collect()
}

fn columns<'a>(
    lines: Lines,
    runs: &'a [(String, String, usize)],
    names: &'a Names,
) -> Result<Vec<Column<'a>>, Stop> {
    let rows = lines.len();
    let total: usize = runs.iter().map(|run| run.2).sum();
    assert_eq!(total, rows, "runs of legs cover all lines");
    let by_run = || {
        (0u32..)
            .zip(runs)
            .flat_map(|(code, run)| std::iter::repeat_n(code, run.2))
            .collect()
    };
    let coded = |codes: Vec<u32>, list: &'a [String]| Column::Coded {
        codes,
        names: Box::new(|code| &list[code as usize]),
        names_max: list.len(),
    };
    let fee: ArrayRef = if lines.fee_minor.iter().all(Option::is_some) {
        Arc::new(Int64Array::from_iter_values(
            lines.fee_minor.iter().map(|fee| fee.unwrap_or(0)),
        ))
    } else {
        Arc::new(Int64Array::from(lines.fee_minor))
    };
    Ok(vec![
        Column::Coded {
            codes: by_run(),
            names: Box::new(|code| &runs[code as usize].0),
            names_max: runs.len(),
        },
        Column::Coded {
            codes: by_run(),
            names: Box::new(|code| &runs[code as usize].1),
            names_max: runs.len(),
        },
        Column::Plain(lines.txn_id.array()?),
        Column::Plain(lines.entry_id.array()?),
        Column::Plain(lines.bank_ref.array()?),
        coded(lines.merchant, &names.merchants),
        Column::Coded {
            codes: lines.txn_type,
            names: Box::new(|code| TXN_TYPES[code as usize]),
            names_max: TXN_TYPES.len(),
        },
        coded(lines.account, &names.accounts),
        Column::Coded {
            codes: lines.currency,
            names: Box::new(|code| names.currencies[code as usize]),
            names_max: names.currencies.len(),
        },
        Column::Plain(Arc::new(Int64Array::from(lines.amount_minor))),
        Column::Plain(fee),
    ])
}
