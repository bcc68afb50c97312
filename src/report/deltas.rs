//! Integers as packed deltas (Parquet: DELTA_BINARY_PACKED, `Encodings.md`): blocks of 128, four miniblocks each.
//!
//! A block holds its least delta and, packed to as few bits as the largest needs, what every other is above it.
//! Differences wrap at 64 bits, as the format has it, so any integers in any order come back as they were.

use parquet::basic::Encoding;
use parquet::errors::Result;
use parquet::file::metadata::ColumnChunkMetaData;
use parquet::schema::types::ColumnDescPtr;

use crate::report::pages::{Chunk, Levels, Press, Range, varint};

const BLOCK: usize = 128;
/// Integers that are packed at once.
pub const MINIBLOCK: usize = 32;
const MINIBLOCKS: usize = BLOCK / MINIBLOCK;

/// A run of integers under construction.
pub struct Deltas {
    /// The first integer, once a block is packed.
    first: i64,
    /// The integer before the block (of the first block: the run's first), then the block's own.
    block: [i64; BLOCK + 1],
    /// How many of them there are.
    filled: usize,
    /// Blocks packed.
    blocks: usize,
    packed: Vec<u8>,
}

impl Default for Deltas {
    fn default() -> Deltas {
        Deltas {
            first: 0,
            block: [0; BLOCK + 1],
            filled: 0,
            blocks: 0,
            packed: Vec::new(),
        }
    }
}

impl Deltas {
    /// Adds an integer.
    #[inline(always)]
    pub fn push(&mut self, value: i64) {
        self.block[self.filled] = value;
        self.filled += 1;
        if self.filled > BLOCK {
            self.pack::<BLOCK>();
        }
    }

    /// Writes the integers, and begins the next run.
    pub fn write_into(&mut self, page: &mut Vec<u8>) {
        let count = self.blocks * BLOCK + self.filled;
        if count == 0 {
            self.first = 0;
        } else if self.filled > 1 {
            self.pack::<0>();
        } else if self.blocks == 0 {
            self.first = self.block[0];
        }
        begin_run(count, self.first, page);
        page.extend_from_slice(&self.packed);
        self.packed.clear();
        self.filled = 0;
        self.blocks = 0;
    }

    /// Packs the block; `FULL` is [`BLOCK`] where it is full, so that the loops have a known length.
    #[inline(never)]
    fn pack<const FULL: usize>(&mut self) {
        let filled = if FULL == BLOCK { BLOCK } else { self.filled - 1 };
        if self.blocks == 0 {
            self.first = self.block[0];
        }
        let mut above = [0u64; BLOCK];
        let mut least = i64::MAX;
        for (above, pair) in above.iter_mut().zip(self.block[..=filled].array_windows()) {
            let [before, value] = *pair;
            let delta = value.wrapping_sub(before);
            least = least.min(delta);
            *above = delta as u64;
        }
        let mut widths = [0u8; MINIBLOCKS];
        for (width, mini) in widths.iter_mut().zip(above[..filled].chunks_mut(MINIBLOCK)) {
            let mut any = 0;
            for above in mini {
                *above = above.wrapping_sub(least as u64);
                any |= *above;
            }
            *width = (64 - any.leading_zeros()) as u8;
        }
        varint(zigzag(least), &mut self.packed);
        self.packed.extend_from_slice(&widths);
        for (width, mini) in widths.iter().zip(above[..filled].chunks(MINIBLOCK)) {
            let mut whole = [0u64; MINIBLOCK];
            whole[..mini.len()].copy_from_slice(mini);
            pack(&whole, u32::from(*width), &mut self.packed);
        }
        self.block[0] = self.block[filled];
        self.filled = 1;
        self.blocks += 1;
    }
}

/// Two runs of lengths, one of each pushed at a time: the bytes are those of two [`Deltas`], made sixteen bits at a time.
#[derive(Default)]
pub struct Lengths {
    runs: [Run; 2],
    /// As [`Deltas`] has it, of both.
    filled: usize,
    blocks: usize,
    /// What the runs have become, where a length has more bits.
    wide: Option<Box<[Deltas; 2]>>,
}

/// Lengths of texts are hardly ever above this.
const LENGTH_MAX: usize = i16::MAX as usize;

struct Run {
    first: i16,
    block: [i16; BLOCK + 1],
    packed: Vec<u8>,
}

impl Default for Run {
    fn default() -> Run {
        Run {
            first: 0,
            block: [0; BLOCK + 1],
            packed: Vec::new(),
        }
    }
}

impl Lengths {
    /// Adds a length to either run.
    #[inline(always)]
    pub fn push(&mut self, lengths: [usize; 2]) {
        if (lengths[0] | lengths[1]) > LENGTH_MAX || self.wide.is_some() {
            return self.push_wide(lengths);
        }
        for (run, length) in self.runs.iter_mut().zip(lengths) {
            run.block[self.filled] = length as i16;
        }
        self.filled += 1;
        if self.filled > BLOCK {
            self.pack::<BLOCK>();
        }
    }

