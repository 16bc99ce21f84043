"""How a text may spell a secret: as it is, in a URL, in JSON, in HTML, within base64.

Base64 packs three bytes into four characters, so a secret within a longer text is spelt in one of
three ways, depending on where it begins; its first and last characters may be mixed with what stands
beside it, and are left out.
"""

from __future__ import annotations

import base64
import html
import re
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, quote_plus

import orjson


if TYPE_CHECKING:
    from collections.abc import Iterator


# What the HTTP client spells out in a query, whatever it was given.
_SPELT_OUT: Final = "/?:@!$'()*,"
_ESCAPE: Final = re.compile("%[0-9A-F]{2}")
# Fewer bytes leave so few characters of base64 that any text may hold them.
_SHORTEST_IN_BASE64: Final = 8


def spellings(secret: str) -> Iterator[str]:
    """Yield every spelling of a secret, some of them twice."""
    yield secret
    for escaped in (quote(secret, safe=""), quote_plus(secret), quote(secret, safe=_SPELT_OUT)):
        yield escaped
        yield _ESCAPE.sub(lambda match: match[0].lower(), escaped)
    for text in (secret, html.escape(secret)):
        yield text
        once = _in_json(text)
        yield from (once, once.replace("/", "\\/"), _in_json(once))
    if len(secret.encode()) >= _SHORTEST_IN_BASE64:
        yield from _in_base64(secret.encode())


def _in_json(text: str) -> str:
    return orjson.dumps(text).decode()[1:-1]


def _in_base64(secret: bytes) -> Iterator[str]:
    for before in range(3):
        encoded = base64.b64encode(b"\0" * before + secret).decode()
        # Six bits a character: the first that holds none of what is before, and the last whole one.
        first, end = -(-before * 8 // 6), (before + len(secret)) * 8 // 6
        standard = encoded[first:end]
        yield standard
        yield standard.translate(str.maketrans("+/", "-_"))
