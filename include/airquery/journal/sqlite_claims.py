"""The claims of one process in a SQLite journal.

No clock is believed: one may be set while processes run. A claim of another has ended when it was not
renewed, which changes it, for one lease since it was first seen here.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

import airquery_sql
from airquery.journal.owner import is_alive, new_owner
from airquery.journal.transaction import in_chunks, marks, transaction


if TYPE_CHECKING:
    from collections.abc import Sequence


class SqliteClaimTable:
    """A `ClaimTable` over a connection that becomes its own."""

    faults: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(self, connection: sqlite3.Connection, *, lease_s: float) -> None:
        self._connection = connection
        self._lease_s = lease_s
        self._owner = new_owner()
        # By key: what a claim of another says, and when this was first seen, by our own clock.
        self._seen: dict[bytes, tuple[str, float, float]] = {}

    def take(self, keys: Sequence[bytes]) -> set[bytes]:
        """Take those that nobody has answered and nobody else who lives has taken."""
        now = time.monotonic()
        with transaction(self._connection):
            free = set(keys)
            alive: dict[str, bool] = {}
            for some in in_chunks(keys):
                query = f"SELECT key FROM answer WHERE key IN ({marks(some)})"  # noqa: S608  (only ?)
                free.difference_update(key for (key,) in self._connection.execute(query, some))
                query = f"SELECT key, owner, expires_at FROM claim WHERE key IN ({marks(some)})"  # noqa: S608
                for key, owner, expires_at in self._connection.execute(query, some).fetchall():
                    if owner == self._owner:
                        continue
                    lives = alive.setdefault(owner, is_alive(owner))
                    if lives and not self._has_ended(key, owner, expires_at, now):
                        free.discard(key)
            until = time.time() + self._lease_s
            rows = [(key, self._owner, until) for key in free]
            self._connection.executemany(airquery_sql.read("journal/claim_take.sql"), rows)
        self._forget(now)
        return free

    def give_back(self, keys: Sequence[bytes]) -> None:
        """Delete those of the owner's claims."""
        query = "DELETE FROM claim WHERE key = ? AND owner = ?"
        with transaction(self._connection):
            self._connection.executemany(query, [(key, self._owner) for key in keys])

    def renew(self) -> None:
        """Let all claims of the owner last one lease from now."""
        query = "UPDATE claim SET expires_at = ? WHERE owner = ?"
        with transaction(self._connection):
            self._connection.execute(query, (time.time() + self._lease_s, self._owner))

    def leave(self) -> None:
        """Delete all claims of the owner."""
        with transaction(self._connection):
            self._connection.execute("DELETE FROM claim WHERE owner = ?", (self._owner,))

    def close(self) -> None:
        """Let go of the database."""
        self._connection.close()

    def _has_ended(self, key: bytes, owner: str, expires_at: float, now: float) -> bool:
        """Tell whether a claim has stood here for a lease and was not renewed."""
        *said, since = self._seen.get(key, (owner, expires_at, now))
        if said != [owner, expires_at]:
            since = now
        self._seen[key] = (owner, expires_at, since)
        return now - since >= self._lease_s

    def _forget(self, now: float) -> None:
        """Let go of claims that nobody here has asked for since they must have been renewed."""
        longest_s = 2 * self._lease_s
        self._seen = {key: seen for key, seen in self._seen.items() if now - seen[2] < longest_s}
