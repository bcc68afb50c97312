//! Ranges of the hash, one by one, a thread each: matched, and parted into what settles where it lies and what is kept.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use arrow::array::{ArrayRef, UInt32Array};
use rustc_hash::FxHashSet;

use crate::book::settings::LegKind;
use crate::day::batches::AsideBatch;
use crate::day::causes;
use crate::day::identify::{Identified, row_handle};
use crate::day::intake::shown_reference;
use crate::day::reversals::{OpenBankEntry, reversals};
use crate::day::spill::aside::{LegSide, Side};
use crate::day::spill::batched::Batched;
use crate::day::spill::drive::{Day, DriveInputs};
use crate::day::spill::kept::{KeptLeg, KeptPair, KeptRow};
use crate::day::spill::lines::{Cuts, LinePiece, RangeLines, Shown};
use crate::day::spill::marks::Marks;
use crate::day::spill::range::{Numbers, RangeOf, RangeSide};
use crate::entries::block::{BUCKET_BITS, EntryBlock, Record, RowRef};
use crate::entries::key::Key;
use crate::entries::meta::Meta;
use crate::entries::spill::{Piece, Shelf, batch, column};
use crate::findings::Stop;
use crate::matching::exact::{Context as MatchContext, Scratch, Slice, match_partition, partition_bits};
use crate::matching::group::{Break, Matches, Pair, Rules};
use crate::matching::met::Met;
use crate::settling::{LegRows, Settling};
use crate::terms::digest::key_hash;
use crate::terms::kinds::TxnType;

/// What matching found of the rows of a leg: rows of the day.
#[derive(Default)]
pub struct FoundLeg {
    /// Breaks.
    pub breaks: Vec<Break>,
    /// See [`crate::day::agree::LegResult`].
    pub left_no_money: Vec<RowRef>,
    /// See [`crate::day::agree::LegResult`].
    pub right_no_money: Vec<RowRef>,
    /// Bank entries that close each other (R14).
    pub reversals: Vec<(RowRef, RowRef)>,
    /// What the platform rows met that are kept or were brought forward.
    pub pairs: Vec<KeptPair>,
}

/// What became of a leg.
pub struct LegDone {
    /// What matching found.
    pub found: FoundLeg,
    /// What is kept of it.
    pub kept: KeptLeg,
    /// What settled where it lies.
    pub settling: Settling,
}

/// What became of all legs.
pub struct Found {
    /// By leg.
    pub legs: Vec<LegDone>,
    /// Agreed lines of what settled where it lies.
    pub lines: Vec<LinePiece>,
}

/// What a thread has found so far.
struct Worker {
    scratch: Scratch,
    done: Found,
    /// Ranges that are matched once more when reversals are known, and the open entries that decide them.
    pending: Vec<usize>,
    pending_entries: Vec<KeptRow>,
    /// Platform rows that are kept for what one leg made of them, by name.
    watched: FxHashSet<u64>,
    /// What the rows of a range met: leg, range, and where it lies.
    pairs: Vec<(usize, usize, Piece)>,
}

/// What has been learnt of all ranges, before some are read again.
#[derive(Default)]
struct Known {
    /// Entries that close each other; `None` until they are known.
    reversed: Option<FxHashSet<RowRef>>,
    watched: FxHashSet<u64>,
    /// By leg, by range.
    pairs: Vec<Vec<Option<Piece>>>,
}

/// Takes the ranges of all legs through a day.
pub struct Driver<'a> {
    inputs: &'a DriveInputs<'a>,
    day: &'a Day<'a>,
    numbers: &'a Numbers,
    /// Partitions are so many bits of the hash, by leg.
    bits: Vec<u32>,
    left_excluded: &'a FxHashSet<u64>,
    /// By leg.
    right_ids: &'a [Identified],
    reversal_ids: FxHashSet<Vec<u8>>,
    original_ids: FxHashSet<Vec<u8>>,
    /// Rows of the day, by leg and side.
    rows: &'a [[usize; 2]],
    /// What the legs made of each platform row; `None` where there is one leg.
    marks: Option<Marks>,
    cuts: &'a Cuts,
    lines: &'a Shelf,
    /// What rows met, where a range is read twice.
    met: Option<Shelf>,
    /// Batches of channels, where the book compares channels with the bank.
    batched: Option<Batched>,
}

