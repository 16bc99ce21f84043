"""Ask an endpoint one request, as often as it takes, and say how it ended."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from airquery.answer import Answer, Failure
from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.failures import read_failure
from airquery.execute.credentials import Credentials
from airquery.execute.flight import Ending, Flight
from airquery.execute.retry import TOO_MANY_REQUESTS, wait_before_next
from airquery.execute.transport import Reply, Transport


if TYPE_CHECKING:
    import random
    from collections.abc import Callable

    from airquery.clock import Clock
    from airquery.endpoints.endpoint import Endpoint
    from airquery.request import Request


log = logging.getLogger(__name__)

OK = range(200, 300)
UNAUTHORIZED = 401


class Attempts:
    """Sends requests; the connections belong to the event loop it is first used on."""

    def __init__(self, *, clock: Clock, dice: random.Random) -> None:
        self._clock = clock
        self._dice = dice
        self._transport: Transport | None = None
        self._credentials: Credentials | None = None

    async def until_ended(self, flight: Flight, *, given_up: Callable[[Flight], bool]) -> Ending:
        """Send until there is an answer, a failure nobody can help, or no time left.

        Raises:
            CancelledError: `given_up` said before a further attempt that nobody waits any more.
            AirqueryError: the request has no form on the endpoint's wire.
        """
        request = flight.request
        began = self._clock.monotonic()
        attempt = faults = 0
        while True:
            attempt += 1
            flight.on_wire = True
            ending = await self._once(request)
            if isinstance(ending.outcome, Answer):
                return replace(ending, attempts=attempt)
            flight.on_wire = False
            faults += ending.outcome.http_status != TOO_MANY_REQUESTS
            wait_s = wait_before_next(
                ending.outcome,
                attempt=attempt,
                faults=faults,
                elapsed_s=self._clock.monotonic() - began,
                dice=self._dice.random(),
                limits=request.endpoint.limits,
            )
            if wait_s is None:
                failure = replace(ending.outcome, attempts=attempt)
                return replace(ending, outcome=failure, attempts=attempt)
            log.debug("retry endpoint=%s attempt=%d", request.endpoint.name, attempt)
            if given_up(flight):
                raise asyncio.CancelledError
            await self._clock.sleep(wait_s)

    async def close(self) -> None:
        """Close the connections."""
        if self._transport is not None:
            await self._transport.close()

    async def _once(self, request: Request) -> Ending:
        """Make one attempt; one that a token was refused for is made again with a new one."""
        if self._transport is None or self._credentials is None:
            self._transport = Transport()
            self._credentials = Credentials(transport=self._transport, clock=self._clock)
        endpoint = await self._credentials.authorized(request.endpoint)
        if isinstance(endpoint, Failure):
            return Ending(outcome=endpoint)
        ending = await self._sent(self._transport, request, endpoint)
        if isinstance(ending.outcome, Answer) or ending.outcome.http_status != UNAUTHORIZED:
            return ending
        if not self._credentials.refuse(endpoint):
            return ending
        endpoint = await self._credentials.authorized(request.endpoint)
        if isinstance(endpoint, Failure):
            return Ending(outcome=endpoint)
        return await self._sent(self._transport, request, endpoint)

    async def _sent(self, transport: Transport, request: Request, endpoint: Endpoint) -> Ending:
        """Send a request to its endpoint, which has its key, and read the reply."""
        if endpoint is not request.endpoint:
            request = replace(request, endpoint=endpoint)
        adapter = adapter_for(endpoint)
        sent = self._clock.monotonic()
        reply = await transport.post(
            adapter.encode(request), timeout_s=endpoint.timeout_s, route=endpoint.route
        )
        latency_s = self._clock.monotonic() - sent
        match reply:
            case Failure():
                return Ending(outcome=reply, latency_s=latency_s)
            case Reply(status=status, body=body) if status in OK:
                outcome = adapter.decode(request, body)
                return Ending(outcome=outcome, body=body, latency_s=latency_s)
            case Reply(status=status, headers=headers, body=body):
                failure = read_failure(
                    endpoint, status=status, headers=headers, body=body, now=self._clock.time()
                )
                return Ending(outcome=failure, latency_s=latency_s)
