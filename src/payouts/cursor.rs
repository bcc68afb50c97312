//! Walks a sorted table of the state in step with the others, by merchant and currency.

use crate::book::merchants::{MerchantCode, Merchants};
use crate::terms::currency::Currency;

/// A merchant and currency: what a payout line is about. Codes are in byte order of the ids.
pub type Key = (MerchantCode, Currency);

/// A sorted table and a place in it.
#[derive(Debug)]
pub struct Cursor<'a, T> {
    rows: &'a [T],
    keys: Vec<Key>,
    at: usize,
}

impl<'a, T> Cursor<'a, T> {
    /// Starts at the first row of a table sorted by (merchant_id, currency). Merchants that the master does not
    /// have are told to `unknown` and left out of the walk by the caller's refusal of the day.
    pub fn new(
        rows: &'a [T],
        merchants: &Merchants,
        key: fn(&T) -> (&str, Currency),
        mut unknown: impl FnMut(&str, Currency),
    ) -> Cursor<'a, T> {
        assert!(
            rows.is_sorted_by_key(key),
            "a table of the state is sorted by merchant and currency"
        );
        let keys = rows
            .iter()
            .map(|row| {
                let (id, currency) = key(row);
                let code = merchants.code(id.as_bytes());
                if code == MerchantCode::NONE {
                    unknown(id, currency);
                }
                (code, currency)
            })
            .collect();
        Cursor { rows, keys, at: 0 }
    }

    /// Key of the next row.
    pub fn peek(&self) -> Option<Key> {
        self.keys.get(self.at).copied()
    }

    /// The rows of this key, which is the next one or comes before it.
    pub fn take(&mut self, key: Key) -> &'a [T] {
        let start = self.at;
        while self.keys.get(self.at) == Some(&key) {
            self.at += 1;
        }
        &self.rows[start..self.at]
    }
}
