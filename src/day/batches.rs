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

pub mod decided;

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::book::passes::{BatchAmounts, CHANNEL_FEES, Pass};
use crate::book::settings::{LegKind, Settings};
use crate::checks::Totals;
use crate::day::adjust::{ByHand, WRITE_OFFS};
use crate::day::agree::{Agreed, name_of};
use crate::day::breaks::{OpenBreakRows, RowName, lump_part};
use crate::day::figures::{AccountEvent, AccountEventKind};
use crate::day::identify::{Identified, row_handle};
use crate::day::intake::FORWARD_FILE;
use crate::day::matching::MatchedDay;
use crate::day::pool::{Origin, Pool};
use crate::day::reversals::reversals_among;
use crate::day::state::{Chained, OpenRow, OpenSide};
use crate::entries::block::{BUCKET_BITS, EntryBlock, Record, RowRef};
use crate::entries::key::Key;
use crate::findings::{Finding, Stop, StopCode};
use crate::matching::batches::{Batch, Found, class_name, fits, resolve_reference};
use crate::matching::class::{Class, OtherSide};
use crate::matching::group::{Member, Pair, Rules};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::digest::{break_id, key_hash};
use crate::terms::kinds::{Action, Direction, TxnType};
use crate::terms::money::{format_minor, narrow};

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
        brought: Brought {
            rows: Vec::new(),
            platform: FxHashMap::default(),
        },
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

/// What today's matches between platform and bill say.
fn partners(pool: &Pool, agreed: &Agreed, context: &BatchContext<'_>, ways: &[Option<Way>]) -> Partners {
    let mut partners: Partners = pool
        .left
        .iter()
        .enumerate()
        .filter(|(leg, _)| context.settings.legs[*leg].kind == LegKind::ChannelBank)
        .map(|(_, blocks)| blocks)
        .chain(
            pool.right
                .iter()
                .enumerate()
                .filter(|(leg, _)| context.settings.legs[*leg].kind == LegKind::PlatformChannel)
                .map(|(_, blocks)| blocks),
        )
        .fold(vec![Vec::new(); pool.file.len()], |mut all: Partners, blocks| {
            for (rows, block) in all.iter_mut().zip(blocks) {
                let end = block.ordinals_end().max(rows.len());
                rows.resize(end, RowRef::NONE);
            }
            all
        });
    let bills: FxHashSet<usize> = ways.iter().flatten().map(|way| way.bill).collect();
    let every_row = &pool.left[context.bank_leg];
    for (leg, result) in agreed
        .legs
        .iter()
        .enumerate()
        .filter(|(leg, _)| bills.contains(leg))
    {
        for (row, meeting) in result.met.pairs() {
            let right = &pool.right[leg][meeting.right().block()];
            let channel = usize::from(right.meta(meeting.right().position()).channel());
            if ways.get(channel).copied().flatten().is_none() {
                continue;
            }
            let ordinal = pool.left[leg][row.block()].ordinal(row.position());
            if let Some(position) = every_row[row.block()].position_of(ordinal) {
                let bill_ordinal = right.ordinal(meeting.right().position());
                partners[meeting.right().block()][bill_ordinal as usize] = RowRef::new(row.block(), position);
            }
        }
    }
    partners
}

/// Bill rows brought forward half-way, found again in the pool.
struct Brought<'a> {
    /// Bill row, and what is known of it.
    rows: Vec<(RowName, &'a Chained)>,
    /// Platform rows brought forward, by txn_id.
    platform: FxHashMap<&'a str, RowName>,
}

impl<'a> Brought<'a> {
    fn new(pool: &'a Pool, context: &BatchContext<'a>) -> Brought<'a> {
        let mut brought = Brought {
            rows: Vec::new(),
            platform: FxHashMap::default(),
        };
        if context.chained.is_empty() {
            return brought;
        }
        let known: FxHashMap<_, &'a Chained> =
            context.chained.iter().map(|row| (row.identity(), row)).collect();
        // Of rows in doubt that share an identity (R19) the one that came first is half-way: the later one was in no batch.
        let mut first: FxHashMap<_, (RowName, &'a Chained, Date)> = FxHashMap::default();
        for (block, _) in pool
            .file
            .iter()
            .enumerate()
            .filter(|(_, file)| **file == FORWARD_FILE)
        {
            for ordinal in 0..pool.places[block].len() as u32 {
                let Origin::Forward(index) = pool.origin(block, ordinal) else {
                    continue;
                };
                let item = &pool.forward[index].item;
                match item.side {
                    OpenSide::Channel => {
                        let identity = bill_identity(&item.row);
                        if let Some(chained) = known.get(&identity) {
                            let here = ((block, ordinal), *chained, item.first_seen);
                            let kept = first.entry(identity).or_insert(here);
                            if here.2 < kept.2 {
                                *kept = here;
                            }
                        }
                    }
                    OpenSide::Platform => {
                        brought.platform.insert(item.row.id.as_str(), (block, ordinal));
                    }
                    OpenSide::Bank => {}
                }
            }
        }
        brought.rows = first
            .into_values()
            .map(|(name, chained, _)| (name, chained))
            .collect();
        brought.rows.sort_unstable_by_key(|(name, _)| *name);
        brought
    }
}

