"""Keep an endpoint's secrets out of what it answers.

Servers echo headers and keys in error pages. Everything that a message or a `Failure.raw` quotes
goes through here first, and is cut only afterwards, so that no half of a secret is left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airquery.endpoints.endpoint import Endpoint


_MESSAGE_LENGTH = 500
_RAW_LENGTH = 2_000
# Shorter ones are not secrets, and replacing them would make every message unreadable.
_SECRET_LENGTH = 4


def redact(endpoint: Endpoint, text: str) -> str:
    """Replace the endpoint's key and header values by `***`."""
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


def raw(text: str) -> str | None:
    """Return the part of a readable body that a `Failure` keeps."""
    return text[:_RAW_LENGTH] or None


def _shapes(endpoint: Endpoint) -> Iterator[str]:
    """Yield each secret as it was sent, its parts, and how JSON would spell them."""
    declared = [endpoint.api_key] if endpoint.api_key else []
    for secret in [*declared, *endpoint.headers.values()]:
        value = secret.reveal()
        for shape in [value, *value.split()]:
            if len(shape) >= _SECRET_LENGTH:
                yield shape
                yield orjson.dumps(shape).decode()[1:-1]
