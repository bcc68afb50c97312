//! Rows meet by id (R19, R20, R42): the order of ids, and the rows that share one.
//!
//! Platform logs and statements come nearly in the order of their ids. A block knows which of its rows came behind a
//! higher id ([`EntryBlock::late`]); the others are in order. The blocks are laid one after the other by their first
//! id: what lies behind an earlier block is late too. Rows in order have ids of their own without a look at any other;
//! only late ones are sorted and looked up. A file in no order at all makes every row late, which is a plain sort:
//! slower, never wrong.

use rayon::prelude::*;

use crate::entries::block::{EntryBlock, RowRef};
use crate::entries::bytes::Id;

/// Rows of one side in the order of their ids.
#[derive(Clone, Debug, Default)]
pub struct IdOrder {
    /// Every row, by (id, row): stretches of neighbours in a block, one stretch after the other. A log in the order
    /// of its ids is one stretch a block.
    runs: Vec<Run>,
    /// Rows that share their id, a run an id, each run by row.
    pub shared: Vec<Vec<RowRef>>,
}

#[derive(Clone, Copy, Debug)]
struct Run {
    first: RowRef,
    rows: u32,
}

impl Run {
    fn row(self, at: usize) -> RowRef {
        RowRef(self.first.0 + at as u32)
    }
}

impl IdOrder {
    /// Rows that share an id, without the order of the others.
    pub fn of_shared(shared: Vec<Vec<RowRef>>) -> IdOrder {
        IdOrder {
            runs: Vec::new(),
            shared,
        }
    }

    fn push_row(&mut self, row: RowRef) {
        self.push(Run { first: row, rows: 1 });
    }

    fn push(&mut self, next: Run) {
        match self.runs.last_mut() {
            Some(run)
                if run.row(run.rows as usize) == next.first && run.first.block() == next.first.block() =>
            {
                run.rows += next.rows
            }
            _ => self.runs.push(next),
        }
    }

    /// Every row, by (id, row).
    pub fn rows(&self) -> impl Iterator<Item = RowRef> + '_ {
        self.runs
            .iter()
            .flat_map(|run| (0..run.rows as usize).map(|at| run.row(at)))
    }

    /// The same in stretches of neighbouring rows: the first of each, and their number.
    pub fn runs(&self) -> impl Iterator<Item = (RowRef, usize)> + '_ {
        self.runs.iter().map(|run| (run.first, run.rows as usize))
    }

    /// The rows that have an id.
    pub fn rows_of<'a>(&'a self, blocks: &'a [EntryBlock], id: Id<'a>) -> impl Iterator<Item = RowRef> + 'a {
        let id_of = |row: RowRef| blocks[row.block()].id(row.position());
        let ends_before = |run: &Run| id_of(run.row(run.rows as usize - 1)) < id;
        let first = self.runs.partition_point(ends_before);
        self.runs[first..]
            .iter()
            .flat_map(|run| (0..run.rows as usize).map(|at| run.row(at)))
            .skip(self.runs.get(first).map_or(0, |run| {
                let (mut low, mut high) = (0, run.rows as usize);
                while low < high {
                    let middle = low.midpoint(high);
                    if id_of(run.row(middle)) < id {
                        low = middle + 1;
                    } else {
                        high = middle;
                    }
                }
                low
            }))
            .take_while(move |row| id_of(*row) == id)
    }
}

/// Orders the rows of a side by id.
pub fn order_by_id(blocks: &[EntryBlock]) -> IdOrder {
    let split = Split::new(blocks);
    let (stretches, behind) = split.stretches();
    let ordered: Vec<IdOrder> = stretches
        .into_par_iter()
        .map(|stretch| split.order(stretch))
        .collect();
    let mut whole = IdOrder::default();
    for part in ordered {
        part.runs.into_iter().for_each(|run| whole.push(run));
        whole.shared.extend(part.shared);
    }
    behind.iter().for_each(|row| whole.push_row(*row));
    whole.shared.extend(split.shared(behind, None));
    whole
}

