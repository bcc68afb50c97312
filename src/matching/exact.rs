//! The exact pass on one partition: entries meet by key.
//!
//! One small open-addressing table per partition maps a key to its group. Tags (bits of the hash) find the candidate,
//! the key's bytes decide. Each record is looked at once, when its left row meets its group: what the next rows need is
//! asked from the memory ahead. A group of one row on each side that agrees is settled on the spot; all others are
//! resolved as SPEC §5 says, each by itself.

use crate::entries::block::{EntryBlock, Record, RowRef, Slot};
use crate::entries::meta::Meta;
use crate::matching::class::Class;
use crate::matching::group::{Break, Matches, Member, Pair, Rules, Terms, classify_pair, resolve};

/// A side of a partition: the entries of one block, with the block's number.
#[derive(Clone, Debug)]
pub struct Slice<'a> {
    /// The block.
    pub block: &'a EntryBlock,
    /// Its number on this side of the leg; part of every [`RowRef`].
    pub number: usize,
    /// Entries with a key.
    pub slots: &'a [Slot],
    /// Entries without one.
    pub keyless: Vec<Slot>,
}

impl<'a> Slice<'a> {
    /// The slice of partition `partition` of `2^bits` of every block.
    pub fn partition(blocks: &'a [EntryBlock], partition: usize, bits: u32) -> Vec<Slice<'a>> {
        let slice = |(number, block): (usize, &'a EntryBlock)| {
            // Every block is a place in memory that no cache holds: those of the next ones are asked for.
            if let Some(ahead) = blocks.get(number + 2 * BLOCKS_AHEAD) {
                ahead.prefetch_start(partition, bits);
            }
            if let Some(ahead) = blocks.get(number + BLOCKS_AHEAD) {
                ahead.prefetch_partition(partition, bits);
            }
            let slots = block.partition(partition, bits);
            let keyless: Vec<Slot> = block.keyless(partition, bits).collect();
            (!slots.is_empty() || !keyless.is_empty()).then_some(Slice {
                block,
                number,
                slots,
                keyless,
            })
        };
        blocks.iter().enumerate().filter_map(slice).collect()
    }

    /// Asks the memory for the records of a slice that comes soon: they lie side by side.
    #[inline]
    fn prefetch_ahead(side: &[Slice<'_>], number: u32) {
        if let Some(slice) = side.get(number as usize + SLICES_AHEAD) {
            slice.block.prefetch_records(slice.slots);
        }
    }

    fn reference(&self, slot: Slot) -> RowRef {
        RowRef::new(self.number, slot.position())
    }
}

/// True for rows that take no part.
pub type Excluded<'a> = Option<&'a (dyn Fn(RowRef) -> bool + Sync)>;

/// Whether the channel's fee on a row of the other side is the contracted one: block, position. `None` where no channel has
/// a fee plan.
pub type FeeAgrees<'a> = Option<&'a (dyn Fn(&EntryBlock, usize) -> bool + Sync)>;

/// What the kernel needs to know beside the rows.
pub struct Context<'a> {
    /// Rules of the leg.
    pub rules: Rules,
    /// Rows refused by identity (R19, R20), if any.
    pub left_excluded: Excluded<'a>,
    /// The same on the other side.
    pub right_excluded: Excluded<'a>,
    /// Whether the channel's fee on a row of the other side is the contracted one (R26); `None` where no fee is
    /// contracted.
    pub fee_agrees: FeeAgrees<'a>,
}

/// What one thread keeps between partitions, so that memory is asked for once.
#[derive(Debug, Default)]
pub struct Scratch {
    table: Table,
    left: Vec<Row>,
    right: Vec<Row>,
}

const EMPTY: u32 = u32::MAX;

/// How many rows ahead the group of a row is asked for.
const AHEAD: usize = 12;

/// How many blocks ahead it is asked where a partition lies in them.
const BLOCKS_AHEAD: usize = 12;

/// How many slices ahead records are asked for.
const SLICES_AHEAD: usize = 2;

/// A row of one side, and the next of its group.
#[derive(Clone, Copy, Debug)]
struct Row {
    slot: Slot,
    slice: u32,
    next: u32,
}

impl Row {
    #[inline(always)]
    fn record<'a>(self, side: &[Slice<'a>]) -> Record<'a> {
        side[self.slice as usize].block.record_at(self.slot)
    }

    #[inline(always)]
    fn terms(self, side: &[Slice<'_>], record: Record<'_>, context: &Context<'_>) -> Terms {
        let (block, position) = (side[self.slice as usize].block, self.slot.position());
        Terms {
            amount_minor: record.amount_minor(),
            meta: record.meta(),
            first_seen: block.first_seen(position, context.rules.business_date),
            fee_agrees: context.fee_agrees.is_none_or(|agrees| agrees(block, position)),
        }
    }

    fn member<'a>(self, side: &[Slice<'a>], context: &Context<'_>) -> Member<'a> {
        let slice = &side[self.slice as usize];
        let record = slice.block.record_at(self.slot);
        let terms = self.terms(side, record, context);
        Member {
            row: slice.reference(self.slot),
            id: record.id(),
            account: account_of(record, terms.meta),
            amount_minor: terms.amount_minor,
            meta: terms.meta,
            first_seen: terms.first_seen,
            fee_agrees: terms.fee_agrees,
        }
    }
}

