//! Which files a profile knows by their first bytes, and what is said of one that it does not.
//!
//! In: a profile and the head of a file. Out: the file's kind and its encoding, or a refusal that says what the file is in the
//! place of what was expected: an answer of the sender's system, a file of another format, a header that has changed.

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};

use super::super::FileRefused;
use super::super::decode::behind_mark;
use super::super::grammars;
use super::super::profile::{self, Other, Profile, Stated};
use super::super::values::shown;
use super::cut::{cut_fixed, record_bytes};
use super::differs;
use super::frame_line::FrameLine;
use super::lines::decode;
use super::other_kinds::other_kind;
use super::row::TWO_RETURNS;

/// Lines of a file in which a header is looked for.
pub(super) const HEAD_LINES: usize = 64;

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
pub(super) fn with_other_delimiter(
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

pub(super) fn look(
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

pub(super) fn kind_of_lines(profile: &Profile, encoding: &'static Encoding, head: &[u8]) -> Option<Kind> {
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
pub(super) fn kind_of_shape(profile: &Profile, encoding: &'static Encoding, head: &[u8]) -> Option<Kind> {
    if !profile.first_lines.is_empty() || !profile.header.is_empty() || profile.frame.fixed.is_empty() {
        return None;
    }
    let (line, _) = first_row(profile, encoding, head)?;
    misshapen(profile, encoding, line).is_none().then_some(Kind::Rows)
}

/// The first row of records at fixed places and its line: the one behind the line that begins the table, where files have one.
pub(super) fn first_row<'h>(
    profile: &Profile,
    encoding: &'static Encoding,
    head: &'h [u8],
) -> Option<(&'h [u8], u64)> {
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
pub(super) fn misshapen(profile: &Profile, encoding: &'static Encoding, line: &[u8]) -> Option<String> {
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

/// Why a file of fixed places is not one of the profile, where blanks behind its first record would make it one: the record fits its
/// places as far as it goes. Times that must stand there have to, and blanks between its places, since a line of any other file
/// would fit some widths.
pub fn cut_short(profile: &Profile, head: &[u8]) -> Option<FileRefused> {
    let frame = &profile.frame;
    let is_of_places = !frame.fixed.is_empty() && frame.gap > 0 && frame.begin.is_none();
    if !is_of_places || frame.guards.is_empty() {
        return None;
    }
    let (marked, head) = behind_mark(head);
    let encoding = marked.or(profile.encodings.first().copied())?;
    let (line, at) = first_row(profile, encoding, head)?;
    let expected = record_bytes(frame);
    if line.len() >= expected {
        return None;
    }
    let mut filled = line.to_vec();
    filled.resize(expected, b' ');
    misshapen(profile, encoding, &filled).is_none().then(|| {
        FileRefused::at(
            at,
            format!(
                "its first record has {} bytes, expected {expected}: it fits the places of {} as far as it goes, so the blanks at the ends of its lines were cut off, by an editor or a program that saved the file, or the rest of the record was",
                line.len(),
                profile.title
            ),
            "fetch it again and leave it as the sender wrote it; to look into a file, open a copy",
        )
    })
}

pub(super) fn kind_of_text(profile: &Profile, text: &str, encoding: &'static Encoding) -> Option<Kind> {
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
pub(super) fn titles_in<'t>(profile: &Profile, line: &'t str) -> Vec<&'t str> {
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
pub(super) fn is_header(profile: &Profile, line: &str) -> bool {
    header_of(profile, line).is_some_and(|other| other.is_none())
}

/// What a line with the titles of the header is the header of: of the profile (`None`), or of another kind of file.
pub(super) fn header_of<'p>(profile: &'p Profile, line: &str) -> Option<Option<&'p Other>> {
    let titles = titles_in(profile, line);
    let has = |any: &Vec<String>| any.iter().any(|title| titles.contains(&title.as_str()));
    let of_other = |other: &&Other| other.header.iter().any(|title| titles.contains(&title.as_str()));
    let is_like = profile.header.iter().all(has);
    is_like.then(|| profile.others.iter().find(of_other))
}

/// What a file is that has the titles of the profile and is another.
pub(super) fn other_of<'p>(profile: &'p Profile, head: &[u8]) -> Option<&'p Other> {
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
pub(super) fn unknown(profile: &Profile, head: &[u8], encoding: Option<&'static Encoding>) -> FileRefused {
    let grammar = grammars::recognise(head);
    if let Some(answer) = answer(profile, head).filter(|_| grammar.is_none()) {
        return answer;
    }
    if let Some(cut) = cut_short(profile, head).filter(|_| grammar.is_none()) {
        return cut;
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

/// What a file is that holds no data of anybody's: a page or an answer of a server, an archive, a document.
pub fn no_data(head: &[u8]) -> Option<FileRefused> {
    let text = String::from_utf8_lossy(&head[..head.len().min(4 << 10)]).to_ascii_lowercase();
    let is_page = text.contains("<html") || text.contains("<!doctype html");
    let is_answer = text.trim_start().starts_with(['{', '[']) && !text.trim_start().starts_with("{1:");
    other_kind(head).or_else(|| markup(&String::from_utf8_lossy(head)).filter(|_| is_page || is_answer))
}

/// An answer in XML, HTML or JSON, in which no table is written.
pub(super) fn markup(text: &str) -> Option<FileRefused> {
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
