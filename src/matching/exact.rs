//! The exact pass on one partition: entries meet by key.
//!
//! One small open-addressing table per partition maps a key to the right row that has it. Tags (bits of the hash) find the
//! candidate, the key's bytes decide. Each record is looked at once, when its left row meets its right row: what the next rows
//! need is asked from the memory ahead. Two rows that agree are paired on the spot; references with other rows, or with more of
//! them, are resolved as SPEC §5 says, each by itself.

use std::ops::Range;

use crate::entries::block::{EntryBlock, Record, RowRef, Slot, View};
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
    /// Their places.
    pub places: Range<usize>,
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
            let places = block.places_of(partition, bits);
            let slots = block.partition(partition, bits);
            let keyless: Vec<Slot> = block.keyless(partition, bits).collect();
            (!slots.is_empty() || !keyless.is_empty()).then_some(Slice {
                block,
                number,
                slots,
                places,
                keyless,
            })
        };
        blocks.iter().enumerate().filter_map(slice).collect()
    }

    /// Asks the memory for the records of a slice that comes soon: they lie side by side.
    #[inline]
    fn prefetch_ahead(side: &[Slice<'_>], number: u32) {
        if let Some(slice) = side.get(number as usize + SLICES_AHEAD) {
            slice.block.prefetch_records(slice.places.clone());
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

/// Order of rows of the other side that have one id as far as the block knows it (R19). `None` where no two have.
pub type Ranks<'a> = Option<&'a (dyn Fn(RowRef) -> u32 + Sync)>;

/// What the kernel needs to know beside the rows.
pub struct Context<'a> {
    /// Rules of the leg.
    pub rules: Rules,
    /// Rows refused by identity (R19, R20), if any.
    pub left_excluded: Excluded<'a>,
    /// The same on the other side.
    pub right_excluded: Excluded<'a>,
    /// Order of those rows of the other side that share an id.
    pub right_ranks: Ranks<'a>,
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
    odd: Odd,
}

/// How many rows ahead the row that a row most likely meets is asked for.
const AHEAD: usize = 12;

/// How many blocks ahead it is asked where a partition lies in them.
const BLOCKS_AHEAD: usize = 12;

/// How many slices ahead records are asked for.
const SLICES_AHEAD: usize = 2;

/// A row of one side, and what it has met.
#[derive(Clone, Copy, Debug)]
struct Row {
    slot: Slot,
    /// Where its record begins.
    at: u32,
    slice: u32,
    met: u32,
}

/// [`Row::met`] of a row that has met none.
const NONE: u32 = u32::MAX;

/// Marks a number as that of an odd reference. In [`Row::met`] a number without it is the left row that agrees with the row.
const ODD: u32 = 1 << 31;

/// A side of a partition, and what its records are looked at through.
struct Views<'a> {
    slices: &'a [Slice<'a>],
    of_slices: Vec<View<'a>>,
}

