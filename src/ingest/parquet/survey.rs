//! One pass over texts: are control characters or bytes beyond ASCII among them?

use super::Unfit;

/// What stands in some bytes.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Survey {
    /// Bytes below 0x20, and 0x7F.
    pub controls: usize,
    /// True when some byte is above 0x7F.
    pub beyond_ascii: bool,
}

/// Looks at all bytes.
pub fn survey(bytes: &[u8]) -> Survey {
    #[cfg(target_arch = "x86_64")]
    if crate::terms::vectors::avx2() {
        // SAFETY: the feature is there.
        return unsafe { survey_avx2(bytes) };
    }
    lanes(bytes)
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn survey_avx2(bytes: &[u8]) -> Survey {
    lanes(bytes)
}

/// Bytes that are counted side by side, so that the compiler makes vectors of them.
const LANES: usize = 64;

#[inline(always)]
fn lanes(bytes: &[u8]) -> Survey {
    let (words, tail) = bytes.as_chunks::<LANES>();
    let mut controls = 0;
    let mut high = [0u8; LANES];
    // A lane counts to 255 at most.
    for words in words.chunks(255) {
        let mut counts = [0u8; LANES];
        for word in words {
            for lane in 0..LANES {
                // It cannot overflow, and a check would keep the compiler from making vectors.
                let control = u8::from(word[lane] < 0x20) | u8::from(word[lane] == 0x7f);
                counts[lane] = counts[lane].wrapping_add(control);
                high[lane] |= word[lane];
            }
        }
        controls += counts.iter().map(|count| usize::from(*count)).sum::<usize>();
    }
    let mut any = high.iter().fold(0, |any, lane| any | lane);
    for byte in tail {
        controls += usize::from(byte.is_ascii_control());
        any |= byte;
    }
    Survey {
        controls,
        beyond_ascii: any >= 0x80,
    }
}

/// Control characters among the four bytes of a length in front of a text.
#[inline(always)]
pub fn controls_of_length(length: u32) -> usize {
    match length {
        0..0x20 | 0x7f => 4,
        0x20..0x100 => 3,
        _ => length
            .to_le_bytes()
            .iter()
            .filter(|byte| byte.is_ascii_control())
            .count(),
    }
}

/// Checks a text.
///
/// # Errors
/// It is not UTF-8.
pub fn check_utf8(text: &[u8]) -> Result<(), Unfit> {
    simdutf8::basic::from_utf8(text).map(|_| ()).map_err(|_| Unfit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_is_counted_wherever_it_stands() {
        for length in [0usize, 1, 63, 64, 65, 300, 64 * 255 + 3, 64 * 600] {
            for byte in [0u8, 0x1f, 0x20, 0x7e, 0x7f, 0x80, 0xff] {
                for at in [0, length / 2, length.saturating_sub(1)] {
                    let mut bytes = vec![b'a'; length];
                    if let Some(slot) = bytes.get_mut(at) {
                        *slot = byte;
                    }
                    let expected = Survey {
                        controls: bytes.iter().filter(|byte| byte.is_ascii_control()).count(),
                        beyond_ascii: !bytes.is_ascii(),
                    };
                    assert_eq!(survey(&bytes), expected);
                    assert_eq!(lanes(&bytes), expected);
                }
            }
        }
        let all = vec![0u8; 64 * 1000];
        assert_eq!(survey(&all).controls, all.len());
    }

    #[test]
    fn lengths_count_their_own_bytes() {
        for length in [
            0,
            1,
            31,
            32,
            126,
            127,
            128,
            255,
            256,
            8192,
            0x2020,
            0x7f7f_7f7f,
            u32::MAX,
        ] {
            assert_eq!(
                controls_of_length(length),
                survey(&length.to_le_bytes()).controls,
                "{length}"
            );
        }
    }
}
