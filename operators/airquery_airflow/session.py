"""The private DuckDB session of one task, over the warehouse.

It lives in memory and ends with the task: memory, threads and the folder it spills to are always
bounded. What it wrote becomes visible by one atomic `publish`, numbered by the time at which this
attempt of the task began: a retry replaces what an earlier attempt wrote, and an earlier attempt
that is still alive is refused.
"""

from __future__ import annotations

import os
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, TypeAlias

import duckdb
from airflow.sdk.exceptions import AirflowException
from sqlglot import exp

import airquery
from airquery.planning.build import parse
from airquery.quoting import quoted
from airquery.sqlfn.databricks_names import CATALOG, with_tables


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from airquery.execute.flight import Cache
    from airquery_airflow.lineage import Lineage
    from airquery_airflow.progress import Progress

    ConfigValue: TypeAlias = str | int | float | bool | list[str]


MEMORY_LIMIT = "2GB"
MOST_THREADS = 4
_BUILT_IN = {"information_schema", "main", "pg_catalog", "temp"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """A connection that sees tables of the warehouse as views, and one partition to write."""

    connection: duckdb.DuckDBPyConnection
    warehouse: airquery.Warehouse
    folder: Path
    partition: str
    run_number: int
    cancel: airquery.Cancel
    progress: Progress
    lineage: Lineage

    def attach(self, *tables: str, partition: str | None = None) -> None:
        """Make views of tables of the warehouse, or of one partition of each.

        Raises `WarehouseError` for one that is not there.
        """
        self.warehouse.attach(self.connection, *tables, partition=partition)
        self.lineage.reads(*map(self.warehouse.address, tables))

    def attach_tables_of(self, sql: str) -> None:
        """Make a view of every table of the warehouse that a statement reads.

        Raises `WarehouseError` for one that is not there.
        """
        tables = self.tables_of(sql)
        if tables is None:
            self.warehouse.attach(self.connection)
        elif tables:
            self.attach(*tables)

    def tables_of(self, sql: str) -> list[str] | None:
        """Name the tables of the warehouse that a statement reads; None if that cannot be told."""
        tree = parse(sql)
        if tree is None:
            # DuckDB knows syntax that the parser does not, and may know this statement too.
            return None
        found = list(tree.find_all(exp.Table))
        # These were attached when their names were led to the warehouse.
        led = {f"{one.db}.{one.name}".lower() for one in found if one.catalog == CATALOG}
        self.lineage.reads(*map(self.warehouse.address, sorted(led)))
        read = {f"{one.db}.{one.name}".lower() for one in found if one.db and not one.catalog}
        return [name for name in read if name.partition(".")[0] not in _BUILT_IN]

    def create_empty_source(self, columns: Mapping[str, str]) -> None:
        """Make the relation `source` of these columns, without rows."""
        # Only a type passes: it stands in the statement as DuckDB writes it.
        kinds = {name: str(duckdb.sqltype(kind)) for name, kind in columns.items()}
        given = (f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in kinds.items())
        self.connection.sql(f"SELECT {', '.join(given)} WHERE false").create_view("source")

    def lead_names_of(self, sql: str) -> str:
        """Return a statement whose names of catalogs that are not attached lead to the warehouse.

        Raises `WarehouseError` for a table that is not there either.
        """
        [(text,)] = with_tables(self.connection, [(sql,)], self.warehouse)
        return text

    def create_output(self, sql: str) -> None:
        """Run a SELECT into the temporary table `_output`, without ai_query."""
        with self.progress.step("Running the statement", percent=self.percent):
            self.connection.execute(output_statement(sql))

    def percent(self) -> float:
        """Return how far DuckDB is with what it runs; negative where it does not know."""
        return self.connection.query_progress()

    def output_of(self, sql: str, *, held: Mapping[str, str]) -> str:
        """Run a SELECT like `create_output`, and return the query of its rows.

        A column of nothing but NULL takes the type that the table holds, whatever DuckDB makes of
        it: 1.5 would call it an INTEGER.
        """
        self.create_output(sql)
        spelled = {name.lower(): kind for name, kind in held.items()}
        types = {n: spelled.get(n.lower(), "VARCHAR") for n in self._untyped_columns(sql)}
        if not types:
            return "FROM _output"
        given = (f"CAST(NULL AS {kind}) AS {quoted(name)}" for name, kind in types.items())
        return f"SELECT * REPLACE ({', '.join(given)}) FROM _output"  # noqa: S608 - quoted

    def _untyped_columns(self, sql: str) -> list[str]:
        """Name the columns that are NULL in every row because nothing gives them a type."""
        select = _in_brackets(sql)
        columns = self.connection.table("_output").columns
        of = "typeof((SELECT {} FROM {} LIMIT 0))"
        types = (of.format(quoted(name), select) for name in columns)
        [kinds] = self.connection.execute(f"SELECT {', '.join(types)}").fetchall()
        return [name for name, kind in zip(columns, kinds, strict=True) if kind == '"NULL"']

    def output_texts(self, column: str, *, limit: int) -> list[str]:
        """Return the first values of a column of `_output` as text."""
        rows = self.connection.table("_output").project(quoted(column)).limit(limit).fetchall()
        return [str(value) for (value,) in rows]

    def publish(
        self, table: str, query: str, *, notes: Mapping[str, str] | None = None
    ) -> airquery.Publication:
        """Replace this partition of the table by the rows of the query.

        `notes` are kept in the commit that does it. Raises `Cancelled` for a task that was killed.
        """
        self.cancel.check()
        rows = self.connection.sql(query)
        with self.progress.step(f"Writing {table}"):
            published = self.warehouse.publish(
                table,
                rows,
                partition=self.partition,
                run_number=self.run_number,
                notes=notes,
            )
        if not published.written:
            raise AirflowException(
                f"Partition {self.partition!r} of {table!r} was not written: an attempt that began "
                "later has written it already."
            )
        self.wrote(published, rows)
        return published

    def wrote(self, published: airquery.Publication, rows: duckdb.DuckDBPyRelation) -> None:
        """Note what was written of which columns."""
        kinds = (str(kind) for kind in rows.types)
        self.lineage.writes(
            self.warehouse.address(published.table),
            rows=published.rows,
            columns=zip(rows.columns, kinds, strict=True),
        )


def output_statement(sql: str) -> str:
    """Write the statement that keeps the rows of a SELECT in the temporary table `_output`."""
    select = _in_brackets(sql)
    return f"CREATE OR REPLACE TEMP TABLE _output AS {select}"


def _in_brackets(sql: str) -> str:
    text = sql.encode()
    end = len(text)
    # Its last semicolon would end ours, and a comment after it would hide our bracket.
    for start, kind in reversed(duckdb.tokenize(sql)):
        if kind is not duckdb.token_type.comment and text[start : start + 1] != b";":
            break
        end = start
    return f"({text[:end].decode()})"


@contextmanager
def open_session(
    *,
    partition: str,
    run_number: int,
    cancel: airquery.Cancel,
    progress: Progress,
    lineage: Lineage,
    warehouse: str | None = None,
    config: Mapping[str, ConfigValue] | None = None,
    registry: airquery.Registry | None = None,
    cache: Cache = "reuse",
) -> Iterator[Session]:
    """Open a session; with a registry it knows `ai_query`."""
    # What the environment says holds where the task says nothing.
    settings = airquery.Settings.read(**({} if cache == "reuse" else {"cache": cache}))
    with TemporaryDirectory(prefix="airquery-task-") as folder:
        bounded: dict[str, ConfigValue] = {
            "memory_limit": MEMORY_LIMIT,
            "threads": min(MOST_THREADS, os.cpu_count() or 1),
            "temp_directory": folder,
            **(config or {}),
        }
        if registry is None:
            connection = duckdb.connect(":memory:", config=bounded)
        else:
            connection = airquery.connect(
                database=":memory:", registry=registry, settings=settings, config=bounded
            )
        with closing(connection):
            # DuckDB knows how far it is only while it counts for a bar; none is drawn.
            connection.execute("SET enable_progress_bar = true")
            connection.execute("SET enable_progress_bar_print = false")
            yield Session(
                connection=connection,
                warehouse=airquery.Warehouse(warehouse or settings.warehouse),
                folder=Path(folder),
                partition=partition,
                run_number=run_number,
                cancel=cancel,
                progress=progress,
                lineage=lineage,
            )
