//! Matches and settles a day that lies aside: the order of its passes, and what they leave in memory.
//!
//! 1. Rows that share an id are found and judged (R19, R20).
//! 2. Batches of channels are added up and held against their entries ([`crate::day::spill::batched`]).
//! 3. Leg by leg, a range at a time, entries meet by the kernel that runs without spilling ([`crate::day::spill::ranges`]).
//!    Which legs a platform row has matched is noted in a byte a row; what a range's rows met goes aside.
//! 4. The ranges are read once more, now that it is known what all legs made of a row. A row that agrees on every leg it needs,
//!    and that nobody looks at by itself, settles where it lies, by the kernel that settles without spilling. All other rows, and
//!    what they met, are kept: they are a small day of their own, on which every later stage runs as on any day.
//!
//! A day of one leg needs no second reading: what its leg made of a row is all there is to know.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::book::settings::{LegKind, Settings};
use crate::day::agree::{Agreed, LegResult, conflict, list_conflicts, was_duplicate};
use crate::day::batches::Batches;
use crate::day::breaks::OpenBreakRows;
use crate::day::forward::ForwardRow;
use crate::day::identify::{Identified, judge, row_handle};
use crate::day::intake::{FORWARD_FILE, InputBlock};
use crate::day::matching::MatchedDay;
use crate::day::pool::{Origin, part_bits};
use crate::day::residual::Later;
use crate::day::spill::aside::{LegSide, Outlines, Side, Spill};
use crate::day::spill::batched::Batched;
use crate::day::spill::ids::{self, SideOutlines};
use crate::day::spill::kept::Kept;
use crate::day::spill::lines::{Cuts, SpilledLines};
use crate::day::spill::range::Numbers;
use crate::day::spill::ranges::{Driver, FoundLeg};
use crate::day::state::OpenRow;
use crate::entries::block::{EntryBlock, RowRef};
use crate::findings::Stop;
use crate::matching::class::OtherSide;
use crate::matching::exact::FeeAgrees;
use crate::matching::identity::{IdOrder, order_by_id};
use crate::matching::met::Met;
use crate::settling::Context;
use crate::terms::date::Date;

/// Full rows at some origins; the rows brought forward are given beside.
pub type FetchAside<'a> = &'a (dyn Fn(&[ForwardRow], &[Origin]) -> Result<Vec<OpenRow>, Stop> + Sync);

/// What a day is matched and settled by.
pub struct DriveInputs<'a> {
    /// Where its entries lie.
    pub spill: &'a Spill,
    /// Settings.
    pub settings: &'a Settings,
    /// Index of the platform↔bank leg.
    pub bank_leg: usize,
    /// The day being closed.
    pub business_date: Date,
    /// What settling needs to know.
    pub context: &'a Context<'a>,
    /// See [`FeeAgrees`].
    pub fee_agrees: FeeAgrees<'a>,
    /// True when some fee plan returns fees on refund, so that payments of today may be asked for by id (R16).
    pub fees_return: bool,
    /// Channel names by code.
    pub channel_names: &'a [String],
    /// Full rows.
    pub fetch: FetchAside<'a>,
}