    #[cold]
    fn push_wide(&mut self, lengths: [usize; 2]) {
        let (filled, blocks, runs) = (self.filled, self.blocks, &mut self.runs);
        let wide = self
            .wide
            .get_or_insert_with(|| Box::new(runs.each_mut().map(|run| run.widened(filled, blocks))));
        for (run, length) in wide.iter_mut().zip(lengths) {
            run.push(length as i64);
        }
    }

    /// Writes one run behind the other, and begins the next two.
    pub fn write_into(&mut self, page: &mut Vec<u8>) {
        if let Some(wide) = self.wide.take() {
            (*wide).into_iter().for_each(|mut run| run.write_into(page));
            self.filled = 0;
            self.blocks = 0;
            return;
        }
        let count = self.blocks * BLOCK + self.filled;
        if self.filled > 1 {
            self.pack::<0>();
        } else if self.blocks == 0 {
            for run in &mut self.runs {
                run.first = if count == 0 { 0 } else { run.block[0] };
            }
        }
        for run in &mut self.runs {
            begin_run(count, i64::from(run.first), page);
            page.extend_from_slice(&run.packed);
            run.packed.clear();
        }
        self.filled = 0;
        self.blocks = 0;
    }

    #[inline(never)]
    fn pack<const FULL: usize>(&mut self) {
        let filled = if FULL == BLOCK { BLOCK } else { self.filled - 1 };
        for run in &mut self.runs {
            if self.blocks == 0 {
                run.first = run.block[0];
            }
            run.pack(filled);
        }
        self.filled = 1;
        self.blocks += 1;
    }
}

impl Run {
    /// The same with more bits. The run is begun anew.
    fn widened(&mut self, filled: usize, blocks: usize) -> Deltas {
        Deltas {
            first: i64::from(self.first),
            block: self.block.map(i64::from),
            filled,
            blocks,
            packed: std::mem::take(&mut self.packed),
        }
    }

    /// As [`Deltas::pack`].
    #[inline(always)]
    fn pack(&mut self, filled: usize) {
        let mut above = [0i16; BLOCK];
        let mut least = i16::MAX;
        for (above, pair) in above.iter_mut().zip(self.block[..=filled].array_windows()) {
            let [before, value] = *pair;
            // Both are lengths, so that neither the difference nor what it is above another wraps as 16 bits without a sign.
            *above = value.wrapping_sub(before);
            least = least.min(*above);
        }
        let mut whole = [0u16; BLOCK];
        for (whole, above) in whole.iter_mut().zip(&above[..filled]) {
            *whole = above.wrapping_sub(least).cast_unsigned();
        }
        let (minis, _) = whole.as_chunks::<MINIBLOCK>();
        let mut widths = [0u8; MINIBLOCKS];
        for (width, mini) in widths.iter_mut().zip(minis) {
            let any = mini.iter().fold(0, |any, above| any | above);
            *width = (16 - any.leading_zeros()) as u8;
        }
        varint(zigzag(i64::from(least)), &mut self.packed);
        self.packed.extend_from_slice(&widths);
        let used = filled.div_ceil(MINIBLOCK);
        for (width, mini) in widths.iter().zip(&minis[..used]) {
            pack(mini, u32::from(*width), &mut self.packed);
        }
        self.block[0] = self.block[filled];
    }
}

/// What stands in front of a run's blocks.
fn begin_run(count: usize, first: i64, page: &mut Vec<u8>) {
    for number in [BLOCK, MINIBLOCKS, count] {
        varint(number as u64, page);
    }
    varint(zigzag(first), page);
}

fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// Packs 32 integers of `width` bits, the lowest bits first, into `4 * width` bytes.
pub fn pack<T: Copy + Into<u64>>(values: &[T; MINIBLOCK], width: u32, out: &mut Vec<u8>) {
    macro_rules! by_width {
        ($($width:literal)*) => {
            match width {
                $($width => pack_width::<$width, T>(values, out),)*
                _ => {}
            }
        };
    }
    // One copy a width: all shifts are known, and none is asked for in the loop.
    by_width!(1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32
        33 34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64);
}

fn pack_width<const WIDTH: usize, T: Copy + Into<u64>>(values: &[T; MINIBLOCK], out: &mut Vec<u8>) {
    let start = out.len();
    out.resize(start + WIDTH * 4, 0);
    let out = &mut out[start..];
    // Small ones are joined first: that many words need not wait for each other.
    match WIDTH {
        0..=16 => {
            let mut joined = [0u64; MINIBLOCK / 4];
            for (joined, values) in joined.iter_mut().zip(values.as_chunks::<4>().0) {
                let [a, b, c, d] = values.map(Into::into);
                *joined = (a | b << WIDTH) | (c | d << WIDTH) << (2 * WIDTH);
            }
            string_together(&joined, 4 * WIDTH, out);
        }
        17..=32 => {
            let mut joined = [0u64; MINIBLOCK / 2];
            for (joined, values) in joined.iter_mut().zip(values.as_chunks::<2>().0) {
                let [a, b] = values.map(Into::into);
                *joined = a | b << WIDTH;
            }
            string_together(&joined, 2 * WIDTH, out);
        }
        _ => string_together(&values.map(Into::into), WIDTH, out),
    }
}

