//! Matches and settles a day that lies aside, a range of the hash at a time.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::book::settings::Settings;
use crate::day::agree::{Agreed, LegResult, conflict, list_conflicts};
use crate::day::batches::Batches;
use crate::day::breaks::OpenBreakRows;
use crate::day::causes;
use crate::day::forward::ForwardRow;
use crate::day::identify::{Identified, judge, row_name};
use crate::day::intake::{FORWARD_FILE, InputBlock};
use crate::day::pool::{Origin, Pool, part_bits};
use crate::day::residual::Later;
use crate::day::reversals::{OpenBankEntry, reversals};
use crate::day::spill::aside::{Outlines, Side, Spill};
use crate::day::spill::ids::{self, SideOutlines};
use crate::day::spill::kept::{Kept, KeptRow};
use crate::day::spill::lines::{Cuts, LinePiece, RangeLines, SpilledLines};
use crate::day::spill::range::{Numbers, RangeSide};
use crate::day::state::OpenRow;
use crate::entries::block::{EntryBlock, RowRef};
use crate::entries::meta::Meta;
use crate::entries::spill::Shelf;
use crate::findings::Stop;
use crate::matching::class::OtherSide;
use crate::matching::exact::{
    Context as MatchContext, FeeAgrees, Scratch, Slice, match_partition, partition_bits,
};
use crate::matching::group::{Break, Matches, Rules};
use crate::matching::identity::{IdOrder, order_by_id};
use crate::matching::met::Met;
use crate::settling::{Context, LegRows, SettledPairs, SettledRows, Settling};
use crate::terms::date::Date;
use crate::terms::kinds::TxnType;

/// Full rows at some origins; the rows brought forward are given beside.
pub type FetchAside<'a> = &'a (dyn Fn(&[ForwardRow], &[Origin]) -> Result<Vec<OpenRow>, Stop> + Sync);

/// What a day is matched and settled by.
pub struct DriveInputs<'a> {
    /// Where its entries lie.
    pub spill: &'a Spill,
    /// Settings: of one leg.
    pub settings: &'a Settings,
    /// The day being closed.
    pub business_date: Date,
    /// What settling needs to know.
    pub context: &'a Context<'a>,
    /// See [`FeeAgrees`].
    pub fee_agrees: FeeAgrees<'a>,
    /// True when some fee plan returns fees on refund, so that payments of today may be asked for by id (R16).
    pub fees_return: bool,
    /// Full rows.
    pub fetch: FetchAside<'a>,
}

/// A day matched and settled.
pub struct SpilledDay {
    /// Rows that later stages look at.
    pub pool: Pool,
    /// Matches of these, and all breaks.
    pub agreed: Agreed,
    /// What settled, of all rows.
    pub settled: SettledPairs,
    /// Agreed lines.
    pub lines: SpilledLines,
}

/// The only leg.
const LEG: usize = 0;

