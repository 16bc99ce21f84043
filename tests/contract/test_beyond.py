"""What ai_query has beyond the contract: `cache`, `details` and `maxErrorRatio`."""

from __future__ import annotations

import threading
from itertools import count
from typing import TYPE_CHECKING, Any

import duckdb
import pytest

import airquery
from airquery.errors import StatementError, TooManyFailures
from airquery.testing import EndpointServer, Reply
from tests.conftest import registry_of
from tests.contract.conftest import WAYS, error, execute, value


if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def numbered(settings: airquery.Settings) -> Iterator[tuple[EndpointServer, Any]]:
    """Answer each request with its number, so that answers tell which request they are of."""
    numbers = count(1)
    with EndpointServer(answer=lambda _: f"answer {next(numbers)}") as server:
        connection = airquery.connect(registry=registry_of(server), settings=settings)
        yield server, connection
        connection.close()


# The modes of statements one after another, what each gives, and how many requests were sent.
MODES: list[tuple[list[str], list[int], int]] = [
    (["reuse", "reuse", "reuse"], [1, 1, 1], 1),
    (["refresh", "reuse"], [1, 1], 1),
    (["reuse", "refresh", "reuse"], [1, 2, 2], 2),
    (["refresh", "refresh"], [1, 2], 2),
    (["off", "off"], [1, 2], 2),
    (["off", "reuse"], [1, 2], 2),
    (["reuse", "off", "reuse"], [1, 2, 1], 2),
    (["reuse", "refresh", "off", "reuse"], [1, 2, 3, 2], 3),
]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("modes", "answers", "sent"), MODES)
def test_a_mode_says_whether_the_journal_is_read_and_written(
    numbered: tuple[EndpointServer, Any],
    modes: list[str],
    answers: list[int],
    sent: int,
    way: str,
) -> None:
    server, connection = numbered

    # DuckDB alone may compute a constant call more than once, so the prompt is that of a row.
    sql = "SELECT ai_query('llm', 'x' || i, cache => '{}') AS r FROM range(1) AS t(i)"
    found = [execute(connection, sql.format(mode), way)[0]["r"] for mode in modes]

    assert found == [f"answer {number}" for number in answers]
    assert server.count == sent


@pytest.mark.parametrize("mode", ["reuse", "refresh", "off"])
def test_equal_rows_of_a_statement_are_asked_once_in_every_mode(
    numbered: tuple[EndpointServer, Any], mode: str
) -> None:
    server, connection = numbered

    run = airquery.run(
        connection, f"SELECT ai_query('llm', 'x', cache => '{mode}') AS r FROM range(5000)"
    )

    assert run.table is not None
    assert set(run.table.to_pydict()["r"]) == {"answer 1"}
    assert (run.stats.requests, run.stats.sent, server.count) == (1, 1, 1)


def test_what_is_refreshed_is_there_for_the_next_process(
    numbered: tuple[EndpointServer, Any], settings: airquery.Settings
) -> None:
    server, connection = numbered
    for mode in ("reuse", "refresh"):
        value(connection, f"ai_query('llm', 'x', cache => '{mode}')")
    from airquery.connection import close_engines  # noqa: PLC0415

    close_engines()
    later = airquery.connect(registry=registry_of(server), settings=settings)

    assert value(later, "ai_query('llm', 'x')") == "answer 2"
    assert server.count == 2
    later.close()


