//! Stage 3: agreed rows -> fees, and sums by merchant, account and obligation (SPEC §6.1, §6.2, §6.9).
//!
//! In: the pairs of a leg, and which of them complete their row (R26, R41). Out: the fee of each, and sums that do
//! not depend on the order of the pairs or on the number of threads: integers added in 128 bits.
//!
//! Not done here: what is due and paid (payouts), wallets, fees given back (they need the originals).

use std::collections::BTreeMap;
use std::ops::Range;

use rayon::prelude::*;

use crate::book::merchants::{MerchantCode, Merchants};
use crate::day::figures::{AgreedSums, MerchantSums};
use crate::entries::block::{EntryBlock, RowRef};
use crate::entries::bytes::Id;
use crate::entries::meta::Meta;
use crate::fees::FeeTable;
use crate::findings::{Finding, Stop, StopCode};
use crate::matching::met::{FeeColumn, Met};
use crate::netting::obligations::{Obligations, ParticipantCode, Participants};
use crate::terms::currency::Currency;
use crate::terms::kinds::TxnType;
use crate::terms::prefetch;

/// What a channel code stands for.
#[derive(Clone, Debug)]
pub struct ChannelInfo {
    /// Name.
    pub name: String,
    /// Legs of settle.when that its rows need, as bits.
    pub required: u8,
    /// Participant behind it.
    pub participant: ParticipantCode,
}

/// What settling needs to know beside the rows.
pub struct Context<'a> {
    /// Merchant master.
    pub merchants: &'a Merchants,
    /// Fee terms.
    pub fees: &'a FeeTable,
    /// Channels by code.
    pub channels: Vec<ChannelInfo>,
    /// Currencies that occur, sorted.
    pub currencies: Vec<Currency>,
    /// Number of accounts.
    pub accounts: usize,
    /// Pools by index, sorted; the pool of each merchant is found by [`Context::pool_of`].
    pub pools: Vec<String>,
    /// Pool index by merchant code; empty when there is one pool only.
    pub merchant_pools: Vec<u8>,
    /// Pool index of customers.
    pub customer_pool: u8,
    /// Participants of channels and merchants.
    pub participants: Participants,
    /// True when some channel or merchant has one; else every obligation is of the house to itself.
    pub has_participants: bool,
}

impl Context<'_> {
    fn pool_of(&self, merchant: MerchantCode) -> u8 {
        if merchant == MerchantCode::NONE {
            return self.customer_pool;
        }
        self.merchant_pools
            .get(merchant.0 as usize)
            .copied()
            .unwrap_or(self.customer_pool)
    }
}

/// Sums over settled rows.
#[derive(Clone, Debug)]
pub struct Sums {
    /// By currency slot × merchant.
    merchants: Vec<Accumulator>,
    /// By place in `merchants`; sums, so their order is no matter.
    wide: BTreeMap<usize, Wide>,
    slots: [u8; 256],
    merchant_count: usize,
    /// Obligations between participants.
    pub obligations: Obligations,
}

/// Sums of one merchant and currency. The master may be large, and rows come in no order of merchants: so a cell is kept
/// small. What no longer fits moves to the cell's wide sums.
#[derive(Clone, Copy, Debug, Default)]
struct Accumulator {
    counts: [u32; 5],
    minor: [i64; 5],
    fee_minor: i64,
}

/// The same sums where they have outgrown their cell, and sums that few merchants have.
#[derive(Clone, Copy, Debug, Default)]
struct Wide {
    minor: [i128; 5],
    fee_minor: i128,
    balance_gross_minor: i128,
    balance_refund_minor: i128,
    day_fee_base_minor: i128,
}

/// Places of the merchant types in the accumulator, by `TxnType as u8`.
const MERCHANT_TYPES: usize = 5;

impl Sums {
    /// All zero.
    pub fn new(context: &Context<'_>) -> Sums {
        let mut slots = [u8::MAX; 256];
        for (slot, currency) in (0u8..).zip(&context.currencies) {
            slots[usize::from(currency.index())] = slot;
        }
        let cells = context.currencies.len() * context.merchants.len();
        Sums {
            merchants: vec![Accumulator::default(); cells],
            wide: BTreeMap::new(),
            slots,
            merchant_count: context.merchants.len(),
            obligations: Obligations::default(),
        }
    }

