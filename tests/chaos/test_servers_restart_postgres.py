"""What a statement needs goes away in its middle and comes back: PostgreSQL, the endpoint."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from tests.chaos.command import QUERY, Place
from tests.chaos.endpoint import PROMPTS, ROWS, CountingEndpoint


if TYPE_CHECKING:
    from pathlib import Path

    from tests.chaos.figures import Chaos
    from tests.postgres_server import PostgresServer

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
    chaos.figures.add("PostgreSQL restarted", away_s=round(away_s, 2), sent_again=0)
