//! Stage 1: the one reader of table formats, driven by a [`Profile`].
//!
//! In: the bytes of one file and a profile. Out: channel or bank rows, rejects that name the file's own column title,
//! and the control totals that held. Rule: SPEC §4.1 (a row is read exactly or refused), R36 (totals over rows as
//! delivered), R37 (amounts), R45 (Alipay). A row with too many fields is never guessed at: it is refused, unless the
//! profile names the one free text that may hold bare delimiters and its neighbours read as what they must be.
//!
//! Not done here: which source claims a file, archives, duplicate deliveries, drafts of profiles.

use std::io::Read;
use std::ops::Range;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};
use jiff::tz::TimeZone;

use super::decode::{TextReader, by_label, byte_order_mark, peek};
use super::profile::{Profile, When};
use super::values::{shown, zone};
use super::{FileFacts, FileRefused, FormatContext};
use crate::entries::rows::{Reject, RowSink};

use bind::{Columns, Row, anchor, cut, cut_quoted};
use fields::{Fields, bind_fields};
use lines::{Lines, decode};
use totals::Totals;

mod bind;
mod fields;
mod lines;
mod totals;

const HEAD_BYTES: usize = 64 << 10;
/// Lines of a file in which a header is looked for.
const HEAD_LINES: usize = 64;

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
    look(profile, head, encoding).map(|(kind, _)| kind)
}

fn look(
    profile: &Profile,
    head: &[u8],
    encoding: Option<&'static Encoding>,
) -> Option<(Kind, &'static Encoding)> {
    // A cut last line could be cut inside a character: look at whole lines only, if there are any.
    let (marked, head) = match byte_order_mark(head) {
        Some((encoding, mark)) => (Some(encoding), &head[mark..]),
        None => (None, head),
    };
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
            kind_of_text(profile, &candidate.decode_without_bom_handling(even).0)
        } else {
            kind_of_lines(profile, candidate, whole)
        };
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
    kind_of_text(profile, &text)
}

fn kind_of_text(profile: &Profile, text: &str) -> Option<Kind> {
    let padding = |c: char| profile.frame.comment_padding.contains(&c) || c == '\r';
    let first = text.lines().next()?.trim_end_matches(padding);
    for (pattern, why) in &profile.skipped_files {
        if pattern.fit(first).is_some() {
            return Some(Kind::Skipped(why.clone()));
        }
    }
    if let Some(pattern) = &profile.first_line
        && pattern.fit(first).is_none()
    {
        return None;
    }
    if profile.header.is_empty() {
        return Some(Kind::Rows);
    }
    let delimiter = char::from(profile.frame.delimiter);
    let quote = profile.frame.quote.map(char::from);
    let has_header = text.lines().take(HEAD_LINES).any(|line| {
        let titles: Vec<&str> = line
            .split(delimiter)
            .map(|title| {
                title.trim_matches(|c| profile.frame.trim.contains(&c) || Some(c) == quote || c == '\r')
            })
            .collect();
        profile
            .header
            .iter()
            .all(|title| titles.contains(&title.as_str()))
    });
    has_header.then_some(Kind::Rows)
}

/// Reads one file by a profile.
///
/// # Errors
/// The file is refused; what the sink was given is void.
pub fn read<'a>(
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
    let Some((kind, encoding)) = look(profile, &head, configured) else {
        return Err(FileRefused::at(
            1,
            format!("this is no file of format {} ({})", profile.name, profile.title),
            "name the right format in the source, or take the file out of it",
        ));
    };
    if let Kind::Skipped(why) = kind {
        return Ok(FileFacts {
            checked: vec![format!("not read: {why}")],
            ..FileFacts::default()
        });
    }
    let mark = byte_order_mark(&head).map_or(0, |(_, mark)| mark);
    let source: Box<dyn Read + 'a> = Box::new(std::io::Cursor::new(head[mark..].to_vec()).chain(bytes));
    let mut lines = if encoding == UTF_16LE || encoding == UTF_16BE {
        // Offsets are those of the decoded text.
        Lines::new(
            Box::new(UnboundedText(TextReader::new(source, encoding))),
            UTF_8,
            0,
        )
    } else {
        Lines::new(source, encoding, mark)
    };
    let mut table = Table {
        profile,
        ctx,
        sink,
        zone: zone(&ctx.settings.institution.time_zone)?,
        at: At::Before,
        facts: FileFacts::default(),
        totals: Totals::new(profile),
        plan: None,
        cells: Vec::new(),
        plain: String::new(),
        preamble_lines: profile.frame.preamble_lines,
    };
    while lines.next(profile.frame.quote)? {
        table.line(&lines)?;
    }
    table.end()
}

