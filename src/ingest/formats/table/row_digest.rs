//! Digests of whole rows: the id of a row that has none, and what tells the same row in two files.

use rustc_hash::FxHashMap;

use super::super::RowDigest;
use super::cut::Row;
use crate::terms::digest::sha256_hex;

/// Hexadecimal digits of a row's digest (as of a line id of camt.053).
pub(super) const DIGEST_CHARS: usize = 32;

/// Rows of the same texts.
#[derive(Clone, Copy)]
pub(super) struct SameRows {
    count: u32,
    /// Line of the first of them.
    line: u32,
    /// Digest of what they say, where they can be read.
    value: Option<u64>,
}

/// A digest of a row, and the texts that it is made of; kept so that their memory is.
#[derive(Default)]
pub(super) struct Digest {
    texts: Vec<u8>,
    pub(super) said: Vec<u8>,
    id: String,
}

impl Digest {
    /// Digest of a row's texts; rows of the same texts are told apart by how many came before.
    pub(super) fn of(
        &mut self,
        row: &Row<'_>,
        value: Option<u64>,
        seen: &mut FxHashMap<[u8; 16], SameRows>,
    ) -> &str {
        let texts = &mut self.texts;
        texts.clear();
        for at in 0..row.cells.len() {
            texts.extend_from_slice(row.cell(at).as_bytes());
            texts.push(0x1f);
        }
        let key = xxhash_rust::xxh3::xxh3_128(texts).to_le_bytes();
        let same = seen.entry(key).or_insert(SameRows {
            count: 0,
            line: u32::try_from(row.place.line).unwrap_or(u32::MAX),
            value,
        });
        same.count += 1;
        texts.extend_from_slice(itoa::Buffer::new().format(same.count).as_bytes());
        self.id.clear();
        self.id.push_str(&sha256_hex(texts)[..DIGEST_CHARS]);
        &self.id
    }
}

/// What the rows of a file are told by, for a comparison with other files. Rows of two accounts are never one: an account
/// that stands in the rows is part of their texts, any other is put to them here.
pub(super) fn digests(seen: FxHashMap<[u8; 16], SameRows>, account: Option<u16>) -> Vec<RowDigest> {
    let of_account = account.map_or(0, |account| {
        xxhash_rust::xxh3::xxh3_64(format!("account {account}").as_bytes())
    });
    let told = |(key, same): ([u8; 16], SameRows)| RowDigest {
        digest: xxhash_rust::xxh3::xxh3_64(&key) ^ of_account,
        value: same
            .value
            .unwrap_or(xxhash_rust::xxh3::xxh3_64(&key) ^ of_account),
        count: same.count,
        line: same.line,
    };
    let mut digests: Vec<RowDigest> = seen.into_iter().map(told).collect();
    digests.sort_unstable();
    digests
}
