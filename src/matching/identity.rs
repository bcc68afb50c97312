//! Rows meet by id (R19, R20, R42): the order of ids, and the rows that share one.
//!
//! Platform logs and statements come nearly in the order of their ids. So the blocks are laid one after the other
//! by their first id and walked once: a row whose id is above all before it is in order, the others are late. Rows
//! in order have ids of their own without a look at any other; only the late ones are sorted and looked up. A file
//! in no order at all makes every row late, which is a plain sort: slower, never wrong.

use rayon::prelude::*;

use crate::entries::block::{EntryBlock, RowRef};

/// Rows of one side in the order of their ids, and those that share an id.
#[derive(Clone, Debug, Default)]
pub struct IdOrder {
    /// Every row, by (id, row).
    pub rows: Vec<RowRef>,
    /// Runs of `rows` with one id: start and end.
    pub shared: Vec<(usize, usize)>,
}

/// Orders the rows of a side by id.
pub fn order_by_id(blocks: &[EntryBlock]) -> IdOrder {
    let mut parts: Vec<Part> = blocks
        .par_iter()
        .enumerate()
        .filter(|(_, block)| !block.is_empty())
        .map(|(number, block)| Part::walk(number, block))
        .collect();
    let id = |row: RowRef| blocks[row.block()].id(row.position());
    parts.sort_by(|a, b| {
        id(a.ascending[0])
            .cmp(id(b.ascending[0]))
            .then_with(|| a.ascending[0].cmp(&b.ascending[0]))
    });
    let total = blocks.iter().map(EntryBlock::len).sum();
    let mut ascending: Vec<RowRef> = Vec::with_capacity(total);
    let mut late: Vec<RowRef> = Vec::new();
    for part in parts {
        let behind = match ascending.last() {
            None => 0,
            Some(last) => part.ascending.partition_point(|row| id(*row) <= id(*last)),
        };
        late.extend_from_slice(&part.ascending[..behind]);
        ascending.extend_from_slice(&part.ascending[behind..]);
        late.extend(part.late);
    }
    late.par_sort_unstable_by(|a, b| id(*a).cmp(id(*b)).then_with(|| a.cmp(b)));
    merge(&ascending, &late, &id)
}

/// The rows of one block in the order of the file, split into those in order and those late.
struct Part {
    ascending: Vec<RowRef>,
    late: Vec<RowRef>,
}

impl Part {
    fn walk(number: usize, block: &EntryBlock) -> Part {
        let mut positions: Vec<u32> = (0..block.len() as u32).collect();
        positions.sort_unstable_by_key(|position| block.ordinal(*position as usize));
        let mut part = Part {
            ascending: Vec::with_capacity(positions.len()),
            late: Vec::new(),
        };
        let mut highest: Option<&[u8]> = None;
        for position in positions {
            let row = RowRef::new(number, position as usize);
            let id = block.id(position as usize);
            if highest.is_none_or(|highest| id > highest) {
                highest = Some(id);
                part.ascending.push(row);
            } else {
                part.late.push(row);
            }
        }
        part
    }
}

/// Merges the late rows in. Each takes one binary search from where the one before it ended.
fn merge<'a>(ascending: &[RowRef], late: &[RowRef], id: &impl Fn(RowRef) -> &'a [u8]) -> IdOrder {
    let mut order = IdOrder {
        rows: Vec::with_capacity(ascending.len() + late.len()),
        shared: Vec::new(),
    };
    let mut from = 0;
    for row in late {
        let wanted = id(*row);
        let upto = from
            + ascending[from..].partition_point(|other| {
                let known = id(*other);
                known < wanted || (known == wanted && other < row)
            });
        order.rows.extend_from_slice(&ascending[from..upto]);
        order.rows.push(*row);
        from = upto;
    }
    order.rows.extend_from_slice(&ascending[from..]);
    if late.is_empty() {
        return order;
    }
    // Only a late row can share its id, so the search for equal neighbours begins at late rows.
    let mut at = 0;
    while at + 1 < order.rows.len() {
        if id(order.rows[at]) != id(order.rows[at + 1]) {
            at += 1;
            continue;
        }
        let start = at;
        while at + 1 < order.rows.len() && id(order.rows[at]) == id(order.rows[at + 1]) {
            at += 1;
        }
        at += 1;
        order.shared.push((start, at));
    }
    order
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
            let mut shared = vec![];
            let mut at = 0;
            while at < expected.len() {
                let end = expected[at..].iter().position(|e| e.0 != expected[at].0).map_or(expected.len(), |n| at + n);
                if end - at > 1 { shared.push((at, end)); }
                at = end;
            }
            prop_assert_eq!(shared, order.shared);
        }
    }
}
