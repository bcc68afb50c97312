//! Times and days of a row, in the zone of the book, of the file, or of the rule.

use jiff::tz::TimeZone;

use super::super::by_column::{RUN_ROWS, Rows, each};
use super::super::clock::{Clock, DayMemory, TimeText, midnight, read_time};
use super::super::cut::Row;
use super::super::spreadsheet::{changed, is_day_with_strokes};
use super::Bound;
use super::bad::Bad;
use super::rule::Rule;
use crate::ingest::formats::profile::{From, Shape, TimePattern};
use crate::ingest::formats::values::WallTime;
use crate::terms::date::Date;

/// Where and when times are.
pub struct Times {
    /// The book's zone.
    pub clock: Clock,
    /// A rule's own zone, the last that was asked for.
    own: Option<(String, Clock)>,
    /// The day being closed.
    pub business_date: Date,
    /// The day that was written last, and its text.
    day: Option<(Date, TimeText)>,
}

impl Times {
    /// Times of a book.
    pub fn new(clock: Clock, business_date: Date) -> Times {
        Times {
            clock,
            own: None,
            business_date,
            day: None,
        }
    }

    /// A day as text.
    #[inline]
    pub(super) fn day_text(&mut self, date: Date) -> TimeText {
        match self.day {
            Some((known, text)) if known == date => text,
            _ => {
                let text = TimeText::day(date);
                self.day = Some((date, text));
                text
            }
        }
    }

    /// Writes a time with its offset, which `zone` says where the file does not, and else the book; a day where there is no time
    /// of day. `None` where clocks did not show that time once.
    #[inline(always)]
    pub(super) fn write(&mut self, time: RowTime, zone: Option<&TimeZone>, out: &mut TimeText) -> Option<()> {
        if !time.has_time {
            *out = self.day_text(time.wall.date);
            return Some(());
        }
        if let Some(offset) = time.offset_minutes {
            *out = self.day_text(time.wall.date).and_time(time.wall, offset);
            return Some(());
        }
        let clock = match zone {
            None => &mut self.clock,
            Some(zone) => {
                let name = zone.iana_name().unwrap_or("UTC");
                if self.own.as_ref().is_none_or(|(known, _)| known != name) {
                    self.own = Some((name.to_owned(), Clock::new(zone.clone())));
                }
                match &mut self.own {
                    Some((_, clock)) => clock,
                    None => &mut self.clock,
                }
            }
        };
        clock.write(time.wall, out)
    }
}

/// A time of a row.
#[derive(Clone, Copy)]
pub struct RowTime {
    /// As a clock on the wall.
    pub wall: WallTime,
    pub offset_minutes: Option<i32>,
    pub has_time: bool,
}

impl<'p> Bound<'p> {
    /// The time of the field.
    ///
    /// # Errors
    /// As [`Bound::text`], or it is no time of the profile's patterns.
    #[inline(always)]
    pub fn time(&self, row: &Row<'_>, times: &Times) -> Result<RowTime, Bad> {
        let rule = self.rule(row)?;
        if rule.field.from == Some(From::BusinessDate) {
            return Ok(RowTime {
                wall: midnight(times.business_date),
                offset_minutes: None,
                has_time: false,
            });
        }
        let remembered = match (rule.direct, rule.day_and_clock) {
            (Some(at), _) => rule.day.borrow().read(rule.shape, row.bytes(at)),
            (None, Some((day, clock))) => rule.day.borrow().read_parts(row.bytes(day), row.bytes(clock)),
            (None, None) => None,
        };
        if let Some((wall, offset_minutes, has_time)) = remembered
            && rule.zone.is_none()
        {
            return Ok(RowTime {
                wall,
                offset_minutes,
                has_time,
            });
        }
        self.time_by(rule, row, times)
    }

