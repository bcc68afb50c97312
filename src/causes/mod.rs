//! Stage 8: the smallest conditions that explain the breaks of a day: a million breaks, a dozen causes.
//!
//! In: [`Columns`], the breaks of a close as small codes, and for each leg a sample of all its rows, broken or not. Out:
//! [`Cause`]s, each with what went wrong (`fee rate 0.60% instead of 0.54%`), where (`channel WECHAT`, `from 14:00`), how many
//! breaks it covers and how much money. Nothing here changes a figure: a cause is a remark on breaks.csv.
//!
//! How: breaks of one leg and class form a group. In a group the description that saves most is taken, what it covers is set
//! aside, and the rest is looked at again, until nothing saves enough (a greedy cover). What a description saves is counted in
//! bits, as integers of 1/256 bit ([`bits`]): k breaks that share a condition which only one row in 2^b of the day fulfils save
//! k × b bits; naming the condition costs some, and so do the breaks of the group it leaves out ([`cover`]). So a channel
//! with half of all rows explains nothing by having half of the breaks, and the sample is what tells the two apart.
//!
//! A family of conditions is a small module: values of a column ([`scopes`]), stretches of time, ids or lines
//! ([`stretch`]), and how the two sides differ ([`signatures`], with [`rates`] for what is proportional).
//!
//! **Order (R32).** Breaks come in the order of breaks.csv and ties are settled by content, so the causes follow from the rows
//! alone. Families that name files and lines are asked last, for breaks that nothing else explains: they can add causes and
//! change none.
//!
//! Deliberately absent: chance. Where breaks are too many to weigh each, every n-th in published order is weighed.

mod bits;
mod columns;
mod cover;
mod rates;
mod scopes;
mod signatures;
mod stretch;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use crate::terms::currency::Currency;

pub use columns::{Attribute, Columns, Row, Sample, Side};
pub use cover::find;

/// Fewest breaks that make a cause.
pub const COUNT_MIN: usize = 3;

/// What explains some breaks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cause {
    /// 1-based; stands in column `cause` of breaks.csv unless the cause names lines.
    pub number: u32,
    /// Leg.
    pub leg: String,
    /// Class of all its breaks.
    pub class: &'static str,
    /// What went wrong.
    pub what: What,
    /// Where, the most telling condition first.
    pub places: Vec<Where>,
    /// What all its breaks share without its being needed to tell them apart: channel, account, merchant.
    pub shared: Vec<(Attribute, String)>,
    /// Breaks.
    pub count: u64,
    /// By currency, minor units: the difference where both sides have an amount and it is the amount or the fee that
    /// differs, else the larger side.
    pub sums_minor: BTreeMap<Currency, i128>,
    /// The lines of one file that its rows fill, where they do.
    pub lines: Option<Lines>,
    /// Bits that this description saves.
    pub saved_bits: u64,
}

impl Cause {
    /// True when it is known by lines of a file alone, so that another split of files would not show it (R32).
    pub fn is_known_by_lines(&self) -> bool {
        self.places.iter().any(|place| matches!(place, Where::Lines))
    }
}

/// Lines of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lines {
    /// File below `inbox/DATE/`.
    pub file: String,
    /// First line, 1-based.
    pub first: u64,
    /// Last line.
    pub last: u64,
}

/// What went wrong, beside the class.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum What {
    /// Nothing more is known.
    Class,
    /// Other side less platform, minor units: always the same.
    Difference(i64),
    /// The amount differs by a rate of the platform's amount, signed ppm: −6000 is 0.60% lower.
    Proportion(i64),
    /// Charged rate and, where one rate gives them, the contracted one; ppm.
    FeeRate {
        /// What the channel charged.
        charged_ppm: i64,
        /// What was agreed.
        agreed_ppm: Option<i64>,
    },
    /// Charged less contracted fee, minor units: always the same.
    FeeDifference(i64),
    /// The other side's clock is so many seconds ahead.
    Clock(i64),
    /// Value date less business date, days.
    ValueDate(i32),
    /// Amounts stand crosswise: each row has the amount that another's counterpart has.
    Exchanged,
    /// More rows than there should be, in one go.
    Twice,
    /// C where D was due, or D where C was.
    Turned,
    /// The platform's currency, the other side's.
    Currencies(String, String),
    /// The platform's status, for which money moved.
    Status(String),
}

/// A condition on where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where {
    /// A column has this value.
    Value(Attribute, String),
    /// Hours of the business day, 0 to 24, counted from its cut-off; the flags say that nothing lies before or after.
    Hours {
        /// First hour.
        from: u8,
        /// The hour after the last.
        to: u8,
        /// No row of the leg is later.
        is_to_the_end: bool,
        /// No row of the leg is earlier.
        is_from_the_start: bool,
    },
    /// From one moment to another, local seconds since 1970.
    Times {
        /// First.
        from: i64,
        /// Last.
        to: i64,
    },
    /// From one id to another, in byte order.
    Ids {
        /// First.
        from: String,
        /// Last.
        to: String,
    },
    /// The lines of [`Cause::lines`].
    Lines,
    /// Nine rows in ten of the leg, or more.
    Everything,
}

/// What [`find`] found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// Those that the order of rows and files cannot change come first; each kind by number of breaks.
    pub list: Vec<Cause>,
    /// For each break the number of its cause; 0 where none is known.
    pub numbers: Vec<u32>,
}
