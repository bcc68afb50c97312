//! Texts of foreign formats as values: amounts, local times, and what a message shows of a text.

use jiff::tz::TimeZone;

use super::FileRefused;
use crate::book::settings::Settings;
use crate::terms::currency::Currency;
use crate::terms::date::{Date, Instant};
use crate::terms::money::{AmountError, parse_minor};

/// Most characters of a found text that a message shows.
const SHOWN_CHARS_MAX: usize = 80;

/// A found text for a message: control characters escaped, cut to 80 characters.
pub fn shown(text: &str) -> String {
    let mut shown = String::new();
    for (count, c) in text.chars().enumerate() {
        if count == SHOWN_CHARS_MAX {
            shown.push('…');
            break;
        }
        if c.is_control() {
            shown.extend(c.escape_default());
        } else {
            shown.push(c);
        }
    }
    shown
}

/// An account number for a message: its last four characters where the book masks accounts.
pub fn masked(settings: &Settings, number: &str) -> String {
    let hidden = number.chars().count().saturating_sub(4);
    if settings.privacy.mask_accounts && hidden > 0 {
        return shown(&format!("…{}", number.chars().skip(hidden).collect::<String>()));
    }
    shown(number)
}

/// An unsigned amount that may be padded: zeros before it, and zeros behind the currency's decimals (`8.850` EUR).
///
/// # Errors
/// As [`parse_minor`]; decimals beyond the currency's that are not zero are `Decimals`.
pub fn padded_minor(text: &str, digits: u32) -> Result<i64, AmountError> {
    let (whole, fraction) = text.split_once('.').map_or((text, None), |(w, f)| (w, Some(f)));
    if whole.is_empty() || !whole.bytes().all(|b| b.is_ascii_digit()) {
        return Err(AmountError::Form);
    }
    let significant = whole.trim_start_matches('0');
    let whole = if significant.is_empty() { "0" } else { significant };
    let Some(fraction) = fraction else {
        return parse_minor(whole.as_bytes(), digits);
    };
    if fraction.is_empty() || !fraction.bytes().all(|b| b.is_ascii_digit()) {
        return Err(AmountError::Form);
    }
    let kept = fraction.len().min(digits as usize);
    if fraction[kept..].bytes().any(|b| b != b'0') {
        return Err(AmountError::Decimals);
    }
    if kept == 0 {
        return parse_minor(whole.as_bytes(), digits);
    }
    parse_minor(format!("{whole}.{}", &fraction[..kept]).as_bytes(), digits)
}

/// As [`padded_minor`], of an amount in the words of an XML schema: a plus sign may stand before it, and digits on one side of the
/// point are enough (`.50`, `12.`; `xs:decimal` of XML Schema Part 2, 3.2.3.1).
///
/// # Errors
/// As [`padded_minor`].
pub fn xml_minor(text: &str, digits: u32) -> Result<i64, AmountError> {
    let bare = text.strip_prefix('+').unwrap_or(text);
    match bare.split_once('.') {
        Some(("", fraction)) => padded_minor(&format!("0.{fraction}"), digits),
        Some((whole, "")) => padded_minor(whole, digits),
        _ => padded_minor(bare, digits),
    }
}

/// True when the one mark of an amount may stand before decimals or between thousands: `1,000` and `12.000` where the
/// currency has other than three decimals. More digits or a zero before the mark are no group: `1234.500`, `0.500`; what
/// is no amount of the currency as decimals, `1.005`, is not taken for a group either.
pub fn is_ambiguous(text: &str, digits: u32) -> bool {
    let Some((whole, fraction)) = text.split_once([',', '.']) else {
        return false;
    };
    digits != 3
        && (1..=3).contains(&whole.len())
        && !whole.starts_with('0')
        && fraction.len() == 3
        && fraction.bytes().all(|b| b.is_ascii_digit())
        && fraction.bytes().skip(digits as usize).all(|b| b == b'0')
}

/// As [`amount_expected`], with the words for an amount that [`is_ambiguous`]; a sign and spaces do not count.
pub fn loose_amount_expected(text: &str, error: AmountError, currency: &str, digits: u32) -> String {
    let bare: String = text
        .chars()
        .filter(|c| !c.is_whitespace() && !matches!(c, '-' | '+'))
        .collect();
    if error == AmountError::Form && is_ambiguous(&bare, digits) {
        return format!(
            "an amount with {digits} decimals ({currency}): `1,000` can be one or one thousand; ask the bank to write decimals"
        );
    }
    amount_expected(error, currency, digits)
}

/// What a whole number of a file counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Unit {
    /// Yuan, euro; decimals are cents.
    Major,
    /// Fen, cents: the currency's own minor unit.
    Minor,
    /// Hundredths of the major unit, whatever decimals the currency has.
    Hundredths,
}

/// How numbers of a file are written.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Number {
    /// What a whole number counts.
    pub unit: Unit,
    /// Between groups of three digits.
    pub thousands: Option<u8>,
    /// What may stand there in its place, in all of an amount; any character.
    pub other_thousands: Vec<String>,
    /// Before the decimals.
    pub decimal: u8,
    /// True when zeros may fill it up on both sides: `000150`, `1.50000`.
    pub padded: bool,
    /// True when a plus sign may stand before it.
    pub plus: bool,
    /// True when nothing may stand before the decimals: `.91`.
    pub bare_point: bool,
    /// Texts before it that are its sign; true is negative.
    pub marks: Vec<(String, bool)>,
    /// True when its sign may stand behind it: `12.30-`.
    pub sign_behind: bool,
    /// Texts behind it that are its sign, such as `DR`; true is negative.
    pub words: Vec<(String, bool)>,
    /// True when parentheses around it are a minus sign.
    pub parentheses: bool,
    /// Texts before it that mean nothing, such as `¥`.
    pub symbols: Vec<String>,
}

impl Default for Number {
    fn default() -> Number {
        Number {
            unit: Unit::Major,
            thousands: None,
            other_thousands: Vec::new(),
            decimal: b'.',
            padded: false,
            plus: false,
            bare_point: false,
            marks: Vec::new(),
            sign_behind: false,
            words: Vec::new(),
            parentheses: false,
            symbols: Vec::new(),
        }
    }
}

/// An exact decimal: `mantissa / 10^decimals`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Decimal {
    negative: bool,
    mantissa: u64,
    decimals: u32,
}

/// Decimals of scaled figures.
pub const SCALE_DIGITS: u32 = 8;

const POWERS_OF_TEN: [u64; 20] = {
    let mut powers = [1u64; 20];
    let mut at = 1;
    while at < powers.len() {
        powers[at] = powers[at - 1] * 10;
        at += 1;
    }
    powers
};

