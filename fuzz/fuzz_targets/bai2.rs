//! The reader of bai2: no panic, and twice the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tieout::ingest::fuzzing::grammar("bai2", bytes));
