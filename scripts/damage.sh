#!/usr/bin/env bash
# Every statement sample cut at every byte and with every byte flipped once; prints what each format notices.
set -euo pipefail
cd "$(dirname "$0")/.."
TIEOUT_DAMAGE=full cargo test --release --locked --lib damage_tests -- --nocapture
