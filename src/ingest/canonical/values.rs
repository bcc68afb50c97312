//! How single values are read: fast paths for the usual forms, the words of [`crate::terms`] for all others.
//!
//! A fast path gives the same answer as the general reader or none at all.

use std::fmt;

use crate::terms::currency::Currency;
use crate::terms::date::{Date, Instant};
use crate::terms::kinds::{Action, Direction, Funding, Purpose, Status, TxnType};
use crate::terms::money::{self, AmountError};

/// The fields of one row, whatever file it stands in. Fields are numbers of the row's layout.
pub trait Fields {
    /// The text of a field; empty where the file has no such column.
    fn text(&self, field: usize) -> &[u8];
    /// What `judge` makes of the text of a field. A field has one judge; a file that writes a text once and then its
    /// number has it judged once.
    #[inline(always)]
    fn word<W: Word>(&self, field: usize, judge: impl FnOnce(&[u8]) -> Option<W>) -> Option<W> {
        judge(self.text(field))
    }
    /// The number under which the file repeats the text of a field, the same within one stretch of the file.
    #[inline(always)]
    fn repeated(&self, _field: usize) -> Option<u32> {
        None
    }
    /// A field as an amount, zero allowed; a leading `-` is allowed when `signed`.
    fn amount_minor(&self, field: usize, currency: Currency, signed: bool) -> Result<i64, AmountError>;
    /// A field as the text of a decimal, where the file has decimals that are no texts.
    fn decimal_text(&self, _field: usize) -> Option<String> {
        None
    }
    /// A field as an instant.
    fn instant(&self, field: usize, memory: &mut TimeMemory) -> Option<Instant>;
    /// A field as a day.
    fn date(&self, field: usize, memory: &mut TimeMemory) -> Option<Date>;
    /// True when the field was left out of this reading and must not be judged.
    fn left_out(&self, field: usize) -> bool;
    /// The field as RFC 3339 text, where the file has times that are no texts.
    fn time_text<'a>(&'a self, field: usize, buffer: &'a mut TimeText) -> &'a [u8];
}

/// What a field of few distinct texts says, as a small number and back.
pub trait Word: Copy {
    /// Its number, below 65,535.
    fn number(self) -> u16;
    /// The word of a number.
    fn of_number(number: u16) -> Option<Self>;
}

macro_rules! numbered_words {
    ($($word:ty)*) => {
        $(impl Word for $word {
            #[inline(always)]
            fn number(self) -> u16 {
                self as u16
            }

            #[inline(always)]
            fn of_number(number: u16) -> Option<Self> {
                Self::from_index(u8::try_from(number).ok()?)
            }
        })*
    };
}

numbered_words!(TxnType Status Direction Funding Purpose Action);

impl Word for Currency {
    #[inline(always)]
    fn number(self) -> u16 {
        u16::from(self.index())
    }

    #[inline(always)]
    fn of_number(number: u16) -> Option<Currency> {
        Currency::from_index(u8::try_from(number).ok()?)
    }
}

/// Index of an account.
impl Word for u16 {
    #[inline(always)]
    fn number(self) -> u16 {
        self
    }

    #[inline(always)]
    fn of_number(number: u16) -> Option<u16> {
        Some(number)
    }
}

/// Room for a time written as text.
#[derive(Default)]
pub struct TimeText {
    bytes: Vec<u8>,
}

impl TimeText {
    /// Writes a text and gives its bytes.
    pub fn set(&mut self, text: fmt::Arguments<'_>) -> &[u8] {
        use std::io::Write;
        self.bytes.clear();
        // Writing to memory does not fail.
        let _ = self.bytes.write_fmt(text);
        &self.bytes
    }
}

/// The day, the minute and the offset of the last time read: nearly all rows of a file share the first and the last,
/// and neighbours the second.
#[derive(Default)]
pub struct TimeMemory {
    day: [u8; 10],
    date: Option<Date>,
    day_ms: i64,
    offset: [u8; 6],
    offset_ms: i64,
    known: bool,
    /// A time up to its minute, in the day and with the offset above, and its instant.
    minute: [u8; 16],
    minute_ms: i64,
    minute_known: bool,
}

/// Reads a day; the answer is [`Date::parse`]'s.
#[inline]
pub fn date(text: &[u8], memory: &mut TimeMemory) -> Option<Date> {
    if memory.date.is_some() && *text == memory.day {
        return memory.date;
    }
    Date::parse(text)
}

