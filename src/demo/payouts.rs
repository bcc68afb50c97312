//! What the demo's merchants should be paid, so that the bank's file can debit it: a small model of SPEC §6.1 to §6.4
//! of its own, over rows known to settle. It shares no code with the engine's fees and payouts but the calendar, so
//! the demo's payouts agree with the engine's only when both are right.

use std::collections::BTreeMap;

use crate::book::Book;
use crate::book::calendars::due_date;
use crate::book::parse::parse_cycle;
use crate::demo::book::{Fee, INSTITUTION, MERCHANTS, Merchant};
use crate::demo::rows::{DAYS, Txn, Week};
use crate::findings::Stop;
use crate::terms::calendar::Calendar;
use crate::terms::date::Date;
use crate::terms::digest::payout_id;
use crate::terms::kinds::TxnType;

/// A payout as the close of a day should issue it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expected {
    /// Index of the issuing close.
    pub day: usize,
    /// Day on which the bank should debit it.
    pub execution: Date,
    /// Merchant.
    pub merchant: &'static str,
    /// Currency.
    pub currency: &'static str,
    /// Minor units.
    pub minor: i64,
    /// Id (R12).
    pub id: String,
}

/// What one merchant sold and gave back in one close, minor units.
#[derive(Clone, Copy, Debug, Default)]
struct Sums {
    gross: i64,
    minus: i64,
    plus: i64,
    fee: i64,
    fee_returned: i64,
}

/// Works out every payout of the week. `returned` names payouts that come back: merchant, issuing close, and the
/// close that sees the return.
///
/// # Errors
/// 78 for a calendar without the year.
pub fn expect(week: &Week, book: &Book, returned: &[(&str, usize, usize)]) -> Result<Vec<Expected>, Stop> {
    let missing = || Stop::invariant("the demo book has no calendar");
    let house = book
        .calendars
        .get(&book.settings.institution.calendar)
        .ok_or_else(missing)?;
    let mut all = Vec::new();
    for merchant in &MERCHANTS {
        let own = match merchant.calendar {
            "" => house,
            id => book.calendars.get(id).ok_or_else(missing)?,
        };
        of_merchant(week, merchant, (house, own), returned, &mut all)?;
    }
    Ok(all)
}

fn of_merchant(
    week: &Week,
    merchant: &Merchant,
    (house, own): (&Calendar, &Calendar),
    returned: &[(&str, usize, usize)],
    all: &mut Vec<Expected>,
) -> Result<(), Stop> {
    let text = if merchant.cycle.is_empty() {
        "T+1"
    } else {
        merchant.cycle
    };
    let cycle = parse_cycle(text).ok_or_else(|| Stop::invariant("a cycle of the demo does not read"))?;
    let sums = sums_by_day(week, merchant);
    let mut dues: Vec<(Date, i64)> = Vec::new();
    let mut holds: Vec<(Date, i64)> = Vec::new();
    let mut carried = 0;
    for (day, sums) in sums.iter().enumerate() {
        let date = week.dates[day];
        let execution = house.nth_business_day_after(date, 1)?;
        let mut net = sums.gross - sums.minus + sums.plus - sums.fee + sums.fee_returned;
        if let Some((bps, days)) = merchant.hold {
            let hold = (sums.gross * i64::from(bps) + 5_000) / 10_000;
            holds.push((date.plus_days(days), hold));
            net -= hold;
        }
        net += take_until(&mut holds, date);
        dues.push((due_date(cycle, date, own)?, net));
        let payable = carried + take_until(&mut dues, execution);
        let least = merchant.min_payout_minor.unwrap_or(match merchant.currency {
            "CNY" => 100,
            _ => 1,
        });
        let paid = payable >= least && merchant.status == "active";
        carried = if paid { 0 } else { payable };
        if paid {
            all.push(Expected {
                day,
                execution,
                merchant: merchant.id,
                currency: merchant.currency,
                minor: payable,
                id: payout_id(INSTITUTION, merchant.id, merchant.currency, date, 1),
            });
        }
        for (who, issued, seen) in returned {
            let came_back = all
                .iter()
                .find(|payout| (payout.merchant, payout.day) == (*who, *issued));
            if let (true, Some(payout)) = (*seen == day && *who == merchant.id, came_back) {
                carried += payout.minor;
            }
        }
    }
    Ok(())
}

