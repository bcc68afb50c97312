//! The stages of a day in their order. Files are read here; nothing is written.
//!
//! In: the book, what was brought forward, what was delivered ([`DayInputs`]). Out: everything that is published ([`Computed`]), or
//! why the day stops. [`compute`] is the table of contents; each stage is a function of its own, pure but for what it reads.

use std::collections::BTreeMap;

use crate::book::Book;
use crate::checks::{self, Checked, Invariant};
use crate::day::adjust::{self, Adjusted, Adjusting};
use crate::day::agree::{Agreed, Completion};
use crate::day::balances::account_lines;
use crate::day::batches::{self, BatchSums};
use crate::day::breaks::{self, BreakContext, Breaks, OpenBreakRows};
use crate::day::channel_fees;
use crate::day::close::Progress;
use crate::day::fates::{self, FateInputs, Fates};
use crate::day::fetch::Fetcher;
use crate::day::figures::AccountLine;
use crate::day::matching::{MatchedDay, adjust_breaks, match_rows};
use crate::day::next::{next_state, resolved};
use crate::day::paying::{Paid, Unpaid, pay_and_reserve};
use crate::day::pool::{Origin, Pool};
use crate::day::prepare::{DayTerms, intake_context, settling_context, spill_for};
use crate::day::receive::{all_rows, receive};
use crate::day::settle::{Originals, SettleInputs, Settled, settle};
use crate::day::shares::shares;
use crate::day::spill::aside::Bound;
use crate::day::spill::lines::SpilledLines;
use crate::day::state::State;
use crate::findings::Stop;
use crate::host;
use crate::ingest::files::Delivery;
use crate::report::manifest::Input;
use crate::report::shares::LegShares;
use crate::report::tables::{RejectLine, ResolvedLine};
use crate::terms::calendar::Calendar;
use crate::terms::date::Date;

/// What a day is computed from.
#[derive(Clone, Copy)]
pub struct DayInputs<'a> {
    /// The book.
    pub book: &'a Book,
    /// What was brought forward.
    pub state: &'a State,
    /// True when there is neither a previous close nor `opening/`.
    pub is_first: bool,
    /// What was delivered.
    pub delivery: &'a Delivery,
    /// D.
    pub date: Date,
    /// Settled payments of earlier closes.
    pub originals: Originals<'a>,
    /// A bound on memory, if there is one.
    pub memory: Option<&'a Bound>,
}

/// A computed day: everything that is published is made of this.
pub struct Computed {
    /// E (R9).
    pub execution_date: Date,
    /// Rows.
    pub pool: Pool,
    /// Index of the platform↔bank leg.
    pub bank_leg: usize,
    /// Matches.
    pub agreed: Agreed,
    /// The agreed lines of a day larger than memory: its pool holds the rows only that somebody looks at.
    pub spilled: Option<SpilledLines>,
    /// True where the close has a bound on its memory, whether the day is larger or not.
    pub is_bounded: bool,
    /// What settled.
    pub settled: Settled,
    /// Payouts, reserve, ledger, positions, clearing files.
    pub paid: Paid,
    /// What each pass cleared.
    pub shares: Vec<LegShares>,
    /// Breaks.
    pub breaks: Breaks,
    /// Breaks that are open no longer.
    pub resolved: Vec<ResolvedLine>,
    /// What people decided.
    pub adjusted: Adjusted,
    /// Refused rows.
    pub rejects: Vec<RejectLine>,
    /// accounts.csv.
    pub accounts: Vec<AccountLine>,
    /// Identities, all of which hold.
    pub invariants: Vec<Invariant>,
    /// Fates of all rows.
    pub fates: Fates,
    /// Files taken.
    pub inputs: Vec<Input>,
    /// What the next close brings forward.
    pub next: State,
    /// Things to say that are no findings: files taken once, rows outside the day.
    pub notes: Vec<String>,
}

