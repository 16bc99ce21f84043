"""What the processes beside this one spent today, read from the journal they share."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airquery.errors import JournalError
from airquery.journal.spent import utc_day


if TYPE_CHECKING:
    from collections.abc import Set as AbstractSet
    from datetime import date

    from airquery.clock import Clock
    from airquery.execute.in_flight import InFlight
    from airquery.journal.store import Journal


log = logging.getLogger(__name__)


class Elsewhere:
    """Brings what others spent into the budgets of this process. Days are of UTC."""

    def __init__(self, journal: Journal, in_flight: InFlight, clock: Clock) -> None:
        self._journal = journal
        self._in_flight = in_flight
        self._clock = clock

    def today(self) -> date:
        """Return the day whose spending counts now."""
        return utc_day(self._clock.time())

    def is_stale(self) -> bool:
        """Tell whether it should be read again."""
        return self._in_flight.stale(self._clock.monotonic(), self.today())

    def read(self, scopes: AbstractSet[str] = frozenset()) -> None:
        """Learn what other processes spent today. Raises `JournalError`."""
        day = self.today()
        self._in_flight.learn(day, self._journal.spent(day, elsewhere=True), scopes)

    def refresh(self) -> None:
        """Learn it again; if that cannot be, the last figures hold until the next time."""
        try:
            self.read()
        except JournalError as problem:
            log.warning("what others spent today could not be read: %s", problem)
