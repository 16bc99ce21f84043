"""What a journal holds, in numbers."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """The records of one endpoint and model. `size` is in bytes, compressed; times since 1970."""

    endpoint: str
    model: str | None
    records: int
    size: int
    oldest: float
    newest: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Pruned:
    """What was removed. `size` is in bytes, compressed."""

    records: int
    size: int


def held(row: tuple[str, str | None, int, int, float, float]) -> Held:
    """Return the numbers of a row of `stats.sql`."""
    endpoint, model, records, size, oldest, newest = row
    return Held(
        endpoint=endpoint,
        model=model,
        records=records,
        size=int(size),
        oldest=oldest,
        newest=newest,
    )
