"""Tables in Databricks SQL: how they are made, overwritten, merged and named."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

import airquery
from airquery.testing import Reply


if TYPE_CHECKING:
    from airquery.testing import EndpointServer
    from tests.sqlfn.conftest import Databricks


@pytest.fixture
def t(connection: duckdb.DuckDBPyConnection) -> duckdb.DuckDBPyConnection:
    """Make a table t of three rows."""
    connection.execute(
        "CREATE TABLE t (a INTEGER PRIMARY KEY, b VARCHAR DEFAULT 'none');"
        " INSERT INTO t SELECT i, 'old ' || i FROM range(3) AS r(i)"
    )
    return connection


@pytest.mark.parametrize(
    ("statement", "rows"),
    [
        ("INSERT OVERWRITE TABLE t SELECT 7, 'new'", [(7, "new")]),
        (
            "INSERT OVERWRITE t SELECT a, b || '!' FROM t WHERE a > 0",
            [(1, "old 1!"), (2, "old 2!")],
        ),
        ("INSERT OVERWRITE t (b, a) SELECT 'new', 7", [(7, "new")]),
        ("INSERT OVERWRITE t (a) SELECT 7", [(7, "none")]),
        ("INSERT OVERWRITE t BY NAME SELECT 'new' AS b, 7 AS a", [(7, "new")]),
        ("INSERT OVERWRITE t VALUES (7, 'x'), (8, 'y')", [(7, "x"), (8, "y")]),
        ("INSERT OVERWRITE t TABLE t", [(0, "old 0"), (1, "old 1"), (2, "old 2")]),
        ("WITH q AS (SELECT 7, 'q') INSERT OVERWRITE t SELECT * FROM q", [(7, "q")]),
        ("INSERT OVERWRITE t WITH q AS (SELECT 7, 'q') SELECT * FROM q", [(7, "q")]),
        ("INSERT OVERWRITE t SELECT 1, 'x' WHERE false", []),
    ],
)
def test_overwriting_leaves_the_new_rows_only_and_the_table_as_it_is(
    t: duckdb.DuckDBPyConnection,
    databricks: Databricks,
    statement: str,
    rows: list[tuple[int, str]],
) -> None:
    schema = t.sql("DESCRIBE t").fetchall()

    databricks(statement)

    assert t.sql("FROM t ORDER BY a").fetchall() == rows
    assert t.sql("DESCRIBE t").fetchall() == schema


def test_a_cause_of_failure_in_the_target_leaves_its_rows_too(
    t: duckdb.DuckDBPyConnection, databricks: Databricks
) -> None:
    before = t.sql("FROM t ORDER BY a").fetchall()

    with pytest.raises(duckdb.ConstraintException):
        databricks("INSERT OVERWRITE t SELECT 7, 'one of two' FROM range(2)")

    assert t.sql("FROM t ORDER BY a").fetchall() == before


def test_requests_of_an_overwrite_are_answered_ahead_and_a_failed_one_changes_nothing(
    t: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    server.fail_when(lambda body: "bad" in str(body), Reply(status=400))
    good = "INSERT OVERWRITE t SELECT a, ai_query('llm', 'good ' || b) FROM t"

    run = airquery.run(t, good, dialect="databricks")
    answered = t.sql("FROM t ORDER BY a").fetchall()
    with pytest.raises(airquery.AirqueryError, match="AI_FUNCTION_HTTP_REQUEST_ERROR"):
        airquery.run(t, good.replace("'good '", "'bad '"), dialect="databricks")

    assert (run.notes, run.stats.sent) == ((), 3)
    assert answered == [(i, f"good old {i}") for i in range(3)]
    assert t.sql("FROM t ORDER BY a").fetchall() == answered


def test_what_says_how_a_table_is_stored_is_left_out(
    connection: duckdb.DuckDBPyConnection, databricks: Databricks, caplog: pytest.LogCaptureFixture
) -> None:
    databricks(
        """
        CREATE OR REPLACE TABLE made USING DELTA PARTITIONED BY (a) COMMENT 'c'
        TBLPROPERTIES ('pipelines.channel' = 'preview') AS SELECT /*+ BROADCAST(x) */ 1 AS a;
        CREATE TABLE typed (a INT COMMENT 'it''s', b STRING NOT NULL) USING DELTA CLUSTER BY (a);
        INSERT INTO TABLE typed VALUES (1, "x")
        """
    )

    assert connection.sql("FROM made").fetchall() == [(1,)]
    assert connection.sql("FROM typed").fetchall() == [(1, "x")]
    assert caplog.messages == []


def test_a_materialized_view_is_a_table_that_each_refresh_replaces(
    connection: duckdb.DuckDBPyConnection, databricks: Databricks
) -> None:
    connection.execute("CREATE TABLE source AS SELECT 1 AS a")
    databricks("CREATE MATERIALIZED VIEW v AS SELECT 7 AS n; USE CATALOG memory; USE SCHEMA main")
    refresh = "CREATE OR REFRESH MATERIALIZED VIEW v (n COMMENT 'x') AS SELECT a FROM source"

    databricks(refresh)
    connection.execute("INSERT INTO source VALUES (2)")
    before = connection.sql("FROM v").fetchall()
    databricks(refresh)

    assert before == [(1,)]
    assert connection.sql("SELECT n FROM v ORDER BY n").fetchall() == [(1,), (2,)]


def test_a_merge_updates_inserts_and_asks_ahead(
    t: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    run = airquery.run(
        t,
        """
        MERGE INTO t USING (SELECT id AS a, ai_query("llm", concat("Say ", id)) AS b
                            FROM range(2, 4) AS r(id)) AS s ON t.a = s.a
        WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *
        """,
        dialect="databricks",
    )

    assert t.sql("FROM t ORDER BY a").fetchall() == [
        (0, "old 0"),
        (1, "old 1"),
        (2, "Say 2"),
        (3, "Say 3"),
    ]
    assert (run.notes, server.count) == ((), 2)


def publish(settings: airquery.Settings, table: str, query: str) -> None:
    with duckdb.connect() as other:
        airquery.Warehouse(settings.warehouse).publish(
            table, other.sql(query), partition="p", run_number=1
        )


def test_a_name_of_an_unknown_catalog_leads_to_the_warehouse(
    connection: duckdb.DuckDBPyConnection, databricks: Databricks, settings: airquery.Settings
) -> None:
    publish(settings, "shop.reviews", "SELECT 'good' AS text UNION ALL SELECT 'bad'")

    rows = databricks(
        "SELECT main.shop.reviews.text AS a, r.text AS b FROM main.shop.reviews "
        "JOIN Main.Shop.Reviews AS r ON r.text = reviews.text WHERE reviews.text = 'good'"
    )

    assert rows == [("good", "good")]
    listed = connection.sql("SELECT table_name FROM duckdb_tables() WHERE NOT internal").fetchall()
    views = connection.sql(
        "SELECT view_name FROM duckdb_views() WHERE database_name = 'memory' AND NOT internal"
    ).fetchall()
    assert (listed, views) == ([], [])


def test_an_attached_catalog_goes_before_the_warehouse(
    connection: duckdb.DuckDBPyConnection, databricks: Databricks, settings: airquery.Settings
) -> None:
    publish(settings, "shop.reviews", "SELECT 'of the warehouse' AS text")
    connection.execute("ATTACH ':memory:' AS main_catalog; CREATE SCHEMA main_catalog.shop")
    connection.execute("CREATE TABLE main_catalog.shop.reviews AS SELECT 'attached' AS text")

    assert databricks("SELECT text FROM main_catalog.shop.reviews") == [("attached",)]
    assert databricks("SELECT 1 AS a; SELECT text FROM elsewhere.shop.reviews") == [
        ("of the warehouse",)
    ]


def test_a_name_that_leads_nowhere_is_refused_with_both_ways_to_mend_it(
    databricks: Databricks, settings: airquery.Settings
) -> None:
    publish(settings, "shop.reviews", "SELECT 1 AS a")

    with pytest.raises(airquery.AirqueryError) as caught:
        databricks("SELECT * FROM main.shop.review")

    said = str(caught.value)
    assert "There is no catalog 'main' for main.shop.review, and the warehouse does not" in said
    assert "--database main.duckdb" in said
    assert "Did you mean 'shop.reviews'?" in said


def test_a_view_over_the_warehouse_is_temporary_or_refused(
    databricks: Databricks, settings: airquery.Settings
) -> None:
    publish(settings, "shop.reviews", "SELECT 1 AS a")

    databricks("CREATE TEMPORARY VIEW kept AS SELECT a FROM main.shop.reviews")

    assert databricks("SELECT * FROM kept") == [(1,)]
    with pytest.raises(airquery.AirqueryError, match="a stored view would lose it"):
        databricks("CREATE VIEW lost AS SELECT a FROM main.shop.reviews")


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE main.shop.new AS SELECT 1 AS a",
        "CREATE TABLE main.shop.new (a INT)",
        "INSERT INTO main.shop.reviews SELECT 1",
        "INSERT OVERWRITE main.shop.reviews SELECT 1",
        "MERGE INTO main.shop.reviews AS t USING s ON true WHEN MATCHED THEN DELETE",
        "UPDATE main.shop.reviews SET a = 1",
        "DELETE FROM main.shop.reviews",
        "DROP TABLE main.shop.reviews",
    ],
)
def test_a_table_of_an_unknown_catalog_is_never_written(
    databricks: Databricks, settings: airquery.Settings, statement: str
) -> None:
    publish(settings, "shop.reviews", "SELECT 1 AS a")

    with pytest.raises(airquery.AirqueryError, match=r"main\.shop\.\w+ cannot be written: no cata"):
        databricks(statement)
