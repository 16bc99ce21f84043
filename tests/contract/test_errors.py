"""Section 6 of the contract: every condition by a statement that raises it.

What is wrong before anything is sent costs nothing, and fails whatever failOnError says.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.endpoints.endpoint import Limits
from airquery.errors import SQLSTATE, EndpointRefused
from airquery.testing import EndpointServer, Reply
from tests.conftest import registry_of
from tests.contract.conftest import REFUSED, WAYS, error, execute, value


if TYPE_CHECKING:
    import duckdb

# The condition, a call that raises it, and what its message names.
BEFORE: list[tuple[str, str, tuple[str, ...]]] = [
    ("AI_FUNCTION_COMPILATION_ERROR", "ai_query(NULL, 'x', {})", ("ai_query", "endpoint is NULL")),
    ("AI_FUNCTION_COMPILATION_ERROR", "ai_query('model', 'x', {})", ("'model'", "returnType =>")),
    (
        "AI_FUNCTION_INVALID_MODEL_PARAMETERS.FOUND_RESERVED_PARAMETER_NAME",
        "ai_query('llm', 'x', modelParameters => {{'stream': true}}, {})",
        ("'llm'", "'stream'"),
    ),
    (
        "AI_FUNCTION_INVALID_MODEL_PARAMETERS.INVALID_NUMERIC_PARAMETER",
        "ai_query('llm', 'x', modelParameters => {{'temperature': 2.5}}, {})",
        ("'llm'", "'temperature'", "from 0 to 2", "2.5"),
    ),
    (
        "AI_FUNCTION_INVALID_MODEL_PARAMETERS.INVALID_PARAMETER_DATA_TYPE",
        "ai_query('llm', 'x', modelParameters => {{'max_tokens': 'ten'}}, {})",
        ("'llm'", "'max_tokens'", "a whole number", "'ten'"),
    ),
    (
        "AI_FUNCTION_INVALID_MODEL_PARAMETERS.UNSUPPORTED_ENDPOINT_TYPE",
        "ai_query('model', 'x', 'INT', modelParameters => {{'max_tokens': 1}}, {})",
        ("'model'", "takes no modelParameters"),
    ),
    (
        "AI_FUNCTION_INVALID_MODEL_PARAMETERS.UNSUPPORTED_MODEL_PARAMETER",
        "ai_query('vectors', 'x', modelParameters => {{'encoding_format': 'base64'}}, {})",
        ("'vectors'", "'encoding_format'"),
    ),
    (
        "AI_FUNCTION_INVALID_RESPONSE_FORMAT_TYPE",
        "ai_query('llm', 'x', responseFormat => '{{\"type\": \"xml\"}}', {})",
        ("xml", "text, json_object, json_schema"),
    ),
    (
        "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT.DDL_STRING",
        "ai_query('llm', 'x', responseFormat => 'STRUCT<a: BINARY>', {})",
        ("STRUCT<a: BINARY>", "STRUCT<name: STRING"),
    ),
    (
        "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT",
        "ai_query('words', 'x', responseFormat => 'STRUCT<a: INT>', {})",
        ("'words'", "chat"),
    ),
    (
        "AI_FUNCTION_UNSUPPORTED_RETURN_TYPE",
        "ai_query('llm', 'x', returnType => 'StringType', {})",
        ("'StringType'", "'STRING'"),
    ),
    (
        "AI_FUNCTION_UNSUPPORTED_REQUEST",
        "ai_query('vectors', 'x', system => 's', {})",
        ("'vectors'", "system"),
    ),
    (
        "AI_INVALID_ARGUMENT_VALUE_ERROR",
        "ai_query('llm', 'x', cache => 'no', {})",
        ("cache", "'no'"),
    ),
]


@pytest.mark.parametrize("fail", ["true", "false"])
@pytest.mark.parametrize("case", BEFORE)
def test_a_configuration_error_costs_nothing_and_fails_whatever_may_fail(
    connection: duckdb.DuckDBPyConnection,
    server: EndpointServer,
    case: tuple[str, str, tuple[str, ...]],
    fail: str,
) -> None:
    condition, call, named = case
    sql = f"SELECT {call.format(f'failOnError => {fail}')}"

    for way in WAYS:
        told = error(connection, sql, way)
        assert f"[{condition}] " in told
        assert f"SQLSTATE: {SQLSTATE[condition.partition('.')[0]]}" in told
        assert [name for name in named if name not in told] == []
    assert server.count == 1


def test_an_unknown_endpoint_is_named_with_the_near_one(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    for way in WAYS:
        told = error(connection, "SELECT ai_query('lmm', 'x', failOnError => false)", way)
        assert "Endpoint 'lmm' is not registered. Did you mean 'llm'?" in told
    assert server.count == 1


def one_prediction(*values: object) -> Reply:
    """Return a reply of a custom model."""
    return Reply(body={"predictions": list(values)})


ALL_OR_NONE = "failOnError => true"
# DuckDB alone may compute a constant call more than once, so each call depends on a row.
# The condition, the call, what the endpoint replies, what the message names, requests per row.
AFTER: list[tuple[str, str, Reply, tuple[str, ...], int]] = [
    (
        "AI_FUNCTION_HTTP_REQUEST_ERROR",
        "ai_query('llm', left('x', 9 + i), {})",
        Reply(status=400, body={"error": {"message": "too long", "type": "invalid_request_error"}}),
        ("'llm'", "HTTP 400", "too long"),
        1,
    ),
    (
        "AI_FUNCTION_HTTP_REQUEST_ERROR",
        "ai_query('llm', left('x', 9 + i), {})",
        Reply(status=404),
        ("'llm'", "HTTP 404", "base_url"),
        1,
    ),
    (
        "AI_FUNCTION_HTTP_REQUEST_ERROR",
        "ai_query('llm', left('x', 9 + i), {})",
        Reply(status=503, headers={"Retry-After": "0"}),
        ("'llm'", "HTTP 503"),
        3,
    ),
    (
        "AI_FUNCTION_INVALID_HTTP_RESPONSE",
        "ai_query('llm', left('x', 9 + i), {})",
        Reply(body={"choices": [{"message": {"refusal": "I will not."}}]}),
        ("'llm'", "a refusal: I will not."),
        1,
    ),
    (
        "AI_FUNCTION_HTTP_PARSE_CAST_ERROR",
        "ai_query('model', left('x', 9 + i), 'INT', {})",
        one_prediction("many"),
        ("many", "does not fit its type"),
        1,
    ),
    (
        "AI_FUNCTION_HTTP_PARSE_COLUMNS_ERROR",
        "ai_query('model', left('x', 9 + i), 'STRUCT<a: INT>', {})",
        one_prediction({"a": 1, "b": 2, "c": 3}),
        ("b, c", "returnType"),
        1,
    ),
    (
        "AI_FUNCTION_JSON_PARSE_ERROR",
        "ai_query('llm', left('x', 9 + i), responseFormat => 'STRUCT<a: INT>', {})",
        Reply(body={"choices": [{"message": {"content": "none"}, "finish_reason": "stop"}]}),
        ("'none'",),
        1,
    ),
    (
        "AI_FUNCTION_UNSUPPORTED_REQUEST",
        "ai_query('llm', {{'a': i}}, {})",
        Reply(),
        ("'llm'", "'messages'"),
        0,
    ),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("case", AFTER)
def test_a_row_that_fails_is_named_by_its_condition(
    server: EndpointServer,
    settings: airquery.Settings,
    case: tuple[str, str, Reply, tuple[str, ...], int],
    way: str,
) -> None:
    condition, call, reply, named, requests = case
    server.fail_when(lambda body: "still there?" not in str(body), reply)
    registry = registry_of(server, limits=Limits(max_attempts=3))
    connection = airquery.connect(registry=registry, settings=settings)

    found = value(connection, call.format("failOnError => false, details => true"), way)
    assert server.count == requests
    told = error(connection, f"SELECT {call.format(ALL_OR_NONE)} FROM range(1) AS t(i)", way)
    connection.close()

    assert (found["result"], found["error_code"]) == (None, condition)
    for text in (found["errorMessage"], told):
        assert f"[{condition}] " in text
        assert f"SQLSTATE: {SQLSTATE[condition]}" in text
        assert [name for name in named if name not in text] == []
    assert "Use failOnError => false" in told


REFUSALS = {
    "a wrong key": (Reply(status=401), "api_key"),
    "a quota that is used up": (
        Reply(status=429, body={"error": {"message": "no money", "code": "insufficient_quota"}}),
        "The quota is used up",
    ),
}


@pytest.mark.parametrize("fail", ["true", "false"])
@pytest.mark.parametrize("refusal", REFUSALS)
def test_what_every_further_request_would_end_in_stops_the_statement_at_once(
    settings: airquery.Settings, refusal: str, fail: str
) -> None:
    reply, named = REFUSALS[refusal]
    with EndpointServer(answer=lambda _: reply) as server:
        registry = registry_of(server, limits=Limits(concurrency=8))
        connection = airquery.connect(registry=registry, settings=settings)
        sql = (
            f"CREATE TABLE out AS SELECT ai_query('llm', 'row ' || i, failOnError => {fail}) AS r"
            " FROM range(10000) AS t(i)"
        )

        with pytest.raises(EndpointRefused) as caught:
            airquery.run(connection, sql)
        assert named in str(caught.value)
        assert 1 <= server.count <= 8
        # Each thread of DuckDB answers a chunk of its own, and each finds out by itself.
        connection.execute("SET threads = 1")
        with pytest.raises(REFUSED, match=named):
            execute(connection, sql, "inline")
        assert 2 <= server.count <= 16
        assert connection.sql("SELECT 1").fetchall() == [(1,)]
        connection.close()
