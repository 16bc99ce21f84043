"""Stop a statement of a program, planned or inline; it stops, and the connection works on."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest

from airquery.testing import EndpointServer


if TYPE_CHECKING:
    from pathlib import Path

ROWS = 80
# Runs one statement over so many rows, planned or inline, and says how it ended.
PROGRAM = """
import sys
import airquery
from airquery.endpoints.endpoint import Endpoint, Limits
mode, url, home = sys.argv[1:]
endpoint = Endpoint(name="llm", task="chat", base_url=url, model="m", limits=Limits(concurrency=4))
connection = airquery.connect(
    registry=airquery.Registry.from_mapping({"llm": endpoint}),
    settings=airquery.Settings.read(home=home),
)
connection.execute("CREATE TABLE t AS SELECT 'row ' || i AS s FROM range(80) AS r(i)")
print("ready", flush=True)
try:
    if mode == "planned":
        run = airquery.run(connection, "SELECT ai_query('llm', s) AS r FROM t")
        print(*run.notes)
        print("rows", run.table.num_rows, run.stats.sent, run.stats.from_journal, flush=True)
    else:
        print("rows", len(connection.sql("SELECT ai_query('llm', s) AS r FROM t").fetchall()), flush=True)
except BaseException as problem:
    # What Ctrl-C stopped may come before Ctrl-C itself.
    try:
        print("stopped", type(problem).__name__, flush=True)
    except KeyboardInterrupt:
        print("stopped by Ctrl-C", flush=True)
    assert airquery.run(connection.cursor(), "SELECT 1 AS one").table.num_rows == 1
    print("works on", flush=True)
"""


def start(mode: str, server: EndpointServer, home: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", PROGRAM, mode, f"{server.url}/v1", str(home)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def wait_for_requests(server: EndpointServer, count: int, of: subprocess.Popen[str]) -> None:
    while server.count < count:
        assert of.poll() is None
        time.sleep(0.005)


@pytest.mark.parametrize("mode", ["planned", "inline"])
def test_ctrl_c_stops_a_statement_within_a_second_and_the_connection_works_on(
    tmp_path: Path, mode: str
) -> None:
    with EndpointServer(latency_s=0.5) as server:
        running = start(mode, server, tmp_path / "home")
        wait_for_requests(server, 8, running)
        began = time.monotonic()
        os.kill(running.pid, signal.SIGINT)
        assert running.stdout is not None
        # DuckDB ends its progress bar with an empty line, once a statement takes two seconds.
        told = (line.strip() for line in running.stdout if line.strip())
        lines = [next(told), next(told)]
        took = time.monotonic() - began
        rest, _ = running.communicate(timeout=60)

        assert lines[0] == "ready"
        assert lines[1].startswith("stopped"), f"it ended with {running.returncode}: {lines} {rest}"
        assert "works on" in rest
        # All rows would take 10 s, the chunk that is being answered as well.
        assert took < 3
        assert server.count < 60
