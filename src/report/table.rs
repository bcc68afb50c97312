//! Stage 8: a published table as typed columns, and its bytes as CSV and as Parquet (R31).
//!
//! In: columns of equal length, sorted by the table's key. Out: bytes that depend on the values alone: no clock,
//! no host, no version of a library. An empty text is a null in both forms. The tables themselves are in
//! [`crate::report::tables`].

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{ArrayRef, Date32Array, Int32Array, Int64Array, RecordBatch, StringArray};
use arrow::buffer::{BooleanBuffer, Buffer, NullBuffer, OffsetBuffer, ScalarBuffer};
use arrow::datatypes::{DataType, Field, Schema};
use arrow::error::ArrowError;
use parquet::arrow::arrow_writer::{ArrowWriter, ArrowWriterOptions};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::properties::{WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use crate::findings::Stop;
use crate::terms::date::Date;

/// Rows of one row group. A constant: it shapes the bytes.
const ROW_GROUP_ROWS: usize = 1_048_576;

/// Rows that tell how a column of texts is encoded; fewer than [`PART_ROWS`].
const SAMPLED_ROWS: usize = 1024;

/// One table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table<'a> {
    /// Name without extension: `payouts`.
    pub name: &'static str,
    /// Columns in published order, all of the same length.
    pub columns: Vec<Column<'a>>,
}

/// One column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column<'a> {
    /// Header.
    pub name: &'static str,
    /// Values, one a row.
    pub values: Values<'a>,
}

/// Values of a column by what they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Values<'a> {
    /// UTF-8; empty is null.
    Text(Vec<Cow<'a, str>>),
    /// Minor units.
    Minor(Vec<Option<i64>>),
    /// A number of rows.
    Count(Vec<u64>),
    /// A 1-based line or column in a file; 0 is null.
    Place(Vec<u64>),
    /// A number of days.
    Days(Vec<i32>),
    /// A calendar day.
    Date(Vec<Option<Date>>),
    /// `Y` or `N`.
    Flag(Vec<bool>),
}

impl Values<'_> {
    fn len(&self) -> usize {
        match self {
            Values::Text(v) => v.len(),
            Values::Minor(v) => v.len(),
            Values::Count(v) | Values::Place(v) => v.len(),
            Values::Days(v) => v.len(),
            Values::Date(v) => v.len(),
            Values::Flag(v) => v.len(),
        }
    }

    /// The encoding of values that no dictionary makes smaller: numbers, and texts of which hardly one comes twice. It follows from
    /// the first rows, so that parts of a table and the whole agree.
    fn plain_encoding(&self) -> Option<Encoding> {
        match self {
            Values::Flag(_) => None,
            Values::Text(texts) => {
                let mut first: Vec<&str> = texts.iter().take(SAMPLED_ROWS).map(AsRef::as_ref).collect();
                let rows = first.len();
                first.sort_unstable();
                first.dedup();
                (first.len() > rows / 2).then_some(Encoding::DELTA_BYTE_ARRAY)
            }
            _ => Some(Encoding::DELTA_BINARY_PACKED),
        }
    }
}

