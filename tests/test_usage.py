"""Runs leave records: what they asked and paid can be queried, how they went can be reported."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

import airquery
from airquery.connection import close_engines, connect
from airquery.endpoints.endpoint import Limits, Price
from airquery.errors import RowFailed
from airquery.records import Origin, records_of
from airquery.testing import Reply


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airquery.records import RunRecord
    from airquery.testing import EndpointServer
    from tests.postgres_server import PostgresServer

FIGURES = (
    "SELECT outcome, endpoint, model, rows, requests, sent, from_journal, failed, not_asked,"
    " prompt_tokens, completion_tokens, price, currency FROM airquery_usage()"
    " ORDER BY ended_at, endpoint"
)


def asked(rows: int, endpoint: str = "llm", *more: str) -> str:
    arguments = ", ".join([f"'{endpoint}'", "'row ' || i % 5", *more])
    return f"SELECT ai_query({arguments}) AS a FROM range({rows}) AS t(i)"


@pytest.fixture(params=["sqlite", "postgres"])
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[airquery.Settings]:
    given = {"home": str(tmp_path / "home")}
    if request.param == "postgres":
        server: PostgresServer = request.getfixturevalue("postgres")
        given["journal"] = server.new_database()
    yield airquery.Settings.read(**given)
    close_engines()


@pytest.fixture
def priced(
    server: EndpointServer, settings: airquery.Settings
) -> Iterator[duckdb.DuckDBPyConnection]:
    price = Price(input_per_million=1e6, output_per_million=1e6, currency="EUR")
    names = ("llm", "other")
    registry = airquery.Registry.from_mapping(
        {n: server.endpoint(n, model=n, price=price, limits=Limits(concurrency=4)) for n in names}
    )
    with connect(registry=registry, settings=settings) as connection:
        yield connection


def test_there_are_no_rows_before_the_first_run(priced: duckdb.DuckDBPyConnection) -> None:
    assert priced.execute(FIGURES).fetchall() == []


def test_each_run_leaves_a_row_for_each_endpoint_with_what_it_asked_and_paid(
    priced: duckdb.DuckDBPyConnection,
) -> None:
    airquery.run(priced, asked(20))
    airquery.run(priced, asked(20))
    airquery.run(priced, "SELECT 1")
    airquery.run(priced, f"{asked(5)} UNION ALL {asked(3, 'other')}")

    assert priced.execute(FIGURES).fetchall() == [
        ("complete", "llm", "llm", 20, 5, 5, 0, 0, 0, 10, 10, 20.0, "EUR"),
        ("complete", "llm", "llm", 20, 5, 0, 5, 0, 0, 0, 0, 0.0, "EUR"),
        ("complete", "llm", "llm", 5, 5, 0, 5, 0, 0, 0, 0, 0.0, "EUR"),
        ("complete", "other", "other", 3, 3, 3, 0, 0, 0, 6, 6, 12.0, "EUR"),
    ]


def test_the_rows_say_when_it_was_and_how_long_answers_took(
    priced: duckdb.DuckDBPyConnection,
) -> None:
    airquery.run(priced, asked(20))
    airquery.run(priced, asked(20))

    rows = priced.execute(
        "SELECT run, typeof(ended_at), latency_p50_s > 0, latency_p95_s >= latency_p50_s"
        " FROM airquery_usage() ORDER BY ended_at"
    ).fetchall()

    assert {row[1] for row in rows} == {"TIMESTAMP WITH TIME ZONE"}
    assert sorted(str(row[2:]) for row in rows) == ["(None, None)", "(True, True)"]
    assert len({row[0] for row in rows}) == 2


def test_a_run_that_was_stopped_or_failed_leaves_its_rows_too(
    priced: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    server.fail_when(lambda body: "row 3" in str(body), Reply(status=400))
    airquery.run(
        priced, asked(3, "llm", "failOnError => false"), budget=airquery.Budget(requests=2)
    )
    with pytest.raises(RowFailed):
        airquery.run(priced, "SELECT ai_query('llm', 'row 3')")

    rows = priced.execute(
        "SELECT outcome, requests, sent, failed, not_asked FROM airquery_usage() ORDER BY ended_at"
    ).fetchall()

    assert rows == [("budget_stopped", 3, 2, 1, 1), ("aborted", 1, 1, 1, 0)]


def test_rows_say_which_task_asked_where_one_did(priced: duckdb.DuckDBPyConnection) -> None:
    airquery.run(priced, asked(5))
    airquery.run(priced, asked(5), origin=Origin(source="airflow", dag_id="d", task_id="t"))

    rows = priced.execute("SELECT dag_id, task_id FROM airquery_usage() ORDER BY ended_at")

    assert rows.fetchall() == [(None, None), ("d", "t")]


def test_a_record_says_how_a_run_went(
    priced: duckdb.DuckDBPyConnection, settings: airquery.Settings, server: EndpointServer
) -> None:
    airquery.run(priced, asked(2))
    server.fail_when(lambda body: "row 4" in str(body), Reply(status=400, body="Too hot."))
    sql = asked(20, "llm", "failOnError => false")
    estimate = airquery.plan(priced, sql)
    origin = Origin(source="airflow", dag_id="d", run_id="r", task_id="t", try_number=1)
    given: list[RunRecord] = []

    run = airquery.run(priced, sql, origin=origin, estimate=estimate, on_record=given.append)

    [record] = given
    [found] = records_of(settings).runs(dag_id="d", run_id="r")
    assert found == record
    assert run.id == record.id
    assert record.origin == origin
    assert record.outcome == "partial"
    assert 0 < record.began_at <= record.ended_at
    [usage] = record.usage
    assert (usage.requests, usage.sent, usage.from_journal, usage.failed) == (5, 3, 2, 1)
    [failure] = record.failures
    assert (failure.condition, failure.endpoint, failure.count) == (
        "AI_FUNCTION_HTTP_REQUEST_ERROR",
        "llm",
        1,
    )
    [sample] = failure.samples
    assert "Too hot." in sample
    assert "row 4" not in sample
    assert len(record.latencies_s["llm"]) == 2
    assert sum(one.answered for one in record.throughput) == 5
    assert sum(one.failed for one in record.throughput) == 1
    assert sum(one.sent for one in record.throughput) == 3
    [planned] = record.estimate
    assert planned.price is not None
    assert (planned.endpoint, planned.currency) == ("llm", "EUR")


def test_a_run_that_asks_nothing_leaves_no_record(
    priced: duckdb.DuckDBPyConnection, settings: airquery.Settings
) -> None:
    given: list[RunRecord] = []

    run = airquery.run(priced, "SELECT 1", on_record=given.append)

    assert (run.id, given, records_of(settings).recent(1)) == (None, [], [])


def test_a_run_that_ends_in_an_error_leaves_a_record_that_says_which(
    priced: duckdb.DuckDBPyConnection, settings: airquery.Settings, server: EndpointServer
) -> None:
    server.fail_when(lambda body: "row 3" in str(body), Reply(status=400, body="No."))
    given: list[RunRecord] = []
    with pytest.raises(RowFailed):
        airquery.run(priced, "SELECT ai_query('llm', 'row 3')", on_record=given.append)
    with pytest.raises(duckdb.ConversionException):
        airquery.run(priced, "SELECT CAST(ai_query('llm', 'a secret row') AS INTEGER)")

    failed, odd = reversed(records_of(settings).recent(2))

    assert [failed] == given
    assert (failed.outcome, odd.outcome) == ("aborted", "aborted")
    assert "No." in str(failed.error)
    # What a value was is nobody else's business.
    assert odd.error == "ConversionException"


@pytest.mark.parametrize("settings", ["sqlite"], indirect=True)
def test_a_file_that_cannot_be_written_loses_no_run_and_is_said(
    priced: duckdb.DuckDBPyConnection, settings: airquery.Settings
) -> None:
    file = settings.home / "usage.db"
    file.write_bytes(b"this is no database at all, " * 100)

    run = airquery.run(priced, asked(5))

    assert run.table is not None
    assert run.table.num_rows == 5
    [note] = run.notes
    assert str(file) in note
