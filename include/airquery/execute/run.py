"""The only loop: every request of this process is asked here, each once.

A request is first looked for among those in flight, then in the journal; only then is it sent, by
one event loop on one thread. An answer is handed out after the journal made it durable, so a crash
loses at most what is in flight. When the last statement that wants a request goes away, the
request is dropped unless it is on the wire: what is paid for is waited for and remembered.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from airquery.answer import Answer, Failure, Outcome
from airquery.clock import Clock, SystemClock
from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.failures import read_failure
from airquery.errors import AirqueryError, JournalError
from airquery.execute.retry import TOO_MANY_REQUESTS, wait_before_next
from airquery.execute.statement import Result, Statement
from airquery.execute.transport import Reply, Transport
from airquery.journal.record import Record


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airquery.journal.store import Journal
    from airquery.request import Request


log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 5.0
OK = range(200, 300)


@dataclass(slots=True, eq=False)
class _Flight:
    """A request on its way, and the statements that wait for it; the first one pays.

    `on_wire` from the moment it is sent until it failed, or until its answer is durable.
    """

    request: Request
    payer: Statement
    waiting: list[Statement] = field(default_factory=list)
    task: asyncio.Task[None] | None = None
    on_wire: bool = False


@dataclass(frozen=True, slots=True)
class _Reply:
    """The last attempt of a request: its outcome and the raw body to remember."""

    outcome: Outcome
    body: bytes = b""
    latency_s: float = 0.0
    attempts: int = 0


class Engine:
    """Asks requests for any number of statements and threads of one process."""

    def __init__(
        self, journal: Journal, *, clock: Clock | None = None, dice: random.Random | None = None
    ) -> None:
        self._journal = journal
        self._clock = clock or SystemClock()
        self._dice = dice or random.Random()  # noqa: S311  (jitter, not a secret)
        self._lock = threading.Lock()
        self._flights: dict[bytes, _Flight] = {}
        self._gates: dict[tuple[str, str | None], asyncio.Semaphore] = {}
        self._transport: Transport | None = None
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="airquery-engine", daemon=True
        )
        self._thread.start()

    def ask(self, requests: Iterable[Request], statement: Statement, *, strict: bool) -> None:
        """Begin every request that the statement has not asked for yet; return at once.

        `strict` says that a failure of one of them fails the statement.

        Each of them is settled on the statement sooner or later. Raises `JournalError` if the
        journal cannot be read.
        """
        new = {r.key: r for r in requests if statement.claim(r.key, strict=strict)}
        mine: dict[bytes, _Flight] = {}
        with self._lock:
            for key, request in new.items():
                if (flight := self._flights.get(key)) is not None:
                    flight.waiting.append(statement)
                else:
                    self._flights[key] = mine[key] = _Flight(request, statement, [statement])
        # The flights stand before the journal is read: whoever asks the same from here on joins
        # them, and whatever ended before is in the journal. So no request is sent twice.
        try:
            remembered = self._journal.get_many(list(mine))
        except JournalError as problem:
            for flight in mine.values():
                self._land(flight, _Reply(_unsendable(problem)))
            raise
        for key, record in remembered.items():
            self._replay(mine.pop(key), record)
        if mine:
            self._loop.call_soon_threadsafe(self._launch, list(mine.values()))

    def release(self, statement: Statement) -> None:
        """Drop what only this statement still wants and what is not on the wire."""
        with self._lock:
            orphans = []
            for flight in self._flights.values():
                if statement in flight.waiting:
                    flight.waiting.remove(statement)
                    if not flight.waiting:
                        orphans.append(flight)
        if orphans:
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

    def _launch(self, flights: Sequence[_Flight]) -> None:
        for flight in flights:
            flight.task = self._loop.create_task(self._fly(flight))

    def _abandon(self, flights: Sequence[_Flight]) -> None:
        for flight in flights:
            if not flight.on_wire and self._forget_unwanted(flight) and flight.task is not None:
                flight.task.cancel()

    def _forget_unwanted(self, flight: _Flight) -> bool:
        """Drop a flight that nobody waits for; from here on nobody can join it."""
        with self._lock:
            if flight.waiting:
                return False
            self._flights.pop(flight.request.key, None)
            return True

    async def _stop(self) -> None:
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self._transport is not None:
            await self._transport.close()

    async def _fly(self, flight: _Flight) -> None:
        """Bring one request to its end: sent, remembered, settled."""
        request = flight.request
        try:
            async with self._gate(request):
                reply = await self._attempts(flight)
            if isinstance(reply.outcome, Answer):
                await asyncio.wrap_future(self._journal.append(self._record(request, reply)))
        except AirqueryError as problem:
            # The request has no form on the wire, or its answer could not be made durable.
            reply = _Reply(_unsendable(problem))
        except Exception as problem:
            # A defect of ours must end as a named failure: a lost flight would hang its row.
            log.exception("request ended in a defect endpoint=%s", request.endpoint.name)
            reply = _Reply(_unsendable(problem))
        self._land(flight, reply)

    def _land(self, flight: _Flight, reply: _Reply) -> None:
        """Settle a flight that was sent. Only the statement that caused it pays for it."""
        result = Result(
            outcome=reply.outcome,
            source="endpoint",
            latency_s=reply.latency_s,
            attempts=reply.attempts,
        )
        self._settle(flight, result)

    def _replay(self, flight: _Flight, record: Record) -> None:
        """Settle a flight by a remembered reply, read as if it came now."""
        outcome = adapter_for(flight.request.endpoint).decode(flight.request, record.body)
        self._settle(flight, Result(outcome=outcome, source="journal", latency_s=record.latency_s))

    def _settle(self, flight: _Flight, result: Result) -> None:
        endpoint = flight.request.endpoint
        cost = 0.0
        if isinstance(result.outcome, Answer):
            usage = result.outcome.usage
            cost = endpoint.price.of(
                prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens
            )
        with self._lock:
            self._flights.pop(flight.request.key, None)
            for statement in flight.waiting:
                paid = result if statement is flight.payer else replace(result, source="journal")
                statement.settle(
                    flight.request.key, paid, price=cost, currency=endpoint.price.currency
                )

    def _gate(self, request: Request) -> asyncio.Semaphore:
        """Return what bounds the requests in flight to this endpoint."""
        endpoint = request.endpoint
        address = (endpoint.base_url, endpoint.model)
        if address not in self._gates:
            self._gates[address] = asyncio.Semaphore(endpoint.limits.concurrency)
        return self._gates[address]

    async def _attempts(self, flight: _Flight) -> _Reply:
        """Send until there is an answer, a failure nobody can help, or no time left."""
        request = flight.request
        began = self._clock.monotonic()
        attempt = faults = 0
        while True:
            attempt += 1
            flight.on_wire = True
            reply = await self._once(request)
            if isinstance(reply.outcome, Answer):
                return replace(reply, attempts=attempt)
            flight.on_wire = False
            faults += reply.outcome.http_status != TOO_MANY_REQUESTS
            wait_s = wait_before_next(
                reply.outcome,
                attempt=attempt,
                faults=faults,
                elapsed_s=self._clock.monotonic() - began,
                dice=self._dice.random(),
                limits=request.endpoint.limits,
            )
            if wait_s is None:
                return replace(
                    reply, attempts=attempt, outcome=replace(reply.outcome, attempts=attempt)
                )
            log.debug(
                "retry endpoint=%s attempt=%d wait_s=%.2f", request.endpoint.name, attempt, wait_s
            )
            if self._forget_unwanted(flight):
                raise asyncio.CancelledError
            await self._clock.sleep(wait_s)

    async def _once(self, request: Request) -> _Reply:
        """Make one attempt."""
        if self._transport is None:
            self._transport = Transport()
        adapter = adapter_for(request.endpoint)
        sent = self._clock.monotonic()
        reply = await self._transport.post(
            adapter.encode(request), timeout_s=request.endpoint.timeout_s
        )
        latency_s = self._clock.monotonic() - sent
        match reply:
            case Failure():
                return _Reply(reply, latency_s=latency_s)
            case Reply(status=status, body=body) if status in OK:
                return _Reply(adapter.decode(request, body), body, latency_s)
            case Reply(status=status, headers=headers, body=body):
                failure = read_failure(
                    request.endpoint,
                    status=status,
                    headers=headers,
                    body=body,
                    now=self._clock.time(),
                )
                return _Reply(failure, latency_s=latency_s)

    def _record(self, request: Request, reply: _Reply) -> Record:
        return Record(
            key=request.key,
            endpoint=request.endpoint.name,
            model=request.endpoint.model,
            created_at=self._clock.time(),
            latency_s=reply.latency_s,
            body=reply.body,
        )


def _unsendable(problem: Exception) -> Failure:
    shown = str(problem) if isinstance(problem, AirqueryError) else type(problem).__name__
    return Failure(
        condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
        message=shown,
        retryable=isinstance(problem, AirqueryError) and problem.retryable,
    )
