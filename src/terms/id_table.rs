//! Short texts as numbers: merchants, accounts, channels. Every row asks.
//!
//! Texts of up to 16 bytes, which nearly all are, lie in the table itself, so that a look-up touches one place in
//! memory; longer ones are kept apart.

use rustc_hash::FxHashMap;

/// Finds the number of a text.
#[derive(Clone, Debug, Default)]
pub struct IdTable {
    /// A power of two, or none.
    slots: Vec<Slot>,
    used: usize,
    long: FxHashMap<Box<[u8]>, u32>,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    text: [u64; 2],
    /// Number, and above it the length of the text + 1; 0 for a free slot.
    number: u64,
}

const FREE: Slot = Slot {
    text: [0; 2],
    number: 0,
};

impl IdTable {
    /// An empty table with room for `texts`.
    pub fn with_capacity(texts: usize) -> IdTable {
        IdTable {
            slots: vec![FREE; (texts * 2).next_power_of_two().max(16)],
            used: 0,
            long: FxHashMap::default(),
        }
    }

    /// Gives a text its number. Of a text given twice the first number stays.
    pub fn insert(&mut self, text: &[u8], number: u32) {
        let Some(packed) = pack(text) else {
            self.long.entry(text.into()).or_insert(number);
            return;
        };
        if (self.used + 1) * 2 > self.slots.len() {
            let wider = vec![FREE; (self.slots.len() * 2).max(16)];
            for slot in std::mem::replace(&mut self.slots, wider) {
                if slot.number != 0 {
                    self.place(slot);
                }
            }
        }
        self.used += 1;
        self.place(Slot {
            text: packed,
            number: (text.len() as u64 + 1) << 32 | u64::from(number),
        });
    }

    fn place(&mut self, new: Slot) {
        let mut at = self.first(new.text);
        while self.slots[at].number != 0 {
            let known = self.slots[at];
            if known.text == new.text && known.number >> 32 == new.number >> 32 {
                return;
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
        self.slots[at] = new;
    }

    /// The number of a text.
    #[inline(always)]
    pub fn get(&self, text: &[u8]) -> Option<u32> {
        let Some(packed) = pack(text) else {
            return self.long.get(text).copied();
        };
        if self.slots.is_empty() {
            return None;
        }
        let mut at = self.first(packed);
        loop {
            let slot = self.slots[at];
            if slot.number == 0 {
                return None;
            }
            if slot.text == packed && slot.number >> 32 == text.len() as u64 + 1 {
                return Some(slot.number as u32);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// Asks the memory for the place of a text that will be looked up soon.
    #[inline]
    pub fn prefetch(&self, text: &[u8]) {
        if let (Some(packed), false) = (pack(text), self.slots.is_empty()) {
            crate::terms::prefetch::line_of(&self.slots, self.first(packed));
        }
    }

    #[inline]
    fn first(&self, text: [u64; 2]) -> usize {
        // Multiplicative hashing: the high bits of the product depend on all bits of the text.
        let second = text[1].wrapping_mul(0xC2B2_AE3D_27D4_EB4F);
        let mixed = (text[0] ^ second.rotate_left(32)).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (mixed >> 32) as usize & (self.slots.len() - 1)
    }
}

/// A text of up to 16 bytes as two words, filled up with zeros.
#[inline(always)]
fn pack(text: &[u8]) -> Option<[u64; 2]> {
    if let (Some(first), Some(last)) = (text.first_chunk::<8>(), text.last_chunk::<8>()) {
        let beyond = text.len() - 8;
        return match beyond {
            0 => Some([u64::from_le_bytes(*first), 0]),
            1..=8 => Some([
                u64::from_le_bytes(*first),
                u64::from_le_bytes(*last) >> (8 * (8 - beyond)),
            ]),
            _ => None,
        };
    }
    if let (Some(first), Some(last)) = (text.first_chunk::<4>(), text.last_chunk::<4>()) {
        let last = u64::from(u32::from_le_bytes(*last));
        return Some([
            u64::from(u32::from_le_bytes(*first)) | last << (8 * (text.len() - 4)),
            0,
        ]);
    }
    let mut word = 0;
    for (at, byte) in text.iter().enumerate() {
        word |= u64::from(*byte) << (8 * at);
    }
    Some([word, 0])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    proptest! {
        #[test]
        fn it_finds_what_a_map_finds(texts in prop::collection::vec("[AB\0]{0,18}", 0..80), others in prop::collection::vec("[AB\0]{0,18}", 0..80), room in 0usize..4) {
            let mut map: BTreeMap<&[u8], u32> = BTreeMap::new();
            let mut table = if room == 0 { IdTable::default() } else { IdTable::with_capacity(room) };
            for (text, number) in texts.iter().zip(0u32..) {
                map.entry(text.as_bytes()).or_insert(number);
                table.insert(text.as_bytes(), number);
            }
            for text in texts.iter().chain(&others) {
                prop_assert_eq!(table.get(text.as_bytes()), map.get(text.as_bytes()).copied(), "{:?}", text);
            }
        }
    }
}
