//! Stage 1: the one reader of table formats, driven by a [`Profile`].
//!
//! In: the bytes of one file and a profile. Out: channel or bank rows, rejects that name the file's own column title,
//! and the control totals that held. Rule: SPEC §4.1 (a row is read exactly or refused), R36 (totals over rows as
//! delivered), R37 (amounts), R45 (Alipay). A row with too many fields is never guessed at: it is refused, unless the
//! profile names the one free text that may hold bare delimiters and its neighbours read as what they must be.
//!
//! [`lines`] gives whole records of text ([`gbk`] where they are Chinese) with the separators that [`scan`] finds, [`cut`] and
//! [`cells`] their cells, [`bind`] and [`fields`] what a profile makes of them, [`totals`] and [`balance`] what must add up; here is
//! the order in which records come; what each of them is say [`recognise`], [`framing`], [`facts`], [`header`] and [`row`]. Rows are read many at a time, column by column ([`by_column`],
//! [`usual`], [`runs`]), and one by one where anything about them is unusual: the record is what counts, the columns are for speed.
//! Not done here: which source claims a file, archives, duplicate deliveries, drafts of profiles.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;
use std::rc::Rc;

use bumpalo::Bump;
use encoding_rs::{Encoding, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE};
use rustc_hash::FxHashMap;

use super::decode::{SAVED_ANEW, TextReader, Utf8Watch, Watched, by_label, byte_order_mark, peek};
use super::profile::{self, Frame, Profile, TimePattern, Verified};
use super::summary::{self, Summing};
use super::values::zone;
use super::{FileFacts, FileRefused, FormatContext, HEAD_BYTES, Period};
use crate::entries::rows::{Place, RowSink};

use balance::Chain;
pub use bind::NOT_TOLD_BY_FILE;
use bind::{BoundCondition, Times};
use cells::{Cut, Edges};
use clock::Clock;
use fields::Fields;
use lines::{Blocks, Record, Room};
pub use other_kinds::other_kind;
pub use recognise::{Kind, UNKNOWN_ANSWER, answer, cut_short, encoding_of, no_data, recognise};
use recognise::{look, unknown, with_other_delimiter};
use row_digest::{Digest, SameRows, digests};
use scan::Marks;
use totals::Totals;

pub use differs::{Difference, difference};

mod balance;
mod bind;
mod by_column;
mod cells;
mod clock;
mod cut;
mod differs;
mod facts;
mod fields;
mod frame_line;
mod framing;
mod gbk;
mod header;
mod lines;
mod other_kinds;
mod recognise;
mod roundings;
mod row;
mod row_digest;
mod runs;
mod said;
mod scan;
mod spreadsheet;
mod totals;
mod usual;
mod whose;

/// Bytes of a file of sums that are read.
const SUMMARY_BYTES_MAX: usize = 4 << 20;

/// What is said of a file that could have lost rows without a trace.
pub const NOT_PROVEN: &str = "nothing in this file says that it is whole: it states no total, no running balance and no end, so rows missing at its end would not be seen";

/// Reads one file by a profile.
///
/// # Errors
/// The file is refused; what the sink was given is void.
pub fn read<'a>(
    profile: &Profile,
    bytes: Box<dyn Read + 'a>,
    ctx: &FormatContext<'_>,
    sink: &mut dyn RowSink,
) -> Result<FileFacts, FileRefused> {
    read_in(Way::ByColumn, profile, bytes, ctx, sink)
}

/// How rows of the shape of the header are read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Way {
    /// Many at a time, column by column, where the profile can be read so.
    ByColumn,
    /// Record by record: slower, and otherwise the same.
    ByRecord,
}

