"""What the demo shows while it runs: which day, which task, how long, how many answers so far.

A task tells it by Airflow's own callbacks. Where nobody looks, each task is one line.
"""

from __future__ import annotations

import sqlite3
import time
from contextlib import closing, suppress
from typing import IO, TYPE_CHECKING, Any, Self

from rich.console import Console
from rich.live import Live
from rich.text import Text

from airquery.errors import Cancelled


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

    from airflow.sdk import DAG, Context


COUNT = "SELECT count(*) FROM answer"


class Board:
    """A line that is kept up to date, and one for each run that has ended.

    `problem` is why a task of this run failed.
    """

    def __init__(self, terminal: IO[str], journal: Path) -> None:
        self._run = ""
        self._doing = ""
        self._began = time.monotonic()
        self.problem: BaseException | str | None = None
        self._console = Console(file=terminal, highlight=False, soft_wrap=True)
        self._journal = journal
        self._live = Live(
            console=self._console,
            get_renderable=self._line,
            refresh_per_second=2,
            transient=True,
            # They go to the log already.
            redirect_stdout=False,
            redirect_stderr=False,
        )

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._live.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.stop()

    def say(self, doing: str) -> None:
        """Show what is being done."""
        self._doing = doing
        if not self._console.is_terminal:
            self._console.print(Text(f"{self._run}{doing}"))

    def watch(self, dag: DAG) -> None:
        """Be told of every task of a DAG. A demo shows a failure at once instead of retrying."""
        for task in dag.tasks:
            task.retries = 0
            task.on_execute_callback = [self._task_began]
            task.on_failure_callback = [self._task_failed]

    def begin(self, run: str) -> None:
        """Note that a run begins."""
        self._run, self._doing, self._began = f"{run}: ", "starting", time.monotonic()
        self.problem = None

    def end(self, manifest: Mapping[str, Any]) -> None:
        """Leave one line about a run that has ended well."""
        seconds = time.monotonic() - self._began
        said = (
            f"{self._run}{seconds:.1f} s, {manifest['rows']} rows, {manifest['requests_sent']} "
            f"requests sent, {manifest['from_journal']} from the journal"
        )
        self._run, self._doing = "", "reading the tables"
        self._console.print(Text(said, style="green"))

    def answers(self) -> int:
        """Count what the journal holds; none before it is made."""
        with suppress(sqlite3.Error):
            address = f"file:{self._journal}?mode=ro"
            with closing(sqlite3.connect(address, uri=True)) as journal:
                return int(journal.execute(COUNT).fetchone()[0])
        return 0

    def _line(self) -> Text:
        seconds = time.monotonic() - self._began
        answers = f", {self.answers()} answers in the journal" if self._run else ""
        return Text(f"{self._run}{self._doing}, {seconds:.0f} s{answers}")

    def _task_began(self, context: Context) -> None:
        self.say(context["ti"].task_id)

    def _task_failed(self, context: Context) -> None:
        # In the process of a demo, Airflow 3.2 does not say it.
        self.problem = context.get("exception") or _recorded(context)
        # Airflow takes Ctrl-C inside a task for its failure, and turns `kill` into a cancellation.
        if isinstance(self.problem, KeyboardInterrupt) or isinstance(
            getattr(self.problem, "__cause__", None), Cancelled
        ):
            raise KeyboardInterrupt


def _recorded(context: Context) -> str | None:
    """Return why a task failed, as its record says."""
    from airquery.records import records_of  # noqa: PLC0415 - not needed to show the help
    from airquery.settings import Settings  # noqa: PLC0415 - as above

    ti = context["ti"]
    found = records_of(Settings.read()).tasks(
        dag_id=ti.dag_id, run_id=ti.run_id, task_id=ti.task_id
    )
    return found[-1].error if found else None
