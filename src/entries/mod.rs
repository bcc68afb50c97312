//! Entries: the normalised rows of any source, first as typed rows, then as columns with provenance.
//!
//! [`rows`] is what a reader yields, one row at a time, borrowing from its buffer. [`block`] is what the
//! stages work on: columns sorted by the hash of the match key, so that a partition is one range of every
//! block. Nothing here knows a file format or a stage.

pub mod rows;
pub mod meta;
pub mod bytes;
pub mod key;
pub mod block;
pub mod spill;
