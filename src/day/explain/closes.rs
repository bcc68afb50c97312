//! The closes that count, their tables by column name, and their sealed settings.

use std::cell::OnceCell;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{Array, Int64Array, StringArray};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::record_batch::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::{ArrowReaderMetadata, ParquetRecordBatchReaderBuilder};
use rayon::prelude::*;

use crate::book::Book;
use crate::book::layout::Layout;
use crate::day::history::{Closed, History};
use crate::findings::{Finding, Stop, StopCode};
use crate::report::show;
use crate::terms::currency::Currency;
use crate::terms::date::Date;

/// The closes that count, oldest first.
pub(super) struct Days {
    pub layout: Layout,
    pub list: Vec<Day>,
}

/// One close.
pub(super) struct Day {
    pub closed: Closed,
    book: OnceCell<Arc<Book>>,
}

impl Days {
    pub fn open(layout: &Layout, history: &History) -> Result<Days, Stop> {
        let list = history
            .in_force()
            .into_iter()
            .map(|closed| Day {
                closed: closed.clone(),
                book: OnceCell::new(),
            })
            .collect();
        Ok(Days {
            layout: Layout::new(&layout.root),
            list,
        })
    }

    pub fn of(&self, date: Date) -> Option<&Day> {
        self.list.iter().find(|day| day.date() == date)
    }

    /// The given day, or all, the latest first: where a thing is looked up.
    pub fn looked_into(&self, date: Option<Date>) -> Vec<&Day> {
        self.list
            .iter()
            .rev()
            .filter(|day| date.is_none_or(|date| day.date() == date))
            .collect()
    }
}

/// A line of a table, its columns by name.
#[derive(Clone)]
pub(super) struct TableRow {
    header: Arc<csv::StringRecord>,
    record: csv::StringRecord,
    /// Physical line in the table.
    pub line: u64,
}

impl TableRow {
    /// A cell, empty where the table has no such column.
    pub fn get(&self, column: &str) -> &str {
        let at = self.header.iter().position(|name| name == column);
        at.and_then(|at| self.record.get(at)).unwrap_or_default()
    }

    /// A number, 0 where the cell is empty.
    pub fn minor(&self, column: &str) -> i128 {
        self.get(column).parse().unwrap_or(0)
    }

    pub fn date(&self, column: &str) -> Option<Date> {
        Date::parse(self.get(column).as_bytes())
    }

    /// An amount column with its currency: `12.34 CNY`.
    pub fn money(&self, column: &str) -> String {
        money(self.minor(column), self.get("currency"))
    }
}

/// `1,234.56 CNY`.
pub(super) fn money(minor: i128, currency: &str) -> String {
    match Currency::parse(currency.as_bytes()) {
        Some(currency) => format!("{} {currency}", show::amount(minor, currency)),
        None => format!("{minor} minor units {currency}"),
    }
}

impl Day {
    pub fn date(&self) -> Date {
        self.closed.date
    }

    /// Path of a table below the book, as it is told.
    pub fn told(&self, table: &str) -> String {
        format!("closes/{}/{table}", self.closed.name())
    }

    /// The settings, masters and calendars that this close sealed (R18).
    pub fn book(&self) -> Result<Arc<Book>, Stop> {
        if let Some(book) = self.book.get() {
            return Ok(Arc::clone(book));
        }
        let book = Arc::new(Book::open_sealed(&self.closed.folder.join("book"))?);
        Ok(Arc::clone(self.book.get_or_init(|| book)))
    }

    /// The lines of a CSV table that are wanted; none of a table that is not there.
    pub fn rows(&self, table: &str, wanted: impl Fn(&TableRow) -> bool) -> Result<Vec<TableRow>, Stop> {
        let path = self.closed.folder.join(table);
        let file = match File::open(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(Stop::io(&path, "read", &error)),
        };
        let mut reader = csv::Reader::from_reader(std::io::BufReader::new(file));
        let header = Arc::new(
            reader
                .headers()
                .map_err(|error| unreadable(&path, &error))?
                .clone(),
        );
        let mut rows = Vec::new();
        let mut row = TableRow {
            header,
            record: csv::StringRecord::new(),
            line: 0,
        };
        while reader
            .read_record(&mut row.record)
            .map_err(|error| unreadable(&path, &error))?
        {
            row.line = row.record.position().map_or(0, csv::Position::line);
            if wanted(&row) {
                rows.push(row.clone());
            }
        }
        Ok(rows)
    }

    /// The line of payouts.csv of a merchant and currency.
    pub fn payout_line(&self, merchant: &str, currency: &str) -> Result<Option<TableRow>, Stop> {
        let found = self.rows("payouts.csv", |row| {
            row.get("merchant_id") == merchant && row.get("currency") == currency
        })?;
        Ok(found.into_iter().next())
    }

