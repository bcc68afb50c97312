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
use rustc_hash::FxHashMap;

use crate::entries::bytes::{Beginning, Id, Window, append, append_within};
use crate::entries::key::{self, Key};
use crate::entries::meta::Meta;
use crate::terms::date::Date;
use crate::terms::digest::key_hash;
use crate::terms::prefetch;

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

/// How many records ahead memory is asked for while a block is laid out.
const PLACED_AHEAD: usize = 12;

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

/// How the records of a block are laid out.
///
/// | | meta | amount | owner | length of id | of key | in all |
/// |---|---|---|---|---|---|---|
/// | narrow | 2, a place in the block's list | 4 | 4 | 1 | 1, [`PACKED_KEY`] in it | 12 bytes |
/// | wide | 8 | 8 | 4 | 2 | 2 | 24 bytes |
///
/// The id and the key follow, the id without what all ids of the block begin with: they are numbered through nearly always,
/// and differ in their last digits only. A narrow record packs its key where it is of digits ([`crate::entries::key`]). A block is narrow unless an entry of it does not fit: memory that is not touched is
/// the cheapest.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Layout {
    #[default]
    Narrow,
    Wide,
}

/// Marks a key that is packed: its mark stands for its length.
const PACKED_KEY: u8 = 1 << 7;

const NARROW_HEAD: usize = 12;
const WIDE_HEAD: usize = 24;

/// Most bytes that an entry with texts of so many bytes takes of [`RECORD_BYTES_MAX`].
pub const fn entry_bytes_max(text_bytes: usize) -> usize {
    WIDE_HEAD + text_bytes
}

/// One entry, as it lies in its block.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    data: &'a [u8],
    metas: &'a [Meta],
    beginning: &'a Beginning,
    at: usize,
    layout: Layout,
}

impl<'a> Record<'a> {
    #[inline(always)]
    fn bytes<const N: usize>(self, from: usize) -> [u8; N] {
        let mut bytes = [0; N];
        bytes.copy_from_slice(&self.data[self.at + from..self.at + from + N]);
        bytes
    }

    /// Small fields.
    #[inline(always)]
    pub fn meta(self) -> Meta {
        match self.layout {
            Layout::Narrow => self.metas[usize::from(u16::from_le_bytes(self.bytes(0)))],
            Layout::Wide => Meta(u64::from_le_bytes(self.bytes(0))),
        }
    }

    /// Minor units.
    #[inline(always)]
    pub fn amount_minor(self) -> i64 {
        match self.layout {
            Layout::Narrow => i64::from(u32::from_le_bytes(self.bytes(2))),
            Layout::Wide => i64::from_le_bytes(self.bytes(8)),
        }
    }

    /// Merchant code or account index.
    #[inline(always)]
    pub fn owner(self) -> u32 {
        u32::from_le_bytes(match self.layout {
            Layout::Narrow => self.bytes(6),
            Layout::Wide => self.bytes(16),
        })
    }

    /// Top [`BUCKET_BITS`] bits of the key's hash, or of the id's where there is no key.
    pub fn bucket(self) -> usize {
        (self.hash() >> (64 - BUCKET_BITS)) as usize
    }

    /// Hash of the key, or of the id where there is no key.
    pub fn hash(self) -> u64 {
        match self.key() {
            key if key.is_empty() => self.id().key_hash(),
            key => key_hash(key.text(&mut [0; 64]).as_bytes()),
        }
    }

    /// Where the rest of the id begins, and how long it is.
    #[inline(always)]
    fn id_place(self) -> (usize, usize) {
        match self.layout {
            Layout::Narrow => {
                let [id] = self.bytes(10);
                (self.at + NARROW_HEAD, usize::from(id))
            }
            Layout::Wide => {
                let len = u16::from_le_bytes(self.bytes(20));
                (self.at + WIDE_HEAD, usize::from(len))
            }
        }
    }

