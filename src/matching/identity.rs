//! Rows meet by id (R19, R20, R42): the order of ids, and the rows that share one.
//!
//! Platform logs and statements come nearly in the order of their ids. A block knows which of its rows came behind a
//! higher id ([`EntryBlock::late`]); the others are in order. The blocks are laid one after the other by their first
//! id: what lies behind an earlier block is late too. Rows in order have ids of their own without a look at any other;
//! only late ones are sorted and looked up. A file in no order at all makes every row late, which is a plain sort:
//! slower, never wrong.

use rayon::prelude::*;

use crate::entries::block::{EntryBlock, RowRef};

/// Rows of one side in the order of their ids.
#[derive(Clone, Debug, Default)]
pub struct IdOrder {
    /// Every row, by (id, row).
    pub rows: Vec<RowRef>,
    /// Rows that share their id, a run an id, each run by row.
    pub shared: Vec<Vec<RowRef>>,
}

/// Orders the rows of a side by id.
pub fn order_by_id(blocks: &[EntryBlock]) -> IdOrder {
    let split = Split::new(blocks);
    let mut rows: Vec<RowRef> = Vec::with_capacity(blocks.iter().map(EntryBlock::len).sum());
    let mut late = split.late.iter().copied().peekable();
    for part in &split.parts {
        let (block, mut from) = (&blocks[part.number], part.skip);
        let arrival = in_order(block);
        while let Some(row) = late.peek().copied() {
            let upto = from + arrival[from..].partition_point(|p| split.is_before(part.number, *p, row));
            if upto == arrival.len() {
                break;
            }
            rows.extend(
                arrival[from..upto]
                    .iter()
                    .map(|p| RowRef::new(part.number, *p as usize)),
            );
            rows.push(row);
            late.next();
            from = upto;
        }
        rows.extend(
            arrival[from..]
                .iter()
                .map(|p| RowRef::new(part.number, *p as usize)),
        );
    }
    rows.extend(late);
    IdOrder {
        rows,
        shared: split.shared(),
    }
}

/// Rows of a side that share an id, without ordering the others.
pub fn shared_ids(blocks: &[EntryBlock]) -> Vec<Vec<RowRef>> {
    Split::new(blocks).shared()
}

/// Positions of a block's rows in order, ids ascending.
fn in_order(block: &EntryBlock) -> Vec<u32> {
    let mut late = block.late().iter().copied().peekable();
    let mut positions = Vec::with_capacity(block.len() - block.late().len());
    for (at, position) in (0u32..).zip(block.arrival()) {
        if late.next_if_eq(&at).is_none() {
            positions.push(*position);
        }
    }
    positions
}

/// A block's rows in order, less those that lie behind an earlier block.
struct Part {
    number: usize,
    skip: usize,
}

/// The rows of a side, split into those in order and those late.
struct Split<'a> {
    blocks: &'a [EntryBlock],
    /// By first id; the rows in order of all parts, one part after the other, have strictly ascending ids.
    parts: Vec<Part>,
    /// By (id, row).
    late: Vec<RowRef>,
}

impl<'a> Split<'a> {
    fn new(blocks: &'a [EntryBlock]) -> Split<'a> {
        let id = |row: RowRef| blocks[row.block()].id(row.position());
        let first = |number: usize| blocks[number].id(blocks[number].arrival()[0] as usize);
        let mut numbers: Vec<usize> = (0..blocks.len())
            .filter(|number| !blocks[*number].is_empty())
            .collect();
        numbers.sort_by(|a, b| first(*a).cmp(first(*b)).then_with(|| a.cmp(b)));
        let mut parts = Vec::with_capacity(numbers.len());
        let mut late: Vec<RowRef> = Vec::new();
        let mut highest: Option<&[u8]> = None;
        for number in numbers {
            let block = &blocks[number];
            let row = |at: &u32| RowRef::new(number, block.arrival()[*at as usize] as usize);
            late.extend(block.late().iter().map(row));
            let mut skip = 0;
            if highest.is_some_and(|highest| first(number) <= highest) {
                let positions = in_order(block);
                skip = positions
                    .partition_point(|p| highest.is_some_and(|highest| block.id(*p as usize) <= highest));
                late.extend(positions[..skip].iter().map(|p| RowRef::new(number, *p as usize)));
            }
            if let Some(last) = last_in_order(block)
                && highest.is_none_or(|highest| block.id(last) > highest)
            {
                highest = Some(block.id(last));
                parts.push(Part { number, skip });
            }
        }
        late.par_sort_unstable_by(|a, b| id(*a).cmp(id(*b)).then_with(|| a.cmp(b)));
        Split { blocks, parts, late }
    }

    fn id(&self, row: RowRef) -> &'a [u8] {
        self.blocks[row.block()].id(row.position())
    }

