"""What a statement would ask and cost is counted, and nothing is sent for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

import airquery
from airquery.connection import connect
from airquery.endpoints.endpoint import Limits, Price
from airquery.errors import UnknownEndpoint
from airquery.planning.estimate import EndpointEstimate, Estimate, Span


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airquery.testing import EndpointServer


@pytest.fixture
def priced(
    server: EndpointServer, settings: airquery.Settings
) -> Iterator[duckdb.DuckDBPyConnection]:
    endpoint = server.endpoint(
        "llm",
        price=Price(input_per_million=1.0, output_per_million=2.0),
        limits=Limits(concurrency=4),
    )
    registry = airquery.Registry.from_mapping({"llm": endpoint})
    with connect(registry=registry, settings=settings) as connection:
        yield connection


def tables(connection: duckdb.DuckDBPyConnection) -> list[tuple[str]]:
    return connection.execute("SELECT table_name FROM duckdb_tables()").fetchall()


def test_rows_and_distinct_requests_are_counted_and_nothing_is_sent(
    priced: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    found = airquery.plan(
        priced,
        "SELECT ai_query('llm', 'row ' || i % 3, modelParameters => {'max_tokens': 10})"
        " FROM range(5000) AS t(i)",
    )

    assert server.count == 0
    assert found == Estimate(
        endpoints=(
            EndpointEstimate(
                endpoint="llm",
                model="test-model",
                rows=5000,
                requests=3,
                answered=0,
                new=3,
                input_tokens=Span(low=11.0, high=22.0),
                output_tokens=Span(low=0.0, high=30.0),
                price=Span(low=11e-6, high=82e-6),
                currency="USD",
                seconds=None,
            ),
        ),
        notes=(),
    )


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE made AS SELECT ai_query('llm', s) AS r FROM t",
        "INSERT INTO t SELECT ai_query('llm', s) FROM t",
        "COPY (SELECT ai_query('llm', s) AS r FROM t) TO 'never-written.csv'",
        "WITH c AS (SELECT ai_query('llm', s) AS r FROM t) SELECT r FROM c WHERE r LIKE '%1%'",
    ],
)
def test_what_would_store_rows_is_counted_without_storing_any(
    priced: duckdb.DuckDBPyConnection, server: EndpointServer, statement: str
) -> None:
    priced.execute("CREATE TABLE t AS SELECT 'row ' || i AS s FROM range(7) AS r(i)")

    found = airquery.plan(priced, statement)

    assert [(one.rows, one.new) for one in found.endpoints] == [(7, 7)]
    assert tables(priced) == [("t",)]
    assert priced.execute("SELECT count(*) FROM t").fetchall() == [(7,)]
    assert server.count == 0


def test_what_the_journal_answers_is_told_from_what_is_new_and_says_how_long_answers_are(
    priced: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    ask = "SELECT ai_query('llm', 'row ' || i) FROM range({}) AS t(i)"
    airquery.run(priced, ask.format(5))

    [found] = airquery.plan(priced, ask.format(9)).endpoints

    assert server.count == 5
    assert (found.requests, found.answered, found.new) == (9, 5, 4)
    # Each of the five answers had two tokens.
    assert found.output_tokens == Span(low=8.0, high=8.0)
    assert found.price is not None
    assert found.price.high is not None
    assert found.seconds is not None
    assert found.seconds > 0


def test_the_range_of_the_price_holds_what_is_paid(
    priced: duckdb.DuckDBPyConnection,
) -> None:
    statement = (
        "SELECT ai_query('llm', 'How good is this, in one word: a story about ' || i,"
        " modelParameters => {'max_tokens': 40}) FROM range(20) AS t(i)"
    )

    [found] = airquery.plan(priced, statement).endpoints
    paid = airquery.run(priced, statement).stats.price
    [after] = airquery.plan(priced, statement).endpoints

    assert found.price is not None
    assert found.price.high is not None
    assert found.price.low <= paid <= found.price.high
    assert (after.new, after.price, after.seconds) == (0, Span(low=0.0, high=0.0), 0.0)


def test_what_was_answered_of_a_statement_says_how_long_its_other_prompts_are(
    priced: duckdb.DuckDBPyConnection,
) -> None:
    ask = "SELECT ai_query('llm', 'row ' || i) FROM range(100, {}) AS t(i)"
    [guessed] = airquery.plan(priced, ask.format(130)).endpoints
    airquery.run(priced, ask.format(120))
    [learnt] = airquery.plan(priced, ask.format(130)).endpoints
    billed = airquery.run(priced, ask.format(130)).stats

    # A prompt has two tokens, which are guessed to be five.
    assert (guessed.new, guessed.input_tokens) == (30, Span(low=112.0, high=225.0))
    assert (learnt.new, learnt.input_tokens) == (10, Span(low=18.0, high=22.0))
    assert billed.prompt_tokens == 20


def test_calls_that_build_on_answers_are_said_to_be_not_counted(
    priced: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    found = airquery.plan(
        priced,
        "SELECT ai_query('llm', ai_query('llm', 'row ' || i)) AS r,"
        " ai_query('llm', 'again ' || i, reask => true, failOnError => false) AS s"
        " FROM range(4) AS t(i)",
    )

    assert [(one.rows, one.requests) for one in found.endpoints] == [(8, 8)]
    assert found.notes == (
        "ai_query(llm) is not counted: it builds on another call's answers",
        "ai_query(llm): what it asks once it has its first answers is not counted",
    )
    assert server.count == 0


def test_a_statement_that_reads_what_an_earlier_one_makes_is_said_to_be_not_counted(
    priced: duckdb.DuckDBPyConnection,
) -> None:
    found = airquery.plan(
        priced, "CREATE TABLE y AS SELECT 1 AS i; SELECT ai_query('llm', 'row ' || i) FROM y"
    )

    assert found.endpoints == ()
    assert found.notes == (
        "not counted, as no statement before it was run: SELECT ai_query('llm', 'row ' || i) FROM y",
    )
    assert tables(priced) == []


def test_a_refreshed_answer_is_counted_as_new(priced: duckdb.DuckDBPyConnection) -> None:
    ask = "SELECT ai_query('llm', 'row ' || i, cache => '{}') FROM range(3) AS t(i)"
    airquery.run(priced, ask.format("reuse"))

    [reused] = airquery.plan(priced, ask.format("reuse")).endpoints
    [refreshed] = airquery.plan(priced, ask.format("refresh")).endpoints

    assert (reused.answered, reused.new) == (3, 0)
    assert (refreshed.answered, refreshed.new) == (0, 3)


def test_an_endpoint_without_a_price_list_has_no_price(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    [found] = airquery.plan(connection, "SELECT ai_query('llm', 'hello')").endpoints

    assert (found.rows, found.new, found.price) == (1, 1, None)
    assert server.count == 0


def test_what_is_wrong_with_a_call_is_said_as_a_run_would(
    priced: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(UnknownEndpoint, match="'nobody' is not registered"):
        airquery.plan(priced, "SELECT ai_query('nobody', 'row ' || i) FROM range(3) AS t(i)")
    with pytest.raises(duckdb.CatalogException, match="nowhere"):
        airquery.plan(priced, "SELECT ai_query('llm', s) FROM nowhere")


def test_a_statement_that_is_run_after_its_estimate_asks_what_was_counted(
    priced: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    statement = "SELECT ai_query('llm', 'row ' || i % 6) FROM range(60) AS t(i)"

    [found] = airquery.plan(priced, statement).endpoints
    run = airquery.run(priced, statement)

    assert (found.new, run.stats.sent, server.count) == (6, 6, 6)
