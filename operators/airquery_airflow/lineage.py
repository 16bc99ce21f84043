"""What a task read and wrote, as plain values.

OpenLineage asks for it in a process forked off after the work, where neither delta-rs nor DuckDB
may be used any more: so it is noted while the work goes on. No place holds a user, a key or a query.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from airquery.quality import ExpectationOutcome


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Where rows are, as OpenLineage names it."""

    namespace: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Written:
    """Rows that were written: how many, and the names and types of their columns."""

    place: Place
    rows: int
    columns: tuple[tuple[str, str], ...]


@dataclass(slots=True, kw_only=True)
class Lineage:
    """What one attempt of a task has read, written and checked so far, and its counts."""

    read: set[Place] = field(default_factory=set)
    written: list[Written] = field(default_factory=list)
    checked: tuple[ExpectationOutcome, ...] = ()
    counts: Mapping[str, Any] = field(default_factory=dict)

    def reads(self, *addresses: str) -> None:
        """Note paths or URLs that are read."""
        self.read.update(map(place_of, addresses))

    def writes(self, address: str, *, rows: int, columns: Iterable[tuple[str, str]]) -> None:
        """Note rows that were written to a path or a URL."""
        self.written.append(Written(place=place_of(address), rows=rows, columns=tuple(columns)))


def place_of(address: str) -> Place:
    """Name a path or a URL: the server or the bucket, and the path in it."""
    try:
        url = urlsplit(address)
    except ValueError:
        url = urlsplit("")
    if url.scheme == "file" and not url.netloc:
        return Place(namespace="file", name=url.path)
    if "://" not in address:
        return Place(namespace="file", name=str(Path(address).absolute()))
    if url.scheme in {"http", "https"}:
        port = f":{url.port}" if url.port else ""
        return Place(namespace=f"{url.scheme}://{url.hostname or ''}{port}", name=url.path or "/")
    # A bucket. Azure's account stands behind an @, elsewhere a connection or a login before it.
    bucket = url.netloc if url.scheme.startswith("abfs") else url.netloc.rpartition("@")[2]
    return Place(namespace=f"{url.scheme}://{bucket}", name=url.path.lstrip("/") or "/")
