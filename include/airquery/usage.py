"""What runs asked and paid, kept in one SQLite file beside the journal: `airquery_usage()` in SQL.

A row for each run and endpoint, written when the run has ended. The file is made by the first of
them; without it there are no rows.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Final
from uuid import uuid4

import orjson

import airquery_sql


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airquery.execute.budget import RunOutcome
    from airquery.execute.ledger import EndpointUsage

_BUSY_TIMEOUT_S: Final = 30.0
_READ: Final = "SELECT * FROM usage ORDER BY ended_at, run, endpoint"


@dataclass(frozen=True, slots=True)
class UsageFile:
    """The file of usage. Any number of processes may use it."""

    path: Path

    def append(
        self, usage: Sequence[EndpointUsage], *, outcome: RunOutcome, ended_at: float
    ) -> None:
        """Add what a run asked of each endpoint. Raises `sqlite3.Error` and `OSError`."""
        run = uuid4().hex
        rows = [
            {"run": run, "ended_at": ended_at, "outcome": outcome, **asdict(one)} for one in usage
        ]
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S)) as file, file:
            file.execute(airquery_sql.read("usage/create.sql"))
            file.executemany(airquery_sql.read("usage/append.sql"), rows)

    def as_json(self) -> str:
        """Return all rows as a JSON array of objects. Raises `sqlite3.Error`."""
        if not self.path.exists():
            return "[]"
        with closing(sqlite3.connect(self.path, timeout=_BUSY_TIMEOUT_S)) as file:
            file.row_factory = sqlite3.Row
            return orjson.dumps([dict(row) for row in file.execute(_READ)]).decode()
