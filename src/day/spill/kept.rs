//! The pool of a day that lies aside: the rows that a later stage looks at by itself, and no others.
//!
//! Its blocks have the numbers they have in the day; their rows are counted anew. So the stages behind matching run on
//! it as they run on a whole day.

use std::collections::BTreeMap;

use crate::day::breaks::RowName;
use crate::day::forward::ForwardRow;
use crate::day::intake::{Extras, InputBlock, SideEntry};
use crate::day::places::Places;
use crate::day::pool::Pool;
use crate::day::spill::aside::{Side, Spill};
use crate::entries::block::{BlockBuilder, EntryBlock, Record, RowRef};
use crate::entries::meta::Meta;
use crate::findings::Stop;
use crate::matching::met::FeeColumn;

/// A row that is kept.
#[derive(Clone, Debug)]
pub struct KeptRow {
    /// The row of the day: see [`crate::day::spill::range::RangeSide`].
    pub row: RowRef,
    /// txn_id or entry_id.
    pub id: Vec<u8>,
    /// Match key.
    pub key: Vec<u8>,
    /// Minor units.
    pub amount_minor: i64,
    /// Small fields.
    pub meta: Meta,
    /// Merchant code or account index.
    pub owner: u32,
    /// Its fee, minor units, where it settled.
    pub fee_minor: Option<i64>,
}

impl KeptRow {
    /// From the record of a row.
    pub fn new(row: RowRef, record: Record<'_>, fee_minor: Option<i64>) -> KeptRow {
        KeptRow {
            row,
            id: record.id().to_vec(),
            key: record.key().to_vec(),
            amount_minor: record.amount_minor(),
            meta: record.meta(),
            owner: record.owner(),
            fee_minor,
        }
    }
}

/// The small pool, and how rows of the day are found in it.
#[derive(Debug)]
pub struct Kept {
    /// The pool.
    pub pool: Pool,
    /// Fees of the platform side, by block.
    pub fees: Vec<FeeColumn>,
    /// Rows of the day that are kept, by side; those brought forward are all there and not listed.
    rows: [Vec<RowRef>; 2],
    forward_blocks: usize,
}

impl Kept {
    /// Lays out the pool. `forward` are the blocks brought forward by side; `blocks` are all blocks of the day by number,
    /// without their entries.
    ///
    /// # Errors
    /// What reading back the places reports.
    pub fn new(
        spill: &Spill,
        forward_rows: Vec<ForwardRow>,
        forward: [Vec<EntryBlock>; 2],
        blocks: Vec<InputBlock>,
        mut kept: [Vec<KeptRow>; 2],
    ) -> Result<Kept, Stop> {
        let forward_blocks = forward[0].len();
        for side in &mut kept {
            side.sort_unstable_by_key(|row| row.row);
            side.dedup_by_key(|row| row.row);
        }
        let mut ordinals: Vec<Vec<u32>> = vec![Vec::new(); blocks.len()];
        for row in kept
            .iter()
            .flatten()
            .filter(|row| row.row.block() >= forward_blocks)
        {
            ordinals[row.row.block()].push(row.row.position() as u32);
        }
        for list in &mut ordinals {
            list.sort_unstable();
            list.dedup();
        }
        let offsets = offsets(spill, &blocks, &ordinals)?;
        let [mut left_forward, mut right_forward] = forward.map(Vec::into_iter);
        let [mut left, mut right] = [0, 1].map(|side: usize| kept[side].iter().peekable());
        let mut fees = Vec::with_capacity(blocks.len());
        let mut laid = Vec::with_capacity(blocks.len());
        for (number, block) in blocks.into_iter().enumerate() {
            let is_mine = |row: &&KeptRow| row.row.block() == number;
            if number < forward_blocks {
                let side = left_forward.next().unwrap_or_default();
                let mut column = FeeColumn::with_capacity(side.len());
                for position in 0..side.len() {
                    let row = RowRef::new(number, position);
                    let known = left.next_if(|kept| kept.row == row);
                    column.push(known.and_then(|kept| kept.fee_minor));
                }
                while right.next_if(is_mine).is_some() {}
                fees.push(column);
                laid.push(InputBlock {
                    left: vec![side],
                    right: vec![right_forward.next().unwrap_or_default()],
                    ..block
                });
                continue;
            }
            let ordinals = &ordinals[number];
            let mut column = FeeColumn::with_capacity(0);
            let mut builder = BlockBuilder::default();
            while let Some(row) = left.next_if(is_mine) {
                push(&mut builder, row, ordinals);
                column.push(row.fee_minor);
            }
            let left_block = builder.finish();
            while let Some(row) = right.next_if(is_mine) {
                push(&mut builder, row, ordinals);
            }
            fees.push(column);
            laid.push(InputBlock {
                left: vec![left_block],
                right: vec![builder.finish()],
                places: places(&block, ordinals, &offsets),
                extras: extras(&block.extras, ordinals),
                side: side_entries(&block.side, ordinals),
                ..block
            });
        }
        let listed = |side: Vec<KeptRow>| -> Vec<RowRef> {
            let rows = side.into_iter().map(|row| row.row);
            rows.filter(|row| row.block() >= forward_blocks).collect()
        };
        Ok(Kept {
            rows: kept.map(listed),
            pool: Pool::new(1, forward_rows, laid),
            fees,
            forward_blocks,
        })
    }

    /// A row of the day as a row of the pool.
    ///
    /// # Errors
    /// Our own fault: the row was not kept.
    pub fn row(&self, side: Side, row: RowRef) -> Result<RowRef, Stop> {
        if row == RowRef::NONE || row.block() < self.forward_blocks {
            return Ok(row);
        }
        let rows = &self.rows[side as usize];
        let first = rows.partition_point(|kept| kept.block() < row.block());
        match rows.binary_search(&row) {
            Ok(at) => Ok(RowRef::new(row.block(), at - first)),
            Err(_) => Err(Stop::invariant(format!(
                "a row that is looked at was not kept: {row:?}"
            ))),
        }
    }

    /// Rows of the day as rows of the pool, in the order given.
    ///
    /// # Errors
    /// As [`Kept::row`].
    pub fn rows(&self, side: Side, rows: &[RowRef]) -> Result<Vec<RowRef>, Stop> {
        rows.iter().map(|row| self.row(side, *row)).collect()
    }

    /// The name of a row of the day in the pool; `None` for no row.
    ///
    /// # Errors
    /// As [`Kept::row`].
    pub fn name(&self, side: Side, row: RowRef) -> Result<Option<RowName>, Stop> {
        if row == RowRef::NONE {
            return Ok(None);
        }
        let found = self.row(side, row)?;
        let blocks = match side {
            Side::Left => &self.pool.left[0],
            Side::Right => &self.pool.right[0],
        };
        Ok(Some((row.block(), blocks[row.block()].ordinal(found.position()))))
    }
}

fn rank(ordinals: &[u32], ordinal: u32) -> Option<u32> {
    ordinals.binary_search(&ordinal).ok().map(|at| at as u32)
}

fn push(builder: &mut BlockBuilder, row: &KeptRow, ordinals: &[u32]) {
    let ordinal = rank(ordinals, row.row.position() as u32).unwrap_or_default();
    builder.push(&row.key, &row.id, row.amount_minor, row.meta, row.owner, ordinal);
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
