"""One running statement: what it asked, what it knows, how far it is, and whether it may go on."""

from __future__ import annotations

import threading
from collections import defaultdict, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airquery.answer import Failure
from airquery.errors import BUDGET_EXCEEDED, Cancelled, JobsOut, TooManyFailures, raised_by
from airquery.execute.answers import Answers
from airquery.execute.breaker import Breaker
from airquery.execute.departure import WaitedJobs
from airquery.execute.groups import Groups
from airquery.execute.ledger import Ledger
from airquery.execute.stats import Counters


if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Mapping

    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.answers import Result
    from airquery.execute.budget import Budget, Spending
    from airquery.execute.course import Course, SoFar
    from airquery.execute.departure import JobOut
    from airquery.execute.ledger import EndpointUsage
    from airquery.execute.observer import Observer
    from airquery.execute.stats import RunStats
    from airquery.request import Request

# How many requests may be read ahead of the rows that need them: enough for any endpoint, small in
# memory, and the most that is ever asked for nothing when a statement ends early.
WINDOW: Final = 4096
# The same where requests go in batches: some jobs at once, and each as large as a provider takes.
BATCH_WINDOW: Final = 200_000


class Cancel:
    """A flag that stops a statement from any thread. Once set it stays set."""

    def __init__(self) -> None:
        self._flag = threading.Event()

    def set(self) -> None:
        """Stop the statement; it raises `Cancelled` within a second."""
        self._flag.set()

    def is_set(self) -> bool:
        """Tell whether somebody stopped it."""
        return self._flag.is_set()

    def check(self, *, and_then: str = "", jobs: tuple[JobOut, ...] = ()) -> None:
        """Raise `Cancelled`, with the `jobs` that it leaves, if somebody stopped it.

        `and_then` is what else there is to say.
        """
        if self._flag.is_set():
            stopped = Cancelled(
                "The statement was cancelled. Its answers so far are in the journal: running it "
                f"again asks only for the rest.{and_then}"
            )
            stopped.jobs = jobs
            raise stopped


@dataclass(slots=True)
class _Open:
    """A request that has not ended. `strict`: its failure fails the statement."""

    strict: bool
    counted: bool
    endpoint: Endpoint


