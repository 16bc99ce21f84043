"""Decide how many requests may be in flight to one endpoint.

The limit shrinks only on evidence of overload: a refusal that asks for patience, or many faults. A
slow answer is none, because an answer takes as long as it is. Growth is fast until the first
evidence and careful afterwards: additive increase and multiplicative decrease, so that several
processes come to equal shares of an endpoint without knowing of each other (Chiu and Jain,
Computer Networks and ISDN Systems 17, 1989). It has no clock: every moment is an argument.
"""

from __future__ import annotations

from typing import Final


# Where the search begins. Processes that begin at the same time grow alike from here; if they began
# with more, the first would have all there is. Three doublings to 64 take half a second.
START: Final = 8
# More sockets than this few systems give a process.
MOST: Final = 2048
# After a refusal the limit falls to this share of what was admitted. On average half of the rest is
# not used, so it is near 1; further from 1, processes come to equal shares sooner.
KEEP: Final = 0.95
# The same after faults, which say less about how much is too much.
KEEP_AFTER_FAULTS: Final = 0.7
# Faults are evidence of overload when they are so many and such a share of the replies.
MANY_FAULTS: Final = 5
FAULTY_SHARE: Final = 0.1
# By so much the limit grows with an answer while it is searched: it triples in the time of one.
GROWTH: Final = 2.0
# Doubling takes as long as an answer while the endpoint keeps up, and twice as long with each step
# when it does not: between the two, far enough from both for answers of varying length.
SATURATED: Final = 1.6
# From this limit on there are enough answers in a doubling to tell.
FEWEST_TO_TELL: Final = 32
# The limit grew so far beyond what was once too much: there is more room than there was.
BEYOND: Final = 1.15
BEYOND_PLUS: Final = 4
# Less was admitted than the last time: somebody else came, and gets room.
YIELDING: Final = 0.97
YIELD: Final = 0.8
# How long a found limit is kept before more is tried, in times of the last doubling and in seconds.
HOLD_DOUBLINGS: Final = 20
CALM_AFTER_FAULTS_S: Final = 10.0
# A limit that is used to less than this share is not what bounds the requests.
USED: Final = 0.75
# While answers take more than this share of the time they may take, the limit does not grow: what
# waits inside the endpoint would time out.
ROOM_TO_GROW: Final = 0.25
FIRST_PAUSE_S: Final = 0.5
LONGEST_PAUSE_S: Final = 30.0


class Concurrency:
    """The limit of one endpoint.

    `told` is an upper bound that the user gave, `timeout_s` how long an answer may take.
    """

    def __init__(
        self,
        *,
        told: int | None = None,
        timeout_s: float = 120.0,
        start: int = START,
        most: int = MOST,
    ) -> None:
        self._timeout_s = timeout_s
        self._most = most if told is None else told
        self._limit = float(min(start, most) if told is None else told)
        self._paused_until = 0.0
        self._searching = True
        # What was admitted when there was too much; the limit was cut then.
        self._ceiling: float | None = None
        self._cut_at = float("-inf")
        self._hold_until = float("-inf")
        # When the limit was last doubled, what it was then, and how long the doubling took.
        self._mark: tuple[float, float] | None = None
        self._doubling_s: float | None = None
        self._replies = self._faults = 0
        self._pauses = 0

    @property
    def limit(self) -> int:
        """Return how many requests may be in flight now; at least 1."""
        return max(1, int(self._limit))

    @property
    def paused_until(self) -> float:
        """Return the moment before which nothing is to be sent."""
        return self._paused_until

    def answered(self, now: float, *, sent_at: float, in_flight: int) -> None:
        """Note a reply, whatever it said. `in_flight` are the others that are still out."""
        self._replies += 1
        self._pauses = 0
        slow = now - sent_at > ROOM_TO_GROW * self._timeout_s
        if slow or in_flight + 1 < USED * self.limit:
            self._mark = None
            return
        if self._searching:
            self._search(now)
        elif now >= self._hold_until:
            self._climb()

    def rejected(
        self, now: float, *, sent_at: float, in_flight: int, retry_after_s: float | None
    ) -> None:
        """Note a refusal that asks for patience, and how long it asked to wait."""
        if in_flight == 0:
            self._pause(now, retry_after_s)
            return
        if sent_at <= self._cut_at:
            # Sent before it was known; but what is out by now was admitted in its place.
            self._limit = min(self._limit, float(in_flight))
            self._ceiling = min(self._ceiling or self._limit, self._limit)
            return
        admitted = min(float(in_flight), self._limit)
        keep = 1.0 if self._searching else KEEP
        if self._ceiling is not None and admitted < YIELDING * self._ceiling:
            keep = YIELD
        self._cut(now, keep * admitted)
        self._ceiling = admitted

    def faulted(self, now: float, *, sent_at: float, in_flight: int) -> None:
        """Note a timeout, a broken connection, or a server error."""
        if sent_at <= self._cut_at:
            return
        self._replies += 1
        self._faults += 1
        window = max(2.0 * self._limit, float(FEWEST_TO_TELL))
        # What is still out may be answered yet: faults are often quicker than answers.
        known = self._replies + in_flight
        if self._faults >= MANY_FAULTS and self._faults > FAULTY_SHARE * known:
            self._cut(now, KEEP_AFTER_FAULTS * self._limit)
            self._hold_until = now + CALM_AFTER_FAULTS_S
        elif self._replies > window:
            self._replies = self._faults = 0

    def _search(self, now: float) -> None:
        """Grow with every answer, which multiplies the limit while the endpoint keeps up."""
        if self._mark is None:
            self._mark = (now, self._limit)
        self._limit = min(self._limit + GROWTH, float(self._most))
        since, before = self._mark
        if self._limit < 2 * before:
            return
        took_s, last_s = now - since, self._doubling_s
        self._mark, self._doubling_s = (now, self._limit), took_s
        if last_s is not None and before >= FEWEST_TO_TELL and took_s > SATURATED * last_s:
            # It takes no more than before: the last two doublings brought nothing.
            self._limit = max(1.0, before)
            self._ceiling, self._searching = self._limit, False
            self._hold_until = now + HOLD_DOUBLINGS * last_s

    def _climb(self) -> None:
        """Grow by one in the time of an answer, and search again where there is room."""
        self._limit = min(self._limit + 1.0 / self._limit, float(self._most))
        ceiling = self._ceiling if self._ceiling is not None else self._limit
        if self._limit > BEYOND * ceiling + BEYOND_PLUS:
            self._searching, self._mark, self._doubling_s = True, None, None

    def _cut(self, now: float, limit: float) -> None:
        self._ceiling = self._limit = max(1.0, limit)
        self._cut_at = now
        self._searching, self._mark, self._doubling_s = False, None, None
        self._replies = self._faults = 0

    def _pause(self, now: float, retry_after_s: float | None) -> None:
        """Send nothing for a while, then a single request: it takes not even one."""
        self._pauses += 1
        usual_s = min(LONGEST_PAUSE_S, FIRST_PAUSE_S * 2.0 ** min(self._pauses - 1, 10))
        wait_s = usual_s if retry_after_s is None else retry_after_s
        self._paused_until = max(self._paused_until, now + wait_s)
        self._cut(now, 1.0)
        self._searching = True