impl<'a> Driver<'a> {
    /// For the entries of a day; `rows` are those of each leg and side.
    ///
    /// # Errors
    /// What the system reports.
    pub fn new(
        inputs: &'a DriveInputs<'a>,
        day: &'a Day<'a>,
        numbers: &'a Numbers,
        (left_excluded, right_ids): (&'a FxHashSet<u64>, &'a [Identified]),
        (rows, part_bits): (&'a [[usize; 2]], u32),
        (cuts, lines): (&'a Cuts, &'a Shelf),
        batched: Option<Batched>,
    ) -> Result<Driver<'a>, Stop> {
        let bits = |sides: &[usize; 2]| {
            let largest = sides[0].max(sides[1]);
            partition_bits(largest)
                .max(part_bits)
                .max(inputs.spill.range_bits())
        };
        let is_one_leg = rows.len() == 1;
        Ok(Driver {
            inputs,
            day,
            numbers,
            bits: rows.iter().map(bits).collect(),
            left_excluded,
            right_ids,
            reversal_ids: day.reversal_ids(),
            original_ids: day.original_ids(inputs.fees_return),
            rows,
            marks: (!is_one_leg).then(|| {
                let blocks = 0..day.blocks.len();
                Marks::new(blocks.map(|number| day.platform_rows(number)))
            }),
            cuts,
            lines,
            met: match is_one_leg {
                true => None,
                false => Some(inputs.spill.new_shelf("met")?),
            },
            batched,
        })
    }

    /// Batches that have rows among those that settled where they lie.
    pub fn batches(self) -> Vec<AsideBatch> {
        self.batched.map_or_else(Vec::new, |batched| batched.paid)
    }

    /// All ranges of all legs.
    ///
    /// # Errors
    /// 64 when the bound is too low for the day; what settling and the work folder report.
    pub fn all(&self) -> Result<Found, Stop> {
        let legs = &self.inputs.settings.legs;
        let met_by_key: Vec<usize> = (0..legs.len())
            .filter(|leg| legs[*leg].kind != LegKind::ChannelBank)
            .collect();
        let marks_bytes = self.marks.as_ref().map_or(0, Marks::bytes);
        let batched_bytes = self.batched.as_ref().map_or(0, Batched::bytes);
        let threads = self
            .inputs
            .spill
            .workers(&met_by_key, marks_bytes + batched_bytes)?;
        let mut workers: Vec<Worker> = (0..threads).map(|_| self.worker()).collect();
        let ranges: Vec<usize> = (0..1usize << self.inputs.spill.range_bits()).collect();
        let mut known = Known {
            pairs: vec![vec![None; ranges.len()]; legs.len()],
            ..Known::default()
        };
        let mut closed = Vec::new();
        for leg in &met_by_key {
            work(&ranges, &mut workers, &|range, worker| {
                self.meet(*leg, range, &known, worker)
            })?;
            let mut pending: Vec<usize> = workers
                .iter_mut()
                .flat_map(|worker| std::mem::take(&mut worker.pending))
                .collect();
            if !pending.is_empty() {
                pending.sort_unstable();
                closed = self.reversals(&mut workers);
                known.reversed = Some(closed.iter().flat_map(|(a, b)| [*a, *b]).collect());
                work(&pending, &mut workers, &|range, worker| {
                    self.meet(*leg, range, &known, worker)
                })?;
            }
        }
        for worker in &mut workers {
            known.watched.extend(std::mem::take(&mut worker.watched));
            for (leg, range, piece) in std::mem::take(&mut worker.pairs) {
                known.pairs[leg][range] = Some(piece);
            }
        }
        if self.met.is_some() {
            for leg in &met_by_key {
                work(&ranges, &mut workers, &|range, worker| {
                    self.look_again(*leg, range, &known, worker)
                })?;
            }
        }
        let mut found = joined(workers.into_iter().map(|worker| worker.done))?;
        found.legs[self.inputs.bank_leg].found.reversals = closed;
        if let Some(batched) = &self.batched {
            let bills = (0..legs.len()).filter(|leg| legs[*leg].kind == LegKind::PlatformChannel);
            let bills = bills.flat_map(|leg| &found.legs[leg].kept.rows[1]);
            let kept = bills.map(|bill| row_handle(bill.row.block(), bill.row.position() as u32));
            for (leg, rows) in batched.kept(self.inputs, self.numbers, &kept.collect())? {
                for (mine, rows) in found.legs[leg].kept.rows.iter_mut().zip(rows) {
                    mine.extend(rows);
                }
            }
        }
        Ok(found)
    }

