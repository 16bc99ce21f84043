"""What runs asked and paid, in the same PostgreSQL database as the journal."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import airquery_sql
from airquery.journal.postgres_link import Link


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery.journal.postgres_link import Cursor


class PostgresUsage:
    """A `UsageTable` in the schema `airquery`, which the journal has made.

    It is used seldom: when a run has ended, and when somebody asks. So no connection is kept.
    """

    def __init__(self, url: str) -> None:
        self._link = Link(url)

    def append(self, rows: Sequence[Mapping[str, object]]) -> None:
        """Add rows, all or none. Raises `JournalError`."""
        query = _query("usage_add")

        def add(cursor: Cursor) -> None:
            for row in rows:
                cursor.execute(query, row)

        try:
            self._link.run(add)
        finally:
            self._link.close()

    def rows(self) -> list[dict[str, object]]:
        """Return all rows, oldest first. Raises `JournalError`."""
        try:
            found = self._link.run(_read)
        finally:
            self._link.close()
        return [row for (row,) in found]


def _read(cursor: Cursor) -> list[Any]:
    cursor.execute(_query("usage"))
    return cursor.fetchall()


def _query(name: str) -> str:
    return airquery_sql.read(f"journal/postgres/queries/{name}.sql")
