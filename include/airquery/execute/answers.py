"""How requests ended, as far as a statement has to remember it.

An answer that the journal has may be forgotten: it is read there again. So a statement needs room
for the answers of its last requests, however many rows it has. A failure is in no journal and stays.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from airquery.answer import Answer
from airquery.execute.seen import Seen


if TYPE_CHECKING:
    from airquery.answer import Outcome


Source: TypeAlias = Literal["endpoint", "journal"]

# What the replies may have, as bytes; decoded they take a few times as much.
ROOM_BYTES: Final = 32 << 20
# What an answer takes beside its text.
_OBJECT_BYTES: Final = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """How one request ended: its outcome, who gave it, and how long the endpoint took.

    `size` is the reply's length in bytes, `journaled` says that it can be read again, `hedged` how
    many of its attempts were made although another was still on its way.
    """

    outcome: Outcome
    source: Source
    latency_s: float = 0.0
    attempts: int = 0
    hedged: int = 0
    size: int = 0
    journaled: bool = False


class Answers:
    """Results by the keys of their requests. Whoever changes it keeps others out."""

    def __init__(self, room_bytes: int = ROOM_BYTES) -> None:
        self._left = room_bytes
        self._lasting: dict[bytes, Result] = {}
        # A plain dict whose oldest are removed is slow to say which is the oldest.
        self._passing: OrderedDict[bytes, Result] = OrderedDict()
        self._seen = Seen()

    def get(self, key: bytes) -> Result | None:
        """Return how a request ended, if that is still known. May be called at any time."""
        return self._passing.get(key) or self._lasting.get(key)

    def is_new(self, key: bytes) -> bool:
        """Note that a request was seen; True the first time."""
        return self._seen.add(key)

    def keep(self, key: bytes, result: Result) -> None:
        """Remember how a request ended, and forget the oldest answers that have no room any more."""
        if not (result.journaled and isinstance(result.outcome, Answer)):
            self._lasting[key] = result
            return
        self._left -= _OBJECT_BYTES + result.size
        self._passing[key] = result
        while self._left < 0 and len(self._passing) > 1:
            _, oldest = self._passing.popitem(last=False)
            self._left += _OBJECT_BYTES + oldest.size
