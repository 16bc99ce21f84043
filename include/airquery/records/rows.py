"""Records as rows of tables: what they are found by, and their JSON."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Final

from airquery.records.json_text import to_json


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.records.record import RunRecord, TaskRecord


# Enough to see that a prefix is not unique.
MOST_FOUND: Final = 20
# What removes old records; the bill stays.
PRUNING: Final = ("runs_prune", "tasks_prune")


def record_row(record: RunRecord | TaskRecord) -> dict[str, object]:
    """Return the row that keeps a record."""
    return {
        "id": record.id,
        "began_at": record.began_at,
        "ended_at": record.ended_at,
        "dag_id": record.origin.dag_id,
        "run_id": record.origin.run_id,
        "task_id": record.origin.task_id,
        "map_index": record.origin.map_index,
        "record": to_json(record),
    }


def usage_rows(record: RunRecord) -> list[Mapping[str, object]]:
    """Return the rows that airquery_usage() has of a run."""
    return [
        {
            "run": record.id,
            "ended_at": record.ended_at,
            "outcome": record.outcome,
            "dag_id": record.origin.dag_id,
            "task_id": record.origin.task_id,
            **asdict(one),
        }
        for one in record.usage
    ]


def which(
    dag_id: str, run_id: str, task_id: str | None, map_index: int | None
) -> dict[str, object]:
    """Return the values that find records; Airflow's -1 is no number of a mapped task."""
    mapped = None if map_index is None or map_index < 0 else map_index
    return {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": mapped}
