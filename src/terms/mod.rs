//! The words of the trade as types: money, currencies, dates, calendars, identifiers.
//!
//! Nothing here knows a file, a stage or a setting.

pub mod money;
pub mod currency;
pub mod date;
pub mod calendar;
pub mod kinds;
pub mod digest;
pub mod id_table;
pub mod order;
pub mod prefetch;
pub mod sha256_pair;
pub mod short_text;
pub mod vectors;
