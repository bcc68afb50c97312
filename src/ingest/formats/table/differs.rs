//! Why a file is none of a profile, in words: its first line and its header against those that the profile knows. Only
//! frame lines are shown, never rows, and long numbers not in full: a message travels further than the file.

use std::fmt::Write as _;

use encoding_rs::{Encoding, UTF_8, UTF_16BE, UTF_16LE};

use super::frame_line::FrameLine;
use super::lines::decode;
use super::recognise::{HEAD_LINES, first_row, misshapen, titles_in};
use crate::book::parse::nearest;
use crate::ingest::formats::decode::behind_mark;
use crate::ingest::formats::profile::{LinePattern, Profile};
use crate::ingest::formats::values::shown;

/// Digits of a number that is not shown in full.
const LONG_NUMBER: usize = 8;
/// Titles of a header that are shown.
const TITLES_SHOWN: usize = 12;

/// How far a file is from a profile.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// What the profile expects and the file does not have: titles, and its first line. Fewer is nearer.
    pub missing: usize,
    /// What it expects and the file has.
    pub met: usize,
    /// The first line that is to be looked at.
    pub line: u64,
    /// In words.
    pub words: String,
}

/// What keeps a file with these first bytes from being of a profile.
pub fn difference(profile: &Profile, head: &[u8], encoding: Option<&'static Encoding>) -> Difference {
    let (text, read_in) = text_of(profile, head, encoding);
    let lines: Vec<&str> = text
        .lines()
        .take(HEAD_LINES)
        .map(|line| line.trim_end_matches('\r'))
        .collect();
    let mut found = Difference {
        missing: 0,
        met: 0,
        line: 1,
        words: String::new(),
    };
    let first = lines.first().copied().unwrap_or_default();
    if profile.header.is_empty() && profile.first_lines.is_empty() {
        found.missing = 1;
        let encoding = read_in.unwrap_or(UTF_8);
        let (line, words) = shape(profile, encoding, behind_mark(head).1);
        (found.line, found.words) = (line, words);
        return found;
    }
    let padding = |c: char| profile.frame.comment_padding.contains(&c);
    let first_line = FrameLine::new(
        first.trim_end_matches(padding),
        &profile.frame,
        read_in.unwrap_or(UTF_8),
    );
    let fits = profile
        .first_lines
        .iter()
        .any(|pattern| first_line.fit(pattern).is_some());
    if fits {
        found.met += 1;
    } else if !profile.first_lines.is_empty() {
        found.missing += 1;
        let expected: Vec<String> = profile
            .first_lines
            .iter()
            .map(|line| format!("`{}`", line.text()))
            .collect();
        let _ = write!(
            found.words,
            "its first line is `{}`, expected {}",
            masked_line(first),
            expected.join(" or ")
        );
    }
    header(profile, &lines, &mut found);
    let (marked, _) = behind_mark(head);
    let known = match marked.or(encoding) {
        Some(one) => vec![one],
        None => profile.encodings.clone(),
    };
    let in_another = read_in.filter(|read_in| !known.contains(read_in) && !text.is_ascii());
    if let Some(read_in) = in_another {
        let known: Vec<String> = known
            .iter()
            .map(|known| known.name().to_ascii_lowercase())
            .collect();
        let read_in = read_in.name().to_ascii_lowercase();
        let add = if !profile.frame.fixed.is_empty() {
            "its places are counted in bytes, so fetch the file again as the sender wrote it, not converted"
                .to_owned()
        } else if encoding.is_some() {
            "correct `encoding` of the source in book.toml".to_owned()
        } else {
            format!(
                "add \"{read_in}\" to `encodings` of the profile, or to the source: encoding = \"{read_in}\""
            )
        };
        let before = if found.words.is_empty() { "" } else { "; " };
        let _ = write!(
            found.words,
            "{before}its bytes are {read_in}, and it is read in {}: {add}",
            known.join(" or ")
        );
    } else if found.words.is_empty() {
        found
            .words
            .push_str("its first lines do not fit what the profile expects");
    }
    found
}

