"""One thread that writes records: what arrives while it waits or commits goes into one commit.

A future is done after the commit that holds its record, and not before.
"""

from __future__ import annotations

import logging
import queue
import threading
import time
from concurrent.futures import Future
from typing import TYPE_CHECKING, NamedTuple

from airquery.errors import JournalError


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from airquery.journal.record import Record


log = logging.getLogger(__name__)

GROUP_COMMIT_S = 0.02


class Written(NamedTuple):
    """A record on its way to the disk; `replace` puts it over an earlier one of its key.

    Without a record only what was spent is written.
    """

    record: Record | None
    replace: bool
    done: Future[None]


class Writer:
    """Hands batches to `commit`, which makes them durable or raises `JournalError`."""

    def __init__(self, commit: Callable[[Sequence[Written]], None]) -> None:
        self._commit = commit
        self._inbox: queue.SimpleQueue[Written | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="airquery-journal", daemon=True)
        self._thread.start()

    def append(self, record: Record | None, *, replace: bool = False) -> Future[None]:
        """Keep a record; the future is done when it is durable, and all that was spent before."""
        done: Future[None] = Future()
        # A record is written whether or not somebody still waits: it was paid for.
        done.set_running_or_notify_cancel()
        self._inbox.put(Written(record, replace, done))
        return done

    def close(self) -> None:
        """Write what is waiting, then stop."""
        self._inbox.put(None)
        self._thread.join()

    def _run(self) -> None:
        for batch in _batches(self._inbox):
            self._settle(batch)

    def _settle(self, batch: Sequence[Written]) -> None:
        try:
            self._commit(batch)
        except JournalError as problem:
            if len(batch) > 1 and not problem.retryable:
                # What the database refuses for its own sake takes no other answer with it.
                for one in batch:
                    self._settle([one])
                return
            log.exception("journal commit failed records=%d", len(batch))
            for one in batch:
                one.done.set_exception(problem)
        else:
            for one in batch:
                one.done.set_result(None)


def _batches(inbox: queue.SimpleQueue[Written | None]) -> Iterator[list[Written]]:
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