/// Account index of a bank entry; 0 for rows of other sides.
#[inline]
fn account_of(record: Record<'_>, meta: Meta) -> u32 {
    if meta.is_bank() { record.owner() } else { 0 }
}

#[derive(Clone, Copy, Debug)]
struct Group {
    /// Last row of each side; the others are linked through `next`.
    left: u32,
    right: u32,
    /// Its only left row agrees with its only right row, whose account this is.
    agrees: Option<u32>,
}

/// Matches one partition of a leg.
///
/// Rows without a key match nothing (R4): they break on their own, each by itself.
pub fn match_partition(
    left: &[Slice<'_>],
    right: &[Slice<'_>],
    context: &Context<'_>,
    scratch: &mut Scratch,
) -> Matches {
    let mut out = Matches::default();
    let Scratch {
        table,
        left: left_rows,
        right: right_rows,
    } = scratch;
    list(right, Side::Right, context.right_excluded, right_rows, &mut out);
    list(left, Side::Left, context.left_excluded, left_rows, &mut out);
    table.clear(left_rows.len() + right_rows.len());
    out.pairs.reserve(left_rows.len().min(right_rows.len()));
    let mut slice = u32::MAX;
    for at in 0..right_rows.len() {
        let row = right_rows[at];
        if row.slice != slice {
            slice = row.slice;
            Slice::prefetch_ahead(right, slice);
        }
        let group = table.group_of(row.slot.tag(), |group| {
            row.record(right).key() == right_rows[group.right as usize].record(right).key()
        });
        right_rows[at].next = group.right;
        group.right = at as u32;
    }
    slice = u32::MAX;
    for at in 0..left_rows.len() {
        if let Some(row) = left_rows.get(at + AHEAD)
            && let Some(met) = table.candidate(row.slot.tag())
            && met.right != EMPTY
        {
            let met = right_rows[met.right as usize];
            right[met.slice as usize].block.prefetch_slot(met.slot);
        }
        let row = left_rows[at];
        if row.slice != slice {
            slice = row.slice;
            Slice::prefetch_ahead(left, slice);
        }
        let record = row.record(left);
        let key = record.key();
        let group = table.group_of(row.slot.tag(), |group| {
            let known = match group.right {
                EMPTY => left_rows[group.left as usize].record(left),
                row => right_rows[row as usize].record(right),
            };
            known.key() == key
        });
        if group.left == EMPTY && group.right != EMPTY {
            let met = right_rows[group.right as usize];
            if met.next == EMPTY {
                let other = met.record(right);
                let terms = met.terms(right, other, context);
                let class = classify_pair(row.terms(left, record, context), terms, &context.rules);
                group.agrees = class.is_none().then(|| account_of(other, terms.meta));
            }
        }
        left_rows[at].next = group.left;
        group.left = at as u32;
    }
    settle_groups(
        (left, left_rows),
        (right, right_rows),
        &table.groups,
        context,
        &mut out,
    );
    out
}

/// Lists the rows of a side; those without a key are done with at once.
fn list(side: &[Slice<'_>], which: Side, excluded: Excluded<'_>, rows: &mut Vec<Row>, out: &mut Matches) {
    rows.clear();
    for (number, slice) in (0u32..).zip(side) {
        let takes_part = |slot: &Slot| excluded.is_none_or(|excluded| !excluded(slice.reference(*slot)));
        let row = |slot: &Slot| Row {
            slot: *slot,
            slice: number,
            next: EMPTY,
        };
        match excluded {
            None => rows.extend(slice.slots.iter().map(row)),
            Some(_) => rows.extend(slice.slots.iter().filter(|slot| takes_part(slot)).map(row)),
        }
        for slot in slice.keyless.iter().filter(|slot| takes_part(slot)) {
            without_key(
                slice.block.record_at(*slot).meta(),
                slice.reference(*slot),
                which,
                out,
            );
        }
    }
}

fn settle_groups(
    (left, left_rows): (&[Slice<'_>], &[Row]),
    (right, right_rows): (&[Slice<'_>], &[Row]),
    groups: &[Group],
    context: &Context<'_>,
    out: &mut Matches,
) {
    let reference = |side: &[Slice<'_>], row: Row| side[row.slice as usize].reference(row.slot);
    let is_single = |rows: &[Row], row: u32| row != EMPTY && rows[row as usize].next == EMPTY;
    for group in groups {
        if let Some(account) = group.agrees.filter(|_| is_single(left_rows, group.left)) {
            out.pairs.push(Pair {
                left: reference(left, left_rows[group.left as usize]),
                right: reference(right, right_rows[group.right as usize]),
                account,
            });
            continue;
        }
        let lefts = members(left, left_rows, group.left, context);
        let rights = members(right, right_rows, group.right, context);
        resolve(&lefts, &rights, &context.rules, out);
    }
}

fn members<'a>(side: &[Slice<'a>], rows: &[Row], mut row: u32, context: &Context<'_>) -> Vec<Member<'a>> {
    let mut members = Vec::new();
    while row != EMPTY {
        members.push(rows[row as usize].member(side, context));
        row = rows[row as usize].next;
    }
    members
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

/// Groups by key. A slot holds the tag of a group and the group's number + 1; 0 is free.
#[derive(Debug, Default)]
struct Table {
    slots: Vec<u64>,
    mask: usize,
    groups: Vec<Group>,
}

impl Table {
    fn clear(&mut self, rows: usize) {
        // Most rows meet, so that there are half as many groups: the table stays small enough for a core's own cache.
        let slots = (rows + rows / 2).next_power_of_two().max(16);
        self.slots.clear();
        self.slots.resize(slots, 0);
        self.mask = slots - 1;
        self.groups.clear();
    }

    /// The group that a row with this tag most likely belongs to.
    fn candidate(&self, tag: u32) -> Option<&Group> {
        let mut slot = tag as usize & self.mask;
        while self.slots[slot] != 0 {
            if (self.slots[slot] >> 32) as u32 == tag {
                return Some(&self.groups[self.slots[slot] as u32 as usize - 1]);
            }
            slot = (slot + 1) & self.mask;
        }
        None
    }

    /// The group of a tag whose key is the row's own, or a new one.
    fn group_of(&mut self, tag: u32, is_mine: impl Fn(&Group) -> bool) -> &mut Group {
        let mut slot = tag as usize & self.mask;
        loop {
            let stored = self.slots[slot];
            if stored == 0 {
                self.groups.push(Group {
                    left: EMPTY,
                    right: EMPTY,
                    agrees: None,
                });
                let number = self.groups.len();
                self.slots[slot] = u64::from(tag) << 32 | number as u64;
                return &mut self.groups[number - 1];
            }
            let number = stored as u32 as usize - 1;
            if (stored >> 32) as u32 == tag && is_mine(&self.groups[number]) {
                return &mut self.groups[number];
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
