//! Stage 1: the one reader of table formats, driven by a [`Profile`].
//!
//! In: the bytes of one file and a profile. Out: channel or bank rows, rejects that name the file's own column title,
//! and the control totals that held. Rule: SPEC §4.1 (a row is read exactly or refused), R36 (totals over rows as
//! delivered), R37 (amounts), R45 (Alipay). A row with too many fields is never guessed at: it is refused, unless the
//! profile names the one free text that may hold bare delimiters and its neighbours read as what they must be.
//!
//! [`lines`] gives whole records of text ([`gbk`] where they are Chinese) with the separators that [`scan`] finds, [`cut`] and
//! [`cells`] their cells, [`bind`] and [`fields`] what a profile makes of them, [`totals`] and [`balance`] what must add up; here is
//! the frame: what a record is, and in which order they come. Rows are read many at a time, column by column ([`by_column`],
//! [`usual`], [`runs`]), and one by one where anything about them is unusual: the record is what counts, the columns are for speed.
//! Not done here: which source claims a file, archives, duplicate deliveries, drafts of profiles.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::Read;
use std::rc::Rc;

use bumpalo::Bump;
use encoding_rs::{Encoding, GB18030, GBK, UTF_8, UTF_16BE, UTF_16LE};
use rustc_hash::FxHashMap;

use super::decode::{
    SAVED_ANEW, TextReader, Utf8Watch, Watched, behind_mark, by_label, byte_order_mark, peek,
};
use super::profile::{self, Frame, LinePattern, Other, Profile, Stated, TimePattern, Verified};
use super::summary::{self, Summing};
use super::values::{masked, shown, zone};
use super::{FileFacts, FileRefused, FormatContext, HEAD_BYTES, Period, RowDigest, grammars};
use crate::entries::rows::{Place, Reject, RowSink};
use crate::terms::digest::sha256_hex;

use balance::Chain;
pub use bind::NOT_TOLD_BY_FILE;
use bind::{BoundCondition, Columns, Times, all_hold};
use cells::{Cut, CutFrom, Edges};
use clock::Clock;
use cut::{Row, Standing, anchor, cut_fixed, record_bytes, standing};
use fields::{Fields, bind_fields};
use frame_line::FrameLine;
use lines::{Blocks, Quotes, Record, Room, decode};
pub use other_kinds::other_kind;
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
mod fields;
mod frame_line;
mod gbk;
mod lines;
mod other_kinds;
mod roundings;
mod runs;
mod said;
mod scan;
mod spreadsheet;
mod totals;
mod usual;
mod whose;

/// Lines of a file in which a header is looked for.
const HEAD_LINES: usize = 64;
/// Bytes of a file of sums that are read.
const SUMMARY_BYTES_MAX: usize = 4 << 20;
/// Hexadecimal digits of a row's digest (as of a line id of camt.053).
const DIGEST_CHARS: usize = 32;

/// Characters of a line that is not ended that are shown.
const OPEN_END_CHARS: usize = 40;

/// Lines that say a fact once more and otherwise, and that are compared; a file of one account has none.
const FACTS_AGAIN_MAX: usize = 100;

/// What is said of an answer that no profile knows.
pub const UNKNOWN_ANSWER: &str = "an answer of the sender's system";

/// What a file of a format is.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Kind {
    /// It holds rows.
    Rows,
    /// It belongs to the format but gives no rows, for this reason.
    Skipped(String),
}

/// What the first bytes of a file show it to be; `None` when it is no file of this profile. `encoding` is the one that
/// the settings name.
pub fn recognise(profile: &Profile, head: &[u8], encoding: Option<&'static Encoding>) -> Option<Kind> {
    let found = look(profile, head, encoding).map(|(kind, _)| kind);
    found.or_else(|| {
        let (_, (kind, _)) = with_other_delimiter(profile, head, encoding)?;
        Some(kind)
    })
}

/// The profile with that of its other delimiters by which a file is one of it, where there is one.
fn with_other_delimiter(
    profile: &Profile,
    head: &[u8],
    encoding: Option<&'static Encoding>,
) -> Option<(Profile, (Kind, &'static Encoding))> {
    let mut other = profile.clone();
    for delimiter in std::mem::take(&mut other.frame.other_delimiters) {
        other.frame.delimiter = delimiter;
        if let Some(seen) = look(&other, head, encoding) {
            return Some((other, seen));
        }
    }
    None
}

/// The encoding in which a file with these first bytes is read by a profile, if it is one of its files.
pub fn encoding_of(profile: &Profile, head: &[u8]) -> Option<&'static Encoding> {
    look(profile, head, None).map(|(_, encoding)| encoding)
}

fn look(
    profile: &Profile,
    head: &[u8],
    encoding: Option<&'static Encoding>,
) -> Option<(Kind, &'static Encoding)> {
    // A cut last line could be cut inside a character: look at whole lines only, if there are any.
    let (marked, head) = behind_mark(head);
    let whole = memchr::memrchr(b'\n', head).map_or(head, |end| &head[..end]);
    let candidates = match marked.or(encoding) {
        Some(one) => vec![one],
        None => profile.encodings.clone(),
    };
    let mut fits = None;
    for candidate in candidates {
        let wide = candidate == UTF_16LE || candidate == UTF_16BE;
        let seen = if wide {
            let even = &head[..head.len() & !1];
            kind_of_text(profile, &candidate.decode_without_bom_handling(even).0, candidate)
        } else {
            kind_of_lines(profile, candidate, whole)
        };
        let seen = seen.or_else(|| kind_of_shape(profile, candidate, whole));
        let Some(kind) = seen else { continue };
        let decodes = wide || decode(candidate, whole).is_some();
        if decodes {
            return Some((kind, candidate));
        }
        fits.get_or_insert((kind, candidate));
    }
    fits
}

fn kind_of_lines(profile: &Profile, encoding: &'static Encoding, head: &[u8]) -> Option<Kind> {
    let mut text = String::new();
    for (index, line) in head.split(|byte| *byte == b'\n').take(HEAD_LINES).enumerate() {
        match decode(encoding, line) {
            Some(line) => text.push_str(&line),
            None if index == 0 => return None,
            None => break,
        }
        text.push('\n');
    }
    kind_of_text(profile, &text, encoding)
}

/// A file without header or first line is known by the length of its first row and by the times that must stand there.
fn kind_of_shape(profile: &Profile, encoding: &'static Encoding, head: &[u8]) -> Option<Kind> {
    if !profile.first_lines.is_empty() || !profile.header.is_empty() || profile.frame.fixed.is_empty() {
        return None;
    }
    let (line, _) = first_row(profile, encoding, head)?;
    misshapen(profile, encoding, line).is_none().then_some(Kind::Rows)
}