/// Text whose lines are bounded by [`Lines`].
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
    /// Behind the line that ends the table.
    Behind,
}

/// Columns and fields of a file whose header was read.
struct Plan<'p> {
    columns: Columns,
    free_text: Option<usize>,
    guards: Vec<usize>,
    skipped: Vec<(usize, &'p When)>,
    fields: Fields<'p>,
}

struct Table<'r> {
    profile: &'r Profile,
    ctx: &'r FormatContext<'r>,
    sink: &'r mut dyn RowSink,
    zone: TimeZone,
    at: At,
    facts: FileFacts,
    totals: Totals<'r>,
    plan: Option<Plan<'r>>,
    cells: Vec<Range<usize>>,
    plain: String,
    preamble_lines: u32,
}

impl Table<'_> {
    fn line(&mut self, lines: &Lines<'_>) -> Result<(), FileRefused> {
        let frame = &self.profile.frame;
        let padding = |c: char| frame.comment_padding.contains(&c);
        let framed = lines.text.trim_end_matches(padding);
        if framed.is_empty() {
            return Ok(());
        }
        let may_frame = match &frame.comment {
            Some(prefix) => framed.starts_with(prefix.as_str()),
            None => true,
        };
        if may_frame && self.frame_line(lines.place.line, framed)? {
            return Ok(());
        }
        if may_frame && frame.comment.is_some() {
            return Ok(());
        }
        if self.at == At::Before {
            if self.preamble_lines > 0 {
                self.preamble_lines -= 1;
                return Ok(());
            }
            if frame.begin.is_some() {
                return Err(self.broken(
                    lines.place.line,
                    "a row stands before the line that begins the table",
                ));
            }
            self.at = At::Header;
        }
        match self.at {
            At::Before | At::Header => self.header(lines),
            At::Rows => {
                self.row(lines);
                Ok(())
            }
            At::Behind => Err(self.broken(
                lines.place.line,
                "a row stands behind the line that ends the table",
            )),
        }
    }

    fn broken(&self, line: u64, what: &str) -> FileRefused {
        FileRefused::at(
            line,
            format!("{what} ({})", self.profile.title),
            "the file was cut off, joined or changed: fetch it again and run the day again",
        )
    }

    /// Takes a line of the frame; false when it says nothing that the profile knows.
    fn frame_line(&mut self, line: u64, text: &str) -> Result<bool, FileRefused> {
        let frame = &self.profile.frame;
        if frame
            .begin
            .as_ref()
            .is_some_and(|begin| begin.fit(text).is_some())
        {
            if self.at != At::Before {
                return Err(self.broken(line, "the table begins twice"));
            }
            self.at = At::Header;
            return Ok(true);
        }
        if frame.end.as_ref().is_some_and(|end| end.fit(text).is_some()) {
            if self.at != At::Rows {
                return Err(self.broken(line, "the table ends where it has not begun"));
            }
            self.at = At::Behind;
            return Ok(true);
        }
        if self.totals.state(line, text)? {
            return Ok(true);
        }
        for (pattern, name) in &self.profile.facts {
            if let Some(holes) = pattern.fit(text) {
                let texts: Vec<String> = holes.iter().map(|(_, text)| shown(text)).collect();
                self.facts.statements.push(format!("{name} {}", texts.join(" ")));
                return Ok(true);
            }
        }
        Ok(false)
    }

    fn header(&mut self, lines: &Lines<'_>) -> Result<(), FileRefused> {
        self.cut(lines)
            .map_err(|what| self.broken(lines.place.line, what))?;
        let row = Row {
            place: lines.place,
            text: self.text(lines),
            cells: &self.cells,
        };
        let columns = Columns {
            titles: (0..self.cells.len()).map(|at| row.cell(at).to_owned()).collect(),
        };
        let mut missing = Vec::new();
        let profile = self.profile;
        let mut column = |title: &String| {
            columns.find(title).unwrap_or_else(|| {
                missing.push(title.clone());
                0
            })
        };
        let free_text = profile.frame.free_text.as_ref().map(&mut column);
        let guards: Vec<usize> = profile
            .frame
            .guards
            .iter()
            .map(|(title, _)| column(title))
            .collect();
        let skipped = profile
            .skipped_rows
            .iter()
            .map(|when| (column(&when.column), when))
            .collect();
        self.totals.bind(&columns, &mut missing);
        let fields = bind_fields(profile, &columns, self.ctx, &mut missing);
        missing.sort();
        missing.dedup();
        let help =
            "the sender changed the table: compare its header with the profile, and ask for the known one";
        if !missing.is_empty() {
            return Err(FileRefused::at(
                lines.place.line,
                format!("the header has no column {}", missing.join(", nor ")),
                help,
            ));
        }
        let twice = columns
            .titles
            .iter()
            .enumerate()
            .find(|(at, title)| !title.is_empty() && columns.titles[..*at].contains(title));
        if let Some((_, title)) = twice {
            return Err(FileRefused::at(
                lines.place.line,
                format!("the header has the column {} twice", shown(title)),
                help,
            ));
        }
        let Some(fields) = fields else {
            return Err(self.broken(lines.place.line, "the profile names no fields"));
        };
        self.plan = Some(Plan {
            columns,
            free_text,
            guards,
            skipped,
            fields,
        });
        self.at = At::Rows;
        Ok(())
    }

    /// Cuts the record into `cells`.
    fn cut(&mut self, lines: &Lines<'_>) -> Result<(), &'static str> {
        let frame = &self.profile.frame;
        match frame.quote {
            Some(quote) => cut_quoted(&lines.text, quote, frame, &mut self.plain, &mut self.cells),
            None => {
                cut(&lines.text, frame, &mut self.cells);
                Ok(())
            }
        }
    }

    /// The text that `cells` are cut from.
    fn text<'t>(&'t self, lines: &'t Lines<'_>) -> &'t str {
        if self.profile.frame.quote.is_some() {
            &self.plain
        } else {
            &lines.text
        }
    }

    fn row(&mut self, lines: &Lines<'_>) {
        let cut = self.cut(lines);
        let Some(plan) = self.plan.take() else { return };
        let expected = plan.columns.titles.len();
        let found = self.cells.len();
        let mut anchored = false;
        if let (Some(at), true) = (plan.free_text, found > expected) {
            anchor(&mut self.cells, at, expected);
            anchored = true;
        }
        let row = Row {
            place: lines.place,
            text: if self.profile.frame.quote.is_some() {
                &self.plain
            } else {
                &lines.text
            },
            cells: &self.cells,
        };
        let guarded = !anchored
            || plan
                .guards
                .iter()
                .zip(&self.profile.frame.guards)
                .all(|(at, (_, pattern))| pattern.read(row.cell(*at)).is_some());
        let misfit = match cut {
            Err(what) => Some((what.to_owned(), "quotes only around whole fields".to_owned())),
            Ok(()) if self.cells.len() != expected || !guarded => Some((
                format!("{found} fields"),
                format!("{expected} fields, as in the header"),
            )),
            Ok(()) => None,
        };
        if let Some((found, expected)) = misfit {
            self.totals.add_unknown(
                lines.place.line,
                &format!("a row: found {found}, expected {expected}"),
            );
            self.sink.reject(Reject {
                line: lines.place.line,
                column: 0,
                field: "row".to_owned(),
                found,
                expected,
            });
            self.plan = Some(plan);
            return;
        }
        self.totals.add(&row);
        let skipped = plan
            .skipped
            .iter()
            .any(|(at, when)| when.is.iter().any(|text| text == row.cell(*at)));
        let result = match &plan.fields {
            _ if skipped => {
                self.sink.not_booked(row.place);
                Ok(())
            }
            Fields::Channel(fields) => fields.give(&row, &self.zone, self.sink),
            Fields::Bank(fields) => fields.give(&row, &self.zone, self.ctx, self.sink),
        };
        if let Err(bad) = result {
            self.sink
                .reject(bad.reject(&row, self.profile.frame.quote.is_none(), &plan.columns));
        }
        self.plan = Some(plan);
    }

    fn end(mut self) -> Result<FileFacts, FileRefused> {
        let ended = match self.at {
            At::Before | At::Header => return Err(self.broken(0, "the file ends before its header")),
            At::Rows => self.profile.frame.end.is_none(),
            At::Behind => true,
        };
        if !ended {
            return Err(self.broken(0, "the line that ends the table is missing"));
        }
        self.facts.checked = self.totals.check()?;
        Ok(self.facts)
    }
}

#[cfg(test)]
mod tests;
