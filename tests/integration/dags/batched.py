"""The questions of `opinions` in a batch: the task leaves its worker while it is out."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from airflow.sdk import DAG

from airquery_airflow import AIQueryOperator


with DAG(
    "batched",
    schedule=None,
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
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
