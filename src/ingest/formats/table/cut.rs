//! Records cut into cells: by a delimiter, by marks, by quotes, by fixed places.

use encoding_rs::Encoding;

use crate::entries::rows::Place;
use crate::ingest::formats::profile::Frame;

use super::lines::decode;
use super::scan::PLACE;

/// Start and end of a cell in its text, not trimmed.
pub type Span = (u32, u32);

/// A row cut into cells.
#[derive(Clone, Copy)]
pub struct Row<'t> {
    /// Where it stands.
    pub place: Place,
    /// What its cells are cut from; for quoted formats without the quotes. Cells that the profile names are UTF-8.
    pub text: &'t [u8],
    /// Ranges of its cells, trimmed.
    pub cells: &'t [Span],
    /// Digest of the row, where the profile asks for one.
    pub id: &'t str,
}

impl<'t> Row<'t> {
    /// Text of a cell; empty where the row has no such cell.
    #[inline]
    pub fn cell(&self, at: usize) -> &'t str {
        let text = std::str::from_utf8(self.bytes(at));
        assert!(text.is_ok(), "a cell that is asked for was decoded");
        text.unwrap_or_default()
    }

    /// Bytes of a cell; empty where the row has no such cell.
    #[inline(always)]
    pub fn bytes(&self, at: usize) -> &'t [u8] {
        match self.cells.get(at) {
            Some((start, end)) => self.text.get(*start as usize..*end as usize).unwrap_or_default(),
            None => b"",
        }
    }

    /// Characters before the cell, from 1.
    pub fn column_of(&self, at: usize) -> u32 {
        let Some((start, _)) = self.cells.get(at) else {
            return 0;
        };
        let text = std::str::from_utf8(self.text).unwrap_or_default();
        text[..*start as usize].chars().count() as u32 + 1
    }
}

/// Cuts a record of `length` bytes at its delimiters.
#[inline]
pub fn cut(delimiters: &[u32], record_start: u32, length: usize, cells: &mut Vec<Span>) {
    // Nearly all records have as many cells as the one before.
    cells.resize(delimiters.len() + 1, (0, 0));
    let mut start = 0;
    for (cell, place) in cells.iter_mut().zip(delimiters) {
        let end = (place & PLACE).wrapping_sub(record_start);
        *cell = (start, end);
        start = end.wrapping_add(1);
    }
    if let Some(last) = cells.last_mut() {
        *last = (start, length as u32);
    }
}

/// Cuts where the mark follows a delimiter; the marks are no part of the cells. False when the text does not begin
/// with the mark.
#[inline]
pub fn cut_marked(
    bytes: &[u8],
    mark: u8,
    delimiters: &[u32],
    record_start: u32,
    cells: &mut Vec<Span>,
) -> bool {
    if bytes.first() != Some(&mark) {
        cells.clear();
        return false;
    }
    cells.resize(delimiters.len() + 1, (0, 0));
    let (mut start, mut count) = (1, 0);
    for place in delimiters {
        let end = (place & PLACE) - record_start;
        // What is written here is written over where no mark follows.
        cells[count] = (start, end);
        if bytes.get(end as usize + 1) == Some(&mark) {
            start = end + 2;
            count += 1;
        }
    }
    cells[count] = (start, bytes.len() as u32);
    cells.truncate(count + 1);
    true
}

/// Takes the quotes off the cells of a record that was cut at its delimiters, where they stand around whole cells and
/// nowhere else. False where they do not; `cut_quoted` then says why, or puts a cell with quotes inside together.
#[inline]
pub fn unquote(bytes: &[u8], quote: u8, cells: &mut [Span]) -> bool {
    let mut quotes = 0;
    for (start, end) in cells.iter_mut() {
        if let [first, .., last] = &bytes[*start as usize..*end as usize]
            && (*first, *last) == (quote, quote)
        {
            (*start, *end) = (*start + 1, *end - 1);
            quotes += 2;
        }
    }
    quotes == memchr::memchr_iter(quote, bytes).count()
}