/// Computes a day: its stages in their order, each on what the ones before it gave.
///
/// # Errors
/// Everything that stops a day (SPEC §9).
pub fn compute(day: &DayInputs<'_>, progress: &dyn Progress) -> Result<Computed, Stop> {
    let (settings, state, date) = (&day.book.settings, day.state, day.date);
    let terms = DayTerms::of(day.book, date)?;
    let bank_leg = terms.bank_leg;
    let spill = spill_for(day);
    let intake = intake_context(day, bank_leg, spill.as_ref())?;

    progress.stage("read", 0);
    let (mut taken, mut notes) = receive(day, &intake, progress)?;

    progress.stage("match", 0);
    let rows = all_rows(day, &intake, std::mem::take(&mut taken.blocks))?;
    let channel_names = intake.channels.names();
    let settling = settling_context(day, &terms.fees, &channel_names, taken.currencies(state))?;
    let mut matched = match_rows(day, &terms, &intake, &settling, &channel_names, rows)?;
    let fetch = |origins: &[Origin]| Fetcher::of(day).rows_of(&matched.pool, bank_leg, origins);
    let adjust_context = adjust::Context::new(day, &matched.pool, bank_leg, &fetch);
    let mut adjusting = Adjusting::new(adjust_context, std::mem::take(&mut taken.adjustments));
    let aside = &matched.batches_aside;
    adjust_breaks(&mut adjusting, &mut matched.agreed, &channel_names, aside)?;
    notes.extend(matched.notes());
    notes.extend(rows_twice_in_a_file(day, &matched.agreed));
    let movements = taken.movements(&matched.pool, &matched.agreed, bank_leg);
    let accounts = account_lines(settings, state, &movements, &taken.balances, date, day.is_first)?;
    let completion = Completion::new(&matched.pool, settings, &matched.agreed, &state.unsettled);

    progress.stage("settle", 0);
    let settle_inputs = SettleInputs {
        day,
        pool: &matched.pool,
        agreed: &matched.agreed,
        by_hand: &adjusting.done.by_hand,
        completion: &completion,
        bank_leg,
        context: &settling,
    };
    let mut settled = settle(&settle_inputs, &matched.settled_aside)?;
    let adjusted = adjusting.after_settling(&mut settled)?;
    taken.reject_adjustments(&adjusted.rejects, day);
    taken.refuse(&settings.policy.rejects)?;
    let open: Vec<_> = matched.agreed.open.iter().chain(&settled.open).cloned().collect();
    let mut breaks = list_breaks(day, &terms, &matched, &settled, &open)?;
    // Every row has one fate. It is counted while the rows are whole.
    let fates = fates::count(&FateInputs {
        settings,
        matched: &matched,
        bank_leg,
        completion: &completion,
        settled: &settled,
        adjusted: &adjusted,
        open: &open,
        taken: &taken,
    });
    let batch_sums = batches::sums(&matched, settings, bank_leg);

    progress.stage("reserve", 0);
    let age_business_days = age_on(terms.calendar, date);
    let unpaid = Unpaid {
        day,
        terms: &terms,
        accounts: &accounts,
        settled: &settled,
        adjusted: &adjusted,
        breaks: &breaks,
        age_business_days: &age_business_days,
    };
    // Payouts, reserve and ledger are made of sums: the rows that no file shows are let go beside that, or where memory has a
    // bound, before.
    let pool = &mut matched.pool;
    let paid = if day.memory.is_some() {
        pool.keep_what_is_shown(settings);
        pay_and_reserve(&unpaid)
    } else {
        rayon::join(|| pay_and_reserve(&unpaid), || pool.keep_what_is_shown(settings)).0
    };
    let mut paid = paid?;

    progress.stage("check", 0);
    let invariants = check(&unpaid, &paid, &fates, &batch_sums, &matched.agreed)?;

    matched.put_lines_aside(settings, bank_leg, &settled.legs)?;
    let shares = shares(settings, bank_leg, &matched.pool, &matched.agreed, &settled.legs);
    let resolved = resolved(state, &breaks, date);
    let next = next_state(
        day,
        &mut taken,
        &accounts,
        &mut settled,
        &mut breaks,
        &adjusted,
        &mut paid,
    )?;
    Ok(Computed {
        execution_date: terms.execution_date,
        pool: matched.pool,
        bank_leg,
        agreed: matched.agreed,
        spilled: matched.lines_aside,
        is_bounded: spill.is_some(),
        settled,
        paid,
        shares,
        breaks,
        resolved,
        adjusted,
        rejects: taken.rejects,
        accounts,
        invariants,
        fates,
        inputs: taken.inputs,
        next,
        notes,
    })
}

