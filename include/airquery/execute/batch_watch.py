"""Looking at batches from outside: whether they are over, without asking or reading anything.

Whoever waits for jobs that a statement left needs no journal and no worker for it. The statement
itself, run again, reads what came and names what went wrong.
"""

from __future__ import annotations

import logging
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from airquery.answer import Failure
from airquery.clock import Clock, SystemClock
from airquery.endpoints.endpoint import Batch
from airquery.execute.batch_calls import BatchCalls
from airquery.execute.batch_job import pause_s


if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from airquery.endpoints.batch import Phase
    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.exchange import Exchange


log = logging.getLogger(__name__)


class BatchWatch:
    """Looks at batches; `endpoints` are those by whose providers they are worked on."""

    def __init__(
        self, endpoints: Mapping[str, Endpoint], exchange: Exchange, *, clock: Clock
    ) -> None:
        self._endpoints = endpoints
        self._calls = {name: BatchCalls(one, exchange) for name, one in endpoints.items()}
        self._clock = clock

    async def until_over(self, batches: Sequence[tuple[str, str]]) -> dict[str, Phase | Failure]:
        """Wait until batches, each with the name of its endpoint, are over; return how they ended.

        A provider that is away is asked again for as long as it takes, less and less often. A
        refusal, such as of a key, is not waited for: it is how that batch is told to have ended.
        """
        return {batch: await self._over(endpoint, batch) for endpoint, batch in batches}

    async def cancel(self, batches: Sequence[tuple[str, str]]) -> dict[str, Phase | Failure]:
        """Stop batches at their providers; return what these say of each."""
        ended: dict[str, Phase | Failure] = {}
        for endpoint, batch in batches:
            state = await self._calls[endpoint].cancel(batch)
            ended[batch] = state if isinstance(state, Failure) else state.phase
        return ended

    async def _over(self, endpoint: str, batch: str) -> Phase | Failure:
        looks, declared = 0, self._endpoints[endpoint].batch or Batch()
        while True:
            await self._clock.sleep(pause_s(looks, declared))
            looks += 1
            state = await self._calls[endpoint].state(batch)
            if isinstance(state, Failure):
                if not state.retryable:
                    return state
                log.info("batch not seen, looking again batch=%s: %s", batch, state)
                await self._clock.sleep(state.retry_after_s or 0.0)
            elif state.phase != "running":
                return state.phase
            else:
                log.debug("batch %s %d/%d", batch, state.done, state.requests)


@asynccontextmanager
async def watch(
    endpoints: Mapping[str, Endpoint], *, clock: Clock | None = None
) -> AsyncIterator[BatchWatch]:
    """Open connections to look at batches with. Raises `InvalidEndpoint` without a batch API."""
    # What speaks HTTP takes long to load.
    from airquery.execute.exchange import Exchange  # noqa: PLC0415

    known = clock or SystemClock()
    exchange = Exchange(clock=known)
    try:
        yield BatchWatch(endpoints, exchange, clock=known)
    finally:
        await exchange.close()