/// What makes two bill rows the same (R19).
pub fn bill_identity(row: &OpenRow) -> (&str, &str, &str, &str) {
    (
        &row.channel,
        &row.id,
        row.txn_type.map_or("", TxnType::name),
        &row.refund_ref,
    )
}

impl<'a> Run<'a> {
    fn way_of(&self, block: &EntryBlock, position: usize) -> Option<Way> {
        let channel = usize::from(block.meta(position).channel());
        self.ways.get(channel).copied().flatten()
    }

    /// Account and id of an entry.
    fn payer(&self, entry: RowRef) -> (u32, Vec<u8>) {
        let record = self.pool.right[self.first_leg][entry.block()].record(entry.position());
        (record.owner(), record.id().to_vec())
    }

    /// A row of the platform↔bank leg's other side, which holds every entry.
    fn bank_row(&self, name: RowName) -> Option<RowRef> {
        let block = &self.pool.right[self.context.bank_leg][name.0];
        Some(RowRef::new(name.0, block.position_of(name.1)?))
    }

    /// The leg between channel and bank on which an entry of an earlier close stood; `None` for one of today, and where only fits are
    /// asked for ([`paid_alone`]), which has no places.
    fn stood_on(&self, entry: RowRef) -> Option<usize> {
        self.pool.places.get(entry.block())?;
        let Origin::Forward(index) = self.pool.origin_of(&self.pool.right[self.first_leg], entry) else {
            return None;
        };
        let legs = self.pool.forward[index].open_legs & self.context.settings.batch_legs();
        (legs != 0).then(|| legs.trailing_zeros() as usize)
    }

    /// The leg of bills that a bill row brought forward belongs to.
    fn bill_leg_of(&self, name: RowName) -> Option<usize> {
        let legs = &self.context.settings.legs;
        (0..legs.len()).find(|leg| {
            legs[*leg].kind == LegKind::PlatformChannel
                && self.pool.right[*leg][name.0].position_of(name.1).is_some()
        })
    }

    /// An earlier match of platform and bill does not stand where one of its rows came again with other content: none of
    /// the two is believed (R19), and the other is open again.
    fn take_back(&mut self, agreed: &mut Agreed) {
        let legs = &self.context.settings.legs;
        for (bill, chained) in &self.brought.rows {
            let Some(leg) = self.bill_leg_of(*bill).filter(|_| !chained.txn_id.is_empty()) else {
                continue;
            };
            let bill_stands = !agreed.right[leg].excluded.contains(&row_handle(bill.0, bill.1));
            let row = self.brought.platform.get(chained.txn_id.as_str()).copied();
            let row_stands =
                row.is_some_and(|name| !agreed.left.excluded.contains(&row_handle(name.0, name.1)));
            let alone = |class: Class, left, right| OpenBreakRows {
                leg: legs[leg].name.clone(),
                class: class.name(OtherSide::Channel),
                left,
                right,
                was_duplicate: (false, false),
            };
            if !(row_stands && bill_stands) {
                self.done.taken_back.extend(row.map(|name| (name, leg)));
            }
            match (row_stands, bill_stands) {
                (true, false) => agreed.open.push(alone(Class::MissingAtOther, row, None)),
                (false, true) => agreed
                    .open
                    .push(alone(Class::MissingAtPlatform, None, Some(*bill))),
                _ => {}
            }
        }
    }

    /// Takes up the matches of earlier closes that still stand.
    fn bring_links(&mut self, agreed: &Agreed) {
        let every_row = &self.pool.left[self.context.bank_leg];
        for (bill, chained) in &self.brought.rows {
            let Some(leg) = self.bill_leg_of(*bill).filter(|_| !chained.txn_id.is_empty()) else {
                continue;
            };
            let Some(row) = self.brought.platform.get(chained.txn_id.as_str()) else {
                continue;
            };
            let stands = !agreed.right[leg].excluded.contains(&row_handle(bill.0, bill.1))
                && !agreed.left.excluded.contains(&row_handle(row.0, row.1));
            if let Some(position) = every_row[row.0].position_of(row.1).filter(|_| stands) {
                self.partners[bill.0][bill.1 as usize] = RowRef::new(row.0, position);
            }
        }
    }