/// As [`read`], in one of the two ways.
///
/// # Errors
/// As [`read`].
pub fn read_in<'a>(
    way: Way,
    profile: &Profile,
    mut bytes: Box<dyn Read + 'a>,
    ctx: &FormatContext<'_>,
    sink: &mut dyn RowSink,
) -> Result<FileFacts, FileRefused> {
    let head = peek(&mut *bytes, HEAD_BYTES)?;
    let configured = match &ctx.source.encoding {
        Some(label) => Some(by_label(label, 0)?),
        None => None,
    };
    let other;
    let (profile, (kind, encoding)) = match look(profile, &head, configured) {
        Some(seen) => (profile, seen),
        None => match with_other_delimiter(profile, &head, configured) {
            Some((found, seen)) => {
                other = found;
                (&other, seen)
            }
            None => return Err(unknown(profile, &head, configured)),
        },
    };
    if let Kind::Skipped(why) = kind {
        return skipped(why, encoding, head, bytes);
    }
    let mark = byte_order_mark(&head).map_or(0, |(_, mark)| mark);
    let mut source: Box<dyn Read + 'a> = Box::new(std::io::Cursor::new(head[mark..].to_vec()).chain(bytes));
    // Every file is a text in an encoding of single bytes. Only the book can insist on one for what is UTF-8.
    // Where places are counted in bytes of Chinese, letters that were saved as UTF-8 move all that stands behind them.
    let is_fixed = !profile.frame.fixed.is_empty();
    let may_be_other = encoding.is_single_byte() || (is_fixed && [GB18030, GBK].contains(&encoding));
    let watched = (may_be_other && configured.is_none()).then(Rc::<RefCell<Utf8Watch>>::default);
    if let Some(watch) = &watched {
        source = Box::new(Watched(source, Rc::clone(watch)));
    }
    let marks = Marks::of(&profile.frame);
    let in_place = profile.frame.fixed.is_empty();
    let mut blocks = if encoding == UTF_16LE || encoding == UTF_16BE {
        // Offsets are those of the decoded text.
        let text = UnboundedText(TextReader::new(source, encoding));
        Blocks::new(Box::new(text), UTF_8, 0, marks, false)
    } else {
        Blocks::new(source, encoding, mark, marks, in_place)
    };
    let clock = Clock::new(zone(&ctx.settings.institution.time_zone)?);
    let is_summed = summary::is_summed(&profile.name);
    let mut summing = Summing::new(sink, &profile.name);
    let given: &mut dyn RowSink = match is_summed {
        true => &mut summing,
        false => summing.inner(),
    };
    let mut table = Table::new(profile, ctx, given, clock, encoding, marks);
    table.way = way;
    table.start()?;
    while let Some(block) = blocks.next()? {
        table.block(block)?;
    }
    if let Some(line) = watched.and_then(|watch| {
        let watch = watch.borrow();
        // Two letters of Chinese can be two of UTF-8 by chance, and never Chinese ones.
        let is_chinese = encoding.is_single_byte() || watch.has_wide_letters();
        watch.line_of_letters().filter(|_| is_chinese)
    }) {
        let name = encoding.name();
        if is_fixed {
            return Err(FileRefused::at(
                line,
                format!(
                    "its letters are UTF-8, and its places are counted in bytes of {name}: found UTF-8, expected {name}"
                ),
                SAVED_ANEW,
            ));
        }
        return Err(FileRefused::at(
            line,
            format!("its letters are UTF-8 and would be read as others in {name}"),
            format!(
                "add \"utf-8\" to `encodings` of the profile before {name}; where they are {name} all the same, set `encoding` of the source in book.toml"
            ),
        ));
    }
    let mut facts = table.end()?;
    facts.row_sums = is_summed.then_some(summing.sums);
    Ok(facts)
}

/// A file that gives no rows, and what it states of those of another.
fn skipped<'a>(
    why: String,
    encoding: &'static Encoding,
    head: Vec<u8>,
    mut bytes: Box<dyn Read + 'a>,
) -> Result<FileFacts, FileRefused> {
    let rest = peek(&mut *bytes, SUMMARY_BYTES_MAX)?;
    let text = [head, rest].concat();
    let mut noted = vec![format!("not read: {why}")];
    let mut stated_sums = None;
    match summary::stated(&text, encoding) {
        Some(Ok(stated)) => stated_sums = Some(stated),
        Some(Err(words)) => noted.push(words),
        None => {}
    }
    let day = summary::day_of_report(&text, encoding);
    Ok(FileFacts {
        period: day.map(|(line, day)| Period {
            line,
            from: clock::midnight(day),
            until: clock::midnight(day.plus_days(1)),
        }),
        stated_sums,
        noted,
        without_rows: why,
        ..FileFacts::default()
    })
}