impl<'a> Table<'a> {
    /// A table of columns of equal length.
    pub fn new(name: &'static str, columns: Vec<Column<'a>>) -> Table<'a> {
        let table = Table { name, columns };
        let rows = table.rows();
        assert!(
            table.columns.iter().all(|column| column.values.len() == rows),
            "every column of {name} has one value a row"
        );
        table
    }

    /// Number of rows.
    pub fn rows(&self) -> usize {
        self.columns.first().map_or(0, |column| column.values.len())
    }

    /// The table as CSV: header, comma, LF, quotes only where RFC 4180 needs them.
    #[cfg(test)]
    pub fn to_csv(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(64 + self.rows() * self.columns.len() * 8);
        self.csv_header_into(&mut out);
        self.csv_rows_into(&mut out);
        out
    }

    /// Adds the header of the CSV.
    pub fn csv_header_into(&self, out: &mut Vec<u8>) {
        for (index, column) in self.columns.iter().enumerate() {
            if index > 0 {
                out.push(b',');
            }
            push_text(out, column.name);
        }
        out.push(b'\n');
    }

    /// Adds the rows of the CSV.
    pub fn csv_rows_into(&self, out: &mut Vec<u8>) {
        for row in 0..self.rows() {
            for (index, column) in self.columns.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push_value(out, &column.values, row);
            }
            out.push(b'\n');
        }
    }

    /// The table as one Parquet file.
    ///
    /// # Errors
    /// 70 when a count does not fit 63 bits or the encoder fails: neither is the input's fault.
    #[cfg(test)]
    pub fn to_parquet(&self) -> Result<Vec<u8>, Stop> {
        let mut file = ParquetTable::begin(self, Vec::new())?;
        file.write(self)?;
        file.finish()
    }

    /// Sums of the amount and count columns by currency, as column → currency → sum, for the manifest.
    /// A table without a `currency` column has none: currencies never mix (SPEC §6.8).
    pub fn sums(&self) -> BTreeMap<String, BTreeMap<String, i128>> {
        let mut sums = BTreeMap::new();
        let currencies = self.columns.iter().find(|column| column.name == "currency");
        let Some(Values::Text(currencies)) = currencies.map(|column| &column.values) else {
            return sums;
        };
        let mut known: Vec<&str> = Vec::new();
        let mut last = 0;
        let places: Vec<usize> = currencies
            .iter()
            .map(|currency| {
                if known.get(last) != Some(&currency.as_ref()) {
                    last = known
                        .iter()
                        .position(|known| known == currency)
                        .unwrap_or(known.len());
                }
                if last == known.len() {
                    known.push(currency);
                }
                last
            })
            .collect();
        for column in &self.columns {
            let mut minor = vec![0i128; known.len()];
            match &column.values {
                Values::Minor(values) => {
                    for (place, value) in places.iter().zip(values) {
                        minor[*place] += i128::from(value.unwrap_or(0));
                    }
                }
                Values::Count(values) => {
                    for (place, value) in places.iter().zip(values) {
                        minor[*place] += i128::from(*value);
                    }
                }
                _ => continue,
            }
            let names = known.iter().map(|currency| (*currency).to_owned());
            sums.insert(column.name.to_owned(), names.zip(minor).collect());
        }
        sums
    }

    fn array(&self, column: &Column<'_>) -> Result<ArrayRef, Stop> {
        let whole = |value: u64| {
            i64::try_from(value)
                .map_err(|_| Stop::invariant(format!("{}: {} is {value}", self.name, column.name)))
        };
        Ok(match &column.values {
            Values::Text(values) => Arc::new(text_array(values).map_err(|error| {
                Stop::invariant(format!(
                    "{}: {} cannot be laid out: {error}",
                    self.name, column.name
                ))
            })?),
            Values::Minor(values) => Arc::new(Int64Array::from_iter(values.iter().copied())),
            Values::Count(values) => Arc::new(Int64Array::from(
                values.iter().map(|v| whole(*v)).collect::<Result<Vec<_>, _>>()?,
            )),
            Values::Place(values) => {
                let places = values
                    .iter()
                    .map(|v| Ok((*v > 0).then_some(whole(*v)?)))
                    .collect::<Result<Vec<_>, Stop>>()?;
                Arc::new(Int64Array::from(places))
            }
            Values::Days(values) => Arc::new(Int32Array::from(values.clone())),
            Values::Date(values) => Arc::new(Date32Array::from_iter(
                values.iter().map(|date| date.map(|date| date.0)),
            )),
            Values::Flag(values) => Arc::new(StringArray::from_iter_values(
                values.iter().map(|value| flag(*value)),
            )),
        })
    }

    /// Names and types of the Parquet columns, for the page that documents them.
    pub fn schema(&self) -> Vec<(&'static str, DataType)> {
        let data_type = |values: &Values<'_>| match values {
            Values::Text(_) | Values::Flag(_) => DataType::Utf8,
            Values::Minor(_) | Values::Count(_) | Values::Place(_) => DataType::Int64,
            Values::Days(_) => DataType::Int32,
            Values::Date(_) => DataType::Date32,
        };
        self.columns
            .iter()
            .map(|column| (column.name, data_type(&column.values)))
            .collect()
    }
}

