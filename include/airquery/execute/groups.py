"""Which share of the requests of each group failed, where a call says what its groups are.

A tenth of all rows may be all rows of one country. A group of fewer requests than `LEAST` is part of
the whole alone: a few say nothing of a share.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from airquery.errors import GroupsFailed


if TYPE_CHECKING:
    from airquery.answer import Failure

LEAST: Final = 10


@dataclass(slots=True)
class _Group:
    """The distinct requests of one group, and those of them that failed."""

    ratio: float
    keys: set[bytes] = field(default_factory=set)
    failed: dict[bytes, Failure] = field(default_factory=dict)

    @property
    def share(self) -> float:
        return len(self.failed) / len(self.keys)


class Groups:
    """The groups of a statement's calls. Every method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._groups: dict[tuple[int, str | None], _Group] = {}

    def note(
        self, call: int, group: str | None, *, ratio: float, key: bytes, failure: Failure | None
    ) -> None:
        """Count how a row's request ended, once however often it is told."""
        with self._lock:
            found = self._groups.setdefault((call, group), _Group(ratio))
            found.keys.add(key)
            if failure is not None:
                found.failed[key] = failure

    def check(self) -> None:
        """Raise `GroupsFailed` if more failed in a group than may, once all rows have ended."""
        with self._lock:
            over = [
                (group, found)
                for (_, group), found in self._groups.items()
                if len(found.keys) >= LEAST and found.share > found.ratio
            ]
        if over:
            over.sort(key=lambda one: one[1].share, reverse=True)
            example = next(iter(over[0][1].failed.values()))
            rates = [(group, len(one.failed), len(one.keys)) for group, one in over]
            raise GroupsFailed(rates, ratio=over[0][1].ratio, example=example)
