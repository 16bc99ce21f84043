"""The batch jobs that were submitted and have not been read yet.

A job is remembered before its provider is told of it, and again with the provider's name for it.
It is forgotten when all its answers are durable. So whoever asks one of its requests again, in
whichever process, finds the job instead of paying a second time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol


if TYPE_CHECKING:
    from collections.abc import Sequence


KEY_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchJob:
    """A batch job: `id` is our name for it, `batch` the provider's, once it has given one.

    `address` is whom it was sent to, `created_at` is in seconds since 1970, `keys` are those of its
    requests.
    """

    id: str
    address: str
    created_at: float
    keys: tuple[bytes, ...]
    batch: str | None = None


class Jobs(Protocol):
    """Where a journal keeps batch jobs. Every method may be called from any thread.

    What a method has returned from would survive a loss of power. All raise `JournalError`.
    """

    def remember(self, job: BatchJob) -> None:
        """Keep a job; what is known of one with its id is replaced."""

    def jobs(self, address: str | None = None) -> list[BatchJob]:
        """Return the jobs of an address, or all, the oldest first."""

    def forget(self, job: str) -> None:
        """Remove the job of that id, if there is one."""


def joined(keys: Sequence[bytes]) -> bytes:
    """Return keys as a database keeps them: one after another."""
    return b"".join(keys)


def parted(keys: bytes) -> tuple[bytes, ...]:
    """Return the keys that were joined."""
    return tuple(keys[start : start + KEY_BYTES] for start in range(0, len(keys), KEY_BYTES))
