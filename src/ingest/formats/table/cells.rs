//! The cells of one record after the other: of a row those that a profile looks at, of all other records all.

use encoding_rs::{Encoding, UTF_8};

use crate::ingest::formats::profile::Frame;

use super::cut::{Row, Span, cut, cut_fixed, cut_marked, cut_quoted, unquote};
use super::gbk;
use super::lines::{Quotes, Record};
use super::scan::{Marks, PLACE, Places, separators};

/// The record that was cut last.
#[derive(Default)]
pub struct Cut {
    /// Ranges of the cells.
    pub cells: Vec<Span>,
    plain: String,
    /// A record in GBK with the texts of its cells behind it.
    mixed: Vec<u8>,
    /// What they are ranges of.
    pub cut_from: CutFrom,
    /// Delimiters of a record without marks.
    places: Places,
}

/// What cells are cut from.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum CutFrom {
    /// The record.
    #[default]
    Record,
    /// `plain`.
    Plain,
    /// So many bytes of `mixed`.
    Mixed(usize),
}

/// Bytes at an end of a cell for which the cell needs a closer look: what is trimmed, quotes, and what is to be decoded.
/// Cells with other ends stand as they are.
pub struct Edges([bool; 256]);

impl Edges {
    /// The edges of a frame, in text or in what is not decoded.
    pub fn of(frame: &Frame, encoding: &'static Encoding) -> Edges {
        let mut closely = [false; 256];
        for byte in 0..=255u8 {
            let not_decoded = encoding != UTF_8 && byte >= 0x80;
            closely[usize::from(byte)] =
                frame.trim.has_byte(byte) || Some(byte) == frame.quote || not_decoded;
        }
        Edges(closely)
    }

    #[inline(always)]
    fn closely(&self, byte: u8) -> bool {
        self.0[usize::from(byte)]
    }

    /// True when a cell stands as it is, but for what is to be decoded between its ends.
    #[inline(always)]
    pub fn are_plain(&self, cell: &[u8]) -> bool {
        match cell {
            [first, .., last] => !(self.closely(*first) | self.closely(*last)),
            [one] => !self.closely(*one),
            [] => true,
        }
    }
}

impl Cut {
    /// Cuts a record of text. Rows of a format with cell marks have them, its headers have not.
    pub fn cut(
        &mut self,
        record: &Record<'_>,
        frame: &Frame,
        encoding: &'static Encoding,
        is_row: bool,
    ) -> Result<(), String> {
        let result = self.cut_whole(record, frame, encoding, is_row);
        self.trim(record, frame, 0..self.cells.len());
        result
    }

    /// Cuts a row, and decodes and trims these cells of it; false where the row is another than most, and nothing is
    /// known of it.
    #[inline(always)]
    pub fn cut_needed(
        &mut self,
        record: &Record<'_>,
        frame: &Frame,
        edges: &Edges,
        needed: &[usize],
        expected: usize,
    ) -> bool {
        if record.quotes == Quotes::Any && frame.quote.is_some() {
            return false;
        }
        let Record {
            mut bytes,
            mut delimiters,
            ..
        } = *record;
        // Marked cells have no quotes around them.
        let quote = frame.quote.filter(|_| frame.cell_mark.is_none());
        if let Some(mark) = frame.cell_mark {
            if !cut_marked(bytes, mark, delimiters, record.start, &mut self.cells)
                || self.cells.len() != expected
            {
                return false;
            }
        } else {
            if delimiters.len() == expected && frame.trailing_delimiter {
                // What stands behind the last delimiter must be nothing.
                match delimiters.split_last() {
                    Some((last, before))
                        if (last & PLACE).wrapping_sub(record.start) as usize + 1 == bytes.len() =>
                    {
                        delimiters = before;
                        bytes = &bytes[..bytes.len() - 1];
                    }
                    _ => return false,
                }
            }
            if delimiters.len() + 1 != expected {
                return false;
            }
            cut(delimiters, record.start, bytes.len(), &mut self.cells);
        }
        self.cut_from = CutFrom::Record;
        let mut mixed = 0;
        for at in needed {
            let Some(span) = self.cells.get_mut(*at) else {
                continue;
            };
            let Some([first, rest @ ..]) = bytes.get(span.0 as usize..span.1 as usize) else {
                continue;
            };
            let last = rest.last().unwrap_or(first);
            let at_its_ends = edges.closely(*first) | edges.closely(*last);
            let closely = at_its_ends || (record.in_gbk && gbk::has_high(rest));
            if !closely {
                continue;
            }
            let (mut start, mut end) = (span.0 as usize, span.1 as usize);
            // The block has no other quotes than those at both ends of cells.
            if Some(*first) == quote && end - start > 1 {
                (start, end) = (start + 1, end - 1);
            }
            if record.in_gbk
                && let Some(cell) = bytes.get(start..end)
                && gbk::has_high(cell)
            {
                if mixed == 0 {
                    mixed = bytes.len();
                    if self.mixed.len() < mixed {
                        self.mixed.resize(mixed, 0);
                    }
                    self.mixed[..mixed].copy_from_slice(bytes);
                }
                let start = mixed;
                mixed = gbk::decode(cell, &mut self.mixed, start).unwrap_or(start);
                *span = frame.trim.span(&self.mixed, start, mixed);
            } else {
                *span = frame.trim.span(bytes, start, end);
            }
        }
        if mixed > 0 {
            self.cut_from = CutFrom::Mixed(mixed);
        }
        true
    }

