"""How good one partition of a table is: against a suite of expectations, and against the truth."""

from __future__ import annotations

from airquery.quality.checkpoint import check
from airquery.quality.comparison import Comparison
from airquery.quality.result import ExpectationOutcome, QualityResult, Severity
from airquery.quality.score import FieldScore, total
from airquery.quality.suite import Expectation, Suite, load_suite


__all__ = [
    "Comparison",
    "Expectation",
    "ExpectationOutcome",
    "FieldScore",
    "QualityResult",
    "Severity",
    "Suite",
    "check",
    "load_suite",
    "total",
]