    /// The agreed rows in which any of `columns` holds any of `ids`.
    pub fn matched(&self, columns: &[&str], ids: &[String]) -> Result<Vec<Matched>, Stop> {
        let folder = self.closed.folder.join("matched");
        let mut parts: Vec<PathBuf> = std::fs::read_dir(&folder)
            .and_then(|entries| entries.map(|entry| entry.map(|e| e.path())).collect())
            .map_err(|error| Stop::io(&folder, "read", &error))?;
        parts.sort();
        let mut tasks = Vec::new();
        for part in &parts {
            let file = File::open(part).map_err(|error| Stop::io(part, "read", &error))?;
            let metadata = ArrowReaderMetadata::load(&file, Default::default())
                .map_err(|error| unreadable(part, &error))?;
            tasks.extend(
                (0..metadata.metadata().num_row_groups()).map(|group| (part, metadata.clone(), group)),
            );
        }
        let found: Vec<Vec<Matched>> = tasks
            .into_par_iter()
            .map(|(part, metadata, group)| {
                matched_in(part, metadata, group, columns, ids).map_err(|error| unreadable(part, &error))
            })
            .collect::<Result<_, Stop>>()?;
        Ok(found.into_iter().flatten().collect())
    }
}

/// A line of `matched`.
#[derive(Clone, Debug, Default)]
pub(super) struct Matched {
    pub leg: String,
    pub pass: String,
    pub txn_id: String,
    pub entry_id: String,
    pub account: String,
    pub currency: String,
    pub fee_minor: Option<i64>,
}

type Failed = Box<dyn std::error::Error + Send + Sync>;

/// Looks into the searched columns first; the others are decoded only for a row group that has a hit.
fn matched_in(
    part: &Path,
    metadata: ArrowReaderMetadata,
    group: usize,
    columns: &[&str],
    ids: &[String],
) -> Result<Vec<Matched>, Failed> {
    let reader = |names: Option<&[&str]>| -> Result<_, Failed> {
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(File::open(part)?, metadata.clone());
        let mask = match names {
            Some(names) => ProjectionMask::columns(builder.parquet_schema(), names.iter().copied()),
            None => ProjectionMask::all(),
        };
        Ok(builder
            .with_projection(mask)
            .with_row_groups(vec![group])
            .with_batch_size(65_536)
            .build()?)
    };
    let mut hits = false;
    for batch in reader(Some(columns))? {
        hits |= !hit_rows(&batch?, columns, ids)?.is_empty();
        if hits {
            break;
        }
    }
    let mut found = Vec::new();
    if !hits {
        return Ok(found);
    }
    for batch in reader(None)? {
        let batch = batch?;
        let rows = hit_rows(&batch, columns, ids)?;
        if rows.is_empty() {
            continue;
        }
        let text = |name: &str| text_column(&batch, name);
        let (leg, pass, txn_id, entry_id) = (text("leg")?, text("pass")?, text("txn_id")?, text("entry_id")?);
        let (account, currency) = (text("account")?, text("currency")?);
        let fee = number_column(&batch, "fee_minor")?;
        for row in rows {
            let cell = |column: &StringArray| match column.is_null(row) {
                true => String::new(),
                false => column.value(row).to_owned(),
            };
            found.push(Matched {
                leg: cell(&leg),
                pass: cell(&pass),
                txn_id: cell(&txn_id),
                entry_id: cell(&entry_id),
                account: cell(&account),
                currency: cell(&currency),
                fee_minor: (!fee.is_null(row)).then(|| fee.value(row)),
            });
        }
    }
    Ok(found)
}

fn hit_rows(batch: &RecordBatch, columns: &[&str], ids: &[String]) -> Result<Vec<usize>, Failed> {
    let mut rows = Vec::new();
    for name in columns {
        let column = text_column(batch, name)?;
        for row in 0..column.len() {
            if !column.is_null(row) && ids.iter().any(|id| id == column.value(row)) {
                rows.push(row);
            }
        }
    }
    rows.sort_unstable();
    rows.dedup();
    Ok(rows)
}

fn text_column(batch: &RecordBatch, name: &str) -> Result<StringArray, Failed> {
    let column = batch.column_by_name(name).ok_or("a column is missing")?;
    let column = cast(column, &DataType::Utf8)?;
    Ok(column
        .as_any()
        .downcast_ref::<StringArray>()
        .ok_or("a column is no text")?
        .clone())
}

fn number_column(batch: &RecordBatch, name: &str) -> Result<Int64Array, Failed> {
    let column = batch.column_by_name(name).ok_or("a column is missing")?;
    Ok(column
        .as_any()
        .downcast_ref::<Int64Array>()
        .ok_or("a column is no integer")?
        .clone())
}

fn unreadable(path: &Path, error: &dyn std::fmt::Display) -> Stop {
    Stop::new(
        StopCode::BadData,
        Finding::about(
            path.display().to_string(),
            format!("cannot be read: {error}"),
            "run `tieout verify`",
        ),
    )
}
