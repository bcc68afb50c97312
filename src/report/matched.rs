//! `matched/part-NNNNN.parquet` (R31): the agreed rows, a line a leg, sorted by (leg, txn_id, entry_id).
//!
//! Rows are encoded as they are gathered: a value goes from the block it stands in to the page it is published in, and
//! is laid down nowhere between. A part is written row group by row group; groups are encoded in parallel and
//! appended in order, so the bytes are the same for any number of threads. Memory for encoding is used again.
//! The encodings were chosen by measurement (see `pages`): ids and references as what they add to the row
//! before, small vocabularies as dictionaries, amounts as packed deltas.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};

use arrow::datatypes::{DataType, Field, Schema};
use parquet::arrow::ArrowSchemaConverter;
use parquet::errors::ParquetError;
use parquet::file::metadata::{
    ColumnChunkMetaData, FileMetaData, ParquetMetaData, ParquetMetaDataWriter, RowGroupMetaData,
};
use parquet::schema::types::{ColumnDescPtr, SchemaDescPtr};

use crate::findings::Stop;
use crate::report::coded::Codes;
use crate::report::deltas::Amounts;
use crate::report::pages::{Chunk, Press};
use crate::report::texts::Texts;
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

const MAGIC: &[u8; 4] = b"PAR1";

/// The columns of one row group, encoded as lines are pushed. Empty texts are written as null (R31).
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
    pub merchant: Codes,
    /// Index into [`crate::terms::kinds::TXN_TYPES`]; `u32::MAX` is none.
    pub txn_type: Codes,
    /// Index into the accounts' ids; `u32::MAX` is none.
    pub account: Codes,
    /// Currency index; see [`crate::terms::currency::Currency::index`].
    pub currency: Codes,
    /// Minor units.
    pub amount_minor: Amounts,
    /// Minor units; `None` where another leg's line carries the fee (R41).
    pub fee_minor: Amounts,
    leg: Codes,
    pass: Codes,
    press: Press,
    scratch: Vec<u8>,
    rows: usize,
}

impl Lines {
    fn new(names: &Names) -> Result<Lines, ParquetError> {
        Ok(Lines {
            runs: Vec::new(),
            txn_id: Texts::new(true)?,
            entry_id: Texts::new(false)?,
            bank_ref: Texts::new(false)?,
            merchant: Codes::new(names.merchants.len()),
            txn_type: Codes::new(TXN_TYPES.len()),
            account: Codes::new(names.accounts.len()),
            currency: Codes::new(names.currencies.len()),
            amount_minor: Amounts::default(),
            fee_minor: Amounts::default(),
            leg: Codes::default(),
            pass: Codes::default(),
            press: Press::new()?,
            scratch: Vec::new(),
            rows: 0,
        })
    }

    /// Number of lines so far.
    pub fn len(&self) -> usize {
        self.amount_minor.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.amount_minor.is_empty()
    }

    /// Makes what is left of the pages.
    fn finish(&mut self, names: &Names) -> Result<(), ParquetError> {
        self.rows = self.amount_minor.len();
        let (press, scratch, runs) = (&mut self.press, &mut self.scratch, &self.runs);
        self.leg = Codes::new(runs.len());
        self.pass = Codes::new(runs.len());
        for (leg, pass, rows) in runs {
            let first = |name: &dyn Fn(&(String, String, usize)) -> bool| {
                runs.iter().position(name).unwrap_or_default() as u32
            };
            self.leg.push_many(first(&|run| run.0 == *leg), *rows);
            self.pass.push_many(first(&|run| run.1 == *pass), *rows);
        }
        self.leg.finish(press, scratch, &|code| &runs[code as usize].0)?;
        self.pass.finish(press, scratch, &|code| &runs[code as usize].1)?;
        for texts in [&mut self.txn_id, &mut self.entry_id, &mut self.bank_ref] {
            texts.finish()?;
        }
        self.merchant
            .finish(press, scratch, &|code| &names.merchants[code as usize])?;
        self.txn_type
            .finish(press, scratch, &|code| TXN_TYPES[code as usize])?;
        self.account
            .finish(press, scratch, &|code| &names.accounts[code as usize])?;
        self.currency
            .finish(press, scratch, &|code| names.currencies[code as usize])?;
        self.amount_minor.finish(press, scratch, false)?;
        self.fee_minor.finish(press, scratch, true)?;
        assert!(
            self.chunks().iter().all(|chunk| chunk.rows() == self.rows),
            "every column of a row group has one value a line"
        );
        Ok(())
    }