/// Matches and settles. `blocks` are those brought forward, then those of today, whose entries lie aside.
///
/// # Errors
/// 64 when the bound is too low for the day; what fetching, settling and the work folder report.
pub fn run(
    inputs: &DriveInputs<'_>,
    forward_rows: Vec<ForwardRow>,
    mut blocks: Vec<InputBlock>,
) -> Result<SpilledDay, Stop> {
    let forward_blocks = blocks.partition_point(|block| block.file == FORWARD_FILE);
    let mut forward = [Vec::new(), Vec::new()];
    for block in &mut blocks[..forward_blocks] {
        forward[0].push(block.left.pop().unwrap_or_default());
        forward[1].push(block.right.pop().unwrap_or_default());
    }
    let outlines: Vec<&Outlines> = blocks[forward_blocks..]
        .iter()
        .filter_map(|block| block.spilled.as_ref())
        .collect();
    if outlines.len() + forward_blocks != blocks.len() {
        return Err(Stop::invariant(
            "a block of a day that lies aside was left in memory",
        ));
    }
    let numbers = Numbers::new(
        (forward_blocks..)
            .zip(&outlines)
            .map(|(number, outlines)| (outlines.number, number)),
    );
    let sides = Side::BOTH.map(|side| SideOutlines {
        forward: &forward[side as usize],
        outlines: outlines
            .iter()
            .map(|outlines| &outlines.sides[side as usize])
            .collect(),
    });
    let rows = [sides[0].rows(), sides[1].rows()];
    let largest_side_rows = rows[0].max(rows[1]);
    let part_bits = part_bits(largest_side_rows);
    let day = Day {
        forward_rows: &forward_rows,
        forward: &forward,
        blocks: &blocks,
    };
    let mut identified = Vec::new();
    for side in Side::BOTH {
        let shared = ids::shared(inputs.spill, side, &sides[side as usize], &numbers)?;
        identified.push(day.identify(inputs, side, shared)?);
    }
    let samples = sides[0]
        .outlines
        .iter()
        .flat_map(|outline| outline.samples.iter().cloned());
    let cuts = Cuts::new(samples.collect(), rows[0], part_bits);
    drop(sides);
    drop(outlines);
    let shelf = inputs.spill.new_shelf("lines.arrows")?;
    let found = {
        let mut driver = Driver {
            inputs,
            day: &day,
            numbers: &numbers,
            bits: partition_bits(largest_side_rows)
                .max(part_bits)
                .max(inputs.spill.range_bits()),
            excluded: [&identified[0].excluded, &identified[1].excluded],
            reversal_ids: day.reversal_ids(),
            original_ids: day.original_ids(inputs.fees_return),
            rows,
            reversed: None,
            cuts: &cuts,
            shelf: &shelf,
        };
        driver.all()?
    };
    let lines = SpilledLines::new(shelf, &cuts, &found.lines);
    let kept = Kept::new(inputs.spill, forward_rows, forward, blocks, found.kept)?;
    let agreed = agreed(inputs, &kept, identified, &found.rows)?;
    let mut settled = found.settling.finish(inputs.context);
    settled.wallet = kept.rows(Side::Left, &found.rows.wallet)?;
    settled.refunds = kept.rows(Side::Left, &found.rows.refunds)?;
    settled.fees = kept.fees;
    let mut pool = kept.pool;
    pool.largest_side_rows = largest_side_rows;
    pool.rows_of_day = Some(rows);
    Ok(SpilledDay {
        pool,
        agreed,
        settled,
        lines,
    })
}

/// The matching stage's result, as rows of the pool.
fn agreed(
    inputs: &DriveInputs<'_>,
    kept: &Kept,
    identified: Vec<Identified>,
    rows: &FoundRows,
) -> Result<Agreed, Stop> {
    let mut translated = Vec::new();
    for (side, found) in Side::BOTH.into_iter().zip(identified) {
        let mut mine = Identified {
            duplicates: kept.rows(side, &found.duplicates)?,
            conflicts: kept.rows(side, &found.conflicts)?,
            replaced: kept.rows(side, &found.replaced)?,
            ..Identified::default()
        };
        for row in [&found.duplicates, &found.conflicts, &found.replaced]
            .into_iter()
            .flatten()
        {
            let name = kept.name(side, *row)?;
            mine.excluded
                .extend(name.map(|(block, ordinal)| row_name(block, ordinal)));
        }
        translated.push(mine);
    }
    let right = translated.pop().unwrap_or_default();
    let mut left = translated.pop().unwrap_or_default();
    left.order = order_by_id(&kept.pool.left[LEG]);
    let named = &inputs.settings.legs[LEG];
    let mut open = Vec::new();
    for b in &rows.breaks {
        open.push(OpenBreakRows {
            leg: named.name.clone(),
            class: b.class.name(OtherSide::Bank),
            left: kept.name(Side::Left, b.left)?,
            right: kept.name(Side::Right, b.right)?,
            was_duplicate: (b.left_was_duplicate, b.right_was_duplicate),
        });
    }
    for row in &right.conflicts {
        let ordinal = kept.pool.right[LEG][row.block()].ordinal(row.position());
        open.push(conflict(&named.name, None, Some((row.block(), ordinal))));
    }
    let mut reversals = Vec::new();
    for (original, reversal) in &rows.reversals {
        reversals.push((
            kept.row(Side::Right, *original)?,
            kept.row(Side::Right, *reversal)?,
        ));
    }
    let mut agreed = Agreed {
        left,
        right: vec![right],
        legs: vec![LegResult {
            // What the rows met stands in the lines.
            met: Met::default(),
            left_no_money: kept.rows(Side::Left, &rows.left_no_money)?,
            right_no_money: kept.rows(Side::Right, &rows.right_no_money)?,
            reversals,
        }],
        open,
        later: Later::default(),
        passes: FxHashMap::default(),
        batches: Batches::default(),
    };
    list_conflicts(&kept.pool, inputs.settings, LEG, &mut agreed);
    Ok(agreed)
}

