"""A Python function as an endpoint, asked over SQL like any other."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.endpoints.endpoint import Limits, Price, Task
from airquery.errors import RowFailed, StatementError


if TYPE_CHECKING:
    from collections.abc import Callable


def rows(
    settings: airquery.Settings,
    function: Callable[..., Any],
    sql: str,
    *,
    task: Task = "chat",
    limits: Limits | None = None,
) -> tuple[list[dict[str, Any]], airquery.Run]:
    """Run a statement that asks the function as 'mine'."""
    endpoint = airquery.function_endpoint(
        function, name="mine", task=task, limits=limits, price=Price(output_per_million=1.0)
    )
    connection = airquery.connect(
        registry=airquery.Registry().with_endpoints(endpoint), settings=settings
    )
    run = airquery.run(connection, sql)
    connection.close()
    assert run.table is not None
    return run.table.to_pylist(), run


def shout(text: str) -> str:
    return text.upper()


def test_what_the_function_returns_is_the_answer_and_is_asked_for_once(
    settings: airquery.Settings,
) -> None:
    calls: list[str] = []

    def counting(text: str) -> str:
        calls.append(text)
        return text.upper()

    sql = "SELECT ai_query('mine', 'row ' || i % 3) AS r FROM range(9) AS t(i)"
    first, run = rows(settings, counting, sql)
    second, again = rows(settings, counting, sql)

    assert sorted(calls) == ["row 0", "row 1", "row 2"]
    assert first == second == [{"r": f"ROW {i % 3}"} for i in range(9)]
    assert (run.stats.sent, again.stats.sent, again.stats.from_journal) == (3, 0, 3)


@pytest.mark.parametrize(
    ("task", "returned", "arguments", "expected"),
    [
        ("chat", "7", ", returnType => 'INT'", 7),
        ("chat", '{"a": 1}', ", responseFormat => 'STRUCT<a: INT>'", {"a": 1}),
        ("embeddings", [0.5, 1], "", [0.5, 1.0]),
        ("custom", {"label": "x"}, ", returnType => 'STRUCT<label: STRING>'", {"label": "x"}),
        ("custom", None, ", returnType => 'INT'", None),
    ],
)
def test_every_task_can_be_a_function(
    settings: airquery.Settings, task: Task, returned: object, arguments: str, expected: object
) -> None:
    sql = f"SELECT ai_query('mine', 'x'{arguments}) AS r"

    found, _ = rows(settings, lambda _: returned, sql, task=task)

    assert found == [{"r": expected}]


def test_a_second_argument_is_given_the_parameters_and_the_format(
    settings: airquery.Settings,
) -> None:
    seen: list[tuple[object, dict[str, object]]] = []

    async def taking(value: object, parameters: dict[str, object]) -> str:
        await asyncio.sleep(0)
        seen.append((value, parameters))
        return "{}"

    rows(
        settings,
        taking,
        "SELECT ai_query('mine', 'x', system => 'Be brief.', modelParameters => {'max_tokens': 5},"
        ' responseFormat => \'{"type": "json_object"}\') AS r',
    )

    messages = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "x"}]
    format_ = {"type": "json_object"}
    parameters = {"max_tokens": 5, "temperature": 0.0, "response_format": format_}
    assert seen == [({"messages": messages}, parameters)]


def test_an_answer_with_usage_is_counted_and_priced(settings: airquery.Settings) -> None:
    usage = airquery.Usage(prompt_tokens=3, completion_tokens=2_000_000)

    _, run = rows(
        settings,
        lambda text: airquery.Answer(value=text, usage=usage),
        "SELECT ai_query('mine', 'x') AS r",
    )

    assert (run.stats.prompt_tokens, run.stats.price) == (3, 2.0)


def test_what_it_raises_is_the_rows_failure(settings: airquery.Settings) -> None:
    def picky(text: str) -> str:
        if text == "row 1":
            raise ValueError("not this one")
        return text

    found, run = rows(
        settings,
        picky,
        "SELECT ai_query('mine', 'row ' || i, failOnError => false) AS r FROM range(3) AS t(i)",
    )

    assert [row["r"]["result"] for row in found] == ["row 0", None, "row 2"]
    assert found[1]["r"]["errorMessage"] == (
        "[AI_FUNCTION_HTTP_REQUEST_ERROR] Endpoint 'mine' (a Python function) raised ValueError: not "
        "this one. SQLSTATE: 08000"
    )
    assert [failure.retryable for failure in run.failures] == [False]


def test_what_json_cannot_hold_is_named(settings: airquery.Settings) -> None:
    with pytest.raises(RowFailed, match="returned object, which JSON cannot hold"):
        rows(settings, lambda _: object(), "SELECT ai_query('mine', 'x') AS r")


def test_a_failure_that_it_returns_is_tried_again_if_it_says_so(
    settings: airquery.Settings,
) -> None:
    answers = iter(
        [
            airquery.Failure(
                condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
                message="Busy.",
                retryable=True,
                retry_after_s=0.0,
            ),
            "at last",
        ]
    )

    found, run = rows(settings, lambda _: next(answers), "SELECT ai_query('mine', 'x') AS r")

    assert found == [{"r": "at last"}]
    assert run.stats.retries == 1


def test_plain_functions_run_at_once_as_many_as_the_limit_says(
    settings: airquery.Settings,
) -> None:
    meeting = threading.Barrier(3)

    def waiting(text: str) -> str:
        meeting.wait(timeout=10)
        return text

    found, _ = rows(
        settings,
        waiting,
        "SELECT ai_query('mine', 'row ' || i) AS r FROM range(3) AS t(i)",
        limits=Limits(concurrency=3),
    )

    assert len(found) == 3


def test_files_are_refused_by_name(settings: airquery.Settings) -> None:
    sql = "SELECT ai_query('mine', 'x', files => '\\x89PNG\\x0D\\x0A\\x1A\\x0A'::BLOB) AS r"

    with pytest.raises((RowFailed, StatementError), match="takes no files"):
        rows(settings, shout, sql)
