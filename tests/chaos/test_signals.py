"""SIGINT and SIGTERM at every stage: it stops soon, says that it was stopped, and keeps what it has."""

from __future__ import annotations

import re
import signal
import time
from functools import partial
from itertools import product
from typing import TYPE_CHECKING

import pytest

from airquery.testing import EndpointServer
from tests.chaos.command import QUERY, Place, shell_code
from tests.chaos.endpoint import CONCURRENCY, PROMPTS, ROWS


if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.chaos.figures import Chaos

BOTH = (signal.SIGINT, signal.SIGTERM)
# About a second on a machine that is not busy; several where six processes want each core.
BOUND_S = 20.0
# Busy for minutes before the first request is known.
READING = """
SELECT ai_query('llm', 'row ' || x) AS answer
FROM range(3000000) AS a(x), range(3000000) AS b(y)
WHERE (x * y) % 7 = 9
"""
# More than a pipe takes that nobody reads.
OUTPUT = "SELECT i, repeat('long ', 100) AS answer FROM range(20000) AS given(i)"
TOLD = re.compile(r"^cancelled: (\d+) answered are kept in the journal$", re.MULTILINE)
STARTING_S = (0.4, 0.01, 0.1, 0.2, 0.3, 0.5, 0.6, 0.8)
# So many of each start, and the signal then; all of them are fewer than there are.
AT_REQUESTS = (
    *((6, signal.SIGTERM), (6, signal.SIGINT), (1, signal.SIGTERM), (1, signal.SIGINT)),
    *((3, signal.SIGTERM), (3, signal.SIGINT), (2, signal.SIGTERM), (2, signal.SIGINT)),
)


def stopped(running: subprocess.Popen[str], number: signal.Signals) -> tuple[int, float, str]:
    """Send a signal; return the exit code as a shell has it, how long it took, and what was said."""
    began = time.monotonic()
    running.send_signal(number)
    running.wait(timeout=60)
    took_s = time.monotonic() - began
    assert running.stderr is not None
    said = running.stderr.read()
    running.stderr.close()
    if running.stdout is not None:
        running.stdout.close()
    return shell_code(running), took_s, said


def wait_until(true: Callable[[], bool], running: subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not true():
        assert running.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.005)


def has_asked(server: EndpointServer, requests: int) -> bool:
    return server.count >= requests


def note(chaos: Chaos, stage: str, number: signal.Signals, took_s: float) -> None:
    chaos.figures.add("signals", stage=stage, signal=number.name, seconds=round(took_s, 2))


@pytest.fixture
def slow_endpoint() -> Iterator[EndpointServer]:
    with EndpointServer(latency_s=0.3) as server:
        yield server


def test_stopped_while_it_starts_it_has_sent_nothing(
    tmp_path: Path, slow_endpoint: EndpointServer, chaos: Chaos
) -> None:
    place = Place.make(tmp_path / "place", slow_endpoint)
    moments = product(chaos.pick(BOTH, BOTH[:1]), chaos.pick(STARTING_S, STARTING_S[:1]))
    for number, after_s in moments:
        running = place.start(READING)
        # What is measured from is the start itself: there is nothing else to wait for.
        time.sleep(after_s)
        code, took_s, said = stopped(running, number)
        note(chaos, "start-up", number, took_s)

        # Python itself says 1 where Ctrl-C comes while it starts, before it runs any of our code.
        early = said.startswith("Could not import runpy module")
        ours = not early and ("<frozen runpy>" in said or "airquery" in said)
        assert code == 128 + number or (code == 1 and not ours), (after_s, said)
        assert took_s < BOUND_S
    assert slow_endpoint.count == 0


def test_stopped_while_it_reads_it_has_sent_nothing(
    tmp_path: Path, slow_endpoint: EndpointServer, chaos: Chaos
) -> None:
    for number in chaos.pick(BOTH, BOTH[1:]):
        place = Place.make(tmp_path / number.name, slow_endpoint)
        running = place.start(READING)
        wait_until(place.journal_file.exists, running)
        # Long enough for the statement to have begun.
        time.sleep(0.5)
        code, took_s, said = stopped(running, number)
        note(chaos, "reading", number, took_s)

        assert (code, slow_endpoint.count) == (128 + number, 0)
        assert "cancelled: 0 answered are kept in the journal" in said
        assert took_s < BOUND_S


def test_stopped_with_requests_in_flight_it_keeps_its_answers_and_goes_on_with_the_rest(
    tmp_path: Path, slow_endpoint: EndpointServer, chaos: Chaos
) -> None:
    place = Place.make(tmp_path / "place", slow_endpoint)
    moments = chaos.pick(AT_REQUESTS, AT_REQUESTS[:1])
    for after, number in moments:
        wanted = slow_endpoint.count + after
        running = place.start(QUERY, "--output", "csv")
        wait_until(partial(has_asked, slow_endpoint, wanted), running)
        code, took_s, said = stopped(running, number)
        note(chaos, "in flight", number, took_s)

        told, kept = TOLD.search(said), len(place.kept())
        assert code == 128 + number
        assert told is not None, said
        # What arrives while it stops is kept as well.
        assert int(told[1]) <= kept
        assert took_s < BOUND_S
    kept, sent = len(place.kept()), slow_endpoint.count
    out = tmp_path / "rows.csv"
    ended = place.start(QUERY, "--output", "csv", "-q", out=out)

    assert (ended.communicate(timeout=60)[1], ended.returncode) == ("", 0)
    assert out.read_text(encoding="utf-8").count("\n") == ROWS + 1
    assert slow_endpoint.count - sent == PROMPTS - kept
    assert slow_endpoint.count - PROMPTS <= CONCURRENCY * len(moments)


def test_stopped_while_nobody_takes_its_rows_it_ends(
    tmp_path: Path, slow_endpoint: EndpointServer, chaos: Chaos
) -> None:
    for number in chaos.pick(BOTH, BOTH[:1]):
        place = Place.make(tmp_path / number.name, slow_endpoint)
        running = place.start(OUTPUT, "--output", "csv", "-q")
        assert running.stdout is not None
        assert running.stdout.read(1) == "i"
        # Its pipe is full by now, or will be.
        time.sleep(0.3)
        code, took_s, _ = stopped(running, number)
        note(chaos, "writing the output", number, took_s)

        assert code == 128 + number
        assert took_s < BOUND_S
