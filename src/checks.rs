//! Conservation and the other identities of a close, checked before anything is published (SPEC §10.1).
//!
//! In: the figures of the day, the reserve, the journal, the positions, the fates of the rows. Out: one
//! [`Invariant`] per identity, in the order they run; the manifest lists them all, and [`all_hold`] names every one
//! that fails. Nothing is repaired here. A failure is our own fault, never the input's (exit 70).

use std::collections::BTreeMap;

use rayon::prelude::*;

use crate::book::settings::{AccountKind, Basis};
use crate::day::batches::BatchSums;
use crate::day::figures::{AccountEventKind, PayoutLine, PayoutStatus, Position};
use crate::day::state::PayoutProgress;
use crate::findings::Stop;
use crate::ledger::{DayFigures, Journal};
use crate::reserve::{BalanceRow, PoolFigures, ReserveReport};
use crate::terms::currency::Currency;
use crate::terms::kinds::Action;
use crate::terms::order::head;

/// One identity: both sides as text, as they stand in the manifest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invariant {
    /// Name, and what it was checked for: `reserve.unexplained default CNY`.
    pub id: String,
    /// Left side.
    pub lhs: String,
    /// Right side.
    pub rhs: String,
    /// True when it holds.
    pub ok: bool,
}

/// A count of rows and the sum of their amounts in minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Rows.
    pub rows: u64,
    /// Sum, minor units.
    pub sum_minor: i128,
}

/// What entered, and where it went: input rows of one role and currency with their fates (R39).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Conservation {
    /// Role and currency: `bank CNY`.
    pub subject: String,
    /// Rows as delivered and brought forward.
    pub entered: Totals,
    /// Each fate with its rows.
    pub fates: Vec<(&'static str, Totals)>,
}

/// Everything the checks look at.
#[derive(Clone, Copy)]
pub struct Checked<'a> {
    /// Figures of the day.
    pub day: &'a DayFigures<'a>,
    /// Fates of the input rows.
    pub conservation: &'a [Conservation],
    /// Lines of positions.csv.
    pub positions: &'a [Position],
    /// The ledger.
    pub journal: &'a Journal,
    /// The reserve as it will be published.
    pub reserve: &'a ReserveReport,
    /// What batches paid today come to, by account.
    pub batches: &'a BTreeMap<usize, BatchSums>,
    /// Bill rows that are half-way: as the state has them, and as matching left them.
    pub halfway: [u64; 2],
}

/// Runs every check, in the order they are listed.
pub fn run_all(checked: &Checked<'_>) -> Vec<Invariant> {
    let found = CHECKS.par_iter().map(|check| {
        let mut found = Vec::new();
        check(checked, &mut found);
        found
    });
    found.flatten_iter().collect()
}

/// All checks, in the order in which they are listed.
const CHECKS: [fn(&Checked<'_>, &mut Vec<Invariant>); 14] = [
    each_row_has_one_fate,
    batches_are_their_rows,
    positions_sum_to_zero,
    payout_lines_add_up,
    merchant_state_ties,
    issued_payouts_tie,
    statements_add_up,
    customers_add_up,
    adjustments_tie,
    journal_balances,
    trial_balance_rolls,
    ledger_ties,
    reserve_holds,
    reserve_rolls,
];

/// Stops the day when any invariant fails, naming all that do.
///
/// # Errors
/// Exit 70 with one finding per broken invariant.
pub fn all_hold(invariants: &[Invariant]) -> Result<(), Stop> {
    let broken = invariants
        .iter()
        .filter(|invariant| !invariant.ok)
        .map(|invariant| {
            Stop::invariant(format!(
                "{}: {} must equal {}",
                invariant.id, invariant.lhs, invariant.rhs
            ))
        })
        .collect();
    Stop::join(broken).map_or(Ok(()), Err)
}

/// How a line is named when it fails; text is made only then.
struct Named<'a>(&'a str, Currency);

