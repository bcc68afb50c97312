#!/usr/bin/env bash
# Throughput of table formats read by a profile, beside the canonical CSV reader and beside polars, on one core.
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
least = None
for _ in range(3):
    start = time.process_time()
    read = polars.read_csv(path, infer_schema=False)
    spent = time.process_time() - start
    least = spent if least is None else min(least, spent)
print(f"polars {polars.__version__} (texts only): {size:.0f} MB in {least * 1000:.0f} ms of processor time = {size / least:.0f} MB/s, {len(read)} rows")
PY
else
    echo "polars: not installed"
fi
