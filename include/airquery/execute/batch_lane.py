"""What waits for an endpoint that is asked in batches, and into which job each of it goes.

Requests are gathered until a job is full, until no more are to come, or until nothing new came for
a while. A request that an unread job was sent with already, by whichever process, waits for that
job. Only the event loop's thread comes here.
"""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING, Final
from uuid import uuid4

from airquery.endpoints.batch_wires import batch_wire_for
from airquery.errors import AirqueryError, JournalError
from airquery.execute.batch_file import Written, bounds_of, cut
from airquery.execute.batch_job import Job
from airquery.execute.batch_run import BatchRun
from airquery.execute.flight import Ending, refused, unsendable
from airquery.execute.parcel import Parcel
from airquery.journal.jobs import BatchJob


if TYPE_CHECKING:
    import random
    from collections.abc import Coroutine, Iterable, Sequence

    from airquery.answer import Failure
    from airquery.clock import Clock
    from airquery.endpoints.endpoint import Batch, Endpoint
    from airquery.execute.batch_run import BatchOwner
    from airquery.execute.exchange import Exchange
    from airquery.execute.flight import Flight
    from airquery.journal.jobs import Jobs


log = logging.getLogger(__name__)

# How long what was asked at one time takes to come together here.
SETTLED_S: Final = 0.05


def account(endpoint: Endpoint) -> object:
    """Return what tells apart whose jobs these are, and how they are made: a key of a mapping."""
    return (
        endpoint.provider,
        endpoint.task,
        endpoint.api,
        endpoint.name,
        endpoint.api_key,
        endpoint.oauth,
        frozenset(endpoint.headers.items()),
        frozenset(endpoint.query.items()),
        endpoint.route,
        endpoint.batch,
    )


