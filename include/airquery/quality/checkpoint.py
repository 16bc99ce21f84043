"""Run a suite on one partition of a table.

Every expectation of the suite has exactly one outcome: what Great Expectations cannot evaluate is
a failed critical outcome with the reason, never a missing line. Only a suite that cannot be run at
all is an error.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb

from airquery.quality.gx import evaluate
from airquery.quality.result import QualityResult
from airquery.warehouse.names import TableName


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airquery.quality.gx import Interruptible
    from airquery.quality.suite import Suite
    from airquery.warehouse import Warehouse


def check(
    suite: Suite,
    warehouse: Warehouse,
    *,
    table: str,
    partition: str,
    settings: Mapping[str, str] | None = None,
    on_connect: Callable[[Interruptible], object] | None = None,
) -> QualityResult:
    """Evaluate the suite on the rows of one partition; a partition without rows has none.

    The first call in a process imports Great Expectations, which takes seconds. `settings` are
    DuckDB's: give `memory_limit`, `threads` and `temp_directory` where memory is bounded.
    `on_connect` is given the connection that will be asked, by which it can be interrupted.
    """
    name = TableName.parse(table)
    with TemporaryDirectory(prefix="airquery-quality-") as folder:
        database = Path(folder) / "batch.duckdb"
        with duckdb.connect(database, config=dict(settings or {})) as con:
            warehouse.attach(con, table, partition=partition)
            con.execute(f"CREATE VIEW airquery_batch AS FROM {name.sql}")
        outcomes = evaluate(
            suite, database, "airquery_batch", settings=settings or {}, on_connect=on_connect
        )
    return QualityResult(suite=suite.name, table=str(name), partition=partition, outcomes=outcomes)
