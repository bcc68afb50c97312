//! Separators of a text, found 64 bytes at a time: delimiters and line ends that stand outside quotes.
//!
//! A text in GBK need not be decoded for it ([`gbk_separators`]), and is judged to be GBK on the way.
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
    carriage_return: u64,
    quote: u64,
    nul: u64,
    /// Above ASCII.
    high: u64,
    /// What no character of two bytes begins with in GBK, of those above ASCII.
    no_lead: u64,
    /// What no character of two bytes ends with in GBK.
    no_trail: u64,
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

/// The least byte that ends a character of two bytes in GBK.
const TRAIL_MIN: u8 = 0x40;

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
    separators_by(text, marks, places, masks_of, |_| 0)
}

/// As [`separators`], of a text in GBK that was not decoded, where a byte that looks like a separator may be the end of a
/// character. `None` where the text is not of ASCII and characters of two bytes alone: the decoder then says what it is.
pub fn gbk_separators(text: &[u8], marks: Marks, places: &mut Vec<u32>) -> Option<Seen> {
    let mut pairs = Pairs::default();
    #[cfg(target_arch = "x86_64")]
    if crate::terms::vectors::avx2_with_bits() {
        // SAFETY: the machine has all three.
        let seen = unsafe { wide_gbk_separators(text, marks, places, &mut pairs) };
        return pairs.are_whole().then_some(seen);
    }
    let seen = separators_by(text, marks, places, masks_of, |masks| pairs.trails(masks));
    pairs.are_whole().then_some(seen)
}

/// Which bytes end a character of two bytes. A byte above ASCII that is no end begins one, as a backslash escapes what
/// stands behind it, so that a run of them is looked at as a whole (after Langdale and Lemire, Parsing Gigabytes of JSON
/// per Second, 2019).
#[derive(Default)]
struct Pairs {
    /// 1 where the next byte ends a character.
    open: u64,
    /// Bytes that can not be what they must be here.
    wrong: u64,
}

impl Pairs {
    #[inline(always)]
    fn trails(&mut self, masks: &Masks) -> u64 {
        if masks.high | self.open == 0 {
            return 0;
        }
        const ODD: u64 = 0xaaaa_aaaa_aaaa_aaaa;
        let beginning = masks.high & !self.open;
        let ends = ((beginning << 1 | ODD).wrapping_sub(beginning)) ^ ODD;
        let trails = ends ^ (masks.high | self.open);
        let leads = ends & masks.high;
        self.open = leads >> 63;
        self.wrong |= leads & masks.no_lead | trails & masks.no_trail;
        trails
    }

    fn are_whole(&self) -> bool {
        self.open | self.wrong == 0
    }
}

/// As [`separators`], with the instructions of later machines.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn wide_separators(text: &[u8], marks: Marks, places: &mut Vec<u32>) -> Seen {
    separators_by(
        text,
        marks,
        places,
        |bytes, marks| wide_masks(bytes, marks),
        |_| 0,
    )
}

/// As [`gbk_separators`], with the instructions of later machines.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,bmi1,popcnt")]
fn wide_gbk_separators(text: &[u8], marks: Marks, places: &mut Vec<u32>, pairs: &mut Pairs) -> Seen {
    let trails = |masks: &Masks| pairs.trails(masks);
    separators_by(
        text,
        marks,
        places,
        |bytes, marks| wide_masks(bytes, marks),
        trails,
    )
}

