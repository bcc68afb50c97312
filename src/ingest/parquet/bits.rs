//! Packed integers: variable-length numbers, bit packing, and the hybrid of runs and packed groups that levels and
//! dictionary codes are written in.

use super::Unfit;

/// The variable-length number at `at`, and where it ends.
pub fn varint(bytes: &[u8], at: usize) -> Result<(u64, usize), Unfit> {
    let mut number = 0;
    for (count, byte) in bytes.iter().skip(at).take(10).enumerate() {
        let bits = u64::from(byte & 0x7f);
        if count == 9 && bits > 1 {
            return Err(Unfit);
        }
        number |= bits << (7 * count);
        if byte & 0x80 == 0 {
            return Ok((number, at + count + 1));
        }
    }
    Err(Unfit)
}

/// A signed number from its zigzag form: 0, −1, 1, −2 are 0, 1, 2, 3.
pub fn zigzag(number: u64) -> i64 {
    (number >> 1) as i64 ^ -((number & 1) as i64)
}

/// The `width` bits (at most 64) from bit `bit` on, lowest first. The caller has checked that they are there.
#[inline]
pub fn bits_at(bytes: &[u8], bit: usize, width: u32) -> u64 {
    let from = bit / 8;
    let shift = (bit % 8) as u32;
    let low = match bytes.get(from..from + 8).and_then(|word| word.first_chunk::<8>()) {
        Some(word) => u64::from_le_bytes(*word),
        None => {
            let rest = bytes.get(from..).unwrap_or_default();
            let mut word = [0; 8];
            word[..rest.len()].copy_from_slice(rest);
            u64::from_le_bytes(word)
        }
    };
    let mut value = low >> shift;
    if shift + width > 64 {
        value |= u64::from(bytes.get(from + 8).copied().unwrap_or(0)) << (64 - shift);
    }
    value & u64::MAX.checked_shr(64 - width).unwrap_or(0)
}

/// Unpacks whole groups of eight values of `W` bits, from the byte that `bytes` begins with. A group that is cut short
/// ends in zeros.
fn unpack_groups<const W: usize>(bytes: &[u8], out: &mut [[u32; 8]]) {
    let mask = (u64::MAX >> (64 - W)) as u32;
    let mut groups = out.iter_mut();
    let group = |bytes: &[u8], group: &mut [u32; 8]| {
        let mut word = [0u8; 40];
        word[..bytes.len()].copy_from_slice(bytes);
        for (at, value) in group.iter_mut().enumerate() {
            let bit = at * W;
            let mut eight = [0u8; 8];
            eight.copy_from_slice(&word[bit / 8..bit / 8 + 8]);
            *value = (u64::from_le_bytes(eight) >> (bit % 8)) as u32 & mask;
        }
    };
    let (whole, rest) = bytes.as_chunks::<W>();
    for (packed, out) in whole.iter().zip(groups.by_ref()) {
        group(packed, out);
    }
    if let Some(out) = groups.next() {
        group(rest, out);
    }
}

macro_rules! unpack_by_width {
    ($width:expr, $bytes:expr, $out:expr, $($w:literal)*) => {
        match $width {
            $($w => unpack_groups::<$w>($bytes, $out),)*
            _ => $out.as_flattened_mut().fill(0),
        }
    };
}

/// Values of a fixed number of bits, in runs of one value and in packed groups of eight.
#[derive(Clone, Copy, Debug, Default)]
pub struct Hybrid {
    /// The next run's head.
    at: usize,
    end: usize,
    width: u32,
    /// Values left in this run.
    left: usize,
    run: Run,
}

#[derive(Clone, Copy, Debug)]
enum Run {
    Repeated(u32),
    /// The byte at which the groups begin, and how many of their values were taken.
    Packed(usize, usize),
}

impl Default for Run {
    fn default() -> Run {
        Run::Repeated(0)
    }
}

