"""Keep an endpoint's secrets out of what it answers.

Servers echo headers and keys in error pages. Everything that a message or a `Failure.raw` quotes
goes through here first, and is cut only afterwards, so that no half of a secret is left. So does
what is kept of an answer.
"""

from __future__ import annotations

import base64
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from airquery.endpoints.spellings import spellings


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airquery.endpoints.endpoint import Endpoint


_MESSAGE_LENGTH = 500
_RAW_LENGTH = 2_000
# Shorter ones are not secrets, and replacing them would make every message unreadable.
_SECRET_LENGTH = 4
# From this length on, a secret stands in an answer only if the server has put it there.
_KEY_LENGTH = 16
_HIDDEN = "***"
# Who a key belongs to where HTTP Basic wants a user: the name that Databricks reads as "a token".
KEY_USER = "token"


def redact(endpoint: Endpoint, text: str) -> str:
    """Replace all that the endpoint keeps secret by `***`."""
    for spelling in _spellings(_values(endpoint), _SECRET_LENGTH):
        text = text.replace(spelling, _HIDDEN)
    return text


def redact_answer(endpoint: Endpoint, body: bytes) -> bytes:
    """Replace the endpoint's keys in a reply that was paid for, and nothing that could be a word.

    What is short, such as a header that names a team, may be a part of the answer.
    """
    for spelling in _spellings(_values(endpoint), _KEY_LENGTH):
        written = spelling.encode()
        if written in body:
            body = body.replace(written, _HIDDEN.encode())
    return body


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


def _values(endpoint: Endpoint) -> tuple[str, ...]:
    """Return each secret as it was sent, and its parts."""
    sent = [*(secret.reveal() for secret in endpoint.secrets()), *_encoded(endpoint)]
    return tuple(part for value in sent for part in (value, *value.split()))


@lru_cache(maxsize=256)
def _spellings(values: tuple[str, ...], shortest: int) -> tuple[str, ...]:
    """Return how texts may spell the values that are long enough, the longest first."""
    found = {one for value in values if len(value) >= shortest for one in spellings(value)}
    return tuple(sorted(found, key=len, reverse=True))


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
