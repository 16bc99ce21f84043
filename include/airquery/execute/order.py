"""In which order waiting requests go.

Those that begin alike go one after another, because servers keep what they worked out of a prompt's
beginning for the next prompt that begins so. At the end of a run the longest go first: a long one
that begins last is waited for by everybody.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson


if TYPE_CHECKING:
    from collections.abc import Iterable

    from airquery.execute.flight import Flight
    from airquery.execute.parcel import Parcel
    from airquery.request import Request


def by_beginning(flights: Iterable[Flight]) -> list[Flight]:
    """Return flights with those next to each other whose prompts begin alike."""
    return sorted(flights, key=lambda flight: _prompt(flight.request))


def longest_first(parcels: Iterable[Parcel]) -> list[Parcel]:
    """Return parcels by the length of what they ask, as far as that tells how long they take."""
    return sorted(parcels, key=_size, reverse=True)


def _prompt(request: Request) -> str:
    asked = request.input
    text = asked if isinstance(asked, str) else orjson.dumps(asked).decode()
    return f"{request.system or ''}\n{text}"


def _size(parcel: Parcel) -> int:
    return sum(len(_prompt(flight.request)) for flight in parcel.flights)
