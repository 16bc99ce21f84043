"""The batch jobs of a SQLite journal."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import airquery_sql
from airquery.journal.jobs import BatchJob, joined, parted
from airquery.journal.transaction import transaction


if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Callable
    from contextlib import AbstractContextManager


class SqliteJobs:
    """`Jobs` over a connection that becomes its own; `explained` names what SQLite raises."""

    def __init__(
        self,
        connection: sqlite3.Connection,
        explained: Callable[[], AbstractContextManager[None]],
    ) -> None:
        self._connection = connection
        self._explained = explained
        self._lock = threading.Lock()

    def remember(self, job: BatchJob) -> None:
        """Keep a job; what is known of one with its id is replaced. Raises `JournalError`."""
        row = (job.id, job.address, job.created_at, joined(job.keys), job.batch)
        self._write(airquery_sql.read("journal/batch_job_add.sql"), row)

    def jobs(self, address: str | None = None) -> list[BatchJob]:
        """Return the jobs of an address, or all, the oldest first. Raises `JournalError`."""
        query = airquery_sql.read("journal/batch_jobs.sql")
        with self._explained(), self._lock:
            rows = self._connection.execute(query, {"address": address}).fetchall()
        return [
            BatchJob(id=id_, address=whom, created_at=at, keys=parted(keys), batch=batch)
            for id_, whom, at, keys, batch in rows
        ]

    def forget(self, job: str) -> None:
        """Remove the job of that id, if there is one. Raises `JournalError`."""
        self._write("DELETE FROM batch_job WHERE id = ?", (job,))

    def close(self) -> None:
        """Let go of the database."""
        with self._lock:
            self._connection.close()

    def _write(self, query: str, row: tuple[object, ...]) -> None:
        with self._explained(), self._lock, transaction(self._connection):
            self._connection.execute(query, row)
