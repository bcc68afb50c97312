//! A block: some ten thousand entries of one file, in the order in which they came, with an index by match key.
//!
//! What a stage reads of an entry lies in one record, so that a look at an entry touches one place in memory, not a
//! place a column: matching, settling and gathering meet entries in no order a cache could guess. Records and index lie
//! by the top [`BUCKET_BITS`] bits of the key's hash, stably: the *place* of an entry is its number in that order.
//! So partition `p` of `2^k` is one contiguous stretch of every block, for every `k` up to [`BUCKET_BITS`]: the
//! number of partitions can follow from the number of rows after they were read, and a partition is handed on without
//! copying. Positions stay those of the file. Entries without a key are listed apart, by the hash of their id, and have
//! the last places; they match nothing (R4). [`EntryBlock::to_batch`] lays the records into Arrow columns.

use std::ops::Range;
use std::sync::Arc;

use arrow::array::{
    Array, BinaryBuilder, Int32Builder, Int64Builder, RecordBatch, UInt32Builder, UInt64Builder,
};
use arrow::datatypes::{DataType, Field, Schema};

use crate::entries::bytes::{Id, append_within};
use crate::entries::key::Key;
use crate::entries::meta::Meta;
use crate::terms::date::Date;
use crate::terms::prefetch;

use builder::PLACED_AHEAD;
use record::Records;

pub use builder::BlockBuilder;
pub use ids::Ids;
pub use record::{Record, View, entry_bytes_max};

mod builder;
mod ids;
mod record;
pub mod shard;

/// Bits of the hash by which a block is indexed.
pub const BUCKET_BITS: u32 = 12;
const BUCKETS: usize = 1 << BUCKET_BITS;

/// Most rows of a block; a [`RowRef`] has this many positions. Records are laid out anew when a block is full, and should
/// still be in the near caches then.
pub const BLOCK_ROWS_MAX: usize = 1 << POSITION_BITS;
const POSITION_BITS: u32 = 14;

/// Most blocks of a day.
pub const BLOCKS_MAX: usize = (1 << (32 - POSITION_BITS)) - 1;

/// Most bytes of a block's records. A block is cut before.
pub const RECORD_BYTES_MAX: usize = 1 << 24;

/// Longest id or reference, in bytes. Longer ones are refused when they are read.
pub const TEXT_BYTES_MAX: usize = 4096;

/// A row of one side of one leg: the block's number and the position in it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RowRef(pub u32);

impl RowRef {
    /// No row.
    pub const NONE: RowRef = RowRef(u32::MAX);

    /// The row at `position` of block `block`.
    #[inline]
    pub fn new(block: usize, position: usize) -> RowRef {
        assert!(
            block < BLOCKS_MAX && position < BLOCK_ROWS_MAX,
            "a day of more blocks is refused when it is read"
        );
        RowRef((block << POSITION_BITS | position) as u32)
    }

    /// Number of the block.
    #[inline]
    pub fn block(self) -> usize {
        (self.0 >> POSITION_BITS) as usize
    }

    /// Position in the block.
    #[inline]
    pub fn position(self) -> usize {
        self.0 as usize & (BLOCK_ROWS_MAX - 1)
    }
}

/// An entry in a block's index: bits of its key's hash, and its position.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Slot(u32);

impl Slot {
    #[inline(always)]
    fn new(hash: u64, position: usize) -> Slot {
        // The bits below the bucket bits: what a table inside one partition tells keys apart by.
        let tag = (hash << BUCKET_BITS) >> (32 + POSITION_BITS);
        Slot((tag as u32) << POSITION_BITS | position as u32)
    }

    /// 18 bits of the key's hash, as the highest of a word: equal keys have equal tags.
    #[inline(always)]
    pub fn tag(self) -> u32 {
        self.0 & !(BLOCK_ROWS_MAX as u32 - 1)
    }

    /// Position in the block.
    #[inline(always)]
    pub fn position(self) -> usize {
        self.0 as usize & (BLOCK_ROWS_MAX - 1)
    }
}

/// Where each record of a block begins, by place.
#[derive(Clone, Debug)]
enum Begins {
    /// So many bytes behind the one before.
    Every(usize),
    /// At these bytes.
    At(Vec<u32>),
}

impl Default for Begins {
    fn default() -> Begins {
        Begins::At(Vec::new())
    }
}

impl Begins {
    #[inline(always)]
    fn of(&self, place: usize) -> usize {
        match self {
            Begins::Every(bytes) => place * bytes,
            Begins::At(offsets) => offsets[place] as usize,
        }
    }
}

/// Numbers of the entries in their input block.
#[derive(Clone, Debug)]
enum Ordinals {
    /// Every row of the input block is an entry: ordinal and position are one.
    Positions(u32),
    /// Some rows are entries of other legs only.
    Listed(Vec<u32>),
}

