"""What waits for one endpoint, and when each of it is sent.

The controller says how many may be in flight, the rate limits how soon the next one may go. What was
refused or failed waits its time without holding a place, and a request that does not come back is
asked once more when nothing else is left to send. Every wait is computed. Only the event loop's
thread comes here.
"""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections import deque
from dataclasses import replace
from itertools import count
from typing import TYPE_CHECKING, Final, Literal, Protocol

from airquery.endpoints.cost import Cost, expected_cost, used_cost
from airquery.errors import AirqueryError
from airquery.execute.concurrency import Concurrency
from airquery.execute.flight import Ending, refused, unsendable, whole_failure
from airquery.execute.hedging import Hedging
from airquery.execute.order import longest_first
from airquery.execute.parcel import Parcel
from airquery.execute.rate import RateLimits
from airquery.execute.retry import asks_for_patience, is_free, is_taken, wait_before_next


if TYPE_CHECKING:
    import random
    from collections.abc import Sequence
    from concurrent.futures import Future

    from airquery.answer import Failure
    from airquery.clock import Clock
    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.exchange import Exchange
    from airquery.execute.flight import Flight
    from airquery.execute.rate import Reserved


log = logging.getLogger(__name__)

# So many are started before replies are looked at: the first refusals stop the others.
BURST: Final = 16
# The last so many times what is in flight go longest first.
TAIL: Final = 4
# One answer in so many may be asked for twice.
ANSWERS_PER_HEDGE: Final = 100
_ONE: Final = Cost()
# How many threads a Python function may have at once, unless its endpoint says otherwise.
FUNCTION_THREADS: Final = 32


class Owner(Protocol):
    """Who launched the flights: it says whether they are wanted, and hears how they ended."""

    def wants(self, flight: Flight) -> bool:
        """Tell whether somebody waits for a flight."""

    def admit(self, flight: Flight) -> Failure | Literal["send", "wait"]:
        """Say whether a budget lets a flight be sent now or later, or return what it ends as."""

    def give_up(self, flights: Sequence[Flight]) -> bool:
        """Drop flights if nobody waits for any of them; True if so."""

    def ended(self, flights: Sequence[Flight], endings: Sequence[Ending]) -> list[Future[None]]:
        """Take how flights ended that were sent as one; return what makes answers durable."""


