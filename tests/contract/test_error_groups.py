"""`errorGroup`: a share of failed rows that is small in all may still be all rows of one group."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.answer import Failure
from airquery.errors import GroupsFailed, StatementError
from airquery.execute.groups import LEAST, Groups
from airquery.testing import EndpointServer, Reply


if TYPE_CHECKING:
    import duckdb

# 20 rows of each of ten countries; in NL half of them fail, in PT a quarter.
ROWS = """
    CREATE TABLE t AS SELECT
      ['AT', 'BE', 'CH', 'DE', 'ES', 'FR', 'GB', 'IT', 'NL', 'PT'][1 + i % 10] AS country,
      CASE
        WHEN country = 'NL' AND i % 20 = 8 OR country = 'PT' AND i % 40 = 9 THEN 'bad '
        ELSE 'good '
      END || i AS s
    FROM range(200) AS r(i)
"""
FAILURE = Failure(condition="AI_FUNCTION_HTTP_REQUEST_ERROR", message="No.")


@pytest.fixture
def rows(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> duckdb.DuckDBPyConnection:
    server.fail_when(lambda body: "bad" in str(body), Reply(status=400))
    connection.execute(ROWS)
    return connection


def asked(ratio: float, group: str = "country") -> str:
    return (
        f"CREATE TABLE out AS SELECT ai_query('llm', s, failOnError => false, maxErrorRatio => {ratio},"
        f" errorGroup => {group}) AS r FROM t"
    )


def test_a_group_above_the_ratio_fails_the_statement_and_the_worst_are_named(
    rows: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    with pytest.raises(GroupsFailed) as failed:
        airquery.run(rows, asked(0.2))

    assert failed.value.groups == (("NL", 10, 20), ("PT", 5, 20))
    assert str(failed.value).startswith(
        "In 2 groups more distinct requests failed than maxErrorRatio 0.2 allows: 'NL' 10 of 20 "
        "(50%), 'PT' 5 of 20 (25%). One of them: [AI_FUNCTION_HTTP_REQUEST_ERROR]"
    )
    assert rows.sql("SELECT count(*) FROM duckdb_tables() WHERE table_name = 'out'").fetchall() == [
        (0,)
    ]
    assert server.count == 200


def test_groups_within_the_ratio_change_nothing(rows: duckdb.DuckDBPyConnection) -> None:
    run = airquery.run(rows, asked(0.5))

    assert (run.stats.requests, run.stats.failed) == (200, 15)
    assert rows.sql("SELECT count(*), count(r.result) FROM out").fetchall() == [(200, 185)]


def test_a_group_may_be_any_value_and_null_is_one(rows: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(GroupsFailed) as failed:
        airquery.run(rows, asked(0.2, "CASE country WHEN 'NL' THEN NULL ELSE {'c': country} END"))

    assert failed.value.groups == ((None, 10, 20), ("{'c': PT}", 5, 20))
    assert "NULL 10 of 20 (50%)" in str(failed.value)


def test_few_requests_say_nothing_of_their_group(rows: duckdb.DuckDBPyConnection) -> None:
    run = airquery.run(rows, asked(0.2, "s"))

    assert run.stats.failed == 15


def test_a_group_needs_a_ratio(connection: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(StatementError, match=r"so it needs one: maxErrorRatio => 0\.1"):
        airquery.run(connection, "SELECT ai_query('llm', 'x', errorGroup => 'a')")


def test_a_request_counts_once_in_each_group_that_has_it() -> None:
    groups = Groups()
    for _ in range(3):
        for key in range(LEAST):
            for group in ("a", "b"):
                failure = FAILURE if group == "a" and key < 2 else None
                groups.note(1, group, ratio=0.1, key=bytes([key]), failure=failure)
    with pytest.raises(GroupsFailed) as failed:
        groups.check()

    assert failed.value.groups == (("a", 2, LEAST),)


def test_so_many_groups_are_named_and_the_others_counted() -> None:
    groups = Groups()
    for group in range(9):
        for key in range(LEAST):
            groups.note(1, f"g{group}", ratio=0.0, key=bytes([key]), failure=FAILURE)

    with pytest.raises(GroupsFailed, match=r"In 9 groups .* 10 of 10 \(100%\) and 4 more\."):
        groups.check()
