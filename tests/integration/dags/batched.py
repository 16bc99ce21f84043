"""The questions of `opinions` in a batch: the task leaves its worker while it is out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from airflow.sdk import DAG, CronPartitionTimetable

from airquery_airflow import AIQueryOperator


with DAG(
    "batched",
    schedule=CronPartitionTimetable(
        "0 3 * * *", timezone="UTC", run_offset=-1, key_format="%Y-%m-%d"
    ),
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    end_date=datetime(2026, 11, 9, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    template_searchpath=[str(Path(__file__).parents[1])],
) as dag:
    AIQueryOperator(
        task_id="infer",
        sql="opinions.sql",
        table="test.batched",
        mode="batch",
        deferrable=True,
    )
