"""One batch job from its submission to its answers.

The journal knows of a job before its provider does, so that one that was cut off anywhere is found
again: by the provider's name for it, or in the provider's list by ours. Nothing is submitted a
second time while it may be there already. All that comes back is made durable, whoever asked for
it, and only then the job is forgotten.
"""

from __future__ import annotations

import asyncio
import logging
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Final, Protocol

from airquery.answer import Answer, Failure
from airquery.endpoints.batch_wires import batch_wire_for
from airquery.endpoints.redaction import redact_answer
from airquery.errors import JournalError
from airquery.execute.batch_calls import BatchCalls
from airquery.execute.batch_file import lines_of
from airquery.execute.batch_job import (
    cut_short,
    gone,
    is_answer,
    may_have_arrived,
    outcome_of,
    pause_s,
    wait_again,
    without_line,
)
from airquery.execute.flight import Ending
from airquery.execute.lane import Owner
from airquery.execute.retry import is_free, wait_before_next


if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from concurrent.futures import Future

    from airquery.answer import Outcome
    from airquery.clock import Clock
    from airquery.endpoints.batch import BatchState, Line
    from airquery.endpoints.endpoint import Batch, Endpoint
    from airquery.execute.batch_job import Job
    from airquery.execute.exchange import Exchange
    from airquery.execute.flight import Flight
    from airquery.execute.parcel import Parcel
    from airquery.journal.jobs import Jobs


log = logging.getLogger(__name__)

# What a provider says that has no such batch, or no list of them.
UNKNOWN: Final = frozenset({404, 405, 410})


class BatchOwner(Owner, Protocol):
    """Who launched the flights, and what else a batch lane wants of it."""

    async def unanswered(self, flights: Sequence[Flight]) -> list[Flight]:
        """Settle those that the journal answers by now; return the others."""

    def reserve_paid(self, flight: Flight) -> None:
        """Count what an earlier run pays for in the budget of the run that reads it."""

    def keep(
        self, endpoint: Endpoint, key: bytes, body: bytes, *, latency_s: float
    ) -> Future[None]:
        """Remember an answer that nobody waits for."""


@dataclass(slots=True)
class Landed:
    """What was read of a batch: how many lines, for which of our requests, and whether all is kept."""

    lines: int = 0
    keys: set[bytes] = field(default_factory=set)
    durable: bool = True