/// Takes out what falls on `until` or before, and gives its sum.
fn take_until(dated: &mut Vec<(Date, i64)>, until: Date) -> i64 {
    let sum = dated
        .iter()
        .filter(|(date, _)| *date <= until)
        .map(|(_, minor)| minor)
        .sum();
    dated.retain(|(date, _)| *date > until);
    sum
}

fn sums_by_day(week: &Week, merchant: &Merchant) -> [Sums; DAYS] {
    let mut sums = [Sums::default(); DAYS];
    // Of each payment: amount, fee, refunded so far, fee given back so far.
    let mut originals: BTreeMap<&str, [i64; 4]> = BTreeMap::new();
    let mut rows: Vec<(usize, &Txn)> = week
        .settled
        .iter()
        .filter(|row| row.txn.merchant == merchant.id)
        .map(|row| (row.day, &row.txn))
        .collect();
    rows.sort_by(|(a_day, a), (b_day, b)| (a_day, &a.time, &a.id).cmp(&(b_day, &b.time, &b.id)));
    for (day, txn) in rows {
        let sums = &mut sums[day];
        match txn.kind {
            TxnType::Payment => {
                let fee = fee(merchant.fee, txn.channel, txn.minor);
                sums.gross += txn.minor;
                sums.fee += fee;
                originals.insert(&txn.id, [txn.minor, fee, 0, 0]);
            }
            TxnType::Refund | TxnType::Chargeback => {
                sums.minus += txn.minor;
                if let (TxnType::Refund, Fee::Hotel, Some([amount, fee, refunded, back])) =
                    (txn.kind, merchant.fee, originals.get_mut(txn.original.as_str()))
                {
                    *refunded += txn.minor;
                    let now = *fee * (*refunded).min(*amount) / *amount - *back;
                    *back += now;
                    sums.fee_returned += now;
                }
            }
            _ => sums.plus += txn.minor,
        }
    }
    if merchant.fee == Fee::Daily {
        for sums in &mut sums {
            sums.fee = half_up(sums.gross, 5_000).min(20_000);
        }
    }
    sums
}

/// `amount × ppm`, rounded half up; amounts of the demo are positive and small.
fn half_up(minor: i64, ppm: i64) -> i64 {
    (minor * ppm + 500_000) / 1_000_000
}

pub(super) fn fee(terms: Fee, channel: &str, minor: i64) -> i64 {
    match terms {
        Fee::Columns(bps, least, most) => {
            let fee = half_up(minor, i64::from(bps) * 100).max(least);
            most.map_or(fee, |most| fee.min(most))
        }
        Fee::Standard if channel == "ALIPAY" => half_up(minor, 5_500),
        Fee::Standard => half_up(minor, 6_000),
        Fee::Hotel => {
            let ppm = match minor {
                ..=50_000 => 10_000,
                50_001..=200_000 => 8_000,
                _ => 6_000,
            };
            half_up(minor, ppm).max(10)
        }
        Fee::Daily => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fees_follow_the_settings() {
        assert_eq!(fee(Fee::Columns(60, 10, None), "BANK", 800), 10);
        assert_eq!(fee(Fee::Columns(60, 0, None), "BANK", 1_250), 8); // 7.5
        assert_eq!(fee(Fee::Columns(30, 0, Some(50)), "BANK", 100_000), 50);
        assert_eq!(fee(Fee::Standard, "ALIPAY", 10_000), 55);
        assert_eq!(fee(Fee::Standard, "UNIONPAY", 10_000), 60);
        assert_eq!(fee(Fee::Hotel, "BANK", 100_000), 800);
        assert_eq!(fee(Fee::Hotel, "BANK", 50_000), 500);
        assert_eq!(fee(Fee::Daily, "BANK", 50_000), 0);
    }
}