    /// txn_id, entry_id or channel_ref.
    #[inline(always)]
    pub fn id(self) -> Id<'a> {
        Id::new(self.beginning.as_bytes(), self.id_rest())
    }

    #[inline(always)]
    fn id_rest(self) -> &'a [u8] {
        let (start, len) = self.id_place();
        &self.data[start..start + len]
    }

    /// Match key; empty matches nothing.
    #[inline(always)]
    pub fn key(self) -> Key<'a> {
        let (start, id) = self.id_place();
        let start = start + id;
        let len = match self.layout {
            Layout::Narrow => {
                let [len] = self.bytes(11);
                if len & PACKED_KEY != 0 {
                    return Key::packed(self.data, start, len & !PACKED_KEY);
                }
                usize::from(len)
            }
            Layout::Wide => usize::from(u16::from_le_bytes(self.bytes(22))),
        };
        Key::plain(Window {
            bytes: self.data,
            start,
            len,
        })
    }

    /// [`Record::id`]: its beginning, and the rest within the block's bytes.
    #[inline(always)]
    pub fn id_window(self) -> (&'a Beginning, Window<'a>) {
        let (start, len) = self.id_place();
        let rest = Window {
            bytes: self.data,
            start,
            len,
        };
        (self.beginning, rest)
    }
}

/// The records of a block, wherever each begins.
#[derive(Clone, Debug)]
struct Records {
    data: Vec<u8>,
    layout: Layout,
    /// What narrow records name by its place.
    metas: Vec<Meta>,
    /// What stands in front of each record's id.
    beginning: Beginning,
}

impl Default for Records {
    fn default() -> Records {
        Records {
            data: Vec::new(),
            layout: Layout::default(),
            metas: Vec::new(),
            beginning: Beginning::NONE,
        }
    }
}

impl Records {
    /// What the records are looked at through. `record_end` is where the last byte of one of mean length lies, from its first.
    #[inline(always)]
    fn view(&self, record_end: u32, brought_forward: bool) -> View<'_> {
        View {
            data: &self.data,
            metas: &self.metas,
            beginning: &self.beginning,
            record_end,
            layout: self.layout,
            brought_forward,
        }
    }

    fn push_wide(&mut self, key: &[u8], id: &[u8], amount_minor: i64, meta: Meta, owner: u32) {
        let mut head = [0u8; WIDE_HEAD];
        head[..8].copy_from_slice(&meta.0.to_le_bytes());
        head[8..16].copy_from_slice(&amount_minor.to_le_bytes());
        head[16..20].copy_from_slice(&owner.to_le_bytes());
        head[20..22].copy_from_slice(&(id.len() as u16).to_le_bytes());
        head[22..24].copy_from_slice(&(key.len() as u16).to_le_bytes());
        self.data.extend_from_slice(&head);
        self.data.extend_from_slice(id);
        self.data.extend_from_slice(key);
    }

    /// Appends the record at `bytes` of `other`, without the beginning of its id.
    #[inline(always)]
    fn push_shortened(&mut self, other: &Records, bytes: Range<usize>) {
        let at = self.data.len();
        let cut = self.beginning.as_bytes().len();
        let Range { start, end } = bytes;
        // No id is shorter than what all of them begin with.
        match self.layout {
            Layout::Narrow => {
                append_within::<16>(&mut self.data, &other.data, start..start + NARROW_HEAD);
                self.data[at + 10] -= cut as u8;
                append_within::<48>(&mut self.data, &other.data, start + NARROW_HEAD + cut..end);
            }
            Layout::Wide => {
                let raw = &other.data[start..end];
                self.data.extend_from_slice(&raw[..WIDE_HEAD]);
                let length = u16::from_le_bytes([raw[20], raw[21]]) - cut as u16;
                self.data[at + 20..at + 22].copy_from_slice(&length.to_le_bytes());
                append(&mut self.data, &raw[WIDE_HEAD + cut..]);
            }
        }
    }
}

/// What is needed of a block to look at its records: little enough that those of all blocks of a partition stay near.
#[derive(Clone, Copy)]
pub struct View<'a> {
    data: &'a [u8],
    metas: &'a [Meta],
    beginning: &'a Beginning,
    record_end: u32,
    layout: Layout,
    /// True for entries that earlier closes received.
    pub brought_forward: bool,
}

