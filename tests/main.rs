//! The tests of the engine from outside, in one binary.

mod cli;
