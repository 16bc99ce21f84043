"""A DAG whose only task costs more than it may spend without asking somebody."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from airflow.sdk import DAG

from airquery_airflow import AIQueryOperator


with DAG(
    "approved",
    schedule=None,
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    is_paused_upon_creation=False,
    template_searchpath=[str(Path(__file__).resolve().parent)],
) as dag:
    AIQueryOperator(
        task_id="infer", sql="approved.sql", table="test.approved", approve_above=0.00001
    )
