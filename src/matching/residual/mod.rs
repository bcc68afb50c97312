//! The passes after the exact one (SPEC §5, R40): what the exact pass left over -> matches, and candidates.
//!
//! In: the rows of a leg's two sides that found no counterpart by their reference, as plain items. Out: matches of
//! one row and one entry, of several rows and one entry, of one row and several entries; and for what stays open, the
//! candidates that a pass saw, or that it did not search. The rule: an answer is taken only where it is the only one in
//! the whole bounded space, or where the choice changes nobody's money ([`PlatformItem::twin`]); nothing is guessed.
//!
//! A pass sees all rows that the one before left over, in the order of references and ids as bytes, so neither the order
//! of rows nor that of files or threads decides anything. Kernels are pure and know nothing of the day.
//!
//! Not done here: which rows are left over, and what a match does to money (the day).

use crate::book::passes::{EntriesSeen, Pass, PassName};
use crate::terms::currency::Currency;
use crate::terms::date::Date;
use crate::terms::kinds::Direction;

pub mod references;
pub mod pairing;
pub mod normalised;
pub mod remark;
pub mod batch;
pub mod amount_date;
pub mod tolerance;
pub mod subset;
pub mod subset_sum;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod oracle_tests;

/// What the exact pass said of a row.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// Nothing has its reference on the other side, and it is the only row of it.
    Alone,
    /// Others have its reference: a duplicate (R5). It belongs to what they belong to.
    Duplicate,
    /// Its whole reference is held (R5): people decide about all of it.
    Held,
    /// One of a pair of one reference whose amounts differ; the number is the pair's. It has its counterpart: only a
    /// tolerance may agree the two.
    OtherAmount(u32),
}

/// A platform row that is left over. All are SUCCESS.
#[derive(Clone, Copy, Debug)]
pub struct PlatformItem<'a> {
    /// txn_id: no two are the same.
    pub id: &'a str,
    /// bank_ref.
    pub reference: &'a str,
    /// order_id.
    pub order_id: &'a str,
    /// channel_ref.
    pub channel_ref: &'a str,
    /// batch_ref.
    pub batch_ref: &'a str,
    /// Currency.
    pub currency: Currency,
    /// Direction at the bank.
    pub direction: Direction,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// What the channel charges for it by its plan, minor units.
    pub channel_fee_minor: i64,
    /// The close that received it.
    pub day: Date,
    /// Whose money it is: a merchant, or a customer. For people; no pass reads it.
    pub payee: &'a str,
    /// Equal for rows that settle to the same money of the same people: settling reads nothing in which they differ.
    pub twin: u32,
    /// True when a row of the same `twin` may stay open in its place without changing anyone's money.
    pub may_wait: bool,
    /// What the exact pass said.
    pub standing: Standing,
}

/// A bank entry that is left over.
#[derive(Clone, Copy, Debug)]
pub struct BankItem<'a> {
    /// entry_id: no two of an account are the same.
    pub id: &'a str,
    /// Index of the account.
    pub account: u32,
    /// bank_ref.
    pub reference: &'a str,
    /// batch_ref.
    pub batch_ref: &'a str,
    /// The bank's text.
    pub remark: &'a str,
    /// Currency.
    pub currency: Currency,
    /// Direction.
    pub direction: Direction,
    /// Minor units, > 0.
    pub amount_minor: i64,
    /// The close that received it.
    pub day: Date,
    /// Value date.
    pub value_date: Date,
    /// True when it names an entry that it undoes: it is no payment of anyone (R14).
    pub undoes_another: bool,
    /// What the exact pass said.
    pub standing: Standing,
    /// True for a row that no pass may take: it may be what a platform row is, so it makes other answers doubtful.
    pub is_for_people: bool,
}

/// Rows and entries that belong together.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Match {
    /// By which pass.
    pub pass: PassName,
    /// Platform rows, by index, in canonical order. More than one only where there is one entry.
    pub platform: Vec<usize>,
    /// Bank entries, by index, in canonical order.
    pub bank: Vec<usize>,
    /// Several answers fitted, and the choice changes nobody's money.
    pub interchangeable: bool,
    /// Bank less platform, credits positive: what own money gains, minor units.
    pub residual_minor: i128,
}

/// A row, on either side, by index.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Row {
    /// Platform row.
    Platform(usize),
    /// Bank entry.
    Bank(usize),
}

/// Why a pass left a row open that it looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Reason {
    /// These answers fit; each is a list of rows of the other side.
    Answers(Vec<Vec<usize>>),
    /// There were more candidates than are looked at, so nothing is matched (R40).
    NotSearched {
        /// Candidates that there were.
        candidates: usize,
        /// Most that are looked at.
        most: usize,
    },
    /// A batch that does not add up, both sides signed as the account sees them, minor units.
    DoesNotAddUp {
        /// Platform rows of the batch.
        rows: usize,
        /// Their sum.
        platform_minor: i128,
        /// Their sum less what the channel charges.
        net_minor: i128,
        /// Entries of the batch.
        entries: usize,
        /// Their sum.
        bank_minor: i128,
    },
}

/// A reason, with the row and the pass.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Note {
    /// The row that stays open.
    pub row: Row,
    /// By which pass.
    pub pass: PassName,
    /// Why.
    pub reason: Reason,
}

/// What a pass found.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Found {
    /// Matches.
    pub matches: Vec<Match>,
    /// Notes about rows that stay open.
    pub notes: Vec<Note>,
}

