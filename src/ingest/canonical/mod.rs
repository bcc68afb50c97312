//! Canonical CSV (SPEC §4.2): blocks of whole records in, typed rows and rejects out.
//!
//! [`index`] finds the separators, [`layout`] binds the header by name, [`rules`] reads one row exactly or refuses
//! it. Blocks of one file may be parsed by any number of threads; a row's line and offset do not depend on how the
//! file was cut. A quote that RFC 4180 does not allow refuses the whole file: rows after it cannot be trusted.
//! A blank line is a reject, except the very last line of a file. Merchants are not looked up here (R18).

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use crate::book::settings::Role;
use crate::entries::rows::{Place, Reject, RowSink};
use crate::ingest::csv_blocks::{BlockHead, RECORD_BYTES_MAX};
use crate::ingest::formats::FileRefused;
use crate::terms::currency::Currency;
use crate::terms::date::{Date, Instant};
use crate::terms::money::AmountError;

pub mod context;
pub mod index;
pub mod layout;
pub mod rules;
pub mod values;

pub use context::{Memory, ReadContext};
pub use layout::HeaderBinding;

use index::{Index, Level, POSITION, QUOTED, RECORD};
use layout::{ABSENT, FIELDS_MAX};
use rules::Table;
use values::{Fields, TimeMemory, TimeText, Wrong, shown};

/// Bytes scanned before the rows found in them are parsed: small enough to stay in the nearest cache.
/// In tests it is tiny, so that short texts cross it.
const WINDOW_BYTES: usize = if cfg!(test) { 192 } else { 32 << 10 };

/// How many rows ahead a merchant is announced.
const ROWS_AHEAD: usize = 6;

/// What one thread keeps between blocks.
pub struct Work {
    index: Index,
    memory: Memory,
    /// A record with its quotes taken off, fields ended by line feeds.
    plain: Vec<u8>,
    plain_starts: Vec<u32>,
    spans: Spans,
}

impl Default for Work {
    fn default() -> Work {
        Work::with_level(Level::best())
    }
}

impl Work {
    /// With a given way of scanning.
    pub fn with_level(level: Level) -> Work {
        Work {
            index: Index::new(level),
            memory: Memory::default(),
            plain: Vec::new(),
            plain_starts: Vec::new(),
            spans: Spans::default(),
        }
    }
}

/// Binds the header record of a file (as [`crate::ingest::csv_blocks::BlockReader::header`] gives it).
///
/// # Errors
/// A header that is empty, not UTF-8 or wrongly quoted, or that lacks columns or names one twice.
pub fn bind_header(role: Role, header: &[u8], context: &ReadContext) -> Result<HeaderBinding, FileRefused> {
    let refused = |message: &str| FileRefused {
        line: 1,
        column: 0,
        message: message.to_owned(),
        help: "ask for the file again, with a header line; nothing of it was taken".to_owned(),
    };
    if header.is_empty() {
        return Err(refused(
            "the file is empty: found no header line (an empty day has a header and no rows)",
        ));
    }
    let mut work = Work::default();
    if let Err(stray) = work.index.scan(header, 0, header.len()) {
        return Err(stray_quote(header, &BlockHead::default(), stray));
    }
    if work.index.inside_quotes() {
        return Err(refused("header: a quote is opened and never closed"));
    }
    let starts = work.index.starts();
    let record = Record::new(header, &starts[..starts.len()]);
    let mut names = Vec::with_capacity(record.columns());
    for column in 0..record.columns() {
        let name = unquoted(record.field(column));
        names.push(String::from_utf8(name).map_err(|_| {
            refused("header: found bytes that are not UTF-8, expected UTF-8 (or say `encoding` in the [[source]])")
        })?);
    }
    HeaderBinding::bind(role, names, &context.given())
}

