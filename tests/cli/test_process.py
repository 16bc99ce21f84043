"""The command as a process: Ctrl-C, a pipe that is closed, and what stderr is for."""

from __future__ import annotations

import signal
import subprocess
import time
from typing import TYPE_CHECKING

import pytest

from airquery import RunStats
from airquery.cli.progress import LineProgress, progress_text, seconds_left
from airquery.testing import EndpointServer
from tests.cli.conftest import SHELL_COMMAND, declare, shell_environment


if TYPE_CHECKING:
    from pathlib import Path

ROWS = 40
ASK = f"SELECT i, ai_query('llm', 'row ' || i) AS a FROM range({ROWS}) AS r(i)"


def start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    """Start the command in a process of its own, with pipes for its output."""
    return subprocess.Popen(
        [*SHELL_COMMAND, *arguments],
        env=shell_environment(
            AIRQUERY_HOME=str(folder / "home"), AIRQUERY_ENDPOINTS=str(folder / "endpoints.yaml")
        ),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_ctrl_c_keeps_the_answers_and_the_same_command_asks_for_the_rest(tmp_path: Path) -> None:
    with EndpointServer(latency_s=0.3) as server:
        declare(tmp_path / "endpoints.yaml", server, "llm", more=", limits: {concurrency: 4}")
        stopped = start(tmp_path, "sql", ASK, "--output", "csv")
        deadline = time.monotonic() + 60
        while server.count < 12 and time.monotonic() < deadline:
            time.sleep(0.01)
        stopped.send_signal(signal.SIGINT)
        out, err = stopped.communicate(timeout=60)
        sent = server.count

        assert (stopped.returncode, out) == (130, "")
        (line,) = err.splitlines()
        before, _, after = line.partition(" answered ")
        assert after == "are kept in the journal"
        kept = int(before.removeprefix("cancelled: "))
        assert 0 < kept < ROWS

        again = start(tmp_path, "sql", ASK, "--output", "csv")
        out, err = again.communicate(timeout=60)

        assert again.returncode == 0
        assert len(out.splitlines()) == 1 + ROWS
        # What was in flight when it was stopped may be asked again, and nothing else.
        assert ROWS - kept >= server.count - sent >= ROWS - sent
        assert server.count - ROWS <= 4


@pytest.mark.parametrize("form", ["csv", "json", "table"])
def test_a_reader_that_stops_reading_ends_it_quietly(tmp_path: Path, form: str) -> None:
    (tmp_path / "endpoints.yaml").write_text("endpoints: {}\n", encoding="utf-8")
    running = start(
        tmp_path, "sql", "SELECT i FROM range(20000) AS r(i)", "--output", form, "--max-rows", "0"
    )
    assert running.stdout is not None
    running.stdout.read(1)
    running.stdout.close()
    assert running.stderr is not None
    said = running.stderr.read()
    running.stderr.close()

    assert running.wait(60) == 0
    assert said == ""


def test_rows_are_utf_8_in_every_locale(tmp_path: Path) -> None:
    ended = subprocess.run(
        [*SHELL_COMMAND, "sql", "SELECT 'größer 日本' AS a", "--output", "csv"],
        env=shell_environment(AIRQUERY_HOME=str(tmp_path), PYTHONIOENCODING="ascii"),
        capture_output=True,
        check=True,
    )

    assert ended.stdout.decode() == "a\ngrößer 日本\n"


def test_progress_is_one_line_every_ten_seconds_where_nobody_looks(
    capsys: pytest.CaptureFixture[str],
) -> None:
    progress = LineProgress()
    for seconds in range(31):
        progress(RunStats(requests=100, answered=seconds, sent=seconds, seconds=float(seconds)))

    out, err = capsys.readouterr()
    assert out == ""
    assert [line.partition(",")[0] for line in err.splitlines()] == [
        "10/100 answered",
        "20/100 answered",
        "30/100 answered",
    ]


def test_progress_names_every_counter_and_the_time_that_is_left() -> None:
    stats = RunStats(
        requests=2000,
        answered=1500,
        sent=1000,
        from_journal=500,
        failed=3,
        prompt_tokens=12_000,
        completion_tokens=400,
        seconds=250.0,
        collected=True,
    )

    assert progress_text(stats) == (
        "1,500/2,000 answered, 500 from journal, 3 failed, 4.0/s, 12,000+400 tokens, 2:05 left"
    )


@pytest.mark.parametrize(
    "stats",
    [
        RunStats(requests=10, sent=5, seconds=1.0, collected=False),
        RunStats(requests=10, sent=0, seconds=1.0, collected=True),
        RunStats(requests=10, sent=0, seconds=0.0, collected=True),
    ],
)
def test_nothing_is_said_about_the_time_left_that_nobody_can_know(stats: RunStats) -> None:
    assert seconds_left(stats) is None
    assert "left" not in progress_text(stats)


def test_a_terminal_sees_a_bar_and_stdout_stays_clean(tmp_path: Path) -> None:
    with EndpointServer(latency_s=0.2) as server:
        declare(tmp_path / "endpoints.yaml", server, "llm", more=", limits: {concurrency: 4}")
        out, shown = in_terminal(tmp_path, "sql", ASK, "--output", "csv")

    assert len(out.splitlines()) == 1 + ROWS
    assert f"/{ROWS} answered" in shown
    assert f"{ROWS} requests in" in shown


def in_terminal(folder: Path, *arguments: str) -> tuple[str, str]:
    """Run the command with stderr on a terminal; return stdout and what the terminal got."""
    import os  # noqa: PLC0415
    import pty  # noqa: PLC0415

    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*SHELL_COMMAND, *arguments],
        env=shell_environment(
            AIRQUERY_HOME=str(folder / "home"), AIRQUERY_ENDPOINTS=str(folder / "endpoints.yaml")
        )
        | {"TERM": "xterm", "COLUMNS": "120"},
        stdout=subprocess.PIPE,
        stderr=theirs,
        text=True,
    ) as running:
        os.close(theirs)
        shown = b""
        try:
            while piece := os.read(ours, 4096):
                shown += piece
        except OSError:
            # Linux says so when the other end of a terminal is closed.
            pass
        os.close(ours)
        assert running.stdout is not None
        return running.stdout.read(), shown.decode()


def test_ctrl_c_leaves_a_batch_job_to_its_provider_and_the_same_command_reads_it(
    tmp_path: Path,
) -> None:
    batch = "{quiet_s: 0.05, first_poll_s: 0.01, longest_poll_s: 0.05}"
    with EndpointServer() as server:
        declare(tmp_path / "endpoints.yaml", server, "llm", more=f", mode: batch, batch: {batch}")
        server.hold_batches()
        stopped = start(tmp_path, "sql", ASK, "--output", "csv")
        deadline = time.monotonic() + 60
        while not any(one.looked_at for one in server.batches) and time.monotonic() < deadline:
            time.sleep(0.01)
        stopped.send_signal(signal.SIGINT)
        _, err = stopped.communicate(timeout=60)
        server.hold_batches(held=False)
        out, _ = start(tmp_path, "sql", ASK, "--output", "csv").communicate(timeout=60)

        assert (stopped.returncode, err.splitlines()) == (
            130,
            [
                "cancelled: 0 answered are kept in the journal",
                (
                    "1 batch jobs stay at the provider: the same command again reads them, and submits "
                    "nothing twice"
                ),
            ],
        )
        assert len(out.splitlines()) == 1 + ROWS
        assert [len(one.bodies) for one in server.batches] == [ROWS]
