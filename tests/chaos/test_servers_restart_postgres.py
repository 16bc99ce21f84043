"""What a statement needs goes away in its middle and comes back: PostgreSQL, the endpoint."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.chaos.command import QUERY, Place
from tests.chaos.endpoint import CONCURRENCY, PROMPTS, ROWS, CountingEndpoint


if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.figures import Chaos
    from tests.postgres_server import PostgresServer

AWAY_LONG_S, AWAY_SHORT_S = 60.0, 3.0
LINES = ["i,answer", *(f"{i},row {i % PROMPTS}" for i in range(ROWS))]


def test_a_statement_survives_a_restart_of_its_journals_server(
    tmp_path: Path, postgres: PostgresServer, endpoint: CountingEndpoint, chaos: Chaos
) -> None:
    place = Place.make(tmp_path / "place", endpoint.server, postgres.new_database())
    running = place.start(QUERY, "--output", "csv", "-q")
    while endpoint.replies < PROMPTS // 3:
        assert running.poll() is None
        time.sleep(0.005)
    began = time.monotonic()
    postgres.restart()
    away_s = time.monotonic() - began
    out, said = running.communicate(timeout=120)

    assert (out.splitlines(), running.returncode) == (LINES, 0)
    assert "journal lost, trying again" in said or said == ""
    assert len(place.kept()) == endpoint.server.count == PROMPTS
    chaos.figures.add(
        "PostgreSQL restarted", away_s=round(away_s, 2), sent_again=endpoint.server.count - PROMPTS
    )


def test_a_statement_waits_for_an_endpoint_that_is_away_for_a_while(
    tmp_path: Path, endpoint: CountingEndpoint, chaos: Chaos
) -> None:
    place = Place.make(tmp_path / "place", endpoint.server)
    running = place.start(QUERY, "--output", "csv", "-q")
    while endpoint.replies < PROMPTS // 3:
        assert running.poll() is None
        time.sleep(0.005)
    away_s = chaos.pick(AWAY_LONG_S, AWAY_SHORT_S)
    endpoint.server.stop()
    before = endpoint.server.count
    # What is measured is time: there is nothing else to wait for.
    time.sleep(away_s)
    assert running.poll() is None
    back = time.monotonic()
    endpoint.server.start()
    out, said = running.communicate(timeout=120)
    took_s = time.monotonic() - back

    assert (out.splitlines(), said, running.returncode) == (LINES, "", 0)
    # Sent again is what was on the wire when it went away.
    assert PROMPTS <= endpoint.server.count <= PROMPTS + CONCURRENCY
    assert before < PROMPTS
    chaos.figures.add(
        "endpoint away",
        away_s=away_s,
        done_after_it_was_back_s=round(took_s, 1),
        sent_again=endpoint.server.count - PROMPTS,
    )
