//! The stages of a day in their order. Files are read here; nothing is written.

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use crate::book::Book;
use crate::book::merchants::MerchantCode;
use crate::book::settings::{LegKind, Role, Settings, ShortfallPolicy};
use crate::checks::{self, Checked, Invariant};
use crate::clearing::{self, ClearingFile};
use crate::day::across;
use crate::day::adjust::{self, Adjusted, Adjusting};
use crate::day::agree::{Agreed, Completion, match_legs};
use crate::day::balances::account_lines;
use crate::day::batches::{self, BatchContext};
use crate::day::breaks::{self, BreakContext, Breaks, DEFAULT_POOL};
use crate::day::clock::bounds;
use crate::day::close::Progress;
use crate::day::fates::{self, FateInputs, Fates};
use crate::day::fetch::Fetcher;
use crate::day::figures::{AccountLine, Position};
use crate::day::forward;
use crate::day::intake::{ChannelCodes, IntakeContext};
use crate::day::matched::of_legs;
use crate::day::parts;
use crate::day::pool::{Origin, Pool};
use crate::day::read::read_all;
use crate::day::residual::{LaterContext, match_later};
use crate::day::settle::{self, Originals, SettleInputs, Settled};
use crate::day::shares::shares;
use crate::day::spill::aside::{Bound, Spill, expected_rows};
use crate::day::spill::drive::{self, DriveInputs};
use crate::day::spill::lines::SpilledLines;
use crate::day::state::{AccountBalance, State};
use crate::day::taken::Taken;
use crate::entries::block::{BLOCK_ROWS_MAX, BLOCKS_MAX, EntryBlock};
use crate::fees::FeeTable;
use crate::findings::{Finding, Stop, StopCode};
use crate::host;
use crate::ingest::files::Delivery;
use crate::ledger::{self, DayFigures, Journal, Standings};
use crate::matching::exact::FeeAgrees;
use crate::netting::{Participants, positions};
use crate::payouts::{PayoutInputs, Settlement, add_issued, settle_day};
use crate::report::manifest::Input;
use crate::report::shares::LegShares;
use crate::report::tables::{RejectLine, ResolvedLine};
use crate::reserve::{self, ReserveReport};
use crate::settling::Context;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::TxnType;
use crate::terms::money::narrow;

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
    /// Payouts.
    pub settlement: Settlement,
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
    /// positions.csv.
    pub positions: Vec<Position>,
    /// Reserve.
    pub reserve: ReserveReport,
    /// Ledger.
    pub journal: Journal,
    /// Clearing files.
    pub clearing: Vec<ClearingFile>,
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