impl Hybrid {
    /// The values of `width` bits at `at..end` of the bytes that every call is given.
    ///
    /// # Errors
    /// More than 32 bits.
    pub fn new(at: usize, end: usize, width: u32) -> Result<Hybrid, Unfit> {
        if width > 32 {
            return Err(Unfit);
        }
        Ok(Hybrid {
            at,
            end,
            width,
            left: 0,
            run: Run::default(),
        })
    }

    /// The one value that the next `count` values are, where a run says so.
    ///
    /// # Errors
    /// The bytes end before.
    pub fn all_are(&mut self, bytes: &[u8], count: usize) -> Result<Option<u32>, Unfit> {
        if self.left == 0 {
            self.next_run(bytes)?;
        }
        Ok(match self.run {
            Run::Repeated(value) if self.left >= count => Some(value),
            _ => None,
        })
    }

    /// Takes the next values.
    ///
    /// # Errors
    /// The bytes end before.
    pub fn take(&mut self, bytes: &[u8], out: &mut [u32]) -> Result<(), Unfit> {
        let mut filled = 0;
        while filled < out.len() {
            if self.left == 0 {
                self.next_run(bytes)?;
            }
            let count = self.left.min(out.len() - filled);
            let out = &mut out[filled..filled + count];
            match &mut self.run {
                Run::Repeated(value) => out.fill(*value),
                Run::Packed(base, done) => {
                    let packed = bytes.get(*base..self.end).ok_or(Unfit)?;
                    unpack(packed, *done, self.width, out)?;
                    *done += count;
                }
            }
            self.left -= count;
            filled += count;
        }
        Ok(())
    }

    /// Passes values over.
    ///
    /// # Errors
    /// The bytes end before.
    pub fn skip(&mut self, bytes: &[u8], mut count: usize) -> Result<(), Unfit> {
        while count > 0 {
            if self.left == 0 {
                self.next_run(bytes)?;
            }
            let now = self.left.min(count);
            if let Run::Packed(_, done) = &mut self.run {
                *done += now;
            }
            self.left -= now;
            count -= now;
        }
        Ok(())
    }

    fn next_run(&mut self, bytes: &[u8]) -> Result<(), Unfit> {
        let bytes = bytes.get(..self.end).ok_or(Unfit)?;
        let (head, at) = varint(bytes, self.at)?;
        let count = usize::try_from(head >> 1).map_err(|_| Unfit)?;
        if count == 0 {
            return Err(Unfit);
        }
        if head & 1 == 0 {
            let value_bytes = self.width.div_ceil(8) as usize;
            let value = bytes.get(at..at + value_bytes).ok_or(Unfit)?;
            let value = bits_at(value, 0, value_bytes as u32 * 8);
            // A value of more bits than there are is damage.
            if value >> self.width != 0 {
                return Err(Unfit);
            }
            self.run = Run::Repeated(value as u32);
            self.left = count;
            self.at = at + value_bytes;
        } else {
            self.left = count.checked_mul(8).ok_or(Unfit)?;
            self.run = Run::Packed(at, 0);
            // The last group may be cut short after the last value that counts; `unpack` looks again.
            let length = count.checked_mul(self.width as usize).ok_or(Unfit)?;
            self.at = at.saturating_add(length).min(self.end);
        }
        Ok(())
    }
}