impl std::fmt::Display for Named<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.0, self.1)
    }
}

fn equal(found: &mut Vec<Invariant>, id: impl Into<String>, lhs: i128, rhs: i128) {
    found.push(Invariant {
        id: id.into(),
        lhs: lhs.to_string(),
        rhs: rhs.to_string(),
        ok: lhs == rhs,
    });
}

/// An identity that holds line by line. The sums are shown; where lines fail, the first of them and their number.
fn equal_by_line<K: std::fmt::Display>(
    found: &mut Vec<Invariant>,
    id: &str,
    lines: impl Iterator<Item = (K, i128, i128)>,
) {
    let (mut lhs_sum, mut rhs_sum, mut broken) = (0, 0, 0u64);
    let mut first = None;
    for (key, lhs, rhs) in lines {
        lhs_sum += lhs;
        rhs_sum += rhs;
        if lhs != rhs {
            broken += 1;
            first.get_or_insert_with(|| (format!("{lhs} for {key}"), format!("{rhs} for {key}")));
        }
    }
    let (mut lhs, mut rhs) = (lhs_sum.to_string(), rhs_sum.to_string());
    if let Some((first_lhs, first_rhs)) = first {
        lhs = format!("{first_lhs} (first of {broken} lines that differ; sum {lhs})");
        rhs = format!("{first_rhs} (sum {rhs})");
    }
    found.push(Invariant {
        id: id.to_owned(),
        lhs,
        rhs,
        ok: broken == 0,
    });
}

/// Each input row has exactly one fate: rows and sums of the fates are those that entered (SPEC §4.1).
fn each_row_has_one_fate(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    for table in checked.conservation {
        let rows = table.fates.iter().map(|(_, part)| i128::from(part.rows)).sum();
        let sum = table.fates.iter().map(|(_, part)| part.sum_minor).sum();
        equal(
            found,
            format!("fates.rows {}", table.subject),
            rows,
            i128::from(table.entered.rows),
        );
        equal(
            found,
            format!("fates.sum {}", table.subject),
            sum,
            table.entered.sum_minor,
        );
    }
}

/// Net positions of a window and currency, the house's included, sum to zero (R39).
fn positions_sum_to_zero(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    let mut sums: BTreeMap<(&str, Currency), i128> = BTreeMap::new();
    for position in checked.positions {
        *sums.entry((&position.window, position.currency)).or_insert(0) += position.net_minor;
    }
    for ((window, currency), sum) in sums {
        equal(found, format!("positions.zero {window} {currency}"), sum, 0);
    }
    equal_by_line(
        found,
        "positions.net",
        checked
            .positions
            .iter()
            .map(|p| (&p.participant_id, p.receive_minor - p.pay_minor, p.net_minor)),
    );
}

/// R10 and SPEC §6.2, line by line; a payout is positive and has an id, or there is none.
fn payout_lines_add_up(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    let day = checked.day;
    let key = |line: &PayoutLine| Named(&day.merchants.get(line.sums.merchant).id, line.sums.currency);
    equal_by_line(
        found,
        "payouts.net",
        day.payouts.iter().map(|line| {
            let s = &line.sums;
            let net =
                s.gross_minor - s.refund_minor - s.chargeback_minor + s.reversal_minor + s.adjustment_minor
                    - line.fee_minor
                    + s.fee_returned_minor
                    - line.hold_minor
                    + line.release_minor;
            (key(line), net, line.net_minor)
        }),
    );
    equal_by_line(
        found,
        "payouts.carried",
        day.payouts.iter().map(|line| {
            let carried = line.opening_minor + line.due_minor + line.manual.net_minor() - line.payout_minor
                + line.returned_minor;
            (key(line), carried, line.carried_minor)
        }),
    );
    equal_by_line(
        found,
        "payouts.no_more_than_payable",
        day.payouts.iter().map(|line| {
            let payable = (line.opening_minor + line.due_minor + line.manual.net_minor()).max(0);
            let paid = if line.payout_minor == 0 { 0 } else { payable };
            (key(line), line.payout_minor, paid)
        }),
    );
    equal_by_line(
        found,
        "payouts.issued_has_id",
        day.payouts.iter().map(|line| {
            let issued = [line.status == PayoutStatus::Issued, line.payout_id.is_some()];
            let marks = issued.into_iter().map(i128::from).sum();
            (key(line), marks, if line.payout_minor > 0 { 2 } else { 0 })
        }),
    );
}

