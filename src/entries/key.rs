//! Match keys as a block keeps them: references of banks and channels are digits nearly always, and take half a byte each.
//!
//! A key of 16 to 32 decimal digits or capitals A to F is kept as two numbers: its first and its last 16 characters,
//! which overlap where it is shorter than 32. A key of 18 to 30 characters may begin with two other digits or capitals,
//! such as `UP`: these are kept as they are, and the first and last 14 characters of its rest as numbers. So such keys
//! have one size and compare as numbers. Any other key is kept as it is. Which keys are packed, and how, follows from
//! their text alone, so two packed keys are equal exactly when their marks and numbers are.

use std::cmp::Ordering;

use crate::entries::bytes::Window;

/// Bytes of a packed key.
pub const PACKED_BYTES: usize = 16;

/// Lengths of keys that are packed.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=32;

/// Lengths of keys that are packed with a prefix.
const PREFIXED_LENGTHS: std::ops::RangeInclusive<usize> = 18..=30;

/// Characters that are kept as they are, where a key has them in front.
const PREFIX: usize = 2;

/// Marks a key that has a prefix.
const PREFIXED: u8 = 1 << 6;

/// A packed key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Packed {
    /// Its two numbers, as one: it never lies in memory on the way to its record.
    number: u128,
    /// Its length, and whether it has a prefix. Below 128.
    pub mark: u8,
}

/// A packed key's text, with zeros behind it: what is copied from it has one size.
pub type Unpacked = [u8; 64];

/// A key as its record keeps it. Keys compare as their bytes (R4).
#[derive(Clone, Copy, Debug)]
pub struct Key<'a> {
    window: Window<'a>,
    /// Mark of a packed key; 0 for others.
    packed: u8,
}

impl Packed {
    /// What its record keeps.
    #[inline(always)]
    pub fn bytes(self) -> [u8; PACKED_BYTES] {
        self.number.to_le_bytes()
    }
}

impl<'a> Key<'a> {
    /// No key.
    pub const NONE: Key<'a> = Key::plain(Window {
        bytes: &[],
        start: 0,
        len: 0,
    });

    /// A key that is kept as it is, within a longer text.
    #[inline(always)]
    pub const fn plain(window: Window<'a>) -> Key<'a> {
        Key { window, packed: 0 }
    }

    /// A key that is kept as it is.
    pub fn of(text: &'a [u8]) -> Key<'a> {
        Key::plain(Window {
            bytes: text,
            start: 0,
            len: text.len(),
        })
    }

    /// A packed key, whose [`PACKED_BYTES`] begin at `start`.
    #[inline(always)]
    pub fn packed(bytes: &'a [u8], start: usize, mark: u8) -> Key<'a> {
        let window = Window {
            bytes,
            start,
            len: PACKED_BYTES,
        };
        Key { window, packed: mark }
    }

    /// A packed key's mark and numbers.
    #[inline(always)]
    pub fn as_packed(self) -> Option<(u8, &'a [u8; PACKED_BYTES])> {
        Some((self.packed, self.numbers()?))
    }

    /// True when there is none: it matches nothing.
    #[inline(always)]
    pub fn is_empty(self) -> bool {
        self.window.len == 0
    }

    #[inline(always)]
    fn kept(self) -> &'a [u8] {
        &self.window.bytes[self.window.start..self.window.start + self.window.len]
    }

    /// Its text: within the longer one, or unpacked into `room`.
    #[inline(always)]
    pub fn text<'b>(self, room: &'b mut Unpacked) -> Window<'b>
    where
        'a: 'b,
    {
        match self.numbers() {
            Some(numbers) => {
                let len = unpack(numbers, self.packed, room);
                Window {
                    bytes: room,
                    start: 0,
                    len,
                }
            }
            None => self.window,
        }
    }

    #[inline(always)]
    fn numbers(self) -> Option<&'a [u8; PACKED_BYTES]> {
        match self.packed {
            0 => None,
            _ => self.kept().first_chunk(),
        }
    }

    /// What stands behind the first `separator` in it; all of it where there is none.
    pub fn behind(self, separator: u8) -> Key<'a> {
        if self.packed > 0 {
            return self; // It holds digits and letters alone.
        }
        let cut = memchr::memchr(separator, self.kept()).map_or(0, |at| at + 1);
        Key::plain(Window {
            bytes: self.window.bytes,
            start: self.window.start + cut,
            len: self.window.len - cut,
        })
    }

    /// Its bytes.
    pub fn to_vec(self) -> Vec<u8> {
        self.text(&mut [0; 64]).as_bytes().to_vec()
    }

    /// As text.
    pub fn to_text(self) -> String {
        String::from_utf8_lossy(self.text(&mut [0; 64]).as_bytes()).into_owned()
    }
}

