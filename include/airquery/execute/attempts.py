"""Ask an endpoint, as often as it takes, and say how it ended."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from airquery.answer import Failure
from airquery.execute.exchange import Exchange
from airquery.execute.retry import TOO_MANY_REQUESTS, wait_before_next


if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Sequence

    from airquery.clock import Clock
    from airquery.execute.flight import Ending, Flight


log = logging.getLogger(__name__)


class Attempts:
    """Sends requests; the connections belong to the event loop it is first used on."""

    def __init__(self, *, clock: Clock, dice: random.Random) -> None:
        self._clock = clock
        self._dice = dice
        self._exchange: Exchange | None = None

    async def until_ended(
        self, flights: Sequence[Flight], *, given_up: Callable[[Sequence[Flight]], bool]
    ) -> list[Ending]:
        """Send flights as one HTTP request until there is a reply to them, or no hope of one.

        Returns how each of them ended, in their order.

        Raises:
            CancelledError: `given_up` said before a further attempt that nobody waits any more.
            AirqueryError: a request has no form on the endpoint's wire.
        """
        self._exchange = self._exchange or Exchange(clock=self._clock)
        requests = [flight.request for flight in flights]
        endpoint = requests[0].endpoint
        began = self._clock.monotonic()
        attempt = faults = 0
        while True:
            attempt += 1
            _mark(flights, on_wire=True)
            endings = [
                replace(one, attempts=attempt) for one in await self._exchange.send(requests)
            ]
            failure = whole_failure(endings)
            if failure is None:
                return endings
            _mark(flights, on_wire=False)
            faults += failure.http_status != TOO_MANY_REQUESTS
            wait_s = wait_before_next(
                failure,
                attempt=attempt,
                faults=faults,
                elapsed_s=self._clock.monotonic() - began,
                dice=self._dice.random(),
                limits=endpoint.limits,
            )
            if wait_s is None:
                failure = replace(failure, attempts=attempt)
                return [replace(one, outcome=failure) for one in endings]
            log.debug("retry endpoint=%s attempt=%d", endpoint.name, attempt)
            if given_up(flights):
                raise asyncio.CancelledError
            await self._clock.sleep(wait_s)

    async def close(self) -> None:
        """Close the connections."""
        if self._exchange is not None:
            await self._exchange.close()


def whole_failure(endings: Sequence[Ending]) -> Failure | None:
    """Return the failure of all of what was sent as one; None where each ended for itself."""
    first = endings[0].outcome
    same = all(one.outcome is first for one in endings)
    return first if same and isinstance(first, Failure) else None


def _mark(flights: Sequence[Flight], *, on_wire: bool) -> None:
    for flight in flights:
        flight.on_wire = on_wire
