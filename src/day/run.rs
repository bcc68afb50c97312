//! The stages of a day in their order. Files are read here; nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use crate::book::Book;
use crate::book::merchants::MerchantCode;
use crate::book::settings::{LegKind, RejectPolicy, Role, Settings, ShortfallPolicy};
use crate::checks::{self, Checked, Invariant};
use crate::clearing::{self, ClearingFile};
use crate::day::across;
use crate::day::agree::{Agreed, Completion, match_legs};
use crate::day::balances::account_lines;
use crate::day::breaks::{self, BreakContext, Breaks, DEFAULT_POOL};
use crate::day::clock::bounds;
use crate::day::close::Progress;
use crate::day::fates::{self, FateInputs, Fates};
use crate::day::fetch::Fetcher;
use crate::day::figures::{AccountLine, Position};
use crate::day::forward;
use crate::day::intake::{ChannelCodes, FORWARD_FILE, InputBlock, IntakeContext, Sum};
use crate::day::pool::{Origin, Pool};
use crate::day::read::{FileReport, read_all};
use crate::day::residual::{LaterContext, match_later};
use crate::day::settle::{self, Originals, SettleInputs, Settled};
use crate::day::state::{AccountBalance, KnownFile, State};
use crate::entries::block::{BLOCK_ROWS_MAX, BLOCKS_MAX, EntryBlock};
use crate::fees::FeeTable;
use crate::findings::{Finding, Stop, StopCode};
use crate::ingest::files::Delivery;
use crate::ledger::{self, DayFigures, Journal, Standings};
use crate::matching::exact::FeeAgrees;
use crate::netting::{Participants, positions};
use crate::payouts::{PayoutInputs, Settlement, add_issued, settle_day};
use crate::report::manifest::{Input, InputBalance};
use crate::report::show::masked;
use crate::report::tables::{RejectLine, ResolvedLine};
use crate::reserve::{self, ReserveReport};
use crate::settling::Context;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::TxnType;
use crate::terms::money::narrow;

/// Days for which a file is known by its hash (R20).
const FILES_KNOWN_DAYS: i32 = 400;
/// Rejects spelt out when they refuse the day; the rest are counted.
const REJECTS_NAMED_MAX: usize = 1000;

/// A refused value in words. Account numbers are masked: a message travels further than the book.
fn refused_value(reject: &RejectLine) -> String {
    let RejectLine {
        field,
        found,
        expected,
        ..
    } = reject;
    match field.as_str() {
        "(row)" => format!("found {found}, expected {expected}"),
        _ if found.is_empty() => format!("{field}: found nothing, expected {expected}"),
        "account" | "counterparty_account" => {
            format!("{field}: found `{}`, expected {expected}", masked(found))
        }
        _ => format!("{field}: found `{found}`, expected {expected}"),
    }
}

