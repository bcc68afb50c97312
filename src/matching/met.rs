//! What each row of a leg's platform side met, and the fee of each: a word a row, in the order of the rows.
//!
//! Partitions are matched in any order, and what they find is put in its place here; what follows reads it in the order
//! of the platform's rows, which is that of memory.

use std::sync::atomic::{AtomicU64, Ordering};

use rayon::prelude::*;

use crate::entries::block::{BUCKET_BITS, EntryBlock, RowRef};
use crate::matching::group::Pair;

/// What the rows of a side met, by block and position. Rows of different partitions are different rows, so threads never
/// write one word twice; a word is written and read whole.
#[derive(Debug, Default)]
pub struct Met {
    blocks: Vec<Vec<AtomicU64>>,
}

/// A row of the other side, as one word.
///
/// | bits | field |
/// |---|---|
/// | 0–31 | row |
/// | 32–47 | account |
/// | 48–59 | bucket |
/// | 63 | met |
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Meeting(u64);

const MET: u64 = 1 << 63;
const BUCKET_AT: u32 = 48;

impl Meeting {
    /// The row, or [`RowRef::NONE`] for a row that agreed with itself (wallets).
    #[inline(always)]
    pub fn right(self) -> RowRef {
        RowRef(self.0 as u32)
    }

    /// Account index of a bank entry; 0 on other legs.
    #[inline(always)]
    pub fn account(self) -> u32 {
        (self.0 >> 32) as u32 & 0xffff
    }

    /// Bucket of the key, as far as partitions tell it apart.
    #[inline(always)]
    pub fn bucket(self) -> usize {
        (self.0 >> BUCKET_AT) as usize & ((1 << BUCKET_BITS) - 1)
    }
}

/// A partition: one of `2^bits`.
#[derive(Clone, Copy, Debug)]
pub struct Partition {
    /// Its number.
    pub number: usize,
    /// Bits of the number of partitions.
    pub bits: u32,
    mask: u64,
    word: u64,
}

impl Partition {
    /// Partition `number` of `2^bits`.
    pub fn new(number: usize, bits: u32) -> Partition {
        let at = BUCKET_AT + BUCKET_BITS - bits;
        Partition {
            number,
            bits,
            mask: MET | ((1 << bits) - 1) << at,
            word: MET | (number as u64) << at,
        }
    }

    /// True for what a row met in it; a row that met nothing is in none.
    #[inline(always)]
    fn has(self, met: Meeting) -> bool {
        met.0 & self.mask == self.word
    }
}

impl Met {
    /// Nothing met so far.
    pub fn new(left: &[EntryBlock]) -> Met {
        let words = |block: &EntryBlock| {
            std::iter::repeat_with(AtomicU64::default)
                .take(block.len())
                .collect()
        };
        // A word a row, touched here for the first time.
        Met {
            blocks: left.par_iter().map(words).collect(),
        }
    }

    /// Notes a pair of partition `partition` of `2^bits`.
    #[inline]
    pub fn set(&self, pair: Pair, partition: usize, bits: u32) {
        let bucket = (partition << (BUCKET_BITS - bits)) as u64;
        let account = u64::from(pair.account & 0xffff);
        let word = MET | bucket << BUCKET_AT | account << 32 | u64::from(pair.right.0);
        self.blocks[pair.left.block()][pair.left.position()].store(word, Ordering::Relaxed);
    }

    /// Forgets what a row met.
    pub fn clear(&self, left: RowRef) {
        self.blocks[left.block()][left.position()].store(0, Ordering::Relaxed);
    }

    /// What a row met.
    #[inline]
    pub fn get(&self, left: RowRef) -> Option<Meeting> {
        met(self.word(left))
    }

    #[inline(always)]
    fn word(&self, left: RowRef) -> Meeting {
        let block = self.blocks.get(left.block());
        block.map_or_else(Meeting::default, |block| {
            Meeting(block[left.position()].load(Ordering::Relaxed))
        })
    }

    /// How many of `rows` neighbours met one in a partition.
    pub fn count(&self, first: RowRef, rows: usize, partition: Partition) -> usize {
        let words = self
            .blocks
            .get(first.block())
            .map_or(&[][..], |block| &block[first.position()..first.position() + rows]);
        let words = words.iter().map(|word| Meeting(word.load(Ordering::Relaxed)));
        words.filter(|met| partition.has(*met)).count()
    }

    /// Goes through rows until `found` is full of those that met one in a partition. Returns how many there are.
    ///
    /// Which rows they are is as good as random: each is noted, and the next takes the place of one that is none.
    #[inline]
    pub fn find(
        &self,
        rows: &mut impl Iterator<Item = RowRef>,
        partition: Partition,
        found: &mut [(RowRef, Meeting)],
    ) -> usize {
        let mut count = 0;
        while count < found.len() {
            let Some(row) = rows.next() else { break };
            let met = self.word(row);
            found[count] = (row, met);
            count += usize::from(partition.has(met));
        }
        count
    }

    /// What the rows of a block met, by position.
    #[inline]
    pub fn block(&self, number: usize) -> impl ExactSizeIterator<Item = Option<Meeting>> + '_ {
        let words = self.blocks.get(number).map_or(&[][..], Vec::as_slice);
        words
            .iter()
            .map(|word| met(Meeting(word.load(Ordering::Relaxed))))
    }

    /// All rows that met one, in order, with what they met.
    pub fn pairs(&self) -> impl Iterator<Item = (RowRef, Meeting)> + '_ {
        (0..self.blocks.len()).flat_map(|number| {
            let with_row = move |(position, met): (usize, Option<Meeting>)| {
                met.map(|met| (RowRef::new(number, position), met))
            };
            self.block(number).enumerate().filter_map(with_row)
        })
    }
}

