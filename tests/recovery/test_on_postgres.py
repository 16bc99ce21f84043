"""Processes that share a journal on a server: one set of requests, whoever dies on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.testing import EndpointServer
from tests.recovery.test_kill_and_resume import ROWS, start, wait_for_requests


if TYPE_CHECKING:
    from pathlib import Path

    import pytest

    from tests.postgres_server import PostgresServer


def test_four_processes_at_once_send_each_request_once(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRQUERY_JOURNAL", postgres.new_database())
    with EndpointServer(latency_s=0.05) as server:
        running = [start("planned", server, tmp_path / str(number)) for number in range(4)]
        ends = [process.communicate(timeout=120)[0].splitlines()[-1].split() for process in running]

        assert server.count == ROWS
    assert [end[:2] for end in ends] == [["rows", str(ROWS)]] * 4
    assert sum(int(end[2]) for end in ends) == ROWS
    assert sum(int(end[3]) for end in ends) == 3 * ROWS


def test_after_kill_9_only_what_was_not_answered_is_asked(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()
    monkeypatch.setenv("AIRQUERY_JOURNAL", url)
    with EndpointServer(latency_s=0.1) as server:
        killed = start("planned", server, tmp_path / "home")
        wait_for_requests(server, 30, killed)
        killed.kill()
        killed.communicate(timeout=60)
        sent_before = server.count
        ((answered,),) = postgres.execute(url, "SELECT count(*) FROM airquery.answer")

        output, _ = start("planned", server, tmp_path / "home").communicate(timeout=120)

        assert output.splitlines()[-1] == f"rows {ROWS} {ROWS - answered} {answered}"
        assert server.count == sent_before + ROWS - answered
        # Asked twice is what was in flight at the kill: four on the wire, four being written.
        assert server.count - ROWS <= 8
    assert 0 < answered < ROWS


def test_a_run_is_complete_when_the_server_was_restarted_in_its_middle(
    tmp_path: Path, postgres: PostgresServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = postgres.new_database()
    monkeypatch.setenv("AIRQUERY_JOURNAL", url)
    with EndpointServer(latency_s=0.1) as server:
        running = start("planned", server, tmp_path / "home")
        wait_for_requests(server, 30, running)
        postgres.restart()
        output, _ = running.communicate(timeout=120)

        assert output.splitlines()[-1] == f"rows {ROWS} {ROWS} 0"
        assert server.count == ROWS
    assert postgres.execute(url, "SELECT count(*) FROM airquery.answer") == [(ROWS,)]
