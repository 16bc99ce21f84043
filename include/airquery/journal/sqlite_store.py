"""The journal in one SQLite file, for all processes of one machine.

A record is acknowledged only after its transaction was synced to disk. One thread writes; what
arrives while it waits or commits goes into one transaction. Readers never wait for the writer.
"""

from __future__ import annotations

import logging
import queue
import sqlite3
import threading
import time
from concurrent.futures import Future
from contextlib import ExitStack, closing, contextmanager
from typing import TYPE_CHECKING

import zstandard

import airquery_sql
from airquery.errors import JournalError
from airquery.journal.claims import LEASE_S, SqliteClaims
from airquery.journal.record import Record, compress, decompress
from airquery.journal.transaction import in_chunks, marks, transaction


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path


log = logging.getLogger(__name__)

MIGRATIONS = ("journal/0001_create.sql", "journal/0002_claim.sql")
GROUP_COMMIT_S = 0.02
BUSY_TIMEOUT_S = 30.0
# The upper levels of the index of tens of millions of records.
READER_CACHE_KIB = 32_768
LOOKUP = "SELECT key, endpoint, model, created_at, latency_s, body FROM answer WHERE key IN"

# Looked for among the last answers of all: an endpoint that was never asked has none to be found.
RECENT = """
SELECT key, endpoint, model, created_at, latency_s, body
FROM (SELECT * FROM answer ORDER BY rowid DESC LIMIT 10000) WHERE endpoint = ? LIMIT ?
"""

_Item = tuple[Record, bool, Future[None]]
_Row = tuple[bytes, str, str | None, float, float, bytes]


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
        self._inbox: queue.SimpleQueue[_Item | None] = queue.SimpleQueue()
        self._reading = threading.Lock()
        with self._explained(), ExitStack() as opened:
            path.parent.mkdir(parents=True, exist_ok=True)
            writing = opened.enter_context(closing(self._connect()))
            _migrate(writing, path)
            self._reader = opened.enter_context(closing(self._connect()))
            self._reader.execute(f"PRAGMA cache_size = -{READER_CACHE_KIB}")
            claiming = opened.enter_context(closing(self._connect()))
            claiming.execute("PRAGMA synchronous = NORMAL")
            opened.pop_all()
        self._claims = SqliteClaims(claiming, lease_s=lease_s)
        self._writer = threading.Thread(
            target=self._write, args=(writing,), name="airquery-journal", daemon=True
        )
        self._writer.start()

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Record]:
        """Return the records of those keys that are known. Raises `JournalError`."""
        found: dict[bytes, Record] = {}
        with self._explained():
            for some in in_chunks(keys):
                for key, endpoint, model, created_at, latency_s, frame in self._rows(some):
                    body = decompress(frame)
                    found[key] = Record(key, endpoint, model, created_at, latency_s, body)
        return found

    def claim(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return those of `keys` that this process may send now. Raises `JournalError`."""
        with self._explained():
            return self._claims.acquire(keys)

    def release(self, keys: Sequence[bytes]) -> None:
        """Let others send what this process claimed and will not answer."""
        self._claims.release(keys)

    def append(self, record: Record, *, replace: bool = False) -> Future[None]:
        """Keep a record; the future is done when it would survive a loss of power.

        An earlier record of the same key stays, unless `replace` is set.
        """
        done: Future[None] = Future()
        # A record is written whether or not somebody still waits: it was paid for.
        done.set_running_or_notify_cancel()
        self._inbox.put((record, replace, done))
        return done

    def close(self) -> None:
        """Write what is waiting and stop the writer."""
        self._inbox.put(None)
        self._writer.join()
        self._claims.close()
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

    def _rows(self, keys: Sequence[bytes]) -> list[_Row]:
        query = f"{LOOKUP} ({marks(keys)})"
        with self._reading:
            return self._reader.execute(query, keys).fetchall()

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what SQLite and the disk say into an error that names the file and the mend."""
        try:
            yield
        except (sqlite3.Error, OSError, zstandard.ZstdError) as problem:
            mend = "Move the file away (its answers will be paid for again)"
            if _is_busy(problem):
                mend = f"Another process has held it for {self._busy_timeout_s:g} s: wait for it or end it"
            raise JournalError(
                f"The journal {self.path} cannot be used: {problem}. {mend}, or name another with "
                "AIRQUERY_JOURNAL."
            ) from problem

    def _write(self, connection: sqlite3.Connection) -> None:
        with closing(connection):
            for batch in _batches(self._inbox):
                self._commit(connection, batch)

    def _commit(self, connection: sqlite3.Connection, batch: list[_Item]) -> None:
        """Make a batch durable, then say so to everyone who waits for it."""
        rows = [(*record[:-1], compress(record.body)) for record, _, _ in batch]
        replaced = [(record.key,) for record, replace, _ in batch if replace]
        try:
            with self._explained(), transaction(connection):
                connection.executemany("DELETE FROM answer WHERE key = ?", replaced)
                connection.executemany(
                    "INSERT OR IGNORE INTO answer VALUES (?, ?, ?, ?, ?, ?)", rows
                )
                connection.executemany("DELETE FROM claim WHERE key = ?", [row[:1] for row in rows])
        except JournalError as problem:
            log.exception("journal commit failed records=%d", len(rows))
            for _, _, done in batch:
                done.set_exception(problem)
        else:
            self._claims.forget(record.key for record, _, _ in batch)
            for _, _, done in batch:
                done.set_result(None)

    def recent(self, endpoint: str, *, most: int) -> list[Record]:
        """Return the last answers of an endpoint, at most so many. Raises `JournalError`."""
        with self._explained():
            with self._reading:
                rows: list[_Row] = self._reader.execute(RECENT, (endpoint, most)).fetchall()
            return [
                Record(key, name, model, created_at, latency_s, decompress(frame))
                for key, name, model, created_at, latency_s, frame in rows
            ]


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
            time.sleep(GROUP_COMMIT_S)
        else:
            return


def _is_busy(problem: Exception) -> bool:
    code = getattr(problem, "sqlite_errorcode", None)
    # The low byte is the error, the others say more about it.
    return isinstance(code, int) and code & 0xFF in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def _batches(inbox: queue.SimpleQueue[_Item | None]) -> Iterator[list[_Item]]:
    """Yield what arrived within one commit interval, until the inbox is closed."""
    while (first := inbox.get()) is not None:
        batch = [first]
        deadline = time.monotonic() + GROUP_COMMIT_S
        while (left := deadline - time.monotonic()) > 0:
            try:
                item = inbox.get(timeout=left)
            except queue.Empty:
                break
            if item is None:
                yield batch
                return
            batch.append(item)
        yield batch


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
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
