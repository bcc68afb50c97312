//! The kinds of faults, as a table: how each is planted among rows that agree, and the breaks that must come of it.

use std::collections::BTreeMap;

use crate::book::settings::{LegKind, Settings};
use crate::day::clock::bounds;
use crate::day::explain::DayRows;
use crate::day::state::OpenRow;
use crate::findings::Stop;
use crate::selftest::Expected;
use crate::selftest::copy::moment;
use crate::terms::date::{Date, Instant};
use crate::terms::kinds::{Funding, Status, TxnType};
use crate::terms::money::{Rounding, divide};

/// A kind of fault.
#[derive(Debug)]
pub struct Kind {
    /// As `--inject` takes it.
    pub name: &'static str,
    /// What is planted.
    pub shows: &'static str,
    /// Plants it; gives the breaks that must come of it, or says why it cannot be planted.
    pub plant: fn(&mut Day<'_>) -> Result<Vec<Expected>, &'static str>,
}

/// All kinds.
pub const KINDS: [Kind; 7] = [
    Kind {
        name: "lost-segment",
        shows: "a stretch of the bank's entries is gone",
        plant: lost_segment,
    },
    Kind {
        name: "duplicate-batch",
        shows: "a stretch of the bank's entries comes again under new ids",
        plant: duplicate_batch,
    },
    Kind {
        name: "amount-off",
        shows: "bank amounts are one minor unit lower",
        plant: amount_off,
    },
    Kind {
        name: "swapped-merchants",
        shows: "payments of two merchants carry each other's reference",
        plant: swapped_merchants,
    },
    Kind {
        name: "shifted-clock",
        shows: "the bank's clock is 8 hours ahead, and its value dates with it",
        plant: shifted_clock,
    },
    Kind {
        name: "fee-rate",
        shows: "a channel charges 0.10% more than agreed from the middle of the day",
        plant: fee_rate,
    },
    Kind {
        name: "refunds-across-days",
        shows: "the bank books the day's refunds on the next day; they must resolve then",
        plant: refunds_across_days,
    },
];

/// Share of the rows that a stretch takes, and its bounds.
const STRETCH_PART: usize = 20;
const STRETCH_MIN: usize = 3;
const STRETCH_MAX: usize = 2_000;
const EIGHT_HOURS_MS: i64 = 8 * 3_600_000;
const DAY_MS: i64 = 86_400_000;
/// What a wrong rate charges on top, ppm.
const RATE_ON_TOP_PPM: i128 = 1_000;

/// The rows of the day, and which of them agree.
#[derive(Debug)]
pub struct Day<'a> {
    /// Platform rows.
    pub platform: Vec<OpenRow>,
    /// Bank entries.
    pub bank: Vec<OpenRow>,
    /// Channel rows.
    pub channel: Vec<OpenRow>,
    /// Bank entries that come a day later.
    pub tomorrow: Vec<OpenRow>,
    /// Platform row and bank entry that agree and share their reference with nothing else, in the order of the bank.
    pairs: Vec<(usize, usize)>,
    settings: &'a Settings,
    date: Date,
    /// First moment of the next business day.
    day_end: Instant,
}

