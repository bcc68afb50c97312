//! The lines of a journal as columns: a day of many obligees has several lines for each, and every text of them once.

use std::ops::Range;

use crate::terms::currency::Currency;
use crate::terms::digest::{HexId, hex_text};

/// The lines of journal.csv (R43). The lines of one entry balance. A line is named by its number, from 0.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalLines {
    entries: Vec<Entry>,
    /// Ids of all entries, one behind the other.
    ids: String,
    lines: Vec<Line>,
    obligees: Vec<Box<str>>,
    accounts: Vec<Box<str>>,
    kinds: Vec<&'static str>,
}

/// Digits of an id.
const ID_DIGITS: usize = size_of::<HexId>();

/// What the lines of an entry share; texts by their place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) obligee: u32,
    pub(super) kind: u32,
    pub(super) currency: Currency,
}

/// An account's side of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) entry: u32,
    pub(super) account: u32,
    /// A debit is positive, minor units.
    pub(super) amount_minor: i128,
}

impl JournalLines {
    /// Lines in the order of the table, with the ids of their entries and the texts that they name, in byte order.
    pub(super) fn new(
        (entries, ids): (Vec<Entry>, Vec<HexId>),
        lines: Vec<Line>,
        (obligees, accounts, kinds): (&[&str], &[&str], &[&'static str]),
    ) -> JournalLines {
        let is_ascending = |texts: &[&str]| texts.is_sorted_by(|a, b| a < b);
        assert!(
            is_ascending(obligees) && is_ascending(accounts) && is_ascending(kinds),
            "texts stand in byte order, so that their places compare as they do"
        );
        assert_eq!(entries.len(), ids.len(), "every entry has an id");
        let owned = |texts: &[&str]| texts.iter().map(|text| Box::from(*text)).collect();
        JournalLines {
            entries,
            ids: ids.iter().map(hex_text).collect(),
            lines,
            obligees: owned(obligees),
            accounts: owned(accounts),
            kinds: kinds.to_vec(),
        }
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Number of entries; an entry has a number from 0.
    pub fn entries(&self) -> usize {
        self.entries.len()
    }

    /// The entry that a line belongs to.
    pub fn entry(&self, line: usize) -> usize {
        self.lines[line].entry as usize
    }

    /// Id of an entry.
    pub fn id_of(&self, entry: usize) -> &str {
        &self.ids[entry * ID_DIGITS..(entry + 1) * ID_DIGITS]
    }

    /// Id of a line's entry.
    pub fn entry_id(&self, line: usize) -> &str {
        self.id_of(self.entry(line))
    }

    /// Ledger account.
    pub fn ledger_account(&self, line: usize) -> &str {
        &self.accounts[self.lines[line].account as usize]
    }

    /// Merchant or customer; for entries of a bank account the account's id.
    pub fn obligee_id(&self, line: usize) -> &str {
        &self.obligees[self.of(line).obligee as usize]
    }

    /// Currency.
    pub fn currency(&self, line: usize) -> Currency {
        self.of(line).currency
    }

    /// Kind of movement.
    pub fn kind(&self, line: usize) -> &'static str {
        self.kinds[self.of(line).kind as usize]
    }

    /// Minor units, ≥ 0; this or the credit is 0.
    pub fn debit_minor(&self, line: usize) -> i128 {
        self.lines[line].amount_minor.max(0)
    }

    /// Minor units, ≥ 0.
    pub fn credit_minor(&self, line: usize) -> i128 {
        (-self.lines[line].amount_minor).max(0)
    }

    /// Compares as (currency, ledger account, obligee, kind) do.
    pub fn order(&self, line: usize) -> (Currency, u32, u32, u32) {
        let entry = self.of(line);
        (
            entry.currency,
            self.lines[line].account,
            entry.obligee,
            entry.kind,
        )
    }

    /// Lines of one currency and ledger account, which follow each other in the table.
    pub fn by_account(&self) -> impl Iterator<Item = Range<usize>> + '_ {
        let key = |line: &Line| (self.entries[line.entry as usize].currency, line.account);
        let runs = self.lines.chunk_by(move |a, b| key(a) == key(b));
        runs.scan(0, |start, run| {
            let from = *start;
            *start += run.len();
            Some(from..*start)
        })
    }

    /// Debits and credits of some lines, minor units.
    pub fn turnover(&self, lines: Range<usize>) -> [i128; 2] {
        lines.fold([0, 0], |[debit, credit], line| {
            [debit + self.debit_minor(line), credit + self.credit_minor(line)]
        })
    }

    fn of(&self, line: usize) -> &Entry {
        &self.entries[self.entry(line)]
    }

    /// The same lines one by one, as they are read back.
    #[cfg(test)]
    pub fn to_lines(&self) -> Vec<super::JournalLine> {
        let line = |at| super::JournalLine {
            entry_id: self.entry_id(at).into(),
            ledger_account: self.ledger_account(at).into(),
            obligee_id: self.obligee_id(at).into(),
            currency: self.currency(at),
            kind: self.kind(at),
            debit_minor: self.debit_minor(at),
            credit_minor: self.credit_minor(at),
        };
        (0..self.len()).map(line).collect()
    }
}
