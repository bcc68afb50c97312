//! A book: the folder that holds one institution's settings, masters, inbox and closes (SPEC §2).
//!
//! In: files as people write them. Out: settings understood and checked, with amounts in minor units.

pub mod settings;
pub mod parse;
pub mod schema;
mod shape;
pub mod merchants;
pub mod calendars;
pub mod layout;
