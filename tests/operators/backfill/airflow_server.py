"""An Airflow of the tests' own, on PostgreSQL and free ports of loopback.

By default it is an API server and a scheduler. The DAGs are stored before they start, so that no
dag-processor is needed: the tasks read the file themselves.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Self

import httpx
import psutil

from tests.postgres_server import free_port


if TYPE_CHECKING:
    from collections.abc import Mapping

PASSWORD = "geheim-9d2c"  # noqa: S105 - of an Airflow that lives for one test
STARTS_WITHIN_S = 180.0
PARTS = {
    "api-server": ("api-server", "--workers", "1"),
    "scheduler": ("scheduler", "--skip-serve-logs"),
}
STORE = """
import sys
from pathlib import Path
from airquery_airflow import testing
testing.create_database()
for dag_id in sys.argv[2:]:
    testing.store(testing.load_dag(Path(sys.argv[1]), dag_id))
"""


class AirflowServer:
    """Starts on entering, and is gone on leaving."""

    def __init__(
        self,
        database: str,
        *,
        dags_folder: Path,
        dag_ids: tuple[str, ...],
        parts: Mapping[str, tuple[str, ...]] = MappingProxyType(PARTS),
        settings: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self._folder = tempfile.TemporaryDirectory(
            prefix="airquery-airflow-server-", ignore_cleanup_errors=True
        )
        self._home = Path(self._folder.name)
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}"
        self._dags_folder, self._dag_ids = dags_folder, dag_ids
        self._parts = parts
        self._environment = self._settings(database) | dict(settings)
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def __enter__(self) -> Self:
        passwords = json.dumps({"admin": PASSWORD, "viewer": PASSWORD})
        (self._home / "passwords.json").write_text(passwords, encoding="utf-8")
        self._run("-c", STORE, str(self._dags_folder), *self._dag_ids).wait()
        for name, arguments in self._parts.items():
            self._running[name] = self._run("-m", "airflow", *arguments)
        give_up = time.monotonic() + STARTS_WITHIN_S
        while not self._healthy():
            ended = [name for name, one in self._running.items() if one.poll() is not None]
            if ended or time.monotonic() > give_up:
                said = self.log
                self.__exit__()
                raise RuntimeError(f"Airflow did not start; ended: {ended}.\n{said}")
            time.sleep(0.3)
        return self

    def __exit__(self, *_: object) -> None:
        # Nothing of it is kept, and asking for an orderly end would take ten seconds.
        for one in self._running.values():
            with suppress(ProcessLookupError):
                os.killpg(one.pid, signal.SIGKILL)
            one.wait()
        self._folder.cleanup()

    def kill(self, part: str) -> None:
        """End a part with all of its processes, as a machine that is switched off."""
        gone = self._running.pop(part)
        os.killpg(gone.pid, signal.SIGKILL)
        gone.wait()

    def memory_mb(self) -> dict[str, int]:
        """Return what each part uses with all of its processes, a shared page shared out (PSS)."""
        found = {}
        for name, one in self._running.items():
            part = psutil.Process(one.pid)
            processes = [part, *part.children(recursive=True)]
            found[name] = round(sum(p.memory_full_info().pss for p in processes) / 1_000_000)
        return found

    @property
    def log(self) -> str:
        """Return what all its processes wrote."""
        return (self._home / "log").read_text(encoding="utf-8", errors="replace")

    def login(self, username: str = "admin") -> Mapping[str, str]:
        """Return the variables of a user."""
        return {
            "AIRQUERY_AIRFLOW_URL": self.url,
            "AIRQUERY_AIRFLOW_USERNAME": username,
            "AIRQUERY_AIRFLOW_PASSWORD": PASSWORD,
        }

    def _healthy(self) -> bool:
        try:
            health = httpx.get(
                f"{self.url}/api/v2/monitor/health", timeout=5, trust_env=False
            ).json()
        except httpx.TransportError:
            return False
        parts = {"metadatabase", *(name.replace("-", "_") for name in self._parts)}
        known = parts & health.keys()
        return all(health[part]["status"] == "healthy" for part in known)

    def _run(self, *arguments: str) -> subprocess.Popen[bytes]:
        with (self._home / "log").open("ab") as log:
            return subprocess.Popen(
                [sys.executable, *arguments],
                env=self._environment,
                cwd=self._home,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _settings(self, database: str) -> dict[str, str]:
        # Bytecode makes every start twice as fast.
        left_out = ("AIRFLOW", "PYTHONDONTWRITEBYTECODE")
        kept = {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
        return kept | {
            "AIRFLOW_HOME": str(self._home),
            "AIRFLOW__API__BASE_URL": self.url,
            "AIRFLOW__API__HOST": "127.0.0.1",
            "AIRFLOW__API__PORT": str(self._port),
            "AIRFLOW__API__SECRET_KEY": "secret-of-a-test-that-is-long-enough-for-hs512-keys-0123456789ab",
            "AIRFLOW__API_AUTH__JWT_SECRET": "jwt-of-a-test-that-is-long-enough-for-hs512-keys-0123456789abcde",
            "AIRFLOW__CORE__DAGS_FOLDER": str(self._dags_folder),
            "AIRFLOW__CORE__EXECUTION_API_SERVER_URL": f"{self.url}/execution/",
            "AIRFLOW__CORE__EXECUTOR": "LocalExecutor",
            "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
            "AIRFLOW__CORE__PARALLELISM": "3",
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_PASSWORDS_FILE": str(self._home / "passwords.json"),
            "AIRFLOW__CORE__SIMPLE_AUTH_MANAGER_USERS": "admin:admin,viewer:viewer",
            "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN": database.replace(
                "postgresql:", "postgresql+psycopg2:"
            ),
            "AIRFLOW__SCHEDULER__SCHEDULER_IDLE_SLEEP_TIME": "0.5",
            "AIRFLOW__USAGE_DATA_COLLECTION__ENABLED": "False",
            "AIRFLOW__WORKERS__EXECUTION_API_TIMEOUT": "60",
        }
