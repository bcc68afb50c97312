//! Breaks of all legs as lines, and what they carry forward (SPEC §5, R30).
//!
//! In: what did not agree, as references to rows. Out: the lines of breaks.csv, the open items of the next close, and
//! the open entries from which the reserve figures take A1, A2, B1 and B2.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use rustc_hash::{FxBuildHasher, FxHashMap};

use crate::book::merchants::Merchants;
use crate::book::settings::{AccountKind, LegKind, Settings};
use crate::causes::Cause;
use crate::day::batches::{Batches, OpenBatch};
use crate::day::causes::{self, FeeDue, Full, FullRows};
use crate::day::figures::{BreakLine, OpenEntry};
use crate::day::pool::{Origin, Pool};
use crate::day::residual::Candidates;
use crate::day::state::{Chained, IssuedPayout, OpenBreak, OpenItem, OpenRow, OpenSide};
use crate::findings::{Finding, Stop, StopCode};
use crate::matching::class::{Class, OtherSide};
use crate::terms::calendar::Calendar;
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::digest::{BreakIds, hex_text};
use crate::terms::kinds::{Direction, TxnType};
use crate::terms::money::narrow;
use crate::terms::order::{in_order, order_of};

/// Leg names that are not in the settings.
pub const PAYOUT_LEG: &str = "payout-bank";
/// See [`PAYOUT_LEG`].
pub const WALLET_LEG: &str = "wallet";

/// A row of the pool: block and ordinal.
pub type RowName = (usize, u32);

/// Fetches full rows at some origins, in their order. Called from any thread.
pub type FetchShared<'a> = &'a (dyn Fn(&[Origin]) -> Result<Vec<Arc<OpenRow>>, Stop> + Sync);

/// What did not agree.
#[derive(Clone, Debug)]
pub struct OpenBreakRows {
    /// Leg name.
    pub leg: String,
    /// Class name.
    pub class: &'static str,
    /// Platform row.
    pub left: Option<RowName>,
    /// Other row.
    pub right: Option<RowName>,
    /// Sticky marks of R5 for either row.
    pub was_duplicate: (bool, bool),
}

/// Everything that breaks.rs makes.
#[derive(Debug, Default)]
pub struct Breaks {
    /// Sorted by (leg, class, bank_ref, txn_id, entry_id) (R31).
    pub lines: Vec<BreakLine>,
    /// The next open items, sorted as the state wants them.
    pub open_items: Vec<OpenItem>,
    /// Rows that count in A1, A2, B1 or B2.
    pub open_entries: Vec<OpenEntry>,
    /// Bill rows that are half-way, sorted as the state wants them.
    pub chained: Vec<Chained>,
    /// The next open breaks, sorted by id.
    pub open_breaks: Vec<OpenBreak>,
    /// What explains the lines, in the order of their numbers.
    pub causes: Vec<Cause>,
}

/// What the lines are made with.
pub struct BreakContext<'a> {
    /// Settings.
    pub settings: &'a Settings,
    /// Merchant master.
    pub merchants: &'a Merchants,
    /// The institution's calendar.
    pub calendar: &'a Calendar,
    /// The day being closed.
    pub business_date: Date,
    /// File names by number.
    pub files: &'a [String],
    /// Full rows.
    pub fetch: FetchShared<'a>,
    /// What channels should charge.
    pub fee_due: FeeDue<'a>,
    /// What later passes saw of rows that stay open, by leg.
    pub candidates: &'a BTreeMap<usize, Candidates>,
    /// Batches and entries that do not agree, and the rows in them.
    pub batches: &'a Batches,
}

