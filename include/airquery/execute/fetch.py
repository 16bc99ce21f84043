"""Single requests outside a statement: try an endpoint, read its schema, download a file."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any, TypeVar

import orjson

from airquery.answer import Failure
from airquery.clock import SystemClock
from airquery.endpoints import published, wire
from airquery.endpoints.failures import read_failure
from airquery.endpoints.redaction import address
from airquery.errors import AirqueryError, Unreachable
from airquery.execute.credentials import Credentials


if TYPE_CHECKING:
    from collections.abc import Coroutine
    from pathlib import Path

    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.transport import Transport
    from airquery.output.structure import Structure


_Result = TypeVar("_Result")

SILENCE_S = 60.0
PROBE_TIMEOUT_S = 15.0
NO_SUCH_ROUTE = (404, 405)
OK = range(200, 300)

_structures: dict[tuple[str, str | None], Structure | None] = {}


def fetch(url: str, into: Path) -> None:
    """Download an HTTP(S) address to a file. Raises `Unreachable`."""

    async def download() -> Failure | None:
        async with _transport() as transport:
            return await transport.download(url, into, timeout_s=SILENCE_S)

    failure = run_to_end(download())
    if failure is not None:
        raise Unreachable(failure)


def probe(endpoint: Endpoint, *, timeout_s: float = PROBE_TIMEOUT_S) -> str:
    """Try an endpoint without paying: read its list of models, with its key.

    Returns one line to show: how long it took, and what models were found. Raises `Unreachable` if
    it does not answer or refuses the key, and `AirqueryError` if it says that it does not have the
    model.
    """
    url = wire.url(endpoint, "/models")
    body, seconds = run_to_end(_get(endpoint, url, timeout_s=timeout_s))
    reached = f"{endpoint.name}: reachable in {1000 * seconds:,.0f} ms"
    if body is None:
        return (
            f"{reached}, with no list of models at {address(url)}. If requests end in HTTP 404, "
            "the path of base_url is wrong."
        )
    models = _models(body)
    if models and endpoint.model is not None and endpoint.model not in models:
        raise AirqueryError(
            f"{reached}, but it has no model {endpoint.model!r}. "
            f"It has: {', '.join(sorted(models)[:20])}."
        )
    if not models:
        return f"{reached}, model {endpoint.model!r} not checked: it lists none."
    return f"{reached}, model {endpoint.model!r} is there, one of {len(models):,}."


def published_structure(endpoint: Endpoint) -> Structure | None:
    """Return the type of a custom model's answers, as its endpoint publishes it.

    None if it publishes none. Asked once for each endpoint of this process. Raises `Unreachable`,
    and `StatementError` if what it publishes cannot be read.
    """
    url = published.url(endpoint)
    key = (url, endpoint.revision)
    if key not in _structures:
        body, _ = run_to_end(_get(endpoint, url))
        _structures[key] = None if body is None else published.read(endpoint, body)
    return _structures[key]


def _transport() -> Transport:
    # Loaded when something is asked for: every statement imports this module.
    from airquery.execute.transport import Transport  # noqa: PLC0415

    return Transport()


async def _get(
    endpoint: Endpoint, url: str, *, timeout_s: float = PROBE_TIMEOUT_S
) -> tuple[bytes | None, float]:
    """Read an address of the endpoint, with its key, and say how long that took.

    The body is None if there is no such address.
    """
    async with _transport() as transport:
        clock = SystemClock()
        credentials = Credentials(transport=transport, clock=clock)
        authorized = await credentials.authorized(endpoint)
        if isinstance(authorized, Failure):
            raise Unreachable(authorized)
        began = clock.monotonic()
        reply = await transport.get(
            url,
            headers=wire.headers(authorized),
            timeout_s=timeout_s,
            route=endpoint.route,
        )
        seconds = clock.monotonic() - began
        if isinstance(reply, Failure):
            raise Unreachable(reply)
        if reply.status in NO_SUCH_ROUTE:
            return None, seconds
        if reply.status not in OK:
            raise Unreachable(
                read_failure(
                    authorized,
                    status=reply.status,
                    headers=reply.headers,
                    body=reply.body,
                    now=clock.time(),
                )
            )
        return reply.body, seconds


def run_to_end(work: Coroutine[Any, Any, _Result]) -> _Result:
    """Run a coroutine to its end, also for a caller whose thread runs an event loop already."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        runs = False
    else:
        runs = True
    if not runs:
        return asyncio.run(work)
    with ThreadPoolExecutor(max_workers=1, thread_name_prefix="airquery-fetch") as thread:
        return thread.submit(asyncio.run, work).result()


def _models(body: bytes) -> set[str]:
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:
        return set()
    data = reply.get("data") if isinstance(reply, dict) else None
    rows = data if isinstance(data, list) else []
    return {str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row}
