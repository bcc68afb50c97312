//! Legs between channel and bank: settlement batches (R26), and the rows that are followed through them.
//!
//! In: the rows of channels' bills by batch_ref, the bank entries that name a batch, and what the legs between platform and
//! channel matched, today and before. Out: a platform row whose bill row's batch is at the bank has met that batch's entry
//! ([`crate::matching::met::Met`] of the leg, over the platform↔bank leg's rows), so that from settling on it is a row like
//! any other; a line for every batch and entry that does not agree; and the bill rows that are half-way.
//!
//! A bill row has two ways to go, to the platform and to the bank, in either order and on different days. One that has gone
//! the first waits for the bank together with its platform row (A1, A2). One that has gone the second alone is money at the
//! bank without an owner (B1, B2).
//!
//! A batch's own rows are the only thing that decides a fit ([`crate::matching::batches`]); that an agreed pair of platform
//! and bill is taken back happens where one of its rows comes again with other content (R19).
//!
//! Batches are judged first and applied last: in between people have a word ([`decided`], R24), on rows between platform and
//! bill as well as on whole batches.

mod apply;
pub mod decided;
mod judging;
mod rows;

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::book::settings::{LegKind, Settings};
use crate::checks::Totals;
use crate::day::agree::Agreed;
use crate::day::batches::rows::{Brought, partners};
use crate::day::breaks::{OpenBreakRows, RowName};
use crate::day::figures::{AccountEvent, AccountEventKind};
use crate::day::identify::Identified;
use crate::day::matching::MatchedDay;
use crate::day::pool::Pool;
use crate::day::state::Chained;
use crate::entries::block::{EntryBlock, Record, RowRef};
use crate::entries::key::Key;
use crate::matching::batches::{Batch, Found};
use crate::matching::class::Class;
use crate::matching::group::Member;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Action, Direction};

pub use crate::day::batches::rows::bill_identity;

/// What the legs between channel and bank came to. Empty in a book without any.
#[derive(Debug, Default)]
pub struct Batches {
    /// Batches and entries that do not agree, by leg and reference.
    pub open: Vec<OpenBatch>,
    /// Bill rows that wait for the bank, with the platform rows that wait with them.
    pub waiting: Vec<(RowName, RowName)>,
    /// Bill rows whose money is at the bank and whose platform row is not agreed.
    pub at_bank: BTreeMap<RowName, AtBank>,
    /// Platform rows whose match with their bill, on a leg, does not stand any more (R19).
    pub taken_back: Vec<(RowName, usize)>,
    /// Bill rows that have gone both ways, the second today.
    pub completed: BTreeMap<Currency, Totals>,
    /// Entries that pay a batch, as rows of the platform↔bank leg's other side.
    pub entries: Vec<RowRef>,
    /// Platform rows agreed today whose batch an earlier close found at the bank.
    pub paid_before: FxHashMap<RowRef, AtBank>,
    /// What channels kept of the batches paid today (R26), and what people gave or took of them (R24).
    pub events: Vec<AccountEvent>,
    /// What accepted pairs of platform and bill leave where an earlier close found the batch at the bank (R24).
    pub late_events: Vec<AccountEvent>,
    /// True for the channels, by code, whose rows reach the bank in batches.
    pub channels: Vec<bool>,
    /// What was matched, in words: one line a leg.
    pub notes: Vec<String>,
}

/// Where the money of a bill row lies.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AtBank {
    /// Name of the leg.
    pub leg: String,
    /// Index of the account.
    pub account: usize,
    /// The entry of its batch.
    pub entry_id: String,
    /// Its batch.
    pub batch_ref: String,
    /// True when the batch was paid today.
    pub since_today: bool,
}

/// What paid batches come to on one account, signed as the account sees it, minor units: three sums on paths of their own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BatchSums {
    /// Entries that paid a batch today.
    pub entries_minor: i128,
    /// Platform rows that met such an entry, and bill rows in those batches whose platform row is not agreed.
    pub rows_minor: i128,
    /// What own money gained by it.
    pub kept_minor: i128,
}

/// Adds up what was matched today, by account.
pub fn sums(matched: &MatchedDay, settings: &Settings, bank_leg: usize) -> BTreeMap<usize, BatchSums> {
    let MatchedDay { pool, agreed, .. } = matched;
    let mut sums: BTreeMap<usize, BatchSums> = BTreeMap::new();
    for (named, settled) in settings.legs.iter().zip(&matched.settled_aside) {
        if named.kind == LegKind::ChannelBank {
            for agreed in &settled.agreed {
                let rows_minor = agreed.credit_minor - agreed.debit_minor;
                sums.entry(agreed.account).or_default().rows_minor += rows_minor;
            }
        }
    }
    for row in &agreed.batches.entries {
        let block = &pool.right[bank_leg][row.block()];
        let account = block.owner(row.position()) as usize;
        sums.entry(account).or_default().entries_minor += signed_minor(block, row.position());
    }
    for (leg, named) in settings.legs.iter().enumerate() {
        match named.kind {
            LegKind::ChannelBank => {
                for (row, met) in agreed.legs[leg].met.pairs() {
                    if met.right() != RowRef::NONE {
                        let block = &pool.left[bank_leg][row.block()];
                        sums.entry(met.account() as usize).or_default().rows_minor +=
                            signed_minor(block, row.position());
                    }
                }
            }
            LegKind::PlatformChannel => {
                for (name, at_bank) in agreed.batches.at_bank.iter().filter(|(_, row)| row.since_today) {
                    let block = &pool.right[leg][name.0];
                    if let Some(position) = block.position_of(name.1) {
                        sums.entry(at_bank.account).or_default().rows_minor += signed_minor(block, position);
                    }
                }
            }
            LegKind::PlatformBank => {}
        }
    }
    for event in &agreed.batches.events {
        if let AccountEventKind::Residual { direction, .. } | AccountEventKind::Adjusted { direction, .. } =
            &event.kind
        {
            let amount = i128::from(event.amount_minor);
            sums.entry(event.account).or_default().kept_minor += match direction {
                Direction::Credit => amount,
                Direction::Debit => -amount,
            };
        }
    }
    sums
}