    fn worker(&self) -> Worker {
        let legs = self.inputs.settings.legs.iter();
        let leg = |kind: LegKind| LegDone {
            found: FoundLeg::default(),
            kept: KeptLeg {
                has_fees: [kind == LegKind::ChannelBank, kind == LegKind::PlatformChannel],
                ..KeptLeg::default()
            },
            settling: Settling::new(self.inputs.context),
        };
        Worker {
            scratch: Scratch::default(),
            done: Found {
                legs: legs.map(|named| leg(named.kind)).collect(),
                lines: Vec::new(),
            },
            pending: Vec::new(),
            pending_entries: Vec::new(),
            watched: FxHashSet::default(),
            pairs: Vec::new(),
        }
    }

    fn read(&self, (leg, side): LegSide, range: usize) -> Result<RangeSide, Stop> {
        let kind = self.inputs.settings.legs[leg].kind;
        let of = RangeOf {
            spill: self.inputs.spill,
            side: (leg, side),
            has_fees: match side {
                Side::Left => kind == LegKind::ChannelBank,
                Side::Right => kind == LegKind::PlatformChannel,
            },
            forward: self.day.forward((leg, side)),
            numbers: self.numbers,
            business_date: self.inputs.business_date,
        };
        RangeSide::read(&of, range)
    }

    fn read_both(&self, leg: usize, range: usize) -> Result<[RangeSide; 2], Stop> {
        Ok([
            self.read((leg, Side::Left), range)?,
            self.read((leg, Side::Right), range)?,
        ])
    }

    /// Matches one range of a leg.
    fn meet(&self, leg: usize, range: usize, known: &Known, worker: &mut Worker) -> Result<(), Stop> {
        let sides = self.read_both(leg, range)?;
        let met = Met::new(&sides[0].blocks);
        let reversed = known.reversed.as_ref().filter(|_| leg == self.inputs.bank_leg);
        let matches = self.matches((leg, range), &sides, &met, reversed, &mut worker.scratch);
        let may_wait = leg == self.inputs.bank_leg && known.reversed.is_none();
        if may_wait && self.waits(&sides[1], &matches, &mut worker.pending_entries) {
            worker.pending.push(range);
            return Ok(());
        }
        note(&sides, &matches, &mut worker.done.legs[leg].found);
        let (Some(marks), Some(shelf)) = (&self.marks, &self.met) else {
            return self.part(leg, &sides, &met, known, worker);
        };
        let left = (leg, Side::Left);
        let breaks = matches.breaks.iter().map(|b| b.left);
        let alone = breaks
            .filter(|row| *row != RowRef::NONE)
            .chain(matches.left_no_money);
        for row in alone.chain(self.samples(left, &sides[0])) {
            worker.watched.insert(self.day.name(left, sides[0].row(row)));
        }
        let right = (leg, Side::Right);
        let chosen: FxHashSet<RowRef> = self.samples(right, &sides[1]).into_iter().collect();
        let is_bill = self.inputs.settings.legs[leg].kind == LegKind::PlatformChannel;
        let batched = self.batched.as_ref().filter(|_| is_bill);
        let mut pairs = [Vec::new(), Vec::new(), Vec::new()];
        for (row, meeting) in met.pairs() {
            let of_day = sides[0].row(row);
            marks.set(of_day.block(), self.day.ordinal(left, of_day), leg);
            // Who is kept is kept with whom it met.
            let mut is_watched = chosen.contains(&meeting.right());
            if let Some(batched) = batched {
                let bill = sides[1].row(meeting.right());
                let block = &sides[1].blocks[meeting.right().block()];
                let channel = block.meta(meeting.right().position()).channel();
                match batched.of(bill) {
                    Some(batch) => {
                        marks.set(of_day.block(), self.day.ordinal(left, of_day), batch.leg);
                        is_watched |= batched.is_chosen(bill);
                    }
                    None => is_watched |= batched.goes_on(channel),
                }
            }
            if is_watched {
                worker.watched.insert(self.day.name(left, of_day));
            }
            pairs[0].push(row.0);
            pairs[1].push(meeting.right().0);
            pairs[2].push(meeting.account() | (meeting.bucket() as u32) << ACCOUNT_BITS);
        }
        let columns = pairs.map(|column| Arc::new(UInt32Array::from(column)) as ArrayRef);
        let piece = shelf.put(&batch(columns.into())?)?;
        worker.pairs.push((leg, range, piece));
        Ok(())
    }

