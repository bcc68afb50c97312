#!/bin/sh
# Cuts every public sample after every byte and turns the lowest bit of every byte once; prints, by format, how many
# damaged copies were refused, rejected, read the same, and how many the checks of the format cannot see.
set -eu
cd "$(dirname "$0")/.."
exec cargo test --lib every_byte_of_every_sample -- --ignored --nocapture
