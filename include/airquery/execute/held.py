"""What other processes are asking: waited for, and asked in their place if they do not answer it.

Only the engine's loop uses it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Final, Protocol

from airquery.errors import JournalError
from airquery.execute.recall import replayed


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airquery.execute.answers import Result
    from airquery.execute.flight import Flight
    from airquery.execute.recall import Recall


POLL_S: Final = 0.2
# Many that are held are looked up less often: a batch job may hold them for hours.
POLL_EACH_S: Final = 0.0002


class Waiting(Protocol):
    """Who waits for what is held."""

    def wants(self, flight: Flight) -> bool:
        """Tell whether somebody waits for a flight."""

    def answered(self, flight: Flight, result: Result) -> None:
        """Take the answer that another process gave."""

    def unanswerable(self, flight: Flight, problem: JournalError) -> None:
        """End a flight, because the journal cannot be asked any more."""

    def launch(self, flights: Iterable[Flight]) -> None:
        """Send flights that are this process's now."""


class Held:
    """The flights that another process has claimed, by their requests' keys."""

    def __init__(self, owner: Waiting, recall: Recall) -> None:
        self._owner = owner
        self._recall = recall
        self._flights: dict[bytes, Flight] = {}
        self._watching: asyncio.Task[None] | None = None

    def hold(self, flights: Mapping[bytes, Flight]) -> None:
        """Wait for flights."""
        self._flights.update(flights)
        if self._watching is None or self._watching.done():
            self._watching = asyncio.get_running_loop().create_task(self._watch())

    async def _watch(self) -> None:
        flights = self._flights
        while flights:
            await asyncio.sleep(max(POLL_S, len(flights) * POLL_EACH_S))
            for key in [key for key, flight in flights.items() if not self._owner.wants(flight)]:
                del flights[key]
            held = {key: flight.since for key, flight in flights.items()}
            try:
                remembered, claimed = await asyncio.to_thread(self._recall.ask, held)
            except JournalError as problem:
                for key in held:
                    self._owner.unanswerable(flights.pop(key), problem)
                continue
            for key, record in remembered.items():
                flight = flights.pop(key)
                self._owner.answered(flight, replayed(flight.request, record))
            self._owner.launch([flights.pop(key) for key in held if key in claimed])
