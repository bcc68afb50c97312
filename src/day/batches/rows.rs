//! What there is to judge: bill rows by batch, entries that name one, and the matches of platform and bill, today's and earlier
//! ones.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use super::{AsideBatch, BatchContext, BatchKey, Partners, Rows, Run, Way};
use crate::book::passes::{BatchAmounts, Pass};
use crate::book::settings::LegKind;
use crate::day::agree::{Agreed, name_of};
use crate::day::breaks::{OpenBreakRows, RowName};
use crate::day::identify::{Identified, row_handle};
use crate::day::intake::FORWARD_FILE;
use crate::day::pool::{Origin, Pool};
use crate::day::state::{Chained, OpenRow, OpenSide};
use crate::entries::block::{EntryBlock, RowRef};
use crate::entries::key::Key;
use crate::matching::batches::Batch;
use crate::matching::class::{Class, OtherSide};
use crate::matching::group::Member;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, TxnType};

/// What today's matches between platform and bill say.
pub(super) fn partners(
    pool: &Pool,
    agreed: &Agreed,
    context: &BatchContext<'_>,
    ways: &[Option<Way>],
) -> Partners {
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
#[derive(Default)]
pub(super) struct Brought<'a> {
    /// Bill row, and what is known of it.
    rows: Vec<(RowName, &'a Chained)>,
    /// Platform rows brought forward, by txn_id.
    platform: FxHashMap<&'a str, RowName>,
}

impl<'a> Brought<'a> {
    pub(super) fn new(pool: &'a Pool, context: &BatchContext<'a>) -> Brought<'a> {
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
    pub(super) fn way_of(&self, block: &EntryBlock, position: usize) -> Option<Way> {
        let channel = usize::from(block.meta(position).channel());
        self.ways.get(channel).copied().flatten()
    }

    /// Account and id of an entry.
    pub(super) fn payer(&self, entry: RowRef) -> (u32, Vec<u8>) {
        let record = self.pool.right[self.first_leg][entry.block()].record(entry.position());
        (record.owner(), record.id().to_vec())
    }

    /// A row of the platform↔bank leg's other side, which holds every entry.
    pub(super) fn bank_row(&self, name: RowName) -> Option<RowRef> {
        let block = &self.pool.right[self.context.bank_leg][name.0];
        Some(RowRef::new(name.0, block.position_of(name.1)?))
    }

    /// The leg between channel and bank on which an entry of an earlier close stood; `None` for one of today, and where only fits are
    /// asked for ([`paid_alone`]), which has no places.
    pub(super) fn stood_on(&self, entry: RowRef) -> Option<usize> {
        self.pool.places.get(entry.block())?;
        let Origin::Forward(index) = self.pool.origin_of(&self.pool.right[self.first_leg], entry) else {
            return None;
        };
        let legs = self.pool.forward[index].open_legs & self.context.settings.batch_legs();
        (legs != 0).then(|| legs.trailing_zeros() as usize)
    }

    /// The leg of bills that a bill row brought forward belongs to.
    pub(super) fn bill_leg_of(&self, name: RowName) -> Option<usize> {
        let legs = &self.context.settings.legs;
        (0..legs.len()).find(|leg| {
            legs[*leg].kind == LegKind::PlatformChannel
                && self.pool.right[*leg][name.0].position_of(name.1).is_some()
        })
    }

    /// An earlier match of platform and bill does not stand where one of its rows came again with other content: none of
    /// the two is believed (R19), and the other is open again.
    pub(super) fn take_back(&mut self, agreed: &mut Agreed) {
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
    pub(super) fn bring_links(&mut self, agreed: &Agreed) {
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
    pub(super) fn batches(&self, right: &[Identified]) -> Vec<Rows<'a>> {
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
    pub(super) fn total(
        &self,
        leg: usize,
        reference: Key<'a>,
        currency: Currency,
        rows: &[RowRef],
    ) -> Batch<'a> {
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
    pub(super) fn paid_rows(&self) -> impl Iterator<Item = (RowName, &'a Chained)> + '_ {
        let rows = self.brought.rows.iter();
        rows.filter(|(_, chained)| chained.txn_id.is_empty())
            .map(|(name, chained)| (*name, *chained))
    }

    /// Names of rows of a leg's left side, in no order that means anything.
    pub(super) fn names(&self, leg: usize, rows: &[RowRef]) -> Vec<RowName> {
        let side = &self.pool.left[leg];
        rows.iter().filter_map(|row| name_of(side, *row)).collect()
    }

    pub(super) fn partner(&self, bill: RowName) -> RowRef {
        self.partners[bill.0]
            .get(bill.1 as usize)
            .copied()
            .unwrap_or(RowRef::NONE)
    }

    /// Entries that name a batch, by batch_ref.
    pub(super) fn entries(&self, right: &[Identified]) -> BTreeMap<Key<'a>, Vec<Member<'a>>> {
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

    pub(super) fn amounts(&self, leg: usize) -> BatchAmounts {
        let passes = &self.context.settings.legs[leg].later;
        let amounts = passes.iter().find_map(|pass| match pass {
            Pass::Batch { amounts, .. } => Some(*amounts),
            _ => None,
        });
        amounts.unwrap_or(BatchAmounts::Either)
    }
}
