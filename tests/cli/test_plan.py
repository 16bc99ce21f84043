"""`airquery plan` says what a statement would ask and cost, and sends nothing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import pytest

from tests.cli.conftest import declare


if TYPE_CHECKING:
    from pathlib import Path

    from airquery.testing import EndpointServer
    from tests.cli.conftest import Command

ASK = "SELECT ai_query('llm', 'row ' || i, modelParameters => {'max_tokens': 10}) FROM range(3) AS r(i)"


@pytest.mark.usefixtures("endpoints")
def test_the_figures_stand_in_a_table_and_nothing_is_sent(
    command: Command, server: EndpointServer
) -> None:
    ended = command("plan", ASK)

    header, row = (
        [cell.strip() for cell in line.strip("┃│").replace("┃", "│").split("│")]
        for line in ended.out.splitlines()
        if line.startswith(("┃", "│"))
    )
    assert (ended.code, ended.err, server.count) == (0, "", 0)
    assert dict(zip(header, row, strict=True)) == {
        "endpoint": "llm",
        "model": "test-model",
        "rows": "3",
        "requests": "3",
        "answered": "0",
        "new": "3",
        "input tokens": "11 - 22",
        "output tokens": "0 - 30",
        "price": "not declared",
        "duration": "unknown",
    }


def test_json_has_the_same_figures_with_the_price(
    command: Command, folder: Path, server: EndpointServer
) -> None:
    file = folder / "priced.yaml"
    declare(file, server, "llm", more=", price: {input_per_million: 1, output_per_million: 2}")

    ended = command("plan", ASK, "--endpoints", file, "--output", "json")

    [found] = json.loads(ended.out)["endpoints"]
    assert found["price"] == {"low": 11e-6, "high": 82e-6}
    assert (found["new"], found["currency"], found["seconds"]) == (3, "USD", None)


@pytest.mark.usefixtures("endpoints")
def test_what_is_not_counted_is_said_on_stderr(command: Command) -> None:
    ended = command(
        "plan", "SELECT ai_query('llm', ai_query('llm', 'row ' || i)) FROM range(3) t(i)"
    )

    assert ended.code == 0
    assert ended.err == "note: ai_query(llm) is not counted: it builds on another call's answers\n"


def test_a_statement_without_calls_asks_nothing(command: Command) -> None:
    ended = command("plan", "SELECT 1")

    assert (ended.code, ended.out) == (0, "")
    assert ended.err == "Nothing would be asked, as far as it can be counted.\n"