#[inline(always)]
fn separators_by(
    text: &[u8],
    marks: Marks,
    places: &mut Vec<u32>,
    masks_of: impl Fn(&[u8; 64], Marks) -> Masks,
    mut inside_characters: impl FnMut(&Masks) -> u64,
) -> Seen {
    assert!(text.len() < PLACE as usize, "a block fits its places");
    let (mut count, mut inside) = (0, 0);
    let (mut quotes, mut quoted_lines, mut nul, mut line_feeds) = (0, 0, 0, 0);
    let (words, tail) = text.as_chunks::<64>();
    let mut last = [NOTHING; 64];
    last[..tail.len()].copy_from_slice(tail);
    for number in 0..=words.len() {
        let masks = masks_of(words.get(number).unwrap_or(&last), marks);
        let mut found = (masks.delimiter | masks.line) & !inside_characters(&masks);
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

/// The last end of a record in some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct End {
    /// Its place, behind the line end.
    pub at: usize,
    /// False where a quote stands elsewhere than at the ends of a cell, or may: what stands behind the last byte is not
    /// known. A return behind a quote is taken for that of a line end.
    pub neat_quotes: bool,
}

/// Where the last record ends that is whole; `None` where none is. Of the bytes the delimiter must be one that is no part of
/// a longer character.
pub fn end_of_records(bytes: &[u8], marks: Marks) -> Option<End> {
    if marks
        .quote
        .is_none_or(|quote| memchr::memchr(quote, bytes).is_none())
    {
        return memchr::memrchr(b'\n', bytes).map(|at| End {
            at: at + 1,
            neat_quotes: true,
        });
    }
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
fn wide_end_of_records(bytes: &[u8], marks: Marks) -> Option<End> {
    end_of_records_by(bytes, marks, |bytes, marks| wide_masks(bytes, marks))
}

#[inline(always)]
fn end_of_records_by(
    bytes: &[u8],
    marks: Marks,
    masks_of: impl Fn(&[u8; 64], Marks) -> Masks,
) -> Option<End> {
    let (mut inside, mut end) = (0, None);
    // Quotes that are not at the end of a cell; whether the byte before a word separates, and whether it is a quote that
    // closes.
    let (mut loose, mut edge_before, mut closed_before) = (0, 1, 0);
    let (words, tail) = bytes.as_chunks::<64>();
    let mut last = [NOTHING; 64];
    last[..tail.len()].copy_from_slice(tail);
    for number in 0..=words.len() {
        let masks = masks_of(words.get(number).unwrap_or(&last), marks);
        let quoted = prefix_xor(masks.quote) ^ inside;
        inside = 0u64.wrapping_sub(quoted >> 63);
        let (opening, closing) = (masks.quote & quoted, masks.quote & !quoted);
        let edges = masks.delimiter | masks.line;
        loose |= opening & !(edges << 1 | edge_before);
        loose |= (closing << 1 | closed_before) & !(edges | masks.carriage_return);
        (edge_before, closed_before) = (edges >> 63, closing >> 63);
        let lines = masks.line & !quoted;
        if lines != 0 {
            end = Some(number * 64 + 64 - lines.leading_zeros() as usize);
        }
    }
    end.map(|at| End {
        at,
        neat_quotes: loose == 0,
    })
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
    use std::arch::x86_64::{_mm_cmpeq_epi8, _mm_min_epu8, _mm_movemask_epi8, _mm_set_epi64x, _mm_set1_epi8};
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
    let below = |byte: u8| {
        let most = _mm_set1_epi8(byte as i8 - 1);
        let least = |at: usize| _mm_min_epu8(vectors[at], most);
        let mask = |at: usize| u64::from(_mm_movemask_epi8(_mm_cmpeq_epi8(least(at), vectors[at])) as u32);
        mask(0) | mask(1) << 16 | mask(2) << 32 | mask(3) << 48
    };
    let high = |at: usize| u64::from(_mm_movemask_epi8(vectors[at]) as u32);
    Masks {
        delimiter: equal(marks.delimiter),
        line: equal(b'\n'),
        carriage_return: equal(b'\r'),
        quote: marks.quote.map_or(0, equal),
        nul: equal(0),
        high: high(0) | high(1) << 16 | high(2) << 32 | high(3) << 48,
        no_lead: equal(0x80) | equal(0xff),
        no_trail: below(TRAIL_MIN) | equal(0x7f) | equal(0xff),
    }
}

/// Thirty-two bytes at a time.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
#[inline]
fn wide_masks(bytes: &[u8; 64], marks: Marks) -> Masks {
    use std::arch::x86_64::{
        _mm256_cmpeq_epi8, _mm256_min_epu8, _mm256_movemask_epi8, _mm256_set_epi64x, _mm256_set1_epi8,
    };
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
    let below = |byte: u8| {
        let most = _mm256_set1_epi8(byte as i8 - 1);
        let least = |at: usize| _mm256_min_epu8(vectors[at], most);
        let mask =
            |at: usize| u64::from(_mm256_movemask_epi8(_mm256_cmpeq_epi8(least(at), vectors[at])) as u32);
        mask(0) | mask(1) << 32
    };
    let high = |at: usize| u64::from(_mm256_movemask_epi8(vectors[at]) as u32);
    Masks {
        delimiter: equal(marks.delimiter),
        line: equal(b'\n'),
        carriage_return: equal(b'\r'),
        quote: marks.quote.map_or(0, equal),
        nul: equal(0),
        high: high(0) | high(1) << 32,
        no_lead: equal(0x80) | equal(0xff),
        no_trail: below(TRAIL_MIN) | equal(0x7f) | equal(0xff),
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
    let all = |is: fn(u8) -> bool| {
        let bits = bytes.iter().zip(0..64u32);
        bits.fold(0, |mask, (byte, at)| mask | u64::from(is(*byte)) << at)
    };
    Masks {
        delimiter: equal(marks.delimiter),
        line: equal(b'\n'),
        carriage_return: equal(b'\r'),
        quote: marks.quote.map_or(0, equal),
        nul: equal(0),
        high: all(|byte| byte >= 0x80),
        no_lead: equal(0x80) | equal(0xff),
        no_trail: all(|byte| byte < TRAIL_MIN || byte == 0x7f || byte == 0xff),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// One byte at a time: places, what was seen, and the end of the last whole record.
    fn slowly(text: &[u8], marks: Marks) -> (Vec<u32>, Seen, Option<End>) {
        let (mut places, mut inside, mut seen, mut end) = (Vec::new(), false, Seen::default(), None);
        let mut neat_quotes = true;
        for (at, byte) in text.iter().enumerate() {
            seen.line_feeds += u64::from(*byte == b'\n');
            seen.nul |= *byte == 0;
            if Some(*byte) == marks.quote {
                inside = !inside;
                seen.quotes = true;
                let separates = |byte: &u8| *byte == b'\n' || *byte == marks.delimiter;
                neat_quotes &= if inside {
                    at == 0 || text.get(at - 1).is_some_and(separates)
                } else {
                    text.get(at + 1)
                        .is_some_and(|byte| *byte == b'\r' || separates(byte))
                };
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
        let end = end.map(|at| End { at, neat_quotes });
        (places, seen, end)
    }

    /// Text of ASCII and pairs, and the place in the bytes of each of its own bytes and of its end.
    fn pair_by_pair(bytes: &[u8]) -> Option<(String, Vec<u32>)> {
        let (mut text, mut offsets, mut at) = (String::new(), Vec::new(), 0);
        while at < bytes.len() {
            let length = if bytes[at] < 0x80 { 1 } else { 2 };
            let character = bytes.get(at..at + length)?;
            let decoded = encoding_rs::GBK.decode_without_bom_handling_and_without_replacement(character)?;
            if decoded.chars().count() != 1 {
                return None;
            }
            offsets.resize(offsets.len() + decoded.len(), at as u32);
            text.push_str(&decoded);
            at += length;
        }
        offsets.push(at as u32);
        Some((text, offsets))
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
            prop_assert_eq!(separators_by(text.as_bytes(), marks, &mut narrow, masks_of, |_| 0), seen);
            prop_assert_eq!(&narrow, &places);
            prop_assert_eq!((places, seen, end_of_records(text.as_bytes(), marks)), expected);
        }

        #[test]
        fn separators_of_gbk_are_those_of_its_text(
            text in "[a|\",\n丂丄亅亊亊亊支付宝絴|`镀饇]{0,200}",
            noise in prop::collection::vec(any::<u8>(), 0..80),
            cut in 0usize..200,
            bar in any::<bool>(),
        ) {
            let marks = Marks {
                delimiter: if bar { b'|' } else { b',' },
                quote: Some(b'"'),
            };
            let (whole, _, _) = encoding_rs::GBK.encode(&text);
            for bytes in [&whole[..], &whole[..cut.min(whole.len())], &[&whole[..], &noise].concat(), &noise] {
                let (mut places, mut narrow) = (Vec::new(), Vec::new());
                let seen = gbk_separators(bytes, marks, &mut places);
                let mut pairs = Pairs::default();
                let same = separators_by(bytes, marks, &mut narrow, portable_masks, |masks| pairs.trails(masks));
                prop_assert_eq!(seen, pairs.are_whole().then_some(same));
                prop_assert_eq!(&places, &narrow);
                let Some((text, offsets)) = pair_by_pair(bytes) else {
                    prop_assert_eq!(seen, None);
                    continue;
                };
                let (slow, slow_seen, _) = slowly(text.as_bytes(), marks);
                prop_assert_eq!(seen, Some(slow_seen));
                let delivered = |place: &u32| offsets[(place & PLACE) as usize] | (place & LINE);
                prop_assert_eq!(places, slow.iter().map(delivered).collect::<Vec<_>>());
            }
        }

        #[test]
        fn every_machine_sees_the_same(bytes in prop::collection::vec(any::<u8>(), 64), delimiter in any::<u8>()) {
            let bytes: [u8; 64] = bytes.try_into().unwrap();
            let marks = Marks { delimiter, quote: Some(b'"') };
            let (fast, slow) = (masks_of(&bytes, marks), portable_masks(&bytes, marks));
            prop_assert_eq!(
                (fast.delimiter, fast.line, fast.carriage_return, fast.quote, fast.nul, fast.high, fast.no_lead, fast.no_trail),
                (slow.delimiter, slow.line, slow.carriage_return, slow.quote, slow.nul, slow.high, slow.no_lead, slow.no_trail)
            );
        }
    }
}
