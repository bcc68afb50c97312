//! Separators of a text, found 64 bytes at a time: delimiters and line ends that stand outside quotes.
//!
//! Only places are found here; whether quotes stand where they may is for [`super::cut`] to judge. A quote opens or closes
//! whatever stands beside it, so that both agree on where a record ends.

/// Set on the place of a line end.
pub const LINE: u32 = 1 << 31;

/// The place without [`LINE`].
pub const PLACE: u32 = LINE - 1;

/// Which of 64 bytes are what; bit i stands for byte i.
#[derive(Clone, Copy)]
struct Masks {
    delimiter: u64,
    line: u64,
    quote: u64,
    nul: u64,
}

/// The bytes that separate.
#[derive(Clone, Copy, Debug)]
pub struct Marks {
    /// Between two cells.
    pub delimiter: u8,
    /// Around cells that hold separators.
    pub quote: Option<u8>,
}

/// What else was seen in a text.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Seen {
    /// A quote.
    pub quotes: bool,
    /// A line end inside quotes.
    pub lines_in_quotes: bool,
    /// A NUL.
    pub nul: bool,
    /// How many line feeds, inside quotes too.
    pub line_feeds: u64,
}

/// Fills up the last of the 64 bytes: no separator, quote or NUL.
const NOTHING: u8 = 1;

/// Finds the separators of a text that begins outside quotes. A text without a line end at its end is given one behind
/// it.
pub fn separators(text: &[u8], marks: Marks, places: &mut Vec<u32>) -> Seen {
    #[cfg(target_arch = "x86_64")]
    if crate::terms::vectors::avx2_with_bits() {
        // SAFETY: the machine has all three.
        return unsafe { wide_separators(text, marks, places) };
    }
    separators_by(text, marks, places, masks_of)
}

/// As [`separators`], with the instructions of later machines.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn wide_separators(text: &[u8], marks: Marks, places: &mut Vec<u32>) -> Seen {
    separators_by(text, marks, places, |bytes, marks| wide_masks(bytes, marks))
}

#[inline(always)]
fn separators_by(
    text: &[u8],
    marks: Marks,
    places: &mut Vec<u32>,
    masks_of: impl Fn(&[u8; 64], Marks) -> Masks,
) -> Seen {
    assert!(text.len() < PLACE as usize, "a block fits its places");
    let (mut count, mut inside) = (0, 0);
    let (mut quotes, mut quoted_lines, mut nul, mut line_feeds) = (0, 0, 0, 0);
    let (words, tail) = text.as_chunks::<64>();
    let mut last = [NOTHING; 64];
    last[..tail.len()].copy_from_slice(tail);
    for number in 0..=words.len() {
        let masks = masks_of(words.get(number).unwrap_or(&last), marks);
        let mut found = masks.delimiter | masks.line;
        nul |= masks.nul;
        line_feeds += masks.line.count_ones();
        if masks.quote | inside != 0 {
            let quoted = prefix_xor(masks.quote) ^ inside;
            quotes |= masks.quote;
            quoted_lines |= masks.line & quoted;
            found &= !quoted;
            inside = 0u64.wrapping_sub(quoted >> 63);
        }
        let base = number as u32 * 64;
        let wanted = count + found.count_ones() as usize;
        if places.len() < wanted + 8 {
            places.resize((wanted + 8).max(2 * places.len()), 0);
        }
        loop {
            // Eight at a time, without a branch for each: the surplus is overwritten by the next word.
            for place in &mut places[count..count + 8] {
                let bit = found.trailing_zeros();
                let line = (masks.line.wrapping_shr(bit) as u32 & 1) << 31;
                *place = (base + bit) | line;
                found &= found.wrapping_sub(1);
            }
            count += 8;
            if count >= wanted {
                break;
            }
        }
        count = wanted;
    }
    places.truncate(count);
    if text.last().is_some_and(|byte| *byte != b'\n') || inside != 0 {
        places.push(text.len() as u32 | LINE);
    }
    Seen {
        quotes: quotes != 0,
        lines_in_quotes: quoted_lines != 0,
        nul: nul != 0,
        line_feeds: u64::from(line_feeds),
    }
}

