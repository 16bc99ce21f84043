"""The claims of one process in a PostgreSQL journal, by the clock of the database."""

from __future__ import annotations

from typing import TYPE_CHECKING

import airquery_sql
from airquery.errors import JournalError
from airquery.journal.claims import Holder, Taken
from airquery.journal.owner import is_alive, new_owner, place_of


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

    def take(self, keys: Sequence[bytes], *, since: float) -> Taken:
        """Take those that nobody has answered `since` and nobody else who lives has taken."""
        if not keys:
            return Taken(set(), set())
        return self._link.run(lambda cursor: self._take(cursor, set(keys), since))

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

    def holders(self) -> list[Holder]:
        """Count the claims of each process."""
        return self._link.run(_holders)

    def close(self) -> None:
        """Let go of the database."""
        self._link.close()

    def _take(self, cursor: Cursor, keys: set[bytes], since: float) -> Taken:
        cursor.execute("SET LOCAL synchronous_commit = off")
        taken = self._insert(cursor, keys, since, dead=[])
        missing = keys - taken.keys()
        if missing:
            dead = [owner for owner in self._owners(cursor, missing) if not is_alive(owner)]
            if dead:
                taken |= self._insert(cursor, missing, since, dead=dead)
        # Who waited for another's commit took the key without having seen its answer.
        given = {"keys": list(taken), "owner": self._owner, "since": since}
        cursor.execute(_query("claim_answered"), given)
        mine = taken.keys() - {bytes(key) for (key,) in cursor.fetchall()}
        return Taken(mine, {key for key in mine if taken[key]})

    def _insert(
        self, cursor: Cursor, keys: set[bytes], since: float, *, dead: list[str]
    ) -> dict[bytes, bool]:
        """Take what is free; return it with whether somebody else had claimed it."""
        given = {"keys": list(keys), "owner": self._owner, "lease_s": self._lease_s, "dead": dead}
        cursor.execute(_query("claim_take"), {**given, "since": since})
        return {bytes(key): left for key, left in cursor.fetchall()}

    def _owners(self, cursor: Cursor, keys: set[bytes]) -> list[str]:
        cursor.execute(_query("claim_owners"), {"keys": list(keys), "owner": self._owner})
        return [owner for (owner,) in cursor.fetchall()]


def _holders(cursor: Cursor) -> list[Holder]:
    cursor.execute(_query("claim_holders"))
    return [
        Holder(*place_of(owner), count, ended=expired or not is_alive(owner))
        for owner, count, expired in cursor.fetchall()
    ]


def _query(name: str) -> str:
    return airquery_sql.read(f"journal/postgres/queries/{name}.sql")
