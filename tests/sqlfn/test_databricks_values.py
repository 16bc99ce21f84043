"""What each construct of Databricks SQL gives is what Spark documents."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.sqlfn.schema_of import schema_of_json
from airquery.sqlfn.script import read_script


if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from airquery.testing import EndpointServer
    from tests.sqlfn.conftest import Databricks

OVER_TEXTS = r"""
FROM VALUES (1, '{"a": 1, "b": ["x", "y"], "c": {"d e": "deep"}}'), (2, 'no JSON'),
            (3, CAST(NULL AS STRING)), (4, '{"a": "many"}') AS t(n, x) ORDER BY n
"""


@pytest.mark.parametrize(
    ("expression", "value"),
    [
        ('"it\'s"', "it's"),
        (r"'a\n\'b\\'", "a\n'b\\"),
        (r"r'\n' || R'\d'", r"\n\d"),
        ("'it''s'", "it's"),
        ('"""said"""', '"said"'),
        ("'x' 'y'", "xy"),
        ("'a ; b' || \"; -- c\"", "a ; b; -- c"),
        (r"'\u00e9'", "é"),
        ("concat('a', NULL, 'b')", None),
        ("concat('a', 1, 'b')", "a1b"),
        ("concat_ws('-', 'a', NULL, 'b')", "a-b"),
        ("format_string('%s is %d of %.1f%%', 'x', 3, 2.25)", "x is 3 of 2.2%"),
        ("format_string('%s and %s', 7, NULL)", "7 and null"),
        ("named_struct('a', 1, 'b', 'x')", {"a": 1, "b": "x"}),
        ("struct(1 AS a, 'x' AS b)", {"a": 1, "b": "x"}),
        ("map('a', 1, 'b', 2)['b']", 2),
        ("array(1, 2)", [1, 2]),
        ("array(1, 2)[0]", 1),
        ("transform(array(1, 2), x -> x + 1)", [2, 3]),
        ("split('a,b', ',')[1]", "b"),
        ("date_add(DATE'2026-01-31', 1) :: DATE", date(2026, 2, 1)),
        ("try_cast('x' AS INT)", None),
        ('schema_of_json(\'{"b": [1, 2.5], "a": null}\')', "STRUCT<a: STRING, b: ARRAY<DOUBLE>>"),
        ("from_json('{\"a\": 1}', schema_of_json('{\"a\": 2}'))", {"a": 1}),
        ("to_json(named_struct('a', 1))", '{"a":1}'),
        ("get_json_object(to_json(from_json('{\"a\": 1}', 'a INT')), '$.a')", "1"),
    ],
)
def test_an_expression_gives_what_spark_documents(
    databricks: Databricks, expression: str, value: object
) -> None:
    assert databricks(f"SELECT {expression} AS r") == [(value,)]


@pytest.mark.parametrize(
    ("expression", "values"),
    [
        (
            "from_json(x, 'a INT, b ARRAY<STRING>')",
            [{"a": 1, "b": ["x", "y"]}, None, None, {"a": None, "b": None}],
        ),
        (
            "from_json(x, 'STRUCT<a: STRING, c: STRUCT<`d e`: STRING>>')",
            [
                {"a": "1", "c": {"d e": "deep"}},
                None,
                None,
                {"a": "many", "c": None},
            ],
        ),
        ("from_json(x, 'a INT').a", [1, None, None, None]),
        ("get_json_object(x, '$.a')", ["1", None, None, "many"]),
        ("get_json_object(x, '$.b[1]')", ["y", None, None, None]),
        ("get_json_object(x, '$.b')", ['["x","y"]', None, None, None]),
        ("get_json_object(x, concat('$.', 'a'))", ["1", None, None, "many"]),
        ("x:a", ["1", None, None, "many"]),
        ("x:c['d e']", ["deep", None, None, None]),
        ("x:b[0] || '!'", ["x!", None, None, None]),
        ("x:c:`d e` = 'deep'", [True, None, None, None]),
        ("try_cast(x:a AS INT) + 1", [2, None, None, None]),
    ],
)
def test_text_that_is_no_json_is_null_and_not_an_error(
    databricks: Databricks, expression: str, values: list[object]
) -> None:
    assert databricks(f"SELECT {expression} AS r {OVER_TEXTS}") == [(value,) for value in values]


@pytest.mark.parametrize(
    ("text", "ddl"),
    [
        ('{"a": 1}', "STRUCT<a: BIGINT>"),
        ('{"z": "s", "a": true}', "STRUCT<a: BOOLEAN, z: STRING>"),
        ('[{"a": 1}, {"b": 2.5}]', "ARRAY<STRUCT<a: BIGINT, b: DOUBLE>>"),
        ("[1, 2.5]", "ARRAY<DOUBLE>"),
        ('[1, "x"]', "ARRAY<STRING>"),
        ("[[], [1]]", "ARRAY<ARRAY<BIGINT>>"),
        ("[]", "ARRAY<STRING>"),
        ("null", "STRING"),
        ("123456789012345678901", "DECIMAL(38,0)"),
        ('{"a b": {"c": [null]}}', "STRUCT<`a b`: STRUCT<c: ARRAY<STRING>>>"),
    ],
)
def test_the_schema_of_a_json_text_is_the_one_that_spark_infers(text: str, ddl: str) -> None:
    assert schema_of_json(text) == ddl


def test_an_answer_is_read_as_json_and_asked_for_once_ahead(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    run = airquery.run(
        connection,
        """
        SELECT n, from_json(a, 'n INT').n AS read, a:n AS found
        FROM (SELECT n, ai_query("llm", concat('{"n": ', n, '}')) AS a FROM range(3) AS r(n))
        ORDER BY n
        """,
        dialect="databricks",
    )

    assert run.table is not None
    assert run.table.to_pylist() == [{"n": n, "read": n, "found": str(n)} for n in range(3)]
    assert (server.count, run.notes) == (3, ())


def test_a_lateral_alias_is_found_and_a_column_of_that_name_goes_before_it(
    databricks: Databricks,
) -> None:
    assert databricks("SELECT 1 AS a, a + 1 AS b") == [(1, 2)]
    assert databricks("SELECT a + 1 AS a, a AS b FROM VALUES (5) AS t(a)") == [(6, 5)]


def test_qualify_keeps_the_rows_of_a_window_and_a_pipe_is_a_query(
    connection: duckdb.DuckDBPyConnection, databricks: Databricks
) -> None:
    connection.execute("CREATE TABLE t AS SELECT * FROM (VALUES (1, 2), (1, 3), (2, 9)) AS v(a, b)")

    newest = "row_number() OVER (PARTITION BY a ORDER BY b DESC) = 1"
    assert databricks(f"SELECT a, b FROM t QUALIFY {newest} ORDER BY a") == [(1, 3), (2, 9)]
    assert databricks("FROM t |> WHERE b > 2 |> SELECT b |> ORDER BY b") == [(3,), (9,)]


def test_a_function_asks_and_returns_the_type_that_it_says(
    databricks: Databricks, server: EndpointServer
) -> None:
    databricks("CREATE FUNCTION ask(x STRING) RETURNS STRING RETURN ai_query('llm', 'Say ' || x)")
    databricks("CREATE TEMPORARY FUNCTION number(x STRING) RETURNS INT RETURN x")
    databricks("CREATE FUNCTION same(x INT) RETURN x")

    assert databricks("SELECT ask('hi') AS a, number('7') + same(1) AS n") == [("Say hi", 8)]
    assert server.count == 1


@pytest.mark.parametrize(
    "call",
    [
        'ai_query("llm", x, "STRUCT<a: STRING>", false)',
        "AI_QUERY('llm', REQUEST => x, RETURNTYPE => 'STRUCT<a: STRING>', FAILONERROR => false)",
        "ai_query(endpoint => \"llm\", request => x, failOnError => False, returnType => r'STRUCT<a: STRING>')",
        "ai_query('llm', x, returnType => schema_of_json('{\"a\": \"s\"}'), failOnError => false)",
        "ai_query('l' 'lm', x, returnType => 'STRUCT<a: STRING>', failOnError => false)",
    ],
)
def test_the_arguments_of_ai_query_reach_it_in_every_spelling(
    databricks: Databricks, call: str
) -> None:
    source = 'FROM VALUES (\'{"a": "x"}\') AS t(x)'

    assert databricks(f"SELECT {call} AS r {source}") == [
        ({"result": {"a": "x"}, "errorMessage": None},)
    ]


def test_a_json_schema_reaches_the_endpoint_as_it_was_written(
    databricks: Databricks, server: EndpointServer
) -> None:
    databricks(
        r"""
        SELECT ai_query(
          "llm", "Say it's \"so\".\nNow.",
          responseFormat => "{\"type\": \"json_schema\", \"json_schema\": {\"name\": \"n\", \"strict\": true,
            \"schema\": {\"type\": \"object\", \"properties\": {\"a\": {\"type\": \"string\", \"description\": \"it's a \\\"b\\\"; \\\\d\"}}}}}",
          modelParameters => named_struct('max_tokens', 9, 'stop', array("a;b", 'c'))) AS r
        """
    )

    (asked,) = [request.body for request in server.requests]
    assert asked["messages"] == [{"role": "user", "content": 'Say it\'s "so".\nNow.'}]
    assert asked["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "n",
            "strict": True,
            "schema": {
                "type": "object",
                "properties": {"a": {"type": "string", "description": 'it\'s a "b"; \\d'}},
            },
        },
    }
    assert (asked["max_tokens"], asked["stop"]) == (9, ["a;b", "c"])


def test_files_are_rows_in_every_format(databricks: Databricks, tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("n;s\n1;x\n2;y\n")
    (tmp_path / "a.json").write_text('{"n": 1}\n{"n": 2}\n')
    (tmp_path / "a.txt").write_bytes(b"one\r\n\r\nthree\n")
    (tmp_path / "empty.txt").write_bytes(b"")
    read = f"read_files('{tmp_path}/"

    assert databricks(f"SELECT f.s FROM {read}a.csv', header => true, sep => ';') AS f") == [
        ("x",),
        ("y",),
    ]
    assert databricks(f"SELECT n FROM {read}a.json')") == [(1,), (2,)]
    assert databricks(f"SELECT * FROM {read}*.txt', format => 'text')") == [
        ("one",),
        ("",),
        ("three",),
    ]


def test_a_binary_file_is_a_row_with_its_content(
    connection: duckdb.DuckDBPyConnection, databricks: Databricks, tmp_path: Path
) -> None:
    (tmp_path / "a.png").write_bytes(b"\x89PNG")
    connection.sql("SELECT 1 AS n").write_parquet(str(tmp_path / "a.parquet"))

    found: list[tuple[Any, ...]] = databricks(
        f"SELECT path, modificationTime IS NOT NULL, length, content "
        f"FROM READ_FILES('{tmp_path}/*.png', format => 'binaryFile')"
    )

    assert found == [(str(tmp_path / "a.png"), True, 4, b"\x89PNG")]
    assert databricks(f"SELECT n FROM read_files('{tmp_path}/a.parquet')") == [(1,)]


def test_a_script_is_cut_where_its_statements_end(databricks: Databricks) -> None:
    script = (
        "\ufeffSELECT 'a;b'; -- it's ${nothing}; \"really\"\r\n"
        'SELECT "c;\'d\r\n";\r\n'
        "/* ; ${nothing} \" */ SELECT '-- no ${comment} /* at all' /* ' */ AS r -- :end"
    )

    texts = read_script(script, dialect="databricks", variables={"comment": "word"})

    assert texts == [
        ("SELECT 'a;b'",),
        ("SELECT 'c;''d\r\n'",),
        ("SELECT '-- no word /* at all' AS r",),
    ]
    assert databricks(script, comment="word") == [("-- no word /* at all",)]


@pytest.mark.parametrize(
    "sql",
    [
        'SELECT "a" FROM (SELECT \'x\\n\' AS "a")  -- :b ${c}',
        "FROM range(3) SELECT list_transform([1], lambda x: x + 1)",
        "SELECT from_json('{}', '{\"a\":\"INTEGER\"}') AS IDENTIFIER",
        "SELECT concat('a', NULL), x::VARCHAR FROM (SELECT 1 AS x) t",
    ],
)
def test_duckdb_text_is_never_translated(sql: str) -> None:
    assert read_script(sql) == [(sql,)]
