//! What the ledger and the reserve are computed from: the figures of the stages before, side by side.

use rustc_hash::FxHashSet;

use crate::book::merchants::Merchants;
use crate::book::settings::Settings;
use crate::day::figures::{
    AccountEvent, AccountLine, AdjustmentLine, AgreedSums, CustomerLine, OpenEntry, PayoutLine, UnsettledRow,
};
use crate::day::state::{Carried, Due, Hold, IssuedPayout, State};
use crate::findings::Stop;
use crate::terms::date::Date;

/// Pool of customers, and of whoever names none (R28).
pub const DEFAULT_POOL: &str = "default";

/// One business day as the earlier stages leave it. The day fills it in; nothing here is copied.
#[derive(Clone, Copy)]
pub struct DayFigures<'a> {
    /// D.
    pub date: Date,
    /// Settings of the book.
    pub settings: &'a Settings,
    /// Merchant master.
    pub merchants: &'a Merchants,
    /// What the previous close brought forward, or `opening/`.
    pub previous: &'a State,
    /// Lines of payouts.csv.
    pub payouts: &'a [PayoutLine],
    /// Lines of accounts.csv, one per configured account.
    pub accounts: &'a [AccountLine],
    /// Lines of customers.csv.
    pub customers: &'a [CustomerLine],
    /// Bank entries agreed today with platform rows.
    pub agreed: &'a [AgreedSums],
    /// Purpose entries and payout movements of today.
    pub events: &'a [AccountEvent],
    /// Adjustments posted today.
    pub adjustments: &'a [AdjustmentLine],
    /// Rows still open after D: each row once, whatever number of lines or legs it stands in.
    pub open: &'a [OpenEntry],
    /// Rows matched at the bank that wait for another leg, after D.
    pub unsettled: &'a [UnsettledRow],
    /// Nets not yet due after D.
    pub dues: &'a [Due],
    /// Holds after D.
    pub holds: &'a [Hold],
    /// Carried amounts after D.
    pub carried: &'a [Carried],
    /// All remembered payouts after D, those issued today included.
    pub issued: &'a [IssuedPayout],
    /// Business days in (first_seen, D] of the institution's calendar (R30).
    pub age_business_days: &'a (dyn Fn(Date) -> Result<i32, Stop> + Sync),
}

impl<'a> DayFigures<'a> {
    /// Pool of a merchant; `default` for one that the master does not know.
    pub fn merchant_pool(&self, merchant_id: &str) -> &'a str {
        let merchants: &'a Merchants = self.merchants;
        let code = merchants.code(merchant_id.as_bytes());
        merchants
            .terms
            .get(code.0 as usize)
            .map_or(DEFAULT_POOL, |terms| terms.pool.as_str())
    }

    /// Payouts issued in this close: those that the previous close did not know.
    pub fn newly_issued(&self) -> Vec<&'a IssuedPayout> {
        let known: FxHashSet<&str> = self
            .previous
            .payouts
            .iter()
            .map(|payout| payout.payout_id.as_str())
            .collect();
        self.issued
            .iter()
            .filter(|payout| !known.contains(payout.payout_id.as_str()))
            .collect()
    }
}
