//! Rows that share an id, of a side that lies aside (R19, R20).
//!
//! Logs come nearly in the order of their ids. Where the blocks of a side follow one another by id, only a row that came
//! late can share its id, and the late ones' hashes were noted while they passed: one look at the ids of the side finds
//! their namesakes. Else all hashes are laid side by side, as many at a time as memory takes.

use rayon::prelude::*;
use rustc_hash::FxHashSet;

use crate::day::spill::aside::{LegSide, Outline, Spill};
use crate::day::spill::range::Numbers;
use crate::entries::block::{EntryBlock, RowRef};
use crate::entries::spill::{Piece, ReturnedIds};
use crate::findings::Stop;
use crate::terms::digest::key_hash;

/// One side of a leg: the blocks brought forward, in memory, and the outlines of the others.
pub struct SideOutlines<'a> {
    /// Blocks brought forward, by number.
    pub forward: &'a [EntryBlock],
    /// The others.
    pub outlines: Vec<&'a Outline>,
}

impl SideOutlines<'_> {
    /// Rows of the side.
    pub fn rows(&self) -> usize {
        let forward: usize = self.forward.iter().map(EntryBlock::len).sum();
        forward + self.outlines.iter().map(|outline| outline.rows).sum::<usize>()
    }

    /// True when the blocks, laid by their first ids, follow one another.
    fn follow(&self) -> bool {
        let mut outlines: Vec<&&Outline> = self.outlines.iter().filter(|outline| outline.rows > 0).collect();
        outlines.sort_by(|a, b| a.first.cmp(&b.first));
        outlines.is_sorted_by(|a, b| a.highest < b.first)
    }
}

/// Bytes that a row takes while the hashes of all rows are laid side by side.
const HASHED_ROW_BYTES: u64 = 16;

/// Groups of rows whose ids have one hash: rows of one id are in one group. Each group is in the order of rows.
///
/// # Errors
/// What reading back reports.
pub fn shared(
    spill: &Spill,
    side: LegSide,
    of_side: &SideOutlines<'_>,
    numbers: &Numbers,
) -> Result<Vec<Vec<RowRef>>, Stop> {
    let rows = of_side.rows() as u64;
    let mut late: FxHashSet<u64> = FxHashSet::default();
    for outline in &of_side.outlines {
        late.extend(&outline.late);
    }
    for block in of_side.forward {
        late.extend((0..block.len()).map(|position| block.id(position).key_hash()));
    }
    // Hashes of late rows were kept one by one: where they are many, room for all is not much more.
    let is_ordered = of_side.follow() && late.len() as u64 <= rows / 4;
    if is_ordered {
        if late.is_empty() {
            return Ok(Vec::new());
        }
        return groups(spill, side, of_side, numbers, &|hash| late.contains(&hash));
    }
    drop(late);
    let share = (spill.bound_bytes() / 4).max(1);
    let passes = (rows * HASHED_ROW_BYTES)
        .div_ceil(share)
        .max(1)
        .next_power_of_two();
    let bits = passes.trailing_zeros();
    let mut all = Vec::new();
    for pass in 0..passes {
        let mine = |hash: u64| hash.checked_shr(64 - bits).unwrap_or(0) == pass;
        all.extend(groups(spill, side, of_side, numbers, &mine)?);
    }
    Ok(all)
}

fn groups(
    spill: &Spill,
    side: LegSide,
    of_side: &SideOutlines<'_>,
    numbers: &Numbers,
    takes: &(dyn Fn(u64) -> bool + Sync),
) -> Result<Vec<Vec<RowRef>>, Stop> {
    let ranges: Vec<usize> = (0..1usize << spill.range_bits()).collect();
    let found = ranges
        .par_iter()
        .map(|range| {
            let mut found = Vec::new();
            for piece in spill.pieces(side, *range) {
                hashes(spill, piece, numbers, takes, &mut found)?;
            }
            Ok(found)
        })
        .collect::<Result<Vec<Vec<(u64, RowRef)>>, Stop>>()?;
    let mut found = found.concat();
    for (number, block) in of_side.forward.iter().enumerate() {
        for position in 0..block.len() {
            let hash = block.id(position).key_hash();
            if takes(hash) {
                found.push((hash, RowRef::new(number, position)));
            }
        }
    }
    found.par_sort_unstable();
    let groups = found.chunk_by(|a, b| a.0 == b.0).filter(|group| group.len() > 1);
    Ok(groups
        .map(|group| group.iter().map(|(_, row)| *row).collect())
        .collect())
}

fn hashes(
    spill: &Spill,
    piece: Piece,
    numbers: &Numbers,
    takes: &(dyn Fn(u64) -> bool + Sync),
    found: &mut Vec<(u64, RowRef)>,
) -> Result<(), Stop> {
    let rows = ReturnedIds::new(&spill.get(piece)?)?;
    for row in 0..rows.id.len() {
        let hash = key_hash(rows.id.value(row));
        if takes(hash) {
            let (block, ordinal) = rows.place(row);
            if let Some(number) = numbers.of(block) {
                found.push((hash, RowRef::new(number, ordinal as usize)));
            }
        }
    }
    Ok(())
}
