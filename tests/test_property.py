"""Whatever the statement, planned execution gives what inline execution gives, and asks no more.

`HYPOTHESIS_PROFILE=thorough` draws thousands of statements, other ones each time.
"""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from hashlib import blake2b
from typing import TYPE_CHECKING

import duckdb
import pytest
from hypothesis import HealthCheck, given, note, settings as profile

import airquery
from airquery.connection import close_engines
from airquery.testing import EndpointServer, Reply
from tests.statements import TABLES, statements


if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


profile.register_profile("quick", max_examples=15, derandomize=True, database=None, deadline=None)
profile.register_profile(
    "thorough",
    max_examples=int(os.environ.get("AIRQUERY_EXAMPLES", "3000")),
    deadline=None,
    print_blob=False,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
profile.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


# How many executions share one registration of endpoints: each has a pair of its own.
BLOCK = 200
_NAMES = re.compile("'(llm|shaky)'")


@dataclass(frozen=True, slots=True, kw_only=True)
class Executed:
    """What became of one statement: its rows or its error, and what was asked for it."""

    rows: list[str] | None
    problem: str
    asked: list[str]


class Place:
    """A database with the tables of the statements, before one endpoint."""

    def __init__(self, server: EndpointServer, settings: airquery.Settings) -> None:
        self._server = server
        self._settings = settings
        self._number = 0
        self._connection = duckdb.connect(config={"threads": 1})
        self._connection.execute(TABLES)

    def execute(self, statement: str, *, planned: bool) -> Executed:
        """Run a statement before an endpoint that nobody ever asked anything."""
        if self._number % BLOCK == 0:
            self._register(range(self._number, self._number + BLOCK))
        statement = _NAMES.sub(rf"'\1-{self._number}'", statement)
        self._number += 1
        before = self._server.count
        rows, problem = None, ""
        try:
            if planned:
                table = airquery.run(self._connection, statement).table
            else:
                table = self._connection.sql(statement).to_arrow_table()
            rows = sorted(str(list(row.values())) for row in table.to_pylist()) if table else []
        except (airquery.AirqueryError, duckdb.Error) as caught:
            problem = str(caught)
        asked = [f"{r.body['model']}: {r.body['messages']}" for r in self._server.requests[before:]]
        return Executed(rows=rows, problem=problem, asked=asked)

    def _register(self, numbers: range) -> None:
        endpoint = self._server.endpoint
        endpoints = {
            f"{name}-{number}": endpoint(f"{name}-{number}", identity=str(number), model=name)
            for name in ("llm", "shaky")
            for number in numbers
        }
        airquery.register(
            self._connection,
            registry=airquery.Registry.from_mapping(endpoints),
            settings=self._settings,
        )

    def close(self) -> None:
        """Close the database."""
        self._connection.close()


def answer(body: Mapping[str, object]) -> object:
    """Answer with one of few words; the shaky model refuses every fourth question."""
    word = blake2b(str(body["messages"]).encode(), digest_size=1).digest()[0] % 8
    if body["model"] == "shaky" and word % 4 == 0:
        return Reply(status=400)
    return f"w{word}"


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    home = tmp_path_factory.mktemp("home")
    with EndpointServer(answer=answer) as server:
        place = Place(server, airquery.Settings.read(home=home))
        yield place
        place.close()
    close_engines()


@given(statement=statements())
def test_planned_execution_gives_the_same_rows_and_asks_nothing_more_and_nothing_twice(
    place: Place, statement: str
) -> None:
    note(statement)
    inline = place.execute(statement, planned=False)
    planned = place.execute(statement, planned=True)

    assert (planned.rows, planned.problem[:60]) == (inline.rows, inline.problem[:60])
    assert set(planned.asked) <= set(inline.asked)
    assert len(planned.asked) == len(set(planned.asked))