/// Where the last record ends that is whole, behind its line end; `None` where none is.
pub fn end_of_records(bytes: &[u8], quote: Option<u8>) -> Option<usize> {
    let unquoted = |bytes: &[u8]| memchr::memrchr(b'\n', bytes).map(|at| at + 1);
    let Some(quote) = quote else {
        return unquoted(bytes);
    };
    if memchr::memchr(quote, bytes).is_none() {
        return unquoted(bytes);
    }
    let marks = Marks {
        delimiter: b'\n',
        quote: Some(quote),
    };
    #[cfg(target_arch = "x86_64")]
    if crate::terms::vectors::avx2() {
        // SAFETY: the machine has it.
        return unsafe { wide_end_of_records(bytes, marks) };
    }
    end_of_records_by(bytes, marks, masks_of)
}

/// As [`end_of_records`], with the instructions of later machines.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn wide_end_of_records(bytes: &[u8], marks: Marks) -> Option<usize> {
    end_of_records_by(bytes, marks, |bytes, marks| wide_masks(bytes, marks))
}

#[inline(always)]
fn end_of_records_by(
    bytes: &[u8],
    marks: Marks,
    masks_of: impl Fn(&[u8; 64], Marks) -> Masks,
) -> Option<usize> {
    let (mut inside, mut end) = (0, None);
    let (words, tail) = bytes.as_chunks::<64>();
    let mut last = [NOTHING; 64];
    last[..tail.len()].copy_from_slice(tail);
    for number in 0..=words.len() {
        let masks = masks_of(words.get(number).unwrap_or(&last), marks);
        let quoted = prefix_xor(masks.quote) ^ inside;
        inside = 0u64.wrapping_sub(quoted >> 63);
        let lines = masks.line & !quoted;
        if lines != 0 {
            end = Some(number * 64 + 64 - lines.leading_zeros() as usize);
        }
    }
    end
}

/// Bit i of the result is the exclusive-or of bits 0 to i.
#[inline(always)]
fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

#[cfg(target_arch = "x86_64")]
#[inline(always)]
fn masks_of(bytes: &[u8; 64], marks: Marks) -> Masks {
    // SAFETY: every x86-64 has these vectors.
    unsafe { vector_masks(bytes, marks) }
}

/// Sixteen bytes at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "sse2")]
#[inline]
fn vector_masks(bytes: &[u8; 64], marks: Marks) -> Masks {
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
    let quarters = bytes.as_chunks::<8>().0;
    let load = |quarter: usize| {
        let half = |at: usize| i64::from_le_bytes(quarters[at]);
        _mm_set_epi64x(half(2 * quarter + 1), half(2 * quarter))
    };
    let vectors = [load(0), load(1), load(2), load(3)];
    let equal = |byte: u8| {
        let wanted = _mm_set1_epi8(byte as i8);
        let mask = |at: usize| u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(vectors[at], wanted)) as u32);
        mask(0) | mask(1) << 16 | mask(2) << 32 | mask(3) << 48
    };
    Masks {
        delimiter: equal(marks.delimiter),
        line: equal(b'\n'),
        quote: marks.quote.map_or(0, equal),
        nul: equal(0),
    }
}

/// Thirty-two bytes at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn wide_masks(bytes: &[u8; 64], marks: Marks) -> Masks {
    use std::arch::x86_64::{_mm256_cmpeq_epi8, _mm256_movemask_epi8, _mm256_set_epi64x, _mm256_set1_epi8};
    let quarters = bytes.as_chunks::<8>().0;
    let load = |half: usize| {
        let word = |at: usize| i64::from_le_bytes(quarters[4 * half + at]);
        _mm256_set_epi64x(word(3), word(2), word(1), word(0))
    };
    let vectors = [load(0), load(1)];
    let equal = |byte: u8| {
        let wanted = _mm256_set1_epi8(byte as i8);
        let mask = |at: usize| u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(vectors[at], wanted)) as u32);
        mask(0) | mask(1) << 32
    };
    Masks {
        delimiter: equal(marks.delimiter),
        line: equal(b'\n'),
        quote: marks.quote.map_or(0, equal),
        nul: equal(0),
    }
}