class BatchLane:
    """The way to one endpoint's batch API. Raises `InvalidEndpoint` if it has none."""

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
        self._address = endpoint.base_url.rstrip("/")
        self._batch = batch
        self._wire = batch_wire_for(endpoint)
        self._bounds = bounds_of(batch, self._wire)
        self._owner = owner
        self._jobs = jobs
        self._clock = clock
        self._run = BatchRun(
            endpoint, batch, owner=owner, jobs=jobs, exchange=exchange, clock=clock, dice=dice
        )
        self._waiting: list[Written] = []
        self._size = 0
        # What has no room in a budget beside what is in flight.
        self._unafforded: list[Written] = []
        self._active: dict[str, Job] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._works: dict[str, asyncio.Task[None]] = {}
        self._alarm: asyncio.Task[None] | None = None

    def add(self, parcels: Sequence[Parcel]) -> None:
        """Take requests into a job as soon as one is made."""
        for parcel in parcels:
            for flight in parcel.flights:
                self._take(Parcel([flight], attempts=parcel.attempts))
        if len(self._waiting) >= self._bounds.requests or self._size >= self._bounds.size:
            self._dispatch(whole=False)
        # Also for a statement that asks no more: what it asked before may be on its way to here.
        self._wait_for_quiet()

    def look_again(self) -> None:
        """Go on: more may be afforded, or it became known that no more is to come."""
        self._waiting += self._unafforded
        self._unafforded.clear()
        if self._all_collected():
            self._dispatch(whole=True)

    def part(self) -> None:
        """Leave the jobs to their provider that are out and that nobody waits for here any more."""
        for job in [one for one in self._active.values() if one.is_left]:
            self._works.pop(job.record.id).cancel()
            del self._active[job.record.id]
            for parcel in job.parcels.values():
                parcel.mark(on_wire=False)

    def _take(self, parcel: Parcel) -> None:
        """Write a request as it will be sent."""
        [flight] = parcel.flights
        try:
            line = self._wire.line(flight.request)
        except AirqueryError as problem:
            self._fail([flight], unsendable(problem))
        except Exception as problem:
            # A defect of ours must end as a named failure: a lost flight would hang its row.
            log.exception("request ended in a defect endpoint=%s", self._endpoint.name)
            self._fail([flight], unsendable(problem))
        else:
            self._waiting.append(Written(parcel, line))
            self._size += len(line) + 1

    def _all_collected(self) -> bool:
        """Tell whether the statements of all that waits ask nothing more."""
        return all(s.collected for one in self._waiting for s in one.flight.waiting)

    def _wait_for_quiet(self) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if self._waiting:
            self._alarm = asyncio.get_running_loop().create_task(self._when_quiet())

    async def _when_quiet(self) -> None:
        """Send what waits once nothing new has come for a while."""
        quiet_s = self._batch.quiet_s
        await self._clock.sleep(min(quiet_s, SETTLED_S) if self._all_collected() else quiet_s)
        self._alarm = None
        self._dispatch(whole=True)

    def _dispatch(self, *, whole: bool) -> None:
        """Send what waits; unless it is the `whole` of it, what fills no job waits on."""
        jobs = cut(self._waiting, self._bounds)
        self._waiting = [] if whole or not jobs else jobs.pop()
        self._size = sum(len(one.line) + 1 for one in self._waiting)
        for written in jobs:
            self._begin(self._send(written))

    def _begin(self, work: Coroutine[None, None, None]) -> asyncio.Task[None]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _send(self, written: Sequence[Written]) -> None:
        """Let requests wait for the jobs that they are in already, and make jobs of the others."""
        try:
            known, unanswered = await self._known([one.flight for one in written])
        except JournalError as problem:
            self._fail([one.flight for one in written], unsendable(problem))
            return
        new: list[Written] = []
        attached: set[Job] = set()
        for one in written:
            key = one.flight.request.key
            if not self._owner.wants(one.flight):
                continue
            if key in known:
                attached.add(self._attach(known[key], one.parcel))
            elif one.flight in unanswered:
                new.append(one)
        for job in attached:
            job.note()
        afforded = self._afforded(new)
        for remembered in (True, False):
            alike = [one for one in afforded if (one.flight.cache != "off") is remembered]
            for lines in cut(alike, self._bounds):
                self._submit(lines, remembered=remembered)

    async def _known(self, flights: Sequence[Flight]) -> tuple[dict[bytes, BatchJob], set[Flight]]:
        """Return the unread jobs by the keys in them, and which flights nobody answered yet."""
        asked = {one.request.key for one in flights if one.cache != "off"}
        known = await asyncio.to_thread(self._in_jobs, asked)
        # After that, because a job is forgotten only when its answers are there.
        others = [one for one in flights if one.request.key not in known]
        return known, set(await self._owner.unanswered(others))

    def _in_jobs(self, asked: set[bytes]) -> dict[bytes, BatchJob]:
        """Return in which job keys are; of two jobs with one key, the later one."""
        jobs = self._jobs.jobs(self._address)
        return {key: job for job in jobs for key in job.keys if key in asked}

    def _afforded(self, written: Iterable[Written]) -> list[Written]:
        """Return those that budgets have room for."""
        sent = []
        for one in written:
            refusal = refused([one.flight])
            if refusal is not None:
                self._fail([one.flight], refusal)
                continue
            match self._owner.admit(one.flight):
                case "send":
                    sent.append(one)
                case "wait":
                    self._unafforded.append(one)
                    for statement in one.flight.waiting:
                        statement.jobs.put_off(one.flight.request.key)
                case failure:
                    self._fail([one.flight], failure)
        return sent

    def _submit(self, written: Sequence[Written], *, remembered: bool) -> None:
        record = BatchJob(
            id=uuid4().hex,
            address=self._address,
            created_at=self._clock.time(),
            keys=tuple(one.flight.request.key for one in written),
        )
        job = Job(
            record,
            self._endpoint.name,
            parcels={one.flight.request.key: one.parcel for one in written},
            lines=[one.line for one in written],
            is_kept=remembered,
        )
        self._watch(job)

    def _attach(self, record: BatchJob, parcel: Parcel) -> Job:
        """Let a request wait for a job that it was sent with before."""
        job = self._active.get(record.id)
        if job is None:
            log.info(
                "batch job found again endpoint=%s job=%s batch=%s requests=%d",
                self._endpoint.name,
                record.id,
                record.batch,
                len(record.keys),
            )
            job = Job(record, self._endpoint.name, may_be_there=True)
            self._watch(job)
        if job.is_read:
            job.late.append(parcel)
        else:
            job.parcels[parcel.flights[0].request.key] = parcel
        self._owner.reserve_paid(parcel.flights[0])
        parcel.mark(on_wire=True)
        return job

    def _watch(self, job: Job) -> None:
        self._active[job.record.id] = job
        for parcel in job.parcels.values():
            parcel.mark(on_wire=True)
        job.note()
        self._works[job.record.id] = self._begin(self._work(job))

    async def _work(self, job: Job) -> None:
        """Bring a job to its end; whatever happens, each of its requests ends or goes again."""
        try:
            if job.lines and job.is_kept:
                await asyncio.to_thread(self._jobs.remember, job.record)
            await self._run.work(job)
        except JournalError as problem:
            self._fail_job(job, unsendable(problem))
        except Exception as problem:
            log.exception("batch job ended in a defect job=%s", job.record.id)
            self._fail_job(job, unsendable(problem))
        del self._active[job.record.id], self._works[job.record.id]
        job.note(over=True)
        wait_s = max((wait_s for wait_s, _ in job.again), default=0.0)
        again = [*job.late, *(parcel for _, parcel in job.again)]
        for parcel in again:
            parcel.mark(on_wire=False)
        again = [parcel for parcel in again if not self._owner.give_up(parcel.flights)]
        if again:
            await self._clock.sleep(wait_s)
            self._go_again(again)

    def _go_again(self, parcels: Sequence[Parcel]) -> None:
        for parcel in parcels:
            self._take(parcel)
        self._dispatch(whole=True)

    def _fail_job(self, job: Job, failure: Failure) -> None:
        left = [*job.parcels.values(), *job.late, *(parcel for _, parcel in job.again)]
        job.parcels, job.late, job.again = {}, [], []
        self._fail([flight for parcel in left for flight in parcel.flights], failure)

    def _fail(self, flights: Sequence[Flight], failure: Failure) -> None:
        for flight in flights:
            self._owner.ended([flight], [Ending(outcome=failure)])
