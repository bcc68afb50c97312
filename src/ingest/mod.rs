//! Stage 1: bytes -> typed rows with provenance -> blocks of columns.
//!
//! [`files`] finds what was delivered and which source claims it, and opens archives. A reader
//! ([`canonical`] for CSV, [`parquet`], [`formats`] for the rest) turns one file into rows of
//! [`crate::entries::rows`]. Every row is read exactly or refused (SPEC §4.1).

pub mod files;
pub mod leased;
pub mod csv_blocks;
mod set_bits;
pub mod canonical;
pub mod parquet;
pub mod formats;
pub mod inspect;
pub mod fuzzing;

#[cfg(test)]
mod fuzzing_tests;
