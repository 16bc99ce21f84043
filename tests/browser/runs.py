"""Start runs of a DAG by Airflow's API, and wait for their only task."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import httpx


if TYPE_CHECKING:
    from tests.browser.installation import Installation

WITHIN_S = 240.0


def trigger(airflow: Installation, dag_id: str, *, logical_date: str | None = None) -> str:
    """Start a run; return its id."""
    login = airflow.airflow.login()
    credentials = {"username": "admin", "password": login["AIRQUERY_AIRFLOW_PASSWORD"]}
    with httpx.Client(base_url=airflow.airflow.url, timeout=60, trust_env=False) as client:
        token = client.post("/auth/token", json=credentials).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        asked = {"logical_date": logical_date}
        made: Any = client.post(f"/api/v2/dags/{dag_id}/dagRuns", json=asked)
    return str(made.raise_for_status().json()["dag_run_id"])


def until(airflow: Installation, dag_id: str, run_id: str, *states: str) -> str:
    """Wait until the only task of a run has one of these states; return which."""
    give_up = time.monotonic() + WITHIN_S
    path = f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}/taskInstances"
    while True:
        (task,) = airflow.get(path)["task_instances"]
        if task["state"] in states:
            return str(task["state"])
        assert time.monotonic() < give_up, f"{dag_id} is {task['state']}, and not {states}"
        time.sleep(0.5)
