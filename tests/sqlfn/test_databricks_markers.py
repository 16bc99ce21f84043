"""Values from outside: they become literals and names, and can be nothing else."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery


if TYPE_CHECKING:
    import duckdb

    from tests.sqlfn.conftest import Databricks


@pytest.mark.parametrize(
    "value",
    ["it's", "x' OR 1=1 --", '"; DROP TABLE t; --', "\\'; SELECT 1", "${b}", ":b", "a\nb", ""],
)
def test_a_value_stays_one_literal_whatever_it_holds(databricks: Databricks, value: str) -> None:
    assert databricks("SELECT :a AS r, ':a' AS s", a=value) == [(value, ":a")]


def test_a_value_is_a_number_where_rows_are_limited(databricks: Databricks) -> None:
    rows = databricks(
        "SELECT id FROM range(9) AS r(id) WHERE id > :low ORDER BY id LIMIT :n OFFSET :m",
        low="1",
        n="3",
        m="2",
    )

    assert rows == [(4,), (5,), (6,)]
    with pytest.raises(airquery.AirqueryError, match="in LIMIT must be a whole number"):
        databricks("SELECT 1 LIMIT :n", n="1; DROP TABLE t")


@pytest.mark.parametrize("name", ["s.words", "`s`.`words`", "memory.s.words", "S.WORDS"])
def test_a_value_can_be_the_name_of_a_table(
    connection: duckdb.DuckDBPyConnection, databricks: Databricks, name: str
) -> None:
    connection.execute("CREATE SCHEMA s; CREATE TABLE s.words AS SELECT 'hi' AS word")

    assert databricks("SELECT q.word FROM IDENTIFIER(:t) AS q", t=name) == [("hi",)]


def test_a_name_may_be_joined_and_may_be_a_column_or_a_target(
    connection: duckdb.DuckDBPyConnection, databricks: Databricks
) -> None:
    connection.execute("CREATE SCHEMA s")
    databricks("CREATE TABLE IDENTIFIER(:t) AS SELECT 1 AS a", t="s.t")
    databricks("INSERT INTO IDENTIFIER(:t) SELECT 2", t="s.t")

    joined = "SELECT IDENTIFIER(:c) AS r FROM IDENTIFIER(:schema || '.t') ORDER BY 1"
    assert databricks(joined, c="a", schema="s") == [(1,), (2,)]
    joined = "SELECT a FROM IDENTIFIER(concat('s', ('.t'))) AS identifier ORDER BY a"
    assert databricks(joined) == [(1,), (2,)]
    databricks("CREATE TABLE identifier (a INT); INSERT INTO identifier (a) SELECT 3")
    assert databricks("SELECT a FROM identifier") == [(3,)]
    assert databricks("SELECT IDENTIFIER('t.' || 'a') FROM s.t ORDER BY 1") == [(1,), (2,)]


@pytest.mark.parametrize("name", ["(SELECT 1)", "a.b.c.d", "t; DROP TABLE t", "t' --", ""])
def test_a_value_that_is_no_name_is_refused(databricks: Databricks, name: str) -> None:
    with pytest.raises(airquery.AirqueryError, match="does not translate IDENTIFIER"):
        databricks("SELECT * FROM IDENTIFIER(:t)", t=name)


def test_every_marker_of_the_script_without_a_value_is_listed(databricks: Databricks) -> None:
    with pytest.raises(airquery.AirqueryError) as caught:
        databricks("SELECT :b; SELECT :a, :known FROM t LIMIT :c", known="x")

    assert "No value for :a, :b, :c. Give it as --var a=… --var b=… --var c=…" in str(caught.value)
