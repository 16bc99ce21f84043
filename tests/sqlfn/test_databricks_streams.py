"""A streaming table: every row of its source once, whatever happens in between."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

import airquery
from airquery.testing import Reply


if TYPE_CHECKING:
    from airquery.testing import EndpointServer
    from tests.sqlfn.conftest import Databricks

REFRESH = """
CREATE OR REFRESH STREAMING TABLE answers TBLPROPERTIES ('pipelines.channel' = 'preview') AS
SELECT id, ai_query("llm", concat("Say ", text)) AS said FROM STREAM({source}) WHERE id <> 1
"""


@pytest.fixture
def source(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Make a table `source` of three rows."""
    connection.execute(
        "CREATE TABLE source AS SELECT i AS id, 'text ' || i AS text FROM range(3) AS r(i)"
    )
    return connection


def answers(connection: duckdb.DuckDBPyConnection) -> list[tuple[int, str]]:
    return connection.sql("FROM answers ORDER BY ALL").fetchall()


@pytest.mark.parametrize(
    "stream",
    [
        "STREAM(source)",
        "STREAM source",
        "STREAM(LIVE.source)",
        "STREAM(memory.main.source)",
        "STREAM(main.source) AS s",
        "(SELECT * FROM STREAM(source)) AS q",
        "STREAM source AS s INNER JOIN (SELECT max(i) AS m FROM range(9) AS r(i)) AS q ON m = 8",
    ],
)
def test_each_refresh_adds_what_is_new_in_every_spelling(
    source: duckdb.DuckDBPyConnection, databricks: Databricks, stream: str
) -> None:
    refresh = f"CREATE OR REFRESH STREAMING TABLE answers AS SELECT id, text FROM {stream}"

    databricks(refresh)
    source.execute("INSERT INTO source VALUES (7, 'new'), (7, 'new')")
    databricks(refresh)
    databricks(refresh)

    assert answers(source) == [
        (0, "text 0"),
        (1, "text 1"),
        (2, "text 2"),
        (7, "new"),
        (7, "new"),
    ]