/// The day's blocks, without the entries that lie aside.
struct Day<'a> {
    forward_rows: &'a [ForwardRow],
    forward: &'a [Vec<EntryBlock>; 2],
    blocks: &'a [InputBlock],
}

impl Day<'_> {
    /// Ordinal of a row in its block.
    fn ordinal(&self, side: Side, row: RowRef) -> u32 {
        match self.forward[side as usize].get(row.block()) {
            Some(block) => block.ordinal(row.position()),
            // Rows that lie aside are named by their ordinals.
            None => row.position() as u32,
        }
    }

    fn name(&self, side: Side, row: RowRef) -> u64 {
        row_name(row.block(), self.ordinal(side, row))
    }

    fn identify(
        &self,
        inputs: &DriveInputs<'_>,
        side: Side,
        shared: Vec<Vec<RowRef>>,
    ) -> Result<Identified, Stop> {
        let aside = |row: RowRef| {
            self.blocks[row.block()]
                .spilled
                .as_ref()
                .map(|outlines| outlines.number)
        };
        let mut wanted: Vec<(u32, u32)> = shared
            .iter()
            .flatten()
            .filter_map(|row| Some((aside(*row)?, row.position() as u32)))
            .collect();
        wanted.sort_unstable();
        let offsets = inputs.spill.offsets(&wanted)?;
        let mut origins: BTreeMap<RowRef, Origin> = BTreeMap::new();
        for row in shared.iter().flatten() {
            let (block, ordinal) = (&self.blocks[row.block()], self.ordinal(side, *row));
            let place = match aside(*row) {
                None => block.places.get(ordinal),
                Some(number) => offsets
                    .get(&(number, ordinal))
                    .map(|offset| block.places.at(ordinal, *offset)),
            };
            let Some(place) = place else {
                return Err(Stop::invariant("a row has no place"));
            };
            let origin = match block.file {
                FORWARD_FILE => Origin::Forward((place.line - 1) as usize),
                file => Origin::Today(file, place, None),
            };
            origins.insert(*row, origin);
        }
        judge(
            IdOrder::of_shared(shared),
            &|row| origins[&row],
            &|row| self.name(side, row),
            &|origins| (inputs.fetch)(self.forward_rows, origins),
        )
    }

    /// Ids that some bank entry says it reverses; more than those at times.
    fn reversal_ids(&self) -> FxHashSet<Vec<u8>> {
        let mut ids = FxHashSet::default();
        for block in self.blocks {
            let is_platform = block
                .spilled
                .as_ref()
                .is_some_and(|outlines| outlines.sides[1].rows == 0);
            if !is_platform {
                let party = &block.extras.party;
                ids.extend(
                    (0..party.len())
                        .map(|at| party.get(at).to_vec())
                        .filter(|id| !id.is_empty()),
                );
            }
        }
        ids
    }

    /// Ids of payments that refunds of today name.
    fn original_ids(&self, fees_return: bool) -> FxHashSet<Vec<u8>> {
        let mut ids = FxHashSet::default();
        if fees_return {
            for block in self.blocks {
                let original = &block.extras.original;
                ids.extend(
                    (0..original.len())
                        .map(|at| original.get(at).to_vec())
                        .filter(|id| !id.is_empty()),
                );
            }
        }
        ids
    }
}

