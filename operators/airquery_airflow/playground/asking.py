"""Plan a question and ask it: the statement that is shown, for each endpoint beside the others.

Everything goes through `airquery.plan` and `airquery.run`, so that it is remembered, counted and
bounded as anywhere else.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from functools import partial
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

import duckdb

import airquery
from airquery.errors import AirqueryError, Cancelled
from airquery_airflow.playground.operator_code import operator_code
from airquery_airflow.playground.question import Unclear
from airquery_airflow.playground.shown import ShownAnswer, shown_answer, shown_cell
from airquery_airflow.playground.statement import statement_of


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    import pyarrow as pa

    from airquery import Budget, Cancel, Endpoint, Estimate, RunStats, Settings
    from airquery.records import Origin
    from airquery_airflow.playground.question import Question, Rows

_BOUNDS: Final = {"memory_limit": "512MB", "threads": 2}


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """What is shown of one row: the columns that stand in its request, and its answer."""

    cells: tuple[str | None, ...]
    answer: ShownAnswer | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What one endpoint was asked, or would be, and what came of it.

    Without `sql` it cannot be asked; `problem` says why, or what stopped it.
    """

    endpoint: str
    model: str | None
    sql: str = ""
    code: str = ""
    columns: tuple[str, ...] = ()
    rows: tuple[Row, ...] = ()
    stats: RunStats | None = None
    estimate: Estimate | None = None
    notes: tuple[str, ...] = ()
    problem: str = ""


def plan(question: Question, endpoints: Sequence[Endpoint], settings: Settings) -> list[Asked]:
    """Count what would be asked of each endpoint. Nothing is sent."""
    return _each(endpoints, partial(_planned, question, settings))


def ask(
    question: Question,
    endpoints: Sequence[Endpoint],
    settings: Settings,
    *,
    budget: Budget,
    origin: Origin,
    cancel: Cancel,
) -> list[Asked]:
    """Ask each endpoint, all at once. Raises `Cancelled`."""
    return _each(
        endpoints,
        partial(_answered, question, settings, budget=budget, origin=origin, cancel=cancel),
    )


def _each(endpoints: Sequence[Endpoint], work: Callable[[Endpoint], Asked]) -> list[Asked]:
    with ThreadPoolExecutor(len(endpoints), thread_name_prefix="airquery-playground") as threads:
        return list(threads.map(work, endpoints))


def _planned(question: Question, settings: Settings, endpoint: Endpoint) -> Asked:
    asked = Asked(endpoint=endpoint.name, model=endpoint.model)
    try:
        with _connected(question, settings, endpoint) as (connection, sql):
            asked = replace(asked, sql=sql, code=operator_code(sql))
            return replace(asked, estimate=airquery.plan(connection, sql))
    except (AirqueryError, Unclear, duckdb.Error) as problem:
        return replace(asked, problem=_told(problem))


def _answered(
    question: Question,
    settings: Settings,
    endpoint: Endpoint,
    *,
    budget: Budget,
    origin: Origin,
    cancel: Cancel,
) -> Asked:
    asked = Asked(endpoint=endpoint.name, model=endpoint.model)
    try:
        with _connected(question, settings, endpoint) as (connection, sql):
            asked = replace(asked, sql=sql, code=operator_code(sql))
            run = airquery.run(connection, sql, budget=budget, origin=origin, cancel=cancel)
    except Cancelled:
        raise
    except (AirqueryError, Unclear, duckdb.Error) as problem:
        return replace(asked, problem=_told(problem))
    columns, rows = _rows_of(run.table)
    return replace(asked, columns=columns, rows=rows, stats=run.stats, notes=run.notes)


@contextmanager
def _connected(
    question: Question, settings: Settings, endpoint: Endpoint
) -> Iterator[tuple[duckdb.DuckDBPyConnection, str]]:
    """Open a database that knows the endpoint and the table; yield it and the statement."""
    # Whoever looks at the page waits for the answer, and a batch takes hours.
    online = replace(endpoint, batch=None)
    registry = airquery.Registry.from_mapping({online.name: online})
    with TemporaryDirectory(prefix="airquery-playground-") as folder:
        config: dict[str, Any] = {**_BOUNDS, "temp_directory": folder}
        connection = airquery.connect(registry=registry, settings=settings, config=config)
        with closing(connection):
            columns = (
                () if question.over is None else _attached(connection, question.over, settings)
            )
            yield connection, statement_of(question, online, columns)


def _attached(
    connection: duckdb.DuckDBPyConnection, over: Rows, settings: Settings
) -> Sequence[str]:
    airquery.Warehouse(settings.warehouse).attach(connection, str(over.table))
    return connection.sql(f"FROM {over.table.sql}").columns


def _rows_of(table: pa.Table | None) -> tuple[tuple[str, ...], tuple[Row, ...]]:
    if table is None:
        return (), ()
    names = tuple(table.column_names[:-1])
    # Two columns may have one name.
    values = zip(*(column.to_pylist() for column in table.columns), strict=True)
    rows = (
        Row(cells=tuple(map(shown_cell, cells)), answer=shown_answer(answer))
        for *cells, answer in values
    )
    return names, tuple(rows)


def _told(problem: Exception) -> str:
    """Say what went wrong; of DuckDB's errors without the lines that point into the statement."""
    if isinstance(problem, duckdb.Error):
        return str(problem).partition("\n")[0]
    return str(problem)
