"""The requests that are in flight, each once, whoever waits for them.

Statements join and leave from any thread. Whoever wants what is in flight already joins it; what
nobody wants any more is dropped, and from then on nobody can join it.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from airquery.answer import Answer, Failure
from airquery.endpoints.cost import expected_cost, used_cost
from airquery.execute.budget import Amount, amount_of
from airquery.execute.days import Days, scopes_of
from airquery.execute.flight import Cache, Ending, Flight
from airquery.journal.spent import Spent


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence, Set as AbstractSet
    from datetime import date

    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.answers import Result
    from airquery.execute.budget import Spending
    from airquery.execute.statement import Statement
    from airquery.request import Request


class InFlight:
    """The flights of one engine, by their requests' keys."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[bytes, Flight] = {}
        self._days = Days()

    def join(
        self, requests: Iterable[Request], statement: Statement, cache: Cache, since: float = 0.0
    ) -> dict[bytes, Flight]:
        """Let a statement wait for requests; return the flights that are new with it."""
        new: dict[bytes, Flight] = {}
        with self._lock:
            for request in requests:
                flight = self._flights.get(request.key)
                if flight is None:
                    flight = Flight(request, statement, [statement], cache, since)
                    self._flights[request.key] = new[request.key] = flight
                    continue
                flight.waiting.append(statement)
                flight.since = max(flight.since, since)
                if flight.cache == "off":
                    # One who wants the answer remembered is enough.
                    flight.cache = cache
        return new

    def leave(self, statement: Statement) -> list[Flight]:
        """Let a statement wait for nothing any more; return the flights that nobody waits for."""
        with self._lock:
            return [flight for flight in self._flights.values() if flight.leave(statement)]

    def has(self, flight: Flight) -> bool:
        """Tell whether this flight was neither settled nor dropped."""
        return self._flights.get(flight.request.key) is flight

    def drop_unwanted(self, flights: Sequence[Flight]) -> bool:
        """Drop flights if nobody waits for any of them, and give back what they had reserved."""
        with self._lock:
            if any(flight.waiting for flight in flights):
                return False
            for flight in flights:
                self._flights.pop(flight.request.key, None)
                reserved, flight.reserved = flight.reserved, ()
                for spending, amount in reserved:
                    spending.account.settle(amount, Amount(), output_tokens=None)
        return True

    def unsent_to(self, endpoint: Endpoint | None) -> list[Flight]:
        """Return what is not on the wire yet of the flights to an endpoint, or of all."""
        with self._lock:
            return [
                flight
                for flight in self._flights.values()
                if not flight.on_wire and endpoint in (None, flight.request.endpoint)
            ]

    def admit(self, flight: Flight, day: date) -> Failure | Literal["send", "wait"]:
        """Say whether budgets let a flight be sent now or later, or return what it ends as.

        Whoever of those who wait for it has room for it pays.
        """
        refusal: Failure | None = None
        waits = False
        with self._lock:
            if flight.reserved:
                return "send"
            others = [one for one in flight.waiting if one is not flight.payer]
            for statement in (flight.payer, *others):
                spendings = self._days.spendings(statement, flight.request.endpoint, day)
                verdict = _reserve(flight, spendings)
                if verdict == "send":
                    flight.payer = statement
                    return "send"
                waits |= verdict == "wait"
                if isinstance(verdict, Failure):
                    refusal = refusal or verdict
        return "wait" if waits or refusal is None else refusal

    def reserve_paid(self, flight: Flight) -> None:
        """Reserve what an earlier run pays for of the run's budget, whether or not there is room.

        Only for a run that may go: what went before it and what comes after it are one.
        """
        with self._lock:
            spending = flight.payer.spending
            if flight.payer.detaches and spending is not None and not flight.reserved:
                amount = spending.expected(flight.request)
                spending.reserve(flight.request, amount)
                flight.reserved = ((spending, amount),)

    def closed(
        self, statement: Statement, endpoints: Iterable[Endpoint], day: date
    ) -> dict[str, Failure]:
        """Return for which endpoints a statement has nothing left, and what asking them ends as."""
        with self._lock:
            return {
                endpoint.name: spending.refusal()
                for endpoint in endpoints
                for spending in self._days.spendings(statement, endpoint, day)
                if spending.closed
            }

    def account(self, flight: Flight, ending: Ending, day: date) -> tuple[list[Spent], bool]:
        """Count what a flight cost; return that by scope, and whether others wait for what it leaves.

        At once, and not when the answer is durable: until then others would be sent in its place.
        """
        with self._lock:
            reserved, flight.reserved = flight.reserved, ()
            used, output_tokens = _used(flight, ending)
            waited = [
                one.account.settle(amount, used, output_tokens=output_tokens)
                for one, amount in reserved
            ]
            if not ending.attempts:
                return [], any(waited)
            currency = flight.request.endpoint.price.currency
            settled = [id(one.account) for one, _ in reserved]
            scopes = scopes_of(flight.payer, flight.request.endpoint)
            for account in (self._days.account(scope, day) for scope in scopes):
                if id(account) not in settled:
                    account.add(used, currency)
        figures = (currency, used.requests, used.tokens, used.money)
        return [Spent(scope, *figures) for scope in scopes], any(waited)

    def spend(self, scopes: Sequence[str], used: Amount, currency: str, day: date) -> list[Spent]:
        """Count what was paid beside all flights; return it by scope."""
        with self._lock:
            for scope in scopes:
                self._days.account(scope, day).add(used, currency)
        figures = (currency, used.requests, used.tokens, used.money)
        return [Spent(scope, *figures) for scope in scopes]

    def unread(self, statement: Statement, endpoints: Iterable[Endpoint]) -> set[str]:
        """Return for which scopes the journal has to be read before these may be asked."""
        with self._lock:
            return self._days.unread(statement, endpoints)

    def stale(self, now: float, day: date) -> bool:
        """Tell whether it is time to read the journal again; then it will be."""
        with self._lock:
            return self._days.stale(now, day)

    def learn(
        self, day: date, elsewhere: Iterable[Spent], scopes: AbstractSet[str] = frozenset()
    ) -> None:
        """Take what other processes have spent on a day; `scopes` are bounded from now on."""
        with self._lock:
            self._days.learn(day, elsewhere, scopes)

    def settle(self, flight: Flight, result: Result) -> None:
        """Tell everyone who waits how it ended. Only the payer's counters show its price."""
        endpoint = flight.request.endpoint
        cost = 0.0
        if isinstance(result.outcome, Answer):
            usage = result.outcome.usage
            cost = endpoint.charged.of(
                prompt_tokens=usage.prompt_tokens, completion_tokens=usage.completion_tokens
            )
        with self._lock:
            self._flights.pop(flight.request.key, None)
            for statement in flight.waiting:
                paid = result if statement is flight.payer else replace(result, source="journal")
                statement.settle(flight.request.key, paid, price=cost)