/// A line of breaks.csv between channel and bank, and the rows that wait in it.
#[derive(Clone, Debug)]
pub struct OpenBatch {
    /// Leg name.
    pub leg: String,
    /// Class name.
    pub class: &'static str,
    /// batch_ref; empty for a bill row without one.
    pub reference: String,
    /// Reference of a bill row without a batch, which its line shows as entry_id.
    pub row_without_batch: String,
    /// Currency.
    pub currency: Currency,
    /// Rows of the channel's bill, in no order that means anything.
    pub bill: Vec<RowName>,
    /// The entry.
    pub entry: Option<RowName>,
    /// The reference has or once had two or more entries of its direction (R5).
    pub entry_was_duplicate: bool,
    /// Σ C − Σ D of the bill's rows, minor units.
    pub batch_minor: Option<i128>,
    /// The entry as its account sees it, minor units.
    pub bank_minor: Option<i128>,
    /// What was compared, in words.
    pub compared: String,
}

/// What batches are matched with.
pub struct BatchContext<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// Channel names by code.
    pub channel_names: &'a [String],
    /// Bill rows that are half-way, as the close before left them.
    pub chained: &'a [Chained],
    /// D.
    pub business_date: Date,
    /// Index of the platform↔bank leg.
    pub bank_leg: usize,
    /// Batches some or all of whose rows lie aside.
    pub aside: &'a [AsideBatch],
}

/// A batch some or all of whose rows are not in the pool: what all of them come to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AsideBatch {
    /// Index of its leg.
    pub leg: usize,
    /// batch_ref.
    pub reference: Vec<u8>,
    /// Currency.
    pub currency: Currency,
    /// Rows.
    pub rows: u64,
    /// Σ C − Σ D, minor units.
    pub gross_minor: i128,
    /// What the bill charges for them, less what it gives back, minor units.
    pub fee_minor: i128,
    /// Account and id of the entry that pays it, once that is known.
    pub paid_by: Option<(u32, Vec<u8>)>,
}

impl AsideBatch {
    fn key(&self) -> BatchKey<'_> {
        (Key::of(&self.reference), self.leg, self.currency)
    }
}

/// batch_ref, leg and currency.
type BatchKey<'a> = (Key<'a>, usize, Currency);

/// The batches, all of whose rows lie aside, that fit an entry together with all else that bears their reference. Such are paid
/// whatever people decide about others, and whatever entries close each other. `pool` has the entries that name a batch.
pub fn paid_alone(pool: &Pool, context: &BatchContext<'_>) -> Vec<AsideBatch> {
    let Some(first_leg) = context.settings.first_batch_leg() else {
        return Vec::new();
    };
    let run = Run {
        pool,
        context,
        first_leg,
        partners: Partners::new(),
        brought: Brought::default(),
        ways: ways(context.settings, context.channel_names),
        done: Batches::default(),
    };
    let nobody: Vec<Identified> = pool.left.iter().map(|_| Identified::default()).collect();
    let mut judging = Judging::new(run, &nobody);
    judging.judge_all();
    let broken: BTreeSet<Key<'_>> = judging.lines.iter().map(|line| line.reference).collect();
    let known: BTreeMap<BatchKey<'_>, &AsideBatch> =
        context.aside.iter().map(|batch| (batch.key(), batch)).collect();
    let paid = judging.fits.iter().filter_map(|fitted| {
        let batch = *known.get(&judging.batches[fitted.batch].key())?;
        (!broken.contains(&Key::of(&batch.reference))).then(|| AsideBatch {
            paid_by: Some(judging.run.payer(fitted.entry)),
            ..batch.clone()
        })
    });
    paid.collect()
}

/// The batches of a day, judged and not applied yet: people may still decide about them.
pub struct Judging<'a> {
    run: Run<'a>,
    /// By reference, leg and currency; bill rows without a batch come last, by leg, reference and currency.
    batches: Vec<Rows<'a>>,
    entries: BTreeMap<Key<'a>, Vec<Member<'a>>>,
    /// Entries that are no batch's any longer: they close each other (R14), or people decided about them.
    closed: FxHashSet<RowRef>,
    /// Batches that people decided about.
    decided: BTreeSet<usize>,
    fits: Vec<Fitted>,
    lines: Vec<Line<'a>>,
    events: Vec<AccountEvent>,
}