/// Matches and settles. `blocks` are those brought forward, then those of today, whose entries lie aside.
///
/// # Errors
/// 64 when the bound is too low for the day; what fetching, settling and the work folder report.
pub fn run(
    inputs: &DriveInputs<'_>,
    forward_rows: Vec<ForwardRow>,
    mut blocks: Vec<InputBlock>,
) -> Result<MatchedDay, Stop> {
    let legs = inputs.settings.legs.len();
    let forward_blocks = blocks.partition_point(|block| block.file == FORWARD_FILE);
    let mut forward: Vec<[Vec<EntryBlock>; 2]> = vec![[Vec::new(), Vec::new()]; legs];
    for block in &mut blocks[..forward_blocks] {
        let mut left = std::mem::take(&mut block.left).into_iter();
        let mut right = std::mem::take(&mut block.right).into_iter();
        for sides in &mut forward {
            sides[0].push(left.next().unwrap_or_default());
            sides[1].push(right.next().unwrap_or_default());
        }
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
    let side_of = |at: LegSide| SideOutlines {
        forward: &forward[at.0][at.1 as usize],
        outlines: outlines.iter().filter_map(|outlines| outlines.of(at)).collect(),
    };
    let rows: Vec<[usize; 2]> = (0..legs)
        .map(|leg| Side::BOTH.map(|side| side_of((leg, side)).rows()))
        .collect();
    let largest_side_rows = rows.iter().flatten().copied().max().unwrap_or(0);
    let part_bits = part_bits(largest_side_rows);
    let day = Day {
        bank_leg: inputs.bank_leg,
        forward_rows: &forward_rows,
        forward: &forward,
        blocks: &blocks,
    };
    let every_row = (inputs.bank_leg, Side::Left);
    let identify = |side: LegSide| -> Result<Identified, Stop> {
        let shared = ids::shared(inputs.spill, side, &side_of(side), &numbers)?;
        day.identify(inputs, side, shared)
    };
    let left = identify(every_row)?;
    let mut right = Vec::new();
    for (leg, named) in inputs.settings.legs.iter().enumerate() {
        right.push(match named.kind {
            LegKind::ChannelBank => Identified::default(),
            LegKind::PlatformBank | LegKind::PlatformChannel => identify((leg, Side::Right))?,
        });
    }
    let samples = side_of(every_row)
        .outlines
        .into_iter()
        .flat_map(|outline| outline.samples.iter().cloned());
    let cuts = Cuts::new(samples.collect(), rows[inputs.bank_leg][0], part_bits);
    drop(outlines);
    let shelf = inputs.spill.new_shelf("lines")?;
    let (found, batches) = {
        let excluded: Vec<&FxHashSet<u64>> = right.iter().map(|found| &found.excluded).collect();
        let batched = Batched::find(inputs, &day, &numbers, &excluded, &rows)?;
        let driver = Driver::new(
            inputs,
            &day,
            &numbers,
            (&left.excluded, &right),
            (&rows, part_bits),
            (&cuts, &shelf),
            batched,
        )?;
        let found = driver.all()?;
        (found, driver.batches())
    };
    let lines = SpilledLines::new(shelf, cuts, legs, &found.lines);
    let (mut of_legs, mut kept, mut settled) = (Vec::new(), Vec::new(), Vec::new());
    for leg in found.legs {
        kept.push(leg.kept);
        settled.push(leg.settling.finish(inputs.context));
        of_legs.push(leg.found);
    }
    let kept = Kept::new(inputs.spill, forward_rows, forward, blocks, kept)?;
    let agreed = agreed(inputs, &kept, (left, right), &of_legs)?;
    let mut pool = kept.pool;
    pool.largest_side_rows = largest_side_rows;
    pool.rows_of_day = Some(rows);
    Ok(MatchedDay {
        pool,
        agreed,
        settled_aside: settled,
        batches_aside: batches,
        lines_aside: Some(lines),
    })
}

/// The matching stage's result, as rows of the pool.
fn agreed(
    inputs: &DriveInputs<'_>,
    kept: &Kept,
    (left, right): (Identified, Vec<Identified>),
    found: &[FoundLeg],
) -> Result<Agreed, Stop> {
    let every_row = (inputs.bank_leg, Side::Left);
    let mut agreed = Agreed {
        left: Identified {
            order: order_by_id(&kept.pool.left[inputs.bank_leg]),
            ..translated(kept, every_row, &left)?
        },
        right: Vec::new(),
        legs: Vec::new(),
        open: Vec::new(),
        later: Later::default(),
        passes: FxHashMap::default(),
        batches: Batches::default(),
    };
    for (leg, named) in inputs.settings.legs.iter().enumerate() {
        let (lefts, rights) = ((leg, Side::Left), (leg, Side::Right));
        let other = match named.kind {
            LegKind::ChannelBank => {
                agreed.right.push(Identified::default());
                agreed.legs.push(LegResult {
                    met: Met::new(&kept.pool.left[inputs.bank_leg]),
                    ..LegResult::default()
                });
                continue;
            }
            LegKind::PlatformBank => OtherSide::Bank,
            LegKind::PlatformChannel => OtherSide::Channel,
        };
        let of_leg = &found[leg];
        for b in &of_leg.breaks {
            agreed.open.push(OpenBreakRows {
                leg: named.name.clone(),
                class: b.class.name(other),
                left: kept.name(lefts, b.left)?,
                right: kept.name(rights, b.right)?,
                was_duplicate: (b.left_was_duplicate, b.right_was_duplicate),
            });
        }
        let ids = translated(kept, rights, &right[leg])?;
        for row in &ids.conflicts {
            let ordinal = kept.pool.right[leg][row.block()].ordinal(row.position());
            let name = Some((row.block(), ordinal));
            let was_duplicate = was_duplicate(&kept.pool, &kept.pool.right[leg], *row, leg);
            agreed.open.push(conflict(&named.name, None, name, was_duplicate));
        }
        let mut reversals = Vec::new();
        for (original, reversal) in &of_leg.reversals {
            reversals.push((kept.row(rights, *original)?, kept.row(rights, *reversal)?));
        }
        agreed.right.push(ids);
        agreed.legs.push(LegResult {
            met: kept.met(leg, &of_leg.pairs)?,
            left_no_money: kept.rows(lefts, &of_leg.left_no_money)?,
            right_no_money: kept.rows(rights, &of_leg.right_no_money)?,
            reversals,
        });
    }
    list_conflicts(&kept.pool, inputs.settings, inputs.bank_leg, &mut agreed);
    Ok(agreed)
}

/// What the ids of a side told, as rows of the pool; without their order.
fn translated(kept: &Kept, side: LegSide, found: &Identified) -> Result<Identified, Stop> {
    let mut mine = Identified {
        duplicates: kept.rows(side, &found.duplicates)?,
        conflicts: kept.rows(side, &found.conflicts)?,
        replaced: kept.rows(side, &found.replaced)?,
        twice_in_file: found.twice_in_file.clone(),
        ..Identified::default()
    };
    let lists = [&found.duplicates, &found.conflicts, &found.replaced];
    for row in lists.into_iter().flatten() {
        let name = kept.name(side, *row)?;
        mine.excluded
            .extend(name.map(|(block, ordinal)| row_handle(block, ordinal)));
    }
    Ok(mine)
}

/// The day's blocks, without the entries that lie aside.
pub struct Day<'a> {
    bank_leg: usize,
    forward_rows: &'a [ForwardRow],
    forward: &'a [[Vec<EntryBlock>; 2]],
    /// All blocks, by number.
    pub blocks: &'a [InputBlock],
}

