"""Single requests outside a statement: try an endpoint, download a file."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import orjson

from airquery.answer import Failure
from airquery.endpoints import wire
from airquery.endpoints.failures import read_failure
from airquery.errors import AirqueryError, Unreachable
from airquery.execute.transport import Reply, Transport


if TYPE_CHECKING:
    from pathlib import Path

    from airquery.endpoints.endpoint import Endpoint


SILENCE_S = 60.0
PROBE_TIMEOUT_S = 15.0
NO_SUCH_ROUTE = (404, 405)
FIRST_ERROR_STATUS = 400


def fetch(url: str, into: Path) -> None:
    """Download an HTTP(S) address to a file. Raises `Unreachable`."""

    async def download() -> Failure | None:
        async with Transport() as transport:
            return await transport.download(url, into, timeout_s=SILENCE_S)

    failure = asyncio.run(download())
    if failure is not None:
        raise Unreachable(failure)


def probe(endpoint: Endpoint) -> str:
    """Try an endpoint without paying: read its list of models, with its key.

    Returns one line to show. Raises `Unreachable` if it does not answer or refuses the key, and
    `AirqueryError` if it says that it does not have the model.
    """

    async def get() -> Reply | Failure:
        async with Transport() as transport:
            url = endpoint.base_url.rstrip("/") + "/models"
            return await transport.get(
                url, headers=wire.headers(endpoint), timeout_s=PROBE_TIMEOUT_S
            )

    reply = asyncio.run(get())
    if isinstance(reply, Failure):
        raise Unreachable(reply)
    if reply.status in NO_SUCH_ROUTE:
        return f"{endpoint.name}: reachable at {endpoint.base_url}; it publishes no list of models."
    if reply.status >= FIRST_ERROR_STATUS:
        raise Unreachable(
            read_failure(
                endpoint, status=reply.status, headers=reply.headers, body=reply.body, now=0.0
            )
        )
    models = _models(reply.body)
    if models and endpoint.model is not None and endpoint.model not in models:
        raise AirqueryError(
            f"{endpoint.name}: reachable, but it has no model {endpoint.model!r}. "
            f"It has: {', '.join(sorted(models)[:20])}."
        )
    return f"{endpoint.name}: reachable, model {endpoint.model!r}" + (
        " is there." if models else " not checked: it lists none."
    )


def _models(body: bytes) -> set[str]:
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:
        return set()
    data = reply.get("data") if isinstance(reply, dict) else None
    rows = data if isinstance(data, list) else []
    return {str(row["id"]) for row in rows if isinstance(row, dict) and "id" in row}
