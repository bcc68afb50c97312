//! Stage 1: MT940, the end-of-day statement of SWIFT, and MT942, its interim report, as canonical bank rows and balances.
//!
//! In: one file with any number of messages, with or without envelopes. Out: a bank row per booked `:61:`, a balance per
//! statement, facts. MT942 books nothing: the statement of the day books what it shows.
//! Supported: the dialects of public sample files; pages (`:28C:` n/m, `:60M:`, `:62M:`) in one file or several; `:90D:`, `:90C:` and
//! `/SUM/` totals. Tolerant in layout: text before, between and behind messages, and what belongs to no field in them, is passed over
//! and counted.
//! Refused: statements without opening or closing balance, that do not tie out (opening + Σ booked = closing), whose
//! declared totals fail, or of which pages are missing; unknown accounts. An entry outside a statement is a reject.
//!
//! Not done here: opening(D) against closing(D−1), gaps in the numbers of statements (day::across).

use std::collections::BTreeMap;
use std::io::Read;

use super::decode::peek;
use super::desk::{ASK_THE_BANK, Balance, DayText, Desk, OpenStatement, Purport, identity, text_of};
use super::pieces::{Pieces, has_control};
use super::values::shown;
use super::{FileRefused, MT940, MT942};
use crate::book::settings::ReversalSign;
use crate::entries::rows::{BankRow, Place};
use crate::terms::currency::Currency;
use crate::terms::kinds::Purpose;

mod account;
mod declared;
mod entry;
mod info;

use account::{account_names, check_currency, read_balance};
use declared::{Counted, Declared, SUM, sums_by_letter};

const HEAD_BYTES: usize = 4096;
/// Most lines of one `:61:` or `:86:`; the longest in use has some dozens.
const FIELD_LINES_MAX: usize = 10_000;
/// Most bytes of the lines of one field together.
const FIELD_BYTES_MAX: usize = 1 << 20;

/// Which of the two messages the first bytes of a file show; `None` when it is neither.
pub fn recognise(head: &[u8]) -> Option<&'static str> {
    let text = String::from_utf8_lossy(head);
    let mut tags: Vec<&str> = text
        .lines()
        .filter_map(|line| line.rfind("{4:").map_or(Some(line), |at| line.get(at + 3..)))
        .filter_map(|line| tag_of(line).map(|(tag, _)| tag))
        .collect();
    // One envelope of a statement makes it a file of statements.
    let blocks = text.match_indices("{2:");
    let interim = blocks
        .filter_map(|(at, _)| is_interim_envelope(&text[at..]))
        .reduce(|all, next| all && next);
    let interim = match interim {
        Some(interim) => interim,
        None => tags.contains(&"34F") && !tags.iter().any(|tag| tag.starts_with("60")),
    };
    tags.retain(|tag| {
        matches!(
            *tag,
            "20" | "25" | "25P" | "28" | "28C" | "60F" | "60M" | "34F" | "61"
        )
    });
    tags.sort_unstable();
    tags.dedup();
    (tags.len() > 1).then_some(if interim { MT942 } else { MT940 })
}

/// Reads an MT940 file, or an MT942 file when `interim`.
///
/// # Errors
/// The file is refused; what the desk was given is void.
pub fn read<'a>(
    mut bytes: Box<dyn Read + 'a>,
    desk: &mut Desk<'_>,
    interim: bool,
) -> Result<(), FileRefused> {
    let head = peek(&mut *bytes, HEAD_BYTES)?;
    let named = desk.ctx.source.encoding.clone();
    let mut lines = Pieces::new(head, bytes, b'\n', named.as_deref())?;
    let mut reading = Reading {
        desk,
        interim,
        envelope: None,
        part: None,
        entry: Pending::default(),
        field: Field::Other,
        pages: BTreeMap::new(),
        messages: 0,
        reports: 0,
        passed_over: 0,
        passed_over_line: 0,
        moved_days: 0,
        enveloped: false,
        unfinished: false,
        field_bytes: 0,
        line: 0,
    };
    while lines.advance()? {
        let line = lines
            .text
            .trim_end_matches(['\r', '\u{3}'])
            .trim_start_matches('\u{1}');
        reading.line(line, lines.place)?;
    }
    reading.end()?;
    let Reading {
        messages,
        passed_over,
        passed_over_line,
        moved_days,
        enveloped,
        ..
    } = reading;
    let facts = &mut desk.facts;
    facts.encoding = lines.encoding();
    facts.variant = format!(
        "{}, {messages} messages{}",
        if interim { "MT942" } else { "MT940" },
        if enveloped { " in FIN envelopes" } else { "" }
    );
    facts.noted.extend(lines.guess_in_words());
    if passed_over > 0 {
        facts.noted.push(format!(
            "{passed_over} lines that belong to no field were passed over, from line {passed_over_line} on"
        ));
    }
    if moved_days > 0 {
        facts.noted.push(format!(
            "{moved_days} dates are days of a 30-day month (30 February): read as the last day of the month"
        ));
    }
    Ok(())
}

