"""How a task asks in batches: at once or later, and what becomes of its jobs when it is killed.

The jobs are the journal's: whoever runs the task again, in whichever try, finds them and submits
nothing twice. Only names and numbers leave here, never a key.
"""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

from airquery.answer import Failure
from airquery.endpoints.batches import BATCHED
from airquery.endpoints.endpoint import Batch
from airquery.errors import InvalidEndpoint


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from airquery import Registry
    from airquery.endpoints.endpoint import Endpoint, Mode
    from airquery.execute.departure import JobOut

log = logging.getLogger(__name__)

# What goes again begins to count anew each time a task comes back, so this is bounded too.
MOST_RETURNS: Final = 6
CANCEL_TIMEOUT_S: Final = 30.0


def asked_in(registry: Registry, names: Iterable[str], mode: Mode | None) -> Registry:
    """Return a registry in which the endpoints of these names are asked in a mode.

    None leaves them as they are declared. Raises `InvalidEndpoint` for one without a batch API.
    """
    if mode is None:
        return registry
    return registry.with_endpoints(*(_asked_in(registry.get(name), mode) for name in names))


def _asked_in(endpoint: Endpoint, mode: Mode) -> Endpoint:
    if mode == "online":
        return replace(endpoint, batch=None)
    if (endpoint.provider, endpoint.task) not in BATCHED or endpoint.function is not None:
        raise InvalidEndpoint(
            endpoint.name,
            f"provider {endpoint.provider!r} has no batch API for task {endpoint.task!r}. Leave "
            "mode out, or ask another endpoint.",
            source="mode='batch' of the task",
        )
    return replace(endpoint, batch=endpoint.batch or Batch())


def described(jobs: Iterable[JobOut]) -> list[dict[str, Any]]:
    """Return jobs as JSON values."""
    return [
        {"endpoint": one.endpoint, "job": one.job, "batch": one.batch, "requests": one.requests}
        for one in jobs
    ]


def named(jobs: Sequence[Mapping[str, Any]]) -> str:
    """Name jobs as messages do."""
    return ", ".join(
        f"batch {one['batch']} of endpoint {one['endpoint']!r} ({one['requests']:,} requests)"
        for one in jobs
    )


def batches_of(jobs: Sequence[Mapping[str, Any]]) -> list[tuple[str, str]]:
    """Return the endpoint and the batch of each job."""
    return [(one["endpoint"], one["batch"]) for one in jobs]


async def cancel_jobs(endpoints: Mapping[str, Endpoint], jobs: Sequence[Mapping[str, Any]]) -> None:
    """Stop jobs at their providers, as far as these do; the log says what became of each."""
    from airquery.execute.batch_watch import watch  # noqa: PLC0415 - loads the HTTP client

    try:
        async with asyncio.timeout(CANCEL_TIMEOUT_S), watch(endpoints) as batches:
            ended = await batches.cancel(batches_of(jobs))
    except TimeoutError:
        log.warning("not cancelled in time, and may go on: %s", named(jobs))
        return
    for batch, said in ended.items():
        if isinstance(said, Failure):
            log.warning("batch %s was not cancelled: %s", batch, said)
        else:
            log.info("batch %s is being cancelled at its provider", batch)
