//! Small vocabularies written from their codes (Parquet: a dictionary page, then RLE_DICTIONARY pages).
//!
//! The `matched` table has six such columns. The parquet crate takes them as texts and looks every one up in a table of
//! its own; here the codes are known already, so a column is a walk over integers. Tests read the result back through
//! the crate. Format: Apache Parquet, `Encodings.md` (RLE / bit-packing hybrid, plain byte arrays).

use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::schema::types::ColumnDescPtr;

use crate::report::deltas::{MINIBLOCK, pack};
use crate::report::pages::{Chunk, Levels, Press, Range, varint};

/// Stands for null.
pub const NULL_CODE: u32 = u32::MAX;

/// Rows of a page: their places stay within a core's cache until they are packed.
const PAGE_ROWS: usize = 32_768;

/// A column of codes under construction.
#[derive(Default)]
pub struct Codes {
    /// Place in the dictionary of each code, or [`NULL_CODE`] where it has not occurred yet.
    places: Vec<u32>,
    /// Codes in the order in which they first occurred.
    entries: Vec<u32>,
    /// Codes of the page, and in the end the places of its values.
    page: Vec<u32>,
    /// Pages that are packed and not compressed yet, end to end.
    packed: Vec<u8>,
    /// End of each in `packed`, and its rows.
    pages: Vec<(usize, usize)>,
    levels: Levels,
    nulls: usize,
    chunk: Chunk,
}

/// The place of a code in the dictionary, which grows where the code is new.
#[inline(always)]
fn place_of(code: u32, places: &mut [u32], entries: &mut Vec<u32>) -> u32 {
    let place = &mut places[code as usize];
    if *place == NULL_CODE {
        *place = entries.len() as u32;
        entries.push(code);
    }
    *place
}

impl Codes {
    /// An empty column of codes below `codes_end`.
    pub fn new(codes_end: usize) -> Codes {
        Codes {
            places: vec![NULL_CODE; codes_end],
            ..Codes::default()
        }
    }

    /// Adds the text of a code; [`NULL_CODE`] is null.
    #[inline]
    pub fn push(&mut self, code: u32) {
        self.page.push(code);
        if self.page.len() == PAGE_ROWS {
            self.cut();
        }
    }

    /// Adds the text of a code many times.
    pub fn push_many(&mut self, code: u32, mut rows: usize) {
        while rows > 0 {
            let now = rows.min(PAGE_ROWS - self.page.len());
            self.page.resize(self.page.len() + now, code);
            if self.page.len() == PAGE_ROWS {
                self.cut();
            }
            rows -= now;
        }
    }

    /// Puts places for codes, and leaves nulls out. The place that all values have, where they have one.
    fn place_page(&mut self) -> Option<u32> {
        let end = self.places.len() as u32;
        let only = self.page.first().copied().filter(|first| *first < end);
        if let Some(code) = only.filter(|first| self.page.iter().all(|code| code == first)) {
            let place = place_of(code, &mut self.places, &mut self.entries);
            self.levels.values(self.page.len());
            return Some(place);
        }
        if self.page.iter().all(|code| *code < end) {
            self.levels.values(self.page.len());
        } else {
            for code in &self.page {
                match *code < end {
                    true => self.levels.value(),
                    false => self.levels.null(),
                }
            }
            self.page.retain(|code| *code < end);
        }
        for code in &mut self.page {
            *code = place_of(*code, &mut self.places, &mut self.entries);
        }
        None
    }

    /// Packs the page.
    #[cold]
    fn cut(&mut self) {
        let rows = self.page.len();
        let only = self.place_page();
        self.nulls += self.levels.nulls();
        let out = &mut self.packed;
        self.levels.write_into(out);
        let width = (32 - (self.entries.len() as u32).saturating_sub(1).leading_zeros()).max(1);
        out.push(width as u8);
        if let Some(place) = only {
            // A run of one value.
            varint((self.page.len() as u64) << 1, out);
            out.extend_from_slice(&place.to_le_bytes()[..width.div_ceil(8) as usize]);
        } else {
            // One run of packed groups of eight; the last is filled with zeros.
            let groups = self.page.len().div_ceil(8);
            varint((groups as u64) << 1 | 1, out);
            let end = out.len() + groups * width as usize;
            for values in self.page.chunks(MINIBLOCK) {
                let mut whole = [0u64; MINIBLOCK];
                for (whole, value) in whole.iter_mut().zip(values) {
                    *whole = u64::from(*value);
                }
                pack(&whole, width, out);
            }
            out.truncate(end);
        }
        self.page.clear();
        self.pages.push((self.packed.len(), rows));
    }

    /// Compresses the pages; `name` gives the text of a code. `scratch` is memory to build in.
    ///
    /// # Errors
    /// What compressing reports.
    pub fn finish<'a>(
        &mut self,
        press: &mut Press,
        scratch: &mut Vec<u8>,
        name: &dyn Fn(u32) -> &'a str,
    ) -> Result<()> {
        if !self.page.is_empty() {
            self.cut();
        }
        scratch.clear();
        for code in &self.entries {
            let text = name(*code).as_bytes();
            scratch.extend_from_slice(&(text.len() as u32).to_le_bytes());
            scratch.extend_from_slice(text);
        }
        self.chunk.set_dictionary(press, scratch, self.entries.len())?;
        let mut start = 0;
        for (end, rows) in self.pages.drain(..) {
            let page = &self.packed[start..end];
            self.chunk
                .data_page(press, page, rows, Encoding::RLE_DICTIONARY)?;
            start = end;
        }
        Ok(())
    }

    /// The finished pages.
    pub fn chunk(&self) -> &Chunk {
        &self.chunk
    }

    /// What the footer says of the column.
    ///
    /// # Errors
    /// What the crate reports.
    pub fn metadata(&self, column: ColumnDescPtr, offset: u64) -> Result<ColumnChunkMetaData> {
        let encodings = vec![Encoding::PLAIN, Encoding::RLE, Encoding::RLE_DICTIONARY];
        self.chunk
            .metadata(column, encodings, offset, self.nulls, Range::None)
    }

    /// Empties the column and keeps its memory.
    pub fn clear(&mut self) {
        for code in self.entries.drain(..) {
            self.places[code as usize] = NULL_CODE;
        }
        self.page.clear();
        self.packed.clear();
        self.chunk.clear();
        self.nulls = 0;
    }
}