class Lane:
    """The way to one endpoint."""

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        owner: Owner,
        exchange: Exchange,
        clock: Clock,
        dice: random.Random,
    ) -> None:
        self._endpoint = endpoint
        self._owner = owner
        self._exchange = exchange
        self._clock = clock
        self._dice = dice
        called = endpoint.function is not None
        told = endpoint.limits.concurrency
        self._concurrency = Concurrency(
            told=FUNCTION_THREADS if called and told is None else told,
            timeout_s=endpoint.timeout_s,
        )
        self._rate = RateLimits(endpoint.limits)
        self._hedging = Hedging() if endpoint.limits.hedge and not called else None
        self._waiting: deque[Parcel] = deque()
        self._later: list[tuple[float, int, Parcel]] = []
        # What has no room in a budget beside what is in flight.
        self._unafforded: list[Parcel] = []
        self._numbers = count()
        # By when they were sent, the oldest first.
        self._flying: dict[Parcel, None] = {}
        self._out = self._answers = self._hedges = 0
        # The tokens of the answers so far, and how many told theirs.
        self._tokens = self._told = 0
        # Whether the server ever replied, and when it last took a request.
        self._reached = False
        self._taken_at = float("-inf")
        self._may_sort = False
        self._alarm: asyncio.Task[None] | None = None
        self._alarm_at = 0.0

    def add(self, parcels: Sequence[Parcel]) -> None:
        """Send parcels as soon as it is their turn."""
        self._waiting.extend(parcels)
        self.look_again()

    def look_again(self) -> None:
        """Go on: there is more to send, or it became known that no more is to come."""
        self._may_sort = True
        self._pump()

    def _pump(self) -> None:
        """Start what may be started now, and sleep until more may be."""
        now = self._clock.monotonic()
        while self._later and self._later[0][0] <= now:
            self._waiting.appendleft(heapq.heappop(self._later)[2])
        paused = self._concurrency.paused_until
        wake_at = [max(at, paused) for at, _, _ in self._later[:1]]
        started = 0
        while self._out < self._concurrency.limit:
            if paused > now:
                wake_at += [paused] if self._waiting else []
                break
            parcel = self._next()
            if parcel is None:
                wake_at += self._hedge(now)
                break
            cost = self._cost(parcel)
            if (wait_s := self._rate.wait_s(cost, now)) > 0.0:
                self._waiting.appendleft(parcel)
                wake_at.append(now + wait_s)
                break
            if started == BURST:
                self._waiting.appendleft(parcel)
                asyncio.get_running_loop().call_soon(self._pump)
                break
            self._start(parcel, cost, now)
            started += 1
        self._waiting.extendleft(reversed(self._unafforded))
        self._unafforded.clear()
        if wake_at:
            self._sleep_until(min(wake_at), now)

    def _next(self) -> Parcel | None:
        """Take the next parcel that somebody still wants."""
        if self._may_sort and len(self._waiting) <= TAIL * self._concurrency.limit:
            self._may_sort = False
            if all(s.collected for p in self._waiting for f in p.flights for s in f.waiting):
                self._waiting = deque(longest_first(self._waiting))
        while self._waiting:
            parcel = self._waiting.popleft()
            parcel.flights = [flight for flight in parcel.flights if self._owner.wants(flight)]
            if not parcel.flights:
                continue
            refusal = refused(parcel.flights)
            if refusal is None:
                if self._afforded(parcel):
                    return parcel
                continue
            self._owner.ended(parcel.flights, [Ending(outcome=refusal)] * len(parcel.flights))
        return None

    def _afforded(self, parcel: Parcel) -> bool:
        """Leave in a parcel what budgets have room for; True if that is something."""
        sent, later = [], []
        for flight in parcel.flights:
            match self._owner.admit(flight):
                case "send":
                    sent.append(flight)
                case "wait":
                    later.append(flight)
                case failure:
                    self._owner.ended([flight], [Ending(outcome=failure)])
        parcel.flights = sent
        if later:
            self._unafforded.append(Parcel(later))
        return bool(sent)

    def _start(self, parcel: Parcel, cost: Cost, now: float) -> None:
        reserved = self._rate.take(cost, now)
        self._out += 1
        parcel.began = parcel.began or now
        parcel.sent_at = now
        parcel.attempts += 1
        parcel.mark(on_wire=True)
        self._flying[parcel] = None
        task = asyncio.get_running_loop().create_task(self._attempt(parcel, reserved, now))
        parcel.tasks.add(task)

    async def _attempt(self, parcel: Parcel, reserved: Reserved, sent_at: float) -> None:
        """Make one HTTP exchange; whatever happens, its place is free afterwards."""
        unsent: Failure | None = None
        endings: Sequence[Ending] = ()
        try:
            endings = await self._exchange.send([flight.request for flight in parcel.flights])
        except AirqueryError as problem:
            # A request has no form on the wire.
            unsent = unsendable(problem)
        except Exception as problem:
            # A defect of ours must end as a named failure: a lost flight would hang its row.
            log.exception("request ended in a defect endpoint=%s", self._endpoint.name)
            unsent = unsendable(problem)
        finally:
            self._free(parcel, asyncio.current_task())
        if parcel in self._flying:
            # Else the other of two was quicker.
            if unsent is None:
                self._account(endings, reserved)
                self._replied(parcel, endings, sent_at)
            else:
                self._end(parcel, [Ending(outcome=unsent)] * len(parcel.flights))
        self._pump()

    def _account(self, endings: Sequence[Ending], reserved: Reserved) -> None:
        """Correct what was reserved, and believe what the endpoint told of its limits."""
        now = self._clock.monotonic()
        if told := endings[0].told:
            self._rate.learn(told, reserved, now)
        if not self._rate.counts_tokens:
            return
        failure = whole_failure(endings)
        if failure is not None:
            if asks_for_patience(failure):
                # It was not let in: it counts as a request, and its tokens do not.
                self._rate.settle(reserved, _ONE, now)
            return
        used = [cost for one in endings if (cost := used_cost(one.outcome)) is not None]
        self._tokens += sum(cost.output_tokens for cost in used)
        self._told += len(used)
        if len(used) == len(endings):
            self._rate.settle(reserved, _sum(used), now)

    def _replied(self, parcel: Parcel, endings: Sequence[Ending], sent_at: float) -> None:
        """Learn from a reply, and end the parcel or let it wait for its next attempt."""
        now = self._clock.monotonic()
        failure = whole_failure(endings)
        self._learn(failure, now, sent_at)
        if failure is None:
            self._answers += 1
            if self._hedging is not None:
                self._hedging.answered(now - sent_at)
        elif parcel.tasks:
            # The other one may still be answered.
            return
        if failure is not None:
            if self._waits(parcel, failure, now):
                return
            failure = replace(failure, attempts=parcel.attempts)
            endings = [replace(ending, outcome=failure) for ending in endings]
        self._end(
            parcel,
            [replace(e, attempts=parcel.attempts, hedged=parcel.hedged) for e in endings],
        )

    def _end(self, parcel: Parcel, endings: Sequence[Ending]) -> None:
        for task in list(parcel.tasks):
            # Here, because one that has not begun yet ends without a word.
            self._free(parcel, task)
            task.cancel()
        del self._flying[parcel]
        self._owner.ended(parcel.flights, endings)

    def _free(self, parcel: Parcel, task: asyncio.Task[None] | None) -> None:
        """Give back the place of an attempt, once."""
        if task in parcel.tasks:
            parcel.tasks.remove(task)
            self._out -= 1

    def _learn(self, failure: Failure | None, now: float, sent_at: float) -> None:
        self._reached |= failure is None or failure.http_status is not None
        if is_taken(failure):
            self._taken_at = now
        if failure is None or not failure.retryable:
            # Where less waits than is in flight, more room would be used to the end of the run by
            # nobody, and finding out costs a refusal whose row everybody waits for.
            wanted = len(self._waiting) >= self._concurrency.limit
            self._concurrency.answered(now, sent_at=sent_at, in_flight=self._out if wanted else 0)
        elif asks_for_patience(failure, reached=self._reached):
            self._concurrency.rejected(
                now, sent_at=sent_at, in_flight=self._out, retry_after_s=failure.retry_after_s
            )
        else:
            self._concurrency.faulted(now, sent_at=sent_at, in_flight=self._out)

    def _waits(self, parcel: Parcel, failure: Failure, now: float) -> bool:
        """Tell whether a parcel was put aside until its next attempt, or dropped."""
        free = is_free(failure, reached=self._reached)
        if asks_for_patience(failure, reached=self._reached):
            for observer in {flight.payer.observer for flight in parcel.flights}:
                if observer is not None:
                    observer.throttled()
        parcel.faults += not free
        wait_s = wait_before_next(
            failure,
            attempt=parcel.attempts,
            faults=parcel.faults,
            elapsed_s=now - parcel.began,
            dice=self._dice.random(),
            limits=self._endpoint.limits,
        )
        if wait_s is None:
            if free and self._taken_at < parcel.began:
                self._give_up(failure)
            return False
        del self._flying[parcel]
        parcel.mark(on_wire=False)
        log.debug("retry endpoint=%s attempt=%d", self._endpoint.name, parcel.attempts)
        if not self._owner.give_up(parcel.flights):
            heapq.heappush(self._later, (now + wait_s, next(self._numbers), parcel))
        return True

    def _give_up(self, failure: Failure) -> None:
        """End all that waits: for a whole deadline nothing was taken, and each would wait as long."""
        waiting = [*self._waiting, *(parcel for _, _, parcel in self._later)]
        self._waiting.clear()
        self._later.clear()
        for parcel in waiting:
            ending = Ending(
                outcome=replace(failure, attempts=parcel.attempts), attempts=parcel.attempts
            )
            self._owner.ended(parcel.flights, [ending] * len(parcel.flights))

    def _hedge(self, now: float) -> list[float]:
        """Ask stragglers once more; return when the next one will be a straggler, if any will."""
        after_s = None if self._hedging is None else self._hedging.after_s
        if after_s is None:
            return []
        for parcel in list(self._flying):
            spent = self._hedges * ANSWERS_PER_HEDGE > self._answers
            if spent or self._out >= self._concurrency.limit:
                break
            # A budget has room for what is asked once.
            if parcel.hedged or any(flight.reserved for flight in parcel.flights):
                continue
            if parcel.sent_at + after_s > now:
                return [parcel.sent_at + after_s]
            cost = self._cost(parcel)
            if self._rate.wait_s(cost, now) > 0.0:
                break
            log.debug("hedge endpoint=%s after_s=%.3f", self._endpoint.name, now - parcel.sent_at)
            self._hedges += 1
            parcel.hedged += 1
            self._start(parcel, cost, now)
        return []

    def _cost(self, parcel: Parcel) -> Cost:
        if not self._rate.counts_tokens:
            return _ONE
        usual = self._tokens / self._told if self._told else 0.0
        return _sum(
            [expected_cost(flight.request, usual_output=usual) for flight in parcel.flights]
        )

    def _sleep_until(self, moment: float, now: float) -> None:
        if self._alarm is not None and not self._alarm.done():
            if self._alarm_at <= moment:
                return
            self._alarm.cancel()
        self._alarm_at = moment
        self._alarm = asyncio.get_running_loop().create_task(self._ring_in(moment - now))

    async def _ring_in(self, seconds: float) -> None:
        await self._clock.sleep(seconds)
        self._alarm = None
        self._pump()


def _sum(costs: Sequence[Cost]) -> Cost:
    """Return what costs together cost that go as one request."""
    return Cost(
        input_tokens=sum(cost.input_tokens for cost in costs),
        output_tokens=sum(cost.output_tokens for cost in costs),
    )
