"""Three ways to send the same requests: CPU of the client per request, and how they compare."""

from __future__ import annotations

import asyncio
import time
from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, TypeAlias

import httpx
import orjson
from httpx_aiohttp import AiohttpTransport

from airquery.endpoints.adapter import HttpRequest
from airquery.execute.transport import Reply, Transport
from tests.benchmarks.server import endpoint_process


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    Post: TypeAlias = Callable[[], Awaitable[int]]
    Way: TypeAlias = Callable[[AsyncExitStack, str, int], Awaitable[Post]]

IN_FLIGHT = (16, 64, 256)
REPEATS = 2
HEADERS = {"Content-Type": "application/json", "Authorization": "Bearer none"}


def measure(rows: int) -> list[Mapping[str, object]]:
    """Return one row per kind of server, way to send and concurrency."""
    return [
        row
        for server in ("at once", "log-normal, 200 ms")
        for row in _measured(server, min(rows, 2000))
    ]


def _measured(server: str, requests: int) -> list[Mapping[str, object]]:
    found: list[Mapping[str, object]] = []
    with endpoint_process(slow=server != "at once") as url:
        for in_flight in IN_FLIGHT:
            cpu_s = {
                name: min(
                    asyncio.run(_cpu_s(way, url, requests, in_flight)) for _ in range(REPEATS)
                )
                for name, way in WAYS.items()
            }
            found += [
                {
                    "server answers": server,
                    "in flight": in_flight,
                    "requests": requests,
                    "transport": name,
                    "CPU us per request": f"{seconds / requests * 1e6:.0f}",
                    "ratio to ours": f"{seconds / cpu_s['airquery']:.2f}",
                }
                for name, seconds in cpu_s.items()
            ]
    return found


async def _cpu_s(way: Way, url: str, requests: int, in_flight: int) -> float:
    async with AsyncExitStack() as stack:
        post = await way(stack, f"{url}/v1/chat/completions", in_flight)
        gate = asyncio.Semaphore(in_flight)

        async def one() -> None:
            async with gate:
                status = await post()
            if status != httpx.codes.OK:
                raise RuntimeError(f"the server answered with {status}")

        # Connections belong to the route, not to the request.
        await asyncio.gather(*(one() for _ in range(in_flight)))
        began = time.process_time()
        await asyncio.gather(*(one() for _ in range(requests)))
        return time.process_time() - began


def _body() -> bytes:
    return orjson.dumps({"model": "m", "messages": [{"role": "user", "content": "x" * 500}]})


async def _airquery(stack: AsyncExitStack, url: str, in_flight: int) -> Post:
    del in_flight
    transport = await stack.enter_async_context(Transport())

    async def post() -> int:
        request = HttpRequest(url=url, headers=HEADERS, body=_body())
        reply = await transport.post(request, timeout_s=60)
        return reply.status if isinstance(reply, Reply) else 0

    return post


async def _httpx_aiohttp(stack: AsyncExitStack, url: str, in_flight: int) -> Post:
    return await _httpx(stack, url, AiohttpTransport(limits=_limits(in_flight)))


async def _httpx_pool(stack: AsyncExitStack, url: str, in_flight: int) -> Post:
    return await _httpx(stack, url, httpx.AsyncHTTPTransport(limits=_limits(in_flight)))


async def _httpx(stack: AsyncExitStack, url: str, transport: httpx.AsyncBaseTransport) -> Post:
    client = httpx.AsyncClient(transport=transport, timeout=60)
    await stack.enter_async_context(client)

    async def post() -> int:
        async with asyncio.timeout(60):
            reply = await client.post(url, headers=HEADERS, content=_body())
        return reply.status_code

    return post


def _limits(in_flight: int) -> httpx.Limits:
    return httpx.Limits(max_connections=in_flight, max_keepalive_connections=in_flight)


WAYS: Mapping[str, Way] = {
    "airquery": _airquery,
    "httpx-aiohttp": _httpx_aiohttp,
    "httpx": _httpx_pool,
}