/// The first row of records at fixed places and its line: the one behind the line that begins the table, where files have one.
fn first_row<'h>(profile: &Profile, encoding: &'static Encoding, head: &'h [u8]) -> Option<(&'h [u8], u64)> {
    let lines = head.split(|byte| *byte == b'\n').zip(1..).take(HEAD_LINES);
    let mut lines = lines.map(|(line, at)| (line.strip_suffix(b"\r").unwrap_or(line), at));
    if let Some(begin) = &profile.frame.begin {
        lines.find(|(line, _)| {
            let text = decode(encoding, line);
            text.is_some_and(|text| {
                FrameLine::new(&text, &profile.frame, encoding)
                    .fit(begin)
                    .is_some()
            })
        })?;
    }
    lines.next()
}

/// What keeps a record from being a row at fixed places; a line behind the rows is one too, of a day without any.
fn misshapen(profile: &Profile, encoding: &'static Encoding, line: &[u8]) -> Option<String> {
    let frame = &profile.frame;
    let (mut plain, mut cells) = (String::new(), Vec::new());
    let behind = profile.totals.iter().filter_map(|total| match &total.stated {
        Stated::Line(pattern) => Some(pattern),
        _ => None,
    });
    let text = decode(encoding, line).unwrap_or_default();
    let of_frame = FrameLine::new(&text, frame, encoding);
    let mut behind = behind.chain(&frame.end);
    if frame.begin.is_some() && behind.any(|pattern| of_frame.fit(pattern).is_some()) {
        return None;
    }
    if let Err(found) = cut_fixed(line, encoding, frame, &mut plain, &mut cells) {
        let expected = record_bytes(frame);
        let returns = if line.ends_with(b"\r") { TWO_RETURNS } else { "" };
        return Some(format!(
            "{found}{returns}, expected {expected} bytes with its fields at their places"
        ));
    }
    let titles = profile.own_titles();
    let cell = |title: &String| {
        let at = titles.iter().position(|known| known == title)?;
        let (start, end) = *cells.get(at)?;
        Some(frame.trim.text(&plain[start as usize..end as usize]))
    };
    let wrong = frame
        .guards
        .iter()
        .find(|(title, pattern)| cell(title).and_then(|text| pattern.read(text)).is_none());
    wrong.map(|(title, _)| {
        let text = differs::masked_line(cell(title).unwrap_or_default());
        format!("`{text}` at the place of {title}, expected a time as in `guards`")
    })
}

fn kind_of_text(profile: &Profile, text: &str, encoding: &'static Encoding) -> Option<Kind> {
    let padding = |c: char| profile.frame.comment_padding.contains(&c) || c == '\r';
    let first = text.lines().next()?.trim_end_matches(padding);
    for (pattern, why) in &profile.skipped_files {
        if pattern.fit(first, encoding).is_some() || pattern.fit(first.trim(), encoding).is_some() {
            return Some(Kind::Skipped(why.clone()));
        }
    }
    let firsts = &profile.first_lines;
    let line = FrameLine::new(first, &profile.frame, encoding);
    if !firsts.is_empty() && !firsts.iter().any(|pattern| line.fit(pattern).is_some()) {
        return None;
    }
    if profile.header.is_empty() {
        return (!firsts.is_empty()).then_some(Kind::Rows);
    }
    text.lines()
        .take(HEAD_LINES)
        .any(|line| is_header(profile, line))
        .then_some(Kind::Rows)
}

/// The titles of a line, if it is a header.
fn titles_in<'t>(profile: &Profile, line: &'t str) -> Vec<&'t str> {
    let delimiter = char::from(profile.frame.delimiter);
    let marks = [profile.frame.quote, profile.frame.cell_mark];
    let is_edge = |c: char| {
        profile.frame.trim.has(c) || marks.iter().flatten().any(|mark| char::from(*mark) == c) || c == '\r'
    };
    line.split(delimiter)
        .map(|title| title.trim_matches(is_edge))
        .collect()
}

/// True when a line has all titles by which the profile knows its header, and none that makes it another's.
fn is_header(profile: &Profile, line: &str) -> bool {
    header_of(profile, line).is_some_and(|other| other.is_none())
}

/// What a line with the titles of the header is the header of: of the profile (`None`), or of another kind of file.
fn header_of<'p>(profile: &'p Profile, line: &str) -> Option<Option<&'p Other>> {
    let titles = titles_in(profile, line);
    let has = |any: &Vec<String>| any.iter().any(|title| titles.contains(&title.as_str()));
    let of_other = |other: &&Other| other.header.iter().any(|title| titles.contains(&title.as_str()));
    let is_like = profile.header.iter().all(has);
    is_like.then(|| profile.others.iter().find(of_other))
}

/// What a file is that has the titles of the profile and is another.
fn other_of<'p>(profile: &'p Profile, head: &[u8]) -> Option<&'p Other> {
    if profile.others.is_empty() {
        return None;
    }
    let (marked, head) = behind_mark(head);
    let encodings = marked.into_iter().chain(profile.encodings.iter().copied());
    encodings.into_iter().find_map(|encoding| {
        let text = encoding.decode_without_bom_handling(head).0;
        let lines = text.lines().take(HEAD_LINES);
        let mut others = lines.filter_map(|line| header_of(profile, line)?);
        others.next()
    })
}

/// Why a file is none of this profile, as well as its first bytes tell.
fn unknown(profile: &Profile, head: &[u8], encoding: Option<&'static Encoding>) -> FileRefused {
    let grammar = grammars::recognise(head);
    if let Some(answer) = answer(profile, head).filter(|_| grammar.is_none()) {
        return answer;
    }
    let found = differs::difference(profile, head, encoding);
    let message = format!(
        "this is no file of format {} ({}): {}",
        profile.name, profile.title, found.words
    );
    let other = grammar.or_else(|| {
        profile::builtin_names().find(|name| {
            let known = profile::builtin(name).and_then(|text| Profile::parse(text, name).ok());
            known.is_some_and(|known| recognise(&known, head, encoding).is_some())
        })
    });
    let help = match other {
        Some(other) => format!("it looks like a file of format `{other}`: name that in the source, or put the file where its source takes it"),
        None => "name the right format in the source or take the file out of it; where the sender has changed the file, correct `[recognise]` of the profile in profiles/ of the book (`tieout inspect FILE --book BOOK` compares all profiles)".to_owned(),
    };
    FileRefused::at(found.line, message, help)
}

