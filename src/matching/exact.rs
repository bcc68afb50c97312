//! The exact pass on one partition: entries meet by key.
//!
//! One small open-addressing table per partition maps a key to its group. Tags (32 bits of the hash) find the
//! candidate, the key's bytes decide. A group of one row on each side is classified at once.

use std::ops::Range;

use crate::entries::block::{EntryBlock, RowRef};
use crate::entries::meta::Meta;
use crate::matching::class::Class;
use crate::matching::group::{Break, Matches, Member, Rules, classify_pair, resolve};

/// A side of a partition: ranges of blocks, each with the block's number.
#[derive(Clone, Copy, Debug)]
pub struct Slice<'a> {
    /// The block.
    pub block: &'a EntryBlock,
    /// Its number on this side of the leg; part of every [`RowRef`].
    pub number: usize,
    /// First position and one past the last.
    pub start: usize,
    /// One past the last position.
    pub end: usize,
}

impl<'a> Slice<'a> {
    /// The slice of partition `partition` of `2^bits` of every block.
    pub fn partition(blocks: &'a [EntryBlock], partition: usize, bits: u32) -> Vec<Slice<'a>> {
        let slice = |(number, block): (usize, &'a EntryBlock)| {
            let Range { start, end } = block.partition(partition, bits);
            (start < end).then_some(Slice {
                block,
                number,
                start,
                end,
            })
        };
        blocks.iter().enumerate().filter_map(slice).collect()
    }
}

/// What the kernel needs to know beside the rows.
pub struct Context<'a> {
    /// Rules of the leg.
    pub rules: Rules,
    /// True for rows that take no part: refused by identity (R19, R20).
    pub left_excluded: &'a (dyn Fn(RowRef) -> bool + Sync),
    /// The same on the other side.
    pub right_excluded: &'a (dyn Fn(RowRef) -> bool + Sync),
    /// Whether the channel's fee on a row of the other side is the contracted one (R26).
    pub fee_agrees: &'a (dyn Fn(&EntryBlock, usize) -> bool + Sync),
}

const EMPTY: u32 = u32::MAX;

#[derive(Clone, Copy)]
struct Group {
    /// Last row of each side; the others are linked through `next`.
    left: u32,
    right: u32,
}

/// Matches one partition of a leg.
///
/// Rows without a key match nothing (R4): they break on their own, each by itself.
pub fn match_partition(left: &[Slice<'_>], right: &[Slice<'_>], context: &Context<'_>) -> Matches {
    let rows = |side: &[Slice<'_>]| side.iter().map(|s| s.end - s.start).sum::<usize>();
    let (lefts, rights) = (rows(left), rows(right));
    let mut table = Table::with_capacity(lefts + rights);
    let mut out = Matches {
        pairs: Vec::with_capacity(lefts.min(rights)),
        ..Matches::default()
    };
    let right_rows = table.insert_all(right, Side::Right, rights, context.right_excluded, &mut out);
    let left_rows = table.insert_all(left, Side::Left, lefts, context.left_excluded, &mut out);
    let member = |side: &[Slice<'_>], rows: &Rows, row: u32| -> (RowRef, usize, usize) {
        let (slice, position) = rows.place[row as usize];
        (
            RowRef::new(side[slice as usize].number, position as usize),
            slice as usize,
            position as usize,
        )
    };
    let mut left_members: Vec<Member<'_>> = Vec::new();
    let mut right_members: Vec<Member<'_>> = Vec::new();
    for group in &table.groups {
        left_members.clear();
        right_members.clear();
        let mut row = group.left;
        while row != EMPTY {
            let (reference, slice, position) = member(left, &left_rows, row);
            left_members.push(read(
                left[slice].block,
                reference,
                position,
                0,
                true,
                &context.rules,
            ));
            row = left_rows.next[row as usize];
        }
        let mut row = group.right;
        while row != EMPTY {
            let (reference, slice, position) = member(right, &right_rows, row);
            let block = right[slice].block;
            let agrees = (context.fee_agrees)(block, position);
            let account = if block.meta(position).txn_type().is_none() {
                block.owner(position)
            } else {
                0
            };
            right_members.push(read(block, reference, position, account, agrees, &context.rules));
            row = right_rows.next[row as usize];
        }
        match (left_members.as_slice(), right_members.as_slice()) {
            // The common case first: one SUCCESS row on each side that agrees.
            ([l], [r]) if classify_pair(l, r, &context.rules).is_none() => out.pairs.push((l.row, r.row)),
            ([], [r]) if r.meta.is_success() && !r.meta.was_duplicate() => out.breaks.push(Break {
                class: Class::MissingAtPlatform,
                left: RowRef::NONE,
                right: r.row,
                left_was_duplicate: false,
                right_was_duplicate: false,
            }),
            (l, r) => resolve(l, r, &context.rules, &mut out),
        }
    }
    out
}

fn read<'a>(
    block: &'a EntryBlock,
    row: RowRef,
    position: usize,
    account: u32,
    fee_agrees: bool,
    rules: &Rules,
) -> Member<'a> {
    Member {
        row,
        id: block.id(position),
        account,
        amount_minor: block.amount_minor(position),
        meta: block.meta(position),
        first_seen: block.first_seen(position, rules.business_date),
        fee_agrees,
    }
}

