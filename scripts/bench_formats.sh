#!/usr/bin/env bash
# Throughput of every statement reader in MB/s on one core, beside the nearest Python library.
#
#   scripts/bench_formats.sh [sizes in MB, 1,10,100,500 unless given] [MB for the Python libraries, 4 unless given]
#
# The files are generated, balance, and hold entries as the public samples have them. The engine reads each from memory
# into rows that are counted (benches/formats.rs); the libraries read theirs with a script their own users would write,
# whichever of them is installed (PYTHON names the interpreter): mt-940, bankstatementparser, ofxtools, ofxparse, bai2.
# Both are measured in CPU time.
set -euo pipefail
cd "$(dirname "$0")/.."
megabytes="${1:-1,10,100,500}"
peer_megabytes="${2:-4}"
export TIEOUT_BENCH_MB="$megabytes" TIEOUT_BENCH_PEER_MB="$peer_megabytes"
export TIEOUT_BENCH_FOLDER="${TMPDIR:-/tmp}/tieout-bench-formats"
mkdir -p "$TIEOUT_BENCH_FOLDER"
taskset -c 0 cargo bench --locked --bench formats
python="${PYTHON:-python3}"
peer() { # name, module, code that reads the file named by sys.argv[1]
    "$python" -c "import $2" 2>/dev/null || { echo "$1: not installed"; return; }
    taskset -c 0 "$python" - "$3" "$1" <<PY
import os, sys, time
path, name = sys.argv[1], sys.argv[2]
size = os.path.getsize(path) / 1e6
start = time.process_time()
$4
spent = time.process_time() - start
print(f"{name}: {size:.1f} MB in {spent:.2f} s CPU = {size / spent:.2f} MB/s, {count} entries")
PY
}
f="$TIEOUT_BENCH_FOLDER"
peer mt-940 mt940 "$f/peer.sta" "
import mt940
count = len(mt940.parse(path))"
peer bankstatementparser bankstatementparser "$f/peer.xml" "
from bankstatementparser import CamtParser
count = len(CamtParser(path).parse())"
peer ofxtools ofxtools "$f/peer.ofx" "
from ofxtools.Parser import OFXTree
tree = OFXTree(); tree.parse(path)
count = len(tree.convert().statements[0].transactions)"
peer ofxparse ofxparse "$f/peer.ofx" "
from ofxparse import OfxParser
count = len(OfxParser.parse(open(path, 'rb')).account.statement.transactions)"
peer bai2 bai2 "$f/peer.bai" "
from bai2 import bai2
with open(path) as lines:
    read = bai2.parse_from_file(lines, check_integrity=True)
count = sum(len(a.children) for g in read.children for a in g.children)"
