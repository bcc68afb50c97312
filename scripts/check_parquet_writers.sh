#!/usr/bin/env bash
# Closes one small day from Parquet as pyarrow, DuckDB and Polars write it, in several ways each, and compares every
# close with that of the same day from CSV:
#
#   scripts/check_parquet_writers.sh [PYTHON]
#
# A writer that is not installed is passed over with a word. TIEOUT overrides the binary.
set -euo pipefail
here=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
export TIEOUT=${TIEOUT:-$here/target/release/tieout}
python=${1:-python3}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
"$python" - "$work" "$here/scripts/eod1.sh" <<'PYTHON'
import csv, filecmp, importlib.util, json, os, random, subprocess, sys

work, eod1 = sys.argv[1:]
rows = 30_000
random.seed(7)
day = "2026-11-20"
merchants = [f"M{i:06}" for i in range(300)]
accounts = ["RA2026000101", "RA2026000102", "RA2026000201"]

platform = [["txn_id", "txn_time", "merchant_id", "customer_id", "txn_type", "channel", "currency", "amount",
             "bank_ref", "status"]]
bank = [["entry_id", "account", "booking_time", "value_date", "direction", "amount", "currency", "bank_ref",
         "remark"]]
for i in range(rows):
    time = f"{day}T{i * 2 // 3600 % 24:02}:{i * 2 // 60 % 60:02}:{i * 2 % 60:02}.{i % 1000:03}+08:00"
    kind = "REFUND" if i % 17 == 0 else "PAYMENT"
    amount = f"{random.randint(1, 900_000) / 100:.2f}"
    ref = f"2026112000{random.getrandbits(56):014x}" if i % 500 else ""
    status = "FAILED" if i % 101 == 0 else "SUCCESS"
    customer = "" if i % 5 == 0 else f"C{i * 7 % 100_000}"
    platform.append([f"T20261120{i:010}", time, random.choice(merchants), customer, kind,
                     random.choice(["WECHAT", "ALIPAY", "CARD"]), "CNY", amount, ref, status])
    if i % 211 and status == "SUCCESS" and ref:
        direction = "D" if kind == "REFUND" else "C"
        if i % 307 == 0:
            amount = f"{float(amount) + 0.01:.2f}"
        remark = "备注" if i % 3 else ""
        bank.append([f"E{i:012}", random.choice(accounts), time, day, direction, amount, "CNY", ref, remark])

def write_csv(path, table):
    with open(path, "w", newline="", encoding="utf-8") as out:
        csv.writer(out, lineterminator="\n").writerows(table)

def folder(name):
    path = os.path.join(work, name)
    os.makedirs(path, exist_ok=True)
    json.dump({"business_date": day}, open(os.path.join(path, "meta.json"), "w"))
    write_csv(os.path.join(path, "merchants.csv"), [
        ["merchant_id", "fee_bps", "fee_min_minor", "fee_max_minor", "hold_bps", "settlement_cycle_days"]
    ] + [[m, "60", "0", "", "0", "1"] for m in merchants])
    return path

def close(path, format):
    out = path + "-out"
    # The merchant master is CSV in every case.
    script = open(eod1).read().replace('merchants.$format', 'merchants.csv')
    patched = os.path.join(work, "eod1.sh")
    open(patched, "w").write(script)
    run = subprocess.run(["bash", patched, path, out, "--format", format], capture_output=True, text=True)
    if run.returncode:
        sys.exit(f"{path}: {run.stderr}{run.stdout}")
    return out

base = folder("csv")
write_csv(os.path.join(base, "platform.csv"), platform)
write_csv(os.path.join(base, "bank.csv"), bank)
expected = close(base, "csv")

def check(name, write):
    path = folder(name.replace(" ", "-"))
    for table in ("platform", "bank"):
        write(table, os.path.join(path, table + ".parquet"))
    out = close(path, "parquet")
    for file in ("payouts.csv", "accounts.csv"):
        if not filecmp.cmp(os.path.join(expected, file), os.path.join(out, file), shallow=False):
            sys.exit(f"{name}: {file} differs from the close of the CSV")
    # Breaks name the files, which differ in their endings alone.
    breaks = [open(os.path.join(o, "breaks.csv"), encoding="utf-8").read().replace(".parquet", ".csv")
              for o in (expected, out)]
    if breaks[0] != breaks[1]:
        sys.exit(f"{name}: breaks.csv differs from the close of the CSV")
    print(f"{name}: the same close")

