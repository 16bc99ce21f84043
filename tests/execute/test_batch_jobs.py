"""A batch endpoint answers the same statement through its provider's batch API."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.connection import connect
from airquery.endpoints.endpoint import Batch, Limits, Price
from airquery.execute.budget import Budget
from airquery.testing import BatchScript, EndpointServer, Reply


if TYPE_CHECKING:
    from collections.abc import Iterator

    import duckdb

    from airquery.endpoints.endpoint import Endpoint

# Looked at every few milliseconds, and submitted at once.
QUICK: dict[str, Any] = {"quiet_s": 0.05, "first_poll_s": 0.01, "longest_poll_s": 0.02}
KEPT = "failOnError => false"


def batched(server: EndpointServer, *, task: str = "chat", **overrides: Any) -> Endpoint:
    batch = Batch(**{**QUICK, **overrides.pop("batch", {})})
    return server.endpoint("llm", task, batch=batch, **overrides)  # type: ignore[arg-type]


def asked(rows: int, *arguments: str) -> str:
    listed = ", ".join(["'llm'", "'row ' || i", *arguments])
    return f"SELECT i, ai_query({listed}) AS a FROM range({rows}) AS t(i) ORDER BY i"


def rows_of(run: airquery.Run) -> list[Any]:
    assert run.table is not None
    return [row["a"] for row in run.table.to_pylist()]


def run_at(endpoint: Endpoint, settings: airquery.Settings, sql: str, **more: Any) -> airquery.Run:
    registry = airquery.Registry.from_mapping({"llm": endpoint})
    with connect(registry=registry, settings=settings) as connection:
        return airquery.run(connection, sql, **more)


def sizes(server: EndpointServer) -> list[int]:
    return [len(one.bodies) for one in server.batches]


@pytest.mark.parametrize(
    "more",
    [{}, {"api": "responses"}, {"provider": "anthropic"}],
    ids=["chat", "responses", "anthropic"],
)
def test_a_statement_is_answered_by_one_batch_whatever_the_order_of_its_output(
    server: EndpointServer, settings: airquery.Settings, more: dict[str, Any]
) -> None:
    endpoint = batched(server, **more)

    run = run_at(endpoint, settings, asked(30))
    again = run_at(endpoint, settings, asked(30))

    assert rows_of(run) == rows_of(again) == [f"row {i}" for i in range(30)]
    assert (sizes(server), server.count) == ([30], 0)
    assert (run.stats.sent, again.stats.from_journal) == (30, 30)
