//! Row files as they are written: canonical CSV or Parquet, a batch at a time.

use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Builder, Decimal128Builder, StringBuilder, TimestampMillisecondBuilder};
use arrow::datatypes::{DataType, Field, Schema, SchemaRef, TimeUnit};
use arrow::record_batch::RecordBatch;
use parquet::arrow::ArrowWriter;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::properties::WriterProperties;

use super::texts::{Reference, Remark, push_batch, push_reference, push_remark};
use super::{CURRENCIES, GenerateFormat};
use crate::findings::Stop;
use crate::terms::date::Date;
use crate::terms::kinds::TxnType;

const BATCH_ROWS: usize = 65_536;
const ZONE: &str = "+08:00";
const ZONE_MS: i64 = 8 * 3_600_000;

/// A platform row to write.
pub struct PlatformOut<'a> {
    /// First letter of its id.
    pub prefix: char,
    /// Day in its id and of its time.
    pub day: Date,
    /// Number in its id.
    pub index: u64,
    /// Milliseconds after midnight.
    pub ms: u32,
    /// Merchant.
    pub merchant: &'a str,
    /// Customer.
    pub customer: u32,
    /// Type.
    pub kind: TxnType,
    /// Index into `CHANNELS`.
    pub channel: usize,
    /// Index into `CURRENCIES`.
    pub currency: usize,
    /// Minor units.
    pub minor: i64,
    /// How its reference is written, and the number in it.
    pub reference: (Reference, u64),
    /// Number of its batch.
    pub batch: Option<u64>,
    /// SUCCESS, else FAILED.
    pub success: bool,
}

/// A bank entry to write.
#[derive(Clone, Copy, Debug)]
pub struct BankOut {
    /// First letter of its id.
    pub prefix: char,
    /// How its reference is written, and the number in it.
    pub reference: (Reference, u64),
    /// The bank's text.
    pub remark: Remark,
    /// Number of its batch.
    pub batch: Option<u64>,
    /// Day in its id, its reference and its batch.
    pub day: Date,
    /// Number in its id.
    pub index: u64,
    /// Booking day.
    pub booked: Date,
    /// Milliseconds after midnight.
    pub ms: u32,
    /// Value date.
    pub value: Date,
    /// Out of the account.
    pub debit: bool,
    /// Minor units.
    pub minor: i64,
    /// Index into `CURRENCIES`.
    pub currency: usize,
}

/// An id: a letter, the day and a number of ten digits.
pub fn id(prefix: char, day: Date, index: u64) -> String {
    let mut text = String::with_capacity(20);
    push_id(&mut text, prefix, day, index);
    text
}

fn push_digits(text: &mut String, value: u64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value);
    for _ in digits.len()..width {
        text.push('0');
    }
    text.push_str(digits);
}

pub(super) fn push_id(text: &mut String, prefix: char, day: Date, index: u64) {
    let (year, month, of_month) = day.ymd();
    text.push(prefix);
    let stamp = (year as u64 % 100) * 10_000 + u64::from(month) * 100 + u64::from(of_month);
    push_digits(text, stamp, 6);
    push_digits(text, index, 10);
}

fn push_date(text: &mut String, day: Date) {
    let (year, month, of_month) = day.ymd();
    push_digits(text, year as u64, 4);
    text.push('-');
    push_digits(text, u64::from(month), 2);
    text.push('-');
    push_digits(text, u64::from(of_month), 2);
}

fn push_time(text: &mut String, day: Date, ms: u32) {
    push_date(text, day);
    for (mark, value, width) in [
        ('T', ms / 3_600_000, 2),
        (':', ms / 60_000 % 60, 2),
        (':', ms / 1000 % 60, 2),
        ('.', ms % 1000, 3),
    ] {
        text.push(mark);
        push_digits(text, u64::from(value), width);
    }
    text.push_str(ZONE);
}