/// Reads RFC 3339; the answer is [`Instant::parse_rfc3339`]'s.
#[inline(always)]
pub fn instant(text: &[u8], memory: &mut TimeMemory) -> Option<Instant> {
    // 2026-03-02T10:00:00.123+08:00, in the minute of the time before it.
    if let Ok(text) = <&[u8; 29]>::try_from(text)
        && memory.minute_known
        && text[..16] == memory.minute
        && text[23..] == memory.offset
    {
        let word = u64::from_le_bytes([
            text[16], text[17], text[18], text[19], text[20], text[21], text[22], 0,
        ]);
        const MARKS: u64 = (b':' as u64) | (b'.' as u64) << 24;
        const MARK_MASK: u64 = 0xff00_0000_ff00_00ff;
        let digits = word & !MARK_MASK | 0x3000_0000_3000_0030;
        let digit = |at: u32| (word >> (8 * at) & 15) as i64;
        let second = digit(1) * 10 + digit(2);
        if word & MARK_MASK == MARKS && all_digits(digits) && second < 60 {
            let millis = digit(4) * 100 + digit(5) * 10 + digit(6);
            return Some(Instant(memory.minute_ms + second * 1000 + millis));
        }
    }
    instant_of_day(text, memory)
}

/// Reads RFC 3339, quickly on the day of the time before it.
#[inline(never)]
fn instant_of_day(text: &[u8], memory: &mut TimeMemory) -> Option<Instant> {
    let (clock, rest) = match text.len() {
        // 2026-03-02T10:00:00.123+08:00 and 2026-03-02T10:00:00+08:00
        29 if text[19] == b'.' => (19, 23),
        25 => (19, 19),
        _ => return Instant::parse_rfc3339(text),
    };
    if memory.known && text[..10] == memory.day && text[10] == b'T' && text[rest..] == memory.offset {
        let word = u64::from_le_bytes([
            text[11], text[12], text[13], text[14], text[15], text[16], text[17], text[18],
        ]);
        // Colons become the digit 0, then all eight must be digits.
        const COLONS: u64 = 0x0000_3a00_003a_0000;
        const COLON_MASK: u64 = 0x0000_ff00_00ff_0000;
        let digits = (word ^ COLONS) & COLON_MASK | word & !COLON_MASK | 0x0000_3000_0030_0000;
        if word & COLON_MASK == COLONS && all_digits(digits) {
            let two = |at: u32| (word >> at & 15) * 10 + (word >> (at + 8) & 15);
            let (hour, minute, second) = (two(0), two(24), two(48));
            let millis = if rest == clock {
                Some(0)
            } else {
                let (a, b, c) = (text[20] ^ b'0', text[21] ^ b'0', text[22] ^ b'0');
                (a < 10 && b < 10 && c < 10).then(|| i64::from(a) * 100 + i64::from(b) * 10 + i64::from(c))
            };
            if let (true, Some(millis)) = (hour < 24 && minute < 60 && second < 60, millis) {
                let minutes = (hour * 60 + minute) as i64;
                memory.minute.copy_from_slice(&text[..16]);
                memory.minute_ms = memory.day_ms + minutes * 60_000 - memory.offset_ms;
                memory.minute_known = true;
                return Some(Instant(memory.minute_ms + second as i64 * 1000 + millis));
            }
        }
        return Instant::parse_rfc3339(text);
    }
    let instant = Instant::parse_rfc3339(text)?;
    remember(text, rest, memory);
    Some(instant)
}

#[cold]
fn remember(text: &[u8], rest: usize, memory: &mut TimeMemory) {
    memory.known = false;
    memory.minute_known = false;
    let Some(date) = Date::parse(&text[..10]) else {
        return;
    };
    if !matches!(text[rest], b'+' | b'-') {
        return;
    }
    memory.day.copy_from_slice(&text[..10]);
    memory.date = Some(date);
    memory.offset.copy_from_slice(&text[rest..rest + 6]);
    memory.day_ms = i64::from(date.0) * 86_400_000;
    let zero = *b"1970-01-01T00:00:00";
    let midnight = [&zero[..], &text[rest..rest + 6]].concat();
    if let Some(Instant(ms)) = Instant::parse_rfc3339(&midnight) {
        memory.offset_ms = -ms;
        memory.known = true;
    }
}

