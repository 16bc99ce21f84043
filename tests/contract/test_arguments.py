"""Section 2 of the contract: what each argument may be, and what it is when it is not given."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery
from tests.contract.conftest import REFUSED, WAYS, error, execute, value


if TYPE_CHECKING:
    import duckdb

    from airquery.testing import EndpointServer

NOT_SENT = object()
# What is written, and which of it goes over the wire.
PARAMETERS = {
    "NULL": {"temperature": 0.0},
    "named_struct('temperature', 0)": {"temperature": 0},
    "named_struct('temperature', 0.0)": {"temperature": 0.0},
    "named_struct('temperature', 0.7)": {"temperature": 0.7},
    "named_struct('temperature', CAST(0.7 AS DOUBLE))": {"temperature": 0.7},
    "named_struct('temperature', CAST(0.7 AS FLOAT))": {"temperature": 0.7},
    "named_struct('temperature', 1::TINYINT)": {"temperature": 1},
    "named_struct('temperature', NULL)": {"temperature": NOT_SENT},
    "{'temperature': 1.0, 'top_p': 0.9}": {"temperature": 1.0, "top_p": 0.9},
    "{'top_p': 1}": {"temperature": 0.0, "top_p": 1},
    "{'max_tokens': 10, 'top_p': NULL}": {"temperature": 0.0, "max_tokens": 10, "top_p": NOT_SENT},
    "{'max_tokens': 10::BIGINT}": {"max_tokens": 10},
    "{'max_completion_tokens': 10::HUGEINT}": {"max_completion_tokens": 10},
    "{'stop': ['a', 'b']}": {"stop": ["a", "b"]},
    "{'stop': 'a'}": {"stop": "a"},
    "{'reasoning_effort': 'low', 'seed': 7}": {"reasoning_effort": "low", "seed": 7},
    "{'extra_params': {'top_k': 3}}": {"extra_params": {"top_k": 3}},
    "map {'max_tokens': 10}": {"max_tokens": 10},
    "struct_pack(max_tokens := 10)": {"max_tokens": 10},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("given", "sent"), PARAMETERS.items())
def test_model_parameters_go_over_the_wire_as_numbers_and_null_is_not_given(
    connection: duckdb.DuckDBPyConnection,
    server: EndpointServer,
    given: str,
    sent: dict[str, object],
    way: str,
) -> None:
    value(connection, f"ai_query('llm', 'x', modelParameters => {given})", way)

    body = server.requests[0].body
    found = {name: body.get(name, NOT_SENT) for name in sent}
    assert {name: pytest.approx(v) if isinstance(v, float) else v for name, v in sent.items()} == (
        found
    )


def test_zero_is_asked_once_however_it_is_spelled(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    for given in ("0", "0.0", "0.00", "CAST(0.0 AS DOUBLE)", "CAST(0 AS FLOAT)"):
        value(connection, f"ai_query('llm', 'x', modelParameters => {{'temperature': {given}}})")
    value(connection, "ai_query('llm', 'x')")

    assert server.count == 1


REFUSED_PARAMETERS = {
    "{'temperature': 3}": "INVALID_NUMERIC_PARAMETER] Endpoint 'llm': modelParameters 'temperature' must be a number from 0 to 2, not 3",
    "{'temperature': -0.1}": "INVALID_NUMERIC_PARAMETER",
    "{'temperature': 'hot'}": "INVALID_PARAMETER_DATA_TYPE",
    "{'temperature': true}": "INVALID_PARAMETER_DATA_TYPE",
    "{'top_p': 1.5}": "INVALID_NUMERIC_PARAMETER",
    "{'max_tokens': 0}": "INVALID_NUMERIC_PARAMETER",
    "{'max_tokens': 1.5}": "INVALID_PARAMETER_DATA_TYPE",
    "{'max_tokens': '10'}": "INVALID_PARAMETER_DATA_TYPE",
    "{'stop': 5}": "INVALID_PARAMETER_DATA_TYPE",
    "{'stop': [1]}": "INVALID_PARAMETER_DATA_TYPE",
    **{
        f"{{'{name}': 'x'}}": "FOUND_RESERVED_PARAMETER_NAME"
        for name in (
            "messages",
            "prompt",
            "input",
            "model",
            "stream",
            "response_format",
            "n",
            "files",
            "Messages",
        )
    },
    "5": "INVALID_PARAMETER_DATA_TYPE",
    "'temperature'": "INVALID_PARAMETER_DATA_TYPE",
    "[1]": "INVALID_PARAMETER_DATA_TYPE",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("given", "message"), REFUSED_PARAMETERS.items())
def test_a_model_parameter_that_no_server_accepts_is_refused_before_anything_is_asked(
    connection: duckdb.DuckDBPyConnection,
    server: EndpointServer,
    given: str,
    message: str,
    way: str,
) -> None:
    told = error(connection, f"SELECT ai_query('llm', 'x', modelParameters => {given})", way)

    assert message in told
    assert "SQLSTATE: 22023" in told
    assert server.count == 1


def test_a_whole_number_may_be_written_as_a_decimal(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    for given in ("10", "10.0", "10.00::DECIMAL(10, 2)", "10::DOUBLE"):
        value(connection, f"ai_query('llm', 'x', modelParameters => {{'max_tokens': {given}}})")

    assert [request.body["max_tokens"] for request in server.requests] == [10]
    assert type(server.requests[0].body["max_tokens"]) is int


NOT_CONSTANT = {
    "endpoint": "ai_query(t, 'x')",
    "returnType": "ai_query('llm', 'x', returnType => t)",
    "failOnError": "ai_query('llm', 'x', failOnError => t = 'a')",
    "modelParameters": "ai_query('llm', 'x', modelParameters => {'max_tokens': length(t)})",
    "responseFormat": "ai_query('llm', 'x', responseFormat => t)",
    "system": "ai_query('llm', 'x', system => t)",
    "cache": "ai_query('llm', 'x', cache => t)",
    "maxErrorRatio": "ai_query('llm', 'x', failOnError => false, maxErrorRatio => length(t))",
    "details": "ai_query('llm', 'x', details => t = 'a')",
    "reask": "ai_query('llm', 'x', reask => t = 'a')",
    "rowsPerPrompt": "ai_query('llm', 'x', rowsPerPrompt => length(t))",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("name", "call"), NOT_CONSTANT.items())
def test_an_argument_that_depends_on_the_row_is_refused_before_anything_is_asked(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, name: str, call: str, way: str
) -> None:
    told = error(connection, f"SELECT {call} FROM (VALUES ('a'), ('b')) AS v(t)", way)

    assert way == "inline" or f"{name} must be a constant" in told
    assert server.count == 1


CONSTANTS = {
    "ai_query('l' || 'lm', 'x')": "x",
    "ai_query(concat('l', 'lm'), 'x')": "x",
    "ai_query(getvariable('its_name'), 'x')": "x",
    "ai_query('llm', '5', returnType => 'IN' || 'T')": 5,
    "ai_query('llm', 'x', failOnError => 1 > 2).result": "x",
    "ai_query('llm', '{\"a\": 1}', responseFormat => 'STRUCT<a: ' || 'INT>')": {"a": 1},
    "ai_query('model', 'x', returnType => schema_of_json('\"x\"'))": "x",
    "ai_query('llm', 'x', modelParameters => {'max_tokens': 5 * 2})": "x",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("call", "expected"), CONSTANTS.items())
def test_a_constant_may_be_an_expression(
    connection: duckdb.DuckDBPyConnection,
    said: dict[str, object],
    call: str,
    expected: object,
    way: str,
) -> None:
    said['{"a": 1}'] = '{"a": 1}'
    connection.execute("SET VARIABLE its_name = 'llm'")

    assert value(connection, call, way) == expected


def test_a_constant_may_be_a_parameter_of_a_prepared_statement(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    rows = connection.execute(
        "SELECT ai_query($1, $2, returnType => $3)", ["llm", "7", "INT"]
    ).fetchall()

    assert rows == [(7,)]
    assert server.requests[0].body["messages"] == [{"role": "user", "content": "7"}]


FLAGS = {
    "failOnError => NULL": "failOnError is NULL. Write true or false.",
    "failOnError => 'no'": "failOnError must be true or false",
    "failOnError => 0": "failOnError must be true or false",
    "details => NULL": "details is NULL",
    "reask => 'yes'": "reask must be true or false",
    "cache => 'never'": "cache is 'never'. Known: off, refresh, reuse.",
    "cache => 'reused'": "cache is 'reused'. Did you mean 'reuse'?",
    "cache => 1": "cache must be text",
    "system => 5": "system must be text",
    "returnType => 5": "returnType must be text",
    "responseFormat => 5": "responseFormat",
    "maxErrorRatio => 0.1": "it needs failOnError => false",
    "maxErrorRatio => 1.1, failOnError => false": "maxErrorRatio must be a number from 0.0 to 1.0, not 1.1",
    "maxErrorRatio => -1, failOnError => false": "maxErrorRatio must be a number",
    "maxErrorRatio => 'all', failOnError => false": "maxErrorRatio must be a number",
    "maxErrorRatio => true, failOnError => false": "maxErrorRatio must be a number",
    "modelParameters => {'temperature': 'NaN'::DOUBLE}": "holds NaN or an infinity",
    "modelParameters => {'seed': '-Infinity'::DOUBLE}": "holds NaN or an infinity",
    "files => 5": "files must be BLOB",
    "files => {'a': 1}": "files must be BLOB",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("argument", "message"), FLAGS.items())
def test_an_argument_of_a_wrong_value_is_refused_by_name_before_anything_is_asked(
    connection: duckdb.DuckDBPyConnection,
    server: EndpointServer,
    argument: str,
    message: str,
    way: str,
) -> None:
    assert message in error(connection, f"SELECT ai_query('llm', 'x', {argument})", way)
    assert server.count == 1


@pytest.mark.parametrize(("one", "other"), [("'a'", "'b'"), ("'a'", "NULL"), ("''", "NULL")])
def test_another_system_instruction_is_another_request(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, one: str, other: str
) -> None:
    for system in (one, other, one):
        value(connection, f"ai_query('llm', 'x', system => {system})")

    assert server.count == 2


NO_CALL = (
    "ai_query('llm', NULL)",
    "ai_query('llm', NULL::VARCHAR)",
    "ai_query('llm', NULL::STRUCT(messages VARCHAR))",
    "ai_query('llm', 'x' || NULL)",
    "ai_query('llm', NULL, failOnError => false)",
    "ai_query('llm', NULL, details => true)",
    "ai_query('llm', NULL, responseFormat => 'STRUCT<a: INT>')",
    "ai_query('words', NULL)",
    "ai_query('vectors', NULL)",
    "ai_query('model', NULL, 'INT')",
    "ai_query('llm', 'x', files => NULL::BLOB)",
    "ai_query('llm', 'x', files => NULL::VARCHAR)",
    "ai_query('llm', 'x', files => [NULL::BLOB])",
)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("call", NO_CALL)
def test_null_gives_null_and_asks_nothing(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, call: str, way: str
) -> None:
    assert execute(connection, f"SELECT {call} AS v FROM range(2)", way) == [{"v": None}] * 2
    assert server.count == 0


@pytest.mark.parametrize("endpoint", ["words", "vectors", "model"])
@pytest.mark.parametrize(
    "argument", ["system => 's'", "reask => true", "files => '\\x00'::BLOB", "rowsPerPrompt => 8"]
)
def test_what_only_chat_has_is_refused_elsewhere_before_anything_is_asked(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, endpoint: str, argument: str
) -> None:
    with pytest.raises(
        REFUSED, match=f"{argument.split(maxsplit=1)[0]} works with chat endpoints only"
    ):
        airquery.run(connection, f"SELECT ai_query('{endpoint}', 'x', 'STRING', {argument})")
    assert server.count == 0
