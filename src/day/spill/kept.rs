//! The pool of a day that lies aside: the rows that a later stage may look at by itself, what they met, and no others.
//!
//! Its blocks have the numbers they have in the day; their rows are counted anew, and a row has one number on every leg. So
//! the stages behind matching run on it as they run on a whole day.

use std::collections::BTreeMap;

use crate::day::breaks::RowName;
use crate::day::forward::ForwardRow;
use crate::day::intake::{Extras, InputBlock, SideEntry};
use crate::day::places::Places;
use crate::day::pool::Pool;
use crate::day::spill::aside::{LegSide, Side, Spill};
use crate::entries::block::{BUCKET_BITS, BlockBuilder, EntryBlock, Record, RowRef};
use crate::entries::meta::Meta;
use crate::findings::Stop;
use crate::matching::group::Pair;
use crate::matching::met::Met;

/// A row that is kept, on one side of one leg.
#[derive(Clone, Debug)]
pub struct KeptRow {
    /// The row of the day: see [`crate::day::spill::range::RangeSide`].
    pub row: RowRef,
    /// txn_id, entry_id or channel_ref.
    pub id: Vec<u8>,
    /// Match key.
    pub key: Vec<u8>,
    /// Minor units.
    pub amount_minor: i64,
    /// Small fields.
    pub meta: Meta,
    /// Merchant code or account index.
    pub owner: u32,
    /// The channel's fee, minor units.
    pub aux_minor: i64,
}

impl KeptRow {
    /// From an entry, with the channel's fee, minor units.
    pub fn new(row: RowRef, record: Record<'_>, aux_minor: i64) -> KeptRow {
        KeptRow {
            row,
            id: record.id().to_vec(),
            key: record.key().to_vec(),
            amount_minor: record.amount_minor(),
            meta: record.meta(),
            owner: record.owner(),
            aux_minor,
        }
    }

    /// From the entry at a position of a block.
    pub fn at(row: RowRef, block: &EntryBlock, position: usize) -> KeptRow {
        KeptRow::new(row, block.record(position), block.aux_minor(position))
    }
}

/// A platform row that is kept or was brought forward, and what it met on a leg, as rows of the day.
#[derive(Clone, Copy, Debug)]
pub struct KeptPair {
    /// Platform row.
    pub left: RowRef,
    /// The other.
    pub right: RowRef,
    /// Account index of a bank entry; 0 on other legs.
    pub account: u32,
}

/// What is kept of a leg.
#[derive(Clone, Debug, Default)]
pub struct KeptLeg {
    /// Rows by side; those brought forward are all kept and not among them.
    pub rows: [Vec<KeptRow>; 2],
    /// True for the sides whose rows have fees.
    pub has_fees: [bool; 2],
}

/// The small pool, and how rows of the day are found in it.
#[derive(Debug)]
pub struct Kept {
    /// The pool.
    pub pool: Pool,
    /// Rows of the day that are kept, by leg and side; those brought forward are all there and not listed.
    rows: Vec<[Vec<RowRef>; 2]>,
    forward_blocks: usize,
}

impl Kept {
    /// Lays out the pool. `forward` are the blocks brought forward by leg and side; `blocks` are all blocks of the day by
    /// number, without their entries.
    ///
    /// # Errors
    /// What reading back the places reports.
    pub fn new(
        spill: &Spill,
        forward_rows: Vec<ForwardRow>,
        forward: Vec<[Vec<EntryBlock>; 2]>,
        blocks: Vec<InputBlock>,
        mut kept: Vec<KeptLeg>,
    ) -> Result<Kept, Stop> {
        let forward_blocks = forward.first().map_or(0, |sides| sides[0].len());
        let mut ordinals: Vec<Vec<u32>> = vec![Vec::new(); blocks.len()];
        for side in kept.iter_mut().flat_map(|leg| &mut leg.rows) {
            side.sort_unstable_by_key(|row| row.row);
            side.dedup_by_key(|row| row.row);
            for row in side.iter() {
                ordinals[row.row.block()].push(row.row.position() as u32);
            }
        }
        for list in &mut ordinals {
            list.sort_unstable();
            list.dedup();
        }
        let offsets = offsets(spill, &blocks, &ordinals)?;
        let mut forward: Vec<_> = forward
            .into_iter()
            .map(|sides| sides.map(Vec::into_iter))
            .collect();
        let mut rows: Vec<_> = kept
            .iter()
            .map(|leg| [0, 1].map(|side: usize| leg.rows[side].iter().peekable()))
            .collect();
        let mut laid = Vec::with_capacity(blocks.len());
        for (number, block) in blocks.into_iter().enumerate() {
            let (mut left, mut right) = (Vec::new(), Vec::new());
            if number < forward_blocks {
                for [lefts, rights] in &mut forward {
                    left.push(lefts.next().unwrap_or_default());
                    right.push(rights.next().unwrap_or_default());
                }
                laid.push(InputBlock { left, right, ..block });
                continue;
            }
            let ordinals = &ordinals[number];
            let mut builder = BlockBuilder::default();
            for (leg, sides) in kept.iter().zip(&mut rows) {
                let [left_block, right_block] = [0, 1].map(|side: usize| {
                    while let Some(row) = sides[side].next_if(|row| row.row.block() == number) {
                        push(&mut builder, row, ordinals, leg.has_fees[side]);
                    }
                    builder.finish()
                });
                left.push(left_block);
                right.push(right_block);
            }
            laid.push(InputBlock {
                left,
                right,
                places: places(&block, ordinals, &offsets),
                extras: extras(&block.extras, ordinals),
                side: side_entries(&block.side, ordinals),
                ..block
            });
        }
        let legs = kept.len();
        let listed = |side: Vec<KeptRow>| -> Vec<RowRef> { side.into_iter().map(|row| row.row).collect() };
        Ok(Kept {
            rows: kept.into_iter().map(|leg| leg.rows.map(listed)).collect(),
            pool: Pool::new(legs, forward_rows, laid),
            forward_blocks,
        })
    }

