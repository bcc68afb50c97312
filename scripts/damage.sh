#!/usr/bin/env bash
# Every public sample cut at every byte and with every byte damaged once: prints, by format, how many damaged copies were
# refused, rejected, read the same, and how many the checks of the format cannot see. Tables take seconds. A grammar's sample is read
# four times for each of its bytes, so that the largest, of 79,004 bytes, alone means 19 GB: some minutes of release code.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --release --locked --lib every_byte_of_every_sample -- --ignored --nocapture
TIEOUT_DAMAGE=full cargo test --release --locked --lib damage_tests -- --nocapture
