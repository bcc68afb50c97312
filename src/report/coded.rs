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
    /// Places of the values of the page.
    values: Vec<u32>,
    levels: Levels,
    /// Pages that are packed and not compressed yet, end to end.
    packed: Vec<u8>,
    /// End of each in `packed`, and its rows.
    pages: Vec<(usize, usize)>,
    nulls: usize,
    chunk: Chunk,
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
        match self.place(code) {
            Some(place) => {
                self.values.push(place);
                self.levels.value();
            }
            None => self.levels.null(),
        }
        if self.levels.rows() == PAGE_ROWS {
            self.cut();
        }
    }

    /// Adds the text of a code many times.
    pub fn push_many(&mut self, code: u32, mut rows: usize) {
        while rows > 0 {
            let now = rows.min(PAGE_ROWS - self.levels.rows());
            match self.place(code) {
                Some(place) => {
                    self.values.resize(self.values.len() + now, place);
                    self.levels.values(now);
                }
                None => (0..now).for_each(|_| self.levels.null()),
            }
            if self.levels.rows() == PAGE_ROWS {
                self.cut();
            }
            rows -= now;
        }
    }

    #[inline]
    fn place(&mut self, code: u32) -> Option<u32> {
        let place = self.places.get_mut(code as usize)?;
        if *place == NULL_CODE {
            *place = self.entries.len() as u32;
            self.entries.push(code);
        }
        Some(*place)
    }

    /// Packs the page.
    fn cut(&mut self) {
        let rows = self.levels.rows();
        self.nulls += self.levels.nulls();
        let page = &mut self.packed;
        self.levels.write_into(page);
        let width = (32 - (self.entries.len() as u32).saturating_sub(1).leading_zeros()).max(1);
        page.push(width as u8);
        if self.entries.len() <= 1 {
            // A run of one value, which fits a byte.
            varint((self.values.len() as u64) << 1, page);
            page.push(0);
        } else {
            // One run of packed groups of eight; the last is filled with zeros.
            let groups = self.values.len().div_ceil(8);
            varint((groups as u64) << 1 | 1, page);
            let end = page.len() + groups * width as usize;
            for values in self.values.chunks(MINIBLOCK) {
                let mut whole = [0u64; MINIBLOCK];
                for (whole, value) in whole.iter_mut().zip(values) {
                    *whole = u64::from(*value);
                }
                pack(&whole, width, page);
            }
            page.truncate(end);
        }
        self.values.clear();
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
        if self.levels.rows() > 0 {
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
        self.packed.clear();
        self.chunk.clear();
        self.nulls = 0;
    }
}
