"""The only loop: every request of this process is asked here, each once.

A request is first looked for among those in flight, then in the journal; only then is it claimed,
so that no other process sends it, and sent, by one event loop on one thread. An answer is handed out after the journal made it durable, so a crash
loses at most what is in flight. When the last statement that wants a request goes away, the
request is dropped unless it is on the wire: what is paid for is waited for and remembered.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from typing import TYPE_CHECKING

from airquery.answer import Answer, Failure
from airquery.clock import Clock, SystemClock
from airquery.endpoints.adapters import adapter_for
from airquery.errors import AirqueryError, JournalError, StatementError
from airquery.execute.attempts import Attempts
from airquery.execute.flight import Cache, Ending, Flight, refused
from airquery.execute.in_flight import InFlight
from airquery.execute.statement import Result, Statement
from airquery.execute.together import smaller, together
from airquery.journal.record import Record


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airquery.journal.store import Journal
    from airquery.request import Request


log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 5.0
HELD_POLL_S = 0.2


class Engine:
    """Asks requests for any number of statements and threads of one process."""

    def __init__(
        self, journal: Journal, *, clock: Clock | None = None, dice: random.Random | None = None
    ) -> None:
        self._journal = journal
        self._clock = clock or SystemClock()
        self._attempts = Attempts(
            clock=self._clock,
            dice=dice or random.Random(),  # noqa: S311  (jitter, not a secret)
        )
        self._in_flight = InFlight()
        self._gates: dict[tuple[str, str | None], asyncio.Semaphore] = {}
        # What another process is asking; only the loop's thread looks at these two.
        self._held: dict[bytes, Flight] = {}
        self._watching: asyncio.Task[None] | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="airquery-engine", daemon=True
        )
        self._thread.start()

    def ask(
        self,
        requests: Iterable[Request],
        statement: Statement,
        *,
        strict: bool,
        cache: Cache = "reuse",
    ) -> None:
        """Begin every request that the statement has not asked for yet; return at once.

        `strict` says that a failure of one of them fails the statement. `cache` says whether the
        journal is looked into and written: "reuse" does both, "refresh" writes only, over what
        was there, "off" does neither.

        Each of them is settled on the statement sooner or later. Raises `JournalError` if the
        journal cannot be read.
        """
        new = {r.key: r for r in requests if statement.claim(r.key, strict=strict)}
        mine = self._in_flight.join(new.values(), statement, cache)
        if cache != "reuse":
            self._loop.call_soon_threadsafe(self._launch, list(mine.values()))
            return
        # The flights stand before the journal is read: whoever asks the same from here on joins
        # them, and whatever ended before is in the journal. So no request is sent twice.
        try:
            remembered = self._journal.get_many(list(mine))
            claimed = self._journal.claim([key for key in mine if key not in remembered])
        except JournalError as problem:
            for flight in mine.values():
                self._land(flight, Ending(outcome=_unsendable(problem)))
            raise
        for key, record in remembered.items():
            self._replay(mine.pop(key), record)
        if claimed:
            self._loop.call_soon_threadsafe(
                self._launch, [mine.pop(k) for k in new if k in claimed]
            )
        if mine:
            self._loop.call_soon_threadsafe(self._hold, mine)

    def release(self, statement: Statement) -> None:
        """Drop what only this statement still wants and what is not on the wire."""
        if orphans := self._in_flight.leave(statement):
            self._loop.call_soon_threadsafe(self._abandon, orphans)

    def close(self) -> None:
        """Stop the loop and close the journal. What is on the wire is not waited for."""
        if self._loop.is_closed():
            return
        stopping = asyncio.run_coroutine_threadsafe(self._stop(), self._loop)
        stopping.result(timeout=STOP_TIMEOUT_S)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(STOP_TIMEOUT_S)
        self._loop.close()
        self._journal.close()

    def _launch(self, flights: Iterable[Flight]) -> None:
        for group in together(flights):
            self._launch_as_one(group)

    def _launch_as_one(self, flights: Sequence[Flight]) -> None:
        task = self._loop.create_task(self._fly(flights))
        for flight in flights:
            flight.task, flight.beside = task, flights

    def _hold(self, flights: dict[bytes, Flight]) -> None:
        self._held.update(flights)
        if self._watching is None or self._watching.done():
            self._watching = self._loop.create_task(self._watch())

    async def _watch(self) -> None:
        """Wait for what other processes are asking: for their answers, or to ask in their place."""
        while self._held:
            await asyncio.sleep(HELD_POLL_S)
            for key in [k for k, flight in self._held.items() if not self._in_flight.has(flight)]:
                del self._held[key]
            keys = list(self._held)
            try:
                remembered, claimed = await asyncio.to_thread(self._look_again, keys)
            except JournalError as problem:
                for key in keys:
                    self._land(self._held.pop(key), Ending(outcome=_unsendable(problem)))
                continue
            for key, record in remembered.items():
                self._replay(self._held.pop(key), record)
            self._launch([self._held.pop(key) for key in keys if key in claimed])

    def _look_again(self, keys: Sequence[bytes]) -> tuple[dict[bytes, Record], set[bytes]]:
        remembered = self._journal.get_many(keys)
        return remembered, self._journal.claim([key for key in keys if key not in remembered])

    def _abandon(self, flights: Sequence[Flight]) -> None:
        for flight in flights:
            if flight.on_wire or not self._forget_unwanted([flight]):
                continue
            if flight.task is not None and not any(map(self._in_flight.has, flight.beside)):
                flight.task.cancel()

    def _forget_unwanted(self, flights: Sequence[Flight]) -> bool:
        """Drop flights that nobody waits for, and let other processes ask in their place."""
        if not self._in_flight.drop_unwanted(flights):
            return False
        self._journal.release([flight.request.key for flight in flights])
        return True

    async def _stop(self) -> None:
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._attempts.close()
        await self._loop.shutdown_default_executor()

    async def _fly(self, flights: Sequence[Flight]) -> None:
        """Bring what shares an HTTP request to its end: sent, remembered, settled."""
        async with self._gate(flights[0].request):
            # Some may have been dropped while they waited for their turn.
            flights = [flight for flight in flights if self._in_flight.has(flight)]
            if not flights:
                return
            endings = await self._endings(flights)
            again = smaller(flights, endings)
            relaunched = {flight.request.key for group in again for flight in group}
            ended = [
                (flight, ending)
                for flight, ending in zip(flights, endings, strict=True)
                if flight.request.key not in relaunched
            ]
            # Before the next in line is sent: what failed here may hold for it too.
            for flight, ending in ended:
                if isinstance(ending.outcome, Failure):
                    self._land(flight, ending)
        for group in again:
            self._launch_as_one(group)
        await asyncio.gather(
            *[self._remember(*one) for one in ended if isinstance(one[1].outcome, Answer)]
        )

    async def _endings(self, flights: Sequence[Flight]) -> Sequence[Ending]:
        if (refusal := refused(flights)) is not None:
            return [Ending(outcome=refusal)] * len(flights)
        try:
            return await self._attempts.until_ended(flights, given_up=self._forget_unwanted)
        except AirqueryError as problem:
            # A request has no form on the wire.
            failure = _unsendable(problem)
        except Exception as problem:
            # A defect of ours must end as a named failure: a lost flight would hang its row.
            log.exception("request ended in a defect endpoint=%s", flights[0].request.endpoint.name)
            failure = _unsendable(problem)
        return [Ending(outcome=failure)] * len(flights)

    async def _remember(self, flight: Flight, ending: Ending) -> None:
        """Make an answer durable, then settle its flight."""
        try:
            if flight.cache != "off":
                record = self._record(flight.request, ending)
                written = self._journal.append(record, replace=flight.cache == "refresh")
                await asyncio.wrap_future(written)
        except JournalError as problem:
            ending = Ending(outcome=_unsendable(problem))
        self._land(flight, ending)

    def _land(self, flight: Flight, ending: Ending) -> None:
        """Settle a flight that was sent. Only the statement that caused it pays for it."""
        result = Result(
            outcome=ending.outcome,
            source="endpoint",
            latency_s=ending.latency_s,
            attempts=ending.attempts,
        )
        if isinstance(ending.outcome, Failure):
            self._journal.release([flight.request.key])
        self._in_flight.settle(flight, result)
        if isinstance(ending.outcome, Failure) and ending.outcome.fatal and ending.attempts:
            # Nobody who waits for this endpoint has to find it out by a request of its own.
            for other in self._in_flight.unsent_to(flight.request.endpoint):
                self._land(other, Ending(outcome=ending.outcome))

    def _replay(self, flight: Flight, record: Record) -> None:
        """Settle a flight by a remembered reply, read as if it came now."""
        try:
            outcome = adapter_for(flight.request.endpoint).decode(flight.request, record.body)
        except Exception as problem:
            # As in `_fly`: a row that is waited for has to end.
            log.exception("replay ended in a defect endpoint=%s", flight.request.endpoint.name)
            outcome = _unsendable(problem)
        self._in_flight.settle(
            flight, Result(outcome=outcome, source="journal", latency_s=record.latency_s)
        )

    def _gate(self, request: Request) -> asyncio.Semaphore:
        """Return what bounds the requests in flight to this endpoint."""
        endpoint = request.endpoint
        address = (endpoint.base_url, endpoint.model)
        if address not in self._gates:
            self._gates[address] = asyncio.Semaphore(endpoint.limits.concurrency)
        return self._gates[address]

    def _record(self, request: Request, ending: Ending) -> Record:
        return Record(
            key=request.key,
            endpoint=request.endpoint.name,
            model=request.endpoint.model,
            created_at=self._clock.time(),
            latency_s=ending.latency_s,
            body=ending.body,
        )


def _unsendable(problem: Exception) -> Failure:
    if isinstance(problem, StatementError):
        return Failure(condition=problem.condition, message=problem.message)
    shown = str(problem) if isinstance(problem, AirqueryError) else type(problem).__name__
    return Failure(
        condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
        message=shown,
        retryable=isinstance(problem, AirqueryError) and problem.retryable,
    )
