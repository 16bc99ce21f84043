"""A statement that runs: what its calls share while DuckDB evaluates them, chunk by chunk.

The same rows come by several times: read ahead, and then for good. So what was made of a row's text
is kept for a while.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import TYPE_CHECKING, Final, NamedTuple, Protocol

from airquery.execute.statement import WINDOW, Statement


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airquery.execute.statement import Cancel
    from airquery.planning.estimate import Tally
    from airquery.tasks.steps import Row


# Enough for what is read ahead, at two depths.
KEPT_ROWS: Final = 3 * WINDOW


class Told(NamedTuple):
    """A row that the journal answered: the key of its request, and the row's text in the column."""

    key: bytes
    text: str


class Unfinished(Protocol):
    """Rows whose answers decide what they ask next."""

    def go_on(self) -> bool:
        """Ask what is known to be needed by now; True once nothing is missing."""


class Running:
    """One statement with what its calls share. Every method may be called from any thread.

    With a `tally` it only counts what it would ask, and sends nothing.
    """

    def __init__(self, cancel: Cancel | None = None, *, max_age_s: float | None = None) -> None:
        self.tally: Tally | None = None
        self.statement = Statement(cancel, max_age_s=max_age_s)
        self._rows: OrderedDict[tuple[int, str], Row] = OrderedDict()
        # Held while rows are looked up: who comes to the same rows meanwhile finds them here.
        self.telling = threading.Lock()
        self.told: OrderedDict[tuple[int, str], Told] = OrderedDict()
        self._unfinished: list[Unfinished] = []
        self._lock = threading.Lock()

    def row(self, call: object, text: str, make: Callable[[], Row]) -> Row:
        """Return the row of a call that has this text, made anew unless it is still known."""
        key = (id(call), text)
        row = self._rows.get(key)
        if row is None:
            row = make()
            with self._lock:
                self._rows[key] = row
                while len(self._rows) > KEPT_ROWS:
                    self._rows.popitem(last=False)
        return row

    def remember(self, told: Mapping[tuple[int, str], Told]) -> None:
        """Keep rows that were answered ahead, by their call and their text."""
        with self._lock:
            self.told.update(told)
            while len(self.told) > KEPT_ROWS:
                self.told.popitem(last=False)

    def defer(self, rows: Unfinished) -> None:
        """Take rows that will ask more, once they know what."""
        with self._lock:
            self._unfinished.append(rows)

    def go_on(self) -> bool:
        """Ask what deferred rows need by now; True once none is left."""
        with self._lock:
            waiting, self._unfinished = self._unfinished, []
        left = [rows for rows in waiting if not rows.go_on()]
        with self._lock:
            self._unfinished += left
            return not self._unfinished
