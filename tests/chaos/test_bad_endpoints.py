"""Whatever an endpoint does: as many rows as before, each with its own answer or a named failure, soon.

What one reply of such an endpoint ends as is in tests/execute/test_broken_wires.py and
tests/endpoints/.
"""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any

import pytest

import airquery
from airquery.testing import EndpointServer, Reply
from tests.chaos.bad_endpoints import BAD, Bad


if TYPE_CHECKING:
    import random
    from collections.abc import Mapping

    from tests.chaos.figures import Chaos

SHORT = 12
# Of a machine that does other things as well; what is measured is far below.
BOUND_S = 90.0
NAMED = re.compile(r"\[AI_FUNCTION_\w+\]")


def served(bad: Bad, dice: random.Random) -> EndpointServer:
    """Return the endpoint."""

    def answer(body: Mapping[str, Any]) -> object:
        text = body["input"][0] if bad.task == "embeddings" else body["messages"][-1]["content"]
        row = int(str(text).split()[1])
        reply: Reply | None = bad.replies(row, dice)
        return bad.answer(row) if reply is None else reply

    return EndpointServer(answer=answer, latency_s=bad.latency_s)


@pytest.mark.parametrize("name", BAD)
def test_every_row_ends_as_its_own_answer_or_as_a_named_failure(
    name: str, settings: airquery.Settings, chaos: Chaos
) -> None:
    bad, rows = BAD[name], chaos.pick(BAD[name].rows, SHORT)
    with served(bad, chaos.dice()) as server:
        endpoint = server.endpoint("llm", bad.task, limits=bad.limits, timeout_s=bad.timeout_s)
        registry = airquery.Registry.from_mapping({"llm": endpoint})
        with airquery.connect(registry=registry, settings=settings) as connection:
            began = time.monotonic()
            run = airquery.run(connection, f"SELECT i, {bad.call} AS a FROM range({rows}) AS t(i)")
            took_s = time.monotonic() - began
        requests = server.count

    assert run.table is not None
    ends = {row["i"]: row["a"] for row in run.table.to_pylist()}
    values = [i for i, end in ends.items() if end["errorMessage"] is None]
    failed = {i: end["errorMessage"] for i, end in ends.items() if i not in values}
    assert sorted(ends) == list(range(rows))
    assert {i: ends[i]["result"] for i in values} == {i: bad.expected(i) for i in values}
    assert (
        values
        == {
            "values": list(range(rows)),
            "failures": [],
            "half": list(range(0, rows, 2)),
        }[bad.ends]
    )
    assert [said for said in failed.values() if not NAMED.match(said) or bad.said not in said] == []
    assert run.stats.failed == len(failed)
    assert took_s < BOUND_S
    chaos.figures.add(
        "bad endpoints",
        endpoint=name,
        rows=rows,
        values=len(values),
        failures=len(failed),
        requests=requests,
        seconds=round(took_s, 1),
    )
