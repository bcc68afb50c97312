//! Days larger than memory (SPEC §10.6): entries go aside by ranges of the hash, and come back a range at a time.
//!
//! While files are read, blocks that no longer fit the budget are written to a work folder of the book, every leg, side and range of
//! buckets by itself ([`aside`]). Of a block there stays what single rows need: its extras, entries aside, rejects and
//! sums. Rows that share an id are found by the hashes of the ids ([`ids`]). Then the legs meet, a range at a time ([`range`],
//! [`ranges`]), by the kernels that run without spilling; [`drive`] has the order. Rows that agree on all legs they need settle where they
//! lie, and their lines go aside once more, by ranges of the id, to be sorted into `matched/` a range at a time ([`lines`]). All other
//! rows, and what they met, are kept as a small pool ([`kept`]): the stages that follow (later passes, adjustments, breaks, wallets)
//! run on it as on any day.
//!
//! **Same bytes.** Ranges are unions of partitions; sums are integers; lines are sorted by an id that is theirs alone. A row is either kept
//! with everything it met, or nobody but its sums and its lines knows of it.
//!
//! Kept in memory, whatever the limit: what is bounded by merchants, customers, open items and breaks; rows of wallets
//! and other rows with extras; entries aside, those that name a batch, and a total a batch; with several legs, a byte a platform row ([`marks`]); with
//! batches, four bytes a bill row ([`batched`]).

pub mod aside;
pub mod ids;
pub mod range;
pub mod marks;
pub mod kept;
pub mod batched;
pub mod lines;
pub mod ranges;
pub mod drive;
