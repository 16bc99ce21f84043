"""What production has, on this machine: PostgreSQL, Redis, two Celery workers, and an endpoint."""

from __future__ import annotations

import shutil
import subprocess
import time
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import duckdb
import httpx

import airquery
from tests.operators.backfill.airflow_server import PARTS, AirflowServer
from tests.operators.backfill.installing import install
from tests.operators.backfill.real_airflow import Command
from tests.postgres_server import free_port


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from airquery.testing import EndpointServer
    from tests.postgres_server import PostgresServer

FOLDER = Path(__file__).parent
DAG = "opinions"
DAGS = (DAG, "keyed", "batched")
# As many as opinions.sql asks.
ROWS = 24
WORKER = ("celery", "worker", "--concurrency", "2", "--skip-serve-logs")
CELERY_PARTS = PARTS | {
    "dag-processor": ("dag-processor",),
    "triggerer": ("triggerer", "--skip-serve-logs"),
    "worker-1": (*WORKER, "--celery-hostname", "one@localhost", "--pid", "one.pid"),
    "worker-2": (*WORKER, "--celery-hostname", "two@localhost", "--pid", "two.pid"),
}


@contextmanager
def redis(folder: Path) -> Iterator[str]:
    """Run a Redis that keeps nothing."""
    program = shutil.which("redis-server")
    assert program, "redis-server is not installed: apt-get install redis-server"
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
    with (folder / "redis.log").open("wb") as log:
        server = subprocess.Popen([program, *options], cwd=folder, stdout=log, stderr=log)
    try:
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        server.terminate()
        server.wait()


@contextmanager
def celery_airflow(
    folder: Path, postgres: PostgresServer, endpoint: EndpointServer, *, concurrency: int
) -> Iterator[AirflowServer]:
    """Start everything; each task has that many requests in flight."""
    limits = f"limits: {{concurrency: {concurrency}}}"
    declared = f"  llm: {{task: chat, base_url: '{endpoint.url}/v1', model: m, {limits}}}"
    (folder / "endpoints.yaml").write_text(f"endpoints:\n{declared}\n", encoding="utf-8")
    database = postgres.new_database()
    with redis(folder) as broker:
        settings = {
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": database.replace(
                "postgresql:", "db+postgresql+psycopg2:"
            ),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "AIRQUERY_ENDPOINTS": str(folder / "endpoints.yaml"),
            "AIRQUERY_HOME": str(folder / "home"),
            "AIRQUERY_JOURNAL": postgres.new_database(),
            "AIRQUERY_WAREHOUSE": str(folder / "warehouse"),
        }
        with AirflowServer(
            database,
            dags_folder=FOLDER / "dags",
            dag_ids=DAGS,
            parts=CELERY_PARTS,
            settings=settings,
        ) as airflow:
            try:
                yield airflow
            finally:
                (folder / "airflow.log").write_text(airflow.log, encoding="utf-8")


def backfill(airflow: AirflowServer, folder: Path, *arguments: str) -> Command:
    """Start `airquery backfill` of the DAG."""
    (folder / "installed").mkdir(exist_ok=True)
    if not any((folder / "installed").iterdir()):
        install(folder / "installed")
    return Command(airflow, folder / "installed", "--dag", DAG, *arguments)


def rows(warehouse: Path, table: str = DAG) -> list[tuple[str, int, str]]:
    """Read what all days wrote."""
    query = f"SELECT partition_key, id, answer FROM test.{table} ORDER BY ALL"
    with duckdb.connect() as connection:
        airquery.Warehouse(warehouse).attach(connection)
        return connection.sql(query).fetchall()


def expected(*days: str) -> list[tuple[str, int, str]]:
    """Return the rows that days have when all went well."""
    return [(day, n, f"question {n} of {day}") for day in days for n in range(ROWS)]


@contextmanager
def logged_in(airflow: AirflowServer) -> Iterator[httpx.Client]:
    """Open Airflow's API as its admin."""
    login = airflow.login()
    credentials = {
        "username": login["AIRQUERY_AIRFLOW_USERNAME"],
        "password": login["AIRQUERY_AIRFLOW_PASSWORD"],
    }
    with httpx.Client(base_url=airflow.url, timeout=30, trust_env=False) as client:
        token = client.post("/auth/token", json=credentials).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        yield client


def tries(airflow: AirflowServer) -> list[dict[str, Any]]:
    """Return the latest try of every task of the DAG, as Airflow tells them."""
    with logged_in(airflow) as client:
        path = f"/api/v2/dags/{DAG}/dagRuns/~/taskInstances"
        found = client.get(path, params={"limit": 100}).raise_for_status().json()
    instances: list[dict[str, Any]] = found["task_instances"]
    return instances


def run_partition(
    airflow: AirflowServer,
    dag: str,
    key: str,
    *,
    when_deferred: Callable[[], object] | None = None,
) -> str:
    """Run a DAG for a partition key and wait; return the state of the run.

    `when_deferred` is called once, when a task has left its worker.
    """
    with logged_in(airflow) as client:
        path = f"/api/v2/dags/{dag}/dagRuns"
        asked = {"logical_date": None, "partition_key": key}
        run_id = client.post(path, json=asked).raise_for_status().json()["dag_run_id"]
        path = f"{path}/{quote(run_id, safe='')}"
        while True:
            time.sleep(0.5)
            state: str = client.get(path).raise_for_status().json()["state"]
            if state not in {"queued", "running"}:
                return state
            found = client.get(f"{path}/taskInstances").raise_for_status().json()
            states = {one["state"] for one in found["task_instances"]}
            if when_deferred is not None and "deferred" in states:
                when_deferred()
                when_deferred = None