impl PartialEq for Key<'_> {
    #[inline(always)]
    fn eq(&self, other: &Self) -> bool {
        match (self.numbers(), other.numbers()) {
            (Some(one), Some(two)) => {
                self.packed == other.packed && u128::from_ne_bytes(*one) == u128::from_ne_bytes(*two)
            }
            (None, None) => self.kept() == other.kept(),
            // Records with wider fields keep all keys as they are.
            _ => self.cmp(other).is_eq(),
        }
    }
}

impl Eq for Key<'_> {}

impl Ord for Key<'_> {
    #[cold]
    fn cmp(&self, other: &Self) -> Ordering {
        let (mut one, mut two) = ([0; 64], [0; 64]);
        let (one, two) = (self.text(&mut one), other.text(&mut two));
        one.as_bytes().cmp(two.as_bytes())
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// A text as two numbers; `None` for one that is not packed.
#[inline(always)]
pub fn pack(text: &[u8]) -> Option<Packed> {
    let (first, last) = (text.first_chunk::<16>()?, text.last_chunk::<16>()?);
    if !LENGTHS.contains(&text.len()) {
        return None;
    }
    let (Some(first), Some(last)) = (halves(first), halves(last)) else {
        return pack_prefixed(text);
    };
    Some(Packed {
        number: u128::from(first) | u128::from(last) << 64,
        mark: text.len() as u8,
    })
}

#[inline(never)]
fn pack_prefixed(text: &[u8]) -> Option<Packed> {
    let (prefix, rest) = text.split_at(PREFIX);
    // No other bytes: a key of a channel leg may have its separator there.
    let known = |byte: &u8| byte.is_ascii_digit() || byte.is_ascii_uppercase();
    if !PREFIXED_LENGTHS.contains(&text.len()) || !prefix.iter().all(known) {
        return None;
    }
    let (first, last) = (halves(rest.first_chunk()?)?, halves(rest.last_chunk()?)?);
    // Fourteen characters of either, seven bytes: the first of one, the last of the other.
    let (first, last) = (first & (u64::MAX >> 8), last >> 8);
    let prefix = u64::from(prefix[0]) | u64::from(prefix[1]) << 8;
    Some(Packed {
        number: u128::from(prefix) | u128::from(first) << 16 | u128::from(last) << 72,
        mark: text.len() as u8 | PREFIXED,
    })
}

/// Sixteen characters as half bytes, the first the higher of the lowest byte. `None` when one of them is neither digit
/// nor capital A to F.
#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn halves(text: &[u8; 16]) -> Option<u64> {
    use std::arch::x86_64::*;
    let word = |at: usize| {
        let mut word = [0; 8];
        word.copy_from_slice(&text[at..at + 8]);
        i64::from_le_bytes(word)
    };
    // SAFETY: every x86-64 has SSE2, and none of these touches memory.
    unsafe {
        let all = |byte: u8| _mm_set1_epi8(byte.cast_signed());
        // Unsigned `value <= most` is `min(value, most) == value`.
        let up_to = |values: __m128i, most: u8| _mm_cmpeq_epi8(_mm_min_epu8(values, all(most)), values);
        let text = _mm_set_epi64x(word(8), word(0));
        let (digits, letters) = (_mm_sub_epi8(text, all(b'0')), _mm_sub_epi8(text, all(b'A')));
        let (is_digit, is_letter) = (up_to(digits, 9), up_to(letters, 5));
        if _mm_movemask_epi8(_mm_or_si128(is_digit, is_letter)) != 0xffff {
            return None;
        }
        let letters = _mm_and_si128(is_letter, _mm_add_epi8(letters, all(10)));
        let values = _mm_or_si128(_mm_and_si128(is_digit, digits), letters);
        let pairs = _mm_or_si128(_mm_slli_epi16(values, 4), _mm_srli_epi16(values, 8));
        let pairs = _mm_and_si128(pairs, _mm_set1_epi16(0xff));
        Some(_mm_cvtsi128_si64(_mm_packus_epi16(pairs, pairs)).cast_unsigned())
    }
}

