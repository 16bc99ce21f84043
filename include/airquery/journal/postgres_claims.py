"""The claims of one process in a PostgreSQL journal, by the clock of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import airquery_sql
from airquery.errors import JournalError
from airquery.journal.owner import is_alive, new_owner


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.journal.postgres_link import Cursor, Link


class PostgresClaimTable:
    """A `ClaimTable` over a link that becomes its own."""

    faults: tuple[type[Exception], ...] = (JournalError,)

    def __init__(self, link: Link, *, lease_s: float) -> None:
        self._link = link
        self._lease_s = lease_s
        self._owner = new_owner()

    def take(self, keys: Sequence[bytes]) -> set[bytes]:
        """Take those that nobody has answered and nobody else who lives has taken."""
        if not keys:
            return set()
        return self._link.run(lambda cursor: self._take(cursor, set(keys)))

    def give_back(self, keys: Sequence[bytes]) -> None:
        """Delete those of the owner's claims."""
        query = "DELETE FROM airquery.claim WHERE key = ANY(%s::BYTEA[]) AND owner = %s"
        self._link.run(lambda cursor: cursor.execute(query, (list(keys), self._owner)))

    def renew(self) -> None:
        """Let all claims of the owner last one lease from now."""
        given = {"owner": self._owner, "lease_s": self._lease_s}
        self._link.run(lambda cursor: cursor.execute(_query("claim_renew"), given))

    def leave(self) -> None:
        """Delete all claims of the owner, at once or not at all."""
        query = "DELETE FROM airquery.claim WHERE owner = %s"
        self._link.run(lambda cursor: cursor.execute(query, (self._owner,)), patience_s=0.0)

    def close(self) -> None:
        """Let go of the database."""
        self._link.close()

    def _take(self, cursor: Cursor, keys: set[bytes]) -> set[bytes]:
        cursor.execute("SET LOCAL synchronous_commit = off")
        taken = self._insert(cursor, keys, dead=[])
        if taken != keys:
            dead = [owner for owner in self._owners(cursor, keys - taken) if not is_alive(owner)]
            if dead:
                taken |= self._insert(cursor, keys - taken, dead=dead)
        # Who waited for another's commit took the key without having seen its answer.
        given = {"keys": list(taken), "owner": self._owner}
        cursor.execute(_query("claim_answered"), given)
        return taken - {bytes(key) for (key,) in cursor.fetchall()}

    def _insert(self, cursor: Cursor, keys: set[bytes], *, dead: list[str]) -> set[bytes]:
        given = {"keys": list(keys), "owner": self._owner, "lease_s": self._lease_s, "dead": dead}
        cursor.execute(_query("claim_take"), given)
        return {bytes(key) for (key,) in cursor.fetchall()}

    def _owners(self, cursor: Cursor, keys: set[bytes]) -> list[str]:
        cursor.execute(_query("claim_owners"), {"keys": list(keys), "owner": self._owner})
        return [owner for (owner,) in cursor.fetchall()]


def _query(name: str) -> str:
    return airquery_sql.read(f"journal/postgres/queries/{name}.sql")