/// Rows of the day that matching and settling found.
#[derive(Default)]
struct FoundRows {
    breaks: Vec<Break>,
    left_no_money: Vec<RowRef>,
    right_no_money: Vec<RowRef>,
    wallet: Vec<RowRef>,
    refunds: Vec<RowRef>,
    reversals: Vec<(RowRef, RowRef)>,
}

struct Found {
    rows: FoundRows,
    kept: [Vec<KeptRow>; 2],
    lines: Vec<LinePiece>,
    settling: Settling,
}

/// What a thread has found so far.
struct Worker {
    scratch: Scratch,
    found: Found,
    /// Ranges that are matched once more when reversals are known, and the open entries that decide them.
    pending: Vec<usize>,
    pending_entries: Vec<KeptRow>,
}

struct Driver<'a> {
    inputs: &'a DriveInputs<'a>,
    day: &'a Day<'a>,
    numbers: &'a Numbers,
    /// Partitions are so many bits of the hash.
    bits: u32,
    excluded: [&'a FxHashSet<u64>; 2],
    reversal_ids: FxHashSet<Vec<u8>>,
    original_ids: FxHashSet<Vec<u8>>,
    /// Rows of the day, by side.
    rows: [usize; 2],
    /// Entries that close each other; `None` until they are known.
    reversed: Option<FxHashSet<RowRef>>,
    cuts: &'a Cuts,
    shelf: &'a Shelf,
}