    /// Adds a settled merchant row; gives its fee, minor units.
    ///
    /// # Errors
    /// 65 when the fee does not fit 64 bits.
    #[inline]
    pub fn add(
        &mut self,
        context: &Context<'_>,
        meta: Meta,
        owner: u32,
        amount_minor: i64,
    ) -> Result<i64, Stop> {
        let merchant = MerchantCode(owner);
        if context.has_participants {
            self.oblige(context, meta, merchant, amount_minor);
        }
        let Some(txn_type) = meta.txn_type().filter(|t| t.is_merchant()) else {
            return Ok(0);
        };
        let channel = &context.channels[usize::from(meta.channel())];
        let fee_minor = context
            .fees
            .fee(merchant, channel.name.as_bytes(), txn_type, amount_minor)
            .map_err(|_| fee_too_large(context.merchants, merchant))?;
        let slot = usize::from(self.slots[usize::from(meta.currency().index())]);
        let at = slot * self.merchant_count + owner as usize;
        let cell = &mut self.merchants[at];
        let kind = txn_type as usize;
        assert!(
            kind < MERCHANT_TYPES,
            "the first five types are the merchant types"
        );
        cell.counts[kind] += 1;
        let sums = (
            cell.minor[kind].checked_add(amount_minor),
            cell.fee_minor.checked_add(fee_minor),
        );
        if let (Some(minor), Some(fee_minor)) = sums {
            cell.minor[kind] = minor;
            cell.fee_minor = fee_minor;
        } else {
            self.outgrow(at, kind, amount_minor, fee_minor);
        }
        if meta.is_wallet_funded() {
            let wide = self.wide.entry(at).or_default();
            match txn_type {
                TxnType::Refund => wide.balance_refund_minor += i128::from(amount_minor),
                _ => wide.balance_gross_minor += i128::from(amount_minor),
            }
        }
        if context.fees.is_per_day(merchant, txn_type) {
            self.wide.entry(at).or_default().day_fee_base_minor += i128::from(amount_minor);
        }
        Ok(fee_minor)
    }

    #[cold]
    fn outgrow(&mut self, at: usize, kind: usize, amount_minor: i64, fee_minor: i64) {
        let cell = &mut self.merchants[at];
        let wide = self.wide.entry(at).or_default();
        for (wide, minor) in wide.minor.iter_mut().zip(std::mem::take(&mut cell.minor)) {
            *wide += i128::from(minor);
        }
        wide.fee_minor += i128::from(std::mem::take(&mut cell.fee_minor));
        wide.minor[kind] += i128::from(amount_minor);
        wide.fee_minor += i128::from(fee_minor);
    }

    /// Asks the memory for the cell of a merchant that comes soon.
    #[inline]
    fn prefetch(&self, owner: u32) {
        // The first currency's cells; others are rare and not worth a look at the row.
        prefetch::line_of(&self.merchants, owner as usize);
    }

    fn oblige(&mut self, context: &Context<'_>, meta: Meta, merchant: MerchantCode, amount_minor: i64) {
        let Some(txn_type) = meta.txn_type() else { return };
        // A wallet pays through no channel: the house stands behind it.
        let channel = if meta.is_wallet_funded() {
            context.participants.of_channel(b"")
        } else {
            context.channels[usize::from(meta.channel())].participant
        };
        let merchant = context.participants.of_merchant(merchant);
        self.obligations.add(
            meta.window(),
            meta.currency(),
            channel,
            merchant,
            txn_type,
            amount_minor,
        );
    }

    /// Takes in the sums of other rows.
    pub fn merge(&mut self, other: &Sums) {
        for at in 0..other.merchants.len() {
            let theirs = other.merchants[at];
            if theirs.counts == [0; MERCHANT_TYPES] {
                continue;
            }
            let mine = &mut self.merchants[at];
            for kind in 0..MERCHANT_TYPES {
                mine.counts[kind] += theirs.counts[kind];
            }
            let mut sums = *mine;
            let fits = (0..MERCHANT_TYPES).all(|kind| {
                let sum = mine.minor[kind].checked_add(theirs.minor[kind]);
                sums.minor[kind] = sum.unwrap_or(0);
                sum.is_some()
            });
            match mine.fee_minor.checked_add(theirs.fee_minor) {
                Some(fee_minor) if fits => *mine = Accumulator { fee_minor, ..sums },
                _ => {
                    let wide = self.wide.entry(at).or_default();
                    for (wide, minor) in wide.minor.iter_mut().zip(theirs.minor) {
                        *wide += i128::from(minor);
                    }
                    wide.fee_minor += i128::from(theirs.fee_minor);
                }
            }
        }
        for (at, theirs) in &other.wide {
            let wide = self.wide.entry(*at).or_default();
            for (mine, theirs) in wide.minor.iter_mut().zip(theirs.minor) {
                *mine += theirs;
            }
            wide.fee_minor += theirs.fee_minor;
            wide.balance_gross_minor += theirs.balance_gross_minor;
            wide.balance_refund_minor += theirs.balance_refund_minor;
            wide.day_fee_base_minor += theirs.day_fee_base_minor;
        }
        self.obligations.join(&other.obligations);
    }

