//! Stage 3: agreed rows -> fees, and sums by merchant, account and obligation (SPEC §6.1, §6.2, §6.9).
//!
//! In: the pairs of a leg, and which of them complete their row (R26, R41). Out: the fee of each, and sums that do
//! not depend on the order of the pairs or on the number of threads: integers added in 128 bits.
//!
//! Not done here: what is due and paid (payouts), wallets, fees given back (they need the originals).

use rayon::prelude::*;

use crate::book::merchants::{MerchantCode, Merchants};
use crate::day::figures::{AgreedSums, MerchantSums};
use crate::entries::block::{EntryBlock, RowRef};
use crate::entries::meta::Meta;
use crate::fees::FeeTable;
use crate::findings::{Finding, Stop, StopCode};
use crate::netting::obligations::{Obligations, ParticipantCode, Participants};
use crate::terms::currency::Currency;
use crate::terms::kinds::TxnType;

/// Stands in a fee column for "another leg's line carries the fee".
pub const NO_FEE: i64 = i64::MIN;

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
    pub channels: &'a [ChannelInfo],
    /// Currencies that occur, sorted.
    pub currencies: &'a [Currency],
    /// Number of accounts.
    pub accounts: usize,
    /// Pools by index, sorted; the pool of each merchant is found by [`Context::pool_of`].
    pub pools: &'a [String],
    /// Pool index by merchant code; empty when there is one pool only.
    pub merchant_pools: &'a [u8],
    /// Pool index of customers.
    pub customer_pool: u8,
    /// Participants of channels and merchants.
    pub participants: &'a Participants,
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
    slots: [u8; 256],
    merchant_count: usize,
    /// Obligations between participants.
    pub obligations: Obligations,
}

#[derive(Clone, Copy, Debug, Default)]
struct Accumulator {
    counts: [u32; 5],
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
        for (slot, currency) in (0u8..).zip(context.currencies) {
            slots[usize::from(currency.index())] = slot;
        }
        let cells = context.currencies.len() * context.merchants.len();
        Sums {
            merchants: vec![Accumulator::default(); cells],
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
        let cell = &mut self.merchants[slot * self.merchant_count + owner as usize];
        let kind = txn_type as usize;
        assert!(
            kind < MERCHANT_TYPES,
            "the first five types are the merchant types"
        );
        cell.counts[kind] += 1;
        cell.minor[kind] += i128::from(amount_minor);
        cell.fee_minor += i128::from(fee_minor);
        if meta.is_wallet_funded() {
            match txn_type {
                TxnType::Refund => cell.balance_refund_minor += i128::from(amount_minor),
                _ => cell.balance_gross_minor += i128::from(amount_minor),
            }
        }
        if context.fees.is_per_day(merchant, txn_type) {
            cell.day_fee_base_minor += i128::from(amount_minor);
        }
        Ok(fee_minor)
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
        for (mine, theirs) in self.merchants.iter_mut().zip(&other.merchants) {
            for kind in 0..MERCHANT_TYPES {
                mine.counts[kind] += theirs.counts[kind];
                mine.minor[kind] += theirs.minor[kind];
            }
            mine.fee_minor += theirs.fee_minor;
            mine.balance_gross_minor += theirs.balance_gross_minor;
            mine.balance_refund_minor += theirs.balance_refund_minor;
            mine.day_fee_base_minor += theirs.day_fee_base_minor;
        }
        self.obligations.join(&other.obligations);
    }