impl<'a> View<'a> {
    /// The record that begins at a byte, as [`EntryBlock::begin`] tells it.
    #[inline(always)]
    pub fn record(self, at: u32) -> Record<'a> {
        Record {
            data: self.data,
            metas: self.metas,
            beginning: self.beginning,
            at: at as usize,
            layout: self.layout,
        }
    }

    /// Asks the memory for a record: it lies in two lines as often as not, and is about as long as its block's others.
    #[inline(always)]
    pub fn prefetch(self, at: u32) {
        prefetch::line_of(self.data, at as usize);
        prefetch::line_of(self.data, at as usize + self.record_end as usize);
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

/// An id as two numbers that are ordered as ids of its length are: its first and its last 16 bytes. Ids that are numbered
/// through are compared so without a call. `None` for ids of other lengths than 16 to 32 bytes.
type Wide = Option<(usize, u128, u128)>;

#[inline(always)]
fn wide_of(id: &[u8]) -> Wide {
    let (first, last) = (id.first_chunk::<16>()?, id.last_chunk::<16>()?);
    (id.len() <= 32).then(|| (id.len(), u128::from_be_bytes(*first), u128::from_be_bytes(*last)))
}

/// Finds the place of small fields in a block's list: few combinations occur, and mostly the same ones.
#[derive(Debug)]
struct MetaPlaces {
    recent: [(Meta, u16); 64],
    all: FxHashMap<u64, u16>,
}

impl Default for MetaPlaces {
    fn default() -> MetaPlaces {
        MetaPlaces {
            recent: [(Meta(u64::MAX), 0); 64],
            all: FxHashMap::default(),
        }
    }
}

impl MetaPlaces {
    /// `None` when the list is full.
    #[inline]
    fn place(&mut self, meta: Meta, metas: &mut Vec<Meta>) -> Option<u16> {
        let at = (meta.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 58) as usize;
        if self.recent[at].0 == meta {
            return Some(self.recent[at].1);
        }
        let place = match self.all.get(&meta.0) {
            Some(place) => *place,
            None => {
                let place = u16::try_from(metas.len()).ok()?;
                metas.push(meta);
                self.all.insert(meta.0, place);
                place
            }
        };
        self.recent[at] = (meta, place);
        Some(place)
    }
}

/// Collects entries in the order of the file into an [`EntryBlock`].
#[derive(Debug, Default)]
pub struct BlockBuilder {
    records: Records,
    /// Where each record begins, by position.
    offsets: Vec<u32>,
    places: MetaPlaces,
    /// Hash of each entry's key, or of its id.
    hash: Vec<u64>,
    ordinal: Ordinals,
    first_seen: Vec<i32>,
    aux_minor: Vec<i64>,
    late: Vec<u32>,
    /// Position of the entry with the highest id.
    highest: usize,
    highest_wide: Wide,
    keyless: usize,
}

impl BlockBuilder {
    /// Adds an entry. `owner` is the merchant code (platform) or account index (bank); `ordinal` numbers the rows
    /// of the input block, and is the same on every leg.
    #[inline]
    pub fn push(&mut self, key: &[u8], id: &[u8], amount_minor: i64, meta: Meta, owner: u32, ordinal: u32) {
        assert!(
            key.len() <= 2 * TEXT_BYTES_MAX + 1 && id.len() <= 2 * TEXT_BYTES_MAX + 1,
            "longer texts are refused when they are read"
        );
        let hash = key_hash(if key.is_empty() { id } else { key });
        self.keyless += usize::from(key.is_empty());
        let position = self.hash.len();
        self.hash.push(hash);
        self.ordinal.push(ordinal);
        if !self.push_narrow(key, id, amount_minor, meta, owner) {
            if self.records.layout == Layout::Narrow {
                self.widen();
            }
            self.offsets.push(self.records.data.len() as u32);
            self.records.push_wide(key, id, amount_minor, meta, owner);
        }
        // Which entries come behind a higher id is seen here for nearly nothing, while the ids pass by.
        let wide = wide_of(id);
        let is_above = match (wide, self.highest_wide) {
            (Some(mine), Some(highest)) if mine.0 == highest.0 => mine > highest,
            _ => position == 0 || id > self.record(self.highest).id_rest(),
        };
        if is_above {
            self.highest = position;
            self.highest_wide = wide;
        } else {
            self.late.push(position as u32);
        }
    }

    #[inline(always)]
    fn record(&self, position: usize) -> Record<'_> {
        self.records.view(0, false).record(self.offsets[position])
    }

    /// Where a record begins and ends.
    #[inline(always)]
    fn bounds(&self, position: usize) -> Range<usize> {
        let end = self.offsets.get(position + 1);
        self.offsets[position] as usize..end.map_or(self.records.data.len(), |end| *end as usize)
    }

    /// Asks the memory for the record at a position, and for what is copied with it.
    #[inline(always)]
    fn prefetch(&self, position: usize) {
        let at = self.offsets[position] as usize;
        for beyond in [0, 64] {
            prefetch::line_of(&self.records.data, at + beyond);
        }
    }

    /// Lays the records out wide.
    #[cold]
    fn widen(&mut self) {
        let mut wide = Records {
            layout: Layout::Wide,
            ..Records::default()
        };
        for position in 0..self.offsets.len() {
            let record = self.record(position);
            let at = wide.data.len() as u32;
            wide.push_wide(
                record.key().text(&mut [0; 64]).as_bytes(),
                record.id_rest(),
                record.amount_minor(),
                record.meta(),
                record.owner(),
            );
            self.offsets[position] = at;
        }
        self.records = wide;
    }

    /// How long every record may be, without what all ids begin with, if all of them take the longest one's room;
    /// `None` where a list of where each begins takes less.
    fn stride(&self, shared: usize) -> Option<usize> {
        let rows = self.len();
        let end = [self.records.data.len() as u32];
        let ends = self.offsets.iter().skip(1).chain(&end);
        let lengths = self.offsets.iter().zip(ends).map(|(begin, end)| end - begin);
        let longest = lengths.max()? as usize;
        let more = longest * rows - self.records.data.len();
        (more <= rows * size_of::<u32>()).then_some(longest - shared)
    }

    /// What all ids begin with. Ids that are not late ascend, so the first and the last of them tell.
    fn beginning(&self) -> Beginning {
        let id = |position: usize| self.record(position).id_rest();
        let mut beginning = Beginning::of(id(0));
        beginning.keep_of(id(self.highest));
        for position in &self.late {
            beginning.keep_of(id(*position as usize));
        }
        beginning
    }

    /// False when the entry does not fit a narrow record, or the block is wide already.
    #[inline(always)]
    fn push_narrow(&mut self, key: &[u8], id: &[u8], amount_minor: i64, meta: Meta, owner: u32) -> bool {
        let records = &mut self.records;
        let (Ok(amount), Ok(id_len), Layout::Narrow) = (
            u32::try_from(amount_minor),
            u8::try_from(id.len()),
            records.layout,
        ) else {
            return false;
        };
        let packed = key::pack(key);
        if packed.is_none() && key.len() >= usize::from(PACKED_KEY) {
            return false;
        }
        let key_len = packed.map_or(key.len() as u8, |packed| packed.mark | PACKED_KEY);
        let Some(place) = self.places.place(meta, &mut records.metas) else {
            return false;
        };
        // One number: fields put down one by one and copied together wait for each other.
        let head = u128::from(place)
            | u128::from(amount) << 16
            | u128::from(owner) << 48
            | u128::from(id_len) << 80
            | u128::from(key_len) << 88;
        self.offsets.push(records.data.len() as u32);
        records.data.reserve(NARROW_HEAD + 64);
        records.data.extend_from_slice(&head.to_le_bytes()[..NARROW_HEAD]);
        append(&mut records.data, id);
        match packed {
            Some(packed) => records.data.extend_from_slice(&packed.bytes()),
            None => append(&mut records.data, key),
        }
        true
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
        self.hash.len()
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.hash.is_empty()
    }

    /// True when an entry with texts of this many bytes still fits, with wider heads as well. (Narrow records that are laid out wide
    /// unpack their keys, and stay far below the bound: their texts are short.)
    pub fn has_room(&self, text_bytes: usize) -> bool {
        let widened = self.records.data.len() + self.len() * (WIDE_HEAD - NARROW_HEAD);
        self.len() < BLOCK_ROWS_MAX && widened + entry_bytes_max(text_bytes) < RECORD_BYTES_MAX
    }

    /// The entries as an indexed block; the builder is empty afterwards.
    pub fn finish(&mut self) -> EntryBlock {
        let rows = self.len();
        if rows == 0 {
            return EntryBlock::default();
        }
        assert!(
            rows <= BLOCK_ROWS_MAX && self.records.data.len() < RECORD_BYTES_MAX,
            "a block is cut before it is too large"
        );
        for (list, what) in [
            (self.first_seen.len(), "first_seen"),
            (self.aux_minor.len(), "aux_minor"),
        ] {
            assert!(
                list == 0 || list == rows,
                "{what} is given for every entry or for none"
            );
        }
        // Counting sort: stable, so entries of a bucket stay in the order of the file.
        let mut starts = vec![0u16; BUCKETS + 1];
        let mut keyless = Vec::with_capacity(self.keyless);
        let has_key = |position: usize| !self.record(position).key().is_empty();
        for (position, hash) in self.hash.iter().enumerate() {
            if self.keyless == 0 || has_key(position) {
                starts[(hash >> (64 - BUCKET_BITS)) as usize + 1] += 1;
            }
        }
        for bucket in 0..BUCKETS {
            starts[bucket + 1] += starts[bucket];
        }
        let mut next = starts.clone();
        let mut places = vec![0u16; rows];
        let mut slots = vec![Slot(0); rows - self.keyless];
        for (position, hash) in self.hash.iter().enumerate() {
            let bucket = (hash >> (64 - BUCKET_BITS)) as usize;
            if self.keyless > 0 && !has_key(position) {
                keyless.push((bucket as u16, Slot::new(*hash, position)));
                continue;
            }
            let at = &mut next[bucket];
            slots[usize::from(*at)] = Slot::new(*hash, position);
            places[position] = *at;
            *at += 1;
        }
        keyless.sort_by_key(|(bucket, _)| *bucket);
        for (at, (_, slot)) in keyless.iter().enumerate() {
            places[slot.position()] = (slots.len() + at) as u16;
        }
        let beginning = self.beginning();
        let shared = beginning.as_bytes().len();
        let stride = self.stride(shared);
        let bytes = stride.map_or(self.records.data.len() - shared * rows, |stride| stride * rows);
        // The records move while they are still in the near caches, to where those of a partition are neighbours.
        let mut records = Records {
            // With room for the pieces in which the last records are copied.
            data: prefetch::room_for(bytes + 96),
            layout: self.records.layout,
            metas: std::mem::take(&mut self.records.metas),
            beginning,
        };
        let mut offsets = Vec::with_capacity(if stride.is_some() { 0 } else { rows });
        let mut place = |slot: &Slot| {
            let at = records.data.len();
            records.push_shortened(&self.records, self.bounds(slot.position()));
            match stride {
                // What lies between is never read.
                Some(stride) => records.data.resize(at + stride, 0),
                None => offsets.push(at as u32),
            }
        };
        for (at, slot) in slots.iter().enumerate() {
            // Records are met in no order: the next ones are asked for while this one moves.
            if let Some(ahead) = slots.get(at + PLACED_AHEAD) {
                self.prefetch(ahead.position());
            }
            place(slot);
        }
        for (_, slot) in &keyless {
            place(slot);
        }
        self.records.data.clear();
        self.offsets.clear();
        self.records.layout = Layout::Narrow;
        let block = EntryBlock {
            record_end: (records.data.len() / rows).saturating_sub(1) as u32,
            records,
            begins: stride.map_or(Begins::At(offsets), Begins::Every),
            places,
            starts,
            slots,
            keyless,
            ordinal: std::mem::take(&mut self.ordinal),
            first_seen: std::mem::take(&mut self.first_seen),
            aux_minor: std::mem::take(&mut self.aux_minor),
            late: std::mem::take(&mut self.late),
            highest: self.highest,
        };
        self.places = MetaPlaces::default();
        self.hash.clear();
        self.highest = 0;
        self.highest_wide = None;
        self.keyless = 0;
        block
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
    /// First place of each bucket; empty for a block without entries.
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
        let start = |partition: usize| usize::from(self.starts[partition << (BUCKET_BITS - bits)]);
        start(partition)..start(partition + 1)
    }

    /// Positions of all entries by partition of `2^bits`, those without a key too, each partition's in the order of the
    /// file; and where each partition begins.
    pub fn by_partition(&self, bits: u32) -> (Vec<u16>, Vec<u32>) {
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
        prefetch::line_of(&self.starts, partition << (BUCKET_BITS - bits));
    }

    /// Asks the memory for the first entries of a partition.
    #[inline]
    pub fn prefetch_partition(&self, partition: usize, bits: u32) {
        if let Some(start) = self.starts.get(partition << (BUCKET_BITS - bits)) {
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
        let width = BUCKET_BITS - bits;
        let Range { start, end } = partition << width..(partition + 1) << width;
        let from = self
            .keyless
            .partition_point(|(bucket, _)| usize::from(*bucket) < start);
        let upto = self
            .keyless
            .partition_point(|(bucket, _)| usize::from(*bucket) < end);
        self.keyless[from..upto].iter().map(|(_, slot)| *slot)
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

/// The ids of a block's entries by position: all that is shown of entries that others met. They lie where a look at one is
/// a look at one place in memory.
#[derive(Clone, Debug)]
pub struct Ids {
    beginning: Beginning,
    /// Behind the last one lies as much as a reader of short texts takes at once.
    rests: Vec<u8>,
    /// Where each rest begins, and the last one ends.
    begins: Begins,
    ordinal: Ordinals,
}

impl Ids {
    /// Bytes behind the last rest.
    const BEHIND: usize = 64;

    /// As [`Record::id_window`].
    #[inline(always)]
    pub fn window(&self, position: usize) -> (&Beginning, Window<'_>) {
        let start = self.begins.of(position);
        let rest = Window {
            bytes: &self.rests,
            start,
            len: self.begins.of(position + 1) - start,
        };
        (&self.beginning, rest)
    }

    /// An id.
    pub fn id(&self, position: usize) -> Id<'_> {
        let (beginning, rest) = self.window(position);
        Id::new(beginning.as_bytes(), rest.as_bytes())
    }

    /// Number of the entry's row in its input block.
    #[inline]
    pub fn ordinal(&self, position: usize) -> u32 {
        self.ordinal.of(position)
    }

    /// Asks the memory for where an id lies.
    #[inline(always)]
    pub fn prefetch_place(&self, position: usize) {
        if let Begins::At(offsets) = &self.begins {
            prefetch::line_of(offsets, position);
        }
    }

    /// Asks the memory for an id.
    #[inline(always)]
    pub fn prefetch(&self, position: usize) {
        prefetch::line_of(&self.rests, self.begins.of(position));
    }
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
                for slot in block
                    .partition(partition, bits)
                    .iter()
                    .copied()
                    .chain(block.keyless(partition, bits))
                {
                    let position = slot.position();
                    let ordinal = block.ordinal(position);
                    assert_eq!(block.id(position), format!("E{ordinal}").as_bytes().into());
                    assert_eq!(block.amount_minor(position), i64::from(ordinal) + 1);
                    let key = &block.key(position).to_vec();
                    let id = block.id(position).to_vec();
                    let hash = key_hash(if key.is_empty() { &id } else { key });
                    assert_eq!((hash.checked_shr(64 - bits).unwrap_or(0)) as usize, partition);
                    rows.push(ordinal);
                }
            }
            let (positions, starts) = block.by_partition(bits);
            for partition in 0..1usize << bits {
                let slots = block.partition(partition, bits).iter().copied();
                let mut known: Vec<u16> = slots
                    .chain(block.keyless(partition, bits))
                    .map(|slot| slot.position() as u16)
                    .collect();
                known.sort_unstable();
                let range = starts[partition] as usize..starts[partition + 1] as usize;
                assert_eq!(known, positions[range], "in the order of the file");
            }
            rows.sort_unstable();
            assert_eq!(rows, (0..5000).collect::<Vec<_>>());
        }
        assert_eq!(block.to_batch().unwrap().num_rows(), 5000);
    }

    use proptest::prelude::*;

    proptest! {
        #[test]
        fn entries_come_back_as_they_went(
            entries in prop::collection::vec(
                (
                    prop_oneof![
                        8 => "20260302[0-9]{16}",
                        4 => "UP20260302[0-9]{8}",
                        2 => Just(String::new()),
                        1 => "[0-9a-z]{1,40}",
                        1 => "[0-9A-F]{14,34}",
                    ],
                    prop_oneof![20 => "T20260302[0-9]{6}", 1 => "[A-Z]{0,3}[0-9]{0,9}"],
                    prop_oneof![40 => 1i64..100_000, 1 => Just(i64::MAX)],
                    0u32..5,
                ),
                1..60,
            ),
            plain in any::<bool>(),
        ) {
            // Without the odd ones all records have one size, and no list says where they begin.
            let keep = |entry: &&(String, String, i64, u32)| {
                !plain || (key::pack(entry.0.as_bytes()).is_some() && entry.1.len() == 15 && entry.2 < i64::MAX)
            };
            let entries: Vec<&(String, String, i64, u32)> = entries.iter().filter(keep).collect();
            let meta = |owner: u32| match owner % 2 {
                0 => Meta::bank(Direction::Credit, Currency::parse(b"CNY").unwrap()),
                _ => Meta::bank(Direction::Debit, Currency::parse(b"EUR").unwrap()),
            };
            let mut builder = BlockBuilder::default();
            for (ordinal, (key, id, minor, owner)) in (0u32..).zip(&entries) {
                builder.push(key.as_bytes(), id.as_bytes(), *minor, meta(*owner), *owner, ordinal);
            }
            let block = builder.finish();
            prop_assert_eq!(block.len(), entries.len());
            prop_assert!(!plain || entries.is_empty() || matches!(block.begins, Begins::Every(_)));
            for (position, (key, id, minor, owner)) in entries.iter().enumerate() {
                let record = block.record(position);
                prop_assert_eq!(record.key().to_text(), key.as_str());
                prop_assert_eq!(record.id().to_text(), id.as_str());
                prop_assert_eq!((record.amount_minor(), record.owner()), (*minor, *owner));
                prop_assert_eq!(record.meta(), meta(*owner));
            }
            let ids = block.clone().into_ids();
            for (position, (_, id, ..)) in entries.iter().enumerate() {
                prop_assert_eq!(ids.id(position).to_text(), id.as_str());
                prop_assert_eq!(ids.ordinal(position), position as u32);
                let (_, rest) = ids.window(position);
                prop_assert!(rest.bytes.len() >= rest.start + 64, "room for a look at a whole short text");
            }
            for bits in [0, 4, BUCKET_BITS] {
                let mut seen = 0;
                for partition in 0..1usize << bits {
                    for (place, slot) in block.places_of(partition, bits).zip(block.partition(partition, bits)) {
                        let record = block.view().record(block.begin(place));
                        prop_assert_eq!(record.id(), block.id(slot.position()));
                        prop_assert_eq!(record.hash().checked_shr(64 - bits).unwrap_or(0) as usize, partition);
                        seen += 1;
                    }
                    seen += block.keyless(partition, bits).count();
                }
                prop_assert_eq!(seen, entries.len());
            }
        }
    }

    #[test]
    fn without_its_index_a_block_knows_its_rows_and_the_first_partition() {
        let meta = Meta::bank(Direction::Credit, Currency::parse(b"CNY").unwrap());
        let mut builder = BlockBuilder::default();
        for row in 0u32..5000 {
            let key = if row % 7 == 0 {
                String::new()
            } else {
                format!("REF{row}")
            };
            builder.push(
                key.as_bytes(),
                format!("E{row}").as_bytes(),
                i64::from(row),
                meta,
                0,
                row,
            );
        }
        let whole = builder.finish();
        for bits in [0, 1, 5, 12] {
            let mut block = whole.clone();
            let held = block.held_bytes();
            block.forget_index(bits);
            for position in 0..5000 {
                assert_eq!(block.id(position), whole.id(position));
                assert_eq!(block.key(position), whole.key(position));
            }
            for bits in bits..=BUCKET_BITS {
                assert_eq!(block.partition(0, bits), whole.partition(0, bits));
                assert!(block.keyless(0, bits).eq(whole.keyless(0, bits)));
            }
            assert_eq!(bits > 0, block.held_bytes() + 8000 < held);
        }
    }

    #[test]
    fn where_a_few_records_are_long_a_list_says_where_each_begins() {
        let meta = Meta::bank(Direction::Credit, Currency::parse(b"CNY").unwrap());
        let block = |long: u32| {
            let mut builder = BlockBuilder::default();
            for row in 0..100u32 {
                let key = match row < long {
                    true => format!("a reference of a bank that writes in words {row:020}"),
                    false => format!("20260302{row:016}"),
                };
                builder.push(key.as_bytes(), format!("T{row:05}").as_bytes(), 1, meta, 0, row);
            }
            builder.finish()
        };
        assert!(matches!(block(0).begins, Begins::Every(_)));
        assert!(matches!(block(1).begins, Begins::At(_)));
        assert!(matches!(block(100).begins, Begins::Every(_)), "all are");
    }
}
