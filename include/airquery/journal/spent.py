"""What was spent on a day, by scope: an endpoint, a DAG, or any name that a budget has.

Each process keeps a row of its own for each of them, with what it has spent in all. So a row may be
written twice, and no two processes wait for each other's.
"""

from __future__ import annotations

import threading
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, NamedTuple, TypeAlias
from uuid import uuid4


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence


class Spent(NamedTuple):
    """What was spent of one currency. A request that failed is one as well."""

    scope: str
    currency: str
    requests: int = 0
    tokens: int = 0
    money: float = 0.0


# A row as a database keeps it: the day, scope, currency, owner, and the three figures.
SpentRow: TypeAlias = tuple[str, str, str, str, int, int, float]


def utc_day(seconds: float) -> date:
    """Return the day of a second since 1970, which begins at midnight UTC; none is before."""
    return datetime.fromtimestamp(max(0.0, seconds), tz=UTC).date()


class Tally:
    """What this process has spent, and what of that is not written. Any thread may call it."""

    def __init__(self) -> None:
        self.owner = uuid4().hex
        self._lock = threading.Lock()
        self._spent: dict[tuple[date, str, str], Spent] = {}
        self._unwritten: set[tuple[date, str, str]] = set()

    def add(self, day: date, spent: Iterable[Spent]) -> None:
        """Add what was spent on a day."""
        with self._lock:
            for one in spent:
                key = (day, one.scope, one.currency)
                was = self._spent.get(key) or Spent(one.scope, one.currency)
                self._spent[key] = was._replace(
                    requests=was.requests + one.requests,
                    tokens=was.tokens + one.tokens,
                    money=was.money + one.money,
                )
                self._unwritten.add(key)

    def take(self) -> list[SpentRow]:
        """Return what has to be written, in the order of the table's key."""
        with self._lock:
            keys, self._unwritten = sorted(self._unwritten), set()
            return [
                (
                    day.isoformat(),
                    scope,
                    currency,
                    self.owner,
                    *self._spent[day, scope, currency][2:],
                )
                for day, scope, currency in keys
            ]

    def put_back(self, rows: Sequence[SpentRow]) -> None:
        """Note that rows could not be written."""
        with self._lock:
            self._unwritten.update((date.fromisoformat(row[0]), row[1], row[2]) for row in rows)
