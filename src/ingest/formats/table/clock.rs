//! Times of a file as RFC 3339 texts, without looking the zone up for every row.

use jiff::tz::TimeZone;

use crate::ingest::formats::profile::{Shape, TimePattern, clock_of, time_of_day};
use crate::ingest::formats::values::WallTime;
use crate::terms::date::Date;

use super::fields::Booked;

/// A time as text: `2026-03-31T10:00:00+08:00`, or a day.
#[derive(Clone, Copy)]
pub struct TimeText {
    bytes: [u8; 25],
    len: usize,
}

impl TimeText {
    /// Nothing yet.
    pub const EMPTY: TimeText = TimeText {
        bytes: [0; 25],
        len: 0,
    };

    /// The text.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// A day.
    pub fn day(date: Date) -> TimeText {
        let mut text = TimeText {
            bytes: [0; 25],
            len: 10,
        };
        text.put_day(date);
        text
    }

    fn put_day(&mut self, date: Date) {
        let (year, month, day) = date.ymd();
        let year = year.unsigned_abs();
        two(&mut self.bytes[0..], year / 100);
        two(&mut self.bytes[2..], year % 100);
        self.bytes[4] = b'-';
        two(&mut self.bytes[5..], month);
        self.bytes[7] = b'-';
        two(&mut self.bytes[8..], day);
    }

    #[inline]
    fn put_clock(&mut self, wall: WallTime) {
        let digits = |number: u32| TWO_DIGITS[number as usize % 100];
        [self.bytes[11], self.bytes[12]] = digits(wall.hour);
        [self.bytes[14], self.bytes[15]] = digits(wall.minute);
        [self.bytes[17], self.bytes[18]] = digits(wall.second);
    }

    /// A time of this day, at an offset in minutes.
    #[inline]
    pub fn and_time(self, wall: WallTime, offset_minutes: i32) -> TimeText {
        let mut text = TimeText { len: 25, ..self };
        text.bytes[10] = b'T';
        text.bytes[13] = b':';
        text.bytes[16] = b':';
        text.put_clock(wall);
        text.bytes[19] = if offset_minutes < 0 { b'-' } else { b'+' };
        let minutes = offset_minutes.unsigned_abs();
        two(&mut text.bytes[20..], minutes / 60);
        text.bytes[22] = b':';
        two(&mut text.bytes[23..], minutes % 60);
        text
    }
}

