"""`reask`: an answer that does not fit is sent back once, with what is wrong with it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.testing import EndpointServer, Reply
from tests.conftest import registry_of
from tests.contract.conftest import REFUSED, WAYS, execute


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    import duckdb

# The first answer to a prompt, and the answer to its correction.
ANSWERS: dict[str, tuple[object, object]] = {
    "fits": ("1", "never asked"),
    "mended": ("one", "2"),
    "still wrong": ("one", "two"),
    "second refused": ("one", Reply(status=400)),
    "first refused": (Reply(status=400), "never asked"),
    "empty": ("", "3"),
}


def answer(body: Mapping[str, Any]) -> object:
    """Answer a prompt, or its correction."""
    messages = body["messages"]
    return ANSWERS[messages[-3 if len(messages) > 2 else -1]["content"]][len(messages) > 2]


@pytest.fixture
def server() -> Iterator[EndpointServer]:
    with EndpointServer(answer=answer) as server:
        yield server


def ask(prompt: str, more: str = "failOnError => false", asked: str = "") -> str:
    """Return a statement that asks one prompt for an INT.

    The prompt is that of a row: DuckDB alone may compute a constant call more than once.
    """
    asked = asked or f"left('{prompt}', 100 + i)"
    arguments = f"returnType => 'INT', reask => true, {more}"
    return f"SELECT ai_query('llm', {asked}, {arguments}) AS r FROM range(1) AS t(i)"


EXPECTED: dict[str, tuple[object, int, str | None]] = {
    "fits": (1, 1, None),
    "mended": (2, 2, None),
    "still wrong": (None, 2, "'two'"),
    "second refused": (None, 2, "HTTP 400"),
    "first refused": (None, 1, "HTTP 400"),
    "empty": (3, 2, None),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("prompt", EXPECTED)
def test_a_row_takes_at_most_two_requests_and_ends_as_the_last_of_them(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, prompt: str, way: str
) -> None:
    expected, requests, problem = EXPECTED[prompt]

    [row] = execute(connection, ask(prompt), way)

    assert row["r"]["result"] == expected
    assert (row["r"]["errorMessage"] is None) == (problem is None)
    assert problem is None or problem in row["r"]["errorMessage"]
    assert server.count == requests


def test_the_second_request_shows_the_model_its_answer_and_what_is_wrong_with_it(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    airquery.run(connection, ask("mended"))
    first, second = (request.body for request in server.requests)

    messages: Any = second["messages"]
    assert first["messages"] == [{"role": "user", "content": "mended"}]
    assert messages[:2] == [
        {"role": "user", "content": "mended"},
        {"role": "assistant", "content": "one"},
    ]
    assert messages[2]["role"] == "user"
    assert messages[2]["content"].startswith("This answer cannot be used. The answer does not fit")
    assert messages[2]["content"].endswith("Answer again, with the corrected answer alone.")
    assert len(messages) == 3
    assert {**second, "messages": None} == {**first, "messages": None}


def test_an_empty_answer_is_shown_as_nothing(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    airquery.run(connection, ask("empty"))

    messages: Any = server.requests[1].body["messages"]
    assert messages[1] == {"role": "assistant", "content": "(nothing)"}


def test_the_turns_of_a_request_stand_before_the_correction(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    turns = "{'messages': [{'role': 'system', 'content': 'Be brief.'}, {'role': 'user', 'content': 'mended'}]}"

    run = airquery.run(connection, ask("mended", asked=turns))

    messages: Any = server.requests[1].body["messages"]
    assert [turn["role"] for turn in messages] == ["system", "user", "assistant", "user"]
    assert run.table is not None
    assert run.table.to_pylist()[0]["r"]["result"] == 2


ALL = (
    "SELECT p, ai_query('llm', p, returnType => 'INT', reask => true, failOnError => false).result AS r"
    f" FROM (VALUES {', '.join(f'({prompt!r})' for prompt in EXPECTED)}) AS v(p)"
)


def test_both_ways_ask_the_same_and_count_it(settings: airquery.Settings) -> None:
    asked = []
    for way in WAYS:
        with EndpointServer(answer=answer) as server:
            connection = airquery.connect(registry=registry_of(server), settings=settings)
            rows = {row["p"]: row["r"] for row in execute(connection, ALL, way)}
            connection.close()
            asked.append(sorted(str(request.body["messages"]) for request in server.requests))
        assert rows == {prompt: expected for prompt, (expected, _, _) in EXPECTED.items()}
    assert asked[0] == asked[1]
    assert len(asked[0]) == sum(requests for _, requests, _ in EXPECTED.values())


def test_a_second_run_asks_only_for_what_failed_on_the_wire(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    first = airquery.run(connection, ALL)
    second = airquery.run(connection, ALL)

    assert (first.stats.requests, first.stats.sent, first.stats.from_journal) == (10, 10, 0)
    assert (second.stats.requests, second.stats.sent, second.stats.from_journal) == (10, 2, 8)
    assert first.table == second.table
    assert server.count == 12


@pytest.mark.parametrize("way", WAYS)
def test_a_row_that_is_still_wrong_fails_the_statement_unless_it_may_fail(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, way: str
) -> None:
    with pytest.raises(REFUSED, match="'two'"):
        execute(connection, ask("still wrong", "failOnError => true"), way)
    assert execute(connection, ask("mended", "failOnError => true"), way) == [{"r": 2}]
    assert server.count == 4


def test_details_are_those_of_the_second_request(connection: duckdb.DuckDBPyConnection) -> None:
    run = airquery.run(connection, ask("still wrong", "failOnError => false, details => true"))

    assert run.table is not None
    found = run.table.to_pylist()[0]["r"]
    assert (found["raw"], found["error_code"]) == ("two", "AI_FUNCTION_HTTP_PARSE_CAST_ERROR")
    # The first answer was mended or not: what counts is what the row ended as.
    assert run.stats.failed == len(run.failures) == 1


@pytest.mark.parametrize(
    "format_",
    [
        "STRUCT<n: INT>",
        (
            '{"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "object", '
            '"properties": {"n": {"type": "integer"}}, "required": ["n"]}}}'
        ),
    ],
)
def test_a_format_is_asked_for_again_in_the_same_format(
    settings: airquery.Settings, format_: str
) -> None:
    replies = iter(["nothing of the kind", '{"n": 4}'])
    with EndpointServer(answer=lambda _: next(replies)) as server:
        connection = airquery.connect(registry=registry_of(server), settings=settings)
        run = airquery.run(
            connection,
            f"SELECT ai_query('llm', 'x', responseFormat => '{format_}', reask => true) AS r",
        )
        connection.close()
        formats = [request.body["response_format"] for request in server.requests]

    assert run.table is not None
    assert run.table.to_pylist()[0]["r"] in ({"n": 4}, '{"n":4}')
    assert formats[0] == formats[1]
    assert len(formats) == 2