    fn chunks(&self) -> [&Chunk; COLUMNS.len()] {
        [
            self.leg.chunk(),
            self.pass.chunk(),
            self.txn_id.chunk(),
            self.entry_id.chunk(),
            self.bank_ref.chunk(),
            self.merchant.chunk(),
            self.txn_type.chunk(),
            self.account.chunk(),
            self.currency.chunk(),
            self.amount_minor.chunk(),
            self.fee_minor.chunk(),
        ]
    }

    /// What the footer says of the columns of a row group that begins at `offset` of the file.
    fn metadata(
        &self,
        schema: &SchemaDescPtr,
        offset: u64,
    ) -> Result<Vec<ColumnChunkMetaData>, ParquetError> {
        let mut at = offset;
        let mut columns = Vec::with_capacity(COLUMNS.len());
        let describe: [&dyn Fn(ColumnDescPtr, u64) -> Result<ColumnChunkMetaData, ParquetError>; 11] = [
            &|column, at| self.leg.metadata(column, at),
            &|column, at| self.pass.metadata(column, at),
            &|column, at| self.txn_id.metadata(column, at),
            &|column, at| self.entry_id.metadata(column, at),
            &|column, at| self.bank_ref.metadata(column, at),
            &|column, at| self.merchant.metadata(column, at),
            &|column, at| self.txn_type.metadata(column, at),
            &|column, at| self.account.metadata(column, at),
            &|column, at| self.currency.metadata(column, at),
            &|column, at| self.amount_minor.metadata(column, at),
            &|column, at| self.fee_minor.metadata(column, at),
        ];
        for (number, (describe, chunk)) in describe.iter().zip(self.chunks()).enumerate() {
            columns.push(describe(schema.column(number), at)?);
            at += chunk.bytes() as u64;
        }
        Ok(columns)
    }

    /// Empties all columns and keeps their memory.
    fn clear(&mut self) {
        self.runs.clear();
        for texts in [&mut self.txn_id, &mut self.entry_id, &mut self.bank_ref] {
            texts.clear();
        }
        for codes in [
            &mut self.merchant,
            &mut self.txn_type,
            &mut self.account,
            &mut self.currency,
        ] {
            codes.clear();
        }
        self.amount_minor.clear();
        self.fee_minor.clear();
        self.rows = 0;
    }
}

/// Names that the coded columns point into, and the encoders that are free.
pub struct Names {
    merchants: Vec<String>,
    accounts: Vec<String>,
    currencies: Vec<&'static str>,
    spare: Mutex<Vec<Lines>>,
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
            spare: Mutex::default(),
        }
    }
}

/// A lock whose holder only appends to a list or a file: after a panic the whole close fails all the same.
fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

fn schema() -> Result<SchemaDescPtr, ParquetError> {
    let fields = COLUMNS.map(|name| match name {
        "amount_minor" => Field::new(name, DataType::Int64, false),
        "fee_minor" => Field::new(name, DataType::Int64, true),
        _ => Field::new(name, DataType::Utf8, true),
    });
    let schema = Schema::new(fields.to_vec());
    Ok(Arc::new(ArrowSchemaConverter::new().convert(&schema)?))
}

