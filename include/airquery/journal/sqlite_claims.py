"""The claims of one process in a SQLite journal.

No clock is believed: one may be set while processes run. A claim of another has ended when it was not
renewed, which changes it, for one lease since it was first seen here.
"""

from __future__ import annotations

import sqlite3
import time
from typing import TYPE_CHECKING

import airquery_sql
from airquery.journal.claims import Holder, Taken
from airquery.journal.owner import is_alive, new_owner, place_of
from airquery.journal.sqlite_answers import lookup
from airquery.journal.transaction import in_chunks, marks, transaction


if TYPE_CHECKING:
    from collections.abc import Sequence


class SqliteClaimTable:
    """A `ClaimTable` over a connection that becomes its own."""

    faults: tuple[type[Exception], ...] = (sqlite3.Error,)

    def __init__(
        self, connection: sqlite3.Connection, *, lease_s: float, keyed: bool = False
    ) -> None:
        self._connection = connection
        self._lease_s = lease_s
        self._keyed = keyed
        self._owner = new_owner()
        # By key: what a claim of another says, and when this was first seen, by our own clock.
        self._seen: dict[bytes, tuple[str, float, float]] = {}

    def take(self, keys: Sequence[bytes], *, since: float) -> Taken:
        """Take those that nobody has answered `since` and nobody else who lives has taken."""
        now = time.monotonic()
        with transaction(self._connection):
            free: set[bytes] = set(keys)
            left: set[bytes] = set()
            for some in in_chunks(keys):
                query = f"{lookup('one.key', some, keyed=self._keyed)} AND one.created_at >= ?"
                rows = self._connection.execute(query, [*some, since])
                free.difference_update(key for (key,) in rows)
                for key, holds in self._others(some, now):
                    (free.discard if holds else left.add)(key)
            until = time.time() + self._lease_s
            taken = [(key, self._owner, until) for key in free]
            self._connection.executemany(airquery_sql.read("journal/claim_take.sql"), taken)
        self._forget(now)
        return Taken(free, left & free)

    def _others(self, keys: Sequence[bytes], now: float) -> list[tuple[bytes, bool]]:
        """Return which keys others have claimed, and whether they still hold them."""
        query = f"SELECT key, owner, expires_at FROM claim WHERE key IN ({marks(keys)})"  # noqa: S608
        rows = self._connection.execute(query, keys).fetchall()
        alive = {owner: is_alive(owner) for owner in {row[1] for row in rows}}
        return [
            (key, alive[owner] and not self._has_ended(key, owner, expires_at, now))
            for key, owner, expires_at in rows
            if owner != self._owner
        ]

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

    def holders(self) -> list[Holder]:
        """Count the claims of each process."""
        query = "SELECT owner, count(*) FROM claim GROUP BY owner ORDER BY owner"
        return [
            Holder(*place_of(owner), count, ended=not is_alive(owner))
            for owner, count in self._connection.execute(query)
        ]

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