/// Makes lines and items of what did not agree, and of payouts not debited.
///
/// # Errors
/// What fetching reports; 78 when the calendar does not know a year.
pub fn list(
    pool: &Pool,
    open: &[OpenBreakRows],
    undebited: &[&IssuedPayout],
    context: &BreakContext<'_>,
) -> Result<Breaks, Stop> {
    let batches = context.batches;
    let mut names: Vec<RowName> = Vec::with_capacity(open.len() * 2);
    names.extend(open.iter().flat_map(|b| [b.left, b.right]).flatten());
    names.extend(batches.open.iter().flat_map(|b| b.bill.iter().chain(&b.entry)));
    names.extend(batches.waiting.iter().flat_map(|(bill, row)| [bill, row]));
    let chosen = causes::choose(pool, open.len() + batches.open.len());
    names.extend(chosen.iter().flat_map(|side| &side.names));
    names.sort_unstable();
    names.dedup();
    let full = full_rows(pool, &names, context)?;
    let mut ids = BreakIds::default();
    let mut lines = Vec::with_capacity(open.len() + batches.open.len() + undebited.len());
    for rows in open {
        let left = rows.left.and_then(|name| full.get(&name));
        let right = rows.right.and_then(|name| full.get(&name));
        lines.push(line(rows, (left, right), context, &mut ids)?);
    }
    for batch in &batches.open {
        lines.push(batch_line(batch, &full, context, &mut ids)?);
    }
    for payout in undebited {
        lines.push(undebited_line(payout, context, &mut ids)?);
    }
    // Lines are large: their numbers are sorted, and each line moves once.
    let order = published_order(&lines);
    let published = |range: Range<usize>| -> Vec<usize> {
        let mine = order.iter().map(|at| *at as usize);
        let mine = mine.filter(|at| range.contains(at));
        mine.map(|at| at - range.start).collect()
    };
    let batch_lines = open.len()..open.len() + batches.open.len();
    let carried = || {
        let mut breaks = Breaks::default();
        carry(
            open,
            (&lines, &published(0..open.len())),
            &full,
            context,
            &mut breaks,
        );
        carry_batches(
            (&lines[batch_lines.clone()], &published(batch_lines.clone())),
            &full,
            context,
            &mut breaks,
        );
        sort_carried(&mut breaks);
        breaks.chained = chained(&full, context);
        breaks.open_breaks = open_breaks(&lines);
        breaks
    };
    let rows_of = |at: &u32| {
        let at = *at as usize;
        match (
            open.get(at),
            at.checked_sub(open.len()).and_then(|at| batches.open.get(at)),
        ) {
            (Some(rows), _) => [rows.left, rows.right],
            (None, Some(batch)) => [first_of(batch, &full), batch.entry],
            (None, None) => [None, None],
        }
    };
    let explained = || {
        let published: Vec<&BreakLine> = order.iter().map(|at| &lines[*at as usize]).collect();
        let rows: Vec<[Option<RowName>; 2]> = order.iter().map(rows_of).collect();
        causes::explain(
            (&published, &rows),
            &full,
            &chosen,
            context.settings,
            context.business_date,
            context.fee_due,
        )
    };
    // The one needs nothing of the other.
    let (mut breaks, causes) = rayon::join(carried, explained);
    let causes = causes?;
    breaks.lines = in_order(lines, &order);
    causes::note(&mut breaks.lines, &causes);
    breaks.causes = causes.list;
    Ok(breaks)
}

/// The breaks that the next close knows, in the order of their ids, each once.
fn open_breaks(lines: &[BreakLine]) -> Vec<OpenBreak> {
    let mut order = order_of(
        lines.len(),
        |_| (),
        |at| lines[at].break_id.as_bytes(),
        |a, b| {
            let key = |line: &BreakLine| (line.class, line.first_seen);
            let (a, b) = (&lines[a], &lines[b]);
            a.leg.cmp(&b.leg).then_with(|| key(a).cmp(&key(b)))
        },
    );
    order.dedup_by(|a, b| lines[*a as usize].break_id == lines[*b as usize].break_id);
    let open_break = |at: u32| {
        let line = &lines[at as usize];
        OpenBreak {
            break_id: line.break_id.clone(),
            leg: line.leg.clone(),
            class: line.class.to_owned(),
            first_seen: line.first_seen,
        }
    };
    order.into_iter().map(open_break).collect()
}

/// Order of breaks.csv (R31). What its key leaves open, such as the lines of an ID_CONFLICT, is settled by content:
/// never by the order in which rows arrived (R32).
fn published_order(lines: &[BreakLine]) -> Vec<u32> {
    fn bill_row(line: &BreakLine) -> (&str, &str) {
        (line.entry_type.map_or("", TxnType::name), &line.refund_ref)
    }
    let numbers = |line: &BreakLine| {
        (
            line.platform_minor,
            line.bank_minor,
            line.currency,
            line.first_seen,
        )
    };
    order_of(
        lines.len(),
        |at| (lines[at].leg.as_str(), lines[at].class),
        |at| lines[at].bank_ref.as_bytes(),
        |a, b| {
            let (a, b) = (&lines[a], &lines[b]);
            (&a.txn_id, &a.entry_id, &a.account, &a.merchant_id)
                .cmp(&(&b.txn_id, &b.entry_id, &b.account, &b.merchant_id))
                .then_with(|| bill_row(a).cmp(&bill_row(b)))
                .then_with(|| numbers(a).cmp(&numbers(b)))
        },
    )
}

