"""The `airquery` command: which commands there are, and how each of them ends.

The exit code is 0 when it is done, 1 after one clear line on stderr, 2 for wrong usage, 3 when a
budget was too small for all of it, 130 when it was stopped, 143 by SIGTERM. A traceback is shown only with `--debug`, which may stand anywhere in the line.
"""

from __future__ import annotations

import logging
import sys
from typing import TYPE_CHECKING, Annotated

import typer

import airquery
from airquery.cli.commands import Commands
from airquery.cli.endpoints import endpoints
from airquery.cli.functions import show_functions
from airquery.cli.journal import journal
from airquery.cli.message import error_message, say_error
from airquery.cli.plan import plan
from airquery.cli.report import report
from airquery.cli.serve import serve
from airquery.cli.sql import BUDGET_STOPPED, sql
from airquery.errors import BudgetExceeded


if TYPE_CHECKING:
    from collections.abc import Sequence


DEBUG = "--debug"

app = typer.Typer(
    cls=Commands,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(sql)
app.command()(plan)
app.command()(report)
app.add_typer(endpoints)
app.command("functions")(show_functions)
app.command()(serve)
app.add_typer(journal)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and end the process."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    debug = DEBUG in given
    _log_to_stderr(debug=debug)
    try:
        app([one for one in given if one != DEBUG], prog_name="airquery")
    except Exception as error:
        if debug:
            raise
        say_error(error_message(error))
        sys.exit(BUDGET_STOPPED if isinstance(error, BudgetExceeded) else 1)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"airquery {airquery.__version__}")
        raise typer.Exit


@app.callback()
def about(
    *,
    debug: Annotated[
        bool, typer.Option(DEBUG, help="Show where an error came from, as a traceback.")
    ] = False,
    version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """ai_query() in DuckDB, against any LLM endpoint."""


class _OneLine(logging.Formatter):
    """Leaves tracebacks out."""

    def formatException(self, ei: object) -> str:  # noqa: ARG002, N802 - as logging calls it
        return ""


def _log_to_stderr(*, debug: bool) -> None:
    """Show warnings of the engine, each on its line."""
    handler = logging.StreamHandler()
    handler.setFormatter((logging.Formatter if debug else _OneLine)("airquery: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])
