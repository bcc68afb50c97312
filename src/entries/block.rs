//! A block: some ten thousand entries of one file as columns, sorted by the hash of their match key.
//!
//! The sort is by the top [`BUCKET_BITS`] bits of the key's hash, and stable. So partition `p` of `2^k` is one
//! contiguous range of every block, for every `k` up to [`BUCKET_BITS`]: the number of partitions can follow from
//! the number of rows after they were read, a partition is handed on without copying, and a block can be spilled
//! or sent as it is. Entries without a key spread by the hash of their id; they match nothing (R4).

use std::ops::Range;

use arrow::array::{Array, BinaryArray, Int32Array, Int64Array, RecordBatch, UInt32Array, UInt64Array};
use arrow::datatypes::{DataType, Field, Schema};
use std::sync::Arc;

use crate::entries::bytes::{BytesColumn, Window};
use crate::entries::meta::Meta;
use crate::terms::date::Date;
use crate::terms::digest::key_hash;

/// Bits of the hash by which a block is sorted.
pub const BUCKET_BITS: u32 = 12;
const BUCKETS: usize = 1 << BUCKET_BITS;

/// Most rows of a block; a [`RowRef`] has this many positions.
pub const BLOCK_ROWS_MAX: usize = 1 << POSITION_BITS;
const POSITION_BITS: u32 = 17;

/// A row of one side of one leg: the block's number and the position in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RowRef(pub u32);

impl RowRef {
    /// No row.
    pub const NONE: RowRef = RowRef(u32::MAX);

    /// The row at `position` of block `block`.
    pub fn new(block: usize, position: usize) -> RowRef {
        assert!(
            block < (1 << (32 - POSITION_BITS)) - 1 && position < BLOCK_ROWS_MAX,
            "a side has at most 4 billion rows"
        );
        RowRef((block << POSITION_BITS | position) as u32)
    }

    /// Number of the block.
    pub fn block(self) -> usize {
        (self.0 >> POSITION_BITS) as usize
    }

    /// Position in the block.
    pub fn position(self) -> usize {
        self.0 as usize & (BLOCK_ROWS_MAX - 1)
    }
}

/// Collects entries in the order of the file, then sorts them into an [`EntryBlock`].
#[derive(Debug, Default)]
pub struct BlockBuilder {
    keys: BytesColumn,
    ids: BytesColumn,
    amount_minor: Vec<i64>,
    meta: Vec<u64>,
    owner: Vec<u32>,
    ordinal: Vec<u32>,
    hash: Vec<u64>,
    first_seen: Vec<i32>,
    aux_minor: Vec<i64>,
}

impl BlockBuilder {
    /// Adds an entry. `owner` is the merchant code (platform) or account index (bank); `ordinal` numbers the rows
    /// of the input block, and is the same on every leg.
    pub fn push(&mut self, key: &[u8], id: &[u8], amount_minor: i64, meta: Meta, owner: u32, ordinal: u32) {
        self.keys.push(key);
        self.ids.push(id);
        self.amount_minor.push(amount_minor);
        self.meta.push(meta.0);
        self.owner.push(owner);
        self.ordinal.push(ordinal);
        self.hash.push(key_hash(if key.is_empty() { id } else { key }));
    }

    /// Notes the close that received the entry just added; either all entries of a block have one or none.
    pub fn first_seen(&mut self, date: Date) {
        self.first_seen.push(date.0);
    }

    /// Notes the channel's fee of the entry just added; either all entries of a block have one or none.
    pub fn aux_minor(&mut self, minor: i64) {
        self.aux_minor.push(minor);
    }

    /// Number of entries so far.
    pub fn len(&self) -> usize {
        self.meta.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.meta.is_empty()
    }

