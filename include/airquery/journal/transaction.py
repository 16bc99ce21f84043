"""Small things that every part of the SQLite journal does the same way."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    import sqlite3
    from collections.abc import Iterator, Sequence

# SQLite takes at least 999 values in one statement.
KEYS_PER_QUERY = 900


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """Hold the write lock from the beginning, so that what was read stays true until the commit."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        # One that fails leaves the transaction open, and with it the lock that others wait for.
        connection.execute("COMMIT")
    except BaseException:
        connection.rollback()
        raise


def in_chunks(keys: Sequence[bytes]) -> Iterator[Sequence[bytes]]:
    """Yield keys by as many as one query takes."""
    for start in range(0, len(keys), KEYS_PER_QUERY):
        yield keys[start : start + KEYS_PER_QUERY]


def marks(keys: Sequence[bytes]) -> str:
    """Return a question mark for each key."""
    return ",".join("?" * len(keys))
