//! Places of separators from bit masks: the numbers of the set bits of a word, written one behind the other.

/// Set on a place that is marked, such as that of a line end.
pub const MARK: u32 = 1 << 31;

/// Room that [`step_by_step`] and [`compressed`] want: the places of a word, and what is written too much behind them.
pub const ROOM: usize = 80;

/// [`step_by_step`] or [`compressed`].
pub trait Write: Fn(&mut [u32], u32, u64, u64) -> usize {}

impl<F: Fn(&mut [u32], u32, u64, u64) -> usize> Write for F {}

/// Bit i of the result is the exclusive-or of bits 0 to i: of quotes, the bytes from each that opens to before the one that
/// closes.
#[inline(always)]
pub fn prefix_xor(mut bits: u64) -> u64 {
    for shift in [1, 2, 4, 8, 16, 32] {
        bits ^= bits << shift;
    }
    bits
}

/// Writes the number of each bit of `bits`, added to `base`, with a mark where the bit is one of `marked` too, and gives
/// how many there are. What is written behind them means nothing.
#[inline(always)]
pub fn step_by_step(out: &mut [u32], base: u32, bits: u64, mut marked: u64) -> usize {
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
    // Most words have one mark or none; for none it falls on the surplus.
    let mut lowest = marked & marked.wrapping_neg();
    out[(bits & lowest.wrapping_sub(1)).count_ones() as usize] |= MARK;
    marked ^= lowest;
    while marked != 0 {
        lowest = marked & marked.wrapping_neg();
        out[(bits & (lowest - 1)).count_ones() as usize] |= MARK;
        marked ^= lowest;
    }
    found
}

/// The bits that stand where those of `of` do, side by side in their order.
#[inline(always)]
pub fn gathered(bits: u64, of: u64) -> u64 {
    let (mut rest, mut gathered) = (bits & of, 0);
    while rest != 0 {
        let lowest = rest & rest.wrapping_neg();
        gathered |= 1 << (of & (lowest - 1)).count_ones();
        rest ^= lowest;
    }
    gathered
}

/// As [`gathered`], by one instruction.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "bmi2")]
pub fn gathered_at_once(bits: u64, of: u64) -> u64 {
    std::arch::x86_64::_pext_u64(bits, of)
}

/// As [`step_by_step`], without a step a bit: the numbers of the bits are compressed out of 0 to 63, and sixteen of them
/// written at once.
#[cfg(target_arch = "x86_64")]
#[inline]
#[target_feature(enable = "avx512f,avx512bw,avx512vbmi2,bmi1,bmi2,popcnt")]
pub fn compressed(out: &mut [u32], base: u32, bits: u64, marked: u64) -> usize {
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
    // Which of the bits have a mark, in their order.
    let mut marks = _pext_u64(marked, bits);
    let base = _mm512_set1_epi32(base as i32);
    let mark = _mm512_set1_epi32(MARK as i32);
    let mut done = 0;
    loop {
        let places = _mm512_add_epi32(_mm512_cvtepu8_epi32(_mm512_castsi512_si128(numbers)), base);
        let places = _mm512_mask_or_epi32(places, marks as u16, places, mark);
        let sixteen = &mut out[done..done + 16];
        // SAFETY: the store writes these sixteen.
        unsafe { _mm512_storeu_si512(sixteen.as_mut_ptr().cast(), places) };
        done += 16;
        if done >= found {
            return found;
        }
        numbers = _mm512_shuffle_i64x2::<0b00_11_10_01>(numbers, numbers);
        marks >>= 16;
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
        fn both_ways_write_the_places_of_all_bits(bits in bits(), chosen in bits(), base in 0u32..1 << 30) {
            let marked = bits & chosen;
            let mark = |at: u32| if marked >> at & 1 == 1 { MARK } else { 0 };
            let all = (0..64).filter(|at| bits >> at & 1 == 1);
            let expected: Vec<u32> = all.map(|at| (base + at) | mark(at)).collect();
            let mut out = [7; ROOM];
            let found = step_by_step(&mut out, base, bits, marked);
            prop_assert_eq!(&out[..found], &expected[..]);
            let side_by_side = (0u32..).zip(&expected).filter(|(_, place)| **place & MARK != 0);
            let side_by_side = side_by_side.fold(0, |all, (number, _)| all | 1u64 << number);
            prop_assert_eq!(gathered(chosen, bits), side_by_side);
            #[cfg(target_arch = "x86_64")]
            if crate::terms::vectors::avx512_that_compresses() {
                let mut out = [7; ROOM];
                // SAFETY: the machine has them.
                let found = unsafe { compressed(&mut out, base, bits, marked) };
                prop_assert_eq!(&out[..found], &expected[..]);
                // SAFETY: as above.
                prop_assert_eq!(unsafe { gathered_at_once(chosen, bits) }, side_by_side);
            }
        }
    }
}
