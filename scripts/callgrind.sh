#!/usr/bin/env bash
# Counts the instructions of two small closes and compares them with testdata/callgrind.txt: a clock that no other
# program disturbs. Fails when a close takes 5 % more than it did, or one function grew by as much of the whole, and names
# the functions that grew.
#
#   scripts/callgrind.sh            compare
#   scripts/callgrind.sh --write    take the counts of today as the new measure
#
# Valgrind shows every program the same processor (AVX2, no SHA extensions, no AVX-512), so counts do not follow the
# machine, only the compiler and the C library: with others than the measure names nothing fails, and it ends with 69.
# Between two runs of one binary they differ by 0.03 %. SHA-256 is left out: in software it would be a third of all.
# TIEOUT is the binary, target/release/tieout unless set; it must be built with the release profile as it stands.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
tieout=$(realpath "${TIEOUT:-target/release/tieout}")
measure=testdata/callgrind.txt
[ $# -eq 0 ] || [ "$*" = --write ] || { sed -n '2,15s/^# \{0,1\}//p' "$0" >&2; exit 64; }
command -v valgrind > /dev/null || { echo "callgrind.sh: valgrind is missing: apt-get install valgrind" >&2; exit 69; }
grep -qw avx2 /proc/cpuinfo || { echo "callgrind.sh: this machine has no AVX2, so its counts say nothing" >&2; exit 69; }
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT
for format in csv parquet; do
  "$tieout" generate "$scratch/$format" --rows 20000 --days 1 --date 2026-03-05 --format $format > /dev/null 2>&1
  code=0
  valgrind --tool=callgrind --callgrind-out-file="$scratch/$format.out" "$tieout" close "$scratch/$format" --date 2026-03-05 \
    --threads 1 --quiet > "$scratch/$format.log" 2>&1 || code=$?
  case $code in
    0 | 10 | 20) ;;
    *) cat "$scratch/$format.log" >&2; echo "callgrind.sh: the close ended with $code" >&2; exit 70 ;;
  esac
done
python3 - "$scratch" "$measure" "$(rustc --version)" "$(ldd --version | sed -n 1p)" "${1:-}" <<'PY'
import collections
import re
import sys

scratch, measure, rustc, libc, write = sys.argv[1:]
# Functions from this share of the whole on are written down.
NAMED = 0.002
MOST = 0.05


def counts(path):
    """Instructions by function: what was inlined into it is its own, and a recursion is one function."""
    found, names, mine, is_call = collections.Counter(), {}, None, False
    with open(path, encoding="utf-8", errors="replace") as lines:
        for line in lines:
            if line.startswith(("fn=", "cfn=")):
                # A name stands behind its number where it comes first.
                number, _, name = line.split("=", 1)[1].rstrip("\n").partition(" ")
                if name:
                    names[number] = re.sub(r"'\d+$", "", name)
                if line.startswith("fn="):
                    mine = names[number]
            elif line.startswith("calls="):
                is_call = True
            elif line[0] in "0123456789+-*":
                if not is_call and not mine.startswith("sha2::"):
                    found[mine] += int(line.split()[1])
                is_call = False
    return found


now = {form: counts(f"{scratch}/{form}.out") for form in ("csv", "parquet")}
if write:
    with open(measure, "w", encoding="utf-8") as out:
        print(f"# Instructions by function of closing 20,000 rows, less SHA-256: scripts/callgrind.sh --write\n# {rustc}\n# {libc}",
              file=out)
        for form, found in now.items():
            whole = sum(found.values())
            print(f"{form}\t{whole}\t(all)", file=out)
            for name, count in found.most_common():
                if count >= whole * NAMED:
                    print(f"{form}\t{count}\t{name}", file=out)
    print(f"{measure} written: " + ", ".join(f"{form} {sum(found.values()):,}" for form, found in now.items()))
    sys.exit(0)
then, made_with = collections.defaultdict(dict), []
with open(measure, encoding="utf-8") as lines:
    for line in lines:
        if line.startswith("#"):
            made_with.append(line[2:].strip())
        else:
            form, count, name = line.rstrip("\n").split("\t", 2)
            then[form][name] = int(count)
for tool in (rustc, libc):
    if tool not in made_with:
        print(f"callgrind.sh: {tool} is not what the measure was taken with, so counts may differ without a change", file=sys.stderr)
is_same = rustc in made_with and libc in made_with
worse = False
for form, found in now.items():
    known, whole = then[form], sum(found.values())
    before = known.pop("(all)")
    change = (whole - before) / before
    print(f"{form}: {whole:,} instructions, {change:+.2%}")
    # A function that was below the bound of those named may have had as much as that.
    grew = {name: count - known.get(name, int(before * NAMED)) for name, count in found.items()}
    grew = sorted(((more, name) for name, more in grew.items() if more > before * 0.005), reverse=True)
    bad = change > MOST or any(more > before * MOST for more, _ in grew)
    worse |= bad
    for more, name in grew[:10] if bad or change > 0.01 else []:
        print(f"  {more / before:+.2%} of the whole: {name}")
if worse and not is_same:
    print("callgrind.sh: more than 5 % slower, but with other tools: take the measure anew to compare", file=sys.stderr)
    sys.exit(69)
if worse:
    print("callgrind.sh: FAILED: more than 5 % slower. Where it is meant: scripts/callgrind.sh --write, and say why", file=sys.stderr)
sys.exit(1 if worse else 0)
PY
