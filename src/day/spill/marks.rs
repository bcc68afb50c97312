//! Which legs the platform's rows have matched today: a byte a row, all that is kept in memory of every row of a day.

use std::sync::atomic::{AtomicU8, Ordering};

/// Legs by block and ordinal, as bits. Rows of different ranges are different rows, but a row's legs may be noted by different threads.
#[derive(Debug)]
pub struct Marks {
    blocks: Vec<Vec<AtomicU8>>,
}

impl Marks {
    /// Nothing matched, of blocks of so many rows.
    pub fn new(rows: impl Iterator<Item = usize>) -> Marks {
        let block = |rows| std::iter::repeat_with(AtomicU8::default).take(rows).collect();
        Marks {
            blocks: rows.map(block).collect(),
        }
    }

    /// Notes that a row has matched on a leg. Rows brought forward are not noted here.
    pub fn set(&self, block: usize, ordinal: u32, leg: usize) {
        if let Some(mark) = self.blocks[block].get(ordinal as usize) {
            mark.fetch_or(1 << leg, Ordering::Relaxed);
        }
    }

    /// The legs that a row has matched.
    #[inline]
    pub fn get(&self, block: usize, ordinal: u32) -> u8 {
        let mark = self.blocks[block].get(ordinal as usize);
        mark.map_or(0, |mark| mark.load(Ordering::Relaxed))
    }

    /// Memory that it takes.
    pub fn bytes(&self) -> u64 {
        self.blocks.iter().map(|block| block.len() as u64).sum()
    }
}
