#!/usr/bin/env bash
# Kills closes at random moments and runs them again (SPEC §10.3: absent or whole, same bytes after).
#
#   scripts/crash.sh [N]            N kills, 200 unless given
#   SEED=7 scripts/crash.sh         other moments; TIEOUT=… another binary, WORK=… another folder
#
# Two books take turns: a generated one of 200,000 rows a day (two days) and the demo's seven days. A close is
# killed with SIGKILL after a random part of the time an undisturbed one takes. After each kill the close must be
# absent, or whole and equal to the undisturbed one; it is then run again, must end with the same code and the same
# bytes in every sealed file (all but run.json), and must leave nothing but closes and the lock in closes/.
# The last line counts the kills by what they hit. Exit: 0 no difference, 1 a difference, 69 no binary.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tieout=${TIEOUT:-$here/target/release/tieout}
work=${WORK:-$here/target/crash}
kills=${1:-200}
RANDOM=${SEED:-20261123}
[ -x "$tieout" ] || { echo "crash.sh: build first: cargo build --release" >&2; exit 69; }
rm -rf "$work"
mkdir -p "$work/log"
seal() { (cd "$1" && find . -type f ! -name run.json -print0 | sort -z | xargs -0 sha256sum); }
micros() { local now=$EPOCHREALTIME; echo "${now/./}"; }

"$tieout" generate "$work/generated" --rows 100000 --days 2 --date 2026-09-16 --quiet >/dev/null
"$tieout" init "$work/demo" --demo --quiet >/dev/null

# Undisturbed runs: their codes, bytes and times.
scenes=()
declare -A code time_micros
for book in generated demo; do
    for inbox in "$work/$book"/inbox/*/; do
        date=$(basename "$inbox")
        scene=$book/$date
        began=$(micros) ended=0
        "$tieout" close "$work/$book" --date "$date" --quiet >"$work/log/out" 2>"$work/log/err" && ended=0 || ended=$?
        time_micros[$scene]=$(($(micros) - began))
        code[$scene]=$ended
        case $ended in
            0 | 10 | 20) ;;
            *) cat "$work/log/err" >&2; echo "crash.sh: the undisturbed close of $scene ends with $ended" >&2; exit 1 ;;
        esac
        seal "$work/$book/closes/$date/1" >"$work/log/$book-$date.sha256"
        scenes+=("$scene")
    done
done

# As many kills in the generated book as in the demo's.
generated=(generated/2026-09-16 generated/2026-09-17)
demo=()
for scene in "${scenes[@]}"; do [ "${scene%%/*}" = demo ] && demo+=("$scene"); done

differ() {
    echo "crash.sh: kill $1 of $2 after $3 us: $4" >&2
    differences=$((differences + 1))
}
# 0 when the close equals the undisturbed one.
whole() { seal "$live/closes/$date/1" | cmp -s - "$work/log/$book-$date.sha256"; }

differences=0 before=0 writing=0 after=0
for ((kill = 1; kill <= kills; kill++)); do
    if ((kill % 2)); then
        scene=${generated[kill / 2 % ${#generated[@]}]}
    else
        scene=${demo[kill / 2 % ${#demo[@]}]}
    fi
    book=${scene%%/*} date=${scene#*/} live=$work/live
    rm -rf "$live"
    cp -al "$work/$book" "$live"
    # Closes are copied, not linked: a close that wrote into an earlier one must not change the comparison's bytes.
    rm -rf "$live/closes"
    mkdir "$live/closes"
    for earlier in "$work/$book"/closes/*/; do
        [[ $(basename "$earlier") < $date ]] && cp -a "$earlier" "$live/closes/"
    done
    wait_micros=$((RANDOM * 32768 + RANDOM))
    wait_micros=$((wait_micros % time_micros[$scene]))
    "$tieout" close "$live" --date "$date" --quiet >/dev/null 2>&1 &
    process=$!
    sleep "$(printf '%d.%06d' $((wait_micros / 1000000)) $((wait_micros % 1000000)))"
    kill -9 "$process" 2>/dev/null || true
    wait "$process" 2>/dev/null || true
    if [ -e "$live/closes/$date/1" ]; then
        after=$((after + 1))
        whole || differ "$kill" "$scene" "$wait_micros" "the close was published and is not whole"
    elif [ -e "$live/closes/.work" ] || [ -e "$live/closes/$date" ]; then
        writing=$((writing + 1))
    else
        before=$((before + 1))
    fi
    ended=0
    "$tieout" close "$live" --date "$date" --quiet >/dev/null 2>"$work/log/err" || ended=$?
    if ((ended != code[$scene])); then
        cat "$work/log/err" >&2
        differ "$kill" "$scene" "$wait_micros" "run again it ends with $ended, expected ${code[$scene]}"
    elif ! whole; then
        differ "$kill" "$scene" "$wait_micros" "run again it has other bytes"
    fi
    left=$(find "$live/closes" -mindepth 1 -maxdepth 1 ! -name .lock ! -name '20??-??-??'; find "$live/closes/$date" -mindepth 1 -maxdepth 1 ! -name 1)
    [ -z "$left" ] || differ "$kill" "$scene" "$wait_micros" "left behind: $left"
done
[ "$differences" -gt 0 ] || rm -rf "$work"
echo "crash loop: $kills kills (seed ${SEED:-20261123}): $before before anything was written, $writing while the close was written, $after after it was published; $differences differences"
[ "$differences" -eq 0 ]
