"""The type of every kind of call, fixed while the statement is bound."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery


if TYPE_CHECKING:
    import duckdb

    from airquery.testing import EndpointServer

ERROR_STRUCT = "STRUCT(result {}, errorMessage VARCHAR)"
CALLS = {
    "ai_query('llm', t)": "VARCHAR",
    "AI_QUERY('llm', request => t)": "VARCHAR",
    "ai_query(endpoint => 'llm', request => t)": "VARCHAR",
    "ai_query('words', t)": "VARCHAR",
    "ai_query('vectors', t)": "DOUBLE[]",
    "ai_query('vectors', t, returnType => 'ARRAY<FLOAT>')": "FLOAT[]",
    "ai_query('model', t, 'STRING')": "VARCHAR",
    "ai_query('model', {'x': t}, RETURNTYPE => 'STRUCT<a: INT, b: ARRAY<STRING>>')": "STRUCT(a INTEGER, b VARCHAR[])",
    "ai_query('model', t, 'DOUBLE', false)": ERROR_STRUCT.format("DOUBLE"),
    "ai_query('llm', t, failOnError => false)": ERROR_STRUCT.format("VARCHAR"),
    "ai_query('vectors', t, failOnError := false)": ERROR_STRUCT.format("DOUBLE[]"),
    "ai_query('llm', t, responseFormat => 'STRUCT<a: STRING, n: INT>')": "STRUCT(a VARCHAR, n INTEGER)",
    "ai_query('llm', t, responseFormat => '{\"type\": \"json_object\"}')": "VARCHAR",
    "ai_query('llm', t, responseFormat => '{\"type\": \"text\"}')": "VARCHAR",
    "ai_query('llm', t, responseFormat => 'STRUCT<a: DATE>', failOnError => false)": ERROR_STRUCT.format(
        "STRUCT(a DATE)"
    ),
    "ai_query('llm', t, returnType => 'DECIMAL(10,2)')": "DECIMAL(10,2)",
    "ai_query('llm', t, returnType => 'VARIANT')": "JSON",
    "named_struct('a', 1, 'b', t)": "STRUCT(a INTEGER, b VARCHAR)",
}


@pytest.mark.parametrize(("call", "expected"), CALLS.items())
def test_the_constants_of_a_call_decide_its_type_and_nothing_is_asked(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, call: str, expected: str
) -> None:
    relation = connection.sql(
        f"SELECT {call} AS value FROM (VALUES ('text')) AS v(t) WHERE t = 'none'"
    )

    assert [str(kind).replace('"', "") for kind in relation.types] == [expected]
    assert relation.fetchall() == []
    assert server.count == 0


WRONG = {
    "ai_query('lmm', t)": "Endpoint 'lmm' is not registered. Did you mean 'llm'?",
    "ai_query('llm', t, returnType => 'StringType')": "AI_FUNCTION_UNSUPPORTED_RETURN_TYPE] returnType 'StringType'",
    "ai_query('model', t)": "is a custom model without a published schema",
    "ai_query('words', t, responseFormat => 'STRUCT<a: STRING>')": "responseFormat works with chat endpoints only",
    "ai_query('llm', t, responseFormat => 'ARRAY<STRING>')": "must be a STRUCT",
    "ai_query('llm', t, responseFormat => '{\"type\": \"yaml\"}')": "its type must be one of text, json_object, json_schema",
    "ai_query('llm', t, responseFormat => '{\"type\": ')": "it is not valid JSON",
    "ai_query('llm', t, responseFormat => '{\"type\": \"json_schema\"}')": 'json_schema needs {"name"',
    "ai_query('llm', t, modelParameters => {'messages': 1})": "FOUND_RESERVED_PARAMETER_NAME",
    "ai_query('model', t, 'STRING', modelParameters => {'max_tokens': 1})": "UNSUPPORTED_ENDPOINT_TYPE",
    "ai_query('llm', t, modelParameters => 5)": "must be a struct such as named_struct",
    "ai_query('llm', t, failOnErrors => false)": "it has no argument 'failOnErrors'. Did you mean 'failOnError'?",
    "ai_query('llm', t, returnType => t)": "returnType must be a constant",
    "ai_query(t, t)": "endpoint must be a constant",
    "ai_query('llm', t, modelParameters => {'max_tokens': length(t)})": "modelParameters must be a constant",
    "ai_query('llm', request => t, 'STRING')": "arguments without a name must come before those with one",
    "ai_query('llm', t, request => t)": "the argument 'request' is given twice",
    "ai_query('llm')": "the argument 'request' is missing",
    "ai_query(NULL, t)": "endpoint is NULL",
    "ai_query('llm', t, failOnError => NULL)": "failOnError is NULL",
}


@pytest.mark.parametrize(("call", "message"), WRONG.items())
def test_a_wrong_call_is_refused_by_name_before_anything_is_asked(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, call: str, message: str
) -> None:
    with pytest.raises(airquery.AirqueryError) as caught:
        airquery.run(connection, f"SELECT {call} FROM (VALUES ('text'), ('more')) AS v(t)")

    assert message in str(caught.value)
    assert server.count == 0


def test_inline_calls_are_refused_with_the_same_message(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    import duckdb  # noqa: PLC0415

    with pytest.raises(duckdb.Error, match="Endpoint 'lmm' is not registered"):
        connection.sql("SELECT ai_query('lmm', 'x')").fetchall()
    assert server.count == 0


def test_a_null_request_is_null_and_asks_nothing(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    rows = connection.sql(
        "SELECT ai_query('llm', t), ai_query('llm', t, failOnError => false),"
        " ai_query('vectors', t) FROM (VALUES (NULL::VARCHAR), (NULL)) AS v(t)"
    ).fetchall()

    assert rows == [(None, None, None)] * 2
    assert server.count == 0
