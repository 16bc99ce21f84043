"""A flag stops a statement from any thread, within a second, and what was answered stays paid."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING

import pytest

import airquery
from airquery.endpoints.endpoint import Limits
from airquery.errors import Cancelled
from airquery.testing import EndpointServer
from tests.conftest import registry_of


if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

STATEMENT = "SELECT ai_query('llm', 'row ' || i) AS r FROM range(60) AS t(i)"


@pytest.fixture
def slow_server() -> Iterator[EndpointServer]:
    with EndpointServer(latency_s=0.4) as server:
        yield server


def stop_when(server: EndpointServer, requests: int, cancel: airquery.Cancel) -> list[float]:
    """Set the flag once so many requests came in; the moment is put into the list."""
    moments: list[float] = []

    def watch() -> None:
        while server.count < requests:
            time.sleep(0.005)
        moments.append(time.monotonic())
        cancel.set()

    threading.Thread(target=watch, daemon=True).start()
    return moments


def test_a_cancelled_statement_returns_and_asks_no_more_and_resumes(
    slow_server: EndpointServer, settings: airquery.Settings
) -> None:
    registry = registry_of(slow_server, limits=Limits(concurrency=4))
    connection = airquery.connect(registry=registry, settings=settings)
    cancel = airquery.Cancel()
    moments = stop_when(slow_server, 9, cancel)

    with pytest.raises(Cancelled, match="running it again asks only for the rest"):
        airquery.run(connection, STATEMENT, cancel=cancel)

    took = time.monotonic() - moments[0]
    time.sleep(0.6)  # what is on the wire ends in 0.4 s; nothing may follow it
    asked = slow_server.count
    run = airquery.run(connection, STATEMENT)
    connection.close()
    assert took < 1.0
    assert asked <= 12
    assert slow_server.count == 60
    assert (run.stats.from_journal, run.stats.sent) == (asked, 60 - asked)


def test_a_flag_that_was_set_before_stops_it_before_the_first_request(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer
) -> None:
    cancel = airquery.Cancel()
    cancel.set()

    with pytest.raises(Cancelled):
        airquery.run(connection, STATEMENT, cancel=cancel)
    assert server.count == 0


def test_a_long_query_without_calls_is_stopped_as_well(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    cancel = airquery.Cancel()
    threading.Timer(0.3, cancel.set).start()

    with pytest.raises(Cancelled):
        airquery.run(
            connection,
            "SELECT count(*) FROM range(3000000) a(x), range(3000000) b(y) WHERE (x * y) % 7 = 3",
            cancel=cancel,
        )
    assert airquery.run(connection, "SELECT 1 AS one").table is not None


def test_an_error_in_the_progress_callback_stops_the_statement(
    slow_server: EndpointServer, settings: airquery.Settings
) -> None:
    registry = registry_of(slow_server, limits=Limits(concurrency=4))
    connection = airquery.connect(registry=registry, settings=settings)

    def broken(_: airquery.RunStats) -> None:
        raise ValueError("the caller's own error")

    with pytest.raises(ValueError, match="the caller's own error"):
        airquery.run(connection, STATEMENT, on_progress=broken)
    asked = slow_server.count
    connection.close()
    assert asked < 20