/// An answer of the sender's system in the place of a file, where a profile knows it or it is no table at all.
pub fn answer(profile: &Profile, head: &[u8]) -> Option<FileRefused> {
    if let Some(other) = other_kind(head) {
        return Some(other);
    }
    if let Some(other) = other_of(profile, head) {
        return Some(FileRefused::at(
            1,
            format!("this is {}", other.what),
            other.help.clone(),
        ));
    }
    let text = String::from_utf8_lossy(&head[..head.len().min(4 << 10)]);
    for answer in &profile.answers {
        if text.contains(answer.contains.as_str()) {
            let usual = "find out whether a bill exists for this day; if there is none, take the file out and say so in the book";
            return Some(FileRefused::at(
                1,
                format!("this is no bill but an answer: {}", answer.why),
                answer.help.as_deref().unwrap_or(usual),
            ));
        }
    }
    markup(&text)
}

/// An answer in XML, HTML or JSON, in which no table is written.
fn markup(text: &str) -> Option<FileRefused> {
    let start = text.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
    if start.starts_with('<') || start.starts_with('{') {
        let answer: String = start.split_whitespace().collect::<Vec<_>>().join(" ");
        return Some(FileRefused::at(
            1,
            format!("this is no bill but {UNKNOWN_ANSWER}: `{}`", shown(&answer)),
            "fetch the bill again, and ask the sender if the answer stays",
        ));
    }
    None
}

/// What is expected in the place of a second header.
const HEADER_AGAIN: &str = "a row: two files may have been put together, so fetch each by itself; where the sender writes the header at the top of each page, say `header_again = true` in [frame]";