/// Computes a day.
///
/// # Errors
/// Everything that stops a day (SPEC §9).
pub fn compute(day: &DayInputs<'_>, progress: &dyn Progress) -> Result<Computed, Stop> {
    let (book, state, date) = (day.book, day.state, day.date);
    let settings = &book.settings;
    let calendar = book
        .calendars
        .get(&settings.institution.calendar)
        .ok_or_else(|| {
            Stop::new(
                StopCode::Settings,
                Finding::about(
                    "book.toml",
                    format!("calendar `{}` is not known", settings.institution.calendar),
                    "add calendars/ID.json",
                ),
            )
        })?;
    let execution_date = calendar.nth_business_day_after(date, 1)?;
    let bank_leg = settings
        .legs
        .iter()
        .position(|leg| leg.kind == LegKind::PlatformBank)
        .ok_or_else(|| {
            Stop::new(
                StopCode::Settings,
                Finding::about(
                    "book.toml",
                    "no [[leg]] compares platform with bank",
                    "add one: every money row ends at the bank (R41)",
                ),
            )
        })?;
    let fees = FeeTable::new(settings, &book.merchants)?;
    let bounds = bounds(settings, date)?;
    let spill = day.memory.map(|bound| {
        let files = day.delivery.files.iter();
        let expected = expected_rows(files.map(|file| {
            let role = settings.sources[file.source].role;
            (
                role == Role::Platform,
                file.seen.bytes,
                file.parquet || !file.is_plain(),
            )
        }));
        Spill::new(bound.clone(), expected, settings.legs.len())
    });
    let context = IntakeContext {
        settings,
        merchants: &book.merchants,
        business_date: date,
        day: bounds.day,
        window_ends: bounds.window_ends,
        payout_ids: state
            .payouts
            .iter()
            .map(|payout| payout.payout_id.clone().into_bytes())
            .collect(),
        fees_return: settings
            .fee_plans
            .values()
            .any(|plan| plan.on_refund == crate::book::settings::OnRefund::Return),
        channels: ChannelCodes::default(),
        bank_leg,
        ends_at_bank: settings.legs_at_the_bank(),
        batch_leg: settings.first_batch_leg(),
        spill: spill.as_ref(),
    };

    // Stage 1: read.
    progress.stage("read", 0);
    let mut reading = read_all(&day.delivery.files, book, &context, &|bytes| {
        progress.advance(bytes)
    })?;
    if let Some(spill) = &spill {
        spill.finish(&mut reading.blocks)?;
        if spill.is_spilling() {
            // What blocks were made of is free, and in pieces that nothing else fits.
            host::release_memory();
        }
    }
    let mut notes: Vec<String> = day
        .delivery
        .skipped
        .iter()
        .map(|name| format!("{name}: hidden file passed over"))
        .collect();
    let statements = across::check(
        settings,
        &day.delivery.files,
        &reading.reports,
        &state.statements,
        date,
    )?;
    notes.extend(statements.notes);
    notes.extend(parts::check(
        settings,
        &day.delivery.files,
        &reading.reports,
        &state.files,
        date,
    )?);
    if context.channels.names().len() > CHANNELS_MAX {
        return Err(too_many(
            "channel names",
            CHANNELS_MAX,
            "check the column `channel`: it names the channel, not the transaction",
        ));
    }
    let mut taken = Taken::new(day, reading.reports, reading.blocks, &mut notes);
    taken.refuse(&settings.policy.rejects)?;

    // Stage 2: match.
    progress.stage("match", 0);
    let forward = forward::rows(&state.open_items, &state.unsettled, settings)?;
    let mut blocks = forward::blocks(&forward, &context)?;
    let names: Vec<String> = day.delivery.files.iter().map(|file| file.name.clone()).collect();
    let told = taken.told(&names);
    blocks.append(&mut taken.blocks);
    if blocks.len() > BLOCKS_MAX {
        return Err(too_many_blocks(blocks.len()));
    }
    let fetcher = Fetcher {
        book,
        delivered: &day.delivery.files,
        business_date: date,
    };
    let channel_names = context.channels.names();
    let fee_agrees =
        |block: &EntryBlock, position: usize| fee_agrees(settings, &fees, &channel_names, block, position);
    let has_fee_plans = settings.channels.values().any(|terms| terms.fee_plan.is_some());
    let fee_agrees: FeeAgrees<'_> = if has_fee_plans { Some(&fee_agrees) } else { None };
    let participants = Participants::new(settings, &book.merchants);
    let channels = settle::channels(book, &channel_names, &participants);
    let currencies = taken.currencies(state);
    let pools = Pools::new(day);
    if pools.names.len() > POOLS_MAX {
        return Err(too_many(
            "reserve pools",
            POOLS_MAX,
            "check the column `pool` of the merchant master",
        ));
    }
    let settling = Context {
        merchants: &book.merchants,
        fees: &fees,
        channels: &channels,
        currencies: &currencies,
        accounts: settings.accounts.len(),
        pools: &pools.names,
        merchant_pools: &pools.merchants,
        customer_pool: pools.customers,
        participants: &participants,
        has_participants: settings
            .channels
            .values()
            .any(|channel| channel.participant.is_some())
            || book
                .merchants
                .terms
                .iter()
                .any(|terms| !terms.participant_id.is_empty()),
    };
    // Of a day that lies aside, what nobody looks at by itself is settled where it lies; the rest is a small day from here on.
    let (mut pool, mut agreed, aside, mut spilled) = match spill.as_ref().filter(|spill| spill.is_spilling())
    {
        Some(spill) => {
            let inputs = DriveInputs {
                spill,
                settings,
                bank_leg,
                business_date: date,
                context: &settling,
                fee_agrees,
                fees_return: context.fees_return,
                channel_names: &channel_names,
                fetch: &|forward, origins| fetcher.fetch(forward, origins, &|_| None),
            };
            let day = drive::run(&inputs, forward, blocks)?;
            host::release_memory();
            notes.push(
                "rows were put aside on the disk for a while: the day is larger than --memory".to_owned(),
            );
            (day.pool, day.agreed, (day.settled, day.batches), Some(day.lines))
        }
        None => {
            let mut pool = Pool::new(settings.legs.len(), forward, blocks);
            let held = |row| pool.held(bank_leg, row);
            let fetch = |origins: &[Origin]| fetcher.fetch(&pool.forward, origins, &held);
            let agreed = match_legs(&pool, settings, date, bank_leg, fee_agrees, &fetch)?;
            pool.forget_index();
            (pool, agreed, (Vec::new(), Vec::new()), None)
        }
    };
    let (settled_aside, batches_aside) = aside;
    let held = |row| pool.held(bank_leg, row);
    let fetch = |origins: &[Origin]| fetcher.fetch(&pool.forward, origins, &held);
    let later = LaterContext {
        settings,
        merchants: &book.merchants,
        fees: &fees,
        business_date: date,
        bank_leg,
        fetch: &fetch,
        fee_agrees,
    };
    match_later(&pool, &mut agreed, &later)?;
    notes.extend(agreed.later.notes.iter().cloned());
    let adjustments = std::mem::take(&mut taken.adjustments);
    let adjustments_read = adjustments.len() as u64 + taken.repeated_adjustments;
    let mut adjusting = Adjusting::new(
        adjust::Context {
            settings,
            merchants: &book.merchants,
            state,
            business_date: date,
            pool: &pool,
            bank_leg,
            fetch: &fetch,
        },
        adjustments,
    );
    // Batches are judged first and applied last: people may decide about their rows, and about them.
    let batch_context = BatchContext {
        settings,
        channel_names: &channel_names,
        chained: &state.chained,
        business_date: date,
        bank_leg,
        aside: &batches_aside,
    };
    let mut judging = batches::judge(&pool, &mut agreed, &batch_context);
    adjusting.on_legs(&mut agreed, judging.as_mut())?;
    if let Some(judging) = judging {
        judging.apply(&mut agreed, &adjusting.done.by_hand)?;
    }
    notes.extend(agreed.batches.notes.iter().cloned());
    let completion = Completion::new(&pool, settings, &agreed, &state.unsettled);
    let movements = taken.movements(&pool, &agreed, bank_leg);
    let accounts = account_lines(settings, state, &movements, &told, date, day.is_first)?;

    // Stages 3 to 5: settle, pay.
    progress.stage("settle", 0);
    let settle_inputs = SettleInputs {
        book,
        state,
        business_date: date,
        pool: &pool,
        agreed: &agreed,
        by_hand: &adjusting.done.by_hand,
        completion: &completion,
        bank_leg,
        context: &settling,
        fees: &fees,
        originals: day.originals,
    };
    let mut legs = settle::settle_legs(&settle_inputs)?;
    for (leg, aside) in legs.iter_mut().zip(&settled_aside) {
        leg.merge_sums(aside);
    }
    let mut settled = settle::settle(&settle_inputs, legs)?;
    let adjusted = adjusting.after_settling(&mut settled)?;
    taken.reject_adjustments(&adjusted.rejects, day);
    taken.refuse(&settings.policy.rejects)?;
    let open: Vec<_> = agreed.open.iter().chain(&settled.open).cloned().collect();
    let undebited: Vec<_> = settled
        .follow
        .undebited
        .iter()
        .map(|at| &settled.follow.next[*at])
        .collect();
    let break_context = BreakContext {
        settings,
        merchants: &book.merchants,
        calendar,
        business_date: date,
        files: &names,
        fetch: &|origins| fetcher.fetch_shared(&pool.forward, origins, &held),
        fee_due: &|channel, txn_type, amount_minor| fee_due(settings, &fees, channel, txn_type, amount_minor),
        candidates: &agreed.later.candidates,
        batches: &agreed.batches,
    };
    let mut breaks = breaks::list(&pool, &open, &undebited, &break_context)?;
    // The full rows it was made of are gone; where memory is short, the system has that back before the ledger is made.
    if spilled.is_some() {
        host::release_memory();
    }
    // Every row has one fate. It is counted while the rows are whole.
    let fate_inputs = FateInputs {
        settings,
        pool: &pool,
        bank_leg,
        agreed: &agreed,
        completion: &completion,
        settled: &settled,
        adjusted: &adjusted,
        repeated_adjustments: taken.repeated_adjustments,
        adjustments: adjustments_read,
        open: &open,
        sums: &taken.sums,
        repeated: &taken.repeated,
        rejected: &taken.rejected,
        repeated_otherwise: &taken.repeated_otherwise,
        not_booked: taken.not_booked,
        settled_aside: &settled_aside,
    };
    let fates = fates::count(&fate_inputs);
    let batch_sums = batches::sums(&pool, &agreed, settings, bank_leg, &settled_aside);
    pool.keep_what_is_shown(settings);
    let due_date = |merchant: MerchantCode, date: Date| settle::merchant_due_date(book, merchant, date);
    let payout_inputs = PayoutInputs {
        settings,
        merchants: &book.merchants,
        fees: &fees,
        business_date: date,
        execution_date,
        sums: &settled.sums,
        state,
        returned: &settled.follow.returned,
        moves: &adjusted.moves,
        due_date: &due_date,
    };

    // Stage 6: reserve, first as if all payouts were issued (R3).
    progress.stage("reserve", 0);
    let age = |first_seen: Date| -> Result<i32, Stop> {
        let days = calendar.business_days_between(first_seen, date)?;
        Ok(i32::try_from(days).unwrap_or(i32::MAX))
    };
    let all_paid = settle_day(&payout_inputs, &BTreeSet::new())?;
    let all_issued = add_issued(settled.follow.next.clone(), all_paid.issued.clone())?;
    let view = day_view(
        day,
        (&all_paid, &all_issued),
        &accounts,
        &settled,
        &adjusted,
        &breaks,
        &age,
    );
    let standings = Standings::of(&view)?;
    let as_if = reserve::figures(&view, &standings)?;
    let short: BTreeSet<(String, Currency)> = as_if.short().into_iter().collect();
    let withhold = settings.policy.on_shortfall == ShortfallPolicy::Withhold && !short.is_empty();
    // Where nothing is withheld, that is how it comes out.
    let withheld = if withhold {
        let settlement = settle_day(&payout_inputs, &short)?;
        let issued = add_issued(settled.follow.next.clone(), settlement.issued.clone())?;
        Some((settlement, issued))
    } else {
        None
    };
    let (settlement, issued) = match &withheld {
        Some((settlement, issued)) => (settlement, issued),
        None => (&all_paid, &all_issued),
    };
    let view = day_view(
        day,
        (settlement, issued),
        &accounts,
        &settled,
        &adjusted,
        &breaks,
        &age,
    );
    let (standings, reserve) = if withhold {
        let standings = standings.with_end_of(&view)?;
        let reserve = reserve::figures(&view, &standings)?.with_if_paid(&as_if);
        (standings, reserve)
    } else {
        (standings, as_if)
    };
    // Stage 7, clearing files read back, needs nothing of the ledger.
    let (journal, (positions, clearing)) = rayon::join(
        || ledger::journal(&view, &standings),
        || {
            (
                positions(&settings.netting, &settled.obligations),
                clearing::files(settings, &book.merchants, execution_date, &settlement.issued),
            )
        },
    );
    let (journal, positions, clearing) = (journal?, positions?, clearing?);
    progress.stage("check", 0);
    // Every identity holds, or nothing is published.
    let invariants = checks::run_all(&Checked {
        day: &view,
        conservation: &fates.conservation,
        positions: &positions,
        journal: &journal,
        reserve: &reserve,
        batches: &batch_sums,
        halfway: [
            breaks.chained.len() as u64,
            (agreed.batches.waiting.len() + agreed.batches.at_bank.len()) as u64,
        ],
    });
    checks::all_hold(&invariants)?;

    if let Some(lines) = &mut spilled {
        for (leg, pairs) in of_legs(settings, bank_leg, &pool, &agreed, &settled.legs)
            .iter()
            .enumerate()
        {
            lines.add(leg, pairs.in_memory())?;
        }
        host::release_memory();
    }
    let shares = shares(settings, bank_leg, &pool, &agreed, &settled.legs);
    let resolved = resolved(state, &breaks, date);
    let (settlement, issued) = withheld.unwrap_or((all_paid, all_issued));
    let next = State {
        open_items: std::mem::take(&mut breaks.open_items),
        unsettled: std::mem::take(&mut settled.unsettled_state),
        chained: breaks.chained.clone(),
        dues: settlement.dues.clone(),
        holds: settlement.holds.clone(),
        carried: settlement.carried.clone(),
        payouts: issued,
        customers: std::mem::take(&mut settled.wallets.next),
        accounts: next_accounts(day, &accounts, &reserve)?,
        own: reserve.own.clone(),
        inter_pool: reserve.inter_pool.clone(),
        files: taken.known,
        fee_returns: std::mem::take(&mut settled.returns.next),
        ledger: journal.closing.clone(),
        open_breaks: std::mem::take(&mut breaks.open_breaks),
        statements: statements.last,
        adjustments: adjusted.ids(&state.adjustments, date),
    };
    Ok(Computed {
        execution_date,
        pool,
        bank_leg,
        agreed,
        spilled,
        is_bounded: spill.is_some(),
        settled,
        settlement,
        shares,
        breaks,
        resolved,
        adjusted,
        rejects: taken.rejects,
        accounts,
        positions,
        reserve,
        journal,
        clearing,
        invariants,
        fates,
        inputs: taken.inputs,
        next,
        notes,
    })
}