/// True when all bytes are digits, or nothing, as their values.
#[inline(always)]
fn are_values(values: u64, most: u64) -> bool {
    (values.wrapping_add(most) | values) & (u64::MAX / 255 * 128) == 0
}

/// Added to the value of a digit, or to nothing, it leaves the high bit unset.
const MOST_DIGIT: u8 = 0x76;
const MOST_NOTHING: u8 = 0x7f;

/// Hundredths of an amount of up to five digits, a decimal sign and two decimals, without a loop.
#[inline(always)]
fn short_hundredths(digits: &[u8], decimal: u8) -> Option<u64> {
    const FORM: u64 = u64::from_le_bytes(*b"00000\x0000");
    const MOST: u64 = {
        let mut most = [MOST_DIGIT; 8];
        most[5] = MOST_NOTHING;
        u64::from_le_bytes(most)
    };
    let (first, last) = (digits.first_chunk::<4>()?, digits.last_chunk::<4>()?);
    let empty = 64 - 8 * digits.len() as u32;
    // The two parts may overlap: together they are the text, at the end of eight bytes.
    let text = u64::from(u32::from_le_bytes(*last)) << 32 | u64::from(u32::from_le_bytes(*first)) << empty;
    let values = text ^ (FORM | u64::from(decimal) << 40) & u64::MAX << empty;
    if !are_values(values, MOST) || (first[0] == b'0' && digits.len() > 4) {
        return None;
    }
    // The decimals stand behind the units once their sign is gone.
    let joined = (values & 0x00ff_ffff_ffff) << 8 | values & 0xffff_0000_0000_0000;
    let pairs = joined.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
    let fours = pairs.wrapping_mul(100 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
    Some(fours.wrapping_mul(10_000 << 32 | 1) >> 32)
}

/// Hundredths of an amount with a sign before each three digits, `1,234,567,890.12` at most, without a loop.
#[inline(always)]
fn grouped_hundredths(digits: &[u8], decimal: u8, thousands: u8) -> Option<u64> {
    // Eight bytes each: a digit, a sign, three digits, a sign, two digits; the last sign is the decimal one.
    const FORM: u64 = u64::from_le_bytes(*b"0\x00000\x0000");
    const MOST: u64 = {
        let mut most = [MOST_DIGIT; 8];
        most[1] = MOST_NOTHING;
        most[5] = MOST_NOTHING;
        u64::from_le_bytes(most)
    };
    let (first, last) = (digits.first_chunk::<8>()?, digits.last_chunk::<8>()?);
    let sign = u64::from(thousands);
    let low = FORM | sign << 8 | u64::from(decimal) << 40;
    let low = u64::from_le_bytes(*last) ^ low;
    // What stands before them, at the end of eight bytes.
    let empty = 128 - 8 * digits.len() as u32;
    let high = match u64::from_le_bytes(*first).checked_shl(empty) {
        Some(text) => text ^ (FORM | sign << 8 | sign << 40) & u64::MAX << empty,
        None => 0,
    };
    // A sign stands first, or a zero.
    if !are_values(low, MOST) || !are_values(high, MOST) || first[0] == b'0' || first[0] == thousands {
        return None;
    }
    // As nothing stands for the signs, each eight bytes are 100,000 · 0 + 10,000 + 1,000 + 100 · 0 + 10 + 1.
    let number = |values: u64| {
        let pairs = values.wrapping_mul(10 << 8 | 1) >> 8 & 0x00ff_00ff_00ff_00ff;
        let threes = pairs.wrapping_mul(10 << 16 | 1) >> 16 & 0x0000_ffff_0000_ffff;
        threes.wrapping_mul(1_000 << 32 | 1) >> 32
    };
    Some(number(high) * 1_000_000 + number(low))
}

impl Number {
    /// The number of a text in minor units of a currency with `digits` decimals.
    ///
    /// # Errors
    /// It is not written as this says (`Form`), has more decimals than the currency (`Decimals`), or is too large.
    #[inline]
    pub fn minor(&self, text: &str, digits: u32) -> Result<i64, AmountError> {
        let Decimal {
            negative,
            mantissa,
            decimals,
        } = self.read(text)?;
        let minor = match self.unit {
            Unit::Major if decimals == digits => mantissa,
            Unit::Major if decimals > digits => return Err(AmountError::Decimals),
            Unit::Major => scale(mantissa, digits - decimals)?,
            Unit::Minor | Unit::Hundredths if decimals > 0 => return Err(AmountError::Decimals),
            Unit::Minor => mantissa,
            Unit::Hundredths if digits >= 2 => scale(mantissa, digits - 2)?,
            Unit::Hundredths => {
                let part = POWERS_OF_TEN[(2 - digits) as usize];
                if !mantissa.is_multiple_of(part) {
                    return Err(AmountError::Decimals);
                }
                mantissa / part
            }
        };
        let minor = i64::try_from(minor).map_err(|_| AmountError::Overflow)?;
        Ok(if negative { -minor } else { minor })
    }

    /// What was expected of an amount with more decimals than its currency: where they are all zeros, that too, with the key by
    /// which zeros are read. A statement in yen with two decimals may be right; only who knows the bank can say so (R37).
    /// Nothing of `1.000`, which may be one thousand, nor of minor units, of which `100.00` may be yuan.
    #[cold]
    pub fn or_zeros(&self, expected: String, text: &str, error: AmountError, digits: u32) -> String {
        let padded = Number {
            padded: true,
            ..self.clone()
        };
        let is_zeros = error == AmountError::Decimals && !self.padded && padded.minor(text, digits).is_ok();
        if !is_zeros || self.unit != Unit::Major || is_ambiguous(text.trim_start_matches(['-', '+']), digits)
        {
            return expected;
        }
        format!(
            "{expected}, and no zeros there, or, if the file is right, `padded = true` in the profile, which reads zeros and refuses other decimals"
        )
    }

    /// The number of a text as it stands, in units of 10^−8. Sums of it are exact whatever its decimals.
    ///
    /// # Errors
    /// As [`Number::minor`]; more than 8 decimals are `Decimals`.
    #[inline]
    pub fn scaled(&self, text: &str) -> Result<i128, AmountError> {
        let Decimal {
            negative,
            mantissa,
            decimals,
        } = self.read(text)?;
        if decimals > SCALE_DIGITS {
            return Err(AmountError::Decimals);
        }
        let scaled = i128::from(mantissa) * i128::from(POWERS_OF_TEN[(SCALE_DIGITS - decimals) as usize]);
        Ok(if negative { -scaled } else { scaled })
    }

    /// As [`Number::minor`], of an amount in major units with all its decimals, or none, as most are; `None` where it
    /// needs a closer look.
    #[inline(always)]
    pub fn usual_minor(&self, text: &[u8], digits: u32) -> Option<i64> {
        if digits == 2
            && self.unit == Unit::Major
            && let Some((negative, minor)) = self.read_hundredths(text)
        {
            return Some(if negative { -minor } else { minor });
        }
        let decimal = self.read_usual(text)?;
        if self.unit != Unit::Major || decimal.decimals != digits {
            return None;
        }
        let minor = i64::try_from(decimal.mantissa).ok()?;
        Some(if decimal.negative { -minor } else { minor })
    }

    /// As [`Number::scaled`], of a text as most are; `None` where it needs a closer look.
    #[inline(always)]
    pub fn usual_scaled(&self, text: &[u8]) -> Option<i128> {
        // Most columns of most rows are nothing.
        if text == b"0.00" && self.decimal == b'.' {
            return Some(0);
        }
        if let Some((negative, hundredths)) = self.read_hundredths(text) {
            let scaled = i128::from(hundredths) * i128::from(POWERS_OF_TEN[SCALE_DIGITS as usize - 2]);
            return Some(if negative { -scaled } else { scaled });
        }
        let decimal = self.read_usual(text)?;
        let power = POWERS_OF_TEN[SCALE_DIGITS.checked_sub(decimal.decimals)? as usize];
        let scaled = i128::from(decimal.mantissa) * i128::from(power);
        Some(if decimal.negative { -scaled } else { scaled })
    }

    /// A sum of [`Number::scaled`] figures in minor units of a currency with `digits` decimals.
    ///
    /// # Errors
    /// It has more decimals than the currency (`Decimals`), or is too large.
    pub fn minor_of_scaled(&self, scaled: i128, digits: u32) -> Result<i64, AmountError> {
        let power = |digits: u32| POWERS_OF_TEN.get(digits as usize).map(|power| i128::from(*power));
        let (times, part) = match self.unit {
            Unit::Major => (Some(1), power(SCALE_DIGITS.saturating_sub(digits))),
            Unit::Minor => (Some(1), power(SCALE_DIGITS)),
            Unit::Hundredths if digits >= 2 => (power(digits - 2), power(SCALE_DIGITS)),
            Unit::Hundredths => (Some(1), power(SCALE_DIGITS + 2 - digits)),
        };
        let (times, part) = times.zip(part).ok_or(AmountError::Overflow)?;
        if scaled % part != 0 {
            return Err(AmountError::Decimals);
        }
        let minor = (scaled / part).checked_mul(times).ok_or(AmountError::Overflow)?;
        i64::try_from(minor).map_err(|_| AmountError::Overflow)
    }

    /// A scaled figure in minor units of a currency with `digits` decimals, rounded half up on its magnitude: 0.005 of two
    /// decimals is 1, and −0.005 is −1.
    ///
    /// # Errors
    /// It is too large.
    pub fn half_up(scaled: i128, digits: u32) -> Result<i64, AmountError> {
        let part = i128::from(POWERS_OF_TEN[SCALE_DIGITS.saturating_sub(digits) as usize]);
        let magnitude = scaled.abs().checked_add(part / 2).ok_or(AmountError::Overflow)? / part;
        let minor = i64::try_from(magnitude).map_err(|_| AmountError::Overflow)?;
        Ok(if scaled < 0 { -minor } else { minor })
    }

    /// An amount in minor units as a scaled figure.
    pub fn scaled_of_minor(minor: i64, digits: u32) -> i128 {
        i128::from(minor) * i128::from(POWERS_OF_TEN[SCALE_DIGITS.saturating_sub(digits) as usize])
    }

    #[inline]
    fn read(&self, text: &str) -> Result<Decimal, AmountError> {
        match self.read_usual(text.as_bytes()) {
            Some(decimal) => Ok(decimal),
            None => self.read_any(text),
        }
    }

    /// An amount with two decimals, `1234.50` or `1,234.50`: its sign and how many hundredths it is. `None` for all that
    /// needs a closer look.
    #[inline(always)]
    fn read_hundredths(&self, bytes: &[u8]) -> Option<(bool, i64)> {
        let (negative, digits) = match bytes {
            [b'-', digits @ ..] if self.marks.is_empty() => (true, digits),
            digits => (false, digits),
        };
        let hundredths = match (digits.len(), self.thousands) {
            (8..=16, Some(thousands)) => grouped_hundredths(digits, self.decimal, thousands)?,
            (4..=7, _) | (8, None) => short_hundredths(digits, self.decimal)?,
            _ => return None,
        };
        Some((negative, hundredths as i64))
    }

    /// The usual amount, `1234.50` or `1,234.50`: digits, a point, digits. `None` for all that needs a closer look.
    #[inline(never)]
    fn read_usual(&self, bytes: &[u8]) -> Option<Decimal> {
        let (negative, digits) = match bytes {
            [b'-', digits @ ..] if self.marks.is_empty() => (true, digits),
            digits => (false, digits),
        };
        // So few digits cannot overflow.
        if digits.len() > 18 {
            return None;
        }
        let push = |mantissa: u64, digit: u8| mantissa.wrapping_mul(10).wrapping_add(u64::from(digit));
        let (mut mantissa, mut at, mut group, mut grouped) = (0u64, 0, 0, false);
        while let Some(byte) = digits.get(at) {
            let digit = byte.wrapping_sub(b'0');
            if digit < 10 {
                mantissa = push(mantissa, digit);
            } else if Some(*byte) == self.thousands {
                // `1,234` is grouped, `12,34` and `1,2345` are not.
                let length = at - group;
                if length == 0 || length > 3 || (grouped && length != 3) {
                    return None;
                }
                (group, grouped) = (at + 1, true);
            } else {
                break;
            }
            at += 1;
        }
        if at == group || (grouped && at - group != 3) || (digits[0] == b'0' && at > 1) {
            return None;
        }
        let Some(mut fraction) = digits.get(at + 1..) else {
            return Some(Decimal {
                negative,
                mantissa,
                decimals: 0,
            });
        };
        if digits[at] != self.decimal || fraction.is_empty() {
            return None;
        }
        if self.padded {
            while let [rest @ .., b'0'] = fraction {
                fraction = rest;
            }
        }
        for byte in fraction {
            let digit = byte.wrapping_sub(b'0');
            if digit >= 10 {
                return None;
            }
            mantissa = push(mantissa, digit);
        }
        Some(Decimal {
            negative,
            mantissa,
            decimals: fraction.len() as u32,
        })
    }

    /// The sign of a text, true where it is negative, and what is left of it. An amount has one sign at most: before it, behind
    /// it or around it.
    fn sign_of<'t>(&self, text: &'t str) -> Result<(bool, &'t str), AmountError> {
        let mut sign = None;
        let mut say = |negative: bool| match sign.replace(negative) {
            Some(_) => Err(AmountError::Form),
            None => Ok(()),
        };
        let mut rest = text;
        if let Some((mark, negative)) = longest(&self.marks, |mark| rest.starts_with(mark)) {
            say(*negative)?;
            rest = &rest[mark.len()..];
        }
        let bare = self.without_symbol(rest);
        let has_symbol = bare.len() < rest.len();
        rest = bare;
        if let (true, Some(inside)) = (self.parentheses, rest.strip_prefix('(')) {
            say(true)?;
            rest = inside.strip_suffix(')').ok_or(AmountError::Form)?;
        } else if let Some((word, negative)) = longest(&self.words, |word| rest.ends_with(word)) {
            say(*negative)?;
            rest = rest[..rest.len() - word.len()].trim_end_matches(BLANKS);
        } else if let (true, Some(before)) = (self.sign_behind, rest.strip_suffix('-')) {
            say(true)?;
            rest = before.trim_end_matches(BLANKS);
        } else if let (true, Some(before)) = (self.sign_behind && self.plus, rest.strip_suffix('+')) {
            say(false)?;
            rest = before.trim_end_matches(BLANKS);
        }
        if let Some(behind) = rest.strip_prefix('-') {
            say(true)?;
            rest = behind;
        } else if let (true, Some(behind)) = (self.plus, rest.strip_prefix('+')) {
            say(false)?;
            rest = behind;
        }
        if !has_symbol {
            rest = self.without_symbol(rest);
        }
        Ok((sign == Some(true), rest))
    }

    fn without_symbol<'t>(&self, text: &'t str) -> &'t str {
        let symbols = self
            .symbols
            .iter()
            .filter(|symbol| text.starts_with(symbol.as_str()));
        &text[symbols.map(String::len).max().unwrap_or(0)..]
    }

    /// The sign between thousands with which a text begins; empty where it begins with none.
    fn thousands_sign<'t>(&self, text: &'t [u8]) -> &'t [u8] {
        if self.thousands.is_some() && text.first().copied() == self.thousands {
            return &text[..1];
        }
        let mut others = self.other_thousands.iter();
        let sign = others.find(|sign| text.starts_with(sign.as_bytes()));
        &text[..sign.map_or(0, String::len)]
    }

    /// What was expected of a text that is no amount, with the key of a profile by which it would be one: a file that is right
    /// needs another profile, and not another file.
    #[cold]
    pub fn or_by_key(&self, expected: String, text: &str, error: AmountError) -> String {
        let key = match error {
            AmountError::Form => self.key_for(text),
            _ => None,
        };
        match key {
            Some(key) => format!("{expected}, or, if the file is right, {key} in the profile"),
            None => expected,
        }
    }

    /// The keys by which a text would be an amount, as they stand in a profile.
    fn key_for(&self, text: &str) -> Option<String> {
        if !text.is_empty() && !text.chars().any(char::is_alphanumeric) {
            return Some(format!("`blank = {}` of the field", quoted(text)));
        }
        let symbol = symbol_of(text).map(str::to_owned);
        let mut others: Vec<(String, Number)> = Vec::new();
        let mut add = |key: &str, change: &dyn Fn(&mut Number)| {
            let mut number = self.clone();
            change(&mut number);
            others.push((key.to_owned(), number));
        };
        add("", &|_| {});
        add("`sign_behind = true`", &|number| number.sign_behind = true);
        add("`parentheses = true`", &|number| number.parentheses = true);
        add("`sign_words = { DR = \"-\", CR = \"+\" }`", &|number| {
            number.words = vec![("DR".to_owned(), true), ("CR".to_owned(), false)];
        });
        add("`plus = true`", &|number| number.plus = true);
        add("`bare_point = true`", &|number| number.bare_point = true);
        add("`padded = true`", &|number| number.padded = true);
        for symbols in [None, symbol] {
            for (key, number) in &others {
                let mut number = number.clone();
                let of_symbol = symbols.as_ref().map(|symbol| {
                    if !number.symbols.contains(symbol) {
                        number.symbols.push(symbol.clone());
                    }
                    let all: Vec<String> = number.symbols.iter().map(|symbol| quoted(symbol)).collect();
                    format!("`symbols = [{}]`", all.join(", "))
                });
                for (of_separators, number) in number.with_separators(text) {
                    if number.read(text).is_ok() {
                        let key = Some(key.clone()).filter(|key| !key.is_empty());
                        let keys: Vec<String> =
                            of_symbol.into_iter().chain(key).chain(of_separators).collect();
                        return Some(keys.join(" and "));
                    }
                }
            }
        }
        None
    }

    /// This, and with each of the signs in a text that may stand between thousands, or before decimals.
    fn with_separators(&self, text: &str) -> Vec<(Vec<String>, Number)> {
        let mut numbers = vec![(Vec::new(), self.clone())];
        let mut signs: Vec<char> = text.chars().filter(|c| SEPARATORS.contains(c)).collect();
        signs.sort_unstable();
        signs.dedup();
        let decimals = [self.decimal, b'.', b','];
        for (at, decimal) in decimals.iter().enumerate() {
            if decimals[..at].contains(decimal) {
                continue;
            }
            let mut keys = Vec::new();
            if *decimal != self.decimal {
                keys.push(format!("`decimal = \"{}\"`", char::from(*decimal)));
                let thousands = self.thousands.filter(|sign| sign != decimal);
                numbers.push((
                    keys.clone(),
                    Number {
                        decimal: *decimal,
                        thousands,
                        ..self.clone()
                    },
                ));
            }
            for sign in signs.iter().filter(|sign| **sign != char::from(*decimal)) {
                let mut keys = keys.clone();
                let known = self.thousands.map(|sign| char::from(sign).to_string());
                let known = known.iter().chain(&self.other_thousands);
                let mut all: Vec<String> = known
                    .filter(|known| !known.starts_with(char::from(*decimal)))
                    .cloned()
                    .collect();
                if !all.contains(&sign.to_string()) {
                    all.push(sign.to_string());
                }
                keys.push(format!("`thousands = {}`", list(&all)));
                let number = Number {
                    decimal: *decimal,
                    thousands: None,
                    other_thousands: all,
                    ..self.clone()
                };
                numbers.push((keys, number));
            }
        }
        numbers
    }

    fn read_any(&self, text: &str) -> Result<Decimal, AmountError> {
        let (negative, text) = self.sign_of(text)?;
        let bytes = text.as_bytes();
        // One sign stands between all thousands of an amount.
        let first_group = bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let between = self.thousands_sign(&bytes[first_group..]);
        let (mut mantissa, mut at, mut group, mut groups) = (0u64, 0, 0, 0u32);
        let mut overflow = false;
        let push = |mantissa: &mut u64, overflow: &mut bool, byte: u8| match mantissa
            .checked_mul(10)
            .and_then(|m| m.checked_add(u64::from(byte & 15)))
        {
            Some(next) => *mantissa = next,
            None => *overflow = true,
        };
        while let Some(byte) = bytes.get(at) {
            if byte.is_ascii_digit() {
                push(&mut mantissa, &mut overflow, *byte);
                group += 1;
                at += 1;
            } else if !between.is_empty() && bytes[at..].starts_with(between) {
                // `1,234` is grouped, `12,34` and `1,2345` are not.
                if group == 0 || group > 3 || (groups > 0 && group != 3) {
                    return Err(AmountError::Form);
                }
                (group, groups) = (0, groups + 1);
                at += between.len();
            } else {
                break;
            }
        }
        let bare = self.bare_point && at == 0 && bytes.first() == Some(&self.decimal);
        if (group == 0 && !bare) || (groups > 0 && group != 3) {
            return Err(AmountError::Form);
        }
        if bytes[0] == b'0' && !self.padded && (group > 1 || groups > 0) {
            return Err(AmountError::Form);
        }
        let mut decimals = 0;
        if let Some(byte) = bytes.get(at) {
            let mut fraction = &bytes[at + 1..];
            if *byte != self.decimal || fraction.is_empty() {
                return Err(AmountError::Form);
            }
            if self.padded {
                while let [rest @ .., b'0'] = fraction {
                    fraction = rest;
                }
            }
            for byte in fraction {
                if !byte.is_ascii_digit() {
                    return Err(AmountError::Form);
                }
                push(&mut mantissa, &mut overflow, *byte);
            }
            decimals = u32::try_from(fraction.len()).map_err(|_| AmountError::Decimals)?;
        }
        if overflow {
            // Too many decimals are told before too many digits, as for canonical amounts.
            return Err(if decimals > SCALE_DIGITS {
                AmountError::Decimals
            } else {
                AmountError::Overflow
            });
        }
        Ok(Decimal {
            negative,
            mantissa,
            decimals,
        })
    }
}