/// Parses a block of whole records and hands its rows on in order. Returns the number of records, rejects included.
///
/// # Errors
/// A quote that breaks the rules, or one that is never closed. Rows before it may have been handed on; the file is
/// refused as a whole, so the caller forgets them. Of several refused blocks the earliest line counts.
pub fn parse_block<S: RowSink>(
    binding: &HeaderBinding,
    head: &BlockHead,
    bytes: &[u8],
    context: &ReadContext,
    work: &mut Work,
    sink: &mut S,
) -> Result<u64, FileRefused> {
    // The tables that grow with the day have a reader of their own for files with the required columns in their order: it knows
    // where a field lies, and that the others are empty.
    match (binding.role, binding.is_plain) {
        (Role::Platform, true) => {
            parse::<rules::Platform, S, PLATFORM_PLAIN>(binding, head, bytes, context, work, sink)
        }
        (Role::Bank, true) => parse::<rules::Bank, S, BANK_PLAIN>(binding, head, bytes, context, work, sink),
        (Role::Platform, false) => {
            parse::<rules::Platform, S, ANY>(binding, head, bytes, context, work, sink)
        }
        (Role::Bank, false) => parse::<rules::Bank, S, ANY>(binding, head, bytes, context, work, sink),
        (Role::Channel, _) => parse::<rules::Channel, S, ANY>(binding, head, bytes, context, work, sink),
        (Role::Balances, _) => parse::<rules::Balances, S, ANY>(binding, head, bytes, context, work, sink),
        (Role::Adjustments, _) => {
            parse::<rules::Adjustments, S, ANY>(binding, head, bytes, context, work, sink)
        }
    }
}

/// Required columns of a table, which a plain file has and no others.
const PLATFORM_PLAIN: usize = layout::required_columns(&layout::PLATFORM);
const BANK_PLAIN: usize = layout::required_columns(&layout::BANK);

/// Stands for a file that may have any columns in any order.
const ANY: usize = 0;

