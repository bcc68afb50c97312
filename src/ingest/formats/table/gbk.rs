//! GBK and GB18030 as UTF-8, several times faster than character by character: runs of ASCII are copied, and characters of
//! two bytes are looked up, four at a time, in a table that was made of the decoder's own answers. Whatever else stands in a
//! text (four bytes, bytes that mean nothing) is left to the decoder.

use std::sync::LazyLock;

use encoding_rs::GB18030;

#[cfg(target_arch = "x86_64")]
use crate::terms::vectors;

/// Pairs of a byte above ASCII, without its high bit, and any byte.
const PAIRS_COUNT: usize = 1 << 15;
/// Bytes of ASCII that are looked at together.
const STRIDE: usize = 16;
/// Bytes of four characters.
const FOUR: usize = 8;
/// The high bit of the first byte of each of four characters.
const LEADS: u64 = 0x0080_0080_0080_0080;
/// UTF-8 of three bytes, as nearly all characters have.
const THREE_BYTES: u32 = 3 << 24;

/// UTF-8 of each pair of bytes in three bytes, and their number above them; 0 where the pair is no character.
static PAIRS: LazyLock<Box<[u32; PAIRS_COUNT]>> = LazyLock::new(|| {
    let mut pairs = Box::new([0; PAIRS_COUNT]);
    let trails: Vec<u8> = (0x40..=0xfe).filter(|trail| *trail != 0x7f).collect();
    for lead in 0x81..=0xfe {
        // All pairs of a lead at once: every one of them is a character.
        let bytes: Vec<u8> = trails.iter().flat_map(|trail| [lead, *trail]).collect();
        let Some(text) = GB18030.decode_without_bom_handling_and_without_replacement(&bytes) else {
            continue;
        };
        if text.chars().count() != trails.len() {
            continue;
        }
        for (trail, character) in trails.iter().zip(text.chars()) {
            let mut utf8 = [0; 4];
            let length = character.len_utf8();
            if length <= 3 {
                character.encode_utf8(&mut utf8);
                utf8[3] = length as u8;
                pairs[place_of(lead, *trail)] = u32::from_le_bytes(utf8);
            }
        }
    }
    pairs
});

/// Where the entry of a pair stands whose first byte is above ASCII.
#[inline(always)]
fn place_of(lead: u8, trail: u8) -> usize {
    usize::from(lead & 0x7f) << 8 | usize::from(trail)
}

/// True where some byte of a short text is above ASCII.
#[inline(always)]
pub fn has_high(text: &[u8]) -> bool {
    // The two parts may overlap: together they are the text.
    match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        (Some(first), Some(last)) if text.len() <= 16 => {
            (u64::from_le_bytes(*first) | u64::from_le_bytes(*last)) & (u64::MAX / 255 * 128) != 0
        }
        (Some(_), _) => !text.is_ascii(),
        _ => match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
            (Some(first), Some(last)) => {
                (u32::from_le_bytes(*first) | u32::from_le_bytes(*last)) & (u32::MAX / 255 * 128) != 0
            }
            _ => match text {
                [] => false,
                [first, .., last] => (first | last | text[text.len() / 2]) >= 0x80,
                [one] => *one >= 0x80,
            },
        },
    }
}

/// The entry of a pair whose first byte is above ASCII.
#[inline(always)]
fn packed(pairs: &[u32; PAIRS_COUNT], lead: u8, trail: u8) -> u32 {
    pairs[place_of(lead, trail)]
}

/// Puts the UTF-8 of `bytes` into `out`, from its byte `start` on, and gives where it ends; `None` where the decoder must
/// look at them itself. What stood in `out` behind it is lost.
pub fn decode(bytes: &[u8], out: &mut Vec<u8>, start: usize) -> Option<usize> {
    let needed = start + room_for(bytes);
    if out.len() < needed {
        out.resize(needed, 0);
    }
    Some(start + decode_into(bytes, &mut out[start..])?)
}

/// Room that [`decode_into`] wants for these bytes.
#[inline(always)]
pub fn room_for(bytes: &[u8]) -> usize {
    // Two bytes become three at most; what is copied in strides, or written at once, goes over the end.
    bytes.len() / 2 * 3 + 4 * STRIDE
}

