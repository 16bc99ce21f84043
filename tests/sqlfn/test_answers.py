"""What becomes of an answer: a value of its type, or a failure beside the other rows."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.testing import EndpointServer, Reply
from tests.conftest import registry_of


if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb


def ask(settings: airquery.Settings, answer: object, call: str) -> list[tuple[object, ...]]:
    """Run one call against an endpoint that always gives one answer."""
    with EndpointServer(answer=lambda _: answer) as server:
        connection = airquery.connect(registry=registry_of(server), settings=settings)
        rows = connection.sql(f"SELECT {call}").fetchall()
        connection.close()
    return rows


@pytest.mark.parametrize(
    ("answer", "call", "expected"),
    [
        ("plain", "ai_query('llm', 'x')", "plain"),
        ('quote " and \\ and \n', "ai_query('llm', 'x')", 'quote " and \\ and \n'),
        ("42", "ai_query('llm', 'x', returnType => 'INT')", 42),
        (" 2026-11-21 ", "ai_query('llm', 'x', returnType => 'STRING')", " 2026-11-21 "),
        ("2026-11-21", "CAST(ai_query('llm', 'x', returnType => 'DATE') AS VARCHAR)", "2026-11-21"),
        ("true", "ai_query('llm', 'x', returnType => 'BOOLEAN')", True),
        (
            '```json\n{"a": "x", "n": 1,}\n```',
            "ai_query('llm', 'x', responseFormat => 'STRUCT<a: STRING, n: INT>')",
            {"a": "x", "n": 1},
        ),
        (
            "Here: [{'a': 'it's me', 'n': 1}]",
            "ai_query('llm', 'x', returnType => 'ARRAY<STRUCT<a: STRING, n: INT>>')",
            [{"a": "it's me", "n": 1}],
        ),
        (
            {"label": "good", "extra": 1},
            "ai_query('model', 'x', returnType => 'STRUCT<label: STRING, extra: INT>')",
            {"label": "good", "extra": 1},
        ),
        (0.25, "ai_query('model', 'x', returnType => 'DOUBLE')", 0.25),
        ({"a": [1]}, "ai_query('model', 'x', returnType => 'STRING')", '{"a":[1]}'),
        ([0.5, -1], "ai_query('vectors', 'x')", [0.5, -1.0]),
    ],
)
def test_an_answer_becomes_a_value_of_the_type(
    settings: airquery.Settings, answer: object, call: str, expected: object
) -> None:
    assert ask(settings, answer, call) == [(expected,)]


@pytest.mark.parametrize(
    ("answer", "arguments", "message"),
    [
        (
            "no json here",
            "responseFormat => 'STRUCT<a: STRING>'",
            "[AI_FUNCTION_JSON_PARSE_ERROR] The answer is not JSON",
        ),
        ('{"b": 1}', "responseFormat => 'STRUCT<a: STRING>'", "does not have key"),
        (
            '{"a": "many"}',
            "responseFormat => 'STRUCT<a: INT>'",
            "[AI_FUNCTION_HTTP_PARSE_CAST_ERROR]",
        ),
        ("forty", "returnType => 'INT'", "Failed to cast value"),
        ("[1]", 'responseFormat => \'{"type": "json_object"}\'', "no JSON object in it"),
        (
            '{"a": 3}',
            (
                'responseFormat => \'{"type": "json_schema", "json_schema": {"name": "s", "schema": '
                '{"type": "object", "properties": {"a": {"enum": [1, 2]}}}}}\''
            ),
            "3 is not one of",
        ),
    ],
)
def test_an_answer_that_does_not_fit_is_a_named_failure(
    settings: airquery.Settings, answer: str, arguments: str, message: str
) -> None:
    call = f"ai_query('llm', 'x', {arguments}, failOnError => false)"
    [(row,)] = ask(settings, answer, f"{call} AS r")

    assert isinstance(row, dict)
    assert row["result"] is None
    assert message in row["errorMessage"]


def test_one_bad_row_leaves_the_others_as_they_are(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    server.fail_when(lambda body: 'row 7"' in str(body).replace("'", '"'), Reply(status=400))

    run = airquery.run(
        connection,
        "SELECT i, ai_query('llm', 'row ' || i, failOnError => false) AS r FROM range(100) AS t(i)",
    )

    assert run.table is not None
    rows = run.table.to_pylist()
    failed = [row["i"] for row in rows if row["r"]["errorMessage"] is not None]
    assert failed == [7]
    assert "HTTP 400" in rows[7]["r"]["errorMessage"]
    assert all(row["r"]["result"] is not None for row in rows if row["i"] != 7)
    assert (run.stats.requests, run.stats.failed) == (100, 1)
    assert [failure.http_status for failure in run.failures] == [400]


def test_a_failed_row_fails_the_statement_when_it_is_told_so_and_the_rest_stays_paid(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    server.fail_when(lambda body: "poison" in str(body), Reply(status=400))
    connection.execute("CREATE TABLE t AS SELECT 'row ' || i AS s FROM range(20) AS t(i)")
    connection.execute("INSERT INTO t VALUES ('poison')")

    with pytest.raises(airquery.AirqueryError, match="failOnError => false") as caught:
        airquery.run(connection, "CREATE TABLE out AS SELECT ai_query('llm', s) AS r FROM t")
    assert caught.value.retryable is False
    assert connection.sql(
        "SELECT count(*) FROM duckdb_tables() WHERE table_name = 'out'"
    ).fetchall() == [(0,)]

    connection.execute("DELETE FROM t WHERE s = 'poison'")
    run = airquery.run(connection, "SELECT ai_query('llm', s) AS r FROM t")
    asked = [str(request.body["messages"]) for request in server.requests]
    assert run.stats.requests == 20
    assert len(asked) == len(set(asked)) == 21


def test_the_defaults_of_the_contract_go_over_the_wire(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    connection.sql("SELECT ai_query('llm', 'plain')").fetchall()
    connection.sql(
        "SELECT ai_query('llm', 'set', modelParameters =>"
        " named_struct('max_tokens', 5, 'temperature', 0.7, 'top_p', NULL))"
    ).fetchall()
    connection.sql(
        "SELECT ai_query('llm', {'messages': [{'role': 'system', 'content': 's'}]})"
    ).fetchall()

    connection.sql(
        "SELECT ai_query('llm', 'none', modelParameters => {'temperature': NULL})"
    ).fetchall()
    bodies: list[Mapping[str, object]] = [request.body for request in server.requests]
    assert bodies[0]["messages"] == [{"role": "user", "content": "plain"}]
    assert bodies[0]["temperature"] == 0.0
    assert (bodies[1]["temperature"], bodies[1]["max_tokens"]) == (0.7, 5)
    assert "top_p" not in bodies[1]
    assert bodies[2]["messages"] == [{"role": "system", "content": "s"}]
    # Some models take no temperature but their own.
    assert "temperature" not in bodies[3]
