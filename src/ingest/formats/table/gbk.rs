//! GBK and GB18030 as UTF-8, several times faster than character by character: runs of ASCII are copied, and characters of
//! two bytes are looked up in a table that was made of the decoder's own answers. Whatever else stands in a text (four
//! bytes, bytes that mean nothing) is left to the decoder.

use std::sync::LazyLock;

use encoding_rs::GB18030;

const LEAD_MIN: u8 = 0x81;
const TRAIL_MIN: u8 = 0x40;
const LEADS: usize = 0xfe - LEAD_MIN as usize + 1;
const TRAILS: usize = 0xfe - TRAIL_MIN as usize + 1;
/// Bytes of ASCII that are looked at together.
const STRIDE: usize = 16;

/// UTF-8 of each pair of bytes in three bytes, and their number above them; 0 where the pair is no character.
static PAIRS: LazyLock<Vec<u32>> = LazyLock::new(|| {
    let mut pairs = Vec::with_capacity(LEADS * TRAILS);
    for lead in LEAD_MIN..=0xfe {
        for trail in TRAIL_MIN..=0xfe {
            let pair = [lead, trail];
            let text = GB18030.decode_without_bom_handling_and_without_replacement(&pair);
            let utf8 = text.as_deref().map_or(&b""[..], str::as_bytes);
            let mut packed = [0; 4];
            if utf8.len() <= 3 && text.as_deref().is_some_and(|text| text.chars().count() == 1) {
                packed[..utf8.len()].copy_from_slice(utf8);
                packed[3] = utf8.len() as u8;
            }
            pairs.push(u32::from_le_bytes(packed));
        }
    }
    pairs
});

/// Puts the UTF-8 of `bytes` into `out` and gives its length; `None` where the decoder must look at them itself.
pub fn decode(bytes: &[u8], out: &mut Vec<u8>) -> Option<usize> {
    let pairs = PAIRS.as_slice();
    // Two bytes become three at most; what is copied in strides goes over the end.
    let needed = bytes.len() / 2 * 3 + 2 * STRIDE;
    if out.len() < needed {
        out.resize(needed, 0);
    }
    let (mut rest, mut written) = (bytes, 0);
    while let Some(first) = rest.first() {
        if *first < 0x80 {
            let length = match rest.first_chunk::<STRIDE>() {
                Some(stride) => {
                    let high = u128::from_le_bytes(*stride) & (u128::MAX / 255 * 128);
                    out.get_mut(written..written + STRIDE)?.copy_from_slice(stride);
                    (high.trailing_zeros() / 8) as usize
                }
                None => {
                    let ascii = rest.iter().take_while(|byte| **byte < 0x80).count();
                    out.get_mut(written..written + ascii)?
                        .copy_from_slice(&rest[..ascii]);
                    ascii
                }
            };
            written += length;
            rest = &rest[length..];
            continue;
        }
        let [lead, trail, behind @ ..] = rest else {
            return None;
        };
        let (row, column) = (lead.wrapping_sub(LEAD_MIN), trail.wrapping_sub(TRAIL_MIN));
        if usize::from(row) >= LEADS || usize::from(column) >= TRAILS {
            return None;
        }
        let packed = pairs
            .get(usize::from(row) * TRAILS + usize::from(column))?
            .to_le_bytes();
        out.get_mut(written..written + 4)?.copy_from_slice(&packed);
        match packed[3] {
            0 => return None,
            length => written += usize::from(length),
        }
        rest = behind;
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
        match decode(bytes, &mut out) {
            Some(length) => assert_eq!(slow.as_deref().map(str::as_bytes), Some(&out[..length])),
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
        // The euro sign of GBK, and a character of four bytes, are the decoder's.
        assert_eq!(decode(b"\x80", &mut Vec::new()), None);
        assert_eq!(decode(b"a\x81\x30\x81\x30", &mut Vec::new()), None);
        assert_eq!(decode(b"", &mut Vec::new()), Some(0));
    }

    proptest! {
        #[test]
        fn texts_are_what_the_decoder_says(text in "[a-z,\"\n支付宝业务€ ]{0,80}", cut in 0usize..200, noise in prop::collection::vec(any::<u8>(), 0..40)) {
            let (bytes, _, _) = GB18030.encode(&text);
            check(&bytes);
            check(&bytes[..cut.min(bytes.len())]);
            check(&noise);
        }
    }
}
