//! What numbers of a Parquet file mean: amounts, moments and days, by the rules that texts obey.

use std::ops::Range;

use arrow::datatypes::TimeUnit;
use jiff::tz::TimeZone;

use crate::ingest::canonical::values::{self, TimeText};
use crate::terms::currency::Currency;
use crate::terms::date::{Date, Instant};
use crate::terms::money::{AmountError, format_minor};

/// Seconds since 1970 of the years 1 to 9999.
pub const YEARS_1_TO_9999: Range<i64> = -62_135_596_800..253_402_300_800;

/// Days since 1970 of the years 1 to 9999.
pub const DAYS_1_TO_9999: Range<i32> = -719_162..2_932_897;

/// How a column's times are written.
#[derive(Clone)]
pub enum Zone {
    /// Seconds ahead of UTC.
    Fixed(i64),
    /// By the time zone's rules.
    Named(TimeZone),
}

/// The zone of a column, by its offset or name.
pub fn zone_of(name: &str) -> Option<Zone> {
    if matches!(name, "UTC" | "Z" | "utc") {
        return Some(Zone::Fixed(0));
    }
    if let Some(Instant(ms)) = Instant::parse_rfc3339(format!("1970-01-01T00:00:00{name}").as_bytes()) {
        return Some(Zone::Fixed(-ms / 1000));
    }
    TimeZone::get(name).ok().map(Zone::Named)
}

/// The day of a number of days; none outside the years that a day of ours has.
#[inline]
pub fn date_of(days: i32) -> Option<Date> {
    DAYS_1_TO_9999.contains(&days).then_some(Date(days))
}

/// The moment of a number of units; none outside the years that a day of ours has. Finer digits than milliseconds are
/// dropped, as in a text.
#[inline]
pub fn instant_of(value: i64, unit: TimeUnit) -> Option<Instant> {
    let ms = match unit {
        TimeUnit::Second => value.checked_mul(1000)?,
        TimeUnit::Millisecond => value,
        TimeUnit::Microsecond => value.div_euclid(1_000),
        TimeUnit::Nanosecond => value.div_euclid(1_000_000),
    };
    let years = YEARS_1_TO_9999.start * 1000..YEARS_1_TO_9999.end * 1000;
    years.contains(&ms).then_some(Instant(ms))
}

/// Nanoseconds within the second, and whole seconds since 1970.
fn seconds_and_nanos(value: i64, unit: TimeUnit) -> (i64, i64) {
    let per_second = match unit {
        TimeUnit::Second => 1,
        TimeUnit::Millisecond => 1_000,
        TimeUnit::Microsecond => 1_000_000,
        TimeUnit::Nanosecond => 1_000_000_000,
    };
    (
        value.div_euclid(per_second),
        value.rem_euclid(per_second) * (1_000_000_000 / per_second),
    )
}

/// RFC 3339 in the column's zone: to the millisecond, finer only where the value is.
pub fn write_time<'b>(value: i64, unit: TimeUnit, zone: &Zone, buffer: &'b mut TimeText) -> &'b [u8] {
    let (seconds, nanos) = seconds_and_nanos(value, unit);
    let offset = match zone {
        Zone::Fixed(offset) => *offset,
        Zone::Named(zone) => match jiff::Timestamp::from_second(seconds) {
            Ok(at) => i64::from(zone.to_offset(at).seconds()),
            Err(_) => 0,
        },
    };
    // An offset with seconds (before 1901 in Shanghai) is written in whole minutes, of the same moment.
    let minutes = offset.div_euclid(60);
    let local = seconds + minutes * 60;
    let Ok(day) = i32::try_from(local.div_euclid(86_400)) else {
        return &[];
    };
    let clock = local.rem_euclid(86_400);
    let (date, hour, minute, second) = (Date(day), clock / 3600, clock / 60 % 60, clock % 60);
    let sign = if minutes < 0 { '-' } else { '+' };
    let (zone_hour, zone_minute) = (minutes.abs() / 60, minutes.abs() % 60);
    let head = format_args!("{date}T{hour:02}:{minute:02}:{second:02}").to_string();
    let zone = format_args!("{sign}{zone_hour:02}:{zone_minute:02}").to_string();
    if unit == TimeUnit::Second {
        buffer.set(format_args!("{head}{zone}"))
    } else if nanos % 1_000_000 == 0 {
        buffer.set(format_args!("{head}.{:03}{zone}", nanos / 1_000_000))
    } else {
        buffer.set(format_args!("{head}.{nanos:09}{zone}"))
    }
}

/// A decimal as minor units (R37): more decimals than the currency has only if they are zero.
pub fn decimal_minor(value: i128, scale: u32, digits: u32, signed: bool) -> Result<i64, AmountError> {
    if value < 0 && !signed {
        return Err(AmountError::Form);
    }
    let minor = if scale <= digits {
        value
            .checked_mul(10i128.pow(digits - scale))
            .ok_or(AmountError::Overflow)?
    } else {
        let unit = 10i128.pow(scale - digits);
        if value % unit != 0 {
            return Err(AmountError::Decimals);
        }
        value / unit
    };
    match i64::try_from(minor) {
        // As in texts, where the magnitude is read first.
        Ok(i64::MIN) | Err(_) => Err(AmountError::Overflow),
        Ok(minor) => Ok(minor),
    }
}

/// A decimal as text; zeros behind its point say nothing and are left out.
pub fn decimal_text(value: i128, scale: u32) -> String {
    let text = format_minor(value, scale);
    match scale {
        0 => text,
        _ => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
    }
}

/// A text as an amount; a leading `-` is allowed when `signed`.
#[inline]
pub fn amount_of_text(text: &[u8], currency: Currency, signed: bool) -> Result<i64, AmountError> {
    match text {
        [b'-', magnitude @ ..] if signed => {
            values::amount_minor(magnitude, 0, magnitude.len(), currency.digits()).map(|minor| -minor)
        }
        text => values::amount_minor(text, 0, text.len(), currency.digits()),
    }
}