/// Carried, undue and held amounts roll from the previous state through the lines to the next state (R10, R11).
fn merchant_state_ties(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    let day = checked.day;
    // By merchant and currency: what the previous state and the lines make, what the next state says.
    let mut carried: Vec<Part<'_>> = Vec::new();
    let mut undue = Vec::new();
    let mut held = Vec::new();
    for (side, table) in [&day.previous.carried[..], day.carried].into_iter().enumerate() {
        carried.extend(
            table
                .iter()
                .map(|line| part(&line.merchant_id, line.currency, side, line.amount_minor)),
        );
    }
    for (side, table) in [&day.previous.dues[..], day.dues].into_iter().enumerate() {
        undue.extend(
            table
                .iter()
                .map(|due| part(&due.merchant_id, due.currency, side, due.amount_minor)),
        );
    }
    for (side, table) in [&day.previous.holds[..], day.holds].into_iter().enumerate() {
        held.extend(
            table
                .iter()
                .map(|hold| part(&hold.merchant_id, hold.currency, side, hold.amount_minor)),
        );
    }
    for line in day.payouts {
        let id = day.merchants.get(line.sums.merchant).id.as_str();
        let made = |minor: i128| part(id, line.sums.currency, 0, minor);
        let manual = &line.manual;
        carried.push(made(
            line.due_minor + manual.net_minor() - line.payout_minor + line.returned_minor,
        ));
        undue.push(made(line.net_minor - line.due_minor));
        held.push(made(
            line.hold_minor - line.release_minor + manual.hold_minor - manual.release_minor,
        ));
    }
    for (id, mut parts) in [
        ("state.carried", carried),
        ("state.dues", undue),
        ("state.holds", held),
    ] {
        // Each table is sorted by this key: what is sorted are a few runs.
        parts.sort_by(|a, b| a.0.cmp(&b.0));
        let lines = parts.chunk_by(|a, b| a.0 == b.0).map(|parts| {
            let sum = |side| {
                let of_side = parts.iter().filter(|(_, part_side, _)| *part_side == side);
                of_side.map(|(_, _, minor)| minor).sum()
            };
            let (_, merchant, currency) = parts[0].0;
            (Named(merchant, currency), sum(0), sum(1))
        });
        equal_by_line(found, id, lines);
    }
}

/// An amount of a merchant and currency, on side 0 or 1 of an identity. The [`head`] of the id stands before it.
type Part<'a> = ((u64, &'a str, Currency), usize, i128);

fn part(merchant: &str, currency: Currency, side: usize, minor: impl Into<i128>) -> Part<'_> {
    ((head(merchant), merchant, currency), side, minor.into())
}

/// An entry that pays a batch is the batch's rows less what the channel kept, per account (R26); a bill row that is half-way is
/// brought forward. No line in a book without such legs.
fn batches_are_their_rows(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    for (account, sums) in checked.batches {
        let account = &checked.day.settings.accounts[*account];
        equal(
            found,
            format!("batches.entries {} {}", account.id, account.currency),
            sums.entries_minor,
            sums.rows_minor + sums.kept_minor,
        );
    }
    let [brought, left] = checked.halfway;
    if checked.halfway != [0, 0] {
        equal(found, "batches.halfway".to_owned(), brought.into(), left.into());
    }
}

