"""Planned execution gives what inline execution gives, asks no more, and asks each once."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import duckdb
import pytest

import airquery
from airquery.connection import close_engines
from airquery.endpoints.endpoint import Limits
from airquery.testing import EndpointServer, Reply
from tests.conftest import registry_of


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

TABLES = """
CREATE TABLE t AS SELECT i, 'row ' || i AS s, i % 7 AS g, CASE WHEN i % 10 = 0 THEN NULL ELSE 'v' || i END AS v
FROM range(120) AS r(i);
CREATE TABLE u AS SELECT i, 'row ' || (i * 2) AS s FROM range(50) AS r(i);
"""
# On a machine that pauses for half a second a straggler would be asked a second time.
UNHEDGED = Limits(hedge=False)
# Each statement, and whether all its requests are collected before it runs.
STATEMENTS = {
    "SELECT i, ai_query('llm', s) AS r FROM t": True,
    "SELECT ai_query('llm', 'one')": True,
    "SELECT i, ai_query('llm', 'group ' || g) AS r FROM t": True,
    "SELECT ai_query('llm', s) AS r FROM t UNION ALL SELECT ai_query('llm', s) FROM u": True,
    "SELECT i, ai_query('other', ai_query('llm', s)) AS r FROM t": True,
    "SELECT i, ai_query('other', concat('x', ai_query('llm', v))) AS r FROM t": True,
    "SELECT i FROM t WHERE ai_query('llm', s) LIKE '%3%'": True,
    "SELECT i, ai_query('other', s) AS r FROM t WHERE ai_query('llm', s) LIKE '%3%'": True,
    "SELECT i, ai_query('other', s) AS r FROM t WHERE ai_query('llm', v) IS NULL": True,
    "SELECT i, CASE WHEN i < 10 THEN ai_query('llm', s) END AS r FROM t": True,
    "SELECT i, CASE WHEN ai_query('llm', s) LIKE '%3%' THEN ai_query('other', s) ELSE s END AS r FROM t": False,
    "SELECT i, coalesce(ai_query('llm', v), ai_query('other', s)) AS r FROM t": False,
    "SELECT i, coalesce(v, ai_query('other', s)) AS r FROM t": True,
    "SELECT i, ai_query('llm', s) AS r FROM t LIMIT 10": True,
    "SELECT i, ai_query('llm', s) AS r FROM t ORDER BY i LIMIT 10": True,
    "SELECT i, ai_query('llm', s) AS r FROM t ORDER BY i LIMIT 10 OFFSET 20": True,
    "SELECT i FROM (SELECT i, ai_query('llm', s) AS r FROM t) WHERE r LIKE '%1%' LIMIT 5": False,
    "SELECT i FROM t WHERE ai_query('llm', s) LIKE '%1%' LIMIT 5": False,
    "SELECT DISTINCT ai_query('llm', 'group ' || g) AS r FROM t LIMIT 3": False,
    "SELECT t.i, ai_query('llm', t.s) AS r FROM t JOIN u ON t.s = u.s": True,
    "SELECT a.i FROM t a JOIN t b JOIN t c ON ai_query('llm', b.s) IS NULL"
    " ON ai_query('llm', 'outer ' || b.s) IS NULL": False,
    "SELECT a.i, b.i AS j FROM (SELECT i, ai_query('llm', s) AS r FROM t) a"
    " JOIN (SELECT i, ai_query('llm', s) AS r FROM u) b ON a.r = b.r": True,
    "WITH a AS (SELECT i, ai_query('llm', s) AS r FROM t), b AS (SELECT i, ai_query('other', r) AS q FROM a)"
    " SELECT i, ai_query('llm', q) AS z FROM b WHERE q IS NOT NULL": True,
    "SELECT g, ai_query('other', string_agg(r, ',' ORDER BY r)) AS z"
    " FROM (SELECT g, ai_query('llm', s) AS r FROM t) GROUP BY g": True,
    "SELECT i, ai_query('llm', s) AS r, ai_query('other', r || '!') AS q FROM t": True,
    "SELECT i FROM t WHERE EXISTS (SELECT 1 FROM u WHERE ai_query('llm', u.s) = ai_query('llm', t.s))": True,
    "SELECT i, ai_query('llm', v, failOnError => false).result AS r FROM t": True,
    "SELECT count(*) AS n FROM (SELECT ai_query('llm', s) AS r FROM t)": True,
}


def rows_and_requests(
    statement: str, home: Path, *, planned: bool
) -> tuple[list[Mapping[str, object]], list[str], airquery.Run | None]:
    """Run one statement from nothing: its rows and the requests that reached the server."""
    with EndpointServer() as server:
        settings = airquery.Settings.read(home=home)
        connection = airquery.connect(
            registry=registry_of(server, limits=UNHEDGED), settings=settings
        )
        connection.execute(TABLES)
        run = airquery.run(connection, statement) if planned else None
        table = run.table if run else connection.sql(statement).to_arrow_table()
        connection.close()
        assert table is not None
        asked = [f"{r.body['model']} {r.body['messages']}" for r in server.requests]
    return sorted(table.to_pylist(), key=str), asked, run


@pytest.mark.parametrize(("statement", "collected"), STATEMENTS.items())
def test_planned_execution_equals_inline_execution_and_asks_no_more(
    statement: str, collected: bool, tmp_path: Path
) -> None:
    inline, inline_asked, _ = rows_and_requests(statement, tmp_path / "inline", planned=False)
    planned, planned_asked, run = rows_and_requests(statement, tmp_path / "planned", planned=True)

    assert run is not None
    if "LIMIT" not in statement or "ORDER BY" in statement:
        assert planned == inline
    assert len(planned) == len(inline)
    assert set(planned_asked) <= set(inline_asked)
    assert len(planned_asked) == len(set(planned_asked))
    assert run.stats.requests == run.stats.sent == len(planned_asked)
    assert (run.notes == ()) is collected


def test_equal_requests_are_sent_once_in_a_statement_and_never_again(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    statement = "SELECT ai_query('llm', 'group ' || i % 5) AS r FROM range(5000) AS t(i)"

    first = airquery.run(connection, statement)
    second = airquery.run(connection, statement)

    assert server.count == 5
    assert (first.stats.requests, first.stats.sent, first.stats.from_journal) == (5, 5, 0)
    assert (second.stats.requests, second.stats.sent, second.stats.from_journal) == (5, 0, 5)
    assert first.table == second.table


def test_the_answers_of_one_process_serve_the_next_even_under_another_name_and_key(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    for name in ("yesterday", "today"):
        registry = airquery.Registry.from_mapping({name: server.endpoint(name, timeout_s=5.0)})
        connection = airquery.connect(registry=registry, settings=settings)
        run = airquery.run(connection, f"SELECT ai_query('{name}', 'same question') AS r")
        connection.close()
        close_engines()

    assert server.count == 1
    assert (run.stats.sent, run.stats.from_journal) == (0, 1)


def test_two_statements_at_once_share_one_request(settings: airquery.Settings) -> None:
    with EndpointServer(latency_s=0.3) as server:
        connection = airquery.connect(registry=registry_of(server), settings=settings)
        connection.execute("CREATE TABLE t AS SELECT 'row ' || i AS s FROM range(20) AS r(i)")
        runs: list[airquery.Run] = []

        def work() -> None:
            runs.append(airquery.run(connection.cursor(), "SELECT ai_query('llm', s) AS r FROM t"))

        threads = [threading.Thread(target=work) for _ in range(3)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        connection.close()

        assert server.count == 20
    assert sum(run.stats.sent for run in runs) == 20
    assert sum(run.stats.from_journal for run in runs) == 40
    assert runs[0].table == runs[1].table == runs[2].table


def test_a_selective_filter_does_not_serialise_the_requests(settings: airquery.Settings) -> None:
    # Inline execution sees some 40 rows at a time behind such a filter; collected, all are in flight.
    statement = (
        "CREATE TABLE out AS SELECT i, ai_query('llm', s) AS r FROM"
        " (SELECT i, 'row ' || i AS s FROM range(20000) AS t(i)) WHERE hash(i) % 50 = 0"
    )
    with EndpointServer(latency_s=0.2) as server:
        registry = registry_of(server, limits=Limits(concurrency=200))
        connection = airquery.connect(registry=registry, settings=settings)
        airquery.run(connection, statement)
        rows = connection.execute("SELECT count(*), count(r) FROM out").fetchone()
        connection.close()

        assert rows == (server.count, server.count)
        assert server.in_flight_max > 80


def test_a_script_runs_statement_by_statement_and_returns_the_last_rows(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    run = airquery.run(
        connection,
        "CREATE TABLE a AS SELECT ai_query('llm', 'x') AS r; INSERT INTO a SELECT ai_query('llm', 'y');"
        " SELECT count(*) AS n FROM a",
    )

    assert run.table is not None
    assert run.table.to_pylist() == [{"n": 2}]
    assert server.count == 2


def test_an_explain_asks_nothing(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    run = airquery.run(connection, "EXPLAIN SELECT ai_query('llm', 'a constant prompt')")

    assert run.table is not None
    assert server.count == 0


def test_a_failed_statement_changes_nothing_and_the_connection_works_on(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    server.script(Reply(status=400))

    with pytest.raises(airquery.AirqueryError, match="HTTP 400"):
        airquery.run(connection, "CREATE TABLE out AS SELECT ai_query('llm', 'x') AS r")

    assert (
        airquery.run(connection, "CREATE TABLE out AS SELECT ai_query('llm', 'x') AS r").stats.sent
        == 1
    )


def test_a_statement_inside_the_callers_transaction_is_rolled_back_with_it(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    connection.begin()
    connection.execute("CREATE TEMP TABLE mine AS SELECT 'x' AS s")
    run = airquery.run(connection, "CREATE TABLE out AS SELECT ai_query('llm', s) AS r FROM mine")
    connection.rollback()

    assert run.stats.sent == 1
    with pytest.raises(duckdb.CatalogException):
        connection.sql("SELECT * FROM out")


def test_endpoint_names_are_read_from_the_text() -> None:
    sql = "SELECT ai_query('b', x), AI_QUERY(endpoint => 'a', request => y) FROM t WHERE ai_query('b', z) = ''"

    assert airquery.endpoint_names(sql) == ["a", "b"]


def test_progress_counts_up_to_the_result(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    seen: list[airquery.RunStats] = []

    run = airquery.run(
        connection,
        "SELECT ai_query('llm', 'row ' || i) FROM range(50) AS t(i)",
        on_progress=seen.append,
    )

    assert seen[-1].answered == run.stats.requests == 50
    assert seen[-1].prompt_tokens == run.stats.prompt_tokens > 0
    assert [s.answered for s in seen] == sorted(s.answered for s in seen)


@pytest.mark.parametrize("way", ["planned", "inline"])
def test_a_filter_leaves_values_of_a_dictionary_unasked(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, tmp_path: Path, way: str
) -> None:
    file = tmp_path / "texts.parquet"
    connection.execute(
        f"COPY (SELECT i, 'text ' || (i % 30) AS text FROM range(300) AS t (i)) TO '{file}'"
    )
    query = f"SELECT i, ai_query('llm', text) AS r FROM '{file}' WHERE i < 3"

    run = airquery.run(connection, query) if way == "planned" else None
    table = run.table if run else connection.sql(query).to_arrow_table()

    assert table is not None
    assert (table.num_rows, server.count) == (3, 3)
