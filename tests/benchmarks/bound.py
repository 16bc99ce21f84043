"""How fast any client can be: schedules of known latencies at the endpoint's cap.

The bound that clients are compared with is first come, first served without a pause: whenever a
request ends the next one in order begins. Nobody who does not know the latencies beforehand can
plan on less. Longest first knows them, and is given for information.
"""

from __future__ import annotations

import heapq
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


def first_in_first_out_s(latencies_s: Iterable[float], cap: int) -> float:
    """Return when the last request ends if each begins as soon as a place is free."""
    ends: list[float] = []
    last = 0.0
    for latency in latencies_s:
        began = heapq.heappop(ends) if len(ends) == cap else 0.0
        heapq.heappush(ends, began + latency)
        last = max(last, began + latency)
    return last


def longest_first_s(latencies_s: Iterable[float], cap: int) -> float:
    """Return the same for requests sent longest first."""
    return first_in_first_out_s(sorted(latencies_s, reverse=True), cap)


def shared_evenly_s(latencies_s: Sequence[float], cap: int) -> float:
    """Return what no schedule can beat: all places busy to the end, or the longest request."""
    return max(sum(latencies_s) / cap, max(latencies_s, default=0.0))
