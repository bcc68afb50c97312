//! Breaks of all legs as lines, and what they carry forward (SPEC §5, R30).
//!
//! In: what did not agree, as references to rows. Out: the lines of breaks.csv, the open items of the next close, and
//! the open entries from which the reserve figures take A1, A2, B1 and B2.

use std::collections::{BTreeMap, BTreeSet};

use crate::book::merchants::Merchants;
use crate::book::settings::{AccountKind, LegKind, Settings};
use crate::causes::Cause;
use crate::day::causes::{self, Broken, FeeDue, Full};
use crate::day::figures::{BreakLine, OpenEntry};
use crate::day::identify::Fetch;
use crate::day::pool::{Origin, Pool};
use crate::day::residual::Candidates;
use crate::day::state::{IssuedPayout, OpenBreak, OpenItem, OpenRow, OpenSide};
use crate::findings::{Finding, Stop, StopCode};
use crate::matching::class::{Class, OtherSide};
use crate::terms::calendar::Calendar;
use crate::terms::date::Date;
use crate::terms::digest::break_id;
use crate::terms::kinds::Direction;

/// Leg names that are not in the settings.
pub const PAYOUT_LEG: &str = "payout-bank";
/// See [`PAYOUT_LEG`].
pub const WALLET_LEG: &str = "wallet";

/// A row of the pool: block and ordinal.
pub type RowName = (usize, u32);

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
    pub fetch: Fetch<'a>,
    /// What channels should charge.
    pub fee_due: FeeDue<'a>,
    /// What later passes saw of rows that stay open.
    pub candidates: &'a Candidates,
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
    let mut names: BTreeSet<RowName> = open.iter().flat_map(|b| [b.left, b.right]).flatten().collect();
    let chosen = causes::choose(pool, open.len());
    names.extend(chosen.iter().flat_map(|side| &side.names));
    let full = full_rows(pool, &names, context)?;
    let mut breaks = Breaks::default();
    for rows in open {
        let left = rows.left.and_then(|name| full.get(&name));
        let right = rows.right.and_then(|name| full.get(&name));
        breaks.lines.push(line(rows, left, right, context)?);
    }
    carry(open, &full, context, &mut breaks);
    for payout in undebited {
        breaks.lines.push(undebited_line(payout, context)?);
    }
    let rows = open.iter().map(|rows| [rows.left, rows.right]);
    let rows = rows.chain(std::iter::repeat([None, None]));
    // Lines are large: their numbers are sorted, and each line moves once.
    let mut order: Vec<usize> = (0..breaks.lines.len()).collect();
    order.sort_by(|a, b| in_order(&breaks.lines[*a], &breaks.lines[*b]));
    let lines = std::mem::take(&mut breaks.lines).into_iter().zip(rows);
    let mut unsorted: Vec<Option<Broken>> = lines.map(Some).collect();
    let mut broken: Vec<Broken> = order.iter().filter_map(|at| unsorted[*at].take()).collect();
    let found = causes::explain(
        &mut broken,
        &full,
        &chosen,
        context.settings,
        context.business_date,
        context.fee_due,
    )?;
    breaks.causes = found.list;
    breaks.lines = broken.into_iter().map(|(line, _)| line).collect();
    breaks.open_breaks = breaks
        .lines
        .iter()
        .map(|line| OpenBreak {
            break_id: line.break_id.clone(),
            leg: line.leg.clone(),
            class: line.class.to_owned(),
            first_seen: line.first_seen,
        })
        .collect();
    breaks.open_breaks.sort();
    breaks.open_breaks.dedup_by(|a, b| a.break_id == b.break_id);
    Ok(breaks)
}

/// Order of breaks.csv (R31). What its key leaves open, such as the lines of an ID_CONFLICT, is settled by content:
/// never by the order in which rows arrived (R32).
fn in_order(a: &BreakLine, b: &BreakLine) -> std::cmp::Ordering {
    let key = |line: &BreakLine| {
        (
            line.platform_minor,
            line.bank_minor,
            line.currency,
            line.first_seen,
        )
    };
    (
        &a.leg,
        a.class,
        &a.bank_ref,
        &a.txn_id,
        &a.entry_id,
        &a.account,
        &a.merchant_id,
    )
        .cmp(&(
            &b.leg,
            b.class,
            &b.bank_ref,
            &b.txn_id,
            &b.entry_id,
            &b.account,
            &b.merchant_id,
        ))
        .then_with(|| key(a).cmp(&key(b)))
}

