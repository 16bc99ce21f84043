"""What runs asked and paid, kept with the journal: `airquery_usage()` in SQL.

A row for each run and endpoint, written when the run has ended. With a journal in SQLite it is a file
beside it, which the first of them makes; with one in PostgreSQL a table there, for all machines.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final, Protocol
from uuid import uuid4

import orjson

import airquery_sql
from airquery.errors import JournalError
from airquery.journal.address import is_postgres


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airquery.execute.budget import RunOutcome
    from airquery.execute.ledger import EndpointUsage
    from airquery.settings import Settings

_BUSY_TIMEOUT_S: Final = 30.0
_READ: Final = "SELECT * FROM usage ORDER BY ended_at, run, endpoint"


class UsageTable(Protocol):
    """Where the rows are. Any number of processes may use it; all of it raises `JournalError`."""

    def append(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Add rows, all or none."""

    def rows(self) -> list[dict[str, object]]:
        """Return all rows, oldest first."""


def usage_table(settings: Settings) -> UsageTable:
    """Return the table that belongs to the journal."""
    if is_postgres(settings.journal):
        from airquery.journal.postgres_usage import PostgresUsage  # noqa: PLC0415

        return PostgresUsage(settings.journal)
    return UsageFile(settings.journal_path().parent / "usage.db")


def keep(
    table: UsageTable, usage: Sequence[EndpointUsage], *, outcome: RunOutcome, ended_at: float
) -> None:
    """Write what a run asked of each endpoint. Raises `JournalError`."""
    run = uuid4().hex
    table.append(
        [{"run": run, "ended_at": ended_at, "outcome": outcome, **asdict(one)} for one in usage]
    )


def as_json(table: UsageTable) -> str:
    """Return all rows as a JSON array of objects. Raises `JournalError`."""
    return orjson.dumps(table.rows()).decode()


@dataclass(frozen=True, slots=True)
class UsageFile:
    """A `UsageTable` in a file of SQLite."""

    path: Path

    def append(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Add rows, all or none."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S)) as file, file:
                file.execute(airquery_sql.read("usage/create.sql"))
                file.executemany(airquery_sql.read("usage/append.sql"), rows)
        except (sqlite3.Error, OSError) as problem:
            raise self._explained(problem) from problem

    def rows(self) -> list[dict[str, object]]:
        """Return all rows, oldest first."""
        if not self.path.exists():
            return []
        try:
            with closing(sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S)) as file:
                file.row_factory = sqlite3.Row
                return [dict(row) for row in file.execute(_READ)]
        except sqlite3.Error as problem:
            raise self._explained(problem) from problem

    def _explained(self, problem: Exception) -> JournalError:
        return JournalError(
            f"The file of usage {self.path} cannot be used: {problem}. Move it away: no answer is in it."
        )