class BatchRun:
    """Looks after the jobs of one endpoint. Raises `InvalidEndpoint` if it has no batch API."""

    def __init__(
        self,
        endpoint: Endpoint,
        batch: Batch,
        *,
        owner: BatchOwner,
        jobs: Jobs,
        exchange: Exchange,
        clock: Clock,
        dice: random.Random,
    ) -> None:
        self._endpoint = endpoint
        self._batch = batch
        self._owner = owner
        self._jobs = jobs
        self._wire = batch_wire_for(endpoint)
        self._calls = BatchCalls(endpoint, exchange)
        self._clock = clock
        self._dice = dice

    async def work(self, job: Job) -> None:
        """Bring a job to its end: each of its requests has ended, or goes `again`."""
        over = False
        while not over:
            if job.record.batch is None:
                begun = await self._begun(job)
                if isinstance(begun, Failure):
                    self._end_all(job, begun)
                    return
                if begun is None:
                    # It never came to the provider.
                    await self._forget(job)
                    job.again += [(0.0, parcel) for parcel in job.parcels.values()]
                    return
            state = await self._ended(job)
            if isinstance(state, Failure):
                if state.http_status in UNKNOWN:
                    await self._forget(job)
                    state = gone(self._endpoint, job.name, state)
                self._end_all(job, state)
                return
            over = await self._read(job, state)

    async def _begun(self, job: Job) -> BatchState | Failure | None:
        """Submit a job, or find it where it may be already; None if it is nowhere to be found."""
        began, attempt, faults = self._clock.monotonic(), 0, 0
        while True:
            found: BatchState | Failure | None = None
            if job.may_be_there:
                found = await self._calls.find(job.record, foreign=job.foreign)
                job.is_adopted = found is not None
            if found is None and not job.lines:
                return None
            searched = found is not None
            if found is None:
                found = await self._calls.create(job.lines, job.record.id)
            if not isinstance(found, Failure):
                await self._named(job, found)
                return found
            if searched and found.http_status in UNKNOWN and not job.lines:
                await self._forget(job)
                return gone(self._endpoint, job.name, found)
            job.may_be_there |= not searched and may_have_arrived(found)
            attempt, faults = attempt + 1, faults + (not is_free(found))
            wait_s = wait_before_next(
                found,
                attempt=attempt,
                faults=faults,
                elapsed_s=self._clock.monotonic() - began,
                dice=self._dice.random(),
                limits=self._endpoint.limits,
            )
            if wait_s is None:
                if not job.may_be_there:
                    await self._forget(job)
                return found
            await self._clock.sleep(wait_s)

    async def _named(self, job: Job, state: BatchState) -> None:
        """Note the provider's name for a job."""
        job.record, job.lines = replace(job.record, batch=state.batch), []
        log.info(
            "batch job %s endpoint=%s job=%s batch=%s requests=%d",
            "found" if job.is_adopted else "submitted",
            self._endpoint.name,
            job.record.id,
            state.batch,
            len(job.record.keys),
        )
        # What was only guessed to be the job's is guessed again by the next process.
        if job.is_kept and (not job.is_adopted or state.job == job.record.id):
            try:
                await asyncio.to_thread(self._jobs.remember, job.record)
            except JournalError:
                # It is found again by our name for it.
                log.warning("batch job without its name job=%s", job.record.id, exc_info=True)
        if state.phase == "running":
            job.is_running = True
            job.note()

    async def _ended(self, job: Job) -> BatchState | Failure:
        """Wait until the provider is done with a job."""
        polls, failing_since = 0, None
        wait_s = 0.0 if job.may_be_there else pause_s(0, self._batch)
        while True:
            await self._clock.sleep(wait_s)
            state = await self._calls.state(job.record.batch or "")
            wait_s = pause_s(polls, self._batch)
            polls += 1
            if isinstance(state, Failure):
                now = self._clock.monotonic()
                failing_since = now if failing_since is None else failing_since
                lasts = now - failing_since > self._endpoint.limits.deadline_s
                if lasts or not state.retryable:
                    return state
                wait_s = max(wait_s, state.retry_after_s or 0.0)
                continue
            failing_since = None
            log.debug("batch %s %s %d/%d", state.batch, state.phase, state.done, state.requests)
            job.is_running = state.phase == "running"
            if not job.is_running:
                return state
            job.note(done=state.done)

    async def _read(self, job: Job, state: BatchState) -> bool:
        """Take all that a batch brought; False if it turns out to be another's."""
        job.is_read = True
        landed = await self._all_landed(job, state)
        if isinstance(landed, Failure):
            self._end_all(job, landed)
            return True
        if _is_foreign(job, landed):
            job.foreign.add(state.batch)
            job.record, job.is_read = replace(job.record, batch=None), False
            return False
        places = {key: place for place, key in enumerate(job.record.keys)}
        for key, parcel in job.parcels.items():
            self._settle(job, parcel, without_line(self._endpoint, state, places[key]))
        log.info(
            "batch job ended endpoint=%s job=%s batch=%s phase=%s again=%d",
            self._endpoint.name,
            job.record.id,
            state.batch,
            state.phase,
            len(job.again),
        )
        if landed.durable:
            await self._forget(job)
        return True

    async def _all_landed(self, job: Job, state: BatchState) -> Landed | Failure:
        """Read the outputs of a batch until they hold what it says to have answered."""
        began, polls = self._clock.monotonic(), 0
        while True:
            read = await self._landed_once(job, state)
            missing = not isinstance(read, Failure) and len(read.keys) < state.answered
            if not isinstance(read, Failure) and (not missing or _is_foreign(job, read)):
                return read
            failure = read if isinstance(read, Failure) else cut_short(self._endpoint, state)
            lasts = self._clock.monotonic() - began > self._endpoint.limits.deadline_s
            if lasts or not failure.retryable:
                return failure
            await self._clock.sleep(max(pause_s(polls, self._batch), failure.retry_after_s or 0.0))
            polls += 1

    async def _landed_once(self, job: Job, state: BatchState) -> Landed | Failure:
        """Land every line of the outputs as they are now."""
        landed = Landed()
        ours = set(job.record.keys)
        with tempfile.TemporaryDirectory(prefix="airquery-batch-") as folder:
            for output in state.outputs:
                path = Path(folder, "output.jsonl")
                failure = await self._calls.save(output, path)
                if failure is not None:
                    return failure
                for some in lines_of(path):
                    read = [self._wire.output_line(text) for text in some]
                    mine = [line for line in read if line is not None and line.key in ours]
                    writes = [write for line in mine for write in self._landed(job, state, line)]
                    # So that no more is in memory than what is being written.
                    ended = await asyncio.gather(
                        *map(asyncio.wrap_future, writes), return_exceptions=True
                    )
                    landed.lines += len(some)
                    landed.keys |= {line.key for line in mine}
                    landed.durable &= not any(isinstance(one, BaseException) for one in ended)
        return landed

    def _landed(self, job: Job, state: BatchState, line: Line) -> list[Future[None]]:
        line = replace(line, body=redact_answer(self._endpoint, line.body))
        parcel = job.parcels.pop(line.key, None)
        if parcel is not None:
            request = parcel.flights[0].request
            outcome = outcome_of(request, line, batch=state.batch, now=self._clock.time())
            return self._settle(job, parcel, outcome, body=line.body)
        if job.is_kept and is_answer(self._endpoint, line):
            latency_s = self._clock.time() - job.record.created_at
            return [self._owner.keep(self._endpoint, line.key, line.body, latency_s=latency_s)]
        return []

    def _settle(
        self, job: Job, parcel: Parcel, outcome: Outcome, *, body: bytes = b""
    ) -> list[Future[None]]:
        """End a request, or let it go again."""
        parcel.attempts += 1
        if isinstance(outcome, Failure):
            wait_s = wait_again(outcome, parcel, dice=self._dice.random())
            if wait_s is not None:
                job.again.append((wait_s, parcel))
                return []
            outcome = replace(outcome, attempts=parcel.attempts)
        ending = Ending(
            outcome=outcome,
            body=body if isinstance(outcome, Answer) else b"",
            latency_s=max(0.0, self._clock.time() - job.record.created_at),
            attempts=parcel.attempts,
        )
        return self._owner.ended(parcel.flights, [ending])

    def _end_all(self, job: Job, failure: Failure) -> None:
        """End what is left of a job. Unless it was forgotten, running again finds it."""
        for parcel in job.parcels.values():
            parcel.attempts += 1
            ending = Ending(outcome=failure, attempts=parcel.attempts)
            self._owner.ended(parcel.flights, [ending])
        job.parcels.clear()

    async def _forget(self, job: Job) -> None:
        if job.is_kept:
            await asyncio.to_thread(self._jobs.forget, job.record.id)
            job.is_kept = False


def _is_foreign(job: Job, landed: Landed) -> bool:
    """Tell whether a batch that was taken for a job's has nothing of it."""
    return job.is_adopted and landed.lines > 0 and not landed.keys
