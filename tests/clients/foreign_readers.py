"""Reads a data folder with DuckDB and with pyarrow, no Icecore code, and prints what they count, as JSON.

usage: foreign_readers.py DATA_DIR
"""

import glob
import json
import math
import sys

import duckdb
import pyarrow.parquet as pq

VALUE = "coalesce(value_mantissa / power(10, value_scale), value_double)"


def duck(folder, signal, select):
    """One row of one query over every part of a signal; None where there is no part."""
    pattern = f"{folder}/data/*/*/signal={signal}/*/*.parquet"
    if not glob.glob(pattern):
        return None
    return duckdb.sql(f"select {select} from read_parquet('{pattern}', union_by_name=true)").fetchall()[0]


def arrow_rows(folder, signal):
    """Rows of a signal by pyarrow, every column of every part decoded."""
    rows = 0
    for path in glob.glob(f"{folder}/data/*/*/signal={signal}/*/*.parquet"):
        rows += pq.read_table(path, partitioning=None).num_rows
    return rows


def main():
    folder = sys.argv[1]
    samples = duck(folder, "metrics", f"count(*), sum(case when isnan({VALUE}) then 0 else {VALUE} end), count(distinct metric || labels)")
    logs = duck(folder, "logs", "count(*), count(distinct body), sum(severity_number)")
    spans = duck(folder, "traces", "count(*), count(distinct trace_id), sum(duration_ns)")
    out = {"arrow": {signal: arrow_rows(folder, signal) for signal in ("metrics", "logs", "traces")}}
    for name, row in (("metrics", samples), ("logs", logs), ("traces", spans)):
        out[name] = None if row is None else [float(v) if isinstance(v, float) and math.isfinite(v) else int(v) for v in row]
    print(json.dumps(out))


if __name__ == "__main__":
    main()
