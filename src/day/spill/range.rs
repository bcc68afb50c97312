//! A range of the hash, read back: blocks of its entries as the kernels want them.
//!
//! Rows of a range stand in blocks of their own, in the order of the day's rows, so that what is decided by that order
//! comes out the same. A row of a range is translated into the day's row by [`RangeSide::row`]: for rows brought forward
//! that is block and position, for the others block and ordinal.

use crate::day::breaks::RowName;
use crate::day::spill::aside::{LegSide, Spill};
use crate::entries::block::{BlockBuilder, EntryBlock, RowRef};
use crate::entries::spill::{Returned, ReturnedEntry};
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

/// Hands on the entries of a range that lie aside, a piece in memory at a time: block and ordinal of each, in no order.
///
/// # Errors
/// What reading back reports.
pub fn each_entry(
    (spill, side): (&Spill, LegSide),
    range: usize,
    numbers: &Numbers,
    take: &mut dyn FnMut(RowName, ReturnedEntry<'_>),
) -> Result<(), Stop> {
    for piece in spill.pieces(side, range) {
        let piece = Returned::new(&spill.get(piece)?)?;
        for (aside, rows) in piece.stretches() {
            if let Some(number) = numbers.of(aside) {
                for row in rows {
                    let entry = piece.entry(row);
                    take((number, entry.ordinal), entry);
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
        RangeSide::read_some(of, range, &|_| true)
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
        let RangeOf {
            spill,
            side,
            forward,
            numbers,
            ..
        } = *of;
        let mut laying = Laying::default();
        let bits = spill.range_bits();
        for (number, block) in forward.iter().enumerate() {
            let mut slots = block.partition(range, bits).to_vec();
            slots.extend(block.keyless(range, bits));
            slots.sort_unstable_by_key(|slot| slot.position());
            for slot in slots {
                let (record, position) = (block.record(slot.position()), slot.position());
                if !is_wanted(RowRef::new(number, position)) {
                    continue;
                }
                let (id, key) = (record.id().to_vec(), record.key().to_vec());
                laying.push(RowRef::new(number, position), (&id, &key), |builder, ordinal| {
                    builder.push(
                        &key,
                        &id,
                        record.amount_minor(),
                        record.meta(),
                        record.owner(),
                        ordinal,
                    );
                    builder.first_seen(block.first_seen(position, of.business_date));
                    if of.has_fees {
                        builder.aux_minor(block.aux_minor(position));
                    }
                });
            }
        }
        // Entries of a block have all been brought forward, or none.
        laying.cut();
        laying.side.forward_blocks = laying.side.blocks.len();
        let mut pieces = Vec::new();
        for piece in spill.pieces(side, range) {
            pieces.push(Returned::new(&spill.get(piece)?)?);
        }
        let mut stretches = Vec::new();
        for (at, piece) in pieces.iter().enumerate() {
            for (aside, rows) in piece.stretches() {
                if let Some(number) = numbers.of(aside) {
                    stretches.push((number, at, rows));
                }
            }
        }
        stretches.sort_unstable_by_key(|(number, _, _)| *number);
        for (number, at, rows) in stretches {
            for row in rows {
                let entry = pieces[at].entry(row);
                if !is_wanted(RowRef::new(number, entry.ordinal as usize)) {
                    continue;
                }
                let mut room = [0; 64];
                let key = entry.key.text(&mut room).as_bytes();
                laying.push(
                    RowRef::new(number, entry.ordinal as usize),
                    (entry.id, key),
                    |builder, ordinal| {
                        builder.push(
                            key,
                            entry.id,
                            entry.amount_minor,
                            entry.meta,
                            entry.owner,
                            ordinal,
                        );
                        if of.has_fees {
                            builder.aux_minor(entry.aux_minor);
                        }
                    },
                );
            }
        }
        laying.cut();
        Ok(laying.side)
    }
}

#[derive(Default)]
struct Laying {
    side: RangeSide,
    builder: BlockBuilder,
    rows: Vec<RowRef>,
}

impl Laying {
    #[inline]
    fn push(&mut self, row: RowRef, (id, key): (&[u8], &[u8]), push: impl FnOnce(&mut BlockBuilder, u32)) {
        if !self.builder.has_room(id.len() + key.len()) {
            self.cut();
        }
        push(&mut self.builder, self.rows.len() as u32);
        self.rows.push(row);
    }

    fn cut(&mut self) {
        if !self.rows.is_empty() {
            self.side.blocks.push(self.builder.finish());
            self.side.rows.push(std::mem::take(&mut self.rows));
        }
    }
}