fn full_rows(pool: &Pool, names: &[RowName], context: &BreakContext<'_>) -> Result<FullRows, Stop> {
    let origins: Vec<Origin> = names
        .iter()
        .map(|(block, ordinal)| pool.origin(*block, *ordinal))
        .collect();
    let rows = (context.fetch)(&origins)?;
    let mut full = FullRows::with_capacity(names.len());
    for ((name, origin), row) in names.iter().zip(&origins).zip(rows) {
        let (first_seen, file, line) = match origin {
            Origin::Forward(index) => {
                let item = &pool.forward[*index].item;
                (item.first_seen, item.file.clone(), item.line)
            }
            Origin::Today(file, place, _) => (
                context.business_date,
                context.files[*file as usize].clone(),
                place.line,
            ),
        };
        full.push(
            *name,
            Full {
                row,
                first_seen,
                file,
                line,
            },
        );
    }
    Ok(full)
}

fn leg_kind(settings: &Settings, leg: &str) -> Option<LegKind> {
    settings.leg_index(leg).map(|leg| settings.legs[leg].kind)
}

/// The reference that a leg shows as bank_ref (R13, R26).
pub fn reference(row: &OpenRow, leg: &str, settings: &Settings) -> String {
    match leg_kind(settings, leg) {
        Some(LegKind::PlatformChannel) => row.channel_ref.clone(),
        // A row that stands there by itself is a platform row in doubt; batches have lines of their own.
        Some(LegKind::ChannelBank) if row.account.is_empty() => row.channel_ref.clone(),
        Some(LegKind::ChannelBank) => row.batch_ref.clone(),
        _ => row.bank_ref.clone(),
    }
}

fn line(
    rows: &OpenBreakRows,
    (left, right): (Option<&Full>, Option<&Full>),
    context: &BreakContext<'_>,
    ids: &mut BreakIds,
) -> Result<BreakLine, Stop> {
    let settings = context.settings;
    let either = left
        .or(right)
        .ok_or_else(|| Stop::invariant("a break without a row"))?;
    let bank_ref = reference(&either.row, &rows.leg, settings);
    let first_seen = [left, right]
        .into_iter()
        .flatten()
        .map(|full| full.first_seen)
        .min()
        .unwrap_or(context.business_date);
    let account = right.map_or("", |full| full.row.account.as_str());
    let txn_id = left.map_or("", |full| full.row.id.as_str());
    let entry_id = right.map_or("", |full| full.row.id.as_str());
    let bill = right.map(|full| &*full.row).filter(|row| row.account.is_empty());
    let id = ids.id(
        &rows.leg,
        bank_ref.as_bytes(),
        txn_id.as_bytes(),
        account.as_bytes(),
        &right.map_or(Cow::default(), |full| entry_part(&full.row)),
    );
    let (age_days, age_business_days) = ages(first_seen, context)?;
    Ok(BreakLine {
        leg: rows.leg.clone(),
        class: rows.class,
        bank_ref,
        txn_id: txn_id.to_owned(),
        entry_id: entry_id.to_owned(),
        merchant_id: left.map_or(String::new(), |full| full.row.merchant_id.clone()),
        platform_minor: left.map(|full| full.row.amount_minor),
        bank_minor: right.map(|full| full.row.amount_minor),
        currency: either.row.currency,
        account: account.to_owned(),
        break_id: hex_text(&id).to_owned(),
        first_seen,
        age_days,
        age_business_days,
        overdue: i64::from(age_days) > i64::from(settings.policy.max_age_days),
        platform_file: left.map_or(String::new(), |full| full.file.clone()),
        platform_line: left.map_or(0, |full| full.line),
        bank_file: right.map_or(String::new(), |full| full.file.clone()),
        bank_line: right.map_or(0, |full| full.line),
        cause: None,
        candidates: settings
            .leg_index(&rows.leg)
            .and_then(|leg| context.candidates.get(&leg))
            .map_or(String::new(), |seen| seen.of(rows.left, rows.right)),
        entry_type: bill.and_then(|row| row.txn_type),
        refund_ref: bill.map_or(String::new(), |row| row.refund_ref.clone()),
    })
}