/// Whether the second block of an envelope is that of an MT942 (`{2:O942…` to us, `{2:I942…` from us); `None` where it says
/// nothing of MT940 or MT942.
fn is_interim_envelope(block: &str) -> Option<bool> {
    let kind = block.strip_prefix("{2:")?.strip_prefix(['I', 'O'])?.get(..3)?;
    matches!(kind, "940" | "942").then_some(kind == "942")
}

/// Tag and value of a line that begins a field.
fn tag_of(line: &str) -> Option<(&str, &str)> {
    let (tag, value) = line.strip_prefix(':')?.split_once(':')?;
    let bytes = tag.as_bytes();
    let numbered = match bytes {
        [a, b] => a.is_ascii_digit() && b.is_ascii_digit(),
        [a, b, c] => a.is_ascii_digit() && b.is_ascii_digit() && c.is_ascii_uppercase(),
        _ => false,
    };
    (numbered || tag == "NS").then_some((tag, value))
}

/// True for a line that begins with a block of an envelope, `{1:` to `{5:` or `{S:`. Other braces are text.
fn opens_block(line: &str) -> bool {
    matches!(line.as_bytes(), [b'{', b'1'..=b'5' | b'S', b':', ..])
}

/// What lines without a tag belong to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Field {
    /// A statement line.
    Entry,
    /// Information about the statement line before.
    EntryInfo,
    /// What the bank adds to it in a field of its own (`:NS:`).
    EntryNotes,
    /// Information about the statement.
    StatementInfo,
    /// A field that has one line.
    Other,
    /// No field: before, between and behind messages.
    Outside,
}

/// A statement line that waits for its information.
#[derive(Default)]
struct Pending {
    place: Option<Place>,
    line: String,
    supplement: Vec<String>,
    info: Vec<String>,
    notes: Vec<String>,
}

/// A message or a page of one while it is read.
struct Part {
    line: u64,
    /// An interim report (MT942), which books nothing: the source, its envelope or a floor limit (`:34F:`) says so.
    interim: bool,
    id: String,
    names: Vec<String>,
    number: Option<u64>,
    page: Option<u32>,
    currency: Option<Currency>,
    opening: Option<(Balance, bool)>,
    closing: Option<(Balance, bool)>,
    /// Its closing balance was refused.
    closing_refused: bool,
    open: Option<OpenStatement>,
    /// Entries of this page.
    counted: Counted,
    /// Entries of the pages before it, and what those declare of the whole statement.
    before: Counted,
    late: Vec<Declared>,
    unread: Option<(u64, String)>,
    declared: Vec<Declared>,
    /// Lines of its information that are passed over.
    info_lines: usize,
}

impl Part {
    fn new(line: u64, interim: bool) -> Part {
        Part {
            line,
            interim,
            id: String::new(),
            names: Vec::new(),
            number: None,
            page: None,
            currency: None,
            opening: None,
            closing: None,
            closing_refused: false,
            open: None,
            counted: Counted::default(),
            before: Counted::default(),
            late: Vec::new(),
            unread: None,
            declared: Vec::new(),
            info_lines: 0,
        }
    }