/// Cuts a record with quotes; its cells are put, unquoted, into `plain`.
///
/// # Errors
/// A quote stands where none may stand.
pub fn cut_quoted(
    text: &str,
    quote: u8,
    frame: &Frame,
    plain: &mut String,
    cells: &mut Vec<Span>,
) -> Result<(), &'static str> {
    plain.clear();
    cells.clear();
    let (quote, delimiter) = (char::from(quote), char::from(frame.delimiter));
    let mut rest = text;
    loop {
        let start = plain.len() as u32;
        if let Some(mut inner) = rest.strip_prefix(quote) {
            loop {
                let Some((part, behind)) = inner.split_once(quote) else {
                    return Err("a quoted field without an end");
                };
                plain.push_str(part);
                match behind.strip_prefix(quote) {
                    Some(behind) => {
                        plain.push(quote);
                        inner = behind;
                    }
                    None => {
                        rest = behind;
                        break;
                    }
                }
            }
            // Blanks that are trimmed anyway may stand behind the quote.
            let end = rest.find(delimiter).unwrap_or(rest.len());
            if !frame.trim.text(&rest[..end]).is_empty() {
                return Err("a text behind the end of a quoted field");
            }
            rest = &rest[end..];
        } else {
            let end = rest.find(delimiter).unwrap_or(rest.len());
            if rest[..end].contains(quote) {
                return Err("a quote inside a field without quotes");
            }
            plain.push_str(&rest[..end]);
            rest = &rest[end..];
        }
        cells.push((start, plain.len() as u32));
        match rest.strip_prefix(delimiter) {
            Some(behind) => rest = behind,
            None => return Ok(()),
        }
    }
}

/// Cuts a record at fixed places of its bytes as delivered; its cells are put into `plain`.
///
/// # Errors
/// Its length is another, the gaps are not blank, or a cell does not decode.
pub fn cut_fixed(
    raw: &[u8],
    encoding: &'static Encoding,
    frame: &Frame,
    plain: &mut String,
    cells: &mut Vec<Span>,
) -> Result<(), String> {
    plain.clear();
    cells.clear();
    let expected = record_bytes(frame);
    let may_be_shorter = frame.blanks_cut && !raw.is_empty();
    if raw.len() > expected || (raw.len() < expected && !may_be_shorter) {
        return Err(format!("{} bytes", raw.len()));
    }
    let mut at = 0;
    for (index, (title, width)) in frame.fixed.iter().enumerate() {
        if index > 0 {
            if bytes_at(raw, at, frame.gap).iter().any(|byte| *byte != b' ') {
                return Err(format!("no blank before {title}, at byte {}", at + 1));
            }
            at += frame.gap;
        }
        let cell = bytes_at(raw, at, *width);
        let Some(text) = decode(encoding, cell) else {
            return Err(format!("{title} in bytes that are not {}", encoding.name()));
        };
        let start = plain.len() as u32;
        plain.push_str(&text);
        // Blanks that were cut off stood here: the row is the one that was sent.
        plain.extend(std::iter::repeat_n(' ', width - cell.len()));
        cells.push((start, plain.len() as u32));
        at += width;
    }
    Ok(())
}

/// So many bytes of a record, or as many as are left.
fn bytes_at(raw: &[u8], at: usize, width: usize) -> &[u8] {
    &raw[at.min(raw.len())..(at + width).min(raw.len())]
}

/// How much of a cell at a fixed place a record has that is shorter than its places.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// All of it, or what stands there has a blank behind it.
    Whole,
    /// The record ends with these bytes of it, so that it may have gone on.
    Ends(usize),
    /// The record ends before it.
    Missing,
}

/// What a record has of the cell at `index`.
pub fn standing(raw: &[u8], frame: &Frame, index: usize) -> Standing {
    let Some((_, width)) = frame.fixed.get(index) else {
        return Standing::Missing;
    };
    let before: usize = frame.fixed[..index].iter().map(|(_, width)| width).sum();
    let cell = bytes_at(raw, before + frame.gap * index, *width);
    match cell.iter().rposition(|byte| *byte != b' ') {
        _ if cell.len() == *width => Standing::Whole,
        Some(last) if last + 1 == cell.len() => Standing::Ends(cell.len()),
        Some(_) => Standing::Whole,
        None => Standing::Missing,
    }
}

/// Length of a record with fixed places.
pub fn record_bytes(frame: &Frame) -> usize {
    let widths: usize = frame.fixed.iter().map(|(_, width)| width).sum();
    widths + frame.gap * frame.fixed.len().saturating_sub(1)
}

