"""Keep an endpoint's secrets out of what it answers.

Servers echo headers and keys in error pages. Everything that a message or a `Failure.raw` quotes
goes through here first, and is cut only afterwards, so that no half of a secret is left.
"""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING
from urllib.parse import quote, quote_plus, unquote, urlsplit

import orjson


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airquery.endpoints.endpoint import Endpoint


_MESSAGE_LENGTH = 500
_RAW_LENGTH = 2_000
# Shorter ones are not secrets, and replacing them would make every message unreadable.
_SECRET_LENGTH = 4
# What the HTTP client spells out in a query, whatever it was given.
_SPELT_OUT = "/?:@!$'()*,"
# Who a key belongs to where HTTP Basic wants a user: the name that Databricks reads as "a token".
KEY_USER = "token"


def redact(endpoint: Endpoint, text: str) -> str:
    """Replace all that the endpoint keeps secret by `***`."""
    for secret in sorted(set(_shapes(endpoint)), key=len, reverse=True):
        text = text.replace(secret, "***")
    return text


def readable(endpoint: Endpoint, body: bytes) -> str:
    """Return a body as text without secrets."""
    return redact(endpoint, body.decode("utf-8", "replace"))


def sentence(text: str) -> str:
    """Return a text on one line, cut to the length of a message, that ends as a sentence."""
    line = " ".join(text[: 8 * _MESSAGE_LENGTH].split())
    if len(line) > _MESSAGE_LENGTH:
        line = f"{line[: _MESSAGE_LENGTH - 3]}..."
    return line if line.endswith((".", "!", "?")) else f"{line}."


def address(url: str) -> str:
    """Show a URL without what may hold a secret: user, password, query and fragment."""
    try:
        parts = urlsplit(url)
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return "An address that is no URL"
    host = f"[{parts.hostname}]" if ":" in (parts.hostname or "") else parts.hostname or ""
    return f"{parts.scheme}://{host}{port}{parts.path}"


def raw(text: str) -> str | None:
    """Return the part of a readable body that a `Failure` keeps."""
    return text[:_RAW_LENGTH] or None


def _shapes(endpoint: Endpoint) -> Iterator[str]:
    """Yield each secret as it was sent, its parts, and how JSON and a URL would spell them."""
    for value in [*(secret.reveal() for secret in endpoint.secrets()), *_encoded(endpoint)]:
        for shape in [value, *value.split()]:
            if len(shape) >= _SECRET_LENGTH:
                yield from (shape, quote(shape, safe=""), quote_plus(shape))
                yield quote(shape, safe=_SPELT_OUT)
                yield orjson.dumps(shape).decode()[1:-1]


def _encoded(endpoint: Endpoint) -> Iterator[str]:
    """Yield what is sent of a secret that is sent in another form."""
    if endpoint.api_key is not None:
        yield basic(KEY_USER, endpoint.api_key.reveal())
    if endpoint.oauth is not None:
        yield basic(endpoint.oauth.client_id, endpoint.oauth.client_secret.reveal())
    if endpoint.proxy is not None:
        parts = urlsplit(endpoint.proxy.reveal())
        password = unquote(parts.password or "")
        yield password
        yield basic(unquote(parts.username or ""), password)


def basic(user: str, password: str) -> str:
    """Return the credentials of HTTP Basic, without the word before them."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()