/// As [`decode`], into room that was made before; `None` too where that is not enough.
pub fn decode_into(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
    let pairs: &[u32; PAIRS_COUNT] = &PAIRS;
    let (mut rest, mut written) = (bytes, 0);
    while !rest.is_empty() {
        while let Some((four, behind)) = rest.split_first_chunk::<FOUR>() {
            if u64::from_le_bytes(*four) & LEADS != LEADS {
                break;
            }
            // Written out: an array's `map` is not always compiled into this.
            let (a, b) = (packed(pairs, four[0], four[1]), packed(pairs, four[2], four[3]));
            let (c, d) = (packed(pairs, four[4], four[5]), packed(pairs, four[6], four[7]));
            if (a & b & c & d) & THREE_BYTES != THREE_BYTES {
                break;
            }
            // Each is written over the fourth byte of the one before.
            let room: &mut [u8; 13] = out.get_mut(written..)?.first_chunk_mut()?;
            room[..4].copy_from_slice(&a.to_le_bytes());
            room[3..7].copy_from_slice(&b.to_le_bytes());
            room[6..10].copy_from_slice(&c.to_le_bytes());
            room[9..].copy_from_slice(&d.to_le_bytes());
            written += 12;
            rest = behind;
        }
        while let Some(([lead, trail], behind)) = rest.split_first_chunk()
            && *lead >= 0x80
        {
            let utf8 = packed(pairs, *lead, *trail).to_le_bytes();
            if utf8[3] == 0 {
                return None;
            }
            *out.get_mut(written..)?.first_chunk_mut()? = utf8;
            written += usize::from(utf8[3]);
            rest = behind;
        }
        match rest.first() {
            None => break,
            Some(0x80..) => return None,
            Some(_) => {}
        }
        let ascii = match rest.first_chunk::<STRIDE>() {
            Some(stride) => {
                *out.get_mut(written..)?.first_chunk_mut()? = *stride;
                let high = u128::from_le_bytes(*stride) & (u128::MAX / 255 * 128);
                (high.trailing_zeros() / 8) as usize
            }
            None => {
                let ascii = rest.iter().take_while(|byte| **byte < 0x80).count();
                out.get_mut(written..written + ascii)?
                    .copy_from_slice(&rest[..ascii]);
                ascii
            }
        };
        written += ascii;
        rest = &rest[ascii..];
    }
    Some(written)
}

/// How names are decoded on this machine; asked once for many.
#[derive(Clone, Copy)]
pub struct Names {
    /// All characters of a name at once: the machine has the instructions.
    at_once: bool,
}

/// Bytes of a name of which all characters are looked up at once, at most.
#[cfg(target_arch = "x86_64")]
const NAME_BYTES_MAX: usize = 32;

impl Names {
    /// As this machine does it.
    pub fn of_machine() -> Names {
        #[cfg(target_arch = "x86_64")]
        let at_once = vectors::avx512_that_compresses();
        #[cfg(not(target_arch = "x86_64"))]
        let at_once = false;
        Names { at_once }
    }

    /// As [`decode_into`], of a text that is likely to be a name.
    #[inline(always)]
    pub fn decode_into(self, bytes: &[u8], out: &mut [u8]) -> Option<usize> {
        #[cfg(target_arch = "x86_64")]
        if self.at_once
            // SAFETY: the machine has the instructions.
            && let Some(length) = unsafe { name_at_once(bytes, out) }
        {
            return Some(length);
        }
        decode_into(bytes, out)
    }
}