/// Channel names that a day can number.
const CHANNELS_MAX: usize = 65_535;
/// Pools that a day can number.
const POOLS_MAX: usize = 255;

/// Names beyond what a day can number: which rows came first must not decide what is refused.
fn too_many(what: &str, most: usize, help: &str) -> Stop {
    Stop::new(
        StopCode::BadData,
        Finding::about("inbox", format!("found more than {most} {what} in a day"), help),
    )
}

/// A day beyond what one run can number.
fn too_many_blocks(blocks: usize) -> Stop {
    Stop::new(
        StopCode::BadData,
        Finding::about(
            "inbox",
            format!(
                "found {blocks} blocks of up to {BLOCK_ROWS_MAX} rows, each file at least one, expected at most {BLOCKS_MAX}"
            ),
            "join small files into larger ones, and run the day again; a day holds about 4 billion rows at most",
        ),
    )
}

/// The day as the ledger and the reserve see it, for payouts as given.
fn day_view<'a>(
    day: &DayInputs<'a>,
    (settlement, issued): (&'a Settlement, &'a [crate::day::state::IssuedPayout]),
    accounts: &'a [AccountLine],
    settled: &'a Settled,
    adjusted: &'a Adjusted,
    breaks: &'a Breaks,
    age: &'a (dyn Fn(Date) -> Result<i32, Stop> + Sync),
) -> DayFigures<'a> {
    DayFigures {
        date: day.date,
        settings: &day.book.settings,
        merchants: &day.book.merchants,
        previous: day.state,
        payouts: &settlement.lines,
        accounts,
        customers: &settled.wallets.lines,
        agreed: &settled.agreed,
        events: &settled.events,
        adjustments: &adjusted.lines,
        open: &breaks.open_entries,
        unsettled: &settled.unsettled,
        dues: &settlement.dues,
        holds: &settlement.holds,
        carried: &settlement.carried,
        issued,
        age_business_days: age,
    }
}