/// What a row of a leg's other side gives to the id of its break (R30): its id, and of a bill row that is no payment, or has a number
/// of its own beside the payment's, its type and refund_ref too. A bill gives every refund of a payment the number of the trade, and
/// every capture that of the charge: each is a break of its own (R19).
pub fn entry_part(row: &OpenRow) -> Cow<'_, [u8]> {
    match row.txn_type.filter(|_| row.account.is_empty()) {
        None => Cow::Borrowed(row.id.as_bytes()),
        Some(TxnType::Payment) if row.refund_ref.is_empty() => Cow::Borrowed(row.id.as_bytes()),
        Some(txn_type) => Cow::Owned(
            [&row.id, txn_type.name(), &row.refund_ref]
                .join("\n")
                .into_bytes(),
        ),
    }
}

fn undebited_line(
    payout: &IssuedPayout,
    context: &BreakContext<'_>,
    ids: &mut BreakIds,
) -> Result<BreakLine, Stop> {
    let (age_days, age_business_days) = ages(payout.issued_on, context)?;
    Ok(BreakLine {
        leg: PAYOUT_LEG.to_owned(),
        class: Class::MissingAtOther.name(OtherSide::Bank),
        bank_ref: payout.payout_id.clone(),
        txn_id: String::new(),
        entry_id: String::new(),
        merchant_id: payout.merchant_id.clone(),
        platform_minor: Some(payout.amount_minor),
        bank_minor: None,
        currency: payout.currency,
        account: String::new(),
        break_id: hex_text(&ids.id(PAYOUT_LEG, payout.payout_id.as_bytes(), b"", b"", b"")).to_owned(),
        first_seen: payout.issued_on,
        age_days,
        age_business_days,
        overdue: i64::from(age_days) > i64::from(context.settings.policy.max_age_days),
        platform_file: String::new(),
        platform_line: 0,
        bank_file: String::new(),
        bank_line: 0,
        cause: None,
        candidates: String::new(),
        entry_type: None,
        refund_ref: String::new(),
    })
}

fn ages(first_seen: Date, context: &BreakContext<'_>) -> Result<(i32, i32), Stop> {
    let days = context.business_date.days_since(first_seen);
    let business = context
        .calendar
        .business_days_between(first_seen, context.business_date);
    let business = business.map_err(|unknown| {
        Stop::new(
            StopCode::Settings,
            Finding::about(
                "calendars",
                unknown.to_string(),
                "add the year to calendars/ID.json",
            ),
        )
    })?;
    Ok((days, i32::try_from(business).unwrap_or(i32::MAX)))
}

/// Open items and open entries: every open row once a leg, however many lines it stands in; the first of them in
/// published order is the one that an entry names. The lines stand in the order of `open`; `published` are their numbers in
/// the order of breaks.csv.
fn carry(
    open: &[OpenBreakRows],
    (lines, published): (&[BreakLine], &[usize]),
    full: &FullRows,
    context: &BreakContext<'_>,
    breaks: &mut Breaks,
) {
    let settings = context.settings;
    let mut seen: FxHashMap<(&str, RowName), usize> =
        FxHashMap::with_capacity_and_hasher(published.len() * 2, FxBuildHasher);
    for index in published.iter().copied() {
        let rows = &open[index];
        let kind = leg_kind(settings, &rows.leg);
        let sides = [
            (rows.left, rows.was_duplicate.0, true),
            (rows.right, rows.was_duplicate.1, false),
        ];
        for (name, was_duplicate, is_platform) in sides {
            let Some(name) = name else { continue };
            let Some(found) = full.get(&name) else { continue };
            if let Some(known) = seen.get(&(rows.leg.as_str(), name)) {
                breaks.open_items[*known].was_duplicate |= was_duplicate;
                continue;
            }
            seen.insert((&rows.leg, name), breaks.open_items.len());
            let side = match (is_platform, kind) {
                (true, _) => OpenSide::Platform,
                (false, Some(LegKind::PlatformChannel)) => OpenSide::Channel,
                (false, _) => OpenSide::Bank,
            };
            breaks.open_items.push(OpenItem {
                leg: rows.leg.clone(),
                side,
                first_seen: found.first_seen,
                was_duplicate,
                class: rows.class.to_owned(),
                file: found.file.clone(),
                line: found.line,
                row: Arc::clone(&found.row),
            });
            if let Some(mut entry) = open_entry(rows, found, side, kind, context) {
                entry.break_id.clone_from(&lines[index].break_id);
                breaks.open_entries.push(entry);
            }
        }
    }
}