/// Writes some parts: to each file so many row groups, the lines of each pushed by `fill` (part, group, lines) when its turn
/// comes. The parts grow side by side: lines of one group number lie near each other in memory, whatever their part.
/// Uses the current rayon pool.
///
/// # Errors
/// What `fill` or a file reports; of several failures the earliest in the order of groups.
pub fn write_parts<W: Write + Send>(
    files: Vec<(W, usize)>,
    names: &Names,
    fill: &(dyn Fn(usize, usize, &mut Lines) -> Result<(), Stop> + Sync),
) -> Result<Vec<W>, Stop> {
    let groups: Vec<usize> = files.iter().map(|(_, groups)| *groups).collect();
    let begin = |(file, _)| {
        Ok(Growing {
            part: Mutex::new(Part::begin(file).map_err(broken)?),
            waiting: Mutex::default(),
        })
    };
    let parts = files.into_iter().map(begin).collect::<Result<Vec<_>, Stop>>()?;
    let most = groups.iter().copied().max().unwrap_or(0);
    let order: Vec<(usize, usize)> = (0..most)
        .flat_map(|group| (0..groups.len()).map(move |part| (part, group)))
        .filter(|(part, group)| *group < groups[*part])
        .collect();
    let queue = Mutex::new(Queue::default());
    let encode_next = || -> bool {
        let turn = {
            let mut queue = locked(&queue);
            if queue.failed.is_some() || queue.begun == order.len() {
                return false;
            }
            queue.begun += 1;
            queue.begun - 1
        };
        let (part, group) = order[turn];
        let grown = encode(names, &|lines| fill(part, group, lines))
            .and_then(|lines| parts[part].take(group, lines, names));
        if let Err(stop) = grown {
            locked(&queue).fail(turn, stop);
            return false;
        }
        true
    };
    let threads = rayon::current_num_threads().min(order.len());
    rayon::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|_| while encode_next() {});
        }
    });
    if let Some((_, stop)) = locked(&queue).failed.take() {
        return Err(stop);
    }
    let finish = |growing: Growing<W>| {
        growing.append_ready(&mut locked(&growing.part), names)?;
        let part = growing.part.into_inner().unwrap_or_else(PoisonError::into_inner);
        part.finish().map_err(broken)
    };
    parts.into_iter().map(finish).collect()
}

/// A part, and row groups of it that wait for those before them.
struct Growing<W> {
    part: Mutex<Part<W>>,
    waiting: Mutex<Waiting>,
}

#[derive(Default)]
struct Waiting {
    /// Groups that were appended.
    appended: usize,
    finished: BTreeMap<usize, Lines>,
}

impl<W: Write> Growing<W> {
    /// Takes an encoded group, and appends what is due.
    fn take(&self, group: usize, lines: Lines, names: &Names) -> Result<(), Stop> {
        let waiting = {
            let mut waiting = locked(&self.waiting);
            waiting.finished.insert(group, lines);
            waiting.finished.len()
        };
        // One thread appends while the others encode. Where it cannot keep up they wait for it: a part never has more groups
        // waiting than there are threads, and one.
        match self.part.try_lock() {
            Ok(mut part) => self.append_ready(&mut part, names),
            Err(TryLockError::Poisoned(held)) => self.append_ready(&mut held.into_inner(), names),
            Err(TryLockError::WouldBlock) if waiting > rayon::current_num_threads() => {
                self.append_ready(&mut locked(&self.part), names)
            }
            Err(TryLockError::WouldBlock) => Ok(()),
        }
    }

    fn append_ready(&self, part: &mut Part<W>, names: &Names) -> Result<(), Stop> {
        loop {
            let lines = {
                let mut waiting = locked(&self.waiting);
                let group = waiting.appended;
                let Some(lines) = waiting.finished.remove(&group) else {
                    return Ok(());
                };
                waiting.appended += 1;
                lines
            };
            part.append(&lines)?;
            locked(&names.spare).push(lines);
        }
    }
}

/// Row groups under way.
#[derive(Default)]
struct Queue {
    /// Groups that a thread has taken up.
    begun: usize,
    /// The failure of the earliest group.
    failed: Option<(usize, Stop)>,
}

impl Queue {
    fn fail(&mut self, turn: usize, stop: Stop) {
        if self.failed.as_ref().is_none_or(|failed| turn < failed.0) {
            self.failed = Some((turn, stop));
        }
    }
}