def there(module):
    found = importlib.util.find_spec(module) is not None
    if not found:
        print(f"{module} is not installed: passed over")
    return found

if there("pyarrow"):
    import pyarrow as pa, pyarrow.csv as pc, pyarrow.parquet as pq
    types = {"txn_time": pa.timestamp("ms", "+08:00"), "booking_time": pa.timestamp("ms", "+08:00"),
             "amount": pa.decimal128(18, 2), "value_date": pa.date32()}
    def arrow(table, **changed):
        options = pc.ConvertOptions(column_types={**{k: pa.string() for k in platform[0] + bank[0]}, **types, **changed},
                                    strings_can_be_null=True, null_values=[""])
        return pc.read_csv(os.path.join(base, table + ".csv"), convert_options=options)
    plain = {"use_dictionary": False, "compression": "zstd"}
    ways = {
        "default": {},
        "zstd": {"compression": "zstd", "row_group_size": 7_001},
        "v2 pages": {"data_page_version": "2.0", "compression": "lz4", "version": "2.4"},
        "v2 pages uncompressed": {"data_page_version": "2.0", "compression": "none"},
        "gzip small pages": {"compression": "gzip", "data_page_size": 2_000, "write_batch_size": 100},
        "dictionary fallback": {"dictionary_pagesize_limit": 2_000, "data_page_size": 8_000},
        "delta lengths": {**plain, "column_encoding": {"txn_id": "DELTA_LENGTH_BYTE_ARRAY"}},
        "integer decimals": {"store_decimal_as_integer": True, "write_page_index": True},
        "byte stream split": {**plain, "column_encoding": {"amount": "BYTE_STREAM_SPLIT"}},
        "no schema": {"store_schema": False},
    }
    for name, way in ways.items():
        def write(table, path, way=way):
            way = dict(way)
            if "txn_id" in way.get("column_encoding", {}) and table == "bank":
                way["column_encoding"] = {"entry_id": "DELTA_BYTE_ARRAY", "booking_time": "DELTA_BINARY_PACKED"}
            pq.write_table(arrow(table), path, **way)
        check(f"pyarrow {name}", write)
    wide = {"amount": pa.decimal128(38, 6), "txn_time": pa.timestamp("us", "UTC"), "booking_time": pa.timestamp("us", "UTC")}
    check("pyarrow wide decimals", lambda table, path: pq.write_table(arrow(table, **wide), path))
    if there("polars"):
        import polars as pl
        for name, way in {"default": {}, "snappy": {"compression": "snappy"}, "plain": {"compression": "uncompressed", "row_group_size": 5_000}}.items():
            check(f"polars {name}", lambda table, path, way=way: pl.from_arrow(arrow(table)).write_parquet(path, **way))
if there("duckdb"):
    import duckdb
    columns = {"txn_time": "TIMESTAMPTZ", "booking_time": "TIMESTAMPTZ", "value_date": "DATE"}
    for name, decimal, options in [("default", "DECIMAL(18,2)", ""), ("small decimals", "DECIMAL(9,2)", ", COMPRESSION zstd"),
                                   ("wide decimals, v2", "DECIMAL(38,2)", ", PARQUET_VERSION v2, COMPRESSION zstd"),
                                   ("lz4_raw", "DECIMAL(18,2)", ", COMPRESSION lz4_raw, ROW_GROUP_SIZE 4096"),
                                   ("uncompressed", "VARCHAR", ", COMPRESSION uncompressed")]:
        def write(table, path, decimal=decimal, options=options):
            header = platform[0] if table == "platform" else bank[0]
            types = {c: columns.get(c, decimal if c == "amount" else "VARCHAR") for c in header}
            duckdb.sql(f"""COPY (SELECT * FROM read_csv('{base}/{table}.csv', header=true, columns={types}))
                           TO '{path}' (FORMAT parquet{options})""")
        check(f"duckdb {name}", write)
PYTHON
