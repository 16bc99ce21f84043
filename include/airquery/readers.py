"""Read the requests of a statement ahead, on cursors of their own, while the statement runs.

Each reader evaluates the statement's query some way ahead of it, and begins its requests; the rows
that it finds are thrown away. The statement waits for nobody: what was not read ahead it asks itself.
"""

from __future__ import annotations

import logging
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

import duckdb

from airquery.sqlfn.answering import SLICE_S
from airquery.sqlfn.register import add_macros, add_macros_of


if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping, Sequence

    from airquery.planning.plan import Plan
    from airquery.sqlfn.running import Running


log = logging.getLogger(__name__)

BATCH_ROWS = 2048
# What one connection has and another has not, beside its transaction.
_TEMPORARY = """
SELECT lower(table_name) FROM duckdb_tables() WHERE temporary
UNION ALL
SELECT lower(view_name) FROM duckdb_views() WHERE temporary AND NOT internal
"""
_SETTINGS = """
SELECT name, value FROM duckdb_settings()
WHERE scope = 'LOCAL' AND name NOT SIMILAR TO '.*(schema|search_path|streaming|profil|progress|logging).*'
"""


def sees_the_same(connection: duckdb.DuckDBPyConnection, plan: Plan) -> bool:
    """Tell whether another connection of the database would find the same rows for a plan."""
    if plan.own:
        return False
    temporary = {name for (name,) in connection.execute(_TEMPORARY).fetchall()}
    return plan.tables.isdisjoint(temporary)


class Readers:
    """The readers of one statement. `errors` are the statements that our own functions failed."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        running: Running,
        *,
        number: int,
        errors: Container[int],
        done: Callable[[], None],
    ) -> None:
        self._connection = connection
        self._running = running
        self._number = number
        self._errors = errors
        self._done = done
        self._cursors: list[duckdb.DuckDBPyConnection] = []
        self._threads: list[threading.Thread] = []
        self._left = 0
        self._lock = threading.Lock()
        self.notes: list[str] = []

    def start(self, queries: Sequence[str]) -> None:
        """Start a reader for each query, before the statement itself."""
        self._running.statement.paced = True
        self._left = len(queries)
        settings = dict(self._connection.execute(_SETTINGS).fetchall())
        [(path,)] = self._connection.execute("SELECT current_setting('search_path')").fetchall()
        if path:
            settings["search_path"] = path
        self._cursors = [self._cursor(query, settings) for query in queries]
        for cursor, query in zip(self._cursors, queries, strict=True):
            thread = threading.Thread(
                target=self._work, args=(cursor, query), name="airquery-reader", daemon=True
            )
            self._threads.append(thread)
            thread.start()

    def stop(self) -> None:
        """End all readers: the statement has its rows, or has failed."""
        self._running.statement.stop_reading()
        for thread, cursor in zip(self._threads, self._cursors, strict=True):
            while thread.is_alive():
                cursor.interrupt()
                thread.join(SLICE_S)
        for cursor in self._cursors:
            cursor.close()

    def _cursor(self, query: str, settings: Mapping[str, object]) -> duckdb.DuckDBPyConnection:
        """Return a cursor on which the same names and settings mean the same."""
        cursor = self._connection.cursor()
        add_macros_of(cursor, query)
        cursor.execute(f"SET VARIABLE airquery_statement = {self._number}")
        for name, value in settings.items():
            # Some are local and cannot be set.
            with suppress(duckdb.Error):
                cursor.execute(f"SET {name} = $value", {"value": value})
        return cursor

    def _work(self, cursor: duckdb.DuckDBPyConnection, query: str) -> None:
        statement = self._running.statement
        try:
            try:
                self._read(cursor, query)
            except duckdb.CatalogException:
                # A macro of the user's own may need any of ours.
                add_macros(cursor)
                self._read(cursor, query)
        except Exception as problem:  # noqa: BLE001  (the statement itself comes upon it, or not)
            log.debug("reading ahead ended: %s", problem)
            if statement.reading and self._number not in self._errors:
                self.notes.append(f"requests could not be read ahead: {problem}")
        else:
            self._finish()

    def _read(self, cursor: duckdb.DuckDBPyConnection, query: str) -> None:
        statement = self._running.statement
        # A reader that is left open would own the cursor after a failure.
        with cursor.sql(query).to_arrow_reader(BATCH_ROWS) as reader:
            for _ in reader:
                statement.check()
        while statement.reading and not self._running.go_on():
            statement.check()
            statement.wait_for_all(timeout_s=SLICE_S)

    def _finish(self) -> None:
        with self._lock:
            self._left -= 1
            last = not self._left
        if last and self._running.statement.reading:
            self._done()
