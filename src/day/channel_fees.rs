//! What channels should charge, where the book has agreed a fee with them (R26).
//!
//! In: the fee plans of the channels, and rows of their bills. Out: the fee that is due, and whether a row has it. What the
//! platform charges its merchants is not asked here (settling).

use crate::book::settings::Settings;
use crate::entries::block::EntryBlock;
use crate::fees::FeeTable;
use crate::terms::kinds::TxnType;

/// True when a fee is agreed with some channel; else no row needs to be asked.
pub fn are_agreed(settings: &Settings) -> bool {
    settings.channels.values().any(|terms| terms.fee_plan.is_some())
}

/// Whether the channel's fee on a row is the contracted one (R26): what its plan charges on a payment and, where the
/// plan returns fees, at most that on a refund. Channels without a plan charge what they charge.
pub fn agrees(
    settings: &Settings,
    fees: &FeeTable,
    names: &[String],
    block: &EntryBlock,
    position: usize,
) -> bool {
    let meta = block.meta(position);
    let Some(txn_type) = meta.txn_type() else {
        return true;
    };
    let Some(name) = names.get(usize::from(meta.channel())) else {
        return true;
    };
    let due = due(settings, fees, name, txn_type, block.amount_minor(position));
    due.is_none_or(|minor| minor == block.aux_minor(position))
}

/// What a channel should charge on a row, where a fee is agreed (R26).
pub fn due(
    settings: &Settings,
    fees: &FeeTable,
    channel: &str,
    txn_type: TxnType,
    amount_minor: i64,
) -> Option<i64> {
    let plan = settings.channels.get(channel)?.fee_plan.as_deref()?;
    if txn_type != TxnType::Payment {
        // What a refund gives back follows from its original, which a bill row does not carry.
        return None;
    }
    let due = fees.channel_fee(plan, channel.as_bytes(), txn_type, amount_minor);
    // A fee beyond 64 bits is none that anybody charged.
    due.unwrap_or(Some(i64::MAX))
}
