"""Write records to a Parquet file, a part at a time: a journal may be larger than memory."""

from __future__ import annotations

import os
from itertools import islice
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.parquet as pq


if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from airquery.journal.record import Record

ROWS_PER_GROUP = 10_000
COLUMNS: dict[str, pa.DataType] = {
    "key": pa.string(),
    "endpoint": pa.string(),
    "model": pa.string(),
    "created_at": pa.timestamp("us", tz="UTC"),
    "latency_s": pa.float64(),
    "body": pa.binary(),
}
SCHEMA = pa.schema(COLUMNS)


def write_parquet(records: Iterable[Record], file: Path) -> int:
    """Write all records and return how many; the file is there whole, or as it was before."""
    part = file.with_name(f".{file.name}.{os.getpid()}.part")
    rest, count = iter(records), 0
    try:
        with pq.ParquetWriter(part, SCHEMA, compression="zstd") as writer:
            while group := list(islice(rest, ROWS_PER_GROUP)):
                writer.write_table(_table(group))
                count += len(group)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    return count


def _table(records: list[Record]) -> pa.Table:
    columns: dict[str, list[object]] = {
        "key": [one.key.hex() for one in records],
        "endpoint": [one.endpoint for one in records],
        "model": [one.model for one in records],
        "created_at": [round(one.created_at * 1_000_000) for one in records],
        "latency_s": [one.latency_s for one in records],
        "body": [one.body for one in records],
    }
    return pa.Table.from_pydict(columns, schema=SCHEMA)