/// Rows of a side that share an id, without ordering the others.
pub fn shared_ids(blocks: &[EntryBlock]) -> Vec<Vec<RowRef>> {
    let split = Split::new(blocks);
    let (stretches, behind) = split.stretches();
    let shared = stretches.into_par_iter().map(|stretch| match stretch.late {
        [] => Vec::new(),
        late => split.shared(
            late,
            Some((stretch.part, &InOrder::of(&blocks[stretch.part.number]))),
        ),
    });
    let shared: Vec<Vec<Vec<RowRef>>> = shared.collect();
    let behind = split.shared(behind, None);
    shared.into_iter().flatten().chain(behind).collect()
}

/// Positions of a block's rows in order, ids ascending.
enum InOrder {
    All(usize),
    Listed(Vec<u32>),
}

impl InOrder {
    fn of(block: &EntryBlock) -> InOrder {
        if block.late().is_empty() {
            return InOrder::All(block.len());
        }
        let mut late = block.late().iter().copied().peekable();
        let rows = (0..block.len() as u32).filter(|position| late.next_if_eq(position).is_none());
        InOrder::Listed(rows.collect())
    }

    fn len(&self) -> usize {
        match self {
            InOrder::All(rows) => *rows,
            InOrder::Listed(positions) => positions.len(),
        }
    }

    fn position(&self, at: usize) -> usize {
        match self {
            InOrder::All(_) => at,
            InOrder::Listed(positions) => positions[at] as usize,
        }
    }

    /// How many rows from `from` on, all of them at the front, satisfy `before`.
    fn partition_point(&self, from: usize, before: impl Fn(usize) -> bool) -> usize {
        let (mut low, mut high) = (from, self.len());
        while low < high {
            let middle = low.midpoint(high);
            if before(self.position(middle)) {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        low - from
    }
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
        let first = |number: usize| blocks[number].id(0);
        let mut numbers: Vec<usize> = (0..blocks.len())
            .filter(|number| !blocks[*number].is_empty())
            .collect();
        numbers.sort_by(|a, b| first(*a).cmp(&first(*b)).then_with(|| a.cmp(b)));
        let mut parts = Vec::with_capacity(numbers.len());
        let mut late: Vec<RowRef> = Vec::new();
        let mut highest: Option<Id<'_>> = None;
        for number in numbers {
            let block = &blocks[number];
            late.extend(block.late().iter().map(|p| RowRef::new(number, *p as usize)));
            let mut skip = 0;
            if let Some(highest) = highest.filter(|highest| first(number) <= *highest) {
                let in_order = InOrder::of(block);
                skip = in_order.partition_point(0, |position| block.id(position) <= highest);
                late.extend((0..skip).map(|at| RowRef::new(number, in_order.position(at))));
            }
            let last = block.id(block.highest());
            if highest.is_none_or(|highest| last > highest) {
                highest = Some(last);
                parts.push(Part { number, skip });
            }
        }
        late.par_sort_unstable_by(|a, b| id(*a).cmp(&id(*b)).then_with(|| a.cmp(b)));
        Split { blocks, parts, late }
    }

    fn id(&self, row: RowRef) -> Id<'a> {
        self.blocks[row.block()].id(row.position())
    }

    /// True when the row in order at `position` of a block stands before a late row, by (id, row).
    fn is_before(&self, number: usize, position: usize, late: RowRef) -> bool {
        let row = RowRef::new(number, position);
        self.id(row)
            .cmp(&self.id(late))
            .then_with(|| row.cmp(&late))
            .is_lt()
    }

    /// The parts, each with the late rows whose ids are not above its highest, and not below that of the part before; then the
    /// late rows behind all parts.
    fn stretches(&self) -> (Vec<Stretch<'_>>, &[RowRef]) {
        let mut late = &self.late[..];
        let stretches = self.parts.iter().map(|part| {
            let block = &self.blocks[part.number];
            let highest = block.id(block.highest());
            let (mine, behind) = late.split_at(late.partition_point(|row| self.id(*row) <= highest));
            late = behind;
            Stretch { part, late: mine }
        });
        (stretches.collect(), late)
    }

    /// The order of the rows of one stretch.
    fn order(&self, Stretch { part, late }: Stretch<'_>) -> IdOrder {
        let in_order = InOrder::of(&self.blocks[part.number]);
        let mut order = IdOrder::of_shared(self.shared(late, Some((part, &in_order))));
        let mut from = part.skip;
        for row in late {
            let upto = from + in_order.partition_point(from, |p| self.is_before(part.number, p, *row));
            (from..upto).for_each(|at| order.push_row(RowRef::new(part.number, in_order.position(at))));
            order.push_row(*row);
            from = upto;
        }
        (from..in_order.len()).for_each(|at| order.push_row(RowRef::new(part.number, in_order.position(at))));
        order
    }

