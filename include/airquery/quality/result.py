"""What a check found: one outcome for each expectation of the suite, in the suite's order.

An expectation that could not be evaluated counts as failed, and as critical: nobody knows what it
would have said.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias


Severity: TypeAlias = Literal["info", "warning", "critical"]

SEVERITIES: tuple[Severity, ...] = ("info", "warning", "critical")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExpectationOutcome:
    """What one expectation found.

    The counts are None where an expectation is not about single rows, or could not be evaluated.
    """

    name: str
    column: str | None
    severity: Severity
    success: bool
    unexpected_count: int | None
    element_count: int | None
    unexpected_percent: float | None
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityResult:
    """What a suite found about one partition; `worst_severity` is that of the failed outcomes."""

    suite: str
    table: str
    partition: str
    outcomes: tuple[ExpectationOutcome, ...]
    success: bool = field(init=False)
    worst_severity: Severity | None = field(init=False)

    def __post_init__(self) -> None:
        failed = [outcome.severity for outcome in self.outcomes if not outcome.success]
        object.__setattr__(self, "success", not failed)
        object.__setattr__(self, "worst_severity", max(failed, key=SEVERITIES.index, default=None))