    #[inline(never)]
    pub(super) fn time_by(&self, rule: &Rule<'p>, row: &Row<'_>, times: &Times) -> Result<RowTime, Bad> {
        let joined = rule.plain && !rule.join.is_empty();
        let read = if joined {
            let text = &mut *rule.joined.borrow_mut();
            rule.join_into(row, text);
            rule.read_time(text, times.business_date)
        } else {
            let (text, at) = self.text_of(rule, row)?;
            let read = rule.read_time(&text, times.business_date);
            if read.is_none() {
                return Err(self.bad(at, &text, time_expected(&rule.field.patterns, &text)));
            }
            read
        };
        let Some((wall, offset_minutes, has_time)) = read else {
            let text = rule.joined.borrow().clone();
            let at = rule.join.first().copied();
            return Err(self.bad(at, &text, time_expected(&rule.field.patterns, &text)));
        };
        let offset_minutes = match rule.zone {
            Some(_) if rule.field.zones.is_empty() && offset_minutes.is_some() => offset_minutes,
            Some(zone_at) if rule.field.zones.is_empty() => {
                let name = row.cell(zone_at);
                let zone = TimeZone::get(name).ok().filter(|_| !name.is_empty());
                let Some(zone) = zone else {
                    let expected = "the name of a time zone such as Europe/London";
                    return Err(self.bad(Some(zone_at), name, expected));
                };
                let offset = wall.offset_minutes(&zone);
                Some(offset.ok_or_else(|| self.refuse(row, "a time that clocks showed once"))?)
            }
            Some(zone_at) => match rule.field.zones.get(row.cell(zone_at)) {
                Some(minutes) => Some(*minutes),
                None => {
                    let known: Vec<&str> = rule.field.zones.keys().map(String::as_str).collect();
                    let expected = format!(
                        "a zone that the profile knows: {}; where this one is meant and has one offset for you, copy the profile into profiles/ of the book and add it to `zones`",
                        known.join(", ")
                    );
                    return Err(self.bad(Some(zone_at), row.cell(zone_at), expected));
                }
            },
            None => offset_minutes,
        };
        Ok(RowTime {
            wall,
            offset_minutes,
            has_time,
        })
    }

    /// Writes the time of the field as text, with an offset, and gives its day; a day where the file has no time of day.
    ///
    /// # Errors
    /// As [`Bound::time`], or clocks did not show that time once.
    #[inline(always)]
    pub fn write_time(&self, row: &Row<'_>, times: &mut Times, out: &mut TimeText) -> Result<Date, Bad> {
        let rule = self.rule(row)?;
        if let (Some(at), None) = (rule.direct, rule.zone)
            && let Some(booked) = rule.day.borrow().write_given(rule.shape, row.bytes(at), out)
        {
            return Ok(booked.date);
        }
        let time = self.time(row, times)?;
        self.write_time_read(row, time, times, out)
    }

    /// As [`Bound::write_time`], of a time that was read from this row already.
    ///
    /// # Errors
    /// Clocks did not show that time once.
    #[inline(never)]
    pub fn write_time_read(
        &self,
        row: &Row<'_>,
        time: RowTime,
        times: &mut Times,
        out: &mut TimeText,
    ) -> Result<Date, Bad> {
        let rule = self.rule(row)?;
        let zone = match (time.has_time, time.offset_minutes) {
            (true, None) => rule.field.zone.as_ref(),
            _ => None,
        };
        let written = times.write(time, zone, out);
        written.ok_or_else(|| self.refuse(row, "a time that clocks showed once"))?;
        let even = match (time.offset_minutes, &rule.field.zone, &times.own) {
            (Some(_), ..) => rule.zone.is_none(),
            (None, None, _) => times.clock.is_even(time.wall.date),
            (None, Some(_), Some((_, clock))) => clock.is_even(time.wall.date),
            (None, Some(_), None) => false,
        };
        // Only where the day that is remembered was read from this very text, and not by another pattern.
        let remembered = match (rule.direct, rule.day_and_clock) {
            (Some(at), _) => rule.day.borrow().read(rule.shape, row.bytes(at)).is_some(),
            (None, Some((day, clock))) => {
                let day_memory = rule.day.borrow();
                day_memory.read_parts(row.bytes(day), row.bytes(clock)).is_some()
            }
            (None, None) => false,
        };
        if time.has_time && even && remembered {
            rule.day.borrow_mut().keep_given(time.wall.date, *out);
        }
        Ok(time.wall.date)
    }