/// Payouts issued today are those of payouts.csv, and P rolls: opening + issued − debited = still undebited (R13).
fn issued_payouts_tie(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    let day = checked.day;
    let mut paid: BTreeMap<Currency, [i128; 2]> = BTreeMap::new();
    let mut in_flight: BTreeMap<Currency, [i128; 2]> = BTreeMap::new();
    for line in day.payouts {
        paid.entry(line.sums.currency).or_default()[0] += line.payout_minor;
    }
    for payout in day.newly_issued() {
        let amount = i128::from(payout.amount_minor);
        paid.entry(payout.currency).or_default()[1] += amount;
        in_flight.entry(payout.currency).or_default()[0] += amount;
    }
    for (side, payouts) in [&day.previous.payouts[..], day.issued].into_iter().enumerate() {
        for payout in payouts
            .iter()
            .filter(|payout| payout.progress == PayoutProgress::Issued)
        {
            in_flight.entry(payout.currency).or_default()[side] += i128::from(payout.amount_minor);
        }
    }
    for event in day.events {
        if let AccountEventKind::PayoutDebited { .. } = event.kind {
            let currency = day.settings.accounts[event.account].currency;
            in_flight.entry(currency).or_default()[0] -= i128::from(event.amount_minor);
        }
    }
    for (currency, [lines, issued]) in paid {
        equal(found, format!("payouts.issued {currency}"), lines, issued);
    }
    for (currency, [rolled, undebited]) in in_flight {
        equal(found, format!("payouts.in_flight {currency}"), rolled, undebited);
    }
}

/// opening + credits − debits = closing per account (R27).
fn statements_add_up(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    let day = checked.day;
    equal_by_line(
        found,
        "accounts.closing",
        day.accounts.iter().map(|line| {
            let closing = line.opening_minor + line.credit_minor - line.debit_minor;
            (
                &day.settings.accounts[line.account].id,
                closing,
                line.closing_minor,
            )
        }),
    );
}

/// opening + credits − debits = closing per customer, and the parts are the whole (R21).
fn customers_add_up(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    let lines = checked.day.customers;
    equal_by_line(
        found,
        "customers.closing",
        lines.iter().map(|l| {
            (
                &l.customer_id,
                l.opening_minor + l.credit_minor - l.debit_minor,
                l.closing_minor,
            )
        }),
    );
    equal_by_line(
        found,
        "customers.credits",
        lines.iter().map(|l| {
            (
                &l.customer_id,
                l.topup_minor + l.refund_minor + l.transfer_in_minor + l.unbooked_minor,
                l.credit_minor,
            )
        }),
    );
    equal_by_line(
        found,
        "customers.debits",
        lines.iter().map(|l| {
            (
                &l.customer_id,
                l.withdrawal_minor + l.payment_minor + l.transfer_out_minor,
                l.debit_minor,
            )
        }),
    );
}

/// What adjustments say is what the payout lines and own money have of them (R24).
fn adjustments_tie(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    let day = checked.day;
    if day.adjustments.is_empty() {
        return;
    }
    let mut moved: BTreeMap<(&str, Currency), [i128; 2]> = BTreeMap::new();
    let mut own: BTreeMap<Currency, [i128; 2]> = BTreeMap::new();
    for line in day.adjustments {
        let amount = i128::from(line.amount_minor);
        let moves = match line.action {
            Action::Hold => -amount,
            Action::Release | Action::Transfer => amount,
            Action::Accept | Action::WriteOff | Action::ForceMatch => 0,
        };
        if !line.action.is_about_breaks() {
            moved.entry((&line.merchant_id, line.currency)).or_default()[0] += moves;
        }
        own.entry(line.currency).or_default()[0] += i128::from(line.own_money_minor);
    }
    for line in day.payouts {
        let id = day.merchants.get(line.sums.merchant).id.as_str();
        moved.entry((id, line.sums.currency)).or_default()[1] += line.manual.net_minor();
    }
    let steps = checked.reserve.roll_forward.iter();
    for term in steps.filter(|term| term.figure == "own_money" && matches!(term.step, 86 | 87)) {
        own.entry(term.currency).or_default()[1] += term.amount_minor;
    }
    equal_by_line(
        found,
        "adjustments.manual",
        moved
            .into_iter()
            .map(|((merchant, currency), [l, r])| (Named(merchant, currency), l, r)),
    );
    for (currency, [lines, rolled]) in own {
        equal(found, format!("adjustments.own_money {currency}"), lines, rolled);
    }
}