impl<'a> Day<'a> {
    /// The day as it was sealed. `is_broken` tells whether a reference or txn_id has a break already.
    ///
    /// # Errors
    /// 78 for a time zone that cannot place the day.
    pub fn new(
        sealed: &DayRows,
        settings: &'a Settings,
        date: Date,
        is_broken: &dyn Fn(&str, &str) -> bool,
    ) -> Result<Day<'a>, Stop> {
        let mut uses: BTreeMap<&str, [Vec<usize>; 2]> = BTreeMap::new();
        for (side, rows) in [&sealed.platform, &sealed.bank].into_iter().enumerate() {
            for (at, row) in rows
                .iter()
                .enumerate()
                .filter(|(_, row)| !row.bank_ref.is_empty())
            {
                uses.entry(&row.bank_ref).or_default()[side].push(at);
            }
        }
        let mut pairs: Vec<(usize, usize)> = uses
            .iter()
            .filter_map(|(reference, [left, right])| match (&left[..], &right[..]) {
                ([left], [right]) => Some((*reference, *left, *right)),
                _ => None,
            })
            .filter(|(reference, left, right)| {
                let (left, right) = (&sealed.platform[*left], &sealed.bank[*right]);
                left.status == Status::Success
                    && left.funding == Funding::Bank
                    && left.direction.is_some()
                    && left.direction == right.direction
                    && left.currency == right.currency
                    && left.amount_minor == right.amount_minor
                    && right.batch_ref.is_empty()
                    && right.original_ref.is_empty()
                    && right.value_date == Some(date)
                    && !is_broken(reference, &left.id)
            })
            .map(|(_, left, right)| (left, right))
            .collect();
        pairs.sort_unstable_by_key(|(_, right)| *right);
        Ok(Day {
            platform: sealed.platform.clone(),
            bank: sealed.bank.clone(),
            channel: sealed.channel.clone(),
            tomorrow: Vec::new(),
            pairs,
            settings,
            date,
            day_end: bounds(settings, date)?.day.1,
        })
    }

    /// A stretch from the middle of the pairs.
    fn stretch(&self) -> Vec<(usize, usize)> {
        let length = (self.pairs.len() / STRETCH_PART).clamp(STRETCH_MIN, STRETCH_MAX);
        let from = self.pairs.len() / 3;
        self.pairs.iter().copied().skip(from).take(length).collect()
    }

    fn by_txn(&self, class: &'static str, row: usize) -> Expected {
        Expected {
            class,
            column: "txn_id",
            value: self.platform[row].id.clone(),
        }
    }

    /// Takes bank entries away.
    fn without(&mut self, gone: &[(usize, usize)]) -> Vec<OpenRow> {
        let gone: std::collections::BTreeSet<usize> = gone.iter().map(|(_, right)| *right).collect();
        let mut taken = Vec::new();
        let mut kept = Vec::new();
        for (at, row) in std::mem::take(&mut self.bank).into_iter().enumerate() {
            if gone.contains(&at) {
                taken.push(row);
            } else {
                kept.push(row);
            }
        }
        self.bank = kept;
        taken
    }
}

