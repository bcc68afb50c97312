//! What the next close brings forward.
//!
//! In: the day once it is paid and its checks hold. Out: the next [`State`], whose tables are read by the next close and by
//! nobody before it; and the breaks that are open no longer, which no state knows of any more.

use rustc_hash::FxHashSet;

use crate::day::adjust::Adjusted;
use crate::day::breaks::Breaks;
use crate::day::figures::AccountLine;
use crate::day::paying::Paid;
use crate::day::run::DayInputs;
use crate::day::settle::Settled;
use crate::day::state::{AccountBalance, State};
use crate::day::taken::Taken;
use crate::findings::{Finding, Stop, StopCode};
use crate::report::tables::ResolvedLine;
use crate::reserve::ReserveReport;
use crate::terms::date::Date;
use crate::terms::money::narrow;

/// The next state. What no file of the close shows is taken out of its owners and not copied.
///
/// # Errors
/// 65 when the balance of an account does not fit 64 bits.
pub fn next_state(
    day: &DayInputs<'_>,
    taken: &mut Taken,
    accounts: &[AccountLine],
    settled: &mut Settled,
    breaks: &mut Breaks,
    adjusted: &Adjusted,
    paid: &mut Paid,
) -> Result<State, Stop> {
    let settlement = &paid.payouts.settlement;
    Ok(State {
        open_items: std::mem::take(&mut breaks.open_items),
        unsettled: std::mem::take(&mut settled.unsettled_state),
        chained: breaks.chained.clone(),
        dues: settlement.dues.clone(),
        holds: settlement.holds.clone(),
        carried: settlement.carried.clone(),
        payouts: std::mem::take(&mut paid.payouts.issued),
        customers: std::mem::take(&mut settled.wallets.next),
        accounts: next_accounts(day, accounts, &paid.reserve)?,
        own: paid.reserve.own.clone(),
        inter_pool: paid.reserve.inter_pool.clone(),
        files: std::mem::take(&mut taken.known),
        fee_returns: std::mem::take(&mut settled.returns.next),
        ledger: paid.journal.closing.clone(),
        open_breaks: std::mem::take(&mut breaks.open_breaks),
        statements: std::mem::take(&mut taken.statement_numbers),
        statements_taken: std::mem::take(&mut taken.statements),
        adjustments: adjusted.ids(&day.state.adjustments, day.date),
    })
}

fn next_accounts(
    day: &DayInputs<'_>,
    lines: &[AccountLine],
    reserve: &ReserveReport,
) -> Result<Vec<AccountBalance>, Stop> {
    let mut next = Vec::new();
    for line in lines {
        let account = &day.book.settings.accounts[line.account];
        let book_minor = reserve.books.get(&line.account).copied().unwrap_or(0);
        let (closing, book) = (narrow(line.closing_minor), narrow(book_minor));
        let (Ok(closing_minor), Ok(book_minor)) = (closing, book) else {
            return Err(Stop::new(
                StopCode::BadData,
                Finding::about(
                    "accounts",
                    format!("account {}: a balance does not fit 64 bits", account.id),
                    "check the amounts of its entries",
                ),
            ));
        };
        next.push(AccountBalance {
            account: account.id.clone(),
            currency: account.currency,
            closing_minor,
            book_minor,
        });
    }
    next.sort();
    Ok(next)
}

/// Breaks of the previous close that are open no longer.
pub fn resolved(state: &State, breaks: &Breaks, date: Date) -> Vec<ResolvedLine> {
    if state.open_breaks.is_empty() {
        return Vec::new();
    }
    let open: FxHashSet<&str> = breaks.open_breaks.iter().map(|b| b.break_id.as_str()).collect();
    let mut lines: Vec<ResolvedLine> = state
        .open_breaks
        .iter()
        .filter(|b| !open.contains(b.break_id.as_str()))
        .map(|b| ResolvedLine {
            break_id: b.break_id.clone(),
            leg: b.leg.clone(),
            class: b.class.clone(),
            first_seen: b.first_seen,
            resolved_on: date,
            age_days: date.days_since(b.first_seen),
        })
        .collect();
    lines.sort();
    lines
}
