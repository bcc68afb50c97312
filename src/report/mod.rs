//! Stage 8: tables, manifest, summary and pages (being written).

pub mod matched;
