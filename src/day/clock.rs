//! The business day as moments: its bounds and the ends of its netting windows, in the book's time zone.

use jiff::civil;
use jiff::tz::TimeZone;

use crate::book::settings::Settings;
use crate::findings::{Finding, Stop, StopCode};
use crate::terms::date::{Date, Instant};

/// Bounds of a business day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayBounds {
    /// First moment of D, and first of D + 1 (R29).
    pub day: (Instant, Instant),
    /// Ends of the netting windows, ascending.
    pub window_ends: Vec<Instant>,
}

/// The bounds of business date `date`. A local time that a clock change skips counts as the moment after the gap.
///
/// # Errors
/// 78 for an unknown time zone or a day outside the calendar's reach.
pub fn bounds(settings: &Settings, date: Date) -> Result<DayBounds, Stop> {
    let zone = &settings.institution.time_zone;
    let unknown = || {
        Stop::new(
            StopCode::Settings,
            Finding::about(
                "book.toml",
                format!("time_zone `{zone}` cannot place {date}"),
                "use an IANA name such as `Asia/Shanghai`",
            ),
        )
    };
    let tz = TimeZone::get(zone).map_err(|_| unknown())?;
    let at = |date: Date, minutes: u32| -> Result<Instant, Stop> {
        let date = date.plus_days((minutes / 1440) as i32);
        let (year, month, day) = date.ymd();
        let minutes = minutes % 1440;
        let civil = civil::DateTime::new(
            i16::try_from(year).map_err(|_| unknown())?,
            month as i8,
            day as i8,
            (minutes / 60) as i8,
            (minutes % 60) as i8,
            0,
            0,
        )
        .map_err(|_| unknown())?;
        let timestamp = tz.to_timestamp(civil).map_err(|_| unknown())?;
        Ok(Instant(timestamp.as_millisecond()))
    };
    let cut_off = settings.institution.cut_off_minutes;
    let day = (at(date, cut_off)?, at(date.plus_days(1), cut_off)?);
    let mut window_ends = Vec::new();
    for (minutes, _) in &settings.netting.windows {
        window_ends.push(at(date, *minutes)?);
    }
    Ok(DayBounds { day, window_ends })
}
