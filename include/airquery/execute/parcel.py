"""What goes over the wire as one HTTP request: one flight, or several that share it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from airquery.execute.flight import Flight


@dataclass(slots=True, eq=False)
class Parcel:
    """Flights that are sent as one, and what became of them so far.

    `attempts` were begun, `hedged` of them beside another; `faults` ended in something other than a
    refusal that asks for patience. `began` is when the first attempt was sent, `sent_at` the last
    one, both in monotonic seconds. `tasks` are the attempts that are on the wire.
    """

    flights: Sequence[Flight]
    attempts: int = 0
    hedged: int = 0
    faults: int = 0
    began: float = 0.0
    sent_at: float = 0.0
    tasks: set[asyncio.Task[None]] = field(default_factory=set)

    def mark(self, *, on_wire: bool) -> None:
        """Say of its flights whether they are on the wire."""
        for flight in self.flights:
            flight.on_wire = on_wire
