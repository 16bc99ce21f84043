"""The requests that are in flight, each once, whoever waits for them.

Statements join and leave from any thread. Whoever wants what is in flight already joins it; what
nobody wants any more is dropped, and from then on nobody can join it.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING, Literal

from airquery.answer import Answer
from airquery.endpoints.cost import used_cost
from airquery.execute.budget import Amount, amount_of
from airquery.execute.flight import Cache, Ending, Flight


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airquery.answer import Failure
    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.answers import Result
    from airquery.execute.statement import Statement
    from airquery.request import Request


class InFlight:
    """The flights of one engine, by their requests' keys."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._flights: dict[bytes, Flight] = {}

    def join(
        self, requests: Iterable[Request], statement: Statement, cache: Cache
    ) -> dict[bytes, Flight]:
        """Let a statement wait for requests; return the flights that are new with it."""
        new: dict[bytes, Flight] = {}
        with self._lock:
            for request in requests:
                flight = self._flights.get(request.key)
                if flight is None:
                    flight = Flight(request, statement, [statement], cache)
                    self._flights[request.key] = new[request.key] = flight
                    continue
                flight.waiting.append(statement)
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
        """Drop flights if nobody waits for any of them."""
        with self._lock:
            if any(flight.waiting for flight in flights):
                return False
            for flight in flights:
                self._flights.pop(flight.request.key, None)
        return True

    def unsent_to(self, endpoint: Endpoint | None) -> list[Flight]:
        """Return what is not on the wire yet of the flights to an endpoint, or of all."""
        with self._lock:
            return [
                flight
                for flight in self._flights.values()
                if not flight.on_wire and endpoint in (None, flight.request.endpoint)
            ]

    def admit(self, flight: Flight) -> Failure | Literal["send", "wait"]:
        """Say whether a budget lets a flight be sent now or later, or return what it ends as.

        Whoever of those who wait for it has room for it pays.
        """
        refusal: Failure | None = None
        waits = False
        with self._lock:
            if flight.reserved is not None:
                return "send"
            others = [one for one in flight.waiting if one is not flight.payer]
            for statement in (flight.payer, *others):
                spending = statement.spending
                if spending is None:
                    flight.payer = statement
                    return "send"
                amount = spending.expected(flight.request)
                match spending.verdict(flight.request, amount):
                    case "send":
                        flight.payer = statement
                        spending.reserve(flight.request, amount)
                        flight.reserved = (spending, amount)
                        return "send"
                    case "wait":
                        waits = True
                    case "refuse":
                        refusal = refusal or spending.refusal(flight.request)
        return "wait" if waits or refusal is None else refusal

    def account(self, flight: Flight, ending: Ending) -> bool:
        """Count what a flight cost its budget; True if others wait for what that leaves.

        At once, and not when the answer is durable: until then others would be sent in its place.
        """
        with self._lock:
            if flight.reserved is None:
                return False
            (spending, amount), flight.reserved = flight.reserved, None
            used, output_tokens = _used(flight, ending, amount)
            return spending.settle(amount, used, output_tokens=output_tokens)

    def settle(self, flight: Flight, result: Result) -> None:
        """Tell everyone who waits how it ended. Only the payer's counters show its price."""
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


def _used(flight: Flight, ending: Ending, expected: Amount) -> tuple[Amount, int | None]:
    """Return what a flight cost, and how many tokens its answer had if it tells."""
    if not ending.attempts:
        return Amount(), None
    used = used_cost(ending.outcome)
    if used is not None:
        return amount_of(flight.request, used), used.output_tokens
    # An answer that does not tell what it cost is taken to have cost what was expected.
    return (expected if isinstance(ending.outcome, Answer) else Amount(requests=1)), None
