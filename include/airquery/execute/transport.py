"""Send bytes, get bytes. The only module that touches httpx.

The httpx API runs over aiohttp: the default connection pool of httpx needs thirty times the CPU
at 256 requests in flight. Whatever goes wrong on the way is a `Failure`, never an exception.
"""

from __future__ import annotations

import asyncio
import ssl
from dataclasses import dataclass
from http.cookiejar import CookieJar, DefaultCookiePolicy
from typing import TYPE_CHECKING, Final, Self
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies

import aiohttp
import httpx
from httpx_aiohttp import AiohttpTransport

from airquery.answer import Failure
from airquery.endpoints.endpoint import Route, Tls
from airquery.endpoints.redaction import address, basic
from airquery.errors import InvalidSetting
from airquery.execute.faults import broken
from airquery.execute.proxies import proxy_for


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airquery.endpoints.adapter import HttpRequest


CONNECT_TIMEOUT_S = 10.0
# How long an idle connection is kept.
KEEP_S = 15.0
# No answer is so long; a body without an end must not take the machine's memory.
MAX_REPLY_BYTES: Final = 256 << 20

_DIRECT: Final = Route()
# aiohttp's own errors come through where httpx has no name for them; UnicodeError is what a host
# name that is too long ends in.
_BROKEN: Final = (httpx.HTTPError, aiohttp.ClientError, TimeoutError, UnicodeError)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A complete HTTP reply."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Transport:
    """Pools of connections, one a route; they belong to the event loop they were made on.

    Which proxies the environment names is read once, when it is made.
    """

    def __init__(self, *, max_reply_bytes: int = MAX_REPLY_BYTES) -> None:
        self._max_reply_bytes = max_reply_bytes
        self._proxies = getproxies()
        self._clients: dict[tuple[Tls, str | None], httpx.AsyncClient] = {}

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def post(
        self, request: HttpRequest, *, timeout_s: float, route: Route = _DIRECT
    ) -> Reply | Failure:
        """Send one request and read its whole reply within `timeout_s` seconds."""
        return await self._send(
            "POST",
            request.url,
            headers=request.headers,
            body=request.body,
            timeout_s=timeout_s,
            route=route,
        )

    async def get(
        self, url: str, *, headers: Mapping[str, str], timeout_s: float, route: Route = _DIRECT
    ) -> Reply | Failure:
        """Read one address within `timeout_s` seconds."""
        return await self._send("GET", url, headers=headers, timeout_s=timeout_s, route=route)

    async def download(self, url: str, into: Path, *, timeout_s: float) -> Failure | None:
        """Write what an address holds to a file; `timeout_s` bounds each silence, not the whole."""
        try:
            async with self._client(url, _DIRECT).stream(
                "GET", url, timeout=_timeout(timeout_s), follow_redirects=True
            ) as reply:
                if not reply.is_success:
                    return Failure(
                        condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
                        message=f"{address(url)} answered with HTTP status {reply.status_code}.",
                        http_status=reply.status_code,
                        retryable=reply.is_server_error,
                    )
                with into.open("wb") as file:
                    async for chunk in reply.aiter_bytes():
                        file.write(chunk)
        except InvalidSetting as problem:
            return _unusable(str(problem))
        except httpx.InvalidURL:
            return _unusable(f"{address(url)} cannot be asked. Correct it.")
        except _BROKEN as problem:
            return broken(url, problem, timeout_s=timeout_s)
        return None

    async def close(self) -> None:
        """Close every connection."""
        for client in self._clients.values():
            await client.aclose()

    async def _send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        timeout_s: float,
        route: Route,
        body: bytes | None = None,
    ) -> Reply | Failure:
        try:
            client = self._client(url, route)
            sending = client.build_request(
                method, url, headers=dict(headers), content=body, timeout=_timeout(timeout_s)
            )
            # The client's own read timeout starts again with every byte; this one does not.
            async with asyncio.timeout(timeout_s):
                reply = await client.send(sending, stream=True)
                content = await self._whole(reply)
        except InvalidSetting as problem:
            return _unusable(str(problem))
        except httpx.InvalidURL:
            return _unusable(f"{address(url)} cannot be asked. Correct it.")
        except (*_BROKEN, OSError) as problem:
            return broken(url, problem, timeout_s=timeout_s)
        if content is None:
            return Failure(
                condition="AI_FUNCTION_INVALID_HTTP_RESPONSE",
                message=f"{address(url)} sent more than {self._max_reply_bytes:,} bytes, which no "
                "answer has. The rest was not read. Check base_url.",
                http_status=reply.status_code,
            )
        return Reply(status=reply.status_code, headers=reply.headers, body=content)

    async def _whole(self, reply: httpx.Response) -> bytes | None:
        """Read a body to its end; None if it is longer than a reply may be."""
        chunks: list[bytes] = []
        size = 0
        try:
            async for chunk in reply.aiter_bytes():
                size += len(chunk)
                if size > self._max_reply_bytes:
                    return None
                chunks.append(chunk)
        finally:
            await reply.aclose()
        return b"".join(chunks)

    def _client(self, url: str, route: Route) -> httpx.AsyncClient:
        """Return the client for a route. Raises `InvalidSetting`."""
        declared = None if route.proxy is None else route.proxy.reveal()
        proxy = declared or proxy_for(url, self._proxies)
        key = (route.tls, proxy)
        if key not in self._clients:
            context = _context(route.tls)
            self._clients[key] = httpx.AsyncClient(
                transport=AiohttpTransport(
                    verify=context,
                    proxy=None if proxy is None else _proxy(proxy),
                    client=lambda: _session(context),
                ),
                cookies=_no_cookies(),
            )
        return self._clients[key]


