"""Decide when a request that does not come back is asked once more, beside itself.

Only stragglers: what takes several times as long as nearly all others, while nothing else waits to
be sent. So it costs one request in a thousand or less, and saves waiting for a server that hangs.
(Dean and Barroso, The Tail at Scale, CACM 56(2), 2013, hedge after the 95th percentile.)
"""

from __future__ import annotations

from collections import deque
from typing import Final


# Of so many latest answers the times are known, and so many are needed to know what is usual.
REMEMBERED: Final = 512
NEEDED: Final = 20
_QUANTILE: Final = 0.95
# Answers of log-normal length (sigma 0.6) take longer than this in one case of 4,000.
_TIMES: Final = 3.0
# A quick endpoint may pause for so long without hanging.
_LEAST_S: Final = 0.5
# The quantile is worked out again after so many answers.
_EVERY: Final = 32


class Hedging:
    """Knows how long an endpoint's answers take."""

    def __init__(self) -> None:
        self._latencies_s: deque[float] = deque(maxlen=REMEMBERED)
        self._count = 0
        self._after_s: float | None = None

    def answered(self, latency_s: float) -> None:
        """Note how long an answer took."""
        self._latencies_s.append(latency_s)
        self._count += 1
        if self._count == NEEDED or (self._count > NEEDED and self._count % _EVERY == 0):
            ordered = sorted(self._latencies_s)
            usual_s = ordered[int(_QUANTILE * (len(ordered) - 1))]
            self._after_s = max(_LEAST_S, _TIMES * usual_s)

    @property
    def after_s(self) -> float | None:
        """Return after how many seconds a request is a straggler; None while nobody can know."""
        return self._after_s
