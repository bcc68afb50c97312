//! Fees given back on refunds (R16): in proportion, rounded down, never more than was charged.

use crate::day::state::FeeReturn;
use crate::entries::bytes::Id;
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::currency::Currency;
use crate::terms::date::{Date, Instant};

/// Days after the last refund for which an original is remembered; the same reach as the look-up of originals.
pub const REMEMBERED_DAYS: i32 = 365;

/// A settled payment as found in the `matched` tables of this or an earlier close.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Original<'a> {
    /// Its txn_id.
    pub txn_id: &'a [u8],
    /// Merchant that was charged the fee.
    pub merchant_id: &'a str,
    /// Currency.
    pub currency: Currency,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// Fee charged, minor units, ≥ 0.
    pub fee_minor: i64,
}

/// A REFUND that settled in this close, of a merchant whose plan returns fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefundRow<'a> {
    /// The caller's name for the row; comes back in [`ReturnedFee`].
    pub handle: u64,
    /// Its txn_id.
    pub txn_id: Id<'a>,
    /// Its merchant.
    pub merchant_id: &'a str,
    /// Currency.
    pub currency: Currency,
    /// When it happened.
    pub time: Instant,
    /// The payment it refunds; empty where the row names none.
    pub original_txn_id: &'a [u8],
    /// Minor units, > 0.
    pub amount_minor: i64,
}

/// Why a refund gave nothing back although the plan returns fees.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReturnReason {
    /// The row names no original.
    NoOriginal,
    /// The original is in no close of the last 365 days.
    UnknownOriginal,
    /// The original is a payment of another merchant, or in another currency: its fee was charged to somebody else.
    OthersOriginal,
}

impl ReturnReason {
    /// The word of the tables.
    pub fn name(self) -> &'static str {
        match self {
            ReturnReason::NoOriginal => "NO_ORIGINAL",
            ReturnReason::UnknownOriginal => "UNKNOWN_ORIGINAL",
            ReturnReason::OthersOriginal => "OTHERS_ORIGINAL",
        }
    }
}

/// What one refund gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct ReturnedFee {
    /// The caller's name for the row.
    pub handle: u64,
    /// Minor units, ≥ 0.
    pub fee_returned_minor: i64,
    /// Why it is 0, where the original is not known.
    pub reason: Option<ReturnReason>,
}

/// The fees returned by a close and what it brings forward.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeReturns {
    /// One per refund, sorted by handle.
    pub returned: Vec<ReturnedFee>,
    /// The next `fee_returns` table, sorted by original_txn_id.
    pub next: Vec<FeeReturn>,
}

