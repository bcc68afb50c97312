//! SHA-256 of two texts side by side in one thread.
//!
//! The processor's SHA-256 instructions wait for one another: one text keeps them busy half of the time. Two texts,
//! taken in turn, fill the gaps. Where the instructions are missing, and for all that is not the long middle of a text,
//! the `sha2` crate's own function does the work.

use sha2::block_api::compress256;

/// Bytes of a block.
const BLOCK: usize = 64;

/// First eight primes' square roots (FIPS 180-4, 5.3.3).
const START: [u32; 8] = [
    0x6a09_e667,
    0xbb67_ae85,
    0x3c6e_f372,
    0xa54f_f53a,
    0x510e_527f,
    0x9b05_688c,
    0x1f83_d9ab,
    0x5be0_cd19,
];

/// The digest of a text of which whole blocks are given first and the rest last.
#[derive(Clone, Debug)]
pub struct Running {
    state: [u32; 8],
    bytes: u64,
}

impl Default for Running {
    fn default() -> Running {
        Running {
            state: START,
            bytes: 0,
        }
    }
}

impl Running {
    /// Takes what follows; its length is a multiple of 64.
    pub fn update(&mut self, text: &[u8]) {
        let blocks = whole_blocks(text);
        compress256(&mut self.state, blocks);
        self.bytes += text.len() as u64;
    }

    /// Takes what follows in two texts; both lengths are multiples of 64.
    pub fn update_both(first: (&mut Running, &[u8]), second: (&mut Running, &[u8])) {
        let blocks = [whole_blocks(first.1), whole_blocks(second.1)];
        let both = blocks[0].len().min(blocks[1].len());
        compress_both(
            [&mut first.0.state, &mut second.0.state],
            [&blocks[0][..both], &blocks[1][..both]],
        );
        compress256(&mut first.0.state, &blocks[0][both..]);
        compress256(&mut second.0.state, &blocks[1][both..]);
        first.0.bytes += first.1.len() as u64;
        second.0.bytes += second.1.len() as u64;
    }

    /// The digest of the whole text, whose last bytes are given here.
    pub fn finish(mut self, last: &[u8]) -> [u8; 32] {
        let (blocks, rest) = last.as_chunks::<BLOCK>();
        compress256(&mut self.state, blocks);
        let bits = (self.bytes + last.len() as u64) * 8;
        // A one bit, zeros, and the length in bits: one block more, or two.
        let mut end = [0u8; 2 * BLOCK];
        end[..rest.len()].copy_from_slice(rest);
        end[rest.len()] = 0x80;
        let used = if rest.len() < BLOCK - 8 { BLOCK } else { 2 * BLOCK };
        end[used - 8..used].copy_from_slice(&bits.to_be_bytes());
        compress256(&mut self.state, end[..used].as_chunks::<BLOCK>().0);
        let mut digest = [0u8; 32];
        for (bytes, word) in digest.as_chunks_mut::<4>().0.iter_mut().zip(self.state) {
            *bytes = word.to_be_bytes();
        }
        digest
    }
}

fn whole_blocks(text: &[u8]) -> &[[u8; BLOCK]] {
    let (blocks, rest) = text.as_chunks::<BLOCK>();
    assert!(rest.is_empty(), "a text that goes on is given in whole blocks");
    blocks
}

fn compress_both(states: [&mut [u32; 8]; 2], blocks: [&[[u8; BLOCK]]; 2]) {
    #[cfg(target_arch = "x86_64")]
    if crate::terms::vectors::sha() {
        // SAFETY: the features are there.
        unsafe { x86::compress_both(states, blocks) };
        return;
    }
    let [first, second] = states;
    compress256(first, blocks[0]);
    compress256(second, blocks[1]);
}

#[cfg(target_arch = "x86_64")]
mod x86 {
    use std::arch::x86_64::*;

    use super::BLOCK;