    /// The batches of all legs, by reference, leg and currency. Bill rows that name none stand behind them, by their own
    /// reference: nothing at the bank can be theirs.
    fn batches(&self, right: &[Identified]) -> Vec<Rows<'a>> {
        let aside = self.context.aside.iter().map(|batch| (batch.key(), batch));
        let aside: BTreeMap<BatchKey<'a>, &'a AsideBatch> = aside.collect();
        let mut batches: BTreeMap<BatchKey<'a>, Vec<RowRef>> =
            aside.keys().map(|key| (*key, Vec::new())).collect();
        let mut without: BTreeMap<(usize, Vec<u8>, Currency), Vec<RowRef>> = BTreeMap::new();
        let legs = &self.context.settings.legs;
        let pool = self.pool;
        let paid: FxHashSet<RowName> = self.paid_rows().map(|(name, _)| name).collect();
        for (leg, _) in legs
            .iter()
            .enumerate()
            .filter(|(_, leg)| leg.kind == LegKind::ChannelBank)
        {
            for (number, block) in pool.left[leg].iter().enumerate() {
                for position in 0..block.len() {
                    let Some(way) = self.way_of(block, position) else {
                        continue;
                    };
                    let (meta, record) = (block.meta(position), block.record(position));
                    let ordinal = block.ordinal(position);
                    let is_excluded = right[way.bill].excluded.contains(&row_handle(number, ordinal));
                    if !meta.is_success() || is_excluded || paid.contains(&(number, ordinal)) {
                        continue;
                    }
                    let rows = match record.key() {
                        key if key.is_empty() => without
                            .entry((leg, record.id().to_vec(), meta.currency()))
                            .or_default(),
                        key => batches.entry((key, leg, meta.currency())).or_default(),
                    };
                    rows.push(RowRef::new(number, position));
                }
            }
        }
        let named = batches.into_iter().map(|(key, rows)| {
            let (reference, leg, currency) = key;
            let batch = match aside.get(&key) {
                None => self.total(leg, reference, currency, &rows),
                Some(known) => Batch {
                    reference,
                    currency,
                    rows: known.rows,
                    gross_minor: known.gross_minor,
                    fee_minor: known.fee_minor,
                    // Of such a batch no row was brought forward.
                    first_seen: self.context.business_date,
                },
            };
            Rows {
                leg,
                batch,
                rows,
                row_without_batch: None,
            }
        });
        let unnamed = without.into_iter().map(|((leg, id, currency), rows)| Rows {
            leg,
            batch: self.total(leg, Key::NONE, currency, &rows),
            rows,
            row_without_batch: Some(String::from_utf8_lossy(&id).into_owned()),
        });
        named.chain(unnamed).collect()
    }

    /// Adds up the rows of a batch.
    fn total(&self, leg: usize, reference: Key<'a>, currency: Currency, rows: &[RowRef]) -> Batch<'a> {
        let mut batch = Batch {
            reference,
            currency,
            rows: rows.len() as u64,
            gross_minor: 0,
            fee_minor: 0,
            first_seen: self.context.business_date,
        };
        for row in rows {
            let (block, position) = (&self.pool.left[leg][row.block()], row.position());
            let sign = match block.meta(position).direction() {
                Direction::Credit => 1,
                Direction::Debit => -1,
            };
            batch.gross_minor += sign * i128::from(block.amount_minor(position));
            batch.fee_minor += sign * i128::from(block.aux_minor(position));
            let first_seen = block.first_seen(position, self.context.business_date);
            batch.first_seen = batch.first_seen.min(first_seen);
        }
        batch
    }

    /// Bill rows that an earlier close found at the bank, without a platform row.
    fn paid_rows(&self) -> impl Iterator<Item = (RowName, &'a Chained)> + '_ {
        let rows = self.brought.rows.iter();
        rows.filter(|(_, chained)| chained.txn_id.is_empty())
            .map(|(name, chained)| (*name, *chained))
    }

    /// Names of rows of a leg's left side, in no order that means anything.
    fn names(&self, leg: usize, rows: &[RowRef]) -> Vec<RowName> {
        let side = &self.pool.left[leg];
        rows.iter().filter_map(|row| name_of(side, *row)).collect()
    }

    fn partner(&self, bill: RowName) -> RowRef {
        self.partners[bill.0]
            .get(bill.1 as usize)
            .copied()
            .unwrap_or(RowRef::NONE)
    }

    /// Platform rows wait with the bill rows that they met.
    fn wait(&mut self, bill: &[RowName]) {
        for name in bill {
            let row = self.partner(*name);
            if let Some(row) = name_of(&self.pool.left[self.context.bank_leg], row) {
                self.done.waiting.push((*name, row));
            }
        }
    }

    /// Entries that name a batch, by batch_ref.
    fn entries(&self, right: &[Identified]) -> BTreeMap<Key<'a>, Vec<Member<'a>>> {
        let excluded = &right[self.context.bank_leg].excluded;
        let mut entries: BTreeMap<Key<'a>, Vec<Member<'a>>> = BTreeMap::new();
        for (number, block) in self.pool.right[self.first_leg].iter().enumerate() {
            for position in 0..block.len() {
                if excluded.contains(&row_handle(number, block.ordinal(position))) {
                    continue;
                }
                let record = block.record(position);
                entries.entry(record.key()).or_default().push(Member {
                    row: RowRef::new(number, position),
                    id: record.id(),
                    account: record.owner(),
                    rank: 0,
                    amount_minor: record.amount_minor(),
                    meta: record.meta(),
                    first_seen: block.first_seen(position, self.context.business_date),
                    fee_agrees: true,
                });
            }
        }
        entries
    }

    fn amounts(&self, leg: usize) -> BatchAmounts {
        let passes = &self.context.settings.legs[leg].later;
        let amounts = passes.iter().find_map(|pass| match pass {
            Pass::Batch { amounts, .. } => Some(*amounts),
            _ => None,
        });
        amounts.unwrap_or(BatchAmounts::Either)
    }

    /// Hands the entries of a batch_ref to the legs that have a batch of it. Where several have one, an entry goes to the one
    /// that it fits; to none where it fits several, and where it fits none to the first.
    fn by_leg(&self, batches: &[Rows<'a>], numbers: &[usize], entries: Vec<Member<'a>>) -> Handed<'a> {
        let mut legs: BTreeMap<usize, Vec<Member<'a>>> = numbers
            .iter()
            .map(|number| (batches[*number].leg, Vec::new()))
            .collect();
        let first = legs.keys().next().copied().unwrap_or(self.first_leg);
        if legs.len() < 2 {
            if !entries.is_empty() || !legs.is_empty() {
                legs.insert(first, entries);
            }
            return Handed {
                legs,
                doubtful: Vec::new(),
            };
        }
        let mut doubtful = Vec::new();
        for entry in entries {
            let mut fitting: Vec<usize> = numbers
                .iter()
                .map(|number| &batches[*number])
                .filter(|rows| fits(&rows.batch, &entry, self.amounts(rows.leg)))
                .map(|rows| rows.leg)
                .collect();
            fitting.dedup();
            match fitting.as_slice() {
                [one] => legs.entry(*one).or_default().push(entry),
                [] => legs.entry(first).or_default().push(entry),
                _ => doubtful.push(entry),
            }
        }
        Handed { legs, doubtful }
    }

    /// A batch is at the bank. Gives what own money gains by it beyond what people decided, minor units.
    fn fit(
        &mut self,
        rows: &Rows<'a>,
        fitted: &Fitted,
        agreed: &mut Agreed,
        by_hand: &ByHand,
    ) -> Result<i128, Stop> {
        let leg = &self.context.settings.legs[rows.leg];
        let side = &self.pool.right[self.first_leg];
        let (block, position) = (&side[fitted.entry.block()], fitted.entry.position());
        let record = block.record(position);
        let bank_row = self
            .bank_row((fitted.entry.block(), block.ordinal(position)))
            .ok_or_else(|| Stop::invariant("a batch's entry is not among all entries"))?;
        let at_bank = AtBank {
            leg: leg.name.clone(),
            account: record.owner() as usize,
            entry_id: record.id().to_text(),
            // As the bank names it: people may say that it is another's.
            batch_ref: record.key().to_text(),
            since_today: true,
        };
        let is_booked = fitted.by_hand.as_ref().is_some_and(|fit| fit.is_booked);
        let residual_minor = match is_booked {
            true => 0,
            false => entry_minor(record) - rows.batch.gross_minor,
        };
        let ledger_account = leg.later.iter().find_map(Pass::ledger_account);
        let kept = residual(&at_bank, residual_minor, ledger_account.unwrap_or(CHANNEL_FEES))?;
        self.done.events.extend(kept);
        self.done.entries.push(bank_row);
        let mut left_over: BTreeMap<&str, i128> = BTreeMap::new();
        for row in &rows.rows {
            let block = &self.pool.left[rows.leg][row.block()];
            let name = (row.block(), block.ordinal(row.position()));
            // Its money went to own money with the adjustment.
            if by_hand.channel.contains(&name) {
                continue;
            }
            let platform_row = self.partner(name);
            if platform_row == RowRef::NONE {
                self.done.at_bank.insert(name, at_bank.clone());
                continue;
            }
            if let Some((account, minor)) = self.left_over(block, row.position(), platform_row) {
                *left_over.entry(account).or_default() += minor;
            }
            self.meet(rows.leg, platform_row, bank_row, &at_bank, agreed);
            self.complete(block, row.position());
            if let Some(fit) = &fitted.by_hand {
                let passes = agreed.passes.entry(rows.leg).or_default();
                passes.insert(platform_row, fit.action.name());
            }
        }
        for (account, minor) in left_over {
            self.done.events.extend(residual(&at_bank, minor, account)?);
        }
        Ok(residual_minor)
    }

    /// What a bill row has above its platform row, minor units, and the ledger account that takes it: nothing but where the leg of the
    /// bill tolerates so much, or people accepted the pair (R24).
    fn left_over(&self, bill: &EntryBlock, position: usize, platform_row: RowRef) -> Option<(&'a str, i128)> {
        let left = &self.pool.left[self.context.bank_leg][platform_row.block()];
        let minor = signed_minor(bill, position) - signed_minor(left, platform_row.position());
        if minor == 0 {
            return None;
        }
        let passes = self
            .way_of(bill, position)
            .map(|way| &self.context.settings.legs[way.bill].later);
        let tolerated = passes.into_iter().flatten().find_map(|pass| match pass {
            Pass::Tolerance {
                most_minor,
                currency,
                ledger_account,
                ..
            } if *currency == bill.meta(position).currency() && minor.abs() <= i128::from(*most_minor) => {
                Some(ledger_account.as_str())
            }
            _ => None,
        });
        Some((tolerated.unwrap_or(WRITE_OFFS), minor))
    }

    /// A platform row is agreed at the bank.
    fn meet(&self, leg: usize, left: RowRef, right: RowRef, at_bank: &AtBank, agreed: &Agreed) {
        let pair = Pair {
            left,
            right,
            account: at_bank.account as u32,
        };
        let hash = key_hash(at_bank.batch_ref.as_bytes());
        agreed.legs[leg]
            .met
            .set(pair, (hash >> (64 - BUCKET_BITS)) as usize, BUCKET_BITS);
    }

    fn complete(&mut self, block: &EntryBlock, position: usize) {
        let totals = self
            .done
            .completed
            .entry(block.meta(position).currency())
            .or_default();
        totals.rows += 1;
        totals.sum_minor += i128::from(block.amount_minor(position));
    }

    /// Bill rows that an earlier close found at the bank: agreed now where their platform row has come, else still B1 or B2;
    /// people may have closed them.
    fn paid_before(&mut self, agreed: &Agreed, by_hand: &ByHand) -> Result<(), Stop> {
        let settings = self.context.settings;
        let paid: Vec<(RowName, &Chained)> = self.paid_rows().collect();
        for (name, chained) in paid
            .into_iter()
            .filter(|(name, _)| !by_hand.channel.contains(name))
        {
            let Some(account) = settings.account_index(&chained.account) else {
                continue;
            };
            let at_bank = AtBank {
                leg: chained.leg.clone(),
                account,
                entry_id: chained.entry_id.clone(),
                batch_ref: chained.batch_ref.clone(),
                since_today: false,
            };
            let place = self.bill_leg_of(name).and_then(|leg| {
                let block = &self.pool.right[leg][name.0];
                Some((block, block.position_of(name.1)?))
            });
            let way = place.and_then(|(block, position)| self.way_of(block, position));
            let row = self.partner(name);
            match (place, way) {
                (Some((block, position)), Some(way)) if row != RowRef::NONE => {
                    if let Some((account, minor)) = self.left_over(block, position, row) {
                        let event = residual(&at_bank, minor, account)?;
                        self.done.late_events.extend(event);
                    }
                    self.meet(way.batch, row, RowRef::NONE, &at_bank, agreed);
                    self.complete(block, position);
                    self.done.paid_before.insert(row, at_bank);
                }
                _ => {
                    self.done.at_bank.insert(name, at_bank);
                }
            }
        }
        Ok(())
    }

    fn broken(&mut self, line: &Line<'a>, batches: &[Rows<'a>], is_first: bool) {
        let side = &self.pool.right[self.first_leg];
        let rows = line.batch.map(|number| &batches[number]);
        let entry = line.entry.map(|row| side[row.block()].record(row.position()));
        let currency = match (rows, entry) {
            (Some(rows), _) => rows.batch.currency,
            (None, Some(entry)) => entry.meta().currency(),
            (None, None) => return,
        };
        let bank_minor = entry.map(entry_minor);
        let bill = rows.map_or(Vec::new(), |rows| self.names(rows.leg, &rows.rows));
        if is_first {
            self.wait(&bill);
        }
        let row_without_batch = rows.and_then(|rows| rows.row_without_batch.clone());
        let compared = match rows {
            Some(_) if row_without_batch.is_some() => "batch: the bill names none for the row".to_owned(),
            Some(rows) => compared(&rows.batch, bank_minor),
            None if line.is_doubtful => "batch: it fits the batches of several legs".to_owned(),
            None if line.has_batch => "batch: another entry stands for it".to_owned(),
            None => "batch: no bill has it".to_owned(),
        };
        self.done.open.push(OpenBatch {
            leg: self.context.settings.legs[line.leg].name.clone(),
            class: class_name(line.class),
            reference: line.reference.to_text(),
            row_without_batch: row_without_batch.unwrap_or_default(),
            currency,
            bill,
            entry: line.entry.and_then(|row| name_of(side, row)),
            entry_was_duplicate: line.entry_was_duplicate,
            batch_minor: rows.map(|rows| rows.batch.gross_minor),
            bank_minor,
            compared,
        });
    }
}