    /// Another part of the same message: same id and account.
    fn next(&self, line: u64, interim: bool) -> Part {
        Part {
            id: self.id.clone(),
            names: self.names.clone(),
            number: self.number,
            ..Part::new(line, interim)
        }
    }

    /// Takes the totals that information about the statement may hold: `/SUM/2/1/2,50/1,00/`, or `D000002C000001D2,50C1,00`.
    /// What does not begin with a number is a text that happens to begin so.
    fn note_sum(&mut self, text: &str, line: u64) {
        let text = text.trim();
        let begins = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        let (tag, text) = match text.strip_prefix(SUM) {
            Some(text) if begins(text) => (SUM, text.to_owned()),
            None => match sums_by_letter(text) {
                Some(text) => (SUM, text),
                None => return,
            },
            Some(_) => return,
        };
        self.declared.push(Declared { tag, line, text });
    }

    fn name(&self) -> String {
        let number = match (self.number, self.page) {
            (Some(number), Some(page)) => format!(" number {number}/{page}"),
            (Some(number), None) => format!(" number {number}"),
            _ => String::new(),
        };
        format!("{}{number}", shown(&self.id))
    }

    fn refuse(&self, message: impl std::fmt::Display) -> FileRefused {
        FileRefused::at(
            self.line,
            format!("statement {}: {message}", self.name()),
            ASK_THE_BANK,
        )
    }
}

/// A statement of which more pages must come.
struct Pages {
    open: OpenStatement,
    name: String,
    page: u32,
    closes_with: Balance,
    counted: Counted,
    /// What its pages declare and what does not hold over a page: it must hold over the whole statement.
    late: Vec<Declared>,
}

struct Reading<'r, 'd> {
    desk: &'r mut Desk<'d>,
    /// The source is one of interim reports.
    interim: bool,
    /// The envelope of the message says MT942 or MT940.
    envelope: Option<bool>,
    part: Option<Part>,
    entry: Pending,
    field: Field,
    /// By account.
    pages: BTreeMap<usize, Pages>,
    messages: u64,
    /// Of these, interim reports.
    reports: u64,
    passed_over: u64,
    passed_over_line: u64,
    moved_days: u64,
    enveloped: bool,
    /// An envelope was opened and its message did not end yet.
    unfinished: bool,
    /// Bytes so far of the field, or of all that was said of the statement line before.
    field_bytes: usize,
    line: u64,
}

impl Reading<'_, '_> {
    fn line(&mut self, line: &str, place: Place) -> Result<(), FileRefused> {
        self.line = place.line;
        if opens_block(line) {
            self.enveloped = true;
            self.unfinished = true;
            if line.starts_with("{1:") {
                self.envelope = None;
            }
            if let Some(at) = line.find("{2:") {
                self.envelope = is_interim_envelope(&line[at..]);
            }
            // Blocks 1 to 3 say who sends to whom; block 4 holds the message.
            return match line.find("{4:") {
                Some(at) => {
                    self.end_message();
                    self.content(&line[at + 3..], place)
                }
                None => Ok(()),
            };
        }
        self.content(line, place)
    }

    fn content(&mut self, line: &str, place: Place) -> Result<(), FileRefused> {
        // Hardly a line has a brace: it is looked for before the two characters are.
        let brace = memchr::memchr(b'}', line.as_bytes());
        let ended = brace.and_then(|_| line.find("-}")).filter(|at| {
            let rest = line[at + 2..].trim_end();
            rest.is_empty() || rest.starts_with(['{', '\u{3}'])
        });
        if let Some(at) = ended {
            if at > 0 {
                self.content(&line[..at], place)?;
            }
            self.unfinished = false;
            self.end_message();
            self.envelope = None;
            return Ok(());
        }
        let closed = self
            .part
            .as_ref()
            .is_none_or(|part| part.closing.is_some() || part.interim);
        if line.trim_end() == "-" && closed {
            self.unfinished = false;
            self.end_message();
            return Ok(());
        }
        if let Some((tag, value)) = tag_of(line) {
            return self.tag(tag, value, place);
        }
        self.more(line, place)
    }

    /// The message is over: lines without a tag belong to nothing now.
    fn end_message(&mut self) {
        self.field = Field::Outside;
    }

