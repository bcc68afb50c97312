//! How the two sides of a break differ, where many differ alike. A row of [`SIGNATURES`] is a family: the classes it is about,
//! the bits that each alike break saves, how candidates are found, and whether it can be limited in time.

use std::collections::BTreeMap;
use std::fmt::Debug;

use rustc_hash::FxHashMap;

use crate::causes::bits::{bits, lg};
use crate::causes::columns::{Attribute, Columns, NO_DAY, NO_TIME};
use crate::causes::rates;

/// Values of a family offered at a time.
const OFFERED: usize = 3;
/// Clocks differ by half hours; what is less is the time a payment takes.
const HALF_HOUR: i64 = 1800;

/// What went wrong, in codes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Mark {
    /// Nothing beside the class.
    Class,
    /// Other side less platform, minor units.
    Difference(i64),
    /// Signed ppm of the platform's amount.
    Proportion(i64),
    /// Charged rate, ppm.
    FeeRate(i64),
    /// Charged less agreed fee, minor units.
    FeeDifference(i64),
    /// Seconds.
    Clock(i64),
    /// Days.
    ValueDate(i32),
    /// Another row of the leg has the two amounts crosswise.
    Exchanged,
    /// A surplus.
    Twice,
    /// Directions differ.
    Turned,
    /// Codes of the two currencies.
    Currencies(u32, u32),
    /// Code of the platform's status.
    Status(u32),
}

/// A family of marks.
pub struct Signature {
    classes: &'static [&'static str],
    /// Bits that each break with the mark saves.
    pub worth: i64,
    /// True when the mark can begin and end within a day.
    pub has_time: bool,
    candidates: fn(&Columns<'_>, &Extra, &[u32]) -> Vec<Mark>,
}

/// What marks need beside the columns, made once.
#[derive(Debug, Default)]
pub struct Extra {
    /// For each break, whether its amounts stand crosswise to another's.
    pub is_exchanged: Vec<bool>,
}

const AMOUNT: &[&str] = &["AMOUNT_MISMATCH"];
const FEE: &[&str] = &["FEE_MISMATCH"];
const DUPLICATE: &[&str] = &[
    "DUPLICATE_AT_PLATFORM",
    "DUPLICATE_AT_BANK",
    "DUPLICATE_AT_CHANNEL",
];

/// All families, in the order in which they are preferred.
pub const SIGNATURES: [Signature; 11] = [
    Signature {
        classes: AMOUNT,
        worth: bits(10),
        has_time: true,
        candidates: differences,
    },
    Signature {
        classes: AMOUNT,
        worth: bits(8),
        has_time: true,
        candidates: proportions,
    },
    Signature {
        classes: AMOUNT,
        worth: bits(9),
        has_time: true,
        candidates: |_, extra, rows| {
            let any = rows.iter().any(|row| extra.is_exchanged[*row as usize]);
            any.then_some(Mark::Exchanged).into_iter().collect()
        },
    },
    Signature {
        classes: FEE,
        worth: bits(6),
        has_time: true,
        candidates: fee_rates,
    },
    Signature {
        classes: FEE,
        worth: bits(5),
        has_time: true,
        candidates: fee_differences,
    },
    Signature {
        classes: &["VALUE_DATE_MISMATCH"],
        // More than a value date with the hours that such a clock leaves.
        worth: bits(10),
        // The whole clock is wrong, also where nothing came of it.
        has_time: false,
        candidates: clocks,
    },
    Signature {
        classes: &["VALUE_DATE_MISMATCH"],
        worth: bits(3),
        has_time: true,
        candidates: value_dates,
    },
    Signature {
        classes: DUPLICATE,
        worth: bits(3),
        has_time: true,
        candidates: |_, _, _| vec![Mark::Twice],
    },
    Signature {
        classes: &["DIRECTION_MISMATCH"],
        worth: bits(3),
        has_time: true,
        candidates: |_, _, _| vec![Mark::Turned],
    },
    Signature {
        classes: &["CURRENCY_MISMATCH"],
        worth: bits(5),
        has_time: true,
        candidates: |columns, _, rows| {
            let (left, right) = (
                columns.left.codes(Attribute::Currency),
                columns.right.codes(Attribute::Currency),
            );
            let pairs = rows.iter().map(|row| (left[*row as usize], right[*row as usize]));
            most_frequent(pairs)
                .map(|(left, right)| Mark::Currencies(left, right))
                .collect()
        },
    },
    Signature {
        classes: &["STATUS_MISMATCH"],
        worth: bits(3),
        has_time: true,
        candidates: |columns, _, rows| {
            let codes = columns.left.codes(Attribute::Status);
            most_frequent(rows.iter().map(|row| codes[*row as usize]))
                .map(Mark::Status)
                .collect()
        },
    },
];