fn parse<T: Table, S: RowSink, const PLAIN: usize>(
    binding: &HeaderBinding,
    head: &BlockHead,
    bytes: &[u8],
    context: &ReadContext,
    work: &mut Work,
    sink: &mut S,
) -> Result<u64, FileRefused> {
    assert!(
        bytes.is_empty() || bytes.ends_with(b"\n"),
        "a block ends with a line feed"
    );
    work.index.restart();
    let columns = if PLAIN == ANY { binding.names.len() } else { PLAIN };
    assert_eq!(columns, binding.names.len(), "a plain file has the plain columns");
    let slots = Slots::of(binding);
    let mut line = head.first_line;
    let mut rows = 0;
    let mut scanned = 0;
    while scanned < bytes.len() {
        let to = bytes.len().min(scanned + WINDOW_BYTES);
        if let Err(stray) = work.index.scan(bytes, scanned, to) {
            return Err(stray_quote(bytes, head, stray));
        }
        scanned = to;
        let Work {
            index,
            memory,
            plain,
            plain_starts,
            spans,
        } = work;
        let starts = index.starts();
        // Starts of complete records: all up to the last one that follows a line end.
        let Some(complete) = starts
            .iter()
            .rposition(|start| start & RECORD != 0)
            .filter(|last| *last > 0)
        else {
            continue;
        };
        let window = position(starts[0])..position(starts[complete]);
        let text = !index.beyond_ascii || simdutf8::basic::from_utf8(&bytes[window.clone()]).is_ok();
        let mut first = 0;
        while first < complete {
            // The master is looked up in memory that no cache holds: it is asked for some rows ahead. In a record of
            // another shape this is some other text, and a useless hint.
            if let Some(ahead) = T::MERCHANT_ID.map(|field| usize::from(binding.columns[field]))
                && let Some([start, end]) = starts
                    .get(first + ROWS_AHEAD * columns + ahead..)
                    .and_then(<[u32]>::first_chunk)
                && let Some(id) = bytes.get(position(*start)..position(*end) - 1)
            {
                sink.expect_merchant(id);
            }
            let mut marks = 0;
            let width = match starts.get(first..=first + columns) {
                Some(record) if is_record(record, &mut marks) => columns,
                _ => {
                    let rest = starts[first + 1..].iter();
                    let inner = rest.take_while(|start| **start & RECORD == 0);
                    marks = starts[first];
                    1 + inner.inspect(|start| marks |= **start).count()
                }
            };
            let record = Record::new(bytes, &starts[first..=first + width]);
            let place = Place {
                line,
                offset: head.byte_offset + record.start() as u64,
            };
            first += width;
            line += 1;
            let quoted = marks & QUOTED != 0;
            if quoted {
                line += record.line_feeds_inside();
            }
            if width != columns || !text {
                if record.is_blank() && head.last && position(starts[first]) == bytes.len() {
                    break;
                }
                if let Some(reject) = misshapen(binding, &record, place) {
                    rows += 1;
                    sink.reject(reject);
                    continue;
                }
            }
            rows += 1;
            let read = if quoted
                && PLAIN != ANY
                && !sink.reads_free_text()
                && T::FREE_TEXT.is_some_and(|text| record.is_quoted_in(text))
            {
                for (at, start) in spans.at.iter_mut().zip(record.starts) {
                    *at = start & POSITION;
                }
                let starts = &spans.at[..record.starts.len()];
                let fields = CsvFields::<InOrder<'_, PLAIN>>::in_order(&Record { starts, ..record });
                T::row(&fields, place, index.irregular, context, memory, sink)
            } else if quoted {
                if let Err(stray) = record.unquote(plain, plain_starts) {
                    return Err(stray_quote(bytes, head, stray));
                }
                // Every field has an end of its own here: a carriage return before the last is part of its text.
                let unquoted = Record {
                    bytes: plain,
                    starts: plain_starts,
                    end: plain.len() - 1,
                };
                slots.fill(&unquoted, spans);
                let fields = CsvFields::by_slot(plain, spans, &slots);
                T::row(&fields, place, index.irregular, context, memory, sink)
            } else if PLAIN == ANY {
                slots.fill(&record, spans);
                let fields = CsvFields::by_slot(bytes, spans, &slots);
                T::row(&fields, place, index.irregular, context, memory, sink)
            } else {
                let fields = CsvFields::<InOrder<'_, PLAIN>>::in_order(&record);
                T::row(&fields, place, index.irregular, context, memory, sink)
            };
            if let Err(wrong) = read {
                sink.reject(refused_field(binding, &record, place, wrong));
            }
        }
        work.index.beyond_ascii &= !bytes[window.end..scanned].is_ascii();
        work.index.drop_before(complete);
    }
    if work.index.inside_quotes() {
        let opened = memchr::memrchr(b'"', bytes).unwrap_or(0);
        let (line, column) = line_and_column(bytes, head, opened);
        return Err(FileRefused {
            line,
            column,
            message: "a quote is opened here and never closed".to_owned(),
            help: "the file is cut short or wrongly quoted: ask for it again; nothing of it was taken"
                .to_owned(),
        });
    }
    Ok(rows)
}

#[inline(always)]
fn position(start: u32) -> usize {
    (start & POSITION) as usize
}

/// True when only the last of these starts follows a line end (the first is the record's own). `marks` are those of the
/// record's fields.
#[inline]
fn is_record(starts: &[u32], marks: &mut u32) -> bool {
    let [first, inner @ .., last] = starts else {
        return false;
    };
    let inner = inner.iter().fold(0, |all, start| all | start);
    *marks = inner | first;
    inner & RECORD == 0 && last & RECORD != 0
}

/// One record: its fields start at `starts[i]` and end before the separator in front of `starts[i + 1]`.
#[derive(Clone, Copy)]
struct Record<'a> {
    bytes: &'a [u8],
    starts: &'a [u32],
    /// End of the last field, without the line end.
    end: usize,
}