    /// A line without a tag.
    fn more(&mut self, line: &str, place: Place) -> Result<(), FileRefused> {
        let too_many = || Err(too_many_lines(place.line));
        let lines = match self.field {
            Field::Entry => &mut self.entry.supplement,
            Field::EntryInfo => &mut self.entry.info,
            Field::EntryNotes => &mut self.entry.notes,
            Field::StatementInfo => {
                let Some(part) = &mut self.part else { return Ok(()) };
                part.info_lines += 1;
                if part.info_lines > FIELD_LINES_MAX {
                    return too_many();
                }
                part.note_sum(line, place.line);
                return Ok(());
            }
            Field::Other | Field::Outside => {
                if !line.trim().is_empty() {
                    self.pass_over(place);
                }
                return Ok(());
            }
        };
        self.field_bytes += line.len();
        if lines.len() >= FIELD_LINES_MAX || self.field_bytes > FIELD_BYTES_MAX {
            return too_many();
        }
        lines.push(clean(line));
        Ok(())
    }

    fn pass_over(&mut self, place: Place) {
        if self.passed_over == 0 {
            self.passed_over_line = place.line;
        }
        self.passed_over += 1;
    }

    fn tag(&mut self, tag: &str, value: &str, place: Place) -> Result<(), FileRefused> {
        // Behind what the bank added to an entry, a second `:86:` is of the statement.
        let is_of_statement = tag == "86" && !self.entry.info.is_empty() && !self.entry.notes.is_empty();
        if is_of_statement || !matches!(tag, "86" | "NS") {
            self.flush()?;
            self.field_bytes = 0;
        }
        self.field = Field::Other;
        let lines = self.entry.info.len() + self.entry.notes.len();
        self.field_bytes += value.len();
        if lines >= FIELD_LINES_MAX || (lines > 0 && self.field_bytes > FIELD_BYTES_MAX) {
            return Err(too_many_lines(place.line));
        }
        let line = place.line;
        match tag {
            "20" => {
                self.end_part()?;
                let mut part = Part::new(line, self.is_interim());
                part.id = value.trim().to_owned();
                self.part = Some(part);
            }
            "25" | "25P" => {
                let part = self.part_for(line, |part| !part.names.is_empty())?;
                part.names = account_names(value);
            }
            "28" | "28C" => {
                let part = self.part_for(line, |part| part.closing.is_some())?;
                let (number, page) = value.split_once('/').map_or((value, None), |(n, p)| (n, Some(p)));
                part.number = number.trim().parse().ok().filter(|number| *number > 0);
                part.page = page
                    .and_then(|page| page.trim().parse().ok())
                    .filter(|page| *page > 0);
            }
            "60F" | "60M" => self.opening(value, tag == "60F", place)?,
            "61" => {
                let inside = self
                    .part
                    .as_ref()
                    .is_some_and(|part| part.closing.is_none() && (part.interim || part.opening.is_some()));
                if inside {
                    self.entry.place = Some(place);
                    self.entry.line.clear();
                    self.entry.line.push_str(&clean(value));
                    self.field = Field::Entry;
                } else {
                    // Behind the amount stand references and account numbers.
                    let digits = |c: char| c.is_ascii_digit();
                    let amount = value.find([',', '.']).map(|at| at + 1);
                    let end = amount.map_or(0, |at| {
                        value[at..]
                            .find(|c| !digits(c))
                            .map_or(value.len(), |more| at + more)
                    });
                    self.desk.reject(
                        place,
                        "statement",
                        &format!("{}…", &value[..end]),
                        "an entry (:61:) between an opening (:60F:) and a closing balance (:62F:)",
                    );
                    self.field = Field::StatementInfo;
                }
            }
            "86" => {
                if self.entry.place.is_some() {
                    self.entry.info.push(clean(value));
                    self.field = Field::EntryInfo;
                } else if let Some(part) = &mut self.part {
                    part.info_lines = 0;
                    part.note_sum(value, line);
                    self.field = Field::StatementInfo;
                } else {
                    self.pass_over(place);
                    self.field = Field::Outside;
                }
            }
            "62F" | "62M" => self.closing(value, tag == "62F", place)?,
            "90D" | "90C" => {
                if let Some(part) = &mut self.part {
                    part.declared.push(Declared {
                        tag: if tag == "90C" { ":90C:" } else { ":90D:" },
                        line,
                        text: value.trim().to_owned(),
                    });
                }
            }
            "34F" => {
                if let Some(part) = &mut self.part
                    && let Some(code) = value.get(..3)
                {
                    part.currency = part.currency.or(Currency::parse(code.as_bytes()));
                    // A field of MT942 alone.
                    part.interim |= part.opening.is_none();
                }
            }
            // Available and forward balances are never used; related references and times are not needed.
            "64" | "65" | "21" | "13" | "13D" => {}
            "NS" => {
                if self.entry.place.is_some() {
                    self.entry.notes.push(clean(value));
                    self.field = Field::EntryNotes;
                }
            }
            _ => self.pass_over(place),
        }
        Ok(())
    }

