//! Rows that share an id (R19, R20): one content is one row, two contents are a conflict.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::day::pool::{Origin, Pool};
use crate::day::state::OpenRow;
use crate::entries::block::{EntryBlock, RowRef};
use crate::findings::Stop;
use crate::matching::identity::{IdOrder, order_by_id, shared_ids};
use crate::terms::kinds::{Status, TxnType};

/// Gives the full rows at some origins, in the order asked for.
pub type Fetch<'a> = &'a dyn Fn(&[Origin]) -> Result<Vec<OpenRow>, Stop>;

/// What the ids of one side told.
#[derive(Debug, Default)]
pub struct Identified {
    /// All rows in the order of their ids, where that was asked for.
    pub order: IdOrder,
    /// Rows equal to one that is kept: delivered again.
    pub duplicates: Vec<RowRef>,
    /// Rows that share an id with a row of other content.
    pub conflicts: Vec<RowRef>,
    /// Open rows that were not SUCCESS, replaced by a later row of their id (R19).
    pub replaced: Vec<RowRef>,
    /// Of the rows delivered again, how many stand beside their equal in one file, by its number: a sender that counts them in
    /// its totals means two.
    pub twice_in_file: BTreeMap<u32, u64>,
    /// All rows of the three lists, by (block, ordinal).
    pub excluded: FxHashSet<u64>,
    /// Order of bill rows that share a channel_ref, by (block, ordinal): their ids go on with the type and refund_ref
    /// (R4, R19).
    pub ranks: FxHashMap<u64, u32>,
}

impl Identified {
    /// The place of a row among those that share its id as far as a block knows it, by its handle; 0 of a row that shares none.
    pub fn rank(&self, handle: u64) -> u32 {
        self.ranks.get(&handle).copied().unwrap_or(0)
    }
}

/// (block, ordinal) in one word: the handle of a row, the same on every leg.
pub fn row_handle(block: usize, ordinal: u32) -> u64 {
    (block as u64) << 32 | u64::from(ordinal)
}

/// The handle of a row of a side.
pub fn handle_on(side: &[EntryBlock], row: RowRef) -> u64 {
    row_handle(row.block(), side[row.block()].ordinal(row.position()))
}

/// Finds the rows of a side that share an id.
///
/// `blocks` hold every row of the side. Ids are: txn_id; account and entry_id; channel, txn_type, channel_ref and
/// refund_ref (R19). `ordered` asks for the order of all rows beside.
///
/// # Errors
/// What fetching full rows reports.
pub fn identify(
    pool: &Pool,
    blocks: &[EntryBlock],
    ordered: bool,
    fetch: Fetch<'_>,
) -> Result<Identified, Stop> {
    let order = if ordered {
        order_by_id(blocks)
    } else {
        IdOrder::of_shared(shared_ids(blocks))
    };
    judge(
        order,
        &|row| pool.origin_of(blocks, row),
        &|row| handle_on(blocks, row),
        fetch,
    )
}

/// Tells rows delivered twice from conflicts among the rows that may share an id, by their full content.
///
/// # Errors
/// What fetching full rows reports.
pub fn judge(
    order: IdOrder,
    origin_of: &dyn Fn(RowRef) -> Origin,
    name_of: &dyn Fn(RowRef) -> u64,
    fetch: Fetch<'_>,
) -> Result<Identified, Stop> {
    let mut found = Identified {
        order,
        ..Identified::default()
    };
    let candidates: Vec<RowRef> = found.order.shared.iter().flatten().copied().collect();
    if candidates.is_empty() {
        return Ok(found);
    }
    let origins: Vec<Origin> = candidates.iter().map(|row| origin_of(*row)).collect();
    let full = fetch(&origins)?;
    let mut rows: Vec<Candidate<'_>> = candidates
        .iter()
        .zip(&origins)
        .zip(&full)
        .map(|((row, origin), full)| Candidate {
            row: *row,
            file: match origin {
                Origin::Forward(_) => None,
                Origin::Today(file, ..) => Some(*file),
            },
            full,
        })
        .collect();
    // Open rows first: the row kept is the one already known.
    rows.sort_by(|a, b| {
        a.id()
            .cmp(&b.id())
            .then_with(|| a.file.is_some().cmp(&b.file.is_some()))
            .then_with(|| a.row.cmp(&b.row))
    });
    for group in rows.chunk_by(|a, b| a.id() == b.id()) {
        settle_group(group, &mut found);
    }
    let mut of_bills: Vec<&Candidate<'_>> = rows.iter().filter(|row| row.is_channel_row()).collect();
    of_bills.sort_by_key(|candidate| {
        let (id, _, channel, txn_type, refund_ref) = candidate.id();
        (
            id,
            channel,
            txn_type.map_or("", TxnType::name),
            refund_ref,
            candidate.row,
        )
    });
    let ranks = (0u32..).zip(&of_bills);
    found.ranks = ranks
        .map(|(rank, candidate)| (name_of(candidate.row), rank))
        .collect();
    for list in [&found.duplicates, &found.conflicts, &found.replaced] {
        for row in list {
            found.excluded.insert(name_of(*row));
        }
    }
    Ok(found)
}

struct Candidate<'a> {
    row: RowRef,
    /// The file of today that it stands in; none of a row brought forward.
    file: Option<u32>,
    full: &'a OpenRow,
}

impl Candidate<'_> {
    fn is_channel_row(&self) -> bool {
        let row = self.full;
        !row.channel_ref.is_empty() && row.id == row.channel_ref && row.value_date.is_some()
    }

    /// What makes two rows the same (R19). The platform's rows have no account and their channel is content.
    fn id(&self) -> (&str, &str, &str, Option<TxnType>, &str) {
        let row = self.full;
        if self.is_channel_row() {
            (&row.id, "", &row.channel, row.txn_type, &row.refund_ref)
        } else {
            (&row.id, &row.account, "", None, "")
        }
    }
}

fn settle_group(group: &[Candidate<'_>], found: &mut Identified) {
    let mut distinct: Vec<&Candidate<'_>> = Vec::new();
    let mut stands_in: BTreeSet<(usize, u32)> = BTreeSet::new();
    for candidate in group {
        let known = distinct.iter().position(|kept| kept.full == candidate.full);
        if known.is_some() {
            found.duplicates.push(candidate.row);
        } else {
            distinct.push(candidate);
        }
        let content = known.unwrap_or(distinct.len() - 1);
        if let Some(file) = candidate.file
            && !stands_in.insert((content, file))
        {
            *found.twice_in_file.entry(file).or_insert(0) += 1;
        }
    }
    match distinct.as_slice() {
        [] | [_] => {}
        [open, later]
            if open.file.is_none() && later.file.is_some() && open.full.status != Status::Success =>
        {
            found.replaced.push(open.row);
        }
        all => found.conflicts.extend(all.iter().map(|candidate| candidate.row)),
    }
}