    /// Cuts a row in GBK; false where it has to be decoded as a whole.
    pub fn cut_in_gbk(
        &mut self,
        record: &Record<'_>,
        frame: &Frame,
        encoding: &'static Encoding,
        needed: &[usize],
        expected: usize,
    ) -> bool {
        let result = self.cut_whole(record, frame, encoding, true);
        if self.cells.len() == expected + 1
            && frame.trailing_delimiter
            && self.cells.last().is_some_and(|(start, end)| start == end)
        {
            self.cells.pop();
        }
        let fits = result.is_ok() && self.cells.len() == expected;
        if fits {
            self.decode(record, frame, needed);
        }
        fits
    }

    /// Cuts a record, and trims nothing.
    fn cut_whole(
        &mut self,
        record: &Record<'_>,
        frame: &Frame,
        encoding: &'static Encoding,
        is_row: bool,
    ) -> Result<(), String> {
        let Cut {
            cells,
            plain,
            cut_from,
            places,
            ..
        } = self;
        if !frame.fixed.is_empty() {
            *cut_from = CutFrom::Plain;
            return cut_fixed(record.raw, encoding, frame, plain, cells);
        }
        *cut_from = CutFrom::Record;
        if let (Some(mark), true) = (frame.cell_mark, is_row) {
            if cut_marked(record.bytes, mark, record.delimiters, record.start, cells) {
                return Ok(());
            }
            return Err(format!("no {} before the first field", sign_in_words(mark)));
        }
        let marks = Marks::of(frame);
        if marks.cell_mark.is_some() && !is_row {
            // Its delimiters were passed over, since no mark follows them.
            separators(record.bytes, marks.unmarked(), places);
            let delimiters = places
                .all()
                .split_last()
                .map_or(&[][..], |(_, delimiters)| delimiters);
            cut(delimiters, 0, record.bytes.len(), cells);
            return Ok(());
        }
        cut(record.delimiters, record.start, record.bytes.len(), cells);
        if let Some(quote) = frame.quote
            && record.quotes != Quotes::None
            && !unquote(record.bytes, quote, cells)
        {
            *cut_from = CutFrom::Plain;
            return cut_quoted(record.text, quote, frame, plain, cells).map_err(str::to_owned);
        }
        Ok(())
    }

    /// Decodes and trims these cells of a record in GBK.
    fn decode(&mut self, record: &Record<'_>, frame: &Frame, needed: &[usize]) {
        let mut length = record.bytes.len();
        self.mixed.clear();
        self.mixed.extend_from_slice(record.bytes);
        for at in needed {
            let Some((start, end)) = self.cells.get_mut(*at) else {
                continue;
            };
            let cell = &record.bytes[*start as usize..*end as usize];
            if gbk::has_high(cell) {
                *start = length as u32;
                length = gbk::decode(cell, &mut self.mixed, length).unwrap_or(length);
                *end = length as u32;
            }
        }
        self.cut_from = CutFrom::Mixed(length);
        self.trim(record, frame, needed.iter().copied());
    }

    /// Takes what is trimmed off the ends of these cells.
    pub fn trim(&mut self, record: &Record<'_>, frame: &Frame, columns: impl IntoIterator<Item = usize>) {
        let mut cells = std::mem::take(&mut self.cells);
        let text = self.text(record);
        for at in columns {
            if let Some(span) = cells.get_mut(at) {
                *span = frame.trim.span(text, span.0 as usize, span.1 as usize);
            }
        }
        self.cells = cells;
    }

    /// Leaves nothing of those of these cells that stand for nothing.
    pub fn empty_blanks(&mut self, record: &Record<'_>, frame: &Frame, columns: &[usize]) {
        let mut cells = std::mem::take(&mut self.cells);
        let row = Row {
            cells: &cells,
            ..self.row(record)
        };
        let is_blank = |at: &&usize| frame.blank.is(row.cell(**at));
        let blanks: Vec<usize> = columns.iter().filter(is_blank).copied().collect();
        for at in blanks {
            if let Some((start, end)) = cells.get_mut(at) {
                *end = *start;
            }
        }
        self.cells = cells;
    }