/// Items and entries in their published order.
fn sort_carried(breaks: &mut Breaks) {
    let items = std::mem::take(&mut breaks.open_items);
    let order = order_of(
        items.len(),
        |at| (items[at].leg.as_str(), items[at].side),
        |at| items[at].row.id.as_bytes(),
        |a, b| {
            let (a, b) = (&items[a], &items[b]);
            (&a.row.account, a.first_seen, &a.row, &a.file, a.line).cmp(&(
                &b.row.account,
                b.first_seen,
                &b.row,
                &b.file,
                b.line,
            ))
        },
    );
    breaks.open_items = in_order(items, &order);
    let entries = std::mem::take(&mut breaks.open_entries);
    let order = order_of(
        entries.len(),
        |at| {
            let entry = &entries[at];
            (
                entry.leg.as_str(),
                entry.at_bank,
                entry.pool.as_str(),
                entry.currency,
                entry.account,
            )
        },
        |at| entries[at].id.as_bytes(),
        |a, b| {
            let (a, b) = (&entries[a], &entries[b]);
            (&a.reference, a.amount_minor).cmp(&(&b.reference, b.amount_minor))
        },
    );
    breaks.open_entries = in_order(entries, &order);
}

/// Rows on legs that end at the bank, and wallet rows that were not posted, are not all in A and B: only those of the legs
/// that end at the bank are (R1, R13, R41).
fn open_entry(
    rows: &OpenBreakRows,
    found: &Full,
    side: OpenSide,
    kind: Option<LegKind>,
    context: &BreakContext<'_>,
) -> Option<OpenEntry> {
    let settings = context.settings;
    let at_bank = side == OpenSide::Bank;
    let row = &found.row;
    // Rows that reach the bank in batches are under way wherever on that way they are (R41).
    let by_batch = settings.batch_leg(&row.channel).is_some();
    let on_bank_leg = match kind {
        Some(LegKind::PlatformBank | LegKind::ChannelBank) => true,
        Some(LegKind::PlatformChannel) => by_batch,
        None => rows.leg == PAYOUT_LEG,
    };
    if side == OpenSide::Channel {
        let name = rows.right?;
        return bill_row_at_bank(rows, name, found, context);
    }
    if !on_bank_leg {
        return None;
    }
    let direction: Direction = row.direction?;
    let account = at_bank.then(|| settings.account_index(&row.account)).flatten();
    let is_customer = row.txn_type.is_some_and(|t| t.is_wallet());
    let pool = match (at_bank, account) {
        // Entries of own and receivable accounts are in no reserve figure (R28).
        (true, Some(account)) if settings.accounts[account].kind != AccountKind::Reserve => return None,
        (true, Some(account)) => settings.accounts[account].pool.clone(),
        (true, None) => return None,
        (false, _) if is_customer => DEFAULT_POOL.to_owned(),
        (false, _) => {
            let code = context.merchants.code(row.merchant_id.as_bytes());
            let terms = context.merchants.terms.get(code.0 as usize);
            terms.map_or(DEFAULT_POOL.to_owned(), |terms| terms.pool.clone())
        }
    };
    let bank_ref = reference(row, &rows.leg, settings);
    Some(OpenEntry {
        leg: rows.leg.clone(),
        break_id: String::new(),
        at_bank,
        id: row.id.clone(),
        reference: bank_ref,
        account,
        obligee_id: if is_customer {
            row.customer_id.clone()
        } else {
            row.merchant_id.clone()
        },
        obligee_is_customer: is_customer,
        pool,
        currency: row.currency,
        direction,
        amount_minor: row.amount_minor,
        first_seen: found.first_seen,
        txn_type: row.txn_type,
        counts: at_bank || row.status == crate::terms::kinds::Status::Success,
    })
}

