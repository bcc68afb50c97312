//! Bits as integers: 256 stand for one. A logarithm to base 2 by repeated squaring, exact to 1/256, without floats.

/// 256 × log2(value), rounded down; 0 for 0 and 1.
pub fn lg(value: u64) -> i64 {
    let Some(whole) = value.checked_ilog2() else {
        return 0;
    };
    // The mantissa in [1, 2) with 31 bits behind the point.
    let mut mantissa = if whole > 31 {
        value >> (whole - 31)
    } else {
        value << (31 - whole)
    };
    let mut fraction = 0;
    for _ in 0..8 {
        mantissa = (mantissa * mantissa) >> 31;
        fraction <<= 1;
        if mantissa >= 1 << 32 {
            mantissa >>= 1;
            fraction |= 1;
        }
    }
    i64::from(whole) * 256 + fraction
}

/// So many whole bits.
pub const fn bits(count: i64) -> i64 {
    count * 256
}

/// How improbable a share is, in bits: 0 when it is everything.
pub fn rarity(part: u64, whole: u64) -> i64 {
    (lg(whole) - lg(part.max(1))).max(0)
}

/// 2^32 × 2^(−1/2^i) for i = 1 to 8.
const ROOTS: [u64; 8] = [
    3_037_000_500,
    3_611_622_603,
    3_938_502_376,
    4_112_874_773,
    4_202_935_003,
    4_248_701_965,
    4_271_771_886,
    4_283_353_840,
];

/// The share that has a rarity, of 2^32: 2^(−rarity).
pub fn share(rarity: i64) -> u64 {
    let rarity = rarity.max(0) as u64;
    let (whole, fraction) = (rarity / 256, rarity % 256);
    let mut share = 1u64 << 32;
    for (bit, root) in ROOTS.iter().enumerate() {
        if fraction & (128 >> bit) != 0 {
            share = (share * root) >> 32;
        }
    }
    if whole > 32 { 0 } else { share >> whole }
}

/// Bits by which `count` of `all` in a part of the given rarity are more than chance gives: all × the divergence of the two
/// shares. Negative where they are not more.
pub fn surprise(count: u64, all: u64, rarity: i64) -> i64 {
    if count == 0 {
        return i64::MIN / 4;
    }
    let inside = (count as i64).saturating_mul(lg(count) - lg(all) + rarity);
    let rest = all.saturating_sub(count);
    if rest == 0 {
        return inside;
    }
    let outside = (1u64 << 32).saturating_sub(share(rarity)).max(1);
    let outside = lg(rest) - lg(all) + bits(32) - lg(outside);
    inside.saturating_add((rest as i64).saturating_mul(outside))
}

/// True when the odds of `count` in `all` are three times those of the part or more: less is a leaning, no cause.
pub fn is_marked(count: u64, all: u64, rarity: i64) -> bool {
    let (share, rest) = (u128::from(share(rarity)), u128::from(all.saturating_sub(count)));
    u128::from(count) * ((1 << 32) - share) >= 3 * rest * share
}

/// What a part of a sample may come to in all rows: two standard deviations above.
pub fn at_most(part: u64) -> u64 {
    part + 2 * part.isqrt() + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logarithms_are_exact_to_a_256th() {
        let check = |value, expected| assert_eq!(lg(value), expected, "{value}");
        check(0, 0);
        check(1, 0);
        check(2, 256);
        check(3, 405); // 1.58496… × 256 = 405.75
        check(1000, 2551); // 9.96578… × 256 = 2551.24
        check(1 << 40, 40 * 256);
        check(u64::MAX, 64 * 256 - 1);
        for value in 1..5000u64 {
            assert!(lg(value) <= lg(value + 1));
        }
        assert_eq!(rarity(1, 1024), bits(10));
        assert_eq!(rarity(9, 8), 0);
    }

    #[test]
    fn surprise_is_what_chance_does_not_give() {
        assert_eq!(share(0), 1 << 32);
        assert_eq!(share(bits(3)), 1 << 29);
        let half = share(128) as i128;
        assert!((half * half - (1 << 63)).abs() < 1 << 36);
        // 40 of 100 in four tenths of the rows; 60 of them; all.
        let tenths = rarity(4, 10);
        assert!(surprise(40, 100, tenths).abs() < bits(1));
        assert!((bits(11)..bits(13)).contains(&surprise(60, 100, tenths)));
        assert_eq!(surprise(100, 100, bits(3)), bits(300));
        assert!(!is_marked(60, 100, tenths) && is_marked(70, 100, tenths) && is_marked(100, 100, 0));
        assert_eq!(at_most(100), 121);
    }
}
