"""A DAG whose names, answers and errors are markup: every page must show them as text."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from airflow.sdk import DAG

from airquery_airflow import AIQueryOperator


ATTACK = '<img src=x onerror="window.__pwned = 1; alert(1)">'

with DAG(
    "hostile",
    schedule=None,
    start_date=datetime(2026, 10, 1, tzinfo=UTC),
    is_paused_upon_creation=False,
    dag_display_name=f"Hostile {ATTACK}",
    template_searchpath=[str(Path(__file__).resolve().parent)],
    doc_md=__doc__,
) as dag:
    AIQueryOperator(task_id="infer", sql="hostile.sql", table="test.hostile", partition=ATTACK)