/// A bill row whose batch is at the bank and whose platform row is not agreed: money without an owner (R26).
fn bill_row_at_bank(
    rows: &OpenBreakRows,
    name: RowName,
    found: &Full,
    context: &BreakContext<'_>,
) -> Option<OpenEntry> {
    let at_bank = context.batches.at_bank.get(&name)?;
    let row = &found.row;
    Some(OpenEntry {
        leg: rows.leg.clone(),
        break_id: String::new(),
        at_bank: true,
        id: row.id.clone(),
        reference: at_bank.batch_ref.clone(),
        account: Some(at_bank.account),
        obligee_id: String::new(),
        obligee_is_customer: false,
        pool: context.settings.accounts[at_bank.account].pool.clone(),
        currency: row.currency,
        direction: row.direction?,
        amount_minor: row.amount_minor,
        first_seen: found.first_seen,
        txn_type: row.txn_type,
        counts: true,
    })
}

/// What a batch without an entry gives to the id of its break (R30): the bill row without a batch that it is, and its currency where
/// that is not the base currency. A batch in two currencies is two (R26), and each is a break of its own.
pub fn lump_part(row_without_batch: &str, currency: Currency, settings: &Settings) -> Vec<u8> {
    let mut part = row_without_batch.as_bytes().to_vec();
    if currency != settings.institution.base_currency {
        part.push(b'\n');
        part.extend_from_slice(currency.code().as_bytes());
    }
    part
}

/// The bill row of a batch that stands for it, by its content: never by the order in which rows came (R32).
fn first_of(batch: &OpenBatch, full: &FullRows) -> Option<RowName> {
    let known = batch.bill.iter().filter_map(|name| Some((name, full.get(name)?)));
    let first = known.min_by(|(_, a), (_, b)| {
        let key = |full: &Full| full.row.txn_type.map_or("", TxnType::name);
        (&a.row.id, key(a), &a.row.refund_ref, &a.row)
            .cmp(&(&b.row.id, key(b), &b.row.refund_ref, &b.row))
            .then_with(|| (a.first_seen, &a.file, a.line).cmp(&(b.first_seen, &b.file, b.line)))
    });
    first.map(|(name, _)| *name)
}

/// A line between channel and bank (R26): a batch stands as a whole, its sum as the account would see it, and so does the
/// entry. The place is that of the batch's first row.
fn batch_line(
    batch: &OpenBatch,
    full: &FullRows,
    context: &BreakContext<'_>,
    ids: &mut BreakIds,
) -> Result<BreakLine, Stop> {
    let entry = batch.entry.and_then(|name| full.get(&name));
    let first = first_of(batch, full).and_then(|name| full.get(&name));
    let rows = || batch.bill.iter().filter_map(|name| full.get(name)).chain(entry);
    let first_seen = rows().map(|full| full.first_seen).min();
    let first_seen = first_seen.unwrap_or(context.business_date);
    let account = entry.map_or("", |full| full.row.account.as_str());
    let entry_id = entry.map_or(batch.row_without_batch.as_str(), |full| full.row.id.as_str());
    let shown = |minor: Option<i128>| -> Result<Option<i64>, Stop> {
        let narrowed = minor.map(narrow).transpose();
        narrowed.map_err(|_| {
            Stop::new(
                StopCode::BadData,
                Finding::about(
                    "inbox",
                    format!(
                        "batch {}: its sum does not fit 64 bits of minor units",
                        batch.reference
                    ),
                    "check the amounts of its rows",
                ),
            )
        })
    };
    let (age_days, age_business_days) = ages(first_seen, context)?;
    let part = match entry {
        Some(_) => entry_id.as_bytes().to_vec(),
        None => lump_part(entry_id, batch.currency, context.settings),
    };
    let id = ids.id(
        &batch.leg,
        batch.reference.as_bytes(),
        b"",
        account.as_bytes(),
        &part,
    );
    Ok(BreakLine {
        leg: batch.leg.clone(),
        class: batch.class,
        bank_ref: batch.reference.clone(),
        txn_id: String::new(),
        entry_id: entry_id.to_owned(),
        merchant_id: String::new(),
        platform_minor: shown(batch.batch_minor)?,
        bank_minor: shown(batch.bank_minor)?,
        currency: batch.currency,
        account: account.to_owned(),
        break_id: hex_text(&id).to_owned(),
        first_seen,
        age_days,
        age_business_days,
        overdue: i64::from(age_days) > i64::from(context.settings.policy.max_age_days),
        platform_file: first.map_or(String::new(), |full| full.file.clone()),
        platform_line: first.map_or(0, |full| full.line),
        bank_file: entry.map_or(String::new(), |full| full.file.clone()),
        bank_line: entry.map_or(0, |full| full.line),
        cause: None,
        candidates: batch.compared.clone(),
        entry_type: None,
        refund_ref: String::new(),
    })
}

