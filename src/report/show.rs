//! How values are shown to people: amounts with separators, hostile text made visible, account numbers masked.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::terms::currency::Currency;
use crate::terms::money::format_minor;

/// Minor units as a decimal with thousands separators: −123456 CNY is `-1,234.56`.
pub fn amount(minor: i128, currency: Currency) -> String {
    let plain = format_minor(minor, currency.digits());
    let (sign, magnitude) = match plain.strip_prefix('-') {
        Some(magnitude) => ("-", magnitude),
        None => ("", plain.as_str()),
    };
    let (whole, fraction) = magnitude.split_once('.').unwrap_or((magnitude, ""));
    let mut text = String::with_capacity(plain.len() * 4 / 3 + 1);
    text.push_str(sign);
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    if !fraction.is_empty() {
        text.push('.');
        text.push_str(fraction);
    }
    text
}

/// A count with thousands separators.
pub fn count(count: u64) -> String {
    let digits = count.to_string();
    let mut text = String::with_capacity(digits.len() * 4 / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// True for characters that change how the text around them is shown, or that nobody sees: controls, directional
/// marks, zero-width characters, line and paragraph separators, tags.
pub fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
            | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{e0000}'..='\u{e0fff}')
}

/// A text with every hidden character written as its code point: `a\u{202e}b`.
pub fn visible(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_hidden) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_hidden(c) {
            // Writing to a String cannot fail.
            let _ = write!(shown, "\\u{{{:x}}}", u32::from(c));
        } else {
            shown.push(c);
        }
    }
    Cow::Owned(shown)
}

/// An account number as its last four characters, the rest as dots; shorter numbers show nothing.
pub fn masked(number: &str) -> String {
    let length = number.chars().count();
    if length <= 4 {
        return "•".repeat(length);
    }
    let tail: String = number.chars().skip(length - 4).collect();
    format!("••••{tail}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_grouped_with_the_decimals_of_the_currency() {
        let check = |minor: i128, code: &str, expected: &str| {
            assert_eq!(amount(minor, Currency::parse(code.as_bytes()).unwrap()), expected);
        };
        check(0, "CNY", "0.00");
        check(-5, "CNY", "-0.05");
        check(123_456, "CNY", "1,234.56");
        check(-100_000_000, "CNY", "-1,000,000.00");
        check(1_234_567, "JPY", "1,234,567");
        check(999, "JPY", "999");
        check(1_234_567, "KWD", "1,234.567");
        assert_eq!(count(1_000), "1,000");
        assert_eq!(count(12), "12");
    }

    #[test]
    fn nothing_hides_in_a_text() {
        let check = |text: &str, expected: &str| assert_eq!(visible(text), expected);
        check("张三 Ltd", "张三 Ltd");
        check("a\u{202e}b", "a\\u{202e}b");
        check("\u{1b}[31m", "\\u{1b}[31m");
        check("a\nb", "a\\u{a}b");
        check("a\u{200b}\u{feff}", "a\\u{200b}\\u{feff}");
    }

    #[test]
    fn masks_keep_four_characters_at_most() {
        assert_eq!(masked("6222000000000001"), "••••0001");
        assert_eq!(masked("1234"), "••••");
        assert_eq!(masked(""), "");
    }
}
