"""What the engine asks of a journal, whichever database keeps it.

A request is sent by a process only between `claim`, which gives it to one process, and `append` or
`release`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from concurrent.futures import Future
    from datetime import date

    from airquery.journal.claims import Holder, Taken
    from airquery.journal.jobs import Jobs
    from airquery.journal.record import Record
    from airquery.journal.spent import Spent
    from airquery.journal.stats import Held, Pruned


class Journal(Protocol):
    """An append-only map from request keys to replies, and the batch jobs that will bring some."""

    @property
    def jobs(self) -> Jobs:
        """Return where batch jobs are kept."""

    def get_many(self, keys: Sequence[bytes]) -> dict[bytes, Record]:
        """Return the records of those keys that are known. Raises `JournalError`."""

    def claim(self, keys: Sequence[bytes], *, since: float = 0.0) -> Taken:
        """Return those of `keys` that this process may send now. Raises `JournalError`.

        The others are claimed by another process, or answered; an answer from before `since`, in
        seconds since 1970, is none.
        """

    def holders(self) -> list[Holder]:
        """Count what each process has claimed and not answered. Raises `JournalError`."""

    def release(self, keys: Sequence[bytes]) -> None:
        """Let others send what this process claimed and will not answer, soon."""

    def drain(self, *, timeout_s: float) -> None:
        """Wait until others may send what was released, but no longer."""

    def append(self, record: Record, *, replace: bool = False) -> Future[None]:
        """Keep a record; the future is done when it would survive a loss of power.

        An earlier record of the same key stays, unless `replace` is set.
        """

    def spend(self, day: date, spent: Sequence[Spent], *, alone: bool) -> None:
        """Note what was spent on a day; the next commit writes it.

        `alone` says that no record of it follows.
        """

    def spent(self, day: date, *, elsewhere: bool = False) -> list[Spent]:
        """Return what was spent on a day, of each scope and currency. Raises `JournalError`.

        With `elsewhere` only by other processes.
        """

    def stats(self) -> list[Held]:
        """Count the records of each endpoint and model. Raises `JournalError`."""

    def prune(self, before: float) -> Pruned:
        """Remove the records made before that second since 1970. Raises `JournalError`.

        What was spent on the days before goes as well.
        """

    def records(self) -> Iterator[Record]:
        """Go through all records in the order of their keys. Raises `JournalError`."""

    def close(self) -> None:
        """Write what is waiting and let go of the database."""

    def recent(self, endpoint: str, *, most: int) -> list[Record]:
        """Return the last answers of an endpoint, at most so many. Raises `JournalError`."""
