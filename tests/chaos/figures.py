"""How much of it is done, what chance follows from, and what was measured, for docs/reliability.md."""

from __future__ import annotations

import json
import random
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias, TypeVar


if TYPE_CHECKING:
    from pathlib import Path

Row: TypeAlias = dict[str, str | int | float]
_Value = TypeVar("_Value")


@dataclass(slots=True)
class Figures:
    """Rows by the table they belong to, in the order they were measured."""

    tables: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, **cells: str | float) -> None:
        """Add a row, and show it where pytest shows output."""
        self.tables.setdefault(table, []).append(cells)
        print(table, cells)

    def write(self, file: Path) -> None:
        """Write everything as JSON."""
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps({"tables": self.tables}, indent=2) + "\n", encoding="utf-8")


@dataclass(frozen=True, slots=True, kw_only=True)
class Chaos:
    """The form that is run. `long` has all moments, the short form fewer of the same."""

    long: bool
    seed: int
    figures: Figures = field(default_factory=Figures)

    def pick(self, long: _Value, short: _Value) -> _Value:
        """Return what is meant for this form."""
        return long if self.long else short

    def dice(self) -> random.Random:
        """Return draws that follow from the seed, and show it with a test that fails."""
        print(f"AIRQUERY_CHAOS_SEED={self.seed}")
        return random.Random(self.seed)  # noqa: S311
