"""Answering ahead against plain execution: seconds, and their ratio to the ideal."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

import airquery
from airquery.connection import close_engines
from airquery.endpoints.endpoint import Endpoint, Limits
from tests.benchmarks.server import endpoint_process, latency_s


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import duckdb

IN_FLIGHT = 256
FILTER_KEEPS = 50  # one row in so many


def measure(rows: int) -> list[Mapping[str, object]]:
    """Return one row per shape of statement and way to execute it."""
    statements = {
        "whole table": ("", rows),
        "behind a 2 % filter": (f"WHERE hash(i) % {FILTER_KEEPS} = 0", rows * FILTER_KEEPS // 4),
    }
    return [
        _measured(shape, way, where, size)
        for shape, (where, size) in statements.items()
        for way in ("answered ahead", "plain")
    ]


def _measured(shape: str, way: str, where: str, size: int) -> Mapping[str, object]:
    with endpoint_process(slow=True) as url, tempfile.TemporaryDirectory() as home:
        endpoint = Endpoint(
            name="llm",
            task="chat",
            base_url=f"{url}/v1",
            model="m",
            limits=Limits(concurrency=IN_FLIGHT),
        )
        connection = airquery.connect(
            registry=airquery.Registry.from_mapping({"llm": endpoint}),
            settings=airquery.Settings.read(home=Path(home)),
        )
        connection.execute(
            f"CREATE TABLE t AS SELECT i, 'row ' || i AS s FROM range({size}) AS r(i)"
        )
        asked = [s for (s,) in connection.execute(f"SELECT s FROM t {where}").fetchall()]
        # Imports and the first connection belong to the process, not to the statement.
        connection.execute("SELECT ai_query('llm', 'warm up')").fetchall()
        seconds = _timed(
            WAYS[way],
            connection,
            f"CREATE TABLE out AS SELECT ai_query('llm', s) AS r FROM t {where}",
        )
        connection.close()
        close_engines()
    latencies = [latency_s(prompt) for prompt in asked]
    ideal = max(sum(latencies) / IN_FLIGHT, *latencies)
    return {
        "statement": shape,
        "execution": way,
        "requests": len(asked),
        "seconds": f"{seconds:.2f}",
        "ideal": f"{ideal:.2f}",
        "ratio to ideal": f"{seconds / ideal:.2f}",
    }


def _timed(
    way: Callable[[duckdb.DuckDBPyConnection, str], object],
    connection: duckdb.DuckDBPyConnection,
    sql: str,
) -> float:
    began = time.perf_counter()
    way(connection, sql)
    return time.perf_counter() - began


WAYS: Mapping[str, Callable[[duckdb.DuckDBPyConnection, str], object]] = {
    "answered ahead": airquery.run,
    "plain": lambda connection, sql: connection.execute(sql),
}
