//! A small seeded generator (SplitMix64): the same numbers on every machine, and no other use than test data.

/// The generator.
#[derive(Clone, Debug)]
pub struct Random(u64);

impl Random {
    /// A generator for a seed; two streams of one seed differ by `stream`.
    pub fn new(seed: u64, stream: u64) -> Random {
        let mut random = Random(seed ^ stream.wrapping_mul(0xd6e8_feb8_6659_fd93));
        random.next();
        random
    }

    /// The next 64 bits.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// A number below `bound`, which is above 0. The bias is far below what test data can show.
    pub fn below(&mut self, bound: u64) -> u64 {
        assert!(bound > 0, "a number below zero is no number");
        ((u128::from(self.next()) * u128::from(bound)) >> 64) as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_those_of_splitmix64() {
        // The reference sequence of seed 1234567, whose first number is taken by `new`.
        let mut random = Random::new(1_234_567, 0);
        assert_eq!(random.next(), 3_203_168_211_198_807_973);
        assert_eq!(random.next(), 9_817_491_932_198_370_423);
        assert!((0..1000).all(|_| random.below(7) < 7));
        assert_ne!(Random::new(1, 0).next(), Random::new(1, 1).next());
    }
}
