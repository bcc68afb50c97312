//! A range of the hash, read back: blocks of its entries as the kernels want them.
//!
//! Rows of a range stand in blocks of their own, in the order of the day's rows, so that what is decided by that order
//! comes out the same. A row of a range is translated into the day's row by [`RangeSide::row`]: for rows brought forward
//! that is block and position, for the others block and ordinal.

use crate::day::breaks::RowName;
use crate::day::spill::aside::{LegSide, Spill};
use crate::entries::block::shard::Shard;
use crate::entries::block::{BlockBuilder, EntryBlock, Record, RowRef, Slot};
use crate::findings::Stop;
use crate::terms::date::Date;

/// Numbers in the pool of blocks that lie aside; those of files delivered before or twice have none.
#[derive(Debug, Default)]
pub struct Numbers {
    numbers: Vec<u32>,
}

const NONE: u32 = u32::MAX;

impl Numbers {
    /// From pairs of the number aside and in the pool.
    pub fn new(pairs: impl Iterator<Item = (u32, usize)>) -> Numbers {
        let mut numbers = Vec::new();
        for (aside, number) in pairs {
            let at = aside as usize;
            if at >= numbers.len() {
                numbers.resize(at + 1, NONE);
            }
            numbers[at] = number as u32;
        }
        Numbers { numbers }
    }

    /// The number in the pool.
    #[inline]
    pub fn of(&self, aside: u32) -> Option<usize> {
        let number = self
            .numbers
            .get(aside as usize)
            .copied()
            .filter(|number| *number != NONE);
        number.map(|number| number as usize)
    }
}

/// Hands on the entries of a range that lie aside, a piece in memory at a time: block and ordinal of each, its record and the
/// channel's fee, in no order.
///
/// # Errors
/// What reading back reports.
pub fn each_entry(
    (spill, side): (&Spill, LegSide),
    range: usize,
    numbers: &Numbers,
    take: &mut dyn FnMut(RowName, Record<'_>, i64),
) -> Result<(), Stop> {
    for piece in spill.pieces(side, range) {
        for shard in spill.get(piece, range)?.iter() {
            let Shard {
                number,
                block,
                ordinals,
            } = shard?;
            if let Some(number) = numbers.of(number) {
                for (position, ordinal) in ordinals.iter().enumerate() {
                    let name = (number, u32::from(*ordinal));
                    take(name, block.record(position), block.aux_minor(position));
                }
            }
        }
    }
    Ok(())
}

/// One side of a range.
#[derive(Debug, Default)]
pub struct RangeSide {
    /// Its entries; ordinals are positions.
    pub blocks: Vec<EntryBlock>,
    /// How many blocks, the first ones, hold rows brought forward.
    pub forward_blocks: usize,
    /// The day's row of each, by block and position.
    rows: Vec<Vec<RowRef>>,
}

/// Which entries are read back, and what is known of them beside.
#[derive(Clone, Copy)]
pub struct RangeOf<'a> {
    /// Where they lie.
    pub spill: &'a Spill,
    /// The side of a leg.
    pub side: LegSide,
    /// True for rows of channels, whose blocks hold their fees.
    pub has_fees: bool,
    /// Blocks brought forward, by number.
    pub forward: &'a [EntryBlock],
    /// Numbers in the pool.
    pub numbers: &'a Numbers,
    /// The day being closed.
    pub business_date: Date,
}

impl RangeSide {
    /// The row of the day.
    #[inline]
    pub fn row(&self, row: RowRef) -> RowRef {
        if row == RowRef::NONE {
            return row;
        }
        self.rows[row.block()][row.position()]
    }

    /// Reads a range.
    ///
    /// # Errors
    /// What reading back reports.
    pub fn read(of: &RangeOf<'_>, range: usize) -> Result<RangeSide, Stop> {
        let mut side = RangeSide::brought_forward(of, range, &|_| true);
        for (number, Shard { block, ordinals, .. }) in shards(of, range)? {
            let row = |ordinal: &u16| RowRef::new(number, usize::from(*ordinal));
            side.rows.push(ordinals.iter().map(row).collect());
            side.blocks.push(block);
        }
        Ok(side)
    }

    /// Reads the rows of a range that are wanted, each as the row of the day.
    ///
    /// # Errors
    /// What reading back reports.
    pub fn read_some(
        of: &RangeOf<'_>,
        range: usize,
        is_wanted: &dyn Fn(RowRef) -> bool,
    ) -> Result<RangeSide, Stop> {
        let mut laying = Laying {
            side: RangeSide::brought_forward(of, range, is_wanted),
            ..Laying::default()
        };
        for (number, Shard { block, ordinals, .. }) in shards(of, range)? {
            for (position, ordinal) in ordinals.iter().enumerate() {
                let row = RowRef::new(number, usize::from(*ordinal));
                if is_wanted(row) {
                    laying.push(of, row, (&block, position), None);
                }
            }
        }
        laying.cut();
        Ok(laying.side)
    }

    /// The entries of a range that were brought forward and are wanted.
    fn brought_forward(of: &RangeOf<'_>, range: usize, is_wanted: &dyn Fn(RowRef) -> bool) -> RangeSide {
        let mut laying = Laying::default();
        let bits = of.spill.range_bits();
        for (number, block) in of.forward.iter().enumerate() {
            let mut slots = block.partition(range, bits).to_vec();
            slots.extend(block.keyless(range, bits));
            slots.sort_unstable_by_key(|slot| slot.position());
            for position in slots.into_iter().map(Slot::position) {
                let row = RowRef::new(number, position);
                if is_wanted(row) {
                    let first_seen = block.first_seen(position, of.business_date);
                    laying.push(of, row, (block, position), Some(first_seen));
                }
            }
        }
        // Entries of a block have all been brought forward, or none.
        laying.cut();
        laying.side.forward_blocks = laying.side.blocks.len();
        laying.side
    }
}

/// What lies aside of a range, in the order of the day's blocks, with the number of each in the pool.
fn shards(of: &RangeOf<'_>, range: usize) -> Result<Vec<(usize, Shard)>, Stop> {
    let mut shards = Vec::new();
    for piece in of.spill.pieces(of.side, range) {
        for shard in of.spill.get(piece, range)?.iter() {
            let shard = shard?;
            if let Some(number) = of.numbers.of(shard.number) {
                shards.push((number, shard));
            }
        }
    }
    shards.sort_unstable_by_key(|(number, _)| *number);
    Ok(shards)
}

#[derive(Default)]
struct Laying {
    side: RangeSide,
    builder: BlockBuilder,
    rows: Vec<RowRef>,
}

impl Laying {
    fn push(
        &mut self,
        of: &RangeOf<'_>,
        row: RowRef,
        (block, position): (&EntryBlock, usize),
        first_seen: Option<Date>,
    ) {
        let record = block.record(position);
        let (id, key) = (record.id().to_vec(), record.key().to_vec());
        if !self.builder.has_room(id.len() + key.len()) {
            self.cut();
        }
        let (ordinal, amount_minor) = (self.rows.len() as u32, record.amount_minor());
        self.builder
            .push(&key, &id, amount_minor, record.meta(), record.owner(), ordinal);
        if let Some(date) = first_seen {
            self.builder.first_seen(date);
        }
        if of.has_fees {
            self.builder.aux_minor(block.aux_minor(position));
        }
        self.rows.push(row);
    }

    fn cut(&mut self) {
        if !self.rows.is_empty() {
            self.side.blocks.push(self.builder.finish());
            self.side.rows.push(std::mem::take(&mut self.rows));
        }
    }
}