/// Debits are credits: per entry and per currency (SPEC §6.10).
fn journal_balances(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    let lines = &checked.journal.lines;
    let mut entries = vec![[0i128; 2]; lines.entries()];
    let mut totals: BTreeMap<Currency, [i128; 2]> = BTreeMap::new();
    for run in lines.by_account() {
        let total = totals.entry(lines.currency(run.start)).or_default();
        for line in run {
            for sums in [&mut entries[lines.entry(line)], &mut *total] {
                sums[0] += lines.debit_minor(line);
                sums[1] += lines.credit_minor(line);
            }
        }
    }
    equal_by_line(
        found,
        "journal.entries",
        entries
            .into_iter()
            .enumerate()
            .map(|(entry, [d, c])| (lines.id_of(entry), d, c)),
    );
    for (currency, [debit, credit]) in totals {
        equal(found, format!("journal.balances {currency}"), debit, credit);
    }
}

/// The trial balance opens as the previous one closed, sums to zero, and closes as the next state says (R43).
fn trial_balance_rolls(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    let mut opening: BTreeMap<Currency, i128> = BTreeMap::new();
    let mut closing: BTreeMap<Currency, i128> = BTreeMap::new();
    for line in &checked.journal.trial_balance {
        *opening.entry(line.currency).or_insert(0) += line.opening_minor;
        *closing.entry(line.currency).or_insert(0) += line.closing_minor;
    }
    for (currency, sum) in opening {
        equal(found, format!("trial_balance.opening {currency}"), sum, 0);
    }
    for (currency, sum) in closing {
        equal(found, format!("trial_balance.closing {currency}"), sum, 0);
    }
    let mut brought: BTreeMap<(&str, Currency), [i128; 2]> = BTreeMap::new();
    for line in &checked.journal.trial_balance {
        brought.entry((&line.ledger_account, line.currency)).or_default()[0] += line.opening_minor;
    }
    for line in &checked.journal.opening {
        brought.entry((&line.ledger_account, line.currency)).or_default()[1] +=
            i128::from(line.balance_minor);
    }
    equal_by_line(
        found,
        "trial_balance.brought_forward",
        brought
            .into_iter()
            .map(|((account, currency), [l, r])| (Named(account, currency), l, r)),
    );
}

