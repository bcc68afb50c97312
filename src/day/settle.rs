//! From agreed rows to money owed: wallets, fees given back, payouts followed and decided.
//!
//! The stages are pure; this is their order, and the rows each of them sees.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::book::Book;
use crate::book::calendars::due_date;
use crate::book::merchants::MerchantCode;
use crate::day::adjust::ByHand;
use crate::day::agree::{Agreed, Completion, platform_side};
use crate::day::breaks::{OpenBreakRows, PAYOUT_LEG, RowName, WALLET_LEG};
use crate::day::figures::{
    AccountEvent, AccountEventKind, AgreedSums, MerchantSums, Obligation, UnsettledRow,
};
use crate::day::identify::{handle_on, row_handle};
use crate::day::intake::SideKind;
use crate::day::matched::SmallLine;
use crate::day::originals;
use crate::day::pool::Pool;
use crate::day::run::DayInputs;
use crate::day::state::Unsettled;
use crate::entries::block::{EntryBlock, RowRef};
use crate::entries::meta::Meta;
use crate::fees::{FeeReturns, Original, RefundRow, return_fees};
use crate::findings::{Finding, Stop, StopCode};
use crate::matching::class::{Class, OtherSide};
use crate::payouts::{PayoutEntry, PayoutFollow, follow_payouts};
use crate::settling::{ChannelInfo, Context, LegRows, SettledPairs, Sums, settle_pairs};
use crate::terms::date::Date;
use crate::terms::kinds::{Direction, TxnType};
use crate::wallets::{WalletDay, WalletKind, WalletRow, post_wallets};

/// Finds settled payments of earlier closes by txn_id.
pub type Originals<'a> =
    &'a (dyn Fn(&FxHashSet<Vec<u8>>) -> Result<BTreeMap<Vec<u8>, originals::Settled>, Stop> + Sync);

/// What settling works on.
#[derive(Clone, Copy)]
pub struct SettleInputs<'a> {
    /// The book, what was brought forward, D, earlier payments.
    pub day: &'a DayInputs<'a>,
    /// Rows.
    pub pool: &'a Pool,
    /// Matches.
    pub agreed: &'a Agreed,
    /// What people decided about single rows.
    pub by_hand: &'a ByHand,
    /// Which rows are complete.
    pub completion: &'a Completion<'a>,
    /// Index of the platform↔bank leg.
    pub bank_leg: usize,
    /// What settling needs to know.
    pub context: &'a Context<'a>,
}

/// Everything that settled, and what did not.
#[derive(Debug)]
pub struct Settled {
    /// By leg.
    pub legs: Vec<SettledPairs>,
    /// Bank entries agreed today, of all legs that end at the bank, by account and pool.
    pub agreed: Vec<AgreedSums>,
    /// Rows that settled without a leg, with their fees, by row.
    pub wallet_pairs: Vec<(RowRef, i64)>,
    /// Wallets.
    pub wallets: WalletDay,
    /// Sums by merchant and currency, sorted.
    pub sums: Vec<MerchantSums>,
    /// Fees given back.
    pub returns: FeeReturns,
    /// Between participants, sorted.
    pub obligations: Vec<Obligation>,
    /// Payouts at the bank.
    pub follow: PayoutFollow,
    /// Purpose entries and payout movements.
    pub events: Vec<AccountEvent>,
    /// Lines of `matched` outside the platform legs.
    pub small: Vec<SmallLine>,
    /// Breaks on the legs `wallet` and `payout-bank`.
    pub open: Vec<OpenBreakRows>,
    /// Rows matched at the bank that wait for another leg.
    pub unsettled: Vec<UnsettledRow>,
    /// The next `unsettled`, sorted.
    pub unsettled_state: Vec<Unsettled>,
    /// Rows without a leg that are not SUCCESS.
    pub wallet_no_money: Vec<RowRef>,
    /// Bank entries posted: purpose, payout, other accounts.
    pub posted: Vec<RowRef>,
}

