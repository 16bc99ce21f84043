"""`Records` in a file of SQLite beside the journal. The first record makes it."""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import airquery_sql
from airquery.errors import JournalError
from airquery.journal.transaction import transaction
from airquery.records.json_text import run_of, task_of
from airquery.records.record import DayUsage
from airquery.records.rows import MOST_FOUND, PRUNING, record_row, usage_rows, which


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from airquery.records.record import RunRecord, TaskRecord


_BUSY_TIMEOUT_S: Final = 30.0
MIGRATIONS: Final = ("0001_usage", "0002_records")


@dataclass(frozen=True, slots=True)
class RecordsFile:
    """`Records` in a file that may be from before there were any, and may not be there at all."""

    path: Path

    def add_run(self, record: RunRecord) -> None:
        """Keep a run, and its rows for airquery_usage()."""
        with self._written() as file:
            file.execute(_query("run_add"), record_row(record))
            file.executemany(_query("usage_add"), usage_rows(record))

    def add_task(self, record: TaskRecord) -> None:
        """Keep a stretch of a task's attempt, in place of what was kept of the same id."""
        with self._written() as file:
            file.execute(_query("task_add"), record_row(record))

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
        return [run_of(row["record"]) for row in found]

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
        return [task_of(row["record"]) for row in found]

    def find(self, id_prefix: str) -> list[RunRecord]:
        """Return the runs whose id begins so, the newest first, a few at most."""
        found = self._read("find", {"id_prefix": id_prefix, "most": MOST_FOUND})
        return [run_of(row["record"]) for row in found]

    def recent(self, limit: int) -> list[RunRecord]:
        """Return the last runs, the newest first."""
        return [run_of(row["record"]) for row in self._read("recent", {"most": limit})]

    def days(self, since: float) -> list[DayUsage]:
        """Sum what was asked since a moment (seconds since 1970) by day, task and endpoint."""
        return [DayUsage(**row) for row in self._read("days", {"since": since})]

    def usage_rows(self) -> list[dict[str, object]]:
        """Return the rows of airquery_usage()."""
        return self._read("usage", {})

    def prune(self, before: float) -> int:
        """Remove what ended before a moment, but not from airquery_usage(); return how many."""
        if not self.path.exists():
            return 0
        with self._written() as file:
            return sum(file.execute(_query(name), {"before": before}).rowcount for name in PRUNING)

    def _read(self, query: str, values: Mapping[str, object]) -> list[dict[str, Any]]:
        if not self.path.exists():
            return []
        with self._opened() as file:
            file.row_factory = sqlite3.Row
            return [dict(row) for row in file.execute(_query(query), values)]

    @contextmanager
    def _written(self) -> Iterator[sqlite3.Connection]:
        with self._opened() as file, transaction(file):
            yield file

    @contextmanager
    def _opened(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            opened = sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S, isolation_level=None)
            with closing(opened) as file:
                _migrate(file)
                yield file
        except (sqlite3.Error, OSError) as problem:
            raise JournalError(
                f"The file of records {self.path} cannot be used: {problem}. Move it away: no answer "
                "is in it."
            ) from problem


def _migrate(file: sqlite3.Connection) -> None:
    """Bring the file to this version. What a newer one has beside it does no harm."""
    if _version(file) >= len(MIGRATIONS):
        return
    with transaction(file):
        # Another process may have done it meanwhile.
        for name in MIGRATIONS[_version(file) :]:
            for statement in _query(name).split(";"):
                file.execute(statement)
        file.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")


def _version(file: sqlite3.Connection) -> int:
    (version,) = file.execute("PRAGMA user_version").fetchone()
    return int(version)


def _query(name: str) -> str:
    return airquery_sql.read(f"records/sqlite/{name}.sql")
