"""Processes that run the same statement at once: one set of requests, and a whole result for each."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import TYPE_CHECKING

from tests.chaos.command import QUERY, Place
from tests.chaos.endpoint import PROMPTS, ROWS, CountingEndpoint


if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.figures import Chaos

LONG, SHORT = 4, 2


def test_processes_at_once_send_each_request_once(
    tmp_path: Path, new_journal: str | None, endpoint: CountingEndpoint, chaos: Chaos
) -> None:
    place = Place.make(tmp_path / "place", endpoint.server, new_journal)
    outs = [tmp_path / f"{number}.csv" for number in range(chaos.pick(LONG, SHORT))]
    # Each has a home of its own, as on a machine of its own.
    places = [replace(place, home=tmp_path / out.stem) for out in outs]
    running = [
        one.start(QUERY, "--output", "csv", "-q", out=out)
        for one, out in zip(places, outs, strict=True)
    ]
    ends = [(process.communicate(timeout=120)[1], process.returncode) for process in running]

    assert ends == [("", 0)] * len(outs)
    assert endpoint.sent == Counter(f"row {i}" for i in range(PROMPTS))
    lines = ["i,answer", *(f"{i},row {i % PROMPTS}" for i in range(ROWS))]
    assert [out.read_text(encoding="utf-8").splitlines() for out in outs] == [lines] * len(outs)
    chaos.figures.add(
        "processes at once",
        journal=place.journal.partition(":")[0],
        processes=len(outs),
        different_requests=PROMPTS,
        requests_in_all=endpoint.server.count,
    )
