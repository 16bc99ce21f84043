"""Records to keep, and a journal by its URL."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from airquery.journal.postgres_store import PostgresJournal
from airquery.journal.record import Record
from airquery.journal.sqlite_store import SqliteJournal


if TYPE_CHECKING:
    from airquery.journal.store import Journal


def record(number: int, body: bytes = b'{"a": 1}', created_at: float = 1.5) -> Record:
    return Record(
        key=number.to_bytes(32, "big"),
        endpoint="e",
        model="m",
        created_at=created_at,
        latency_s=0.25,
        body=body,
    )


KEYS = [record(n).key for n in range(1200)]


def opened(url: str, *, lease_s: float = 30.0) -> Journal:
    """Open a journal whose claims last so long."""
    if url.startswith("sqlite"):
        return SqliteJournal(Path(url.removeprefix("sqlite:///")), lease_s=lease_s)
    return PostgresJournal(url, lease_s=lease_s)
