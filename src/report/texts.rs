//! Texts as what they add to the text before (Parquet: DELTA_BYTE_ARRAY, `Encodings.md`).
//!
//! A row is the length of the prefix it shares with the row before, the length of the rest, and the rest. What is
//! shared is found on 32 bytes at once and without a branch: where texts begin to differ is as good as random, and a
//! wrong guess costs more than the whole comparison. Longer texts take a plain loop.

use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::schema::types::ColumnDescPtr;

use crate::entries::bytes::{BEGINNING_MAX, Beginning, Window};
use crate::entries::key::Key;
use crate::report::deltas::Lengths;
use crate::report::pages::{Chunk, Levels, PAGE_BYTES, Press, Range};

/// Texts up to this length are compared and copied as whole words.
const SHORT: usize = 32;
/// Texts longer than this are not named as least or greatest.
const RANGE_BYTES: usize = 64;

/// A text column under construction. An empty text is a null (R31).
pub struct Texts {
    /// Of what is shared, and of the rest.
    lengths: Lengths,
    /// Rests end to end, up to `end`; beyond it whatever an earlier copy left.
    bytes: Vec<u8>,
    end: usize,
    /// First bytes of the text before; bytes beyond its length are anything.
    last: [u8; 2 * SHORT],
    last_len: usize,
    /// What the text before begins with, where it is an id that was given in two pieces, and how long that is.
    beginning: [u8; BEGINNING_MAX],
    beginning_len: Option<usize>,
    /// The text before, where it is longer.
    last_long: Vec<u8>,
    levels: Levels,
    nulls: usize,
    range: Option<Bounds>,
    chunk: Chunk,
    press: Press,
    page: Vec<u8>,
    /// The first failure to compress; told at the end.
    failed: Result<()>,
}

/// Least and greatest text. Texts come nearly sorted, so only where they fall is anything compared.
#[derive(Default)]
struct Bounds {
    any: bool,
    least: Vec<u8>,
    greatest: Vec<u8>,
}

impl Texts {
    /// An empty column; `with_range` is whether the footer names its least and greatest text.
    ///
    /// # Errors
    /// What zstd reports.
    pub fn new(with_range: bool) -> Result<Texts> {
        Ok(Texts {
            lengths: Lengths::default(),
            bytes: vec![0; PAGE_BYTES + 2 * SHORT],
            end: 0,
            last: [0; 2 * SHORT],
            last_len: 0,
            beginning: [0; BEGINNING_MAX],
            beginning_len: None,
            last_long: Vec::new(),
            levels: Levels::default(),
            nulls: 0,
            range: with_range.then(Bounds::default),
            chunk: Chunk::default(),
            press: Press::new()?,
            page: Vec::new(),
            failed: Ok(()),
        })
    }

    /// Adds a text.
    #[inline]
    pub fn push(&mut self, text: &[u8]) {
        if text.len() > SHORT {
            return self.push_long(text);
        }
        let mut wide = [0; 2 * SHORT];
        wide[..text.len()].copy_from_slice(text);
        self.push_short(&wide, text.len());
    }

    /// Adds a key as its record keeps it.
    #[inline]
    pub fn push_key(&mut self, key: Key<'_>) {
        let mut room = [0; 2 * SHORT];
        self.push_within(key.text(&mut room));
    }

    /// Adds a text that lies within a longer one, which spares the copy that [`Texts::push`] makes.
    #[inline]
    pub fn push_within(&mut self, window: Window<'_>) {
        let wide = window
            .bytes
            .get(window.start..)
            .and_then(|rest| rest.first_chunk());
        match wide {
            Some(wide) if window.len <= SHORT => self.push_short(wide, window.len),
            _ => self.push(window.as_bytes()),
        }
    }