impl<'a> Record<'a> {
    #[inline(always)]
    fn new(bytes: &'a [u8], starts: &'a [u32]) -> Record<'a> {
        let mut end = position(starts[starts.len() - 1]) - 1;
        if end > position(starts[0]) && bytes[end - 1] == b'\r' {
            end -= 1;
        }
        Record { bytes, starts, end }
    }

    #[inline]
    fn columns(&self) -> usize {
        self.starts.len() - 1
    }

    #[inline]
    fn start(&self) -> usize {
        position(self.starts[0])
    }

    /// Start and end of a field, quotes included.
    #[inline(always)]
    fn span(&self, column: usize) -> (usize, usize) {
        let start = position(self.starts[column]);
        let end = if column + 2 == self.starts.len() {
            self.end
        } else {
            position(self.starts[column + 1]) - 1
        };
        (start, end)
    }

    /// A field, quotes included.
    #[inline(always)]
    fn field(&self, column: usize) -> &'a [u8] {
        let (start, end) = self.span(column);
        &self.bytes[start..end]
    }

    fn is_blank(&self) -> bool {
        self.columns() == 1 && self.start() == self.end
    }

    /// True when one column alone has quotes, and has them at both ends.
    fn is_quoted_in(&self, column: usize) -> bool {
        let starts = self.starts[..self.columns()].iter().enumerate();
        let others = starts.filter(|(at, _)| *at != column);
        let field = self.field(column);
        others.fold(0, |marks, (_, start)| marks | start) & QUOTED == 0
            && field.starts_with(b"\"")
            && field.ends_with(b"\"")
            && field.len() >= 2
    }

    fn line_feeds_inside(&self) -> u64 {
        memchr::memchr_iter(b'\n', &self.bytes[self.start()..self.end]).count() as u64
    }

    /// Writes the record without quotes into `plain`. The error is the position of a carriage return that stands
    /// after a closing quote and ends no line, which the scan does not tell from one that does.
    fn unquote(&self, plain: &mut Vec<u8>, starts: &mut Vec<u32>) -> Result<(), usize> {
        plain.clear();
        starts.clear();
        for column in 0..self.columns() {
            starts.push(plain.len() as u32);
            let field = self.field(column);
            if field.starts_with(b"\"") && !field.ends_with(b"\"") {
                let closing = memchr::memrchr(b'"', field).unwrap_or(0);
                return Err(self.span(column).0 + closing + 1);
            }
            push_unquoted(field, plain);
            plain.push(b'\n');
        }
        starts.push(plain.len() as u32);
        Ok(())
    }
}

/// Appends a field without its quotes.
fn push_unquoted(field: &[u8], plain: &mut Vec<u8>) {
    let [b'"', inner @ .., b'"'] = field else {
        plain.extend_from_slice(field);
        return;
    };
    let mut rest = inner;
    while let Some(at) = memchr::memchr(b'"', rest) {
        // An escaped quote is two: the first is kept, the second passed over.
        plain.extend_from_slice(&rest[..=at]);
        rest = rest.get(at + 2..).unwrap_or_default();
    }
    plain.extend_from_slice(rest);
}

fn unquoted(field: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(field.len());
    push_unquoted(field, &mut plain);
    plain
}

/// Most numbers of a record's spans. A power of two, so that a masked place needs no check.
const SPANS: usize = 64;

/// Where the fields of one record lie: a field of slot `s` is `at[s]..at[s + 1] - 1`.
struct Spans {
    at: [u32; SPANS],
}

impl Default for Spans {
    fn default() -> Spans {
        Spans { at: [0; SPANS] }
    }
}

/// The slot of each field of a file, so that a field is found without a question: one that the file does not have has a
/// slot too, and is empty.
struct Slots {
    of: [u8; FIELDS_MAX],
    /// Slot of the fields that are not there.
    absent: usize,
    /// Columns that have a field, in files that are too wide to take all.
    chosen: Option<Vec<u16>>,
}

impl Slots {
    fn of(binding: &HeaderBinding) -> Slots {
        let columns = binding.names.len();
        let bound: Vec<u16> = binding
            .columns
            .iter()
            .copied()
            .filter(|column| *column != ABSENT)
            .collect();
        let chosen = (columns + 3 > SPANS).then_some(bound);
        let absent = chosen.as_ref().map_or(columns + 1, |chosen| 2 * chosen.len());
        let mut of = [absent as u8; FIELDS_MAX];
        let there = of
            .iter_mut()
            .zip(binding.columns)
            .filter(|(_, column)| *column != ABSENT);
        for (number, (slot, column)) in (0u8..).zip(there) {
            *slot = if chosen.is_some() {
                2 * number
            } else {
                column as u8
            };
        }
        Slots { of, absent, chosen }
    }