impl Default for Ordinals {
    fn default() -> Ordinals {
        Ordinals::Positions(0)
    }
}

impl Ordinals {
    #[inline]
    fn push(&mut self, ordinal: u32) {
        match self {
            Ordinals::Positions(count) if *count == ordinal => *count += 1,
            Ordinals::Positions(count) => {
                let mut list: Vec<u32> = (0..*count).collect();
                list.push(ordinal);
                *self = Ordinals::Listed(list);
            }
            Ordinals::Listed(list) => list.push(ordinal),
        }
    }

    #[inline]
    fn of(&self, position: usize) -> u32 {
        match self {
            Ordinals::Positions(_) => position as u32,
            Ordinals::Listed(list) => list[position],
        }
    }
}

/// Entries in the order of their file, indexed by bucket.
#[derive(Clone, Debug, Default)]
pub struct EntryBlock {
    records: Records,
    begins: Begins,
    /// Place of each position.
    places: Vec<u16>,
    /// The buckets that it may have entries in.
    buckets: Range<u16>,
    /// First place of each of these, and the end of the last; empty for a block without entries.
    starts: Vec<u16>,
    /// Entries with a key, by place.
    slots: Vec<Slot>,
    /// Entries without a key, by bucket.
    keyless: Vec<(u16, Slot)>,
    ordinal: Ordinals,
    first_seen: Vec<i32>,
    aux_minor: Vec<i64>,
    /// Positions of entries whose id is not above all ids before it.
    late: Vec<u32>,
    /// Position of the entry with the highest id, the first of them.
    highest: usize,
    /// Where the last byte of a record of mean length lies, from its first.
    record_end: u32,
}

impl EntryBlock {
    /// Number of entries.
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Forgets the index but for partition 0 of `2^bits`: a tenth of the block's memory, which nothing needs once its rows
    /// have met. Nobody may ask for another partition's entries with a key from here on.
    pub fn forget_index(&mut self, bits: u32) {
        if self.is_empty() || bits == 0 {
            return;
        }
        self.slots.truncate(self.places_of(0, bits).end);
        self.slots.shrink_to_fit();
        self.starts.truncate((1 << (BUCKET_BITS - bits)) + 1);
        self.starts.shrink_to_fit();
    }

    /// Entries of partition `partition` of `2^bits` that have a key.
    pub fn partition(&self, partition: usize, bits: u32) -> &[Slot] {
        &self.slots[self.places_of(partition, bits)]
    }

    /// The places of those entries.
    pub fn places_of(&self, partition: usize, bits: u32) -> Range<usize> {
        if self.is_empty() {
            return 0..0;
        }
        let start = |partition: usize| usize::from(self.starts[self.start_at(partition, bits)]);
        start(partition)..start(partition + 1)
    }

    /// Where it is told where a partition begins; of a partition without entries, where its neighbour does.
    #[inline(always)]
    fn start_at(&self, partition: usize, bits: u32) -> usize {
        let first = usize::from(self.buckets.start);
        let bucket = partition << (BUCKET_BITS - bits);
        bucket.clamp(first, usize::from(self.buckets.end)) - first
    }

    /// Positions of all entries by partition of `2^bits`, those without a key too, each partition's in the order of the
    /// file; and where each partition begins.
    fn by_partition(&self, bits: u32) -> (Vec<u16>, Vec<u32>) {
        let width = BUCKET_BITS - bits;
        let mut partition_of_place = vec![0u16; self.len()];
        for partition in 0..1usize << bits {
            partition_of_place[self.places_of(partition, bits)].fill(partition as u16);
        }
        let keyless = partition_of_place[self.slots.len()..].iter_mut();
        for (partition, (bucket, _)) in keyless.zip(&self.keyless) {
            *partition = bucket >> width;
        }
        let mut starts = vec![0u32; (1 << bits) + 1];
        for partition in &partition_of_place {
            starts[usize::from(*partition) + 1] += 1;
        }
        for partition in 0..1 << bits {
            starts[partition + 1] += starts[partition];
        }
        let mut next = starts.clone();
        let mut positions = vec![0u16; self.len()];
        for (position, place) in (0u16..).zip(&self.places) {
            let at = &mut next[usize::from(partition_of_place[usize::from(*place)])];
            positions[*at as usize] = position;
            *at += 1;
        }
        (positions, starts)
    }

    /// Asks the memory for where the entries of a partition begin.
    #[inline]
    pub fn prefetch_start(&self, partition: usize, bits: u32) {
        prefetch::line_of(&self.starts, self.start_at(partition, bits));
    }