/// A batch that is at the bank.
struct Fitted {
    batch: usize,
    entry: RowRef,
    /// What people decided where it fits by their word.
    by_hand: Option<ByHandFit>,
}

/// A batch and an entry that people say are each other's.
struct ByHandFit {
    action: Action,
    /// True where their difference was booked with the adjustment.
    is_booked: bool,
}

/// What does not agree: a line of breaks.csv to be.
struct Line<'a> {
    leg: usize,
    reference: Key<'a>,
    class: Class,
    batch: Option<usize>,
    entry: Option<RowRef>,
    entry_was_duplicate: bool,
    /// True where the entries fit batches of several legs.
    is_doubtful: bool,
    /// True where a bill has the reference.
    has_batch: bool,
    /// As breaks.csv shows it (R30).
    break_id: String,
}

/// Judges the batches of all legs between channel and bank; `None` in a book without such legs.
pub fn judge<'a>(pool: &'a Pool, agreed: &mut Agreed, context: &'a BatchContext<'a>) -> Option<Judging<'a>> {
    let first_leg = context.settings.first_batch_leg()?;
    let ways = ways(context.settings, context.channel_names);
    let run = Run {
        pool,
        context,
        first_leg,
        partners: partners(pool, agreed, context, &ways),
        brought: Brought::new(pool, context),
        ways,
        done: Batches::default(),
    };
    let mut judging = Judging::new(run, &agreed.right);
    judging.run.take_back(agreed);
    judging.run.bring_links(agreed);
    judging.judge_all();
    let undone = judging.reverse(agreed);
    if !undone.is_empty() {
        let run = &judging.run;
        for (original, reversal) in &undone {
            judging.closed.extend([*original, *reversal]);
        }
        let closed = &judging.closed;
        let is_closed = |rows: &OpenBreakRows| {
            let right = rows.right.filter(|_| rows.left.is_none());
            right.is_some_and(|name| run.bank_row(name).is_some_and(|row| closed.contains(&row)))
        };
        let bank_leg = &context.settings.legs[context.bank_leg].name;
        agreed
            .open
            .retain(|rows| rows.leg != *bank_leg || !is_closed(rows));
        agreed.legs[context.bank_leg].reversals.extend(undone);
        judging.judge_all();
    }
    Some(judging)
}

/// The legs that a channel's rows go through.
#[derive(Clone, Copy, Debug)]
pub struct Way {
    /// Platform↔channel.
    pub bill: usize,
    /// Channel↔bank.
    pub batch: usize,
}

/// The ways of channels by code: of those whose rows reach the bank in batches.
pub fn ways(settings: &Settings, channel_names: &[String]) -> Vec<Option<Way>> {
    let way = |name: &String| {
        let (batch, bill) = (settings.batch_leg(name)?, settings.bill_leg(name)?);
        Some(Way { bill, batch })
    };
    channel_names.iter().map(way).collect()
}

/// Platform row that each bill row has met, by block and ordinal; [`RowRef::NONE`] where none.
type Partners = Vec<Vec<RowRef>>;

/// The rows of one batch.
struct Rows<'a> {
    leg: usize,
    batch: Batch<'a>,
    /// Rows of the leg's left side.
    rows: Vec<RowRef>,
    /// Reference of bill rows that name no batch.
    row_without_batch: Option<String>,
}

impl<'a> Rows<'a> {
    fn key(&self) -> BatchKey<'a> {
        (self.batch.reference, self.leg, self.batch.currency)
    }
}

/// What one batch_ref came to: the leg it was judged on.
struct Judged<'a> {
    leg: usize,
    reference: Key<'a>,
    found: Found,
    /// True where the entries fit batches of several legs.
    is_doubtful: bool,
    /// True where a bill has the reference.
    has_batch: bool,
}

/// The entries of a batch_ref.
struct Handed<'a> {
    /// By leg that has a batch of it, or by the first leg where none has.
    legs: BTreeMap<usize, Vec<Member<'a>>>,
    /// Those that fit batches of several legs.
    doubtful: Vec<Member<'a>>,
}

struct Run<'a> {
    pool: &'a Pool,
    context: &'a BatchContext<'a>,
    first_leg: usize,
    ways: Vec<Option<Way>>,
    partners: Partners,
    brought: Brought<'a>,
    done: Batches,
}

/// A row as its account sees it: money out is negative. Minor units.
fn signed_minor(block: &EntryBlock, position: usize) -> i128 {
    match block.meta(position).direction() {
        Direction::Credit => i128::from(block.amount_minor(position)),
        Direction::Debit => -i128::from(block.amount_minor(position)),
    }
}

/// As [`signed_minor`], of an entry.
fn entry_minor(entry: Record<'_>) -> i128 {
    match entry.meta().direction() {
        Direction::Credit => i128::from(entry.amount_minor()),
        Direction::Debit => -i128::from(entry.amount_minor()),
    }
}