/// Signs that files have between thousands.
const SEPARATORS: [char; 9] = [
    ',', '.', '\'', ' ', '_', '\u{a0}', '\u{202f}', '\u{2009}', '\u{2019}',
];

/// What stands before an amount and may mean nothing: a sign of a currency, or its code. Letters may be a sign of in and out.
fn symbol_of(text: &str) -> Option<&str> {
    let text = text.trim_start_matches(['-', '(']);
    let end = text.find(|c: char| c.is_numeric() || "(-+.,".contains(c))?;
    let symbol = &text[..end];
    let is_code = Currency::parse(symbol.trim().as_bytes()).is_some();
    let is_sign = !symbol.is_empty() && !symbol.chars().any(char::is_alphabetic);
    (is_code || is_sign).then_some(symbol)
}

/// One text, or a list of several, as they stand in TOML.
fn list(texts: &[String]) -> String {
    match texts {
        [one] => quoted(one),
        texts => format!(
            "[{}]",
            texts
                .iter()
                .map(|text| quoted(text))
                .collect::<Vec<_>>()
                .join(", ")
        ),
    }
}

/// A text as it stands in TOML; blanks that look like others are written by their number.
fn quoted(text: &str) -> String {
    let mut quoted = String::from("\"");
    for c in text.chars().take(SHOWN_CHARS_MAX) {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            ' ' => quoted.push(c),
            '\t' => quoted.push_str("\\t"),
            c if c.is_whitespace() || c.is_control() => quoted += &format!("\\u{:04X}", c as u32),
            c => quoted.push(c),
        }
    }
    quoted + "\""
}

