"""Run a suite on one partition of a table, and put the rows that fail into quarantine.

Every expectation of the suite has exactly one outcome: what Great Expectations cannot evaluate is
a failed critical outcome with the reason, never a missing line. Only a suite that cannot be run at
all is an error, and one that can be told from the suite alone comes before any data is read.
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import duckdb

from airquery.quality.gx import build, evaluate, opened
from airquery.quality.own_expectations import BATCH, EARLIER, STABLE_LABELS
from airquery.quality.result import QualityResult
from airquery.quoting import literal, quoted
from airquery.warehouse.names import PARTITION_COLUMN, TableName


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airquery.quality.quarantine import Quarantine
    from airquery.quality.suite import Suite
    from airquery.warehouse import Warehouse


def check(
    suite: Suite,
    warehouse: Warehouse,
    *,
    table: str,
    partition: str,
    settings: Mapping[str, str] | None = None,
    on_connect: Callable[[duckdb.DuckDBPyConnection], object] | None = None,
    quarantine: Quarantine | None = None,
) -> QualityResult:
    """Evaluate the suite on the rows of one partition; a partition without rows has none.

    The first call in a process imports Great Expectations, which takes seconds. `settings` are
    DuckDB's: give `memory_limit`, `threads` and `temp_directory` where memory is bounded.
    `on_connect` is given the connection that will be asked, by which it can be interrupted. The rows
    that fail replace the partition of the same name in the quarantine's table.
    """
    name = TableName.parse(table)
    given = settings or {}
    claims = build(suite)
    with TemporaryDirectory(prefix="airquery-quality-") as folder:
        database = Path(folder) / "batch.duckdb"
        with duckdb.connect(database, config=dict(given)) as con:
            _attach(con, suite, warehouse, name, partition)
            if quarantine is not None:
                quarantine.check(con)
        with opened(database, given) as (batch, connection):
            if on_connect is not None:
                on_connect(connection)
            key = () if quarantine is None else quarantine.key
            evaluated = evaluate(suite, claims, batch, key=key)
            rows, notes = (
                (None, ())
                if quarantine is None
                else quarantine.publish(
                    connection, warehouse, suite, evaluated, partition=partition
                )
            )
    return QualityResult(
        suite=suite.name,
        table=str(name),
        partition=partition,
        outcomes=tuple(one.outcome for one in evaluated),
        quarantined=rows,
        notes=notes,
    )


def _attach(
    con: duckdb.DuckDBPyConnection,
    suite: Suite,
    warehouse: Warehouse,
    name: TableName,
    partition: str,
) -> None:
    """Make the view of the partition, and that of the earlier ones where the suite compares."""
    if any(item.type == STABLE_LABELS for item in suite.expectations):
        warehouse.attach(con, str(name))
        whole = f"{EARLIER}_and_later"
        con.execute(f"ALTER VIEW {name.sql} RENAME TO {whole}")
        con.execute(
            f"CREATE VIEW {EARLIER} AS FROM {quoted(name.schema)}.{whole} "
            f"WHERE {PARTITION_COLUMN} < {literal(partition)}"
        )
    warehouse.attach(con, str(name), partition=partition)
    con.execute(f"CREATE VIEW {BATCH} AS FROM {name.sql}")
