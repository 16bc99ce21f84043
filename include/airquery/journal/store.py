"""What the engine asks of a journal, whichever database keeps it.

A request is sent by a process only between `claim`, which gives it to one process, and `append` or
`release`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future

    from airquery.journal.jobs import Jobs
    from airquery.journal.record import Record
    from airquery.journal.stats import Held, Pruned


class Journal(Protocol):
    """An append-only map from request keys to replies, and the batch jobs that will bring some."""

    @property
    def jobs(self) -> Jobs:
        """Return where batch jobs are kept."""

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Record]:
        """Return the records of those keys that are known. Raises `JournalError`."""

    def claim(self, keys: Sequence[bytes]) -> set[bytes]:
        """Return those of `keys` that this process may send now. Raises `JournalError`.

        The others are answered by now, or claimed by another process.
        """

    def release(self, keys: Sequence[bytes]) -> None:
        """Let others send what this process claimed and will not answer."""

    def append(self, record: Record, *, replace: bool = False) -> Future[None]:
        """Keep a record; the future is done when it would survive a loss of power.

        An earlier record of the same key stays, unless `replace` is set.
        """

    def stats(self) -> list[Held]:
        """Count the records of each endpoint and model. Raises `JournalError`."""

    def prune(self, before: float) -> Pruned:
        """Remove the records made before that second since 1970. Raises `JournalError`."""

    def records(self) -> Iterator[Record]:
        """Go through all records in the order of their keys. Raises `JournalError`."""

    def close(self) -> None:
        """Write what is waiting and let go of the database."""

    def recent(self, endpoint: str, *, most: int) -> list[Record]:
        """Return the last answers of an endpoint, at most so many. Raises `JournalError`."""