/// Eight bytes at a time, by arithmetic.
#[cfg(not(target_arch = "x86_64"))]
fn masks_of(bytes: &[u8; 64], marks: Marks) -> Masks {
    portable_masks(bytes, marks)
}

#[cfg(any(test, not(target_arch = "x86_64")))]
fn portable_masks(bytes: &[u8; 64], marks: Marks) -> Masks {
    const ONES: u64 = 0x0101_0101_0101_0101;
    const LOW_7: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let equal = |byte: u8| {
        let mut mask = 0;
        for (number, chunk) in bytes.as_chunks::<8>().0.iter().enumerate() {
            let x = u64::from_le_bytes(*chunk) ^ (ONES * u64::from(byte));
            // The high bit of every byte that is 0, and of no other; then the eight bits side by side.
            let zeros = !(((x & LOW_7) + LOW_7) | x | LOW_7);
            mask |= ((zeros >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (number * 8);
        }
        mask
    };
    Masks {
        delimiter: equal(marks.delimiter),
        line: equal(b'\n'),
        quote: marks.quote.map_or(0, equal),
        nul: equal(0),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One byte at a time: places, what was seen, and the end of the last whole record.
    fn slowly(text: &[u8], marks: Marks) -> (Vec<u32>, Seen, Option<usize>) {
        let (mut places, mut inside, mut seen, mut end) = (Vec::new(), false, Seen::default(), None);
        for (at, byte) in text.iter().enumerate() {
            seen.line_feeds += u64::from(*byte == b'\n');
            seen.nul |= *byte == 0;
            if Some(*byte) == marks.quote {
                inside = !inside;
                seen.quotes = true;
            } else if *byte == b'\n' {
                seen.lines_in_quotes |= inside;
                if !inside {
                    places.push(at as u32 | LINE);
                    end = Some(at + 1);
                }
            } else if *byte == marks.delimiter && !inside {
                places.push(at as u32);
            }
        }
        if text.last().is_some_and(|byte| *byte != b'\n') || inside {
            places.push(text.len() as u32 | LINE);
        }
        (places, seen, end)
    }

    proptest! {
        #[test]
        fn separators_are_found_as_one_by_one(text in "[a,;\"\n|\r支\u{0}]{0,300}", quoted in any::<bool>(), semicolon in any::<bool>()) {
            let marks = Marks {
                delimiter: if semicolon { b';' } else { b',' },
                quote: quoted.then_some(b'"'),
            };
            let mut places = vec![7; 3];
            let seen = separators(text.as_bytes(), marks, &mut places);
            let expected = slowly(text.as_bytes(), marks);
            let mut narrow = Vec::new();
            prop_assert_eq!(separators_by(text.as_bytes(), marks, &mut narrow, masks_of), seen);
            prop_assert_eq!(&narrow, &places);
            prop_assert_eq!((places, seen, end_of_records(text.as_bytes(), marks.quote)), expected);
        }

        #[test]
        fn every_machine_sees_the_same(bytes in prop::collection::vec(any::<u8>(), 64), delimiter in any::<u8>()) {
            let bytes: [u8; 64] = bytes.try_into().unwrap();
            let marks = Marks { delimiter, quote: Some(b'"') };
            let (fast, slow) = (masks_of(&bytes, marks), portable_masks(&bytes, marks));
            prop_assert_eq!(
                (fast.delimiter, fast.line, fast.quote, fast.nul),
                (slow.delimiter, slow.line, slow.quote, slow.nul)
            );
        }
    }
}
