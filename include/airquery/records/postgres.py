"""`Records` in the same PostgreSQL database as the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import airquery_sql
from airquery.journal.postgres_link import Link
from airquery.journal.postgres_schema import migrate
from airquery.records.json_text import run_of, task_of
from airquery.records.record import DayUsage
from airquery.records.rows import MOST_FOUND, PRUNING, record_row, usage_rows, which


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from typing import TypeVar

    from airquery.journal.postgres_link import Cursor
    from airquery.records.record import RunRecord, TaskRecord

    _Result = TypeVar("_Result")

# A record is not worth that a task waits for it as it would for its answers.
_PATIENCE_S: Final = 10.0


class PostgresRecords:
    """`Records` in the schema `airquery`, which is made if the journal has not made it yet.

    They are used seldom: when a run has ended, and when somebody asks. So no connection is kept.
    """

    def __init__(self, url: str) -> None:
        self._url = url

    def add_run(self, record: RunRecord) -> None:
        """Keep a run, and its rows for airquery_usage()."""

        def add(cursor: Cursor) -> None:
            cursor.execute(_query("run_add"), record_row(record))
            for row in usage_rows(record):
                cursor.execute(_query("usage_add"), row)

        self._run(add)

    def add_task(self, record: TaskRecord) -> None:
        """Keep a stretch of a task's attempt, in place of what was kept of the same id."""
        self._run(lambda cursor: cursor.execute(_query("task_add"), record_row(record)))

    def runs(
        self,
        *,
        dag_id: str,
        run_id: str,
        task_id: str | None = None,
        map_index: int | None = None,
    ) -> list[RunRecord]:
        """Return the runs of a DAG run, or of one of its tasks, or of one of its mapped ones."""
        found = self._read("runs", which(dag_id, run_id, task_id, map_index))
        return [run_of(text) for (text,) in found]

    def tasks(
        self,
        *,
        dag_id: str,
        run_id: str,
        task_id: str | None = None,
        map_index: int | None = None,
    ) -> list[TaskRecord]:
        """Return the stretches of its tasks' attempts."""
        found = self._read("tasks", which(dag_id, run_id, task_id, map_index))
        return [task_of(text) for (text,) in found]

    def find(self, id_prefix: str) -> list[RunRecord]:
        """Return the runs whose id begins so, the newest first, a few at most."""
        found = self._read("find", {"id_prefix": id_prefix, "most": MOST_FOUND})
        return [run_of(text) for (text,) in found]

    def recent(self, limit: int) -> list[RunRecord]:
        """Return the last runs, the newest first."""
        return [run_of(text) for (text,) in self._read("recent", {"most": limit})]

    def days(self, since: float) -> list[DayUsage]:
        """Sum what was asked since a moment (seconds since 1970) by day, task and endpoint."""
        return [DayUsage(**day) for (day,) in self._read("days", {"since": since})]

    def usage_rows(self) -> list[dict[str, object]]:
        """Return the rows of airquery_usage()."""
        return [row for (row,) in self._read("usage", {})]

    def prune(self, before: float) -> int:
        """Remove what ended before a moment, but not from airquery_usage(); return how many."""

        def remove(cursor: Cursor) -> int:
            gone = 0
            for name in PRUNING:
                cursor.execute(_query(name), {"before": before})
                gone += cursor.rowcount
            return gone

        return self._run(remove)

    def _read(self, query: str, values: Mapping[str, object]) -> list[Any]:
        def read(cursor: Cursor) -> list[Any]:
            cursor.execute(_query(query), values)
            return cursor.fetchall()

        return self._run(read)

    def _run(self, work: Callable[[Cursor], _Result]) -> _Result:
        def migrated(cursor: Cursor) -> _Result:
            # A task that asks nothing opens no journal, and may be the first to come.
            migrate(cursor, self._url)
            return work(cursor)

        link = Link(self._url, patience_s=_PATIENCE_S)
        try:
            return link.run(migrated)
        finally:
            link.close()


def _query(name: str) -> str:
    return airquery_sql.read(f"records/postgres/{name}.sql")
