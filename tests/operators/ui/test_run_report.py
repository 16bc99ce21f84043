"""The report of a run of a DAG, and of one of its tasks."""

from __future__ import annotations

import csv
import io
import json
import re
from datetime import UTC, date, datetime
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
from airflow.models.dagrun import DagRun
from airflow.models.taskinstance import TaskInstance
from airflow.sdk import DAG, TaskGroup
from airflow.utils.session import create_session
from airflow.utils.state import DagRunState
from airflow.utils.types import DagRunType
from sqlalchemy import select

import airquery
from airquery.connection import close_engines
from airquery.records import FailureClass, Origin, RunRecord, TaskRecord, records_of, sample
from airquery.testing import EndpointServer, Reply
from airquery_airflow import AIQueryOperator, TransformOperator
from airquery_airflow.compat import state_table
from airquery_airflow.progress import KEY as KEY_OF_STATE
from airquery_airflow.testing import run_day


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.operators.ui.conftest import Browse

DAG_ID = "open_reports"
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}"
KEY = "sk-key-of-the-endpoint-9d2c"
HEADERS = {
    "cache-control": "no-store",
    "referrer-policy": "same-origin",
    "x-content-type-options": "nosniff",
    "x-frame-options": "SAMEORIGIN",
}
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
def run(ran: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the id of the run, for an API server that shares the workers' journal."""
    monkeypatch.setenv("AIRQUERY_HOME", str(ran))
    with create_session() as session:
        run_id = session.scalar(
            select(DagRun.run_id).where(DagRun.dag_id == DAG_ID).order_by(DagRun.id)
        )
    assert run_id is not None
    return run_id


def address(run_id: str, rest: str = "") -> str:
    return f"/runs/{DAG_ID}/{quote(run_id, safe='')}{rest}"


def add_run(run_id: str) -> None:
    """Let Airflow know a run that has not begun."""
    with create_session() as session:
        session.add(
            DagRun(
                dag_id=DAG_ID,
                run_id=run_id,
                run_type=DagRunType.MANUAL,
                run_after=datetime.now(UTC),
                state=DagRunState.QUEUED,
            )
        )


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_a_run_is_reported_with_its_tasks_requests_price_and_errors(
    run: str, browse: Browse
) -> None:
    page = browse(address(run))

    assert page.status_code == 200
    for told in (
        f'Run {run} of DAG {DAG_ID}: <strong class="good">success</strong>',
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


def test_the_page_lets_the_browser_run_and_load_nothing(run: str, browse: Browse) -> None:
    first, second = browse(address(run)), browse(address(run))

    [nonce] = set(re.findall(r"nonce-([\w-]+)", first.headers["content-security-policy"]))
    assert first.headers["content-security-policy"] == (
        f"default-src 'none'; style-src 'nonce-{nonce}'; form-action 'self'; "
        "frame-ancestors 'self'; base-uri 'none'"
    )
    assert {name: first.headers[name] for name in HEADERS} == HEADERS
    assert f'<style nonce="{nonce}">' in first.text
    assert nonce not in second.text
    assert not re.search(r"<script|<img|\sstyle=|\son\w+=\"|javascript:", first.text)


def test_what_an_endpoint_said_is_text_without_its_key(run: str, browse: Browse) -> None:
    for page in (browse(address(run)), browse(address(run, ".html")), browse(address(run, ".csv"))):
        assert page.status_code == 200
        assert HOSTILE not in page.text
        assert KEY not in page.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;&lt;img src=x" in browse(address(run)).text
    assert "{{7*7}}" in browse(address(run)).text


def test_a_task_is_reported_alone_with_a_number_or_the_mark_that_airflow_leaves(
    run: str, browse: Browse
) -> None:
    for number in ("{MAP_INDEX}", "-1", ""):
        page = browse(address(run, f"?task_id=asking.ask&map_index={number}"))
        assert page.status_code == 200
        assert "Task asking.ask of run" in page.text
        assert "s.answers" in page.text
        assert "s.before" not in page.text
    kept = browse(address(run, ".csv?task_id=asking.ask"))
    assert [row["task_id"] for row in table(kept.text)] == ["asking.ask"]
    assert browse(address(run, "?task_id=asking.ask&map_index=7")).status_code == 404


def test_the_file_of_the_tasks_has_a_line_for_each(run: str, browse: Browse) -> None:
    page = browse(address(run, ".csv"))

    assert page.headers["content-type"] == "text/csv; charset=utf-8"
    assert 'filename="open_reports-manual__' in page.headers["content-disposition"]
    names = ("run_id", "task_id", "state", "table", "rows", "requests_sent", "failed", "price")
    assert [tuple(row[name] for name in names) for row in table(page.text)] == [
        (run, "before", "success", "s.before", "1", "0", "0", "0.0"),
        (run, "asking.ask", "success", "s.answers", "4", "4", "1", "6.0"),
    ]


def test_the_file_of_the_page_needs_no_server(run: str, browse: Browse) -> None:
    page = browse(address(run, ".html"))

    assert page.headers["content-disposition"].endswith('.html"')
    assert "content=\"default-src 'none'; style-src 'nonce-" in page.text
    assert not re.search(r"<a |<form|<link|src=\"", page.text)


def test_whoever_may_not_read_the_dag_is_told_so_and_who_is_not_logged_in_also(
    run: str, browse: Browse
) -> None:
    foreign = f"/runs/secret_plans/{run}"
    for rest in ("", ".csv", ".html"):
        assert browse(address(run, rest), user=None).status_code == 401
        assert browse(address(run, rest), user="eve").status_code == 403
        assert browse(foreign + rest, user="ann").status_code == 403
        assert browse(address(run, rest), user="ann").status_code == 200
    assert "You may not see this page." in browse(foreign, user="ann").text
    assert '<a href="/auth/login">Log in</a>' in browse(address(run), user=None).text
    # What a query says has no say in which DAG is asked about.
    assert browse(f"{foreign}?dag_id={DAG_ID}", user="ann").status_code == 403


def test_a_run_or_task_that_is_not_there_is_said_to_be_away(run: str, browse: Browse) -> None:
    for place, said in (
        (address("no-such-run"), "DAG &#39;open_reports&#39; has no run &#39;no-such-run&#39;."),
        (address(HOSTILE), "has no run &#39;&lt;script&gt;"),
        (address(run, "?task_id=gone"), "has no task &#39;gone&#39;."),
        ("/nowhere", "There is no such page."),
    ):
        page = browse(place)
        assert (page.status_code, said in page.text) == (404, True), place


def test_without_records_the_page_shows_what_tasks_returned_and_says_what_to_set(
    run: str, browse: Browse, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("AIRQUERY_HOME", str(tmp_path / "other"))
    missing = browse(address(run))
    (tmp_path / "other").mkdir()
    (tmp_path / "other/usage.db").write_bytes(b"no database, but as long as a file of one" * 99)
    unreadable = browse(address(run))

    assert "This API server finds no records of tasks that have ended" in missing.text
    assert "This API server cannot read the records of its tasks" in unreadable.text
    for page in (missing, unreadable):
        assert page.status_code == 200
        assert "AIRQUERY_JOURNAL, or AIRQUERY_HOME, must name" in page.text
        assert "6.000000 EUR" in page.text
        assert str(tmp_path) not in page.text


@pytest.fixture
def going(run: str) -> Iterator[str]:
    """Let the run be at work still, as far as Airflow knows."""

    def put(run_state: str, state: str) -> None:
        with create_session() as session:
            of_run = {"dag_id": DAG_ID, "run_id": run}
            session.query(DagRun).filter_by(**of_run).update({"state": run_state})
            asking = session.query(TaskInstance).filter_by(**of_run, task_id="asking.ask")
            asking.update({"state": state})
            table = state_table()
            if table is not None:
                told = {"step": f"Asking {HOSTILE}", "requests": 4, "answered": 2, "failed": 1}
                kept = session.query(table).filter_by(
                    **of_run, task_id="asking.ask", key=KEY_OF_STATE
                )
                kept.update({"value": json.dumps({**told, "percent": 50.0})})

    put("running", "running")
    yield run
    put("success", "success")


def test_while_a_run_goes_on_the_page_comes_again_and_says_how_far_it_is(
    going: str, browse: Browse
) -> None:
    page = browse(address(going))

    assert '<meta http-equiv="refresh" content="10">' in page.text
    assert "The run goes on: this page loads itself again every 10 seconds." in page.text
    assert "refresh" not in browse(address(going, ".html")).text
    assert HOSTILE not in page.text
    if state_table() is not None:
        assert "{{7*7}}, 50.0 %, 2 of 4 requests, 1 failed" in page.text


def test_what_a_task_put_aside_returned_or_was_called_is_text(
    ran: Path, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRQUERY_HOME", str(ran))
    add_run("hostile")
    records = records_of(airquery.Settings.read())
    origin = Origin(source="airflow", dag_id=DAG_ID, run_id="hostile", task_id=HOSTILE)
    records.add_task(
        TaskRecord(
            id="1",
            origin=origin,
            operator=HOSTILE,
            state="failed",
            began_at=1.0,
            ended_at=2.0,
            manifest={"table": HOSTILE, "partition": HOSTILE, "rows": 1},
            tables=(sample("quarantine", HOSTILE, (HOSTILE,), ((HOSTILE,),), total=1),),
            error=HOSTILE,
        )
    )
    records.add_run(
        RunRecord(
            id="2",
            began_at=1.0,
            ended_at=2.0,
            outcome="partial",
            origin=origin,
            failures=(
                FailureClass(condition=HOSTILE, endpoint=HOSTILE, count=1, samples=(HOSTILE,)),
            ),
            latencies_s={HOSTILE: (0.1,)},
            notes=(HOSTILE,),
            error=HOSTILE,
        )
    )

    for address_of in (address("hostile"), address("hostile", ".html")):
        page = browse(address_of)
        assert page.status_code == 200
        assert page.text.count("&lt;script&gt;alert(1)&lt;/script&gt;") >= 10
        assert page.text.count("{{7*7}}") >= 9
        assert not re.search(r"<script|<img", page.text)


@pytest.mark.parametrize("run_id", ["a+b:c%d/e f", "2026-10-03T00:00:00+00:00", "ü.csv?#"])
def test_a_run_may_be_called_anything(
    ran: Path, browse: Browse, run_id: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRQUERY_HOME", str(ran))
    monkeypatch.setenv("AIRFLOW__SCHEDULER__ALLOWED_RUN_ID_PATTERN", ".+")
    add_run(run_id)

    page = browse(f"/runs/{DAG_ID}/{quote(run_id, safe='')}")
    kept = browse(f"/runs/{DAG_ID}/{quote(run_id, safe='')}.csv")

    assert (page.status_code, kept.status_code) == (200, 200)
    assert f"Run {run_id} of DAG" in page.text
    assert "No task of airquery has run here so far." in page.text
    assert f'href="/airquery/runs/{DAG_ID}/{quote(run_id, safe="")}.csv"' in page.text
