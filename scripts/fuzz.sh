#!/usr/bin/env bash
# Fuzzes every grammar and the table engine: scripts/fuzz.sh [SECONDS per target, 300 unless given] [TARGET...]
#
# With cargo-fuzz and a nightly compiler the targets of fuzz/ run under libFuzzer, seeded from the public samples where
# they are at hand; otherwise the mutation test of the crate runs in process, on stable. Each run adds a line to
# target/fuzz-ledger.tsv: date, commit, target, seconds, runs, result. A finding becomes a test before it is mended.
set -euo pipefail
cd "$(dirname "$0")/.."
seconds="${1:-300}"
shift || true
ledger=target/fuzz-ledger.tsv
mkdir -p target
commit="$(git rev-parse --short HEAD)"
note() { printf '%s\t%s\t%s\t%s\t%s\t%s\n' "$(date -u +%F)" "$commit" "$@" | tee -a "$ledger"; }

if cargo +nightly fuzz --version >/dev/null 2>&1; then
    targets=("$@")
    [ ${#targets[@]} -gt 0 ] || targets=(camt053 camt052 camt054 mt940 mt942 bai2 ofx cmb table)
    for target in "${targets[@]}"; do
        corpus="fuzz/corpus/$target"
        mkdir -p "$corpus"
        case "$target" in
            camt*) seeds="camt053 camt054" ;;
            mt94*) seeds=mt940 ;;
            table) seeds="alipay wechat tenpay" ;;
            *) seeds="$target" ;;
        esac
        for folder in $seeds; do
            [ -d "../shared/samples/$folder" ] && cp -n "../shared/samples/$folder"/* "$corpus"/ || true
        done
        log="target/fuzz-$target.log"
        result=ok
        cargo +nightly fuzz run "$target" "$corpus" -- -max_total_time="$seconds" -max_len=65536 -timeout=20 2>"$log" || result=FOUND
        runs="$(grep -oE '^#[0-9]+' "$log" | tail -1 | tr -d '#')"
        note "$target" "$seconds" "${runs:-0}" "$result"
        [ "$result" = ok ] || { tail -20 "$log"; exit 1; }
    done
else
    TIEOUT_FUZZ_SECONDS="$seconds" cargo test --release --locked --lib fuzzing_tests -- --nocapture |
        tee target/fuzz-stable.log
    grep -E 'mutations in' target/fuzz-stable.log | while IFS=: read -r target rest; do
        note "$target" "$seconds" "$(echo "$rest" | awk '{print $1}')" ok
    done
fi
