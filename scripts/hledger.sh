#!/usr/bin/env bash
# Exports a book's journal for hledger, checks it, and compares its balances with the last close's trial balance.
#
#   scripts/hledger.sh BOOK
#
# TIEOUT names the binary (default: target/release/tieout, else target/debug/tieout). Exit: 0 good, 1 not.
set -euo pipefail
[ $# -eq 1 ] || { echo "usage: scripts/hledger.sh BOOK" >&2; exit 64; }
book=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tieout=${TIEOUT:-target/release/tieout}
[ -x "$tieout" ] || tieout=target/debug/tieout
command -v hledger > /dev/null || { echo "hledger is missing: install the package hledger" >&2; exit 69; }
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$tieout" export "$book" --format hledger > "$work/book.journal"
hledger -f "$work/book.journal" check --strict
hledger -f "$work/book.journal" balance --flat --no-total --empty --layout bare -O csv > "$work/balances.csv"
last=$(ls -d "$book"/closes/20*/ | tail -n 1)
last=$(ls -d "$last"[0-9]* | sort -V | tail -n 1)
python3 - "$work/balances.csv" "$last/trial_balance.csv" "$work/book.journal" <<'PY'
import csv, sys
from decimal import Decimal

balances = {}
with open(sys.argv[1], newline="", encoding="utf-8") as file:
    for row in csv.DictReader(file):
        if Decimal(row["balance"]) != 0:
            balances[row["account"], row["commodity"]] = Decimal(row["balance"])
expected = {}
digits = {}  # the export declares each commodity with its decimals: "commodity 1000.00 CNY"
with open(sys.argv[3], encoding="utf-8") as file:
    for line in file:
        if line.startswith("commodity "):
            _, sample, currency = line.split()
            digits[currency] = len(sample.partition(".")[2])
with open(sys.argv[2], newline="", encoding="utf-8") as file:
    for row in csv.DictReader(file):
        minor = int(row["closing_minor"])
        if minor:
            key = row["ledger_account"], row["currency"]
            expected[key] = Decimal(minor).scaleb(-digits[row["currency"]])
wrong = [k for k in sorted(balances.keys() | expected.keys()) if balances.get(k) != expected.get(k)]
for key in wrong:
    print(f"hledger: {key[0]} {key[1]}: expected {expected.get(key)}, got {balances.get(key)}", file=sys.stderr)
print(f"hledger: {len(expected)} balances equal the trial balance" if not wrong else f"hledger: {len(wrong)} differ")
sys.exit(1 if wrong else 0)
PY
