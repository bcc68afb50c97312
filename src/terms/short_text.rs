//! Short texts compared without a call.

/// A text of at most 16 bytes as two numbers, so that it is compared at once.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShortText {
    first: u64,
    last: u64,
    len: usize,
}

impl ShortText {
    /// `None` of a longer text.
    #[inline(always)]
    pub fn of(text: &[u8]) -> Option<ShortText> {
        // The two parts may overlap: with the length they are the text.
        let (first, last) = match (text.first_chunk::<8>(), text.last_chunk::<8>()) {
            (Some(first), Some(last)) if text.len() <= 16 => {
                (u64::from_le_bytes(*first), u64::from_le_bytes(*last))
            }
            (Some(_), _) => return None,
            _ => match (text.first_chunk::<4>(), text.last_chunk::<4>()) {
                (Some(first), Some(last)) => (
                    u64::from(u32::from_le_bytes(*first)),
                    u64::from(u32::from_le_bytes(*last)),
                ),
                _ => match text {
                    [] => (0, 0),
                    [a] => (u64::from(*a), 0),
                    [a, .., b] => (
                        u64::from(*a),
                        u64::from(*b) << 8 | u64::from(text[text.len() / 2]),
                    ),
                },
            },
        };
        Some(ShortText {
            first,
            last,
            len: text.len(),
        })
    }
}

/// True when two texts are one. An empty text is never given to the C library: where it compares under a mask, it reads at
/// the text's address all the same, and that of an empty list is no memory, which costs hundreds of cycles.
#[inline(always)]
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len()
        && match (ShortText::of(one), ShortText::of(other)) {
            (Some(one), Some(other)) => one == other,
            _ => one == other,
        }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn texts_are_the_same_when_their_bytes_are(text in "[ab]{0,20}", other in "[ab]{0,20}", at in 0usize..20) {
            prop_assert!(same(text.as_bytes(), text.clone().as_bytes()));
            prop_assert_eq!(same(text.as_bytes(), other.as_bytes()), text == other);
            let mut changed = text.clone().into_bytes();
            if let Some(byte) = changed.get_mut(at) {
                *byte = b'c';
                prop_assert!(!same(text.as_bytes(), &changed));
            }
        }
    }
}