    /// Notes where the fields of a record lie that has no quotes and as many columns as the file.
    #[inline(always)]
    fn fill(&self, record: &Record<'_>, spans: &mut Spans) {
        let at = &mut spans.at;
        match &self.chosen {
            None => {
                // Starts inside a record have no marks.
                at[..record.starts.len()].copy_from_slice(record.starts);
                at[0] &= POSITION;
                at[record.starts.len() - 1] = record.end as u32 + 1;
            }
            Some(chosen) => {
                for (pair, column) in at.as_chunks_mut::<2>().0.iter_mut().zip(chosen) {
                    let (start, end) = record.span(usize::from(*column));
                    *pair = [start as u32, end as u32 + 1];
                }
            }
        }
        at[self.absent] = 0;
        at[self.absent + 1] = 1;
    }
}

/// Where the fields of one record lie in its text.
trait Laid {
    /// Start and end of a field; empty where the file has no such column.
    fn span(&self, field: usize) -> (usize, usize);
}

/// Fields of a file with any columns in any order, found by their slots.
struct BySlot<'a> {
    spans: &'a [u32; SPANS],
    slots: &'a [u8; FIELDS_MAX],
}

impl Laid for BySlot<'_> {
    #[inline(always)]
    fn span(&self, field: usize) -> (usize, usize) {
        let slot = usize::from(self.slots[field]);
        let start = self.spans[slot & (SPANS - 1)];
        let behind = self.spans[(slot + 1) & (SPANS - 1)];
        (start as usize, behind.wrapping_sub(1) as usize)
    }
}

/// Fields of a file whose columns are the first `N` of the layout in their order.
struct InOrder<'a, const N: usize> {
    /// `N + 1` starts, of which the first alone has a mark.
    starts: &'a [u32],
    end: usize,
}

impl<const N: usize> Laid for InOrder<'_, N> {
    #[inline(always)]
    fn span(&self, field: usize) -> (usize, usize) {
        if field >= N {
            return (0, 0);
        }
        let start = match field {
            0 => position(self.starts[0]),
            _ => self.starts[field] as usize,
        };
        let end = match field + 1 {
            behind if behind == N => self.end,
            behind => (self.starts[behind] as usize).wrapping_sub(1),
        };
        (start, end)
    }
}

/// Fields of one record looked up by their columns: of a row that is refused, few are read.
struct ByColumn<'a> {
    record: Record<'a>,
    columns: &'a [u16; FIELDS_MAX],
}

impl Laid for ByColumn<'_> {
    fn span(&self, field: usize) -> (usize, usize) {
        match self.columns[field] {
            ABSENT => (0, 0),
            column => self.record.span(usize::from(column)),
        }
    }
}

/// The fields of a record without quotes.
struct CsvFields<'a, L> {
    bytes: &'a [u8],
    laid: L,
}

impl<'a> CsvFields<'a, BySlot<'a>> {
    #[inline(always)]
    fn by_slot(bytes: &'a [u8], spans: &'a Spans, slots: &'a Slots) -> Self {
        CsvFields {
            bytes,
            laid: BySlot {
                spans: &spans.at,
                slots: &slots.of,
            },
        }
    }
}

impl<'a, const N: usize> CsvFields<'a, InOrder<'a, N>> {
    #[inline(always)]
    fn in_order(record: &Record<'a>) -> Self {
        CsvFields {
            bytes: record.bytes,
            laid: InOrder {
                starts: &record.starts[..=N],
                end: record.end,
            },
        }
    }
}

impl<L: Laid> Fields for CsvFields<'_, L> {
    #[inline(always)]
    fn text(&self, field: usize) -> &[u8] {
        let (start, end) = self.laid.span(field);
        &self.bytes[start..end]
    }

    #[inline(always)]
    fn amount_minor(&self, field: usize, currency: Currency, signed: bool) -> Result<i64, AmountError> {
        if signed && let [b'-', magnitude @ ..] = self.text(field) {
            return crate::terms::money::parse_minor(magnitude, currency.digits()).map(|minor| -minor);
        }
        let (start, end) = self.laid.span(field);
        values::amount_minor(self.bytes, start, end, currency.digits())
    }

    #[inline(always)]
    fn instant(&self, field: usize, memory: &mut TimeMemory) -> Option<Instant> {
        values::instant(self.text(field), memory)
    }

    #[inline(always)]
    fn date(&self, field: usize, memory: &mut TimeMemory) -> Option<Date> {
        values::date(self.text(field), memory)
    }

    #[inline(always)]
    fn left_out(&self, _field: usize) -> bool {
        false
    }

    #[inline(always)]
    fn time_text<'a>(&'a self, field: usize, _buffer: &'a mut TimeText) -> &'a [u8] {
        self.text(field)
    }
}

