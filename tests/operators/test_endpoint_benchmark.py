"""The benchmark of an endpoint and its DAG, against a scripted endpoint."""

from __future__ import annotations

import json
import logging
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airquery.testing import EndpointServer, Reply
from airquery_airflow import EndpointBenchmarkOperator
from airquery_airflow.testing import load_dag, run_day


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.operators.conftest import Execute, Rows

ROOT = Path(__file__).parents[2]
TASKS = ("ingest", "measure", "validate", "report")
ASKED = "ai_query('reviews-llm', 'Request ' || number, cache => 'off', failOnError => false)"


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[EndpointServer]:
    with EndpointServer(latency_s=0.01) as server:
        extra = {"model": "m", "concurrency": 1, "input_per_million": 1}
        host = f"{server.url}/v1"
        known = {"conn_type": "airquery_endpoint", "host": host, "extra": extra}
        monkeypatch.setenv("AIRFLOW_CONN_REVIEWS-LLM", json.dumps(known))
        yield server


def benchmark(
    sql: str = f"SELECT {ASKED} AS a FROM numbers",
    *,
    requests: int | str = 8,
    most_concurrency: int | str = 2,
) -> EndpointBenchmarkOperator:
    return EndpointBenchmarkOperator(
        task_id="measure",
        sql=sql,
        table="b.measured",
        requests=requests,
        most_concurrency=most_concurrency,
    )


def test_each_number_in_flight_is_measured_with_requests_of_its_own(
    server: EndpointServer, execute: Execute, rows: Rows
) -> None:
    returned = execute(benchmark())
    again = execute(benchmark())

    # One to begin with, and eight for each number, in both runs: nothing is remembered.
    assert server.count == 2 * (1 + 8 + 8)
    assert len({str(one.body) for one in server.requests[:17]}) == 17
    # The connection says 1, which is set aside.
    assert server.in_flight_max == 2
    assert (returned["requests_sent"], returned["failed"], returned["rows"]) == (16, 0, 2)
    assert returned["price"] > 0
    assert again["recommended"] in {1, 2}
    assert rows(
        "SELECT concurrency, requests, failed, retries, answers_per_second > 0, p50_s <= p95_s "
        "FROM b.measured ORDER BY concurrency"
    ) == [(1, 8, 0, 0, True, True), (2, 8, 0, 0, True, True)]
    assert rows("SELECT concurrency FROM b.measured WHERE recommended") == [(again["recommended"],)]


def test_failures_end_the_measurement_and_recommend_nothing(
    server: EndpointServer, execute: Execute, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    server.fail_when(lambda _: True, Reply(status=400))

    with caplog.at_level(logging.WARNING):
        returned = execute(benchmark())

    assert (returned["recommended"], returned["failed"]) == (None, 8)
    assert rows("SELECT concurrency, failed, p50_s, recommended FROM b.measured") == [
        (1, 8, None, False)
    ]
    assert any("nothing is recommended" in message for message in caplog.messages)


@pytest.mark.parametrize(
    "sql",
    [
        f"SELECT {ASKED.replace(' || number', '')} AS a FROM numbers",
        f"SELECT {ASKED} AS a FROM numbers WHERE number < 5",
    ],
)
def test_a_statement_that_asks_less_than_is_wanted_is_refused(
    server: EndpointServer, execute: Execute, sql: str
) -> None:
    with pytest.raises(AirflowFailException, match="Put the number into each request"):
        execute(benchmark(sql))
    assert server.count < 8


def test_answers_of_the_journal_are_no_measurement(
    server: EndpointServer, execute: Execute
) -> None:
    remembered = benchmark(f"SELECT {ASKED.replace('off', 'reuse')} AS a FROM numbers")
    execute(remembered)

    with pytest.raises(AirflowFailException, match="1 of them answered by the journal"):
        execute(remembered)
    assert server.count == 17


@pytest.mark.parametrize(("requests", "most"), [(0, 2), ("many", 2), (8, "1.5")])
def test_a_bound_that_is_no_number_is_refused_before_anything_is_sent(
    server: EndpointServer, execute: Execute, requests: int | str, most: int | str
) -> None:
    with pytest.raises(AirflowFailException, match="must be a whole number above 0, not"):
        execute(benchmark(requests=requests, most_concurrency=most))
    assert server.count == 0


@pytest.mark.usefixtures("metadata_database")
def test_a_run_reports_what_it_measured_and_recommends(
    server: EndpointServer, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    dag = load_dag(ROOT / "dags", "endpoint_benchmark")

    with caplog.at_level(logging.INFO):
        ran = run_day(dag, date(2026, 11, 28), {"requests": 8, "most_concurrency": 2})

    assert ran.tasks == dict.fromkeys(TASKS, "success")
    assert ran.returned["validate"]["success"]
    assert server.count == 17
    best = ran.returned["measure"]["recommended"]
    lines = [summary for (summary,) in rows("SELECT summary FROM benchmarks.report ORDER BY 1")]
    assert len(lines) == 2
    (starred,) = [line for line in lines if line.startswith("*")]
    assert starred.endswith(f"0 failed, 0 retries. Recommended: limits.concurrency {best}")
    assert starred in caplog.messages