    /// True when this field says the day of the same cells as another, in the same way.
    pub fn has_day_of(&self, other: &Bound<'_>) -> bool {
        let same = |(a, b): (&Rule<'_>, &Rule<'_>)| {
            a.direct.is_some()
                && a.direct == b.direct
                && a.field.when == b.field.when
                && a.field.patterns == b.field.patterns
                && a.field.empty == b.field.empty
                && a.field.required == b.field.required
                && (&a.field.zone_column, &a.field.zones) == (&b.field.zone_column, &b.field.zones)
                && (a.field.from, b.field.from) == (None, None)
        };
        self.rules.len() == other.rules.len() && self.rules.iter().zip(&other.rules).all(same)
    }

    /// The day of this field in all rows whose time in `other` was read from memory, where it is of the cell that is the day there.
    pub fn day_remembered_with(&self, other: &Bound<'_>) -> Option<Date> {
        let ([rule], [other]) = (self.rules.as_slice(), other.rules.as_slice()) else {
            return None;
        };
        let (day_at, _) = other.day_and_clock?;
        let is_of_it = rule.direct == Some(day_at)
            && rule.shape == Shape::Day
            && (rule.field.from, other.field.from) == (None, None)
            && rule.zone.is_none()
            && rule.when.is_empty()
            && other.when.is_empty();
        if !is_of_it {
            return None;
        }
        rule.day.borrow().day_of_same_text(&other.day.borrow())
    }

    /// Writes times of some rows that were read already; gives those that must be looked at closely.
    pub fn write_times_of(
        &self,
        rows: Rows,
        read: &[RowTime; RUN_ROWS],
        times: &mut Times,
        out: &mut [TimeText; RUN_ROWS],
    ) -> Rows {
        if self.rules.iter().any(|rule| rule.field.zone.is_some()) {
            return rows;
        }
        let mut closely = 0;
        for row in each(rows) {
            let written = times.write(read[row], None, &mut out[row]);
            closely |= Rows::from(written.is_none()) << row;
        }
        closely
    }
}

impl Rule<'_> {
    /// A text by the first pattern that fits, with its offset, and whether it has a time of day.
    #[inline]
    pub(super) fn read_time(&self, text: &str, near: Date) -> Option<(WallTime, Option<i32>, bool)> {
        let bytes = text.as_bytes();
        if let Some(read) = self.day.borrow().read(self.shape, bytes) {
            return Some(read);
        }
        self.read_new_day(text, near)
    }

    #[inline(never)]
    pub(super) fn read_new_day(&self, text: &str, near: Date) -> Option<(WallTime, Option<i32>, bool)> {
        let patterns = &self.field.patterns;
        let read = read_time(patterns, text, near)?;
        let by_first = patterns.first().and_then(|pattern| pattern.read(text));
        if self.shape != Shape::Other && by_first.is_some() {
            *self.day.borrow_mut() = DayMemory::keep(self.shape, text.as_bytes(), read.0.date, read.1);
        }
        Some(read)
    }
}

/// What a day or time should have been, in words.
#[cold]
pub(super) fn time_expected(patterns: &[TimePattern], found: &str) -> String {
    let what = match patterns.iter().any(|pattern| pattern.has_time) {
        true => "a time",
        false => "a day",
    };
    let texts: Vec<&str> = patterns.iter().map(TimePattern::text).collect();
    let like = match texts.as_slice() {
        [before @ .., last] if !before.is_empty() => format!("{} or {last}", before.join(", ")),
        texts => texts.concat(),
    };
    let expected = format!("{what} that exists, like {like}");
    if is_day_with_strokes(found) && !like.contains('/') {
        return format!("{expected}; its day and month can be mistaken{}", changed(found));
    }
    // Where the sender writes days with slashes, these tell nothing.
    let is_senders = found.contains('/') && texts.first().is_some_and(|text| text.contains('/'));
    let hint = if is_senders { "" } else { changed(found) };
    expected + hint
}
