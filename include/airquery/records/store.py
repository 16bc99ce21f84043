"""Where records are kept: with the journal, in a file beside it or in its PostgreSQL database."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from airquery.journal.address import is_postgres


if TYPE_CHECKING:
    from airquery.records.record import DayUsage, RunRecord, TaskRecord
    from airquery.settings import Settings


class Records(Protocol):
    """The records of runs and tasks. Any number of processes may use them at once.

    All of it raises `JournalError`. Lists are in the order of time, the oldest first, but for
    `recent` and `find`.
    """

    def add_run(self, record: RunRecord) -> None:
        """Keep a run, and its rows for airquery_usage()."""

    def add_task(self, record: TaskRecord) -> None:
        """Keep a stretch of a task's attempt, in place of what was kept of the same id."""

    def runs(
        self,
        *,
        dag_id: str,
        run_id: str,
        task_id: str | None = None,
        map_index: int | None = None,
    ) -> list[RunRecord]:
        """Return the runs of a DAG run, or of one of its tasks, or of one of its mapped ones."""

    def tasks(
        self,
        *,
        dag_id: str,
        run_id: str,
        task_id: str | None = None,
        map_index: int | None = None,
    ) -> list[TaskRecord]:
        """Return the stretches of its tasks' attempts."""

    def find(self, id_prefix: str) -> list[RunRecord]:
        """Return the runs whose id begins so, the newest first, a few at most."""

    def recent(self, limit: int) -> list[RunRecord]:
        """Return the last runs, the newest first."""

    def days(self, since: float) -> list[DayUsage]:
        """Sum what was asked since a moment (seconds since 1970) by day, task and endpoint."""

    def usage_rows(self) -> list[dict[str, object]]:
        """Return the rows of airquery_usage()."""

    def prune(self, before: float) -> int:
        """Remove what ended before a moment (seconds since 1970), but not from airquery_usage().

        Return how many records that were.
        """


def records_of(settings: Settings) -> Records:
    """Return the records that belong to the journal."""
    if is_postgres(settings.journal):
        from airquery.records.postgres import PostgresRecords  # noqa: PLC0415

        return PostgresRecords(settings.journal)
    from airquery.records.sqlite import RecordsFile  # noqa: PLC0415 - as above

    return RecordsFile(settings.journal_path().parent / "usage.db")