    /// The lines with any row, sorted by (merchant, currency). Merchant codes are in the order of their ids.
    pub fn lines(&self, context: &Context<'_>) -> Vec<MerchantSums> {
        let mut lines = Vec::new();
        for merchant in 0..self.merchant_count {
            for (slot, currency) in context.currencies.iter().enumerate() {
                let cell = &self.merchants[slot * self.merchant_count + merchant];
                if cell.counts == [0; MERCHANT_TYPES] {
                    continue;
                }
                let [payments, refunds, chargebacks, reversals, adjustments] = cell.counts.map(u64::from);
                let [gross, refund, chargeback, reversal, adjustment] = cell.minor;
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
                    fee_minor: cell.fee_minor,
                    fee_returned_minor: 0,
                    balance_gross_minor: cell.balance_gross_minor,
                    balance_refund_minor: cell.balance_refund_minor,
                    day_fee_base_minor: cell.day_fee_base_minor,
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
    /// Fee of each pair, minor units; [`NO_FEE`] where the pair does not complete its row.
    pub fee_minor: Vec<i64>,
    /// Sums by merchant.
    pub sums: Sums,
    /// Sums by account and pool of the obligee.
    pub agreed: Vec<AgreedSums>,
    /// All pairs, by currency: the amount of one side, which is that of the other.
    pub matched: Vec<(Currency, MatchedSum)>,
    /// Pairs whose platform row is a wallet row (TOPUP, WITHDRAWAL) and complete.
    pub wallet: Vec<u32>,
    /// Pairs whose platform row is a REFUND that may give its fee back.
    pub refunds: Vec<u32>,
}

/// Settles the pairs of one leg. `completes` tells whether a pair completes its platform row.
///
/// # Errors
/// 65 when a fee does not fit 64 bits, or when a row brought forward names a merchant the master no longer has.
pub fn settle_pairs(
    pairs: &[(RowRef, RowRef)],
    left: &[EntryBlock],
    right: &[EntryBlock],
    completes: &(dyn Fn(RowRef) -> bool + Sync),
    context: &Context<'_>,
) -> Result<SettledPairs, Stop> {
    // One stretch of pairs a thread: the accumulators are as large as the master, so there is one set a thread and
    // not one a task. Sums of integers do not depend on where the stretches are cut.
    let stretch = pairs.len().div_ceil(rayon::current_num_threads().max(1)).max(1);
    let parts: Vec<Result<Part, Stop>> = pairs
        .par_chunks(stretch)
        .enumerate()
        .map(|(number, pairs)| Part::settle(number * stretch, pairs, left, right, completes, context))
        .collect();
    let mut whole = SettledPairs {
        fee_minor: Vec::with_capacity(pairs.len()),
        sums: Sums::new(context),
        agreed: Vec::new(),
        matched: context
            .currencies
            .iter()
            .map(|currency| (*currency, MatchedSum::default()))
            .collect(),
        wallet: Vec::new(),
        refunds: Vec::new(),
    };
    let mut agreed = vec![[0i128; 2]; context.accounts * context.pools.len()];
    for part in parts {
        let part = part?;
        whole.fee_minor.extend_from_slice(&part.fee_minor);
        whole.sums.merge(&part.sums);
        for ((_, mine), theirs) in whole.matched.iter_mut().zip(&part.matched) {
            mine.rows += theirs.rows;
            mine.minor += theirs.minor;
        }
        whole.wallet.extend_from_slice(&part.wallet);
        whole.refunds.extend_from_slice(&part.refunds);
        for (mine, theirs) in agreed.iter_mut().zip(&part.agreed) {
            mine[0] += theirs[0];
            mine[1] += theirs[1];
        }
    }
    for (cell, [credit_minor, debit_minor]) in agreed.into_iter().enumerate() {
        if credit_minor != 0 || debit_minor != 0 {
            whole.agreed.push(AgreedSums {
                account: cell / context.pools.len(),
                obligee_pool: context.pools[cell % context.pools.len()].clone(),
                credit_minor,
                debit_minor,
            });
        }
    }
    Ok(whole)
}

struct Part {
    fee_minor: Vec<i64>,
    sums: Sums,
    agreed: Vec<[i128; 2]>,
    matched: Vec<MatchedSum>,
    wallet: Vec<u32>,
    refunds: Vec<u32>,
}

impl Part {
    fn settle(
        first: usize,
        pairs: &[(RowRef, RowRef)],
        left: &[EntryBlock],
        right: &[EntryBlock],
        completes: &(dyn Fn(RowRef) -> bool + Sync),
        context: &Context<'_>,
    ) -> Result<Part, Stop> {
        let pools = context.pools.len();
        let mut part = Part {
            fee_minor: Vec::with_capacity(pairs.len()),
            sums: Sums::new(context),
            agreed: vec![[0; 2]; context.accounts * pools],
            matched: vec![MatchedSum::default(); context.currencies.len()],
            wallet: Vec::new(),
            refunds: Vec::new(),
        };
        for (pair, (l, r)) in (first as u32..).zip(pairs) {
            let block = &left[l.block()];
            let position = l.position();
            let (meta, owner, amount) = (
                block.meta(position),
                block.owner(position),
                block.amount_minor(position),
            );
            let matched =
                &mut part.matched[usize::from(part.sums.slots[usize::from(meta.currency().index())])];
            matched.rows += 1;
            matched.minor += i128::from(amount);
            let other = &right[r.block()];
            if other.meta(r.position()).txn_type().is_none() {
                let account = other.owner(r.position()) as usize;
                let pool = usize::from(context.pool_of(MerchantCode(owner)));
                part.agreed[account * pools + pool][meta.direction() as usize] += i128::from(amount);
            }
            if !completes(*l) {
                part.fee_minor.push(NO_FEE);
                continue;
            }
            match meta.txn_type() {
                Some(t) if t.is_wallet() => part.wallet.push(pair),
                Some(TxnType::Refund) if meta.has_extras() => part.refunds.push(pair),
                _ => {}
            }
            if owner == MerchantCode::NONE.0 && meta.txn_type().is_some_and(TxnType::is_merchant) {
                return Err(unknown_merchant(block.id(position)));
            }
            let fee_minor = part.sums.add(context, meta, owner, amount)?;
            part.fee_minor.push(fee_minor);
        }
        Ok(part)
    }
}

/// A row brought forward whose merchant the master no longer has (R18).
pub fn unknown_merchant(txn_id: &[u8]) -> Stop {
    Stop::new(
        StopCode::BadData,
        Finding::about(
            "merchants",
            format!(
                "transaction {} is open or settles today, but the merchant master no longer has its merchant (R18)",
                String::from_utf8_lossy(txn_id)
            ),
            "put the merchant back into the master (status `closed` keeps it from being paid), then close the day again",
        ),
    )
}
