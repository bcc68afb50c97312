//! Business-day calendars (R8): a day is a business day when it is Monday to Friday and no holiday, or a
//! make-up workday. A year without data is unknown, and asking about one of its days is an error: a guessed
//! holiday would pay merchants on the wrong day.
//!
//! Where the data comes from is `book::calendars`'s business.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::terms::date::{Date, Weekday};

/// A day was needed in a year that the calendar does not know (R8: exit 78).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct UnknownYear {
    /// Id of the calendar.
    pub calendar: String,
    /// The year without data.
    pub year: i32,
    /// The day that was asked for.
    pub date: Date,
}

impl fmt::Display for UnknownYear {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "calendar `{}` does not know the year {}, and whether {} is a business day is needed",
            self.calendar, self.year, self.date
        )
    }
}

/// The days of one year that differ from the plain week.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct CalendarYear {
    /// Days off.
    pub holidays: BTreeSet<Date>,
    /// Saturdays and Sundays that are worked.
    pub workdays: BTreeSet<Date>,
}

/// A calendar: the years it knows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Calendar {
    /// Id, as in the settings: `CN`.
    pub id: String,
    /// The known years.
    pub years: BTreeMap<i32, CalendarYear>,
}

impl Calendar {
    /// True when money moves at banks on `date`.
    ///
    /// # Errors
    /// [`UnknownYear`] when the calendar has no data for the year of `date`.
    pub fn is_business_day(&self, date: Date) -> Result<bool, UnknownYear> {
        let year = date.ymd().0;
        let Some(known) = self.years.get(&year) else {
            return Err(UnknownYear {
                calendar: self.id.clone(),
                year,
                date,
            });
        };
        let weekend = matches!(date.weekday(), Weekday::Saturday | Weekday::Sunday);
        Ok(known.workdays.contains(&date) || (!weekend && !known.holidays.contains(&date)))
    }

    /// `date` itself when it is a business day, else the next one.
    ///
    /// # Errors
    /// [`UnknownYear`] when a day on the way lies in an unknown year.
    pub fn next_business_day_on_or_after(&self, date: Date) -> Result<Date, UnknownYear> {
        let mut day = date;
        while !self.is_business_day(day)? {
            day = day.plus_days(1);
        }
        Ok(day)
    }

    /// The `n`-th business day strictly after `date`; `n` is at least 1.
    ///
    /// # Errors
    /// [`UnknownYear`] when a day on the way lies in an unknown year.
    pub fn nth_business_day_after(&self, date: Date, n: u32) -> Result<Date, UnknownYear> {
        assert!(n >= 1, "the 0-th business day after a day is no day");
        let mut day = date;
        for _ in 0..n {
            day = self.next_business_day_on_or_after(day.plus_days(1))?;
        }
        Ok(day)
    }

    /// Number of business days in (`first_exclusive`, `last_inclusive`]; 0 when that span is empty (R30).
    ///
    /// # Errors
    /// [`UnknownYear`] when a day of the span lies in an unknown year.
    pub fn business_days_between(
        &self,
        first_exclusive: Date,
        last_inclusive: Date,
    ) -> Result<u32, UnknownYear> {
        let mut count = 0;
        let mut day = first_exclusive.plus_days(1);
        while day <= last_inclusive {
            count += u32::from(self.is_business_day(day)?);
            day = day.plus_days(1);
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn date(text: &str) -> Date {
        Date::parse(text.as_bytes()).unwrap()
    }

    /// 2026-05-01 and 05-04 off, Saturday 05-09 worked.
    fn may() -> Calendar {
        let year = CalendarYear {
            holidays: ["2026-05-01", "2026-05-04"].map(date).into(),
            workdays: [date("2026-05-09")].into(),
        };
        Calendar {
            id: "T".to_owned(),
            years: [(2026, year)].into(),
        }
    }

    #[test]
    fn days_off_and_worked_saturdays_count() {
        let check = |day: &str, expected| assert_eq!(may().is_business_day(date(day)), Ok(expected), "{day}");
        check("2026-04-30", true);
        check("2026-05-01", false);
        check("2026-05-02", false);
        check("2026-05-04", false);
        check("2026-05-05", true);
        check("2026-05-09", true);
        check("2026-05-10", false);
    }

    #[test]
    fn the_next_and_the_nth_business_day() {
        let next = |day: &str| {
            may()
                .next_business_day_on_or_after(date(day))
                .map(|d| d.to_string())
                .unwrap()
        };
        assert_eq!(next("2026-04-30"), "2026-04-30");
        assert_eq!(next("2026-05-01"), "2026-05-05");
        let nth = |day: &str, n| {
            may()
                .nth_business_day_after(date(day), n)
                .map(|d| d.to_string())
                .unwrap()
        };
        assert_eq!(nth("2026-04-30", 1), "2026-05-05");
        assert_eq!(nth("2026-05-08", 1), "2026-05-09");
        assert_eq!(nth("2026-05-08", 2), "2026-05-11");
    }

    #[test]
    fn ages_count_the_last_day_and_not_the_first() {
        let check = |from: &str, to: &str, expected| {
            assert_eq!(may().business_days_between(date(from), date(to)), Ok(expected))
        };
        check("2026-04-30", "2026-05-05", 1);
        check("2026-05-08", "2026-05-11", 2);
        check("2026-05-08", "2026-05-08", 0);
        check("2026-05-08", "2026-05-01", 0);
    }

    #[test]
    fn an_unknown_year_is_never_guessed() {
        let unknown = UnknownYear {
            calendar: "T".to_owned(),
            year: 2027,
            date: date("2027-01-01"),
        };
        assert_eq!(
            may().nth_business_day_after(date("2026-12-31"), 1),
            Err(unknown.clone())
        );
        assert_eq!(
            may().business_days_between(date("2026-12-31"), date("2027-01-04")),
            Err(unknown)
        );
    }
}
