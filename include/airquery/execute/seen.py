"""Which requests a statement has asked: a set of keys that takes 12 to 24 bytes for each.

A statement may have millions, and Python's own set takes a hundred bytes. Keys are hashes already,
so a part of one is its place in a table of open addresses. There is a table for each first byte: one
that is full is made anew in a moment, while a single one for all would keep everybody waiting.
"""

from __future__ import annotations

from array import array
from typing import Final


_TABLES: Final = 256
_FIRST_SLOTS: Final = 16
# With so many of its slots taken, a look takes two steps on average.
_FULLEST: Final = 2 / 3
# What a table is asked for: with the first byte enough to tell a statement's requests apart. At a
# million, one pair is taken for one in 10^9 statements.
_PART: Final = slice(1, 9)


class Seen:
    """A set of request keys that only grows. Whoever changes it keeps others out."""

    def __init__(self) -> None:
        self._tables = [array("Q", bytes(8 * _FIRST_SLOTS)) for _ in range(_TABLES)]
        self._counts = [0] * _TABLES

    def add(self, key: bytes) -> bool:
        """Note a key of 32 bytes; True the first time."""
        which = key[0]
        table = self._tables[which]
        # Nothing is a free slot.
        part = int.from_bytes(key[_PART]) or 1
        slot = _slot(table, part)
        if table[slot]:
            return False
        table[slot] = part
        self._counts[which] += 1
        if self._counts[which] > _FULLEST * len(table):
            self._tables[which] = _doubled(table)
        return True


def _slot(table: array[int], part: int) -> int:
    """Return where a part stands, or the free slot where it would."""
    last = len(table) - 1
    slot = part & last
    while (found := table[slot]) and found != part:
        slot = (slot + 1) & last
    return slot


def _doubled(table: array[int]) -> array[int]:
    wider = array("Q", bytes(8 * 2 * len(table)))
    for part in table:
        if part:
            wider[_slot(wider, part)] = part
    return wider
