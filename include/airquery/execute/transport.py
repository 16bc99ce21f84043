"""Send bytes, get bytes: the only way out to endpoints.

Whatever goes wrong on the way is a `Failure`, never an exception.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Final, Self
from urllib.request import getproxies

import aiohttp

from airquery.answer import Failure
from airquery.endpoints.allowed import read as allowed_places, refusal, without_user
from airquery.endpoints.endpoint import Route, Tls
from airquery.endpoints.redaction import address
from airquery.errors import InvalidSetting
from airquery.execute.faults import broken
from airquery.execute.pools import Pool
from airquery.execute.proxies import proxy_for
from airquery.execute.reply import Reply


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from airquery.endpoints.adapter import HttpRequest
    from airquery.endpoints.allowed import Place
    from airquery.endpoints.endpoint import Secret


__all__ = ["CONNECT_TIMEOUT_S", "MAX_REPLY_BYTES", "Reply", "Transport"]

CONNECT_TIMEOUT_S = 10.0
# No answer is so long; a body without an end must not take the machine's memory.
MAX_REPLY_BYTES: Final = 256 << 20

_DIRECT: Final = Route()
_SUCCESS: Final = range(200, 300)
_SERVER_FAULT: Final = range(500, 600)
# UnicodeError is what a host name that is too long ends in.
_BROKEN: Final = (aiohttp.ClientError, TimeoutError, UnicodeError)


class Transport:
    """Pools of connections, one a route; they belong to the event loop they were made on.

    Which proxies the environment names, and which addresses it allows, is read once, when it is made.
    """

    def __init__(self, *, max_reply_bytes: int = MAX_REPLY_BYTES) -> None:
        self._max_reply_bytes = max_reply_bytes
        self._environments = lru_cache(partial(proxy_for, proxies=getproxies()))
        self._refusal = lru_cache(partial(_refusal, places=allowed_places()))
        self._pools: dict[tuple[Tls, str | None], Pool] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def post(
        self,
        request: HttpRequest,
        *,
        timeout_s: float,
        route: Route = _DIRECT,
        once: bool = False,
    ) -> Reply | Failure:
        """Send one request and read its whole reply within `timeout_s` seconds.

        `once` says that not even one that met a closed connection is sent again.
        """
        return await self._send(
            "POST",
            request.url,
            headers=request.headers,
            body=request.body,
            timeout_s=timeout_s,
            route=route,
            once=once,
        )

    async def get(
        self, url: str, *, headers: Mapping[str, str], timeout_s: float, route: Route = _DIRECT
    ) -> Reply | Failure:
        """Read one address within `timeout_s` seconds."""
        return await self._send("GET", url, headers=headers, timeout_s=timeout_s, route=route)

    async def save(
        self,
        url: str,
        into: Path,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        route: Route = _DIRECT,
        max_bytes: int | None = None,
    ) -> Reply | Failure:
        """Write what one address replies to a file, and return the rest of the reply.

        `timeout_s` bounds each silence, not the whole. A refusal is returned whole and not written.
        """
        if (problem := self._refusal(url, route.proxy)) is not None:
            return replace(_unusable(problem), fatal=True)
        try:
            pool = self._pool(url, route)
            patience = _patience(timeout_s, silence_s=timeout_s)
            reply = await pool.send("GET", url, headers=headers, body=None, patience=patience)
            if reply.status not in _SUCCESS:
                body = await self._whole(reply) or b""
                return Reply(status=reply.status, headers=_readable(reply), body=body)
            size = 0
            async with reply:
                with into.open("wb") as file:
                    async for chunk in reply.content.iter_any():
                        size += len(chunk)
                        if max_bytes is not None and size > max_bytes:
                            return _unusable(
                                f"{address(url)} sent more than {max_bytes:,} bytes. The rest was "
                                "not read. Raise max_bytes if that is right."
                            )
                        file.write(chunk)
        except InvalidSetting as problem:
            return _unusable(str(problem))
        except (*_BROKEN, OSError) as problem:
            return broken(url, problem, timeout_s=timeout_s)
        return Reply(status=reply.status, headers=_readable(reply), body=b"")

    async def download(self, url: str, into: Path, *, timeout_s: float) -> Failure | None:
        """Write what an address holds to a file; `timeout_s` bounds each silence, not the whole.

        It is no endpoint: no key and no row goes there, and redirects are followed.
        """
        try:
            pool = self._pool(url, _DIRECT)
            patience = _patience(timeout_s, silence_s=timeout_s)
            async with await pool.follow(url, patience=patience) as reply:
                if reply.status not in _SUCCESS:
                    return Failure(
                        condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
                        message=f"{address(url)} answered with HTTP status {reply.status}.",
                        http_status=reply.status,
                        retryable=reply.status in _SERVER_FAULT,
                    )
                with into.open("wb") as file:
                    async for chunk in reply.content.iter_any():
                        file.write(chunk)
        except InvalidSetting as problem:
            return _unusable(str(problem))
        except _BROKEN as problem:
            return broken(url, problem, timeout_s=timeout_s)
        return None

    async def close(self) -> None:
        """Close every connection."""
        for pool in self._pools.values():
            await pool.close()

    async def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        route: Route,
        body: bytes | None = None,
        once: bool = False,
    ) -> Reply | Failure:
        if (problem := self._refusal(url, route.proxy)) is not None:
            return replace(_unusable(problem), fatal=True)
        try:
            pool = self._pool(url, route)
            reply = await pool.send(
                method, url, headers=headers, body=body, patience=_patience(timeout_s), once=once
            )
            content = await self._whole(reply)
        except InvalidSetting as problem:
            return _unusable(str(problem))
        except (*_BROKEN, OSError) as problem:
            return broken(url, problem, timeout_s=timeout_s)
        if content is None:
            return Failure(
                condition="AI_FUNCTION_INVALID_HTTP_RESPONSE",
                message=f"{address(url)} sent more than {self._max_reply_bytes:,} bytes, which no "
                "answer has. The rest was not read. Check base_url.",
                http_status=reply.status,
            )
        return Reply(status=reply.status, headers=_readable(reply), body=content)

    async def _whole(self, reply: aiohttp.ClientResponse) -> bytes | None:
        """Read a body to its end; None if it is longer than a reply may be."""
        chunks: list[bytes] = []
        size = 0
        try:
            while chunk := await reply.content.readany():
                size += len(chunk)
                if size > self._max_reply_bytes:
                    return None
                chunks.append(chunk)
        finally:
            # A connection whose reply was read to its end is kept, any other is closed.
            reply.release()
        return b"".join(chunks)

    def _pool(self, url: str, route: Route) -> Pool:
        """Return the pool for a route. Raises `InvalidSetting`."""
        declared = None if route.proxy is None else route.proxy.reveal()
        proxy = declared or self._environments(url)
        key = (route.tls, proxy)
        pool = self._pools.get(key)
        if pool is None:
            pool = self._pools[key] = Pool(route.tls, proxy)
        return pool


@lru_cache
def _patience(timeout_s: float, *, silence_s: float | None = None) -> aiohttp.ClientTimeout:
    """Bound a whole exchange; or, with `silence_s`, only each time that nothing comes."""
    return aiohttp.ClientTimeout(
        total=timeout_s if silence_s is None else None,
        sock_connect=min(CONNECT_TIMEOUT_S, timeout_s),
        sock_read=silence_s,
    )


def _readable(reply: aiohttp.ClientResponse) -> Mapping[str, str]:
    """Return the headers as text that can be written anywhere, whatever bytes they came as."""
    if all(map(str.isascii, reply.headers.values())):
        return reply.headers
    headers = reply.headers.copy()
    for name, value in reply.headers.items():
        headers[name] = value.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
    return headers


def _refusal(url: str, proxy: Secret | None, *, places: Sequence[Place] | None) -> str | None:
    """Say why nothing may be sent to an address, or through a proxy that an endpoint declares."""
    through = None if proxy is None else refusal(without_user(proxy.reveal()), places)
    return through or refusal(url, places)


def _unusable(message: str) -> Failure:
    return Failure(condition="AI_FUNCTION_HTTP_REQUEST_ERROR", message=message)