    /// Reads a range of a leg again, with what its rows met, and parts it.
    fn look_again(&self, leg: usize, range: usize, known: &Known, worker: &mut Worker) -> Result<(), Stop> {
        let sides = self.read_both(leg, range)?;
        let met = Met::new(&sides[0].blocks);
        let piece = known.pairs[leg][range];
        let (Some(shelf), Some(piece)) = (&self.met, piece) else {
            return Err(Stop::invariant("a range was not matched"));
        };
        let batch = shelf.get(piece)?;
        let [left, right, rest] = [0, 1, 2].map(|at| column::<UInt32Array>(&batch, at));
        let (left, right, rest) = (left?.values(), right?.values(), rest?.values());
        for ((left, right), rest) in left.iter().zip(right).zip(rest) {
            let pair = Pair {
                left: RowRef(*left),
                right: RowRef(*right),
                account: rest & ((1 << ACCOUNT_BITS) - 1),
            };
            met.set(pair, (rest >> ACCOUNT_BITS) as usize, BUCKET_BITS);
        }
        self.part(leg, &sides, &met, known, worker)
    }

    fn matches(
        &self,
        (leg, range): (usize, usize),
        sides: &[RangeSide; 2],
        met: &Met,
        reversed: Option<&FxHashSet<RowRef>>,
        scratch: &mut Scratch,
    ) -> Matches {
        let excluded = |set: &FxHashSet<u64>, side: Side, row: RowRef| {
            let row = sides[side as usize].row(row);
            set.contains(&self.day.name((leg, side), row))
        };
        let (lefts, ids) = (self.left_excluded, &self.right_ids[leg]);
        let rights = &ids.excluded;
        let left_excluded = |row: RowRef| excluded(lefts, Side::Left, row);
        let right_excluded = |row: RowRef| {
            excluded(rights, Side::Right, row)
                || reversed.is_some_and(|reversed| reversed.contains(&sides[1].row(row)))
        };
        let right_rank = |row: RowRef| ids.rank(self.day.name((leg, Side::Right), sides[1].row(row)));
        let has_reversed = reversed.is_some_and(|reversed| !reversed.is_empty());
        let context = MatchContext {
            rules: Rules {
                business_date: self.inputs.business_date,
                duplicates: self.inputs.settings.policy.duplicates,
            },
            left_excluded: (!lefts.is_empty()).then_some(&left_excluded),
            right_excluded: (!rights.is_empty() || has_reversed).then_some(&right_excluded),
            right_ranks: (!ids.ranks.is_empty()).then_some(&right_rank),
            fee_agrees: self.inputs.fee_agrees,
        };
        let mut all = Matches::default();
        let bits = self.bits[leg];
        let width = bits - self.inputs.spill.range_bits();
        for partition in range << width..(range + 1) << width {
            let matches = match_partition(
                &Slice::partition(&sides[0].blocks, partition, bits),
                &Slice::partition(&sides[1].blocks, partition, bits),
                &context,
                scratch,
            );
            for pair in matches.pairs {
                met.set(pair, partition, bits);
            }
            all.breaks.extend(matches.breaks);
            all.left_no_money.extend(matches.left_no_money);
            all.right_no_money.extend(matches.right_no_money);
        }
        all
    }

    /// True when an open bank entry may reverse another or be reversed: the range is matched again when all are known.
    fn waits(&self, right: &RangeSide, matches: &Matches, entries: &mut Vec<KeptRow>) -> bool {
        if self.reversal_ids.is_empty() {
            return false;
        }
        let mut waits = false;
        for row in matches
            .breaks
            .iter()
            .map(|b| b.right)
            .filter(|row| *row != RowRef::NONE)
        {
            let block = &right.blocks[row.block()];
            let record = block.record(row.position());
            if record.meta().has_extras() || self.reversal_ids.contains(&record.id().to_vec()) {
                entries.push(KeptRow::at(right.row(row), block, row.position()));
                waits = true;
            }
        }
        waits
    }