/// Files in which rows stand more than once, word for word: they are one row each (R19), though the file may count them all.
fn rows_twice_in_a_file(day: &DayInputs<'_>, agreed: &Agreed) -> Vec<String> {
    let mut of_files: BTreeMap<u32, u64> = BTreeMap::new();
    for side in std::iter::once(&agreed.left).chain(&agreed.right) {
        for (file, rows) in &side.twice_in_file {
            *of_files.entry(*file).or_insert(0) += rows;
        }
    }
    let words = |(file, rows): (u32, u64)| {
        let name = &day.delivery.files.get(file as usize)?.name;
        let (stand, are) = if rows == 1 {
            ("row stands", "it is")
        } else {
            ("rows stand", "each is")
        };
        Some(format!(
            "{name}: {rows} {stand} in it once more, with one id and one content: {are} taken once (R19); where the sender means two, its totals count both"
        ))
    };
    of_files.into_iter().filter_map(words).collect()
}

/// Lists what is open after settling, with its rows read again in full: the lines of breaks.csv, and what they carry forward.
/// `open` are the breaks of all legs; payouts that the bank has not debited are added to them.
fn list_breaks(
    day: &DayInputs<'_>,
    terms: &DayTerms<'_>,
    matched: &MatchedDay,
    settled: &Settled,
    open: &[OpenBreakRows],
) -> Result<Breaks, Stop> {
    let (settings, files) = (&day.book.settings, &day.delivery.files);
    let follow = &settled.follow;
    let undebited: Vec<_> = follow.undebited.iter().map(|at| &follow.next[*at]).collect();
    let names: Vec<String> = files.iter().map(|file| file.name.clone()).collect();
    let fetcher = Fetcher::of(day);
    let context = BreakContext {
        settings,
        merchants: &day.book.merchants,
        calendar: terms.calendar,
        business_date: day.date,
        files: &names,
        fetch: &|origins| fetcher.shared_rows_of(&matched.pool, terms.bank_leg, origins),
        fee_due: &|channel, txn_type, amount_minor| {
            channel_fees::due(settings, &terms.fees, channel, txn_type, amount_minor)
        },
        candidates: &matched.agreed.later.candidates,
        batches: &matched.agreed.batches,
    };
    let breaks = breaks::list(&matched.pool, open, &undebited, &context)?;
    // The full rows it was made of are gone; where memory is short, the system has that back before the ledger is made.
    if matched.lines_aside.is_some() {
        host::release_memory();
    }
    Ok(breaks)
}

/// Business days in (first_seen, D] (R30).
fn age_on(calendar: &Calendar, date: Date) -> impl Fn(Date) -> Result<i32, Stop> + Sync {
    move |first_seen| {
        let days = calendar.business_days_between(first_seen, date)?;
        Ok(i32::try_from(days).unwrap_or(i32::MAX))
    }
}

/// Checks every identity of the day: all hold, or nothing is published.
fn check(
    unpaid: &Unpaid<'_>,
    paid: &Paid,
    fates: &Fates,
    batch_sums: &BTreeMap<usize, BatchSums>,
    agreed: &Agreed,
) -> Result<Vec<Invariant>, Stop> {
    let batches = &agreed.batches;
    let invariants = checks::run_all(&Checked {
        day: &unpaid.with(&paid.payouts),
        conservation: &fates.conservation,
        positions: &paid.positions,
        journal: &paid.journal,
        reserve: &paid.reserve,
        batches: batch_sums,
        halfway: [
            unpaid.breaks.chained.len() as u64,
            (batches.waiting.len() + batches.at_bank.len()) as u64,
        ],
    });
    checks::all_hold(&invariants)?;
    Ok(invariants)
}
