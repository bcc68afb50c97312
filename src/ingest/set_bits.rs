//! Places of separators from bit masks: the numbers of the set bits of a word, written one behind the other.

/// Set on a place that is marked, such as that of a line end.
pub const MARK: u32 = 1 << 31;

/// Set on a place that has the second of two marks.
pub const SECOND_MARK: u32 = 1 << 30;

const MARKS: [u32; 2] = [MARK, SECOND_MARK];

/// Room that [`step_by_step`] and [`compressed`] want: the places of a word, and what is written too much behind them.
pub const ROOM: usize = 80;

/// [`step_by_step`] or [`compressed`], with so many marks.
pub trait Write<const N: usize>: Fn(&mut [u32], u32, u64, [u64; N]) -> usize {}

impl<const N: usize, F: Fn(&mut [u32], u32, u64, [u64; N]) -> usize> Write<N> for F {}

/// Bit i of the result is the exclusive-or of bits 0 to i: of quotes, the bytes from each that opens to before the one that
/// closes.
#[inline(always)]
pub fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// As [`prefix_xor`]: multiplied without carries, each bit is added to all above it.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "sse2,pclmulqdq")]
pub fn prefix_xor_at_once(bits: u64) -> u64 {
    use std::arch::x86_64::{_mm_clmulepi64_si128, _mm_cvtsi64_si128, _mm_cvtsi128_si64, _mm_set1_epi8};
    let product = _mm_clmulepi64_si128::<0>(_mm_cvtsi64_si128(bits as i64), _mm_set1_epi8(-1));
    _mm_cvtsi128_si64(product) as u64
}

/// Writes the number of each bit of `bits`, added to `base`, with a mark where the bit is one of the first `marked` too, with
/// the second mark where it is one of the second, and gives how many there are. What is written behind them means nothing.
#[inline(always)]
pub fn step_by_step<const N: usize>(out: &mut [u32], base: u32, bits: u64, marked: [u64; N]) -> usize {
    let out = &mut out[..ROOM];
    let found = bits.count_ones() as usize;
    let (mut rest, mut done) = (bits, 0);
    loop {
        // Eight at a time, without a branch for each: the surplus is overwritten by the next word.
        for place in &mut out[done..done + 8] {
            *place = base.wrapping_add(rest.trailing_zeros());
            rest &= rest.wrapping_sub(1);
        }
        done += 8;
        if done >= found {
            break;
        }
    }
    for (mut marked, mark) in marked.into_iter().zip(MARKS) {
        // Most words have one or none; for none it falls on the surplus.
        let mut lowest = marked & marked.wrapping_neg();
        out[(bits & lowest.wrapping_sub(1)).count_ones() as usize] |= mark;
        marked ^= lowest;
        while marked != 0 {
            lowest = marked & marked.wrapping_neg();
            out[(bits & (lowest - 1)).count_ones() as usize] |= mark;
            marked ^= lowest;
        }
    }
    found
}

/// As [`step_by_step`], without a step a bit: the numbers of the bits are compressed out of 0 to 63, and sixteen of them
/// written at once.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,bmi2,popcnt")]
pub fn compressed<const N: usize>(out: &mut [u32], base: u32, bits: u64, marked: [u64; N]) -> usize {
    use std::arch::x86_64::{
        _mm512_add_epi32, _mm512_castsi512_si128, _mm512_cvtepu8_epi32, _mm512_loadu_si512,
        _mm512_mask_or_epi32, _mm512_maskz_compress_epi8, _mm512_set1_epi32, _mm512_shuffle_i64x2,
        _mm512_storeu_si512, _pext_u64,
    };
    const NUMBERS: [u8; 64] = {
        let mut numbers = [0; 64];
        let mut number = 0;
        while number < 64 {
            numbers[number] = number as u8;
            number += 1;
        }
        numbers
    };
    let out = &mut out[..ROOM];
    let found = bits.count_ones() as usize;
    // SAFETY: the load reads the 64 bytes of the array.
    let numbers = unsafe { _mm512_loadu_si512(NUMBERS.as_ptr().cast()) };
    let mut numbers = _mm512_maskz_compress_epi8(bits, numbers);
    // Which of the bits have a mark, in their order. Written out: an array's `map` is not always compiled into this.
    let mut marks = [0; N];
    for (marks, marked) in marks.iter_mut().zip(marked) {
        *marks = _pext_u64(marked, bits);
    }
    let base = _mm512_set1_epi32(base as i32);
    let mut done = 0;
    loop {
        let mut places = _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(numbers)), base);
        for (marks, mark) in marks.iter_mut().zip(MARKS) {
            places = _mm512_mask_or_epi32(places, *marks as u16, places, _mm512_set1_epi32(mark as i32));
            *marks >>= 16;
        }
        let sixteen = &mut out[done..done + 16];
        // SAFETY: the store writes these sixteen.
        unsafe { _mm512_storeu_si512(sixteen.as_mut_ptr().cast(), places) };
        done += 16;
        if done >= found {
            return found;
        }
        numbers = _mm512_shuffle_i64x2::<0b00_11_10_01>(numbers, numbers);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Few bits, many, or all.
    fn bits() -> impl Strategy<Value = u64> {
        (any::<u64>(), any::<u64>(), any::<u64>(), 0..4).prop_map(|(a, b, c, how)| match how {
            0 => a & b & c,
            1 => a,
            2 => a | b | c,
            _ => 0u64.wrapping_sub(a & 1),
        })
    }

    proptest! {
        #[test]
        fn quotes_are_summed_up_at_once_as_step_by_step(bits in bits()) {
            let mut inside = false;
            let summed = (0..64).fold(0u64, |summed, at| {
                inside ^= bits >> at & 1 == 1;
                summed | u64::from(inside) << at
            });
            prop_assert_eq!(prefix_xor(bits), summed);
            #[cfg(target_arch = "x86_64")]
            if crate::terms::vectors::avx512_that_compresses() {
                // SAFETY: the machine has the instruction.
                prop_assert_eq!(unsafe { prefix_xor_at_once(bits) }, summed);
            }
        }

        #[test]
        fn both_ways_write_the_places_of_all_bits(
            bits in bits(),
            first in bits(),
            second in bits(),
            base in 0u32..1 << 29,
        ) {
            let marked = [bits & first, bits & second];
            let mark = |at: u32| {
                let marks = marked.iter().zip(MARKS).filter(|(marked, _)| **marked >> at & 1 == 1);
                marks.fold(0, |all, (_, mark)| all | mark)
            };
            let all = (0..64).filter(|at| bits >> at & 1 == 1);
            let expected: Vec<u32> = all.map(|at| (base + at) | mark(at)).collect();
            let once: Vec<u32> = expected.iter().map(|place| place & !SECOND_MARK).collect();
            let mut out = [7; ROOM];
            let found = step_by_step(&mut out, base, bits, marked);
            prop_assert_eq!(&out[..found], &expected[..]);
            let found = step_by_step(&mut out, base, bits, [marked[0]]);
            prop_assert_eq!(&out[..found], &once[..]);
            #[cfg(target_arch = "x86_64")]
            if crate::terms::vectors::avx512_that_compresses() {
                // SAFETY: the machine has them.
                let found = unsafe { compressed(&mut out, base, bits, marked) };
                prop_assert_eq!(&out[..found], &expected[..]);
                // SAFETY: as above.
                let found = unsafe { compressed(&mut out, base, bits, [marked[0]]) };
                prop_assert_eq!(&out[..found], &once[..]);
            }
        }
    }
}