/// True when all eight bytes are ASCII digits.
fn all_digits(word: u64) -> bool {
    const HIGH: u64 = 0xf0f0_f0f0_f0f0_f0f0;
    const THREES: u64 = 0x3030_3030_3030_3030;
    const SIXES: u64 = 0x0606_0606_0606_0606;
    word & HIGH == THREES && word.wrapping_add(SIXES) & HIGH == THREES
}

/// Reads the amount at `start..end` of `bytes`; the answer is [`money::parse_minor`]'s.
#[inline(always)]
pub fn amount_minor(bytes: &[u8], start: usize, end: usize, digits: u32) -> Result<i64, AmountError> {
    // Up to five digits, a point and two decimals: one load, no loop.
    if digits == 2
        && let Some(before) = bytes.get(..end).and_then(<[u8]>::last_chunk::<8>)
        && let length @ 4..=8 = end.wrapping_sub(start)
    {
        // The amount in the high bytes, digits 0 in front of it, and the point taken out.
        let word = u64::from_le_bytes(*before);
        let keep = u64::MAX << (8 * (8 - length));
        let padded = word & keep | 0x3030_3030_3030_3030 & !keep;
        let joined = (padded & 0x0000_00ff_ffff_ffff) << 8 | padded & 0xffff_0000_0000_0000 | 0x30;
        let has_point = word >> 40 & 0xff == u64::from(b'.');
        if has_point && all_digits(joined) && (bytes[start] != b'0' || length == 4) {
            return Ok(eight_digits(joined) as i64);
        }
    }
    larger_amount_minor(bytes, start, end, digits)
}

/// [`amount_minor`] of amounts of any size.
#[inline(never)]
fn larger_amount_minor(bytes: &[u8], start: usize, end: usize, digits: u32) -> Result<i64, AmountError> {
    // Up to eight digits, a point and two decimals: no loop.
    if digits == 2 && end >= start + 4 && end <= start + 11 && end >= 11 && bytes[end - 3] == b'.' {
        let whole = end - 3 - start;
        if let Some(before) = bytes[end - 11..end - 3].first_chunk::<8>() {
            let shift = 8 * (8 - whole as u32);
            let keep = u64::MAX << shift;
            let word = u64::from_le_bytes(*before) & keep | 0x3030_3030_3030_3030 & !keep;
            let (tens, ones) = (bytes[end - 2] ^ b'0', bytes[end - 1] ^ b'0');
            if all_digits(word) && tens < 10 && ones < 10 && (bytes[start] != b'0' || whole == 1) {
                return Ok(eight_digits(word) as i64 * 100 + i64::from(tens) * 10 + i64::from(ones));
            }
        }
    }
    money::parse_minor(&bytes[start..end], digits)
}

/// The number of eight ASCII digits, the first in the lowest byte.
fn eight_digits(word: u64) -> u64 {
    let pairs = (word & 0x0f0f_0f0f_0f0f_0f0f).wrapping_mul(10 << 8 | 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 << 16 | 1) >> 16;
    (fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 << 32 | 1) >> 32
}

/// A wrong field: which, and what would have been right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Wrong {
    /// Number of the field in its layout.
    pub field: usize,
    /// What was expected.
    pub expected: Expected,
}

/// What would have been right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expected {
    /// In words.
    Words(&'static str),
    /// An amount of a currency.
    Amount(AmountError, Currency),
    /// The currency of the entry's account.
    AccountCurrency(Currency),
}

impl Expected {
    /// In words for the person on duty.
    pub fn describe(self, found: &[u8]) -> String {
        match self {
            Expected::Words(words) => words.to_owned(),
            Expected::AccountCurrency(currency) => format!("{currency}, the currency of the account"),
            Expected::Amount(AmountError::Decimals, currency) => match currency.digits() {
                0 => format!("no decimals ({currency})"),
                1 => format!("at most 1 decimal ({currency})"),
                digits => format!("at most {digits} decimals ({currency})"),
            },
            Expected::Amount(AmountError::Zero, _) => "an amount above zero".to_owned(),
            Expected::Amount(AmountError::Overflow, currency) => format!(
                "at most {} ({currency})",
                money::format_minor(i128::from(i64::MAX), currency.digits())
            ),
            Expected::Amount(AmountError::Form, _) => match found {
                [] => "an amount, not an empty field".to_owned(),
                [b'-' | b'+', ..] => "an amount without a sign".to_owned(),
                _ if found.contains(&b',') => {
                    "an amount without thousands separators, such as 1234.50".to_owned()
                }
                _ if found.contains(&b'e') || found.contains(&b'E') => {
                    "an amount in plain decimals, without an exponent".to_owned()
                }
                _ => "an amount in plain ASCII digits, such as 1234.50".to_owned(),
            },
        }
    }
}

