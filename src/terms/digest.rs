//! Digests and the stable identifiers made from them (R12, R30), and the partition hash (R31, R42).

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use crate::terms::date::Date;

/// The hash that partitions keys: XXH3-64, seed 0, over the key's bytes. It never changes between
/// versions or machines; it decides where rows meet, never whether they are equal.
pub fn key_hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = String::with_capacity(bytes.len() * 2);
    for byte in bytes {
        text.push(char::from(DIGITS[usize::from(byte >> 4)]));
        text.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    text
}

/// SHA-256 of some bytes, as lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// First 16 bytes of SHA-256 over `tag` and the parts, each followed by a line feed, as lower-case hex.
fn tagged_id(tag: &str, parts: &[&[u8]]) -> String {
    let mut text = Vec::with_capacity(128);
    for part in std::iter::once(&tag.as_bytes()).chain(parts) {
        text.extend_from_slice(part);
        text.push(b'\n');
    }
    hex(&Sha256::digest(&text)[..16])
}

/// The id of a payout (R12): the same merchant, currency, issuing day and sequence always give the same id.
pub fn payout_id(
    institution: &str,
    merchant_id: &str,
    currency: &str,
    issued: Date,
    sequence: u32,
) -> String {
    tagged_id(
        "tieout/payout/v1",
        &[
            institution.as_bytes(),
            merchant_id.as_bytes(),
            currency.as_bytes(),
            issued.to_string().as_bytes(),
            sequence.to_string().as_bytes(),
        ],
    )
}

/// The id of a break (R30), made of what broke and not of its class.
pub fn break_id(leg: &str, reference: &[u8], txn_id: &[u8], account: &[u8], entry_id: &[u8]) -> String {
    tagged_id(
        "tieout/break/v1",
        &[leg.as_bytes(), reference, txn_id, account, entry_id],
    )
}

/// The id of a journal entry (R43): the same day, obligee, currency and kind always give the same id.
pub fn entry_id(business_date: Date, obligee_id: &str, currency: &str, kind: &str) -> String {
    tagged_id(
        "tieout/entry/v1",
        &[
            business_date.to_string().as_bytes(),
            obligee_id.as_bytes(),
            currency.as_bytes(),
            kind.as_bytes(),
        ],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_stable() {
        // printf 'tieout/payout/v1\nEXPAY\nM1\nCNY\n2026-11-20\n1\n' | sha256sum | cut -c1-32
        let day = Date::from_ymd(2026, 11, 20).unwrap();
        assert_eq!(
            payout_id("EXPAY", "M1", "CNY", day, 1),
            "6d1fe5b65ad8a6882c5df9dbb008cfbb"
        );
        assert_eq!(key_hash(b""), 0x2d06_8005_38d3_94c2);
    }
}
