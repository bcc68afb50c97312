//! Digests and the stable identifiers made from them (R12, R30), and the partition hash (R31, R42).

use sha2::{Digest, Sha256};
use xxhash_rust::xxh3::xxh3_64;

use crate::terms::date::Date;

/// The hash that partitions keys: XXH3-64, seed 0, over the key's bytes. It never changes between
/// versions or machines; it decides where rows meet, never whether they are equal.
pub fn key_hash(key: &[u8]) -> u64 {
    xxh3_64(key)
}

/// The two digits of a byte.
fn digits(byte: u8) -> [u8; 2] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]
}

/// Lower-case hex.
pub fn hex(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len() * 2);
    text.extend(bytes.iter().flat_map(|byte| digits(*byte)).map(char::from));
    text
}

/// SHA-256 of some bytes, as lower-case hex.
pub fn sha256_hex(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

/// 16 bytes as 32 digits of lower-case hex.
pub type HexId = [u8; 32];

/// An id as text.
pub fn hex_text(id: &HexId) -> &str {
    // Hex is ASCII.
    std::str::from_utf8(id).unwrap_or_default()
}

/// Makes ids of one sort: the first 16 bytes of SHA-256 over a tag and some parts, each followed by a line feed.
#[derive(Clone, Debug)]
pub struct TaggedIds {
    text: Vec<u8>,
    /// The tag and the parts that all ids share.
    shared: usize,
}

impl TaggedIds {
    fn new(tag: &str, shared: &[&[u8]]) -> TaggedIds {
        let mut ids = TaggedIds {
            text: Vec::with_capacity(256),
            shared: 0,
        };
        ids.add(std::iter::once(tag.as_bytes()).chain(shared.iter().copied()));
        ids.shared = ids.text.len();
        ids
    }

    fn add<'a>(&mut self, parts: impl Iterator<Item = &'a [u8]>) {
        for part in parts {
            self.text.extend_from_slice(part);
            self.text.push(b'\n');
        }
    }

    fn id(&mut self, parts: &[&[u8]]) -> HexId {
        self.text.truncate(self.shared);
        self.add(parts.iter().copied());
        let digest = Sha256::digest(&self.text);
        let mut id = [0; 32];
        for (pair, byte) in id.as_chunks_mut().0.iter_mut().zip(&digest[..16]) {
            *pair = digits(*byte);
        }
        id
    }
}

/// Ids of the payouts of an institution (R12): the same merchant, currency, issuing day and sequence always give the same id.
#[derive(Clone, Debug)]
pub struct PayoutIds(TaggedIds);

impl PayoutIds {
    /// Those of an institution.
    pub fn new(institution: &str) -> PayoutIds {
        PayoutIds(TaggedIds::new("tieout/payout/v1", &[institution.as_bytes()]))
    }

    /// The id of a payout.
    pub fn id(&mut self, merchant_id: &str, currency: &str, issued: Date, sequence: u32) -> HexId {
        let mut day = Vec::with_capacity(10);
        issued.push(&mut day);
        self.0.id(&[
            merchant_id.as_bytes(),
            currency.as_bytes(),
            &day,
            itoa::Buffer::new().format(sequence).as_bytes(),
        ])
    }
}

/// The id of one payout; see [`PayoutIds`].
pub fn payout_id(
    institution: &str,
    merchant_id: &str,
    currency: &str,
    issued: Date,
    sequence: u32,
) -> String {
    hex_text(&PayoutIds::new(institution).id(merchant_id, currency, issued, sequence)).to_owned()
}

/// Ids of breaks (R30), made of what broke and not of its class.
#[derive(Clone, Debug)]
pub struct BreakIds(TaggedIds);

impl Default for BreakIds {
    fn default() -> BreakIds {
        BreakIds(TaggedIds::new("tieout/break/v1", &[]))
    }
}

impl BreakIds {
    /// The id of a break.
    pub fn id(
        &mut self,
        leg: &str,
        reference: &[u8],
        txn_id: &[u8],
        account: &[u8],
        entry_id: &[u8],
    ) -> HexId {
        self.0.id(&[leg.as_bytes(), reference, txn_id, account, entry_id])
    }
}

/// The id of one break; see [`BreakIds`].
pub fn break_id(leg: &str, reference: &[u8], txn_id: &[u8], account: &[u8], entry_id: &[u8]) -> String {
    hex_text(&BreakIds::default().id(leg, reference, txn_id, account, entry_id)).to_owned()
}

/// Ids of the journal entries of a day (R43): the same day, obligee, currency and kind always give the same id.
#[derive(Clone, Debug)]
pub struct EntryIds(TaggedIds);

impl EntryIds {
    /// Those of a day.
    pub fn new(business_date: Date) -> EntryIds {
        EntryIds(TaggedIds::new(
            "tieout/entry/v1",
            &[business_date.to_string().as_bytes()],
        ))
    }

    /// The id of an entry.
    pub fn id(&mut self, obligee_id: &str, currency: &str, kind: &str) -> HexId {
        self.0
            .id(&[obligee_id.as_bytes(), currency.as_bytes(), kind.as_bytes()])
    }
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