def test_only_new_rows_are_asked_for_and_ahead_of_the_statement(
    source: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    refresh = REFRESH.format(source="source")

    first = airquery.run(source, refresh, dialect="databricks")
    source.execute("INSERT INTO source VALUES (3, 'text 3')")
    second = airquery.run(source, refresh, dialect="databricks")

    assert [(run.stats.requests, run.stats.sent, run.notes) for run in (first, second)] == [
        (2, 2, ()),
        (1, 1, ()),
    ]
    assert server.count == 3
    assert answers(source) == [(0, "Say text 0"), (2, "Say text 2"), (3, "Say text 3")]


def test_a_failed_refresh_changes_nothing_and_the_next_one_does_all_of_it(
    source: duckdb.DuckDBPyConnection, server: EndpointServer, databricks: Databricks
) -> None:
    refresh = REFRESH.format(source="source")
    server.script(Reply(status=400))
    with pytest.raises(airquery.AirqueryError, match="AI_FUNCTION_HTTP_REQUEST_ERROR"):
        databricks(refresh)
    tables = source.sql("SELECT table_name FROM duckdb_tables()").fetchall()

    databricks(refresh)
    server.script(Reply(status=400))
    source.execute("INSERT INTO source VALUES (3, 'text 3')")
    with pytest.raises(airquery.AirqueryError, match="AI_FUNCTION_HTTP_REQUEST_ERROR"):
        databricks(refresh)
    before = answers(source)
    databricks(refresh)

    assert tables == [("source",)]
    assert before == [(0, "Say text 0"), (2, "Say text 2")]
    assert answers(source) == [*before, (3, "Say text 3")]


def test_the_mark_lives_in_the_database_of_the_table_and_outlives_the_process(
    tmp_path: object, server: EndpointServer, settings: airquery.Settings
) -> None:
    registry = airquery.Registry.from_mapping({"llm": server.endpoint("llm")})
    refresh = "CREATE OR REFRESH STREAMING TABLE s.t AS SELECT id FROM STREAM(main.source)"
    counts = []
    for number in (1, 2):
        with airquery.connect(
            f"{tmp_path}/d.duckdb", registry=registry, settings=settings
        ) as connection:
            connection.execute("CREATE SCHEMA IF NOT EXISTS s")
            connection.execute("CREATE TABLE IF NOT EXISTS source (id INTEGER)")
            connection.execute(f"INSERT INTO source VALUES ({number})")
            airquery.run(connection, refresh, dialect="databricks")
            counts.append(connection.sql("SELECT count(*) FROM s.t").fetchall())
            marks = connection.sql("SELECT target, row_count FROM main.airquery_streams").fetchall()

    assert counts == [[(1,)], [(2,)]]
    assert marks == [("s.t", 2)]


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM source WHERE id = 1",
        "UPDATE source SET text = 'other' WHERE id = 1",
        "CREATE OR REPLACE TABLE source AS SELECT 8 AS id, 'other' AS text FROM range(9)",
        "DELETE FROM source; INSERT INTO source SELECT i, 'text ' || i FROM range(3, 9) AS r(i)",
        "ALTER TABLE source ADD COLUMN more INTEGER",
    ],
)
def test_a_source_that_did_not_only_grow_is_refused_until_the_table_begins_again(
    source: duckdb.DuckDBPyConnection, databricks: Databricks, change: str
) -> None:
    refresh = "CREATE OR REFRESH STREAMING TABLE answers AS SELECT id, text FROM STREAM(source)"
    databricks(refresh)
    before = answers(source)
    source.execute(change)

    with pytest.raises(duckdb.Error, match="were changed or removed, but a stream only grows"):
        databricks(refresh)
    after = answers(source)
    source.execute("DROP TABLE answers")
    databricks(refresh)

    assert after == before
    assert answers(source) == source.sql("SELECT id, text FROM source ORDER BY ALL").fetchall()


@pytest.mark.parametrize(
    ("prepared", "stream", "said"),
    [
        ("CREATE VIEW other AS FROM source", "STREAM(other)", "not a view"),
        (
            "CREATE TABLE other AS SELECT 1 AS id, '' AS text, 1 AS rowid",
            "STREAM(other)",
            "a column rowid",
        ),
        ("", "STREAM(nothing)", "nothing is no table of this database"),
        ("CREATE TABLE answers (id INTEGER, text VARCHAR)", "STREAM(source)", "no streaming table"),
    ],
)
def test_what_cannot_be_streamed_is_refused_with_the_reason(
    source: duckdb.DuckDBPyConnection,
    databricks: Databricks,
    prepared: str,
    stream: str,
    said: str,
) -> None:
    source.execute(prepared)

    with pytest.raises(duckdb.Error, match=said):
        databricks(f"CREATE OR REFRESH STREAMING TABLE answers AS SELECT id, text FROM {stream}")


def test_a_table_that_streams_from_another_source_is_refused(
    source: duckdb.DuckDBPyConnection, databricks: Databricks
) -> None:
    source.execute("CREATE TABLE other AS FROM source")
    refresh = "CREATE OR REFRESH STREAMING TABLE answers AS SELECT id, text FROM STREAM({})"
    databricks(refresh.format("source"))

    with pytest.raises(duckdb.Error, match=r"answers streams from main\.source, not from other"):
        databricks(refresh.format("other"))


def test_a_refresh_inside_of_a_transaction_is_a_part_of_it(
    source: duckdb.DuckDBPyConnection, databricks: Databricks
) -> None:
    refresh = REFRESH.format(source="source")

    source.begin()
    databricks(refresh)
    source.rollback()
    databricks(refresh)

    assert answers(source) == [(0, "Say text 0"), (2, "Say text 2")]