impl<'a> Views<'a> {
    fn new(slices: &'a [Slice<'a>]) -> Views<'a> {
        Views {
            slices,
            of_slices: slices.iter().map(|slice| slice.block.view()).collect(),
        }
    }

    #[inline(always)]
    fn record(&self, row: Row) -> Record<'a> {
        self.of_slices[row.slice as usize].record(row.at)
    }

    #[inline(always)]
    fn prefetch(&self, row: Row) {
        self.of_slices[row.slice as usize].prefetch(row.at);
    }

    fn reference(&self, row: Row) -> RowRef {
        self.slices[row.slice as usize].reference(row.slot)
    }

    #[inline(always)]
    fn terms(&self, row: Row, record: Record<'_>, context: &Context<'_>) -> Terms {
        let today = context.rules.business_date;
        let block = || self.slices[row.slice as usize].block;
        Terms {
            amount_minor: record.amount_minor(),
            meta: record.meta(),
            first_seen: match self.of_slices[row.slice as usize].brought_forward {
                true => block().first_seen(row.slot.position(), today),
                false => today,
            },
            fee_agrees: context
                .fee_agrees
                .is_none_or(|agrees| agrees(block(), row.slot.position())),
        }
    }

    fn member(&self, row: Row, context: &Context<'_>, ranks: Ranks<'_>) -> Member<'a> {
        let record = self.record(row);
        let terms = self.terms(row, record, context);
        let reference = self.reference(row);
        Member {
            row: reference,
            id: record.id(),
            account: account_of(record, terms.meta),
            rank: ranks.map_or(0, |rank| rank(reference)),
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

/// References whose rows do not simply agree: with none on one side, several on one, or two that differ.
#[derive(Debug, Default)]
struct Odd {
    /// A left row of each reference that no right row has; [`NONE`] for others.
    lefts: Vec<u32>,
    /// All their rows: reference, side, row.
    rows: Vec<(u32, Side, u32)>,
    /// Left rows that agreed until another row of their reference came.
    undone: Vec<RowRef>,
}

impl Odd {
    fn clear(&mut self) {
        self.lefts.clear();
        self.rows.clear();
        self.undone.clear();
    }

    /// Begins a reference with a row.
    fn begin(&mut self, side: Side, row: u32) -> u32 {
        let number = self.lefts.len() as u32;
        self.lefts.push(if side == Side::Left { row } else { NONE });
        self.rows.push((number, side, row));
        number
    }

    /// Adds a row to the reference of right row `number`, which was alone until now, or agreed with a left row.
    #[cold]
    fn join(&mut self, right: &mut Row, number: u32, (side, row): (Side, u32), left: impl Fn(u32) -> RowRef) {
        if right.met == NONE || right.met & ODD == 0 {
            let reference = self.begin(Side::Right, number);
            if right.met != NONE {
                self.rows.push((reference, Side::Left, right.met));
                self.undone.push(left(right.met));
            }
            right.met = reference | ODD;
        }
        self.rows.push((right.met & !ODD, side, row));
    }
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
        odd,
    } = scratch;
    list(right, Side::Right, context.right_excluded, right_rows, &mut out);
    list(left, Side::Left, context.left_excluded, left_rows, &mut out);
    let (left, right) = (Views::new(left), Views::new(right));
    let most = left_rows.len().max(right_rows.len());
    assert!(
        left_rows.len() + right_rows.len() < (ODD - 1) as usize,
        "a day has fewer rows"
    );
    table.clear(most);
    odd.clear();
    out.pairs.reserve(left_rows.len().min(right_rows.len()));
    let left_row = |at: u32| left.reference(left_rows[at as usize]);
    let mut slice = u32::MAX;
    for at in 0..right_rows.len() {
        let row = right_rows[at];
        if row.slice != slice {
            slice = row.slice;
            Slice::prefetch_ahead(right.slices, slice);
        }
        let same = |known: u32| right.record(right_rows[known as usize]).key() == right.record(row).key();
        if let Some(known) = table.find_or_insert(row.slot.tag(), at as u32, same) {
            let first = &mut right_rows[known as usize];
            odd.join(first, known, (Side::Right, at as u32), left_row);
            right_rows[at].met = right_rows[known as usize].met;
        }
    }
    slice = u32::MAX;
    for (at, row) in (0u32..).zip(left_rows.iter()) {
        if let Some(row) = left_rows.get(at as usize + AHEAD)
            && let Some(met) = table.candidate(row.slot.tag())
            && let Some(met) = right_rows.get(met as usize)
        {
            right.prefetch(*met);
        }
        if row.slice != slice {
            slice = row.slice;
            Slice::prefetch_ahead(left.slices, slice);
        }
        let record = left.record(*row);
        let key = record.key();
        let same = |known: u32| {
            let known = match known & ODD {
                0 => right.record(right_rows[known as usize]),
                _ => left.record(left_rows[odd.lefts[(known & !ODD) as usize] as usize]),
            };
            known.key() == key
        };
        // Where no row has its key, it begins a reference.
        let new = odd.lefts.len() as u32 | ODD;
        match table.find_or_insert(row.slot.tag(), new, same) {
            None => {
                odd.begin(Side::Left, at);
            }
            Some(known) if known & ODD != 0 => odd.rows.push((known & !ODD, Side::Left, at)),
            Some(known) => {
                let met = &mut right_rows[known as usize];
                let other = right.record(*met);
                let terms = right.terms(*met, other, context);
                if met.met == NONE
                    && classify_pair(left.terms(*row, record, context), terms, &context.rules).is_none()
                {
                    met.met = at;
                    out.pairs.push(Pair {
                        left: left.reference(*row),
                        right: right.reference(*met),
                        account: account_of(other, terms.meta),
                    });
                } else {
                    odd.join(met, known, (Side::Left, at), left_row);
                }
            }
        }
    }
    for (at, row) in (0u32..).zip(right_rows.iter()) {
        if row.met == NONE {
            odd.begin(Side::Right, at);
        }
    }
    resolve_odd((&left, left_rows), (&right, right_rows), odd, context, &mut out);
    out
}

