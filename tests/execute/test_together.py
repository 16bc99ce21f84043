"""Texts to embed share HTTP requests; each still ends, is paid and is remembered for itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.endpoints.endpoint import Limits
from airquery.testing import EndpointServer, Reply
from tests.conftest import registry_of


if TYPE_CHECKING:
    import duckdb


ROWS = "CREATE TABLE t AS SELECT i, 'text ' || i AS s FROM range(100) AS r(i)"
VECTORS = "SELECT i, ai_query('vectors', s, failOnError => false) AS v FROM t ORDER BY i"


def open_connection(
    server: EndpointServer, settings: airquery.Settings, inputs: int
) -> duckdb.DuckDBPyConnection:
    limits = Limits(inputs_per_request=inputs, max_attempts=2)
    connection = airquery.connect(registry=registry_of(server, limits=limits), settings=settings)
    connection.execute(ROWS)
    return connection


def inputs_of(server: EndpointServer) -> list[int]:
    """Return how many inputs each HTTP request had."""
    return [len(list(request.body["input"])) for request in server.requests]  # type: ignore[call-overload]


def rows_of(run: airquery.Run) -> list[dict[str, Any]]:
    assert run.table is not None
    return run.table.to_pylist()


def test_many_texts_share_few_requests_and_each_gets_the_vector_it_gets_alone(
    server: EndpointServer, settings: airquery.Settings, tmp_path_factory: pytest.TempPathFactory
) -> None:
    connection = open_connection(server, settings, inputs=32)
    batched = airquery.run(connection, VECTORS)
    connection.close()
    sizes = inputs_of(server)
    alone_home = airquery.Settings.read(home=tmp_path_factory.mktemp("alone"))
    connection = open_connection(server, alone_home, inputs=1)
    alone = airquery.run(connection, VECTORS)
    connection.close()

    assert sorted(sizes, reverse=True) == [32, 32, 32, 4]
    assert inputs_of(server)[4:] == [1] * 100
    assert rows_of(batched) == rows_of(alone)
    assert batched.stats.sent == alone.stats.sent == 100
    assert batched.stats.prompt_tokens == alone.stats.prompt_tokens == 200


def test_each_text_of_a_batch_is_remembered_for_itself(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    connection = open_connection(server, settings, inputs=32)
    first = airquery.run(connection, VECTORS)
    count = server.count
    again = airquery.run(connection, "SELECT ai_query('vectors', s) AS v FROM t WHERE i = 57")
    connection.close()

    assert (server.count, again.stats.sent, again.stats.from_journal) == (count, 0, 1)
    assert rows_of(again)[0]["v"] == rows_of(first)[57]["v"]["result"]


def test_one_text_that_is_refused_fails_alone(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    server.fail_when(lambda body: "text 40" in body["input"], Reply(status=400))
    connection = open_connection(server, settings, inputs=32)
    run = airquery.run(connection, VECTORS)
    connection.close()

    failed = [row["i"] for row in rows_of(run) if row["v"]["errorMessage"] is not None]
    assert failed == [40]
    assert (run.stats.sent, run.stats.failed) == (100, 1)
    # Four to begin with; then the one with the bad text in it is halved five times.
    assert server.count == 4 + 2 * 5


def test_a_request_that_is_too_large_is_halved_until_it_is_not(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    server.fail_when(lambda body: len(body["input"]) > 8, Reply(status=413))
    connection = open_connection(server, settings, inputs=32)
    run = airquery.run(connection, VECTORS)
    connection.close()

    assert all(row["v"]["errorMessage"] is None for row in rows_of(run))
    assert sorted(set(inputs_of(server))) == [4, 8, 16, 32]


def test_a_text_that_the_reply_lacks_is_asked_for_alone(
    server: EndpointServer, settings: airquery.Settings
) -> None:
    connection = open_connection(server, settings, inputs=32)
    vector = {"object": "embedding", "embedding": [1.0, 0.0]}
    places = [place for place in range(4) if place != 2]
    reply = {"object": "list", "data": [{**vector, "index": place} for place in places]}
    server.fail_when(
        lambda body: body["input"][-1] == "text 99" and len(body["input"]) == 4, Reply(body=reply)
    )
    run = airquery.run(connection, VECTORS)
    connection.close()

    rows = rows_of(run)
    assert all(row["v"]["errorMessage"] is None for row in rows)
    assert [rows[i]["v"]["result"] for i in (96, 97, 99)] == [[1.0, 0.0]] * 3
    assert len(rows[98]["v"]["result"]) == 8
    assert sorted(inputs_of(server)) == [1, 4, 32, 32, 32]


@pytest.mark.parametrize("status", [500, 401])
def test_a_failure_that_is_not_of_the_inputs_is_not_looked_for_in_parts(
    settings: airquery.Settings, status: int
) -> None:
    with EndpointServer() as server:
        server.fail_when(lambda _: True, Reply(status=status, headers={"Retry-After": "0"}))
        connection = open_connection(server, settings, inputs=100)
        if status == 401:
            with pytest.raises(airquery.AirqueryError, match="HTTP 401"):
                airquery.run(connection, VECTORS)
        else:
            run = airquery.run(connection, VECTORS)
            assert run.stats.failed == 100
        connection.close()

        assert set(inputs_of(server)) == {100}
