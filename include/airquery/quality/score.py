"""How good an extraction is, from counts: precision, recall and F1 of a field.

A score that would divide by nothing is None: nothing was found, or nothing was to be found. No
evaluation is left out of the total, whatever its field.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable


ALL_FIELDS = "(all)"


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldScore:
    """How often a field has a true value, a found one, and a found one that is the true one."""

    field: str
    expected: int
    predicted: int
    correct: int

    @property
    def precision(self) -> float | None:
        """How much of what was found is right."""
        return _share(self.correct, self.predicted)

    @property
    def recall(self) -> float | None:
        """How much of what is true was found."""
        return _share(self.correct, self.expected)

    @property
    def f1(self) -> float | None:
        """Return the harmonic mean of both; 0 when nothing is right."""
        return _share(2 * self.correct, self.predicted + self.expected)

    def __str__(self) -> str:
        """Say it as one line of a log."""
        return (
            f"{self.field}: F1 {_shown(self.f1)}, precision {_shown(self.precision)}, recall "
            f"{_shown(self.recall)} ({self.correct} right of {self.predicted} found, "
            f"{self.expected} true)"
        )


def total(scores: Iterable[FieldScore]) -> FieldScore:
    """Add the counts of all fields up: each value weighs the same."""
    every = tuple(scores)
    return FieldScore(
        field=ALL_FIELDS,
        expected=sum(score.expected for score in every),
        predicted=sum(score.predicted for score in every),
        correct=sum(score.correct for score in every),
    )


def _share(part: int, whole: int) -> float | None:
    return part / whole if whole else None


def _shown(share: float | None) -> str:
    return "none" if share is None else f"{share:.2f}"
