"""Processes of one journal whose clocks differ by an hour: claims and answers are what they were."""

from __future__ import annotations

import subprocess
import sys
from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.chaos.command import QUERY, Place
from tests.chaos.endpoint import PROMPTS, ROWS, CountingEndpoint


if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.figures import Chaos

HOUR_S = 3600
# The command under a clock that is wrong: Python's, so that it needs no rights and no library.
PROGRAM = """
import sys, time
right, wrong_by_s = time.time, float(sys.argv.pop(1))
time.time = lambda: right() + wrong_by_s
from airquery.cli import main
main()
"""
LINES = ["i,answer", *(f"{i},row {i % PROMPTS}" for i in range(ROWS))]


def test_clocks_that_differ_by_an_hour_cost_no_request_and_no_answer(
    tmp_path: Path, new_journal: str | None, endpoint: CountingEndpoint, chaos: Chaos
) -> None:
    place = Place.make(tmp_path / "place", endpoint.server, new_journal)
    clocks = chaos.pick((-HOUR_S, 0, HOUR_S), (0, HOUR_S))
    running = [
        subprocess.Popen(
            [sys.executable, "-c", PROGRAM, str(clock), "sql", QUERY, "--output", "csv", "-q"],
            env=replace(place, home=tmp_path / f"home {clock}").environment(),
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for clock in clocks
    ]
    ends = [process.communicate(timeout=120) for process in running]

    assert [said for _, said in ends] == [""] * len(ends)
    assert [out.splitlines() for out, _ in ends] == [LINES] * len(ends)
    assert endpoint.sent == Counter(f"row {i}" for i in range(PROMPTS))
    chaos.figures.add(
        "clocks that differ by an hour",
        journal=place.journal.partition(":")[0],
        processes=len(clocks),
        different_requests=PROMPTS,
        requests_in_all=endpoint.server.count,
    )