fn encode(names: &Names, fill: &dyn Fn(&mut Lines) -> Result<(), Stop>) -> Result<Lines, Stop> {
    let failed = |e: ParquetError| Stop::invariant(format!("matched: encoding failed: {e}"));
    let spare = locked(&names.spare).pop();
    let mut lines = match spare {
        Some(lines) => lines,
        None => Lines::new(names).map_err(failed)?,
    };
    lines.clear();
    fill(&mut lines)?;
    lines.finish(names).map_err(failed)?;
    Ok(lines)
}

fn broken(error: ParquetError) -> Stop {
    Stop::io(Path::new("matched"), "write", &std::io::Error::other(error))
}

/// A file under construction.
struct Part<W> {
    file: W,
    bytes: u64,
    rows: usize,
    schema: SchemaDescPtr,
    groups: Vec<RowGroupMetaData>,
}

impl<W: Write> Part<W> {
    fn begin(mut file: W) -> Result<Part<W>, ParquetError> {
        file.write_all(MAGIC)?;
        Ok(Part {
            file,
            bytes: MAGIC.len() as u64,
            rows: 0,
            schema: schema()?,
            groups: Vec::new(),
        })
    }

    fn append(&mut self, lines: &Lines) -> Result<(), Stop> {
        let columns = lines.metadata(&self.schema, self.bytes).map_err(broken)?;
        let uncompressed = columns.iter().map(ColumnChunkMetaData::uncompressed_size).sum();
        let group = RowGroupMetaData::builder(Arc::clone(&self.schema))
            .set_num_rows(lines.rows as i64)
            .set_total_byte_size(uncompressed)
            .set_ordinal(i16::try_from(self.groups.len()).unwrap_or(i16::MAX))
            .set_file_offset(self.bytes as i64)
            .set_column_metadata(columns)
            .build()
            .map_err(broken)?;
        for part in lines.chunks().into_iter().flat_map(Chunk::parts) {
            self.file.write_all(part).map_err(|error| broken(error.into()))?;
            self.bytes += part.len() as u64;
        }
        self.rows += lines.rows;
        self.groups.push(group);
        Ok(())
    }

