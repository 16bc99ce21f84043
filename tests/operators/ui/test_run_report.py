"""The report of a run of a DAG, and of one of its tasks."""

from __future__ import annotations

import csv
import io
import json
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.sdk import DAG, TaskGroup
from airflow.utils.session import create_session
from sqlalchemy import select, update

from airquery.connection import close_engines
from airquery.testing import EndpointServer, Reply
from airquery_airflow import AIQueryOperator, TransformOperator
from airquery_airflow.testing import run_day


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operators.ui.conftest import Browse

DAG_ID = "open_reports"
RUN = "/airquery/runs/open_reports/"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"
KEY = "sk-key-of-the-endpoint-9d2c"
ASK = (
    "SELECT n, ai_query('llm', 'Say ' || n, failOnError => false) AS said "
    "FROM (SELECT unnest(range(4)) AS n)"
)


@pytest.fixture(scope="module")
def ran(metadata_database: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:  # noqa: ARG001 - made before
    """Run a DAG whose endpoint fails for one row, and says so with markup and its key."""
    home = tmp_path_factory.mktemp("home")
    with EndpointServer() as server, pytest.MonkeyPatch.context() as environment:
        declared = {
            "task": "chat",
            "base_url": f"{server.url}/v1",
            "model": "m",
            "api_key": KEY,
            "price": {"input_per_million": 1_000_000, "currency": "EUR"},
        }
        environment.setenv("AIRQUERY_HOME", str(home))
        environment.setenv("AIRQUERY_ENDPOINT_LLM", json.dumps(declared))
        server.fail_when(
            lambda body: "Say 1" in str(body),
            Reply(status=400, body=json.dumps({"error": {"message": f"{HOSTILE} {KEY}"}}).encode()),
        )
        start = datetime(2026, 10, 1, tzinfo=UTC)
        with DAG(DAG_ID, schedule=None, start_date=start, dag_display_name=HOSTILE) as dag:
            before = TransformOperator(task_id="before", sql="SELECT 1 AS n", table="s.before")
            with TaskGroup("asking"):
                asked = AIQueryOperator(task_id="ask", sql=ASK, table="s.answers")
                before >> asked
        done = run_day(dag, date(2026, 10, 3))
        assert done.tasks == {"before": "success", "asking.ask": "success"}
        close_engines()
        yield home


@pytest.fixture
def run(ran: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Return the id of the run, for an API server that shares the workers' journal."""
    monkeypatch.setenv("AIRQUERY_HOME", str(ran))
    with create_session() as session:
        run_id = session.scalar(select(DagRun.run_id).where(DagRun.dag_id == DAG_ID))
    assert run_id is not None
    yield run_id


def address(run_id: str, rest: str = "") -> str:
    return f"/runs/{DAG_ID}/{run_id.replace('+', '%2B').replace(':', '%3A')}{rest}"


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_run_is_reported_with_its_tasks_requests_price_and_errors(
    run: str, browse: Browse
) -> None:
    page = browse(address(run))

    assert page.status_code == 200
    for told in (
        f"Run {run} of DAG {DAG_ID}: <strong class=\"good\">success</strong>",
        "<td>asking.ask</td><td>success</td>",
        "<td>AIQueryOperator</td>",
        "How requests ended",
        "How long answers took",
        "Requests as time went by",
        "4 requests",
        "AI_FUNCTION_HTTP_REQUEST_ERROR",
    ):
        assert told in page.text.replace("</td>\n<td>", "</td><td>"), told
    assert "http-equiv" not in page.text
    assert 'class="message"' not in page.text