/// Blanks that may stand between an amount and the sign behind it.
const BLANKS: [char; 3] = [' ', '\u{a0}', '\u{202f}'];

/// The longest text of a list for which `fits` holds: `CR` and not `R`.
fn longest(texts: &[(String, bool)], fits: impl Fn(&str) -> bool) -> Option<&(String, bool)> {
    let fitting = texts.iter().filter(|(text, _)| fits(text));
    fitting.max_by_key(|(text, _)| text.len())
}

fn scale(mantissa: u64, digits: u32) -> Result<u64, AmountError> {
    let power = POWERS_OF_TEN.get(digits as usize).ok_or(AmountError::Overflow)?;
    mantissa.checked_mul(*power).ok_or(AmountError::Overflow)
}

/// A scaled figure as text: at least two decimals, no more than it has.
pub fn shown_scaled(scaled: i128) -> String {
    let text = crate::terms::money::format_minor(scaled, SCALE_DIGITS);
    let zeros = text.len() - text.trim_end_matches('0').len();
    text[..text.len() - zeros.min(SCALE_DIGITS as usize - 2)].to_owned()
}

/// What an amount should have been, in words.
pub fn amount_expected(error: AmountError, currency: &str, digits: u32) -> String {
    match error {
        AmountError::Form => "a decimal amount such as 12.34".to_owned(),
        AmountError::Decimals => format!("at most {digits} decimals ({currency})"),
        AmountError::Overflow => "at most 2^63 - 1 minor units".to_owned(),
        AmountError::Zero => "an amount greater than 0".to_owned(),
    }
}

