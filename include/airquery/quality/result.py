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

    The counts are None where an expectation is not about single rows, or could not be evaluated;
    `observed` is what it saw, where that is one value.
    """

    name: str
    column: str | None
    severity: Severity
    success: bool
    unexpected_count: int | None
    element_count: int | None
    unexpected_percent: float | None
    message: str
    observed: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class QualityResult:
    """What a suite found about one partition; `worst_severity` is that of the failed outcomes.

    `quarantined` counts the rows written to the quarantine, None where there is no quarantine.
    `notes` say which failing rows are not there.
    """

    suite: str
    table: str
    partition: str
    outcomes: tuple[ExpectationOutcome, ...]
    quarantined: int | None = None
    notes: tuple[str, ...] = ()
    success: bool = field(init=False)
    worst_severity: Severity | None = field(init=False)

    def __post_init__(self) -> None:
        failed = [outcome.severity for outcome in self.outcomes if not outcome.success]
        object.__setattr__(self, "success", not failed)
        object.__setattr__(self, "worst_severity", max(failed, key=SEVERITIES.index, default=None))
