"""What goes into one batch job, and reading what came out of one.

Pure but for the reading of a file, which goes some lines at a time: an output may be larger than
memory.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import islice
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from airquery.endpoints.batch import BatchWire
    from airquery.endpoints.endpoint import Batch
    from airquery.execute.flight import Flight
    from airquery.execute.parcel import Parcel


# So many lines are read before others have their turn.
LINES_AT_ONCE: Final = 256


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """The most that one job may have."""

    requests: int
    size: int


@dataclass(slots=True, eq=False)
class Written:
    """A request as a line of a job, and the parcel of the one flight that asks it."""

    parcel: Parcel
    line: bytes

    @property
    def flight(self) -> Flight:
        """Return who asks."""
        return self.parcel.flights[0]


def bounds_of(batch: Batch, wire: BatchWire) -> Bounds:
    """Return the smaller of what an endpoint declares and what its provider takes."""
    return Bounds(
        requests=min(batch.max_requests or wire.max_requests, wire.max_requests),
        size=min(batch.max_bytes or wire.max_bytes, wire.max_bytes),
    )


def cut(written: Iterable[Written], bounds: Bounds) -> list[list[Written]]:
    """Cut requests into jobs, in their order. One that is too large goes alone."""
    jobs: list[list[Written]] = []
    size = 0
    for one in written:
        taken = len(one.line) + 1
        if not jobs or len(jobs[-1]) == bounds.requests or size + taken > bounds.size:
            jobs.append([])
            size = 0
        jobs[-1].append(one)
        size += taken
    return jobs


def lines_of(path: Path) -> Iterator[list[bytes]]:
    """Yield the lines of a file that are not blank, some at a time."""
    with path.open("rb") as file:
        while lines := list(islice(file, LINES_AT_ONCE)):
            yield [line for line in lines if not line.isspace()]