/// The book's time zone.
///
/// # Errors
/// A zone that does not exist refuses the file (the settings were checked before).
pub fn zone(name: &str) -> Result<TimeZone, FileRefused> {
    TimeZone::get(name).map_err(|_| {
        FileRefused::at(
            0,
            format!("time zone `{name}` of the book is unknown"),
            "set `time_zone` in book.toml to an IANA name such as Asia/Shanghai",
        )
    })
}

/// A time of day as a clock on the wall shows it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct WallTime {
    /// The day.
    pub date: Date,
    /// Hour, 0 to 23.
    pub hour: u32,
    /// Minute, 0 to 59.
    pub minute: u32,
    /// Second, 0 to 59.
    pub second: u32,
}

impl WallTime {
    /// Minutes by which clocks in `zone` are before UTC at this time; `None` where they skip or repeat it, so that it names no one
    /// moment.
    pub fn offset_minutes(self, zone: &TimeZone) -> Option<i32> {
        let (year, month, day) = self.date.ymd();
        let civil = jiff::civil::DateTime::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
            i8::try_from(self.hour).ok()?,
            i8::try_from(self.minute).ok()?,
            i8::try_from(self.second).ok()?,
            0,
        )
        .ok()?;
        let offset = zone.to_ambiguous_timestamp(civil).offset();
        let jiff::tz::AmbiguousOffset::Unambiguous { offset } = offset else {
            return None;
        };
        Some(offset.seconds() / 60)
    }

    /// RFC 3339 text in `zone`; `None` as above.
    pub fn rfc3339(self, zone: &TimeZone) -> Option<String> {
        let minutes = self.offset_minutes(zone)?;
        let (sign, minutes) = (if minutes < 0 { '-' } else { '+' }, minutes.abs());
        Some(format!(
            "{}T{:02}:{:02}:{:02}{sign}{:02}:{:02}",
            self.date,
            self.hour,
            self.minute,
            self.second,
            minutes / 60,
            minutes % 60
        ))
    }
}