/// Text whose lines are bounded by [`Blocks`].
struct UnboundedText<'a>(TextReader<'a>);

impl Read for UnboundedText<'_> {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        self.0.next_piece();
        self.0.read(out)
    }
}

/// Where in the frame the reader is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum At {
    /// Before the line that begins the table.
    Before,
    /// The header comes next.
    Header,
    /// Among the rows.
    Rows,
    /// The summary comes next.
    Summary,
    /// Behind the line that ends the table.
    Behind,
}

/// Lines that are no rows: how many, and the first.
#[derive(Clone, Copy, Default)]
struct PassedOver {
    count: u64,
    first: u64,
}

impl PassedOver {
    fn add(&mut self, line: u64) {
        if self.count == 0 {
            self.first = line;
        }
        self.count += 1;
    }
}

/// Rows that are passed over, and whether they must add up all the same.
struct SkippedWhen<'p> {
    when: Vec<BoundCondition<'p>>,
    adds_up: bool,
}

/// Columns and fields of a file whose header was read.
struct Plan<'p> {
    titles: Vec<String>,
    free_text: Option<usize>,
    guards: Vec<(usize, &'p TimePattern)>,
    skipped: Vec<SkippedWhen<'p>>,
    refused: Vec<(Vec<BoundCondition<'p>>, &'p str)>,
    fields: Fields<'p>,
    needs_digest: bool,
    /// Of rows without a number, for each title whether its text tells them apart.
    telling: Vec<bool>,
    /// Columns that are looked at.
    needed: Vec<usize>,
    /// Nearly all rows can be cut at their delimiters, without a look at the others.
    cuts_needed: bool,
    /// Rows can be read many at a time.
    by_column: bool,
    edges: Edges,
}

struct Table<'r> {
    profile: &'r Profile,
    ctx: &'r FormatContext<'r>,
    sink: &'r mut dyn RowSink,
    encoding: &'static Encoding,
    marks: Marks,
    times: Times,
    at: At,
    facts: FileFacts,
    /// First hole of each fact, by name.
    facts_told: BTreeMap<String, String>,
    /// Facts that were told once more, and otherwise.
    facts_told_again: Vec<(String, String)>,
    totals: Totals<'r>,
    chain: Option<Chain>,
    plan: Option<Plan<'r>>,
    summary_titles: Vec<String>,
    /// Bytes with which a record may begin that is no row, in UTF-8, and whether one of them is above ASCII.
    may_be_frame: [bool; 256],
    may_be_frame_high: bool,
    /// Lines before the header that were passed over.
    passed: u32,
    cut: Cut,
    way: Way,
    /// Where texts of a block lie that were made.
    arena: Bump,
    /// A delimiter stands behind the last title, as it does behind the last cell of a row.
    ends_with_delimiter: bool,
    /// Lines of delimiters alone, which spreadsheets leave behind the rows.
    without_text: PassedOver,
    /// Where a record in GBK is decoded.
    room: Room,
    /// The header as delivered, where files have one; and the lines in which it stood again.
    header: Vec<u8>,
    headers_again: PassedOver,
    /// The records are those of the end of the file, and no line end stands behind them.
    is_open: bool,
    /// Where the last row stands that was read by itself.
    last_row: Place,
    /// Rows of these very texts.
    seen: FxHashMap<[u8; 16], SameRows>,
    digest: Digest,
}

