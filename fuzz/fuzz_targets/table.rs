//! The table engine with every built-in profile: no panic, and twice the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tieout::ingest::fuzzing::tables(bytes));
