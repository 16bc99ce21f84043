"""Decide which concurrency of an endpoint to measure next, and which one to recommend.

A ladder doubles the requests in flight until a rung brings too little more than the best one below
it, or rows fail. One bad rung may be chance, so it takes two in a row. What is recommended is the
lowest rung that is nearly as good as the best: more in flight than that only waits inside of the
endpoint, where other clients would be served.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence


# A rung that is this much better than all below it is a gain, and no chance.
LEAST_GAIN = 0.1
# Rungs without a gain, one after the other, that end the climb.
FLAT_RUNGS = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """What was measured with so many requests in flight at most.

    `failed` of the requests have no answer, `retries` are attempts beyond the first, such as those
    after a 429. The latencies are those of answers; None when there is none.
    """

    concurrency: int
    requests: int
    failed: int
    retries: int
    seconds: float
    p50_s: float | None
    p95_s: float | None
    prompt_tokens: int
    completion_tokens: int
    price: float
    currency: str

    @property
    def per_second(self) -> float:
        """Return how many answers a second there were."""
        return (self.requests - self.failed) / self.seconds if self.seconds > 0 else 0.0

    def __str__(self) -> str:
        """Say it as one line of a log."""
        waited = "none answered"
        if self.p50_s is not None and self.p95_s is not None:
            waited = f"half of them within {self.p50_s:.2f} s, 95 % within {self.p95_s:.2f} s"
        return (
            f"{self.concurrency} in flight: {self.per_second:.2f} answers/s, {waited}; "
            f"{self.requests} requests, {self.failed} failed, {self.retries} retries"
        )


def next_concurrency(rungs: Sequence[Rung], *, most: int) -> int | None:
    """Return how many in flight to measure next; None when more is of no use.

    The last rung is `most` itself, also where it is no power of two.
    """
    if not rungs:
        return 1
    last = rungs[-1]
    if last.concurrency >= most or last.failed or _is_flat(rungs):
        return None
    return min(2 * last.concurrency, most)


def recommended(rungs: Sequence[Rung]) -> Rung | None:
    """Return the lowest rung that is nearly as good as the best; None if every one had failures."""
    sound = [rung for rung in rungs if not rung.failed]
    if not sound:
        return None
    enough = max(rung.per_second for rung in sound) / (1 + LEAST_GAIN)
    return next(rung for rung in sound if rung.per_second >= enough)


def percentile(latencies_s: Sequence[float], share: float) -> float | None:
    """Return the latency within which this share of the answers came."""
    if not latencies_s:
        return None
    ordered = sorted(latencies_s)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))]


def _is_flat(rungs: Sequence[Rung]) -> bool:
    """Say whether the last rungs brought too little more than the best one below them."""
    if len(rungs) <= FLAT_RUNGS:
        return False
    below, last = rungs[:-FLAT_RUNGS], rungs[-FLAT_RUNGS:]
    best = max(rung.per_second for rung in below)
    return all(rung.per_second < (1 + LEAST_GAIN) * best for rung in last)
