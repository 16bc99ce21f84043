"""The DAG of the summaries against a scripted endpoint, by `dag.test()`."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airquery.testing import EndpointServer, Reply
from airquery_airflow.testing import load_dag, run_day


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import DAG

    from tests.operators.conftest import Rows

ROOT = Path(__file__).parents[2]
TASKS = ("ingest", "take", "summarize", "validate", "backlog")

pytestmark = pytest.mark.usefixtures("metadata_database")


def asked(body: Any) -> str:
    """Return the review that a request is about."""
    prompt: str = body["messages"][0]["content"]
    return prompt.rpartition("REVIEW\n")[2].removesuffix("\nSUMMARY")


@pytest.fixture
def dag() -> DAG:
    dag = load_dag(ROOT / "dags", "document_summaries")
    for task in dag.tasks:
        task.retry_delay, task.retry_policy = timedelta(0), None
    return dag


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    with EndpointServer(answer=lambda body: f" {asked(body).split()[0]} ") as server:
        host = f"{server.url}/v1"
        llm = {"conn_type": "airquery_endpoint", "host": host, "extra": {"model": "m"}}
        monkeypatch.setenv("AIRFLOW_CONN_REVIEWS-LLM", json.dumps(llm))
        yield server


def test_each_document_is_summarized_once_through_a_kill_and_a_second_ingestion(
    dag: DAG, server: EndpointServer, rows: Rows
) -> None:
    handler = signal.getsignal(signal.SIGTERM)
    server.fail_when(lambda body: "read the manual!!" in asked(body), Reply.stall(3))
    ended = threading.Event()

    def kill() -> None:
        while not ended.wait(0.01):
            if server.statuses.get(200) == 9:
                os.kill(os.getpid(), signal.SIGTERM)
                return

    killer = threading.Thread(target=kill)
    killer.start()
    try:
        ran = run_day(dag, date(2026, 10, 4))
    finally:
        ended.set()
        killer.join()
        signal.signal(signal.SIGTERM, handler)
    again = run_day(dag, date(2026, 10, 5), {"partition": "2026-10-04"})

    assert ran.tasks == again.tasks == dict.fromkeys(TASKS, "success")
    # The retry is in the same process: it waits for the request that was on the wire.
    assert ran.returned["summarize"]["requests_sent"] == 0
    assert ran.returned["summarize"]["from_journal"] == server.count == 10
    assert (ran.returned["take"]["rows"], again.returned["take"]["rows"]) == (10, 0)
    assert ran.returned["take"]["partition"] == "20261004T000000"
    assert again.returned["ingest"]["rows"] == 10
    summaries = rows("SELECT document_id, partition_key, summary FROM feedback.summaries")
    assert {batch for _, batch, _ in summaries} == {"20261004T000000"}
    assert len({document for document, _, _ in summaries}) == len(summaries) == 10
    assert all(summary == summary.strip() != "" for _, _, summary in summaries)
    assert rows("SELECT count(*) FROM feedback.backlog") == [(0,)]


def test_a_run_that_failed_keeps_its_batch_and_the_next_ones_name_it(
    dag: DAG, server: EndpointServer, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    failed = run_day(dag, date(2026, 10, 3), {"llm": "nowhere"})
    with caplog.at_level(logging.INFO):
        # The parameters of a run stay in the object of its DAG.
        later = run_day(dag, date(2026, 10, 4), {"llm": "reviews-llm"})

    assert (failed.tasks["take"], failed.tasks["summarize"]) == ("success", "failed")
    assert later.tasks == dict.fromkeys(TASKS, "success")
    assert later.returned["take"]["rows"] == server.count == 10
    assert rows("SELECT batch, documents FROM feedback.backlog") == [("20261003T000000", 10)]
    assert (
        "Batch 20261003T000000 was taken and not summarized: 10 documents. Clear its run, and they "
        "are asked about." in caplog.messages
    )
