//! Stages 5 to 7: who is paid, what reserve that leaves, and the books of it.
//!
//! In: what settled, what is open, and the balances of the accounts ([`Unpaid`]). Out: payouts, reserve, journal, positions and clearing
//! files ([`Paid`]). The reserve is first computed as if all payouts were issued; where a pool is short then, and the policy
//! says so, payouts are decided again without it (R3). Whether it all adds up is not judged here (`checks`).

use std::collections::BTreeSet;

use crate::book::merchants::MerchantCode;
use crate::book::settings::ShortfallPolicy;
use crate::clearing::{self, ClearingFile};
use crate::day::adjust::Adjusted;
use crate::day::breaks::Breaks;
use crate::day::figures::{AccountLine, Position};
use crate::day::prepare::DayTerms;
use crate::day::run::DayInputs;
use crate::day::settle::{self, Settled};
use crate::day::state::IssuedPayout;
use crate::findings::Stop;
use crate::ledger::{self, DayFigures, Journal, Standings};
use crate::netting::positions;
use crate::payouts::{PayoutInputs, Settlement, add_issued, settle_day};
use crate::reserve::{self, ReserveReport};
use crate::terms::currency::Currency;
use crate::terms::date::Date;

/// The day before anybody is paid: all that payouts, reserve and ledger are made of.
#[derive(Clone, Copy)]
pub struct Unpaid<'a> {
    /// The book, what was brought forward, D.
    pub day: &'a DayInputs<'a>,
    /// The terms of the day.
    pub terms: &'a DayTerms<'a>,
    /// Lines of accounts.csv.
    pub accounts: &'a [AccountLine],
    /// What settled.
    pub settled: &'a Settled,
    /// What people decided.
    pub adjusted: &'a Adjusted,
    /// What is open.
    pub breaks: &'a Breaks,
    /// Business days in (first_seen, D] of the institution's calendar (R30).
    pub age_business_days: &'a (dyn Fn(Date) -> Result<i32, Stop> + Sync),
}

/// What a close pays, and every payout that is remembered after it.
pub struct Payouts {
    /// What is paid today and what waits.
    pub settlement: Settlement,
    /// Payouts issued today, and those brought forward that are not forgotten.
    pub issued: Vec<IssuedPayout>,
}

/// The day once it is paid.
pub struct Paid {
    /// Payouts.
    pub payouts: Payouts,
    /// Reserve.
    pub reserve: ReserveReport,
    /// Ledger.
    pub journal: Journal,
    /// positions.csv.
    pub positions: Vec<Position>,
    /// Clearing files, read back.
    pub clearing: Vec<ClearingFile>,
}

/// Pays what can be paid, reserves what must be, and writes the books of it.
///
/// # Errors
/// What payouts, reserve, ledger, netting and clearing report.
pub fn pay_and_reserve(unpaid: &Unpaid<'_>) -> Result<Paid, Stop> {
    let all_paid = Payouts::decide(unpaid, &BTreeSet::new())?;
    let as_if = unpaid.with(&all_paid);
    let standings = Standings::of(&as_if)?;
    let reserve_if_paid = reserve::figures(&as_if, &standings)?;
    let withheld = Payouts::withhold(unpaid, &reserve_if_paid)?;
    let payouts = withheld.as_ref().unwrap_or(&all_paid);
    let figures = unpaid.with(payouts);
    // Where nothing is withheld, as if paid is how it comes out.
    let (standings, reserve) = if withheld.is_some() {
        let standings = standings.with_end_of(&figures)?;
        let reserve = reserve::figures(&figures, &standings)?.with_if_paid(&reserve_if_paid);
        (standings, reserve)
    } else {
        (standings, reserve_if_paid)
    };
    // Clearing files, read back, need nothing of the ledger.
    let (book, terms) = (unpaid.day.book, unpaid.terms);
    let settings = &book.settings;
    let issued = &payouts.settlement.issued;
    let (journal, (positions, clearing)) = rayon::join(
        || ledger::journal(&figures, &standings),
        || {
            (
                positions(&settings.netting, &unpaid.settled.obligations),
                clearing::files(settings, &book.merchants, terms.execution_date, issued),
            )
        },
    );
    let (journal, positions, clearing) = (journal?, positions?, clearing?);
    Ok(Paid {
        payouts: withheld.unwrap_or(all_paid),
        reserve,
        journal,
        positions,
        clearing,
    })
}

impl Payouts {
    /// Decides payouts, of which the pools and currencies `short` pay nothing (R3).
    fn decide(unpaid: &Unpaid<'_>, short: &BTreeSet<(String, Currency)>) -> Result<Payouts, Stop> {
        let Unpaid {
            day, terms, settled, ..
        } = *unpaid;
        let due_date =
            |merchant: MerchantCode, date: Date| settle::merchant_due_date(day.book, merchant, date);
        let inputs = PayoutInputs {
            settings: &day.book.settings,
            merchants: &day.book.merchants,
            fees: &terms.fees,
            business_date: day.date,
            execution_date: terms.execution_date,
            sums: &settled.sums,
            state: day.state,
            returned: &settled.follow.returned,
            moves: &unpaid.adjusted.moves,
            due_date: &due_date,
        };
        let settlement = settle_day(&inputs, short)?;
        let issued = add_issued(settled.follow.next.clone(), settlement.issued.clone())?;
        Ok(Payouts { settlement, issued })
    }

    /// Payouts without those of the pools that would be short if all were issued; `None` where none is, or where the policy
    /// pays all the same.
    fn withhold(unpaid: &Unpaid<'_>, if_paid: &ReserveReport) -> Result<Option<Payouts>, Stop> {
        let short: BTreeSet<(String, Currency)> = if_paid.short().into_iter().collect();
        let policy = unpaid.day.book.settings.policy.on_shortfall;
        if policy != ShortfallPolicy::Withhold || short.is_empty() {
            return Ok(None);
        }
        Payouts::decide(unpaid, &short).map(Some)
    }
}

impl<'a> Unpaid<'a> {
    /// The day as the ledger, the reserve and the checks see it, with these payouts.
    pub fn with(&self, payouts: &'a Payouts) -> DayFigures<'a> {
        let Payouts { settlement, issued } = payouts;
        DayFigures {
            date: self.day.date,
            settings: &self.day.book.settings,
            merchants: &self.day.book.merchants,
            previous: self.day.state,
            payouts: &settlement.lines,
            accounts: self.accounts,
            customers: &self.settled.wallets.lines,
            agreed: &self.settled.agreed,
            events: &self.settled.events,
            adjustments: &self.adjusted.lines,
            open: &self.breaks.open_entries,
            unsettled: &self.settled.unsettled,
            dues: &settlement.dues,
            holds: &settlement.holds,
            carried: &settlement.carried,
            issued,
            age_business_days: self.age_business_days,
        }
    }
}