/// Settles the day. `aside` is what settled of rows that are not in the pool, by leg: it counts in every sum.
///
/// # Errors
/// What the stages report.
pub fn settle(inputs: &SettleInputs<'_>, aside: &[SettledPairs]) -> Result<Settled, Stop> {
    let context = inputs.context;
    let mut legs = settle_legs(inputs)?;
    for (leg, aside) in legs.iter_mut().zip(aside) {
        leg.merge_sums(aside);
    }
    let mut sums = Sums::new(context);
    for leg in &legs {
        sums.merge(&leg.sums);
    }
    let wallet = wallet_rows(inputs, &legs);
    let wallets = post_wallets(&inputs.day.state.customers, &wallet.rows)?;
    let mut settled_wallet = WalletSettled::default();
    settled_wallet.post(inputs, &wallet, &wallets, &mut sums)?;
    let mut lines = sums.lines(context);
    let returns = give_fees_back(inputs, &legs, &settled_wallet, &mut lines)?;
    let side = side_entries(inputs)?;
    let obligations = sums.obligations.clone().into_sorted(&context.participants);
    let (unsettled, unsettled_state) = waiting(inputs)?;
    let mut open = settled_wallet.open;
    open.extend(side.open);
    let agreed = agreed_at_bank(inputs, &legs);
    Ok(Settled {
        legs,
        agreed,
        wallet_pairs: settled_wallet.pairs,
        wallets,
        sums: lines,
        returns,
        obligations,
        follow: side.follow,
        events: side.events,
        small: side.small,
        open,
        unsettled,
        unsettled_state,
        wallet_no_money: wallet.no_money,
        posted: side.posted,
    })
}

/// Settles the pairs of all legs.
fn settle_legs(inputs: &SettleInputs<'_>) -> Result<Vec<SettledPairs>, Stop> {
    let SettleInputs {
        pool,
        agreed,
        context,
        ..
    } = *inputs;
    let mut legs = Vec::new();
    for (leg, result) in agreed.legs.iter().enumerate() {
        let left = platform_side(pool, &inputs.day.book.settings, leg);
        let completes = |row: RowRef, meta: Meta| {
            let required = context.channels[usize::from(meta.channel())].required;
            let name = (row.block(), left[row.block()].ordinal(row.position()));
            inputs.completion.completes(name, leg, required)
        };
        let rows = LegRows {
            left,
            met: &result.met,
            ends_at_bank: inputs.day.book.settings.legs_at_the_bank() & (1 << leg) != 0,
        };
        legs.push(settle_pairs(&rows, &completes, context)?);
    }
    Ok(legs)
}

/// What was agreed with bank entries today, whether a row each or by batches.
fn agreed_at_bank(inputs: &SettleInputs<'_>, legs: &[SettledPairs]) -> Vec<AgreedSums> {
    let ends = inputs.day.book.settings.legs_at_the_bank();
    let mut sums: BTreeMap<(usize, &str), [i128; 2]> = BTreeMap::new();
    for (_, leg) in legs.iter().enumerate().filter(|(leg, _)| ends & (1 << leg) != 0) {
        for agreed in &leg.agreed {
            let sum = sums
                .entry((agreed.account, agreed.obligee_pool.as_str()))
                .or_default();
            sum[0] += agreed.credit_minor;
            sum[1] += agreed.debit_minor;
        }
    }
    let line = |((account, pool), [credit_minor, debit_minor]): ((usize, &str), [i128; 2])| AgreedSums {
        account,
        obligee_pool: pool.to_owned(),
        credit_minor,
        debit_minor,
    };
    sums.into_iter().map(line).collect()
}

/// Wallet rows of the day, with where they stand.
struct WalletRows<'a> {
    rows: Vec<WalletRow<'a>>,
    at: FxHashMap<u64, RowRef>,
    no_money: Vec<RowRef>,
}

