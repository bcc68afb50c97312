//! A growing column of byte strings: one buffer, one offset a row, no allocation per row.

use crate::terms::digest::key_hash;
use std::borrow::Cow;
use std::cmp::Ordering;
use std::hash::{Hash, Hasher};
use std::ops::Range;

/// Byte strings laid end to end.
#[derive(Clone, Debug)]
pub struct BytesColumn {
    offsets: Vec<i32>,
    data: Vec<u8>,
}

/// A text and what it lies in.
#[derive(Clone, Copy, Debug)]
pub struct Window<'a> {
    /// The longer text.
    pub bytes: &'a [u8],
    /// Where the text begins.
    pub start: usize,
    /// Its length.
    pub len: usize,
}

impl<'a> Window<'a> {
    /// The text alone.
    #[inline(always)]
    pub fn as_bytes(self) -> &'a [u8] {
        &self.bytes[self.start..self.start + self.len]
    }
}

/// Most bytes of the beginning that ids share.
pub const BEGINNING_MAX: usize = 32;

/// What all ids of a block begin with, kept once.
#[derive(Clone, Copy, Debug)]
pub struct Beginning {
    bytes: [u8; BEGINNING_MAX],
    len: u8,
}

impl Beginning {
    /// Nothing.
    pub const NONE: Beginning = Beginning {
        bytes: [0; BEGINNING_MAX],
        len: 0,
    };

    /// The beginning of a text, at most [`BEGINNING_MAX`] bytes.
    pub fn of(text: &[u8]) -> Beginning {
        let mut beginning = Beginning::NONE;
        let len = text.len().min(BEGINNING_MAX);
        beginning.bytes[..len].copy_from_slice(&text[..len]);
        beginning.len = len as u8;
        beginning
    }

    /// Makes it short enough that a text begins with it.
    #[inline]
    pub fn keep_of(&mut self, text: &[u8]) {
        if !text.starts_with(self.as_bytes()) {
            self.shorten(text);
        }
    }

    #[cold]
    fn shorten(&mut self, text: &[u8]) {
        let pairs = self.as_bytes().iter().zip(text);
        self.len = pairs.take_while(|(a, b)| a == b).count() as u8;
    }

    /// Its bytes.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    /// Its bytes, and others behind them.
    #[inline(always)]
    pub fn padded(&self) -> (&[u8; BEGINNING_MAX], usize) {
        (&self.bytes, usize::from(self.len))
    }
}

/// An id as its block keeps it: the beginning that all its ids share, and the rest. Ids compare as their bytes (R4).
#[derive(Clone, Copy, Debug)]
pub struct Id<'a> {
    beginning: &'a [u8],
    rest: &'a [u8],
}

impl<'a> Id<'a> {
    /// An id in two pieces.
    #[inline(always)]
    pub fn new(beginning: &'a [u8], rest: &'a [u8]) -> Id<'a> {
        Id { beginning, rest }
    }

    /// Its two pieces.
    #[inline(always)]
    pub fn pieces(self) -> (&'a [u8], &'a [u8]) {
        (self.beginning, self.rest)
    }

    /// Number of bytes.
    pub fn len(self) -> usize {
        self.beginning.len() + self.rest.len()
    }

    /// True when there is none.
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Its bytes.
    pub fn to_vec(self) -> Vec<u8> {
        [self.beginning, self.rest].concat()
    }

    /// As text.
    pub fn to_text(self) -> String {
        String::from_utf8_lossy(&self.to_vec()).into_owned()
    }

    /// What the id's bytes are partitioned by ([`crate::terms::digest::key_hash`]).
    pub fn key_hash(self) -> u64 {
        key_hash(&self.joined(&mut [0; 128]))
    }

    /// Its bytes in one piece: in `room`, or for themselves where they are more.
    #[inline(always)]
    pub fn joined<const N: usize>(self, room: &mut [u8; N]) -> Cow<'_, [u8]> {
        let (cut, len) = (self.beginning.len(), self.len());
        if len > N {
            return Cow::Owned(self.to_vec());
        }
        put_short(room, self.beginning);
        put_short(&mut room[cut..], self.rest);
        Cow::Borrowed(&room[..len])
    }
}