    /// The lines with any row, sorted by (merchant, currency). Merchant codes are in the order of their ids.
    pub fn lines(&self, context: &Context<'_>) -> Vec<MerchantSums> {
        let mut lines = Vec::new();
        for merchant in 0..self.merchant_count {
            for (slot, currency) in context.currencies.iter().enumerate() {
                let at = slot * self.merchant_count + merchant;
                let cell = &self.merchants[at];
                let wide = self.wide.get(&at).copied().unwrap_or_default();
                if cell.counts == [0; MERCHANT_TYPES] {
                    continue;
                }
                let [payments, refunds, chargebacks, reversals, adjustments] = cell.counts.map(u64::from);
                let sum = |kind: usize| wide.minor[kind] + i128::from(cell.minor[kind]);
                let [gross, refund, chargeback, reversal, adjustment] = [0, 1, 2, 3, 4].map(sum);
                lines.push(MerchantSums {
                    merchant: MerchantCode(merchant as u32),
                    currency: *currency,
                    payment_count: payments,
                    refund_count: refunds,
                    chargeback_count: chargebacks,
                    reversal_count: reversals,
                    adjustment_count: adjustments,
                    gross_minor: gross,
                    refund_minor: refund,
                    chargeback_minor: chargeback,
                    reversal_minor: reversal,
                    adjustment_minor: adjustment,
                    fee_minor: wide.fee_minor + i128::from(cell.fee_minor),
                    fee_returned_minor: 0,
                    balance_gross_minor: wide.balance_gross_minor,
                    balance_refund_minor: wide.balance_refund_minor,
                    day_fee_base_minor: wide.day_fee_base_minor,
                });
            }
        }
        lines
    }
}

fn fee_too_large(merchants: &Merchants, merchant: MerchantCode) -> Stop {
    let name = merchants
        .terms
        .get(merchant.0 as usize)
        .map_or("(none)", |terms| terms.id.as_str());
    Stop::new(
        StopCode::BadData,
        Finding::about(
            "merchants",
            format!("merchant {name}: a fee does not fit 64 bits of minor units"),
            "check the merchant's fee terms and the amounts of its rows",
        ),
    )
}

/// How many rows ahead a merchant's sums are asked for.
const AHEAD: usize = 8;

/// Pairs and the sum of their amounts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct MatchedSum {
    /// Pairs.
    pub rows: u64,
    /// Minor units.
    pub minor: i128,
}

/// What the pairs of one leg settled.
#[derive(Clone, Debug)]
pub struct SettledPairs {
    /// Fee of each row of the platform side, by block: `None` where its pair does not complete the row.
    pub fees: Vec<FeeColumn>,
    /// Sums by merchant.
    pub sums: Sums,
    /// Sums by account and pool of the obligee.
    pub agreed: Vec<AgreedSums>,
    /// All pairs, by currency: the amount of one side, which is that of the other.
    pub matched: Vec<(Currency, MatchedSum)>,
    /// Wallet rows (TOPUP, WITHDRAWAL) that are complete.
    pub wallet: Vec<RowRef>,
    /// REFUND rows that may give their fee back.
    pub refunds: Vec<RowRef>,
}

impl SettledPairs {
    /// Takes in the sums of other rows of the leg; what is known of single rows stays.
    pub fn merge_sums(&mut self, other: &SettledPairs) {
        self.sums.merge(&other.sums);
        self.agreed.extend(other.agreed.iter().cloned());
        for ((_, mine), (_, theirs)) in self.matched.iter_mut().zip(&other.matched) {
            mine.rows += theirs.rows;
            mine.minor += theirs.minor;
        }
    }
}

/// The pairs of one leg.
#[derive(Clone, Copy)]
pub struct LegRows<'a> {
    /// Platform side.
    pub left: &'a [EntryBlock],
    /// What its rows met.
    pub met: &'a Met,
    /// True when the other side is the bank's, whose accounts the pairs belong to.
    pub ends_at_bank: bool,
}