/// TOPUP rows that settled, WITHDRAWAL rows booked today, and rows that settle without a leg (R21).
fn wallet_rows<'a>(inputs: &SettleInputs<'a>, legs: &[SettledPairs]) -> WalletRows<'a> {
    let (pool, agreed, bank_leg) = (inputs.pool, inputs.agreed, inputs.bank_leg);
    let mut complete: FxHashSet<u64> = FxHashSet::default();
    for (leg, settled) in legs.iter().enumerate() {
        let side = platform_side(pool, &inputs.day.book.settings, leg);
        for row in &settled.wallet {
            complete.insert(handle_on(side, *row));
        }
    }
    let conflicts: FxHashSet<RowRef> = agreed.left.conflicts.iter().copied().collect();
    let gone: FxHashSet<RowRef> = agreed
        .left
        .duplicates
        .iter()
        .chain(&agreed.left.replaced)
        .copied()
        .collect();
    let mut found = WalletRows {
        rows: Vec::new(),
        at: FxHashMap::default(),
        no_money: Vec::new(),
    };
    for (number, block) in pool.left[bank_leg].iter().enumerate() {
        let extras = &pool.extras[number];
        if extras.ordinals.is_empty() || block.is_empty() {
            continue;
        }
        for (at, ordinal) in extras.ordinals.iter().enumerate() {
            let Some(position) = block.position_of(*ordinal) else {
                continue;
            };
            let row = RowRef::new(number, position);
            let meta = block.meta(position);
            let handle = row_handle(number, *ordinal);
            if gone.contains(&row) {
                continue;
            }
            let legless = meta.is_wallet_funded() || meta.txn_type() == Some(TxnType::Transfer);
            let by_hand = |rows: &FxHashSet<RowName>| rows.contains(&(number, *ordinal));
            let mut add = |kind| {
                found.at.insert(handle, row);
                found.rows.push(WalletRow {
                    handle,
                    kind,
                    customer_id: extras.party.get(at),
                    counterparty_id: extras.counterparty.get(at),
                    currency: meta.currency(),
                    amount_minor: block.amount_minor(position),
                    time: extras.time[at],
                    txn_id: block.id(position),
                });
            };
            if by_hand(&inputs.by_hand.unbooked) {
                add(WalletKind::Unbooked);
            }
            let kind = match meta.txn_type() {
                Some(TxnType::Topup) if complete.contains(&handle) => WalletKind::Topup,
                // Booked by the close that receives it, whatever becomes of its match (R1, R21).
                Some(TxnType::Withdrawal)
                    if meta.is_success() && !meta.is_brought_forward() || by_hand(&inputs.by_hand.booked) =>
                {
                    WalletKind::Withdrawal
                }
                Some(_) if !legless || conflicts.contains(&row) => continue,
                Some(_) if !meta.is_success() => {
                    found.no_money.push(row);
                    continue;
                }
                Some(TxnType::Transfer) => WalletKind::Transfer,
                Some(TxnType::Refund) => WalletKind::Refund,
                Some(TxnType::Payment) => WalletKind::Payment,
                _ => continue,
            };
            add(kind);
        }
    }
    found
}

#[derive(Default)]
struct WalletSettled {
    pairs: Vec<(RowRef, i64)>,
    open: Vec<OpenBreakRows>,
}

impl WalletSettled {
    /// Takes the rows without a leg that were posted into the merchants' sums; lists the others as breaks.
    fn post(
        &mut self,
        inputs: &SettleInputs<'_>,
        wallet: &WalletRows<'_>,
        day: &WalletDay,
        sums: &mut Sums,
    ) -> Result<(), Stop> {
        let kinds: FxHashMap<u64, WalletKind> =
            wallet.rows.iter().map(|row| (row.handle, row.kind)).collect();
        let side = &inputs.pool.left[inputs.bank_leg];
        for handle in &day.posted {
            let legless = matches!(
                kinds.get(handle),
                Some(WalletKind::Payment | WalletKind::Refund | WalletKind::Transfer)
            );
            let Some(row) = wallet.at.get(handle).filter(|_| legless) else {
                continue;
            };
            let (block, position) = (&side[row.block()], row.position());
            let (meta, owner) = (block.meta(position), block.owner(position));
            if owner == MerchantCode::NONE.0 && meta.txn_type().is_some_and(TxnType::is_merchant) {
                return Err(crate::settling::unknown_merchant(block.id(position)));
            }
            let fee_minor = sums.add(inputs.context, meta, owner, block.amount_minor(position))?;
            self.pairs.push((*row, fee_minor));
        }
        self.pairs.sort_unstable();
        for handle in &day.negative {
            let Some(row) = wallet.at.get(handle) else {
                continue;
            };
            self.open.push(OpenBreakRows {
                leg: WALLET_LEG.to_owned(),
                class: Class::NegativeBalance.name(OtherSide::Bank),
                left: Some((row.block(), side[row.block()].ordinal(row.position()))),
                right: None,
                was_duplicate: (false, false),
            });
        }
        Ok(())
    }
}

