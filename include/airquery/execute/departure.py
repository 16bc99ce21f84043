"""Whether a statement may go and leave its batch jobs to their provider.

It may once everything that it waits for is in jobs that the journal and the provider know. Then
nobody has to stay: whoever runs it again finds the same jobs, and pays nothing twice.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    from collections.abc import Sequence, Set as AbstractSet


# How long nothing new may come of a statement whose last request nobody can foresee.
QUIET_S: Final = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class JobOut:
    """A job that its provider has: `job` is our name for it, `batch` the provider's."""

    endpoint: str
    job: str
    batch: str
    requests: int

    def __str__(self) -> str:
        return f"batch {self.batch} of endpoint {self.endpoint!r} ({self.requests:,} requests)"


@dataclass(frozen=True, slots=True, kw_only=True)
class WaitedJob:
    """A job as a statement sees it that waits for it: `done` of its `keys` have ended.

    It `is_out` if it would be found again without this process, and was not over when last seen.
    """

    endpoint: str
    job: str
    batch: str | None
    done: int
    keys: Sequence[bytes]
    is_out: bool


class WaitedJobs:
    """The jobs that one statement waits for. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._jobs: dict[str, WaitedJob] = {}
        self._put_off: set[bytes] = set()
        self._lock = threading.Lock()

    def note(self, job: WaitedJob) -> None:
        """Take what is known of a job now."""
        with self._lock:
            self._jobs[job.job] = job

    def drop(self, job: str) -> None:
        """Forget a job: it is not waited for any more."""
        with self._lock:
            self._jobs.pop(job, None)

    def put_off(self, key: bytes) -> None:
        """Note a request that a budget has no room for until others have ended."""
        with self._lock:
            self._put_off.add(key)

    def told(self) -> str:
        """Say what becomes of them without the statement; nothing, if there are none."""
        with self._lock:
            names = ", ".join(self._jobs)
        if not names:
            return ""
        return f" Batch jobs stay at the provider ({names}), and running it again reads them."

    def counts(self) -> tuple[tuple[int, int], ...]:
        """Return of each how many of how many requests have ended."""
        with self._lock:
            return tuple((one.done, len(one.keys)) for one in self._jobs.values())

    def out(self) -> tuple[JobOut, ...]:
        """Return those that the provider has."""
        with self._lock:
            return tuple(
                JobOut(endpoint=one.endpoint, job=one.job, batch=one.batch, requests=len(one.keys))
                for one in self._jobs.values()
                if one.batch is not None
            )

    def hold(self, keys: AbstractSet[bytes]) -> bool:
        """Tell whether there are jobs, all of them out, and each of `keys` is in one or put off."""
        with self._lock:
            jobs = self._jobs.values()
            if not jobs or not keys or not all(one.is_out for one in jobs):
                return False
            # Of 200,000 keys a set takes some milliseconds: not before it can be that all are in.
            if sum(len(one.keys) for one in jobs) + len(self._put_off) < len(keys):
                return False
            return keys <= self._put_off.union(*(one.keys for one in jobs))


class Departure:
    """Decides when one statement goes. `now` is in monotonic seconds."""

    def __init__(self) -> None:
        self._requests = -1
        self._since = 0.0

    def may_go(self, *, all_out: bool, collected: bool, requests: int, now: float) -> bool:
        """Say whether it may go now.

        `all_out` says that all it waits for is in jobs that are out, and `collected` that it asks
        nothing more. Without that it goes when its number of `requests` has not grown for a while.
        """
        if requests != self._requests or not all_out:
            self._requests, self._since = requests, now
        return all_out and (collected or now - self._since >= QUIET_S)