    /// True where a message is an interim report before it says anything itself.
    fn is_interim(&self) -> bool {
        self.interim || self.envelope == Some(true)
    }

    /// The part that a field belongs to: a new one where `full` says that the present one has it already.
    fn part_for(&mut self, line: u64, full: impl Fn(&Part) -> bool) -> Result<&mut Part, FileRefused> {
        let interim = self.is_interim();
        let next = match &self.part {
            Some(part) if full(part) => Some(part.next(line, interim)),
            Some(_) => None,
            None => Some(Part::new(line, interim)),
        };
        if let Some(next) = next {
            self.end_part()?;
            self.part = Some(next);
        }
        Ok(self.part.get_or_insert_with(|| Part::new(line, interim)))
    }

    fn opening(&mut self, value: &str, first: bool, place: Place) -> Result<(), FileRefused> {
        let (is_report, by_envelope) = (self.interim, self.envelope == Some(true));
        let part = self.part_for(place.line, |part| part.closing.is_some())?;
        if part.opening.is_some() {
            let refused = part.refuse("it has two opening balances and no closing balance between them");
            return Err(refused);
        }
        if part.interim && (by_envelope || part.open.is_some()) {
            let refused = part.refuse("an interim report (MT942) with an opening balance (:60F:) is neither it nor an MT940 statement");
            return Err(refused);
        }
        part.interim = is_report;
        if is_report {
            return Err(FileRefused::at(
                place.line,
                "this is an MT940 statement (it has an opening balance), and a source of format mt942 books nothing",
                "give the file to a source of format mt940",
            ));
        }
        let Some(part) = self.part.as_mut() else {
            return Ok(());
        };
        if part.names.is_empty() {
            return Err(part.refuse("it names no account (:25:) before its opening balance"));
        }
        let (balance, currency, moved) = read_balance(value, ":60", place.line)?;
        self.moved_days += u64::from(moved);
        part.currency = Some(currency);
        part.opening = Some((balance, first));
        let index = self
            .desk
            .account(&part.names, Some(currency), ":25:", place.line)?;
        check_currency(self.desk, index, currency, ":60", place.line)?;
        let before = if first { None } else { self.pages.remove(&index) };
        match before {
            Some(pages) => {
                let follows = part.page.is_none_or(|page| page == pages.page + 1);
                if pages.closes_with.minor != balance.minor || !follows {
                    let message = format!(
                        "it goes on with {} on page {}, but page {} of statement {} closes with {}: a page is missing",
                        text_of(balance.minor.into(), currency),
                        part.page.unwrap_or(pages.page + 1),
                        pages.page,
                        pages.name,
                        text_of(pages.closes_with.minor.into(), currency)
                    );
                    let refused = part.refuse(message);
                    self.desk.fail(refused)?;
                }
                part.page = part.page.or(Some(pages.page + 1));
                part.before = pages.counted;
                part.late = pages.late;
                let mut open = pages.open;
                open.told.pages += 1;
                part.open = Some(open);
            }
            None => {
                let mut open = self.desk.begin(Purport::Statement, part.line, index);
                open.told.id.clone_from(&part.id);
                open.told.sequence = part.number;
                open.told.opening = Some(balance);
                open.line_key = format!(
                    "tieout/mt940/line/v1\n{}\n{}\n{} {}",
                    part.names.first().map_or("", String::as_str),
                    part.number.unwrap_or(0),
                    balance.date,
                    balance.minor
                );
                // The pages before it stand in another file: whether they are there is seen across the files of the day.
                if let Some(page) = part.page.filter(|page| !first && *page > 1) {
                    open.told.first_page = page;
                    open.line_key += &format!("\npage {page}");
                }
                part.open = Some(open);
            }
        }
        Ok(())
    }