def _reserve(flight: Flight, spendings: Iterable[Spending]) -> Failure | Literal["send", "wait"]:
    """Reserve what a flight will cost in all of its budgets, or in none."""
    request = flight.request
    amounts = tuple((one, one.expected(request)) for one in spendings)
    verdicts = [one.verdict(request, amount) for one, amount in amounts]
    for (spending, _), verdict in zip(amounts, verdicts, strict=True):
        if verdict == "refuse":
            return spending.refusal(request)
    if "wait" in verdicts:
        for (spending, _), verdict in zip(amounts, verdicts, strict=True):
            spending.account.waits |= verdict == "wait"
        return "wait"
    for spending, amount in amounts:
        spending.reserve(request, amount)
    flight.reserved = amounts
    return "send"


def _used(flight: Flight, ending: Ending) -> tuple[Amount, int | None]:
    """Return what a flight cost, and how many tokens its answer had if it tells."""
    if not ending.attempts:
        return Amount(), None
    if not isinstance(ending.outcome, Answer):
        return Amount(requests=1), None
    used = used_cost(ending.outcome)
    if used is not None:
        return amount_of(flight.request, used), used.output_tokens
    # An answer that does not tell what it cost is taken to have cost what was expected.
    return amount_of(flight.request, expected_cost(flight.request, usual_output=0.0)), None
