"""The DAG of the product reviews against a scripted endpoint, by `dag.test()`."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

import airquery
from airquery.testing import EndpointServer, Reply
from airquery_airflow.testing import load_dag, run_day
from tests.object_store import running_object_store


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import DAG

    from tests.operators.conftest import Rows

ROOT = Path(__file__).parents[2]
KEY = "sk-key-of-the-connection"
DAY = date(2026, 10, 3)
TASKS = ("ingest", "prepare", "infer", "extract", "validate", "evaluate")

pytestmark = pytest.mark.usefixtures("metadata_database")


def asked(body: Any) -> str:
    """Return the review that a request is about."""
    if "messages" in body:
        prompt: str = body["messages"][0]["content"]
        return prompt.rpartition("REVIEW\n")[2].removesuffix("\nRESULT")
    (row,) = body["dataframe_split"]["data"]
    return str(row[0])


def answer(body: Any) -> object:
    """Find good or bad in a review, and quote its first word."""
    review = asked(body)
    sentiment = "Negative" if " not " in review else "Positive"
    if "messages" not in body:
        return {"compound": 0.0, "sentiment": sentiment}
    opinion = {
        "classification": "Quality",
        "comment": review.split()[0],
        "sentiment": sentiment,
    }
    return {"opinions": [opinion, {**opinion, "comment": "an invention"}]}


@pytest.fixture
def dag() -> DAG:
    dag = load_dag(ROOT / "dags", "product_reviews")
    for task in dag.tasks:
        task.retry_delay, task.retry_policy = timedelta(0), None
    return dag


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    with EndpointServer(answer=answer, api_key=KEY) as server:
        connect(monkeypatch, server)
        yield server


def connect(monkeypatch: pytest.MonkeyPatch, server: EndpointServer) -> None:
    """Make both endpoints known to Airflow, as connections."""
    shared = {"conn_type": "airquery_endpoint", "password": KEY}
    llm = {**shared, "host": f"{server.url}/v1", "extra": {"model": "m", "input_per_million": 1}}
    vader = {**shared, "host": server.url, "extra": {"task": "custom"}}
    monkeypatch.setenv("AIRFLOW_CONN_REVIEWS-LLM", json.dumps(llm))
    monkeypatch.setenv("AIRFLOW_CONN_VADER", json.dumps(vader))


def test_a_day_of_reviews_becomes_opinions_and_their_evaluation(
    dag: DAG, server: EndpointServer, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        ran = run_day(dag, DAY)

    assert ran.tasks == dict.fromkeys(TASKS, "success")
    assert {ran.returned[task]["partition"] for task in TASKS} == {"2026-10-03"}
    assert ran.returned["infer"]["requests_sent"] == server.count == 20
    assert ran.returned["infer"]["price"] > 0
    assert (ran.returned["extract"]["rows"], ran.returned["extract"]["quarantined"]) == (20, 0)
    assert ran.returned["validate"]["failed_by_severity"] == {"warning": 1}
    ((reviews, blank, answered, opinions, share, summary),) = rows(
        "SELECT reviews, blank, answered, opinions, verbatim_share, summary FROM reviews.evaluation"
    )
    assert (reviews, blank, answered, opinions, share) == (10, 0, 10, 20, 0.5)
    assert rows("SELECT llm_accuracy = baseline_accuracy FROM reviews.evaluation") == [(True,)]
    assert summary in caplog.messages
    assert "10 of 10 reviews answered, 0 quarantined" in summary


def test_running_a_day_again_asks_nothing_and_gives_the_same_tables(
    dag: DAG, server: EndpointServer, rows: Rows
) -> None:
    tables = ("received", "prepared", "answers", "opinions", "quarantine", "evaluation")
    run_day(dag, DAY)
    first = {table: rows(f"SELECT * FROM reviews.{table} ORDER BY ALL") for table in tables}

    ran = run_day(dag, DAY)

    assert (ran.returned["infer"]["requests_sent"], server.count) == (0, 20)
    assert ran.returned["infer"]["from_journal"] == 20
    assert {t: rows(f"SELECT * FROM reviews.{t} ORDER BY ALL") for t in tables} == first


def test_a_bucket_may_be_the_warehouse(
    dag: DAG, server: EndpointServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with running_object_store() as store, duckdb.connect() as con:
        for name, value in store.options.items():
            monkeypatch.setenv(name, value)
        monkeypatch.setenv("AIRQUERY_WAREHOUSE", "s3://bucket/tables")

        ran = run_day(dag, DAY)

        airquery.Warehouse("s3://bucket/tables").attach(con)
        tables = [name for (name,) in con.sql("SELECT view_name FROM duckdb_views()").fetchall()]
        evaluated = con.sql("FROM reviews.evaluation SELECT reviews, answered, opinions").fetchall()
    assert ran.tasks == dict.fromkeys(TASKS, "success")
    assert {"received", "prepared", "answers", "opinions", "evaluation"} <= set(tables)
    assert evaluated == [(10, 10, 20)]
    assert server.count == 20


def test_what_the_model_cannot_do_ends_in_quarantine_and_the_rest_goes_on(
    dag: DAG, server: EndpointServer, rows: Rows
) -> None:
    refusal = Reply(status=400, body={"error": {"message": "This review is not for me."}})
    prose = Reply(body={"choices": [{"message": {"role": "assistant", "content": "I like it!"}}]})
    server.fail_when(lambda body: "messages" in body and "notmad explorer" in asked(body), refusal)
    server.fail_when(lambda body: "messages" in body and "boxy?" in asked(body), prose)

    ran = run_day(dag, DAY)

    assert ran.tasks == dict.fromkeys(TASKS, "success")
    assert ran.returned["infer"]["failed"] == 2
    assert ran.returned["extract"]["quarantined"] == 2
    reasons: dict[int, str] = dict(rows("SELECT review_id, reason FROM reviews.quarantine"))
    assert "AI_FUNCTION_JSON_PARSE_ERROR" in reasons[128]
    assert "This review is not for me." in reasons[248]
    assert rows("SELECT reviews, answered, quarantined, opinions FROM reviews.evaluation") == [
        (10, 8, 2, 16)
    ]


def test_a_day_without_reviews_runs_through_and_asks_nothing(
    dag: DAG, server: EndpointServer, rows: Rows
) -> None:
    ran = run_day(dag, date(2026, 11, 20))

    assert ran.tasks == dict.fromkeys(TASKS, "success")
    assert server.count == 0
    assert ran.returned["validate"]["failed"] == ["expect_table_row_count_to_be_between (table)"]
    assert rows("SELECT reviews, answered, llm_accuracy FROM reviews.evaluation") == [(0, 0, None)]


def test_somebody_may_name_the_day(dag: DAG, server: EndpointServer, rows: Rows) -> None:
    ran = run_day(dag, date(2026, 11, 20), {"partition": "2026-10-03"})

    assert {ran.returned[task]["partition"] for task in TASKS} == {"2026-10-03"}
    assert server.count == 20
    assert rows("SELECT partition_key, answered FROM reviews.evaluation") == [("2026-10-03", 10)]


def test_an_endpoint_that_asks_for_patience_gets_it(
    dag: DAG, monkeypatch: pytest.MonkeyPatch
) -> None:
    with EndpointServer(answer=answer, latency_s=0.02, capacity=2, retry_after_s=0.01) as server:
        connect(monkeypatch, server)
        ran = run_day(dag, DAY)

    assert ran.tasks["infer"] == "success"
    assert ran.returned["infer"]["failed"] == 0
    assert server.statuses[429] > 0
    assert server.statuses[200] == 20


def test_a_task_that_was_killed_is_finished_by_its_retry_and_nothing_is_asked_twice(
    dag: DAG, server: EndpointServer, rows: Rows
) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    server.fail_when(lambda body: "messages" in body and "boxy?" in asked(body), Reply.stall(3))
    ended = threading.Event()

    def kill() -> None:
        while not ended.wait(0.01):
            if server.statuses.get(200) == 19:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        ran = run_day(dag, DAY)
    finally:
        ended.set()
        killer.join()
        signal.signal(signal.SIGTERM, handler)

    assert ran.tasks == dict.fromkeys(TASKS, "success")
    # The retry is in the same process: it waits for the request that was on the wire.
    assert ran.returned["infer"]["requests_sent"] == 0
    assert ran.returned["infer"]["from_journal"] == server.count == 20
    assert rows("SELECT reviews, answered FROM reviews.evaluation") == [(10, 10)]


def test_a_day_without_any_answer_fails_with_the_reason(
    dag: DAG, rows: Rows, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with EndpointServer(answer=answer) as server:
        server.fail_when(lambda _: True, Reply(status=400))
        connect(monkeypatch, server)
        for task in dag.tasks:
            task.retries = 0
        ran = run_day(dag, DAY)

    assert ran.state == "failed"
    assert ran.tasks == {**dict.fromkeys(TASKS, "success"), "evaluate": "failed"}
    assert ran.returned["infer"]["failed"] == 20
    assert rows("SELECT count(*), count(reason) FROM reviews.quarantine") == [(10, 10)]
    said = "".join(capfd.readouterr())
    assert "None of the 10 reviews of 2026-10-03 has a usable answer." in said


def test_a_rejected_key_fails_the_task_at_once_and_is_not_shown(
    dag: DAG, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    with EndpointServer(answer=answer, api_key="another-key") as server:
        connect(monkeypatch, server)
        ran = run_day(dag, DAY)

    assert ran.tasks["infer"] == "failed"
    assert ran.tasks["evaluate"] == "upstream_failed"
    said = "".join(capfd.readouterr())
    assert "Check the endpoint's api_key" in said
    assert said.count("starting task_id=infer") <= 1
    assert KEY not in said


def test_an_endpoint_that_nobody_knows_fails_at_once_whatever_the_retries(
    dag: DAG, server: EndpointServer, caplog: pytest.LogCaptureFixture
) -> None:
    ran = run_day(dag, DAY, {"llm": "nowhere"})

    assert ran.tasks["prepare"] == "success"
    assert ran.tasks["infer"] == "failed"
    assert ran.tasks["evaluate"] == "upstream_failed"
    assert server.count == 0
    starts = [line for line in caplog.messages if "starting task_id=infer" in line]
    assert len(starts) == 1
