"""This project: `airquery.run`, told the cap or nothing; `inline` is the same statement in plain DuckDB."""

from __future__ import annotations

from typing import TYPE_CHECKING

import airquery

# Loaded by the first request otherwise, and timed with it.
import airquery.execute.exchange
import airquery.planning.build
from airquery.endpoints.endpoint import Endpoint, Limits


if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from tests.benchmarks.client import Job

REQUIRES = ("airquery",)
VARIANTS = ("inline",)
KEEPS_ANSWERS = True
FETCHED = 10_000


def answer(job: Job) -> Iterator[str | None]:
    """Answer a column of a table into another table."""
    limits = Limits() if job.in_flight is None else Limits(concurrency=job.in_flight)
    endpoint = Endpoint(name="llm", task="chat", base_url=job.base_url, model="m", limits=limits)
    connection = airquery.connect(
        registry=airquery.Registry.from_mapping({"llm": endpoint}),
        settings=airquery.Settings.read(home=job.folder),
    )
    distinct = job.distinct or job.rows
    connection.execute(
        f"CREATE TABLE t AS SELECT i, 'row ' || (i % {distinct}) AS s FROM range({job.rows}) r(i)"
    )
    where = "" if job.keep_every == 1 else f"WHERE i % {job.keep_every} = 0"
    sql = (
        f"CREATE TABLE o AS SELECT i, ai_query('llm', s, failOnError => false) AS a FROM t {where}"
    )
    if job.variant == "inline":
        connection.execute(sql)
    else:
        airquery.run(connection, sql)
    return _answers(connection)


def _answers(connection: duckdb.DuckDBPyConnection) -> Iterator[str | None]:
    rows = connection.execute("SELECT a.result FROM o ORDER BY i")
    while found := rows.fetchmany(FETCHED):
        yield from (text for (text,) in found)