/// Whether a pair completes its platform row.
pub type Completes<'a> = &'a (dyn Fn(RowRef, Meta) -> bool + Sync);

/// Settles the pairs of one leg, in the order of the platform's rows.
///
/// # Errors
/// 65 when a fee does not fit 64 bits, or when a row brought forward names a merchant the master no longer has.
pub fn settle_pairs(
    leg: &LegRows<'_>,
    completes: Completes<'_>,
    context: &Context<'_>,
) -> Result<SettledPairs, Stop> {
    // One stretch of blocks a thread: the accumulators are as large as the master, so there is one set a thread and
    // not one a task. Sums of integers do not depend on where the stretches are cut.
    let stretches = stretches(leg.left, rayon::current_num_threads());
    let settle = |mut numbers: Range<usize>| {
        let mut part = Settling::new(context);
        numbers
            .try_for_each(|number| part.block(number, leg, completes, context))
            .map(|()| part)
    };
    let parts: Vec<Result<Settling, Stop>> = stretches.into_par_iter().map(settle).collect();
    let mut parts = parts.into_iter();
    let mut whole = parts.next().unwrap_or_else(|| Ok(Settling::new(context)))?;
    for part in parts {
        whole.merge(part?);
    }
    Ok(whole.finish(context))
}

/// Cuts blocks into stretches of about as many rows each, `wanted` of them at most. Not of as many blocks: those of other
/// sources have their numbers on this side too, and no rows.
fn stretches(blocks: &[EntryBlock], wanted: usize) -> Vec<Range<usize>> {
    let mut left: usize = blocks.iter().map(EntryBlock::len).sum();
    let share = left.div_ceil(wanted.max(1)).max(1);
    let (mut stretches, mut first, mut taken) = (Vec::new(), 0, 0);
    for (number, block) in blocks.iter().enumerate() {
        taken += block.len();
        left -= block.len();
        if taken >= share && left > 0 {
            stretches.push(first..number + 1);
            (first, taken) = (number + 1, 0);
        }
    }
    stretches.push(first..blocks.len());
    stretches
}

/// Pairs being settled: sums so far, and what is known of single rows.
pub struct Settling {
    fees: Vec<FeeColumn>,
    sums: Sums,
    agreed: Vec<[i128; 2]>,
    matched: Vec<MatchedSum>,
    wallet: Vec<RowRef>,
    refunds: Vec<RowRef>,
}

/// What is known of the single rows of some blocks.
#[derive(Debug, Default)]
pub struct SettledRows {
    /// As [`SettledPairs::fees`].
    pub fees: Vec<FeeColumn>,
    /// As [`SettledPairs::wallet`].
    pub wallet: Vec<RowRef>,
    /// As [`SettledPairs::refunds`].
    pub refunds: Vec<RowRef>,
}

impl Settling {
    /// All zero.
    pub fn new(context: &Context<'_>) -> Settling {
        Settling {
            fees: Vec::new(),
            sums: Sums::new(context),
            agreed: vec![[0; 2]; context.accounts * context.pools.len()],
            matched: vec![MatchedSum::default(); context.currencies.len()],
            wallet: Vec::new(),
            refunds: Vec::new(),
        }
    }

    /// Takes out what is known of single rows; the sums stay.
    pub fn take_rows(&mut self) -> SettledRows {
        SettledRows {
            fees: std::mem::take(&mut self.fees),
            wallet: std::mem::take(&mut self.wallet),
            refunds: std::mem::take(&mut self.refunds),
        }
    }

    /// Everything settled.
    pub fn finish(self, context: &Context<'_>) -> SettledPairs {
        let agreed = (0..).zip(self.agreed).filter(|(_, sums)| *sums != [0, 0]);
        SettledPairs {
            fees: self.fees,
            sums: self.sums,
            agreed: agreed
                .map(|(cell, [credit_minor, debit_minor])| AgreedSums {
                    account: cell / context.pools.len(),
                    obligee_pool: context.pools[cell % context.pools.len()].clone(),
                    credit_minor,
                    debit_minor,
                })
                .collect(),
            matched: context.currencies.iter().copied().zip(self.matched).collect(),
            wallet: self.wallet,
            refunds: self.refunds,
        }
    }

