"""How long the report of a run takes in Airflow's UI, and how large it is: 1,000 of 2,000 failed.

Every failure says something of its own. The page is asked for as Airflow serves it, over its own
middlewares, from its database on SQLite.
"""

# ruff: noqa: PLC0415 - Airflow is imported once it has a home of its own
from __future__ import annotations

import gzip
import json
import os
import time
from datetime import UTC, date, datetime
from functools import partial
from statistics import median
from typing import TYPE_CHECKING, Any

from airquery.testing import EndpointServer, Reply
from airquery_airflow import testing


if TYPE_CHECKING:
    from collections.abc import Mapping

    from fastapi.testclient import TestClient

ROWS = 2_000
FAILING = 1_000
LOADS = 9
ASK = (
    "SELECT n, ai_query('llm', 'Say ' || n, failOnError => false) AS said "
    "FROM (SELECT unnest(range({rows})) AS n)"
)


def measure() -> list[Mapping[str, object]]:
    """Return one row for each address."""
    os.environ["AIRQUERY_HOME"] = str(testing.configure_scratch() / "airquery")
    os.environ["AIRFLOW__API_AUTH__JWT_SECRET"] = 64 * "x"
    testing.create_database()
    client = _client()
    run_id = _run()
    return [
        _measured(client, name, address)
        for name, address in (
            ("Run report", f"/airquery/runs/bench/{run_id.replace('+', '%2B')}"),
            ("AI usage, 90 days", "/airquery/usage?days=90"),
        )
    ]


def _run() -> str:
    from airflow.models.dagrun import DagRun
    from airflow.sdk import DAG
    from airflow.utils.session import create_session
    from sqlalchemy import select

    from airquery_airflow import AIQueryOperator

    dag = DAG("bench", schedule=None, start_date=datetime(2026, 10, 1, tzinfo=UTC))
    AIQueryOperator(task_id="ask", sql=ASK.format(rows=ROWS), table="s.answers", dag=dag)
    with EndpointServer() as server:
        declared = {"task": "chat", "base_url": f"{server.url}/v1", "model": "m"}
        os.environ["AIRQUERY_ENDPOINT_LLM"] = json.dumps(declared)
        for number in range(FAILING):
            said = {"error": {"message": f"no room for number {number}"}}
            server.fail_when(partial(_asks, f"Say {number}"), Reply(status=400, body=said))
        testing.run_day(dag, date(2026, 10, 3))
    with create_session() as session:
        return str(session.scalar(select(DagRun.run_id).where(DagRun.dag_id == "bench")))


def _asks(text: str, body: Mapping[str, Any]) -> bool:
    return bool(body["messages"][-1]["content"] == text)


def _client() -> TestClient:
    from airflow.api_fastapi import app as airflow_app
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser
    from airflow.api_fastapi.core_api.app import init_middlewares
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    from airquery_airflow.ui.plugin import AirqueryPlugin

    app = FastAPI()
    for one in AirqueryPlugin.fastapi_apps:
        app.mount(one["url_prefix"], one["app"])
    manager = airflow_app.init_auth_manager(app)
    init_middlewares(app)
    token = manager.generate_jwt(SimpleAuthManagerUser(username="bob", role="VIEWER"))
    return TestClient(app, base_url="http://airflow.test", cookies={"_token": token})


def _measured(client: TestClient, name: str, address: str) -> Mapping[str, object]:
    took, cpu = [], []
    for _ in range(LOADS):
        began, begun_cpu = time.perf_counter(), time.process_time()
        page = client.get(address)
        took.append(time.perf_counter() - began)
        cpu.append(time.process_time() - begun_cpu)
        page.raise_for_status()
    return {
        "page": name,
        "first, CPU ms": f"{1000 * cpu[0]:.0f}",
        "then, CPU ms": f"{1000 * median(cpu[1:]):.0f}",
        "then, ms": f"{1000 * median(took[1:]):.0f}",
        "bytes": f"{len(page.content):,}",
        "as gzip": f"{len(gzip.compress(page.content, 5)):,}",
    }
