"""`make`: it names its targets, refuses an unfit Python, does nothing twice, and ends what it starts."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest


ROOT = Path(__file__).parents[1]
TARGETS = [
    "setup",
    "demo",
    "test",
    "test-batch",
    "test-chaos",
    "test-integration",
    "test-browser",
    "test-airflow-3.2",
    "test-deploy",
    "test-tutorial",
    "cover",
    "lint",
    "types",
    "audit",
    "docs",
    "bench",
    "ui",
    "lock",
    "help",
]

# Stand in for `airquery serve` and `airflow standalone`: each says how it was started, and stays.
SERVE = """
import http.server, os, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
server = http.server.HTTPServer((sys.argv[3], int(sys.argv[5])), Health)
print(os.getpid(), *sys.argv[1:], flush=True)
server.serve_forever()
"""
STANDALONE = """
import http.server, json, os, signal, sys
class Health(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        parts = ("metadatabase", "scheduler", "dag_processor", "triggerer")
        healthy = {part: {"status": "healthy"} for part in parts} if "monitor" in self.path else {}
        self.wfile.write(json.dumps(healthy).encode())
core = "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_"
print(os.getpid(), *sys.argv[1:], os.environ["AIRFLOW__API__HOST"], flush=True)
print(os.environ[core + "ALL_ADMINS"], os.environ[core + "PASSWORDS_FILE"], flush=True)
signal.signal(signal.SIGINT, signal.default_int_handler)
port = int(os.environ["AIRFLOW__API__PORT"])
try:
    http.server.HTTPServer((os.environ["AIRFLOW__API__HOST"], port), Health).serve_forever()
except KeyboardInterrupt:
    print("stopped as by Ctrl-C", flush=True)
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Lay out what `make setup` looks at, in a folder whose name holds a space."""
    folder = tmp_path / "a checkout"
    folder.mkdir()
    for name in ("Makefile", "pyproject.toml", "requirements.lock"):
        shutil.copy(ROOT / name, folder)
    return folder


def program(folder: Path, script: str) -> Path:
    """Write a program that stands in for another one."""
    file = folder / "stand-in"
    file.write_text(f"#!/bin/sh\n{script}\n", encoding="utf-8")
    file.chmod(0o755)
    return file


@pytest.fixture
def ports() -> dict[str, int]:
    """Find two ports that nobody listens on."""
    with (
        socket.create_server(("127.0.0.1", 0)) as one,
        socket.create_server(("127.0.0.1", 0)) as two,
    ):
        return {"SERVE_PORT": one.getsockname()[1], "UI_PORT": two.getsockname()[1]}


def stamp(folder: Path) -> None:
    """Mark a checkout as set up."""
    for name in (".venv/.installed", ".airflow/.migrated"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).touch()


def install(folder: Path, **programs: str) -> None:
    """Set a checkout up with these Python programs, and a Python, in place of the real ones."""
    stamp(folder)
    commands = folder / ".venv" / "bin"
    commands.mkdir()
    (commands / "python").symlink_to(sys.executable)
    for name, script in programs.items():
        (commands / f"{name}.py").write_text(script, encoding="utf-8")
        start = f"exec '{sys.executable}' '{commands / name}.py' \"$@\""
        program(folder, start).rename(commands / name)


def kill(*processes: int) -> None:
    """End processes at once."""
    for process in processes:
        os.kill(process, signal.SIGKILL)


def own_environment() -> dict[str, str]:
    """Return the environment of a shell, also when these tests were started by make."""
    return {
        key: value for key, value in os.environ.items() if not key.startswith(("MAKE", "MFLAGS"))
    }


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run make as from a shell, to its end."""
    return subprocess.run(
        ["make", *arguments],
        cwd=folder,
        env=own_environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def test_make_alone_names_every_target_with_a_line(checkout: Path) -> None:
    shown = make(checkout)

    assert re.findall(r"^  ([\w.-]+) +\S", shown.stdout, flags=re.MULTILINE) == TARGETS
    assert make(checkout, "help").stdout == shown.stdout


def test_a_python_out_of_range_is_refused_by_name(checkout: Path) -> None:
    python = program(checkout, '[ "$1" = -V ] && echo "Python 3.9.18"')

    refused = make(checkout, "setup", f"PYTHON={python}")

    assert refused.returncode != 0
    assert f"needs Python 3.11, 3.12 or 3.13; '{python}' is Python 3.9.18." in refused.stderr
    assert not (checkout / ".venv").exists()


def test_a_python_without_venv_is_refused_with_the_mend(checkout: Path) -> None:
    python = program(checkout, 'case "$2" in *ensurepip*) exit 1;; esac')

    refused = make(checkout, "setup", f"PYTHON={python}")

    assert refused.returncode != 0
    assert "cannot make a virtual environment: install its venv module" in refused.stderr
    assert not (checkout / ".venv").exists()


def test_no_python_at_all_is_said(checkout: Path) -> None:
    refused = make(checkout, "setup", "PYTHON=")

    assert refused.returncode != 0
    assert "none was found" in refused.stderr


def test_setup_does_nothing_until_the_lock_or_the_project_changes(checkout: Path) -> None:
    stamp(checkout)
    assert make(checkout, "--question", "setup").returncode == 0

    for name in ("requirements.lock", "pyproject.toml"):
        for made in (".venv/.installed", ".airflow/.migrated"):
            os.utime(checkout / made, (2_000_000_000, 2_000_000_000))
        os.utime(checkout / name, (2_000_000_001, 2_000_000_001))
        assert make(checkout, "--question", "setup").returncode == 1
        os.utime(checkout / name, (1_000_000_000, 1_000_000_000))


def test_the_lock_gives_pip_one_hashed_uv(checkout: Path) -> None:
    planned = make(checkout, "--dry-run", "setup").stdout
    (cut,) = re.findall(r"(sed -n .* requirements\.lock) >", planned)

    lines = subprocess.run(
        ["bash", "-c", cut], cwd=checkout, capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert re.fullmatch(r"uv==\S+ \\", lines[0])
    assert len(lines) > 1
    assert all(re.fullmatch(r"    --hash=sha256:[0-9a-f]{64}( \\)?", line) for line in lines[1:])
    assert not lines[-1].endswith("\\")


@pytest.mark.parametrize("by", [signal.SIGINT, signal.SIGTERM])
def test_the_ui_starts_after_the_models_and_leaves_no_process(
    checkout: Path, ports: dict[str, int], by: signal.Signals
) -> None:
    install(checkout, airquery=SERVE, airflow=STANDALONE)
    command = ["make", "ui", *(f"{name}={port}" for name, port in ports.items())]

    with subprocess.Popen(
        command,
        cwd=checkout,
        env=own_environment(),
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as running:
        assert running.stdout
        serve = running.stdout.readline().split()
        # Ends the test, in failure, if one of them is left: it holds the pipe open.
        too_late = threading.Timer(60, os.killpg, (int(serve[0]), signal.SIGKILL))
        too_late.start()
        said = [running.stdout.readline() for _ in range(7)]
        log = checkout / ".airflow" / "ui.log"
        airflow, auth, *_ = (line.split() for line in log.read_text(encoding="utf-8").splitlines())
        os.killpg(running.pid, by)
        rest = running.stdout.read()
        too_late.cancel()

    passwords = checkout / ".airflow" / "passwords.json"
    password = json.loads(passwords.read_text(encoding="utf-8"))["admin"]
    assert serve[1:] == ["serve", "--host", "127.0.0.1", "--port", str(ports["SERVE_PORT"])]
    assert said[1] == f"Airflow: http://127.0.0.1:{ports['UI_PORT']}\n"
    assert said[2] == f"Login:   user admin, password {password}\n"
    assert len(password) > 12
    assert {file.stat().st_mode & 0o777 for file in (passwords, log)} == {0o600}
    assert auth == ["False", *str(passwords).split()]
    assert airflow[1:] == ["standalone", "127.0.0.1"]
    assert rest.endswith("Stopping\n")
    assert log.read_text(encoding="utf-8").endswith("stopped as by Ctrl-C\n")
    for process in (serve[0], airflow[0]):
        with pytest.raises(ProcessLookupError):
            os.kill(int(process), 0)


def test_the_ui_shows_why_airflow_ended(checkout: Path, ports: dict[str, int]) -> None:
    install(checkout, airquery=SERVE, airflow="raise SystemExit('no database')")

    failed = make(checkout, "ui", *(f"{name}={port}" for name, port in ports.items()))

    assert failed.returncode != 0
    assert "no database\nAirflow did not start: see .airflow/ui.log." in failed.stderr
    assert failed.stdout.endswith("Stopping\n")


def test_the_ui_does_not_start_when_the_models_do_not(
    checkout: Path, ports: dict[str, int]
) -> None:
    install(checkout, airquery="raise SystemExit('no model')", airflow=STANDALONE)

    failed = make(checkout, "ui", *(f"{name}={port}" for name, port in ports.items()))

    assert failed.returncode != 0
    assert failed.stderr.startswith("no model\n")
    assert "airquery serve did not start." in failed.stderr
    assert failed.stdout.split() == ["Stopping"]


@pytest.mark.parametrize("taken", ["SERVE_PORT", "UI_PORT"])
def test_the_ui_names_a_port_that_is_taken(
    checkout: Path, ports: dict[str, int], taken: str
) -> None:
    install(checkout, airquery=SERVE, airflow=STANDALONE)

    with socket.create_server(("127.0.0.1", ports[taken])):
        refused = make(checkout, "ui", *(f"{name}={port}" for name, port in ports.items()))

    assert refused.returncode != 0
    assert refused.stderr.startswith(f"Port {ports[taken]} is taken. Name others: ")
    assert refused.stdout == ""
