//! What holds of a close's payouts before they are published: figures fit, no money is lost or made.

use std::collections::BTreeMap;

use crate::day::figures::PayoutLine;
use crate::findings::Stop;
use crate::payouts::settle::{PayoutInputs, Settlement};
use crate::terms::currency::Currency;
use crate::terms::money::narrow;

/// The first published figure of a line that does not fit 64 bits.
pub(crate) fn first_too_large(
    line: &PayoutLine,
    by_day: impl IntoIterator<Item = i128>,
) -> Option<&'static str> {
    let sums = &line.sums;
    let published = [
        ("gross_minor", sums.gross_minor),
        ("refund_minor", sums.refund_minor),
        ("chargeback_minor", sums.chargeback_minor),
        ("reversal_minor", sums.reversal_minor),
        ("adjustment_minor", sums.adjustment_minor),
        ("fee_minor", line.fee_minor),
        ("fee_returned_minor", sums.fee_returned_minor),
        ("hold_minor", line.hold_minor),
        ("release_minor", line.release_minor),
        ("net_minor", line.net_minor),
        ("opening_minor", line.opening_minor),
        ("due_minor", line.due_minor),
        ("payout_minor", line.payout_minor),
        ("carried_minor", line.carried_minor),
        ("returned_minor", line.returned_minor),
        ("manual_minor", line.manual.net_minor()),
        ("undue_minor", line.undue_minor),
        ("held_minor_total", line.held_minor_total),
    ];
    let figure = published
        .iter()
        .find(|(_, minor)| narrow(*minor).is_err())
        .map(|(name, _)| *name);
    let row = by_day.into_iter().any(|minor| narrow(minor).is_err());
    figure.or(row.then_some("a sum by day"))
}

/// A figure that [`first_too_large`] has passed.
pub(crate) fn fits(minor: i128) -> i64 {
    let narrowed = narrow(minor);
    assert!(narrowed.is_ok(), "figures were checked before they are written");
    narrowed.unwrap_or_default()
}

/// Conservation per currency: what lay there and what came in is paid, carried, not yet due, or held. Adjustments
/// between carried and held change nothing; a transfer comes in.
pub(crate) fn check_conserved(inputs: &PayoutInputs<'_>, out: &Settlement) -> Result<(), Stop> {
    let mut entered: BTreeMap<Currency, i128> = BTreeMap::new();
    let mut left: BTreeMap<Currency, i128> = BTreeMap::new();
    let mut enter = |currency, minor: i128| *entered.entry(currency).or_default() += minor;
    let state = inputs.state;
    state
        .dues
        .iter()
        .for_each(|row| enter(row.currency, row.amount_minor.into()));
    state
        .holds
        .iter()
        .for_each(|row| enter(row.currency, row.amount_minor.into()));
    state
        .carried
        .iter()
        .for_each(|row| enter(row.currency, row.amount_minor.into()));
    inputs
        .returned
        .iter()
        .for_each(|row| enter(row.currency, row.amount_minor.into()));
    inputs
        .moves
        .iter()
        .for_each(|row| enter(row.currency, row.manual.transfer_minor));
    for line in &out.lines {
        let sums = &line.sums;
        let day = sums.gross_minor - sums.refund_minor - sums.chargeback_minor
            + sums.reversal_minor
            + sums.adjustment_minor
            - line.fee_minor
            + sums.fee_returned_minor;
        enter(sums.currency, day);
    }
    let mut leave = |currency, minor: i64| *left.entry(currency).or_default() += i128::from(minor);
    out.dues
        .iter()
        .for_each(|row| leave(row.currency, row.amount_minor));
    out.holds
        .iter()
        .for_each(|row| leave(row.currency, row.amount_minor));
    out.carried
        .iter()
        .for_each(|row| leave(row.currency, row.amount_minor));
    out.issued
        .iter()
        .for_each(|row| leave(row.currency, row.amount_minor));
    for currency in entered.keys().chain(left.keys()) {
        let (entered, left) = (
            entered.get(currency).unwrap_or(&0),
            left.get(currency).unwrap_or(&0),
        );
        if entered != left {
            return Err(Stop::invariant(format!(
                "payouts {currency}: {entered} minor units entered, {left} left"
            )));
        }
    }
    Ok(())
}
