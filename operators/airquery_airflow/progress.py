"""How far a statement is, as a line of the task's log now and then."""

from __future__ import annotations

import logging
import time
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from airquery import RunStats

log = logging.getLogger(__name__)


class LogProgress:
    """Writes a line now and then; the engine calls it far more often."""

    def __init__(self, *, every_s: float) -> None:
        self._every_s = every_s
        self._next = time.monotonic() + every_s

    def __call__(self, stats: RunStats) -> None:
        """Write a line if it is time for one."""
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every_s
        log.info(
            "%d of %d requests answered: %d sent, %d from the journal, %d failed, %.6f %s, %.0f s",
            stats.answered,
            stats.requests,
            stats.sent,
            stats.from_journal,
            stats.failed,
            stats.price,
            stats.currency,
            stats.seconds,
        )