/// As [`decode_into`], of a text of so few bytes that is characters of three bytes each in UTF-8; `None` of all else.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vl,avx512vbmi2")]
fn name_at_once(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
    use std::arch::x86_64::{
        __mmask16, __mmask32, _mm256_maskz_loadu_epi8, _mm256_movepi8_mask, _mm256_or_si256,
        _mm256_slli_epi16, _mm256_srli_epi16, _mm512_and_si512, _mm512_cmpgt_epu32_mask,
        _mm512_cvtepu16_epi32, _mm512_mask_i32gather_epi32, _mm512_maskz_compress_epi8, _mm512_set1_epi32,
        _mm512_setzero_si512, _mm512_storeu_si512,
    };
    let characters = bytes.len() / 2;
    if bytes.len() > NAME_BYTES_MAX || !bytes.len().is_multiple_of(2) {
        return None;
    }
    let room: &mut [u8; 64] = out.first_chunk_mut()?;
    let pairs: &[u32; PAIRS_COUNT] = &PAIRS;
    // How many characters there are nobody can guess: no branch asks for it.
    let mask = ((1u64 << bytes.len()) - 1) as __mmask32;
    let present = ((1u64 << characters) - 1) as __mmask16;
    // SAFETY: no more than the bytes of the text are read.
    let text = unsafe { _mm256_maskz_loadu_epi8(mask, bytes.as_ptr().cast()) };
    let leads = mask & 0x5555_5555;
    let swapped = _mm256_or_si256(_mm256_slli_epi16::<8>(text), _mm256_srli_epi16::<8>(text));
    let places = _mm512_and_si512(
        _mm512_cvtepu16_epi32(swapped),
        _mm512_set1_epi32(PAIRS_COUNT as i32 - 1),
    );
    // SAFETY: every place is within the table.
    let found = unsafe {
        _mm512_mask_i32gather_epi32::<4>(_mm512_setzero_si512(), present, places, pairs.as_ptr().cast())
    };
    let of_three = _mm512_cmpgt_epu32_mask(found, _mm512_set1_epi32(THREE_BYTES as i32 - 1));
    if _mm256_movepi8_mask(text) & leads != leads || of_three != present {
        return None;
    }
    let utf8 = _mm512_maskz_compress_epi8(0x7777_7777_7777_7777, found);
    // SAFETY: the room has 64 bytes.
    unsafe { _mm512_storeu_si512(room.as_mut_ptr().cast(), utf8) };
    Some(characters * 3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn check(bytes: &[u8]) {
        let slow = GB18030.decode_without_bom_handling_and_without_replacement(bytes);
        let mut out = vec![7; 3];
        match decode(bytes, &mut out, 2) {
            Some(end) => {
                assert_eq!(slow.as_deref().map(str::as_bytes), Some(&out[2..end]));
                assert_eq!(out[..2], [7, 7]);
            }
            None => assert!(bytes.iter().any(|byte| *byte >= 0x80), "ASCII is always read"),
        }
        let mut name = vec![7; room_for(bytes)];
        let length = Names::of_machine().decode_into(bytes, &mut name);
        assert_eq!(length, decode(bytes, &mut out, 0), "{bytes:?}");
        assert!(
            length.is_none_or(|length| name[..length] == out[..length]),
            "{bytes:?}"
        );
    }

    #[test]
    fn names_of_any_length_are_what_the_decoder_says() {
        let (name, _, _) = GB18030.encode("江南茶叶有限公司（上海）支付业务部门南京路店一二三四五六");
        for length in 0..=name.len() {
            check(&name[..length]);
            // A character of two bytes in UTF-8, one of ASCII, and half of one.
            for odd in [&b"\xa7\xa1"[..], b"a", b"\xb1"] {
                check(&[&name[..length], odd].concat());
                check(&[odd, &name[..length]].concat());
            }
        }
    }

    #[test]
    fn every_pair_is_what_the_decoder_says() {
        for lead in 0..=255u8 {
            for trail in 0..=255u8 {
                check(&[lead, trail]);
            }
        }
        // That is so for all that may be one.
        let places = (0x81..=0xfe).flat_map(|lead| (0x40..=0xfe).map(move |trail| (lead, trail)));
        assert!(
            places
                .filter(|(_, trail)| *trail != 0x7f)
                .all(|(lead, trail)| packed(&PAIRS, lead, trail) != 0)
        );
        // The euro sign of GBK, and a character of four bytes, are the decoder's.
        assert_eq!(decode(b"\x80", &mut Vec::new(), 0), None);
        assert_eq!(decode(b"a\x81\x30\x81\x30", &mut Vec::new(), 0), None);
        assert_eq!(decode(b"", &mut Vec::new(), 0), Some(0));
    }

    proptest! {
        #[test]
        fn texts_are_what_the_decoder_says(text in "[a-z,\"\n支付宝业务€ ]{0,80}", cut in 0usize..200, noise in prop::collection::vec(any::<u8>(), 0..40)) {
            let (bytes, _, _) = GB18030.encode(&text);
            check(&bytes);
            check(&bytes[..cut.min(bytes.len())]);
            check(&noise);
            for length in 0..=noise.len() {
                let low: Vec<u8> = noise[..length].iter().map(|byte| byte & 0x7f).collect();
                assert!(!has_high(&low));
                for at in 0..length {
                    let mut one = low.clone();
                    one[at] |= 0x80;
                    assert!(has_high(&one), "{one:?}");
                }
            }
        }
    }
}