/// Gives fees back: `floor(fee × min(refunded so far, amount) / amount)` less what was given back before.
///
/// `state` is sorted by original; an original in it is used as it stands there, so that one whose close has been
/// forgotten still has its figures. Refunds of one original are taken by (txn_time, txn_id); neither their order in
/// `refunds` nor that of `originals` changes anything. An original stays remembered when it is refunded in full:
/// a refund above the whole would otherwise find it again and give its fee back twice. A refund of another merchant, or in
/// another currency, gives nothing back and counts in nothing, whatever payment it names.
///
/// # Errors
/// 65 when the refunds of one original do not fit 64 bits.
pub fn return_fees(
    state: &[FeeReturn],
    originals: &[Original<'_>],
    refunds: &[RefundRow<'_>],
    business_date: Date,
) -> Result<FeeReturns, Stop> {
    assert!(
        state.is_sorted_by(|a, b| a.original_txn_id < b.original_txn_id),
        "fee returns are sorted by original and unique"
    );
    let mut originals = originals.to_vec();
    originals.sort_unstable_by(|a, b| a.txn_id.cmp(b.txn_id));
    let mut refunds = refunds.to_vec();
    refunds.sort_unstable_by(|a, b| {
        (a.original_txn_id, a.time, a.txn_id, a.handle).cmp(&(b.original_txn_id, b.time, b.txn_id, b.handle))
    });

    let mut returned = Vec::with_capacity(refunds.len());
    let mut changed = Vec::new();
    for group in refunds.chunk_by(|a, b| a.original_txn_id == b.original_txn_id) {
        let id = group[0].original_txn_id;
        let known = match id.is_empty() {
            true => Err(ReturnReason::NoOriginal),
            false => find(state, &originals, id).ok_or(ReturnReason::UnknownOriginal),
        };
        match known {
            Err(reason) => returned.extend(group.iter().map(|refund| ReturnedFee {
                handle: refund.handle,
                fee_returned_minor: 0,
                reason: Some(reason),
            })),
            Ok(mut original) => {
                let mut is_changed = false;
                for refund in group {
                    let is_own = is_own(&original, refund);
                    is_changed |= is_own;
                    returned.push(ReturnedFee {
                        handle: refund.handle,
                        fee_returned_minor: match is_own {
                            true => take_refund(&mut original, refund.amount_minor)?,
                            false => 0,
                        },
                        reason: (!is_own).then_some(ReturnReason::OthersOriginal),
                    });
                }
                if is_changed {
                    original.changed_on = business_date;
                    changed.push(original);
                }
            }
        }
    }
    returned.sort_unstable();
    Ok(FeeReturns {
        returned,
        next: brought_forward(state, changed, business_date),
    })
}

/// The record of an original, from the state or new.
fn find(state: &[FeeReturn], originals: &[Original<'_>], id: &[u8]) -> Option<FeeReturn> {
    let record = match state.binary_search_by(|known| known.original_txn_id.as_bytes().cmp(id)) {
        Ok(at) => state[at].clone(),
        Err(_) => {
            let at = originals.binary_search_by(|known| known.txn_id.cmp(id)).ok()?;
            FeeReturn {
                original_txn_id: std::str::from_utf8(id).ok()?.to_owned(),
                merchant_id: originals[at].merchant_id.to_owned(),
                currency: Some(originals[at].currency),
                amount_minor: originals[at].amount_minor,
                fee_minor: originals[at].fee_minor,
                refunded_minor: 0,
                returned_minor: 0,
                changed_on: Date(0),
            }
        }
    };
    Some(record)
}

/// True when the fee of the original was charged to the refund's merchant, in its currency. Records of closes that did not
/// note them yet have neither.
fn is_own(original: &FeeReturn, refund: &RefundRow<'_>) -> bool {
    (original.merchant_id.is_empty() || original.merchant_id == refund.merchant_id)
        && original
            .currency
            .is_none_or(|currency| currency == refund.currency)
}

/// Adds one refund to an original and says what it gives back.
fn take_refund(original: &mut FeeReturn, amount_minor: i64) -> Result<i64, Stop> {
    let refunded = original.refunded_minor.checked_add(amount_minor).ok_or_else(|| {
        Stop::new(
            StopCode::BadData,
            Finding::about(
                "",
                format!(
                    "the refunds of {} are above 2^63 − 1 minor units",
                    original.original_txn_id
                ),
                "check the amounts of these refunds in the platform log",
            ),
        )
    })?;
    original.refunded_minor = refunded;
    // Rounded down; `amount` > 0, and the part is at most the whole, so the result is at most the fee.
    let part = i128::from(refunded.min(original.amount_minor));
    let due = i128::from(original.fee_minor) * part / i128::from(original.amount_minor.max(1));
    let due = i64::try_from(due).unwrap_or(original.fee_minor);
    let now = (due - original.returned_minor).max(0);
    original.returned_minor += now;
    Ok(now)
}

/// The next state: changed records in place of their former ones, forgotten ones left out.
fn brought_forward(state: &[FeeReturn], changed: Vec<FeeReturn>, business_date: Date) -> Vec<FeeReturn> {
    let mut next = Vec::with_capacity(state.len() + changed.len());
    let mut kept = state.iter().peekable();
    for record in changed {
        while let Some(old) = kept.next_if(|old| old.original_txn_id < record.original_txn_id) {
            next.push(old.clone());
        }
        kept.next_if(|old| old.original_txn_id == record.original_txn_id);
        next.push(record);
    }
    next.extend(kept.cloned());
    next.retain(|record| business_date.days_since(record.changed_on) <= REMEMBERED_DAYS);
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Date = Date(20_000);

    fn refund(handle: u64, original: &'static str, amount_minor: i64) -> RefundRow<'static> {
        RefundRow {
            handle,
            txn_id: b"R".into(),
            merchant_id: "M1",
            currency: cny(),
            time: Instant(handle as i64),
            original_txn_id: original.as_bytes(),
            amount_minor,
        }
    }

    fn cny() -> Currency {
        Currency::parse(b"CNY").unwrap()
    }

    fn paid() -> Original<'static> {
        Original {
            txn_id: b"P1",
            merchant_id: "M1",
            currency: cny(),
            amount_minor: 1000,
            fee_minor: 7,
        }
    }

    #[test]
    fn a_fee_goes_back_to_whom_it_was_charged() {
        let others = RefundRow {
            merchant_id: "M2",
            ..refund(1, "P1", 500)
        };
        let euro = RefundRow {
            currency: Currency::parse(b"EUR").unwrap(),
            ..refund(2, "P1", 500)
        };
        let refunds = [others, euro, refund(3, "P1", 500)];
        let out = return_fees(&[], &[paid()], &refunds, DAY).unwrap();
        let given: Vec<_> = out
            .returned
            .iter()
            .map(|r| (r.fee_returned_minor, r.reason))
            .collect();
        let refused = (0, Some(ReturnReason::OthersOriginal));
        assert_eq!(given, [refused, refused, (3, None)]);
        assert_eq!(out.next[0].refunded_minor, 500);
        // Nor does it later, when only the state knows the original; and nothing of it is remembered.
        let later = return_fees(&out.next, &[], &[others], DAY.plus_days(9)).unwrap();
        assert_eq!(
            (later.returned[0].fee_returned_minor, &later.next),
            (0, &out.next)
        );
        let none = return_fees(&[], &[paid()], &[others], DAY).unwrap();
        assert!(none.next.is_empty());
    }

    #[test]
    fn parts_add_up_to_the_whole_fee_and_never_more() {
        // 7 × 333/1000 = 2.331 → 2; 7 × 666/1000 = 4.662 → 4, so 2 more; whole → 7, so 3; above the whole nothing.
        let day = [
            refund(1, "P1", 333),
            refund(2, "P1", 333),
            refund(3, "P1", 334),
            refund(4, "P1", 500),
        ];
        let out = return_fees(&[], &[paid()], &day, DAY).unwrap();
        let given: Vec<i64> = out.returned.iter().map(|r| r.fee_returned_minor).collect();
        assert_eq!(given, [2, 2, 3, 0]);
        assert_eq!(out.next[0].returned_minor, 7);

        // The same refunds over four closes, in the state from one to the next, without the original after the first.
        let mut state = Vec::new();
        let originals = [paid()];
        for (at, row) in day.iter().enumerate() {
            let originals: &[Original<'_>] = if at == 0 { &originals } else { &[] };
            let out = return_fees(&state, originals, &[*row], DAY.plus_days(at as i32)).unwrap();
            assert_eq!(out.returned[0].fee_returned_minor, given[at]);
            state = out.next;
        }
        // The order in which rows are handed over changes nothing.
        let mut shuffled = day;
        shuffled.reverse();
        assert_eq!(return_fees(&[], &[paid()], &shuffled, DAY).unwrap(), out);
    }

    #[test]
    fn an_unknown_original_gives_nothing_and_says_why() {
        let out = return_fees(&[], &[paid()], &[refund(1, "", 5), refund(2, "P9", 5)], DAY).unwrap();
        let reasons: Vec<_> = out
            .returned
            .iter()
            .map(|r| (r.fee_returned_minor, r.reason))
            .collect();
        assert_eq!(
            reasons,
            [
                (0, Some(ReturnReason::NoOriginal)),
                (0, Some(ReturnReason::UnknownOriginal))
            ]
        );
        assert!(out.next.is_empty());
    }

    #[test]
    fn originals_are_forgotten_after_a_year() {
        let first = return_fees(&[], &[paid()], &[refund(1, "P1", 100)], DAY)
            .unwrap()
            .next;
        let after = |days| {
            return_fees(&first, &[], &[], DAY.plus_days(days))
                .unwrap()
                .next
                .len()
        };
        assert_eq!([after(1), after(365), after(366)], [1, 1, 0]);
    }
}
