"""Section 1 of the contract: how ai_query is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery
from tests.contract.conftest import WAYS, error, execute, value


if TYPE_CHECKING:
    import duckdb

    from airquery.testing import EndpointServer

# Every spelling of one question, and what it is.
SPELLINGS = {
    "ai_query('llm', 'x')": "x",
    "AI_QUERY('llm', 'x')": "x",
    "Ai_Query('llm', request => 'x')": "x",
    "ai_query('llm', REQUEST => 'x')": "x",
    "ai_query('llm', request := 'x')": "x",
    "ai_query(endpoint => 'llm', request => 'x')": "x",
    "ai_query(request => 'x', endpoint => 'llm')": "x",
    "ai_query('llm', 'x', 'STRING')": "x",
    "ai_query('llm', 'x', 'STRING', true)": "x",
    "ai_query('llm', 'x', 'STRING', false)": {"result": "x", "errorMessage": None},
    "ai_query('llm', 'x', NULL, false)": {"result": "x", "errorMessage": None},
    "ai_query('llm', 'x', FAILONERROR => false)": {"result": "x", "errorMessage": None},
    "ai_query('llm', 'x', 'STRING', failonerror => false)": {"result": "x", "errorMessage": None},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("call", "expected"), SPELLINGS.items())
def test_every_spelling_of_a_call_asks_the_same(
    connection: duckdb.DuckDBPyConnection,
    server: EndpointServer,
    call: str,
    expected: object,
    way: str,
) -> None:
    assert value(connection, call, way) == expected
    assert [request.body["messages"] for request in server.requests] == [
        [{"role": "user", "content": "x"}]
    ]


WRONG = {
    "ai_query('llm', t, failOnErrors => false)": "it has no argument 'failOnErrors'. Did you mean 'failOnError'?",
    "ai_query('llm', t, return_type => 'INT')": "it has no argument 'return_type'. Did you mean 'returnType'?",
    "ai_query('llm', t, respondFormat => 'x')": "Did you mean 'responseFormat'?",
    "ai_query('llm', prompt => t)": "it has no argument 'prompt'",
    "ai_query('llm', t, 'STRING', true, {'a': 1}, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, 1)": "at most 14 arguments",
    "ai_query('llm')": "the argument 'request' is missing",
    "ai_query()": "the argument 'endpoint' is missing",
    "ai_query(request => t)": "the argument 'endpoint' is missing",
    "ai_query('llm', t, endpoint => 'llm')": "the argument 'endpoint' is given twice",
    "ai_query('llm', t, REQUEST => t)": "the argument 'request' is given twice",
    "ai_query(endpoint => 'llm', t)": "arguments without a name must come before those with one",
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("call", "message"), WRONG.items())
def test_a_call_of_wrong_form_is_refused_before_anything_is_asked(
    connection: duckdb.DuckDBPyConnection,
    server: EndpointServer,
    call: str,
    message: str,
    way: str,
) -> None:
    told = error(connection, f"SELECT {call} FROM (VALUES ('a'), ('b')) AS v(t)", way)

    # DuckDB alone says that the call is wrong, but not by which name.
    assert way == "inline" or message in told
    assert server.count == 1


@pytest.mark.parametrize("way", WAYS)
def test_the_expressions_that_people_hand_to_spark_run_as_they_stand(
    connection: duckdb.DuckDBPyConnection, way: str
) -> None:
    connection.execute("CREATE TABLE t AS SELECT 'soup' AS text")

    rows = execute(
        connection,
        "SELECT *, ai_query('llm', request => concat('Rate: ', text), modelParameters =>"
        " named_struct('max_tokens', 10, 'temperature', 0.0)) AS answer FROM t",
        way,
    )

    assert rows == [{"text": "soup", "answer": "Rate: soup"}]


def test_databricks_text_runs_as_it_stands(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    connection.execute("CREATE TABLE reviews AS SELECT 'good' AS text")

    run = airquery.run(
        connection,
        'SELECT AI_QUERY("${endpoint}", request => concat("it\'s ", text, \'\\n\'),'
        " modelParameters => named_struct('temperature', CAST(0.0 AS DOUBLE)),"
        " failOnError => False).result AS r FROM reviews",
        dialect="databricks",
        variables={"endpoint": "llm"},
    )

    assert run.table is not None
    assert run.table.to_pylist() == [{"r": "it's good\n"}]
    assert server.requests[0].body["temperature"] == 0.0