    /// First 64 primes' cube roots (FIPS 180-4, 4.2.2), four rounds a line.
    #[rustfmt::skip]
    static ROUNDS: [[u32; 4]; 16] = [
        [0x428a_2f98, 0x7137_4491, 0xb5c0_fbcf, 0xe9b5_dba5],
        [0x3956_c25b, 0x59f1_11f1, 0x923f_82a4, 0xab1c_5ed5],
        [0xd807_aa98, 0x1283_5b01, 0x2431_85be, 0x550c_7dc3],
        [0x72be_5d74, 0x80de_b1fe, 0x9bdc_06a7, 0xc19b_f174],
        [0xe49b_69c1, 0xefbe_4786, 0x0fc1_9dc6, 0x240c_a1cc],
        [0x2de9_2c6f, 0x4a74_84aa, 0x5cb0_a9dc, 0x76f9_88da],
        [0x983e_5152, 0xa831_c66d, 0xb003_27c8, 0xbf59_7fc7],
        [0xc6e0_0bf3, 0xd5a7_9147, 0x06ca_6351, 0x1429_2967],
        [0x27b7_0a85, 0x2e1b_2138, 0x4d2c_6dfc, 0x5338_0d13],
        [0x650a_7354, 0x766a_0abb, 0x81c2_c92e, 0x9272_2c85],
        [0xa2bf_e8a1, 0xa81a_664b, 0xc24b_8b70, 0xc76c_51a3],
        [0xd192_e819, 0xd699_0624, 0xf40e_3585, 0x106a_a070],
        [0x19a4_c116, 0x1e37_6c08, 0x2748_774c, 0x34b0_bcb5],
        [0x391c_0cb3, 0x4ed8_aa4a, 0x5b9c_ca4f, 0x682e_6ff3],
        [0x748f_82ee, 0x78a5_636f, 0x84c8_7814, 0x8cc7_0208],
        [0x90be_fffa, 0xa450_6ceb, 0xbef9_a3f7, 0xc671_78f2],
    ];

    /// The state in the order of the instructions: words a, b, e, f and c, d, g, h.
    #[derive(Clone, Copy)]
    struct Lane {
        abef: __m128i,
        cdgh: __m128i,
        words: [__m128i; 4],
    }

    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn load(state: &[u32; 8]) -> Lane {
        let word = |at: usize| state[at] as i32;
        let zero = _mm_setzero_si128();
        Lane {
            abef: _mm_set_epi32(word(0), word(1), word(4), word(5)),
            cdgh: _mm_set_epi32(word(2), word(3), word(6), word(7)),
            words: [zero; 4],
        }
    }

    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn store(lane: Lane, state: &mut [u32; 8]) {
        let word = |value: i32| value as u32;
        *state = [
            word(_mm_extract_epi32::<3>(lane.abef)),
            word(_mm_extract_epi32::<2>(lane.abef)),
            word(_mm_extract_epi32::<3>(lane.cdgh)),
            word(_mm_extract_epi32::<2>(lane.cdgh)),
            word(_mm_extract_epi32::<1>(lane.abef)),
            word(_mm_extract_epi32::<0>(lane.abef)),
            word(_mm_extract_epi32::<1>(lane.cdgh)),
            word(_mm_extract_epi32::<0>(lane.cdgh)),
        ];
    }

    /// Words `4 n` to `4 n + 3` of a block, most significant byte first.
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn block_words(block: &[u8; BLOCK], n: usize) -> __m128i {
        let swap = _mm_set_epi64x(0x0c0d_0e0f_0809_0a0b, 0x0405_0607_0001_0203);
        let part = &block[16 * n..16 * n + 16];
        // SAFETY: `part` has 16 bytes.
        _mm_shuffle_epi8(unsafe { _mm_loadu_si128(part.as_ptr().cast()) }, swap)
    }

    /// The four words that follow the last sixteen, of which the oldest four stand at `n % 4`.
    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn next_words(words: &[__m128i; 4], n: usize) -> __m128i {
        let (w0, w1, w2, w3) = (
            words[n % 4],
            words[(n + 1) % 4],
            words[(n + 2) % 4],
            words[(n + 3) % 4],
        );
        let mixed = _mm_add_epi32(_mm_sha256msg1_epu32(w0, w1), _mm_alignr_epi8::<4>(w3, w2));
        _mm_sha256msg2_epu32(mixed, w3)
    }