/// What a pass works on: all items, and which of them are left, in canonical order.
#[derive(Clone, Debug)]
pub struct Left<'a> {
    /// The day being closed.
    pub business_date: Date,
    /// Platform rows.
    pub platform_items: &'a [PlatformItem<'a>],
    /// Bank entries.
    pub bank_items: &'a [BankItem<'a>],
    /// Platform rows that are left, by index.
    pub platform: Vec<usize>,
    /// Bank entries that are left, by index.
    pub bank: Vec<usize>,
}

impl<'a> Left<'a> {
    /// All items, in canonical order: references, then ids, as bytes.
    pub fn new(
        business_date: Date,
        platform_items: &'a [PlatformItem<'a>],
        bank_items: &'a [BankItem<'a>],
    ) -> Left<'a> {
        let mut platform: Vec<usize> = (0..platform_items.len()).collect();
        platform.sort_by_key(|at| (platform_items[*at].reference, platform_items[*at].id));
        let mut bank: Vec<usize> = (0..bank_items.len()).collect();
        bank.sort_by_key(|at| {
            (
                bank_items[*at].reference,
                bank_items[*at].account,
                bank_items[*at].id,
            )
        });
        Left {
            business_date,
            platform_items,
            bank_items,
            platform,
            bank,
        }
    }

    /// Rows that stand alone: what is known of them is all there is.
    fn platform_alone(&self) -> Vec<usize> {
        let alone = |at: &usize| self.platform_items[*at].standing == Standing::Alone;
        self.platform.iter().copied().filter(alone).collect()
    }

    /// Entries whose funds count by the end of the day (R7) and that undo no other (R14).
    fn bank_that_counts(&self) -> Vec<usize> {
        let counts = |at: &usize| {
            let item = &self.bank_items[*at];
            !item.undoes_another && item.value_date <= self.business_date
        };
        self.bank.iter().copied().filter(counts).collect()
    }

    /// Those of them that stand alone, and that a pass looks at.
    fn bank_alone(&self, seen: EntriesSeen) -> Vec<usize> {
        let alone = |at: &usize| {
            let item = &self.bank_items[*at];
            let is_seen = seen == EntriesSeen::All || item.reference.is_empty();
            item.standing == Standing::Alone && is_seen
        };
        self.bank_that_counts().into_iter().filter(alone).collect()
    }

    fn take(&mut self, found: &Found) {
        let mut platform = vec![false; self.platform_items.len()];
        let mut bank = vec![false; self.bank_items.len()];
        for matched in &found.matches {
            matched.platform.iter().for_each(|at| platform[*at] = true);
            matched.bank.iter().for_each(|at| bank[*at] = true);
        }
        self.platform.retain(|at| !platform[*at]);
        self.bank.retain(|at| !bank[*at]);
    }
}

impl PlatformItem<'_> {
    /// As the account sees it: money out is negative.
    pub fn signed_minor(&self) -> i128 {
        signed(self.direction, self.amount_minor)
    }
}

impl BankItem<'_> {
    /// As the account sees it: money out is negative.
    pub fn signed_minor(&self) -> i128 {
        signed(self.direction, self.amount_minor)
    }
}

fn signed(direction: Direction, amount_minor: i64) -> i128 {
    match direction {
        Direction::Credit => i128::from(amount_minor),
        Direction::Debit => -i128::from(amount_minor),
    }
}

/// Runs the passes in order, each on what the one before left.
///
/// The order of the items changes nothing but the indices. Notes are given for rows that are open in the end only,
/// in the order of the passes.
pub fn run(
    passes: &[Pass],
    business_date: Date,
    platform: &[PlatformItem<'_>],
    bank: &[BankItem<'_>],
) -> Found {
    let mut left = Left::new(business_date, platform, bank);
    let mut all = Found::default();
    for pass in passes {
        let found = one(pass, &left);
        left.take(&found);
        all.matches.extend(found.matches);
        all.notes.extend(found.notes);
    }
    let mut open_platform = vec![false; platform.len()];
    left.platform.iter().for_each(|at| open_platform[*at] = true);
    let mut open_bank = vec![false; bank.len()];
    left.bank.iter().for_each(|at| open_bank[*at] = true);
    all.notes.retain(|note| match note.row {
        Row::Platform(at) => open_platform[at],
        Row::Bank(at) => open_bank[at],
    });
    all
}

fn one(pass: &Pass, left: &Left<'_>) -> Found {
    match pass {
        Pass::Normalised {
            references,
            candidates_max,
        } => normalised::find(left, references, *candidates_max),
        Pass::Remark {
            patterns,
            fields,
            references,
            candidates_max,
        } => remark::find(left, patterns, fields, references, *candidates_max),
        Pass::Batch { amounts, .. } => batch::find(left, *amounts),
        Pass::AmountDate {
            days,
            entries,
            candidates_max,
        } => amount_date::find(left, *days, *entries, *candidates_max),
        Pass::Tolerance {
            most_minor,
            currency,
            references,
            candidates_max,
            ..
        } => {
            let most = tolerance::Most {
                minor: *most_minor,
                currency: *currency,
            };
            tolerance::find(left, most, references.as_ref(), *candidates_max)
        }
        Pass::Subset {
            days,
            entries,
            candidates_max,
            members_max,
        } => {
            let most = subset::Most {
                candidates: *candidates_max,
                members: *members_max,
            };
            subset::find(left, *days, *entries, most)
        }
    }
}