impl Day<'_> {
    /// Blocks brought forward.
    pub fn forward(&self, (leg, side): LegSide) -> &[EntryBlock] {
        &self.forward[leg][side as usize]
    }

    /// Number of platform rows of a block that lies aside.
    pub fn platform_rows(&self, number: usize) -> usize {
        let outlines = self.blocks[number].spilled.as_ref();
        let outline = outlines.and_then(|outlines| outlines.of((self.bank_leg, Side::Left)));
        outline.map_or(0, |outline| outline.rows)
    }

    /// Ordinal of a row in its block.
    pub fn ordinal(&self, side: LegSide, row: RowRef) -> u32 {
        match self.forward(side).get(row.block()) {
            Some(block) => block.ordinal(row.position()),
            // Rows that lie aside are named by their ordinals.
            None => row.position() as u32,
        }
    }

    /// The name of a row.
    pub fn name(&self, side: LegSide, row: RowRef) -> u64 {
        row_handle(row.block(), self.ordinal(side, row))
    }

    fn identify(
        &self,
        inputs: &DriveInputs<'_>,
        side: LegSide,
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
    pub fn reversal_ids(&self) -> FxHashSet<Vec<u8>> {
        let mut ids = FxHashSet::default();
        for (number, block) in self.blocks.iter().enumerate() {
            if self.platform_rows(number) == 0 {
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
    pub fn original_ids(&self, fees_return: bool) -> FxHashSet<Vec<u8>> {
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
