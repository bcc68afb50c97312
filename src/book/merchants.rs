//! The merchant master (SPEC §4.3): terms by merchant, sorted by id.

use std::sync::Arc;

use crate::book::settings::Cycle;
use crate::terms::currency::Currency;
use crate::terms::id_table::IdTable;

mod read;

pub use read::{MasterKind, read_merchants};

/// A merchant's place in [`Merchants`], valid within one close.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct MerchantCode(pub u32);

impl MerchantCode {
    /// Stands for "no merchant" or one that the master does not know.
    pub const NONE: MerchantCode = MerchantCode(u32::MAX);
}

/// Where a merchant's fee comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FeeTerms {
    /// The three fee columns of the master: applies to PAYMENT rows, kept on refund.
    Columns {
        /// Basis points.
        fee_bps: u32,
        /// Least fee, minor units.
        min_minor: i64,
        /// Greatest fee, minor units.
        max_minor: Option<i64>,
    },
    /// A fee plan by name, which replaces all three columns (R16).
    Plan(String),
}

/// Whether a merchant may be paid.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum MerchantStatus {
    /// Paid.
    Active,
    /// Carried: reason HELD.
    Held,
    /// Carried: reason CLOSED.
    Closed,
}

/// A merchant's terms.
#[derive(Clone, Debug)]
pub struct MerchantTerms {
    /// Id.
    pub id: String,
    /// Display name; empty where none is given.
    pub name: String,
    /// Fee.
    pub fee: FeeTerms,
    /// Share of the gross held back, basis points.
    pub hold_bps: u32,
    /// Calendar days until a hold is released (R11), ≥ 1.
    pub hold_days: u32,
    /// When nets fall due: `cycle`, else `T+settlement_cycle_days`, else the default (R8).
    pub cycle: Cycle,
    /// Least payout, minor units of `currency` or the base currency (R15).
    pub min_payout_minor: Option<i64>,
    /// Settlement currency, if given.
    pub currency: Option<Currency>,
    /// Account to pay to; empty where none.
    pub payout_account: String,
    /// Bank to pay to: BIC or CNAPS code; empty where none.
    pub payout_bank: String,
    /// Name of the account holder; empty where none.
    pub payout_name: String,
    /// Participant the merchant settles through; empty is the house.
    pub participant_id: String,
    /// Reserve pool.
    pub pool: String,
    /// Status.
    pub status: MerchantStatus,
    /// Calendar id, if not the institution's.
    pub calendar: Option<String>,
}

/// All merchants, sorted by id in byte order.
#[derive(Clone, Debug, Default)]
pub struct Merchants {
    /// Terms by [`MerchantCode`].
    pub terms: Arc<Vec<MerchantTerms>>,
    /// SHA-256 (hex) of the master as read; empty when the book has none.
    pub sha256: String,
    index: Arc<IdTable>,
}

impl Merchants {
    /// Takes terms that are sorted by id and unique.
    pub fn new(terms: Vec<MerchantTerms>, sha256: String) -> Merchants {
        assert!(
            terms.is_sorted_by(|a, b| a.id < b.id),
            "merchants are sorted by id and unique"
        );
        let mut index = IdTable::with_capacity(terms.len());
        for (terms, code) in terms.iter().zip(0u32..) {
            index.insert(terms.id.as_bytes(), code);
        }
        Merchants {
            terms: Arc::new(terms),
            sha256,
            index: Arc::new(index),
        }
    }

    /// The code of an id, or [`MerchantCode::NONE`].
    #[inline]
    pub fn code(&self, id: &[u8]) -> MerchantCode {
        self.index.get(id).map_or(MerchantCode::NONE, MerchantCode)
    }

    /// Asks the memory for what [`Merchants::code`] will look at.
    #[inline]
    pub fn prefetch(&self, id: &[u8]) {
        self.index.prefetch(id);
    }

    /// The terms of a known merchant.
    pub fn get(&self, code: MerchantCode) -> &MerchantTerms {
        &self.terms[code.0 as usize]
    }

    /// Number of merchants.
    pub fn len(&self) -> usize {
        self.terms.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_is_found_and_no_other() {
        let ids = [
            "A",
            "AB",
            "M00000001",
            "M00000002",
            "an-id-longer-than-16-bytes",
            "sixteen-bytes-id",
        ];
        let terms: Vec<MerchantTerms> = ids
            .iter()
            .map(|id| MerchantTerms {
                id: (*id).to_owned(),
                ..crate::payouts::fixture::merchant("X")
            })
            .collect();
        let merchants = Merchants::new(terms, String::new());
        for (code, id) in (0u32..).zip(ids) {
            assert_eq!(merchants.code(id.as_bytes()), MerchantCode(code), "{id}");
        }
        for other in [
            "",
            "B",
            "A\0",
            "M00000003",
            "sixteen-bytes-iD",
            "an-id-longer-than-16-byteS",
        ] {
            assert_eq!(merchants.code(other.as_bytes()), MerchantCode::NONE, "{other}");
        }
        assert_eq!(Merchants::default().code(b"A"), MerchantCode::NONE);
    }
}
