"""Name what went wrong on the way to a server, and say whether asking again may help.

Only the kind of an exception is looked at, and those texts of it that hold no header and no
address: the rest of them may hold a secret.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

import aiohttp
from aiohttp.http_exceptions import ContentEncodingError

from airquery.answer import Failure
from airquery.endpoints.redaction import address


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


_NO_SUCH_NAME: Final = frozenset({socket.EAI_NONAME, getattr(socket, "EAI_NODATA", -5)})
_FIRST_SERVER_FAULT: Final = 500
_TOO_MANY: Final = 429
_PROXY_WANTS_USER: Final = 407
# OpenSSL's numbers of what is wrong with a certificate.
_EXPIRED: Final = 10
_OTHER_NAME: Final = frozenset({62, 64})

_Kind = TypeVar("_Kind", bound=BaseException)


class _Fault(NamedTuple):
    what: str
    retryable: bool = True
    unreachable: bool = False


def broken(url: str, problem: Exception, *, timeout_s: float) -> Failure:
    """Name the exception that a request to an address ended in."""
    chain = list(_causes(problem))
    # The same refusal is also a connector's error and an OSError: what says most is looked at first.
    fault = (
        _proxy_fault(chain)
        or _tls_fault(chain)
        or _connection_fault(chain, url)
        or _reply_fault(chain, timeout_s)
        or _Fault(f"broke the connection off ({type(chain[0]).__name__}).")
    )
    return Failure(
        condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
        message=f"{address(url)} {fault.what}",
        retryable=fault.retryable,
        unreachable=fault.unreachable,
    )


def _causes(problem: BaseException) -> Iterator[BaseException]:
    """Yield what an exception came from, the first cause first."""
    chain: list[BaseException] = []
    found: BaseException | None = problem
    while found is not None and found not in chain:
        chain.append(found)
        inner = getattr(found, "certificate_error", None) or getattr(found, "os_error", None)
        found = found.__cause__ or inner
    return reversed(chain)


def _first(chain: Sequence[BaseException], kind: type[_Kind]) -> _Kind | None:
    return next((cause for cause in chain if isinstance(cause, kind)), None)


def _proxy_fault(chain: Sequence[BaseException]) -> _Fault | None:
    if unanswered := _first(chain, aiohttp.ClientProxyConnectionError):
        what = f"could not be reached: its proxy does not answer{_why(unanswered)}."
        return _Fault(what, unreachable=True)
    refused = _first(chain, aiohttp.ClientHttpProxyError)
    if refused is None:
        return None
    mend = "its user and password" if refused.status == _PROXY_WANTS_USER else "the address"
    return _Fault(
        f"could not be reached: its proxy answered with HTTP {refused.status}. "
        f"Check {mend} in proxy.",
        retryable=refused.status >= _FIRST_SERVER_FAULT or refused.status == _TOO_MANY,
    )


def _tls_fault(chain: Sequence[BaseException]) -> _Fault | None:
    if untrusted := _first(chain, ssl.SSLCertVerificationError):
        said = untrusted.verify_message.rstrip(".")
        return _Fault(
            f"has a certificate that is not trusted ({said}). {_mend(untrusted.verify_code)}",
            retryable=False,
        )
    problem = _first(chain, ssl.SSLError)
    if problem is None:
        return None
    reason = problem.reason or type(problem).__name__
    if isinstance(problem, ssl.SSLEOFError | ssl.SSLZeroReturnError):
        return _Fault(f"broke the connection off ({reason}).")
    mend = "Check base_url: its scheme, its port."
    if "CERTIFICATE" in reason or "HANDSHAKE_FAILURE" in reason:
        mend = "If it asks for a certificate of ours, name its file in tls.client_cert."
    return _Fault(f"could not agree on TLS ({reason}). {mend}", retryable=False)


def _mend(verify_code: int) -> str:
    if verify_code in _OTHER_NAME:
        return "Check base_url: it must hold a name that the certificate is for."
    if verify_code == _EXPIRED:
        return "The server needs a new one."
    return "If a private authority signed it, name that authority's file in tls.ca_bundle."


def _connection_fault(chain: Sequence[BaseException], url: str) -> _Fault | None:
    if nameless := _first(chain, aiohttp.ClientConnectorDNSError):
        return _nameless(nameless, url)
    if _first(chain, aiohttp.InvalidURL):
        return _Fault("cannot be asked. Correct it.", retryable=False)
    if _first(chain, UnicodeError):
        return _Fault("has a host that cannot be a name. Check base_url.", retryable=False)
    if _first(chain, aiohttp.ConnectionTimeoutError):
        what = "could not be reached: nobody took the connection in time."
        return _Fault(what, unreachable=True)
    if refused := _first(chain, aiohttp.ClientConnectorError):
        return _Fault(f"could not be reached{_why(refused)}.", unreachable=True)
    return None


def _nameless(problem: aiohttp.ClientConnectorDNSError, url: str) -> _Fault:
    # With a proxy, its name is the only one that is looked up here.
    mend = "Check base_url." if problem.host in url else "Check base_url and proxy."
    if problem.os_error.errno in _NO_SUCH_NAME:
        what = f"could not be reached: there is no host {problem.host!r}. {mend}"
        return _Fault(what, retryable=False)
    what = f"could not be reached: the host {problem.host!r} could not be looked up."
    return _Fault(what, unreachable=True)


def _reply_fault(chain: Sequence[BaseException], timeout_s: float) -> _Fault | None:
    if _first(chain, TimeoutError):
        return _Fault(f"gave no whole reply in {timeout_s:g} s.")
    if _first(chain, ContentEncodingError):
        return _Fault("sent a body that cannot be decompressed.")
    if _first(chain, aiohttp.TooManyRedirects):
        return _Fault("sends us from one address to the next without an end.", retryable=False)
    if _first(chain, aiohttp.ClientResponseError):
        return _Fault("sent what is not HTTP. If that stays, check base_url.")
    return None


def _why(problem: OSError) -> str:
    number = problem.errno
    return f" ({os.strerror(number)})" if number is not None and number in errno.errorcode else ""