/// Unpacks values `first..first + out.len()` of a run of packed groups.
fn unpack(packed: &[u8], first: usize, width: u32, out: &mut [u32]) -> Result<(), Unfit> {
    let end_bit = (first + out.len()).checked_mul(width as usize).ok_or(Unfit)?;
    if end_bit.div_ceil(8) > packed.len() {
        return Err(Unfit);
    }
    let one = |number: usize| bits_at(packed, number * width as usize, width) as u32;
    let lead = first.next_multiple_of(8).min(first + out.len()) - first;
    let (before, rest) = out.split_at_mut(lead);
    for (number, value) in (first..).zip(before) {
        *value = one(number);
    }
    let first = first + lead;
    let bytes = &packed[first / 8 * width as usize..];
    let (groups, after) = rest.as_chunks_mut::<8>();
    unpack_by_width!(width, bytes, groups,
        1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32);
    for (number, value) in (first + groups.len() * 8..).zip(after) {
        *value = one(number);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Packs values, lowest bit first: one bit at a time.
    fn packed(values: &[u64], width: u32) -> Vec<u8> {
        let mut bytes = vec![0u8; (values.len() * width as usize).div_ceil(8)];
        for (number, value) in values.iter().enumerate() {
            for bit in 0..width as usize {
                let at = number * width as usize + bit;
                bytes[at / 8] |= ((value >> bit & 1) as u8) << (at % 8);
            }
        }
        bytes
    }

    fn number(mut value: u64) -> Vec<u8> {
        let mut bytes = Vec::new();
        while value >= 0x80 {
            bytes.push(value as u8 | 0x80);
            value >>= 7;
        }
        bytes.push(value as u8);
        bytes
    }

    #[test]
    fn numbers_are_read_to_64_bits() {
        for value in [0, 1, 127, 128, 300, u64::MAX] {
            assert_eq!(varint(&number(value), 0), Ok((value, number(value).len())));
        }
        assert_eq!(varint(&[0xff; 10], 0), Err(Unfit));
        assert_eq!(varint(&[0x80], 0), Err(Unfit));
        assert_eq!([0, 1, 2, 3, u64::MAX].map(zigzag), [0, -1, 1, -2, i64::MIN]);
    }

    proptest! {
        #[test]
        fn bits_are_taken_at_any_place(values in proptest::collection::vec(any::<u64>(), 1..20), width in 0u32..=64) {
            let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
            let bytes = packed(&values, width);
            for (number, value) in values.iter().enumerate() {
                prop_assert_eq!(bits_at(&bytes, number * width as usize, width), value & mask);
            }
        }

        #[test]
        fn runs_and_groups_come_out_in_any_portions(
            runs in proptest::collection::vec((any::<bool>(), 1usize..40, any::<u32>()), 1..8),
            width in 0u32..=32,
            portions in proptest::collection::vec(1usize..50, 1..10),
        ) {
            let mask = u64::MAX.checked_shr(64 - width).unwrap_or(0);
            let (mut bytes, mut expected) = (Vec::new(), Vec::new());
            for (repeated, count, seed) in runs {
                if repeated {
                    let value = u64::from(seed) & mask;
                    bytes.extend(number((count as u64) << 1));
                    bytes.extend(&value.to_le_bytes()[..width.div_ceil(8) as usize]);
                    expected.extend(vec![value as u32; count]);
                } else {
                    let groups = count.div_ceil(8);
                    let values: Vec<u64> =
                        (0..groups as u64 * 8).map(|n| (u64::from(seed) * (n + 1)) & mask).collect();
                    bytes.extend(number((groups as u64) << 1 | 1));
                    bytes.extend(packed(&values, width));
                    expected.extend(values.iter().map(|value| *value as u32));
                }
            }
            let mut hybrid = Hybrid::new(0, bytes.len(), width).unwrap();
            let mut found = Vec::new();
            for portion in portions.iter().cycle() {
                let left = expected.len() - found.len();
                if left == 0 {
                    break;
                }
                let mut out = vec![0; left.min(*portion)];
                let one = hybrid.all_are(&bytes, out.len()).unwrap();
                let mut skipping = hybrid;
                hybrid.take(&bytes, &mut out).unwrap();
                if let Some(one) = one {
                    prop_assert!(out.iter().all(|value| *value == one));
                }
                skipping.skip(&bytes, out.len()).unwrap();
                prop_assert_eq!(format!("{skipping:?}"), format!("{hybrid:?}"));
                found.extend(out);
            }
            prop_assert_eq!(found, expected);
            prop_assert!(hybrid.take(&bytes, &mut [0]).is_err());
        }
    }
}
