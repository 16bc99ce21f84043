"""What is not translated is refused by its name, before the first request."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.sqlfn.databricks_refused import INSTEAD
from airquery.sqlfn.offered import NOT_OFFERED


if TYPE_CHECKING:
    import duckdb

    from airquery.sqlfn.script import Dialect
    from airquery.testing import EndpointServer
    from tests.sqlfn.conftest import Databricks

STREAMING = "CREATE OR REFRESH STREAMING TABLE t AS SELECT "
REFUSED = [
    ("INSERT OVERWRITE ... PARTITION", "INSERT OVERWRITE t PARTITION (d = 1) SELECT 1"),
    ("INSERT ... REPLACE WHERE", "INSERT INTO t REPLACE WHERE a = 1 SELECT 1"),
    ("VERSION AS OF", "SELECT * FROM t VERSION AS OF 3"),
    ("COPY INTO", "COPY INTO t FROM '/x' FILEFORMAT = CSV"),
    ("ALTER TABLE ... SET", "ALTER TABLE t SET TBLPROPERTIES ('a' = 'b')"),
    ("LOCATION", "CREATE TABLE t (a INT) LOCATION '/x'"),
    (
        "CREATE FUNCTION ... LANGUAGE",
        "CREATE FUNCTION f(x STRING) RETURNS STRING LANGUAGE PYTHON AS $$ return x $$",
    ),
    ("CREATE FUNCTION ... DEFAULT", "CREATE FUNCTION f(x INT DEFAULT 1) RETURNS INT RETURN x"),
    ("get_json_object with [*]", "SELECT get_json_object(x, '$.a[*].b') FROM t"),
    ("get_json_object with [*]", "SELECT x:a[*].b FROM t"),
    ("from_json with options", "SELECT from_json(x, 'a INT', map('mode', 'FAILFAST')) FROM t"),
    ("from_json without a literal schema", "SELECT from_json(x, y) FROM t"),
    ("schema_of_json of an expression", "SELECT schema_of_json(x) FROM t"),
    ("format_string", "SELECT format_string(x, 1) FROM t"),
    ("format_string", "SELECT format_string('%1$s', 'x')"),
    ("format_string", "SELECT format_string('100%')"),
    ("format_string", "SELECT format_string('%s %s', 'x')"),
    ("read_files of an expression", "SELECT * FROM read_files(x)"),
    ("read_files of an expression", "SELECT * FROM read_files('a.csv', header => 1 + 1)"),
    ("read_files of an expression", "SELECT * FROM read_files('a.csv', 'csv')"),
    ("IDENTIFIER", "SELECT IDENTIFIER(x) FROM t"),
    ("IDENTIFIER", "INSERT INTO IDENTIFIER('a' || '.b') SELECT 1"),
    ("IDENTIFIER as a function", "SELECT IDENTIFIER('f')(1)"),
    ("the marker ?", "SELECT ?"),
    ("STREAM outside a streaming table", "SELECT * FROM STREAM(t)"),
    ("STREAM over files", STREAMING + "* FROM STREAM range(3)"),
    ("STREAM over files", STREAMING + "* FROM STREAM read_files('/p/*')"),
    ("CREATE STREAMING TABLE", "CREATE STREAMING TABLE t AS SELECT * FROM STREAM(s)"),
    ("CREATE STREAMING TABLE", STREAMING + "* FROM s"),
    (
        "CREATE STREAMING TABLE",
        "CREATE OR REFRESH STREAMING TABLE t (a INT) AS SELECT a FROM STREAM(s)",
    ),
    ("CREATE STREAMING TABLE", STREAMING + "* FROM STREAM(s) JOIN STREAM(r) USING (k)"),
    *(
        ("a streaming table over more than single rows", STREAMING + rest)
        for rest in (
            "count(*) FROM STREAM(s)",
            "a FROM STREAM(s) GROUP BY a",
            "DISTINCT a FROM STREAM(s)",
            "row_number() OVER (ORDER BY a) FROM STREAM(s)",
            "a FROM STREAM(s) ORDER BY a",
            "a FROM STREAM(s) LIMIT 1",
            "a FROM STREAM(s) UNION ALL SELECT a FROM r",
            "a FROM r LEFT JOIN STREAM(s) USING (k)",
            "a FROM STREAM(s) RIGHT JOIN r USING (k)",
            "a FROM (SELECT max(a) AS a FROM STREAM(s))",
            "a FROM r WHERE a IN (SELECT a FROM STREAM(s))",
        )
    ),
    ("WATERMARK", "SELECT * FROM STREAM(s) WATERMARK ts DELAY OF INTERVAL 10 MINUTES"),
    (
        "EXPECT constraints",
        "CREATE OR REFRESH STREAMING TABLE t (CONSTRAINT c EXPECT (a) ON VIOLATION DROP ROW) AS SELECT 1",
    ),
    (
        "EXPECT constraints",
        "CREATE OR REFRESH MATERIALIZED VIEW t (CONSTRAINT c EXPECT (a > 1)) AS SELECT * FROM s",
    ),
    ("APPLY CHANGES", "APPLY CHANGES INTO t FROM s KEYS (a) SEQUENCE BY b"),
    ("LIVE TABLE", "CREATE OR REFRESH LIVE TABLE t AS SELECT 1"),
    ("REFRESH", "REFRESH STREAMING TABLE t"),
]


@pytest.mark.parametrize(("construct", "sql"), REFUSED)
def test_a_construct_is_refused_by_its_name_with_what_to_write(
    databricks: Databricks, construct: str, sql: str
) -> None:
    with pytest.raises(airquery.AirqueryError) as caught:
        databricks(sql)

    assert f"does not translate {construct} of Databricks SQL. {INSTEAD[construct]}" in str(
        caught.value
    )


def test_every_construct_that_is_refused_has_a_test() -> None:
    assert {construct for construct, _ in REFUSED} == set(INSTEAD)


@pytest.mark.parametrize("name", NOT_OFFERED)
@pytest.mark.parametrize("dialect", ["duckdb", "databricks"])
def test_a_function_that_is_not_offered_is_refused_in_both_spellings(
    connection: duckdb.DuckDBPyConnection,
    server: EndpointServer,
    name: str,
    dialect: Dialect,
) -> None:
    sql = f"SELECT ai_query('llm', 'x') AS a; SELECT * FROM {name.upper()}(input => 'x', query => 'y')"

    with pytest.raises(airquery.AirqueryError) as caught:
        airquery.run(connection, sql, dialect=dialect)

    assert f"airquery does not offer {name}. {NOT_OFFERED[name]}" in str(caught.value)
    assert server.count == 0


def test_a_function_that_is_not_offered_is_named_where_nobody_can_read_its_arguments(
    databricks: Databricks,
) -> None:
    with pytest.raises(airquery.AirqueryError, match="does not offer ai_top_drivers"):
        databricks("SELECT * FROM ai_top_drivers(input => TABLE t, metric => 'x')")


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("OPTIMIZE t", "OPTIMIZE has no place in DuckDB"),
        ("GRANT SELECT ON t TO x", "GRANT has no place in DuckDB"),
        ("SELECT * FROM read_files('a.csv', header => x)", "read_files of an expression"),
        ("SELECT * FROM read_files()", "read_files of an expression"),
        ("SELECT * FROM IDENTIFIER(concat(:a, x))", "No value for :a"),
        ("SELECT FROM WHERE (", "not Databricks SQL"),
        ("SELECT 1 FROM t GROUP x", "GROUP x"),
        (
            "CREATE TABLE t ROW FORMAT DELIMITED AS SELECT 1",
            "Unsupported property rowformatdelimitedproperty",
        ),
        ("SELECT from_json(x, 'a INT>, b INT') FROM t", "the schema of from_json 'a INT>, b INT'"),
        ("SELECT from_json(x, 'ARRAY<') FROM t", "the schema of from_json 'ARRAY<'"),
        ("SELECT from_json(x, 'a MAP<STRING, INT>') FROM t", "MAP(TEXT, INT) is not a type"),
        ("SELECT from_json(x, 'nonsense') FROM t", "the schema of from_json 'nonsense'"),
        ("SELECT schema_of_json('{')", "schema_of_json: '{' is not JSON"),
        ("SELECT * FROM read_files('a.avro')", "does not read 'a.avro' without a format"),
        ("SELECT * FROM read_files('a', format => 'avro')", "does not read the format 'avro'"),
        ("SELECT * FROM read_files('a.csv')", "does not read csv without header => true"),
        (
            "SELECT * FROM read_files('a.csv', header => true, escape => '!')",
            "does not read the option 'escape' of csv. Known: delimiter, format, header, sep.",
        ),
    ],
)
def test_what_is_wrong_is_named(databricks: Databricks, sql: str, said: str) -> None:
    with pytest.raises(airquery.AirqueryError) as caught:
        databricks(sql)

    assert said in str(caught.value)
    assert "\x1b" not in str(caught.value)
