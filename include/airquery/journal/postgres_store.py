"""The journal in PostgreSQL, for all processes of all machines that reach it.

A record is acknowledged only after its transaction was written to the server's disk. One thread
writes; what arrives while it waits or commits goes into one transaction. Each kind of work has a
connection of its own, so that readers never wait for the writer.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import zstandard

import airquery_sql
from airquery.errors import JournalError
from airquery.journal.address import place
from airquery.journal.claims import LEASE_S, Claims
from airquery.journal.postgres_claims import PostgresClaimTable
from airquery.journal.postgres_jobs import PostgresJobs
from airquery.journal.postgres_link import PATIENCE_S, Link
from airquery.journal.postgres_schema import migrate
from airquery.journal.record import restored, stored
from airquery.journal.spent import Spent, Tally, utc_day
from airquery.journal.stats import Pruned, held
from airquery.journal.writer import Writer


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from datetime import date

    from airquery.journal.claims import Holder, Taken
    from airquery.journal.postgres_link import Cursor
    from airquery.journal.record import Record, Row
    from airquery.journal.spent import SpentRow
    from airquery.journal.stats import Held
    from airquery.journal.writer import Written


KEYS_PER_QUERY = 5_000
ROWS_PER_QUERY = 1_000
FOLDER = "journal/postgres/queries"


class PostgresJournal:
    """A `Journal` in the schema `airquery` of a database, made on first use.

    `patience_s` is how long a lost connection is tried again, `lease_s` how long the claims of a
    process last that has stopped without a word.
    """

    def __init__(
        self, url: str, *, patience_s: float = PATIENCE_S, lease_s: float = LEASE_S
    ) -> None:
        self._url = url
        self._reading = Link(url, patience_s=patience_s)
        self._writing = Link(url, patience_s=patience_s)
        # Whoever cannot use it is told at once.
        self._writing.run(lambda cursor: migrate(cursor, url), patience_s=0.0)
        table = PostgresClaimTable(Link(url, patience_s=patience_s), lease_s=lease_s)
        self._claims = Claims(table, lease_s=lease_s)
        self._tally = Tally()
        self.jobs = PostgresJobs(Link(url, patience_s=patience_s))
        self._writer = Writer(self._commit)

    def __repr__(self) -> str:
        return f"<PostgresJournal in the {place(self._url)}>"

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Record]:
        """Return the records of those keys that are known. Raises `JournalError`."""
        found: dict[bytes, Record] = {}
        for start in range(0, len(keys), KEYS_PER_QUERY):
            some = list(keys[start : start + KEYS_PER_QUERY])
            found |= {record.key: record for record in self._read(_query("answer_lookup"), (some,))}
        return found

    def claim(self, keys: Sequence[bytes], *, since: float = 0.0) -> Taken:
        """Return those of `keys` that this process may send now. Raises `JournalError`."""
        return self._claims.acquire(keys, since=since)

    def release(self, keys: Sequence[bytes]) -> None:
        """Let others send what this process claimed and will not answer."""
        self._claims.release(keys)

    def drain(self, *, timeout_s: float) -> None:
        """Wait until others may send what was released, but no longer."""
        self._claims.drain(timeout_s=timeout_s)

    def holders(self) -> list[Holder]:
        """Count what each process has claimed and not answered. Raises `JournalError`."""
        return self._claims.holders()

    def append(self, record: Record, *, replace: bool = False) -> Future[None]:
        """Keep a record; the future is done when it would survive a loss of power.

        An earlier record of the same key stays, unless `replace` is set.
        """
        return self._writer.append(record, replace=replace)

    def recent(self, endpoint: str, *, most: int) -> list[Record]:
        """Return the last answers of an endpoint, at most so many. Raises `JournalError`."""
        return self._read(_query("recent"), (endpoint, most))

    def spend(self, day: date, spent: Sequence[Spent], *, alone: bool) -> None:
        """Note what was spent on a day; the next commit writes it.

        `alone` says that no record of it follows.
        """
        self._tally.add(day, spent)
        if alone:
            self._writer.append(None)

    def spent(self, day: date, *, elsewhere: bool = False) -> list[Spent]:
        """Return what was spent on a day, of each scope and currency. Raises `JournalError`.

        With `elsewhere` only by other processes.
        """
        given = (day.isoformat(), self._tally.owner if elsewhere else "")
        rows = self._reading.run(lambda cursor: _rows(cursor, _query("spent_on"), given))
        return [Spent(row[0], row[1], int(row[2]), int(row[3]), row[4]) for row in rows]

    def stats(self) -> list[Held]:
        """Count the records of each endpoint and model. Raises `JournalError`."""
        rows = self._reading.run(lambda cursor: _rows(cursor, _query("stats"), ()))
        return [held(row) for row in rows]

    def prune(self, before: float) -> Pruned:
        """Remove the records made before that second since 1970. Raises `JournalError`.

        What was spent on the days before goes as well.
        """
        ((records, size),) = self._reading.run(lambda cursor: _pruned(cursor, before))
        return Pruned(records=records, size=int(size))

    def records(self) -> Iterator[Record]:
        """Go through all records in the order of their keys. Raises `JournalError`."""
        last = b""
        while found := self._read(_query("answer_after"), (last, ROWS_PER_QUERY)):
            yield from found
            last = found[-1].key

    def close(self) -> None:
        """Write what is waiting and let go of the database."""
        self._writer.close()
        self._claims.close()
        self.jobs.close()
        self._writing.close()
        self._reading.close()

    def _read(self, query: str, values: tuple[object, ...]) -> list[Record]:
        rows = self._reading.run(lambda cursor: _rows(cursor, query, values))
        try:
            return [restored((bytes(row[0]), *row[1:5], bytes(row[5]))) for row in rows]
        except zstandard.ZstdError as problem:
            raise JournalError(
                f"The journal in the {place(self._url)} holds a damaged reply: {problem}. Delete it "
                "(it will be paid for again), or name another journal with AIRQUERY_JOURNAL."
            ) from problem

    def _commit(self, batch: Sequence[Written]) -> None:
        records = [one.record for one in batch if one.record is not None]
        # In the order of their keys, as all writers, so that none waits for another in a circle.
        rows = sorted((stored(one) for one in records), key=lambda row: row[0])
        replaced = [one.record.key for one in batch if one.record is not None and one.replace]
        spent = self._tally.take()
        try:
            self._writing.run(lambda cursor: _write(cursor, rows, replaced, spent))
        except BaseException:
            self._tally.put_back(spent)
            raise
        self._claims.forget(one.key for one in records)


def _write(
    cursor: Cursor, rows: Sequence[Row], replaced: list[bytes], spent: Sequence[SpentRow]
) -> None:
    from psycopg2.extras import execute_values  # type: ignore[import-untyped]  # noqa: PLC0415

    cursor.execute(_query("synced"))
    if replaced:
        cursor.execute("DELETE FROM airquery.answer WHERE key = ANY(%s::BYTEA[])", (replaced,))
    if rows:
        execute_values(cursor, _query("answer_add"), rows, page_size=len(rows))
        keys = [row[0] for row in rows]
        cursor.execute("DELETE FROM airquery.claim WHERE key = ANY(%s::BYTEA[])", (keys,))
    if spent:
        execute_values(cursor, _query("spent_add"), spent, page_size=len(spent))


def _pruned(cursor: Cursor, before: float) -> list[Any]:
    cursor.execute("DELETE FROM airquery.spent WHERE day < %s", (utc_day(before).isoformat(),))
    return _rows(cursor, _query("prune"), (before,))


def _rows(cursor: Cursor, query: str, values: tuple[object, ...]) -> list[Any]:
    cursor.execute(query, values)
    return cursor.fetchall()


def _query(name: str) -> str:
    return airquery_sql.read(f"{FOLDER}/{name}.sql")