    /// Takes in what settled of other rows.
    pub fn merge(&mut self, other: Settling) {
        self.fees.extend(other.fees);
        self.sums.merge(&other.sums);
        for (mine, theirs) in self.agreed.iter_mut().zip(other.agreed) {
            mine[0] += theirs[0];
            mine[1] += theirs[1];
        }
        for (mine, theirs) in self.matched.iter_mut().zip(other.matched) {
            mine.rows += theirs.rows;
            mine.minor += theirs.minor;
        }
        self.wallet.extend(other.wallet);
        self.refunds.extend(other.refunds);
    }

    /// Settles the pairs of one block, in the order of its rows.
    ///
    /// # Errors
    /// As [`settle_pairs`].
    pub fn block(
        &mut self,
        number: usize,
        leg: &LegRows<'_>,
        completes: Completes<'_>,
        context: &Context<'_>,
    ) -> Result<(), Stop> {
        let block = &leg.left[number];
        let pools = context.pools.len();
        let mut fees = FeeColumn::with_capacity(block.len());
        for (position, met) in leg.met.block(number).enumerate() {
            if position + 2 * AHEAD < block.len() {
                block.prefetch_record(position + 2 * AHEAD);
            }
            if position + AHEAD < block.len() {
                let owner = block.owner(position + AHEAD);
                self.sums.prefetch(owner);
                context.fees.prefetch(MerchantCode(owner));
            }
            let Some(met) = met else {
                fees.push(None);
                continue;
            };
            let record = block.record(position);
            let (meta, owner, amount) = (record.meta(), record.owner(), record.amount_minor());
            let row = RowRef::new(number, position);
            let matched =
                &mut self.matched[usize::from(self.sums.slots[usize::from(meta.currency().index())])];
            matched.rows += 1;
            matched.minor += i128::from(amount);
            if leg.ends_at_bank {
                let pool = usize::from(context.pool_of(MerchantCode(owner)));
                self.agreed[met.account() as usize * pools + pool][meta.direction() as usize] +=
                    i128::from(amount);
            }
            if !completes(row, meta) {
                fees.push(None);
                continue;
            }
            match meta.txn_type() {
                Some(t) if t.is_wallet() => self.wallet.push(row),
                Some(TxnType::Refund) if meta.has_extras() => self.refunds.push(row),
                _ => {}
            }
            if owner == MerchantCode::NONE.0 && meta.txn_type().is_some_and(TxnType::is_merchant) {
                return Err(unknown_merchant(record.id()));
            }
            fees.push(Some(self.sums.add(context, meta, owner, amount)?));
        }
        self.fees.push(fees);
        Ok(())
    }
}

/// A row brought forward whose merchant the master no longer has (R18).
pub fn unknown_merchant(txn_id: Id<'_>) -> Stop {
    Stop::new(
        StopCode::BadData,
        Finding::about(
            "merchants",
            format!(
                "transaction {} is open or settles today, but the merchant master no longer has its merchant (R18)",
                txn_id.to_text()
            ),
            "put the merchant back into the master (status `closed` keeps it from being paid), then close the day again",
        ),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::entries::block::BlockBuilder;
    use crate::terms::kinds::Direction;

    fn block(rows: u32) -> EntryBlock {
        let meta = Meta::bank(Direction::Credit, Currency::parse(b"CNY").unwrap());
        let mut builder = BlockBuilder::default();
        for ordinal in 0..rows {
            let name = format!("K{ordinal}");
            builder.push(name.as_bytes(), name.as_bytes(), 1, meta, 0, ordinal);
        }
        builder.finish()
    }

    proptest! {
        #[test]
        fn stretches_are_all_blocks_in_order_and_alike_in_rows(sizes in prop::collection::vec(0u32..40, 0..20), wanted in 1usize..6) {
            // Half of the blocks are of another source, as where two files are read.
            let blocks: Vec<EntryBlock> = sizes.iter().map(|rows| block(*rows)).chain(sizes.iter().map(|_| block(0))).collect();
            let stretches = stretches(&blocks, wanted);
            prop_assert!(stretches.len() <= wanted);
            prop_assert_eq!(stretches.iter().cloned().flatten().collect::<Vec<_>>(), (0..blocks.len()).collect::<Vec<_>>());
            let rows = |numbers: &Range<usize>| sizes[numbers.start.min(sizes.len())..numbers.end.min(sizes.len())].iter().sum::<u32>();
            let share = sizes.iter().sum::<u32>().div_ceil(wanted as u32);
            let largest = sizes.iter().max().copied().unwrap_or(0);
            prop_assert!(stretches.iter().all(|numbers| rows(numbers) < share + largest.max(1)));
        }
    }
}
