//! Conditions of a profile bound to columns, and the few texts that decide them nearly always.

use std::cell::RefCell;

use super::super::cut::Row;
use super::columns::Columns;
use crate::ingest::formats::profile::{Condition, Test};
use crate::terms::short_text::{ShortText, same};

/// A condition bound to the columns of a file.
pub struct BoundCondition<'p> {
    pub columns: Vec<usize>,
    others: Vec<usize>,
    pub(super) condition: &'p Condition,
    /// The texts, where all are short.
    short: Vec<ShortText>,
    /// Cells that were judged.
    pub judged: RefCell<Judged<bool>>,
}

impl<'p> BoundCondition<'p> {
    /// Binds conditions; a column that the header lacks is noted as missing unless it may be, and then empty.
    pub fn all(
        conditions: &'p [Condition],
        columns: &mut Columns,
        optional: bool,
    ) -> Vec<BoundCondition<'p>> {
        let bind = |condition: &'p Condition| BoundCondition {
            columns: columns.any(&condition.columns, optional),
            others: match condition.test {
                Test::EqualsColumn | Test::DiffersFromColumn => columns.any(&condition.texts, optional),
                Test::Is | Test::IsNot | Test::StartsWith => Vec::new(),
            },
            condition,
            short: match condition.test {
                Test::Is | Test::IsNot => {
                    let texts = condition.texts.iter().map(|text| ShortText::of(text.as_bytes()));
                    texts.collect::<Option<_>>().unwrap_or_default()
                }
                Test::StartsWith | Test::EqualsColumn | Test::DiffersFromColumn => Vec::new(),
            },
            judged: RefCell::default(),
        };
        conditions.iter().map(bind).collect()
    }

    /// Whether it holds for every row, or for none: its column is not there, so that its text is always empty.
    pub(super) fn always(&self) -> Option<bool> {
        let texts = &self.condition.texts;
        match self.condition.test {
            _ if !self.columns.is_empty() => None,
            Test::Is => Some(texts.iter().any(String::is_empty)),
            Test::IsNot => Some(!texts.iter().any(String::is_empty)),
            Test::StartsWith | Test::EqualsColumn | Test::DiffersFromColumn => None,
        }
    }

    /// The column that is tested.
    pub fn column(&self) -> Option<usize> {
        self.columns.first().copied()
    }

    /// True when the row passes.
    #[inline]
    pub fn holds(&self, row: &Row<'_>) -> bool {
        let other = || self.others.first().map_or(&b""[..], |at| row.bytes(*at));
        self.holds_of(self.columns.first().map_or(&b""[..], |at| row.bytes(*at)), other)
    }

    /// True when one cell decides.
    pub fn is_of_one_cell(&self) -> bool {
        !matches!(self.condition.test, Test::EqualsColumn | Test::DiffersFromColumn)
    }

    /// True when a row passes with this text, where another column counts with `other`.
    #[inline]
    pub fn holds_of<'t>(&self, text: &[u8], other: impl FnOnce() -> &'t [u8]) -> bool {
        if !self.short.is_empty() {
            let is = ShortText::of(text).is_some_and(|text| {
                let mut is = false;
                for known in &self.short {
                    is |= *known == text;
                }
                is
            });
            return is == (self.condition.test == Test::Is);
        }
        let texts = &self.condition.texts;
        match self.condition.test {
            Test::Is => texts.iter().any(|known| same(known.as_bytes(), text)),
            Test::IsNot => !texts.iter().any(|known| same(known.as_bytes(), text)),
            Test::StartsWith => texts.iter().any(|known| text.starts_with(known.as_bytes())),
            Test::EqualsColumn => same(text, other()),
            Test::DiffersFromColumn => !same(text, other()),
        }
    }
}

/// True when a row passes all conditions.
#[inline]
pub fn all_hold(conditions: &[BoundCondition<'_>], row: &Row<'_>) -> bool {
    for condition in conditions {
        if !condition.holds(row) {
            return false;
        }
    }
    true
}

/// Texts that were judged, with what they were found to be, such as the number of a word: files repeat few of them.
pub struct Judged<T> {
    known: [Option<(ShortText, T)>; JUDGED],
    /// Where the next is put.
    next: usize,
}

pub(super) const JUDGED: usize = 4;

impl<T: Copy> Default for Judged<T> {
    fn default() -> Judged<T> {
        Judged {
            known: [None; JUDGED],
            next: 0,
        }
    }
}

impl<T: Copy> Judged<T> {
    #[inline(always)]
    pub fn of(&self, text: ShortText) -> Option<T> {
        for judged in &self.known {
            match judged {
                Some((known, found)) if *known == text => return Some(*found),
                Some(_) => {}
                None => return None,
            }
        }
        None
    }

    #[cold]
    pub fn keep(&mut self, text: ShortText, found: T) {
        self.known[self.next] = Some((text, found));
        self.next = (self.next + 1) % JUDGED;
    }
}