/// A table as one Parquet file, zstd 1, every column nullable: whole, or some rows after others with the same bytes.
pub struct ParquetTable<W: Write + Send> {
    name: &'static str,
    schema: Arc<Schema>,
    writer: ArrowWriter<W>,
}

/// Rows that the encoder is given at a time, and of a part of a table that is written in parts. A constant: it shapes the
/// bytes.
pub const PART_ROWS: usize = 32 * 1024;

impl<W: Write + Send> ParquetTable<W> {
    /// Begins the file of a table whose columns are those of `table`.
    ///
    /// # Errors
    /// 70 when the encoder fails.
    pub fn begin(table: &Table<'_>, file: W) -> Result<ParquetTable<W>, Stop> {
        let name = table.name;
        let fields = table.schema().into_iter();
        let fields: Vec<Field> = fields.map(|(name, kind)| Field::new(name, kind, true)).collect();
        let schema = Arc::new(Schema::new(fields));
        let level = ZstdLevel::try_new(1).map_err(|error| failed(name, error))?;
        let mut properties = WriterProperties::builder()
            .set_created_by("tieout".to_owned())
            .set_writer_version(WriterVersion::PARQUET_1_0)
            .set_compression(Compression::ZSTD(level))
            .set_max_row_group_row_count(Some(ROW_GROUP_ROWS));
        for column in &table.columns {
            if let Some(encoding) = column.values.plain_encoding() {
                let path = ColumnPath::from(column.name);
                properties = properties
                    .set_column_dictionary_enabled(path.clone(), false)
                    .set_column_encoding(path, encoding);
            }
        }
        let options = ArrowWriterOptions::new()
            .with_properties(properties.build())
            .with_skip_arrow_metadata(true);
        let writer = ArrowWriter::try_new_with_options(file, Arc::clone(&schema), options);
        Ok(ParquetTable {
            name,
            schema,
            writer: writer.map_err(|error| failed(name, error))?,
        })
    }

    /// Adds rows: all, or [`PART_ROWS`] until the last.
    ///
    /// # Errors
    /// 70 when a count does not fit 63 bits or the encoder fails; what the file reports.
    pub fn write(&mut self, table: &Table<'_>) -> Result<(), Stop> {
        let arrays = table.columns.iter().map(|column| table.array(column));
        let arrays = arrays.collect::<Result<Vec<_>, Stop>>()?;
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), arrays)
            .map_err(|error| failed(self.name, error.into()))?;
        // A whole table too goes to the encoder in parts: where it cuts pages follows from what it is given at a time.
        for start in (0..batch.num_rows()).step_by(PART_ROWS) {
            let part = batch.slice(start, PART_ROWS.min(batch.num_rows() - start));
            self.writer
                .write(&part)
                .map_err(|error| failed(self.name, error))?;
        }
        Ok(())
    }

    /// Ends the file and gives it back.
    ///
    /// # Errors
    /// 70 when the encoder fails; what the file reports.
    pub fn finish(self) -> Result<W, Stop> {
        self.writer.into_inner().map_err(|error| failed(self.name, error))
    }
}

fn failed(name: &str, error: ParquetError) -> Stop {
    match error {
        ParquetError::External(error) => {
            let path = format!("{name}.parquet");
            Stop::io(Path::new(&path), "write", &std::io::Error::other(error))
        }
        error => Stop::invariant(format!("{name}.parquet cannot be encoded: {error}")),
    }
}

/// Texts one behind the other; empty is null.
fn text_array(values: &[Cow<'_, str>]) -> Result<StringArray, ArrowError> {
    let mut bytes = Vec::with_capacity(values.iter().map(|text| text.len()).sum());
    let mut ends = Vec::with_capacity(values.len() + 1);
    ends.push(0);
    let mut nulls = 0;
    for text in values {
        bytes.extend_from_slice(text.as_bytes());
        let end = i32::try_from(bytes.len());
        ends.push(end.map_err(|_| ArrowError::OffsetOverflowError(bytes.len()))?);
        nulls += usize::from(text.is_empty());
    }
    let there = (nulls > 0).then(|| {
        let there = BooleanBuffer::collect_bool(values.len(), |at| !values[at].is_empty());
        NullBuffer::new(there)
    });
    let ends = OffsetBuffer::new(ScalarBuffer::from(ends));
    StringArray::try_new(ends, Buffer::from_vec(bytes), there)
}

fn flag(value: bool) -> &'static str {
    if value { "Y" } else { "N" }
}

