//! The reader of profiles, and the table engine with whatever profile it lets pass: no panic, and twice the same.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| tieout::ingest::fuzzing::profile(bytes));