/// Ledger accounts are the figures that other stages computed on their own way.
fn ledger_ties(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    use crate::ledger::accounts::{
        CUSTOMERS, HELD, IN_TRANSIT, MERCHANTS, PAYOUTS, REFUNDS, UNIDENTIFIED, UNIDENTIFIED_DEBITS,
        UNRECEIVED, UNSETTLED, WALLET_CLEARING, is_own_money,
    };
    let (day, journal, reserve) = (checked.day, checked.journal, checked.reserve);
    for line in day.accounts {
        let account = &day.settings.accounts[line.account];
        if account.kind == AccountKind::Reserve {
            let name = format!("assets:bank:{}", account.id);
            let balance = journal.closing_minor(&name, account.currency);
            equal(found, format!("ledger.{name}"), balance, line.closing_minor);
        }
    }
    let mut currencies: Vec<Currency> = reserve.pools.iter().map(|figures| figures.currency).collect();
    currencies.sort_unstable();
    currencies.dedup();
    let basis = day.settings.reserve.basis;
    for currency in currencies {
        let sum = |of: fn(&PoolFigures) -> i128| -> i128 {
            reserve
                .pools
                .iter()
                .filter(|p| p.currency == currency)
                .map(of)
                .sum()
        };
        let parts = |kind: &str, of: &dyn Fn(&BalanceRow) -> i128| -> i128 {
            let rows = reserve.balances.iter();
            rows.filter(|row| row.currency == currency && row.kind == kind)
                .map(of)
                .sum()
        };
        let settled =
            |row: &BalanceRow| row.balance_minor - row.claim.unsettled_in_minor - row.claim.held_minor;
        let unsettled = |row: &BalanceRow| row.claim.unsettled_in_minor;
        let unreceived = match basis {
            Basis::Received => sum(|p| p.a1_minor),
            Basis::Due => 0,
        };
        let mut tie = |account: &str, expected: i128| {
            let balance = journal.closing_minor(account, currency);
            equal(found, format!("ledger.{account} {currency}"), balance, expected);
        };
        tie(IN_TRANSIT, sum(|p| p.a1_minor));
        tie(UNIDENTIFIED_DEBITS, sum(|p| p.b2_minor));
        tie(MERCHANTS, -parts("merchant", &settled));
        tie(HELD, -parts("merchant", &|row| row.claim.held_minor));
        tie(CUSTOMERS, -parts("customer", &settled));
        tie(
            UNSETTLED,
            -(parts("merchant", &unsettled) + parts("customer", &unsettled)),
        );
        tie(UNRECEIVED, -unreceived);
        tie(PAYOUTS, -sum(|p| p.payouts_minor));
        tie(REFUNDS, -sum(|p| p.in_flight_minor));
        tie(UNIDENTIFIED, -sum(|p| p.unidentified_minor));
        tie(WALLET_CLEARING, 0);
        let own = journal
            .trial_balance
            .iter()
            .filter(|line| line.currency == currency && is_own_money(&line.ledger_account))
            .map(|line| line.closing_minor)
            .sum();
        equal(
            found,
            format!("ledger.own_money {currency}"),
            own,
            -sum(|p| p.own_money_minor),
        );
    }
}

/// R1's identities: nothing unexplained, every account line whole, the lists add up to the figures.
fn reserve_holds(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    let reserve = checked.reserve;
    let mut inter_pool: BTreeMap<Currency, i128> = BTreeMap::new();
    for figures in &reserve.pools {
        let of = format!("{} {}", figures.pool, figures.currency);
        let here = |pool: &str, currency| pool == figures.pool && currency == figures.currency;
        *inter_pool.entry(figures.currency).or_insert(0) += figures.inter_pool_minor;
        equal(
            found,
            format!("reserve.unexplained {of}"),
            figures.unexplained_minor,
            0,
        );
        let rows = || {
            reserve
                .balances
                .iter()
                .filter(|row| here(&row.pool, row.currency))
        };
        let positive = rows().map(|row| row.balance_minor.max(0)).sum();
        let negative = rows().map(|row| (-row.balance_minor).max(0)).sum();
        equal(
            found,
            format!("reserve.balances {of}"),
            positive,
            figures.balances_minor,
        );
        equal(
            found,
            format!("reserve.negative {of}"),
            negative,
            figures.negative_minor,
        );
        let books = reserve
            .lines
            .iter()
            .filter(|line| here(&line.pool, line.currency));
        equal(
            found,
            format!("reserve.book {of}"),
            books.map(|line| line.book_minor).sum(),
            figures.book_minor,
        );
        let mut sums = [0; 4];
        for item in reserve
            .items
            .iter()
            .filter(|item| here(&item.pool, item.currency))
        {
            sums[item.class as usize] += i128::from(item.amount_minor);
        }
        let expected = [
            figures.a1_minor,
            figures.a2_minor,
            figures.b1_minor,
            figures.b2_minor,
        ];
        for (name, (sum, figure)) in ["A1", "A2", "B1", "B2"]
            .into_iter()
            .zip(sums.into_iter().zip(expected))
        {
            equal(found, format!("reserve.items {name} {of}"), sum, figure);
        }
        let external = -figures.a1_minor + figures.a2_minor + figures.b1_minor - figures.b2_minor;
        equal(
            found,
            format!("reserve.external {of}"),
            figures.bank_minor - figures.book_minor,
            external,
        );
    }
    for figures in &reserve.pools {
        // What the internal line sees and the bank does not: debits nobody claims, and inflows owed before they come.
        let unreceived = match checked.day.settings.reserve.basis {
            Basis::Received => 0,
            Basis::Due => figures.a1_minor,
        };
        equal(
            found,
            format!("reserve.internal {} {}", figures.pool, figures.currency),
            figures.c_int_minor,
            figures.c_minor + figures.b2_minor + unreceived,
        );
    }
    for (currency, sum) in inter_pool {
        equal(found, format!("reserve.inter_pool {currency}"), sum, 0);
    }
    equal_by_line(
        found,
        "reserve.lines",
        reserve
            .lines
            .iter()
            .map(|line| (Named(&line.account, line.currency), line.difference_minor(), 0)),
    );
}