impl Signature {
    /// The marks of this family worth weighing for breaks of a class.
    pub fn marks(&self, columns: &Columns<'_>, extra: &Extra, class: &str, rows: &[u32]) -> Vec<Mark> {
        if self.classes.contains(&class) {
            (self.candidates)(columns, extra, rows)
        } else {
            Vec::new()
        }
    }
}

impl Mark {
    /// Whether a break has it.
    pub fn holds(self, columns: &Columns<'_>, extra: &Extra, row: usize) -> bool {
        let (left, right) = (&columns.left, &columns.right);
        match self {
            Mark::Class | Mark::Twice | Mark::Turned => true,
            Mark::Difference(minor) => difference(columns, row) == minor,
            Mark::Proportion(ppm) => {
                i128::from(difference(columns, row)) == rates::applied(left.amount_minor[row], ppm)
            }
            Mark::FeeRate(ppm) => {
                i128::from(right.fee_minor[row]) == rates::applied(right.amount_minor[row], ppm)
            }
            Mark::FeeDifference(minor) => fee_difference(columns, row) == Some(minor),
            Mark::Clock(seconds) => clock(columns, row) == Some(seconds),
            Mark::ValueDate(days) => right.value_days[row] == days,
            Mark::Exchanged => extra.is_exchanged[row],
            Mark::Currencies(a, b) => {
                left.codes(Attribute::Currency)[row] == a && right.codes(Attribute::Currency)[row] == b
            }
            Mark::Status(code) => left.codes(Attribute::Status)[row] == code,
        }
    }

    /// What naming it costs.
    pub fn price(self) -> i64 {
        match self {
            Mark::Class => 0,
            Mark::Difference(figure)
            | Mark::Proportion(figure)
            | Mark::FeeRate(figure)
            | Mark::FeeDifference(figure) => bits(4) + lg(figure.unsigned_abs() + 1),
            Mark::Clock(_) => bits(10),
            Mark::ValueDate(days) => bits(4) + lg(u64::from(days.unsigned_abs()) + 1),
            Mark::Exchanged | Mark::Twice | Mark::Turned | Mark::Currencies(..) | Mark::Status(_) => bits(6),
        }
    }
}

/// The column that a class is about already: a condition on it would say nothing.
pub fn column_of(class: &str) -> Option<Attribute> {
    match class {
        "DIRECTION_MISMATCH" => Some(Attribute::Direction),
        "CURRENCY_MISMATCH" => Some(Attribute::Currency),
        _ => None,
    }
}

/// What marks need beside the columns.
pub fn extra(columns: &Columns<'_>) -> Extra {
    let mut crosswise: FxHashMap<(u16, u32, i64, i64), u32> = FxHashMap::default();
    let (left, right) = (&columns.left, &columns.right);
    let amounts = |row: usize| (left.amount_minor[row], right.amount_minor[row]);
    let codes = left.codes(Attribute::Currency);
    let rows: Vec<usize> = (0..columns.class.len())
        .filter(|row| AMOUNT.contains(&columns.class[*row]))
        .collect();
    for row in &rows {
        let (platform, other) = amounts(*row);
        *crosswise
            .entry((columns.leg[*row], codes[*row], platform, other))
            .or_default() += 1;
    }
    let mut is_exchanged = vec![false; columns.class.len()];
    for row in rows {
        let (platform, other) = amounts(row);
        is_exchanged[row] = crosswise.contains_key(&(columns.leg[row], codes[row], other, platform));
    }
    Extra { is_exchanged }
}

