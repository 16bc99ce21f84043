"""The only loop: every request of this process is asked here, each once.

A request is first looked for among those in flight, then in the journal; only then is it claimed,
so that no other process sends it, and put on its endpoint's lane, which sends it, by one event loop
on one thread. An answer is handed out after the journal made it durable, so a crash
loses at most what is in flight. When the last statement that wants a request goes away, the
request is dropped unless it is on the wire: what is paid for is waited for and remembered.
"""

from __future__ import annotations

import asyncio
import logging
import random
import threading
from functools import partial
from typing import TYPE_CHECKING, Literal

from airquery.answer import Answer, Failure
from airquery.clock import Clock, SystemClock
from airquery.errors import InvalidEndpoint, JournalError
from airquery.execute.answers import Result
from airquery.execute.breaker import judged
from airquery.execute.elsewhere import Elsewhere
from airquery.execute.flight import (
    Cache,
    Ending,
    Flight,
    refused,
    unkept,
    unsendable,
    whole_failure,
)
from airquery.execute.held import Held
from airquery.execute.in_flight import InFlight
from airquery.execute.lanes import Lanes
from airquery.execute.order import by_beginning
from airquery.execute.parcel import Parcel
from airquery.execute.recall import Recall, replayed
from airquery.execute.together import smaller, together


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from concurrent.futures import Future

    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.budget import Amount
    from airquery.execute.lanes import AnyLane
    from airquery.execute.statement import Statement
    from airquery.journal.record import Record
    from airquery.journal.store import Journal
    from airquery.request import Request


log = logging.getLogger(__name__)

STOP_TIMEOUT_S = 5.0


