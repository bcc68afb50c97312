//! Amounts: integer minor units in, integer minor units out; text only at the edges.
//!
//! Every division names its rounding. Sums are taken in 128 bits. There is no float in this crate.

use serde::{Deserialize, Serialize};

/// Why a text is not an amount (RULES R37).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum AmountError {
    /// Not of the form `(0|[1-9][0-9]*)(\.[0-9]{1,digits})?`.
    Form,
    /// More decimals than the currency has.
    Decimals,
    /// Above 2^63 − 1 minor units.
    Overflow,
    /// Zero where an amount must be positive.
    Zero,
}

/// An amount does not fit the 64 bits that a published figure has.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct AmountOverflow;

/// Reads a canonical amount (R37) into minor units of a currency with `digits` decimals. Zero is allowed.
///
/// `0.5` with 2 digits is 50; `1,5`, `+1`, `01`, `.5`, `1.`, `1e3` and full-width digits are refused.
///
/// # Errors
/// `Form`, `Decimals` or `Overflow`, in that order of precedence.
pub fn parse_minor(text: &[u8], digits: u32) -> Result<i64, AmountError> {
    let mut minor: u64 = 0;
    let mut at = 0;
    let mut overflow = false;
    let push = |minor: u64, digit: u8| {
        minor
            .checked_mul(10)
            .and_then(|m| m.checked_add(u64::from(digit)))
    };
    while at < text.len() && text[at].is_ascii_digit() {
        match push(minor, text[at] - b'0') {
            Some(next) => minor = next,
            None => overflow = true,
        }
        at += 1;
    }
    if at == 0 || (at > 1 && text[0] == b'0') {
        return Err(AmountError::Form);
    }
    let mut decimals = 0;
    if at < text.len() {
        if text[at] != b'.' || at + 1 == text.len() {
            return Err(AmountError::Form);
        }
        let fraction = &text[at + 1..];
        if !fraction.iter().all(u8::is_ascii_digit) {
            return Err(AmountError::Form);
        }
        if fraction.len() as u64 > u64::from(digits) {
            return Err(AmountError::Decimals);
        }
        for digit in fraction {
            match push(minor, digit - b'0') {
                Some(next) => minor = next,
                None => overflow = true,
            }
        }
        decimals = fraction.len() as u32;
    }
    if overflow {
        return Err(AmountError::Overflow);
    }
    let scale = 10u64.pow(digits - decimals);
    let minor = minor.checked_mul(scale).ok_or(AmountError::Overflow)?;
    i64::try_from(minor).map_err(|_| AmountError::Overflow)
}

/// As [`parse_minor`], with zero refused.
///
/// # Errors
/// As [`parse_minor`], and `Zero`.
pub fn parse_positive_minor(text: &[u8], digits: u32) -> Result<i64, AmountError> {
    match parse_minor(text, digits)? {
        0 => Err(AmountError::Zero),
        minor => Ok(minor),
    }
}

/// As [`parse_minor`], with a leading `-` allowed (statement balances).
///
/// # Errors
/// As [`parse_minor`].
pub fn parse_signed_minor(text: &[u8], digits: u32) -> Result<i64, AmountError> {
    match text.strip_prefix(b"-") {
        Some(magnitude) => parse_minor(magnitude, digits).map(|minor| -minor),
        None => parse_minor(text, digits),
    }
}

/// Minor units as a decimal text with all its decimals: 1234 with 2 digits is `12.34`, −5 is `-0.05`.
pub fn format_minor(minor: i128, digits: u32) -> String {
    let scale = 10u128.pow(digits);
    let magnitude = minor.unsigned_abs();
    let sign = if minor < 0 { "-" } else { "" };
    if digits == 0 {
        return format!("{sign}{magnitude}");
    }
    format!(
        "{sign}{}.{:0width$}",
        magnitude / scale,
        magnitude % scale,
        width = digits as usize
    )
}

/// How a division is rounded. All act on the magnitude; the sign is put back afterwards.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rounding {
    /// To the nearest, halves away from zero.
    HalfUp,
    /// To the nearest, halves to the even neighbour.
    HalfEven,
    /// Towards zero.
    Down,
    /// Away from zero.
    Up,
}

/// `numerator / denominator` (denominator > 0) rounded once, on the magnitude.
pub fn divide(numerator: i128, denominator: i128, rounding: Rounding) -> i128 {
    assert!(denominator > 0, "a rounded division needs a positive denominator");
    let magnitude = numerator.unsigned_abs();
    let denominator = denominator.unsigned_abs();
    let (quotient, rest) = (magnitude / denominator, magnitude % denominator);
    let up = match rounding {
        Rounding::Down => false,
        Rounding::Up => rest > 0,
        // `rest >= denominator - rest` is `2·rest >= denominator` without the doubling, which could overflow.
        Rounding::HalfUp => rest >= denominator - rest,
        Rounding::HalfEven => rest > denominator - rest || (rest == denominator - rest && quotient % 2 == 1),
    };
    let rounded = (quotient + u128::from(up)) as i128;
    if numerator < 0 { -rounded } else { rounded }
}

/// A sum in 128 bits as a published 64-bit figure.
///
/// # Errors
/// [`AmountOverflow`] beyond ±(2^63 − 1).
pub fn narrow(sum: i128) -> Result<i64, AmountOverflow> {
    i64::try_from(sum).map_err(|_| AmountOverflow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_exactly_or_refused() {
        let check = |text: &str, digits, expected| {
            assert_eq!(parse_minor(text.as_bytes(), digits), expected, "{text}")
        };
        check("0", 2, Ok(0));
        check("12.3", 2, Ok(1230));
        check("12.34", 2, Ok(1234));
        check("500", 0, Ok(500));
        check("1.234", 3, Ok(1234));
        check("92233720368547758.07", 2, Ok(i64::MAX));
        check("92233720368547758.08", 2, Err(AmountError::Overflow));
        check("999999999999999999999999", 2, Err(AmountError::Overflow));
        check("10.005", 2, Err(AmountError::Decimals));
        check("1.0", 0, Err(AmountError::Decimals));
        for bad in [
            "", ".5", "1.", "01", "+1", "-1", "1e3", "1,5", " 1", "1 ", "NaN", "１２", "0x1", "1.2.3",
        ] {
            check(bad, 2, Err(AmountError::Form));
        }
        assert_eq!(parse_positive_minor(b"0.00", 2), Err(AmountError::Zero));
        assert_eq!(parse_signed_minor(b"-0.05", 2), Ok(-5));
    }

    #[test]
    fn every_rounding_acts_on_the_magnitude() {
        let all = |n, d| {
            [Rounding::HalfUp, Rounding::HalfEven, Rounding::Down, Rounding::Up].map(|r| divide(n, d, r))
        };
        assert_eq!(all(175, 10), [18, 18, 17, 18]);
        assert_eq!(all(165, 10), [17, 16, 16, 17]);
        assert_eq!(all(-175, 10), [-18, -18, -17, -18]);
        assert_eq!(all(171, 10), [17, 17, 17, 18]);
        assert_eq!(all(0, 10), [0, 0, 0, 0]);
    }

    #[test]
    fn text_shows_every_decimal() {
        assert_eq!(format_minor(1234, 2), "12.34");
        assert_eq!(format_minor(-5, 2), "-0.05");
        assert_eq!(format_minor(500, 0), "500");
        assert_eq!(format_minor(1, 3), "0.001");
    }
}
