//! What the stages work by, made of the book before they run.
//!
//! In: the book, the date, what was brought forward, the sizes of what was delivered. Out: the terms of the day, where rows go
//! aside, and what reading and settling look up row by row. No file is read here.

use std::collections::BTreeSet;

use crate::book::Book;
use crate::book::settings::{LegKind, OnRefund, Role, Settings};
use crate::day::breaks::DEFAULT_POOL;
use crate::day::clock::bounds;
use crate::day::intake::{ChannelCodes, IntakeContext};
use crate::day::receive::too_many;
use crate::day::run::DayInputs;
use crate::day::settle;
use crate::day::spill::aside::{Spill, expected_rows};
use crate::fees::FeeTable;
use crate::findings::{Finding, Stop, StopCode};
use crate::netting::Participants;
use crate::settling::Context;
use crate::terms::calendar::Calendar;
use crate::terms::currency::Currency;
use crate::terms::date::Date;

/// Pools that a day can number.
const POOLS_MAX: usize = 255;

/// What the book says of the day being closed, whatever is delivered for it.
pub struct DayTerms<'a> {
    /// The institution's calendar.
    pub calendar: &'a Calendar,
    /// E (R9).
    pub execution_date: Date,
    /// Index of the platform↔bank leg.
    pub bank_leg: usize,
    /// Fee terms.
    pub fees: FeeTable,
}

impl<'a> DayTerms<'a> {
    /// The terms of `date`.
    ///
    /// # Errors
    /// 78 when the calendar is not known or does not reach the next business day, when no leg compares platform with bank,
    /// or for fees that cannot be charged.
    pub fn of(book: &'a Book, date: Date) -> Result<DayTerms<'a>, Stop> {
        let calendar = institution_calendar(book)?;
        Ok(DayTerms {
            calendar,
            execution_date: calendar.nth_business_day_after(date, 1)?,
            bank_leg: bank_leg(&book.settings)?,
            fees: FeeTable::new(&book.settings, &book.merchants)?,
        })
    }
}

fn institution_calendar(book: &Book) -> Result<&Calendar, Stop> {
    let id = &book.settings.institution.calendar;
    book.calendars.get(id).ok_or_else(|| {
        Stop::new(
            StopCode::Settings,
            Finding::about(
                "book.toml",
                format!("calendar `{id}` is not known"),
                "add calendars/ID.json",
            ),
        )
    })
}

fn bank_leg(settings: &Settings) -> Result<usize, Stop> {
    let leg = settings
        .legs
        .iter()
        .position(|leg| leg.kind == LegKind::PlatformBank);
    leg.ok_or_else(|| {
        Stop::new(
            StopCode::Settings,
            Finding::about(
                "book.toml",
                "no [[leg]] compares platform with bank",
                "add one: every money row ends at the bank (R41)",
            ),
        )
    })
}

/// Where rows go aside when the day turns out larger than its bound on memory; `None` of a day without a bound.
pub fn spill_for(day: &DayInputs<'_>) -> Option<Spill> {
    let bound = day.memory?;
    let settings = &day.book.settings;
    let files = day.delivery.files.iter();
    let sizes = files.map(|file| {
        let role = settings.sources[file.source].role;
        (
            role == Role::Platform,
            file.seen.bytes,
            file.parquet || !file.is_plain(),
        )
    });
    Some(Spill::new(
        bound.clone(),
        expected_rows(sizes),
        settings.legs.len(),
    ))
}

/// What is the same for every block of rows that is read.
///
/// # Errors
/// 78 when the time zone cannot place the day.
pub fn intake_context<'a>(
    day: &DayInputs<'a>,
    bank_leg: usize,
    spill: Option<&'a Spill>,
) -> Result<IntakeContext<'a>, Stop> {
    let settings = &day.book.settings;
    let bounds = bounds(settings, day.date)?;
    let payouts = day.state.payouts.iter();
    Ok(IntakeContext {
        settings,
        merchants: &day.book.merchants,
        business_date: day.date,
        day: bounds.day,
        window_ends: bounds.window_ends,
        payout_ids: payouts
            .map(|payout| payout.payout_id.clone().into_bytes())
            .collect(),
        fees_return: settings
            .fee_plans
            .values()
            .any(|plan| plan.on_refund == OnRefund::Return),
        channels: ChannelCodes::default(),
        bank_leg,
        ends_at_bank: settings.legs_at_the_bank(),
        batch_leg: settings.first_batch_leg(),
        spill,
    })
}

/// What settling looks up by number: channels, currencies, pools and participants of the day. `channel_names` are those of all
/// rows, by code.
///
/// # Errors
/// 65 for more pools than a day can number.
pub fn settling_context<'a>(
    day: &DayInputs<'a>,
    fees: &'a FeeTable,
    channel_names: &[String],
    currencies: Vec<Currency>,
) -> Result<Context<'a>, Stop> {
    let (settings, merchants) = (&day.book.settings, &day.book.merchants);
    let participants = Participants::new(settings, merchants);
    let channels = settle::channels(day.book, channel_names, &participants);
    let mut pools: BTreeSet<&str> = merchants.terms.iter().map(|terms| terms.pool.as_str()).collect();
    pools.insert(DEFAULT_POOL);
    let pools: Vec<String> = pools.into_iter().map(str::to_owned).collect();
    if pools.len() > POOLS_MAX {
        return Err(too_many(
            "reserve pools",
            POOLS_MAX,
            "check the column `pool` of the merchant master",
        ));
    }
    let place = |pool: &str| pools.iter().position(|name| name == pool).unwrap_or(0) as u8;
    let merchant_pools = if pools.len() == 1 {
        Vec::new()
    } else {
        merchants.terms.iter().map(|terms| place(&terms.pool)).collect()
    };
    let customer_pool = place(DEFAULT_POOL);
    let has_participants = settings
        .channels
        .values()
        .any(|terms| terms.participant.is_some())
        || merchants
            .terms
            .iter()
            .any(|terms| !terms.participant_id.is_empty());
    Ok(Context {
        merchants,
        fees,
        channels,
        currencies,
        accounts: settings.accounts.len(),
        pools,
        merchant_pools,
        customer_pool,
        participants,
        has_participants,
    })
}
