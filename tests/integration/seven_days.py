"""Seven days on two Celery workers, one of which is killed: every day right, nothing paid twice.

Not collected by `make test`, because of its name: `make test-integration` names it.
"""

from __future__ import annotations

import shutil
import subprocess
import time
from collections import Counter
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import duckdb
import pytest

import airquery
from airquery.testing import EndpointServer
from tests.operators.backfill.airflow_server import PARTS, AirflowServer
from tests.operators.backfill.installing import install
from tests.operators.backfill.real_airflow import Command
from tests.postgres_server import free_port


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres_server import PostgresServer

FOLDER = Path(__file__).parent
DAYS = [f"2026-11-0{number}" for number in range(1, 8)]
ROWS = 24
ALL = len(DAYS) * ROWS
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


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[EndpointServer]:
    with EndpointServer(latency_s=0.5) as server:
        declared = f"  llm: {{task: chat, base_url: '{server.url}/v1', model: m, limits: {{concurrency: 2}}}}"
        (tmp_path / "endpoints.yaml").write_text(f"endpoints:\n{declared}\n", encoding="utf-8")
        yield server


@pytest.fixture
def airflow(
    endpoint: EndpointServer, postgres: PostgresServer, tmp_path: Path
) -> Iterator[AirflowServer]:
    assert endpoint.count == 0
    database = postgres.new_database()
    with redis(tmp_path) as broker:
        settings = {
            "AIRFLOW__CELERY__BROKER_URL": broker,
            "AIRFLOW__CELERY__RESULT_BACKEND": database.replace(
                "postgresql:", "db+postgresql+psycopg2:"
            ),
            "AIRFLOW__CORE__EXECUTOR": "CeleryExecutor",
            "AIRFLOW__CORE__PARALLELISM": "8",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT": "20",
            "AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT_DETECTION_INTERVAL": "5",
            "AIRQUERY_ENDPOINTS": str(tmp_path / "endpoints.yaml"),
            "AIRQUERY_HOME": str(tmp_path / "home"),
            "AIRQUERY_JOURNAL": postgres.new_database(),
            "AIRQUERY_WAREHOUSE": str(tmp_path / "warehouse"),
        }
        with AirflowServer(
            database,
            dags_folder=FOLDER / "dags",
            dag_ids=("opinions",),
            parts=CELERY_PARTS,
            settings=settings,
        ) as airflow:
            try:
                yield airflow
            finally:
                (tmp_path / "airflow.log").write_text(airflow.log, encoding="utf-8")


def rows(warehouse: Path) -> list[tuple[str, int, str]]:
    """Read what all days wrote."""
    query = "SELECT partition_key, id, answer FROM test.opinions ORDER BY ALL"
    with duckdb.connect() as connection:
        airquery.Warehouse(warehouse).attach(connection)
        return connection.sql(query).fetchall()


def test_a_killed_worker_costs_no_row_and_no_second_payment(
    airflow: AirflowServer, endpoint: EndpointServer, tmp_path: Path
) -> None:
    (tmp_path / "installed").mkdir()
    command = install(tmp_path / "installed")

    def backfill(*arguments: str) -> Command:
        days = ("--from", DAYS[0], "--to", DAYS[-1], "--max-active-runs", "7")
        return Command(airflow, command, "--dag", "opinions", *days, *arguments)

    expected = [(day, n, f"question {n} of {day}") for day in DAYS for n in range(ROWS)]

    first = backfill()
    while endpoint.count < ALL // 4:
        time.sleep(0.1)
    airflow.kill("worker-1")
    code, lines = first.end()

    assert (code, lines[-1]) == (0, "opinions: 7 days: 7 success"), first.said
    assert "Detected a task instance without a heartbeat" in airflow.log
    assert rows(tmp_path / "warehouse") == expected
    asked = Counter(str(one.body) for one in endpoint.requests)
    assert (len(asked), max(asked.values())) == (ALL, 1)

    code, lines = backfill("--reprocess", "completed").end()

    assert (code, lines[-1]) == (0, "opinions: 7 days: 7 success")
    assert lines[-2].startswith(f"paid: 0 requests sent, {ALL} from the journal")
    assert rows(tmp_path / "warehouse") == expected
    assert endpoint.count == ALL
