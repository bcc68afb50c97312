//! Stage 2: the entries of the two sides of a leg -> pairs that agree, and breaks.
//!
//! In: one partition of each side, as ranges of blocks that share the top bits of their key's hash. Out: pairs,
//! breaks and rows that expect no money, as references to the rows. [`exact`] groups a partition by key and
//! settles the common case, one row on each side, on the spot; [`group`] applies SPEC §5 and R4 to R7 to the rest.
//! Kernels are pure: the same partition gives the same result on one machine, spilled, or on a cluster.
//!
//! [`residual`] has the later passes, on what the exact one leaves.
//!
//! Not done here: ageing (the day), money (settlement).

pub mod class;
pub mod group;
pub mod exact;
pub mod met;
pub mod identity;
pub mod batches;
pub mod residual;
