"""A backfill in a real Airflow: a failing day, an interrupt, and the same command again.

One test of one DAG, because Airflow takes long to start, and half a minute to close a backfill. Not
collected by `make test`, because of its name: `make test-integration` names it.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.operators.backfill.airflow_server import PASSWORD, AirflowServer


if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.postgres_server import PostgresServer

ROOT = Path(__file__).parents[3]
DAGS = Path(__file__).parent / "dags"
DAYS = ("2026-11-01", "2026-11-02", "2026-11-03")
MADE = r"Backfill \d+ of days \(2026-11-01 00:00 to 2026-11-03 23:59:59\)"
WITHIN_S = 300.0
# An Airflow that does nothing fails the test, and does not keep it waiting.
BOUNDED = ("--poll-s", "2", "--timeout-minutes", "4")


class Command:
    """`airquery backfill` in a process of its own."""

    def __init__(self, airflow: AirflowServer, path: Path, *arguments: str) -> None:
        layers = [str(ROOT / layer) for layer in ("include", "operators", "sql")]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "airquery.cli", "backfill", *BOUNDED, *arguments],
            env={
                **os.environ,
                **airflow.login(),
                "PYTHONPATH": os.pathsep.join([str(path), *layers]),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self.said: list[str] = []

    def until(self, pattern: str) -> None:
        """Read stderr up to a line, which must come."""
        assert self._process.stderr is not None
        for line in self._process.stderr:
            self.said.append(line.rstrip())
            if re.search(pattern, line):
                return
        raise AssertionError(f"{pattern!r} was not said, but {self.said}")

    def interrupt(self) -> None:
        """Send what Ctrl-C sends."""
        self._process.send_signal(signal.SIGINT)

    def end(self) -> tuple[int, list[str]]:
        """Wait for the end; return the exit code and the lines of stdout."""
        out, err = self._process.communicate(timeout=WITHIN_S)
        self.said += err.splitlines()
        assert PASSWORD not in out + "\n".join(self.said)
        return self._process.returncode, out.splitlines()


@pytest.fixture
def marks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where files hold a day up or let it fail."""
    monkeypatch.setenv("BACKFILL_TEST_FOLDER", str(tmp_path))
    return tmp_path


@pytest.fixture
def airflow(postgres: PostgresServer, marks: Path) -> Iterator[AirflowServer]:
    assert marks.is_dir()
    database = postgres.new_database()
    with AirflowServer(database, dags_folder=DAGS, dag_ids=("days",)) as airflow:
        yield airflow


def test_a_backfill_is_interrupted_followed_to_a_failed_day_and_mended(
    airflow: AirflowServer, marks: Path, installed: Path
) -> None:
    (marks / f"fail-{DAYS[1]}").touch()
    (marks / f"hold-{DAYS[2]}").touch()

    def command(*arguments: str, to: str = DAYS[2]) -> Command:
        return Command(
            airflow, installed, "--dag", "days", "--from", DAYS[0], "--to", to, *arguments
        )

    # Interrupted while the last day is held up, it goes on in Airflow.
    first = command()
    first.until("3 days: 1 success, 1 failed, 1 running")
    first.interrupt()
    assert first.end() == (130, [])
    assert re.fullmatch(f"interrupted: {MADE} goes on in Airflow. .* cancels it.", first.said[-1])

    # Another range is refused, the same one is followed.
    other = command(to="2026-11-02")
    assert other.end() == (1, [])
    assert re.fullmatch(f"airquery: {MADE} runs, and Airflow has only one .*", other.said[-1])
    same = command()
    same.until(f"{MADE} runs already: following it")
    (marks / f"hold-{DAYS[2]}").unlink()
    page = "/dags/days/runs/backfill__2026-11-03T03%3A00%3A00%2B00%3A00/tasks/work?try_number=1"
    assert same.end() == (
        4,
        [
            f"{DAYS[0]} 03:00  success",
            f"{DAYS[1]} 03:00  failed",
            f"{DAYS[2]} 03:00  success",
            f"failed: {DAYS[1]} 03:00",
            "  work (try 1)",
            f"    {airflow.url}{page}",
            "days: 3 days: 2 success, 1 failed",
        ],
    )

    # Mended, the failed day alone runs again.
    (marks / f"fail-{DAYS[1]}").unlink()
    again = command("--reprocess", "failed")
    code, lines = again.end()
    assert (code, lines[-1]) == (0, "days: 3 days: 3 success")
    assert any(line.endswith("is made: 1 day to run") for line in again.said)
