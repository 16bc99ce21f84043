"""What runs asked and paid can be queried: a row for each run and endpoint."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.connection import close_engines, connect
from airquery.endpoints.endpoint import Limits, Price
from airquery.errors import RowFailed
from airquery.testing import Reply


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import duckdb

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