    /// Adds an id: its beginning, and the rest within a longer text.
    #[inline]
    pub fn push_id(&mut self, (beginning, rest): (&Beginning, Window<'_>)) {
        let (bytes, cut) = beginning.padded();
        let len = cut + rest.len;
        let wide = rest
            .bytes
            .get(rest.start..)
            .and_then(<[u8]>::first_chunk::<{ 2 * SHORT }>);
        match wide {
            // Ids of one block differ in their rests only. (A page stands alone: its first text is whole.)
            Some(wide)
                if Some(cut) == self.beginning_len
                    && *bytes == self.beginning
                    && len <= SHORT
                    && rest.len > 0
                    && self.levels.rows() > self.levels.nulls() =>
            {
                self.push_rest(wide, cut, rest.len);
            }
            _ => {
                self.push_pieces(beginning, rest, len);
                self.beginning = *bytes;
                self.beginning_len = Some(cut);
            }
        }
    }

    /// Adds the rest of an id that begins as the text before.
    #[inline(always)]
    fn push_rest(&mut self, wide: &[u8; 2 * SHORT], cut: usize, rest: usize) {
        let mut text = [0; SHORT];
        text.copy_from_slice(&wide[..SHORT]);
        let mut last = [0; SHORT];
        last.copy_from_slice(&self.last[cut..cut + SHORT]);
        let last_rest = self.last_len - cut;
        let shared = first_difference(&text, &last).min(rest).min(last_rest);
        if self.range.is_some() {
            let falls = if shared == rest || shared == last_rest {
                rest < last_rest
            } else {
                text[shared] < last[shared]
            };
            if falls {
                let whole = [&self.last[..cut], &text[..rest]].concat();
                self.note_fall(&whole);
            }
        }
        self.bytes[self.end..self.end + SHORT].copy_from_slice(&wide[shared..shared + SHORT]);
        self.end += rest - shared;
        self.last[cut..cut + SHORT].copy_from_slice(&text);
        self.last_len = cut + rest;
        self.added(cut + shared, rest - shared);
    }

    #[inline(never)]
    fn push_pieces(&mut self, beginning: &Beginning, rest: Window<'_>, len: usize) {
        let (bytes, cut) = beginning.padded();
        let window = rest
            .bytes
            .get(rest.start..)
            .and_then(|rest| rest.first_chunk::<SHORT>());
        if len > SHORT {
            let rest = &rest.bytes[rest.start..rest.start + rest.len];
            return self.push_long(&[beginning.as_bytes(), rest].concat());
        }
        let mut wide = [0; 2 * SHORT];
        wide[..BEGINNING_MAX].copy_from_slice(bytes);
        match window {
            Some(window) => wide[cut..cut + SHORT].copy_from_slice(window),
            None => wide[cut..len].copy_from_slice(&rest.bytes[rest.start..rest.start + rest.len]),
        }
        self.push_short(&wide, len);
    }

    #[inline]
    fn push_short(&mut self, wide: &[u8; 2 * SHORT], len: usize) {
        if len == 0 {
            return self.levels.null();
        }
        self.beginning_len = None;
        let mut text = [0; SHORT];
        text.copy_from_slice(&wide[..SHORT]);
        let mut last = [0; SHORT];
        last.copy_from_slice(&self.last[..SHORT]);
        let mut shared = first_difference(&text, &last).min(len).min(self.last_len);
        if self.range.is_some() {
            let falls = if shared == len || shared == self.last_len {
                len < self.last_len
            } else {
                text[shared] < self.last[shared]
            };
            if falls || self.last_len == 0 {
                self.note_fall(&text[..len]);
            }
        }
        if self.levels.rows() == self.levels.nulls() {
            shared = 0; // A page stands alone.
        }
        self.bytes[self.end..self.end + SHORT].copy_from_slice(&wide[shared..shared + SHORT]);
        self.end += len - shared;
        self.last[..SHORT].copy_from_slice(&text);
        self.last_len = len;
        self.added(shared, len - shared);
    }

    #[cold]
    fn push_long(&mut self, text: &[u8]) {
        self.beginning_len = None;
        let last = self.last_text();
        let mut shared = last.iter().zip(text).take_while(|(a, b)| a == b).count();
        if self.range.is_some() && (text < last || self.last_len == 0) {
            self.note_fall(text);
        }
        if self.levels.rows() == self.levels.nulls() {
            shared = 0;
        }
        let rest = &text[shared..];
        let end = self.end + rest.len();
        if self.bytes.len() < end + 2 * SHORT {
            self.bytes.resize(end + 2 * SHORT, 0);
        }
        self.bytes[self.end..end].copy_from_slice(rest);
        self.end = end;
        if let Some(first) = text.first_chunk::<SHORT>() {
            self.last[..SHORT].copy_from_slice(first);
        }
        self.last_len = text.len();
        self.last_long.clear();
        self.last_long.extend_from_slice(text);
        self.added(shared, rest.len());
    }

    #[inline]
    fn added(&mut self, shared: usize, rest: usize) {
        self.lengths.push([shared, rest]);
        self.levels.value();
        if self.end >= PAGE_BYTES {
            self.cut();
        }
    }

    fn last_text(&self) -> &[u8] {
        match self.last_len {
            0..=SHORT => &self.last[..self.last_len],
            _ => &self.last_long,
        }
    }

    /// Takes the text before and the one that falls below it into the bounds.
    #[cold]
    fn note_fall(&mut self, text: &[u8]) {
        let last = std::mem::take(&mut self.last_long);
        let before = match self.last_len {
            0..=SHORT => &self.last[..self.last_len],
            _ => &last,
        };
        if let Some(bounds) = &mut self.range {
            bounds.rise(before);
            if !bounds.any || text < bounds.least.as_slice() {
                bounds.least.clear();
                bounds.least.extend_from_slice(text);
            }
            bounds.any = true;
        }
        self.last_long = last;
    }

    /// Ends the page.
    #[cold]
    fn cut(&mut self) {
        let rows = self.levels.rows();
        self.nulls += self.levels.nulls();
        self.page.clear();
        self.levels.write_into(&mut self.page);
        self.lengths.write_into(&mut self.page);
        self.page.extend_from_slice(&self.bytes[..self.end]);
        self.end = 0;
        let written = self
            .chunk
            .data_page(&mut self.press, &self.page, rows, Encoding::DELTA_BYTE_ARRAY);
        if self.failed.is_ok() {
            self.failed = written;
        }
    }

    /// Makes the last page.
    ///
    /// # Errors
    /// What compressing reports.
    pub fn finish(&mut self) -> Result<()> {
        if self.levels.rows() > 0 {
            self.cut();
        }
        if let Some(bounds) = &mut self.range {
            match self.last_len {
                0..=SHORT => bounds.rise(&self.last[..self.last_len]),
                _ => bounds.rise(&self.last_long),
            }
        }
        std::mem::replace(&mut self.failed, Ok(()))
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
        let range = match &self.range {
            Some(bounds) if bounds.any && bounds.least.len().max(bounds.greatest.len()) <= RANGE_BYTES => {
                Range::Texts(bounds.least.clone(), bounds.greatest.clone())
            }
            _ => Range::None,
        };
        let encodings = vec![Encoding::RLE, Encoding::DELTA_BYTE_ARRAY];
        self.chunk.metadata(column, encodings, offset, self.nulls, range)
    }

    /// Empties the column and keeps its memory.
    pub fn clear(&mut self) {
        self.chunk.clear();
        self.last_len = 0;
        self.beginning_len = None;
        self.nulls = 0;
        if let Some(bounds) = &mut self.range {
            bounds.any = false;
            bounds.greatest.clear();
        }
    }
}

impl Bounds {
    fn rise(&mut self, text: &[u8]) {
        if text > self.greatest.as_slice() {
            self.greatest.clear();
            self.greatest.extend_from_slice(text);
        }
    }
}

/// Place of the first byte in which two texts differ; [`SHORT`] where they do not.
#[inline(always)]
fn first_difference(a: &[u8; SHORT], b: &[u8; SHORT]) -> usize {
    #[cfg(target_arch = "x86_64")]
    {
        use std::arch::x86_64::{__m128i, _mm_cmpeq_epi8, _mm_loadu_si128, _mm_movemask_epi8};
        // SAFETY: every x86-64 has SSE2; the loads read the 32 bytes of either array.
        let equal = |at: usize| unsafe {
            let half = |text: &[u8; SHORT]| _mm_loadu_si128(text.as_ptr().add(at).cast::<__m128i>());
            _mm_movemask_epi8(_mm_cmpeq_epi8(half(a), half(b))) as u32
        };
        let equal = equal(0) | equal(SHORT / 2) << 16;
        (!equal).trailing_zeros() as usize
    }
    #[cfg(not(target_arch = "x86_64"))]
    first_difference_by_words(a, b)
}

/// [`first_difference`] for any machine, in words of eight and without a branch.
#[cfg(any(test, not(target_arch = "x86_64")))]
fn first_difference_by_words(a: &[u8; SHORT], b: &[u8; SHORT]) -> usize {
    let (a, _) = a.as_chunks::<8>();
    let (b, _) = b.as_chunks::<8>();
    let mut place = 0;
    // The last word first: an earlier word's answer replaces a later one's unless it is the same throughout.
    for word in (0..SHORT / 8).rev() {
        let different = u64::from_le_bytes(a[word]) ^ u64::from_le_bytes(b[word]);
        let bytes = (different.trailing_zeros() / 8) as usize;
        let beyond = if different == 0 { usize::MAX } else { 0 };
        place = bytes + (place & beyond);
    }
    place
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A column's bytes, and its least and greatest text.
    fn made(mut column: Texts) -> (Vec<u8>, Vec<u8>, Vec<u8>) {
        column.finish().unwrap();
        let bounds = column.range.as_ref().unwrap();
        let (least, greatest) = (bounds.least.clone(), bounds.greatest.clone());
        (column.chunk().parts().concat(), least, greatest)
    }

    proptest! {
        #[test]
        fn ids_in_pieces_are_written_like_whole_ones(
            blocks in prop::collection::vec(("[AB]{0,40}", prop::collection::vec("[0-2]{0,9}", 1..12)), 1..12),
            behind in 0usize..100,
        ) {
            let (mut whole, mut pieces) = (Texts::new(true).unwrap(), Texts::new(true).unwrap());
            for (beginning, rests) in &blocks {
                let known = Beginning::of(beginning.as_bytes());
                for rest in rests {
                    let rest = beginning[known.as_bytes().len()..].to_owned() + rest;
                    let text = [known.as_bytes(), rest.as_bytes()].concat();
                    whole.push(&text);
                    let within = format!("xyz{rest}{}", "9".repeat(behind));
                    pieces.push_id((&known, Window { bytes: within.as_bytes(), start: 3, len: rest.len() }));
                    if rest.len() == 7 {
                        whole.push(b"between");
                        pieces.push(b"between");
                    }
                    // Pages stand alone.
                    if rest.len() == 8 {
                        whole.cut();
                        pieces.cut();
                    }
                }
            }
            prop_assert_eq!(made(whole), made(pieces));
        }

        #[test]
        fn texts_differ_where_a_walk_finds_it(a in "[ab]{32}", b in "[ab]{32}", same in 0usize..=SHORT) {
            let a = *a.as_bytes().first_chunk::<SHORT>().unwrap();
            let mut b = *b.as_bytes().first_chunk::<SHORT>().unwrap();
            b[..same].copy_from_slice(&a[..same]);
            let walked = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
            prop_assert_eq!(first_difference(&a, &b), walked);
            prop_assert_eq!(first_difference_by_words(&a, &b), walked);
        }
    }
}
