//! Conditions on where: a column has a value, or a row falls into some hours of the day.

use crate::causes::bits::{bits, lg, rarity};
use crate::causes::columns::{ATTRIBUTES, Attribute, Columns, NO_TIME, SideColumns};
use crate::causes::cover::{Gain, View};

/// Columns whose values are conditions, and what naming one costs beside the choice among its values.
const PRICES: [(Attribute, i64); 8] = [
    (Attribute::Channel, bits(5)),
    (Attribute::Account, bits(5)),
    (Attribute::Merchant, bits(6)),
    (Attribute::TxnType, bits(5)),
    (Attribute::Direction, bits(5)),
    (Attribute::Currency, bits(5)),
    (Attribute::Batch, bits(6)),
    (Attribute::FirstSeen, bits(6)),
];
/// Naming a range of hours: 300 of them, and the family.
const HOURS_PRICE: i64 = bits(14);
const HOURS: usize = 24;

/// A condition in codes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Column and value.
    Value(Attribute, u32),
    /// Hours of the business day, the second excluded.
    Hours(u8, u8),
    /// Local seconds, both included.
    Times(i64, i64),
    /// Ids, both included.
    Ids(String, String),
    /// File and lines, both included.
    Lines(u32, u64, u64),
}

impl Place {
    /// Whether a row of a side fulfils it.
    pub fn holds(&self, day_start: i64, rows: &SideColumns<'_>, row: usize) -> bool {
        match self {
            Place::Value(attribute, code) => rows.codes(*attribute)[row] == *code,
            Place::Hours(from, to) => {
                hour(day_start, rows.seconds[row]).is_some_and(|hour| (*from..*to).contains(&hour))
            }
            Place::Times(from, to) => (*from..=*to).contains(&rows.seconds[row]),
            Place::Ids(from, to) => {
                rows.is_there[row] && (from.as_str()..=to.as_str()).contains(&rows.id[row])
            }
            Place::Lines(file, from, to) => {
                rows.file[row] == *file && (*from..=*to).contains(&rows.line[row])
            }
        }
    }

    /// True for conditions that cut one stretch out of the day: a cause has one of them at most.
    pub fn is_stretch(&self) -> bool {
        !matches!(self, Place::Value(..))
    }
}

/// Hour of the business day, 0 to 23.
pub fn hour(day_start: i64, seconds: i64) -> Option<u8> {
    if seconds == NO_TIME {
        return None;
    }
    let since = seconds.checked_sub(day_start)?;
    (0..86_400).contains(&since).then_some((since / 3600) as u8)
}

/// The values of every column that is not in use yet, each as what it would save.
pub fn values(view: &View<'_>, used: &[Place], told: Option<Attribute>, offer: &mut dyn FnMut(Place, Gain)) {
    for (attribute, price) in PRICES {
        let is_used = |place: &Place| matches!(place, Place::Value(known, _) if *known == attribute);
        if told == Some(attribute) || used.iter().any(is_used) {
            continue;
        }
        let words = view.columns.words(attribute).len();
        let broken = count(words, view.rows_of_side().codes(attribute), view.rows);
        let all = count(words, view.sample.rows.codes(attribute), view.sample_rows);
        // A column in which the leg knows one value tells nothing.
        if all.iter().filter(|count| **count > 0).count() < 2 && view.sample.is_whole() {
            continue;
        }
        let price = price + lg(words as u64);
        for (code, count) in broken.iter().enumerate().skip(1).filter(|(_, count)| **count > 0) {
            let gain = Gain {
                count: u64::from(*count),
                values_rarity: view.share(u64::from(all[code])),
                stretch_rarity: None,
                price,
            };
            offer(Place::Value(attribute, code as u32), gain);
        }
    }
}

fn count(words: usize, codes: &[u32], rows: &[u32]) -> Vec<u32> {
    let mut counts = vec![0; words];
    for row in rows {
        counts[codes[*row as usize] as usize] += 1;
    }
    counts
}

/// Every range of hours but the whole day.
pub fn hours(view: &View<'_>, offer: &mut dyn FnMut(Place, Gain)) {
    let by_hour = |rows: &SideColumns<'_>, list: &[u32]| {
        let mut sums = [0u64; HOURS + 1];
        for row in list {
            if let Some(hour) = hour(view.columns.day_start, rows.seconds[*row as usize]) {
                sums[usize::from(hour) + 1] += 1;
            }
        }
        for at in 1..=HOURS {
            sums[at] += sums[at - 1];
        }
        sums
    };
    let broken = by_hour(view.rows_of_side(), view.rows);
    let all = by_hour(&view.sample.rows, view.sample_rows);
    if all[HOURS] == 0 || broken[HOURS] == 0 {
        return;
    }
    for from in 0..HOURS {
        for to in from + 1..=HOURS {
            let count = broken[to] - broken[from];
            let part = all[to] - all[from];
            if count == 0 || part == all[HOURS] {
                continue;
            }
            let gain = Gain {
                count,
                values_rarity: view.values_rarity,
                stretch_rarity: Some(rarity(view.doubted(part), all[HOURS])),
                price: HOURS_PRICE,
            };
            offer(Place::Hours(from as u8, to as u8), gain);
        }
    }
}

/// Whether a leg has rows before and after some hours.
pub fn hours_around(columns: &Columns<'_>, sample: &SideColumns<'_>, from: u8, to: u8) -> (bool, bool) {
    let hours = || {
        sample
            .seconds
            .iter()
            .filter_map(|seconds| hour(columns.day_start, *seconds))
    };
    (hours().any(|hour| hour < from), hours().any(|hour| hour >= to))
}

/// What all of some rows share, of the columns that name who and where.
pub fn shared(columns: &Columns<'_>, rows: &[u32]) -> Vec<(Attribute, String)> {
    let mut shared = Vec::new();
    for attribute in ATTRIBUTES {
        if !matches!(
            attribute,
            Attribute::Channel | Attribute::Account | Attribute::Merchant
        ) {
            continue;
        }
        for side in [&columns.left, &columns.right] {
            let codes = side.codes(attribute);
            let first = rows.first().map_or(0, |row| codes[*row as usize]);
            if first != 0 && rows.iter().all(|row| codes[*row as usize] == first) {
                shared.push((attribute, columns.words(attribute).text(first).to_owned()));
                break;
            }
        }
    }
    shared
}
