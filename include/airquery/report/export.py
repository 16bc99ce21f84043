"""A run's report for programs: its records as JSON, and what each run asked of each endpoint as CSV."""

from __future__ import annotations

import csv
import io
from typing import TYPE_CHECKING, Final

import orjson

from airquery.records.rows import usage_rows


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.records import RunRecord, TaskRecord


_ORIGIN: Final = ("source", "dag_id", "run_id", "task_id", "map_index", "try_number")


def report_json(tasks: Sequence[TaskRecord], runs: Sequence[RunRecord]) -> str:
    """Return the records as one JSON object of two arrays."""
    found = {"tasks": list(tasks), "runs": list(runs)}
    return orjson.dumps(found, option=orjson.OPT_INDENT_2).decode()


def report_csv(runs: Sequence[RunRecord]) -> str:
    """Return a line for each run and endpoint: the columns of airquery_usage(), and who asked."""
    text = io.StringIO()
    lines = [
        {
            "run": row["run"],
            "began_at": run.began_at,
            **{name: getattr(run.origin, name) for name in _ORIGIN},
            **{name: value for name, value in row.items() if name not in ("run", *_ORIGIN)},
        }
        for run in runs
        for row in usage_rows(run)
    ]
    if lines:
        writer = csv.DictWriter(text, list(lines[0]), lineterminator="\n")
        writer.writeheader()
        writer.writerows(lines)
    return text.getvalue()
