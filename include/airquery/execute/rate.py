"""Decide how long a request must wait so that no rate is exceeded.

No window of a minute, or an hour, ever holds more than its limit, wherever it begins: that is how
the strictest servers count, and a bucket that refills while it is drained would let twice as much
through in its first minute. What the endpoint tells of its own limits is kept as well.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.endpoints.cost import Cost
    from airquery.endpoints.endpoint import Limits
    from airquery.endpoints.told_limits import Quota, Told


# Longer than they are called: a request is counted when it arrives, and the first of a window may
# have taken longer to arrive than the last.
MINUTE_S: Final = 60.25
HOUR_S: Final = 3600.25
# What an endpoint told is believed for so long at most: it may have meant another day's quota.
_LONGEST_TOLD_S: Final = 3600.0

Side: TypeAlias = Literal["requests", "tokens", "input_tokens", "output_tokens"]


@dataclass(slots=True)
class Spent:
    """So much was sent at a moment, in monotonic seconds."""

    at: float
    amount: int


class Window:
    """What was sent in the last `seconds`, of which `limit` may be."""

    def __init__(self, side: Side, limit: int, seconds: float) -> None:
        self.side = side
        self._limit = limit
        self._seconds = seconds
        self._spent: deque[Spent] = deque()
        self._total = 0

    def wait_s(self, amount: int, now: float) -> float:
        """Return how long until `amount` may be sent; 0.0 for now.

        What is more than the whole limit goes alone: the endpoint decides.
        """
        self._forget(now)
        excess = self._total + min(amount, self._limit) - self._limit
        for spent in self._spent:
            if excess <= 0:
                break
            excess -= spent.amount
            if excess <= 0:
                return max(0.0, spent.at + self._seconds - now)
        return 0.0

    def take(self, amount: int, now: float) -> Spent:
        """Note that `amount` is sent, and return what may be corrected later."""
        spent = Spent(now, amount)
        self._spent.append(spent)
        self._total += amount
        return spent

    def correct(self, spent: Spent, amount: int) -> None:
        """Note that it was another amount."""
        if self._spent and spent.at >= self._spent[0].at:
            self._total += amount - spent.amount
            spent.amount = amount

    def _forget(self, now: float) -> None:
        while self._spent and self._spent[0].at + self._seconds <= now:
            self._total -= self._spent.popleft().amount


@dataclass(slots=True)
class _Heard:
    """What the endpoint told last of one of its limits, less what was sent since."""

    left: int
    limit: int | None
    heard_at: float
    reset_at: float

    def wait_s(self, amount: int, now: float) -> float:
        if now >= self.reset_at or self.left >= amount:
            return 0.0
        if self.limit is None or self.limit <= self.left:
            return self.reset_at - now
        # It is full again at its reset; until then it fills evenly.
        missing = min(amount, self.limit) - self.left
        per_s = (self.limit - self.left) / (self.reset_at - self.heard_at)
        return max(0.0, min(self.heard_at + missing / per_s, self.reset_at) - now)


class RateLimits:
    """The rates of one endpoint: those it was configured with, and those it tells of."""

    def __init__(self, limits: Limits) -> None:
        wanted: Sequence[tuple[Side, int | None, float]] = (
            ("requests", limits.requests_per_minute, MINUTE_S),
            ("requests", limits.requests_per_hour, HOUR_S),
            ("tokens", limits.tokens_per_minute, MINUTE_S),
            ("input_tokens", limits.input_tokens_per_minute, MINUTE_S),
            ("output_tokens", limits.output_tokens_per_minute, MINUTE_S),
        )
        self._windows = [
            Window(side, limit, seconds) for side, limit, seconds in wanted if limit is not None
        ]
        self._heard: dict[Quota, _Heard] = {}

    @property
    def count_tokens(self) -> bool:
        """Tell whether a request's tokens matter."""
        counted = {window.side for window in self._windows} | self._heard.keys()
        return bool(counted - {"requests"})

    def wait_s(self, cost: Cost, now: float) -> float:
        """Return how long until a request may be sent; 0.0 for now."""
        if not self._windows and not self._heard:
            return 0.0
        waits = [window.wait_s(cost.of(window.side), now) for window in self._windows]
        waits += [heard.wait_s(cost.of(quota), now) for quota, heard in self._heard.items()]
        return max(waits)

    def take(self, cost: Cost, now: float) -> list[Spent]:
        """Reserve what a request may cost, and return what `settle` wants."""
        for quota, heard in self._heard.items():
            heard.left -= cost.of(quota)
        return [window.take(cost.of(window.side), now) for window in self._windows]

    def settle(self, taken: Sequence[Spent], used: Cost) -> None:
        """Give back what was not used, or charge what was used beyond."""
        for window, spent in zip(self._windows, taken, strict=True):
            window.correct(spent, used.of(window.side))

    def learn(self, told: Sequence[Told], now: float) -> None:
        """Believe what a reply said: what was sent before it is counted there."""
        for one in told:
            if one.reset_s <= _LONGEST_TOLD_S:
                self._heard[one.quota] = _Heard(one.remaining, one.limit, now, now + one.reset_s)
