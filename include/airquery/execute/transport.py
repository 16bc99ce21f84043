"""Send bytes, get bytes. The only module that touches httpx.

The httpx API runs over aiohttp: the default connection pool of httpx needs thirty times the CPU
at 256 requests in flight. Whatever goes wrong on the way is a `Failure`, never an exception.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

import httpx
from httpx_aiohttp import AiohttpTransport

from airquery.answer import Failure


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airquery.endpoints.adapter import HttpRequest


CONNECT_TIMEOUT_S = 10.0
# aiohttp reads 0 as "no limit": the engine bounds what is in flight, the pool only keeps sockets.
POOL = httpx.Limits(max_connections=0, max_keepalive_connections=None, keepalive_expiry=15.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A complete HTTP reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """A pool of connections; belongs to the event loop it was made on."""

    def __init__(self) -> None:
        self._client = httpx.AsyncClient(transport=AiohttpTransport(limits=POOL))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def post(self, request: HttpRequest, *, timeout_s: float) -> Reply | Failure:
        """Send one request and read its whole reply within `timeout_s` seconds."""
        sending = self._client.build_request(
            "POST",
            request.url,
            headers=dict(request.headers),
            content=request.body,
            timeout=_timeout(timeout_s),
        )
        return await self._send(sending, timeout_s=timeout_s)

    async def get(
        self, url: str, *, headers: Mapping[str, str], timeout_s: float
    ) -> Reply | Failure:
        """Read one address within `timeout_s` seconds."""
        try:
            sending = self._client.build_request(
                "GET", url, headers=dict(headers), timeout=_timeout(timeout_s)
            )
        except httpx.InvalidURL as problem:
            return _broken(url, "is not a valid URL", problem, retryable=False)
        return await self._send(sending, timeout_s=timeout_s)

    async def download(self, url: str, into: Path, *, timeout_s: float) -> Failure | None:
        """Write what an address holds to a file; `timeout_s` bounds each silence, not the whole."""
        try:
            async with self._client.stream(
                "GET", url, timeout=_timeout(timeout_s), follow_redirects=True
            ) as reply:
                if not reply.is_success:
                    return Failure(
                        condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
                        message=f"{_shown(url)} answered with HTTP status {reply.status_code}.",
                        http_status=reply.status_code,
                        retryable=reply.is_server_error,
                    )
                with into.open("wb") as file:
                    async for chunk in reply.aiter_bytes():
                        file.write(chunk)
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            return _broken(url, "could not be read", problem)
        return None

    async def close(self) -> None:
        """Close every connection."""
        await self._client.aclose()

    async def _send(self, request: httpx.Request, *, timeout_s: float) -> Reply | Failure:
        try:
            # The client's own read timeout starts again with every byte; this one does not.
            async with asyncio.timeout(timeout_s):
                reply = await self._client.send(request)
        except (httpx.ConnectError, httpx.ConnectTimeout) as problem:
            return _broken(str(request.url), "could not be reached", problem)
        except (httpx.TimeoutException, TimeoutError) as problem:
            return _broken(str(request.url), f"gave no whole reply in {timeout_s:g} s", problem)
        except httpx.HTTPError as problem:
            return _broken(str(request.url), "broke the connection off", problem)
        return Reply(status=reply.status_code, headers=reply.headers, body=reply.content)


def _timeout(timeout_s: float) -> httpx.Timeout:
    return httpx.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s), pool=None)


def _broken(url: str, what: str, problem: Exception, *, retryable: bool = True) -> Failure:
    # The exception's own text may repeat headers: only its class is shown.
    return Failure(
        condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
        message=f"{_shown(url)} {what} ({type(problem).__name__}).",
        retryable=retryable,
    )


def _shown(url: str) -> str:
    """Show an address without what may hold a secret: user, password and query."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}{parts.path}"