    /// True when the row in order at `position` of a block stands before a late row, by (id, row).
    fn is_before(&self, number: usize, position: u32, late: RowRef) -> bool {
        let row = RowRef::new(number, position as usize);
        self.id(row)
            .cmp(self.id(late))
            .then_with(|| row.cmp(&late))
            .is_lt()
    }

    /// Only a late row can share its id: with other late rows, and with at most one row in order.
    fn shared(&self) -> Vec<Vec<RowRef>> {
        let mut shared = Vec::new();
        let mut positions: Option<(usize, Vec<u32>)> = None;
        for run in self.late.chunk_by(|a, b| self.id(*a) == self.id(*b)) {
            let wanted = self.id(run[0]);
            let part = self.parts.partition_point(|part| {
                last_in_order(&self.blocks[part.number])
                    .is_some_and(|p| self.blocks[part.number].id(p) < wanted)
            });
            let mut rows = run.to_vec();
            if let Some(part) = self.parts.get(part) {
                let block = &self.blocks[part.number];
                // Late rows come by id, so a block's order is laid out once.
                if positions
                    .as_ref()
                    .is_none_or(|(number, _)| *number != part.number)
                {
                    positions = Some((part.number, in_order(block)));
                }
                if let Some((_, positions)) = &positions {
                    let at = positions.partition_point(|p| block.id(*p as usize) < wanted);
                    let found = positions
                        .get(at)
                        .filter(|p| at >= part.skip && block.id(**p as usize) == wanted);
                    rows.extend(found.map(|p| RowRef::new(part.number, *p as usize)));
                }
            }
            if rows.len() > 1 {
                rows.sort_unstable();
                shared.push(rows);
            }
        }
        shared
    }
}

/// Position of a block's row with the highest id.
fn last_in_order(block: &EntryBlock) -> Option<usize> {
    let mut late = block.late().iter().rev().copied().peekable();
    let last = (0..block.len() as u32)
        .rev()
        .find(|at| late.next_if_eq(at).is_none())?;
    Some(block.arrival()[last as usize] as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::block::BlockBuilder;
    use crate::entries::meta::Meta;
    use crate::terms::currency::Currency;
    use crate::terms::kinds::Direction;
    use proptest::prelude::*;

    fn blocks(ids: &[Vec<u16>]) -> Vec<EntryBlock> {
        let meta = Meta::bank(Direction::Credit, Currency::parse(b"CNY").unwrap());
        let build = |ids: &Vec<u16>| {
            let mut builder = BlockBuilder::default();
            for (ordinal, id) in (0u32..).zip(ids) {
                builder.push(
                    format!("K{ordinal}").as_bytes(),
                    format!("{id:05}").as_bytes(),
                    1,
                    meta,
                    0,
                    ordinal,
                );
            }
            builder.finish()
        };
        ids.iter().map(build).collect()
    }

    proptest! {
        #[test]
        fn the_order_is_that_of_a_plain_sort(ids in prop::collection::vec(prop::collection::vec(0u16..300, 0..60), 0..6), sorted in any::<bool>()) {
            let mut ids = ids;
            if sorted {
                ids.iter_mut().for_each(|block| block.sort_unstable());
            }
            let blocks = blocks(&ids);
            let order = order_by_id(&blocks);
            let id = |row: &RowRef| blocks[row.block()].id(row.position()).to_vec();
            let mut expected: Vec<(Vec<u8>, RowRef)> = order.rows.iter().map(|row| (id(row), *row)).collect();
            expected.sort();
            prop_assert_eq!(expected.iter().map(|e| e.1).collect::<Vec<_>>(), order.rows.clone());
            prop_assert_eq!(order.rows.len(), ids.iter().map(Vec::len).sum::<usize>());
            let runs = expected.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1);
            let shared: Vec<Vec<RowRef>> = runs.map(|run| run.iter().map(|e| e.1).collect()).collect();
            prop_assert_eq!(&shared, &order.shared);
            prop_assert_eq!(shared, shared_ids(&blocks));
        }
    }
}
