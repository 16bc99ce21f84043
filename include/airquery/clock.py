"""Time as an argument. Decisions take `now`; only the edges own a `Clock`."""

from __future__ import annotations

import time
from typing import Protocol


class Clock(Protocol):
    """What the engine knows of time; both readings are in seconds."""

    def monotonic(self) -> float:
        """Return a reading that only grows, for durations."""

    def time(self) -> float:
        """Return seconds since 1970, for records."""

    async def sleep(self, seconds: float) -> None:
        """Wait so long."""


class SystemClock:
    """The machine's own clock."""

    def monotonic(self) -> float:
        """Return `time.monotonic()`."""
        return time.monotonic()

    def time(self) -> float:
        """Return `time.time()`."""
        return time.time()

    async def sleep(self, seconds: float) -> None:
        """Wait on the running event loop."""
        # Who sleeps on an event loop has loaded it; who only reads the clock needs none.
        import asyncio  # noqa: PLC0415

        await asyncio.sleep(seconds)
