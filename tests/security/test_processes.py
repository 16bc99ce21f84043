"""What a run of the command shows to the other users of the machine, and on its own terminal."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import psutil

from airquery.testing import EndpointServer, Reply
from tests.security.searching import command_lines, files_below, found_in


ROOT = Path(__file__).parents[2]
KEY = "sk-of-the-command/0123+456"
STATEMENT = "SELECT ai_query('llm', 'row ' || i, failOnError => false) AS r FROM range(3) t(i)"


def test_a_key_of_the_environment_is_in_no_command_line_no_child_and_no_output(
    tmp_path: Path,
) -> None:
    file = tmp_path / "endpoints.yaml"
    kept = {name: value for name, value in os.environ.items() if "AIRQUERY_" not in name}
    environment = {
        **kept,
        "AIRQUERY_HOME": str(tmp_path / "home"),
        "AIRQUERY_ENDPOINTS": str(file),
        "LLM_KEY": KEY,
        "PYTHONPATH": os.pathsep.join(str(ROOT / name) for name in ("include", "operators", "sql")),
    }
    with EndpointServer() as server:
        server.fail_when(lambda _: True, Reply(status=400, body=f"no such key: Bearer {KEY}"))
        release = server.hold_when(lambda _: True)
        file.write_text(
            f"endpoints: {{llm: {{task: chat, base_url: '{server.url}/v1', model: m, "
            "api_key: '${LLM_KEY}'}}",
            encoding="utf-8",
        )
        with subprocess.Popen(
            [sys.executable, "-m", "airquery.cli", "--debug", "sql", STATEMENT],
            env=environment,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        ) as running:
            deadline = time.monotonic() + 60
            while server.count == 0 and running.poll() is None:
                assert time.monotonic() < deadline
                time.sleep(0.01)
            said: dict[str, str | bytes] = {**command_lines()}
            children = psutil.Process(running.pid).children(recursive=True)
            said |= {f"the environment of {one.pid}": str(one.environ()) for one in children}
            release()
            said["stdout"], said["stderr"] = running.communicate(timeout=60)

    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"
    assert f"the command line of {running.pid}" in said
    assert b"no such key: Bearer ***" in bytes(said["stdout"]) + bytes(said["stderr"])  # type: ignore[arg-type]  # they are bytes
    assert found_in(said | files_below(tmp_path), [KEY]) == []