/// Gives fees back on refunds under plans that say so (R16), into the merchants' lines.
fn give_fees_back(
    inputs: &SettleInputs<'_>,
    legs: &[SettledPairs],
    wallet: &WalletSettled,
    lines: &mut [MerchantSums],
) -> Result<FeeReturns, Stop> {
    let pool = inputs.pool;
    let every_row = &pool.left[inputs.bank_leg];
    // (block, ordinal) of refunds whose merchant's plan returns fees, and the merchant and currency to credit.
    let mut rows: Vec<(RowName, RowRef, &EntryBlock)> = Vec::new();
    for (leg, settled) in legs.iter().enumerate() {
        let side = platform_side(pool, &inputs.day.book.settings, leg);
        for row in &settled.refunds {
            let block = &side[row.block()];
            rows.push(((row.block(), block.ordinal(row.position())), *row, block));
        }
    }
    for (row, _) in &wallet.pairs {
        let block = &every_row[row.block()];
        if block.meta(row.position()).txn_type() == Some(TxnType::Refund) {
            rows.push(((row.block(), block.ordinal(row.position())), *row, block));
        }
    }
    rows.retain(|(_, row, block)| {
        inputs
            .context
            .fees
            .returns_fees(MerchantCode(block.owner(row.position())))
    });
    let mut refunds = Vec::new();
    let mut credit: FxHashMap<u64, (MerchantCode, crate::terms::currency::Currency)> = FxHashMap::default();
    for ((number, ordinal), row, block) in &rows {
        let extras = &pool.extras[*number];
        let found = extras.find(*ordinal);
        let position = row.position();
        let handle = row_handle(*number, *ordinal);
        credit.insert(
            handle,
            (
                MerchantCode(block.owner(position)),
                block.meta(position).currency(),
            ),
        );
        refunds.push(RefundRow {
            handle,
            txn_id: block.id(position),
            merchant_id: &inputs
                .day
                .book
                .merchants
                .get(MerchantCode(block.owner(position)))
                .id,
            currency: block.meta(position).currency(),
            time: found.map_or(crate::terms::date::Instant(0), |at| extras.time[at]),
            original_txn_id: found.map_or(&b""[..], |at| extras.original.get(at)),
            amount_minor: block.amount_minor(position),
        });
    }
    let mut wanted: FxHashSet<Vec<u8>> = refunds
        .iter()
        .map(|refund| refund.original_txn_id.to_vec())
        .filter(|id| !id.is_empty())
        .filter(|id| {
            let known = inputs
                .day
                .state
                .fee_returns
                .binary_search_by(|r| r.original_txn_id.as_bytes().cmp(id.as_slice()));
            known.is_err()
        })
        .collect();
    let mut found: BTreeMap<Vec<u8>, originals::Settled> = BTreeMap::new();
    for id in &wanted {
        if let Some(original) = settled_today(inputs, legs, wallet, id) {
            found.insert(id.clone(), original);
        }
    }
    wanted.retain(|id| !found.contains_key(id));
    if !wanted.is_empty() {
        found.extend((inputs.day.originals)(&wanted)?);
    }
    let originals: Vec<Original<'_>> = found
        .iter()
        .map(|(id, settled)| Original {
            txn_id: id,
            merchant_id: &settled.merchant_id,
            currency: settled.currency,
            amount_minor: settled.amount_minor,
            fee_minor: settled.fee_minor,
        })
        .collect();
    let returns = return_fees(
        &inputs.day.state.fee_returns,
        &originals,
        &refunds,
        inputs.day.date,
    )?;
    for returned in &returns.returned {
        let Some(key) = credit.get(&returned.handle) else {
            continue;
        };
        if let Ok(line) = lines.binary_search_by_key(key, |line| (line.merchant, line.currency)) {
            lines[line].fee_returned_minor += i128::from(returned.fee_returned_minor);
        }
    }
    Ok(returns)
}