    /// A row of the day as a row of the pool.
    ///
    /// # Errors
    /// Our own fault: the row was not kept.
    pub fn row(&self, (leg, side): LegSide, row: RowRef) -> Result<RowRef, Stop> {
        if row == RowRef::NONE || row.block() < self.forward_blocks {
            return Ok(row);
        }
        let rows = &self.rows[leg][side as usize];
        let first = rows.partition_point(|kept| kept.block() < row.block());
        match rows.binary_search(&row) {
            Ok(at) => Ok(RowRef::new(row.block(), at - first)),
            Err(_) => Err(Stop::invariant(format!(
                "a row that is looked at was not kept: leg {leg}, {side:?}, {row:?}"
            ))),
        }
    }

    /// Rows of the day as rows of the pool, in the order given.
    ///
    /// # Errors
    /// As [`Kept::row`].
    pub fn rows(&self, side: LegSide, rows: &[RowRef]) -> Result<Vec<RowRef>, Stop> {
        rows.iter().map(|row| self.row(side, *row)).collect()
    }

    /// The name of a row of the day in the pool; `None` for no row.
    ///
    /// # Errors
    /// As [`Kept::row`].
    pub fn name(&self, (leg, side): LegSide, row: RowRef) -> Result<Option<RowName>, Stop> {
        if row == RowRef::NONE {
            return Ok(None);
        }
        let found = self.row((leg, side), row)?;
        let blocks = match side {
            Side::Left => &self.pool.left[leg],
            Side::Right => &self.pool.right[leg],
        };
        Ok(Some((row.block(), blocks[row.block()].ordinal(found.position()))))
    }

    /// What the rows of a leg met that are kept.
    ///
    /// # Errors
    /// As [`Kept::row`].
    pub fn met(&self, leg: usize, pairs: &[KeptPair]) -> Result<Met, Stop> {
        let side = &self.pool.left[leg];
        let met = Met::new(side);
        for pair in pairs {
            let left = self.row((leg, Side::Left), pair.left)?;
            let bucket = side[left.block()].record(left.position()).bucket();
            let right = self.row((leg, Side::Right), pair.right)?;
            let account = pair.account;
            met.set(Pair { left, right, account }, bucket, BUCKET_BITS);
        }
        Ok(met)
    }
}

fn rank(ordinals: &[u32], ordinal: u32) -> Option<u32> {
    ordinals.binary_search(&ordinal).ok().map(|at| at as u32)
}

fn push(builder: &mut BlockBuilder, row: &KeptRow, ordinals: &[u32], has_fees: bool) {
    let ordinal = rank(ordinals, row.row.position() as u32).unwrap_or_default();
    builder.push(&row.key, &row.id, row.amount_minor, row.meta, row.owner, ordinal);
    if has_fees {
        builder.aux_minor(row.aux_minor);
    }
}

type Offsets = BTreeMap<(u32, u32), u32>;

fn aside(block: &InputBlock) -> Option<u32> {
    block.spilled.as_ref().map(|outlines| outlines.number)
}

fn offsets(spill: &Spill, blocks: &[InputBlock], ordinals: &[Vec<u32>]) -> Result<Offsets, Stop> {
    let mut wanted = Vec::new();
    for (block, ordinals) in blocks.iter().zip(ordinals) {
        if let Some(number) = aside(block) {
            wanted.extend(ordinals.iter().map(|ordinal| (number, *ordinal)));
        }
    }
    wanted.sort_unstable();
    spill.offsets(&wanted)
}

fn places(block: &InputBlock, ordinals: &[u32], offsets: &Offsets) -> Places {
    let mut places = Places::default();
    for ordinal in ordinals {
        let offset = aside(block).and_then(|number| offsets.get(&(number, *ordinal)));
        if let Some(offset) = offset {
            places.push(block.places.at(*ordinal, *offset));
        }
    }
    assert_eq!(
        places.len(),
        ordinals.len(),
        "every row that is kept has its place"
    );
    places
}

fn extras(all: &Extras, ordinals: &[u32]) -> Extras {
    let mut kept = Extras::default();
    for (at, ordinal) in all.ordinals.iter().enumerate() {
        let Some(rank) = rank(ordinals, *ordinal) else {
            continue;
        };
        kept.ordinals.push(rank);
        kept.party.push(all.party.get(at));
        kept.counterparty.push(all.counterparty.get(at));
        kept.original.push(all.original.get(at));
        kept.time.push(all.time[at]);
    }
    kept
}

fn side_entries(all: &[SideEntry], ordinals: &[u32]) -> Vec<SideEntry> {
    let kept = |entry: &SideEntry| {
        Some(SideEntry {
            ordinal: rank(ordinals, entry.ordinal)?,
            kind: entry.kind.clone(),
        })
    };
    all.iter().filter_map(kept).collect()
}
