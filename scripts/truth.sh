#!/usr/bin/env bash
# Generates a book with known truth, closes its days, and compares every match, break and cause with the truth.
#
#   scripts/truth.sh [ROWS_PER_DAY] [DAYS]     200000 and 5 unless given: a million rows
#   SEED=7 scripts/truth.sh                    another book; FORMAT=parquet, TIEOUT=… another binary, WORK=… another folder
#
# What is planted: `tieout generate --plant all`. Printed: by kind what was planted and found, by pass its share of the
# rows. DuckDB is taken from PyPI, pinned, into target/venv. Exit: 0 all as planted, 1 a difference, 69 something is missing.
set -euo pipefail
version=2.0.0
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
tieout=${TIEOUT:-$here/target/release/tieout}
work=${WORK:-$here/target/truth}
rows=${1:-200000} days=${2:-5}
[ -x "$tieout" ] || { echo "truth.sh: build first: cargo build --release" >&2; exit 69; }
venv=$here/target/venv
if ! "$venv/bin/python" -c "import duckdb; assert duckdb.__version__ == '$version'" 2>/dev/null; then
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv" || { echo "truth.sh: python3 with venv is needed" >&2; exit 69; }
  "$venv/bin/pip" install --quiet --disable-pip-version-check "duckdb==$version" ||
    { echo "truth.sh: duckdb $version cannot be installed" >&2; exit 69; }
fi
rm -rf "$work"
"$tieout" generate "$work" --rows "$rows" --days "$days" --date 2026-11-19 --seed "${SEED:-1}" \
  --format "${FORMAT:-csv}" --plant all --quiet >/dev/null
for inbox in "$work"/inbox/*/; do
  code=0
  "$tieout" close "$work" --date "$(basename "$inbox")" --quiet >/dev/null || code=$?
  [ $code = 10 ] || { echo "truth.sh: the close of $(basename "$inbox") ends with $code, expected 10" >&2; exit 1; }
done
"$venv/bin/python" - "$work" <<'PY'
import collections, glob, json, os, sys

import duckdb

os.chdir(sys.argv[1])
db = duckdb.connect()
db.execute("create table truth_match as select date::text as date, pass, coalesce(txn_id, '') as txn_id, entry_id, planted "
           "from read_csv('truth_matches.csv', header=true, all_varchar=true)")
db.execute("create table truth_break as select first_seen, class, coalesce(bank_ref, '') as bank_ref, coalesce(txn_id, '') as txn_id, "
           "coalesce(entry_id, '') as entry_id, coalesce(resolved, '9999') as resolved, planted, coalesce(candidates, '') as candidates "
           "from read_csv('truth_breaks.csv', header=true, all_varchar=true)")
truth = json.load(open("truth.json"))
wrong = 0
by_kind = collections.defaultdict(lambda: [0, 0])      # lines that are true, lines found as they are
cleared = collections.Counter()
rows_all = 0


def differ(date, what, sql):
    global wrong
    rows = db.execute(sql).fetchall()
    if rows:
        wrong += len(rows)
        print(f"{date}: {what}: {len(rows)}, such as {rows[:5]}", file=sys.stderr)


for close in truth["closes"]:
    date = close["date"]
    folder = f"closes/{date}/1"
    db.execute("create or replace table matched as select pass, coalesce(txn_id, '') as txn_id, coalesce(entry_id, '') as entry_id "
               f"from read_parquet('{folder}/matched/*.parquet') where leg = 'platform-bank'")
    db.execute(f"create or replace view true_match as select * from truth_match where date = '{date}'")
    line = "pass, txn_id, entry_id"
    differ(date, "matched and not true", f"select {line} from matched except all select {line} from true_match")
    differ(date, "true and not matched", f"select {line} from true_match except all select {line} from matched")
    db.execute("create or replace table broken as select class, coalesce(bank_ref, '') as bank_ref, coalesce(txn_id, '') as txn_id, "
               "coalesce(entry_id, '') as entry_id, first_seen, coalesce(candidates, '') as candidates "
               f"from read_csv('{folder}/breaks.csv', header=true, all_varchar=true) where leg = 'platform-bank'")
    db.execute(f"create or replace view true_break as select * from truth_break where first_seen <= '{date}' and resolved > '{date}'")
    line = "class, bank_ref, txn_id, entry_id, first_seen"
    differ(date, "open and not true", f"select {line} from broken except all select {line} from true_break")
    differ(date, "true and not open", f"select {line} from true_break except all select {line} from broken")
    # What must stand among the candidates: several words, `-` for a space.
    differ(date, "candidates without what fits",
           f"select t.txn_id, t.entry_id, t.planted, t.candidates, b.candidates from true_break t join broken b using ({line}) "
           "where not list_bool_and(list_transform(string_split(t.candidates, ' '), "
           "lambda word: contains(replace(b.candidates, '-', ' '), replace(word, '-', ' '))))")
    for kind, planted, found in db.execute(
            "select t.planted, count(*), count(m.entry_id) from true_match t left join matched m using (pass, txn_id, entry_id) "
            "where t.planted <> 'agrees' group by 1 union all "
            f"select t.planted, count(*), count(b.class) from true_break t left join broken b using ({line}) "
            f"where t.first_seen = '{date}' group by 1").fetchall():
        by_kind[kind][0] += planted
        by_kind[kind][1] += found
    # Each fault is among the first ten causes, with all rows of its day.
    summary = json.load(open(f"{folder}/summary.json"))
    for kind, fault_class, rows in db.execute(
            "select planted, class, count(*) from truth_break where planted like 'fault-%' "
            f"and first_seen = '{date}' group by 1, 2").fetchall():
        named = [c for c in summary["cause_details"][:10] if c["class"] == fault_class and c["count"] >= rows]
        if not named:
            wrong += 1
            print(f"{date}: {kind}, {rows} rows, is not among the first ten causes: {summary['causes'][:10]}", file=sys.stderr)
    leg = next(leg for leg in summary["matched"] if leg["leg"] == "platform-bank")
    rows_all += leg["rows"] - leg["open_rows"]
    for share in leg["passes"]:
        cleared[share["pass"]] += share["rows"]
    expected = dict(db.execute("select split_part(pass, ':', 1), count(*) from true_match where txn_id <> '' group by 1").fetchall())
    got = {share["pass"]: share["rows"] for share in leg["passes"] if share["rows"]}
    if expected != got:
        wrong += 1
        print(f"{date}: summary.json says {got}, true is {expected}", file=sys.stderr)
    if sum(close["open_breaks"].values()) != db.execute("select count(*) from broken").fetchone()[0]:
        wrong += 1
        print(f"{date}: {close['open_breaks']} are open in truth.json", file=sys.stderr)

print(f"{'planted':<24}{'lines':>9}{'found':>9}")
for kind, (planted, found) in sorted(by_kind.items()):
    print(f"{kind:<24}{planted:>9,}{found:>9,}")
open_last = db.execute("select count(*) from broken where txn_id <> ''").fetchone()[0]
whole = rows_all + open_last
print(f"\nof {whole:,} platform rows that expected money")
for name, rows in cleared.items():
    print(f"{name:<24}{rows:>9,}{rows / whole:>11.4%}")
print(f"{'open in the end':<24}{open_last:>9,}{open_last / whole:>11.4%}")
print(f"truth.sh: {len(truth['closes'])} closes, {wrong} differences")
sys.exit(1 if wrong else 0)
PY