/// A payment that settled in this very close.
fn settled_today(
    inputs: &SettleInputs<'_>,
    legs: &[SettledPairs],
    wallet: &WalletSettled,
    id: &[u8],
) -> Option<originals::Settled> {
    let side = &inputs.pool.left[inputs.bank_leg];
    for row in inputs.agreed.left.order.rows_of(side, id.into()) {
        let (block, position) = (&side[row.block()], row.position());
        if block.meta(position).txn_type() != Some(TxnType::Payment) {
            continue;
        }
        let ordinal = block.ordinal(position);
        let fee = legs.iter().enumerate().find_map(|(leg, settled)| {
            let side = platform_side(inputs.pool, &inputs.day.book.settings, leg).get(row.block())?;
            settled.fees.get(row.block())?.get(side.position_of(ordinal)?)
        });
        let fee = fee.or_else(|| {
            let at = wallet.pairs.binary_search_by_key(&row, |pair| pair.0).ok()?;
            Some(wallet.pairs[at].1)
        });
        if let Some(fee) = fee {
            let merchant = inputs
                .day
                .book
                .merchants
                .terms
                .get(block.owner(position) as usize);
            return Some(originals::Settled {
                merchant_id: merchant.map_or(String::new(), |terms| terms.id.clone()),
                currency: block.meta(position).currency(),
                amount_minor: block.amount_minor(position),
                fee_minor: fee,
            });
        }
    }
    None
}

struct SideResult {
    follow: PayoutFollow,
    events: Vec<AccountEvent>,
    small: Vec<SmallLine>,
    open: Vec<OpenBreakRows>,
    posted: Vec<RowRef>,
}

