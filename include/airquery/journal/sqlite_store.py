"""The journal in one SQLite file, for all processes of one machine.

A record is acknowledged only after its transaction was synced to disk. One thread writes; what
arrives while it waits or commits goes into one transaction. Readers never wait for the writer.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import zstandard

import airquery_sql
from airquery.errors import JournalError
from airquery.journal.claims import LEASE_S, Claims
from airquery.journal.record import restored, stored
from airquery.journal.spent import Spent, Tally, utc_day
from airquery.journal.sqlite_answers import COLUMNS, is_keyed, lookup
from airquery.journal.sqlite_claims import SqliteClaimTable
from airquery.journal.sqlite_jobs import SqliteJobs
from airquery.journal.stats import Pruned, held
from airquery.journal.transaction import in_chunks, transaction
from airquery.journal.writer import Writer


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from datetime import date
    from pathlib import Path

    from airquery.journal.claims import Holder, Taken
    from airquery.journal.record import Record, Row
    from airquery.journal.spent import SpentRow
    from airquery.journal.stats import Held
    from airquery.journal.writer import Written


MIGRATIONS = tuple(
    f"journal/{name}.sql" for name in ("0001_create", "0002_claim", "0003_spent", "0004_batch_job")
)
BUSY_TIMEOUT_S = 30.0
BUSY_POLL_S = 0.02
# The upper levels of the index of tens of millions of records.
READER_CACHE_KIB = 32_768
ROWS_PER_QUERY = 1_000
BUSY = frozenset({sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED})
OF_THE_DISK = frozenset(
    {sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN}
)
# What keeps every record out, and not one of them.
OF_THE_FILE = BUSY | OF_THE_DISK | {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}


class SqliteJournal:
    """A `Journal` in the file `path`, made on first use.

    `busy_timeout_s` is spent on other writers, `lease_s` is how long the claims of a process last
    that has stopped without a word.
    """

    def __init__(
        self, path: Path, *, busy_timeout_s: float = BUSY_TIMEOUT_S, lease_s: float = LEASE_S
    ) -> None:
        self.path = path
        self._busy_timeout_s = busy_timeout_s
        self._reading = threading.Lock()
        with self._explained(), ExitStack() as opened:
            path.parent.mkdir(parents=True, exist_ok=True)
            writing = opened.enter_context(closing(self._connect()))
            _migrate(writing, path)
            self._keyed = is_keyed(writing)
            self._writing = writing
            self._reader = opened.enter_context(closing(self._connect()))
            self._reader.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
            claiming = opened.enter_context(closing(self._connect()))
            claiming.execute("PRAGMA synchronous = NORMAL")
            self.jobs = SqliteJobs(opened.enter_context(closing(self._connect())), self._explained)
            opened.pop_all()
        self._claims = Claims(
            SqliteClaimTable(claiming, lease_s=lease_s, keyed=self._keyed), lease_s=lease_s
        )
        self._tally = Tally()
        self._writer = Writer(self._commit)

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Record]:
        """Return the records of those keys that are known. Raises `JournalError`."""
        found: dict[bytes, Record] = {}
        with self._explained():
            for some in in_chunks(keys):
                for row in self._rows(some):
                    found[row[0]] = restored(row)
        return found

    def claim(self, keys: Sequence[bytes], *, since: float = 0.0) -> Taken:
        """Return those of `keys` that this process may send now. Raises `JournalError`."""
        with self._explained():
            return self._claims.acquire(keys, since=since)

    def release(self, keys: Sequence[bytes]) -> None:
        """Let others send what this process claimed and will not answer."""
        self._claims.release(keys)

    def drain(self, *, timeout_s: float) -> None:
        """Wait until others may send what was released, but no longer."""
        self._claims.drain(timeout_s=timeout_s)

    def holders(self) -> list[Holder]:
        """Count what each process has claimed and not answered. Raises `JournalError`."""
        with self._explained():
            return self._claims.holders()

    def append(self, record: Record, *, replace: bool = False) -> Future[None]:
        """Keep a record; the future is done when it would survive a loss of power.

        An earlier record of the same key stays, unless `replace` is set.
        """
        return self._writer.append(record, replace=replace)

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
        with self._explained(), self._reading:
            rows = self._reader.execute(airquery_sql.read("journal/spent_on.sql"), given)
            return [Spent(*row) for row in rows]

    def stats(self) -> list[Held]:
        """Count the records of each endpoint and model. Raises `JournalError`."""
        with self._explained(), self._reading:
            rows = self._reader.execute(airquery_sql.read("journal/stats.sql")).fetchall()
        return [held(row) for row in rows]

    def prune(self, before: float) -> Pruned:
        """Remove the records made before that second since 1970. Raises `JournalError`.

        What was spent on the days before goes as well.
        """
        query = "SELECT count(*), coalesce(sum(length(body)), 0) FROM answer WHERE created_at < ?"
        with self._explained(), closing(self._connect()) as connection, transaction(connection):
            records, size = connection.execute(query, (before,)).fetchone()
            connection.execute("DELETE FROM answer WHERE created_at < ?", (before,))
            day = utc_day(before).isoformat()
            connection.execute("DELETE FROM spent WHERE day < ?", (day,))
        return Pruned(records=records, size=size)

    def records(self) -> Iterator[Record]:
        """Go through all records in the order of their keys. Raises `JournalError`."""
        query, last = airquery_sql.read("journal/answer_after.sql"), b""
        while True:
            with self._explained():
                with self._reading:
                    rows = self._reader.execute(query, (last, ROWS_PER_QUERY)).fetchall()
                found = [restored(row) for row in rows]
            if not found:
                return
            yield from found
            last = found[-1].key

    def close(self) -> None:
        """Write what is waiting and stop the writer."""
        self._writer.close()
        self._writing.close()
        self._claims.close()
        self.jobs.close()
        with self._reading:
            self._reader.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self.path, timeout=self._busy_timeout_s, isolation_level=None, check_same_thread=False
        )
        try:
            _write_ahead(connection, patience_s=self._busy_timeout_s)
            connection.execute("PRAGMA synchronous = FULL")
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    def _rows(self, keys: Sequence[bytes]) -> list[Row]:
        query = lookup(COLUMNS, keys, keyed=self._keyed)
        with self._reading:
            return self._reader.execute(query, keys).fetchall()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what SQLite and the disk say into an error that names the file and the mend."""
        try:
            yield
        except (sqlite3.Error, OSError, zstandard.ZstdError) as problem:
            error = JournalError(
                f"The journal {self.path} cannot be used: {problem}. {self._mend(problem)}, or name "
                "another with AIRQUERY_JOURNAL."
            )
            error.retryable = _is_busy(problem)
            error.keeps_nothing = isinstance(problem, OSError) or _code(problem) in OF_THE_FILE
            raise error from problem

    def _mend(self, problem: Exception) -> str:
        if _is_busy(problem):
            return (
                f"Another process has held it for {self._busy_timeout_s:g} s: wait for it or end it"
            )
        if _code(problem) in OF_THE_DISK:
            return "See that its disk has room and lets us write"
        return "Move the file away (its answers will be paid for again)"

    def _commit(self, batch: Sequence[Written]) -> None:
        records = [one.record for one in batch if one.record is not None]
        replaced = [(one.record.key,) for one in batch if one.record is not None and one.replace]
        spent = self._tally.take()
        try:
            self._write([stored(one) for one in records], replaced, spent)
        except BaseException:
            self._tally.put_back(spent)
            raise
        self._claims.forget(one.key for one in records)

    def _write(
        self,
        rows: Sequence[Row],
        replaced: Sequence[tuple[bytes]],
        spent: Sequence[SpentRow],
    ) -> None:
        with self._explained(), transaction(self._writing):
            self._writing.executemany("DELETE FROM answer WHERE key = ?", replaced)
            self._writing.executemany(
                "INSERT OR IGNORE INTO answer VALUES (?, ?, ?, ?, ?, ?)", rows
            )
            self._writing.executemany("DELETE FROM claim WHERE key = ?", [row[:1] for row in rows])
            self._writing.executemany(airquery_sql.read("journal/spent_add.sql"), spent)

    def recent(self, endpoint: str, *, most: int) -> list[Record]:
        """Return the last answers of an endpoint, at most so many. Raises `JournalError`."""
        with self._explained():
            with self._reading:
                # A file of the first shape does not know which came last; its keys are as good as
                # drawn by chance.
                query = airquery_sql.read(f"journal/{'some' if self._keyed else 'recent'}.sql")
                rows: list[Row] = self._reader.execute(query, (endpoint, most)).fetchall()
            return [restored(row) for row in rows]


