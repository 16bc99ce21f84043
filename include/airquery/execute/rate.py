"""Decide how long a request must wait so that no rate is exceeded.

No window of a minute, or an hour, ever holds more than its limit, wherever it begins: that is how
the strictest servers count, and a bucket that refills while it is drained would let twice as much
through in its first minute. What the endpoint tells of its own limits is kept as well; it can only
slow down, never speed up. Pure: every moment is an argument, in monotonic seconds.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airquery.endpoints.cost import Cost


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.endpoints.endpoint import Limits
    from airquery.endpoints.told_limits import Quota, Told


# Longer than they are called: a request is counted when it arrives, and the first of a window may
# have taken longer to arrive than the last.
MINUTE_S: Final = 60.25
HOUR_S: Final = 3600.25
# A window is counted in so many parts, so that a large one takes no more memory than a small one.
_PARTS: Final = 1200
# What an endpoint told is believed for so long at most: it may have meant another day's quota.
_LONGEST_TOLD_S: Final = 3600.0
# Sleeping for a computed time may end so much early, as floats do.
_EARLY_S: Final = 1e-6


@dataclass(slots=True)
class Part:
    """So much was sent from `since` on, the last of it `at`."""

    since: float
    at: float
    amount: int


class Window:
    """What was sent in the last `seconds`, of which `limit` may be."""

    def __init__(self, quota: Quota, limit: int, seconds: float) -> None:
        self.quota = quota
        self._limit = limit
        self._seconds = seconds
        self._sent: deque[Part] = deque()
        self._total = 0

    def wait_s(self, amount: int, now: float) -> float:
        """Return how long until `amount` may be sent; 0.0 for now.

        What is more than the whole limit goes alone: the endpoint decides.
        """
        self._forget(now)
        excess = self._total + min(amount, self._limit) - self._limit
        for part in self._sent:
            if excess <= 0:
                break
            excess -= part.amount
            if excess <= 0:
                return part.at + self._seconds - now
        return 0.0

    def take(self, amount: int, now: float) -> Part:
        """Note that `amount` is sent, and return where it was noted."""
        self._total += amount
        last = self._sent[-1] if self._sent else None
        if last is not None and now - last.since < self._seconds / _PARTS:
            # All of a part leaves the window with the last of it: later, never sooner.
            last.at = now
            last.amount += amount
            return last
        part = Part(since=now, at=now, amount=amount)
        self._sent.append(part)
        return part

    def give_back(self, amount: int, part: Part) -> None:
        """Note that so much of what was sent was not used, unless that is past anyway."""
        if self._sent and part.since >= self._sent[0].since:
            self._total -= amount
            part.amount -= amount

    def _forget(self, now: float) -> None:
        while self._sent and self._sent[0].at + self._seconds <= now + _EARLY_S:
            self._total -= self._sent.popleft().amount


@dataclass(frozen=True, slots=True, kw_only=True)
class Reserved:
    """What was reserved for a request, and how much had been reserved in all by then."""

    cost: Cost
    parts: Sequence[Part]
    total: tuple[int, int, int]


@dataclass(slots=True, kw_only=True)
class _Heard:
    """What the endpoint told last of one quota, less what was sent since."""

    left: float
    limit: int | None
    per_s: float
    heard_at: float
    reset_at: float

    def wait_s(self, amount: int, now: float) -> float:
        missing = amount if self.limit is None else min(amount, self.limit)
        missing_now = missing - self.left - self.per_s * (now - self.heard_at)
        wait_s = self.reset_at - now
        if wait_s <= _EARLY_S or missing_now <= _EARLY_S:
            return 0.0
        return wait_s if self.per_s == 0.0 else min(missing_now / self.per_s, wait_s)


class RateLimits:
    """The rates of one endpoint: those it was configured with, and those it tells of.

    `counts_tokens` says whether the tokens of a request matter here.
    """

    def __init__(self, limits: Limits) -> None:
        wanted: Sequence[tuple[Quota, int | None, float]] = (
            ("requests", limits.requests_per_minute, MINUTE_S),
            ("requests", limits.requests_per_hour, HOUR_S),
            ("tokens", limits.tokens_per_minute, MINUTE_S),
            ("input_tokens", limits.input_tokens_per_minute, MINUTE_S),
            ("output_tokens", limits.output_tokens_per_minute, MINUTE_S),
        )
        self._windows = [
            Window(quota, limit, seconds) for quota, limit, seconds in wanted if limit is not None
        ]
        self._heard: dict[Quota, _Heard] = {}
        self._requests = self._input = self._output = 0
        self.counts_tokens = any(window.quota != "requests" for window in self._windows)

    def wait_s(self, cost: Cost, now: float) -> float:
        """Return how long until a request may be sent; 0.0 for now."""
        if not self._windows and not self._heard:
            return 0.0
        waits = [window.wait_s(cost.of(window.quota), now) for window in self._windows]
        waits += [heard.wait_s(cost.of(quota), now) for quota, heard in self._heard.items()]
        return max(waits)

    def take(self, cost: Cost, now: float) -> Reserved:
        """Reserve what a request may cost, and return what `settle` and `learn` want."""
        for quota, heard in self._heard.items():
            heard.left -= cost.of(quota)
        self._requests += cost.requests
        self._input += cost.input_tokens
        self._output += cost.output_tokens
        return Reserved(
            cost=cost,
            parts=[window.take(cost.of(window.quota), now) for window in self._windows],
            total=(self._requests, self._input, self._output),
        )

    def settle(self, reserved: Reserved, used: Cost, now: float) -> None:
        """Give back what was not used, and charge what was used beyond.

        The latter as if it were sent now: where it was reserved it may be past already.
        """
        for window, part in zip(self._windows, reserved.parts, strict=True):
            unused = reserved.cost.of(window.quota) - used.of(window.quota)
            if unused > 0:
                window.give_back(unused, part)
            elif unused < 0:
                window.take(-unused, now)

    def learn(self, told: Sequence[Told], reserved: Reserved, now: float) -> None:
        """Believe what the reply to a request said of the limits.

        Its endpoint may have counted when that request arrived, so that what was sent since is
        taken off. Where it counted later that is too much, until the reply to the last one sent.
        """
        requests, before, after = reserved.total
        since = Cost(
            requests=self._requests - requests,
            input_tokens=self._input - before,
            output_tokens=self._output - after,
        )
        for one in told:
            if one.reset_s > _LONGEST_TOLD_S:
                continue
            self.counts_tokens |= one.quota != "requests"
            growth = 0 if one.limit is None else max(0, one.limit - one.remaining)
            self._heard[one.quota] = _Heard(
                left=one.remaining - since.of(one.quota),
                limit=one.limit,
                per_s=growth / one.reset_s if one.fills and one.reset_s > 0 else 0.0,
                heard_at=now,
                reset_at=now + one.reset_s,
            )
