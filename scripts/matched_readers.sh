#!/usr/bin/env bash
# Reads `matched/` of closes with the Parquet readers of others (pyarrow, DuckDB, Polars) and compares them value by
# value, and the statistics of the footer with the values. The other tables are compared with their CSV:
#
#   scripts/matched_readers.sh CLOSE...        CLOSE is a folder such as closes/2026-11-20/1
#
# The pages are written by encoders of our own (src/report/{texts,deltas,coded,pages}.rs). PYTHON names an interpreter
# with pyarrow and duckdb (`pip install pyarrow duckdb`); Polars is asked too where it is installed.
set -euo pipefail
exec "${PYTHON:-python3}" - "$@" <<'PY'
import csv
import glob
import os
import sys

try:
    import duckdb
    import pyarrow.parquet as pq
except ImportError as error:
    sys.exit(f"matched_readers.sh: {error}: pip install pyarrow duckdb, or name an interpreter in PYTHON")
try:
    import polars
except ImportError:
    polars = None



def cells(rows):
    return [[None if value is None else str(value) for value in row] for row in rows]


def check_table(table):
    """A table as Parquet holds what its CSV holds, whoever reads it."""
    with open(table.removesuffix(".parquet") + ".csv", newline="") as text:
        lines = list(csv.reader(text))[1:]
    wanted = [[value or None for value in line] for line in lines]
    read = pq.read_table(table)
    found = {
        "pyarrow": zip(*[column.to_pylist() for column in read.columns]),
        "DuckDB": duckdb.read_parquet(table).fetchall(),
    }
    if polars is not None:
        found["Polars"] = polars.read_parquet(table, use_pyarrow=False).rows()
    for reader, values in found.items():
        if cells(values) != wanted:
            sys.exit(f"{table}: {reader} reads other values than the CSV has")


files = rows = tables = 0
for close in sys.argv[1:] or sys.exit("usage: scripts/matched_readers.sh CLOSE..."):
    parts = sorted(glob.glob(os.path.join(close, "matched", "*.parquet")))
    if not parts:
        sys.exit(f"{close}: found no matched/*.parquet")
    for part in parts:
        mine = pq.read_table(part)
        theirs = duckdb.read_parquet(part).to_arrow_table()
        if not mine.cast(theirs.schema).equals(theirs):
            sys.exit(f"{part}: pyarrow and DuckDB read different values")
        if polars is not None:
            other = polars.read_parquet(part, use_pyarrow=False).to_arrow()
            if not other.cast(mine.schema).equals(mine):
                sys.exit(f"{part}: pyarrow and Polars read different values")
        meta = pq.ParquetFile(part).metadata
        start = 0
        for number in range(meta.num_row_groups):
            group = meta.row_group(number)
            lines = mine.slice(start, group.num_rows)
            start += group.num_rows
            for index in range(group.num_columns):
                column = group.column(index)
                told = column.statistics
                values = lines.column(index)
                if told is None or told.null_count != values.null_count:
                    sys.exit(f"{part}: {column.path_in_schema}: nulls of row group {number}")
                if told.has_min_max:
                    found = [v for v in values.to_pylist() if v is not None]
                    if (told.min, told.max) != (min(found), max(found)):
                        sys.exit(f"{part}: {column.path_in_schema}: bounds of row group {number}")
        files += 1
        rows += mine.num_rows
    for table in sorted(glob.glob(os.path.join(close, "*.parquet"))):
        check_table(table)
        tables += 1
print(f"{tables} tables equal to their CSV, {files} files with {rows} rows read alike by pyarrow, DuckDB{' and Polars' if polars else ''}")
PY
