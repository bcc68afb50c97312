#!/usr/bin/env bash
# Every public sample cut at every byte and with every byte damaged once: prints, by format, how many damaged copies were
# refused, rejected, read the same, and how many the checks of the format cannot see. Tables take seconds. The grammars' samples are
# read once for each cut and once for each damaged byte, which is 20 GB in all, most of it of two files: ten minutes of
# a core or so.
set -euo pipefail
cd "$(dirname "$0")/.."
cargo test --release --locked --lib every_byte_of_every_sample -- --ignored --nocapture
TIEOUT_DAMAGE=full cargo test --release --locked --lib damage_tests -- --nocapture
