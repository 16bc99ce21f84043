"""`airquery sql` as a process of its own, over a journal and a file of endpoints."""

from __future__ import annotations

import os
import subprocess
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from airquery.journal.opening import open_journal
from tests.chaos.endpoint import CONCURRENCY
from tests.cli.conftest import SHELL_COMMAND, declare, shell_environment


if TYPE_CHECKING:
    from collections.abc import Callable

    from airquery.testing import EndpointServer

QUERY = Path(__file__).with_name("answers.sql").read_text(encoding="utf-8")
TABLE = f"CREATE OR REPLACE TABLE answers AS {QUERY}"
# A straggler that is asked twice would be counted as one that was sent again.
LIMITS = f", limits: {{concurrency: {CONCURRENCY}, hedge: false}}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """A folder with a file of endpoints, and the URL of a journal that may be elsewhere."""

    folder: Path
    journal: str
    home: Path

    @classmethod
    def make(
        cls, folder: Path, server: EndpointServer, journal: str | None = None, more: str = LIMITS
    ) -> Place:
        """Make the folder; without a URL the journal is a file in it."""
        folder.mkdir(parents=True)
        declare(folder / "endpoints.yaml", server, "llm", more=more)
        url = journal or f"sqlite:///{folder / 'journal.db'}"
        return cls(folder=folder, journal=url, home=folder / "home")

    @property
    def journal_file(self) -> Path:
        """Return the file of a journal that is one."""
        return Path(self.journal.removeprefix("sqlite:///"))

    def environment(self) -> dict[str, str]:
        """Return the environment of a process that works here."""
        return shell_environment(
            AIRQUERY_HOME=str(self.home),
            AIRQUERY_ENDPOINTS=str(self.folder / "endpoints.yaml"),
            AIRQUERY_JOURNAL=self.journal,
            # A process of its own loads the DuckDB that is tested.
            path=os.environ.get("PYTHONPATH", "").replace(os.pathsep, " "),
        )

    def start(
        self,
        *arguments: str,
        out: Path | None = None,
        before: Callable[[], object] | None = None,
    ) -> subprocess.Popen[str]:
        """Start `airquery sql`; its rows go to a file, or to a pipe.

        `before` is called in the process before it becomes the command.
        """
        with (out or Path(os.devnull)).open("wb") as rows:
            return subprocess.Popen(
                [*SHELL_COMMAND, "sql", *arguments],
                env=self.environment(),
                stdout=subprocess.PIPE if out is None else rows,
                stderr=subprocess.PIPE,
                text=True,
                preexec_fn=before,  # noqa: PLW1509 - it only sets a limit
            )

    def kept(self) -> set[str]:
        """Return the answers that the journal has, which are the prompts they answer."""
        with closing(open_journal(self.journal)) as journal:
            bodies = [orjson.loads(record.body) for record in journal.records()]
        return {body["choices"][0]["message"]["content"] for body in bodies}


def shell_code(process: subprocess.Popen[str]) -> int:
    """Return the exit code as a shell has it: 128 and the number of the signal that ended it."""
    code = process.wait()
    return code if code >= 0 else 128 - code
