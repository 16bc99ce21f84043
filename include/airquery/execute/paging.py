"""Decide where the next page of an HTTP answer is. Pure: nothing is asked here.

There is no last page by accident: a page without rows, a next address that is not given, or an
error. What a server says of its next page never leads to another origin, which would get our keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Self
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from airquery.endpoints.redaction import address
from airquery.errors import ConfigurationError


if TYPE_CHECKING:
    from collections.abc import Sequence


_LINK = re.compile(r'<([^>]*)>((?:\s*;\s*[\w!#$&+.^`|~*-]+(?:\s*=\s*(?:"[^"]*"|[^",;\s]*))?)*)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^",;\s]*))', re.IGNORECASE)
_MEND = (
    "Write 'link', {'next': '/json/pointer'}, {'next': '/json/pointer', 'parameter': 'cursor'}, "
    "{'page': 'page', 'first': 1} or {'offset': 'offset', 'first': 0}."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Paging:
    """How a server is asked for its next page.

    `pointer` is where a page names the next one; `parameter` is the query's parameter that says
    which page is wanted, and `first` what it is at first.
    """

    kind: Literal["link", "next", "page", "offset"]
    pointer: str = ""
    parameter: str = ""
    first: int = 0

    @classmethod
    def read(cls, given: str | Mapping[str, object]) -> Self:
        """Read what a user wrote. Raises `ConfigurationError`."""
        match given:
            case "link":
                return cls(kind="link")
            case {"next": str(pointer), **rest} if pointer.startswith("/"):
                parameter = rest.pop("parameter", "")
                if not rest and isinstance(parameter, str):
                    return cls(kind="next", pointer=pointer, parameter=parameter)
            case {"page": str(parameter), **rest}:
                first = rest.pop("first", 1)
                if not rest and isinstance(first, int):
                    return cls(kind="page", parameter=parameter, first=first)
            case {"offset": str(parameter), **rest}:
                first = rest.pop("first", 0)
                if not rest and isinstance(first, int):
                    return cls(kind="offset", parameter=parameter, first=first)
        raise ConfigurationError(f"pagination cannot be {given!r}. {_MEND}")

    @property
    def reads_json(self) -> bool:
        """Say whether the next page is told by what is in this one."""
        return self.kind != "link"

    def first_url(self, url: str) -> str:
        """Return the address of the first page."""
        if self.kind in {"page", "offset"}:
            return with_parameter(url, self.parameter, str(self.first))
        return url

    def next_url(
        self, url: str, *, links: Sequence[str], page: object, rows: int, pages: int, taken: int
    ) -> str | None:
        """Return the address of the page after this one, or None after the last one.

        `links` are the page's Link headers, `pages` and `taken` the pages and rows so far, with it.
        """
        if self.kind == "page":
            number = str(self.first + pages)
            return with_parameter(url, self.parameter, number) if rows else None
        if self.kind == "offset":
            number = str(self.first + taken)
            return with_parameter(url, self.parameter, number) if rows else None
        found = linked(links) if self.kind == "link" else at(page, self.pointer)
        if found is None or found == "":
            return None
        if isinstance(found, bool) or not isinstance(found, str | int):
            raise ConfigurationError(
                f"{address(url)} names its next page by {found!r} at {self.pointer!r}, which is "
                "no address. Correct pagination."
            )
        if self.parameter:
            return with_parameter(url, self.parameter, str(found))
        return _within_origin(url, urljoin(url, str(found)))


def linked(headers: Sequence[str]) -> str | None:
    """Find the next page in Link headers (RFC 8288)."""
    for header in headers:
        for target, attributes in _LINK.findall(header):
            rel = _REL.search(attributes)
            if rel and "next" in (rel[1] or rel[2] or "").lower().split():
                return str(target)
    return None


def at(value: object, pointer: str) -> object:
    """Return what a JSON pointer (RFC 6901) leads to; None if there is no such place."""
    for token in pointer.split("/")[1:]:
        key = token.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = value.get(key)
        elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
            value = value[int(key)]
        else:
            return None
    return value


def with_parameter(url: str, name: str, value: str) -> str:
    """Return the address with one parameter of its query set."""
    parts = urlsplit(url)
    others = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    return urlunsplit(parts._replace(query=urlencode([*others, (name, value)])))


def _within_origin(url: str, following: str) -> str:
    here, there = urlsplit(url), urlsplit(following)
    if (here.scheme, here.netloc) != (there.scheme, there.netloc):
        raise ConfigurationError(
            f"{address(url)} says that its next page is at {address(following)}, another origin, "
            "which would get the keys. Nothing was sent there: ask that one in a task of its own."
        )
    return following
