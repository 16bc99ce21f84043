"""What was answered is not paid again, whatever has another name by then; without it, nothing is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.connection import close_engines, connect
from airquery.endpoints.endpoint import Limits, Price, Secret
from airquery.testing import EndpointServer


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from airquery.endpoints.endpoint import Endpoint

ROWS = 7
PROMPT = f"""'{{"n": ' || i % {ROWS} || '}}'"""


@pytest.fixture
def server() -> Iterator[EndpointServer]:
    with EndpointServer() as server:
        yield server


def asked(home: Path, endpoint: Endpoint, *arguments: str) -> airquery.Run:
    """Run a statement over twice as many rows as there are requests, in an engine of its own."""
    given = ", ".join([f"'{endpoint.name}'", PROMPT, *arguments])
    registry = airquery.Registry.from_mapping({endpoint.name: endpoint})
    settings = airquery.Settings.read(home=home)
    with connect(registry=registry, settings=settings) as connection:
        run = airquery.run(
            connection, f"SELECT i, ai_query({given}) AS a FROM range({2 * ROWS}) AS t(i)"
        )
    close_engines()
    return run


@pytest.mark.parametrize(
    "changed",
    [
        {"name": "another"},
        {"api_key": Secret("another-key")},
        {"limits": Limits(concurrency=2, inputs_per_request=3)},
        {"price": Price(input_per_million=3.0)},
    ],
    ids=lambda changed: next(iter(changed)),
)
def test_an_endpoint_that_is_declared_in_another_way_is_not_paid_again(
    server: EndpointServer, tmp_path: Path, changed: dict[str, Any]
) -> None:
    endpoint = server.endpoint("llm")
    before = asked(tmp_path, endpoint)
    after = asked(tmp_path, replace(endpoint, **changed))

    assert (before.stats.sent, after.stats.sent) == (ROWS, 0)
    assert server.count == ROWS
    assert after.table == before.table


def test_another_type_is_read_from_the_same_answers(server: EndpointServer, tmp_path: Path) -> None:
    endpoint = server.endpoint("llm")
    text = asked(tmp_path, endpoint, "returnType => 'STRING'")
    struct = asked(tmp_path, endpoint, "returnType => 'STRUCT<n: INT>'")
    wrong = asked(tmp_path, endpoint, "returnType => 'DATE'", "failOnError => false")

    assert server.count == ROWS
    assert [run.stats.sent for run in (text, struct, wrong)] == [ROWS, 0, 0]
    assert struct.table is not None
    assert struct.table["a"].to_pylist() == [{"n": i % ROWS} for i in range(2 * ROWS)]
    assert len(wrong.failures) == ROWS


def test_a_deleted_journal_costs_money_and_no_row(server: EndpointServer, tmp_path: Path) -> None:
    endpoint = server.endpoint("llm")
    before = asked(tmp_path, endpoint)
    for file in tmp_path.glob("journal.db*"):
        file.unlink()
    after = asked(tmp_path, endpoint)

    assert after.table == before.table
    assert after.stats.sent == ROWS
    assert server.count == 2 * ROWS