/// Which record of a file is not that of a format of fixed places, and why.
fn shape(profile: &Profile, encoding: &'static Encoding, head: &[u8]) -> (u64, String) {
    let Some((row, line)) = first_row(profile, encoding, head) else {
        let begin = profile.frame.begin.as_ref().map(LinePattern::text);
        let words = format!(
            "no line of it is `{}`, behind which its rows stand",
            begin.unwrap_or_default()
        );
        return (1, words);
    };
    let mut words = match misshapen(profile, encoding, row) {
        Some(what) => format!("its first record has {what}"),
        None => "its first record does not stand on a line of its own".to_owned(),
    };
    if profile.frame.begin.is_some() {
        words = words.replacen(
            "its first record",
            "its first record behind the line that begins the table",
            1,
        );
    } else {
        words +=
            "; where a record of its own layout stands before the rows, say it: begin = \"H{}\" in [frame]";
    }
    (line, words)
}

/// Compares the line that has most of the header's titles.
fn header(profile: &Profile, lines: &[&str], found: &mut Difference) {
    if profile.header.is_empty() {
        return;
    }
    let met = |titles: &[&str]| {
        let has = |any: &&Vec<String>| any.iter().any(|title| titles.contains(&title.as_str()));
        profile.header.iter().filter(has).count()
    };
    let mut best: Option<(usize, usize, Vec<&str>)> = None;
    for (at, line) in lines.iter().enumerate() {
        let titles = titles_in(profile, line);
        let count = met(&titles);
        if best.as_ref().is_none_or(|(most, ..)| count > *most) {
            best = Some((count, at, titles));
        }
    }
    let (count, at, titles) = best.unwrap_or_default();
    found.met += count;
    found.missing += profile.header.len() - count;
    if count == profile.header.len() {
        return;
    }
    if !found.words.is_empty() {
        found.words += "; ";
    }
    // A title that the profile knows is not another one's new name.
    let is_known = |title: &&str| profile.header.iter().flatten().any(|known| known == title);
    let free: Vec<&str> = titles
        .iter()
        .copied()
        .filter(|title| !title.is_empty() && !is_known(title))
        .collect();
    let missing = profile
        .header
        .iter()
        .filter(|any| !any.iter().any(|title| titles.contains(&title.as_str())));
    let expected: Vec<String> = missing
        .map(|any| {
            let near = any.iter().find_map(|title| near_title(title, &free));
            let near = near.map_or(String::new(), |near| format!(" (it has `{}`)", shown(near)));
            format!("`{}`{near}", any.join("|"))
        })
        .collect();
    if count == 0 {
        let _ = write!(
            found.words,
            "none of its first {} lines has a title of the header, expected {}",
            lines.len(),
            expected.join(", ")
        );
        return;
    }
    found.line = at as u64 + 1;
    let _ = write!(
        found.words,
        "line {} has {count} of {} titles of the header and lacks {}; {}",
        at + 1,
        profile.header.len(),
        expected.join(", "),
        titles_shown(&titles)
    );
}

/// The first titles of a header, in words.
pub fn titles_shown<T: AsRef<str>>(titles: &[T]) -> String {
    let more = titles.len().saturating_sub(TITLES_SHOWN);
    let have = titles.iter().take(TITLES_SHOWN);
    let mut have: Vec<String> = have.map(|title| masked_line(title.as_ref())).collect();
    if more > 0 {
        have.push(format!("and {more} more"));
    }
    format!("its titles are {}", have.join(", "))
}

