"""An endpoint that answers a prompt with what a test put down for it, asked in both ways."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeAlias

import duckdb
import pytest

import airquery
from airquery.testing import EndpointServer
from tests.conftest import registry_of


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

Rows: TypeAlias = list[dict[str, Any]]
# A statement that DuckDB runs alone raises DuckDB's errors, one that is planned our own.
REFUSED = (airquery.AirqueryError, duckdb.Error)
WAYS = ("planned", "inline")


def prompt_of(body: Mapping[str, Any]) -> str:
    """Return the text that a request asks, in whatever format."""
    if "messages" in body:
        content = body["messages"][-1]["content"]
        return content if isinstance(content, str) else str(content[0].get("text"))
    if "prompt" in body:
        return str(body["prompt"])
    if "input" in body:
        return str(body["input"][0])
    return str(body["dataframe_split"]["data"][0][0])


@pytest.fixture
def said() -> dict[str, object]:
    """Return what prompts are answered with; others are answered as the server does by itself."""
    return {}


@pytest.fixture
def server(said: dict[str, object]) -> Iterator[EndpointServer]:
    def answer(body: Mapping[str, Any]) -> object:
        asked = prompt_of(body)
        if asked in said:
            return said[asked]
        if "input" in body:
            return [0.6, 0.8]
        return {"a": asked} if "response_format" in body else asked

    with EndpointServer(answer=answer) as server:
        yield server


@pytest.fixture
def open_with(
    server: EndpointServer, settings: airquery.Settings
) -> Iterator[Callable[..., duckdb.DuckDBPyConnection]]:
    """Open connections under other settings than usual."""
    opened: list[duckdb.DuckDBPyConnection] = []

    def open_(**changed: object) -> duckdb.DuckDBPyConnection:
        its = airquery.Settings.read(home=settings.home, **changed)
        opened.append(airquery.connect(registry=registry_of(server), settings=its))
        return opened[-1]

    yield open_
    for connection in opened:
        connection.close()


def execute(connection: duckdb.DuckDBPyConnection, sql: str, way: str) -> Rows:
    """Run one query planned, or as DuckDB runs it alone."""
    if way == "planned":
        table = airquery.run(connection, sql).table
        assert table is not None
        return table.to_pylist()
    # A relation would plan the statement twice, and each time compute what is constant in it.
    found = connection.execute(sql)
    names = [column[0] for column in found.description or []]
    return [dict(zip(names, row, strict=True)) for row in found.fetchall()]


def value(connection: duckdb.DuckDBPyConnection, call: str, way: str = "planned") -> Any:
    """Return the value of one call, for one row of a column `i`."""
    [row] = execute(connection, f"SELECT {call} AS value FROM range(1) AS t(i)", way)
    return row["value"]


def error(connection: duckdb.DuckDBPyConnection, sql: str, way: str) -> str:
    """Return the message a statement is refused with; the connection works on afterwards."""
    with pytest.raises(REFUSED) as caught:
        execute(connection, sql, way)
    assert value(connection, "ai_query('llm', 'still there?')", way) == "still there?"
    return str(caught.value)
