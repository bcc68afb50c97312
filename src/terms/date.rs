//! Calendar days and instants. No clock and no time zone database is read here.

use std::fmt;

/// A calendar day, as days since 1970-01-01 (proleptic Gregorian).
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Date(pub i32);

/// The day of the week.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Weekday {
    /// Monday, and so on.
    Monday,
    /// Tuesday.
    Tuesday,
    /// Wednesday.
    Wednesday,
    /// Thursday.
    Thursday,
    /// Friday.
    Friday,
    /// Saturday.
    Saturday,
    /// Sunday.
    Sunday,
}

const WEEKDAYS: [Weekday; 7] = [
    Weekday::Monday,
    Weekday::Tuesday,
    Weekday::Wednesday,
    Weekday::Thursday,
    Weekday::Friday,
    Weekday::Saturday,
    Weekday::Sunday,
];

impl Date {
    /// The day of year `year`, month 1 to 12 and day 1 to 31, or `None` where there is no such day.
    pub fn from_ymd(year: i32, month: u32, day: u32) -> Option<Date> {
        if !(1..=9999).contains(&year)
            || !(1..=12).contains(&month)
            || day < 1
            || day > days_in_month(year, month)
        {
            return None;
        }
        // Days from civil (Howard Hinnant's public algorithm), March-based years.
        let y = i64::from(year) - i64::from(month <= 2);
        let era = y.div_euclid(400);
        let yoe = y.rem_euclid(400);
        let mp = i64::from((month + 9) % 12);
        let doy = (153 * mp + 2) / 5 + i64::from(day) - 1;
        let doe = yoe * 365 + yoe / 4 - yoe / 100 + doy;
        i32::try_from(era * 146_097 + doe - 719_468).ok().map(Date)
    }

    /// Year, month (1 to 12) and day (1 to 31).
    pub fn ymd(self) -> (i32, u32, u32) {
        let z = i64::from(self.0) + 719_468;
        let era = z.div_euclid(146_097);
        let doe = z.rem_euclid(146_097);
        let yoe = (doe - doe / 1460 + doe / 36_524 - doe / 146_096) / 365;
        let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
        let mp = (5 * doy + 2) / 153;
        let day = (doy - (153 * mp + 2) / 5 + 1) as u32;
        let month = if mp < 10 { mp + 3 } else { mp - 9 } as u32;
        let year = (yoe + era * 400 + i64::from(month <= 2)) as i32;
        (year, month, day)
    }

    /// Reads exactly `YYYY-MM-DD`.
    pub fn parse(text: &[u8]) -> Option<Date> {
        if text.len() != 10 || text[4] != b'-' || text[7] != b'-' {
            return None;
        }
        let number = |range: std::ops::Range<usize>| -> Option<u32> {
            text[range].iter().try_fold(0u32, |n, c| {
                c.is_ascii_digit().then(|| n * 10 + u32::from(c - b'0'))
            })
        };
        Date::from_ymd(number(0..4)? as i32, number(5..7)?, number(8..10)?)
    }

    /// The day of the week.
    pub fn weekday(self) -> Weekday {
        WEEKDAYS[(i64::from(self.0) + 3).rem_euclid(7) as usize]
    }

    /// The day `days` later (earlier when negative).
    #[must_use]
    pub fn plus_days(self, days: i32) -> Date {
        Date(self.0 + days)
    }

    /// `YYYY-MM-DD`, where the year has four digits. Tables hold a day in nearly every line: digits are put down at once.
    fn digits(self) -> Option<[u8; 10]> {
        let (year, month, day) = self.ymd();
        let year = u32::try_from(year).ok().filter(|year| *year < 10_000)?;
        let digit = |number: u32| b'0' + (number % 10) as u8;
        Some([
            digit(year / 1000),
            digit(year / 100),
            digit(year / 10),
            digit(year),
            b'-',
            digit(month / 10),
            digit(month),
            b'-',
            digit(day / 10),
            digit(day),
        ])
    }

    /// Adds the text of the day, as it is displayed.
    pub fn push(self, text: &mut Vec<u8>) {
        match self.digits() {
            Some(digits) => text.extend_from_slice(&digits),
            None => text.extend_from_slice(self.to_string().as_bytes()),
        }
    }

