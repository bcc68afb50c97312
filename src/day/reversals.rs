//! Open bank entries that close each other: an entry and the one that reverses it (R14).

use rustc_hash::{FxHashMap, FxHashSet};

use crate::day::pool::Pool;
use crate::entries::block::{EntryBlock, RowRef};
use crate::entries::bytes::Id;
use crate::entries::meta::Meta;

/// An open bank entry.
#[derive(Clone, Copy, Debug)]
pub struct OpenBankEntry<'a> {
    /// The row.
    pub row: RowRef,
    /// Account index.
    pub account: u32,
    /// entry_id.
    pub id: Id<'a>,
    /// Small fields.
    pub meta: Meta,
    /// Minor units.
    pub amount_minor: i64,
    /// The id of the entry it says it reverses.
    pub reverses: Option<&'a [u8]>,
}

/// As [`reversals`], of rows of a side of the pool in any order; an entry may be named twice.
pub fn reversals_among(pool: &Pool, side: &[EntryBlock], mut open: Vec<RowRef>) -> Vec<(RowRef, RowRef)> {
    open.sort_unstable();
    open.dedup();
    let entry = |row: &RowRef| {
        let block = &side[row.block()];
        let record = block.record(row.position());
        let extras = &pool.extras[row.block()];
        let reverses = record
            .meta()
            .has_extras()
            .then(|| extras.find(block.ordinal(row.position())))
            .flatten();
        OpenBankEntry {
            row: *row,
            account: record.owner(),
            id: record.id(),
            meta: record.meta(),
            amount_minor: record.amount_minor(),
            reverses: reverses.map(|at| extras.party.get(at)),
        }
    };
    let entries: Vec<OpenBankEntry<'_>> = open.iter().map(entry).collect();
    reversals(&entries)
}

/// Pairs of entries that close each other: the original, the reversal. `open` is in the order of rows, each once.
pub fn reversals(open: &[OpenBankEntry<'_>]) -> Vec<(RowRef, RowRef)> {
    let mut candidates: Vec<&OpenBankEntry<'_>> =
        open.iter().filter(|entry| entry.reverses.is_some()).collect();
    if candidates.is_empty() {
        return Vec::new();
    }
    candidates.sort_by(|a, b| (a.account, a.id, a.row).cmp(&(b.account, b.id, b.row)));
    let by_identity: FxHashMap<(u32, Id<'_>), &OpenBankEntry<'_>> = open
        .iter()
        .map(|entry| ((entry.account, entry.id), entry))
        .collect();
    let mut taken: FxHashSet<RowRef> = FxHashSet::default();
    let mut closed = Vec::new();
    for reversal in candidates {
        let Some(original) = reversal
            .reverses
            .and_then(|id| by_identity.get(&(reversal.account, id.into())))
        else {
            continue;
        };
        let agrees = reversal.meta.currency() == original.meta.currency()
            && reversal.amount_minor == original.amount_minor
            && reversal.meta.direction() != original.meta.direction();
        let rows = [reversal.row, original.row];
        if agrees && rows.iter().all(|row| !taken.contains(row)) {
            taken.extend(rows);
            closed.push((original.row, reversal.row));
        }
    }
    closed
}