/// Puts the surplus cells of a row back into the one free text at `at`, so that `count` cells are left.
pub fn anchor(cells: &mut Vec<Span>, at: usize, count: usize) {
    let surplus = cells.len() - count;
    cells[at].1 = cells[at + surplus].1;
    cells.drain(at + 1..=at + surplus);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::scan::{LINE, Marks, Places, separators};
    use super::*;
    use crate::ingest::formats::profile::{Profile, Trim, builtin};

    fn frame(delimiter: u8, quote: Option<u8>) -> Frame {
        let mut frame = Profile::parse(builtin("alipay-trade").unwrap(), "x")
            .unwrap()
            .frame;
        frame.delimiter = delimiter;
        frame.quote = quote;
        frame.trim = Trim::default();
        frame
    }

    fn delimiters(line: &str, delimiter: u8, quote: Option<u8>) -> Vec<u32> {
        let mut places = Places::default();
        let marks = Marks {
            delimiter,
            quote,
            cell_mark: None,
            trimmed: None,
        };
        separators(line.as_bytes(), marks, &mut places);
        let delimiters = places.all().iter().filter(|place| **place & LINE == 0);
        delimiters.copied().collect()
    }

    fn cut_line(line: &str, delimiter: u8, quote: Option<u8>) -> Vec<Span> {
        let mut cells = Vec::new();
        cut(&delimiters(line, delimiter, quote), 0, line.len(), &mut cells);
        cells
    }

    fn cut_marks(line: &str) -> Option<Vec<Span>> {
        let mut cells = Vec::new();
        cut_marked(
            line.as_bytes(),
            b'`',
            &delimiters(line, b',', None),
            0,
            &mut cells,
        )
        .then_some(cells)
    }

    fn texts<'t>(text: &'t str, cells: &[Span]) -> Vec<&'t str> {
        cells
            .iter()
            .map(|(start, end)| &text[*start as usize..*end as usize])
            .collect()
    }

    proptest! {
        #[test]
        fn quoted_cells_come_back(cells in prop::collection::vec("[a;\"支\n ]{0,6}", 1..6)) {
            let line: Vec<String> = cells.iter().map(|cell| format!("\"{}\"", cell.replace('"', "\"\""))).collect();
            let (mut plain, mut ranges) = (String::new(), Vec::new());
            let result = cut_quoted(&line.join(";"), b'"', &frame(b';', Some(b'"')), &mut plain, &mut ranges);
            prop_assert_eq!(result, Ok(()));
            prop_assert_eq!(texts(&plain, &ranges), cells);
        }

        #[test]
        fn quotes_are_taken_off_in_place_or_not_at_all(line in "[a,;\"支 ]{0,24}", quoted in prop::collection::vec("[a,支 ]{0,4}", 0..4)) {
            let whole: Vec<String> = quoted.iter().map(|cell| format!("\"{cell}\"")).collect();
            for line in [line, whole.join(","), format!("x,{}", whole.join(",")), format!("{}\r", whole.join(","))] {
                let mut frame = frame(b',', Some(b'"'));
                frame.trim = Trim::of(" ");
                let mut in_place = cut_line(&line, b',', Some(b'"'));
                let (mut plain, mut ranges) = (String::new(), Vec::new());
                let slow = cut_quoted(&line, b'"', &frame, &mut plain, &mut ranges);
                if unquote(line.as_bytes(), b'"', &mut in_place) {
                    prop_assert_eq!(slow, Ok(()), "{}", line);
                    prop_assert_eq!(texts(&line, &in_place), texts(&plain, &ranges), "{}", line);
                }
            }
        }

        #[test]
        fn anchored_cells_come_back(
            cells in prop::collection::vec("[a-z支]{0,4}", 3..8),
            goods in "[a-z,支]{0,9}",
            at in 0usize..8,
        ) {
            let mut cells = cells;
            let at = at % cells.len();
            cells[at] = goods;
            let line = cells.join(",");
            let mut ranges = cut_line(&line, b',', None);
            if ranges.len() > cells.len() {
                anchor(&mut ranges, at, cells.len());
            }
            prop_assert_eq!(texts(&line, &ranges), cells);
        }

        #[test]
        fn marked_cells_come_back(cells in prop::collection::vec("[a,\"{}:支 ]{0,6}", 1..6)) {
            let line: Vec<String> = cells.iter().map(|cell| format!("`{cell}")).collect();
            let line = line.join(",");
            let ranges = cut_marks(&line);
            prop_assert_eq!(ranges.map(|ranges| texts(&line, &ranges)), Some(cells.iter().map(String::as_str).collect()));
        }
    }

    #[test]
    fn marks_and_places_decide() {
        let mut cells = Vec::new();
        assert_eq!(cut_marks("a,`b"), None);
        assert_eq!(cut_marks(""), None);
        assert_eq!(texts("`,`", &cut_marks("`,`").unwrap()), ["", ""]);
        let line = "``,`{\"a\":1,\"b\":2},`";
        assert_eq!(
            texts(line, &cut_marks(line).unwrap()),
            ["`", "{\"a\":1,\"b\":2}", ""]
        );
        let mut frame = frame(b',', None);
        frame.fixed = vec![("a".to_owned(), 2), ("b".to_owned(), 4)];
        frame.gap = 1;
        let mut plain = String::new();
        let gbk = encoding_rs::GB18030;
        assert_eq!(
            cut_fixed(b"ab \xd6\xa7c ", gbk, &frame, &mut plain, &mut cells),
            Ok(())
        );
        assert_eq!(texts(&plain, &cells), ["ab", "支c "]);
        for bad in [&b"ab cdef "[..], b"ab", b"abxcdef", b"ab c\xffef", b"ab cd\xd6\n"] {
            assert!(
                cut_fixed(bad, gbk, &frame, &mut plain, &mut cells).is_err(),
                "{bad:?}"
            );
        }
    }
}