class Statement:
    """The state of one statement, shared by the threads that work for it.

    `collected` says that no further request is expected. `reading` is unset to stop those who read
    ahead. `window` bounds what they ask: what is open, or, once `paced`, what was asked and has not
    been taken by the row that needs it. `spending` bounds what is sent, if there is a budget, and
    `per_day` what all who name a day's budget send. `observer` is told of the requests that it pays
    for. `breakers` know an endpoint by its name that
    answers nobody; only the engine's loop asks them. `max_age_s` is how old a remembered answer may
    be, None for any age. `detaches` says that it may go while batch jobs are out. `left` counts the
    requests that were taken over from processes which ended without a word.
    """

    def __init__(
        self,
        cancel: Cancel | None = None,
        *,
        collected: bool = False,
        window: int = WINDOW,
        max_age_s: float | None = None,
    ) -> None:
        self.cancel = cancel or Cancel()
        self.collected = collected
        self.spending: Spending | None = None
        self.per_day: tuple[Budget, ...] = ()
        self.observer: Observer | None = None
        self.groups = Groups()
        self.breakers: defaultdict[str, Breaker] = defaultdict(Breaker)
        self.reading = True
        self.paced = False
        self.left = 0
        self._max_age_s = max_age_s
        self._since: float | None = None
        self._window = window
        self._lock = threading.RLock()
        self._ended = threading.Condition(self._lock)
        self._room = threading.Condition(self._lock)
        self._counters = Counters()
        self._ledger = Ledger()
        self._answers = Answers()
        self._open: dict[bytes, _Open] = {}
        self._ahead: set[bytes] = set()
        self._taken: deque[set[bytes]] = deque()
        self._awaited: list[set[bytes]] = []
        self._failures: dict[bytes, Failure] = {}
        self._fatal: Failure | None = None
        self._abandoned = False
        self._bounded: dict[int, tuple[float, set[bytes]]] = {}
        self.jobs = WaitedJobs()
        self.detaches = False
        # The batch jobs that it left to their providers.
        self.left_jobs: tuple[JobOut, ...] = ()

    @property
    def refusal(self) -> Failure | None:
        """Return the failure that every further request of this statement would end in."""
        failure = self._fatal
        return failure if failure is not None and failure.fatal else None

    def check(self) -> None:
        """Raise `Cancelled` if somebody stopped it.

        Raises `EndpointRefused` after a fatal failure, `RowFailed` if a strict request failed,
        `BudgetExceeded` if it was not sent, `JobsOut` if it went.
        """
        self.check_cancelled()
        if self.left_jobs:
            raise JobsOut(self.left_jobs)
        if self._abandoned:
            raise Cancelled("The statement's rows are not wanted any more.")
        if self._fatal is not None:
            raise raised_by(self._fatal)
        if self.collected:
            self.check_ratios()

    def since(self, now: float) -> float:
        """Return from when on answers are young enough, in seconds since 1970.

        It is the same for the whole statement: equal rows get equal answers.
        """
        if self._since is None:
            self._since = 0.0 if self._max_age_s is None else now - self._max_age_s
        return self._since

    def note_left(self, count: int) -> None:
        """Count requests that were taken over from a process that ended without a word."""
        with self._lock:
            self.left += count

    def check_cancelled(self) -> None:
        """Raise `Cancelled` if somebody stopped it, and say what goes on without it."""
        if not self.cancel.is_set():
            return
        self.cancel.check(and_then=self.jobs.told(), jobs=self.jobs.out())

    def all_out(self) -> bool:
        """Tell whether all it waits for is in batch jobs that nobody has to stay for."""
        with self._lock:
            return self.jobs.hold(self._open.keys())

    def go(self) -> None:
        """Leave its batch jobs to their provider, if all it waits for is in them."""
        with self._lock:
            if self.jobs.hold(self._open.keys()):
                self.left_jobs = self.jobs.out()

    def abandon(self) -> None:
        """Let nobody work for it any more: its rows are not wanted."""
        self._abandoned = True
        self.stop_reading()

    def check_ratios(self) -> None:
        """Raise `TooManyFailures` if more requests failed than a maxErrorRatio allows.

        Right only when all requests of the calls so far are known.
        """
        with self._lock:
            for ratio, keys in self._bounded.values():
                failed = [
                    failure
                    for key, failure in self._failures.items()
                    # What was not asked has not failed.
                    if key in keys and failure.condition != BUDGET_EXCEEDED
                ]
                if len(failed) > ratio * len(keys):
                    raise TooManyFailures(
                        failed=len(failed), requests=len(keys), ratio=ratio, example=failed[0]
                    )

    def bound_failures(self, call: int, ratio: float, keys: set[bytes]) -> None:
        """Count requests among those of a call, of which at most the share `ratio` may fail."""
        with self._lock:
            self._bounded.setdefault(call, (ratio, set()))[1].update(keys)

    def claim(
        self, requests: Iterable[Request], *, strict: bool
    ) -> tuple[dict[bytes, Request], set[bytes]]:
        """Note what this statement asks for; return what it neither knows nor awaits yet.

        The keys that come with it are of those that it knew and forgot: the journal has them.
        `strict` says that a failure of a request fails the statement.
        """
        new: dict[bytes, Request] = {}
        forgotten: set[bytes] = set()
        with self._lock:
            for request in requests:
                key = request.key
                if (waiting := self._open.get(key)) is not None:
                    waiting.strict |= strict
                elif self._answers.get(key) is None:
                    counted = self._answers.is_new(key)
                    self._open[key] = _Open(strict, counted, request.endpoint)
                    new[key] = request
                    if request.endpoint.batch is not None:
                        self._window = max(self._window, BATCH_WINDOW)
                    if not counted:
                        forgotten.add(key)
                elif strict and self._failures:
                    self._fatal = self._fatal or self._failures.get(key)
            self._counters.requests += len(new) - len(forgotten)
        return new, forgotten

    def strangers(self, keys: Iterable[bytes]) -> list[bytes]:
        """Return those of `keys` that this statement neither knows nor awaits."""
        return [k for k in keys if k not in self._open and self._answers.get(k) is None]

    def note_remembered(self, endpoint: Endpoint, keys: Iterable[bytes]) -> None:
        """Count requests that the journal answered without being claimed."""
        with self._lock:
            new = sum(map(self._answers.is_new, keys))
            self._counters.name_currency(endpoint.price.currency)
            self._counters.requests += new
            self._counters.answered += new
            self._counters.from_journal += new
            self._ledger.remembered(endpoint, new)

    def settle_unpaid(self, results: Mapping[bytes, Result]) -> None:
        """Note how claimed requests ended that were not sent."""
        with self._lock:
            for key, result in results.items():
                self._end(key, result, price=0.0)
            for keys in self._awaited:
                keys.difference_update(results)
            self._ended.notify_all()
            self._room.notify_all()

    def settle(self, key: bytes, result: Result, *, price: float) -> None:
        """Note how a claimed request ended, and count it."""
        with self._lock:
            self._end(key, result, price=price)
            if isinstance(result.outcome, Failure):
                self._ended.notify_all()
            for keys in self._awaited:
                keys.discard(key)
                if not keys:
                    self._ended.notify_all()
            self._room.notify_all()

    def _end(self, key: bytes, result: Result, *, price: float) -> None:
        was = self._open.pop(key)
        currency = was.endpoint.price.currency
        self._answers.keep(key, result)
        if was.counted:
            self._counters.count(result, price=price, currency=currency)
            self._ledger.count(was.endpoint, result, price=price, currency=currency)
        if isinstance(result.outcome, Failure):
            self._failures[key] = result.outcome
            if was.strict or result.outcome.fatal:
                self._fatal = self._fatal or result.outcome

    def refuse(self, key: bytes, failure: Failure, *, strict: bool) -> None:
        """Count a row that cannot be asked as a request that failed without being sent."""
        with self._lock:
            if self._answers.is_new(key):
                self._counters.requests += 1
                self._counters.answered += 1
                self._counters.failed += 1
                self._failures[key] = failure
                self._ledger.refused(failure)
            if strict:
                self._fatal = self._fatal or failure

    def note_misfit(self, key: bytes, failure: Failure, endpoint: Endpoint) -> None:
        """Note that an answer did not fit its type, once per request."""
        with self._lock:
            if key not in self._failures:
                self._failures[key] = failure
                self._counters.failed += 1
                self._ledger.misfit(endpoint, failure)

    def note_rows(self, endpoint: Endpoint, count: int) -> None:
        """Count rows that have a request."""
        with self._lock:
            self._ledger.rows(endpoint, count)

    def note_course(self, course: Course) -> None:
        """Let it be noted how its requests end."""
        self._ledger.course = course

    def course(self) -> SoFar | None:
        """Return how its requests ended so far, if that is noted."""
        with self._lock:
            return None if self._ledger.course is None else self._ledger.course.so_far()

    def usage(self) -> tuple[EndpointUsage, ...]:
        """Return what was asked of each endpoint so far."""
        with self._lock:
            return self._ledger.usage()

    def known(self, key: bytes) -> Result | None:
        """Return how a request of this statement ended, if it has and that was not forgotten."""
        return self._answers.get(key)

    def wait_for(self, keys: set[bytes], *, timeout_s: float) -> bool:
        """Wait until `keys` have ended or some request failed; True if all of them have ended."""
        with self._lock:
            still_open = keys & self._open.keys()
            if still_open:
                self._awaited.append(still_open)
                self._ended.wait(timeout_s)
                self._awaited = [other for other in self._awaited if other is not still_open]
            return not still_open

    def wait_for_all(self, *, timeout_s: float) -> bool:
        """Wait until nothing is open or some request failed; True if nothing is open."""
        return self.wait_for(set(self._open), timeout_s=timeout_s)

    def are_open(self, keys: set[bytes]) -> bool:
        """Tell whether none of `keys` has ended yet."""
        with self._lock:
            return bool(keys) and self._open.keys() >= keys

    def read_ahead(self, keys: set[bytes]) -> None:
        """Note that requests were asked before the rows that need them were reached."""
        with self._lock:
            # A reader may be behind the rows: what they have taken, they do not take again.
            for taken in self._taken:
                keys = keys - taken
            self._ahead |= keys

    def take(self, keys: set[bytes]) -> None:
        """Note that rows which need these requests were reached."""
        if not self.paced:
            return
        with self._lock:
            self._taken.append(keys)
            while sum(map(len, self._taken)) > 2 * self._window:
                self._taken.popleft()
            if not self._ahead.isdisjoint(keys):
                self._ahead -= keys
                self._room.notify_all()

    def wait_for_room(self, *, timeout_s: float) -> bool:
        """Wait until more may be read ahead; True if it may."""
        with self._lock:
            if self._is_full():
                self._room.wait(timeout_s)
            return not self._is_full()

    def stop_reading(self) -> None:
        """Let those who read ahead end: the rows are all there."""
        with self._lock:
            self.reading = False
            self._room.notify_all()

    def failures(self) -> tuple[Failure, ...]:
        """Return the failures so far, one per distinct request."""
        with self._lock:
            return tuple(self._failures.values())

    def latencies_s(self) -> dict[str, array[float]]:
        """Return how long each endpoint took for each answer this statement paid for."""
        with self._lock:
            return self._ledger.latencies_s()

    def stats(self, *, seconds: float = 0.0) -> RunStats:
        """Return the counters as they are now."""
        with self._lock:
            return self._counters.at(seconds, collected=self.collected, batches=self.jobs.counts())

    def _is_full(self) -> bool:
        return len(self._ahead if self.paced else self._open) >= self._window