    /// What cells are cut from.
    #[inline(always)]
    fn text<'t>(&'t self, record: &'t Record<'_>) -> &'t [u8] {
        match self.cut_from {
            CutFrom::Record => record.bytes,
            CutFrom::Plain => self.plain.as_bytes(),
            CutFrom::Mixed(length) => &self.mixed[..length],
        }
    }

    /// The cells.
    #[inline(always)]
    pub fn row<'t>(&'t self, record: &'t Record<'_>) -> Row<'t> {
        Row {
            place: record.place,
            text: self.text(record),
            cells: &self.cells,
            id: "",
        }
    }
}

/// A sign for a message: a back quote between back quotes cannot be read.
fn sign_in_words(sign: u8) -> String {
    match sign {
        b'`' => "back quote (the sign left of the 1)".to_owned(),
        b'\t' => "tab".to_owned(),
        sign => format!("`{}`", char::from(sign)),
    }
}

#[cfg(test)]
mod tests {
    use encoding_rs::GB18030;
    use proptest::prelude::*;

    use super::super::scan::{LINE, open_gbk_separators, open_separators};
    use super::*;
    use crate::entries::rows::Place;
    use crate::ingest::formats::profile::{Profile, Trim, builtin};

    fn texts(row: &Row<'_>) -> Vec<String> {
        (0..row.cells.len()).map(|at| row.cell(at).to_owned()).collect()
    }

    /// A line cut cell by cell, in its own encoding, is what it is cut as a whole, in text.
    fn check(line: &str, encoding: &'static Encoding, frame: &Frame) -> Result<(), TestCaseError> {
        let marks = Marks::of(frame);
        let (bytes, _, _) = encoding.encode(line);
        let in_gbk = encoding == GB18030;
        let with_end = [&bytes[..], b"\n"].concat();
        let mut places = Places::default();
        let seen = if in_gbk {
            open_gbk_separators(&with_end, marks, &mut places)
        } else {
            Some(open_separators(&with_end, marks, &mut places))
        };
        let Some((seen, false)) = seen else { return Ok(()) };
        let cells_of = |places: &Places| -> Vec<u32> {
            let delimiters = places.all().iter().copied();
            delimiters.filter(|at| at & LINE == 0).collect()
        };
        let delimiters = cells_of(&places);
        let record = Record {
            bytes: &bytes,
            text: if in_gbk { "" } else { line },
            in_gbk,
            raw: &bytes,
            place: Place { line: 1, offset: 0 },
            delimiters: &delimiters,
            start: 0,
            quotes: match (seen.quotes, seen.loose_quotes) {
                (false, _) => Quotes::None,
                (true, false) => Quotes::Neat,
                (true, true) => Quotes::Any,
            },
        };
        let count = delimiters.len() + 1 - usize::from(frame.trailing_delimiter);
        let all: Vec<usize> = (0..count).collect();
        let (mut quick, mut slow) = (Cut::default(), Cut::default());
        if !quick.cut_needed(&record, frame, &Edges::of(frame, encoding), &all, count) {
            let unusual =
                record.quotes == Quotes::Any || frame.cell_mark.is_some() || frame.trailing_delimiter;
            prop_assert!(unusual, "{}", line);
            return Ok(());
        }
        separators(line.as_bytes(), marks, &mut places);
        let whole = Record {
            bytes: line.as_bytes(),
            text: line,
            in_gbk: false,
            delimiters: &cells_of(&places),
            quotes: Quotes::Any,
            ..record
        };
        prop_assert_eq!(slow.cut(&whole, frame, encoding, true), Ok(()), "{}", line);
        let mut expected = texts(&slow.row(&whole));
        if frame.trailing_delimiter {
            prop_assert_eq!(expected.pop(), Some(String::new()));
        }
        prop_assert_eq!(texts(&quick.row(&record)), expected, "{}", line);
        Ok(())
    }

    proptest! {
        #[test]
        fn cells_are_cut_one_by_one_as_all_at_once(
            plain in "[a,\" \t支付饇\u{3000}]{0,24}",
            cells in prop::collection::vec(("[a\t支付饇 \u{3000}]{0,5}", "[a,支\u{3000} ]{0,4}", any::<bool>()), 1..6),
            trim in prop::sample::select(vec!["", " \t", "\"", "\u{3000} "]),
            how in 0usize..4,
        ) {
            let mut frame = Profile::parse(builtin("alipay-trade").unwrap(), "x").unwrap().frame;
            frame.trim = Trim::of(trim);
            frame.quote = (how < 2).then_some(b'"');
            frame.cell_mark = (how == 2).then_some(b'`');
            frame.trailing_delimiter = how == 1;
            let cell = |(bare, quoted, is_quoted): &(String, String, bool)| match (how, is_quoted) {
                (0 | 1, true) => format!("\"{quoted}\""),
                (2, _) => format!("`{bare}"),
                _ => bare.clone(),
            };
            let mut line = cells.iter().map(cell).collect::<Vec<_>>().join(",");
            if frame.trailing_delimiter {
                line.push(',');
            }
            for line in [line, plain] {
                check(&line, UTF_8, &frame)?;
                check(&line, GB18030, &frame)?;
            }
        }
    }
}
