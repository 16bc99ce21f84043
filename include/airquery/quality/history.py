"""What validations found, kept as a table: appended once for each attempt, readable by SQL.

An attempt has a partition of its own, named by the time it began and a digest of what it is, so
writing it twice changes nothing and no attempt removes another one's.
"""

from __future__ import annotations

import hashlib
from contextlib import closing
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING

import duckdb

from airquery.warehouse.names import TableName
from airquery_sql import read


if TYPE_CHECKING:
    from datetime import datetime

    from airquery.quality.result import QualityResult
    from airquery.warehouse import Publication, Warehouse


RESULTS = "airquery.validation_results"


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """Who validated: one attempt of one task."""

    dag_id: str
    run_id: str
    task_id: str
    map_index: int
    try_number: int
    began: datetime

    def partition_of(self, result: QualityResult) -> str:
        """Name the partition of its results; times sort as they passed."""
        what = "\0".join(map(str, (*astuple(self), result.table, result.partition, result.suite)))
        digest = hashlib.sha256(what.encode()).hexdigest()[:16]
        return f"{self.began:%Y-%m-%dT%H-%M-%S}-{digest}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Share:
    """What an expectation found in one partition; no percentage where it is not about rows."""

    percent: float | None
    success: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """The newest result of an expectation, and its trend over the last partitions."""

    table: str
    partition: str
    suite: str
    expectation: str
    column: str | None
    severity: str
    success: bool
    unexpected_count: int | None
    element_count: int | None
    unexpected_percent: float | None
    observed: str | None
    message: str
    trend: tuple[Share, ...]


def append(
    warehouse: Warehouse, result: QualityResult, attempt: Attempt, *, table: str = RESULTS
) -> Publication:
    """Write what an attempt found, unless it is there already."""
    rows = [
        (
            *astuple(attempt),
            result.table,
            result.partition,
            result.suite,
            position,
            outcome.name,
            outcome.column,
            outcome.severity,
            outcome.success,
            outcome.unexpected_count,
            outcome.element_count,
            outcome.unexpected_percent,
            outcome.observed,
            outcome.message,
        )
        for position, outcome in enumerate(result.outcomes, start=1)
    ]
    with closing(duckdb.connect()) as con:
        # Delta knows no other time zone.
        con.execute("SET TimeZone = 'UTC'")
        con.execute(read("quality/results.sql"))
        con.executemany(read("quality/add_result.sql"), rows)
        return warehouse.publish(
            table,
            con.table("results"),
            partition=attempt.partition_of(result),
            run_number=int(attempt.began.timestamp() * 1_000_000),
        )


def latest(
    warehouse: Warehouse, *, table: str = RESULTS, partitions: int = 5
) -> tuple[Reading, ...]:
    """Read the newest result of every expectation of every table that was checked."""
    with closing(duckdb.connect()) as con:
        warehouse.attach(con, table)
        query = read("quality/latest_results.sql").format(
            results=TableName.parse(table).sql, partitions=partitions
        )
        found = con.execute(query).fetchall()
    return tuple(
        Reading(
            table=row[0],
            partition=row[1],
            suite=row[2],
            expectation=row[3],
            column=row[4],
            severity=row[5],
            success=row[6],
            unexpected_count=row[7],
            element_count=row[8],
            unexpected_percent=row[9],
            observed=row[10],
            message=row[11],
            trend=tuple(Share(percent=one["share"], success=one["success"]) for one in row[12]),
        )
        for row in found
    )
