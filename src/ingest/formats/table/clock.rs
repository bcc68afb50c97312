//! Times of a file as RFC 3339 texts, without looking the zone up for every row.

use jiff::tz::TimeZone;

use crate::ingest::formats::profile::TimePattern;
use crate::ingest::formats::values::WallTime;
use crate::terms::date::Date;

/// A time as text: `2026-03-31T10:00:00+08:00`, or a day.
#[derive(Clone, Copy)]
pub struct TimeText {
    bytes: [u8; 25],
    len: usize,
}

impl TimeText {
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

    /// A time at an offset in minutes.
    pub fn at(wall: WallTime, offset_minutes: i32) -> TimeText {
        TimeText::day(wall.date).and_time(wall, offset_minutes)
    }

    /// A time of this day.
    #[inline]
    fn and_time(self, wall: WallTime, offset_minutes: i32) -> TimeText {
        let mut text = TimeText { len: 25, ..self };
        text.bytes[10] = b'T';
        two(&mut text.bytes[11..], wall.hour);
        text.bytes[13] = b':';
        two(&mut text.bytes[14..], wall.minute);
        text.bytes[16] = b':';
        two(&mut text.bytes[17..], wall.second);
        text.bytes[19] = if offset_minutes < 0 { b'-' } else { b'+' };
        let minutes = offset_minutes.unsigned_abs();
        two(&mut text.bytes[20..], minutes / 60);
        text.bytes[22] = b':';
        two(&mut text.bytes[23..], minutes % 60);
        text
    }
}

fn two(bytes: &mut [u8], number: u32) {
    bytes[0] = b'0' + (number / 10 % 10) as u8;
    bytes[1] = b'0' + (number % 10) as u8;
}

/// A zone, and the offset of the last day that was asked for.
pub struct Clock {
    zone: TimeZone,
    date: Option<Date>,
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

    /// A time with its offset; `None` where clocks skip or repeat it, so that it names no one moment.
    pub fn text(&mut self, wall: WallTime) -> Option<TimeText> {
        if self.date != Some(wall.date) {
            self.date = Some(wall.date);
            self.day = TimeText::day(wall.date);
            self.offset_minutes = self.offset_of_day(wall.date);
        }
        match self.offset_minutes {
            Some(offset) => Some(self.day.and_time(wall, offset)),
            None => {
                let text = wall.rfc3339(&self.zone)?;
                let mut slow = TimeText {
                    bytes: [0; 25],
                    len: 25,
                };
                slow.bytes.copy_from_slice(text.as_bytes().get(..25)?);
                Some(slow)
            }
        }
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

/// A text read by the first pattern that fits; a time without a year gets the year nearest to `near`.
pub fn read_time(patterns: &[TimePattern], text: &str, near: Date) -> Option<(WallTime, Option<i32>, bool)> {
    for pattern in patterns {
        let Some(read) = pattern.read(text) else { continue };
        let mut wall = read.wall;
        if !pattern.has_year {
            let (_, month, day) = wall.date.ymd();
            let (year, ..) = near.ymd();
            let candidates = [year - 1, year, year + 1].into_iter();
            wall.date = candidates
                .filter_map(|year| Date::from_ymd(year, month, day))
                .min_by_key(|date| date.days_since(near).abs())?;
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
                    let fast = clock
                        .text(wall)
                        .map(|text| String::from_utf8(text.bytes().to_vec()).unwrap());
                    assert_eq!(fast, wall.rfc3339(&zone), "{name}");
                }
                date = date.plus_days(1);
            }
        }
        let day = Date::from_ymd(2026, 3, 1).unwrap();
        assert_eq!(TimeText::day(day).bytes(), b"2026-03-01");
    }

    #[test]
    fn a_time_without_a_year_is_near_the_business_date() {
        let patterns = [TimePattern::parse("MMddHHmmss").unwrap()];
        let read = |text, near: (i32, u32, u32)| {
            let near = Date::from_ymd(near.0, near.1, near.2).unwrap();
            read_time(&patterns, text, near).map(|(wall, ..)| wall.date.to_string())
        };
        assert_eq!(read("0906112203", (2015, 9, 5)).as_deref(), Some("2015-09-06"));
        assert_eq!(read("1231235959", (2016, 1, 1)).as_deref(), Some("2015-12-31"));
        assert_eq!(read("0101000000", (2015, 12, 31)).as_deref(), Some("2016-01-01"));
        assert_eq!(read("0229000000", (2015, 12, 31)).as_deref(), Some("2016-02-29"));
        assert_eq!(read("0229000000", (2014, 6, 1)), None);
    }
}