/// Opening plus every listed movement is closing, for each figure that is rolled forward.
fn reserve_rolls(checked: &Checked<'_>, found: &mut Vec<Invariant>) {
    let mut sums: BTreeMap<(&str, &str, Currency), [i128; 2]> = BTreeMap::new();
    for term in &checked.reserve.roll_forward {
        let side = usize::from(term.term == "closing");
        sums.entry((term.figure, &term.pool, term.currency)).or_default()[side] += term.amount_minor;
    }
    for ((figure, pool, currency), [rolled, closing]) in sums {
        equal(
            found,
            format!("roll_forward.{figure} {pool} {currency}"),
            rolled,
            closing,
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::settings::Basis;
    use crate::day::state::State;
    use crate::findings::StopCode;
    use crate::ledger::Standings;
    use crate::ledger::testing::{Day, cny, day_one};

    fn totals(rows: u64, sum_minor: i128) -> Totals {
        Totals { rows, sum_minor }
    }

    fn position(participant_id: &str, net_minor: i128) -> Position {
        Position {
            window: "24:00".to_owned(),
            currency: cny(),
            participant_id: participant_id.to_owned(),
            receive_minor: net_minor.max(0),
            pay_minor: (-net_minor).max(0),
            net_minor,
        }
    }

    fn broken(conservation: &[Conservation], positions: &[Position]) -> Result<(), Stop> {
        let day = Day::new(Basis::Received, State::default(), day_one());
        day.with(|day| {
            let standings = Standings::of(day)?;
            all_hold(&run_all(&Checked {
                day,
                conservation,
                positions,
                journal: &crate::ledger::journal(day, &standings)?,
                reserve: &crate::reserve::figures(day, &standings)?,
                batches: &BTreeMap::new(),
                halfway: [0, 0],
            }))
        })
    }

    #[test]
    fn all_failures_are_named_at_once() {
        let fates = |rows, sum| {
            vec![Conservation {
                subject: "bank CNY".to_owned(),
                entered: totals(3, 600),
                fates: vec![("matched", totals(2, 300)), ("open", totals(rows, sum))],
            }]
        };
        assert!(broken(&fates(1, 300), &[position("HOUSE", -5), position("P1", 5)]).is_ok());
        let stop = broken(&fates(2, 299), &[position("HOUSE", -5), position("P1", 6)]).unwrap_err();
        assert_eq!(stop.code, StopCode::Invariant);
        let said: Vec<&str> = stop
            .findings
            .iter()
            .map(|finding| finding.message.as_str())
            .collect();
        assert_eq!(
            said,
            [
                "fates.rows bank CNY: 4 must equal 3",
                "fates.sum bank CNY: 599 must equal 600",
                "positions.zero 24:00 CNY: 1 must equal 0",
            ]
        );
    }
}
