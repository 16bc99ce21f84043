"""One HTTP request and its reply, for one question or for several that share it.

Nothing is tried twice here but what a token was refused for: that is sent again with a new one.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airquery.answer import Failure
from airquery.endpoints.adapters import PYTHON, adapter_for, many_adapter_for
from airquery.endpoints.failures import read_failure
from airquery.endpoints.redaction import redact_answer
from airquery.endpoints.told_limits import told_in_text, told_limits
from airquery.errors import InvalidEndpoint
from airquery.execute.credentials import Credentials
from airquery.execute.flight import Ending
from airquery.execute.reply import Reply


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from airquery.answer import Outcome
    from airquery.clock import Clock
    from airquery.endpoints.adapter import HttpRequest
    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.transport import Transport
    from airquery.request import Request


OK = range(200, 300)
UNAUTHORIZED = 401


class Exchange:
    """Sends requests; its connections and tokens belong to the event loop it is made on."""

    def __init__(self, *, clock: Clock) -> None:
        self._clock = clock
        self._transport = _transport()
        self._credentials = Credentials(transport=self._transport, clock=clock)

    async def send(self, requests: Sequence[Request]) -> list[Ending]:
        """Send requests as one, and return how each ended, in their order.

        A failure of the whole is one `Failure`, the same object for each. Raises `AirqueryError` if
        a request has no form on the endpoint's wire.
        """
        declared = requests[0].endpoint
        endpoint = await self._credentials.authorized(declared)
        if isinstance(endpoint, Failure):
            return [Ending(outcome=endpoint)] * len(requests)
        endings = await self._sent(endpoint, requests)
        refused = any(
            isinstance(one.outcome, Failure) and one.outcome.http_status == UNAUTHORIZED
            for one in endings
        )
        if not refused or not self._credentials.refuse(endpoint):
            return endings
        endpoint = await self._credentials.authorized(declared)
        if isinstance(endpoint, Failure):
            return [Ending(outcome=endpoint)] * len(requests)
        return await self._sent(endpoint, requests)

    async def call(
        self,
        declared: Endpoint,
        send: Callable[[Transport, Endpoint], Awaitable[Reply | Failure]],
    ) -> Reply | Failure:
        """Make one exchange that is no question, with the endpoint's key; a refusal is a failure."""
        endpoint = await self._credentials.authorized(declared)
        if isinstance(endpoint, Failure):
            return endpoint
        reply = await send(self._transport, endpoint)
        refused = isinstance(reply, Reply) and reply.status == UNAUTHORIZED
        if refused and self._credentials.refuse(endpoint):
            endpoint = await self._credentials.authorized(declared)
            if isinstance(endpoint, Failure):
                return endpoint
            reply = await send(self._transport, endpoint)
        if isinstance(reply, Failure) or reply.status in OK:
            return reply
        return _refusal(endpoint, reply, now=self._clock.time())

    async def close(self) -> None:
        """Close the connections."""
        await self._transport.close()

    async def _sent(self, endpoint: Endpoint, requests: Sequence[Request]) -> list[Ending]:
        """Send requests to their endpoint, which has its key, and read the reply."""
        if endpoint is not requests[0].endpoint:
            requests = [replace(request, endpoint=endpoint) for request in requests]
        sent = self._clock.monotonic()
        reply = await self._reply(endpoint, requests)
        latency_s = self._clock.monotonic() - sent
        if isinstance(reply, Failure):
            failure = reply
        elif reply.status in OK:
            outcomes = _decoded(endpoint, requests, redact_answer(endpoint, reply.body))
            if not isinstance(outcomes, Failure):
                told = told_limits(reply.headers, now=self._clock.time())
                return [
                    Ending(outcome=outcome, body=body, latency_s=latency_s, told=told)
                    for outcome, body in outcomes
                ]
            failure = outcomes
        else:
            now = self._clock.time()
            failure = _refusal(endpoint, reply, now=now)
            told = told_limits(reply.headers, now=now) or told_in_text(failure.raw or "")
            return [Ending(outcome=failure, latency_s=latency_s, told=told)] * len(requests)
        return [Ending(outcome=failure, latency_s=latency_s)] * len(requests)

    async def _reply(self, endpoint: Endpoint, requests: Sequence[Request]) -> Reply | Failure:
        if endpoint.function is not None:
            answer = await PYTHON.answer(requests[0])
            return (
                answer
                if isinstance(answer, Failure)
                else Reply(status=OK.start, headers={}, body=answer)
            )
        return await self._transport.post(
            _encoded(endpoint, requests), timeout_s=endpoint.timeout_s, route=endpoint.route
        )


def _transport() -> Transport:
    # aiohttp takes a quarter of a second to load: who asks nothing does not wait for it.
    from airquery.execute.transport import Transport  # noqa: PLC0415

    return Transport()


def _encoded(endpoint: Endpoint, requests: Sequence[Request]) -> HttpRequest:
    if len(requests) == 1:
        return adapter_for(endpoint).encode(requests[0])
    adapter = many_adapter_for(endpoint, rows_per_prompt=requests[0].rows_per_prompt)
    if adapter is None:
        raise InvalidEndpoint(endpoint.name, "it takes one input a request.", source="Python")
    return adapter.encode_many(requests)


def _decoded(
    endpoint: Endpoint, requests: Sequence[Request], body: bytes
) -> list[tuple[Outcome, bytes]] | Failure:
    adapter = many_adapter_for(endpoint, rows_per_prompt=requests[0].rows_per_prompt)
    if len(requests) == 1 or adapter is None:
        return [(adapter_for(endpoint).decode(requests[0], body), body)]
    return adapter.decode_many(requests, body)


def _refusal(endpoint: Endpoint, reply: Reply, *, now: float) -> Failure:
    return read_failure(
        endpoint, status=reply.status, headers=reply.headers, body=reply.body, now=now
    )
