"""Pools of connections over aiohttp, one a route: whom to trust, and which proxy to go through.

A request goes once, but for one that a connection took along when its server closed it: that is
sent again on another.
"""

from __future__ import annotations

import io
import os
import ssl
from contextvars import ContextVar
from functools import lru_cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import aiohttp
import certifi

import airquery
from airquery.endpoints.redaction import basic
from airquery.errors import InvalidSetting


if TYPE_CHECKING:
    from collections.abc import Mapping

    from aiohttp.client_proto import ResponseHandler
    from aiohttp.tracing import Trace

    from airquery.endpoints.endpoint import Tls


# How long an idle connection is kept.
KEEP_S = 15.0
MAX_REDIRECTS: Final = 20
_LARGE: Final = 1 << 20

_HEADERS: Final = {"User-Agent": f"airquery/{airquery.__version__}"}
# What a request ends in that meets a connection its server has closed.
_CLOSED: Final = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError)
# Whether the connection of the request that is being sent was made for it.
_fresh: ContextVar[bool] = ContextVar("_fresh")


class Pool:
    """The connections of one route. Raises `InvalidSetting` for a file that it cannot use."""

    def __init__(self, tls: Tls, proxy: str | None) -> None:
        self._proxy, self._proxy_headers = _proxy(proxy)
        # A balancer's cookie would send every request to the server that answered the first one,
        # and endpoints at one host would know each other's.
        self._session = aiohttp.ClientSession(
            connector=_Connector(_context(tls)),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers=_HEADERS,
        )

    async def send(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str],
        body: bytes | None,
        patience: aiohttp.ClientTimeout,
        once: bool = False,
    ) -> aiohttp.ClientResponse:
        """Send a request and return the beginning of its reply; redirects are not followed.

        A server may close an idle connection just when it takes the next request. Whoever reused
        it learns nothing but that it is closed, and asks once more, unless `once` forbids it.
        """
        sent = partial(
            self._session.request,
            method,
            url,
            headers=headers,
            allow_redirects=False,
            proxy=self._proxy,
            proxy_headers=self._proxy_headers,
            timeout=patience,
        )
        _fresh.set(False)
        try:
            return await sent(data=_in_pieces(body))
        except _CLOSED as problem:
            # What is no text there is the beginning of a reply.
            begun = not isinstance(getattr(problem, "message", ""), str)
            if once or begun or _fresh.get():
                raise
        return await sent(data=_in_pieces(body))

    async def follow(self, url: str, *, patience: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        """Read an address, or where it sends us, and return the beginning of its reply."""
        return await self._session.get(
            url,
            max_redirects=MAX_REDIRECTS,
            proxy=self._proxy,
            proxy_headers=self._proxy_headers,
            timeout=patience,
        )

    async def close(self) -> None:
        """Close every connection."""
        await self._session.close()


class _Connector(aiohttp.TCPConnector):
    """A pool without a bound, because the engine bounds what is in flight; says what is fresh."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(limit=0, keepalive_timeout=KEEP_S, ssl=context)

    async def _create_connection(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Trace],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - as aiohttp calls it
    ) -> ResponseHandler:
        _fresh.set(True)
        return await super()._create_connection(req, traces, timeout)


def _in_pieces(body: bytes | None) -> bytes | io.BytesIO | None:
    """Return a body so that a large one does not keep the loop from all else while it is sent."""
    return body if body is None or len(body) < _LARGE else io.BytesIO(body)


def _proxy(url: str | None) -> tuple[str | None, Mapping[str, str] | None]:
    """Return a proxy without its user and password, and the header that only it is sent.

    What a proxy's headers call Authorization, aiohttp sends as Proxy-Authorization, on a plain
    request and on CONNECT alike; the other way it has for it is deprecated.
    """
    if url is None:
        return None, None
    parts = urlsplit(url)
    bare = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    if parts.username is None:
        return bare, None
    pair = basic(unquote(parts.username), unquote(parts.password or ""))
    return bare, {"Authorization": f"Basic {pair}"}


def _context(tls: Tls) -> ssl.SSLContext:
    """Return what decides whom to trust. Raises `InvalidSetting` naming a file it cannot use."""
    field, path = "tls.ca_bundle", tls.ca_bundle
    try:
        if path is None and tls.client_cert is None and tls.verify:
            return _shared(*_authorities())
        cafile, capath, _ = (path, None, 0) if path is not None else _authorities()
        context = ssl.create_default_context(cafile=cafile, capath=capath)
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


@lru_cache(maxsize=4)
def _shared(cafile: str | None, capath: str | None, _changed_ns: int) -> ssl.SSLContext:
    """Return the context of all pools without files of their own: reading it blocks the loop."""
    return ssl.create_default_context(cafile=cafile, capath=capath)


def _authorities() -> tuple[str | None, str | None, int]:
    """Trust what SSL_CERT_FILE or SSL_CERT_DIR name, or else the authorities that browsers trust.

    Returns a file or a folder, and when the file was last changed. OpenSSL reads a folder when it
    looks for an authority.
    """
    file = os.environ.get("SSL_CERT_FILE")
    if not file and (folder := os.environ.get("SSL_CERT_DIR")):
        return None, folder, 0
    file = file or certifi.where()
    return file, None, Path(file).stat().st_mtime_ns
