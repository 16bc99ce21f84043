"""Requests are read ahead of the rows that need them: some way, not further, and from where it is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.endpoints.endpoint import Limits
from airquery.execute.statement import WINDOW
from airquery.planning.build import build
from airquery.testing import EndpointServer
from tests.conftest import registry_of


if TYPE_CHECKING:
    import duckdb
    import pyarrow as pa

CHUNK = 2048


def settings_of(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT current_setting('streaming_buffer_size'), current_setting('enable_progress_bar')"
    ).fetchall()


class Enough(Exception):
    """What a reader raises who wants no more rows."""


def test_who_stops_reading_has_asked_for_no_more_than_the_window(
    settings: airquery.Settings,
) -> None:
    def first_rows(_: pa.RecordBatch) -> None:
        raise Enough

    with EndpointServer(record=False) as server:
        registry = registry_of(server, limits=Limits(concurrency=16))
        connection = airquery.connect(registry=registry, settings=settings)
        connection.execute("CREATE TABLE t AS SELECT 'row ' || i AS s FROM range(20000) AS r(i)")
        with pytest.raises(Enough):
            airquery.run(connection, "SELECT ai_query('llm', s) AS r FROM t", on_rows=first_rows)
        connection.close()

        # DuckDB itself computes some chunks before it hands out the first.
        assert server.count <= 3 * CHUNK + WINDOW


def test_the_first_rows_come_while_a_later_one_is_in_flight(settings: airquery.Settings) -> None:
    found: list[object] = []
    answered_before_the_first: list[int] = []

    with EndpointServer() as server:
        release = server.hold_when(lambda body: "late" in str(body))

        def rows(batch: pa.RecordBatch) -> None:
            answered_before_the_first.append(server.statuses.get(200, 0))
            found.extend(batch.column(0).to_pylist())
            release()

        connection = airquery.connect(registry=registry_of(server), settings=settings)
        connection.execute(
            "CREATE TABLE t AS SELECT if(i < 19000, 'row ' || i % 7, 'late') AS s FROM range(20000) AS r(i)"
        )
        airquery.run(connection, "SELECT ai_query('llm', s) AS r FROM t", on_rows=rows)
        connection.close()

    assert answered_before_the_first[0] == 7
    assert len(found) == 20000
    assert str(found[-1]).endswith("late")


def test_a_statement_that_fails_leaves_the_connections_settings_as_they_were(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    before = settings_of(connection)

    with pytest.raises(Exception, match="Could not convert"):
        airquery.run(
            connection,
            "SELECT CAST(ai_query('llm', 'no number ' || i) AS INTEGER) AS r FROM range(3) AS t(i)",
            on_rows=lambda _: None,
        )

    assert settings_of(connection) == before


@pytest.mark.parametrize(
    ("prepare", "statement", "answers"),
    [
        ("CREATE TEMP TABLE t AS SELECT 'temp' AS s", "SELECT ai_query('llm', s) FROM t", ["temp"]),
        ("CREATE TEMP VIEW t AS SELECT 'view' AS s", "SELECT ai_query('llm', s) FROM t", ["view"]),
        (
            (
                "CREATE SCHEMA b; CREATE TABLE t AS SELECT 'main' AS s;"
                "CREATE TABLE b.t AS SELECT 'b' AS s; USE b"
            ),
            "SELECT ai_query('llm', s) FROM t",
            ["b"],
        ),
        ("SET VARIABLE x = 'set'", "SELECT ai_query('llm', getvariable('x'))", ["set"]),
        (
            "SET TimeZone = 'Asia/Tokyo'; CREATE TABLE t AS SELECT TIMESTAMPTZ '2026-01-01 00:00:00+00' AS s",
            "SELECT ai_query('llm', CAST(s AS VARCHAR)) FROM t",
            ["2026-01-01 09:00:00+09"],
        ),
    ],
    ids=["temp table", "temp view", "schema", "variable", "setting"],
)
def test_what_only_the_connection_sees_is_asked_once_and_rightly(
    prepare: str,
    statement: str,
    answers: list[str],
    connection: duckdb.DuckDBPyConnection,
    server: EndpointServer,
) -> None:
    # A table of the same name that the connection does not mean.
    connection.execute("CREATE SCHEMA a")
    connection.execute(prepare)

    run = airquery.run(connection, statement)

    assert run.table is not None
    assert [str(row[0]) for row in run.table.to_pandas().to_numpy()] == answers
    assert (server.count, run.notes) == (1, ())


def test_a_prompt_with_the_time_in_it_is_asked_once(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    run = airquery.run(
        connection,
        "SELECT ai_query('llm', i || ' at ' || CAST(now() AS VARCHAR)) AS r FROM range(5) AS t(i)",
    )

    assert run.table is not None
    assert (run.table.num_rows, server.count) == (5, 5)


def test_rows_of_an_open_transaction_are_seen(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    connection.execute("CREATE TABLE t AS SELECT 'before' AS s")
    connection.begin()
    connection.execute("UPDATE t SET s = 'within'")

    run = airquery.run(connection, "SELECT ai_query('llm', s) AS r FROM t")
    connection.rollback()

    assert run.table is not None
    assert run.table.to_pylist() == [{"r": "within"}]
    assert server.count == 1


def test_a_row_that_comes_again_after_its_answer_was_forgotten_is_not_asked_again(
    settings: airquery.Settings,
) -> None:
    # Each answer is a megabyte, so that a few dozen of them have no room.
    with EndpointServer(answer=lambda _: "x" * 1_000_000) as server:
        connection = airquery.connect(registry=registry_of(server), settings=settings)
        run = airquery.run(
            connection,
            "SELECT length(ai_query('llm', 'row ' || i % 50)) AS r FROM range(100) AS t(i)",
        )
        connection.close()

        assert server.count == 50
    assert run.table is not None
    assert run.table.num_rows == 100
    assert (run.stats.requests, run.stats.sent, run.stats.failed) == (50, 50, 0)


def test_the_plan_says_of_each_call_how_it_is_answered(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    statement = (
        "SELECT ai_query('other', ai_query('llm', s)) AS a,"
        " coalesce(ai_query('llm', s), ai_query('other', s)) AS b FROM t"
    )
    connection.execute("CREATE TABLE t AS SELECT 'x' AS s")

    explained = airquery.run(connection, f"EXPLAIN {statement}")

    assert build(statement).decisions() == (
        "ai_query(other): read ahead, depth 2",
        "ai_query(llm): read ahead, depth 1",
        "ai_query(llm): chunk by chunk: it stands beside another call in COALESCE",
        "ai_query(other): chunk by chunk: it stands beside another call in COALESCE",
    )
    assert explained.notes == ("; ".join(build(statement).decisions()),)
    assert server.count == 0
