"""What runs and tasks did, kept with the journal, so that it can be reported later.

Start at `record.py`. `records_of(settings)` says where they are.
"""

from __future__ import annotations

from airquery.records.record import (
    DayUsage,
    FailureClass,
    Moment,
    Origin,
    PlannedCost,
    RunRecord,
    SampleTable,
    TaskRecord,
    sample,
)
from airquery.records.store import Records, records_of


__all__ = [
    "DayUsage",
    "FailureClass",
    "Moment",
    "Origin",
    "PlannedCost",
    "Records",
    "RunRecord",
    "SampleTable",
    "TaskRecord",
    "records_of",
    "sample",
]
