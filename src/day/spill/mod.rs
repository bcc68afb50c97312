//! Days larger than memory (SPEC §10.6): entries go aside by ranges of the hash, and come back a range at a time.
//!
//! While files are read, blocks that no longer fit the budget are written to a work folder of the book, every range of
//! buckets by itself ([`aside`]). Of a block there stays what single rows need: its extras, entries aside, rejects and
//! sums. Rows that share an id are found by the hashes of the ids ([`ids`]). Then each range is read back once
//! ([`range`]), and the kernels that run without spilling match and settle it ([`drive`]). What a later stage looks at
//! by itself (breaks, conflicts, wallet rows, entries aside) is kept as a small pool ([`kept`]); what agreed goes aside
//! once more as lines, by ranges of the id, and is sorted into `matched/` a range at a time ([`lines`]).
//!
//! **Same bytes.** Ranges are unions of partitions; sums are integers; lines are sorted by an id that is theirs alone.
//!
//! Kept in memory, whatever the limit: what is bounded by merchants, customers, open items and breaks; rows of wallets
//! and other rows with extras; entries aside.

pub mod aside;
pub mod ids;
pub mod range;
pub mod kept;
pub mod lines;
pub mod drive;
