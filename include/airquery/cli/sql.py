"""`airquery sql`: a statement or a script, its rows on stdout, everything else on stderr.

Stopped by Ctrl-C it keeps every answer it has; the same command then asks only for the rest.
"""

from __future__ import annotations

import os
import sys
from contextlib import closing
from dataclasses import dataclass
from io import TextIOWrapper
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from airquery.cli.journal import journal_url
from airquery.cli.progress import shown_progress, summary_lines
from airquery.cli.rows import Format, write_rows
from airquery.errors import Cancelled, InvalidSetting


if TYPE_CHECKING:
    from airquery import Run, RunStats
    from airquery.cli.progress import Progress


STOPPED = 130
STDIN = Path("-")


def sql(
    statement: Annotated[
        str | None, typer.Argument(help="The SQL text; or use -f.", show_default=False)
    ] = None,
    *,
    file: Annotated[
        Path | None, typer.Option("-f", "--file", help="Read the SQL from a file; - is stdin.")
    ] = None,
    database: Annotated[
        str,
        typer.Option(
            help="A DuckDB file, made if it is not there. Its name without the ending is the "
            "catalog: catalog.duckdb holds catalog.schema.table."
        ),
    ] = ":memory:",
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Open the database for reading only.")
    ] = False,
    endpoints: Annotated[
        Path | None, typer.Option(help="YAML file of endpoints; by default AIRQUERY_ENDPOINTS.")
    ] = None,
    journal: Annotated[
        str | None,
        typer.Option(help="File or URL of the journal; by default AIRQUERY_JOURNAL."),
    ] = None,
    dialect: Annotated[
        Literal["duckdb", "databricks"], typer.Option(help="How the SQL is spelled.")
    ] = "duckdb",
    var: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=VALUE",
            help="A value for ${NAME}, and for :NAME in Databricks SQL. May be repeated.",
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
    first. Ctrl-C keeps what was answered: the same command then asks only for the rest.
    """
    text, variables = _text(statement, file), _variables(var or [])
    watch = _Watch()
    try:
        run = _run(
            _Job(
                text=text,
                variables=variables or None,
                dialect=dialect,
                database=database,
                read_only=read_only,
                settings=_settings(endpoints, journal),
            ),
            watch,
            quiet=quiet,
        )
        _show(run, output, max_rows=max_rows, quiet=quiet)
    except (KeyboardInterrupt, Cancelled):
        typer.echo(f"cancelled: {watch.answered} answered are kept in the journal", err=True)
        raise typer.Exit(STOPPED) from None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What is to be run, and where."""

    text: str
    variables: dict[str, str] | None
    dialect: Literal["duckdb", "databricks"]
    database: str
    read_only: bool
    settings: dict[str, str | Path]


class _Watch:
    """Passes progress on, and remembers how many answers there are."""

    def __init__(self) -> None:
        self.answered = 0
        self.show: Progress = lambda _: None

    def __call__(self, stats: RunStats) -> None:
        self.answered = stats.answered - stats.failed
        self.show(stats)


def _run(job: _Job, watch: _Watch, *, quiet: bool) -> Run:
    import airquery  # noqa: PLC0415 - not needed to show the help

    settings = airquery.Settings.read(**job.settings)
    database = airquery.connect(job.database, settings=settings, read_only=job.read_only)
    with closing(database) as connection, shown_progress(quiet=quiet) as watch.show:
        return airquery.run(
            connection,
            job.text,
            dialect=job.dialect,
            variables=job.variables,
            on_progress=watch,
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


def _text(statement: str | None, file: Path | None) -> str:
    if (statement is None) == (file is None):
        raise typer.BadParameter("Give the SQL either as an argument or with -f.")
    if file is None:
        return statement or ""
    try:
        raw = sys.stdin.buffer.read() if file == STDIN else file.read_bytes()
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise InvalidSetting(
            f"{file} is not UTF-8 text: {error.reason}. Save it as UTF-8."
        ) from error


def _variables(given: list[str]) -> dict[str, str]:
    pairs = [one.partition("=") for one in given]
    for name, equals, _ in pairs:
        if not name.strip() or not equals:
            raise typer.BadParameter(f"--var wants NAME=VALUE, not {name!r}.")
    return {name.strip(): value for name, _, value in pairs}


def _settings(endpoints: Path | None, journal: str | None) -> dict[str, str | Path]:
    settings: dict[str, str | Path] = {} if endpoints is None else {"endpoints": endpoints}
    if journal is not None:
        settings["journal"] = journal_url(journal)
    return settings
