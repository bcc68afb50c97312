#!/usr/bin/env bash
# How long the close of a ten-row day takes, whole process: the least and the median of 21, wall and processor time.
# Ends with 1 when even the least wall time is over 30 ms (a busy machine lengthens all but the least).
#
#   scripts/startup.sh
#
# TIEOUT is the binary, target/release/tieout unless set. The book lies in TMPDIR: on a disk where syncing is slow that
# is most of the time, and /dev/shm shows the rest.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tieout=$(realpath "${TIEOUT:-$here/target/release/tieout}")
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
"$tieout" generate "$scratch/book" --rows 10 --days 1 --date 2026-03-05 > /dev/null 2>&1
python3 - "$tieout" "$scratch/book" <<'PY'
import os
import resource
import shutil
import statistics
import subprocess
import sys
import time

tieout, book = sys.argv[1:]
MOST_MS = 30
walls, cpus = [], []
for _ in range(21):
    shutil.rmtree(f"{book}/closes", ignore_errors=True)
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    code = subprocess.run([tieout, "close", book, "--date", "2026-03-05", "--quiet"], stdout=subprocess.DEVNULL,
                          stderr=subprocess.DEVNULL).returncode
    walls.append((time.perf_counter() - began) * 1000)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpus.append((after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) * 1000)
    if code not in (0, 10, 20):
        sys.exit(f"the close ended with {code}")
load = os.getloadavg()[0]
for name, of in (("wall", walls), ("processor", cpus)):
    print(f"{name}: least {min(of):.1f} ms, median {statistics.median(of):.1f} ms")
print(f"load {load:.1f} on {os.cpu_count()} processors")
sys.exit(f"a ten-row day takes more than {MOST_MS} ms" if min(walls) > MOST_MS else 0)
PY