/// Entries beside the platform↔bank leg: purpose entries, payouts at the bank, entries of own accounts (R13, R14).
fn side_entries(inputs: &SettleInputs<'_>) -> Result<SideResult, Stop> {
    let (pool, bank_leg) = (inputs.pool, inputs.bank_leg);
    let right = &pool.right[bank_leg];
    let excluded = &inputs.agreed.right[bank_leg].excluded;
    let mut events: Vec<AccountEvent> = Vec::new();
    let mut posted = Vec::new();
    let mut payouts: Vec<(u64, RowRef, String, String)> = Vec::new();
    for (number, entries) in pool.side.iter().enumerate() {
        if entries.is_empty() {
            continue;
        }
        let block = &right[number];
        for entry in entries {
            let name = row_handle(number, entry.ordinal);
            let Some(position) = block
                .position_of(entry.ordinal)
                .filter(|_| !excluded.contains(&name))
            else {
                continue;
            };
            let row = RowRef::new(number, position);
            match &entry.kind {
                SideKind::Purpose(purpose) => {
                    posted.push(row);
                    events.push(AccountEvent {
                        account: block.owner(position) as usize,
                        entry_id: block.id(position).to_text(),
                        amount_minor: block.amount_minor(position),
                        kind: AccountEventKind::Purpose(*purpose),
                    });
                }
                SideKind::OtherAccount => posted.push(row),
                SideKind::Payout(id) => payouts.push((name, row, id.clone(), block.id(position).to_text())),
            }
        }
    }
    let entry =
        |(handle, row, id, entry_id): &(u64, RowRef, String, String)| -> (u64, RowRef, String, String) {
            (*handle, *row, id.clone(), entry_id.clone())
        };
    let owned: Vec<_> = payouts.iter().map(entry).collect();
    let entries: Vec<PayoutEntry<'_>> = owned
        .iter()
        .map(|(handle, row, id, entry_id)| {
            let (block, position) = (&right[row.block()], row.position());
            let meta = block.meta(position);
            PayoutEntry {
                handle: *handle,
                payout_id: id,
                entry_id,
                account: block.owner(position) as usize,
                direction: meta.direction(),
                amount_minor: block.amount_minor(position),
                currency: meta.currency(),
            }
        })
        .collect();
    let follow = follow_payouts(
        &inputs.day.book.settings,
        &inputs.day.state.payouts,
        &entries,
        inputs.day.date,
    )?;
    let by_handle: FxHashMap<u64, (RowRef, &str)> = owned
        .iter()
        .map(|(handle, row, id, _)| (*handle, (*row, id.as_str())))
        .collect();
    let mut small = Vec::new();
    for (handle, event) in &follow.agreed {
        let Some((row, id)) = by_handle.get(handle) else {
            continue;
        };
        posted.push(*row);
        let merchant = match &event.kind {
            AccountEventKind::PayoutDebited { merchant_id, .. }
            | AccountEventKind::PayoutReturned { merchant_id, .. } => {
                inputs.day.book.merchants.code(merchant_id.as_bytes()).0
            }
            AccountEventKind::Purpose(_)
            | AccountEventKind::Residual { .. }
            | AccountEventKind::Adjusted { .. } => u32::MAX,
        };
        let meta = right[row.block()].meta(row.position());
        small.push(SmallLine {
            leg: PAYOUT_LEG.to_owned(),
            entry_id: event.entry_id.clone(),
            pass: "exact",
            bank_ref: (*id).to_owned(),
            merchant,
            account: event.account as u32,
            currency: u32::from(meta.currency().index()),
            amount_minor: event.amount_minor,
        });
        events.push(event.clone());
    }
    for (original, reversal) in &inputs.agreed.legs[bank_leg].reversals {
        for row in [original, reversal] {
            let (block, position) = (&right[row.block()], row.position());
            small.push(SmallLine {
                leg: inputs.day.book.settings.legs[bank_leg].name.clone(),
                entry_id: block.id(position).to_text(),
                pass: "reversal",
                bank_ref: block.key(position).to_text(),
                merchant: u32::MAX,
                account: block.owner(position),
                currency: u32::from(block.meta(position).currency().index()),
                amount_minor: block.amount_minor(position),
            });
        }
    }
    small.extend(inputs.agreed.later.small.iter().cloned());
    events.extend(inputs.agreed.later.events.iter().cloned());
    events.extend(inputs.agreed.batches.events.iter().cloned());
    events.extend(inputs.agreed.batches.late_events.iter().cloned());
    small.sort();
    events.sort_by(|a, b| (a.account, &a.entry_id).cmp(&(b.account, &b.entry_id)));
    let open = follow
        .broken
        .iter()
        .filter_map(|broken| {
            let (row, _) = by_handle.get(&broken.handle)?;
            Some(OpenBreakRows {
                leg: PAYOUT_LEG.to_owned(),
                class: broken.class,
                left: None,
                right: Some((row.block(), right[row.block()].ordinal(row.position()))),
                was_duplicate: (false, false),
            })
        })
        .collect();
    Ok(SideResult {
        follow,
        events,
        small,
        open,
        posted,
    })
}

