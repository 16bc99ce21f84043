"""Whether one partition of a table meets a suite of expectations (Great Expectations)."""

from __future__ import annotations

from airquery.quality.checkpoint import check
from airquery.quality.result import ExpectationOutcome, QualityResult, Severity
from airquery.quality.suite import Expectation, Suite, load_suite


__all__ = [
    "Expectation",
    "ExpectationOutcome",
    "QualityResult",
    "Severity",
    "Suite",
    "check",
    "load_suite",
]
