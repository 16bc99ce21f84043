"""Two processes, one statement: what the other does when one of them dies or fails."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.testing import EndpointServer, Reply
from tests.recovery.test_stop_and_work_on import ROWS, start, wait_for_requests


if TYPE_CHECKING:
    from pathlib import Path


def test_when_one_of_two_is_killed_the_other_asks_the_rest(tmp_path: Path) -> None:
    with EndpointServer(latency_s=0.1) as server:
        killed = start("planned", server, tmp_path / "home")
        wait_for_requests(server, 10, killed)
        other = start("planned", server, tmp_path / "home")
        wait_for_requests(server, 30, other)
        killed.kill()
        killed.communicate(timeout=60)
        output, _ = other.communicate(timeout=120)

        assert output.splitlines()[-1].startswith(f"rows {ROWS} ")
        # Asked twice is what was in flight at the kill: four on the wire, four being written.
        assert ROWS <= server.count <= ROWS + 8


def test_a_request_that_failed_in_one_process_is_asked_by_the_other(tmp_path: Path) -> None:
    with EndpointServer(latency_s=0.05) as server:
        # The first to ask is refused; whoever waits for it asks again and is answered.
        server.script(Reply(status=400, after_s=1.0))
        running = [start("planned", server, tmp_path / "home") for _ in range(2)]
        ends = sorted(process.communicate(timeout=120)[0].splitlines()[-1] for process in running)

        assert ends[0].startswith(f"rows {ROWS} ")
        assert ends[1] == "works on"
        # Asked twice is the row that failed, and the four that its process left on the wire.
        assert ROWS + 1 <= server.count <= ROWS + 5
