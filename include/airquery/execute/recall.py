"""What the journal remembers, as results; and how an answer is remembered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from airquery.endpoints.adapters import adapter_for
from airquery.execute.answers import Result
from airquery.execute.flight import unsendable
from airquery.journal.record import Record


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from concurrent.futures import Future

    from airquery.clock import Clock
    from airquery.endpoints.endpoint import Endpoint
    from airquery.journal.store import Journal
    from airquery.request import Request


log = logging.getLogger(__name__)


class Recall:
    """Reads and writes the answers of one journal. Every method may be called from any thread."""

    def __init__(self, journal: Journal, clock: Clock) -> None:
        self._journal = journal
        self._clock = clock

    def lookup(self, keys: Sequence[bytes], since: float) -> dict[bytes, Record]:
        """Return the records of those keys that were answered since. Raises `JournalError`."""
        records = self._journal.get_many(keys)
        return {key: record for key, record in records.items() if record.created_at >= since}

    def ask(self, held: Mapping[bytes, float]) -> tuple[dict[bytes, Record], set[bytes]]:
        """Return the answers that others gave by now, and what may be asked in their place.

        `held` says of each key since when an answer is young enough. Raises `JournalError`.
        """
        remembered: dict[bytes, Record] = {}
        claimed: set[bytes] = set()
        for since in set(held.values()):
            keys = [key for key, own in held.items() if own == since]
            remembered |= self.lookup(keys, since)
            missing = [key for key in keys if key not in remembered]
            claimed |= self._journal.claim(missing, since=since).keys
        return remembered, claimed

    def keep(
        self,
        endpoint: Endpoint,
        key: bytes,
        body: bytes,
        *,
        latency_s: float,
        replace: bool = False,
    ) -> Future[None]:
        """Remember an answer; the future is done when it is durable."""
        record = Record(
            key=key,
            endpoint=endpoint.name,
            model=endpoint.model,
            created_at=self._clock.time(),
            latency_s=latency_s,
            body=body,
        )
        return self._journal.append(record, replace=replace)


def replayed(request: Request, record: Record) -> Result:
    """Read a remembered reply as if it came now."""
    try:
        outcome = adapter_for(request.endpoint).decode(request, record.body)
    except Exception as problem:
        # A row that is waited for has to end, also by a defect of ours.
        log.exception("replay ended in a defect endpoint=%s", request.endpoint.name)
        outcome = unsendable(problem)
    return Result(
        outcome=outcome,
        source="journal",
        latency_s=record.latency_s,
        size=len(record.body),
        journaled=True,
    )