def _write_ahead(connection: sqlite3.Connection, *, patience_s: float) -> None:
    """Switch a database to write-ahead logging, once in its life.

    SQLite does not wait for its busy timeout here: where several processes make the file at once,
    all but one are refused until that one is done.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as problem:
            if not _is_busy(problem) or time.monotonic() > deadline:
                raise
            time.sleep(BUSY_POLL_S)
        else:
            return


def _code(problem: Exception) -> int | None:
    code = getattr(problem, "sqlite_errorcode", None)
    # The low byte is the error, the others say more about it.
    return code & 0xFF if isinstance(code, int) else None


def _is_busy(problem: Exception) -> bool:
    return _code(problem) in BUSY


def _migrate(connection: sqlite3.Connection, path: Path) -> None:
    """Bring the file to this version; refuse a newer one, untouched."""
    with transaction(connection):
        (version,) = connection.execute("PRAGMA user_version").fetchone()
        if version > len(MIGRATIONS):
            raise JournalError(
                f"The journal {path} was written by a newer airquery (schema {version}, this one "
                f"knows {len(MIGRATIONS)}). Upgrade airquery, or name another file with "
                "AIRQUERY_JOURNAL."
            )
        for migration in MIGRATIONS[version:]:
            connection.execute(airquery_sql.read(migration))
        if version < len(MIGRATIONS):
            connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