/// A title that may be the wanted one by another name.
fn near_title<'t>(wanted: &str, titles: &[&'t str]) -> Option<&'t str> {
    let part =
        |title: &&&str| title.chars().count() > 1 && (title.contains(wanted) || wanted.contains(**title));
    let alike = |title: &&str| title.chars().any(|c| wanted.contains(c));
    titles
        .iter()
        .find(part)
        .copied()
        .or_else(|| nearest(wanted, titles.iter().copied().filter(alike)))
}

/// The first lines of a file in the first encoding of the profile that they are text in, else in one in which they are.
fn text_of(
    profile: &Profile,
    head: &[u8],
    encoding: Option<&'static Encoding>,
) -> (String, Option<&'static Encoding>) {
    let (marked, head) = behind_mark(head);
    let whole = memchr::memrchr(b'\n', head).map_or(head, |end| &head[..end]);
    let known = marked.or(encoding);
    let candidates = known.into_iter().chain(profile.encodings.iter().copied());
    for candidate in candidates.chain([UTF_8, encoding_rs::GB18030]) {
        if candidate == UTF_16LE || candidate == UTF_16BE {
            if marked == Some(candidate) {
                let text = candidate.decode_without_bom_handling(head).0.into_owned();
                return (text, Some(candidate));
            }
        } else if let Some(text) = decode(candidate, whole) {
            return (text.into_owned(), Some(candidate));
        }
    }
    (String::from_utf8_lossy(whole).into_owned(), None)
}

/// A frame line for a message; of long numbers, which may be accounts, the last four digits.
pub fn masked_line(text: &str) -> String {
    let mut masked = String::new();
    let mut rest = text;
    while !rest.is_empty() {
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits >= LONG_NUMBER {
            masked.push('…');
            masked += &rest[digits - 4..digits];
        } else {
            masked += &rest[..digits];
        }
        rest = &rest[digits..];
        let others = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        masked += &rest[..others];
        rest = &rest[others..];
    }
    shown(&masked)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::profile::builtin;

    fn told(name: &str, head: &str) -> (usize, u64, String) {
        let Ok(profile) = Profile::parse(builtin(name).unwrap(), name) else {
            panic!("{name}")
        };
        let found = difference(&profile, head.as_bytes(), None);
        (found.missing, found.line, found.words)
    }

    #[test]
    fn first_line_and_header_are_compared_with_the_profile() {
        let (missing, line, words) = told(
            "cmbc",
            "账号,6222000000001111\n交易日期,借方金额,贷方发生额,余额,对方户名\n",
        );
        assert!(missing > 0 && line == 2, "{missing} {line} {words}");
        assert!(words.starts_with("line 2 has "), "{words}");
        assert!(words.contains("lacks "), "{words}");
        let (missing, line, words) = told(
            "icbc-corporate",
            "账号 6222000000001111\n凭证号,交易时间,转入金额,转出金额,账户余额\n",
        );
        assert_eq!((missing, line), (2, 2));
        assert_eq!(
            words,
            "its first line is `账号 …1111`, expected `[HISTORYDETAIL]{}` or `本方账号{}`; line 2 has 3 of 4 titles of the header and lacks `余额` (it has `账户余额`); its titles are 凭证号, 交易时间, 转入金额, 转出金额, 账户余额"
        );
        let (_, _, words) = told("unionpay-zm", "hello\r\n");
        assert!(
            words.starts_with("its first record has 5 bytes, expected 607 "),
            "{words}"
        );
        let (_, _, words) = told("square", "hello\nworld\n");
        assert!(
            words.starts_with("none of its first 2 lines has a title of the header, expected `"),
            "{words}"
        );
        let (_, _, words) = told("square", "");
        assert!(words.starts_with("none of its first 0 lines"), "{words}");
    }

    #[test]
    fn long_numbers_are_not_shown() {
        assert_eq!(
            masked_line("卡 62220000000011 on 2026-03-31"),
            "卡 …0011 on 2026-03-31"
        );
        assert_eq!(masked_line("1234567"), "1234567");
        assert_eq!(masked_line(""), "");
    }
}