/// What is wrong with a record's shape or encoding; `None` when its own bytes are fine.
#[cold]
fn misshapen(binding: &HeaderBinding, record: &Record<'_>, place: Place) -> Option<Reject> {
    let columns = binding.names.len();
    if record.columns() != columns {
        let found = if record.is_blank() {
            "a blank line".to_owned()
        } else {
            format!("{} fields", record.columns())
        };
        return Some(Reject {
            line: place.line,
            column: 1,
            field: "(row)".to_owned(),
            found,
            expected: format!("{columns} fields, as in the header"),
            amount: None,
        });
    }
    let broken = (0..columns).find(|column| std::str::from_utf8(record.field(*column)).is_err())?;
    let (line, column) = place_of(record, broken, place);
    Some(Reject {
        line,
        column,
        field: binding.names[broken].clone(),
        found: shown(record.field(broken)),
        expected: "UTF-8 (if the file is in another encoding, say `encoding` in its [[source]])".to_owned(),
        amount: amount_of(binding, record),
    })
}

#[cold]
fn refused_field(binding: &HeaderBinding, record: &Record<'_>, place: Place, wrong: Wrong) -> Reject {
    let ((line, column), found) = match binding.columns[wrong.field] {
        ABSENT => ((place.line, 0), Vec::new()),
        column => (
            place_of(record, usize::from(column), place),
            unquoted(record.field(usize::from(column))),
        ),
    };
    Reject {
        line,
        column,
        field: binding.field_name(wrong.field).to_owned(),
        found: shown(&found),
        expected: wrong.expected.describe(&found),
        amount: amount_of(binding, record),
    }
}

/// Currency and amount of a refused row, where both can be read; nothing where its quotes cannot.
#[cold]
fn amount_of(binding: &HeaderBinding, record: &Record<'_>) -> Option<(Currency, i64)> {
    let (mut plain, mut starts) = (Vec::new(), Vec::new());
    record.unquote(&mut plain, &mut starts).ok()?;
    let record = Record {
        bytes: &plain,
        starts: &starts,
        end: plain.len() - 1,
    };
    let columns = &binding.columns;
    let fields = CsvFields {
        bytes: &plain,
        laid: ByColumn { record, columns },
    };
    rules::amount_of(&fields, binding.role)
}

/// Physical line and column in characters at which a field starts.
fn place_of(record: &Record<'_>, column: usize, place: Place) -> (u64, u32) {
    let before = &record.bytes[record.start()..record.span(column).0];
    let lines = memchr::memchr_iter(b'\n', before).count() as u64;
    (place.line + lines, column_after(before))
}

/// The column, in characters, of the byte after these.
fn column_after(before: &[u8]) -> u32 {
    let line = memchr::memrchr(b'\n', before).map_or(before, |at| &before[at + 1..]);
    String::from_utf8_lossy(line).chars().count() as u32 + 1
}

fn line_and_column(bytes: &[u8], head: &BlockHead, at: usize) -> (u64, u32) {
    let lines = memchr::memchr_iter(b'\n', &bytes[..at]).count() as u64;
    (head.first_line + lines, column_after(&bytes[..at]))
}

#[cold]
fn stray_quote(bytes: &[u8], head: &BlockHead, at: usize) -> FileRefused {
    let (line, column) = line_and_column(bytes, head, at);
    let message = if bytes[at] == b'"' {
        "found a quote inside an unquoted field, expected quotes around the whole field".to_owned()
    } else {
        format!(
            "found `{}` after a closing quote, expected a comma or the end of the line",
            shown(&bytes[at..(at + 1).min(bytes.len())])
        )
    };
    FileRefused {
        line,
        column,
        message,
        help:
            "rows after it cannot be trusted: ask for a file quoted as RFC 4180 says; nothing of it was taken"
                .to_owned(),
    }
}