    /// Asks the memory for the first entries of a partition.
    #[inline]
    pub fn prefetch_partition(&self, partition: usize, bits: u32) {
        if let Some(start) = self.starts.get(self.start_at(partition, bits)) {
            let start = usize::from(*start);
            for beyond in [0, 16] {
                prefetch::line_of(&self.slots, start + beyond);
                if let Begins::At(offsets) = &self.begins {
                    prefetch::line_of(offsets, start + beyond);
                }
            }
        }
    }

    /// Entries of a partition that have no key.
    pub fn keyless(&self, partition: usize, bits: u32) -> impl Iterator<Item = Slot> + '_ {
        self.keyless[self.keyless_of(partition, bits)]
            .iter()
            .map(|(_, slot)| *slot)
    }

    /// Where those stand among all without a key, whose places lie behind the others in this order.
    fn keyless_of(&self, partition: usize, bits: u32) -> Range<usize> {
        let width = BUCKET_BITS - bits;
        let before = |bucket: usize| {
            self.keyless
                .partition_point(|(mine, _)| usize::from(*mine) < bucket)
        };
        before(partition << width)..before((partition + 1) << width)
    }

    /// An entry.
    #[inline(always)]
    pub fn record(&self, position: usize) -> Record<'_> {
        self.view().record(self.begin(usize::from(self.places[position])))
    }

    /// Where the record in a place begins.
    #[inline(always)]
    pub fn begin(&self, place: usize) -> u32 {
        self.begins.of(place) as u32
    }

    /// Where the records of the places before a place end.
    fn end_before(&self, place: usize) -> usize {
        match &self.begins {
            Begins::Every(bytes) => place * bytes,
            Begins::At(offsets) => offsets
                .get(place)
                .map_or(self.records.data.len(), |at| *at as usize),
        }
    }

    /// What its records are looked at through.
    #[inline(always)]
    pub fn view(&self) -> View<'_> {
        self.records.view(self.record_end, !self.first_seen.is_empty())
    }

    /// Match key of an entry; empty matches nothing.
    #[inline]
    pub fn key(&self, position: usize) -> Key<'_> {
        self.record(position).key()
    }

    /// txn_id, entry_id or channel_ref of an entry.
    #[inline]
    pub fn id(&self, position: usize) -> Id<'_> {
        self.record(position).id()
    }

    /// Amount of an entry, minor units.
    #[inline]
    pub fn amount_minor(&self, position: usize) -> i64 {
        self.record(position).amount_minor()
    }

    /// Small fields of an entry.
    #[inline]
    pub fn meta(&self, position: usize) -> Meta {
        self.record(position).meta()
    }

    /// Merchant code or account index of an entry.
    #[inline]
    pub fn owner(&self, position: usize) -> u32 {
        self.record(position).owner()
    }

    /// Number of the entry's row in its input block.
    #[inline]
    pub fn ordinal(&self, position: usize) -> u32 {
        self.ordinal.of(position)
    }

    /// Position of the entry with an ordinal, where it is one of this leg.
    pub fn position_of(&self, ordinal: u32) -> Option<usize> {
        match &self.ordinal {
            Ordinals::Positions(count) => (ordinal < *count).then_some(ordinal as usize),
            // Rows come in the order of the file on every leg.
            Ordinals::Listed(list) => list.binary_search(&ordinal).ok(),
        }
    }

    /// Ordinals of the entries are below this.
    pub fn ordinals_end(&self) -> usize {
        match &self.ordinal {
            Ordinals::Positions(count) => *count as usize,
            Ordinals::Listed(list) => list.last().map_or(0, |last| *last as usize + 1),
        }
    }

    /// The close that received the entry; `business_date` for today's.
    #[inline]
    pub fn first_seen(&self, position: usize, business_date: Date) -> Date {
        self.first_seen
            .get(position)
            .map_or(business_date, |date| Date(*date))
    }

    /// The channel's fee, minor units; 0 where the side has none.
    #[inline]
    pub fn aux_minor(&self, position: usize) -> i64 {
        self.aux_minor.get(position).copied().unwrap_or(0)
    }

    /// Asks the memory for where an entry's record lies.
    #[inline]
    pub fn prefetch_place(&self, position: usize) {
        prefetch::line_of(&self.places, position);
    }

    /// Asks the memory for an entry's record.
    #[inline]
    pub fn prefetch_record(&self, position: usize) {
        self.view()
            .prefetch(self.begin(usize::from(self.places[position])));
    }

    /// Asks the memory for the records of neighbouring places.
    #[inline]
    pub fn prefetch_records(&self, places: Range<usize>) {
        if let Some(last) = places.clone().next_back() {
            let end = self.begins.of(last) + self.record_end as usize;
            for at in (self.begins.of(places.start)..=end).step_by(64) {
                prefetch::line_of(&self.records.data, at);
            }
        }
    }

    /// Positions of entries whose id is not above all ids before it. The others have ids in strictly ascending order.
    pub fn late(&self) -> &[u32] {
        &self.late
    }

    /// Position of the entry with the highest id.
    pub fn highest(&self) -> usize {
        self.highest
    }

    /// Memory that the block holds, in bytes.
    pub fn held_bytes(&self) -> usize {
        let ordinals = match &self.ordinal {
            Ordinals::Positions(_) => 0,
            Ordinals::Listed(list) => list.capacity() * size_of::<u32>(),
        };
        self.records.data.capacity()
            + match &self.begins {
                Begins::Every(_) => 0,
                Begins::At(offsets) => offsets.capacity() * size_of::<u32>(),
            }
            + self.late.capacity() * size_of::<u32>()
            + (self.starts.capacity() + self.places.capacity()) * size_of::<u16>()
            + self.records.metas.capacity() * size_of::<Meta>()
            + self.slots.capacity() * size_of::<Slot>()
            + self.keyless.capacity() * size_of::<(u16, Slot)>()
            + self.first_seen.capacity() * size_of::<i32>()
            + self.aux_minor.capacity() * size_of::<i64>()
            + ordinals
    }

    /// Its ids alone.
    pub fn into_ids(self) -> Ids {
        let rows = self.len();
        // Ids of a block are mostly as long as its first one.
        let first = if rows == 0 {
            0
        } else {
            self.record(0).id_rest().len()
        };
        let mut rests = Vec::with_capacity(first * rows + Ids::BEHIND);
        let mut ends = Vec::with_capacity(rows + 1);
        ends.push(0);
        for position in 0..rows {
            if position + PLACED_AHEAD < rows {
                self.prefetch_record(position + PLACED_AHEAD);
            }
            let (start, len) = self.record(position).id_place();
            append_within::<16>(&mut rests, &self.records.data, start..start + len);
            ends.push(rests.len() as u32);
        }
        let each = rests.len() / rows.max(1);
        let is_even = (0..)
            .zip(&ends)
            .all(|(position, end)| *end as usize == position * each);
        rests.resize(rests.len() + Ids::BEHIND, 0);
        Ids {
            beginning: self.records.beginning,
            rests,
            begins: if is_even {
                Begins::Every(each)
            } else {
                Begins::At(ends)
            },
            ordinal: self.ordinal,
        }
    }

    /// The entries as one Arrow record batch: what is sent to another machine.
    ///
    /// # Errors
    /// Never for a block made by [`BlockBuilder::finish`].
    pub fn to_batch(&self) -> Result<RecordBatch, arrow::error::ArrowError> {
        let rows = self.len();
        let texts = self.records.data.len();
        let mut key = BinaryBuilder::with_capacity(rows, texts);
        let mut id = BinaryBuilder::with_capacity(rows, texts);
        let mut amount_minor = Int64Builder::with_capacity(rows);
        let mut meta = UInt64Builder::with_capacity(rows);
        let mut owner = UInt32Builder::with_capacity(rows);
        let mut ordinal = UInt32Builder::with_capacity(rows);
        for position in 0..rows {
            let record = self.record(position);
            key.append_value(record.key().text(&mut [0; 64]).as_bytes());
            id.append_value(record.id().to_vec());
            amount_minor.append_value(record.amount_minor());
            meta.append_value(record.meta().0);
            owner.append_value(record.owner());
            ordinal.append_value(self.ordinal(position));
        }
        let mut fields = vec![
            Field::new("key", DataType::Binary, false),
            Field::new("id", DataType::Binary, false),
            Field::new("amount_minor", DataType::Int64, false),
            Field::new("meta", DataType::UInt64, false),
            Field::new("owner", DataType::UInt32, false),
            Field::new("ordinal", DataType::UInt32, false),
        ];
        let mut columns: Vec<Arc<dyn Array>> = vec![
            Arc::new(key.finish()),
            Arc::new(id.finish()),
            Arc::new(amount_minor.finish()),
            Arc::new(meta.finish()),
            Arc::new(owner.finish()),
            Arc::new(ordinal.finish()),
        ];
        if !self.first_seen.is_empty() {
            let mut dates = Int32Builder::with_capacity(rows);
            dates.append_slice(&self.first_seen);
            fields.push(Field::new("first_seen", DataType::Int32, false));
            columns.push(Arc::new(dates.finish()));
        }
        if !self.aux_minor.is_empty() {
            let mut fees = Int64Builder::with_capacity(rows);
            fees.append_slice(&self.aux_minor);
            fields.push(Field::new("aux_minor", DataType::Int64, false));
            columns.push(Arc::new(fees.finish()));
        }
        RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)
    }
}

#[cfg(test)]
mod tests;
