//! The fee formula (R16): exact product, one rounding, clamp. Pure arithmetic.

use crate::book::settings::FeeRule;
use crate::terms::money::{AmountOverflow, Rounding, divide, narrow};

const BPS: u64 = 10_000;
const PPM: i128 = 1_000_000;

/// Fee by the three columns of the master: `clamp(half_up(amount × bps / 10000), min, max)`. Minor units.
///
/// 10.00 at 175 bp is 17.5, which rounds to 18. The minimum is applied before the maximum.
///
/// # Errors
/// [`AmountOverflow`] when the fee does not fit 64 bits.
#[inline]
pub fn columns_fee_minor(
    amount_minor: i64,
    fee_bps: u32,
    min_minor: i64,
    max_minor: Option<i64>,
) -> Result<i64, AmountOverflow> {
    let small = u64::try_from(amount_minor)
        .ok()
        .and_then(|amount| amount.checked_mul(u64::from(fee_bps)))
        .and_then(|product| product.checked_add(BPS / 2))
        .and_then(|product| i64::try_from(product / BPS).ok());
    let fee = match small {
        Some(fee) => fee,
        None => narrow(divide(
            i128::from(amount_minor) * i128::from(fee_bps),
            i128::from(BPS),
            Rounding::HalfUp,
        ))?,
    };
    Ok(clamp(fee, min_minor, max_minor))
}

/// Fee by one rule of a plan: `clamp(round(amount × rate + fixed), min, max)` with the rate of the first tier whose
/// bound is at least the amount, used for the whole amount. Minor units of the amount's currency.
///
/// The amount may be a day's gross, hence 128 bits.
///
/// # Errors
/// [`AmountOverflow`] when the fee does not fit 64 bits.
pub fn fee_minor(amount_minor: i128, rule: &FeeRule) -> Result<i64, AmountOverflow> {
    let tier = rule
        .tiers
        .iter()
        .find(|tier| {
            tier.up_to_minor
                .is_none_or(|bound| amount_minor <= i128::from(bound))
        })
        .or(rule.tiers.last());
    let exact_ppm = match tier {
        Some(tier) => amount_minor
            .checked_mul(i128::from(tier.rate_ppm))
            .and_then(|product| product.checked_add(i128::from(tier.fixed_minor) * PPM))
            .ok_or(AmountOverflow)?,
        None => 0,
    };
    let fee = narrow(divide(exact_ppm, PPM, rule.rounding))?;
    Ok(clamp(fee, rule.min_minor, rule.max_minor))
}

