"""One running statement: what it asked, what it knows, how far it is, and whether it may go on."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from airquery.answer import Failure, Outcome
from airquery.errors import Cancelled, EndpointRefused, RowFailed, TooManyFailures


Source: TypeAlias = Literal["endpoint", "journal"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one request ended: its outcome, who gave it, and how long the endpoint took."""

    outcome: Outcome
    source: Source
    latency_s: float = 0.0
    attempts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStats:
    """Counters of one statement, at one moment.

    `requests` are distinct ones, `answered` those that have ended, one way or the other: sent
    (`sent`), or answered by the journal or by another statement that is asking the same
    (`from_journal`). `failed` are those that ended as a
    failure, or with an answer that does not fit its type; `retries` the attempts beyond the first.
    `price` is what `sent` cost by the endpoint's price list. `collected` says that no further
    request is expected.
    """

    requests: int = 0
    answered: int = 0
    sent: int = 0
    from_journal: int = 0
    failed: int = 0
    retries: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    price: float = 0.0
    currency: str = "USD"
    seconds: float = 0.0
    collected: bool = False


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

    def check(self) -> None:
        """Raise `Cancelled` if somebody stopped it."""
        if self._flag.is_set():
            raise Cancelled(
                "The statement was cancelled. Its answers so far are in the journal: running it "
                "again asks only for the rest."
            )


class Statement:
    """The state of one statement, shared by the threads that work for it."""

    def __init__(self, cancel: Cancel | None = None) -> None:
        self.cancel = cancel or Cancel()
        self._lock = threading.Condition()
        self._stats = RunStats()
        self._known: dict[bytes, Result] = {}
        self._unanswered: set[bytes] = set()
        self._awaited: list[set[bytes]] = []
        self._failures: dict[bytes, Failure] = {}
        self._latencies_s: list[float] = []
        self._strict: set[bytes] = set()
        self._fatal: Failure | None = None
        self._bounded: dict[int, tuple[float, set[bytes]]] = {}
        self._unfinished = False

    @property
    def refusal(self) -> Failure | None:
        """Return the failure that every further request of this statement would end in."""
        failure = self._fatal
        return failure if failure is not None and failure.fatal else None

    def check(self) -> None:
        """Raise `Cancelled` if somebody stopped it.

        Raises `EndpointRefused` after a fatal failure, `RowFailed` if a strict request failed.
        """
        self.cancel.check()
        if self._fatal is not None:
            raise EndpointRefused(self._fatal) if self._fatal.fatal else RowFailed(self._fatal)

    def check_ratios(self) -> None:
        """Raise `TooManyFailures` if more requests failed than a maxErrorRatio allows.

        Right only when all requests of the calls so far are known.
        """
        with self._lock:
            for ratio, keys in self._bounded.values():
                failed = [self._failures[key] for key in keys if key in self._failures]
                if len(failed) > ratio * len(keys):
                    raise TooManyFailures(
                        failed=len(failed), requests=len(keys), ratio=ratio, example=failed[0]
                    )

    def bound_failures(self, call: int, ratio: float, keys: set[bytes]) -> None:
        """Count requests among those of a call, of which at most the share `ratio` may fail."""
        with self._lock:
            self._bounded.setdefault(call, (ratio, set()))[1].update(keys)

    def note_unfinished(self) -> None:
        """Note that a row waits for answers that decide what it asks next."""
        self._unfinished = True

    def take_unfinished(self) -> bool:
        """Tell whether such a row was noted since this was last asked."""
        was, self._unfinished = self._unfinished, False
        return was

    def claim(self, key: bytes, *, strict: bool) -> bool:
        """Note that this statement asks for `key`; False if it did so before.

        `strict` says that its failure fails the statement.
        """
        with self._lock:
            if strict:
                self._strict.add(key)
                self._fatal = self._fatal or self._failures.get(key)
            if key in self._known or key in self._unanswered:
                return False
            self._unanswered.add(key)
            self._stats = replace(self._stats, requests=self._stats.requests + 1)
            return True

    def settle(self, key: bytes, result: Result, *, price: float, currency: str) -> None:
        """Note how a claimed request ended, and count it."""
        with self._lock:
            self._unanswered.discard(key)
            self._known[key] = result
            self._stats = _counted(self._stats, result, price=price, currency=currency)
            if isinstance(result.outcome, Failure):
                self._failures[key] = result.outcome
                if key in self._strict or result.outcome.fatal:
                    self._fatal = self._fatal or result.outcome
                self._lock.notify_all()
            elif result.source == "endpoint":
                self._latencies_s.append(result.latency_s)
            for keys in self._awaited:
                keys.discard(key)
                if not keys:
                    self._lock.notify_all()

    def refuse(self, key: bytes, failure: Failure, *, strict: bool) -> None:
        """Count a row that cannot be asked as a request that failed without being sent."""
        if self.claim(key, strict=strict):
            self.settle(key, Result(outcome=failure, source="endpoint"), price=0.0, currency="USD")

    def note_misfit(self, key: bytes, failure: Failure) -> None:
        """Note that an answer did not fit its type, once per request."""
        with self._lock:
            if key not in self._failures:
                self._failures[key] = failure
                self._stats = replace(self._stats, failed=self._stats.failed + 1)

    def known(self, key: bytes) -> Result | None:
        """Return how a request of this statement ended, if it has."""
        return self._known.get(key)

    def wait_for(self, keys: set[bytes], *, timeout_s: float) -> bool:
        """Wait until `keys` have ended or some request failed; True if all of them have ended."""
        with self._lock:
            still_open = keys & self._unanswered
            if still_open:
                self._awaited.append(still_open)
                self._lock.wait(timeout_s)
                self._awaited = [other for other in self._awaited if other is not still_open]
            return not still_open

    def wait_for_all(self, *, timeout_s: float) -> bool:
        """Wait until nothing is open or some request failed; True if nothing is open."""
        return self.wait_for(self._unanswered, timeout_s=timeout_s)

    def has_room(self, limit: int) -> bool:
        """Tell whether fewer than `limit` requests are open."""
        with self._lock:
            return len(self._unanswered) < limit

    def failures(self) -> tuple[Failure, ...]:
        """Return the failures so far, one per distinct request."""
        with self._lock:
            return tuple(self._failures.values())

    def latencies_s(self) -> tuple[float, ...]:
        """Return how long the endpoint took for each answer this statement paid for."""
        with self._lock:
            return tuple(self._latencies_s)

    def stats(self, *, seconds: float = 0.0) -> RunStats:
        """Return the counters as they are now."""
        with self._lock:
            return replace(self._stats, seconds=seconds)

    def mark_collected(self) -> None:
        """Note that every request that can be known ahead is known."""
        with self._lock:
            self._stats = replace(self._stats, collected=True)


def _counted(stats: RunStats, result: Result, *, price: float, currency: str) -> RunStats:
    failed = isinstance(result.outcome, Failure)
    stats = replace(stats, answered=stats.answered + 1, failed=stats.failed + failed)
    if result.source == "journal":
        return replace(stats, from_journal=stats.from_journal + 1)
    if result.attempts == 0:
        return stats
    stats = replace(stats, sent=stats.sent + 1, retries=stats.retries + result.attempts - 1)
    if isinstance(result.outcome, Failure):
        return stats
    usage = result.outcome.usage
    return replace(
        stats,
        prompt_tokens=stats.prompt_tokens + usage.prompt_tokens,
        completion_tokens=stats.completion_tokens + usage.completion_tokens,
        price=stats.price + price,
        currency=currency,
    )