impl<'r> Table<'r> {
    fn new(
        profile: &'r Profile,
        ctx: &'r FormatContext<'r>,
        sink: &'r mut dyn RowSink,
        clock: Clock,
        encoding: &'static Encoding,
        marks: Marks,
    ) -> Table<'r> {
        let totals = Totals::new(profile);
        let frame = &profile.frame;
        let mut may_be_frame = [false; 256];
        let mut mark = |byte: u8| may_be_frame[usize::from(byte)] = true;
        let patterns = frame.begin.iter().chain(&frame.end);
        let patterns = patterns.chain(profile.facts.iter().map(|(pattern, _)| pattern));
        let patterns = patterns.chain(profile.period.iter().map(|period| &period.line));
        patterns.for_each(|pattern| mark(pattern.first_byte()));
        totals.first_bytes().into_iter().for_each(&mut mark);
        let texts = frame.comments.iter().chain(&frame.header_type);
        let texts = texts.chain(&frame.other_types).chain(&frame.row_types);
        let texts = texts.chain(frame.summary_header.first());
        texts.filter_map(|text| text.bytes().next()).for_each(&mut mark);
        // A quote may stand before the text that tells a record's kind.
        let told_inside = totals.first_bytes().len()
            + frame.other_types.len()
            + frame.row_types.len()
            + frame.comments.len()
            + usize::from(frame.end.is_some());
        if let (Some(quote), true) = (frame.quote, told_inside > 0) {
            mark(quote);
        }
        for byte in 0..=255u8 {
            let padding = frame
                .comment_padding
                .iter()
                .any(|c| c.len_utf8() > 1 || *c as u32 == u32::from(byte));
            if padding || frame.trim.has_byte(byte) || byte.is_ascii_whitespace() {
                mark(byte);
            }
        }
        Table {
            profile,
            ctx,
            sink,
            encoding,
            marks,
            times: Times::new(clock, ctx.business_date),
            at: At::Before,
            facts: FileFacts {
                encoding: encoding.name().to_owned(),
                ..FileFacts::default()
            },
            facts_told: BTreeMap::new(),
            facts_told_again: Vec::new(),
            totals,
            chain: profile.balance.map(Chain::new),
            plan: None,
            summary_titles: Vec::new(),
            may_be_frame,
            may_be_frame_high: may_be_frame[0x80..].contains(&true),
            passed: 0,
            cut: Cut::default(),
            way: Way::ByColumn,
            arena: Bump::new(),
            ends_with_delimiter: false,
            without_text: PassedOver::default(),
            room: Room::default(),
            header: Vec::new(),
            headers_again: PassedOver::default(),
            is_open: false,
            last_row: Place::default(),
            seen: FxHashMap::default(),
            digest: Digest::default(),
        }
    }

    /// Begins with the rows where files have neither header nor begin line.
    fn start(&mut self) -> Result<(), FileRefused> {
        let titles = self.profile.own_titles();
        if !titles.is_empty() && self.profile.frame.begin.is_none() && self.profile.frame.preamble_lines == 0
        {
            self.bind(0, titles)?;
        }
        Ok(())
    }

    #[inline]
    fn record(&mut self, record: &Record<'_>) -> Result<(), FileRefused> {
        if self.profile.frame.header_again && self.is_header_again(record) {
            self.headers_again.add(record.place.line);
            return Ok(());
        }
        if is_of_delimiters(record.bytes, &self.profile.frame) && self.at != At::Before {
            self.without_text.add(record.place.line);
            return Ok(());
        }
        let is_row = match record.bytes.first() {
            Some(0x80..) if record.in_gbk => self.at == At::Rows && !self.may_be_frame_high,
            Some(first) => self.at == At::Rows && !self.may_be_frame[usize::from(*first)],
            None => false,
        };
        if is_row && self.row(record) {
            return Ok(());
        }
        if !record.in_gbk {
            return self.other(record);
        }
        self.record_in_gbk(record, is_row)
    }

    /// True of a line among the rows that is the header, byte for byte.
    #[inline]
    fn is_header_again(&self, record: &Record<'_>) -> bool {
        self.at == At::Rows && !self.header.is_empty() && self.header == record.raw
    }

    /// A record in GBK, as text.
    #[inline(never)]
    fn record_in_gbk(&mut self, record: &Record<'_>, is_row: bool) -> Result<(), FileRefused> {
        let mut room = std::mem::take(&mut self.room);
        let whole = record.whole(self.marks, &mut room);
        let result = if is_row {
            self.row(&whole);
            Ok(())
        } else {
            self.other(&whole)
        };
        self.room = room;
        result
    }

    fn broken(&self, line: u64, what: &str) -> FileRefused {
        FileRefused::at(
            line,
            format!("{what} ({})", self.profile.title),
            "the file was cut off, joined or changed: fetch it again and run the day again",
        )
    }

    fn end(mut self) -> Result<FileFacts, FileRefused> {
        match self.at {
            At::Before | At::Header => return Err(self.broken(0, "the file ends before its header")),
            At::Summary => return Err(self.broken(0, "the file ends before its summary")),
            At::Rows if self.profile.frame.end.is_some() => {
                return Err(self.broken(0, "the line that ends the table is missing"));
            }
            At::Rows if let Some(last) = &self.profile.frame.last_type => {
                return Err(self.broken(0, &format!("the file ends before its record {last}")));
            }
            At::Rows | At::Behind => {}
        }
        self.facts_not_told()?;
        if let Some(Plan {
            fields: Fields::Bank(fields),
            ..
        }) = &mut self.plan
        {
            if let Some(refused) = fields.other_account() {
                return Err(refused);
            }
            self.facts.statements.extend(fields.unknown_account().cloned());
            self.facts.digests = digests(std::mem::take(&mut self.seen), fields.constant_account());
        }
        let mut rounded = Vec::new();
        if let Some(Plan {
            fields: Fields::Channel(fields),
            ..
        }) = &mut self.plan
        {
            let roundings = fields.give_roundings(self.last_row, self.sink)?;
            (rounded, self.facts.rounded) = roundings;
        }
        let PassedOver { count, first } = self.headers_again;
        if count > 0 {
            let often = match count {
                1 => format!("once, in line {first}"),
                _ => format!("{count} times, first in line {first}"),
            };
            let words = format!("the header stands again among the rows, {often}: it is no row");
            self.facts.noted.push(words);
        }
        let compared = self.totals.check()?;
        self.facts.checked = compared.checked;
        self.facts.noted.extend(compared.noted);
        self.facts.checked.extend(rounded);
        let frame = &self.profile.frame;
        let mut is_proven = frame.end.is_some() || frame.last_type.is_some() || self.totals.are_stated();
        if let Some(chain) = &mut self.chain {
            let told = chain.check(self.ctx, self.sink)?;
            is_proven |= !told.checked.is_empty();
            self.facts.checked.extend(told.checked);
            self.facts.statements.extend(told.broken);
            self.facts.undated = told.undated;
        }
        if !is_proven {
            self.facts.noted.push(NOT_PROVEN.to_owned());
        }
        let PassedOver { count, first } = self.without_text;
        if count > 0 {
            self.facts.noted.push(format!(
                "rows of separators alone, as a spreadsheet leaves them, are passed over: {count}, the first in line {first}"
            ));
        }
        if self.profile.verified == Some(Verified::Published) {
            self.facts.statements.push(format!(
                "the profile {} was made from published field names; no real file has been seen: compare its first rows with the file",
                self.profile.name
            ));
        }
        Ok(self.facts)
    }
}

/// True of a record with delimiters and nothing else, as spreadsheets write rows of empty cells.
#[inline(always)]
fn is_of_delimiters(record: &[u8], frame: &Frame) -> bool {
    record.first() == Some(&frame.delimiter)
        && frame.fixed.is_empty()
        && frame.header_type.is_none()
        && record
            .iter()
            .all(|byte| *byte == frame.delimiter || matches!(byte, b' ' | b'\t' | b'\r'))
}

#[cfg(test)]
mod tests;

#[cfg(test)]
mod samples;

#[cfg(test)]
mod layouts;

#[cfg(test)]
mod china;
#[cfg(test)]
mod unionpay;

#[cfg(test)]
mod damage;

#[cfg(test)]
mod own;

#[cfg(test)]
mod resaved;

#[cfg(test)]
mod writings;

#[cfg(test)]
mod whole;

#[cfg(test)]
mod acquirers;
