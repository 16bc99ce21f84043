"""Rows that the journal answers: the same rows and counters as by the ordinary way, and no request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import airquery
from airquery.testing import EndpointServer
from tests.conftest import registry_of


if TYPE_CHECKING:
    import duckdb

    from airquery.testing.answers import Body

QUERY = """
CREATE OR REPLACE TABLE found AS
SELECT i, ai_query('llm', s, returnType => 'INT', failOnError => false, details => true) AS r FROM t
"""


def _answer(body: Body) -> object:
    asked = str(body["messages"][-1]["content"])
    return "no number" if asked == "7" else asked


def _rows(connection: duckdb.DuckDBPyConnection) -> list[tuple[object, ...]]:
    return connection.execute(
        "SELECT i, r.result, r.errorMessage, r.error_code, r.usage, r.model, r.finish_reason, r.raw"
        " FROM found ORDER BY i"
    ).fetchall()


def _counted(run: airquery.Run) -> tuple[int, ...]:
    stats = run.stats
    return stats.requests, stats.answered, stats.sent, stats.from_journal, stats.failed


def test_what_is_known_and_what_is_not_become_the_same_rows(settings: airquery.Settings) -> None:
    with EndpointServer(answer=_answer) as server:
        connection = airquery.connect(registry=registry_of(server), settings=settings)
        connection.execute(
            "CREATE TABLE t AS SELECT i, (i % 40)::VARCHAR AS s FROM range(5000) r(i)"
        )
        first = airquery.run(connection, QUERY)
        sent_first, fresh = server.count, _rows(connection)
        again = airquery.run(connection, QUERY)
        sent_again, remembered = server.count, _rows(connection)
        connection.execute("UPDATE t SET s = (i % 60)::VARCHAR")
        more = airquery.run(connection, QUERY)
        usage = connection.execute(
            "SELECT rows, requests, sent, from_journal, failed FROM airquery_usage() ORDER BY ended_at"
        ).fetchall()
        connection.close()

    assert (sent_first, sent_again, server.count) == (40, 40, 60)
    assert remembered == fresh
    assert remembered[8][:2] == (8, 8)
    assert remembered[7][1:4:2] == (None, "AI_FUNCTION_HTTP_PARSE_CAST_ERROR")
    assert _counted(first) == (40, 40, 40, 0, 1)
    assert _counted(again) == (40, 40, 0, 40, 1)
    assert _counted(more) == (60, 60, 20, 40, 1)
    assert usage == [(5000, 40, 40, 0, 1), (5000, 40, 0, 40, 1), (5000, 60, 20, 40, 1)]


def test_plain_duckdb_finds_what_is_known_too(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    query = "SELECT ai_query('llm', 'row ' || i % 3) FROM range(4000) r(i)"
    fresh = connection.execute(query).fetchall()

    assert connection.execute(query).fetchall() == fresh
    assert server.count == 3