#[inline(always)]
fn string_together(values: &[u64], width: usize, out: &mut [u8]) {
    let (mut word, mut filled, mut at) = (0u64, 0, 0);
    for value in values {
        word |= value << filled;
        filled += width;
        if filled >= 64 {
            out[at..at + 8].copy_from_slice(&word.to_le_bytes());
            at += 8;
            filled -= 64;
            // The bits that did not fit; none where the value ended with the word.
            word = if filled == 0 { 0 } else { value >> (width - filled) };
        }
    }
    if filled > 0 {
        // 32 values end with a word or with half of one.
        out[at..at + 4].copy_from_slice(&(word as u32).to_le_bytes());
    }
}

/// A column of minor units.
pub struct Amounts {
    values: Deltas,
    levels: Levels,
    least: i64,
    greatest: i64,
    chunk: Chunk,
    nulls: usize,
}

impl Default for Amounts {
    fn default() -> Amounts {
        Amounts {
            values: Deltas::default(),
            levels: Levels::default(),
            least: i64::MAX,
            greatest: i64::MIN,
            chunk: Chunk::default(),
            nulls: 0,
        }
    }
}

impl Amounts {
    /// Adds an amount, or none.
    #[inline(always)]
    pub fn push(&mut self, minor: impl Into<Option<i64>>) {
        match minor.into() {
            Some(minor) => {
                self.least = self.least.min(minor);
                self.greatest = self.greatest.max(minor);
                self.values.push(minor);
                self.levels.value();
            }
            None => self.levels.null(),
        }
    }

    /// Rows so far.
    pub fn len(&self) -> usize {
        self.levels.rows()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.levels.rows() == 0
    }

    /// Makes the page; `nullable` is whether the schema lets values be absent.
    ///
    /// # Errors
    /// What compressing reports.
    pub fn finish(&mut self, press: &mut Press, page: &mut Vec<u8>, nullable: bool) -> Result<()> {
        self.nulls = self.levels.nulls();
        assert!(nullable || self.nulls == 0, "every row has an amount");
        let rows = self.levels.rows();
        page.clear();
        self.levels.write_into(page);
        if !nullable {
            page.clear();
        }
        self.values.write_into(page);
        self.chunk
            .data_page(press, page, rows, Encoding::DELTA_BINARY_PACKED)
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
        // Without an amount nothing is least.
        let range = match self.least <= self.greatest {
            true => Range::Integers(self.least, self.greatest),
            false => Range::None,
        };
        let encodings = vec![Encoding::RLE, Encoding::DELTA_BINARY_PACKED];
        self.chunk.metadata(column, encodings, offset, self.nulls, range)
    }

    /// Empties the column and keeps its memory.
    pub fn clear(&mut self) {
        self.chunk.clear();
        self.least = i64::MAX;
        self.greatest = i64::MIN;
        self.nulls = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn lengths_are_written_as_integers_are(
            runs in prop::collection::vec(prop::collection::vec(
                (prop_oneof![8 => 0usize..40, 1 => 0usize..=LENGTH_MAX], prop_oneof![200 => Just(3usize), 100 => 0usize..9000, 1 => 0usize..200_000]), 0..300), 1..4),
        ) {
            let (mut lengths, mut first, mut second) = (Lengths::default(), Deltas::default(), Deltas::default());
            for run in runs {
                for (a, b) in run {
                    lengths.push([a, b]);
                    first.push(a as i64);
                    second.push(b as i64);
                }
                let (mut together, mut apart) = (Vec::new(), Vec::new());
                lengths.write_into(&mut together);
                first.write_into(&mut apart);
                second.write_into(&mut apart);
                prop_assert_eq!(together, apart);
            }
        }

        #[test]
        fn packed_integers_stand_bit_by_bit(seed in any::<[u64; MINIBLOCK]>(), width in 1u32..=64) {
            let values = seed.map(|value| value >> (64 - width));
            let mut packed = Vec::new();
            pack(&values, width, &mut packed);
            prop_assert_eq!(packed.len(), 4 * width as usize);
            for (number, value) in values.iter().enumerate() {
                for bit in 0..width as usize {
                    let at = number * width as usize + bit;
                    prop_assert_eq!(u64::from(packed[at / 8] >> (at % 8) & 1), value >> bit & 1);
                }
            }
        }
    }
}
