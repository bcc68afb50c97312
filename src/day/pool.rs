//! All rows of a close, today's and those brought forward, as the stages work on them.
//!
//! Blocks of rows brought forward come first, then those of each file in the order of names and of the file. A
//! block has one number on every side and leg; a row is found by (block, ordinal) across legs and by
//! [`RowRef`] within one.

use rayon::prelude::*;

use crate::book::settings::{Leg, LegKind, Settings};
use crate::day::causes::choosable_bits;
use crate::day::forward::ForwardRow;
use crate::day::intake::{Extras, FORWARD_FILE, InputBlock, SideEntry};
use crate::day::places::Places;
use crate::entries::block::{BUCKET_BITS, EntryBlock, Ids, RowRef};
use crate::entries::rows::Place;

/// Average most rows of the larger side of the largest leg in one part of `matched` (R31).
const PART_ROWS: usize = 8_388_608;

/// Rows and where they came from.
#[derive(Debug, Default)]
pub struct Pool {
    /// File of each block; [`FORWARD_FILE`] for rows brought forward.
    pub file: Vec<u32>,
    /// Places of each block.
    pub places: Vec<Places>,
    /// Extras of each block.
    pub extras: Vec<Extras>,
    /// Entries aside, of each block.
    pub side: Vec<Vec<SideEntry>>,
    /// Platform side: by leg, by block.
    pub left: Vec<Vec<EntryBlock>>,
    /// Other side: by leg, by block.
    pub right: Vec<Vec<EntryBlock>>,
    /// Ids of the other side, by leg, by block, once that is all that is needed of it: [`Pool::keep_what_is_shown`].
    pub right_ids: Vec<Vec<Ids>>,
    /// Rows brought forward, by the line of their place − 1.
    pub forward: Vec<ForwardRow>,
    /// Rows of the larger side of the largest leg, those that lie aside included.
    pub largest_side_rows: usize,
    /// Rows of both sides of each leg, where some of them lie aside and only those are here that are looked at by
    /// themselves.
    pub rows_of_day: Option<Vec<[usize; 2]>>,
}

/// Where a row of the pool comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// Brought forward: index into [`Pool::forward`].
    Forward(usize),
    /// Today's: file and place, and where the pool holds the row, if one does.
    Today(u32, Place, Option<(usize, u32)>),
}

/// What the pool holds of a row's content, exactly as it was delivered.
pub struct Held {
    /// txn_id or entry_id.
    pub id: Vec<u8>,
    /// bank_ref.
    pub bank_ref: Vec<u8>,
    /// Minor units.
    pub amount_minor: i64,
}

/// Number of parts of `matched`, as bits of the hash (R31): it follows from the rows of the larger side of the largest
/// leg alone.
pub fn part_bits(largest_side_rows: usize) -> u32 {
    largest_side_rows
        .div_ceil(PART_ROWS)
        .max(1)
        .next_power_of_two()
        .trailing_zeros()
        .min(BUCKET_BITS)
}

impl Pool {
    /// Lays out blocks; their lists of rejects, sums and balances are left to the caller.
    pub fn new(legs: usize, forward: Vec<ForwardRow>, blocks: Vec<InputBlock>) -> Pool {
        let mut pool = Pool {
            forward,
            ..Pool::default()
        };
        pool.left.resize_with(legs, Vec::new);
        pool.right.resize_with(legs, Vec::new);
        for block in blocks {
            pool.file.push(block.file);
            pool.places.push(block.places);
            pool.extras.push(block.extras);
            pool.side.push(block.side);
            for (side, blocks) in [(&mut pool.left, block.left), (&mut pool.right, block.right)] {
                let mut given = blocks.into_iter();
                for leg in side.iter_mut() {
                    leg.push(given.next().unwrap_or_default());
                }
            }
        }
        let rows = |side: &Vec<EntryBlock>| side.iter().map(EntryBlock::len).sum::<usize>();
        pool.largest_side_rows = pool.left.iter().chain(&pool.right).map(rows).max().unwrap_or(0);
        pool
    }

    /// Forgets where rows of a key lie, but for those that may be chosen to stand for all: rows have met, and are looked up by
    /// their places from here on.
    pub fn forget_index(&mut self) {
        for blocks in self.left.iter_mut().chain(&mut self.right) {
            let bits = choosable_bits(blocks.iter().map(EntryBlock::len).sum());
            for block in blocks {
                block.forget_index(bits);
            }
        }
    }

    /// Forgets what no file of a close shows: of the other side ids are kept, but for entries by their batch, and where a
    /// row lies in its file is forgotten.
    pub fn keep_what_is_shown(&mut self, settings: &Settings) {
        self.places = Vec::new();
        let of_leg = |(leg, blocks): (&Leg, &mut Vec<EntryBlock>)| match leg.kind {
            LegKind::ChannelBank => Vec::new(),
            LegKind::PlatformBank | LegKind::PlatformChannel => {
                let blocks = std::mem::take(blocks).into_par_iter();
                blocks.map(EntryBlock::into_ids).collect()
            }
        };
        self.right_ids = settings.legs.iter().zip(&mut self.right).map(of_leg).collect();
    }

    /// See [`part_bits`].
    pub fn part_bits(&self) -> u32 {
        part_bits(self.largest_side_rows)
    }

    /// Where a row of a block comes from.
    pub fn origin(&self, block: usize, ordinal: u32) -> Origin {
        let place = self.places[block]
            .get(ordinal)
            .unwrap_or(Place { line: 0, offset: 0 });
        if self.file[block] == FORWARD_FILE {
            Origin::Forward((place.line - 1) as usize)
        } else {
            Origin::Today(self.file[block], place, Some((block, ordinal)))
        }
    }

    /// What it holds of a row of a leg between platform and bank. `None` for rows that take no part in it: their
    /// reference is not kept.
    pub fn held(&self, bank_leg: usize, (block, ordinal): (usize, u32)) -> Option<Held> {
        let mut sides = [&self.left, &self.right].into_iter();
        let (entries, position) = sides.find_map(|side| {
            let entries = &side[bank_leg][block];
            Some((entries, entries.position_of(ordinal)?))
        })?;
        let record = entries.record(position);
        record.meta().has_leg().then(|| Held {
            id: record.id().to_vec(),
            // The leg's key is the reference itself.
            bank_ref: record.key().to_vec(),
            amount_minor: record.amount_minor(),
        })
    }

    /// Where the row of a side comes from.
    pub fn origin_of(&self, side: &[EntryBlock], row: RowRef) -> Origin {
        self.origin(row.block(), side[row.block()].ordinal(row.position()))
    }
}
