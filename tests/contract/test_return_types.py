"""Section 4 of the contract: the type and the value of a result in every combination."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.testing import Reply
from tests.contract.conftest import WAYS, error, execute, value


if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from airquery.testing import EndpointServer

TEXT = '{"type": "text"}'
OBJECT = '{"type": "json_object"}'
SCHEMA = (
    '{"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object",'
    ' "properties": {"a": {"type": "string"}}, "required": ["a"], "additionalProperties": false},'
    ' "strict": true}}'
)
DETAILS = (
    "usage STRUCT(prompt_tokens BIGINT, completion_tokens BIGINT, cached_tokens BIGINT,"
    " reasoning_tokens BIGINT), model VARCHAR, finish_reason VARCHAR, latency_s DOUBLE, source VARCHAR,"
    " request_id VARCHAR, error_code VARCHAR, http_status INTEGER, retryable BOOLEAN, attempts INTEGER,"
    " raw VARCHAR"
)
# What is asked of which endpoint: the type T of a result, and the value for the prompt 'x'.
PLAIN: dict[tuple[str, str], tuple[str, object]] = {
    ("llm", ""): ("VARCHAR", "x"),
    ("llm", f"responseFormat => '{TEXT}'"): ("VARCHAR", "x"),
    ("llm", f"responseFormat => '{OBJECT}'"): ("VARCHAR", '{"a":"x"}'),
    ("llm", f"responseFormat => '{SCHEMA}'"): ("VARCHAR", '{"a":"x"}'),
    ("llm", "responseFormat => 'STRUCT<a: STRING>'"): ("STRUCT(a VARCHAR)", {"a": "x"}),
    ("llm", "responseFormat => NULL"): ("VARCHAR", "x"),
    ("words", ""): ("VARCHAR", "x"),
    ("words", "returnType => 'STRING'"): ("VARCHAR", "x"),
    ("vectors", ""): ("DOUBLE[]", [0.6, 0.8]),
    ("vectors", "returnType => 'ARRAY<DOUBLE>'"): ("DOUBLE[]", [0.6, 0.8]),
    ("vectors", "returnType => 'ARRAY<FLOAT>'"): (
        "FLOAT[]",
        [0.6000000238418579, 0.800000011920929],
    ),
    ("model", "returnType => 'STRING'"): ("VARCHAR", "x"),
    ("model", "returnType => 'STRUCT<n: INT>'"): ("STRUCT(n INTEGER)", {"n": 7}),
}
FORMS = {
    "": "{}",
    "failOnError => true": "{}",
    "failOnError => false": "STRUCT(result {}, errorMessage VARCHAR)",
    "details => true": f"STRUCT(result {{}}, errorMessage VARCHAR, {DETAILS})",
    "details => true, failOnError => false": f"STRUCT(result {{}}, errorMessage VARCHAR, {DETAILS})",
}


def written(endpoint: str, *arguments: str) -> str:
    """Return a call with the arguments that are not blank."""
    prompt = "'number'" if "n: INT" in "".join(arguments) else "'x'"
    return f"ai_query({', '.join([repr(endpoint), prompt, *filter(None, arguments)])})"


def kind_of(connection: duckdb.DuckDBPyConnection, call: str) -> str:
    """Return the type of a call, without asking anything."""
    [kind] = connection.sql(f"SELECT {call} FROM range(0)").types
    return str(kind).replace('"', "")


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("endpoint", "argument"), PLAIN)
def test_a_success_has_its_type_and_its_value(
    connection: duckdb.DuckDBPyConnection,
    said: dict[str, object],
    endpoint: str,
    argument: str,
    form: str,
) -> None:
    said["number"] = {"n": 7}
    kind, expected = PLAIN[endpoint, argument]
    call = written(endpoint, argument, form)

    assert kind_of(connection, call) == FORMS[form].format(kind)
    for way in WAYS:
        found = value(connection, call, way)
        if "STRUCT(result" in FORMS[form]:
            assert found["errorMessage"] is None
            found = found["result"]
        assert found == expected


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(("endpoint", "argument"), PLAIN)
def test_a_failure_fails_the_statement_or_has_its_message_in_place_of_a_result(
    connection: duckdb.DuckDBPyConnection,
    server: EndpointServer,
    endpoint: str,
    argument: str,
    form: str,
) -> None:
    server.fail_when(lambda body: "still there" not in str(body), Reply(status=400))
    call = written(endpoint, argument, form)

    for way in WAYS:
        if "failOnError => false" in form:
            found = value(connection, call, way)
            assert found["result"] is None
            assert found["errorMessage"].startswith("[AI_FUNCTION_HTTP_REQUEST_ERROR] Endpoint")
            assert found["errorMessage"].endswith("SQLSTATE: 08000")
        else:
            assert "HTTP 400" in error(connection, f"SELECT {call}", way)


REFUSED = [
    (endpoint, format_)
    for endpoint in ("words", "vectors", "model")
    for format_ in (OBJECT, SCHEMA, "STRUCT<a: STRING>")
]


@pytest.mark.parametrize(("endpoint", "format_"), REFUSED)
def test_a_response_format_is_for_chat_only(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, endpoint: str, format_: str
) -> None:
    call = f"ai_query('{endpoint}', 'x', responseFormat => '{format_}', failOnError => false)"

    told = error(connection, f"SELECT {call}", "planned")

    assert told.startswith("[AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT] responseFormat works with")
    assert repr(endpoint) in told
    assert server.count == 1


def test_a_custom_model_without_a_return_type_is_refused_before_anything_is_asked(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    for way in WAYS:
        told = error(connection, "SELECT ai_query('model', 'x', failOnError => false)", way)
        assert "say what it returns, for example returnType => 'DOUBLE'" in told
    assert server.count == 1


def test_the_other_names_of_the_two_fields_are_there_when_they_are_set(
    open_with: Callable[..., duckdb.DuckDBPyConnection], server: EndpointServer
) -> None:
    connection = open_with(compat_error_struct=True)
    server.fail_when(lambda body: "bad" in str(body), Reply(status=400))
    call = "ai_query('llm', s, failOnError => false)"

    kind = kind_of(connection, call.replace("s,", "'x',"))
    for way in WAYS:
        good, bad = execute(
            connection, f"SELECT {call} AS r FROM (VALUES ('x'), ('bad')) v(s)", way
        )
        assert good["r"] == {
            "result": "x",
            "errorMessage": None,
            "response": "x",
            "errorStatus": None,
        }
        assert bad["r"]["result"] is bad["r"]["response"] is None
        assert bad["r"]["errorMessage"] == bad["r"]["errorStatus"] != ""
    assert kind == (
        "STRUCT(result VARCHAR, errorMessage VARCHAR, response VARCHAR, errorStatus VARCHAR)"
    )
    assert kind_of(connection, "ai_query('llm', 'x')") == "VARCHAR"


RETURN_TYPES: dict[str, tuple[object, str]] = {
    "STRING": ("a", "a"),
    "INT": (7, "7"),
    "BIGINT": (-7, "-7"),
    "SMALLINT": (7, "7"),
    "TINYINT": (7, "7"),
    "DOUBLE": (0.5, "0.5"),
    "FLOAT": (0.5, "0.5"),
    "DECIMAL(10,2)": (1.25, "1.25"),
    "BOOLEAN": (True, "true"),
    "DATE": ("2026-11-21", "2026-11-21"),
    "TIMESTAMP_NTZ": ("2026-11-21 10:00:00", "2026-11-21 10:00:00"),
    "ARRAY<INT>": ([1, 2], "[1, 2]"),
    "ARRAY<STRUCT<a: INT>>": ([{"a": 1}], "[{'a': 1}]"),
    "STRUCT<a: INT, b: ARRAY<STRING>>": ({"a": 1, "b": ["x"]}, "{'a': 1, 'b': [x]}"),
    "STRUCT<`odd name`: INT>": ({"odd name": 1}, "{'odd name': 1}"),
    "VARIANT": ({"a": [1]}, '{"a":[1]}'),
    "struct<a int>": ({"a": 1}, "{'a': 1}"),
}


@pytest.mark.parametrize(("ddl", "predicted"), [(k, v[0]) for k, v in RETURN_TYPES.items()])
@pytest.mark.parametrize("endpoint", ["llm", "model"])
def test_an_answer_becomes_its_return_type(
    connection: duckdb.DuckDBPyConnection,
    said: dict[str, object],
    endpoint: str,
    ddl: str,
    predicted: Any,
) -> None:
    said["x"] = predicted
    call = f"ai_query('{endpoint}', 'x', returnType => '{ddl}')"

    for way in WAYS:
        assert value(connection, f"CAST({call} AS VARCHAR)", way) == RETURN_TYPES[ddl][1]


NO_TYPES = (
    "StringType",
    "MAP<STRING, INT>",
    "BINARY",
    "INTERVAL",
    "ARRAY",
    "ARRAY<>",
    "STRUCT<>",
    "STRUCT<a: INT, a: INT>",
    "STRUCT<a: MAP<STRING, INT>>",
    "STRUCT<INT>",
    "",
    "INT; DROP TABLE t",
)


@pytest.mark.parametrize("ddl", NO_TYPES)
def test_what_no_answer_can_be_is_refused_before_anything_is_asked(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, ddl: str
) -> None:
    for argument in ("returnType", "responseFormat"):
        for way in WAYS:
            call = f"ai_query('llm', 'x', {argument} => '{ddl}', failOnError => false)"
            told = error(connection, f"SELECT {call}", way)
            assert "AI_FUNCTION_UNSUPPORTED_RE" in told
            assert "SQLSTATE: 0A000" in told
    assert server.count == 1


def test_a_row_that_fails_leaves_the_rows_beside_it(
    connection: duckdb.DuckDBPyConnection, said: dict[str, object]
) -> None:
    said |= {
        "1": '{"a": 1}',
        "2": "no",
        "3": '{"a": "x"}',
        "4": '{"a": null}',
        "5": '{"a": 5, "b": 1}',
    }
    sql = (
        "SELECT i, ai_query('llm', i::VARCHAR, responseFormat => 'STRUCT<a: INT>', failOnError => false)"
        " AS r FROM range(1, 6) AS t(i)"
    )
    for way in WAYS:
        rows = execute(connection, sql, way)
        assert [row["r"]["result"] for row in rows] == [
            {"a": 1},
            None,
            None,
            {"a": None},
            {"a": 5},
        ]
        assert [row["r"]["errorMessage"] is None for row in rows] == [
            True,
            False,
            False,
            True,
            True,
        ]


def test_run_counts_and_names_the_failed_rows(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, said: dict[str, object]
) -> None:
    said["2"] = "no number"
    server.fail_when(lambda body: "'3'" in str(body), Reply(status=400, body={"error": "too long"}))

    run = airquery.run(
        connection,
        "SELECT ai_query('llm', i::VARCHAR, returnType => 'INT', failOnError => false).result AS r"
        " FROM range(6) AS t(i)",
    )

    assert run.table is not None
    assert run.table.to_pydict() == {"r": [0, 1, None, None, 4, 5]}
    assert (run.stats.requests, run.stats.sent, run.stats.failed) == (6, 6, 2)
    found = {(f.condition, f.http_status, f.retryable, f.attempts, f.raw) for f in run.failures}
    assert found == {
        ("AI_FUNCTION_HTTP_PARSE_CAST_ERROR", None, False, 1, "no number"),
        ("AI_FUNCTION_HTTP_REQUEST_ERROR", 400, False, 1, '{"error":"too long"}'),
    }