impl<'a> From<&'a [u8]> for Id<'a> {
    fn from(text: &'a [u8]) -> Id<'a> {
        Id::new(b"", text)
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Id<'a> {
    fn from(text: &'a [u8; N]) -> Id<'a> {
        Id::new(b"", text)
    }
}

impl Ord for Id<'_> {
    #[inline]
    fn cmp(&self, other: &Self) -> Ordering {
        // Ids of one block differ in their rests only.
        if self.beginning == other.beginning {
            return self.rest.cmp(other.rest);
        }
        let bytes = |id: &Self| id.beginning.iter().chain(id.rest);
        bytes(self).cmp(bytes(other))
    }
}

impl PartialOrd for Id<'_> {
    #[inline]
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Id<'_> {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.cmp(other).is_eq()
    }
}

impl Eq for Id<'_> {}

impl Hash for Id<'_> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        // Byte by byte, so that it does not matter where the pieces meet.
        for byte in self.beginning.iter().chain(self.rest) {
            state.write_u8(*byte);
        }
    }
}

impl Default for BytesColumn {
    fn default() -> BytesColumn {
        BytesColumn::with_capacity(0, 0)
    }
}

impl BytesColumn {
    /// An empty column with room for `rows` strings of `bytes` bytes in all.
    pub fn with_capacity(rows: usize, bytes: usize) -> BytesColumn {
        let mut offsets = Vec::with_capacity(rows + 1);
        offsets.push(0);
        BytesColumn {
            offsets,
            data: Vec::with_capacity(bytes),
        }
    }

    /// Adds a string. A block is cut long before its texts reach 2 GiB.
    pub fn push(&mut self, text: &[u8]) {
        self.data.extend_from_slice(text);
        let end = i32::try_from(self.data.len()).unwrap_or(i32::MAX);
        assert!(end < i32::MAX, "a block's texts stay below 2 GiB");
        self.offsets.push(end);
    }

    /// The string of a row.
    pub fn get(&self, row: usize) -> &[u8] {
        &self.data[self.offsets[row] as usize..self.offsets[row + 1] as usize]
    }