/// Other side less platform; the amounts of a row are below 2^63 and above 0, so this cannot overflow.
fn difference(columns: &Columns<'_>, row: usize) -> i64 {
    columns.right.amount_minor[row] - columns.left.amount_minor[row]
}

/// Charged less agreed fee.
pub fn fee_difference(columns: &Columns<'_>, row: usize) -> Option<i64> {
    let due = columns.right.fee_due_minor[row];
    (due >= 0).then(|| columns.right.fee_minor[row] - due)
}

fn clock(columns: &Columns<'_>, row: usize) -> Option<i64> {
    let (left, right) = (columns.left.seconds[row], columns.right.seconds[row]);
    if left == NO_TIME || right == NO_TIME {
        return None;
    }
    let ahead = right.checked_sub(left)?;
    let rounded = ahead.checked_add(HALF_HOUR / 2)?.div_euclid(HALF_HOUR) * HALF_HOUR;
    (rounded != 0).then_some(rounded)
}

fn differences(columns: &Columns<'_>, _: &Extra, rows: &[u32]) -> Vec<Mark> {
    let all = rows.iter().map(|row| difference(columns, *row as usize));
    most_frequent(all.filter(|minor| *minor != 0))
        .map(Mark::Difference)
        .collect()
}

fn proportions(columns: &Columns<'_>, _: &Extra, rows: &[u32]) -> Vec<Mark> {
    let pairs = |sign: i64| {
        let pair = |row: &u32| {
            let figure = difference(columns, *row as usize) * sign;
            (columns.left.amount_minor[*row as usize], figure)
        };
        let pairs: Vec<(i64, i64)> = rows.iter().map(pair).filter(|(_, figure)| *figure > 0).collect();
        rates::common(&pairs)
            .into_iter()
            .map(move |ppm| Mark::Proportion(ppm * sign))
    };
    pairs(-1).chain(pairs(1)).collect()
}

fn fee_rates(columns: &Columns<'_>, _: &Extra, rows: &[u32]) -> Vec<Mark> {
    let right = &columns.right;
    let pairs: Vec<(i64, i64)> = rows
        .iter()
        .map(|row| (right.amount_minor[*row as usize], right.fee_minor[*row as usize]))
        .collect();
    rates::common(&pairs).into_iter().map(Mark::FeeRate).collect()
}

fn fee_differences(columns: &Columns<'_>, _: &Extra, rows: &[u32]) -> Vec<Mark> {
    let all = rows
        .iter()
        .filter_map(|row| fee_difference(columns, *row as usize));
    most_frequent(all).map(Mark::FeeDifference).collect()
}

fn clocks(columns: &Columns<'_>, _: &Extra, rows: &[u32]) -> Vec<Mark> {
    most_frequent(rows.iter().filter_map(|row| clock(columns, *row as usize)))
        .map(Mark::Clock)
        .collect()
}

fn value_dates(columns: &Columns<'_>, _: &Extra, rows: &[u32]) -> Vec<Mark> {
    let all = rows.iter().map(|row| columns.right.value_days[*row as usize]);
    most_frequent(all.filter(|days| *days != NO_DAY))
        .map(Mark::ValueDate)
        .collect()
}

/// The values that occur most often, of one frequency the smallest first.
fn most_frequent<T: Ord + Copy + Debug>(values: impl Iterator<Item = T>) -> impl Iterator<Item = T> {
    let mut counts: BTreeMap<T, u32> = BTreeMap::new();
    for value in values {
        *counts.entry(value).or_default() += 1;
    }
    let mut list: Vec<(u32, T)> = counts.into_iter().map(|(value, count)| (count, value)).collect();
    list.sort_unstable_by_key(|(count, value)| (std::cmp::Reverse(*count), *value));
    list.truncate(OFFERED);
    list.into_iter().map(|(_, value)| value)
}