/// Where full rows can be fetched again.
pub enum RowSource {
    /// The file itself, as it lies on disk: read by position.
    Positions(File),
    /// Unpacked and decoded text from its first byte: read through.
    Stream(Box<dyn Read + Send>),
}

/// Reads rows again at places given in ascending order, each handed to `sink` as in the first reading. The text must
/// be what [`crate::ingest::csv_blocks::BlockReader`] saw: a stream is unpacked and decoded the same way.
///
/// # Errors
/// Reading failed, or the text is no longer what it was.
pub fn fetch_rows<S: RowSink>(
    source: RowSource,
    binding: &HeaderBinding,
    places: &[Place],
    context: &ReadContext,
    work: &mut Work,
    sink: &mut S,
) -> io::Result<()> {
    assert!(
        places.is_sorted_by_key(|place| place.offset),
        "places come in the order of the file"
    );
    let mut text = match source {
        RowSource::Positions(file) => Text::Positions { file, at: 0 },
        RowSource::Stream(stream) => Text::Stream(io::BufReader::with_capacity(256 << 10, stream)),
    };
    let mut at = 0u64;
    let mut buffer: Vec<u8> = Vec::new();
    for place in places {
        // `buffer` holds the text from `at`; drop what lies before the row, or jump there.
        let end = at + buffer.len() as u64;
        if place.offset < end {
            buffer.drain(..(place.offset - at) as usize);
        } else {
            buffer.clear();
            text.skip_to(end, place.offset)?;
        }
        at = place.offset;
        let length = loop {
            if let Some(length) = record_length(&buffer) {
                break length;
            }
            let before = buffer.len();
            if before > RECORD_BYTES_MAX || text.more(&mut buffer)? == 0 {
                if buffer.is_empty() {
                    return Err(changed());
                }
                buffer.push(b'\n');
            }
        };
        let head = BlockHead {
            sequence: 0,
            first_line: place.line,
            byte_offset: place.offset,
            last: false,
        };
        let rows =
            parse_block(binding, &head, &buffer[..length], context, work, sink).map_err(|_| changed())?;
        if rows != 1 {
            return Err(changed());
        }
    }
    Ok(())
}

fn changed() -> io::Error {
    io::Error::new(io::ErrorKind::ResourceBusy, "the file changed while it was read")
}

/// Length of the first record, its line end included.
fn record_length(bytes: &[u8]) -> Option<usize> {
    let mut inside = false;
    for at in memchr::memchr2_iter(b'"', b'\n', bytes) {
        if bytes[at] == b'"' {
            inside = !inside;
        } else if !inside {
            return Some(at + 1);
        }
    }
    None
}

enum Text {
    Positions { file: File, at: u64 },
    Stream(io::BufReader<Box<dyn Read + Send>>),
}

impl Text {
    fn skip_to(&mut self, from: u64, to: u64) -> io::Result<()> {
        match self {
            Text::Positions { at, .. } => {
                *at = to;
                Ok(())
            }
            Text::Stream(stream) => {
                let skipped = io::copy(&mut stream.take(to - from), &mut io::sink())?;
                if skipped == to - from {
                    Ok(())
                } else {
                    Err(changed())
                }
            }
        }
    }

    /// Appends the text that follows; the number of bytes, 0 at the end.
    fn more(&mut self, buffer: &mut Vec<u8>) -> io::Result<usize> {
        match self {
            // Rows lie apart: what is read beyond one is read in vain. A row that is longer is met in steps that double.
            Text::Positions { file, at } => {
                let known = buffer.len();
                buffer.resize(known + known.max(512), 0);
                let read = loop {
                    match file.read_at(&mut buffer[known..], *at) {
                        Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                        read => break read,
                    }
                };
                buffer.truncate(known + *read.as_ref().unwrap_or(&0));
                *at += *read.as_ref().unwrap_or(&0) as u64;
                read
            }
            Text::Stream(stream) => stream.take(64 << 10).read_to_end(buffer),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
