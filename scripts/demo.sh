#!/usr/bin/env bash
# Builds tieout, makes the demo book and closes its seven days from their inbox, each from the close before.
#
#   scripts/demo.sh [FOLDER]        (default: target/demo)
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
book=${1:-target/demo}
cargo build --release --locked
tieout=target/release/tieout
rm -rf "$book"
"$tieout" init "$book" --demo
for day in "$book"/inbox/*/; do
  date=$(basename "$day")
  code=0
  "$tieout" close "$book" --date "$date" || code=$?
  case $code in
    0 | 10 | 20) ;; # closed; the demo's breaks are there to be seen
    *) exit "$code" ;;
  esac
done
"$tieout" verify "$book"
echo
echo "The last day's report: $PWD/$(ls -d "$book"/closes/*/1 | tail -n 1 | sed "s#^$PWD/##")/reports/index.html"
