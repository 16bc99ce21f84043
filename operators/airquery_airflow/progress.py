"""How far a task is: lines in its log and counts in its state, now and then.

A thread says so while a step lasts, since the task's own thread is inside DuckDB or a library then.
The state is a record of counts under the key `progress`; that it cannot be written is said once and
fails no task.
"""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from airquery.clock import Clock, SystemClock


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from airquery import RunStats


log = logging.getLogger(__name__)

KEY: Final = "progress"
# A record is a call to Airflow's server.
_LEAST_S: Final = 2.0
# So that a task that wants to hear of everything leaves the processor to others.
_SHORTEST_S: Final = 0.05


class Store(Protocol):
    """Where a task keeps JSON values that others may read while it runs."""

    def set(self, key: str, value: Any) -> None:
        """Keep a value under a key, in place of an earlier one."""


@dataclass(slots=True, kw_only=True)
class Progress:
    """What one task tells of its steps, every `every_s` seconds.

    `store` is where its state is kept, or None where Airflow has no such place.
    """

    store: Store | None = None
    every_s: float = 10.0
    clock: Clock = field(default_factory=SystemClock)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _record: dict[str, Any] = field(default_factory=dict)
    _kept_at: float = float("-inf")
    _said_at: float = field(init=False)

    def __post_init__(self) -> None:
        self._said_at = self.clock.monotonic()

    @property
    def record(self) -> dict[str, Any]:
        """Return what is known of how far the task is."""
        with self._lock:
            return dict(self._record)

    def count(self, **counts: float) -> None:
        """Note counts of the task, such as rows or files."""
        with self._lock:
            self._record.update(counts)
        self._keep()

    @contextmanager
    def step(self, what: str, *, percent: Callable[[], float] | None = None) -> Iterator[None]:
        """Say that a step begins, how far it is, and how long it took.

        `percent` tells how far it is, a negative number that it does not know.
        """
        began = self.clock.monotonic()
        with self._lock:
            self._record = {**self._counts(), "step": what}
        log.info("%s", what)
        self._keep()
        ended = threading.Event()
        teller = threading.Thread(
            target=self._tell,
            args=(what, began, percent, ended),
            name="airquery-progress",
            daemon=True,
        )
        teller.start()
        try:
            yield
        finally:
            ended.set()
            teller.join()
        log.info("%s: done after %.1f s", what, self.clock.monotonic() - began)

    def asked(self, stats: RunStats) -> None:
        """Tell how far a statement's requests are; the engine calls it far more often."""
        counts = counts_of(stats)
        with self._lock:
            self._record.update(counts)
        now = self.clock.monotonic()
        if now - self._said_at >= self.every_s:
            self._said_at = now
            log.info(
                "%d of %d requests answered: %d sent, %d from the journal, %d failed, %.6f %s, %.0f s",
                stats.answered,
                stats.requests,
                stats.sent,
                stats.from_journal,
                stats.failed,
                stats.price,
                stats.currency,
                stats.seconds,
            )
        self._keep()

    def finish(self, state: str, counts: Mapping[str, Any]) -> None:
        """Keep how the task ended, with its last counts."""
        with self._lock:
            self._record = {**self._counts(), "step": state, **counts}
        self._keep(at_once=True)

    def _tell(
        self,
        what: str,
        began: float,
        percent: Callable[[], float] | None,
        ended: threading.Event,
    ) -> None:
        while not ended.wait(max(self.every_s, _SHORTEST_S)):
            seconds = self.clock.monotonic() - began
            share = -1.0 if percent is None else percent()
            if share < 0:
                log.info("%s: %.0f s so far; how far it is cannot be told", what, seconds)
            else:
                log.info("%s: %.0f %% after %.0f s", what, share, seconds)
                with self._lock:
                    self._record["percent"] = round(share, 1)
            with self._lock:
                self._record["seconds"] = round(seconds, 1)
            self._keep()

    def _counts(self) -> dict[str, Any]:
        """Return what the task as a whole has counted, without what was about one step."""
        own = ("step", "percent", "seconds")
        return {name: value for name, value in self._record.items() if name not in own}

    def _keep(self, *, at_once: bool = False) -> None:
        """Write the record, unless one was written a moment ago."""
        with self._lock:
            now = self.clock.monotonic()
            if self.store is None or not (at_once or now - self._kept_at >= _LEAST_S):
                return
            self._kept_at = now
            store, record = self.store, dict(self._record)
        try:
            store.set(KEY, record)
        # Whatever Airflow's server or its link does, the work itself goes on.
        except Exception as problem:  # noqa: BLE001
            self.store = None
            log.warning("How far the task is cannot be kept in its state: %s", problem)


def counts_of(stats: RunStats) -> dict[str, Any]:
    """Return what a task's state tells of a statement: numbers, and the name of a currency."""
    return {
        "requests": stats.requests,
        "answered": stats.answered,
        "sent": stats.sent,
        "from_journal": stats.from_journal,
        "failed": stats.failed,
        "retries": stats.retries,
        "prompt_tokens": stats.prompt_tokens,
        "completion_tokens": stats.completion_tokens,
        "price": stats.price,
        "currency": stats.currency,
    }