fn push_value(out: &mut Vec<u8>, values: &Values<'_>, row: usize) {
    let mut number = itoa::Buffer::new();
    match values {
        Values::Text(values) => push_text(out, &values[row]),
        Values::Minor(values) => {
            if let Some(minor) = values[row] {
                out.extend_from_slice(number.format(minor).as_bytes());
            }
        }
        Values::Count(values) => out.extend_from_slice(number.format(values[row]).as_bytes()),
        Values::Place(values) => {
            if values[row] > 0 {
                out.extend_from_slice(number.format(values[row]).as_bytes());
            }
        }
        Values::Days(values) => out.extend_from_slice(number.format(values[row]).as_bytes()),
        Values::Date(values) => {
            if let Some(date) = values[row] {
                date.push(out);
            }
        }
        Values::Flag(values) => out.extend_from_slice(flag(values[row]).as_bytes()),
    }
}

/// True for a text that holds a comma, a quote or a line break.
fn needs_quotes(text: &[u8]) -> bool {
    // All four come before `-`, and next to nothing that a table holds does: eight bytes are looked at in one go.
    const ONES: u64 = u64::MAX / 0xff;
    let comes_before = |bytes: &[u8; 8]| {
        let bytes = u64::from_le_bytes(*bytes);
        bytes.wrapping_sub(ONES * u64::from(b'-')) & !bytes & (ONES * 0x80) != 0
    };
    let (words, rest) = text.as_chunks();
    let may = words.iter().any(comes_before) || rest.iter().any(|byte| *byte < b'-');
    may && text
        .iter()
        .any(|byte| matches!(byte, b',' | b'"' | b'\n' | b'\r'))
}