/// The same on other machines.
#[cfg(any(not(target_arch = "x86_64"), test))]
fn halves_portable(text: &[u8; 16]) -> Option<u64> {
    let value = |character: u8| match character {
        b'0'..=b'9' => Some(character - b'0'),
        b'A'..=b'F' => Some(character - b'A' + 10),
        _ => None,
    };
    let mut packed = [0u8; 8];
    for (packed, [high, low]) in packed.iter_mut().zip(text.as_chunks::<2>().0) {
        *packed = value(*high)? << 4 | value(*low)?;
    }
    Some(u64::from_le_bytes(packed))
}

#[cfg(not(target_arch = "x86_64"))]
use halves_portable as halves;

/// Puts the characters of a packed text where they stand in it. Returns its length.
#[inline(always)]
fn unpack(packed: &[u8; PACKED_BYTES], mark: u8, room: &mut Unpacked) -> usize {
    let mut text = [0u8; 32];
    for (pair, packed) in text.as_chunks_mut::<2>().0.iter_mut().zip(packed) {
        *pair = [packed >> 4, packed & 15].map(|value| value + if value < 10 { b'0' } else { b'A' - 10 });
    }
    let len = usize::from(mark & !PREFIXED);
    // The numbers overlap in the middle: the last is put down first.
    if mark & PREFIXED == 0 {
        room[len - 16..len].copy_from_slice(&text[16..]);
        room[..16].copy_from_slice(&text[..16]);
    } else {
        room[len - 14..len].copy_from_slice(&text[18..]);
        room[PREFIX..16].copy_from_slice(&text[4..18]);
        room[..PREFIX].copy_from_slice(&packed[..PREFIX]);
    }
    len
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A key as a record would keep it.
    fn kept<'a>(text: &'a [u8], room: &'a mut Vec<u8>) -> Key<'a> {
        match pack(text) {
            Some(packed) => {
                room.extend_from_slice(b"before");
                room.extend_from_slice(&packed.bytes());
                room.extend_from_slice(b"behind");
                Key::packed(room, 6, packed.mark)
            }
            None => Key::of(text),
        }
    }

    #[test]
    fn what_is_packed_follows_from_the_text() {
        for packed in [
            "0123456789ABCDEF",
            "20260302220011974887464420420000",
            "B1852306494926781929",
            "UP2026030212345678901234",
            "UPB185230649492678",
            "Z9185230649492678192912345678A",
        ] {
            assert!(pack(packed.as_bytes()).is_some(), "{packed}");
        }
        for plain in [
            "",
            "012345678901234",
            "0123456789abcdef",
            "0123456789ABCDEG",
            "012345678901234567890123456789012",
            "2026-03-02 10:00",
            "UP202603021234567",
            "ZZ185230649492678192912345678AB",
            "A\u{1f}2026030212345678901234",
            "up2026030212345678901234",
            "GP2026030212345G78901234",
            "20260302220011974887464420420０",
        ] {
            assert!(pack(plain.as_bytes()).is_none(), "{plain}");
        }
        for byte in 0..=u8::MAX {
            let mut text = *b"0000000000000000000";
            for at in [0, 5, 18] {
                text[at] = byte;
                let letters = if at == 0 { b'A'..=b'Z' } else { b'A'..=b'F' };
                let known = byte.is_ascii_digit() || letters.contains(&byte);
                assert_eq!(pack(&text).is_some(), known, "{byte}");
                for half in [text.first_chunk(), text.last_chunk()].into_iter().flatten() {
                    assert_eq!(halves(half), halves_portable(half), "{byte}");
                }
                text[at] = b'0';
            }
        }
    }

    proptest! {
        #[test]
        fn keys_are_their_texts(a in "[0-9A-G]{0,34}|[0-9A-Za]{2}[0-9A-F]{14,30}", b in "[0-9A-G]{0,34}|[0-9A-Z]{2}[0-9A-F]{14,30}", same in 0..3) {
            let b = match same {
                0 => a.clone(),
                // One character differs.
                1 => a.chars().rev().take(1).chain(a.chars().skip(1)).collect(),
                _ => b,
            };
            let (mut one, mut two) = (Vec::new(), Vec::new());
            let (a, b) = (a.as_bytes(), b.as_bytes());
            let (one, two) = (kept(a, &mut one), kept(b, &mut two));
            prop_assert_eq!(one.to_vec(), a);
            prop_assert_eq!(one.is_empty(), a.is_empty());
            prop_assert_eq!(one == two, a == b);
            prop_assert_eq!(one.cmp(&two), a.cmp(b));
            prop_assert_eq!(one == Key::of(b), a == b);
        }
    }
}
