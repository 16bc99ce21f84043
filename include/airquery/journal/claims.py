"""Who may send a request: of all processes that share a journal, one at a time.

A claim is a lease on a request's key. It ends with the answer, with its owner's word, with its
owner's process, or when it was not renewed in time: then another takes over. A claim that is lost
costs money, never a row, so claims are not synced to disk.
"""

from __future__ import annotations

import logging
import os
import queue
import socket
import sqlite3
import threading
import time
from contextlib import closing, suppress
from typing import TYPE_CHECKING
from uuid import uuid4

import airquery_sql
from airquery.journal.transaction import in_chunks, marks, transaction


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


log = logging.getLogger(__name__)

LEASE_S = 30.0
RENEWALS_PER_LEASE = 3
RETRY_S = 1.0


class SqliteClaims:
    """The claims of one process in one journal; `connection` becomes its own.

    Every method may be called from any thread.
    """

    def __init__(self, connection: sqlite3.Connection, *, lease_s: float = LEASE_S) -> None:
        self._connection = connection
        self._lease_s = lease_s
        self._owner = f"{socket.gethostname()} {os.getpid()} {uuid4().hex}"
        self._lock = threading.Lock()
        # Which time a key was taken: a release is void once its key was taken again.
        self._taken: dict[bytes, int] = {}
        self._times = 0
        self._inbox: queue.SimpleQueue[list[tuple[bytes, int]] | None] = queue.SimpleQueue()
        self._keeper = threading.Thread(target=self._keep, name="airquery-claims", daemon=True)
        self._keeper.start()

    def acquire(self, keys: Sequence[bytes]) -> set[bytes]:
        """Take those of `keys` that nobody has answered and nobody else has taken.

        Raises `sqlite3.Error`.
        """
        with self._lock, transaction(self._connection):
            free = set(keys)
            alive: dict[str, bool] = {}
            for some in in_chunks(keys):
                query = f"SELECT key FROM answer WHERE key IN ({marks(some)})"  # noqa: S608  (only ?)
                free.difference_update(key for (key,) in self._connection.execute(query, some))
                query = (
                    f"SELECT key, owner FROM claim WHERE key IN ({marks(some)}) AND expires_at > ?"  # noqa: S608
                )
                for key, owner in self._connection.execute(query, [*some, time.time()]).fetchall():
                    if owner != self._owner and alive.setdefault(owner, _is_alive(owner)):
                        free.discard(key)
            until = time.time() + self._lease_s
            rows = [(key, self._owner, until) for key in free]
            self._connection.executemany(airquery_sql.read("journal/claim_take.sql"), rows)
            self._times += 1
            self._taken.update(dict.fromkeys(free, self._times))
        return free

    def release(self, keys: Iterable[bytes]) -> None:
        """Give keys back soon; those that are not this process's are left alone."""
        with self._lock:
            mine = [(key, self._taken[key]) for key in keys if key in self._taken]
        if mine:
            self._inbox.put(mine)

    def forget(self, keys: Iterable[bytes]) -> None:
        """Note that keys were answered, and their claims deleted with that."""
        with self._lock:
            for key in keys:
                self._taken.pop(key, None)

    def close(self) -> None:
        """Give everything back."""
        self._inbox.put(None)
        self._keeper.join()

    def _keep(self) -> None:
        """Renew what is held and give back what is not wanted any more, until it is closed."""
        every_s = self._lease_s / RENEWALS_PER_LEASE
        renew_at = time.monotonic() + every_s
        with closing(self._connection):
            while True:
                try:
                    given_back = self._inbox.get(timeout=max(0.0, renew_at - time.monotonic()))
                except queue.Empty:
                    given_back = []
                if given_back is None:
                    # If it fails, the claims end with this process, or with their lease.
                    with suppress(sqlite3.Error):
                        self._write("DELETE FROM claim WHERE owner = ?", [(self._owner,)])
                    return
                try:
                    self._delete(given_back)
                    if time.monotonic() >= renew_at:
                        renew_at = time.monotonic() + every_s
                        query = "UPDATE claim SET expires_at = ? WHERE owner = ?"
                        self._write(query, [(time.time() + self._lease_s, self._owner)])
                except sqlite3.Error:
                    log.warning("claims not written, trying again", exc_info=True)
                    self._inbox.put(given_back)
                    # A disk that is full stays so for a while.
                    time.sleep(RETRY_S)

    def _delete(self, given_back: list[tuple[bytes, int]]) -> None:
        with self._lock:
            keys = [key for key, taken in given_back if self._taken.get(key) == taken]
            if keys:
                query = "DELETE FROM claim WHERE key = ? AND owner = ?"
                with transaction(self._connection):
                    self._connection.executemany(query, [(key, self._owner) for key in keys])
            for key in keys:
                del self._taken[key]

    def _write(self, query: str, rows: list[tuple[object, ...]]) -> None:
        with self._lock, transaction(self._connection):
            self._connection.executemany(query, rows)


def _is_alive(owner: str) -> bool:
    """Tell whether a claim's process lives, as far as this machine can know."""
    host, pid, _ = owner.split(" ")
    if host != socket.gethostname():
        return True
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
