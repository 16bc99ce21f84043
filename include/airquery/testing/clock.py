"""A clock that stands still until it is told to move, or until somebody sleeps on it."""

from __future__ import annotations

import asyncio
import threading


class FakeClock:
    """Satisfies `airquery.clock.Clock`. Sleeping takes no time and moves both readings on.

    Several who sleep at once move it one after another, as if they had slept in turn.
    """

    def __init__(self, *, monotonic: float = 0.0, time: float = 1_800_000_000.0) -> None:
        self._lock = threading.Lock()
        self._monotonic = monotonic
        self._time = time
        self._sleeps: list[float] = []

    @property
    def sleeps(self) -> tuple[float, ...]:
        """Return how long was slept, each time, in order."""
        with self._lock:
            return tuple(self._sleeps)

    def monotonic(self) -> float:
        """Return the reading for durations."""
        with self._lock:
            return self._monotonic

    def time(self) -> float:
        """Return the reading for records."""
        with self._lock:
            return self._time

    def advance(self, seconds: float) -> None:
        """Let so much time pass."""
        if seconds < 0:
            raise ValueError("A clock cannot be put back.")
        with self._lock:
            self._monotonic += seconds
            self._time += seconds

    async def sleep(self, seconds: float) -> None:
        """Let so much time pass at once, and let others run."""
        self.advance(max(0.0, seconds))
        with self._lock:
            self._sleeps.append(seconds)
        await asyncio.sleep(0)