fn push_minor(text: &mut String, minor: i64) {
    let minor = minor.unsigned_abs();
    push_digits(text, minor / 100, 1);
    text.push('.');
    push_digits(text, minor % 100, 2);
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Cell {
    Text,
    Amount,
    Time,
    Day,
}

/// Channels of the rows.
pub const CHANNELS: [&str; 4] = ["UNIONPAY", "CARD", "QUICKPAY", "BANK"];

const PLATFORM: [(&str, Cell); 10] = [
    ("txn_id", Cell::Text),
    ("txn_time", Cell::Time),
    ("merchant_id", Cell::Text),
    ("customer_id", Cell::Text),
    ("txn_type", Cell::Text),
    ("channel", Cell::Text),
    ("currency", Cell::Text),
    ("amount", Cell::Amount),
    ("bank_ref", Cell::Text),
    ("status", Cell::Text),
];

const BANK: [(&str, Cell); 10] = [
    ("entry_id", Cell::Text),
    ("account", Cell::Text),
    ("booking_time", Cell::Time),
    ("value_date", Cell::Day),
    ("direction", Cell::Text),
    ("amount", Cell::Amount),
    ("currency", Cell::Text),
    ("bank_ref", Cell::Text),
    ("remark", Cell::Text),
    ("purpose", Cell::Text),
];

/// The last column of both tables, where batches are planted.
const BATCH: (&str, Cell) = ("batch_ref", Cell::Text);

/// A file under way.
pub struct Sink {
    path: PathBuf,
    form: Form,
    has_batches: bool,
    id: String,
    reference: String,
}

enum Form {
    Csv {
        file: BufWriter<File>,
        line: String,
        first: bool,
    },
    Parquet(Box<ParquetForm>),
}

struct ParquetForm {
    writer: ArrowWriter<File>,
    schema: SchemaRef,
    columns: Vec<Column>,
    /// Column of the next value.
    next: usize,
    rows: usize,
}

enum Column {
    Text(StringBuilder),
    Amount(Decimal128Builder),
    Time(TimestampMillisecondBuilder),
    Day(Date32Builder),
}

impl Sink {
    /// `platform.csv` or `platform.parquet` in a folder.
    ///
    /// # Errors
    /// What the system reports.
    pub fn platform_table(folder: &Path, format: GenerateFormat, has_batches: bool) -> Result<Sink, Stop> {
        Sink::create(folder, "platform", &PLATFORM, format, has_batches)
    }

    /// `bank.csv` or `bank.parquet` in a folder.
    ///
    /// # Errors
    /// What the system reports.
    pub fn bank_table(folder: &Path, format: GenerateFormat, has_batches: bool) -> Result<Sink, Stop> {
        Sink::create(folder, "bank", &BANK, format, has_batches)
    }

    fn create(
        folder: &Path,
        name: &str,
        columns: &[(&str, Cell)],
        format: GenerateFormat,
        has_batches: bool,
    ) -> Result<Sink, Stop> {
        let mut columns = columns.to_vec();
        columns.extend(has_batches.then_some(BATCH));
        let end = match format {
            GenerateFormat::Csv => "csv",
            GenerateFormat::Parquet => "parquet",
        };
        let path = folder.join(format!("{name}.{end}"));
        let file = File::create(&path).map_err(|error| Stop::io(&path, "create", &error))?;
        let form = match format {
            GenerateFormat::Csv => {
                let names: Vec<&str> = columns.iter().map(|(name, _)| *name).collect();
                Form::Csv {
                    file: BufWriter::with_capacity(1 << 20, file),
                    line: names.join(",") + "\n",
                    first: true,
                }
            }
            GenerateFormat::Parquet => Form::Parquet(Box::new(ParquetForm::new(&path, file, &columns)?)),
        };
        Ok(Sink {
            path,
            form,
            has_batches,
            id: String::new(),
            reference: String::new(),
        })
    }

    /// Writes a platform row.
    ///
    /// # Errors
    /// What the system reports.
    pub fn platform(&mut self, row: &PlatformOut<'_>) -> Result<(), Stop> {
        let mut id = std::mem::take(&mut self.id);
        id.clear();
        push_id(&mut id, row.prefix, row.day, row.index);
        self.text(&id);
        self.time(row.day, row.ms);
        self.text(row.merchant);
        id.clear();
        id.push('C');
        push_digits(&mut id, u64::from(row.customer), 8);
        self.text(&id);
        self.text(row.kind.name());
        self.text(CHANNELS[row.channel]);
        self.text(CURRENCIES[row.currency].0);
        self.amount(row.minor);
        id.clear();
        push_reference(&mut id, row.reference.0, row.day, row.reference.1);
        self.text(&id);
        self.text(if row.success { "SUCCESS" } else { "FAILED" });
        self.batch(&mut id, row.batch.map(|number| (row.day, number)));
        self.id = id;
        self.end_row()
    }

    /// Writes a bank entry.
    ///
    /// # Errors
    /// What the system reports.
    pub fn bank(&mut self, row: &BankOut) -> Result<(), Stop> {
        let mut id = std::mem::take(&mut self.id);
        let mut reference = std::mem::take(&mut self.reference);
        id.clear();
        push_id(&mut id, row.prefix, row.day, row.index);
        reference.clear();
        push_reference(&mut reference, row.reference.0, row.day, row.reference.1);
        let mut remark = String::new();
        push_remark(&mut remark, row.remark, row.day);
        self.entry(
            &id,
            (row.booked, row.ms),
            row.value,
            row.currency,
            row.debit,
            row.minor,
            &reference,
            &remark,
            "",
        );
        self.batch(&mut id, row.batch.map(|number| (row.day, number)));
        self.id = id;
        self.reference = reference;
        self.end_row()
    }

    /// Writes an entry that is none of the day's trade.
    ///
    /// # Errors
    /// What the system reports.
    #[allow(clippy::too_many_arguments)]
    pub fn special(
        &mut self,
        id: &str,
        day: Date,
        currency: usize,
        debit: bool,
        minor: i64,
        reference: &str,
        purpose: &str,
    ) -> Result<(), Stop> {
        self.entry(
            id,
            (day, 30_000),
            day,
            currency,
            debit,
            minor,
            reference,
            "",
            purpose,
        );
        self.batch(&mut String::new(), None);
        self.end_row()
    }

    #[allow(clippy::too_many_arguments)]
    fn entry(
        &mut self,
        id: &str,
        (booked, ms): (Date, u32),
        value: Date,
        currency: usize,
        debit: bool,
        minor: i64,
        reference: &str,
        remark: &str,
        purpose: &str,
    ) {
        let (code, account) = CURRENCIES[currency];
        self.text(id);
        self.text(account);
        self.time(booked, ms);
        self.day(value);
        self.text(if debit { "D" } else { "C" });
        self.amount(minor);
        self.text(code);
        self.text(reference);
        self.text(remark);
        self.text(purpose);
    }

    fn batch(&mut self, text: &mut String, batch: Option<(Date, u64)>) {
        if self.has_batches {
            text.clear();
            push_batch(text, batch);
            self.text(text);
        }
    }

    fn text(&mut self, text: &str) {
        match &mut self.form {
            Form::Csv { line, first, .. } => {
                separate(line, first);
                line.push_str(text);
            }
            Form::Parquet(form) => form.text(text),
        }
    }

    fn amount(&mut self, minor: i64) {
        match &mut self.form {
            Form::Csv { line, first, .. } => {
                separate(line, first);
                push_minor(line, minor);
            }
            Form::Parquet(form) => form.amount(minor),
        }
    }

    fn time(&mut self, day: Date, ms: u32) {
        match &mut self.form {
            Form::Csv { line, first, .. } => {
                separate(line, first);
                push_time(line, day, ms);
            }
            Form::Parquet(form) => form.time(i64::from(day.0) * 86_400_000 + i64::from(ms) - ZONE_MS),
        }
    }

    fn day(&mut self, day: Date) {
        match &mut self.form {
            Form::Csv { line, first, .. } => {
                separate(line, first);
                push_date(line, day);
            }
            Form::Parquet(form) => form.day(day),
        }
    }

    fn end_row(&mut self) -> Result<(), Stop> {
        match &mut self.form {
            Form::Csv { file, line, first } => {
                line.push('\n');
                *first = true;
                if line.len() >= 1 << 16 {
                    file.write_all(line.as_bytes())
                        .map_err(|error| Stop::io(&self.path, "write", &error))?;
                    line.clear();
                }
                Ok(())
            }
            Form::Parquet(form) => {
                assert_eq!(form.next, form.columns.len(), "a row has a value for each column");
                form.next = 0;
                form.rows += 1;
                if form.rows < BATCH_ROWS {
                    return Ok(());
                }
                form.flush(&self.path)
            }
        }
    }

    /// Ends the file.
    ///
    /// # Errors
    /// What the system reports.
    pub fn finish(self) -> Result<(), Stop> {
        let Sink { path, form, .. } = self;
        match form {
            Form::Csv { mut file, line, .. } => file
                .write_all(line.as_bytes())
                .and_then(|()| file.flush())
                .map_err(|error| Stop::io(&path, "write", &error)),
            Form::Parquet(mut form) => {
                form.flush(&path)?;
                let closed = form.writer.close();
                closed.map(drop).map_err(|error| failed(&path, error))
            }
        }
    }
}

fn separate(line: &mut String, first: &mut bool) {
    if !*first {
        line.push(',');
    }
    *first = false;
}

fn failed(path: &Path, error: impl std::error::Error + Send + Sync + 'static) -> Stop {
    Stop::io(path, "write", &std::io::Error::other(error))
}

impl ParquetForm {
    fn new(path: &Path, file: File, columns: &[(&str, Cell)]) -> Result<ParquetForm, Stop> {
        let kind = |cell: Cell| match cell {
            Cell::Text => DataType::Utf8,
            Cell::Amount => DataType::Decimal128(18, 2),
            Cell::Time => DataType::Timestamp(TimeUnit::Millisecond, Some(ZONE.into())),
            Cell::Day => DataType::Date32,
        };
        let fields: Vec<Field> = columns
            .iter()
            .map(|(name, cell)| Field::new(*name, kind(*cell), true))
            .collect();
        let schema = Arc::new(Schema::new(fields));
        let properties = WriterProperties::builder()
            .set_created_by("tieout generate".to_owned())
            .set_compression(Compression::ZSTD(ZstdLevel::default()))
            .set_max_row_group_row_count(Some(16 * BATCH_ROWS))
            .build();
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties));
        let columns = columns.iter().map(|(_, cell)| match cell {
            Cell::Text => Column::Text(StringBuilder::new()),
            Cell::Amount => {
                Column::Amount(Decimal128Builder::new().with_data_type(DataType::Decimal128(18, 2)))
            }
            Cell::Time => Column::Time(TimestampMillisecondBuilder::new().with_timezone(ZONE)),
            Cell::Day => Column::Day(Date32Builder::new()),
        });
        Ok(ParquetForm {
            writer: writer.map_err(|error| failed(path, error))?,
            schema,
            columns: columns.collect(),
            next: 0,
            rows: 0,
        })
    }

    fn column(&mut self) -> &mut Column {
        self.next += 1;
        &mut self.columns[self.next - 1]
    }

    fn text(&mut self, text: &str) {
        if let Column::Text(column) = self.column() {
            column.append_option((!text.is_empty()).then_some(text));
        }
    }

    fn amount(&mut self, minor: i64) {
        if let Column::Amount(column) = self.column() {
            column.append_value(i128::from(minor));
        }
    }

    fn time(&mut self, ms: i64) {
        if let Column::Time(column) = self.column() {
            column.append_value(ms);
        }
    }

    fn day(&mut self, day: Date) {
        if let Column::Day(column) = self.column() {
            column.append_value(day.0);
        }
    }

    fn flush(&mut self, path: &Path) -> Result<(), Stop> {
        if self.rows == 0 {
            return Ok(());
        }
        self.rows = 0;
        let arrays: Vec<ArrayRef> = self
            .columns
            .iter_mut()
            .map(|column| match column {
                Column::Text(column) => Arc::new(column.finish()) as ArrayRef,
                Column::Amount(column) => Arc::new(column.finish()),
                Column::Time(column) => Arc::new(column.finish()),
                Column::Day(column) => Arc::new(column.finish()),
            })
            .collect();
        let batch =
            RecordBatch::try_new(Arc::clone(&self.schema), arrays).map_err(|error| failed(path, error))?;
        self.writer.write(&batch).map_err(|error| failed(path, error))
    }
}