#[inline(always)]
fn met(meeting: Meeting) -> Option<Meeting> {
    (meeting.0 & MET != 0).then_some(meeting)
}

/// Fees of the rows of a block, minor units.
#[derive(Clone, Debug, Default)]
pub struct FeeColumn {
    /// A fee, [`ELSEWHERE`] or [`LARGE`].
    fees: Vec<u32>,
    /// Fees that are no small number, by position.
    large: Vec<(u32, i64)>,
}

const ELSEWHERE: u32 = u32::MAX;
const LARGE: u32 = u32::MAX - 1;

impl FeeColumn {
    /// A column for `rows` rows.
    pub fn with_capacity(rows: usize) -> FeeColumn {
        FeeColumn {
            fees: Vec::with_capacity(rows),
            large: Vec::new(),
        }
    }

    /// Adds the fee of the next row; `None` where the row has met nothing, or its fee stands on another leg.
    #[inline]
    pub fn push(&mut self, fee_minor: Option<i64>) {
        let fee = match fee_minor {
            None => ELSEWHERE,
            Some(minor) => match u32::try_from(minor) {
                Ok(small) if small < LARGE => small,
                _ => {
                    self.large.push((self.fees.len() as u32, minor));
                    LARGE
                }
            },
        };
        self.fees.push(fee);
    }

    /// The fee of a row.
    #[inline]
    pub fn get(&self, position: usize) -> Option<i64> {
        match *self.fees.get(position)? {
            ELSEWHERE => None,
            LARGE => {
                let at = self
                    .large
                    .binary_search_by_key(&(position as u32), |large| large.0)
                    .ok()?;
                Some(self.large[at].1)
            }
            small => Some(i64::from(small)),
        }
    }
}

/// The pairs of a leg with their fees.
#[derive(Clone, Copy, Debug)]
pub struct Settlings<'a> {
    /// What each row met.
    pub met: &'a Met,
    /// Fee of each row, by block.
    pub fees: &'a [FeeColumn],
}

impl Settlings<'_> {
    /// Fee of a row that met one; `None` where it met nothing or another leg's line carries the fee.
    pub fn fee_minor(&self, row: RowRef) -> Option<i64> {
        self.fees.get(row.block())?.get(row.position())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A side of two blocks with so many rows each.
    fn met(rows: [usize; 2]) -> Met {
        let words = |rows| std::iter::repeat_with(AtomicU64::default).take(rows).collect();
        Met {
            blocks: rows.map(words).into(),
        }
    }

    proptest! {
        #[test]
        fn rows_of_a_partition_are_found(
            bits in prop_oneof![Just(0u32), Just(1), Just(3), Just(BUCKET_BITS)],
            rows in [1usize..40, 1usize..40],
            buckets in prop::collection::vec((any::<bool>(), 0usize..1 << BUCKET_BITS), 80),
            room in 1usize..10,
        ) {
            let met = met(rows);
            let all: Vec<RowRef> = (0..2).flat_map(|block| (0..rows[block]).map(move |at| RowRef::new(block, at))).collect();
            for (number, (row, (is_met, bucket))) in (0u32..).zip(all.iter().zip(&buckets)) {
                if *is_met {
                    met.set(Pair { left: *row, right: RowRef(number), account: number % 7 }, *bucket, BUCKET_BITS);
                }
            }
            for number in 0..1usize << bits.min(4) {
                let partition = Partition::new(number, bits);
                let expected: Vec<(RowRef, u32)> = (0u32..).zip(&all).zip(&buckets)
                    .filter(|(_, (is_met, bucket))| *is_met && bucket >> (BUCKET_BITS - bits) == number)
                    .map(|((at, row), _)| (*row, at))
                    .collect();
                let mut found = vec![(RowRef::NONE, Meeting::default()); room];
                let (mut rest, mut seen) = (all.iter().copied(), Vec::new());
                loop {
                    let count = met.find(&mut rest, partition, &mut found);
                    if count == 0 {
                        break;
                    }
                    seen.extend(found[..count].iter().map(|(row, met)| (*row, met.right().0)));
                    prop_assert!(found[..count].iter().all(|(_, met)| met.account() == met.right().0 % 7));
                }
                prop_assert_eq!(&seen, &expected);
                let counted: usize = (0..2).map(|block| met.count(RowRef::new(block, 0), rows[block], partition)).sum();
                prop_assert_eq!(counted, expected.len());
            }
        }

        #[test]
        fn fees_come_out_as_they_went_in(fees in prop::collection::vec(prop::option::of(prop_oneof![0i64..10, Just(i64::MAX), Just(-1), (u32::MAX as i64 - 3)..(u32::MAX as i64 + 3)]), 0..50)) {
            let mut column = FeeColumn::with_capacity(fees.len());
            fees.iter().for_each(|fee| column.push(*fee));
            for (position, fee) in fees.iter().enumerate() {
                prop_assert_eq!(column.get(position), *fee);
            }
            prop_assert_eq!(column.get(fees.len()), None);
        }
    }
}
