#!/usr/bin/env bash
# Throughput of table formats read by a profile, beside the canonical CSV reader and beside polars, on one core. polars reads
# the canonical table twice: as texts, and with its amounts, times, days and words parsed, as a profile parses them.
#
#   scripts/bench_tables.sh [MB of each generated file, 500 unless given] [rounds, 5 unless given]
#
# Prints MB/s of processor time and each reader's speed as a part of the canonical reader's. The goal is 80 percent or more
# (a profile takes at most a quarter longer). Files of GBK pay for decoding; the last lines say what that costs alone.
set -euo pipefail
cd "$(dirname "$0")/.."
export TIEOUT_BENCH_MB="${1:-500}" TIEOUT_BENCH_ROUNDS="${2:-5}"
export TIEOUT_BENCH_FOLDER="${TMPDIR:-/tmp}/tieout-bench-tables-$TIEOUT_BENCH_MB"
mkdir -p "$TIEOUT_BENCH_FOLDER"
trap 'rm -rf "$TIEOUT_BENCH_FOLDER"' EXIT
cargo bench --locked --bench tables --no-run
taskset -c 0 cargo bench --locked --bench tables
python="${PYTHON:-python3}"
if "$python" -c 'import polars' 2>/dev/null; then
    POLARS_MAX_THREADS=1 taskset -c 0 "$python" - "$TIEOUT_BENCH_FOLDER/canonical.csv" <<'PY'
import os, sys, time
import polars
path = sys.argv[1]
size = os.path.getsize(path) / 1e6
def texts():
    return polars.read_csv(path, infer_schema=False)
def parsed():
    rows = texts().with_columns(
        polars.col("amount", "fee").str.to_decimal(scale=2),
        polars.col("txn_time").str.to_datetime("%Y-%m-%dT%H:%M:%S%z"),
        polars.col("settle_date").str.to_date("%Y-%m-%d"),
        polars.col("channel", "txn_type", "currency", "status").cast(polars.Categorical),
    )
    assert rows["amount"].sum() + rows["fee"].sum() > 0
    return rows
for name, read in (("texts only", texts), ("amounts, times, days and words parsed", parsed)):
    least = None
    for _ in range(3):
        start = time.process_time()
        rows = len(read())
        spent = time.process_time() - start
        least = spent if least is None else min(least, spent)
    print(f"polars {polars.__version__} ({name}): {size:.0f} MB in {least * 1000:.0f} ms of processor time = {size / least:.0f} MB/s, {rows} rows")
PY
else
    echo "polars: not installed"
fi