def _session(context: ssl.SSLContext) -> aiohttp.ClientSession:
    """Return a pool without a bound: the engine bounds what is in flight."""
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEEP_S, ssl=context)
    return aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())


def _no_cookies() -> CookieJar:
    """Return a jar that keeps nothing.

    A balancer's cookie would send every request to the server that answered the first one, and
    endpoints at one host would know each other's.
    """
    return CookieJar(policy=DefaultCookiePolicy(allowed_domains=[]))


def _proxy(url: str) -> httpx.Proxy:
    """Return a proxy that its user and password are sent to, and nobody else.

    What a proxy's headers call Authorization, aiohttp sends as Proxy-Authorization, on a plain
    request and on CONNECT alike; the other way it has for it is deprecated.
    """
    parts = urlsplit(url)
    bare = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if parts.username is None:
        return httpx.Proxy(bare)
    pair = basic(unquote(parts.username), unquote(parts.password or ""))
    return httpx.Proxy(bare, headers={"Authorization": f"Basic {pair}"})


def _context(tls: Tls) -> ssl.SSLContext:
    """Return what decides whom to trust. Raises `InvalidSetting` naming a file it cannot use."""
    field, path = "tls.ca_bundle", tls.ca_bundle
    try:
        # Without a bundle, httpx takes the usual authorities, or those SSL_CERT_FILE names.
        context = (
            httpx.create_ssl_context() if path is None else ssl.create_default_context(cafile=path)
        )
        if tls.client_cert is not None:
            field, path = "tls.client_cert", tls.client_cert
            # With a password at hand, OpenSSL does not ask the terminal for one.
            context.load_cert_chain(path, password="")
    except OSError as problem:
        reason = getattr(problem, "reason", None) or problem.strerror or type(problem).__name__
        what = f"{field} {path!r}" if path is not None else "The file that SSL_CERT_FILE names"
        raise InvalidSetting(
            f"{what} cannot be used ({reason}). It must be a PEM file"
            f"{' of a certificate and its key, without a password' if field != 'tls.ca_bundle' else ''}."
        ) from None
    if not tls.verify:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context


def _timeout(timeout_s: float) -> httpx.Timeout:
    return httpx.Timeout(timeout_s, connect=min(CONNECT_TIMEOUT_S, timeout_s), pool=None)


def _unusable(message: str) -> Failure:
    return Failure(condition="AI_FUNCTION_HTTP_REQUEST_ERROR", message=message)
