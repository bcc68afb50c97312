//! Builds a block: entries come in the order of the file, and are laid out by bucket once it is full.

use std::ops::Range;

use rustc_hash::FxHashMap;

use crate::entries::bytes::{Beginning, append};
use crate::entries::key;
use crate::entries::meta::Meta;
use crate::terms::date::Date;
use crate::terms::digest::key_hash;
use crate::terms::prefetch;

use super::record::{Layout, NARROW_HEAD, PACKED_KEY, Record, Records, WIDE_HEAD, entry_bytes_max};
use super::{
    BLOCK_ROWS_MAX, BUCKET_BITS, BUCKETS, Begins, EntryBlock, Ordinals, RECORD_BYTES_MAX, Slot,
    TEXT_BYTES_MAX,
};

/// How many records ahead memory is asked for while a block is laid out.
pub(super) const PLACED_AHEAD: usize = 12;

/// An id as two numbers that are ordered as ids of its length are: its first and its last 16 bytes. Ids that are numbered
/// through are compared so without a call. `None` for ids of other lengths than 16 to 32 bytes.
pub(super) type Wide = Option<(usize, u128, u128)>;

#[inline(always)]
pub(super) fn wide_of(id: &[u8]) -> Wide {
    let (first, last) = (id.first_chunk::<16>()?, id.last_chunk::<16>()?);
    (id.len() <= 32).then(|| (id.len(), u128::from_be_bytes(*first), u128::from_be_bytes(*last)))
}

/// Finds the place of small fields in a block's list: few combinations occur, and mostly the same ones.
#[derive(Debug)]
pub(super) struct MetaPlaces {
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
    pub(super) fn place(&mut self, meta: Meta, metas: &mut Vec<Meta>) -> Option<u16> {
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
    pub(super) fn record(&self, position: usize) -> Record<'_> {
        self.records.view(0, false).record(self.offsets[position])
    }

    /// Where a record begins and ends.
    #[inline(always)]
    pub(super) fn bounds(&self, position: usize) -> Range<usize> {
        let end = self.offsets.get(position + 1);
        self.offsets[position] as usize..end.map_or(self.records.data.len(), |end| *end as usize)
    }

    /// Asks the memory for the record at a position, and for what is copied with it.
    #[inline(always)]
    pub(super) fn prefetch(&self, position: usize) {
        let at = self.offsets[position] as usize;
        for beyond in [0, 64] {
            prefetch::line_of(&self.records.data, at + beyond);
        }
    }

    /// Lays the records out wide.
    #[cold]
    pub(super) fn widen(&mut self) {
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
    pub(super) fn stride(&self, shared: usize) -> Option<usize> {
        let rows = self.len();
        let end = [self.records.data.len() as u32];
        let ends = self.offsets.iter().skip(1).chain(&end);
        let lengths = self.offsets.iter().zip(ends).map(|(begin, end)| end - begin);
        let longest = lengths.max()? as usize;
        let more = longest * rows - self.records.data.len();
        (more <= rows * size_of::<u32>()).then_some(longest - shared)
    }

    /// What all ids begin with. Ids that are not late ascend, so the first and the last of them tell.
    pub(super) fn beginning(&self) -> Beginning {
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
    pub(super) fn push_narrow(
        &mut self,
        key: &[u8],
        id: &[u8],
        amount_minor: i64,
        meta: Meta,
        owner: u32,
    ) -> bool {
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
            buckets: 0..BUCKETS as u16,
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