class Engine:
    """Asks requests for any number of statements and threads of one process."""

    def __init__(
        self, journal: Journal, *, clock: Clock | None = None, dice: random.Random | None = None
    ) -> None:
        self._journal = journal
        self._clock = clock or SystemClock()
        self._dice = dice or random.Random()  # noqa: S311  (jitter, not a secret)
        self._in_flight = InFlight()
        self._elsewhere = Elsewhere(journal, self._in_flight, self._clock)
        self._recall = Recall(journal, self._clock)
        # Only the loop's thread looks at these.
        self._lanes = Lanes(self, journal.jobs, clock=self._clock, dice=self._dice)
        self._held = Held(self, self._recall)
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
        new, forgotten = statement.claim(requests, strict=strict)
        since = statement.since(self._clock.time())
        # What this statement refreshed and forgot is fresh.
        known = list(new) if cache == "reuse" else list(forgotten)
        endpoints = {one.endpoint.name: one.endpoint for one in new.values()}
        try:
            records = self._recall.lookup(known, since) if known else {}
            if scopes := self._in_flight.unread(statement, endpoints.values()):
                self._elsewhere.read(scopes)
        except JournalError as problem:
            failed = Result(outcome=unsendable(problem), source="endpoint")
            statement.settle_unpaid(dict.fromkeys(new, failed))
            raise
        if records:
            statement.settle_unpaid(
                {key: replayed(new.pop(key), record) for key, record in records.items()}
            )
        closed = self._in_flight.closed(statement, endpoints.values(), self._elsewhere.today())
        if closed:
            unasked = {
                key: Result(outcome=closed[request.endpoint.name], source="endpoint")
                for key, request in new.items()
                if request.endpoint.name in closed
            }
            statement.settle_unpaid(unasked)
            new = {key: request for key, request in new.items() if key not in unasked}
        if new:
            self._begin(new, statement, cache)

    def _begin(self, new: Mapping[bytes, Request], statement: Statement, cache: Cache) -> None:
        """Send what nobody is asking yet; wait with those who ask for what somebody is."""
        # The flights stand before they are claimed: whoever asks the same from here on joins them,
        # and what was answered before cannot be claimed. So no request is sent twice.
        since = statement.since(self._clock.time())
        mine = self._in_flight.join(new.values(), statement, cache, since)
        try:
            claimed = set(mine)
            if mine and cache == "reuse":
                claimed, left = self._journal.claim(list(mine), since=since)
                statement.note_left(len(left))
        except JournalError as problem:
            for flight in mine.values():
                self._land(flight, Ending(outcome=unsendable(problem)))
            raise
        if claimed:
            self._loop.call_soon_threadsafe(
                self.launch, [mine.pop(key) for key in new if key in claimed]
            )
        if mine:
            self._loop.call_soon_threadsafe(self._held.hold, mine)

    def remembered(
        self, like: Request, keys: Sequence[bytes], statement: Statement
    ) -> dict[bytes, Result]:
        """Return what the journal has of requests that differ from `like` in their input alone.

        What is too old for the statement is left out. Raises `JournalError`.
        """
        records = self._recall.lookup(keys, statement.since(self._clock.time()))
        return {key: replayed(like, record) for key, record in records.items()}

    def told_tokens(
        self, like: Request, keys: Sequence[bytes], statement: Statement
    ) -> dict[bytes, int]:
        """Return the requests that the journal answers, with their input tokens; 0 is not told.

        Raises `JournalError`.
        """
        results = self.remembered(like, keys, statement)
        return {
            key: one.outcome.usage.prompt_tokens if isinstance(one.outcome, Answer) else 0
            for key, one in results.items()
        }

    def recent(self, endpoint: str, *, most: int) -> list[Record]:
        """Return the last answers of an endpoint that the journal has. Raises `JournalError`."""
        return self._journal.recent(endpoint, most=most)

    def complete(self, statement: Statement) -> None:
        """Note that a statement asks no further request: its last ones may go in another order."""
        statement.collected = True
        self._loop.call_soon_threadsafe(self._lanes.look_again)

    def release(self, statement: Statement) -> None:
        """Drop what only this statement still wants and what is not on the wire.

        One that went leaves its batch jobs to whoever asks for their answers next.
        """
        orphans = self._in_flight.leave(statement)
        if orphans and statement.left_jobs:
            parted = threading.Event()
            self._loop.call_soon_threadsafe(self._part, orphans, parted)
            # The process may end next, and what it still claims would be taken for lost.
            parted.wait(STOP_TIMEOUT_S)
            self._journal.drain(timeout_s=STOP_TIMEOUT_S)
        elif orphans:
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

    def wants(self, flight: Flight) -> bool:
        """Tell whether somebody waits for a flight."""
        return self._in_flight.has(flight)

    def admit(self, flight: Flight) -> Failure | Literal["send", "wait"]:
        """Say whether a budget lets a flight be sent now or later, or return what it ends as."""
        if self._elsewhere.is_stale():
            self._loop.run_in_executor(None, self._elsewhere.refresh)
        verdict = self._in_flight.admit(flight, self._elsewhere.today())
        if verdict == "send" and flight.payer.observer is not None:
            flight.payer.observer.sent(flight.request)
        return verdict

    def reserve_paid(self, flight: Flight) -> None:
        """Count what an earlier run pays for in the budget of the run that reads it."""
        self._in_flight.reserve_paid(flight)

    def _account(self, flight: Flight, ending: Ending) -> None:
        """Count what a flight cost, here and in the journal, before its answer is kept there."""
        day = self._elsewhere.today()
        spent, waited = self._in_flight.account(flight, ending, day)
        if spent:
            kept = isinstance(ending.outcome, Answer) and flight.cache != "off"
            self._journal.spend(day, spent, alone=not kept)
        if waited:
            self._loop.call_soon(self._lanes.look_again)

    def give_up(self, flights: Sequence[Flight]) -> bool:
        """Drop flights if nobody waits for any of them, and let other processes ask them."""
        reserved = any(flight.reserved for flight in flights)
        if not self._in_flight.drop_unwanted(flights):
            return False
        if reserved:
            self._loop.call_soon(self._lanes.look_again)
        self._journal.release([flight.request.key for flight in flights])
        return True

    async def unanswered(self, flights: Sequence[Flight]) -> list[Flight]:
        """Settle those flights that the journal answers by now; return the others.

        Raises `JournalError`.
        """
        keys = [flight.request.key for flight in flights if flight.cache == "reuse"]
        remembered = await asyncio.to_thread(self._recall.lookup, keys, 0.0) if keys else {}
        unanswered, answered = [], []
        for flight in flights:
            record = remembered.get(flight.request.key)
            if record is None or record.created_at < flight.since:
                unanswered.append(flight)
                continue
            answered.append(flight.request.key)
            if self.wants(flight):
                result = replayed(flight.request, record)
                self._account(flight, Ending(outcome=result.outcome))
                self._in_flight.settle(flight, result)
        self._journal.release(answered)
        return unanswered

    def keep(
        self, endpoint: Endpoint, key: bytes, body: bytes, *, latency_s: float
    ) -> Future[None]:
        """Remember an answer that nobody waits for: it was paid for."""
        return self._recall.keep(endpoint, key, body, latency_s=latency_s)

    def spend(self, scopes: Sequence[str], used: Amount, currency: str, *, kept: bool) -> None:
        """Count what was paid beside all statements; `kept` says that its answer is kept next."""
        day = self._elsewhere.today()
        spent = self._in_flight.spend(scopes, used, currency, day)
        self._journal.spend(day, spent, alone=not kept)

    def answered(self, flight: Flight, result: Result) -> None:
        """Settle a flight that another process answered."""
        self._in_flight.settle(flight, result)

    def unanswerable(self, flight: Flight, problem: JournalError) -> None:
        """End a flight, because the journal cannot be asked any more."""
        self._land(flight, Ending(outcome=unsendable(problem)))

    def ended(self, flights: Sequence[Flight], endings: Sequence[Ending]) -> list[Future[None]]:
        """Take how flights ended that were sent as one: keep answers, settle failures."""
        endings, broken = judged(flights, endings)
        writes: list[Future[None]] = []
        again = smaller(flights, endings)
        relaunched = {flight.request.key for group in again for flight in group}
        for flight, ending in zip(flights, endings, strict=True):
            if flight.request.key in relaunched:
                continue
            self._account(flight, ending)
            if isinstance(ending.outcome, Answer):
                writes += self._remember(flight, ending)
            else:
                self._land(flight, ending)
        if again:
            self._lanes.of(flights[0].request.endpoint).add([Parcel(group) for group in again])
        fatal = whole_failure(endings)
        if fatal is not None and fatal.fatal and endings[0].attempts:
            self._spare(flights[0].request.endpoint, fatal, everybody=not broken)
        return writes

    def _spare(self, endpoint: Endpoint | None, fatal: Failure, *, everybody: bool = True) -> None:
        """End what is not on the wire as it would end there: for all, or for who was told so.

        Without an endpoint that is so at every one.
        """
        for other in self._in_flight.unsent_to(endpoint):
            if everybody or refused([other]) is not None:
                unsent = Ending(outcome=fatal)
                self._account(other, unsent)
                self._land(other, unsent)

    def launch(self, flights: Iterable[Flight]) -> None:
        """Put flights that are this process's on the lanes of their endpoints."""
        lanes: dict[AnyLane, list[Parcel]] = {}
        for group in together(by_beginning(flights)):
            try:
                lane = self._lanes.of(group[0].request.endpoint)
            except InvalidEndpoint as problem:
                self.ended(group, [Ending(outcome=unsendable(problem))] * len(group))
                continue
            lanes.setdefault(lane, []).append(Parcel(group))
        for lane, parcels in lanes.items():
            lane.add(parcels)

    def _part(self, flights: Sequence[Flight], parted: threading.Event) -> None:
        self._lanes.part()
        self._abandon(flights)
        parted.set()

    def _abandon(self, flights: Sequence[Flight]) -> None:
        reserved = any(flight.reserved for flight in flights)
        unsent = [flight for flight in flights if not flight.on_wire]
        dropped = [one.request.key for one in unsent if self._in_flight.drop_unwanted([one])]
        if reserved and dropped:
            self._loop.call_soon(self._lanes.look_again)
        self._journal.release(dropped)

    async def _stop(self) -> None:
        tasks = [t for t in asyncio.all_tasks() if t is not asyncio.current_task()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self._lanes.close()
        await self._loop.shutdown_default_executor()

    def _remember(self, flight: Flight, ending: Ending) -> list[Future[None]]:
        """Make an answer durable, then settle its flight, on the journal's thread."""
        if flight.cache == "off":
            self._land(flight, ending)
            return []
        written = self._recall.keep(
            flight.request.endpoint,
            flight.request.key,
            ending.body,
            latency_s=ending.latency_s,
            replace=flight.cache == "refresh" or flight.since > 0.0,
        )
        written.add_done_callback(partial(self._durable, flight, ending))
        return [written]

    def _durable(self, flight: Flight, ending: Ending, written: Future[None]) -> None:
        problem = written.exception()
        if problem is None:
            self._land(flight, ending, journaled=True)
        else:
            lost = unkept(problem, ending)
            self._land(flight, lost)
            fatal = lost.outcome if isinstance(lost.outcome, Failure) else None
            # What waited in the journal is written after the loop was closed.
            if fatal is not None and fatal.fatal and not self._loop.is_closed():
                # Nobody has to find out by a request of its own that the journal keeps nothing.
                self._loop.call_soon_threadsafe(self._spare, None, fatal)

    def _land(self, flight: Flight, ending: Ending, *, journaled: bool = False) -> None:
        """Settle a flight that was sent. Only the statement that caused it pays for it."""
        result = Result(
            outcome=ending.outcome,
            source="endpoint",
            latency_s=ending.latency_s,
            attempts=ending.attempts,
            hedged=ending.hedged,
            size=len(ending.body),
            journaled=journaled,
        )
        if isinstance(ending.outcome, Failure):
            self._journal.release([flight.request.key])
        if flight.payer.observer is not None and ending.attempts:
            flight.payer.observer.ended(flight.request, ending)
        self._in_flight.settle(flight, result)