/// Numbers up to 99 as two digits.
const TWO_DIGITS: [[u8; 2]; 100] = {
    let mut digits = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        digits[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    digits
};

fn two(bytes: &mut [u8], number: u32) {
    bytes[0] = b'0' + (number / 10 % 10) as u8;
    bytes[1] = b'0' + (number % 10) as u8;
}

/// A zone, and the offset of the last day that was asked for.
pub struct Clock {
    zone: TimeZone,
    date: Option<Date>,
    /// The beginning of that day, with its offset where all its times have one.
    day: TimeText,
    /// Offset of the whole day; `None` when clocks change on it or beside it.
    offset_minutes: Option<i32>,
}

impl Clock {
    /// A clock of a zone.
    pub fn new(zone: TimeZone) -> Clock {
        Clock {
            zone,
            date: None,
            day: TimeText::day(Date(0)),
            offset_minutes: None,
        }
    }

    /// True when all times of this day have one offset, as far as is known.
    pub fn is_even(&self, date: Date) -> bool {
        self.date == Some(date) && self.offset_minutes.is_some()
    }

    /// Writes a time with its offset; `None` where clocks skip or repeat it, so that it names no one moment.
    #[inline]
    pub fn write(&mut self, wall: WallTime, out: &mut TimeText) -> Option<()> {
        if self.date != Some(wall.date) {
            self.date = Some(wall.date);
            self.day = TimeText::day(wall.date);
            self.offset_minutes = self.offset_of_day(wall.date);
            if let Some(offset) = self.offset_minutes {
                self.day = self.day.and_time(midnight(wall.date), offset);
            }
        }
        match self.offset_minutes {
            Some(_) => {
                *out = self.day;
                out.put_clock(wall);
            }
            None => {
                let text = wall.rfc3339(&self.zone)?;
                out.len = 25;
                out.bytes.copy_from_slice(text.as_bytes().get(..25)?);
            }
        }
        Some(())
    }

    /// The offset that holds from the day before to the day after, if one does.
    fn offset_of_day(&self, date: Date) -> Option<i32> {
        let (year, month, day) = date.ymd();
        let noon = jiff::civil::DateTime::new(
            i16::try_from(year).ok()?,
            i8::try_from(month).ok()?,
            i8::try_from(day).ok()?,
            12,
            0,
            0,
            0,
        )
        .ok()?;
        let noon = self.zone.to_ambiguous_timestamp(noon).compatible().ok()?;
        let span = jiff::SignedDuration::from_hours(40);
        let (before, after) = (noon.checked_sub(span).ok()?, noon.checked_add(span).ok()?);
        let changes = self.zone.following(before).next();
        if changes.is_some_and(|change| change.timestamp() <= after) {
            return None;
        }
        let seconds = self.zone.to_offset(noon).seconds();
        (seconds % 60 == 0).then_some(seconds / 60)
    }
}

/// The day that a field said last, with the offset behind its time: nearly all rows of a file share them.
#[derive(Clone, Copy)]
pub struct DayMemory {
    /// As it stands in the file, and how much of it is used.
    day: [u8; 10],
    day_len: usize,
    offset: [u8; 6],
    date: Date,
    offset_minutes: Option<i32>,
    /// A time of that day as it is given on, if all its times have one offset.
    given: Option<TimeText>,
}

impl DayMemory {
    /// Nothing yet.
    pub const EMPTY: DayMemory = DayMemory {
        day: [0; 10],
        day_len: usize::MAX,
        offset: [0; 6],
        date: Date(0),
        offset_minutes: None,
        given: None,
    };

    /// Remembers how a time of the day is given on.
    pub fn keep_given(&mut self, date: Date, given: TimeText) {
        if self.day_len == 10 && self.date == date && given.len == 25 {
            self.given = Some(given);
        }
    }

    /// Writes what is given on for a text whose day, and offset where the shape has one, are those of the last, and gives
    /// when that is.
    #[inline(always)]
    pub fn write_given(&self, shape: Shape, text: &[u8], out: &mut TimeText) -> Option<Booked> {
        match shape {
            Shape::Plain => {
                let text = <&[u8; 19]>::try_from(text).ok()?;
                let is_one = text[10] == b' ';
                is_one.then(|| self.write_given_of(text.first_chunk()?, text.last_chunk()?, out))?
            }
            Shape::Rfc3339 => {
                let text = <&[u8; 25]>::try_from(text).ok()?;
                let is_one = text[10] == b'T' && text[19..] == self.offset;
                is_one.then(|| self.write_given_of(text.first_chunk()?, text[11..].first_chunk()?, out))?
            }
            Shape::Day | Shape::Other => None,
        }
    }

    /// As [`DayMemory::write_given`] of a day and a time of day, which a blank would stand between.
    #[inline(always)]
    pub fn write_given_parts(&self, day: &[u8], clock: &[u8], out: &mut TimeText) -> Option<Booked> {
        self.write_given_of(day.try_into().ok()?, clock.try_into().ok()?, out)
    }

    #[inline(always)]
    fn write_given_of(&self, day: &[u8; 10], clock: &[u8; 8], out: &mut TimeText) -> Option<Booked> {
        if self.day_len != 10 || *day != self.day {
            return None;
        }
        let given = self.given.as_ref()?;
        let wall = time_of_day(clock, self.date)?;
        // Written in place: what was written in parts and is copied as a whole makes the processor wait.
        *out = *given;
        out.bytes[11..19].copy_from_slice(clock);
        Some(Booked::at(wall))
    }

    /// The time of a text whose day, and offset where the shape has one, are those of the last; `None` where they are
    /// others, or where the text is of no usual form.
    #[inline(always)]
    pub fn read(&self, shape: Shape, text: &[u8]) -> Option<(WallTime, Option<i32>, bool)> {
        match shape {
            Shape::Day => {
                if let Ok(text) = <&[u8; 10]>::try_from(text) {
                    let same = self.day_len == 10 && *text == self.day;
                    return same.then(|| (midnight(self.date), None, false));
                }
                let same = self.day_len == text.len() && self.day[..self.day_len] == *text;
                same.then(|| (midnight(self.date), None, false))
            }
            Shape::Plain => {
                let text = <&[u8; 19]>::try_from(text).ok()?;
                let same = self.day_len == 10 && text[..10] == self.day;
                let wall = same.then(|| clock_of(text, b' ', self.date))??;
                Some((wall, None, true))
            }
            Shape::Rfc3339 => {
                let text = <&[u8; 25]>::try_from(text).ok()?;
                let same = self.day_len == 10 && text[..10] == self.day && text[19..] == self.offset;
                let wall = same.then(|| clock_of(text.first_chunk()?, b'T', self.date))??;
                Some((wall, self.offset_minutes, true))
            }
            Shape::Other => None,
        }
    }

    /// As [`DayMemory::read`] of a day and a time of day, which a blank would stand between.
    #[inline(always)]
    pub fn read_parts(&self, day: &[u8], clock: &[u8]) -> Option<(WallTime, Option<i32>, bool)> {
        let (day, clock) = (
            <&[u8; 10]>::try_from(day).ok()?,
            <&[u8; 8]>::try_from(clock).ok()?,
        );
        if self.day_len != 10 || *day != self.day {
            return None;
        }
        Some((time_of_day(clock, self.date)?, None, true))
    }

    /// The day, where another field remembers the very same text of ten bytes.
    pub fn day_of_same_text(&self, other: &DayMemory) -> Option<Date> {
        let is_same = (self.day_len, other.day_len) == (10, 10) && self.day == other.day;
        is_same.then_some(self.date)
    }

    /// Remembers the day of a text that the pattern of this shape has read: one of ASCII, since cells are compared with it that
    /// were not decoded.
    #[cold]
    pub fn keep(shape: Shape, text: &[u8], date: Date, offset_minutes: Option<i32>) -> DayMemory {
        if !text.is_ascii() {
            return DayMemory::EMPTY;
        }
        let mut memory = DayMemory {
            date,
            offset_minutes,
            ..DayMemory::EMPTY
        };
        let day = match (shape, text.len()) {
            (Shape::Day, 0..=10) => text,
            (Shape::Plain, 19) => &text[..10],
            (Shape::Rfc3339, 25) => {
                memory.offset.copy_from_slice(&text[19..]);
                &text[..10]
            }
            _ => return DayMemory::EMPTY,
        };
        memory.day[..day.len()].copy_from_slice(day);
        memory.day_len = day.len();
        memory
    }
}

/// The beginning of a day.
pub const fn midnight(date: Date) -> WallTime {
    WallTime {
        date,
        hour: 0,
        minute: 0,
        second: 0,
    }
}

/// Days between a day without a year and the nearest such day, at most.
const HALF_A_YEAR_DAYS: i32 = 183;

/// A text read by the first pattern that fits; a time without a year gets the year nearest to `near`, and is none where
/// that year has no such day (29 February).
pub fn read_time(patterns: &[TimePattern], text: &str, near: Date) -> Option<(WallTime, Option<i32>, bool)> {
    for pattern in patterns {
        let Some(read) = pattern.read(text) else { continue };
        let mut wall = read.wall;
        if !pattern.has_year {
            let (_, month, day) = wall.date.ymd();
            let (year, ..) = near.ymd();
            let candidates = [year - 1, year, year + 1].into_iter();
            let days_away = |date: &Date| date.days_since(near).abs();
            // Half a year is the most that any day is away in one of the three, but for one that only another year has.
            wall.date = candidates
                .filter_map(|year| Date::from_ymd(year, month, day))
                .filter(|date| days_away(date) <= HALF_A_YEAR_DAYS)
                .min_by_key(days_away)?;
        }
        return Some((wall, read.offset_minutes, pattern.has_time));
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ingest::formats::values::zone;

    #[test]
    fn clocks_agree_with_the_zone() {
        for name in [
            "Asia/Shanghai",
            "Europe/Berlin",
            "Australia/Lord_Howe",
            "Asia/Kolkata",
            "UTC",
        ] {
            let zone = zone(name).unwrap();
            let mut clock = Clock::new(zone.clone());
            let mut date = Date::from_ymd(2026, 3, 1).unwrap();
            for _ in 0..260 {
                for hour in [0, 1, 2, 3, 12, 23] {
                    let wall = WallTime {
                        date,
                        hour,
                        minute: 30,
                        second: 7,
                    };
                    let mut text = TimeText::EMPTY;
                    let fast = clock
                        .write(wall, &mut text)
                        .map(|()| String::from_utf8(text.bytes().to_vec()).unwrap());
                    assert_eq!(fast, wall.rfc3339(&zone), "{name}");
                }
                date = date.plus_days(1);
            }
        }
        let day = Date::from_ymd(2026, 3, 1).unwrap();
        assert_eq!(TimeText::day(day).bytes(), b"2026-03-01");
    }

    #[test]
    fn a_day_that_is_remembered_reads_as_one_that_is_not() {
        let near = Date::from_ymd(2026, 3, 31).unwrap();
        let (mut fast_reads, mut slow_reads) = (0, 0);
        for (pattern, texts) in [
            (
                "RFC 3339",
                &[
                    "2026-03-31T10:00:00+08:00",
                    "2026-03-31T23:59:59+08:00",
                    "2026-03-31T23:59:60+08:00",
                    "2026-03-31T24:00:00+08:00",
                    "2026-03-31 10:00:00+08:00",
                    "2026-03-31T10:00:00-08:00",
                    "2026-03-31T10:00:00+0800",
                    "2026-03-31T10:00:00Z",
                    "2026-03-31T1a:00:00+08:00",
                    "2026-02-30T10:00:00+08:00",
                ][..],
            ),
            (
                "yyyy-MM-dd HH:mm:ss",
                &[
                    "2026-03-31 10:00:00",
                    "2026-03-31 10:60:00",
                    "2026-03-31T10:00:00",
                    "2026-03-30 10:00:00",
                ],
            ),
            (
                "yyyy-MM-dd",
                &["2026-03-31", "2026-03-3", "2026-03-31 ", "2026-02-30"],
            ),
            ("yyyyMMdd", &["20260331", "20260332", "2026033"]),
            ("yyyy/M/d", &["2026/3/1", "2026/3/11", "2026/13/1"]),
        ] {
            let patterns = [TimePattern::parse(pattern).unwrap()];
            let shape = patterns[0].shape();
            for first in texts {
                let slow = |text: &str| read_time(&patterns, text, near);
                let Some((wall, offset, _)) = slow(first) else {
                    continue;
                };
                let mut memory = DayMemory::keep(shape, first.as_bytes(), wall.date, offset);
                memory.keep_given(
                    wall.date,
                    TimeText::day(wall.date).and_time(wall, offset.unwrap_or(480)),
                );
                for text in texts {
                    let fast = memory.read(shape, text.as_bytes());
                    assert!(fast.is_none() || fast == slow(text), "{pattern} {first} {text}");
                    let mut given = TimeText::EMPTY;
                    if let Some(date) = memory.write_given(shape, text.as_bytes(), &mut given) {
                        let (wall, offset, _) = slow(text).unwrap();
                        let wanted = TimeText::day(wall.date).and_time(wall, offset.unwrap_or(480));
                        assert_eq!(
                            (given.bytes(), date),
                            (wanted.bytes(), Booked::at(wall)),
                            "{pattern} {first} {text}"
                        );
                    }
                    fast_reads += u32::from(fast.is_some());
                    slow_reads += u32::from(fast.is_none());
                }
            }
        }
        assert!(fast_reads > 10 && slow_reads > 10, "{fast_reads} {slow_reads}");
    }

    #[test]
    fn a_time_without_a_year_is_near_the_business_date() {
        let patterns = [TimePattern::parse("MMddHHmmss").unwrap()];
        let read = |text: &str, near: (i32, u32, u32)| {
            let near = Date::from_ymd(near.0, near.1, near.2).unwrap();
            read_time(&patterns, text, near).map(|(wall, ..)| wall.date.to_string())
        };
        assert_eq!(read("0906112203", (2015, 9, 5)).as_deref(), Some("2015-09-06"));
        assert_eq!(read("1231235959", (2016, 1, 1)).as_deref(), Some("2015-12-31"));
        assert_eq!(read("0101000000", (2015, 12, 31)).as_deref(), Some("2016-01-01"));
        assert_eq!(read("0229120000", (2024, 3, 1)).as_deref(), Some("2024-02-29"));
        // A year that has no such day gets none, not the day of another year.
        assert_eq!(read("0229120000", (2023, 3, 1)), None);
        for (month, day) in [(1, 1), (7, 1), (7, 2), (12, 31)] {
            let text = format!("{month:02}{day:02}120000");
            for near in [(2023, 1, 1), (2024, 7, 1), (2023, 12, 31)] {
                assert!(read(&text, near).is_some(), "{text} {near:?}");
            }
        }
        assert_eq!(read("0229000000", (2015, 12, 31)).as_deref(), Some("2016-02-29"));
        assert_eq!(read("0229000000", (2014, 6, 1)), None);
    }
}
