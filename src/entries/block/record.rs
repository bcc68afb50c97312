//! Records of a block: what a stage reads of an entry, side by side in bytes.

use std::ops::Range;

use crate::entries::bytes::{Beginning, Id, Window, append, append_within};
use crate::entries::key::Key;
use crate::entries::meta::Meta;
use crate::terms::digest::key_hash;
use crate::terms::prefetch;

use super::BUCKET_BITS;

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
pub(super) enum Layout {
    #[default]
    Narrow,
    Wide,
}

/// Marks a key that is packed: its mark stands for its length.
pub(super) const PACKED_KEY: u8 = 1 << 7;

pub(super) const NARROW_HEAD: usize = 12;

pub(super) const WIDE_HEAD: usize = 24;

/// Most bytes that an entry with texts of so many bytes takes of [`RECORD_BYTES_MAX`].
pub const fn entry_bytes_max(text_bytes: usize) -> usize {
    WIDE_HEAD + text_bytes
}

/// One entry, as it lies in its block.
#[derive(Clone, Copy)]
pub struct Record<'a> {
    pub(super) data: &'a [u8],
    pub(super) metas: &'a [Meta],
    pub(super) beginning: &'a Beginning,
    pub(super) at: usize,
    pub(super) layout: Layout,
}

impl<'a> Record<'a> {
    #[inline(always)]
    pub(super) fn bytes<const N: usize>(self, from: usize) -> [u8; N] {
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
    pub(super) fn id_place(self) -> (usize, usize) {
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
    pub(super) fn id_rest(self) -> &'a [u8] {
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
pub(super) struct Records {
    pub(super) data: Vec<u8>,
    pub(super) layout: Layout,
    /// What narrow records name by its place.
    pub(super) metas: Vec<Meta>,
    /// What stands in front of each record's id.
    pub(super) beginning: Beginning,
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
    pub(super) fn view(&self, record_end: u32, brought_forward: bool) -> View<'_> {
        View {
            data: &self.data,
            metas: &self.metas,
            beginning: &self.beginning,
            record_end,
            layout: self.layout,
            brought_forward,
        }
    }

    pub(super) fn push_wide(&mut self, key: &[u8], id: &[u8], amount_minor: i64, meta: Meta, owner: u32) {
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
    pub(super) fn push_shortened(&mut self, other: &Records, bytes: Range<usize>) {
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