/// What is said of a record at fixed places that is longer by a return.
const TWO_RETURNS: &str = " with two carriage returns (CR CR LF) at the end of the line, of which a transfer in text mode adds one: fetch the file again, in binary";

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
    let (stated_sums, noted) = match summary::stated(&text, encoding) {
        Some(Ok(stated)) => (Some(stated), Vec::new()),
        Some(Err(words)) => (None, vec![words]),
        None => (None, Vec::new()),
    };
    let day = summary::day_of_report(&text, encoding);
    Ok(FileFacts {
        checked: vec![format!("not read: {why}")],
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

/// Rows of the same texts.
#[derive(Clone, Copy)]
struct SameRows {
    count: u32,
    /// Line of the first of them.
    line: u32,
    /// Digest of what they say, where they can be read.
    value: Option<u64>,
}

/// A digest of a row, and the texts that it is made of; kept so that their memory is.
#[derive(Default)]
struct Digest {
    texts: Vec<u8>,
    said: Vec<u8>,
    id: String,
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

    /// A record that may be of the frame.
    fn other(&mut self, record: &Record<'_>) -> Result<(), FileRefused> {
        let frame = &self.profile.frame;
        let padding = |c: char| frame.comment_padding.contains(&c);
        let mut framed = record.text.trim_end_matches(padding);
        let fixed = !frame.fixed.is_empty();
        if framed.is_empty() || (!fixed && frame.trim.text(framed).trim().is_empty()) {
            return Ok(());
        }
        let line = record.place.line;
        let begins = |text: &str| {
            frame
                .comments
                .iter()
                .any(|prefix| text.starts_with(prefix.as_str()))
        };
        let mut is_comment = begins(framed);
        // Where cells are quoted, lines of the frame may be: a cell with the whole line.
        let in_quotes = frame
            .quote
            .and_then(|quote| framed.strip_prefix(char::from(quote)));
        if let Some(inside) = in_quotes.filter(|inside| begins(inside)) {
            let quote = frame.quote.map_or('"', char::from);
            framed = inside
                .strip_suffix(quote)
                .unwrap_or(inside)
                .trim_end_matches(padding);
            is_comment = true;
        }
        // Where lines of the frame are comments, a row is none, however its first cell begins.
        let is_row = !is_comment
            && !frame.comments.is_empty()
            && self.at == At::Rows
            && (self.plan.as_ref()).is_some_and(|plan| record.delimiters.len() + 1 == plan.titles.len());
        if self.frame_line(line, framed, is_row)? {
            // What states one total as a line may state another in its cells.
            if !is_comment && matches!(self.at, At::Rows | At::Behind) && self.totals.are_in_rows() {
                self.stated_in_cells(record)?;
            }
            return Ok(());
        }
        if is_comment {
            return Ok(());
        }
        if frame.header_type.is_some() {
            return self.typed(record);
        }
        if self.at == At::Before {
            if frame.begin.is_some() {
                return Err(self.broken(line, "a row stands before the line that begins the table"));
            }
            if !self.is_header_next(record)? {
                return Ok(());
            }
            self.at = At::Header;
        }
        match self.at {
            At::Before | At::Header => self.header(record),
            At::Rows => {
                if !self.summary_or_total(record)? {
                    self.row(record);
                }
                Ok(())
            }
            At::Summary => self.summary(record),
            At::Behind => {
                if self.summary_or_total(record)? {
                    return Ok(());
                }
                Err(self.broken(line, "a row stands behind the line that ends the table"))
            }
        }
    }

    /// Before the header: passes over lines that the profile does not look at; true when the header comes now.
    fn is_header_next(&mut self, record: &Record<'_>) -> Result<bool, FileRefused> {
        let profile = self.profile;
        if self.passed < profile.frame.preamble_lines {
            self.passed += 1;
            return Ok(false);
        }
        if profile.header.is_empty() || !profile.own_titles().is_empty() || is_header(profile, record.text) {
            return Ok(true);
        }
        self.passed += 1;
        if self.passed as usize > HEAD_LINES {
            return Err(self.broken(record.place.line, "no header stands in the first lines"));
        }
        Ok(false)
    }

    fn broken(&self, line: u64, what: &str) -> FileRefused {
        FileRefused::at(
            line,
            format!("{what} ({})", self.profile.title),
            "the file was cut off, joined or changed: fetch it again and run the day again",
        )
    }

    /// Takes a line of the frame; false when it says nothing that the profile knows.
    fn frame_line(&mut self, line: u64, text: &str, is_row: bool) -> Result<bool, FileRefused> {
        let frame = &self.profile.frame;
        let framed = FrameLine::new(text, frame, self.encoding);
        let is = |pattern: &Option<LinePattern>| pattern.as_ref().is_some_and(|it| framed.fit(it).is_some());
        if is(&frame.begin) {
            if self.at != At::Before {
                return Err(self.broken(line, "the table begins twice"));
            }
            self.at = At::Header;
            // Fields may come from what the line says.
            self.totals.state_line(line, &framed)?;
            self.period_line(line, &framed)?;
            self.fact_line(&framed);
            let titles = self.profile.own_titles();
            if !titles.is_empty() {
                self.bind(line, titles)?;
            }
            return Ok(true);
        }
        let totals = self.totals.state_line(line, &framed)?;
        let is_period = self.period_line(line, &framed)?;
        if is(&frame.end) {
            if self.at != At::Rows {
                return Err(self.broken(line, "the table ends where it has not begun"));
            }
            self.at = At::Behind;
            return Ok(true);
        }
        Ok(totals || (!is_row && self.fact_line(&framed)) || is_period)
    }

    /// Takes the line that says of which days the file is; false of any other.
    fn period_line(&mut self, line: u64, framed: &FrameLine<'_>) -> Result<bool, FileRefused> {
        let Some(period) = &self.profile.period else {
            return Ok(false);
        };
        let Some(holes) = framed.fit(&period.line) else {
            return Ok(false);
        };
        let read = |name: &str| {
            let hole = holes.iter().find(|(hole, _)| *hole == name);
            let text = hole.map_or("", |(_, text)| self.profile.frame.trim.text(text));
            period.pattern.read(text).map(|read| read.wall).ok_or_else(|| {
                FileRefused::at(
                    line,
                    format!(
                        "the days of the file: found `{}`, expected a time like {}",
                        shown(text),
                        period.pattern.text()
                    ),
                    "the line was changed: fetch the file again and run the day again",
                )
            })
        };
        let [from, until] = profile::PERIOD_HOLES;
        let (from, mut until) = (read(from)?, read(until)?);
        if !period.pattern.has_time {
            until.date = until.date.plus_days(1);
        }
        let told = Period { line, from, until };
        if self
            .facts
            .period
            .is_some_and(|known| (known.from, known.until) != (from, until))
        {
            return Err(self.broken(line, "the file says twice of which days it is, and not the same"));
        }
        self.facts.period.get_or_insert(told);
        Ok(true)
    }

    /// Keeps what a line of the frame says; false when it says nothing that the profile knows.
    fn fact_line(&mut self, framed: &FrameLine<'_>) -> bool {
        let mut told: Vec<&str> = Vec::new();
        for (pattern, name) in &self.profile.facts {
            // Several facts may stand in one line; several patterns of one fact are forms of it, the first counts.
            if told.contains(&name.as_str()) {
                continue;
            }
            let Some(holes) = framed.fit(pattern) else {
                continue;
            };
            told.push(name);
            let trim = |text: &str| self.profile.frame.trim.text(text).to_owned();
            let texts: Vec<String> = holes.iter().map(|(_, text)| trim(text)).collect();
            let mut of_account = self.profile.fields.get("account").into_iter().flatten();
            let account_rule = of_account.find(|field| field.fact.as_ref() == Some(name));
            let is_account = account_rule.is_some();
            if let Some(first) = texts.first() {
                let before = self
                    .facts_told
                    .entry(name.clone())
                    .or_insert_with(|| first.clone());
                // Two exports put together: the second may be of another account.
                if is_account && before != first && self.facts_told_again.len() < FACTS_AGAIN_MAX {
                    self.facts_told_again.push((name.clone(), first.clone()));
                }
            }
            let in_words = |((hole, _), text): (&(&str, String), &String)| {
                if is_account || matches!(*hole, "account" | "card") {
                    // What all accounts of a sender end with tells none of them apart.
                    masked(
                        self.ctx.settings,
                        account_rule.map_or(text.as_str(), |rule| bind::stripped(rule, text)),
                    )
                } else {
                    shown(text)
                }
            };
            let texts: Vec<String> = holes.iter().zip(&texts).map(in_words).collect();
            self.facts.statements.push(format!("{name} {}", texts.join(" ")));
        }
        !told.is_empty()
    }

    /// Takes the cells of a line that was taken as one of the frame, where they state a total too.
    fn stated_in_cells(&mut self, record: &Record<'_>) -> Result<(), FileRefused> {
        let frame = &self.profile.frame;
        if self.cut.cut(record, frame, self.encoding, false).is_err() {
            return self.no_total_of_fixed_places(record);
        }
        let titles = self.plan.as_ref().map_or(&[][..], |plan| &plan.titles);
        let row = self.cut.row(record);
        self.totals.state_row(&row, titles)?;
        Ok(())
    }

    /// Refuses a record that begins as one with a total does and has no fixed places as the rows have them.
    fn no_total_of_fixed_places(&self, record: &Record<'_>) -> Result<(), FileRefused> {
        let frame = &self.profile.frame;
        let begun = self.totals.begun_by(record.text);
        let Some(name) = begun.filter(|_| !frame.fixed.is_empty()) else {
            return Ok(());
        };
        Err(FileRefused::at(
            record.place.line,
            format!(
                "the record of total {name} has {} bytes and the rows have {}: with `row` its figures stand at the places of the rows",
                record.raw.len(),
                record_bytes(frame)
            ),
            "where the record has places of its own, take `line` in the place of `row` and say them: line = \"T{count:8}{sum:16}\"; where it is cut off, fetch the file again",
        ))
    }

    /// A record of a format whose records have a type.
    fn typed(&mut self, record: &Record<'_>) -> Result<(), FileRefused> {
        let line = record.place.line;
        let frame = &self.profile.frame;
        if let Err(what) = self.cut.cut(record, frame, self.encoding, false) {
            return Err(self.broken(line, &what));
        }
        let row = self.cut.row(record);
        let kind = row.cell(0);
        self.totals.note_record(kind);
        if self.at == At::Behind {
            return Err(self.broken(line, "a record stands behind the one that ends the file"));
        }
        if frame.header_type.as_deref() == Some(kind) {
            let titles = titles_of(&row);
            match &self.plan {
                None => return self.bind(line, titles),
                Some(plan) if plan.titles == titles => {
                    self.totals.new_section();
                    return Ok(());
                }
                Some(_) => return Err(self.broken(line, "a second header has other columns than the first")),
            }
        }
        if frame.row_types.iter().any(|known| known == kind) {
            if self.plan.is_none() {
                return Err(self.broken(line, "a row stands before the header"));
            }
            self.row(record);
            return Ok(());
        }
        let titles = self.plan.as_ref().map_or(&[][..], |plan| &plan.titles);
        let states = self.totals.state_row(&row, titles)?;
        if frame.last_type.as_deref() == Some(kind) {
            if self.plan.is_none() {
                return Err(self.broken(line, "the file ends before its header"));
            }
            self.at = At::Behind;
            return Ok(());
        }
        if states || frame.other_types.iter().any(|known| known == kind) {
            return Ok(());
        }
        let message = format!("a record of the unknown type `{}` stands here", shown(kind));
        Err(self.broken(line, &message))
    }

    fn header(&mut self, record: &Record<'_>) -> Result<(), FileRefused> {
        let line = record.place.line;
        if has_bare_return(record.text.as_bytes()) {
            return Err(FileRefused::at(
                line,
                "its lines end with a carriage return (CR) alone: found no line feed (LF) behind it, expected LF or CR LF",
                "fetch the file again, in binary; where the sender writes it so, ask for lines that end with LF or CR LF",
            ));
        }
        if record.text.ends_with('\r') && !self.profile.frame.trim.has_byte(b'\r') {
            return Err(FileRefused::at(
                line,
                "its lines end with two carriage returns: found CR CR LF, expected LF or CR LF",
                "a transfer in text mode adds such a return to each line: fetch the file again, in binary",
            ));
        }
        let own = self.profile.own_titles();
        if !own.is_empty() {
            self.bind(line, own)?;
            self.row(record);
            return Ok(());
        }
        let frame = &self.profile.frame;
        // Titles have the mark of the cells in some places, and mostly not.
        let marked = frame
            .cell_mark
            .is_some_and(|mark| record.text.as_bytes().first() == Some(&mark));
        if let Err(what) = self.cut.cut(record, frame, self.encoding, marked) {
            return Err(self.broken(line, &what));
        }
        let mut titles = titles_of(&self.cut.row(record));
        if frame.trailing_delimiter && titles.last().is_some_and(String::is_empty) {
            titles.pop();
            self.ends_with_delimiter = frame.cell_mark.is_none();
        }
        self.header = record.raw.to_vec();
        self.bind(line, titles)
    }

    /// Binds everything to the columns of the header.
    fn bind(&mut self, line: u64, titles: Vec<String>) -> Result<(), FileRefused> {
        let profile = self.profile;
        let mut columns = Columns::new(titles, self.facts_told.clone());
        // Rows that are cut at once need neither of them: only those with too many fields do, and all is cut of these.
        // A layout without the free text has none that could hold delimiters: a row with too many fields is refused.
        let free_text = &profile.frame.free_text;
        let free_text = free_text
            .as_ref()
            .and_then(|title| columns.titles.iter().position(|known| known == title));
        let mut guards = Vec::new();
        for (title, pattern) in &profile.frame.guards {
            guards.extend(columns.place_of(title).map(|at| (at, pattern)));
        }
        let skipped = profile.skipped_rows.iter();
        let skipped: Vec<SkippedWhen<'_>> = skipped
            .map(|skipped| SkippedWhen {
                when: BoundCondition::all(&skipped.when, &mut columns, false),
                adds_up: skipped.adds_up,
            })
            .collect();
        let refused = profile.refused_rows.iter();
        let refused: Vec<(Vec<BoundCondition<'_>>, &str)> = refused
            .map(|refused| {
                let when = BoundCondition::all(&refused.when, &mut columns, refused.optional);
                (when, refused.expected.as_str())
            })
            .collect();
        self.totals.bind(&mut columns);
        let fields = bind_fields(profile, &mut columns, self.ctx);
        let changed = if profile::builtin(&profile.name).is_some() {
            "the sender changed the table: compare its header with the profile, and ask for the known one"
        } else {
            "correct the title in the profile; where the sender renamed the column, write the new title beside the old one; \
             where a column is gone, ask the sender for it"
        };
        let help = profile.choose_columns.as_deref().unwrap_or(changed);
        let mut missing = std::mem::take(&mut columns.missing);
        missing.sort();
        missing.dedup();
        // A title that a field lacks is said with the field, and not once more for a total.
        let title = |words: &String| words.split(" (").next().unwrap_or_default().to_owned();
        let of_fields: Vec<String> = missing
            .iter()
            .filter(|words| words.contains(" (of "))
            .map(title)
            .collect();
        missing.retain(|words| words.contains(" (of ") || !of_fields.contains(&title(words)));
        if !missing.is_empty() {
            return Err(FileRefused::at(
                line,
                format!(
                    "the header has no column {}; {}",
                    missing.join(", nor "),
                    differs::titles_shown(&columns.titles)
                ),
                help,
            ));
        }
        self.facts.statements.extend(own_zones(profile, &columns));
        let asked = columns.asked();
        // Which of two columns is meant cannot be told; where none of them is used, nothing is to be told.
        let named = self.totals.titles_stated();
        let is_used = |title: &String| columns.is_used(title) || named.contains(&title.as_str());
        let titles = &columns.titles;
        let twice = titles
            .iter()
            .enumerate()
            .find(|(at, title)| !title.is_empty() && titles[..*at].contains(title) && is_used(title));
        if let Some((_, title)) = twice {
            return Err(FileRefused::at(
                line,
                format!(
                    "the header has the column {} twice, and the profile uses it",
                    shown(title)
                ),
                if profile.choose_columns.is_some() {
                    help
                } else {
                    "which of the two is meant cannot be told: ask the sender for a file with a title for each column"
                },
            ));
        }
        let titles = columns.titles;
        let Some(fields) = fields else {
            return Err(self.broken(line, "the profile names no fields"));
        };
        let needs_digest = match &fields {
            Fields::Bank(fields) => fields.needs_digest(),
            Fields::Channel(_) => false,
        };
        let by_column = self.are_by_column(&fields, &skipped, &refused);
        self.plan = Some(Plan {
            // A digest is of all cells.
            needed: if needs_digest {
                (0..titles.len()).collect()
            } else {
                asked
            },
            cuts_needed: profile.frame.fixed.is_empty(),
            by_column,
            edges: Edges::of(&profile.frame, self.encoding),
            telling: said::texts_that_tell(profile, &titles),
            titles,
            free_text,
            guards,
            skipped,
            refused,
            fields,
            needs_digest,
        });
        self.at = At::Rows;
        Ok(())
    }

    /// Takes the header of a summary, or a record that states totals; false when it is neither.
    fn summary_or_total(&mut self, record: &Record<'_>) -> Result<bool, FileRefused> {
        let frame = &self.profile.frame;
        let marked = frame
            .cell_mark
            .is_some_and(|mark| record.text.as_bytes().first() == Some(&mark));
        if marked {
            return Ok(false);
        }
        if self.cut.cut(record, frame, self.encoding, false).is_err() {
            self.no_total_of_fixed_places(record)?;
            return Ok(false);
        }
        let row = self.cut.row(record);
        if is_summary_header(frame, &row) {
            if !self.summary_titles.is_empty() {
                return Err(self.broken(record.place.line, "the summary stands twice"));
            }
            self.summary_titles = without_padding(titles_of(&row));
            self.at = At::Summary;
            return Ok(true);
        }
        let titles = self.plan.as_ref().map_or(&[][..], |plan| &plan.titles);
        self.totals.state_row(&row, titles)
    }

    /// The summary behind the rows.
    fn summary(&mut self, record: &Record<'_>) -> Result<(), FileRefused> {
        let frame = &self.profile.frame;
        let marked = frame.cell_mark.is_some();
        if let Err(what) = self.cut.cut(record, frame, self.encoding, marked) {
            return Err(self.broken(record.place.line, &format!("the summary has {what}")));
        }
        let row = self.cut.row(record);
        let expected = self.summary_titles.len();
        let mut cells = row.cells.to_vec();
        // A spreadsheet fills up every line to the length of the longest. Where a mark cuts the cells, that stands in the last.
        if let (true, Some((start, end))) = (marked, cells.last_mut()) {
            let text = row.text.get(*start as usize..*end as usize).unwrap_or_default();
            let is_padding = |byte: &&u8| **byte == frame.delimiter || matches!(byte, b' ' | b'\t');
            *end -= text.iter().rev().take_while(is_padding).count() as u32;
        }
        while cells.len() > expected && cells.last().is_some_and(|(start, end)| start == end) {
            cells.pop();
        }
        let row = Row { cells: &cells, ..row };
        if row.cells.len() != expected {
            let message = format!(
                "the summary has {} fields and its header {expected}",
                row.cells.len()
            );
            return Err(self.broken(record.place.line, &message));
        }
        self.totals.state_summary(&row, &self.summary_titles)?;
        self.at = At::Behind;
        Ok(())
    }

    /// Gives a row. False where a record in GBK is to be looked at as text first, and nothing was done.
    fn row(&mut self, record: &Record<'_>) -> bool {
        if self.is_open && !self.last_line_is_proven(record) {
            return self.refuse_open(record);
        }
        self.last_row = record.place;
        let (encoding, marks) = (self.encoding, self.marks);
        let is_short = self.profile.frame.blanks_cut && record.raw.len() < record_bytes(&self.profile.frame);
        let follows = is_short && self.balance_proves_the_last();
        let is_header = self.is_header_again(record);
        let Table {
            profile,
            ctx,
            sink,
            times,
            totals,
            chain,
            plan: Some(plan),
            cut,
            seen,
            digest,
            at,
            summary_titles,
            room,
            ..
        } = self
        else {
            return true;
        };
        let frame = &profile.frame;
        let expected = plan.titles.len();
        let (mut result, mut found, mut guarded) = (Ok(()), expected, true);
        if plan.cuts_needed && cut.cut_needed(record, frame, &plan.edges, &plan.needed, expected) {
            // Nothing else is to be known.
        } else if record.in_gbk {
            if record.quotes == Quotes::Any
                || !cut.cut_in_gbk(record, frame, encoding, &plan.needed, expected)
            {
                return false;
            }
        } else {
            result = cut.cut(record, frame, encoding, true);
            found = cut.cells.len();
            guarded = frame.fixed.is_empty();
            if found == expected + 1
                && frame.trailing_delimiter
                && cut.cells[expected].0 == cut.cells[expected].1
            {
                // What stands behind the last delimiter must be nothing.
                cut.cells.pop();
            } else if let (Some(at), true) = (plan.free_text, found > expected) {
                anchor(&mut cut.cells, at, expected);
                cut.trim(record, frame, [at]);
                guarded = false;
            }
        }
        let mut row = cut.row(record);
        let fits = row.cells.len() == expected
            && (guarded
                || plan
                    .guards
                    .iter()
                    .all(|(at, pattern)| pattern.read(row.cell(*at)).is_some()));
        if !fits && result.is_ok() && summary_titles.is_empty() && is_summary_header(frame, &row) {
            *summary_titles = without_padding(titles_of(&row));
            *at = At::Summary;
            return true;
        }
        if !fits || result.is_err() {
            let (mut found, expected) = misfit(frame, record.raw.len(), result, found, expected);
            if !frame.fixed.is_empty() && record.raw.ends_with(b"\r") {
                found += TWO_RETURNS;
            }
            let words = format!("a row: found {found}, expected {expected}");
            totals.add_unknown(record.place.line, &words);
            if let Some(chain) = chain {
                chain.add_unknown(record.place.line, &words);
            }
            sink.reject(Reject {
                line: record.place.line,
                column: 0,
                field: "row".to_owned(),
                found,
                expected,
                amount: None,
            });
            return true;
        }
        // What tells a row is all that was delivered of it.
        let mut delivered = None;
        if !frame.blank.is_none() {
            delivered = plan.needs_digest.then(|| cut.cells.clone());
            cut.empty_blanks(record, frame, &plan.needed);
            row = cut.row(record);
        }
        let skipped = plan.skipped.iter().find(|skipped| all_hold(&skipped.when, &row));
        if is_short && skipped.is_none() && !follows {
            let cut_off = plan.fields.figures().find_map(|figure| {
                figure.cut_off(
                    &row,
                    |at| standing(record.raw, frame, at),
                    |at| totals.prove(&row, at),
                )
            });
            if let Some(at) = cut_off {
                let reject = cut_figure(record, frame, &row, at);
                let words = format!(
                    "{}: found {}, expected {}",
                    reject.field, reject.found, reject.expected
                );
                totals.add_unknown(record.place.line, &words);
                if let Some(chain) = chain {
                    chain.add_unknown(record.place.line, &words);
                }
                sink.reject(reject);
                return true;
            }
        }
        if is_header && skipped.is_none() {
            let reject = Reject {
                line: record.place.line,
                column: 0,
                field: "row".to_owned(),
                found: "the header once more".to_owned(),
                expected: HEADER_AGAIN.to_owned(),
                amount: None,
            };
            let words = format!("a row: found {}, expected {}", reject.found, reject.expected);
            totals.add_no_row(&row, &words);
            if let Some(chain) = chain {
                chain.add_unknown(record.place.line, &words);
            }
            sink.reject(reject);
            return true;
        }
        totals.add(&row, skipped.is_some());
        let adds_up = match skipped {
            Some(skipped) if skipped.adds_up => plan.fields.adds_up(&row),
            _ => Ok(()),
        };
        if skipped.is_some() && adds_up.is_ok() {
            sink.not_booked(row.place);
            return true;
        }
        if plan.needs_digest {
            let cells = delivered.as_deref().unwrap_or(row.cells);
            let value = match &plan.fields {
                Fields::Bank(fields) => {
                    said::digest(fields, &row, &plan.telling, times, ctx, &mut digest.said)
                }
                Fields::Channel(_) => None,
            };
            row.id = digest.of(&Row { cells, ..row }, value, seen);
        }
        let mut refused = plan.refused.iter();
        let refused = refused.find(|(when, _)| adds_up.is_ok() && all_hold(when, &row));
        if let Some((when, why)) = refused {
            sink.reject(refusal(&row, when, why, &plan.titles));
        }
        let is_refused = refused.is_some();
        let result = match &mut plan.fields {
            _ if adds_up.is_err() => adds_up,
            Fields::Channel(_) if is_refused => Ok(()),
            Fields::Channel(fields) => fields.give(&row, times, &mut **sink),
            Fields::Bank(fields) => {
                let mut figures = None;
                if let Some(chain) = chain {
                    match fields.balanced(&row, times) {
                        Ok(Some(balanced)) => {
                            chain.add(&balanced.account, balanced.currency, balanced.link);
                            figures = Some(balanced.figures);
                        }
                        Ok(None) => {}
                        Err(bad) => {
                            let bad = bad.reject(&row, false, &plan.titles);
                            let words =
                                format!("{}: found `{}`, expected {}", bad.field, bad.found, bad.expected);
                            chain.add_unknown(row.place.line, &words);
                        }
                    }
                }
                if is_refused {
                    Ok(())
                } else {
                    fields.give(&row, figures, times, ctx, &mut **sink)
                }
            }
        };
        if let Err(bad) = result {
            let reject = match cut.cut_from {
                CutFrom::Plain => bad.reject(&row, false, &plan.titles),
                CutFrom::Record if !record.in_gbk => bad.reject(&row, true, &plan.titles),
                // Its columns are counted in the text.
                CutFrom::Record | CutFrom::Mixed(_) => {
                    let whole = record.whole(marks, room);
                    let result = cut.cut(&whole, frame, encoding, true);
                    let from_line = result.is_ok() && cut.cut_from == CutFrom::Record;
                    bad.reject(&cut.row(&whole), from_line, &plan.titles)
                }
            };
            sink.reject(reject);
        }
        true
    }

    /// True when a row that is cut off at the end of the file would be found out, or nobody expects a line end there. A record
    /// of fixed places that has all of them is whole by its length.
    fn last_line_is_proven(&self, record: &Record<'_>) -> bool {
        let frame = &self.profile.frame;
        let is_whole = !frame.fixed.is_empty() && record.raw.len() == record_bytes(frame);
        is_whole || frame.last_line_open || self.totals.prove_sums() || self.balance_proves_the_last()
    }

    /// True when the running balance would show that the last row was cut off: it stands behind the amount, so that what is
    /// cut is cut from it, or it follows from the row before whatever stands where.
    fn balance_proves_the_last(&self) -> bool {
        let (Some(balance), Some(plan), Some(_)) = (&self.profile.balance, &self.plan, &self.chain) else {
            return false;
        };
        let Fields::Bank(fields) = &plan.fields else {
            return false;
        };
        let last_of = |name: &str| {
            let rules = self.profile.fields.get(name).into_iter().flatten();
            let titles = rules.flat_map(profile::Field::titles);
            titles
                .filter_map(|title| plan.titles.iter().position(|it| it == title))
                .max()
        };
        fields.has_balance()
            && !balance.may_break
            && (balance.order == profile::Order::OldestFirst || last_of("balance") > last_of("amount"))
    }

    /// Refuses the row at the end of the file, which may go on: an amount that is cut off is an amount too. False where the
    /// record is to be looked at as text first.
    #[cold]
    fn refuse_open(&mut self, record: &Record<'_>) -> bool {
        if record.in_gbk {
            return false;
        }
        let expected = "a line end behind the last row, as behind the lines before it: the file may be cut off; fetch it again, and if the sender never ends the last line, say `last_line_open = true` in [frame]";
        let line = record.place.line;
        // Its end is what shows where it was cut.
        let cells = record.text.chars().rev().take(OPEN_END_CHARS).collect::<Vec<_>>();
        let end: String = cells.into_iter().rev().collect();
        let mut found = differs::masked_line(&end);
        if end.len() < record.text.len() {
            found = format!("…{found}");
        }
        self.totals.add_unknown(
            line,
            &format!("the last line: found {found}, expected a line end behind it"),
        );
        self.sink.reject(Reject {
            line,
            column: 0,
            field: "line".to_owned(),
            found,
            expected: expected.to_owned(),
            amount: None,
        });
        true
    }

    /// Refuses a file without a line that every file must have, and says where the account of its rows is the source's
    /// alone.
    fn facts_not_told(&mut self) -> Result<(), FileRefused> {
        let profile = self.profile;
        let not_told = |name: &&String| !self.facts_told.contains_key(*name);
        if let Some(name) = profile.required_facts.iter().find(not_told) {
            return Err(FileRefused::at(
                0,
                format!(
                    "no line of the file gives {name}: found none, expected {} ({})",
                    profile.lines_of_fact(name),
                    profile.title
                ),
                "open the file in a text editor: where the sender writes the line in another way, correct `line` of the [[fact]] in the profile; \
                 where it is gone, fetch the file again",
            ));
        }
        if self.facts_told_again.len() == FACTS_AGAIN_MAX {
            return Err(FileRefused::at(
                0,
                format!(
                    "{FACTS_AGAIN_MAX} lines of the file name an account, and not the same ({})",
                    profile.title
                ),
                "this is no file of one account: fetch that of each account by itself",
            ));
        }
        let rules = || profile.fields.get("account").into_iter().flatten();
        let is_of_source = |rule: &&profile::Field| rule.from == Some(profile::From::SourceAccount);
        // Elsewhere the first line says which account the rows are of, and a second one says that two files were put together.
        for rule in rules().filter(|rule| !is_of_source(rule)) {
            let Some(name) = &rule.fact else { continue };
            let again = self.facts_told_again.iter().find(|(told, _)| told == name);
            if let (Some((_, again)), Some(first)) = (again, self.facts_told.get(name)) {
                return Err(FileRefused::at(
                    0,
                    format!(
                        "two lines of the file say {name}, and not the same: {} and {} ({})",
                        masked(self.ctx.settings, first),
                        masked(self.ctx.settings, again),
                        profile.title
                    ),
                    "two files were put together: fetch each by itself",
                ));
            }
        }
        let (Some(plan), Some(own)) = (&mut self.plan, &self.ctx.source.account) else {
            return Ok(());
        };
        for rule in rules().filter(is_of_source) {
            let Some(name) = &rule.fact else { continue };
            let again = self.facts_told_again.iter().filter(|(told, _)| told == name);
            let by_column = rule.columns.iter().any(|title| plan.titles.contains(title));
            match self.facts_told.get(name) {
                // Most lines stand before the rows, and are compared with them; behind them they say it as well.
                Some(named) => {
                    if let (Fields::Bank(fields), Some(account)) =
                        (&mut plan.fields, self.ctx.settings.account_index(own))
                    {
                        for named in std::iter::once(named).chain(again.map(|(_, named)| named)) {
                            let named = bind::stripped(rule, named.trim()).to_owned();
                            let named = rule.map.get(&named).unwrap_or(&named);
                            fields.compare_named(named, 0, account as u16, self.ctx);
                        }
                    }
                }
                None if !by_column => self.facts.statements.push(format!(
                    "no line of the file gives {name} ({}): the account is the source's, unchecked",
                    profile.lines_of_fact(name)
                )),
                None => {}
            }
        }
        Ok(())
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

/// What the rows of a file are told by, for a comparison with other files. Rows of two accounts are never one: an account
/// that stands in the rows is part of their texts, any other is put to them here.
fn digests(seen: FxHashMap<[u8; 16], SameRows>, account: Option<u16>) -> Vec<RowDigest> {
    let of_account = account.map_or(0, |account| {
        xxhash_rust::xxh3::xxh3_64(format!("account {account}").as_bytes())
    });
    let told = |(key, same): ([u8; 16], SameRows)| RowDigest {
        digest: xxhash_rust::xxh3::xxh3_64(&key) ^ of_account,
        value: same
            .value
            .unwrap_or(xxhash_rust::xxh3::xxh3_64(&key) ^ of_account),
        count: same.count,
        line: same.line,
    };
    let mut digests: Vec<RowDigest> = seen.into_iter().map(told).collect();
    digests.sort_unstable();
    digests
}

/// Which times are read in a zone of their own and not in the book's, in words.
fn own_zones(profile: &Profile, columns: &Columns) -> Vec<String> {
    let mut words = Vec::new();
    for (name, rules) in &profile.fields {
        for rule in rules {
            let title = rule.columns.iter().find(|title| columns.find(title).is_some());
            if let (Some(zone), Some(title)) = (&rule.zone, title) {
                let zone = zone.iana_name().unwrap_or("UTC");
                words.push(format!("{name}: times of column {title} are {zone}"));
            }
        }
    }
    words
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

/// Titles without the empty ones at their end, with which a spreadsheet fills up a line.
fn without_padding(mut titles: Vec<String>) -> Vec<String> {
    while titles.last().is_some_and(String::is_empty) {
        titles.pop();
    }
    titles
}

/// True of a text with a carriage return that no line feed follows.
fn has_bare_return(text: &[u8]) -> bool {
    memchr::memchr_iter(b'\r', text).any(|at| text.get(at + 1).is_some_and(|next| *next != b'\n'))
}

/// True when a record has the titles of the summary.
fn is_summary_header(frame: &Frame, row: &Row<'_>) -> bool {
    let is_there = |known: &String| (0..row.cells.len()).any(|at| row.cell(at) == known);
    !frame.summary_header.is_empty() && frame.summary_header.iter().all(is_there)
}

fn titles_of(row: &Row<'_>) -> Vec<String> {
    (0..row.cells.len()).map(|at| row.cell(at).to_owned()).collect()
}

/// What was found and expected of a row that does not have the shape of the table.
#[cold]
fn misfit(
    frame: &super::profile::Frame,
    bytes: usize,
    cut: Result<(), String>,
    found: usize,
    expected: usize,
) -> (String, String) {
    match cut {
        Err(what) if !frame.fixed.is_empty() => {
            let expected = record_bytes(frame);
            let blanks = if bytes < expected {
                "; where blanks at the end of lines are cut off on the way, say `blanks_cut = true` in [frame]"
            } else {
                ""
            };
            (
                what,
                format!("{expected} bytes with its fields at their places{blanks}"),
            )
        }
        Err(what) if frame.cell_mark.is_some() => (what, "the mark before every field".to_owned()),
        Err(what) => (what, "quotes only around whole fields".to_owned()),
        Ok(()) if found == expected => (
            "fields of other kinds".to_owned(),
            "times where the profile has them".to_owned(),
        ),
        Ok(()) => (
            format!("{found} fields"),
            format!("{expected} fields, as in the header"),
        ),
    }
}

/// A figure of which nothing shows that it ends where its record does: digits may have been cut off with the blanks.
#[cold]
fn cut_figure(record: &Record<'_>, frame: &Frame, row: &Row<'_>, at: usize) -> Reject {
    let (title, width) = frame
        .fixed
        .get(at)
        .map_or(("", 0), |(title, width)| (title.as_str(), *width));
    let (found, ends, help) = match standing(record.raw, frame, at) {
        Standing::Ends(bytes) => (shown(row.cell(at)), format!("with {bytes} of them"), ""),
        _ => (
            "no figure".to_owned(),
            "before it".to_owned(),
            ", and where the sender leaves it blank, say `empty = \"0\"` in its field",
        ),
    };
    Reject {
        line: record.place.line,
        column: 0,
        field: title.to_owned(),
        found,
        expected: format!(
            "a figure of {width} bytes: the record ends {ends}, and no sum of this column shows that only blanks were cut off; \
             fetch the file again; where all files are so, ask the sender for a total of this column and say it in `sums` of a [[total]]{help}"
        ),
        amount: None,
    }
}

#[cold]
fn refusal(row: &Row<'_>, when: &[BoundCondition<'_>], why: &str, titles: &[String]) -> Reject {
    let at = when.first().and_then(BoundCondition::column);
    let title = at.and_then(|at| titles.get(at)).map_or("row", String::as_str);
    Reject {
        line: row.place.line,
        column: 0,
        field: "row".to_owned(),
        found: shown(at.map_or("", |at| row.cell(at))),
        expected: format!("{why} (column {title})"),
        amount: None,
    }
}

impl Digest {
    /// Digest of a row's texts; rows of the same texts are told apart by how many came before.
    fn of(&mut self, row: &Row<'_>, value: Option<u64>, seen: &mut FxHashMap<[u8; 16], SameRows>) -> &str {
        let texts = &mut self.texts;
        texts.clear();
        for at in 0..row.cells.len() {
            texts.extend_from_slice(row.cell(at).as_bytes());
            texts.push(0x1f);
        }
        let key = xxhash_rust::xxh3::xxh3_128(texts).to_le_bytes();
        let same = seen.entry(key).or_insert(SameRows {
            count: 0,
            line: u32::try_from(row.place.line).unwrap_or(u32::MAX),
            value,
        });
        same.count += 1;
        texts.extend_from_slice(itoa::Buffer::new().format(same.count).as_bytes());
        self.id.clear();
        self.id.push_str(&sha256_hex(texts)[..DIGEST_CHARS]);
        &self.id
    }
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