impl<'a> Judging<'a> {
    /// Nothing judged yet; `right` are the ids of the other sides.
    fn new(run: Run<'a>, right: &[Identified]) -> Judging<'a> {
        Judging {
            batches: run.batches(right),
            entries: run.entries(right),
            run,
            closed: FxHashSet::default(),
            decided: BTreeSet::new(),
            fits: Vec::new(),
            lines: Vec::new(),
            events: Vec::new(),
        }
    }

    fn judge_all(&mut self) {
        self.fits.clear();
        self.lines.clear();
        let named = self
            .batches
            .iter()
            .filter(|rows| rows.row_without_batch.is_none());
        let mut references: Vec<Key<'a>> = named.map(|rows| rows.batch.reference).collect();
        references.extend(self.entries.keys());
        references.sort_unstable();
        references.dedup();
        for reference in references {
            self.judge_reference(reference);
        }
        for (number, rows) in self.batches.iter().enumerate() {
            if rows.row_without_batch.is_some() {
                let line = Line {
                    leg: rows.leg,
                    reference: Key::NONE,
                    class: Class::MissingAtOther,
                    batch: Some(number),
                    entry: None,
                    entry_was_duplicate: false,
                    is_doubtful: false,
                    has_batch: true,
                    break_id: String::new(),
                };
                self.lines.push(self.with_id(line));
            }
        }
    }

    /// The line with the id that it has in breaks.csv.
    fn with_id(&self, line: Line<'a>) -> Line<'a> {
        let run = &self.run;
        let entry = line.entry.map(|row| {
            let side = &run.pool.right[run.first_leg];
            side[row.block()].record(row.position())
        });
        let account = entry.map_or("", |entry| {
            run.context.settings.accounts[entry.owner() as usize].id.as_str()
        });
        let batch = line.batch.map(|number| &self.batches[number]);
        let entry_id = match (entry, batch) {
            (Some(entry), _) => entry.id().to_vec(),
            (None, Some(rows)) => {
                let without = rows.row_without_batch.as_deref().unwrap_or_default();
                lump_part(without, rows.batch.currency, run.context.settings)
            }
            (None, None) => Vec::new(),
        };
        let leg = &run.context.settings.legs[line.leg].name;
        Line {
            break_id: break_id(leg, &line.reference.to_vec(), b"", account.as_bytes(), &entry_id),
            ..line
        }
    }

    /// Judges one batch_ref: its batches about which nobody decided, and its entries that are not closed.
    fn judge_reference(&mut self, reference: Key<'a>) {
        let run = &self.run;
        let rules = Rules {
            business_date: run.context.business_date,
            duplicates: run.context.settings.policy.duplicates,
        };
        let numbers: Vec<usize> = self
            .of_reference(reference)
            .filter(|number| !self.decided.contains(number))
            .collect();
        let is_open = |entry: &&Member<'a>| {
            if self.closed.is_empty() {
                return true;
            }
            let name = name_of(&run.pool.right[run.first_leg], entry.row);
            !name.is_some_and(|name| run.bank_row(name).is_some_and(|row| self.closed.contains(&row)))
        };
        let named = self.entries.get(&reference).map_or(&[][..], Vec::as_slice);
        let named: Vec<Member<'a>> = named.iter().filter(is_open).copied().collect();
        // What stands without a batch stands where its like stood before (R30): once its batch is paid and forgotten, nothing else
        // tells of which leg it is.
        let stood = named.iter().filter_map(|entry| run.stood_on(entry.row)).min();
        let handed = run.by_leg(&self.batches, &numbers, named);
        let mut judged = Vec::new();
        if !handed.doubtful.is_empty() {
            let leg = handed.legs.keys().next().copied().unwrap_or(run.first_leg);
            judged.push(Judged {
                leg,
                reference,
                found: resolve_reference(&[], &handed.doubtful, BatchAmounts::Either, &rules),
                is_doubtful: true,
                has_batch: true,
            });
        }
        for (leg, entries) in handed.legs {
            let of_leg: Vec<(usize, Batch<'a>)> = numbers
                .iter()
                .filter(|number| self.batches[**number].leg == leg)
                .map(|number| (*number, self.batches[*number].batch))
                .collect();
            let found = resolve_reference(&of_leg, &entries, run.amounts(leg), &rules);
            judged.push(Judged {
                leg,
                reference,
                found,
                is_doubtful: false,
                has_batch: !of_leg.is_empty(),
            });
        }
        for judged in judged {
            let leg_of = |entry: Option<RowRef>| {
                let known = entry.and_then(|row| run.stood_on(row));
                let unknown = || stood.filter(|_| !judged.has_batch).unwrap_or(judged.leg);
                known.unwrap_or_else(unknown)
            };
            self.fits.extend(judged.found.fits.iter().map(|fit| Fitted {
                batch: fit.batch,
                entry: fit.entry,
                by_hand: None,
            }));
            for broken in &judged.found.breaks {
                let line = Line {
                    leg: match broken.batch {
                        Some(_) => judged.leg,
                        None => leg_of(broken.entry),
                    },
                    reference: judged.reference,
                    class: broken.class,
                    batch: broken.batch,
                    entry: broken.entry,
                    entry_was_duplicate: broken.entry_was_duplicate,
                    is_doubtful: judged.is_doubtful,
                    has_batch: judged.has_batch,
                    break_id: String::new(),
                };
                self.lines.push(self.with_id(line));
            }
        }
    }

    /// What settled aside with an entry has fitted that entry here too.
    fn aside_is_paid(&self) -> Result<(), Stop> {
        let mut paid: BTreeMap<BatchKey<'_>, (u32, Vec<u8>)> = BTreeMap::new();
        for fitted in &self.fits {
            paid.insert(self.batches[fitted.batch].key(), self.run.payer(fitted.entry));
        }
        let aside = self.run.context.aside.iter();
        match aside
            .into_iter()
            .find(|batch| paid.get(&batch.key()) != batch.paid_by.as_ref())
        {
            None => Ok(()),
            Some(batch) => Err(Stop::invariant(format!(
                "batch {} settled aside and is not paid",
                String::from_utf8_lossy(&batch.reference)
            ))),
        }
    }

    fn is_batch_leg(&self, leg: usize) -> bool {
        self.run.context.settings.legs[leg].kind == LegKind::ChannelBank
    }

    /// The batches of a batch_ref, which lie together.
    fn of_reference(&self, reference: Key<'a>) -> std::ops::Range<usize> {
        let named = self
            .batches
            .partition_point(|rows| rows.row_without_batch.is_none());
        let named = &self.batches[..named];
        named.partition_point(|rows| rows.batch.reference < reference)
            ..named.partition_point(|rows| rows.batch.reference <= reference)
    }

    /// Open entries that close each other (R14), as rows of the platform↔bank leg's other side: of batches, and of that leg.
    fn reverse(&self, agreed: &Agreed) -> Vec<(RowRef, RowRef)> {
        let run = &self.run;
        let bank_leg = &run.context.settings.legs[run.context.bank_leg].name;
        let missing = Class::MissingAtPlatform.name(OtherSide::Bank);
        let alone = agreed
            .open
            .iter()
            .filter(|rows| rows.leg == *bank_leg && rows.class == missing)
            .filter_map(|rows| rows.right);
        let side = &run.pool.right[run.first_leg];
        let of_batches = self.lines.iter().filter_map(|line| name_of(side, line.entry?));
        let open = alone.chain(of_batches).filter_map(|name| run.bank_row(name));
        let every_entry = &run.pool.right[run.context.bank_leg];
        reversals_among(run.pool, every_entry, open.collect())
    }

    /// Puts fits where a leg's matches stand, and lists what is open. Rows that people wrote off have no part in it.
    ///
    /// # Errors
    /// 65 when a fee does not fit 64 bits.
    pub fn apply(self, agreed: &mut Agreed, by_hand: &ByHand) -> Result<(), Stop> {
        self.aside_is_paid()?;
        let Judging {
            mut run,
            batches,
            fits,
            lines,
            events,
            ..
        } = self;
        let mut told: BTreeMap<(usize, Currency), Told> = BTreeMap::new();
        for fitted in &fits {
            let rows = &batches[fitted.batch];
            let residual_minor = run.fit(rows, fitted, agreed, by_hand)?;
            let sums = told.entry((rows.leg, rows.batch.currency)).or_default();
            sums.batches += 1;
            sums.rows += rows.batch.rows;
            sums.gross_minor += rows.batch.gross_minor;
            sums.fee_minor -= residual_minor;
        }
        let mut listed: FxHashSet<usize> = FxHashSet::default();
        for line in &lines {
            // A batch may stand in several lines (R5, hold); its rows wait once.
            let is_first = line.batch.is_none_or(|number| listed.insert(number));
            run.broken(line, &batches, is_first);
        }
        for ((leg, currency), sums) in told {
            let shown = |minor: i128| format_minor(minor, currency.digits());
            let kept = match sums.fee_minor {
                0 => String::new(),
                minor => format!(", of which the channel kept {}", shown(minor)),
            };
            run.done.notes.push(format!(
                "leg {}: {} of {} matched, {} {currency}{kept}",
                run.context.settings.legs[leg].name,
                counted(sums.batches, "batch", "batches"),
                counted(sums.rows, "row", "rows"),
                shown(sums.gross_minor),
            ));
        }
        run.done.events.extend(events);
        run.paid_before(agreed, by_hand)?;
        run.done.channels = run.ways.iter().map(Option::is_some).collect();
        agreed.batches = run.done;
        Ok(())
    }
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

/// What own money gains where a batch is at the bank; nothing for 0.
fn residual(at_bank: &AtBank, minor: i128, ledger_account: &str) -> Result<Option<AccountEvent>, Stop> {
    if minor == 0 {
        return Ok(None);
    }
    Ok(Some(AccountEvent {
        account: at_bank.account,
        entry_id: at_bank.entry_id.clone(),
        amount_minor: narrow(minor.abs()).map_err(|_| too_large(&at_bank.batch_ref))?,
        kind: AccountEventKind::Residual {
            ledger_account: ledger_account.to_owned(),
            direction: match minor > 0 {
                true => Direction::Credit,
                false => Direction::Debit,
            },
        },
    }))
}

/// Sums of a leg's batches, for people.
#[derive(Default)]
struct Told {
    batches: u64,
    rows: u64,
    gross_minor: i128,
    fee_minor: i128,
}

fn counted(count: u64, one: &str, many: &str) -> String {
    format!("{count} {}", if count == 1 { one } else { many })
}

/// What was compared: the batch gross and net, and the entry.
fn compared(batch: &Batch<'_>, bank_minor: Option<i128>) -> String {
    let shown = |minor: i128| format_minor(minor, batch.currency.digits());
    let net = match batch.fee_minor {
        0 => String::new(),
        _ => format!(" ({} less the channel's fees)", shown(batch.net_minor())),
    };
    let entry = bank_minor.map_or("no entry".to_owned(), |minor| {
        format!("1 entry: {}", shown(minor))
    });
    format!(
        "batch: {}: {}{net} against {entry}",
        counted(batch.rows, "row", "rows"),
        shown(batch.gross_minor)
    )
}

fn too_large(batch_ref: &str) -> Stop {
    Stop::new(
        StopCode::BadData,
        Finding::about(
            "inbox",
            format!("batch {batch_ref}: what the channel kept does not fit 64 bits of minor units"),
            "check the fees of its rows",
        ),
    )
}
