"""The loop against a server that misbehaves: retries, bounds, deadlines, single flight."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.answer import Answer, Failure
from airquery.endpoints.endpoint import Limits, Secret
from airquery.errors import EndpointRefused
from airquery.execute.run import Engine
from airquery.journal.sqlite_store import SqliteJournal
from airquery.request import Request
from airquery.testing import EndpointServer, Reply
from tests.conftest import registry_of
from tests.execute.conftest import ask


if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    from airquery.testing import FakeClock


@pytest.mark.parametrize(
    "trouble",
    [
        Reply(status=429, headers={"Retry-After": "3"}),
        Reply(status=503),
        Reply(status=500, body="<html>oops</html>"),
        Reply.drop(),
        Reply.cut(),
        Reply(body="<html>a proxy's page</html>"),
        Reply(body={"choices": []}),
    ],
    ids=["429", "503", "500-html", "dropped", "cut", "200-html", "no-choices"],
)
def test_a_passing_trouble_costs_time_and_not_the_row(
    engine: Engine, server: EndpointServer, clock: FakeClock, trouble: Reply
) -> None:
    server.script(trouble)

    [result] = ask(engine, Request(endpoint=server.endpoint(), input="hello"))

    assert isinstance(result.outcome, Answer)
    assert (result.attempts, server.count) == (2, 2)
    assert len(clock.sleeps) == 1


def test_a_429_waits_as_long_as_it_says(
    engine: Engine, server: EndpointServer, clock: FakeClock
) -> None:
    server.script(*[Reply(status=429, headers={"Retry-After": "7"})] * 12)

    [result] = ask(engine, Request(endpoint=server.endpoint(), input="hello"))

    assert isinstance(result.outcome, Answer)
    assert result.attempts == 13
    assert all(7.0 <= wait < 7.8 for wait in clock.sleeps)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_cannot_be_helped_fails_at_once(
    engine: Engine, server: EndpointServer, clock: FakeClock, status: int
) -> None:
    server.script(Reply(status=status))

    [result] = ask(engine, Request(endpoint=server.endpoint(), input="hello"))

    assert isinstance(result.outcome, Failure)
    assert (result.outcome.http_status, server.count, clock.sleeps) == (status, 1, ())


def test_attempts_and_deadline_end_in_a_named_failure(
    engine: Engine, server: EndpointServer
) -> None:
    server.fail_when(lambda _: True, Reply(status=500))
    endpoint = server.endpoint(limits=Limits(max_attempts=3, deadline_s=1000.0))

    [result] = ask(engine, Request(endpoint=endpoint, input="hello"))

    assert isinstance(result.outcome, Failure)
    assert (result.outcome.attempts, server.count) == (3, 3)


def test_a_silent_endpoint_ends_in_a_failure_that_names_the_time_out(
    engine: Engine, server: EndpointServer
) -> None:
    server.script(Reply.stall(30.0))
    endpoint = server.endpoint(timeout_s=0.2, limits=Limits(max_attempts=1))

    [result] = ask(engine, Request(endpoint=endpoint, input="hello"))

    assert isinstance(result.outcome, Failure)
    assert "gave no whole reply in 0.2 s" in str(result.outcome)


def test_nobody_listening_is_a_named_failure(engine: Engine) -> None:
    with EndpointServer() as gone:
        endpoint = gone.endpoint(limits=Limits(max_attempts=2))

    [result] = ask(engine, Request(endpoint=endpoint, input="hello"))

    assert isinstance(result.outcome, Failure)
    assert "could not be reached" in str(result.outcome)
    assert result.outcome.retryable


def test_a_request_without_a_form_on_the_wire_fails_alone(
    engine: Engine, server: EndpointServer
) -> None:
    endpoint = server.endpoint()

    bad, good = ask(
        engine, Request(endpoint=endpoint, input={"x": 1}), Request(endpoint=endpoint, input="ok")
    )

    assert isinstance(bad.outcome, Failure)
    assert "messages" in str(bad.outcome)
    assert isinstance(good.outcome, Answer)
    assert server.count == 1


def test_never_more_in_flight_than_the_endpoint_may_have(tmp_path: Path) -> None:
    engine = Engine(SqliteJournal(tmp_path / "journal.db"))
    with EndpointServer(latency_s=0.02) as server:
        endpoint = server.endpoint(limits=Limits(concurrency=5))
        results = ask(engine, *(Request(endpoint=endpoint, input=f"row {i}") for i in range(60)))
        engine.close()

        assert server.in_flight_max == 5
    assert all(isinstance(result.outcome, Answer) for result in results)


def test_a_cap_that_is_set_too_high_loses_no_row(tmp_path: Path) -> None:
    engine = Engine(SqliteJournal(tmp_path / "journal.db"))
    with EndpointServer(latency_s=0.01, capacity=8, retry_after_s=0.02) as server:
        endpoint = server.endpoint(limits=Limits(concurrency=64))
        results = ask(engine, *(Request(endpoint=endpoint, input=f"row {i}") for i in range(200)))
        engine.close()

        assert server.statuses[200] == 200
    assert all(isinstance(result.outcome, Answer) for result in results)


def test_an_answer_is_handed_out_only_when_the_journal_has_it(
    tmp_path: Path, server: EndpointServer
) -> None:
    path = tmp_path / "journal.db"
    engine = Engine(SqliteJournal(path))
    request = Request(endpoint=server.endpoint(), input="hello")
    ask(engine, request)
    # Another reader, before anything is closed.
    other = SqliteJournal(path)

    assert list(other.get_many([request.key])) == [request.key]
    other.close()
    engine.close()


def test_an_answer_that_cannot_be_kept_is_a_failure_and_not_a_hang(
    tmp_path: Path, server: EndpointServer
) -> None:
    path = tmp_path / "journal.db"
    journal = SqliteJournal(path)
    engine = Engine(journal)
    import sqlite3  # noqa: PLC0415

    with sqlite3.connect(path) as other:
        other.execute("ALTER TABLE answer RENAME TO gone")
        other.execute(
            "CREATE TABLE answer (key BLOB PRIMARY KEY, endpoint, model, created_at, latency_s, body, more)"
        )
    other.close()

    [result] = ask(engine, Request(endpoint=server.endpoint(), input="hello"))
    engine.close()

    assert isinstance(result.outcome, Failure)
    assert str(path) in str(result.outcome)


def test_an_endpoints_key_appears_in_no_error(settings: airquery.Settings) -> None:
    secret = "sk-very-secret-key"  # noqa: S105
    with EndpointServer() as server:
        for status in (403, 401):
            body = {"error": {"message": f"Bad key {secret}"}}
            server.fail_when(
                lambda body, status=status: f"'{status}'" in str(body),  # type: ignore[misc]
                Reply(status=status, body=body),
            )
        registry = registry_of(server, api_key=Secret(secret))
        connection: duckdb.DuckDBPyConnection = airquery.connect(
            registry=registry, settings=settings
        )
        run = airquery.run(connection, "SELECT ai_query('llm', '403', failOnError => false) AS r")
        with pytest.raises(EndpointRefused) as refused:
            airquery.run(connection, "SELECT ai_query('llm', '401', failOnError => false) AS r")
        connection.close()

    assert run.table is not None
    shown = f"{run.table.to_pylist()} {run.failures} {registry!r} {refused.value}"
    assert "403" in shown
    assert "401" in shown
    assert secret not in shown


@pytest.mark.parametrize("fail_on_error", ["true", "false"])
@pytest.mark.parametrize(
    "reply",
    [
        Reply(status=401),
        Reply(status=429, body={"error": {"message": "Pay.", "code": "insufficient_quota"}}),
    ],
    ids=["rejected key", "quota"],
)
def test_what_every_request_would_end_in_stops_the_statement_at_once(
    settings: airquery.Settings, reply: Reply, fail_on_error: str
) -> None:
    with EndpointServer(latency_s=0.01) as server:
        server.fail_when(lambda _: True, reply)
        registry = registry_of(server, limits=Limits(concurrency=8))
        connection = airquery.connect(registry=registry, settings=settings)
        statement = (
            f"SELECT ai_query('llm', 'row ' || i, failOnError => {fail_on_error})"
            " FROM range(10000) AS t(i)"
        )
        with pytest.raises(EndpointRefused, match="Every further request would end the same"):
            airquery.run(connection, statement)
        connection.close()

        # Those that were in flight, and no others.
        assert 1 <= server.count <= 8