/// A row with an empty key: no counterpart is looked for (R4).
fn without_key(meta: Meta, row: RowRef, side: Side, out: &mut Matches) {
    if !meta.has_leg() {
        return;
    }
    let alone = Break {
        class: Class::MissingAtOther,
        left: row,
        right: RowRef::NONE,
        left_was_duplicate: meta.was_duplicate(),
        right_was_duplicate: false,
    };
    match (side, meta.is_success()) {
        (Side::Left, true) => out.breaks.push(alone),
        (Side::Left, false) => out.left_no_money.push(row),
        (Side::Right, true) => out.breaks.push(Break {
            class: Class::MissingAtPlatform,
            left: RowRef::NONE,
            right: row,
            left_was_duplicate: false,
            right_was_duplicate: meta.was_duplicate(),
        }),
        (Side::Right, false) => out.right_no_money.push(row),
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Left,
    Right,
}

/// The rows of one side: where each stands, and the next of its group.
struct Rows {
    place: Vec<(u32, u32)>,
    next: Vec<u32>,
}

struct Table<'a> {
    /// Group number + 1 by slot; 0 is free.
    slots: Vec<u32>,
    /// Tag of the group in the slot, beside it to spare a look at the group.
    tags: Vec<u32>,
    mask: usize,
    groups: Vec<Group>,
    keys: Vec<&'a [u8]>,
}

impl<'a> Table<'a> {
    fn with_capacity(rows: usize) -> Table<'a> {
        let slots = (rows * 2).next_power_of_two().max(16);
        Table {
            slots: vec![0; slots],
            tags: vec![0; slots],
            mask: slots - 1,
            groups: Vec::with_capacity(rows / 2 + 1),
            keys: Vec::with_capacity(rows / 2 + 1),
        }
    }

    fn insert_all(
        &mut self,
        slices: &[Slice<'a>],
        side: Side,
        rows: usize,
        excluded: &(dyn Fn(RowRef) -> bool + Sync),
        out: &mut Matches,
    ) -> Rows {
        let mut list = Rows {
            place: Vec::with_capacity(rows),
            next: Vec::with_capacity(rows),
        };
        for (slice_index, slice) in (0u32..).zip(slices) {
            for position in slice.start..slice.end {
                let key = slice.block.key(position);
                let reference = RowRef::new(slice.number, position);
                if excluded(reference) {
                    continue;
                }
                if key.is_empty() {
                    without_key(slice.block.meta(position), reference, side, out);
                    continue;
                }
                let row = list.place.len() as u32;
                list.place.push((slice_index, position as u32));
                let group = self.group_of(slice.block.tag(position), key);
                let head = match side {
                    Side::Left => &mut group.left,
                    Side::Right => &mut group.right,
                };
                list.next.push(*head);
                *head = row;
            }
        }
        list
    }

    fn group_of(&mut self, tag: u32, key: &'a [u8]) -> &mut Group {
        let mut slot = tag as usize & self.mask;
        loop {
            let stored = self.slots[slot];
            if stored == 0 {
                self.groups.push(Group {
                    left: EMPTY,
                    right: EMPTY,
                });
                self.keys.push(key);
                self.slots[slot] = self.groups.len() as u32;
                self.tags[slot] = tag;
                let last = self.groups.len() - 1;
                return &mut self.groups[last];
            }
            if self.tags[slot] == tag && self.keys[stored as usize - 1] == key {
                return &mut self.groups[stored as usize - 1];
            }
            slot = (slot + 1) & self.mask;
        }
    }
}

/// Bits of the number of partitions for the larger side of a leg: about 16,000 rows of a side each, which keeps a
/// partition's table and columns in a core's cache. It follows from the data alone.
pub fn partition_bits(rows: usize) -> u32 {
    let wanted = rows.div_ceil(16_384).max(1).next_power_of_two();
    wanted.trailing_zeros().min(crate::entries::block::BUCKET_BITS)
}
