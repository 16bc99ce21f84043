"""Where the demo runs: one clone, its `.airflow` and its `build/demo`, and nothing else of yours.

The environment is made before Airflow is imported. What an installation of yours is told by
`AIRFLOW_...` and `AIRQUERY_...` variables does not reach the demo.
"""

from __future__ import annotations

import atexit
import fcntl
import os
import shutil
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self

from airquery.errors import InvalidSetting, MissingPackage


if TYPE_CHECKING:
    from collections.abc import Iterator


DAG_FILE = "product_reviews.py"
ENDPOINTS = Path("include/endpoints/local.yaml")


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The folders and files of one clone."""

    root: Path

    @classmethod
    def find(cls, dags_folder: Path | None) -> Self:
        """Return the clone of that folder, of the current one, or of this file."""
        here = [Path.cwd() / "dags", Path(__file__).parents[2] / "dags"]
        folders = here if dags_folder is None else [dags_folder.expanduser().absolute()]
        for folder in folders:
            if (folder / DAG_FILE).is_file() and (folder.parent / ENDPOINTS).is_file():
                return cls(root=folder.parent)
        raise InvalidSetting(
            f"There is no {DAG_FILE} in {folders[0]}, or no {ENDPOINTS} beside that folder. The demo "
            "needs the airquery repository: run it in a clone, or name the clone's dags/ folder with "
            "--dags-folder."
        )

    @property
    def dags(self) -> Path:
        """Return the folder of the DAGs."""
        return self.root / "dags"

    @property
    def build(self) -> Path:
        """Return the folder of all that one demo makes."""
        return self.root / "build" / "demo"

    @property
    def log(self) -> Path:
        """Return the file that Airflow's log goes to."""
        return self.build / "airflow.log"

    @property
    def journal(self) -> Path:
        """Return the file of the answers."""
        return self.build / "journal.db"

    @property
    def warehouse(self) -> Path:
        """Return the root of the tables."""
        return self.build / "warehouse"

    @property
    def summary(self) -> Path:
        """Return the file of the figures."""
        return self.build / "summary.json"

    @property
    def report(self) -> Path:
        """Return the page."""
        return self.build / "report.html"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep a second demo of the same clone out: it would clean up under the first."""
        home = self.root / ".airflow"
        home.mkdir(exist_ok=True)
        with (home / "demo.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise InvalidSetting(
                    f"A demo is running in {self.root} already. Wait for it, or stop it."
                ) from None
            yield

    def prepare(self) -> None:
        """Clean `build/demo` and point Airflow and airquery into the clone."""
        if find_spec("airflow") is None:
            raise MissingPackage(
                "apache-airflow", needed_for="The demo", install='pip install "airquery[airflow]"'
            )
        # Airflow is not imported by it.
        from airquery_airflow.testing import configure  # noqa: PLC0415

        shutil.rmtree(self.build, ignore_errors=True)
        self.build.mkdir(parents=True)
        for name in [name for name in os.environ if name.startswith(("AIRFLOW_", "AIRQUERY_"))]:
            del os.environ[name]
        configure(self.root / ".airflow", dags_folder=self.dags)
        os.environ |= {
            "AIRQUERY_HOME": str(self.build),
            "AIRQUERY_ENDPOINTS": str(self.root / ENDPOINTS),
        }


@contextmanager
def output_to(log: Path) -> Iterator[IO[str]]:
    """Send all that is written to stdout and stderr to a file; yield the terminal they were.

    By file descriptor, because libraries write past Python's streams. When the process ends, stderr
    goes there again: what DuckDB then says of objects that Airflow still holds is of no use.
    """
    file = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644)
    sys.stdout.flush()
    sys.stderr.flush()
    kept = os.dup(1), os.dup(2)
    os.dup2(file, 1)
    os.dup2(file, 2)
    try:
        with os.fdopen(os.dup(kept[1]), "w", encoding="utf-8") as terminal:
            yield terminal
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        for place, descriptor in enumerate(kept, start=1):
            os.dup2(descriptor, place)
            os.close(descriptor)
        atexit.register(os.dup2, file, 2)