fn lost_segment(day: &mut Day<'_>) -> Result<Vec<Expected>, &'static str> {
    let stretch = day.stretch();
    let expected = stretch
        .iter()
        .map(|(left, _)| day.by_txn("MISSING_AT_BANK", *left))
        .collect();
    day.without(&stretch);
    Ok(expected)
}

fn duplicate_batch(day: &mut Day<'_>) -> Result<Vec<Expected>, &'static str> {
    let mut expected = Vec::new();
    for (_, right) in day.stretch() {
        let entry = &day.bank[right];
        expected.push(Expected {
            class: "DUPLICATE_AT_BANK",
            column: "bank_ref",
            value: entry.bank_ref.clone(),
        });
        let again = OpenRow {
            id: format!("{}-AGAIN", entry.id),
            ..entry.clone()
        };
        day.bank.push(again);
    }
    Ok(expected)
}

fn amount_off(day: &mut Day<'_>) -> Result<Vec<Expected>, &'static str> {
    let mut expected = Vec::new();
    for (left, right) in day.pairs.clone().into_iter().step_by(7) {
        if day.bank[right].amount_minor > 1 {
            day.bank[right].amount_minor -= 1;
            expected.push(day.by_txn("AMOUNT_MISMATCH", left));
        }
    }
    Ok(expected)
}

fn swapped_merchants(day: &mut Day<'_>) -> Result<Vec<Expected>, &'static str> {
    let mut expected = Vec::new();
    let chosen: Vec<usize> = day
        .pairs
        .iter()
        .map(|(left, _)| *left)
        .filter(|left| day.platform[*left].txn_type == Some(TxnType::Payment))
        .step_by(3)
        .collect();
    for pair in chosen.chunks_exact(2) {
        let (one, other) = (&day.platform[pair[0]], &day.platform[pair[1]]);
        // With equal amounts either reference is as good as the other.
        if one.merchant_id == other.merchant_id
            || one.currency != other.currency
            || one.amount_minor == other.amount_minor
        {
            continue;
        }
        let reference = one.bank_ref.clone();
        day.platform[pair[0]].bank_ref = other.bank_ref.clone();
        day.platform[pair[1]].bank_ref = reference;
        expected.extend(pair.iter().map(|left| day.by_txn("AMOUNT_MISMATCH", *left)));
    }
    Ok(expected)
}

fn shifted_clock(day: &mut Day<'_>) -> Result<Vec<Expected>, &'static str> {
    let mut expected = Vec::new();
    for (left, right) in day.pairs.clone() {
        let entry = &mut day.bank[right];
        let Some(Instant(booked)) = Instant::parse_rfc3339(entry.time_text.as_bytes()) else {
            continue;
        };
        let shifted = booked + EIGHT_HOURS_MS;
        entry.time_text = moment(shifted);
        if shifted >= day.day_end.0 {
            entry.value_date = Some(day.date.plus_days(1));
            expected.push(day.by_txn("VALUE_DATE_MISMATCH", left));
        }
    }
    if expected.is_empty() {
        return Err("no entry of the bank has a time within 8 hours of the cut-off");
    }
    Ok(expected)
}

fn fee_rate(day: &mut Day<'_>) -> Result<Vec<Expected>, &'static str> {
    let is_compared = |channel: &str| {
        let has_plan = day
            .settings
            .channels
            .get(channel)
            .is_some_and(|terms| terms.fee_plan.is_some());
        has_plan
            && day
                .settings
                .legs
                .iter()
                .any(|leg| leg.kind == LegKind::PlatformChannel)
    };
    let agreeing: BTreeMap<&str, usize> = day
        .pairs
        .iter()
        .map(|(left, _)| (day.platform[*left].channel_ref.as_str(), *left))
        .filter(|(reference, _)| !reference.is_empty())
        .collect();
    let mut rows: Vec<(usize, usize)> = Vec::new();
    for (at, row) in day.channel.iter().enumerate() {
        let left = agreeing.get(row.id.as_str());
        if let Some(left) = left
            && is_compared(&row.channel)
            && row.txn_type == Some(TxnType::Payment)
            && row.status == Status::Success
            && row.amount_minor == day.platform[*left].amount_minor
            && day.platform[*left].txn_type == Some(TxnType::Payment)
        {
            rows.push((at, *left));
        }
    }
    if rows.is_empty() {
        return Err("no channel of the day has an agreed fee ([channel.NAME] fee_plan) and a leg");
    }
    rows.sort_by_key(|(_, left)| (day.platform[*left].time_ms, *left));
    let mut expected = Vec::new();
    for (at, left) in rows.split_off(rows.len() / 2) {
        let row = &mut day.channel[at];
        let on_top = i128::from(row.amount_minor) * RATE_ON_TOP_PPM;
        let on_top = divide(on_top, 1_000_000, Rounding::HalfUp);
        let on_top = i64::try_from(on_top).map_err(|_| "a fee does not fit 64 bits")?;
        if on_top > 0 {
            row.fee_minor = row.fee_minor.saturating_add(on_top);
            expected.push(day.by_txn("FEE_MISMATCH", left));
        }
    }
    Ok(expected)
}

fn refunds_across_days(day: &mut Day<'_>) -> Result<Vec<Expected>, &'static str> {
    let refunds: Vec<(usize, usize)> = day
        .pairs
        .iter()
        .copied()
        .filter(|(left, _)| day.platform[*left].txn_type == Some(TxnType::Refund))
        .collect();
    if refunds.is_empty() {
        return Err("the day has no refund that agrees");
    }
    let expected = refunds
        .iter()
        .map(|(left, _)| day.by_txn("MISSING_AT_BANK", *left))
        .collect();
    let next = day.date.plus_days(1);
    let mut late = day.without(&refunds);
    for entry in &mut late {
        entry.value_date = Some(next);
        entry.time_text = match Instant::parse_rfc3339(entry.time_text.as_bytes()) {
            Some(Instant(booked)) => moment(booked + DAY_MS),
            None => next.to_string(),
        };
    }
    day.tomorrow = late;
    Ok(expected)
}