    fn finish(mut self) -> Result<W, ParquetError> {
        let about = FileMetaData::new(
            1,
            self.rows as i64,
            Some("tieout".to_owned()),
            None,
            self.schema,
            None,
        );
        let metadata = ParquetMetaData::new(about, self.groups);
        let mut footer = Vec::new();
        ParquetMetaDataWriter::new(&mut footer, &metadata).finish()?;
        self.file.write_all(&footer)?;
        Ok(self.file)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use arrow::array::{Array, AsArray};
    use arrow::compute::cast;
    use arrow::datatypes::Int64Type;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::statistics::Statistics;
    use proptest::prelude::*;

    use crate::entries::bytes::Window;
    use crate::entries::key::Key;
    use crate::report::coded::NULL_CODE;
    use crate::report::pages::PAGE_BYTES;

    /// A line as it is pushed: texts, codes, amount, fee.
    #[derive(Clone, Debug)]
    struct Line {
        texts: [String; 3],
        codes: [u32; 4],
        amount_minor: i64,
        fee_minor: Option<i64>,
    }

    const CODES_END: u32 = 400;

    fn names() -> Names {
        let merchants: Vec<String> = (0..CODES_END).map(|n| format!("M{n}")).collect();
        let accounts: Vec<String> = (0..CODES_END).map(|n| format!("账户{n}")).collect();
        Names::new(
            merchants.iter().map(String::as_str),
            accounts.iter().map(String::as_str),
        )
    }

    fn push(lines: &mut Lines, line: &Line, windows: bool) {
        let leg = ["a", "b"][usize::from(line.codes[0] > CODES_END / 2)];
        match lines.runs.last_mut() {
            Some(run) if run.0 == leg => run.2 += 1,
            _ => lines.runs.push((leg.to_owned(), "exact".to_owned(), 1)),
        }
        let columns = [&mut lines.txn_id, &mut lines.entry_id, &mut lines.bank_ref];
        for (column, text) in columns.into_iter().zip(&line.texts) {
            if windows {
                let within = format!("xyz{text}{}", "tail".repeat(text.len() % 20));
                column.push_key(Key::plain(Window {
                    bytes: within.as_bytes(),
                    start: 3,
                    len: text.len(),
                }));
            } else {
                column.push(text.as_bytes());
            }
        }
        lines.merchant.push(line.codes[0]);
        lines.txn_type.push(line.codes[1]);
        lines.account.push(line.codes[2]);
        lines.currency.push(line.codes[3]);
        lines.amount_minor.push(line.amount_minor);
        lines.fee_minor.push(line.fee_minor);
    }

    fn write(parts: &[&[Vec<Line>]], threads: usize) -> Vec<Vec<u8>> {
        let pool = rayon::ThreadPoolBuilder::new()
            .num_threads(threads)
            .build()
            .unwrap();
        let names = names();
        let files = parts.iter().map(|groups| (Vec::new(), groups.len())).collect();
        pool.install(|| {
            write_parts(files, &names, &|part, group, lines| {
                for (number, line) in parts[part][group].iter().enumerate() {
                    push(lines, line, number % 3 > 0);
                }
                Ok(())
            })
        })
        .unwrap()
    }

    /// Reads a file through the crate and compares every value; then its footer.
    fn check(groups: &[Vec<Line>]) {
        let half = &groups[..groups.len() / 2];
        let mut both = write(&[groups, half], 2);
        let alone = [groups, half].map(|part| write(&[part], 1).remove(0));
        assert!(
            both == alone,
            "the bytes depend neither on threads nor on other parts"
        );
        let bytes = both.remove(0);
        let names = names();
        let lines: Vec<&Line> = groups.iter().flatten().collect();
        let builder = ParquetRecordBatchReaderBuilder::try_new(bytes::Bytes::from(bytes)).unwrap();
        let footer = Arc::clone(builder.metadata());
        assert_eq!(footer.file_metadata().num_rows(), lines.len() as i64);
        assert_eq!(footer.file_metadata().created_by(), Some("tieout"));
        let mut row = 0;
        let text = |name: Option<&str>| name.filter(|name| !name.is_empty()).map(str::to_owned);
        for batch in builder.with_batch_size(1000).build().unwrap() {
            let batch = batch.unwrap();
            let columns: Vec<_> = batch.columns()[..9]
                .iter()
                .map(|column| cast(column, &DataType::Utf8).unwrap())
                .collect();
            let of = |column: usize, at: usize| {
                let column = columns[column].as_string::<i32>();
                column.is_valid(at).then(|| column.value(at).to_owned())
            };
            let minor = |column: usize, at: usize| {
                let column = batch.column(column).as_primitive::<Int64Type>();
                column.is_valid(at).then(|| column.value(at))
            };
            for at in 0..batch.num_rows() {
                let line = lines[row];
                let [merchant, txn_type, account, currency] = line.codes.map(|code| code as usize);
                let leg = ["a", "b"][usize::from(line.codes[0] > CODES_END / 2)];
                assert_eq!(of(0, at).as_deref(), Some(leg), "row {row}");
                assert_eq!(of(1, at).as_deref(), Some("exact"), "row {row}");
                for (number, value) in line.texts.iter().enumerate() {
                    assert_eq!(of(2 + number, at), text(Some(value)), "row {row} text {number}");
                }
                assert_eq!(of(5, at), text(names.merchants.get(merchant).map(String::as_str)));
                assert_eq!(of(6, at), text(TXN_TYPES.get(txn_type).copied()));
                assert_eq!(of(7, at), text(names.accounts.get(account).map(String::as_str)));
                assert_eq!(of(8, at), text(names.currencies.get(currency).copied()));
                assert_eq!(minor(9, at), Some(line.amount_minor), "row {row}");
                assert_eq!(minor(10, at), line.fee_minor, "row {row}");
                row += 1;
            }
        }
        assert_eq!(row, lines.len());
        for (group, lines) in footer.row_groups().iter().zip(groups) {
            let texts = || {
                lines
                    .iter()
                    .map(|line| line.texts[0].as_bytes())
                    .filter(|t| !t.is_empty())
            };
            if let Some(Statistics::ByteArray(told)) = group.column(2).statistics() {
                assert_eq!(
                    told.null_count_opt(),
                    Some((lines.len() - texts().count()) as u64)
                );
                if let (Some(least), Some(greatest)) = (told.min_opt(), told.max_opt()) {
                    assert_eq!(Some(least.data()), texts().min());
                    assert_eq!(Some(greatest.data()), texts().max());
                } else {
                    assert!(texts().all(|text| text.len() > 64) || texts().any(|text| text.len() > 64));
                }
            } else {
                panic!("txn_id has no statistics");
            }
            let Some(Statistics::Int64(told)) = group.column(9).statistics() else {
                panic!("amount_minor has no statistics");
            };
            assert_eq!(told.min_opt(), lines.iter().map(|line| &line.amount_minor).min());
            assert_eq!(told.max_opt(), lines.iter().map(|line| &line.amount_minor).max());
        }
    }

    fn text() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "T2026[0-9]{10,20}",
            2 => "[ab]{0,3}",
            1 => "\\PC{0,12}",
            1 => "[ab]{30,36}",
            1 => "x{60,70}[0-9]{0,40}",
        ]
    }

    fn line() -> impl Strategy<Value = Line> {
        let code = |end: u32| prop_oneof![6 => 0..end, 1 => Just(NULL_CODE)];
        let minor = prop_oneof![3 => 0..100_000i64, 1 => any::<i64>()];
        (
            [text(), text(), text()],
            (code(CODES_END), code(4), code(CODES_END), code(3)),
            minor,
            prop::option::of(any::<i64>()),
        )
            .prop_map(|(texts, (a, b, c, d), amount_minor, fee_minor)| Line {
                texts,
                codes: [a, b, c, d],
                amount_minor,
                fee_minor,
            })
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(60))]
        #[test]
        fn the_crate_reads_back_any_lines(
            groups in prop::collection::vec(prop::collection::vec(line(), 1..400), 0..5),
            sorted in any::<bool>(),
        ) {
            let mut groups = groups;
            if sorted {
                groups.iter_mut().for_each(|lines| lines.sort_by(|a, b| a.texts[0].cmp(&b.texts[0])));
            }
            check(&groups);
        }
    }

    #[test]
    fn many_pages_of_all_sizes_read_back() {
        let line = |row: u64| {
            let digits = row.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            Line {
                texts: [
                    format!("T20260302{row:012}"),
                    if row % 5000 < 4000 {
                        String::new()
                    } else {
                        format!("E{digits:020}")
                    },
                    format!("2026{digits:020}{digits:020}"),
                ],
                codes: [digits as u32 % CODES_END, NULL_CODE, (row / 40_000) as u32, 0],
                amount_minor: (digits >> 40) as i64,
                fee_minor: (row < 60_000).then_some(0),
            }
        };
        let lines: Vec<Line> = (0..70_000).map(line).collect();
        assert!(lines.len() * 44 > 2 * PAGE_BYTES, "several pages of texts");
        let mut groups: Vec<Vec<Line>> = lines.chunks(66_000).map(<[Line]>::to_vec).collect();
        // Extremes of packed deltas, and a single line.
        groups.push(
            [i64::MIN, i64::MAX, 0, -1, i64::MAX, i64::MIN]
                .map(|amount_minor| Line {
                    amount_minor,
                    ..line(1)
                })
                .to_vec(),
        );
        groups.push(vec![line(7)]);
        check(&groups);
        check(&[]);
    }

    #[test]
    fn the_earliest_failure_is_told() {
        let failing = |_: usize, group: usize, lines: &mut Lines| match group {
            3.. => Err(Stop::invariant(format!("group {group} fails"))),
            _ => {
                push(
                    lines,
                    &Line {
                        texts: Default::default(),
                        codes: [0; 4],
                        amount_minor: 1,
                        fee_minor: None,
                    },
                    false,
                );
                Ok(())
            }
        };
        for _ in 0..20 {
            let stop = write_parts(vec![(Vec::new(), 40)], &names(), &failing).unwrap_err();
            assert!(stop.to_string().contains("group 3 fails"), "{stop}");
        }
    }
}