    fn closing(&mut self, value: &str, last: bool, place: Place) -> Result<(), FileRefused> {
        let (balance, currency, moved) = read_balance(value, ":62", place.line)?;
        self.moved_days += u64::from(moved);
        let Some(part) = &mut self.part else {
            return Err(FileRefused::at(
                place.line,
                "a closing balance stands outside any statement",
                ASK_THE_BANK,
            ));
        };
        if part.interim {
            return Err(part.refuse("it has a closing balance: this is no MT942 interim report"));
        }
        if let Some((known, _)) = part.closing {
            if known != balance {
                let refused = part.refuse("it has two different closing balances");
                self.desk.fail(refused)?;
            }
            return Ok(());
        }
        if part.opening.is_none() {
            let refused = part.refuse("no opening balance (:60F:): without one it cannot be checked");
            return self.desk.fail(refused);
        }
        if part.currency.is_some_and(|known| known != currency) {
            part.closing_refused = true;
            let refused = part.refuse(format!(
                "it opens in another currency than it closes in ({currency})"
            ));
            return self.desk.fail(refused);
        }
        part.closing = Some((balance, last));
        Ok(())
    }

    /// Gives the statement line that waits, if one does.
    fn flush(&mut self) -> Result<(), FileRefused> {
        let Some(place) = self.entry.place.take() else {
            return Ok(());
        };
        let pending = std::mem::take(&mut self.entry);
        let outcome = self.give(place, &pending);
        // The buffers are used again.
        self.entry = pending;
        self.entry.supplement.clear();
        self.entry.info.clear();
        self.entry.notes.clear();
        outcome
    }

    fn give(&mut self, place: Place, pending: &Pending) -> Result<(), FileRefused> {
        let Some(part) = &mut self.part else { return Ok(()) };
        if part.open.is_none() {
            // An interim report has no balance that names the account's currency.
            let index = self
                .desk
                .account(&part.names, part.currency, ":25:", place.line)?;
            let mut open = self.desk.begin(Purport::Intraday, part.line, index);
            open.told.id.clone_from(&part.id);
            open.told.sequence = part.number;
            part.open = Some(open);
        }
        let Some(open) = &mut part.open else { return Ok(()) };
        let Some(currency) = self.desk.currency(open.told.account) else {
            return Ok(());
        };
        let line = match entry::read(&pending.line, currency) {
            Ok(line) => line,
            Err((field, found, expected)) => {
                if part.unread.is_none() {
                    let words = format!("{field}: found `{}`, expected {expected}", shown(&found));
                    part.unread = Some((place.line, words));
                }
                self.desk.reject(place, field, &found, expected);
                return Ok(());
            }
        };
        self.moved_days += u64::from(line.commercial);
        let mark = line.mark;
        let inverted = self.desk.ctx.source.reversal_sign == ReversalSign::Invert;
        let direction = if inverted { mark.written } else { mark.direction() };
        if mark.expected {
            part.counted.expected.add(direction, line.amount_minor);
            self.desk.not_booked(place);
            open.told.not_booked += 1;
            return Ok(());
        }
        part.counted.booked.add(direction, line.amount_minor);
        part.counted.written.add(mark.written, line.amount_minor);
        let info = info::read(&pending.info);
        let others = [&pending.supplement, &pending.notes];
        let mut texts =
            std::iter::once(info.remark).chain(others.into_iter().map(|lines| info::flowing(lines)));
        let remark = texts.find(|text| !text.is_empty()).unwrap_or_default();
        // A code says where the reference stands: in the information, or nowhere. That of a mandate is the same every month.
        let (pointed, own) = match line.reference {
            "PREF" => (info.payment.as_str(), ""),
            "NONREF" | "NOREF" | "EREF" | "EREF+" | "KREF" | "KREF+" | "MARF" => ("", ""),
            reference if !reference.contains(char::is_alphanumeric) => ("", ""),
            reference => ("", reference),
        };
        let bank_ref = [pointed, info.reference.as_str(), own, line.bank_reference]
            .into_iter()
            .find(|text| !text.is_empty())
            .unwrap_or("");
        let original_ref = match mark.reversal {
            true if line.bank_reference.is_empty() => own,
            true => line.bank_reference,
            false => "",
        };
        let booking_time = DayText::of(line.entry_date.unwrap_or(line.value_date));
        self.desk.entry(
            open,
            BankRow {
                place,
                entry_id: b"",
                account: open_account(open),
                booking_time: booking_time.bytes(),
                value_date: line.value_date,
                direction,
                amount_minor: line.amount_minor,
                currency,
                bank_ref: bank_ref.as_bytes(),
                remark: remark.as_bytes(),
                batch_ref: b"",
                counterparty_name: info.name.as_bytes(),
                counterparty_account: info.account.as_bytes(),
                purpose: Purpose::None,
                purpose_text: line.kind.as_bytes(),
                original_ref: original_ref.as_bytes(),
            },
        );
        Ok(())
    }

