"""The claims of one process in a SQLite journal. All processes have this machine's clock."""

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

    def take(self, keys: Sequence[bytes]) -> set[bytes]:
        """Take those that nobody has answered and nobody else who lives has taken."""
        with transaction(self._connection):
            free = set(keys)
            alive: dict[str, bool] = {}
            for some in in_chunks(keys):
                query = f"SELECT key FROM answer WHERE key IN ({marks(some)})"  # noqa: S608  (only ?)
                free.difference_update(key for (key,) in self._connection.execute(query, some))
                query = (
                    f"SELECT key, owner FROM claim WHERE key IN ({marks(some)}) AND expires_at > ?"  # noqa: S608
                )
                for key, owner in self._connection.execute(query, [*some, time.time()]).fetchall():
                    if owner != self._owner and alive.setdefault(owner, is_alive(owner)):
                        free.discard(key)
            until = time.time() + self._lease_s
            rows = [(key, self._owner, until) for key in free]
            self._connection.executemany(airquery_sql.read("journal/claim_take.sql"), rows)
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