/// At least `min`, then at most `max` (R16): where they contradict each other the maximum wins.
fn clamp(fee_minor: i64, min_minor: i64, max_minor: Option<i64>) -> i64 {
    let fee_minor = fee_minor.max(min_minor);
    max_minor.map_or(fee_minor, |max_minor| fee_minor.min(max_minor))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::book::settings::FeeTier;
    use crate::terms::kinds::TxnType;
    use proptest::prelude::*;
    use rust_decimal::{Decimal, RoundingStrategy};

    fn rule(tiers: &[(Option<i64>, u32, i64)], min: i64, max: Option<i64>, rounding: Rounding) -> FeeRule {
        FeeRule {
            channel: None,
            txn_type: TxnType::Payment,
            tiers: tiers
                .iter()
                .map(|(up_to_minor, rate_ppm, fixed_minor)| FeeTier {
                    up_to_minor: *up_to_minor,
                    rate_ppm: *rate_ppm,
                    fixed_minor: *fixed_minor,
                })
                .collect(),
            min_minor: min,
            max_minor: max,
            rounding,
        }
    }

    #[test]
    fn the_three_columns() {
        let check = |amount, bps, min, max, fee| {
            assert_eq!(
                columns_fee_minor(amount, bps, min, max),
                Ok(fee),
                "{amount} at {bps}"
            )
        };
        check(1000, 175, 0, None, 18); // 17.5 up
        check(1000, 174, 0, None, 17); // 17.4
        check(83, 60, 0, None, 0); // 0.498
        check(84, 60, 0, None, 1); // 0.504
        check(1, 60, 10, None, 10); // the minimum, above the amount itself
        check(1_000_000, 60, 10, Some(500), 500);
        check(1_000_000, 60, 10, Some(0), 0); // a maximum of 0 is a maximum
        check(1000, 0, 0, None, 0);
        check(i64::MAX, 10_000, 0, None, i64::MAX);
        check(i64::MAX, 1, 0, None, 922_337_203_685_478); // 922337203685477.5807
        assert_eq!(columns_fee_minor(i64::MAX, 10_001, 0, None), Err(AmountOverflow));
    }

    #[test]
    fn a_rule_of_a_plan() {
        let check = |amount, rule: &FeeRule, fee| assert_eq!(fee_minor(amount, rule), Ok(fee), "{amount}");
        let flat = rule(&[(None, 6_000, 30)], 0, None, Rounding::HalfUp);
        check(10_000, &flat, 90); // 60 + 30
        check(10_083, &flat, 90); // 60.498 + 30
        check(10_084, &flat, 91); // 60.504 + 30
        let tiers = rule(
            &[(Some(10_000), 10_000, 0), (None, 5_000, 0)],
            5,
            Some(400),
            Rounding::Down,
        );
        check(10_000, &tiers, 100); // the bound belongs to its tier
        check(10_001, &tiers, 50); // the whole amount at the next rate
        check(1, &tiers, 5);
        check(1_000_000, &tiers, 400);
        assert_eq!(fee_minor(i128::MAX, &flat), Err(AmountOverflow));
        assert_eq!(
            fee_minor(i128::from(i64::MAX) * 1_000, &flat),
            Err(AmountOverflow)
        );
    }

    fn oracle(amount: i64, ppm: u32, fixed: i64, min: i64, max: Option<i64>, rounding: Rounding) -> Decimal {
        let strategy = match rounding {
            Rounding::HalfUp => RoundingStrategy::MidpointAwayFromZero,
            Rounding::HalfEven => RoundingStrategy::MidpointNearestEven,
            Rounding::Down => RoundingStrategy::ToZero,
            Rounding::Up => RoundingStrategy::AwayFromZero,
        };
        let exact = Decimal::from(amount) * Decimal::new(i64::from(ppm), 6) + Decimal::from(fixed);
        let mut fee = exact.round_dp_with_strategy(0, strategy).max(Decimal::from(min));
        if let Some(max) = max {
            fee = fee.min(Decimal::from(max));
        }
        fee
    }

    proptest! {
        #[test]
        fn fees_equal_a_decimal_computation(
            amount in 1i64..1_000_000_000_000_000, bps in 0u32..20_000, fixed in 0i64..10_000, min in 0i64..1_000,
            max in proptest::option::of(0i64..100_000),
            rounding in proptest::sample::select(vec![Rounding::HalfUp, Rounding::HalfEven, Rounding::Down, Rounding::Up]),
        ) {
            let columns = columns_fee_minor(amount, bps, min, max).map(Decimal::from);
            prop_assert_eq!(columns, Ok(oracle(amount, bps * 100, 0, min, max, Rounding::HalfUp)));
            let by_rule = fee_minor(i128::from(amount), &rule(&[(None, bps * 100 + 7, fixed)], min, max, rounding));
            prop_assert_eq!(by_rule.map(Decimal::from), Ok(oracle(amount, bps * 100 + 7, fixed, min, max, rounding)));
        }

        #[test]
        fn small_and_large_amounts_take_the_same_formula(amount in any::<i64>(), bps in any::<u32>()) {
            let wide = narrow(divide(i128::from(amount) * i128::from(bps), 10_000, Rounding::HalfUp));
            prop_assert_eq!(columns_fee_minor(amount, bps, i64::MIN, None), wide);
        }
    }
}