/// Reads `YYYY-MM-DDThh:mm:ss`, with decimals of a second and an offset where given, as RFC 3339: the text itself
/// when it has an offset, else the book's zone added (the decimals are kept).
pub fn iso_time(text: &str, zone: &TimeZone) -> Option<(Date, String)> {
    let date = Date::parse(text.as_bytes().get(..10)?)?;
    if Instant::parse_rfc3339(text.as_bytes()).is_some() {
        return Some((date, text.to_owned()));
    }
    // A local time is whole when it reads as one with an offset behind it.
    Instant::parse_rfc3339(format!("{text}Z").as_bytes())?;
    let number = |at: usize| text.get(at..at + 2)?.parse::<u32>().ok();
    let wall = WallTime {
        date,
        hour: number(11)?,
        minute: number(14)?,
        second: number(17)?,
    };
    let full = wall.rfc3339(zone)?;
    let (time, offset) = full.split_at(19);
    Some((date, format!("{time}{}{offset}", &text[19..])))
}

/// Reads a day `YYYY-MM-DD`, with the zone that XML allows behind it.
pub fn iso_date(text: &str) -> Option<Date> {
    let date = Date::parse(text.as_bytes().get(..10)?)?;
    let rest = text.get(10..)?;
    let zoned =
        rest.is_empty() || Instant::parse_rfc3339(format!("{date}T00:00:00{rest}").as_bytes()).is_some();
    zoned.then_some(date)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn padded_amounts_are_exact() {
        let check = |text: &str, digits, expected| assert_eq!(padded_minor(text, digits), expected, "{text}");
        check("000000000000149.87", 2, Ok(14987));
        check("8.850", 2, Ok(885));
        check("5442.09000", 2, Ok(544_209));
        check("0.00", 2, Ok(0));
        check("500.00", 0, Ok(500));
        check("100", 2, Ok(10_000));
        check("1.005", 2, Err(AmountError::Decimals));
        for bad in ["", ".5", "5.", "-1", "+1", "1,50", "1e3", "１"] {
            check(bad, 2, Err(AmountError::Form));
        }
        check("99999999999999999999", 2, Err(AmountError::Overflow));
    }

    #[test]
    fn numbers_follow_the_habits_of_a_profile() {
        let plain = Number::default();
        let check = |number: &Number, text: &str, digits, expected| {
            assert_eq!(number.minor(text, digits), expected, "{text} {number:?}");
        };
        check(&plain, "-0.01", 2, Ok(-1));
        check(&plain, "0.5", 2, Ok(50));
        check(&plain, "1,234.50", 2, Err(AmountError::Form));
        check(&plain, "0.32000", 2, Err(AmountError::Decimals));
        let padded = Number {
            padded: true,
            ..plain.clone()
        };
        check(&padded, "0.32000", 2, Ok(32));
        check(&padded, "-0.27000", 2, Ok(-27));
        check(&padded, "0.32500", 2, Err(AmountError::Decimals));
        check(&padded, "007.00", 2, Ok(700));
        check(&padded, "20.0", 0, Ok(20));
        let grouped = Number {
            thousands: Some(b','),
            ..plain.clone()
        };
        check(&grouped, "1,234.50", 2, Ok(123_450));
        check(&grouped, "1234.50", 2, Ok(123_450));
        for bad in [
            "1,23", "1234,567", ",123", "1,", "1,2345", "1,234,5", "--1", "1,234.", "0,123", "", "-", ".5",
            "1e3", "+1", "１", "1 ", "NaN", "1.2.3",
        ] {
            check(&grouped, bad, 2, Err(AmountError::Form));
        }
        let bare = Number {
            bare_point: true,
            ..plain.clone()
        };
        check(&bare, ".91", 2, Ok(91));
        check(&bare, "-.5", 2, Ok(-50));
        check(&bare, "0.91", 2, Ok(91));
        for bad in [".", "-.", "1.", ".9.1", "..1", "-", ""] {
            check(&bare, bad, 2, Err(AmountError::Form));
        }
        check(&bare, ".911", 2, Err(AmountError::Decimals));
        check(&plain, ".91", 2, Err(AmountError::Form));
        let german = Number {
            thousands: Some(b'.'),
            decimal: b',',
            ..plain.clone()
        };
        check(&german, "-1.234.567,8", 2, Ok(-123_456_780));
        check(
            &Number {
                decimal: b',',
                ..plain.clone()
            },
            "1.5",
            2,
            Err(AmountError::Form),
        );
        let fen = Number {
            unit: Unit::Minor,
            ..plain.clone()
        };
        check(&fen, "1999", 2, Ok(1999));
        check(&fen, "19.99", 2, Err(AmountError::Decimals));
        check(&fen, "01", 2, Err(AmountError::Form));
        let marked = Number {
            unit: Unit::Minor,
            padded: true,
            marks: vec![("C".to_owned(), false), ("D".to_owned(), true)],
            ..plain.clone()
        };
        check(&marked, "D000000002861", 2, Ok(-2861));
        check(&marked, "C000000473939", 2, Ok(473_939));
        check(&marked, "000000000000", 2, Ok(0));
        for bad in ["DC1", "D-1", "E1", "D", "1D"] {
            check(&marked, bad, 2, Err(AmountError::Form));
        }
        let cents = Number {
            unit: Unit::Hundredths,
            ..plain.clone()
        };
        check(&cents, "10000", 0, Ok(100));
        check(&cents, "10001", 0, Err(AmountError::Decimals));
        check(&cents, "10000", 2, Ok(10_000));
        check(&cents, "10000", 3, Ok(100_000));
        let yuan = Number {
            symbols: vec!["¥".to_owned()],
            plus: true,
            ..plain.clone()
        };
        check(&yuan, "¥28.16", 2, Ok(2816));
        check(&yuan, "+28.16", 2, Ok(2816));
        check(&plain, "92233720368547758.07", 2, Ok(i64::MAX));
        check(&plain, "92233720368547758.08", 2, Err(AmountError::Overflow));
        check(&plain, "99999999999999999999999", 2, Err(AmountError::Overflow));
        assert_eq!(shown_scaled(32_000_000), "0.32");
        assert_eq!(shown_scaled(-33_300_000), "-0.333");
        assert_eq!(shown_scaled(0), "0.00");
        assert_eq!(padded.scaled("0.00001"), Ok(1000));
        assert_eq!(padded.scaled("0.000000001"), Err(AmountError::Decimals));
    }

    fn texts(texts: &[(&str, bool)]) -> Vec<(String, bool)> {
        let owned = |(text, is_minus): &(&str, bool)| ((*text).to_owned(), *is_minus);
        texts.iter().map(owned).collect()
    }

    #[test]
    fn a_sign_stands_before_or_behind_or_around_an_amount_and_once() {
        let check = |number: &Number, text: &str, expected: Option<i64>| {
            let expected = expected.ok_or(AmountError::Form);
            assert_eq!(number.minor(text, 2), expected, "{text}");
            let scaled = expected.map(|minor| i128::from(minor) * 1_000_000);
            assert_eq!(number.scaled(text), scaled, "{text}");
            if let Some(usual) = number.usual_minor(text.as_bytes(), 2) {
                assert_eq!(Ok(usual), expected, "{text}");
            }
        };
        let plain = Number::default();
        let behind = Number {
            sign_behind: true,
            thousands: Some(b'.'),
            decimal: b',',
            ..Number::default()
        };
        check(&behind, "1.234,56-", Some(-123_456));
        check(&behind, "1.234,56 -", Some(-123_456));
        check(&behind, "0,01-", Some(-1));
        check(&behind, "1.234,56", Some(123_456));
        check(&behind, "-1.234,56", Some(-123_456));
        for bad in [
            "-1,00-", "1,00--", "-", "--", "1,00+", "1,-", "1-,00", "1.23,00-", "- 1,00", "",
        ] {
            check(&behind, bad, None);
        }
        let plus = Number {
            plus: true,
            ..behind.clone()
        };
        check(&plus, "1,00+", Some(100));
        for bad in ["+1,00-", "+1,00+", "1,00+-"] {
            check(&plus, bad, None);
        }
        check(&plain, "100.00-", None);
        let words = Number {
            words: texts(&[("DR", true), ("CR", false), ("R", true)]),
            thousands: Some(b','),
            ..Number::default()
        };
        check(&words, "100.00 CR", Some(10_000));
        check(&words, "12.50DR", Some(-1250));
        check(&words, "1,234.50\u{a0}DR", Some(-123_450));
        check(&words, "3.00R", Some(-300));
        check(&words, "100.00", Some(10_000));
        check(&words, "-100.00", Some(-10_000));
        for bad in [
            "-100.00 DR",
            "-100.00 CR",
            "100.00 dr",
            "100.00 XR C",
            "CR",
            " CR",
            "CR 1.00",
            "1.00 CR DR",
            "1.00 CRX",
        ] {
            check(&words, bad, None);
        }
        check(&plain, "100.00 CR", None);
        let around = Number {
            parentheses: true,
            thousands: Some(b','),
            symbols: vec!["$".to_owned(), "$ ".to_owned()],
            sign_behind: true,
            plus: true,
            ..Number::default()
        };
        for text in [
            "(1,234.50)",
            "($1,234.50)",
            "$(1,234.50)",
            "$ (1,234.50)",
            "-$1,234.50",
            "$-1,234.50",
            "$1,234.50-",
        ] {
            check(&around, text, Some(-123_450));
        }
        check(&around, "$ 1,234.50", Some(123_450));
        check(&around, "(0.00)", Some(0));
        for bad in [
            "(1.00", "1.00)", "((1.00))", "()", "(", ")", "(-1.00)", "-(1.00)", "(1.00)-", "(+1.00)",
            "(1.00-)", "$($1.00)", ")1.00(", "(1.00) ", "$$1.00", "-$-1.00",
        ] {
            check(&around, bad, None);
        }
        check(&plain, "(12.30)", None);
    }

    #[test]
    fn blanks_and_apostrophes_stand_between_thousands_where_the_profile_says_so() {
        let signs = ["\u{a0}", "\u{202f}", "\u{2019}"];
        let number = Number {
            thousands: Some(b' '),
            other_thousands: signs.map(str::to_owned).to_vec(),
            decimal: b',',
            ..Number::default()
        };
        for sign in signs.into_iter().chain([" "]) {
            let text = format!("1{sign}234{sign}567,89");
            assert_eq!(number.minor(&text, 2), Ok(123_456_789), "{text}");
            assert_eq!(number.minor(&format!("-{text}"), 2), Ok(-123_456_789), "{text}");
            assert_eq!(
                Number {
                    decimal: b',',
                    ..Number::default()
                }
                .minor(&text, 2),
                Err(AmountError::Form)
            );
            for bad in [
                "1~23,00",
                "12~34,00",
                "~123,00",
                "123~,00",
                "1~~234,00",
                "1~2345,00",
                "0~123,00",
                "1234~567,00",
            ] {
                assert_eq!(
                    number.minor(&bad.replace('~', sign), 2),
                    Err(AmountError::Form),
                    "{bad}"
                );
            }
        }
        // One amount has one sign.
        assert_eq!(number.minor("1 234\u{a0}567,00", 2), Err(AmountError::Form));
        assert_eq!(number.minor("1\u{a0}234 567,00", 2), Err(AmountError::Form));
    }

    #[test]
    fn what_the_profile_does_not_say_is_told_with_its_key() {
        let check = |number: &Number, text: &str, expected: &str| {
            let found = number.key_for(text).unwrap_or_default();
            assert_eq!(found, expected, "{text}");
        };
        let plain = Number::default();
        check(&plain, "1,200.00", "`thousands = \",\"`");
        check(&plain, "1.200,00", "`decimal = \",\"` and `thousands = \".\"`");
        check(&plain, "12,50", "`decimal = \",\"`");
        check(&plain, "1\u{202f}200.00", "`thousands = \"\\u202F\"`");
        check(&plain, "$12.00", "`symbols = [\"$\"]`");
        check(
            &plain,
            "-€ 1,200.00",
            "`symbols = [\"€ \"]` and `thousands = \",\"`",
        );
        check(&plain, "EUR 12.00", "`symbols = [\"EUR \"]`");
        check(&plain, "12.00-", "`sign_behind = true`");
        check(&plain, "(12.00)", "`parentheses = true`");
        check(
            &plain,
            "($1,200.00)",
            "`symbols = [\"$\"]` and `parentheses = true` and `thousands = \",\"`",
        );
        check(&plain, "12.00 CR", "`sign_words = { DR = \"-\", CR = \"+\" }`");
        check(&plain, "+12.00", "`plus = true`");
        check(&plain, "007.00", "`padded = true`");
        check(&plain, "-", "`blank = \"-\"` of the field");
        // What the profile has stays: the key that is shown takes the place of the one that is there.
        let french = Number {
            decimal: b',',
            thousands: Some(b' '),
            other_thousands: vec!["\u{a0}".to_owned()],
            symbols: vec!["€".to_owned()],
            ..Number::default()
        };
        check(
            &french,
            "1\u{202f}200,00",
            "`thousands = [\" \", \"\\u00A0\", \"\\u202F\"]`",
        );
        check(&french, "1.200,00", "`thousands = [\" \", \"\\u00A0\", \".\"]`");
        check(&french, "$12,00", "`symbols = [\"€\", \"$\"]`");
        check(&plain, "--\t-", "`blank = \"--\\t-\"` of the field");
        // Letters may say in or out: nothing is said of them. What is no amount in any way has no key.
        for none in ["D100", "CR 1.00", "12a", "NaN", "", "１0.00", "1e3", "1,23.0.0"] {
            check(&plain, none, "");
        }
    }

    proptest::proptest! {
        #[test]
        fn usual_amounts_are_read_as_all_others(text in "-?[0-9]{0,4}[,.]?[0-9]{0,7}[.a]?0{0,3}", sign in "[-+C]?", behind in "[-C)]?") {
            let text = text + &behind;
            let marks = vec![("C".to_owned(), true), ("-".to_owned(), false)];
            for number in [
                Number::default(),
                Number { padded: true, ..Number::default() },
                Number { thousands: Some(b','), plus: true, ..Number::default() },
                Number { thousands: Some(b'.'), decimal: b',', ..Number::default() },
                Number { marks, ..Number::default() },
                Number { sign_behind: true, parentheses: true, words: texts(&[("C", true)]), ..Number::default() },
                Number { other_thousands: vec![",".to_owned()], ..Number::default() },
            ] {
                let text = format!("{sign}{text}");
                if let Some(minor) = number.usual_minor(text.as_bytes(), 2) {
                    proptest::prop_assert_eq!(Ok(minor), number.minor(&text, 2), "{}", text);
                }
                if let Some(scaled) = number.usual_scaled(text.as_bytes()) {
                    proptest::prop_assert_eq!(Ok(scaled), number.scaled(&text), "{}", text);
                }
                if let Some(usual) = number.read_usual(text.as_bytes()) {
                    proptest::prop_assert_eq!(Ok(usual), number.read_any(&text), "{}", text);
                }
            }
        }

        #[test]
        fn grouped_amounts_are_read_as_all_others(
            groups in "[0-9]{0,4}([,.][0-9]{2,4}){0,5}",
            end in "[.,a]?[0-9a]{0,3}",
            sign in "-?",
            symbol in 0usize..40,
        ) {
            let mut text = format!("{sign}{groups}{end}");
            // Now and then another character in the place of one.
            if symbol < text.len() {
                text.replace_range(symbol..=symbol, "/");
            }
            for thousands in [None, Some(b','), Some(b'.')] {
                for decimal in [b'.', b','] {
                    if thousands == Some(decimal) {
                        // No profile says so.
                        continue;
                    }
                    let number = Number { thousands, decimal, ..Number::default() };
                    let slow = number.read_any(&text).map(|read| (read.negative, i64::try_from(read.mantissa), read.decimals));
                    if let Some((negative, hundredths)) = number.read_hundredths(text.as_bytes()) {
                        proptest::prop_assert_eq!(slow, Ok((negative, Ok(hundredths), 2)), "{} {:?}", text, thousands);
                    }
                }
            }
        }

        #[test]
        fn scaled_figures_are_the_amounts_they_are_of(minor in -100_000i64..100_000, decimals in 0u32..5, digits in 0u32..4) {
            let text = crate::terms::money::format_minor(i128::from(minor), decimals);
            for unit in [Unit::Major, Unit::Minor, Unit::Hundredths] {
                let number = Number { unit, padded: true, ..Number::default() };
                let scaled = number.scaled(&text).unwrap();
                proptest::prop_assert_eq!(number.minor_of_scaled(scaled, digits), number.minor(&text, digits), "{} {:?}", text, unit);
            }
        }
    }

    #[test]
    fn local_times_get_the_zone_of_the_book() {
        let shanghai = zone("Asia/Shanghai").unwrap();
        let berlin = zone("Europe/Berlin").unwrap();
        let time = |text: &str, zone| iso_time(text, zone).map(|(_, text)| text);
        assert_eq!(
            time("2019-09-16T10:55:16", &shanghai).as_deref(),
            Some("2019-09-16T10:55:16+08:00")
        );
        assert_eq!(
            time("2019-09-16T10:55:16.123", &shanghai).as_deref(),
            Some("2019-09-16T10:55:16.123+08:00")
        );
        assert_eq!(
            time("2015-01-25T12:22:43+01:00", &shanghai).as_deref(),
            Some("2015-01-25T12:22:43+01:00")
        );
        // Skipped in spring, repeated in autumn.
        assert_eq!(time("2026-03-29T02:30:00", &berlin), None);
        assert_eq!(time("2026-10-25T02:30:00", &berlin), None);
        assert_eq!(time("2019-09-16T25:00:00", &shanghai), None);
        assert_eq!(iso_date("2019-09-16+02:00"), Date::parse(b"2019-09-16"));
        assert_eq!(iso_date("2019-09-16x"), None);
    }

    #[test]
    fn messages_show_no_control_characters() {
        assert_eq!(shown("a\tb"), "a\\tb");
        assert_eq!(shown(&"x".repeat(100)).chars().count(), 81);
    }
}