    /// Ends the part that is open: checks it, and the statement with it when it is the last page.
    fn end_part(&mut self) -> Result<(), FileRefused> {
        self.flush()?;
        let Some(mut part) = self.part.take() else {
            return Ok(());
        };
        self.messages += 1;
        if let Some((line, words)) = &part.unread {
            let refused = FileRefused::at(
                *line,
                format!(
                    "statement {}: {words}; so its entries cannot be added up",
                    part.name()
                ),
                ASK_THE_BANK,
            );
            self.desk.fail(refused)?;
        }
        if part.interim {
            self.reports += 1;
            return self.end_report(part);
        }
        let Some((opening, _)) = part.opening else {
            let what = if part.currency.is_some() || !part.declared.is_empty() {
                "no opening balance (:60F:): an MT942 interim report books nothing and needs a source of format mt942"
            } else {
                "no opening balance (:60F:): without one it cannot be checked"
            };
            return self.desk.fail(part.refuse(what));
        };
        let Some((closing, last)) = part.closing else {
            if !part.closing_refused {
                let refused = part.refuse("no closing balance (:62F:): the statement was cut off");
                self.desk.fail(refused)?;
            }
            if let Some(open) = part.open.take().filter(|_| self.desk.is_open()) {
                self.desk.finish(open);
            }
            return Ok(());
        };
        let Some(mut open) = part.open.take() else {
            return Ok(());
        };
        let Some(currency) = self.desk.currency(open.told.account) else {
            return Ok(());
        };
        let declared = self.check_declared(&mut part, currency, last)?;
        let tied = identity(opening.minor, part.counted.booked, closing.minor, currency);
        match tied {
            Ok(words) => {
                let words = format!("statement {}: {words}", part.name());
                self.desk.checked(&open, words);
            }
            Err(words) => {
                let mut refused = part.refuse(words);
                if identity(opening.minor, part.counted.written, closing.minor, currency).is_ok() {
                    refused.help = "it ties out where reversals (RC, RD) count as their letter says: if this bank means them so, say reversal_sign = \"invert\" in the source".to_owned();
                }
                self.desk.fail(refused)?;
            }
        }
        if declared > 0 {
            let words = format!(
                "statement {}: {declared} declared counts and sums hold",
                part.name()
            );
            self.desk.checked(&open, words);
        }
        if last {
            open.told.closing = Some(closing);
            open.told.day_said_by = "closing balance (:62F:)";
            self.desk.finish(open);
            return Ok(());
        }
        let pages = Pages {
            name: part.name(),
            page: part.page.unwrap_or(open.told.pages),
            closes_with: closing,
            counted: part.before.with(part.counted),
            late: part.late,
            open,
        };
        let account = pages.open.told.account;
        if let Some(before) = self.pages.insert(account, pages) {
            self.desk.fail(incomplete(&before))?;
        }
        Ok(())
    }

