//! What is proportional: the simplest rate that gives a figure from an amount, and the rates that give most figures.

use std::collections::BTreeMap;

use crate::terms::money::{Rounding, divide};

const MILLION: i128 = 1_000_000;
/// Rates are looked for from coarse to fine, in ppm: nobody agrees on 0.601234%.
const GRIDS: [i128; 6] = [100_000, 10_000, 1_000, 100, 10, 1];
/// Largest rows asked for a rate: the larger the amount, the fewer rates give the figure.
const ROWS_ASKED: usize = 64;
/// Rates offered.
const RATES_MAX: usize = 3;

/// amount × rate, half up on the magnitude.
pub fn applied(amount_minor: i64, rate_ppm: i64) -> i128 {
    divide(
        i128::from(amount_minor) * i128::from(rate_ppm),
        MILLION,
        Rounding::HalfUp,
    )
}

/// The simplest rate that gives exactly `figure_minor` ≥ 0 from `amount_minor` > 0.
pub fn simplest(amount_minor: i64, figure_minor: i64) -> Option<i64> {
    if amount_minor <= 0 || figure_minor < 0 {
        return None;
    }
    let (amount, figure) = (i128::from(amount_minor), i128::from(figure_minor));
    // Rounded half up: figure − 1/2 ≤ amount × rate < figure + 1/2.
    let least = ((2 * figure - 1) * MILLION + 2 * amount - 1)
        .div_euclid(2 * amount)
        .max(0);
    let most = ((2 * figure + 1) * MILLION - 1).div_euclid(2 * amount);
    GRIDS.iter().find_map(|grid| {
        let rate = (least + grid - 1).div_euclid(*grid) * grid;
        (rate <= most).then(|| i64::try_from(rate).ok()).flatten()
    })
}

/// The rates that give most of some (amount, figure) pairs, the best first.
pub fn common(pairs: &[(i64, i64)]) -> Vec<i64> {
    let mut largest: Vec<(i64, i64)> = pairs
        .iter()
        .copied()
        .filter(|(amount, figure)| *amount > 0 && *figure >= 0)
        .collect();
    if largest.len() > ROWS_ASKED {
        largest.select_nth_unstable_by(ROWS_ASKED - 1, |a, b| b.cmp(a));
        largest.truncate(ROWS_ASKED);
    }
    let mut votes: BTreeMap<i64, u32> = BTreeMap::new();
    for (amount, figure) in largest {
        if let Some(rate) = simplest(amount, figure) {
            *votes.entry(rate).or_default() += 1;
        }
    }
    let mut rates: Vec<(u32, i64)> = votes.into_iter().map(|(rate, votes)| (votes, rate)).collect();
    rates.sort_unstable_by_key(|(votes, rate)| (std::cmp::Reverse(*votes), *rate));
    rates.truncate(RATES_MAX);
    rates.into_iter().map(|(_, rate)| rate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simplest_rate_gives_the_figure() {
        let check =
            |amount, figure, expected| assert_eq!(simplest(amount, figure), expected, "{amount} {figure}");
        check(10_000, 60, Some(6_000));
        check(1_234_567, 7_407, Some(6_000));
        check(1_234_567, 6_667, Some(5_400));
        check(100, 0, Some(0));
        check(100, 9_900, Some(99_000_000));
        check(0, 5, None);
        for (amount, rate) in [(987_654, 3_800), (123_457, 38), (5_000, 12_345)] {
            let figure = applied(amount, rate);
            let found = simplest(amount, figure as i64).unwrap();
            assert_eq!(applied(amount, found), figure);
        }
    }

    #[test]
    fn the_rate_of_most_rows_comes_first() {
        let mut pairs: Vec<(i64, i64)> = (1..200)
            .map(|n| (n * 997, applied(n * 997, 6_000) as i64))
            .collect();
        pairs.extend((1..20).map(|n| (n * 7, 3)));
        assert_eq!(common(&pairs)[0], 6_000);
    }
}
