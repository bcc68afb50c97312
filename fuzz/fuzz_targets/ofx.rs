//! The reader of ofx: no panic, and twice the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tieout::ingest::fuzzing::grammar("ofx", bytes));
