"""Open the journal that a URL names. Only the database that is used is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from airquery.journal.address import is_postgres


if TYPE_CHECKING:
    from airquery.journal.store import Journal


SQLITE: Final = "sqlite:///"


def open_journal(url: str) -> Journal:
    """Open a journal. Raises `JournalError`, or `MissingPackage`."""
    if is_postgres(url):
        from airquery.journal.postgres_store import PostgresJournal  # noqa: PLC0415

        return PostgresJournal(url)
    from airquery.journal.sqlite_store import SqliteJournal  # noqa: PLC0415

    return SqliteJournal(Path(url.removeprefix(SQLITE)))