/// Open items and open entries of batches: their bill rows, the platform rows that wait with them, their entries. Each once,
/// however many lines a batch stands in.
fn carry_batches(
    (lines, published): (&[BreakLine], &[usize]),
    full: &FullRows,
    context: &BreakContext<'_>,
    breaks: &mut Breaks,
) {
    let batches = context.batches;
    let platform: BTreeMap<RowName, RowName> = batches.waiting.iter().copied().collect();
    let mut seen: BTreeSet<RowName> = BTreeSet::new();
    let (mut items, mut entries) = (Vec::new(), Vec::new());
    for index in published.iter().copied() {
        let batch = &batches.open[index];
        let rows_of = |left, right| OpenBreakRows {
            leg: batch.leg.clone(),
            class: batch.class,
            left,
            right,
            was_duplicate: (false, batch.entry_was_duplicate),
        };
        let bill = batch.bill.iter().map(|name| (*name, OpenSide::Channel));
        let waiting = batch.bill.iter().filter_map(|name| platform.get(name));
        let waiting = waiting.map(|name| (*name, OpenSide::Platform));
        let entry = batch.entry.iter().map(|name| (*name, OpenSide::Bank));
        for (name, side) in bill.chain(waiting).chain(entry) {
            let Some(found) = full.get(&name).filter(|_| seen.insert(name)) else {
                continue;
            };
            items.push(OpenItem {
                leg: batch.leg.clone(),
                side,
                first_seen: found.first_seen,
                was_duplicate: side == OpenSide::Bank && batch.entry_was_duplicate,
                class: batch.class.to_owned(),
                file: found.file.clone(),
                line: found.line,
                row: Arc::clone(&found.row),
            });
            let rows = match side {
                OpenSide::Channel => continue,
                OpenSide::Platform => rows_of(Some(name), None),
                OpenSide::Bank => rows_of(None, Some(name)),
            };
            if let Some(mut entry) = open_entry(&rows, found, side, Some(LegKind::ChannelBank), context) {
                entry.break_id.clone_from(&lines[index].break_id);
                entries.push(entry);
            }
        }
    }
    breaks.open_items.extend(items);
    breaks.open_entries.extend(entries);
}

/// Bill rows that have gone one of their two ways.
fn chained(full: &FullRows, context: &BreakContext<'_>) -> Vec<Chained> {
    let batches = context.batches;
    let row = |full: &Full| Chained {
        channel: full.row.channel.clone(),
        channel_ref: full.row.id.clone(),
        txn_type: full.row.txn_type.unwrap_or(TxnType::Payment),
        refund_ref: full.row.refund_ref.clone(),
        leg: String::new(),
        txn_id: String::new(),
        account: String::new(),
        entry_id: String::new(),
        batch_ref: full.row.batch_ref.clone(),
    };
    let leg = |channel: &str| {
        let leg = context.settings.batch_leg(channel);
        leg.map_or(String::new(), |leg| context.settings.legs[leg].name.clone())
    };
    let waiting = batches.waiting.iter().filter_map(|(bill, platform)| {
        let (bill, platform) = (full.get(bill)?, full.get(platform)?);
        Some(Chained {
            leg: leg(&bill.row.channel),
            txn_id: platform.row.id.clone(),
            ..row(bill)
        })
    });
    let at_bank = batches.at_bank.iter().filter_map(|(bill, at_bank)| {
        let bill = full.get(bill)?;
        Some(Chained {
            leg: at_bank.leg.clone(),
            account: context.settings.accounts[at_bank.account].id.clone(),
            entry_id: at_bank.entry_id.clone(),
            batch_ref: at_bank.batch_ref.clone(),
            ..row(bill)
        })
    });
    let mut rows: Vec<Chained> = waiting.chain(at_bank).collect();
    rows.sort_by(|a, b| a.identity().cmp(&b.identity()));
    rows
}

/// The pool of obligees that name none (R28).
pub const DEFAULT_POOL: &str = "default";
