//! Pass `amount-date`: currency, direction and amount are equal, and the dates lie near each other.
//!
//! The dates are the row's business date and the entry's value date; the window is inclusive calendar days on either
//! side (R40). An amount that many share is matched for nobody: the pass takes a pair only where neither has another.
//! References are not compared, since none is common; whether an entry that has one takes part is a setting.

use std::collections::BTreeMap;

use crate::book::passes::{EntriesSeen, PassName};
use crate::matching::residual::pairing::{Candidates, Pairing};
use crate::matching::residual::{Found, Left};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::Direction;

/// Days and places of rows, ascending.
type ByDay = Vec<(Date, usize)>;

/// Matches rows and entries of one amount.
pub fn find(left: &Left<'_>, days: u32, entries: EntriesSeen, candidates_max: usize) -> Found {
    let days = i32::try_from(days).unwrap_or(i32::MAX);
    let (platform, bank) = (left.platform_alone(), left.bank_alone(entries));
    let mut groups: BTreeMap<(Currency, Direction, i64), (ByDay, ByDay)> = BTreeMap::new();
    for (place, at) in platform.iter().enumerate() {
        let item = &left.platform_items[*at];
        let group = groups
            .entry((item.currency, item.direction, item.amount_minor))
            .or_default();
        group.0.push((item.day, place));
    }
    for (place, at) in bank.iter().enumerate() {
        let item = &left.bank_items[*at];
        if let Some(group) = groups.get_mut(&(item.currency, item.direction, item.amount_minor)) {
            group.1.push((item.value_date, place));
        }
    }
    let mut of_platform = vec![Candidates::none(); platform.len()];
    let mut of_bank = vec![Candidates::none(); bank.len()];
    for (rows, entries) in groups.values_mut().filter(|(_, entries)| !entries.is_empty()) {
        rows.sort_unstable();
        entries.sort_unstable();
        for (day, place) in rows.iter() {
            of_platform[*place] = near(entries, *day, days, candidates_max);
        }
        for (value_date, place) in entries.iter() {
            of_bank[*place] = near(rows, *value_date, days, candidates_max);
        }
    }
    Pairing {
        pass: PassName::AmountDate,
        candidates_max,
        platform: &platform,
        bank: &bank,
        of_platform,
        of_bank,
    }
    .settle(left)
}

/// The rows within a window; more than the bound are counted, not listed.
fn near(others: &[(Date, usize)], day: Date, days: i32, candidates_max: usize) -> Candidates {
    let from = others.partition_point(|(other, _)| day.days_since(*other) > days);
    let to = others.partition_point(|(other, _)| other.days_since(day) <= days);
    let within = &others[from..to];
    if within.len() > candidates_max {
        return Candidates::Many(within.len());
    }
    let mut places: Vec<usize> = within.iter().map(|(_, place)| *place).collect();
    places.sort_unstable();
    Candidates::Few(places)
}