    #[inline]
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    fn four_rounds(lane: &mut Lane, words: __m128i, n: usize) {
        // SAFETY: a line of the table has 16 bytes.
        let constants = unsafe { _mm_loadu_si128(ROUNDS[n].as_ptr().cast()) };
        let sum = _mm_add_epi32(words, constants);
        lane.cdgh = _mm_sha256rnds2_epu32(lane.cdgh, lane.abef, sum);
        lane.abef = _mm_sha256rnds2_epu32(lane.abef, lane.cdgh, _mm_shuffle_epi32::<0x0e>(sum));
        lane.words[n % 4] = words;
    }

    /// # Safety
    /// The machine has the features.
    #[target_feature(enable = "sha,sse2,ssse3,sse4.1")]
    pub fn compress_both(states: [&mut [u32; 8]; 2], blocks: [&[[u8; BLOCK]]; 2]) {
        let [first, second] = states;
        let (mut a, mut b) = (load(first), load(second));
        for (block_a, block_b) in blocks[0].iter().zip(blocks[1]) {
            let before = (a, b);
            // Written out, so that the words stay in registers.
            macro_rules! rounds {
                (given $($n:literal)*) => {$(
                    four_rounds(&mut a, block_words(block_a, $n), $n);
                    four_rounds(&mut b, block_words(block_b, $n), $n);
                )*};
                (made $($n:literal)*) => {$(
                    let next = (next_words(&a.words, $n), next_words(&b.words, $n));
                    four_rounds(&mut a, next.0, $n);
                    four_rounds(&mut b, next.1, $n);
                )*};
            }
            rounds!(given 0 1 2 3);
            rounds!(made 4 5 6 7 8 9 10 11 12 13 14 15);
            for (lane, before) in [(&mut a, before.0), (&mut b, before.1)] {
                lane.abef = _mm_add_epi32(lane.abef, before.abef);
                lane.cdgh = _mm_add_epi32(lane.cdgh, before.cdgh);
            }
        }
        store(a, first);
        store(b, second);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest, Sha256};

    use super::*;

    fn text(seed: u8, length: usize) -> Vec<u8> {
        (0..length)
            .map(|at| (at as u8).wrapping_mul(31).wrapping_add(seed) ^ (at >> 8) as u8)
            .collect()
    }

    fn crates(text: &[u8]) -> [u8; 32] {
        Sha256::digest(text).into()
    }

    #[test]
    fn every_length_is_the_crates() {
        for length in 0..400 {
            let text = text(length as u8, length);
            let whole = length / 64 * 64;
            let mut running = Running::default();
            running.update(&text[..whole]);
            assert_eq!(running.finish(&text[whole..]), crates(&text), "{length}");
            assert_eq!(Running::default().finish(&text), crates(&text), "{length}");
        }
    }

    proptest! {
        #[test]
        fn two_texts_are_each_the_crates(
            lengths in (0usize..3000, 0usize..3000), seeds in (0u8..255, 0u8..255), cut in 0usize..20
        ) {
            let texts = [text(seeds.0, lengths.0), text(seeds.1, lengths.1)];
            let (mut a, mut b) = (Running::default(), Running::default());
            let parts = texts.each_ref().map(|text| text.split_at(text.len() / 64 * 64));
            let at = parts.map(|(whole, _)| (cut * 64).min(whole.len()));
            Running::update_both((&mut a, &parts[0].0[..at[0]]), (&mut b, &parts[1].0[..at[1]]));
            Running::update_both((&mut a, &parts[0].0[at[0]..]), (&mut b, &parts[1].0[at[1]..]));
            prop_assert_eq!(a.finish(parts[0].1), crates(&texts[0]));
            prop_assert_eq!(b.finish(parts[1].1), crates(&texts[1]));
        }
    }
}
