"""Who may send a request: of all processes that share a journal, one at a time.

A claim is a lease on a request's key. It ends with the answer, with its owner's word, with its
owner's process, or when it was not renewed in time: then another takes over. A claim that is lost
costs money, never a row, so claims are not synced to disk.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple, Protocol


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


log = logging.getLogger(__name__)

LEASE_S = 30.0
RENEWALS_PER_LEASE = 3
RETRY_S = 1.0


class Taken(NamedTuple):
    """What was claimed: `keys`, and those of them that somebody `left` who ended without a word.

    Those may have been in flight then, and may be paid for twice.
    """

    keys: set[bytes]
    left: set[bytes]


class Holder(NamedTuple):
    """A process that holds claims; one that has not `ended` may still send them."""

    host: str
    pid: int
    requests: int
    ended: bool


class ClaimTable(Protocol):
    """Where a database keeps the claims of one owner beside those of others.

    Every method may raise one of `faults`, and is called by one thread at a time.
    """

    faults: tuple[type[Exception], ...]

    def take(self, keys: Sequence[bytes], *, since: float) -> Taken:
        """Take those that nobody has answered `since` and nobody else who lives has taken."""

    def give_back(self, keys: Sequence[bytes]) -> None:
        """Delete those of the owner's claims."""

    def renew(self) -> None:
        """Let all claims of the owner last one lease from now."""

    def leave(self) -> None:
        """Delete all claims of the owner."""

    def holders(self) -> list[Holder]:
        """Count the claims of each process."""

    def close(self) -> None:
        """Let go of the database."""


class Claims:
    """The claims of one process in one journal; `table` becomes its own.

    Every method may be called from any thread.
    """

    def __init__(self, table: ClaimTable, *, lease_s: float = LEASE_S) -> None:
        self._table = table
        self._every_s = lease_s / RENEWALS_PER_LEASE
        self._lock = threading.Lock()
        # Which time a key was taken: a release is void once its key was taken again.
        self._taken: dict[bytes, int] = {}
        self._times = 0
        self._inbox: queue.SimpleQueue[list[tuple[bytes, int]] | threading.Event | None] = (
            queue.SimpleQueue()
        )
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._keep, name="airquery-claims", daemon=True)
        self._keeper.start()

    def acquire(self, keys: Sequence[bytes], *, since: float = 0.0) -> Taken:
        """Take those of `keys` that nobody has answered `since` and nobody else has taken.

        Raises what the table raises.
        """
        with self._lock:
            taken = self._table.take(keys, since=since)
            self._times += 1
            self._taken.update(dict.fromkeys(taken.keys, self._times))
        if taken.left:
            log.info("claims taken over from a process that ended count=%d", len(taken.left))
        return taken

    def release(self, keys: Iterable[bytes]) -> None:
        """Give keys back soon; those that are not this process's are left alone."""
        with self._lock:
            mine = [(key, self._taken[key]) for key in keys if key in self._taken]
        if mine:
            self._inbox.put(mine)

    def drain(self, *, timeout_s: float) -> None:
        """Wait until what was released so far is given back, but no longer."""
        reached = threading.Event()
        self._inbox.put(reached)
        reached.wait(timeout_s)

    def forget(self, keys: Iterable[bytes]) -> None:
        """Note that keys were answered, and their claims deleted with that."""
        with self._lock:
            for key in keys:
                self._taken.pop(key, None)

    def holders(self) -> list[Holder]:
        """Count the claims of each process. Raises what the table raises."""
        with self._lock:
            return self._table.holders()

    def close(self) -> None:
        """Give everything back."""
        self._closed.set()
        self._inbox.put(None)
        self._keeper.join()

    def _keep(self) -> None:
        """Renew what is held and give back what is not wanted any more, until it is closed."""
        renew_at = time.monotonic() + self._every_s
        while True:
            try:
                given_back = self._inbox.get(timeout=max(0.0, renew_at - time.monotonic()))
            except queue.Empty:
                given_back = []
            if given_back is None:
                self._leave()
                return
            if isinstance(given_back, threading.Event):
                given_back.set()
                continue
            try:
                self._give_back(given_back)
                if time.monotonic() >= renew_at:
                    renew_at = time.monotonic() + self._every_s
                    with self._lock:
                        self._table.renew()
            except self._table.faults:
                log.warning("claims not written, trying again", exc_info=True)
                self._inbox.put(given_back)
                # A disk that is full stays so for a while, also for all else that is to be given back.
                if self._closed.wait(RETRY_S):
                    self._leave()
                    return

    def _give_back(self, given_back: list[tuple[bytes, int]]) -> None:
        with self._lock:
            keys = [key for key, taken in given_back if self._taken.get(key) == taken]
            if keys:
                self._table.give_back(keys)
            for key in keys:
                del self._taken[key]

    def _leave(self) -> None:
        with self._lock:
            # If it fails, the claims end with this process, or with their lease.
            with suppress(*self._table.faults):
                self._table.leave()
            self._table.close()
