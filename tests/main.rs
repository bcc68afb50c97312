//! The tests of the engine from outside, in one binary.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod support;

mod adjustments;
mod batches;
mod batches_by_hand;
mod cli;
mod determinism;
mod errors;
mod explain;
mod faults;
mod golden;
mod memory;
mod memory_legs;
mod oracle;
mod properties;
mod truth;
