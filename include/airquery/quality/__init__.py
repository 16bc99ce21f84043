"""How good one partition of a table is: against a suite of expectations, and against the truth."""

from __future__ import annotations

from airquery.quality.checkpoint import check
from airquery.quality.comparison import Comparison
from airquery.quality.history import RESULTS, Attempt, Reading, Share, append, latest
from airquery.quality.quarantine import Quarantine
from airquery.quality.result import ExpectationOutcome, QualityResult, Severity
from airquery.quality.score import FieldScore, total
from airquery.quality.suite import Expectation, Suite, load_suite


__all__ = [
    "RESULTS",
    "Attempt",
    "Comparison",
    "Expectation",
    "ExpectationOutcome",
    "FieldScore",
    "QualityResult",
    "Quarantine",
    "Reading",
    "Severity",
    "Share",
    "Suite",
    "append",
    "check",
    "latest",
    "load_suite",
    "total",
]