impl Driver<'_> {
    fn all(&mut self) -> Result<Found, Stop> {
        let workers = self.inputs.spill.workers()?;
        let mut workers: Vec<Worker> = (0..workers)
            .map(|_| Worker {
                scratch: Scratch::default(),
                found: Found {
                    rows: FoundRows::default(),
                    kept: [Vec::new(), Vec::new()],
                    lines: Vec::new(),
                    settling: Settling::new(self.inputs.context),
                },
                pending: Vec::new(),
                pending_entries: Vec::new(),
            })
            .collect();
        let ranges: Vec<usize> = (0..1usize << self.inputs.spill.range_bits()).collect();
        self.work(&ranges, &mut workers)?;
        let mut pending: Vec<usize> = workers
            .iter_mut()
            .flat_map(|worker| std::mem::take(&mut worker.pending))
            .collect();
        let mut reversals = Vec::new();
        if !pending.is_empty() {
            pending.sort_unstable();
            reversals = self.reversals(&mut workers);
            self.reversed = Some(reversals.iter().flat_map(|(a, b)| [*a, *b]).collect());
            self.work(&pending, &mut workers)?;
        }
        let mut workers = workers.into_iter().map(|worker| worker.found);
        let mut all = workers
            .next()
            .ok_or_else(|| Stop::invariant("no thread worked"))?;
        for found in workers {
            all.settling.merge(found.settling);
            for (mine, theirs) in all.kept.iter_mut().zip(found.kept) {
                mine.extend(theirs);
            }
            all.lines.extend(found.lines);
            all.rows.breaks.extend(found.rows.breaks);
            all.rows.left_no_money.extend(found.rows.left_no_money);
            all.rows.right_no_money.extend(found.rows.right_no_money);
            all.rows.wallet.extend(found.rows.wallet);
            all.rows.refunds.extend(found.rows.refunds);
        }
        // Which thread took which range must not be seen.
        let rows = &mut all.rows;
        rows.breaks.sort_unstable_by_key(|b| (b.left, b.right, b.class));
        for list in [
            &mut rows.left_no_money,
            &mut rows.right_no_money,
            &mut rows.wallet,
            &mut rows.refunds,
        ] {
            list.sort_unstable();
        }
        rows.reversals = reversals;
        Ok(all)
    }

    /// Takes ranges one by one, a thread each, until none is left.
    fn work(&self, ranges: &[usize], workers: &mut [Worker]) -> Result<(), Stop> {
        let next = AtomicUsize::new(0);
        let failed: Mutex<Option<(usize, Stop)>> = Mutex::new(None);
        rayon::scope(|scope| {
            for worker in workers.iter_mut() {
                let (next, failed) = (&next, &failed);
                scope.spawn(move |_| {
                    while let Some(range) = ranges.get(next.fetch_add(1, Ordering::Relaxed)) {
                        if let Err(stop) = self.range(*range, worker) {
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

    /// Entries that close each other, of all ranges (R14).
    fn reversals(&self, workers: &mut [Worker]) -> Vec<(RowRef, RowRef)> {
        let mut open: Vec<KeptRow> = workers
            .iter_mut()
            .flat_map(|worker| std::mem::take(&mut worker.pending_entries))
            .collect();
        open.sort_unstable_by_key(|entry| entry.row);
        open.dedup_by_key(|entry| entry.row);
        let entries: Vec<OpenBankEntry<'_>> = open
            .iter()
            .map(|entry| {
                let extras = &self.day.blocks[entry.row.block()].extras;
                let at = entry
                    .meta
                    .has_extras()
                    .then(|| extras.find(self.day.ordinal(Side::Right, entry.row)))
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

    fn read(&self, side: Side, range: usize) -> Result<RangeSide, Stop> {
        let forward = &self.day.forward[side as usize];
        RangeSide::read(
            self.inputs.spill,
            side,
            range,
            forward,
            self.numbers,
            self.inputs.business_date,
        )
    }

    /// Matches, settles and puts aside the lines of one range.
    fn range(&self, range: usize, worker: &mut Worker) -> Result<(), Stop> {
        let sides = [self.read(Side::Left, range)?, self.read(Side::Right, range)?];
        let met = Met::new(&sides[0].blocks);
        let matches = self.matches(range, &sides, &met, &mut worker.scratch);
        if self.reversed.is_none() && self.waits(&sides[1], &matches, &mut worker.pending_entries) {
            worker.pending.push(range);
            return Ok(());
        }
        let context = self.inputs.context;
        let completes =
            |_: RowRef, meta: Meta| context.channels[usize::from(meta.channel())].required == 1 << LEG;
        let leg = LegRows {
            left: &sides[0].blocks,
            met: &met,
            ends_at_bank: true,
        };
        let found = &mut worker.found;
        for number in 0..sides[0].blocks.len() {
            found.settling.block(number, &leg, &completes, context)?;
        }
        let settled = found.settling.take_rows();
        let mut lines = RangeLines::new(self.cuts);
        for (number, block) in sides[0].blocks.iter().enumerate() {
            for (position, met) in met.block(number).enumerate() {
                if let Some(met) = met {
                    lines.push(
                        block.record(position),
                        met,
                        &sides[1].blocks,
                        settled.fees[number].get(position),
                    );
                }
            }
        }
        lines.put(self.shelf, &mut found.lines)?;
        self.keep(&sides, &matches, &settled, found);
        Ok(())
    }

    fn matches(&self, range: usize, sides: &[RangeSide; 2], met: &Met, scratch: &mut Scratch) -> Matches {
        let excluded = |side: Side, row: RowRef| {
            let row = sides[side as usize].row(row);
            self.excluded[side as usize].contains(&self.day.name(side, row))
        };
        let left_excluded = |row: RowRef| excluded(Side::Left, row);
        let right_excluded = |row: RowRef| {
            excluded(Side::Right, row)
                || self
                    .reversed
                    .as_ref()
                    .is_some_and(|reversed| reversed.contains(&sides[1].row(row)))
        };
        let has_reversed = self
            .reversed
            .as_ref()
            .is_some_and(|reversed| !reversed.is_empty());
        let context = MatchContext {
            rules: Rules {
                business_date: self.inputs.business_date,
                duplicates: self.inputs.settings.policy.duplicates,
            },
            left_excluded: (!self.excluded[0].is_empty()).then_some(&left_excluded),
            right_excluded: (!self.excluded[1].is_empty() || has_reversed).then_some(&right_excluded),
            fee_agrees: self.inputs.fee_agrees,
        };
        let mut all = Matches::default();
        let width = self.bits - self.inputs.spill.range_bits();
        for partition in range << width..(range + 1) << width {
            let matches = match_partition(
                &Slice::partition(&sides[0].blocks, partition, self.bits),
                &Slice::partition(&sides[1].blocks, partition, self.bits),
                &context,
                scratch,
            );
            for pair in matches.pairs {
                met.set(pair, partition, self.bits);
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
            let record = right.blocks[row.block()].record(row.position());
            if record.meta().has_extras() || self.reversal_ids.contains(&record.id().to_vec()) {
                entries.push(KeptRow::new(right.row(row), record, None));
                waits = true;
            }
        }
        waits
    }

    /// Keeps the rows that later stages look at by themselves.
    fn keep(&self, sides: &[RangeSide; 2], matches: &Matches, settled: &SettledRows, found: &mut Found) {
        let fee = |row: RowRef| {
            settled
                .fees
                .get(row.block())
                .and_then(|column| column.get(row.position()))
        };
        let mut keep = |side: Side, row: RowRef| {
            if row != RowRef::NONE {
                let of_side = &sides[side as usize];
                let record = of_side.blocks[row.block()].record(row.position());
                let fee_minor = (side == Side::Left).then(|| fee(row)).flatten();
                found.kept[side as usize].push(KeptRow::new(of_side.row(row), record, fee_minor));
            }
        };
        for side in Side::BOTH {
            let (of_side, excluded) = (&sides[side as usize], self.excluded[side as usize]);
            for (number, block) in of_side.blocks.iter().enumerate() {
                for position in 0..block.len() {
                    let row = RowRef::new(number, position);
                    let record = block.record(position);
                    let meta = record.meta();
                    let is_original = side == Side::Left
                        && !self.original_ids.is_empty()
                        && meta.txn_type() == Some(TxnType::Payment)
                        && self.original_ids.contains(&record.id().to_vec());
                    let is_excluded =
                        !excluded.is_empty() && excluded.contains(&self.day.name(side, of_side.row(row)));
                    let is_reversed = side == Side::Right
                        && self
                            .reversed
                            .as_ref()
                            .is_some_and(|reversed| reversed.contains(&of_side.row(row)));
                    if meta.has_extras() || !meta.has_leg() || is_original || is_excluded || is_reversed {
                        keep(side, row);
                    }
                }
            }
        }
        // Rows that stand for all where causes are looked for.
        for side in Side::BOTH {
            for (number, block) in sides[side as usize].blocks.iter().enumerate() {
                for slot in causes::choosable(block, self.rows[side as usize]) {
                    keep(side, RowRef::new(number, slot.position()));
                }
            }
        }
        for b in &matches.breaks {
            keep(Side::Left, b.left);
            keep(Side::Right, b.right);
        }
        matches
            .left_no_money
            .iter()
            .for_each(|row| keep(Side::Left, *row));
        matches
            .right_no_money
            .iter()
            .for_each(|row| keep(Side::Right, *row));
        let [left, right] = sides;
        let rows = &mut found.rows;
        rows.breaks.extend(matches.breaks.iter().map(|b| Break {
            left: left.row(b.left),
            right: right.row(b.right),
            ..*b
        }));
        rows.left_no_money
            .extend(matches.left_no_money.iter().map(|row| left.row(*row)));
        rows.right_no_money
            .extend(matches.right_no_money.iter().map(|row| right.row(*row)));
        rows.wallet
            .extend(settled.wallet.iter().map(|row| left.row(*row)));
        rows.refunds
            .extend(settled.refunds.iter().map(|row| left.row(*row)));
    }
}
