"""httpx over aiohttp against httpx with its own pool: CPU of the client per request."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

import httpx
import orjson
from httpx_aiohttp import AiohttpTransport

from tests.benchmarks.server import endpoint_process


if TYPE_CHECKING:
    from collections.abc import Mapping

IN_FLIGHT = (16, 64, 256)
BODY = orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 500}]})


def measure(rows: int) -> list[Mapping[str, object]]:
    """Return one row per transport and concurrency."""
    requests = min(rows, 2000)
    with endpoint_process(slow=False) as url:
        return [
            {
                "transport": name,
                "in flight": in_flight,
                "requests": requests,
                "CPU us per request": f"{asyncio.run(_cpu_s(name, url, requests, in_flight)) / requests * 1e6:.0f}",
            }
            for in_flight in IN_FLIGHT
            for name in ("httpx-aiohttp", "httpx")
        ]


async def _cpu_s(name: str, url: str, requests: int, in_flight: int) -> float:
    limits = httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)
    transport = (
        AiohttpTransport(limits=limits)
        if name == "httpx-aiohttp"
        else httpx.AsyncHTTPTransport(limits=limits)
    )
    async with httpx.AsyncClient(transport=transport, timeout=60) as client:
        gate = asyncio.Semaphore(in_flight)

        async def one() -> None:
            async with gate:
                reply = await client.post(f"{url}/v1/chat/completions", content=BODY)
                reply.raise_for_status()

        began = time.process_time()
        await asyncio.gather(*(one() for _ in range(requests)))
        return time.process_time() - began