@pytest.mark.parametrize(("mode", "most"), [("reuse", 10), ("refresh", 20), ("off", 20)])
def test_two_statements_at_once_share_what_is_on_its_way(
    settings: airquery.Settings, mode: str, most: int
) -> None:
    with EndpointServer(latency_s=0.2) as server:
        connection = airquery.connect(registry=registry_of(server), settings=settings)
        sql = f"SELECT ai_query('llm', i::VARCHAR, cache => '{mode}') AS r FROM range(10) AS t(i)"
        runs: list[airquery.Run] = []
        threads = [
            threading.Thread(target=lambda: runs.append(airquery.run(connection.cursor(), sql)))
            for _ in range(2)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        connection.close()

        assert 10 <= server.count <= most
    assert runs[0].table == runs[1].table
    assert sum(run.stats.sent for run in runs) == server.count
    assert [run.stats.answered for run in runs] == [10, 10]


def test_details_say_what_is_known_of_a_request(
    connection: duckdb.DuckDBPyConnection, said: dict[str, object]
) -> None:
    said["x"] = Reply(
        body={
            "id": "chatcmpl-1",
            "model": "test-model-2026",
            "choices": [
                {"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}
            ],
            "usage": {
                "prompt_tokens": 11,
                "completion_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 5},
            },
        }
    )
    first, again = (value(connection, "ai_query('llm', 'x', details => true)") for _ in range(2))
    usage = first.pop("usage")
    latency_s, from_journal = first.pop("latency_s"), again.pop("latency_s")

    assert {
        name: usage[name] for name in ("prompt_tokens", "completion_tokens", "cached_tokens")
    } == {
        "prompt_tokens": 11,
        "completion_tokens": 7,
        "cached_tokens": 5,
    }
    assert 0 < latency_s < 60
    assert latency_s == pytest.approx(from_journal)
    assert first == {
        "result": "yes",
        "errorMessage": None,
        "model": "test-model-2026",
        "finish_reason": "stop",
        "source": "endpoint",
        "request_id": "chatcmpl-1",
        "error_code": None,
        "http_status": None,
        "retryable": None,
        "attempts": 1,
        "raw": None,
    }
    assert {**again, "usage": usage} == {
        **first,
        "source": "journal",
        "attempts": 0,
        "usage": usage,
    }


def test_details_say_what_is_known_of_a_failure(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    server.script(Reply(status=503, headers={"Retry-After": "0"}), Reply(status=400))

    found = value(connection, "ai_query('llm', 'x', details => true, failOnError => false)")

    assert {name: found[name] for name in ("result", "error_code", "http_status", "retryable")} == {
        "result": None,
        "error_code": "AI_FUNCTION_HTTP_REQUEST_ERROR",
        "http_status": 400,
        "retryable": False,
    }
    assert found["attempts"] == 2
    assert "Scripted failure 400" in found["raw"]


def test_details_alone_do_not_keep_a_failure_from_the_statement(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    server.fail_when(lambda body: "still" not in str(body), Reply(status=400))

    for way in WAYS:
        assert "HTTP 400" in error(connection, "SELECT ai_query('llm', 'x', details => true)", way)


# The ratio, and whether a statement with 3 of 10 failed requests may end well.
RATIOS = [
    (0, False),
    (0.0, False),
    (0.1, False),
    (0.29, False),
    (0.3, True),
    (0.5, True),
    (1, True),
]


@pytest.mark.parametrize(("ratio", "allowed"), RATIOS)
def test_a_statement_fails_when_more_requests_failed_than_it_allows(
    connection: duckdb.DuckDBPyConnection,
    server: EndpointServer,
    ratio: float,
    allowed: bool,
) -> None:
    server.fail_when(lambda body: "bad" in str(body), Reply(status=400))
    connection.execute(
        "CREATE TABLE t AS SELECT CASE WHEN i < 3 THEN 'bad ' ELSE 'good ' END || i AS s"
        " FROM range(10) AS r(i)"
    )
    # Equal rows are one request, however many there are.
    connection.execute("INSERT INTO t SELECT 'bad 0' FROM range(100)")
    sql = (
        "CREATE TABLE out AS SELECT ai_query('llm', s, failOnError => false,"
        f" maxErrorRatio => {ratio}).result AS r FROM t"
    )
    if allowed:
        airquery.run(connection, sql)
        assert connection.sql("SELECT count(*), count(r) FROM out").fetchall() == [(110, 7)]
    else:
        with pytest.raises(
            TooManyFailures, match=r"[123] of 10 distinct requests failed"
        ) as caught:
            airquery.run(connection, sql)
        assert "HTTP 400" in str(caught.value)
        with pytest.raises(duckdb.CatalogException):
            connection.sql("FROM out")
    assert value(connection, "ai_query('llm', 'good 9')") == "good 9"
    assert server.count == 10


def test_a_ratio_of_zero_lets_a_statement_without_failures_end(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    run = airquery.run(
        connection,
        "SELECT ai_query('llm', 'x', failOnError => false, maxErrorRatio => 0).result AS r",
    )

    assert run.table is not None
    assert run.table.to_pylist() == [{"r": "x"}]


def test_answers_that_do_not_fit_count_as_failed(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    with pytest.raises(TooManyFailures, match="1 of 1 distinct requests failed"):
        airquery.run(
            connection,
            "SELECT ai_query('llm', 'no number', returnType => 'INT', failOnError => false,"
            " maxErrorRatio => 0.9)",
        )


def test_a_ratio_is_refused_where_nobody_knows_the_whole_statement(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    sql = "SELECT ai_query('llm', 'x', failOnError => false, maxErrorRatio => 0.5)"

    told = error(connection, sql, "inline")

    assert "Run it with airquery.run, `airquery sql` or an operator" in told
    assert server.count == 1


def test_a_ratio_without_leave_to_fail_is_refused(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    with pytest.raises(StatementError, match="needs failOnError => false"):
        airquery.run(connection, "SELECT ai_query('llm', 'x', maxErrorRatio => 0.5)")
    assert server.count == 0


def test_each_call_has_a_ratio_of_its_own(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    server.fail_when(lambda body: "bad" in str(body), Reply(status=400))
    call = "ai_query('{}', '{}' || i, failOnError => false, maxErrorRatio => 0.5)"

    with pytest.raises(TooManyFailures, match=r"[34] of 4"):
        airquery.run(
            connection,
            f"SELECT {call.format('llm', 'bad ')}, {call.format('words', 'good ')}"
            " FROM range(4) AS t(i)",
        )


def test_rows_are_the_same_in_both_ways_at_the_border_of_a_chunk(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    sql = "SELECT i, ai_query('llm', 'row ' || i) AS r FROM range(2049) AS t(i)"

    planned, inline = (execute(connection, sql, way) for way in WAYS)

    assert planned == inline == [{"i": i, "r": f"row {i}"} for i in range(2049)]
    assert server.count == 2049