    fn end_report(&mut self, mut part: Part) -> Result<(), FileRefused> {
        if part.open.is_none() {
            if part.names.is_empty() {
                let refused = part.refuse("it names no account (:25:)");
                return self.desk.fail(refused);
            }
            let index = self.desk.account(&part.names, part.currency, ":25:", part.line)?;
            let mut open = self.desk.begin(Purport::Intraday, part.line, index);
            open.told.id.clone_from(&part.id);
            open.told.sequence = part.number;
            part.open = Some(open);
        }
        let Some(open) = part.open.take() else {
            return Ok(());
        };
        let Some(currency) = self.desk.currency(open.told.account) else {
            return Ok(());
        };
        if !self.interim {
            let words = format!(
                "report {}: an interim report (MT942) among statements, which books nothing",
                part.name()
            );
            self.desk.facts.noted.push(words);
        }
        let declared = self.check_declared(&mut part, currency, true)?;
        if declared > 0 {
            let words = format!("report {}: {declared} declared counts and sums hold", part.name());
            self.desk.facts.checked.push(words);
        }
        self.desk.finish(open);
        Ok(())
    }

    fn end(&mut self) -> Result<(), FileRefused> {
        self.end_part()?;
        if self.unfinished {
            self.desk.fail(FileRefused::at(
                self.line,
                "the last message does not end with `-}`, as its envelope asks: the file was cut off",
                "fetch the whole file again and run the day again",
            ))?;
        }
        let left = std::mem::take(&mut self.pages);
        for mut pages in left.into_values() {
            // Whether the next page stands in another file is seen across the files of the day; a total of the whole
            // statement that holds over none of these pages cannot be.
            if let Some(late) = pages.late.first() {
                let refused = over_files(&pages, late);
                self.desk.fail(refused)?;
            }
            pages.open.told.closing = Some(pages.closes_with);
            pages.open.told.day_said_by = "interim closing balance (:62M:)";
            pages.open.told.goes_on = true;
            self.desk.finish(pages.open);
        }
        if !self.interim && self.reports == self.messages && self.reports > 0 {
            return Err(FileRefused::at(
                0,
                "no statement stands in this file: an MT942 interim report books nothing and needs a source of format mt942",
                "give the file to such a source, and ask the bank for the day's statement (MT940)",
            ));
        }
        if self.messages == 0 {
            return Err(FileRefused::at(
                0,
                "the file holds no statement (no :20: or :25: field)",
                "ask the bank for the day's statement; a day without entries still has one with its balances",
            ));
        }
        Ok(())
    }
}

fn open_account(open: &OpenStatement) -> u16 {
    open.told.account as u16
}

fn incomplete(pages: &Pages) -> FileRefused {
    FileRefused::at(
        pages.open.told.line,
        format!(
            "statement {}: page {} is missing: it closes with an interim balance (:62M:), and another statement of its account follows in this file",
            pages.name,
            pages.page + 1
        ),
        ASK_THE_BANK,
    )
}

fn over_files(pages: &Pages, late: &Declared) -> FileRefused {
    FileRefused::at(
        late.line,
        format!(
            "statement {}: {} found `{}`, which holds over no page in this file, and page {} is not in it: a total of a whole statement is checked where all of its pages stand in one file",
            pages.name,
            late.tag,
            shown(&late.text),
            pages.page + 1
        ),
        "ask the bank for the whole statement in one file",
    )
}

fn too_many_lines(line: u64) -> FileRefused {
    FileRefused::at(
        line,
        format!("a field has more than {FIELD_LINES_MAX} lines, or {FIELD_BYTES_MAX} bytes"),
        "this is no statement: fetch the file again",
    )
}

/// Text without control characters, which no field may hold.
fn clean(text: &str) -> String {
    if !has_control(text) {
        return text.to_owned();
    }
    text.chars()
        .map(|c| if c.is_control() { ' ' } else { c })
        .collect()
}

#[cfg(test)]
mod tests;