    /// Entries that close each other, of all ranges (R14).
    fn reversals(&self, workers: &mut [Worker]) -> Vec<(RowRef, RowRef)> {
        let mut open: Vec<KeptRow> = workers
            .iter_mut()
            .flat_map(|worker| std::mem::take(&mut worker.pending_entries))
            .collect();
        open.sort_unstable_by_key(|entry| entry.row);
        open.dedup_by_key(|entry| entry.row);
        let side = (self.inputs.bank_leg, Side::Right);
        let entries: Vec<OpenBankEntry<'_>> = open
            .iter()
            .map(|entry| {
                let extras = &self.day.blocks[entry.row.block()].extras;
                let at = entry
                    .meta
                    .has_extras()
                    .then(|| extras.find(self.day.ordinal(side, entry.row)))
                    .flatten();
                OpenBankEntry {
                    row: entry.row,
                    account: entry.owner,
                    id: entry.id.as_slice().into(),
                    meta: entry.meta,
                    amount_minor: entry.amount_minor,
                    reverses: at.map(|at| extras.party.get(at)),
                }
            })
            .collect();
        reversals(&entries)
    }

    /// Rows of a side that may stand for all where causes are looked for.
    fn samples(&self, (leg, side): LegSide, of_side: &RangeSide) -> Vec<RowRef> {
        let rows = self.rows[leg][side as usize];
        let blocks = of_side.blocks.iter().enumerate();
        let of_block = |(number, block): (usize, &'_ EntryBlock)| {
            causes::choosable(block, rows)
                .map(|slot| RowRef::new(number, slot.position()))
                .collect::<Vec<_>>()
        };
        blocks.flat_map(of_block).collect()
    }

    /// Parts a range: rows that have agreed on all the legs they need and that nobody looks at settle, and their lines go aside; all
    /// others are kept, with what they met.
    fn part(
        &self,
        leg: usize,
        sides: &[RangeSide; 2],
        met: &Met,
        known: &Known,
        worker: &mut Worker,
    ) -> Result<(), Stop> {
        let done = &mut worker.done.legs[leg];
        let [left, right] = sides;
        let chosen: FxHashSet<RowRef> = self.samples((leg, Side::Left), left).into_iter().collect();
        let mut settles: Vec<Vec<bool>> = right
            .blocks
            .iter()
            .map(|block| vec![false; block.len()])
            .collect();
        for (number, block) in left.blocks.iter().enumerate() {
            let is_forward = number < left.forward_blocks;
            for position in 0..block.len() {
                let row = RowRef::new(number, position);
                let (meeting, of_day) = (met.get(row), left.row(row));
                let is_kept = is_forward
                    || chosen.contains(&row)
                    || self.is_looked_at(of_day, block.record(position), known)
                    || !self.is_complete(leg, of_day, block.meta(position), meeting.is_some());
                if !is_kept {
                    if let Some(meeting) = meeting {
                        settles[meeting.right().block()][meeting.right().position()] = true;
                    }
                    continue;
                }
                if !is_forward {
                    done.kept.rows[0].push(KeptRow::at(of_day, block, position));
                }
                if let Some(meeting) = meeting {
                    met.clear(row);
                    done.found.pairs.push(KeptPair {
                        left: of_day,
                        right: right.row(meeting.right()),
                        account: meeting.account(),
                    });
                }
            }
        }
        let chosen: FxHashSet<RowRef> = self.samples((leg, Side::Right), right).into_iter().collect();
        for (number, block) in right.blocks.iter().enumerate().skip(right.forward_blocks) {
            for (position, settles) in settles[number].iter().enumerate() {
                let (row, meta) = (RowRef::new(number, position), block.meta(position));
                if !settles || meta.has_extras() || !meta.has_leg() || chosen.contains(&row) {
                    done.kept.rows[1].push(KeptRow::at(right.row(row), block, position));
                }
            }
        }
        self.settle(leg, sides, met, worker)
    }