/// A text as a CSV field: quoted when it holds a comma, a quote or a line break, otherwise as it is (R31).
pub fn push_text(out: &mut Vec<u8>, text: &str) {
    if !needs_quotes(text.as_bytes()) {
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(b'"');
    for byte in text.bytes() {
        if byte == b'"' {
            out.push(b'"');
        }
        out.push(byte);
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn texts(values: &[&str]) -> Values<'static> {
        Values::Text(values.iter().map(|v| Cow::Owned((*v).to_owned())).collect())
    }

    fn sample() -> Table<'static> {
        Table::new(
            "sample",
            vec![
                Column {
                    name: "id",
                    values: texts(&["a", "", "c,\"d\"\n"]),
                },
                Column {
                    name: "currency",
                    values: texts(&["CNY", "CNY", "JPY"]),
                },
                Column {
                    name: "amount_minor",
                    values: Values::Minor(vec![Some(-5), None, Some(7)]),
                },
                Column {
                    name: "rows",
                    values: Values::Count(vec![1, 2, 3]),
                },
                Column {
                    name: "line",
                    values: Values::Place(vec![0, 9, 10]),
                },
                Column {
                    name: "age_days",
                    values: Values::Days(vec![0, 1, 2]),
                },
                Column {
                    name: "day",
                    values: Values::Date(vec![Some(Date(0)), None, Some(Date(1))]),
                },
                Column {
                    name: "overdue",
                    values: Values::Flag(vec![true, false, false]),
                },
            ],
        )
    }

    #[test]
    fn csv_quotes_only_where_needed_and_never_alters() {
        let text = String::from_utf8(sample().to_csv()).unwrap();
        assert_eq!(
            text,
            "id,currency,amount_minor,rows,line,age_days,day,overdue\n\
             a,CNY,-5,1,,0,1970-01-01,Y\n\
             ,CNY,,2,9,1,,N\n\
             \"c,\"\"d\"\"\n\",JPY,7,3,10,2,1970-01-02,N\n"
        );
        let check = |value: &str, expected: &str| {
            let mut out = Vec::new();
            push_text(&mut out, value);
            assert_eq!(String::from_utf8(out).unwrap(), expected);
        };
        check("=1+1", "=1+1");
        check(" x ", " x ");
        check("张三", "张三");
        check("a;b'c", "a;b'c");
        check("a\rb", "\"a\rb\"");
    }

    #[test]
    fn sums_are_by_currency() {
        let sums = sample().sums();
        assert_eq!(sums["amount_minor"]["CNY"], -5);
        assert_eq!(sums["amount_minor"]["JPY"], 7);
        assert_eq!(sums["rows"]["CNY"], 3);
        assert!(!sums.contains_key("age_days") && !sums.contains_key("line"));
    }

    #[test]
    fn a_table_written_in_parts_has_the_bytes_of_a_whole_one() {
        // Texts that fill dictionaries and overflow them, numbers, nulls, and more rows than three parts.
        let rows = 3 * PART_ROWS + 1234;
        let table = |rows: std::ops::Range<usize>| {
            let text = |make: &dyn Fn(usize) -> String| {
                Values::Text(rows.clone().map(|row| Cow::Owned(make(row))).collect())
            };
            let some = |row: usize| (!row.is_multiple_of(7)).then_some(row as i64 * 31 % 1009);
            Table::new(
                "t",
                vec![
                    Column {
                        name: "id",
                        values: text(&|row| format!("{:032x}", row as u128 * 0x9e37_79b9_7f4a_7c15)),
                    },
                    Column {
                        name: "few",
                        values: text(&|row| "abc"[..row / 5000 % 4].to_owned()),
                    },
                    Column {
                        name: "amount_minor",
                        values: Values::Minor(rows.clone().map(some).collect()),
                    },
                    Column {
                        name: "row",
                        values: Values::Count(rows.clone().map(|row| row as u64).collect()),
                    },
                ],
            )
        };
        let whole = table(0..rows);
        let mut parts = ParquetTable::begin(&whole, Vec::new()).unwrap();
        let mut csv = Vec::new();
        whole.csv_header_into(&mut csv);
        for start in (0..rows).step_by(PART_ROWS) {
            let part = table(start..rows.min(start + PART_ROWS));
            parts.write(&part).unwrap();
            part.csv_rows_into(&mut csv);
        }
        assert!(parts.finish().unwrap() == whole.to_parquet().unwrap());
        assert!(csv == whole.to_csv());
    }

    #[test]
    fn parquet_reads_back_and_names_no_version() {
        use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
        let bytes = sample().to_parquet().unwrap();
        assert_eq!(bytes, sample().to_parquet().unwrap());
        let reader = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.metadata().file_metadata().created_by(), Some("tieout"));
        assert!(reader.metadata().file_metadata().key_value_metadata().is_none());
        let read: Vec<_> = reader
            .schema()
            .fields()
            .iter()
            .map(|f| f.data_type().clone())
            .collect();
        let told: Vec<_> = sample()
            .schema()
            .into_iter()
            .map(|(_, data_type)| data_type)
            .collect();
        assert_eq!(read, told);
        let batch = reader.build().unwrap().next().unwrap().unwrap();
        assert_eq!(batch.num_rows(), 3);
        assert!(batch.column(0).is_null(1), "an empty text is null");
        let amounts = batch.column(2).as_any().downcast_ref::<Int64Array>().unwrap();
        assert_eq!(amounts.iter().collect::<Vec<_>>(), [Some(-5), None, Some(7)]);
        let empty = Table::new(
            "empty",
            vec![Column {
                name: "id",
                values: texts(&[]),
            }],
        );
        assert!(empty.to_parquet().is_ok());
        assert_eq!(empty.to_csv(), b"id\n");
    }

    proptest! {
        #[test]
        fn any_text_reads_back_from_csv(values in proptest::collection::vec("\\PC{0,6}[\",\r\n]?|[ -~]{0,20}[\",\r\n]?[ -~]{0,20}", 1..8)) {
            let table = Table::new("t", vec![
                Column { name: "a", values: Values::Text(values.iter().map(|v| Cow::Borrowed(v.as_str())).collect()) },
                Column { name: "b", values: Values::Count(vec![7; values.len()]) },
            ]);
            let bytes = table.to_csv();
            let mut reader = csv::Reader::from_reader(bytes.as_slice());
            let read: Vec<String> = reader.records().map(|r| r.unwrap()[0].to_owned()).collect();
            prop_assert_eq!(read, values);
        }
    }
}