/// Whether the channel's fee on a row is the contracted one (R26): what its plan charges on a payment and, where the
/// plan returns fees, at most that on a refund. Channels without a plan charge what they charge.
fn fee_agrees(
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
    let due = fee_due(settings, fees, name, txn_type, block.amount_minor(position));
    due.is_none_or(|minor| minor == block.aux_minor(position))
}

/// What a channel should charge on a row, where a fee is agreed (R26).
fn fee_due(
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

/// Pools by index, for the inner loop of settling.
struct Pools {
    names: Vec<String>,
    merchants: Vec<u8>,
    customers: u8,
}

impl Pools {
    fn new(day: &DayInputs<'_>) -> Pools {
        let terms = &day.book.merchants.terms;
        let mut names: BTreeSet<&str> = terms.iter().map(|terms| terms.pool.as_str()).collect();
        names.insert(DEFAULT_POOL);
        let names: Vec<String> = names.into_iter().map(str::to_owned).collect();
        let place = |pool: &str| names.iter().position(|name| name == pool).unwrap_or(0) as u8;
        let merchants = if names.len() == 1 {
            Vec::new()
        } else {
            terms.iter().map(|t| place(&t.pool)).collect()
        };
        Pools {
            customers: place(DEFAULT_POOL),
            merchants,
            names,
        }
    }
}

/// Breaks of the previous close that are open no longer.
fn resolved(state: &State, breaks: &Breaks, date: Date) -> Vec<ResolvedLine> {
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