    /// Number of strings.
    pub fn len(&self) -> usize {
        self.offsets.len() - 1
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Removes all strings and keeps the memory.
    pub fn clear(&mut self) {
        self.offsets.truncate(1);
        self.data.clear();
    }
}

/// Appends a short text. Ids and references have 16 to 32 bytes nearly always, and records up to 96: those are copied as
/// overlapping pieces of one size, which is cheaper than a call that copies any length.
#[inline(always)]
pub fn append(out: &mut Vec<u8>, text: &[u8]) {
    match text.len() {
        16..=32 => append_pieces::<16>(out, text),
        33..=96 => append_pieces::<32>(out, text),
        _ => out.extend_from_slice(text),
    }
}

/// Puts a short text down at the beginning of `room`, in overlapping pieces of one size as [`append`] does.
#[inline(always)]
fn put_short(room: &mut [u8], text: &[u8]) {
    fn pieces<const N: usize>(room: &mut [u8], text: &[u8]) -> Option<()> {
        let (first, last) = (text.first_chunk::<N>()?, text.last_chunk::<N>()?);
        let room = room.get_mut(..text.len())?;
        *room.first_chunk_mut()? = *first;
        *room.last_chunk_mut()? = *last;
        Some(())
    }
    let put = match text.len() {
        4..8 => pieces::<4>(room, text),
        8..16 => pieces::<8>(room, text),
        16..=32 => pieces::<16>(room, text),
        _ => None,
    };
    if put.is_none() {
        room[..text.len()].copy_from_slice(text);
    }
}

/// Appends `bytes[range]`. A text of up to `N` bytes is copied as `N` bytes where so many follow in `bytes`: a copy of one size
/// needs no question.
#[inline(always)]
pub fn append_within<const N: usize>(out: &mut Vec<u8>, bytes: &[u8], range: Range<usize>) {
    let start = range.start;
    let text = &bytes[range];
    let length = text.len();
    if length > N || bytes.len() < start + N {
        return out.extend_from_slice(text);
    }
    out.reserve(N);
    let end = out.len();
    // SAFETY: `N` bytes lie in `bytes` from `start` on, `N` bytes were reserved behind `end`, and the first `length` of
    // them, at most `N`, are then written.
    unsafe {
        let to = out.as_mut_ptr().add(end);
        std::ptr::copy_nonoverlapping(bytes.as_ptr().add(start), to, N);
        out.set_len(end + length);
    }
}

/// Appends a text of `N` to `3 * N` bytes.
#[inline(always)]
fn append_pieces<const N: usize>(out: &mut Vec<u8>, text: &[u8]) {
    let length = text.len();
    assert!((N..=3 * N).contains(&length), "the pieces cover the text");
    out.reserve(3 * N);
    let end = out.len();
    // SAFETY: every piece lies within `text`, which has at least `N` bytes, and within the `3 * N` bytes just reserved;
    // the first, a middle one where there is room for it, and the last cover `length` bytes behind `end`.
    unsafe {
        let (from, to) = (text.as_ptr(), out.as_mut_ptr().add(end));
        let piece = |at: usize| std::ptr::copy_nonoverlapping(from.add(at), to.add(at), N);
        piece(0);
        if length > 2 * N {
            piece(N);
        }
        piece(length - N);
        out.set_len(end + length);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::{Beginning, Id, append, append_within, put_short};

    #[test]
    fn short_texts_are_put_down_whole() {
        let text: Vec<u8> = (1..=100).collect();
        for len in 0..=text.len() {
            let mut room = [0; 120];
            put_short(&mut room, &text[..len]);
            assert_eq!(room[..len], text[..len]);
            assert!(room[len..].iter().all(|byte| *byte == 0), "nothing behind it");
        }
    }

    proptest! {
        #[test]
        fn ids_compare_as_their_bytes(a in "[ab]{0,6}", b in "[ab]{0,6}", cuts in (0usize..7, 0usize..7)) {
            let id = |text: &'static str, cut: usize| text.as_bytes().split_at(cut.min(text.len()));
            let (a, b): (&'static str, &'static str) = (a.leak(), b.leak());
            let (one, other) = (id(a, cuts.0), id(b, cuts.1));
            let (one, other) = (Id::new(one.0, one.1), Id::new(other.0, other.1));
            prop_assert_eq!(one.cmp(&other), a.cmp(b));
            prop_assert_eq!(one == other, a == b);
            prop_assert_eq!(one.to_vec(), a.as_bytes());
            prop_assert_eq!(one.key_hash(), super::key_hash(a.as_bytes()));
            let mut beginning = Beginning::of(a.as_bytes());
            beginning.keep_of(b.as_bytes());
            let shared = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
            prop_assert_eq!(beginning.as_bytes(), &a.as_bytes()[..shared]);
        }
    }

    #[test]
    fn what_is_appended_is_the_text() {
        let text: Vec<u8> = (0..100).collect();
        let mut out = Vec::new();
        let mut expected = Vec::new();
        for length in 0..=100 {
            append(&mut out, &text[..length]);
            expected.extend_from_slice(&text[..length]);
            assert_eq!(out, expected, "{length}");
        }
    }

    #[test]
    fn what_is_appended_from_within_is_the_text() {
        let bytes: Vec<u8> = (0..100).collect();
        let mut out = Vec::new();
        let mut expected = Vec::new();
        for start in 0..=100 {
            for end in start..=100 {
                append_within::<48>(&mut out, &bytes, start..end);
                expected.extend_from_slice(&bytes[start..end]);
            }
            assert_eq!(out, expected, "{start}");
        }
    }
}