/// What was found, fit for a message: cut to 80 characters, control characters and undecodable bytes escaped.
pub fn shown(found: &[u8]) -> String {
    let mut text = String::new();
    let mut room = 80;
    for chunk in found.utf8_chunks() {
        for character in chunk.valid().chars() {
            if room == 0 {
                return text;
            }
            room -= 1;
            if character.is_control() {
                text.extend(character.escape_default());
            } else {
                text.push(character);
            }
        }
        for byte in chunk.invalid() {
            if room == 0 {
                return text;
            }
            room -= 1;
            text.push_str(&format!("\\x{byte:02x}"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fast_amount(text: &[u8], lead: usize, digits: u32) -> Result<i64, AmountError> {
        let bytes = [&vec![b'7'; lead][..], text, b",x"].concat();
        amount_minor(&bytes, lead, lead + text.len(), digits)
    }

    #[test]
    fn fast_amounts_are_the_slow_amounts() {
        for text in [
            "0.01",
            "0.00",
            "12.34",
            "99999999.99",
            "123456789.01",
            "01.00",
            "1,2.00",
            ".50",
            "-1.00",
            "1.2.00",
            "a.00",
            "1.0a",
            "",
            "5",
        ] {
            for lead in [0, 3, 20] {
                for digits in [0, 2, 3] {
                    assert_eq!(
                        fast_amount(text.as_bytes(), lead, digits),
                        money::parse_minor(text.as_bytes(), digits),
                        "{text} {lead} {digits}"
                    );
                }
            }
        }
    }

    proptest! {
        #[test]
        fn any_amount_is_the_slow_amount(text in "[0-9]{0,12}[.,]?[0-9a-]{0,4}", lead in 0usize..20) {
            for digits in [0, 2, 3] {
                prop_assert_eq!(fast_amount(text.as_bytes(), lead, digits), money::parse_minor(text.as_bytes(), digits));
            }
        }

        #[test]
        fn any_time_is_the_slow_time(
            texts in proptest::collection::vec("20(26|25)-0[1-3]-[0-3][0-9][T ][0-2][0-9][:;][0-6][0-9]:[0-6][0-9a](\\.[0-9]{3}|\\.[0-9/]{3})?(Z|[+-]0[0-9]:[03]0)", 1..6)
        ) {
            let mut memory = TimeMemory::default();
            for text in texts.iter().chain(&texts) {
                let day = &text.as_bytes()[..10];
                prop_assert_eq!(instant(text.as_bytes(), &mut memory), Instant::parse_rfc3339(text.as_bytes()), "{}", text);
                prop_assert_eq!(date(day, &mut memory), Date::parse(day));
            }
        }
    }

    #[test]
    fn times_of_a_minute_are_the_slow_times() {
        let mut memory = TimeMemory::default();
        let good = "2026-03-02T10:00:07.123+08:00";
        let others = [
            "2026-03-02T10:00:59.999+08:00",
            "2026-03-02T10:00:60.000+08:00",
            "2026-03-02T10:00:5a.000+08:00",
            "2026-03-02T10:00:05.1/3+08:00",
            "2026-03-02T10:00;05.123+08:00",
            "2026-03-02T10:00:05,123+08:00",
            "2026-03-02T10:00:05.123+09:00",
            "2026-03-02T10:00:05.123-08:00",
            "2026-03-03T10:00:05.123+08:00",
            "2026-03-02T10:01:05.123+08:00",
            "2026-03-02 10:00:05.123+08:00",
            "2026-03-02T10:00:05+08:00",
            "2026-03-02T10:00:05.12345678Z",
            "2026-03-02T10:00",
        ];
        for text in others.iter().flat_map(|other| [good, other, other, good]) {
            let slow = Instant::parse_rfc3339(text.as_bytes());
            assert_eq!(instant(text.as_bytes(), &mut memory), slow, "{text}");
        }
    }

    #[test]
    fn found_texts_are_cut_and_escaped() {
        assert_eq!(shown("a\tb\u{0}中".as_bytes()), "a\\tb\\u{0}中");
        assert_eq!(shown(b"\xd6\xd0"), "\\xd6\\xd0");
        assert_eq!(shown("中".repeat(99).as_bytes()).chars().count(), 80);
    }
}
