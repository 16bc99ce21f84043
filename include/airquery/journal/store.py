"""What the engine asks of a journal, whichever database keeps it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol


if TYPE_CHECKING:
    from collections.abc import Sequence
    from concurrent.futures import Future

    from airquery.journal.record import Record


class Journal(Protocol):
    """An append-only map from request keys to replies."""

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Record]:
        """Return the records of those keys that are known. Raises `JournalError`."""

    def append(self, record: Record) -> Future[None]:
        """Keep a record; the future is done when it would survive a loss of power."""

    def close(self) -> None:
        """Write what is waiting and let go of the database."""
