//! The cells of one record after the other: of a row those that a profile looks at, of all other records all.

use encoding_rs::Encoding;

use crate::ingest::formats::profile::Frame;

use super::cut::{Row, Span, cell_of, cut, cut_fixed, cut_marked, cut_quoted, unquote};
use super::gbk;
use super::lines::{Quotes, Record};

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

    /// Cuts no other cells than these out of a row, decodes and trims them; false where the row is another than most, and
    /// nothing is known of it.
    #[inline(always)]
    pub fn cut_needed(
        &mut self,
        record: &Record<'_>,
        frame: &Frame,
        needed: &[usize],
        expected: usize,
    ) -> bool {
        if record.quotes == Quotes::Any && frame.quote.is_some() {
            return false;
        }
        let Record {
            bytes,
            mut delimiters,
            ..
        } = *record;
        if delimiters.len() == expected && frame.trailing_delimiter {
            // What stands behind the last delimiter must be nothing.
            match delimiters.split_last() {
                Some((last, before)) if last.wrapping_sub(record.start) as usize + 1 == bytes.len() => {
                    delimiters = before;
                }
                _ => return false,
            }
        }
        if delimiters.len() + 1 != expected {
            return false;
        }
        let bytes = match record.delimiters.get(expected - 1) {
            Some(_) => &bytes[..bytes.len() - 1],
            None => bytes,
        };
        let quote = frame.quote.filter(|_| record.quotes == Quotes::Neat);
        if self.cells.len() != expected {
            self.cells.clear();
            self.cells.resize(expected, (0, 0));
        }
        self.cut_from = CutFrom::Record;
        let mut mixed = 0;
        for at in needed {
            let (start, end) = cell_of(bytes, quote, delimiters, record.start, *at);
            let Some(span) = self.cells.get_mut(*at) else {
                continue;
            };
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
            return Err(format!("no `{}` before the first field", char::from(mark)));
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
