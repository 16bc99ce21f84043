"""The services of docker-compose.yml in an engine: one project, made from nothing and taken away."""

from __future__ import annotations

import json
import os
import secrets
import shutil
import subprocess
import tempfile
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import httpx

from tests.postgres_server import free_port


if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parents[2]
NAMES = ("API_SECRET", "JWT_SECRET", "POSTGRES_PASSWORD", "JOURNAL_PASSWORD", "REDIS_PASSWORD")
HEALTHY_WITHIN_S = 600.0
ENDED_WITHIN_S = 900.0


def compose_command() -> list[str]:
    """Return Compose as it is installed: version 2 as a plugin, or version 1.29."""
    if subprocess.run(
        ["docker", "compose", "version"], capture_output=True, check=False
    ).returncode:
        program = shutil.which("docker-compose")
        assert program, "Neither `docker compose` nor docker-compose is installed."
        return [program]
    return ["docker", "compose"]


def lines_of(variables: Mapping[str, str]) -> str:
    """Write variables as a file .env has them."""
    return "".join(f"{name}={value}\n" for name, value in variables.items())


class Containers:
    """Builds and starts on entering; on leaving, its containers, networks and volumes are gone."""

    def __init__(self, *, from_debian: bool) -> None:
        self._folder = tempfile.TemporaryDirectory(prefix="airquery-deploy-")
        self._file = Path(self._folder.name) / ".env"
        made = {f"AIRQUERY_{name}": secrets.token_hex(64) for name in (*NAMES, "SERVE_TOKEN")}
        made["AIRQUERY_FERNET_KEY"] = urlsafe_b64encode(secrets.token_bytes(32)).decode()
        self.secrets = made
        port = free_port()
        said = lines_of(self.secrets | {"AIRQUERY_PORT": str(port)})
        self._file.write_text(said, encoding="utf-8")
        files = ["docker-compose.yml"]
        # One service of each image.
        self._built = ["airflow-init", "serve"]
        if from_debian:
            files.append("tests/deploy/docker-compose.debian.yml")
            self._built += ["postgres", "redis"]
        self._compose = [
            *compose_command(),
            *("--project-name", "airquery-test", "--env-file", str(self._file)),
            *("--project-directory", str(ROOT)),
            *(part for file in files for part in ("-f", str(ROOT / file))),
        ]
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30, trust_env=False)

    def __enter__(self) -> Self:
        try:
            # Images that are there already, such as those of the latest try, are taken as they are.
            if "BUILT" not in os.environ:
                self("build", *self._built)
            # What an earlier try, whose end was cut off, may have left.
            self._take_away()
            self("up", "-d", "--no-build")
            self._log_in()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self._take_away()
        self._folder.cleanup()

    def __call__(self, *arguments: str) -> str:
        """Run a command of Compose; return what it printed."""
        code, said = self._run(*self._compose, *arguments)
        assert code == 0, said
        return said

    def inside(self, service: str, *command: str) -> str:
        """Run a command in a service's container; return what it printed."""
        return self("exec", "-T", service, *command)

    def fails_inside(self, service: str, *command: str, user: str | None = None) -> str:
        """Run a command that is to fail, as the image's user or another; return what it printed."""
        who = () if user is None else ("--user", user)
        code, said = self._run(*self._compose, "exec", "-T", *who, service, *command)
        assert code != 0, said
        return said

    def refused_without(self, secret: str) -> str:
        """Let Compose read the file without one of its secrets; return what it says."""
        file = Path(self._folder.name) / "incomplete.env"
        left = {name: value for name, value in self.secrets.items() if name != secret}
        file.write_text(lines_of(left), encoding="utf-8")
        command = [str(file) if part == str(self._file) else part for part in self._compose]
        code, said = self._run(*command, "config", "--quiet")
        assert code != 0, said
        return said

    def use_object_store(self) -> None:
        """Start again what the profile `objects` changes: the warehouse is then in its store."""
        keys = {
            f"AWS_{name}": secrets.token_hex(16) for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY")
        }
        said = self._file.read_text(encoding="utf-8")
        more = lines_of({"AIRQUERY_WAREHOUSE_FILE": "objects", **keys})
        self._file.write_text(said + more, encoding="utf-8")
        self._compose += ["--profile", "objects"]
        self("up", "-d", "--no-build")
        self._log_in()

    def containers(self) -> dict[str, dict[str, Any]]:
        """Return what the engine knows of each service's container."""
        ids = self("ps", "--all", "-q").split()
        found = subprocess.run(["docker", "inspect", *ids], capture_output=True, check=True)
        key = "com.docker.compose.service"
        return {one["Config"]["Labels"][key]: one for one in json.loads(found.stdout)}

    def wait_until_healthy(self) -> None:
        """Wait until every health check of a lasting service says yes."""
        until = time.monotonic() + HEALTHY_WITHIN_S
        while states := self._not_healthy():
            if time.monotonic() > until:
                said = self("logs", "--tail", "40", *states)
                raise AssertionError(f"Not healthy: {states}\n{said}")
            time.sleep(2)

    def memory_mb(self) -> dict[str, float]:
        """Return what each running container holds, as the engine counts it."""
        found = self.containers().items()
        ids = {one["Id"]: name for name, one in found if one["State"]["Running"]}
        line = "{{.ID}} {{.MemUsage}}"
        command = ["docker", "stats", "--no-stream", "--no-trunc", "--format", line, *ids]
        said = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        return {
            ids[container]: _megabytes(used)
            for container, used, *_ in map(str.split, said.splitlines())
        }

    def run_dag(self, dag: str, **params: str) -> str:
        """Run a DAG and wait; return the state that the run ended in."""
        path = f"/api/v2/dags/{dag}"
        until = time.monotonic() + ENDED_WITHIN_S
        while self.client.get(path).status_code == httpx.codes.NOT_FOUND:
            assert time.monotonic() < until, f"{dag} was not found by the dag-processor."
            time.sleep(1)
        self.client.patch(path, json={"is_paused": False}).raise_for_status()
        asked = {"logical_date": None, "conf": params}
        run = self.client.post(f"{path}/dagRuns", json=asked).raise_for_status().json()
        while True:
            found = self.client.get(f"{path}/dagRuns/{run['dag_run_id']}").raise_for_status()
            state: str = found.json()["state"]
            if state not in {"queued", "running"}:
                return state
            assert time.monotonic() < until, f"{dag} is {state}.\n{self('logs', '--tail', '60')}"
            time.sleep(1)

    def _take_away(self) -> None:
        self("down", "--volumes", "--remove-orphans", "--timeout", "5")

    @staticmethod
    def _run(*command: str) -> tuple[int, str]:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env={key: value for key, value in os.environ.items() if key[:8] != "AIRQUERY"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        return done.returncode, done.stdout

    def _log_in(self) -> None:
        self.wait_until_healthy()
        made = json.loads(self.inside("airflow-apiserver", "cat", "/var/lib/login/passwords.json"))
        login = {"username": "admin", "password": made["admin"]}
        token = self.client.post("/auth/token", json=login).raise_for_status().json()
        self.client.headers["Authorization"] = f"Bearer {token['access_token']}"

    def _not_healthy(self) -> list[str]:
        return [
            name
            for name, one in self.containers().items()
            if "Health" in one["State"] and one["State"]["Health"]["Status"] != "healthy"
        ]


def _megabytes(used: str) -> float:
    for unit, size in {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}.items():
        if used.endswith(unit):
            return round(float(used.removesuffix(unit)) * size / 1e6, 1)
    raise ValueError(f"{used!r} is no size.")