/// What to do about a value that the book, not the file, may have wrong.
fn help_for(field: &str) -> &'static str {
    match field {
        "merchant_id" => "add the merchant to the master, or have the row corrected",
        "account" => {
            "add the account to book.toml as an [[account]] with this number, or have the row corrected"
        }
        _ => "",
    }
}

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
    /// What settled.
    pub settled: Settled,
    /// Payouts.
    pub settlement: Settlement,
    /// Breaks.
    pub breaks: Breaks,
    /// Breaks that are open no longer.
    pub resolved: Vec<ResolvedLine>,
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
    };

    // Stage 1: read.
    progress.stage("read", 0);
    let reading = read_all(&day.delivery.files, book, &context, &|bytes| {
        progress.advance(bytes)
    })?;
    let mut notes: Vec<String> = day
        .delivery
        .skipped
        .iter()
        .map(|name| format!("{name}: hidden file passed over"))
        .collect();
    notes.extend(across::check(settings, &day.delivery.files, &reading.reports)?);
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
    let forward = forward::rows(&state.open_items, settings);
    let mut blocks = forward::blocks(&forward, &context)?;
    let names: Vec<String> = day.delivery.files.iter().map(|file| file.name.clone()).collect();
    let told = taken.told(&names);
    blocks.append(&mut taken.blocks);
    if blocks.len() > BLOCKS_MAX {
        return Err(too_many_blocks(blocks.len()));
    }
    let pool = Pool::new(settings.legs.len(), forward, blocks);
    let fetcher = Fetcher {
        book,
        delivered: &day.delivery.files,
        business_date: date,
    };
    let fetch = |origins: &[Origin]| fetcher.fetch(&pool, origins);
    let channel_names = context.channels.names();
    let fee_agrees =
        |block: &EntryBlock, position: usize| fee_agrees(settings, &fees, &channel_names, block, position);
    let has_fee_plans = settings.channels.values().any(|terms| terms.fee_plan.is_some());
    let fee_agrees: FeeAgrees<'_> = if has_fee_plans { Some(&fee_agrees) } else { None };
    let mut agreed = match_legs(&pool, settings, date, bank_leg, fee_agrees, &fetch)?;
    let later = LaterContext {
        settings,
        merchants: &book.merchants,
        fees: &fees,
        business_date: date,
        bank_leg,
        fetch: &fetch,
    };
    match_later(&pool, &mut agreed, &later)?;
    notes.extend(agreed.later.notes.iter().cloned());
    let completion = Completion::new(&pool, settings, &agreed, &state.unsettled);
    let movements = taken.movements(&pool, &agreed, bank_leg);
    let accounts = account_lines(settings, state, &movements, &told, date, day.is_first)?;

    // Stages 3 to 5: settle, pay.
    progress.stage("settle", 0);
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
    let mut settled = settle::settle(&SettleInputs {
        book,
        state,
        business_date: date,
        pool: &pool,
        agreed: &agreed,
        completion: &completion,
        bank_leg,
        context: &settling,
        fees: &fees,
        originals: day.originals,
    })?;
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
        fetch: &fetch,
        candidates: &agreed.later.candidates,
    };
    let breaks = breaks::list(&pool, &open, &undebited, &break_context)?;
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
        &all_paid,
        &all_issued,
        &accounts,
        &settled,
        &breaks,
        bank_leg,
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
        day, settlement, issued, &accounts, &settled, &breaks, bank_leg, &age,
    );
    let (standings, reserve) = if withhold {
        let standings = standings.with_end_of(&view)?;
        let reserve = reserve::figures(&view, &standings)?.with_if_paid(&as_if);
        (standings, reserve)
    } else {
        (standings, as_if)
    };
    let journal = ledger::journal(&view, &standings)?;
    let positions = positions(&settings.netting, &settled.obligations)?;

    // Stage 7: clearing files, read back.
    let clearing = clearing::files(settings, &book.merchants, execution_date, &settlement.issued)?;

    // Every row has one fate, and every identity holds, or nothing is published.
    progress.stage("check", 0);
    let fates = fates::count(&FateInputs {
        settings,
        pool: &pool,
        bank_leg,
        agreed: &agreed,
        completion: &completion,
        settled: &settled,
        open: &open,
        sums: &taken.sums,
        repeated: &taken.repeated,
        rejected: &taken.rejected,
        not_booked: taken.not_booked,
    });
    let invariants = checks::run_all(&Checked {
        day: &view,
        conservation: &fates.conservation,
        positions: &positions,
        journal: &journal,
        reserve: &reserve,
    });
    checks::all_hold(&invariants)?;

    let resolved = resolved(state, &breaks, date);
    let (settlement, issued) = withheld.unwrap_or((all_paid, all_issued));
    let next = State {
        open_items: breaks.open_items.clone(),
        unsettled: std::mem::take(&mut settled.unsettled_state),
        dues: settlement.dues.clone(),
        holds: settlement.holds.clone(),
        carried: settlement.carried.clone(),
        payouts: issued,
        customers: settled.wallets.next.clone(),
        accounts: next_accounts(day, &accounts, &reserve)?,
        own: reserve.own.clone(),
        inter_pool: reserve.inter_pool.clone(),
        files: taken.known,
        fee_returns: settled.returns.next.clone(),
        ledger: journal.closing.clone(),
        open_breaks: breaks.open_breaks.clone(),
    };
    Ok(Computed {
        execution_date,
        pool,
        bank_leg,
        agreed,
        settled,
        settlement,
        breaks,
        resolved,
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
#[allow(clippy::too_many_arguments)]
fn day_view<'a>(
    day: &DayInputs<'a>,
    settlement: &'a Settlement,
    issued: &'a [crate::day::state::IssuedPayout],
    accounts: &'a [AccountLine],
    settled: &'a Settled,
    breaks: &'a Breaks,
    bank_leg: usize,
    age: &'a dyn Fn(Date) -> Result<i32, Stop>,
) -> DayFigures<'a> {
    DayFigures {
        date: day.date,
        settings: &day.book.settings,
        merchants: &day.book.merchants,
        previous: day.state,
        payouts: &settlement.lines,
        accounts,
        customers: &settled.wallets.lines,
        agreed: &settled.legs[bank_leg].agreed,
        events: &settled.events,
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
    let Some(plan) = settings
        .channels
        .get(name)
        .and_then(|terms| terms.fee_plan.as_deref())
    else {
        return true;
    };
    if txn_type != TxnType::Payment {
        // What a refund gives back follows from its original, which a bill row does not carry.
        return true;
    }
    let expected = fees.channel_fee(plan, name.as_bytes(), txn_type, block.amount_minor(position));
    expected.is_ok_and(|expected| expected.is_none_or(|minor| minor == block.aux_minor(position)))
}

/// What was read, less what was delivered before or twice.
struct Taken {
    blocks: Vec<InputBlock>,
    inputs: Vec<Input>,
    rejects: Vec<RejectLine>,
    known: Vec<KnownFile>,
    /// Accepted rows by role and currency: delivered, repeated files included.
    sums: BTreeMap<(Role, Currency), Sum>,
    /// Of those, rows of files delivered before or twice.
    repeated: BTreeMap<(Role, Currency), Sum>,
    /// Refused rows by role.
    rejected: BTreeMap<Role, u64>,
    not_booked: u64,
    /// Credits and debits of accepted bank entries by account.
    account_sums: Vec<(u16, [Sum; 2])>,
}

impl Taken {
    fn new(
        day: &DayInputs<'_>,
        reports: Vec<FileReport>,
        blocks: Vec<InputBlock>,
        notes: &mut Vec<String>,
    ) -> Taken {
        let settings = &day.book.settings;
        let files = &day.delivery.files;
        let mut rows = vec![0u64; files.len()];
        for block in &blocks {
            let accepted: u64 = block
                .sums
                .iter()
                .flat_map(|(_, sums)| sums)
                .map(|sum| sum.rows)
                .sum();
            rows[block.file as usize] +=
                accepted + block.rejects.len() as u64 + block.not_booked + block.balances.len() as u64;
        }
        let mut known: BTreeMap<String, KnownFile> = day
            .state
            .files
            .iter()
            .filter(|file| day.date.days_since(file.taken_on) <= FILES_KNOWN_DAYS)
            .map(|file| (file.sha256.clone(), file.clone()))
            .collect();
        let mut repeated_file = vec![false; files.len()];
        for (index, report) in reports.iter().enumerate() {
            if rows[index] == 0 {
                continue; // R20: a file without rows is never a duplicate.
            }
            match known.get(&report.sha256) {
                Some(first) => {
                    repeated_file[index] = true;
                    notes.push(format!(
                        "{}: the same content as {} of {}: taken once",
                        files[index].name, first.name, first.taken_on
                    ));
                }
                None => {
                    known.insert(
                        report.sha256.clone(),
                        KnownFile {
                            sha256: report.sha256.clone(),
                            taken_on: day.date,
                            name: files[index].name.clone(),
                        },
                    );
                }
            }
        }
        let mut taken = Taken {
            blocks: Vec::new(),
            inputs: Vec::new(),
            rejects: Vec::new(),
            known: known.into_values().collect(),
            sums: BTreeMap::new(),
            repeated: BTreeMap::new(),
            rejected: BTreeMap::new(),
            not_booked: 0,
            account_sums: Vec::new(),
        };
        let mut inputs: Vec<Input> = files
            .iter()
            .zip(&reports)
            .zip(&rows)
            .map(|((file, report), rows)| Input {
                role: settings.sources[file.source].role.name().to_owned(),
                source: settings.sources[file.source].name.clone(),
                name: file.name.clone(),
                bytes: report.bytes,
                sha256: report.sha256.clone(),
                rows: *rows,
                credit_minor: BTreeMap::new(),
                debit_minor: BTreeMap::new(),
                balances: Vec::new(),
            })
            .collect();
        for (file, report) in files.iter().zip(&reports) {
            notes.extend(report.notes.iter().map(|note| format!("{}: {note}", file.name)));
        }
        let mut outside = 0;
        for block in blocks {
            let file = block.file as usize;
            let role = settings.sources[files[file].source].role;
            let input = &mut inputs[file];
            for (currency, [credit, debit, legless]) in &block.sums {
                *input.credit_minor.entry(currency.code().to_owned()).or_insert(0) += credit.minor;
                *input.debit_minor.entry(currency.code().to_owned()).or_insert(0) += debit.minor;
                let whole = Sum {
                    rows: credit.rows + debit.rows + legless.rows,
                    minor: credit.minor + debit.minor + legless.minor,
                };
                add(&mut taken.sums, (role, *currency), whole);
                if repeated_file[file] {
                    add(&mut taken.repeated, (role, *currency), whole);
                }
            }
            for balance in &block.balances {
                input.balances.push(InputBalance {
                    account: settings.accounts[usize::from(balance.account)].id.clone(),
                    currency: balance.currency.code().to_owned(),
                    opening_minor: Some(i128::from(balance.opening_minor)),
                    closing_minor: Some(i128::from(balance.closing_minor)),
                });
            }
            if repeated_file[file] {
                continue;
            }
            taken.not_booked += block.not_booked;
            taken.account_sums.extend_from_slice(&block.accounts);
            outside += block.outside_day;
            *taken.rejected.entry(role).or_insert(0) += block.rejects.len() as u64;
            taken
                .rejects
                .extend(block.rejects.iter().map(|reject| RejectLine {
                    file: files[file].name.clone(),
                    line: reject.line,
                    column: u64::from(reject.column),
                    field: reject.field.clone(),
                    found: reject.found.clone(),
                    expected: reject.expected.clone(),
                }));
            taken.blocks.push(block);
        }
        if outside > 0 {
            notes.push(format!(
                "{outside} platform rows have a time outside the business day: counted, not refused (R29)"
            ));
        }
        taken.rejects.sort();
        taken.inputs = inputs;
        taken
    }

    /// Stops the day when its policy does not take so many rejects.
    fn refuse(&self, policy: &RejectPolicy) -> Result<(), Stop> {
        let count = self.rejects.len() as u64;
        let (most, words) = match policy {
            RejectPolicy::Stop => (0, "policy.rejects is `stop`".to_owned()),
            RejectPolicy::Quarantine { max_rejects: None } => return Ok(()),
            RejectPolicy::Quarantine {
                max_rejects: Some(most),
            } => (*most, format!("policy.max_rejects is {most}")),
        };
        if count <= most {
            return Ok(());
        }
        let mut findings: Vec<Finding> = self
            .rejects
            .iter()
            .take(REJECTS_NAMED_MAX)
            .map(|reject| {
                Finding::about(
                    reject.file.clone(),
                    refused_value(reject),
                    help_for(&reject.field),
                )
                .at(reject.line, reject.column as u32)
            })
            .collect();
        let (rows, those) = if count == 1 {
            ("row was", "it")
        } else {
            ("rows were", "them")
        };
        let aside = match policy {
            RejectPolicy::Stop => "set rejects = \"quarantine\"",
            RejectPolicy::Quarantine { .. } => "raise max_rejects",
        };
        findings.push(Finding::about(
            "",
            format!("{count} {rows} refused and {words}"),
            format!(
                "ask for corrected files and run the day again, or {aside} in [policy] to set {those} aside"
            ),
        ));
        Err(Stop {
            code: StopCode::BadData,
            findings,
        })
    }

    /// Statement balances with the names of their files.
    fn told(&self, names: &[String]) -> Vec<(String, crate::entries::rows::BalanceRow)> {
        let of_block = |block: &InputBlock| {
            let name = names[block.file as usize].clone();
            block
                .balances
                .iter()
                .map(move |row| (name.clone(), *row))
                .collect::<Vec<_>>()
        };
        self.blocks.iter().flat_map(of_block).collect()
    }

    /// Credits and debits of accepted entries by account; rows delivered twice count once.
    fn movements(&self, pool: &Pool, agreed: &Agreed, bank_leg: usize) -> BTreeMap<u16, [Sum; 2]> {
        let mut movements: BTreeMap<u16, [Sum; 2]> = BTreeMap::new();
        for (account, sums) in &self.account_sums {
            let mine = movements.entry(*account).or_default();
            for (mine, sum) in mine.iter_mut().zip(sums) {
                mine.rows += sum.rows;
                mine.minor += sum.minor;
            }
        }
        for row in &agreed.right[bank_leg].duplicates {
            if pool.file[row.block()] == FORWARD_FILE {
                continue; // Not one of today's movements to begin with.
            }
            let block = &pool.right[bank_leg][row.block()];
            let meta = block.meta(row.position());
            let mine = movements.entry(block.owner(row.position()) as u16).or_default();
            let sum = &mut mine[meta.direction() as usize];
            sum.rows -= 1;
            sum.minor -= i128::from(block.amount_minor(row.position()));
        }
        movements
    }

    /// Currencies that can settle: of today's rows and of what was brought forward, sorted.
    fn currencies(&self, state: &State) -> Vec<Currency> {
        let mut all: BTreeSet<Currency> = self.sums.keys().map(|(_, currency)| *currency).collect();
        all.extend(state.open_items.iter().map(|item| item.row.currency));
        all.into_iter().collect()
    }
}

fn add(sums: &mut BTreeMap<(Role, Currency), Sum>, key: (Role, Currency), sum: Sum) {
    let mine = sums.entry(key).or_default();
    mine.rows += sum.rows;
    mine.minor += sum.minor;
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
