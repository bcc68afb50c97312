#!/usr/bin/env bash
# EOD-1 with tieout beside every peer that is installed, run in turn: medians and ratios as a table, and the README's plot.
#
#   scripts/bench_eod1.sh DIR [ROUNDS, 3 unless given] [FORMATS, csv,parquet unless given]
#
# DIR is a folder that the benchmark's gen.py made. A peer counts only as a program of its own, on as many threads as
# tieout; every first answer is checked. tieout closes the whole day: journal, reserve figures, hashes and syncing too.
#
#   EOD1_BENCH   the benchmark's folder (bench.py, peer_*.py); ../shared/bench unless set
#   PYTHON       an interpreter with the peers: pip install duckdb polars datafusion chdb pandas pyarrow
#   PEERS        peers by name, comma between; all that PYTHON can import unless set
#   TIEOUT       the binary; target/release/tieout unless set
#   THREADS      2 unless set
#   RESULTS      a line a run; target/bench-eod1/results.jsonl unless set. Runs are added: remove it to begin anew
#   PLOT         docs/eod1.svg unless set
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
[ $# -ge 1 ] || { sed -n '2,16s/^# \{0,1\}//p' "$0" >&2; exit 64; }
dir=$(realpath "$1") rounds=${2:-3} formats=${3:-csv,parquet}
bench=${EOD1_BENCH:-$here/../shared/bench}
python=${PYTHON:-python3}
export TIEOUT=${TIEOUT:-$here/target/release/tieout}
results=${RESULTS:-$here/target/bench-eod1/results.jsonl}
[ -f "$bench/bench.py" ] || { echo "bench_eod1.sh: no bench.py in $bench: set EOD1_BENCH" >&2; exit 66; }
[ -x "$TIEOUT" ] || { echo "bench_eod1.sh: no binary at $TIEOUT: run cargo build --release" >&2; exit 66; }
mkdir -p "$(dirname "$results")"
peers=${PEERS:-}
if [ -z "$peers" ]; then
  for peer in duckdb polars datafusion chdb pandas; do
    # Without pyarrow no answer could be checked.
    if "$python" -c "import $peer, pyarrow" 2> /dev/null; then
      peers+=$peer,
    else
      echo "bench_eod1.sh: $peer is not installed for $python and is left out" >&2
    fi
  done
fi
scratch=$(mktemp -d "$(dirname "$results")/run.XXXXXX")
trap 'rm -rf "$scratch"' EXIT
"$python" "$bench/bench.py" "$dir" --peers "${peers:+${peers%,},}tieout=$here/scripts/eod1.sh" --formats "$formats" \
  --runs "$rounds" --threads "${THREADS:-2}" --out "$scratch" --results "$results"
echo
"$python" "$here/scripts/plot_eod1.py" "$results" "${PLOT:-$here/docs/eod1.svg}"
