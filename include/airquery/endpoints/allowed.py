"""Which addresses endpoints may have: what `AIRQUERY_ALLOWED_URLS` lists, or all without it.

An address is compared by its parts, never as text: scheme, host, port, and path by whole segments.
What two readers of a URL could read differently (a user, a backslash, a name that is not ASCII, dots
in the path) is refused rather than compared. The list is the process's, not an endpoint file's: only
who starts the process can change it.
"""

from __future__ import annotations

import ipaddress
import os
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

from airquery.endpoints.redaction import address
from airquery.errors import InvalidSetting


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery.endpoints.endpoint import Endpoint


VARIABLE: Final = "AIRQUERY_ALLOWED_URLS"

_PORTS: Final = {"http": 80, "https": 443}
_UNSENDABLE: Final = re.compile(r"[\x00-\x20\x7f\\]")
_NAME: Final = re.compile(r"[a-z0-9_][a-z0-9_-]*(?:\.[a-z0-9_][a-z0-9_-]*)*")
_ANY_NAME_BELOW: Final = "*."
# A path that is decoded more often than this has no meaning to a server.
_DECODINGS: Final = 3
_EXAMPLE: Final = f"{VARIABLE}=https://api.openai.com/v1,*.openai.azure.com,http://127.0.0.1:8077"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """What a URL leads to. As a rule, a host that begins with `*.` is every name below it."""

    scheme: str
    host: str
    port: int
    path: str

    def holds(self, other: Place) -> bool:
        """Say whether another place is this one, or below it."""
        if self.host.startswith(_ANY_NAME_BELOW):
            same_host = other.host.endswith(self.host.removeprefix("*"))
        else:
            same_host = self.host == other.host
        within = other.path == self.path or other.path.startswith(f"{self.path}/")
        return same_host and within and (self.scheme, self.port) == (other.scheme, other.port)


def read(environ: Mapping[str, str] = os.environ) -> tuple[Place, ...] | None:
    """Return the places that are allowed, None if all are. Raises `InvalidSetting`."""
    text = environ.get(VARIABLE, "").strip()
    if not text:
        return None
    entries = [entry for part in text.split(",") if (entry := part.strip())]
    places = [_rule(entry, number) for number, entry in enumerate(entries, start=1)]
    if not places:
        raise InvalidSetting(f"{VARIABLE} lists no URL. Write for example {_EXAMPLE}, or unset it.")
    return tuple(places)


def refusal(url: str, allowed: Sequence[Place] | None) -> str | None:
    """Say why an address may not be asked, as a sentence to follow what it is for; None if it may."""
    if allowed is None:
        return None
    try:
        found = _place(url)
    except ValueError as problem:
        return (
            f"{address(url)!r:.200} {problem}, so that it cannot be compared with what {VARIABLE} "
            "allows. Write it out plainly."
        )
    if any(place.holds(found) for place in allowed):
        return None
    return f"{address(url)!r:.200} is not allowed by {VARIABLE}. Add it there, or ask another endpoint."


def check(endpoint: Endpoint) -> None:
    """Refuse an endpoint that sends to an address which this process does not allow.

    Raises `ValueError` that names the field; `InvalidSetting` if the list cannot be read.
    """
    allowed = read()
    if endpoint.function is not None:
        return
    addresses = {
        "base_url": endpoint.base_url,
        "oauth.token_url": None if endpoint.oauth is None else endpoint.oauth.token_url,
        "proxy": None if endpoint.proxy is None else endpoint.proxy.reveal(),
    }
    for field, url in addresses.items():
        problem = (
            None
            if url is None
            else refusal(without_user(url) if field == "proxy" else url, allowed)
        )
        if problem is not None:
            raise ValueError(f"field {field!r}: {problem}")


def without_user(proxy: str) -> str:
    """Return a proxy's URL without its user and password, which do not go to another place."""
    scheme, _, rest = proxy.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _rule(entry: str, number: int) -> Place:
    """Read one entry of the list. A host alone means https."""
    url = entry if "://" in entry else f"https://{entry}"
    try:
        return _place(url, is_rule=True)
    except ValueError as problem:
        # The entry is not shown: it may hold a password.
        text = f"Entry {number} of {VARIABLE} {problem}. Write for example {_EXAMPLE}."
    raise InvalidSetting(text)


def _place(url: str, *, is_rule: bool = False) -> Place:
    """Take a URL apart. Raises `ValueError` that says what is wrong with it."""
    if _UNSENDABLE.search(url):
        raise ValueError("holds a blank, a line break or a backslash")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError("is no URL") from None
    if parts.scheme not in _PORTS:
        raise ValueError("is no http:// or https:// URL")
    if "@" in parts.netloc:
        raise ValueError("holds a user")
    if is_rule and (parts.query or parts.fragment):
        raise ValueError("holds a '?' or a '#'")
    path = parts.path.rstrip("/")
    if _leads_elsewhere(path):
        raise ValueError("holds '.' or '..' in its path")
    return Place(
        scheme=parts.scheme,
        host=_host(parts.hostname or "", is_rule=is_rule),
        port=_PORTS[parts.scheme] if port is None else port,
        path=path,
    )


def _host(text: str, *, is_rule: bool) -> str:
    below = is_rule and text.startswith(_ANY_NAME_BELOW)
    name = text.removeprefix(_ANY_NAME_BELOW) if below else text
    if ":" in name:
        return _ipv6(name)
    # A dot at the end says only that nothing is to be put after the name.
    name = name.removesuffix(".")
    if not name.isascii():
        raise ValueError("has a host that is not ASCII: write it in its form that begins with xn--")
    if not _NAME.fullmatch(name):
        raise ValueError("has no host that can be compared")
    return f"*.{name}" if below else name


def _ipv6(text: str) -> str:
    try:
        found = ipaddress.IPv6Address(text)
    except ValueError:
        found = None
    if found is None or found.scope_id is not None:
        raise ValueError("has no host that can be compared")
    return str(found)


def _leads_elsewhere(path: str) -> bool:
    for _ in range(_DECODINGS):
        if {".", ".."} & set(re.split(r"[/\\]", path)):
            return True
        path = unquote(path)
    return False