    /// True for a platform row that some stage looks at by itself, whatever it met.
    fn is_looked_at(&self, row: RowRef, record: Record<'_>, known: &Known) -> bool {
        let meta = record.meta();
        if meta.has_extras() {
            return true;
        }
        let is_original =
            || meta.txn_type() == Some(TxnType::Payment) && self.original_ids.contains(&record.id().to_vec());
        // Rows that lie aside are named by their ordinals.
        let name = || row_handle(row.block(), row.position() as u32);
        !self.original_ids.is_empty() && is_original()
            || !known.watched.is_empty() && known.watched.contains(&name())
    }

    /// True for a platform row of today that has matched on all legs that it needs (R26, R41).
    fn is_complete(&self, leg: usize, row: RowRef, meta: Meta, has_met: bool) -> bool {
        let required = self.inputs.context.channels[usize::from(meta.channel())].required;
        let today = match &self.marks {
            Some(marks) => marks.get(row.block(), row.position() as u32),
            None => u8::from(has_met) << leg,
        };
        required != 0 && today & required == required
    }

    /// True when the match of `leg` is the one that completes a row: see [`crate::day::agree::Completion::completes`].
    fn completes(&self, leg: usize, row: RowRef, meta: Meta) -> bool {
        let required = self.inputs.context.channels[usize::from(meta.channel())].required;
        let Some(marks) = &self.marks else {
            return required == 1 << leg;
        };
        let today = marks.get(row.block(), row.position() as u32);
        today & required == required && (today & required).checked_ilog2() == Some(leg as u32)
    }

    /// Settles what is left of a range, and puts its lines aside.
    fn settle(&self, leg: usize, sides: &[RangeSide; 2], met: &Met, worker: &mut Worker) -> Result<(), Stop> {
        let [left, right] = sides;
        let kind = self.inputs.settings.legs[leg].kind;
        let completes = |row: RowRef, meta: Meta| self.completes(leg, left.row(row), meta);
        let rows = LegRows {
            left: &left.blocks,
            met,
            ends_at_bank: self.inputs.settings.legs_at_the_bank() & (1 << leg) != 0,
        };
        let settling = &mut worker.done.legs[leg].settling;
        for number in 0..left.blocks.len() {
            settling.block(number, &rows, &completes, self.inputs.context)?;
        }
        let settled = settling.take_rows();
        if !settled.wallet.is_empty() || !settled.refunds.is_empty() {
            return Err(Stop::invariant("a row that is looked at was not kept"));
        }
        let rows = left.blocks.iter().map(EntryBlock::len).sum();
        let mut lines = RangeLines::new(self.cuts, leg, rows);
        for (number, block) in left.blocks.iter().enumerate() {
            for (position, meeting) in met.block(number).enumerate() {
                let Some(meeting) = meeting else { continue };
                let record = block.record(position);
                let other = right.blocks[meeting.right().block()].record(meeting.right().position());
                let shown = Shown {
                    entry_id: other.id(),
                    bank_ref: shown_reference(kind, record.key()),
                    account: match kind {
                        LegKind::PlatformBank => meeting.account(),
                        LegKind::PlatformChannel | LegKind::ChannelBank => u32::MAX,
                    },
                };
                let fee_minor = settled.fees[number].get(position);
                lines.push(record, &meeting, &shown, fee_minor, 0);
            }
        }
        lines.put(self.lines, &mut worker.done.lines)?;
        if let (LegKind::PlatformChannel, Some(batched)) = (kind, &self.batched) {
            for leg in batched.legs() {
                self.settle_batches(leg, batched, sides, met, worker)?;
            }
        }
        Ok(())
    }

