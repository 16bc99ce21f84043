"""The batch jobs of a PostgreSQL journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import airquery_sql
from airquery.journal.jobs import BatchJob, joined, parted


if TYPE_CHECKING:
    from airquery.journal.postgres_link import Cursor, Link


class PostgresJobs:
    """`Jobs` over a link that becomes its own."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def remember(self, job: BatchJob) -> None:
        """Keep a job; what is known of one with its id is replaced. Raises `JournalError`."""
        row = (job.id, job.address, job.created_at, joined(job.keys), job.batch)
        self._write(_query("batch_job_add"), row)

    def jobs(self, address: str | None = None) -> list[BatchJob]:
        """Return the jobs of an address, or all, the oldest first. Raises `JournalError`."""

        def read(cursor: Cursor) -> list[Any]:
            cursor.execute(_query("batch_jobs"), {"address": address})
            return cursor.fetchall()

        return [
            BatchJob(id=id_, address=whom, created_at=at, keys=parted(bytes(keys)), batch=batch)
            for id_, whom, at, keys, batch in self._link.run(read)
        ]

    def forget(self, job: str) -> None:
        """Remove the job of that id, if there is one. Raises `JournalError`."""
        self._write("DELETE FROM airquery.batch_job WHERE id = %s", (job,))

    def close(self) -> None:
        """Let go of the database."""
        self._link.close()

    def _write(self, query: str, row: tuple[object, ...]) -> None:
        def write(cursor: Cursor) -> None:
            cursor.execute(_query("synced"))
            cursor.execute(query, row)

        self._link.run(write)


def _query(name: str) -> str:
    return airquery_sql.read(f"journal/postgres/queries/{name}.sql")