/// Settles the rows that do not simply agree, a reference at a time.
fn resolve_odd(
    (left, left_rows): (&Views<'_>, &[Row]),
    (right, right_rows): (&Views<'_>, &[Row]),
    odd: &mut Odd,
    context: &Context<'_>,
    out: &mut Matches,
) {
    if !odd.undone.is_empty() {
        odd.undone.sort_unstable();
        out.pairs
            .retain(|pair| odd.undone.binary_search(&pair.left).is_err());
    }
    odd.rows.sort_unstable();
    for rows in odd.rows.chunk_by(|a, b| a.0 == b.0) {
        let (lefts, rights) = rows.split_at(rows.partition_point(|row| row.1 == Side::Left));
        let lefts = lefts
            .iter()
            .map(|row| left.member(left_rows[row.2 as usize], context, None));
        let rights = rights
            .iter()
            .map(|row| right.member(right_rows[row.2 as usize], context, context.right_ranks));
        resolve(
            &lefts.collect::<Vec<_>>(),
            &rights.collect::<Vec<_>>(),
            &context.rules,
            out,
        );
    }
}

/// Lists the rows of a side; those without a key are done with at once.
fn list(side: &[Slice<'_>], which: Side, excluded: Excluded<'_>, rows: &mut Vec<Row>, out: &mut Matches) {
    rows.clear();
    for (number, slice) in (0u32..).zip(side) {
        let takes_part = |slot: &Slot| excluded.is_none_or(|excluded| !excluded(slice.reference(*slot)));
        let row = |(place, slot): (usize, &Slot)| Row {
            slot: *slot,
            at: slice.block.begin(place),
            slice: number,
            met: NONE,
        };
        let slots = slice.places.clone().zip(slice.slots);
        match excluded {
            None => rows.extend(slots.map(row)),
            Some(_) => rows.extend(slots.filter(|(_, slot)| takes_part(slot)).map(row)),
        }
        for slot in slice.keyless.iter().filter(|slot| takes_part(slot)) {
            without_key(
                slice.block.meta(slot.position()),
                slice.reference(*slot),
                which,
                out,
            );
        }
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

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Side {
    Left,
    Right,
}

/// Numbers of rows or references by key. A slot holds a tag and a number + 1; 0 is free.
#[derive(Debug, Default)]
struct Table {
    slots: Vec<u64>,
    mask: usize,
    /// A tag's highest bits say where to look first; so many others are shifted out.
    shift: u32,
    used: usize,
}

impl Table {
    fn clear(&mut self, rows: usize) {
        // Most rows meet, so the larger side tells how many keys there are: a small table stays in a core's own cache.
        self.used = 0;
        self.resize((rows + rows / 2).next_power_of_two().max(16));
    }

    fn resize(&mut self, slots: usize) {
        self.slots.clear();
        self.slots.resize(slots, 0);
        self.mask = slots - 1;
        self.shift = u32::BITS - slots.trailing_zeros();
    }

    #[inline(always)]
    fn first(&self, tag: u32) -> usize {
        (tag >> self.shift) as usize & self.mask
    }

    /// The number that a row with this tag most likely finds.
    #[inline(always)]
    fn candidate(&self, tag: u32) -> Option<u32> {
        let mut slot = self.first(tag);
        loop {
            let stored = self.slots[slot];
            if stored == 0 {
                return None;
            }
            if (stored >> 32) as u32 == tag {
                return Some(stored as u32 - 1);
            }
            slot = (slot + 1) & self.mask;
        }
    }

    /// The number of a tag whose key is the row's own; where there is none, `new` is it from now on.
    #[inline(always)]
    fn find_or_insert(&mut self, tag: u32, new: u32, same: impl Fn(u32) -> bool) -> Option<u32> {
        let mut slot = self.first(tag);
        loop {
            let stored = self.slots[slot];
            if stored == 0 {
                self.slots[slot] = u64::from(tag) << 32 | u64::from(new + 1);
                self.used += 1;
                if self.used * 8 > self.slots.len() * 7 {
                    self.grow();
                }
                return None;
            }
            let number = stored as u32 - 1;
            if (stored >> 32) as u32 == tag && same(number) {
                return Some(number);
            }
            slot = (slot + 1) & self.mask;
        }
    }

    #[cold]
    fn grow(&mut self) {
        let known = std::mem::take(&mut self.slots);
        self.resize(known.len() * 2);
        for stored in known.into_iter().filter(|stored| *stored != 0) {
            let mut slot = self.first((stored >> 32) as u32);
            while self.slots[slot] != 0 {
                slot = (slot + 1) & self.mask;
            }
            self.slots[slot] = stored;
        }
    }
}

/// Bits of the number of partitions for the larger side of a leg: about 16,000 rows of a side each, which keeps a
/// partition's table and columns in a core's cache. It follows from the data alone.
pub fn partition_bits(rows: usize) -> u32 {
    let wanted = rows.div_ceil(16_384).max(1).next_power_of_two();
    wanted.trailing_zeros().min(crate::entries::block::BUCKET_BITS)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;
    use crate::book::settings::DuplicatePolicy;
    use crate::entries::block::BlockBuilder;
    use crate::terms::currency::Currency;
    use crate::terms::date::Date;
    use crate::terms::kinds::{Direction, Status, TxnType};

    const TODAY: Date = Date(20_000);

    /// A row: number of its key, amount, whether it is SUCCESS (left) or a credit (right), whether it was brought forward.
    type Drawn = (u32, i64, bool, bool);

    fn key(number: u32) -> String {
        match number % 4 {
            0 => format!("20260302{number:016}"),
            1 => format!("UP20260302{number:012}"),
            2 => format!("a reference in words, number {number}"),
            _ if number == 3 => String::new(),
            _ => format!("R{number}"),
        }
    }

    fn blocks(sides: &[Vec<Drawn>], is_left: bool) -> Vec<EntryBlock> {
        let currency = Currency::parse(b"CNY").unwrap();
        let mut number = 0u32;
        let block = |rows: &Vec<Drawn>| {
            let mut builder = BlockBuilder::default();
            let brought = rows.first().is_some_and(|row| row.3);
            for (ordinal, (key_number, minor, flag, _)) in (0u32..).zip(rows) {
                let meta = match (is_left, flag) {
                    (true, true) => Meta::typed(TxnType::Payment, Status::Success, currency, 0),
                    (true, false) => Meta::typed(TxnType::Payment, Status::Failed, currency, 0),
                    (false, true) => Meta::bank(Direction::Credit, currency),
                    (false, false) => Meta::bank(Direction::Debit, currency),
                };
                let meta = if is_left {
                    meta
                } else {
                    meta.with_value_date(TODAY, TODAY)
                };
                number += 1;
                let id = format!("ID{number:08}");
                builder.push(
                    key(*key_number).as_bytes(),
                    id.as_bytes(),
                    *minor,
                    meta,
                    number % 3,
                    ordinal,
                );
                if brought {
                    builder.first_seen(Date(TODAY.0 - 1));
                }
            }
            builder.finish()
        };
        sides.iter().map(block).collect()
    }

    /// Rows of one key, by side.
    type OfKey<'a> = [Vec<(RowRef, &'a EntryBlock)>; 2];

    /// All rows by key, in a tree, and each key settled by itself.
    fn slowly(left: &[EntryBlock], right: &[EntryBlock], context: &Context<'_>) -> Matches {
        let mut out = Matches::default();
        let mut keys: BTreeMap<Vec<u8>, OfKey<'_>> = BTreeMap::new();
        for (side, blocks) in [left, right].into_iter().enumerate() {
            for (number, block) in blocks.iter().enumerate() {
                for position in 0..block.len() {
                    let row = RowRef::new(number, position);
                    let key = block.key(position).to_vec();
                    if key.is_empty() {
                        let which = if side == 0 { Side::Left } else { Side::Right };
                        without_key(block.meta(position), row, which, &mut out);
                    } else {
                        keys.entry(key).or_default()[side].push((row, block));
                    }
                }
            }
        }
        for [left, right] in keys.values() {
            let left: Vec<Member<'_>> = left
                .iter()
                .map(|(row, block)| member(*row, block, false))
                .collect();
            let right: Vec<Member<'_>> = right
                .iter()
                .map(|(row, block)| member(*row, block, true))
                .collect();
            resolve(&left, &right, &context.rules, &mut out);
        }
        out
    }

    fn member(row: RowRef, block: &EntryBlock, is_right: bool) -> Member<'_> {
        let at = row.position();
        Member {
            row,
            id: block.id(at),
            account: if is_right { block.owner(at) } else { 0 },
            rank: 0,
            amount_minor: block.amount_minor(at),
            meta: block.meta(at),
            first_seen: block.first_seen(at, TODAY),
            fee_agrees: true,
        }
    }

    fn sorted(mut matches: Matches) -> String {
        matches.pairs.sort_by_key(|pair| (pair.left, pair.right));
        matches.breaks.sort_by_key(|found| (found.left, found.right));
        matches.left_no_money.sort_unstable();
        matches.right_no_money.sort_unstable();
        format!("{matches:?}")
    }

    proptest! {
        #[test]
        fn it_finds_what_a_tree_finds(
            left in vec(vec((0u32..60, 1i64..3, prop::bool::weighted(0.9), any::<bool>()), 0..60), 1..4),
            right in vec(vec((0u32..60, 1i64..3, prop::bool::weighted(0.9), any::<bool>()), 0..60), 1..4),
            hold in any::<bool>(),
            bits in prop_oneof![Just(0u32), Just(2)],
        ) {
            let (left, right) = (blocks(&left, true), blocks(&right, false));
            let context = Context {
                rules: Rules {
                    business_date: TODAY,
                    duplicates: if hold { DuplicatePolicy::Hold } else { DuplicatePolicy::Pair },
                },
                left_excluded: None,
                right_excluded: None,
                right_ranks: None,
                fee_agrees: None,
            };
            let mut found = Matches::default();
            let mut scratch = Scratch::default();
            for partition in 0..1usize << bits {
                let (left, right) = (Slice::partition(&left, partition, bits), Slice::partition(&right, partition, bits));
                let part = match_partition(&left, &right, &context, &mut scratch);
                found.pairs.extend(part.pairs);
                found.breaks.extend(part.breaks);
                found.left_no_money.extend(part.left_no_money);
                found.right_no_money.extend(part.right_no_money);
            }
            prop_assert_eq!(sorted(found), sorted(slowly(&left, &right, &context)));
        }
    }

    #[test]
    fn keys_that_never_meet_find_room() {
        let rows = |from: u32| {
            vec![
                (0..5000)
                    .map(|at| (4 * (from + at), 1, true, false))
                    .collect::<Vec<Drawn>>(),
            ]
        };
        let (left, right) = (blocks(&rows(0), true), blocks(&rows(100_000), false));
        let context = Context {
            rules: Rules {
                business_date: TODAY,
                duplicates: DuplicatePolicy::Hold,
            },
            left_excluded: None,
            right_excluded: None,
            right_ranks: None,
            fee_agrees: None,
        };
        let (left, right) = (Slice::partition(&left, 0, 0), Slice::partition(&right, 0, 0));
        let mut scratch = Scratch::default();
        let found = match_partition(&left, &right, &context, &mut scratch);
        assert!(found.pairs.is_empty());
        assert_eq!(found.breaks.len(), 10_000);
        assert_eq!(scratch.table.slots.len(), 16_384, "it grew from 8,192");
    }
}