    /// Only a late row can share its id: with other late rows, and with at most one row in order, of the part that its id
    /// falls into.
    fn shared(&self, late: &[RowRef], part: Option<(&Part, &InOrder)>) -> Vec<Vec<RowRef>> {
        let mut shared = Vec::new();
        for run in late.chunk_by(|a, b| self.id(*a) == self.id(*b)) {
            let wanted = self.id(run[0]);
            let row_in_order = part.and_then(|(part, in_order)| {
                let block = &self.blocks[part.number];
                let at = in_order.partition_point(0, |position| block.id(position) < wanted);
                let is_its =
                    at >= part.skip && at < in_order.len() && block.id(in_order.position(at)) == wanted;
                is_its.then(|| RowRef::new(part.number, in_order.position(at)))
            });
            if run.len() > 1 || row_in_order.is_some() {
                let mut rows: Vec<RowRef> = run.iter().copied().chain(row_in_order).collect();
                rows.sort_unstable();
                shared.push(rows);
            }
        }
        shared
    }
}

/// A part, and the late rows that fall into it, by (id, row).
#[derive(Clone, Copy)]
struct Stretch<'a> {
    part: &'a Part,
    late: &'a [RowRef],
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::entries::block::BlockBuilder;
    use crate::entries::meta::Meta;
    use crate::terms::currency::Currency;
    use crate::terms::kinds::Direction;
    use proptest::prelude::*;

    /// Lengths on both sides of every way in which ids are compared.
    const LENGTHS: [usize; 6] = [5, 15, 16, 20, 32, 33];

    fn text(id: u16, length: Option<usize>) -> String {
        let length = length.unwrap_or(LENGTHS[usize::from(id) % LENGTHS.len()]);
        format!("{id:0>length$}")
    }

    fn blocks(ids: &[Vec<u16>], length: Option<usize>) -> Vec<EntryBlock> {
        let meta = Meta::bank(Direction::Credit, Currency::parse(b"CNY").unwrap());
        let build = |ids: &Vec<u16>| {
            let mut builder = BlockBuilder::default();
            for (ordinal, id) in (0u32..).zip(ids) {
                builder.push(
                    format!("K{ordinal}").as_bytes(),
                    text(*id, length).as_bytes(),
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
        fn the_order_is_that_of_a_plain_sort(ids in prop::collection::vec(prop::collection::vec(0u16..300, 0..60), 0..6), sorted in any::<bool>(), length in prop::option::of(prop::sample::select(&LENGTHS[..]))) {
            let mut ids = ids;
            if sorted {
                ids.iter_mut().for_each(|block| block.sort_unstable());
            }
            let blocks = blocks(&ids, length);
            for (block, ids) in blocks.iter().zip(&ids) {
                for (position, id) in ids.iter().enumerate() {
                    prop_assert_eq!(block.id(position).to_text(), text(*id, length));
                }
            }
            let order = order_by_id(&blocks);
            let id = |row: &RowRef| blocks[row.block()].id(row.position()).to_vec();
            let mut expected: Vec<(Vec<u8>, RowRef)> = order.rows().map(|row| (id(&row), row)).collect();
            expected.sort();
            prop_assert_eq!(expected.iter().map(|e| e.1).collect::<Vec<_>>(), order.rows().collect::<Vec<_>>());
            prop_assert_eq!(order.rows().count(), ids.iter().map(Vec::len).sum::<usize>());
            let runs = expected.chunk_by(|a, b| a.0 == b.0).filter(|run| run.len() > 1);
            let shared: Vec<Vec<RowRef>> = runs.map(|run| run.iter().map(|e| e.1).collect()).collect();
            prop_assert_eq!(&shared, &order.shared);
            prop_assert_eq!(shared, shared_ids(&blocks));
            for wanted in 0..300u16 {
                let wanted = format!("{wanted:05}").into_bytes();
                let rows: Vec<RowRef> = expected.iter().filter(|e| e.0 == wanted).map(|e| e.1).collect();
                prop_assert_eq!(order.rows_of(&blocks, wanted.as_slice().into()).collect::<Vec<_>>(), rows);
            }
        }
    }
}