    /// Number of days from `earlier` to `self`.
    pub fn days_since(self, earlier: Date) -> i32 {
        self.0 - earlier.0
    }
}

/// Number of days of a month.
pub fn days_in_month(year: i32, month: u32) -> u32 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if (year % 4 == 0 && year % 100 != 0) || year % 400 == 0 => 29,
        2 => 28,
        _ => 31,
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.digits() {
            Some(text) => f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?),
            None => {
                let (year, month, day) = self.ymd();
                write!(f, "{year:04}-{month:02}-{day:02}")
            }
        }
    }
}

/// A moment, as milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Instant(pub i64);

impl Instant {
    /// Reads an RFC 3339 date and time with an explicit offset (`Z` or `±hh:mm`), to the millisecond.
    ///
    /// More than nine decimals of a second, a missing offset and a leap second (`:60`) are refused:
    /// none of them names one millisecond for certain. Digits after the third are dropped, which moves
    /// no row to another day or window (both are cut at whole milliseconds).
    pub fn parse_rfc3339(text: &[u8]) -> Option<Instant> {
        if text.len() < 20 || !matches!(text[10], b'T' | b't' | b' ') {
            return None;
        }
        let date = Date::parse(&text[..10])?;
        let (hour, minute, second) = (two(text, 11)?, two(text, 14)?, two(text, 17)?);
        if text[13] != b':' || text[16] != b':' || hour > 23 || minute > 59 || second > 59 {
            return None;
        }
        let mut at = 19;
        let mut millis = 0i64;
        if text[at] == b'.' {
            at += 1;
            let start = at;
            let mut scale = 100;
            while at < text.len() && text[at].is_ascii_digit() {
                millis += i64::from(text[at] - b'0') * scale;
                scale /= 10;
                at += 1;
            }
            if at == start || at - start > 9 {
                return None;
            }
        }
        let offset_minutes = match text.get(at)? {
            b'Z' | b'z' if text.len() == at + 1 => 0,
            sign @ (b'+' | b'-') if text.len() == at + 6 && text[at + 3] == b':' => {
                let (hours, minutes) = (two(text, at + 1)?, two(text, at + 4)?);
                if hours > 23 || minutes > 59 {
                    return None;
                }
                let total = hours * 60 + minutes;
                if *sign == b'-' { -total } else { total }
            }
            _ => return None,
        };
        let seconds = i64::from(date.0) * 86_400 + hour * 3600 + minute * 60 + second - offset_minutes * 60;
        Some(Instant(seconds * 1000 + millis))
    }
}

fn two(text: &[u8], at: usize) -> Option<i64> {
    let (high, low) = (*text.get(at)?, *text.get(at + 1)?);
    (high.is_ascii_digit() && low.is_ascii_digit())
        .then(|| i64::from(high - b'0') * 10 + i64::from(low - b'0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_count_from_1970() {
        assert_eq!(Date::from_ymd(1970, 1, 1), Some(Date(0)));
        assert_eq!(
            Date::from_ymd(2026, 3, 2).map(Date::weekday),
            Some(Weekday::Monday)
        );
        assert_eq!(Date::from_ymd(2026, 2, 29), None);
        for day in [-800_000, -1, 0, 59, 60, 20_000, 100_000] {
            if let (year @ 1..=9999, month, of_month) = Date(day).ymd() {
                assert_eq!(Date::from_ymd(year, month, of_month), Some(Date(day)));
            }
        }
        assert_eq!(
            Date::parse(b"2026-11-20").map(|d| d.to_string()),
            Some("2026-11-20".to_owned())
        );
        assert_eq!(Date::parse(b"2026-13-01"), None);
    }

    #[test]
    fn instants_need_an_offset() {
        let at = |text: &str| Instant::parse_rfc3339(text.as_bytes()).map(|i| i.0);
        assert_eq!(at("1970-01-01T08:00:00+08:00"), Some(0));
        assert_eq!(at("1970-01-01T00:00:00.123456Z"), Some(123));
        assert_eq!(at("1969-12-31T23:59:59.5-00:30"), Some(1_799_500));
        assert_eq!(at("2026-03-02T10:00:00"), None);
        assert_eq!(at("2026-03-02T24:00:00Z"), None);
        assert_eq!(at("2026-03-02T10:00:60Z"), None);
        assert_eq!(at("2026-03-02T10:00:00.Z"), None);
    }
}
