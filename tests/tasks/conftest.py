"""One statement, run both ways against one scripted endpoint, with a journal for each way."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.connection import close_engines
from airquery.sqlfn.script import read_select
from airquery.testing import EndpointServer, Reply


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    import duckdb


@dataclass
class Script:
    """What the endpoint answers; by default what it always does."""

    answer: Callable[[Mapping[str, Any]], object] = field(default=lambda _: Reply())

    def __call__(self, body: Mapping[str, Any]) -> object:
        """Answer a request by what is set when it comes in."""
        return self.answer(body)


@dataclass(frozen=True)
class Asked:
    """What both ways gave, and what was sent for it each time."""

    rows: list[dict[str, Any]]
    bodies: list[dict[str, Any]]

    @property
    def values(self) -> list[Any]:
        """Return the column `r`."""
        return [row["r"] for row in self.rows]

    @property
    def messages(self) -> list[tuple[str, str]]:
        """Return system and user text of every request, sorted."""
        return sorted(
            (body["messages"][0]["content"], body["messages"][-1]["content"])
            if len(body["messages"]) > 1
            else ("", body["messages"][0]["content"])
            for body in self.bodies
        )

    @property
    def inputs(self) -> list[str]:
        """Return what was asked of embeddings, sorted."""
        return sorted(text for body in self.bodies for text in body["input"])


@dataclass(frozen=True)
class Ways:
    """Two connections that know the same endpoints, but not each other's answers."""

    server: EndpointServer
    script: Script
    planned: duckdb.DuckDBPyConnection
    inline: duckdb.DuckDBPyConnection

    def execute(self, sql: str) -> None:
        """Run a statement that asks nothing on both."""
        self.planned.execute(sql)
        self.inline.execute(sql)

    def ask(self, sql: str, *, databricks: bool = False) -> Asked:
        """Run a statement both ways; the rows and what was sent must be the same."""
        at = self.server.count
        run = airquery.run(self.planned, sql, dialect="databricks" if databricks else "duckdb")
        middle = self.server.count
        text = read_select(sql, dialect="databricks") if databricks else sql
        inline = self.inline.sql(text).to_arrow_table().to_pylist()

        assert run.table is not None
        assert run.table.to_pylist() == inline
        asked = Asked(inline, [dict(one.body) for one in self.server.requests[at:middle]])
        again = Asked(inline, [dict(one.body) for one in self.server.requests[middle:]])
        assert _sent(again) == _sent(asked)
        return asked

    def refused(self, sql: str) -> str:
        """Return why a statement is refused by both ways, before anything is sent."""
        with pytest.raises(airquery.AirqueryError) as caught:
            airquery.run(self.planned, sql)
        with pytest.raises(Exception, match="AI_") as told:
            self.inline.sql(sql).fetchall()

        assert str(caught.value).splitlines()[0] in str(told.value)
        assert self.server.count == 0
        return str(caught.value)


def _sent(asked: Asked) -> list[str]:
    """Return what was asked, whichever of it went together."""
    sent = []
    for body in asked.bodies:
        together = [{**body, "input": [one]} for one in body.get("input", [])]
        sent += [json.dumps(one, sort_keys=True) for one in together or [body]]
    return sorted(sent)


@pytest.fixture
def ways(tmp_path: Path) -> Iterator[Ways]:
    script = Script()
    with EndpointServer(answer=script) as server:
        registry = airquery.Registry.from_mapping(
            {"llm": server.endpoint("llm"), "vectors": server.endpoint("vectors", "embeddings")}
        )
        connections = [
            airquery.connect(
                registry=registry, settings=airquery.Settings.read(home=tmp_path / way)
            )
            for way in ("planned", "inline")
        ]
        yield Ways(server, script, *connections)
        for connection in connections:
            connection.close()
        close_engines()
