"""The HTTP exchanges with a provider's batch API. Nothing is tried twice here."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from airquery.answer import Failure
from airquery.endpoints.batch_wires import batch_wire_for


if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from airquery.endpoints.adapter import HttpRequest
    from airquery.endpoints.batch import BatchState, BatchWire
    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.exchange import Exchange
    from airquery.execute.reply import Reply
    from airquery.execute.transport import Transport
    from airquery.journal.jobs import BatchJob


# A file of 200 MB takes its time.
UPLOAD_TIMEOUT_S: Final = 900.0
# A list is not looked through beyond what was made so long before the job; clocks may differ.
LISTED_BEFORE_S: Final = 3_600.0


class BatchCalls:
    """What one endpoint is asked about batches."""

    def __init__(self, endpoint: Endpoint, exchange: Exchange) -> None:
        self._endpoint = endpoint
        self._exchange = exchange
        self._wire: BatchWire = batch_wire_for(endpoint)

    async def create(self, lines: Sequence[bytes], job: str) -> BatchState | Failure:
        """Make a batch of requests."""
        uploaded = b""
        if self._wire.upload(self._endpoint, (), job) is not None:
            reply = await self._post(lambda known: self._wire.upload(known, lines, job))
            if isinstance(reply, Failure):
                return reply
            uploaded = reply.body
        if self._wire.create(self._endpoint, lines, job=job, uploaded=uploaded) is None:
            return self._unreadable("the upload of a batch")
        reply = await self._post(
            lambda known: self._wire.create(known, lines, job=job, uploaded=uploaded)
        )
        return reply if isinstance(reply, Failure) else self._state(reply.body)

    async def state(self, batch: str) -> BatchState | Failure:
        """Ask how far a batch is."""
        reply = await self._get(lambda known: self._wire.state_url(known, batch))
        return reply if isinstance(reply, Failure) else self._state(reply.body)

    async def cancel(self, batch: str) -> BatchState | Failure:
        """Stop a batch. What it has answered by then stays there to be read."""
        reply = await self._post(lambda known: self._wire.cancel(known, batch))
        return reply if isinstance(reply, Failure) else self._state(reply.body)

    async def find(self, job: BatchJob, *, foreign: set[str]) -> BatchState | Failure | None:
        """Look for a job's batch among all batches; None if there is none but `foreign` ones."""
        after: str | None = None
        turned: set[str] = set()
        while True:
            reply = await self._get(partial(self._wire.list_url, after=after))
            if isinstance(reply, Failure):
                return reply
            listed = self._wire.listed(reply.body)
            if listed is None:
                return self._unreadable("the list of batches")
            states, after = listed
            for state in states:
                if state.batch not in foreign and self._wire.is_ours(
                    state, job=job.id, requests=len(job.keys), created_at=job.created_at
                ):
                    return state
            times = [state.created_at for state in states if state.created_at is not None]
            older = bool(times) and min(times) < job.created_at - LISTED_BEFORE_S
            if after is None or after in turned or older:
                return None
            turned.add(after)

    async def save(self, output: str, into: Path) -> Failure | None:
        """Write an output of a batch to a file."""

        async def send(transport: Transport, known: Endpoint) -> Reply | Failure:
            return await transport.save(
                self._wire.output_url(known, output),
                into,
                headers=self._wire.headers(known),
                timeout_s=known.timeout_s,
                route=known.route,
            )

        reply = await self._exchange.call(self._endpoint, send)
        return reply if isinstance(reply, Failure) else None

    async def _post(self, write: Callable[[Endpoint], HttpRequest | None]) -> Reply | Failure:
        async def send(transport: Transport, known: Endpoint) -> Reply | Failure:
            request = write(known)
            if request is None:
                return self._unreadable("the upload of a batch")
            timeout_s = max(known.timeout_s, UPLOAD_TIMEOUT_S)
            return await transport.post(request, timeout_s=timeout_s, route=known.route, once=True)

        return await self._exchange.call(self._endpoint, send)

    async def _get(self, url: Callable[[Endpoint], str]) -> Reply | Failure:
        async def send(transport: Transport, known: Endpoint) -> Reply | Failure:
            headers = self._wire.headers(known)
            return await transport.get(
                url(known), headers=headers, timeout_s=known.timeout_s, route=known.route
            )

        return await self._exchange.call(self._endpoint, send)

    def _state(self, body: bytes) -> BatchState | Failure:
        return self._wire.state(body) or self._unreadable("the description of a batch")

    def _unreadable(self, what: str) -> Failure:
        return Failure(
            condition="AI_FUNCTION_INVALID_HTTP_RESPONSE",
            message=f"Endpoint {self._endpoint.name!r} sent something else than {what}. Check that "
            "its base_url has a batch API, or set mode: online.",
            retryable=True,
        )