    /// The entries as a sorted block; the builder is empty afterwards and keeps its memory.
    pub fn finish(&mut self) -> EntryBlock {
        let rows = self.len();
        if rows == 0 {
            return EntryBlock::default();
        }
        assert!(rows <= BLOCK_ROWS_MAX, "a block is cut before it is too large");
        // Counting sort: stable, so entries of a bucket stay in the order of the file.
        let mut starts = vec![0u32; BUCKETS + 1];
        for hash in &self.hash {
            starts[(hash >> (64 - BUCKET_BITS)) as usize + 1] += 1;
        }
        for bucket in 0..BUCKETS {
            starts[bucket + 1] += starts[bucket];
        }
        let mut next = starts.clone();
        let mut order = vec![0u32; rows];
        for (row, hash) in (0u32..).zip(&self.hash) {
            let slot = &mut next[(hash >> (64 - BUCKET_BITS)) as usize];
            order[*slot as usize] = row;
            *slot += 1;
        }
        // Where each entry went, in the order of the file, and which came behind a higher id: seen here for nearly
        // nothing, while the ids still lie in the order of the file.
        let mut arrival = vec![0u32; rows];
        for (position, row) in (0u32..).zip(&order) {
            arrival[*row as usize] = position;
        }
        let mut late = Vec::new();
        let mut highest = 0;
        for row in 1..rows {
            if self.ids.get(row) > self.ids.get(highest) {
                highest = row;
            } else {
                late.push(row as u32);
            }
        }
        let pick64 =
            |column: &[i64]| Int64Array::from_iter_values(order.iter().map(|row| column[*row as usize]));
        let block = EntryBlock {
            key: self.keys.gather(&order),
            id: self.ids.gather(&order),
            amount_minor: pick64(&self.amount_minor),
            meta: UInt64Array::from_iter_values(order.iter().map(|row| self.meta[*row as usize])),
            owner: UInt32Array::from_iter_values(order.iter().map(|row| self.owner[*row as usize])),
            ordinal: UInt32Array::from_iter_values(order.iter().map(|row| self.ordinal[*row as usize])),
            // The bits below the bucket bits: what a table inside one partition tells keys apart by.
            tag: UInt32Array::from_iter_values(
                order
                    .iter()
                    .map(|row| (self.hash[*row as usize] >> (32 - BUCKET_BITS)) as u32),
            ),
            first_seen: (!self.first_seen.is_empty()).then(|| {
                assert_eq!(
                    self.first_seen.len(),
                    rows,
                    "first_seen is given for every entry or for none"
                );
                Int32Array::from_iter_values(order.iter().map(|row| self.first_seen[*row as usize]))
            }),
            aux_minor: (!self.aux_minor.is_empty()).then(|| {
                assert_eq!(
                    self.aux_minor.len(),
                    rows,
                    "aux_minor is given for every entry or for none"
                );
                pick64(&self.aux_minor)
            }),
            starts,
            arrival,
            late,
        };
        self.clear();
        block
    }

    fn clear(&mut self) {
        self.keys.clear();
        self.ids.clear();
        self.amount_minor.clear();
        self.meta.clear();
        self.owner.clear();
        self.ordinal.clear();
        self.hash.clear();
        self.first_seen.clear();
        self.aux_minor.clear();
    }
}

/// Entries as Arrow columns, sorted by bucket.
#[derive(Clone, Debug)]
pub struct EntryBlock {
    key: BinaryArray,
    id: BinaryArray,
    amount_minor: Int64Array,
    meta: UInt64Array,
    owner: UInt32Array,
    ordinal: UInt32Array,
    tag: UInt32Array,
    first_seen: Option<Int32Array>,
    aux_minor: Option<Int64Array>,
    starts: Vec<u32>,
    /// Position of each entry by its order in the file.
    arrival: Vec<u32>,
    /// Entries, by their order in the file, whose id is not above all ids before it.
    late: Vec<u32>,
}

impl Default for EntryBlock {
    /// A block without entries.
    fn default() -> EntryBlock {
        EntryBlock {
            key: BytesColumn::default().gather(&[]),
            id: BytesColumn::default().gather(&[]),
            amount_minor: Int64Array::from_iter_values([]),
            meta: UInt64Array::from_iter_values([]),
            owner: UInt32Array::from_iter_values([]),
            ordinal: UInt32Array::from_iter_values([]),
            tag: UInt32Array::from_iter_values([]),
            first_seen: None,
            aux_minor: None,
            starts: Vec::new(),
            arrival: Vec::new(),
            late: Vec::new(),
        }
    }
}

