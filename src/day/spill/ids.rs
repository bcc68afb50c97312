//! Rows that share an id, of a side that lies aside (R19, R20).
//!
//! Logs come nearly in the order of their ids. Where the blocks of a side follow one another by id, but for rows that
//! come late, only such a row can share its id, and the late ones' hashes were noted while they passed: one look at the
//! ids of the side finds their namesakes. Else all hashes are laid side by side, as many at a time as memory takes.

use rayon::prelude::*;
use rustc_hash::FxHashSet;

use crate::day::spill::aside::{LegSide, Outline, Spill};
use crate::day::spill::range::{Numbers, each_entry};
use crate::entries::block::{EntryBlock, RowRef};
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

    /// Hashes of all late ids, where the others ascend from block to block: no two of those are one. `None` where they
    /// do not, or so many are late that it does not help.
    ///
    /// A late row may be the first of its block, which does not know: it is late where only the next one follows on the
    /// block before. All ids that are not told are then above every id before them that is not.
    fn late(&self) -> Option<FxHashSet<u64>> {
        let mut outlines: Vec<&Outline> = self.outlines.iter().copied().filter(|o| o.rows > 0).collect();
        outlines.sort_by_key(|outline| outline.second.as_ref().unwrap_or(&outline.first));
        let mut late: FxHashSet<u64> = FxHashSet::default();
        let mut highest: Option<&[u8]> = None;
        for outline in outlines {
            let follows = |id: &[u8]| highest.is_none_or(|highest| highest < id);
            if !follows(&outline.first) {
                if outline.second.as_ref().is_some_and(|second| !follows(second)) {
                    return None;
                }
                late.insert(key_hash(&outline.first));
            }
            late.extend(&outline.late);
            if follows(&outline.highest) {
                highest = Some(&outline.highest);
            }
        }
        for block in self.forward {
            late.extend((0..block.len()).map(|position| block.id(position).key_hash()));
        }
        // Hashes of late rows were kept one by one: where they are many, room for all is not much more.
        (late.len() <= self.rows() / 4).then_some(late)
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
    if let Some(late) = of_side.late() {
        if late.is_empty() {
            return Ok(Vec::new());
        }
        return groups(spill, side, of_side, numbers, &|hash| late.contains(&hash));
    }
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
            each_entry(
                (spill, side),
                *range,
                numbers,
                &mut |(number, ordinal), record, _| {
                    let hash = record.id().key_hash();
                    if takes(hash) {
                        found.push((hash, RowRef::new(number, ordinal as usize)));
                    }
                },
            )?;
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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::entries::block::BlockBuilder;
    use crate::entries::meta::Meta;
    use crate::terms::currency::Currency;
    use crate::terms::kinds::Direction;

    fn block(ids: &[u32]) -> EntryBlock {
        let meta = Meta::bank(Direction::Debit, Currency::parse(b"CNY").unwrap());
        let mut builder = BlockBuilder::default();
        for (ordinal, id) in (0u32..).zip(ids) {
            builder.push(b"KEY", format!("T{id:04}").as_bytes(), 1, meta, 0, ordinal);
        }
        builder.finish()
    }

    /// Whether late ids were told, after looking that every id that stands twice is among them.
    fn check(blocks: &[Vec<u32>]) -> bool {
        let mut times: BTreeMap<u32, usize> = BTreeMap::new();
        blocks
            .iter()
            .flatten()
            .for_each(|id| *times.entry(*id).or_default() += 1);
        let outlines: Vec<Outline> = blocks.iter().map(|ids| Outline::of(&block(ids))).collect();
        let side = SideOutlines {
            forward: &[],
            outlines: outlines.iter().collect(),
        };
        let Some(late) = side.late() else {
            return false;
        };
        for (id, _) in times.iter().filter(|(_, times)| **times > 1) {
            assert!(
                late.contains(&key_hash(format!("T{id:04}").as_bytes())),
                "{id} of {blocks:?}"
            );
        }
        true
    }

    #[test]
    fn a_late_row_may_begin_a_block() {
        let ascending: Vec<u32> = (10..30).collect();
        assert!(check(&[ascending.clone(), (30..50).collect()]));
        assert!(check(&[
            ascending.clone(),
            [vec![3], (30..50).collect()].concat()
        ]));
        assert!(check(&[
            ascending.clone(),
            [vec![29, 12], (30..50).collect()].concat(),
            (50..60).collect()
        ]));
        assert!(check(&[(30..50).collect(), ascending.clone(), vec![12]]));
        assert!(
            !check(&[ascending.clone(), (20..50).collect()]),
            "they do not follow"
        );
        assert!(
            !check(&[ascending, vec![12, 13, 14, 30, 31]]),
            "not one late row, but a row of them"
        );
    }

    proptest! {
        #[test]
        fn what_stands_twice_is_late(
            mut ids in vec(0u32..60, 0..60),
            late in vec((0usize..60, 0u32..60), 0..4),
            cuts in vec(0usize..60, 0..6),
            turned in 0usize..6,
        ) {
            ids.sort_unstable();
            ids.dedup();
            for (at, id) in late {
                ids.insert(at.min(ids.len()), id);
            }
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(ids.len())).collect();
            cuts.extend([0, ids.len()]);
            cuts.sort_unstable();
            let mut blocks: Vec<Vec<u32>> = cuts.windows(2).map(|cut| ids[cut[0]..cut[1]].to_vec()).collect();
            let turned = turned.min(blocks.len());
            blocks.rotate_left(turned);
            check(&blocks);
        }
    }
}
