#!/usr/bin/env bash
# Closes an EOD-1 folder with tieout, with the arguments of a peer of the EOD-1 benchmark:
#
#   scripts/eod1.sh DIR OUT [--format csv|parquet] [--threads 2] [--memory-limit 2GB]
#
# DIR holds platform, bank and merchants in the format named, and meta.json. A book is laid around them, the whole
# close is run (journal, reserve figures, manifest, sealing and syncing included), and its tables are projected to
# EOD-1's columns in OUT. What EOD-1 calls AMOUNT_MISMATCH covers our CURRENCY_, DIRECTION_ and AMOUNT_MISMATCH.
set -euo pipefail
export LC_ALL=C # bytes, whatever the locale
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tieout=${TIEOUT:-$here/target/release/tieout}
dir=$(realpath "$1"); mkdir -p "$2"; out=$(realpath "$2"); shift 2
format=csv threads=2 memory=()
while (($#)); do
  case $1 in
    --format) format=$2; shift 2 ;;
    --threads) threads=$2; shift 2 ;;
    # Peers say 2GB; ours are powers of two, and say so.
    --memory-limit) memory=(--memory "${2/%GB/GiB}"); shift 2 ;;
    --variant) shift 2 ;;
    *) echo "eod1.sh: unknown argument $1" >&2; exit 64 ;;
  esac
done
date=$(grep -o '"business_date": *"[^"]*"' "$dir/meta.json" | grep -o '[0-9-]\{10\}')
book=$out/book
rm -rf "$book" "$out"/*.csv "$out/matched"
mkdir -p "$book/inbox/$date"
link() { ln "$1" "$2" 2>/dev/null || cp "$1" "$2"; }
link "$dir/merchants.$format" "$book/merchants.$format"
link "$dir/platform.$format" "$book/inbox/$date/platform.$format"
link "$dir/bank.$format" "$book/inbox/$date/bank.$format"
{
  cat <<TOML
[institution]
name = "EOD-1"
id = "EOD1"
base_currency = "CNY"
time_zone = "Asia/Shanghai"
cut_off = "00:00"
calendar = "CN"

[[source]]
name = "platform"
role = "platform"
format = "canonical"
files = ["platform.$format"]
required = true

[[source]]
name = "bank"
role = "bank"
format = "canonical"
files = ["bank.$format"]
required = true

[[leg]]
name = "platform-bank"
left = "platform"
right = "bank"
passes = ["exact"]

[settle]
when = ["platform-bank"]

[payout]
account = "RA2026000101"
format = "csv"
default_cycle = "T+1"

[policy]
duplicates = "hold"
TOML
  for account in RA2026000101 RA2026000102 RA2026000201 RA2026000202 RA2026000301 RA2026000302 RA2026000401 RA2026000402; do
    printf '\n[[account]]\nid = "%s"\nbank = "BANK"\ncurrency = "CNY"\nkind = "reserve"\n' "$account"
  done
} > "$book/book.toml"

code=0
"$tieout" close "$book" --date "$date" --threads "$threads" "${memory[@]}" --quiet > "$out/close.txt" 2>&1 || code=$?
case $code in
  0 | 10 | 20) ;; # closed; breaks and a reserve shortfall are results
  *) cat "$out/close.txt" >&2; exit "$code" ;;
esac
close=$book/closes/$date/1
mv "$close/matched" "$out/matched"
cut -d, -f1-7 "$close/breaks.csv" | sed 's/^\(CURRENCY\|DIRECTION\)_MISMATCH,/AMOUNT_MISMATCH,/' > "$out/breaks.csv"
cut -d, -f1-12 "$close/payouts.csv" > "$out/payouts.csv"
cut -d, -f1-5 "$close/accounts.csv" > "$out/accounts.csv"
echo "{\"exit_code\": $code}"
