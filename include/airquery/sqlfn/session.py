"""What the SQL functions of one database share: endpoints, engine, and the statements that run."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from typing import TYPE_CHECKING

from airquery.freshness import Freshness
from airquery.sqlfn.call import Call, Rules, resolve
from airquery.sqlfn.running import Running


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airquery.endpoints.registry import Registry
    from airquery.execute.interrupt import Interrupts
    from airquery.execute.run import Engine
    from airquery.execute.statement import Cancel
    from airquery.records import Records


@dataclass(slots=True, weakref_slot=True)
class Session:
    """What the SQL functions of one database share.

    `warehouse` is the root of the tables that three-part names may mean. `open_engine` is called
    when the first request is asked, `records` is where runs write what they did.
    """

    registry: Registry
    open_engine: Callable[[], Engine]
    interrupts: Interrupts
    warehouse: str
    records: Records
    rules: Rules = field(default_factory=Rules)
    freshness: Freshness = field(default_factory=Freshness)
    errors: dict[int, BaseException] = field(default_factory=dict)
    _engine: Engine | None = None
    _running: dict[int, Running] = field(default_factory=dict)
    _calls: dict[str, Call] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=lambda: count(1))
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _resolving: threading.Lock = field(default_factory=threading.Lock)

    @property
    def engine(self) -> Engine:
        """Return the engine that asks."""
        if self._engine is None:
            # The same for everybody, so that it does not matter who comes first.
            self._engine = self.open_engine()
        return self._engine

    def begin(self, cancel: Cancel | None = None) -> tuple[int, Running]:
        """Open a statement and give it the number that its calls will show."""
        with self._lock:
            number = next(self._numbers)
            running = self._running[number] = self.unplanned(cancel)
        return number, running

    def unplanned(self, cancel: Cancel | None) -> Running:
        """Open a statement that has no number."""
        return Running(cancel, max_age_s=self.freshness.max_age_s)

    def end(self, number: int) -> None:
        """Close a statement: what only it wanted is not sent any more."""
        with self._lock:
            running = self._running.pop(number)
            self.errors.pop(number, None)
        if self._engine is not None:
            self._engine.release(running.statement)

    def running(self, number: int | None) -> Running | None:
        """Return the open statement of that number; None for a statement nobody planned."""
        return self._running.get(number) if number is not None else None

    @contextmanager
    def noting_errors(self, number: int | None) -> Iterator[None]:
        """Keep what our functions raise: DuckDB only passes on its text."""
        try:
            yield
        except BaseException as problem:
            if number is not None:
                self.errors.setdefault(number, problem)
            raise

    def call(self, given: str) -> Call:
        """Resolve a call site once. Raises what `resolve` raises."""
        call = self._calls.get(given)
        if call is None:
            # A statement's readers and its rows come to their calls at the same moment.
            with self._resolving:
                call = self._calls.get(given)
                if call is None:
                    call = self._calls[given] = resolve(
                        given, self.registry, self.rules, namespace=self.freshness.namespace
                    )
        return call
