//! Texts of foreign formats as values: amounts, local times, and what a message shows of a text.

use jiff::tz::TimeZone;

use super::FileRefused;
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
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
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
    /// RFC 3339 text in `zone`; `None` where clocks skip or repeat this time, so that it names no one moment.
    pub fn rfc3339(self, zone: &TimeZone) -> Option<String> {
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
        let seconds = offset.seconds();
        let (sign, minutes) = if seconds < 0 {
            ('-', -seconds / 60)
        } else {
            ('+', seconds / 60)
        };
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