impl EntryBlock {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.meta.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Positions of partition `partition` of `2^bits`.
    pub fn partition(&self, partition: usize, bits: u32) -> Range<usize> {
        if self.is_empty() {
            return 0..0;
        }
        let width = BUCKET_BITS - bits;
        self.starts[partition << width] as usize..self.starts[(partition + 1) << width] as usize
    }

    /// Match key of an entry; empty matches nothing.
    #[inline]
    pub fn key(&self, position: usize) -> &[u8] {
        slice_of(&self.key, position)
    }

    /// txn_id, entry_id or channel_ref of an entry.
    #[inline]
    pub fn id(&self, position: usize) -> &[u8] {
        slice_of(&self.id, position)
    }

    /// Amount of an entry, minor units.
    #[inline]
    pub fn amount_minor(&self, position: usize) -> i64 {
        self.amount_minor.values()[position]
    }

    /// Small fields of an entry.
    #[inline]
    pub fn meta(&self, position: usize) -> Meta {
        Meta(self.meta.values()[position])
    }

    /// Merchant code or account index of an entry.
    #[inline]
    pub fn owner(&self, position: usize) -> u32 {
        self.owner.values()[position]
    }

    /// Number of the entry's row in its input block.
    #[inline]
    pub fn ordinal(&self, position: usize) -> u32 {
        self.ordinal.values()[position]
    }

    /// 32 bits of the key's hash.
    #[inline]
    pub fn tag(&self, position: usize) -> u32 {
        self.tag.values()[position]
    }

    /// The close that received the entry; `business_date` for today's.
    #[inline]
    pub fn first_seen(&self, position: usize, business_date: Date) -> Date {
        self.first_seen
            .as_ref()
            .map_or(business_date, |dates| Date(dates.values()[position]))
    }

    /// The channel's fee, minor units; 0 where the side has none.
    pub fn aux_minor(&self, position: usize) -> i64 {
        self.aux_minor
            .as_ref()
            .map_or(0, |values| values.values()[position])
    }

    /// Match key of an entry within the column's text.
    #[inline]
    pub fn key_window(&self, position: usize) -> Window<'_> {
        window_of(&self.key, position)
    }

    /// Id of an entry within the column's text.
    #[inline]
    pub fn id_window(&self, position: usize) -> Window<'_> {
        window_of(&self.id, position)
    }

    /// Asks the memory for an entry's numbers and for where its texts stand.
    #[inline]
    pub fn prefetch_row(&self, position: usize) {
        prefetch(self.key.value_offsets(), position);
        prefetch(self.id.value_offsets(), position);
        prefetch(self.meta.values(), position);
        prefetch(self.owner.values(), position);
        prefetch(self.amount_minor.values(), position);
    }

    /// Asks the memory for an entry's texts.
    #[inline]
    pub fn prefetch_texts(&self, position: usize) {
        prefetch(self.key.value_data(), self.key.value_offsets()[position] as usize);
        prefetch(self.id.value_data(), self.id.value_offsets()[position] as usize);
    }

    /// Position of each entry by its ordinal; `u32::MAX` where an ordinal has none.
    pub fn positions(&self) -> Vec<u32> {
        let most = self
            .ordinals()
            .iter()
            .max()
            .map_or(0, |ordinal| *ordinal as usize + 1);
        let mut positions = vec![u32::MAX; most];
        for (position, ordinal) in (0u32..).zip(self.ordinals()) {
            positions[*ordinal as usize] = position;
        }
        positions
    }

    /// Positions in the order of the file.
    pub fn arrival(&self) -> &[u32] {
        &self.arrival
    }

    /// Entries, as places in [`EntryBlock::arrival`], whose id is not above all ids before it. The others have ids in
    /// strictly ascending order.
    pub fn late(&self) -> &[u32] {
        &self.late
    }

    /// All ordinals, by position.
    pub fn ordinals(&self) -> &[u32] {
        self.ordinal.values()
    }

    /// The columns as one Arrow record batch: what is spilled, or sent to another machine.
    ///
    /// # Errors
    /// Never for a block made by [`BlockBuilder::finish`].
    pub fn to_batch(&self) -> Result<RecordBatch, arrow::error::ArrowError> {
        let mut fields = vec![
            Field::new("key", DataType::Binary, false),
            Field::new("id", DataType::Binary, false),
            Field::new("amount_minor", DataType::Int64, false),
            Field::new("meta", DataType::UInt64, false),
            Field::new("owner", DataType::UInt32, false),
            Field::new("ordinal", DataType::UInt32, false),
            Field::new("tag", DataType::UInt32, false),
        ];
        let mut columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(self.key.clone()),
            Arc::new(self.id.clone()),
            Arc::new(self.amount_minor.clone()),
            Arc::new(self.meta.clone()),
            Arc::new(self.owner.clone()),
            Arc::new(self.ordinal.clone()),
            Arc::new(self.tag.clone()),
        ];
        if let Some(dates) = &self.first_seen {
            fields.push(Field::new("first_seen", DataType::Int32, false));
            columns.push(Arc::new(dates.clone()));
        }
        if let Some(values) = &self.aux_minor {
            fields.push(Field::new("aux_minor", DataType::Int64, false));
            columns.push(Arc::new(values.clone()));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }
}