/// Rows matched on some legs and waiting for others (R41), and what the next close must know of them.
fn waiting(inputs: &SettleInputs<'_>) -> Result<(Vec<UnsettledRow>, Vec<Unsettled>), Stop> {
    if inputs.completion.is_single_leg() {
        return Ok((Vec::new(), Vec::new()));
    }
    let (pool, settings) = (inputs.pool, &inputs.day.book.settings);
    let side = &pool.left[inputs.bank_leg];
    let mut rows = Vec::new();
    let mut next = Vec::new();
    for (number, block) in side.iter().enumerate() {
        for position in 0..block.len() {
            let ordinal = block.ordinal(position);
            let (earlier, today) = inputs.completion.matched((number, ordinal));
            let meta = block.meta(position);
            let required = inputs.context.channels[usize::from(meta.channel())].required;
            let written_off = inputs.by_hand.platform.contains(&(number, ordinal));
            if earlier | today == 0 || (earlier | today) & required == required || written_off {
                continue;
            }
            let txn_id = block.id(position).to_text();
            let legs = inputs
                .completion
                .matched_on(pool, (number, ordinal), inputs.day.date);
            let lines = legs.iter().map(|(leg, matched_on)| Unsettled {
                txn_id: txn_id.clone(),
                leg: settings.legs[*leg].name.clone(),
                matched_on: *matched_on,
            });
            next.extend(lines);
            if let Some((_, matched_on)) = legs.iter().find(|(leg, _)| *leg == inputs.bank_leg) {
                rows.push(unsettled_row(inputs, number, position, txn_id, *matched_on));
            }
        }
    }
    rows.sort_by(|a, b| a.txn_id.cmp(&b.txn_id));
    next.sort();
    let twice = next
        .windows(2)
        .find(|two| (&two[0].txn_id, &two[0].leg) == (&two[1].txn_id, &two[1].leg));
    if let Some(twice) = twice {
        return Err(Stop::invariant(format!(
            "two rows of txn_id {} have matched on leg {} and wait",
            twice[0].txn_id, twice[0].leg
        )));
    }
    Ok((rows, next))
}

fn unsettled_row(
    inputs: &SettleInputs<'_>,
    number: usize,
    position: usize,
    txn_id: String,
    matched_on: Date,
) -> UnsettledRow {
    let block = &inputs.pool.left[inputs.bank_leg][number];
    let meta = block.meta(position);
    let merchant = inputs
        .day
        .book
        .merchants
        .terms
        .get(block.owner(position) as usize);
    let is_customer = meta.txn_type().is_some_and(TxnType::is_wallet);
    let customer = || {
        let extras = &inputs.pool.extras[number];
        let at = extras.find(block.ordinal(position));
        at.map_or(String::new(), |at| {
            String::from_utf8_lossy(extras.party.get(at)).into_owned()
        })
    };
    UnsettledRow {
        txn_id,
        obligee_id: if is_customer {
            customer()
        } else {
            merchant.map_or(String::new(), |m| m.id.clone())
        },
        obligee_is_customer: is_customer,
        pool: match merchant {
            Some(terms) if !is_customer => terms.pool.clone(),
            _ => crate::day::breaks::DEFAULT_POOL.to_owned(),
        },
        currency: meta.currency(),
        direction: if meta.direction() == Direction::Credit {
            Direction::Credit
        } else {
            Direction::Debit
        },
        amount_minor: block.amount_minor(position),
        matched_on,
    }
}

/// Channels by code, with what the settings say of them.
pub fn channels(
    book: &Book,
    names: &[String],
    participants: &crate::netting::Participants,
) -> Vec<ChannelInfo> {
    names
        .iter()
        .map(|name| ChannelInfo {
            name: name.clone(),
            required: book.settings.required_legs(name),
            participant: participants.of_channel(name.as_bytes()),
        })
        .collect()
}

/// When the net of day D of a merchant falls due (R8): by its own calendar, else the institution's.
///
/// # Errors
/// 78 for a calendar or year that is not known.
pub fn merchant_due_date(book: &Book, merchant: MerchantCode, date: Date) -> Result<Date, Stop> {
    let terms = book.merchants.get(merchant);
    let id = terms
        .calendar
        .as_deref()
        .unwrap_or(&book.settings.institution.calendar);
    let Some(calendar) = book.calendars.get(id) else {
        return Err(Stop::new(
            StopCode::Settings,
            Finding::about(
                "merchants",
                format!("merchant {}: calendar `{id}` is not known", terms.id),
                "add calendars/ID.json",
            ),
        ));
    };
    Ok(due_date(terms.cycle, date, calendar)?)
}