    /// Settles the rows of a range that met a bill row whose batch is paid, on the leg of the batch.
    fn settle_batches(
        &self,
        leg: usize,
        batched: &Batched,
        [left, right]: &[RangeSide; 2],
        met: &Met,
        worker: &mut Worker,
    ) -> Result<(), Stop> {
        // What they met there is the batch, by its number.
        let at_bank = Met::new(&left.blocks);
        for (row, meeting) in met.pairs() {
            let Some((number, batch)) = batched.number_of(right.row(meeting.right())) else {
                return match batched.goes_on(left.blocks[row.block()].meta(row.position()).channel()) {
                    true => Err(Stop::invariant("a row settles before its batch is paid")),
                    false => continue,
                };
            };
            if let Some((account, _)) = batch.paid_by.as_ref().filter(|_| batch.leg == leg) {
                let pair = Pair {
                    left: row,
                    right: RowRef(number),
                    account: *account,
                };
                let hash = key_hash(&batch.reference);
                at_bank.set(pair, (hash >> (64 - BUCKET_BITS)) as usize, BUCKET_BITS);
            }
        }
        let completes = |row: RowRef, meta: Meta| self.completes(leg, left.row(row), meta);
        let rows = LegRows {
            left: &left.blocks,
            met: &at_bank,
            ends_at_bank: true,
        };
        let settling = &mut worker.done.legs[leg].settling;
        for number in 0..left.blocks.len() {
            settling.block(number, &rows, &completes, self.inputs.context)?;
        }
        let settled = settling.take_rows();
        let mut lines = RangeLines::new(self.cuts, leg, 0);
        for (row, meeting) in at_bank.pairs() {
            let batch = &batched.paid[meeting.right().0 as usize];
            let entry_id = batch.paid_by.as_ref().map_or(&b""[..], |(_, entry_id)| entry_id);
            let shown = Shown {
                entry_id: entry_id.into(),
                bank_ref: Key::of(&batch.reference),
                account: meeting.account(),
            };
            let fee_minor = settled.fees[row.block()].get(row.position());
            let record = left.blocks[row.block()].record(row.position());
            lines.push(record, &meeting, &shown, fee_minor, 0);
        }
        lines.put(self.lines, &mut worker.done.lines)
    }
}

/// Notes what does not agree, as rows of the day.
fn note([left, right]: &[RangeSide; 2], matches: &Matches, found: &mut FoundLeg) {
    found.breaks.extend(matches.breaks.iter().map(|b| Break {
        left: left.row(b.left),
        right: right.row(b.right),
        ..*b
    }));
    let left_rows = matches.left_no_money.iter().map(|row| left.row(*row));
    found.left_no_money.extend(left_rows);
    let right_rows = matches.right_no_money.iter().map(|row| right.row(*row));
    found.right_no_money.extend(right_rows);
}

/// Accounts are numbers of so many bits; a bucket lies above.
const ACCOUNT_BITS: u32 = 16;

/// Takes ranges one by one, a thread each, until none is left.
fn work(
    ranges: &[usize],
    workers: &mut [Worker],
    take: &(dyn Fn(usize, &mut Worker) -> Result<(), Stop> + Sync),
) -> Result<(), Stop> {
    let next = AtomicUsize::new(0);
    let failed: Mutex<Option<(usize, Stop)>> = Mutex::new(None);
    rayon::scope(|scope| {
        for worker in workers.iter_mut() {
            let (next, failed) = (&next, &failed);
            scope.spawn(move |_| {
                while let Some(range) = ranges.get(next.fetch_add(1, Ordering::Relaxed)) {
                    if let Err(stop) = take(*range, worker) {
                        let mut failed = failed.lock().unwrap_or_else(PoisonError::into_inner);
                        if failed.as_ref().is_none_or(|(earlier, _)| range < earlier) {
                            *failed = Some((*range, stop));
                        }
                        return;
                    }
                }
            });
        }
    });
    let failed = failed.into_inner().unwrap_or_else(PoisonError::into_inner);
    failed.map_or(Ok(()), |(_, stop)| Err(stop))
}

/// What all threads found. Which took which range must not be seen.
fn joined(mut workers: impl Iterator<Item = Found>) -> Result<Found, Stop> {
    let mut all = workers
        .next()
        .ok_or_else(|| Stop::invariant("no thread worked"))?;
    for found in workers {
        for (mine, theirs) in all.legs.iter_mut().zip(found.legs) {
            mine.settling.merge(theirs.settling);
            for (mine, theirs) in mine.kept.rows.iter_mut().zip(theirs.kept.rows) {
                mine.extend(theirs);
            }
            let (mine, theirs) = (&mut mine.found, theirs.found);
            mine.breaks.extend(theirs.breaks);
            mine.left_no_money.extend(theirs.left_no_money);
            mine.right_no_money.extend(theirs.right_no_money);
            mine.pairs.extend(theirs.pairs);
        }
        all.lines.extend(found.lines);
    }
    for leg in &mut all.legs {
        let found = &mut leg.found;
        found.breaks.sort_unstable_by_key(|b| (b.left, b.right, b.class));
        found.left_no_money.sort_unstable();
        found.right_no_money.sort_unstable();
    }
    Ok(all)
}