#[inline]
fn window_of(column: &BinaryArray, position: usize) -> Window<'_> {
    let offsets = column.value_offsets();
    let (start, end) = (offsets[position] as usize, offsets[position + 1] as usize);
    Window {
        bytes: column.value_data(),
        start,
        len: end - start,
    }
}

/// Asks the memory for the line that holds `values[at]`; nothing where the processor has no such hint.
#[inline]
fn prefetch<T>(values: &[T], at: usize) {
    #[cfg(target_arch = "x86_64")]
    if let Some(value) = values.get(at) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a hint; the address is that of a live element.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(std::ptr::from_ref(value).cast()) };
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = (values, at);
}

#[inline]
fn slice_of(column: &BinaryArray, position: usize) -> &[u8] {
    let offsets = column.value_offsets();
    &column.value_data()[offsets[position] as usize..offsets[position + 1] as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::terms::currency::Currency;
    use crate::terms::kinds::Direction;

    #[test]
    fn every_partitioning_is_a_regrouping_of_the_same_rows() {
        let meta = Meta::bank(Direction::Credit, Currency::parse(b"CNY").unwrap());
        let mut builder = BlockBuilder::default();
        for row in 0u32..5000 {
            let key = if row % 7 == 0 {
                String::new()
            } else {
                format!("REF{}", row / 2)
            };
            builder.push(
                key.as_bytes(),
                format!("E{row}").as_bytes(),
                i64::from(row) + 1,
                meta,
                row % 3,
                row,
            );
        }
        let block = builder.finish();
        for bits in [0, 1, 5, 12] {
            let mut rows = Vec::new();
            for partition in 0..1usize << bits {
                for position in block.partition(partition, bits) {
                    let ordinal = block.ordinal(position);
                    assert_eq!(block.id(position), format!("E{ordinal}").as_bytes());
                    assert_eq!(block.amount_minor(position), i64::from(ordinal) + 1);
                    let key = block.key(position);
                    let hash = key_hash(if key.is_empty() { block.id(position) } else { key });
                    assert_eq!((hash.checked_shr(64 - bits).unwrap_or(0)) as usize, partition);
                    rows.push(ordinal);
                }
            }
            rows.sort_unstable();
            assert_eq!(rows, (0..5000).collect::<Vec<_>>());
        }
        assert_eq!(block.to_batch().unwrap().num_rows(), 5000);
    }
}
