#!/usr/bin/env bash
# Fuzzes every grammar and the table engine: scripts/fuzz.sh [SECONDS per target, 300 unless given] [TARGET...]
#
# The targets of fuzz/ run under libFuzzer, one after the other, with coverage of this crate and all it stands on. A stable
# compiler does: coverage needs compiler flags only, and libFuzzer itself comes with the package libfuzzer-sys. No address
# sanitizer: all that the targets reach is safe code but for one call of vector instructions on an array. Seeds are the
# public samples, where they are at hand, and testdata/. Each run adds a line to fuzz-ledger.tsv of the target folder: date,
# commit, target, seconds, runs, inputs kept, crashes. A finding stays in artifacts/TARGET there, and becomes a test before
# it is mended. JOBS=2 runs two targets side by side.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds="${1:-300}"
shift || true
targets=("$@")
[ ${#targets[@]} -gt 0 ] || targets=(table profile camt053 camt052 camt054 mt940 mt942 bai2 ofx cmb)
folder="$(mkdir -p "${CARGO_TARGET_DIR:-target/fuzz}" && cd "${CARGO_TARGET_DIR:-target/fuzz}" && pwd)"
host="$(rustc -vV | sed -n 's/^host: //p')"
export CARGO_TARGET_DIR="$folder"
export RUSTFLAGS="-Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
-Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
-Cllvm-args=-sanitizer-coverage-trace-compares -Ccodegen-units=16 --cfg fuzzing"
# With a target named, build scripts and macros are compiled without coverage.
cargo build --manifest-path fuzz/Cargo.toml --release --target "$host" --bins
unset RUSTFLAGS
commit="$(git rev-parse --short HEAD)"

# One target: its corpus lives in the target folder, so that the next run goes on from it.
fuzz() {
    local target="$1" corpus="$folder/corpus/$1" artifacts="$folder/artifacts/$1" log="$folder/fuzz-$1.log"
    local seeds result=0 runs kept crashes
    mkdir -p "$corpus" "$artifacts"
    case "$target" in
        camt*) seeds="camt053 camt054" ;;
        mt94*) seeds=mt940 ;;
        table) seeds="alipay wechat tenpay unionpay bank" ;;
        profile) seeds= ;;
        *) seeds="$target" ;;
    esac
    for seed in $seeds; do
        if [ -d "../shared/samples/$seed" ]; then cp -n "../shared/samples/$seed"/* "$corpus"/ 2>/dev/null || true; fi
    done
    case "$target" in
        table) cp -n testdata/profiles/*.csv "$corpus"/ ;;
        profile) cp -n testdata/profiles/*.toml src/ingest/formats/profiles/*.toml "$corpus"/ ;;
    esac
    "$folder/$host/release/$target" "$corpus" -max_total_time="$seconds" -max_len=65536 -timeout=20 -rss_limit_mb=3000 \
        -artifact_prefix="$artifacts/" -print_final_stats=1 2>"$log" || result=$?
    runs="$(sed -n 's/^stat::number_of_executed_units: *//p' "$log" | tail -1)"
    kept="$(find "$corpus" -type f | wc -l)"
    # A slow unit is one that the machine was slow with; what is too slow is a timeout.
    crashes="$(find "$artifacts" -type f ! -name 'slow-unit-*' | wc -l)"
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$(date -u +%F)" "$commit" "$target" "$seconds" "${runs:-0}" "$kept" "$crashes" |
        tee -a "$folder/fuzz-ledger.tsv"
    if [ "$result" != 0 ]; then
        tail -25 "$log"
        echo "$target: found; the input is in $artifacts"
    fi
    return "$result"
}
export -f fuzz
export folder host seconds commit
printf '%s\n' "${targets[@]}" | xargs -P "${JOBS:-1}" -I{} bash -euo pipefail -c 'fuzz {}'
