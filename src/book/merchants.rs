//! The merchant master (SPEC §4.3): terms by merchant, sorted by id.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::book::settings::Cycle;
use crate::terms::currency::Currency;

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

/// Finds a merchant by id: every platform row asks. Ids of up to 16 bytes, which nearly all are, lie in the table
/// itself, so that a look-up touches one place in memory; longer ones are compared in the master.
#[derive(Clone, Debug, Default)]
struct IdTable {
    slots: Vec<Slot>,
    long: FxHashMap<Box<[u8]>, u32>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    id: u128,
    /// Length of the id; 0 for a free slot.
    len: u32,
    code: u32,
}

const FREE: Slot = Slot {
    id: 0,
    len: 0,
    code: 0,
};

impl IdTable {
    fn new(terms: &[MerchantTerms]) -> IdTable {
        let slots = (terms.len() * 2).next_power_of_two().max(16);
        let mut table = IdTable {
            slots: vec![FREE; slots],
            long: FxHashMap::default(),
        };
        for (terms, code) in terms.iter().zip(0u32..) {
            let id = terms.id.as_bytes();
            if id.len() > 16 {
                table.long.insert(id.into(), code);
                continue;
            }
            let packed = pack(id);
            let mut slot = table.first_slot(packed);
            while table.slots[slot].len != 0 {
                slot = (slot + 1) & (slots - 1);
            }
            table.slots[slot] = Slot {
                id: packed,
                len: id.len() as u32,
                code,
            };
        }
        table
    }

    #[inline]
    fn first_slot(&self, packed: u128) -> usize {
        // Multiplicative hashing: the high bits of the product depend on all bits of the id.
        let folded = (packed as u64) ^ ((packed >> 64) as u64).rotate_left(32);
        let mixed = folded.wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 32) as usize & (self.slots.len() - 1)
    }

    #[inline]
    fn get(&self, id: &[u8]) -> MerchantCode {
        if id.len() > 16 {
            return self
                .long
                .get(id)
                .map_or(MerchantCode::NONE, |code| MerchantCode(*code));
        }
        if id.is_empty() || self.slots.is_empty() {
            return MerchantCode::NONE;
        }
        let packed = pack(id);
        let mut slot = self.first_slot(packed);
        loop {
            let Slot { id: known, len, code } = self.slots[slot];
            if len == 0 {
                return MerchantCode::NONE;
            }
            if known == packed && len as usize == id.len() {
                return MerchantCode(code);
            }
            slot = (slot + 1) & (self.slots.len() - 1);
        }
    }
}

#[inline]
fn pack(id: &[u8]) -> u128 {
    let mut bytes = [0u8; 16];
    bytes[..id.len()].copy_from_slice(id);
    u128::from_le_bytes(bytes)
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
        let index = IdTable::new(&terms);
        Merchants {
            terms: Arc::new(terms),
            sha256,
            index: Arc::new(index),
        }
    }

    /// The code of an id, or [`MerchantCode::NONE`].
    pub fn code(&self, id: &[u8]) -> MerchantCode {
        self.index.get(id)
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
