//! GBK and GB18030 as UTF-8, several times faster than character by character: runs of ASCII are copied, and characters of
//! two bytes are looked up, four at a time, in a table that was made of the decoder's own answers. Whatever else stands in a
//! text (four bytes, bytes that mean nothing) is left to the decoder.

use std::sync::LazyLock;

use encoding_rs::GB18030;

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
    // Two bytes become three at most; what is copied in strides goes over the end.
    bytes.len() / 2 * 3 + 2 * STRIDE
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
