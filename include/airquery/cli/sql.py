"""`airquery sql`: a statement or a script, its rows on stdout, everything else on stderr.

Stopped by Ctrl-C or a SIGTERM it keeps every answer it has; the same command then asks only for the
rest.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from contextlib import closing, contextmanager
from dataclasses import dataclass
from io import TextIOWrapper
from typing import TYPE_CHECKING, Annotated

import typer

from airquery.cli.progress import shown_progress, summary_lines
from airquery.cli.rows import Format, write_rows
from airquery.cli.statement import (
    Database,
    Dialect,
    Endpoints,
    File,
    Journal,
    MaxAge,
    Namespace,
    ReadOnly,
    Statement,
    Variables,
    settings_of,
    text_of,
    variables_of,
)
from airquery.errors import Cancelled


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path
    from typing import NoReturn

    from airquery import Run, RunStats
    from airquery.cli.progress import Progress


STOPPED = 130
TERMINATED = 143
BUDGET_STOPPED = 3
# Of its 32 digits; no two runs of anybody will begin alike.
SHOWN_OF_ID = 12


def sql(
    statement: Statement = None,
    *,
    file: File = None,
    database: Database = ":memory:",
    read_only: ReadOnly = False,
    endpoints: Endpoints = None,
    journal: Journal = None,
    cache_max_age: MaxAge = None,
    cache_namespace: Namespace = None,
    dialect: Dialect = "duckdb",
    var: Variables = None,
    budget_requests: Annotated[
        int | None, typer.Option(min=0, help="The most requests that are sent.")
    ] = None,
    budget_tokens: Annotated[
        int | None, typer.Option(min=0, help="The most tokens, of both sides.")
    ] = None,
    budget_money: Annotated[
        float | None,
        typer.Option(min=0, help="The most money, in the currency of the endpoints' prices."),
    ] = None,
    budget_per_day: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The budget is for a day (UTC), and for all commands that give this name together.",
        ),
    ] = None,
    output: Annotated[
        Format,
        typer.Option(
            help="How rows are written. csv: NULL is empty, nested values are JSON. json: one array "
            "of objects, decimals as numbers, dates as text."
        ),
    ] = "table",
    max_rows: Annotated[
        int, typer.Option(min=0, help="Rows of a table; 0 shows all. csv and json are never cut.")
    ] = 100,
    quiet: Annotated[
        bool, typer.Option("--quiet", "-q", help="No progress and no summary on stderr.")
    ] = False,
) -> None:
    """Run SQL with ai_query in it. Only rows go to stdout.

    With several statements, the rows are those of the last one. A failed row under
    failOnError => false is no failed command: the summary on stderr counts them and shows the
    first. Ctrl-C and SIGTERM keep what was answered: the same command then asks only for the rest. So does a
    budget that has no room for all of it, which ends in exit code 3.
    """
    text, variables = text_of(statement, file), variables_of(var or [])
    watch = _Watch()
    try:
        with _terminable():
            run = _run(
                _Job(
                    text=text,
                    variables=variables or None,
                    dialect=dialect,
                    database=database,
                    read_only=read_only,
                    budget=(budget_requests, budget_tokens, budget_money, budget_per_day),
                    settings=settings_of(endpoints, journal, cache_max_age, cache_namespace),
                ),
                watch,
                quiet=quiet,
            )
            _show(run, output, max_rows=max_rows, quiet=quiet)
    except (KeyboardInterrupt, Cancelled) as stop:
        typer.echo(f"cancelled: {watch.answered} answered are kept in the journal", err=True)
        if watch.batch_jobs:
            typer.echo(
                f"{watch.batch_jobs} batch jobs stay at the provider: the same command again reads "
                "them, and submits nothing twice",
                err=True,
            )
        raise typer.Exit(TERMINATED if isinstance(stop, _Terminated) else STOPPED) from None
    if run.outcome == "budget_stopped":
        raise typer.Exit(BUDGET_STOPPED)


class _Terminated(KeyboardInterrupt):
    """SIGTERM: whoever runs this process wants it to end, as Ctrl-C does."""


@contextmanager
def _terminable() -> Iterator[None]:
    """Let a SIGTERM raise what Ctrl-C does; a second one ends the process at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> NoReturn:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        raise _Terminated

    before = signal.signal(signal.SIGTERM, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What is to be run, and where."""

    text: str
    variables: dict[str, str] | None
    dialect: Dialect
    database: str
    read_only: bool
    settings: dict[str, str | Path]
    budget: tuple[int | None, int | None, float | None, str | None]


class _Watch:
    """Passes progress on, and remembers how many answers there are."""

    def __init__(self) -> None:
        self.answered = self.batch_jobs = 0
        self.show: Progress = lambda _: None

    def __call__(self, stats: RunStats) -> None:
        self.answered = stats.answered - stats.failed
        self.batch_jobs = stats.batch_jobs
        self.show(stats)


def _run(job: _Job, watch: _Watch, *, quiet: bool) -> Run:
    import airquery  # noqa: PLC0415 - not needed to show the help
    from airquery.records import Origin  # noqa: PLC0415 - as above

    settings = airquery.Settings.read(**job.settings)
    requests, tokens, money, per_day = job.budget
    budget = airquery.Budget(requests=requests, tokens=tokens, money=money, per_day=per_day)
    database = airquery.connect(job.database, settings=settings, read_only=job.read_only)
    with closing(database) as connection, shown_progress(quiet=quiet) as watch.show:
        return airquery.run(
            connection,
            job.text,
            dialect=job.dialect,
            variables=job.variables,
            on_progress=watch,
            budget=budget,
            origin=Origin(source="cli"),
        )


def _show(run: Run, output: Format, *, max_rows: int, quiet: bool) -> None:
    """Write the rows, then the summary. A reader that stops reading is no error."""
    if isinstance(sys.stdout, TextIOWrapper):
        # Data is UTF-8 in every locale.
        sys.stdout.reconfigure(encoding="utf-8")
    try:
        write_rows(run.table, output, sys.stdout, max_rows=max_rows)
        sys.stdout.flush()
    except BrokenPipeError:
        # Python would complain about what is still in the buffer when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    if quiet:
        return
    if output == "table" and run.table is not None and 0 < max_rows < run.table.num_rows:
        typer.echo(
            f"{run.table.num_rows:,} rows, the first {max_rows:,} are shown (--max-rows 0 shows all)",
            err=True,
        )
    for line in summary_lines(run):
        typer.echo(line, err=True)
    if run.id is not None:
        name = run.id[:SHOWN_OF_ID]
        typer.echo(f"run {name}: `airquery report {name}` says how it went", err=True)
