"""How far the shares of labels have moved from what they were in the partitions before.

The measure is the population stability index: the sum over labels of (now - before) times
ln(now / before). Below 0.1 little has changed, above 0.25 much has (N. Siddiqi, Credit Risk
Scorecards, Wiley 2006). By chance alone it is about (labels - 1) / rows, so it needs rows.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from statistics import fmean
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


# A label that is not there at all would make the index infinite.
_LEAST_SHARE = 0.0001
_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """The share of one label: the mean of the partitions before, and now."""

    label: str
    before: float
    now: float

    @property
    def change(self) -> float:
        """How much of all rows it gained or lost."""
        return abs(self.now - self.before)

    def __str__(self) -> str:
        return f"{self.label!r} {self.before:.1%} -> {self.now:.1%}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Drift:
    """Every label's move, the largest change first."""

    moves: tuple[Move, ...]
    partitions: int

    @property
    def psi(self) -> float:
        """The population stability index."""
        floored = (
            (max(move.now, _LEAST_SHARE), max(move.before, _LEAST_SHARE)) for move in self.moves
        )
        return sum((now - before) * math.log(now / before) for now, before in floored)

    def within(self, *, max_share_change: float | None, max_psi: float | None) -> bool:
        """Say whether every bound that is set holds."""
        change = self.moves[0].change
        return (max_share_change is None or change <= max_share_change) and (
            max_psi is None or self.psi <= max_psi
        )

    def __str__(self) -> str:
        said = [
            f"largest change {self.moves[0]}",
            f"PSI {self.psi:.3f} against {self.partitions} earlier partitions",
        ]
        for name, labels in (
            ("new", [move.label for move in self.moves if not move.before]),
            ("vanished", [move.label for move in self.moves if not move.now]),
        ):
            if labels:
                more = f" and {len(labels) - _NAMED} more" if len(labels) > _NAMED else ""
                said.append(f"{name}: {', '.join(map(repr, labels[:_NAMED]))}{more}")
        return "; ".join(said)


def drift(now: Mapping[str, int], earlier: Sequence[Mapping[str, int]]) -> Drift:
    """Compare counts of labels with those of earlier partitions, each of which weighs the same.

    No side may be empty.
    """
    shares = _shares(now)
    before = [_shares(counts) for counts in earlier]
    moves = [
        Move(
            label=label,
            before=fmean(one.get(label, 0.0) for one in before),
            now=shares.get(label, 0.0),
        )
        for label in sorted({label for one in (shares, *before) for label in one})
    ]
    return Drift(moves=tuple(sorted(moves, key=lambda move: -move.change)), partitions=len(earlier))


def _shares(counts: Mapping[str, int]) -> dict[str, float]:
    total = sum(counts.values())
    return {label: count / total for label, count in counts.items()}
