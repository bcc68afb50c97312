#!/usr/bin/env bash
# Runs audit/check.sql and audit/inputs.sql of every close of a book in DuckDB; any line that is not ok fails.
#
#   scripts/duckdb_audit.sh BOOK
#
# DuckDB is taken from PyPI, pinned, into target/venv. Exit: 0 all ok, 1 a check is not ok, 69 DuckDB cannot be had.
set -euo pipefail
version=2.0.0
[ $# -eq 1 ] || { echo "usage: scripts/duckdb_audit.sh BOOK" >&2; exit 64; }
book=$(realpath "$1")
cd "$(dirname "${BASH_SOURCE[0]}")/.."
venv=target/venv
if ! "$venv/bin/python" -c "import duckdb; assert duckdb.__version__ == '$version'" 2>/dev/null; then
  [ -x "$venv/bin/pip" ] || python3 -m venv "$venv" || { echo "duckdb_audit: python3 with venv is needed" >&2; exit 69; }
  "$venv/bin/pip" install --quiet --disable-pip-version-check "duckdb==$version" ||
    { echo "duckdb_audit: duckdb $version cannot be installed" >&2; exit 69; }
fi
"$venv/bin/python" - "$book" <<'PY'
import os, pathlib, sys

import duckdb

closes = sorted(pathlib.Path(sys.argv[1]).glob("closes/*/*/manifest.json"))
if not closes:
    sys.exit(f"duckdb_audit: {sys.argv[1]} holds no close")
checks = failed = 0
for manifest in closes:
    os.chdir(manifest.parent)
    for script in ("audit/check.sql", "audit/inputs.sql"):
        rows = duckdb.connect().execute(pathlib.Path(script).read_text()).fetchall()
        checks += len(rows)
        for name, expected, got, ok in rows:
            if not ok:
                failed += 1
                print(f"{manifest.parent}/{script}: {name}: expected {expected}, got {got}", file=sys.stderr)
print(f"duckdb_audit: {len(closes)} closes, {checks} checks, {failed} not ok")
sys.exit(1 if failed else 0)
PY