fn full_rows(
    pool: &Pool,
    names: &BTreeSet<RowName>,
    context: &BreakContext<'_>,
) -> Result<BTreeMap<RowName, Full>, Stop> {
    let origins: Vec<Origin> = names
        .iter()
        .map(|(block, ordinal)| pool.origin(*block, *ordinal))
        .collect();
    let rows = (context.fetch)(&origins)?;
    let mut full = BTreeMap::new();
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
        full.insert(
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
    settings
        .legs
        .iter()
        .find(|known| known.name == leg)
        .map(|known| known.kind)
}

/// The reference that a leg shows as bank_ref (R13, R26).
pub fn reference(row: &OpenRow, leg: &str, settings: &Settings) -> String {
    match leg_kind(settings, leg) {
        Some(LegKind::PlatformChannel) => row.channel_ref.clone(),
        _ => row.bank_ref.clone(),
    }
}

fn line(
    rows: &OpenBreakRows,
    left: Option<&Full>,
    right: Option<&Full>,
    context: &BreakContext<'_>,
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
    let id = break_id(
        &rows.leg,
        bank_ref.as_bytes(),
        txn_id.as_bytes(),
        account.as_bytes(),
        entry_id.as_bytes(),
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
        break_id: id,
        first_seen,
        age_days,
        age_business_days,
        overdue: i64::from(age_days) > i64::from(settings.policy.max_age_days),
        platform_file: left.map_or(String::new(), |full| full.file.clone()),
        platform_line: left.map_or(0, |full| full.line),
        bank_file: right.map_or(String::new(), |full| full.file.clone()),
        bank_line: right.map_or(0, |full| full.line),
        cause: None,
        candidates: match leg_kind(settings, &rows.leg) {
            Some(LegKind::PlatformBank) => context.candidates.of(rows.left, rows.right),
            _ => String::new(),
        },
    })
}

fn undebited_line(payout: &IssuedPayout, context: &BreakContext<'_>) -> Result<BreakLine, Stop> {
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
        break_id: break_id(PAYOUT_LEG, payout.payout_id.as_bytes(), b"", b"", b""),
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
/// published order is the one that an entry names. The lines stand in the order of `open` still.
fn carry(
    open: &[OpenBreakRows],
    full: &BTreeMap<RowName, Full>,
    context: &BreakContext<'_>,
    breaks: &mut Breaks,
) {
    let settings = context.settings;
    let mut seen: BTreeMap<(&str, RowName), usize> = BTreeMap::new();
    let mut published: Vec<usize> = (0..open.len()).collect();
    published.sort_by(|a, b| in_order(&breaks.lines[*a], &breaks.lines[*b]));
    for index in published {
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
                row: found.row.clone(),
            });
            if let Some(mut entry) = open_entry(rows, found, side, kind, context) {
                entry.break_id.clone_from(&breaks.lines[index].break_id);
                breaks.open_entries.push(entry);
            }
        }
    }
    breaks.open_items.sort_by(|a, b| {
        (
            &a.leg,
            a.side,
            &a.row.id,
            &a.row.account,
            a.first_seen,
            &a.row,
            &a.file,
            a.line,
        )
            .cmp(&(
                &b.leg,
                b.side,
                &b.row.id,
                &b.row.account,
                b.first_seen,
                &b.row,
                &b.file,
                b.line,
            ))
    });
    breaks.open_entries.sort_by(|a, b| {
        (
            &a.leg,
            a.at_bank,
            &a.pool,
            a.currency,
            a.account,
            &a.id,
            &a.reference,
            a.amount_minor,
        )
            .cmp(&(
                &b.leg,
                b.at_bank,
                &b.pool,
                b.currency,
                b.account,
                &b.id,
                &b.reference,
                b.amount_minor,
            ))
    });
}

/// Rows on legs that end at the bank, and wallet rows that were not posted, are not all in A and B: only the
/// platform↔bank and payout↔bank legs are (R1, R13).
fn open_entry(
    rows: &OpenBreakRows,
    found: &Full,
    side: OpenSide,
    kind: Option<LegKind>,
    context: &BreakContext<'_>,
) -> Option<OpenEntry> {
    let settings = context.settings;
    let at_bank = side == OpenSide::Bank;
    let on_bank_leg = kind == Some(LegKind::PlatformBank) || rows.leg == PAYOUT_LEG;
    if !on_bank_leg || side == OpenSide::Channel {
        return None;
    }
    let row = &found.row;
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

/// The pool of obligees that name none (R28).
pub const DEFAULT_POOL: &str = "default";
