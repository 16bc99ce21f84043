"""A day of questions to the endpoint `llm`, as one task."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, CronDataIntervalTimetable

from airquery_airflow import AIQueryOperator


with DAG(
    "opinions",
    schedule=CronDataIntervalTimetable("0 3 * * *", timezone="UTC"),
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    end_date=datetime(2026, 11, 9, tzinfo=UTC),
    catchup=False,
    is_paused_upon_creation=False,
    template_searchpath=[str(Path(__file__).parents[1])],
    default_args={"retries": 3, "retry_delay": timedelta(seconds=1)},
) as dag:
    AIQueryOperator(task_id="infer", sql="opinions.sql", table="test.opinions")
