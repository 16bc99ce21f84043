"""`airquery report`: what a run, or a whole DAG run, asked, paid and missed."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal, TypeAlias

import typer

from airquery.cli.message import harmless
from airquery.cli.statement import Journal, settings_of
from airquery.errors import InvalidSetting


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.records import Records, RunRecord, TaskRecord


Format: TypeAlias = Literal["text", "html", "json", "csv"]

Output: TypeAlias = Annotated[
    Path | None, typer.Option("-o", "--output", help="The file to write, such as run.html.")
]

LAST = "last"
_LISTED = 20
_ENDINGS: dict[str, Format] = {".html": "html", ".htm": "html", ".json": "json", ".csv": "csv"}


def report(
    run: Annotated[
        str, typer.Argument(help="The run's id, or how it begins; `last` is the last run.")
    ] = LAST,
    *,
    dag: Annotated[
        str | None, typer.Option(metavar="DAG_ID", help="Report a run of this DAG.")
    ] = None,
    dag_run: Annotated[
        str | None, typer.Option("--dag-run", metavar="RUN_ID", help="Which run of the DAG.")
    ] = None,
    task: Annotated[
        str | None, typer.Option(metavar="TASK_ID", help="Only this task of the DAG run.")
    ] = None,
    journal: Journal = None,
    form: Annotated[
        Format | None,
        typer.Option("--format", help="How it is written; by default as the output's name ends."),
    ] = None,
    output: Output = None,
    listed: Annotated[bool, typer.Option("--list", help="List the last runs.")] = False,
) -> None:
    """Report a run: what it asked and paid, how long it took, and what went wrong.

    Runs are kept with the journal. A DAG run has a report of all its tasks, with the rows they sent
    to quarantine and what they validated.
    """
    from airquery.records import records_of  # noqa: PLC0415 - not needed to show the help
    from airquery.settings import Settings  # noqa: PLC0415 - as above

    records = records_of(Settings.read(**settings_of(None, journal, None, None)))
    if listed:
        _list(records)
        return
    if dag is not None or dag_run is not None or task is not None:
        if dag is None or dag_run is None:
            raise typer.BadParameter("A DAG run is named by both --dag and --dag-run.")
        tasks, runs = _of_dag_run(records, dag, dag_run, task)
        title = f"{dag}, run {dag_run}" + (f", task {task}" if task else "")
    else:
        tasks, runs = [], [_one(records, run)]
        title = f"Run {runs[0].id[:12]}"
    _write(title, tasks, runs, form=_form(form, output), output=output)


def _of_dag_run(
    records: Records, dag: str, dag_run: str, task: str | None
) -> tuple[list[TaskRecord], list[RunRecord]]:
    tasks = records.tasks(dag_id=dag, run_id=dag_run, task_id=task)
    runs = records.runs(dag_id=dag, run_id=dag_run, task_id=task)
    if not tasks and not runs:
        of = "" if task is None else f" of task {task!r}"
        raise InvalidSetting(
            f"There is no record{of} of the run {dag_run!r} of DAG {dag!r}. `airquery report --list` "
            "shows what there is; AIRQUERY_JOURNAL or --journal says where."
        )
    return tasks, runs


def _one(records: Records, name: str) -> RunRecord:
    """Return the run that is meant. Raises `InvalidSetting` for none and for several."""
    found = records.recent(1) if name == LAST else records.find(name.strip().lower())
    if len(found) == 1:
        return found[0]
    if not found:
        which = "no run" if name == LAST else f"no run whose id begins with {name!r}"
        raise InvalidSetting(
            f"There is {which}: only what asked something is kept. `airquery report --list` shows "
            "what there is; AIRQUERY_JOURNAL or --journal says where."
        )
    ids = ", ".join(one.id for one in found[:3])
    raise InvalidSetting(f"{name!r} begins the id of several runs, such as {ids}. Give more of it.")


def _form(form: Format | None, output: Path | None) -> Format:
    if form is not None:
        return form
    return "text" if output is None else _ENDINGS.get(output.suffix.lower(), "text")


def _write(
    title: str,
    tasks: Sequence[TaskRecord],
    runs: Sequence[RunRecord],
    *,
    form: Format,
    output: Path | None,
) -> None:
    if output is None:
        terminal = sys.stdout.isatty()
        sys.stdout.write(_written(title, tasks, runs, form=form, terminal=terminal))
        return
    output.write_text(_written(title, tasks, runs, form=form), encoding="utf-8")
    typer.echo(harmless(f"wrote {output}"), err=True)


def _written(
    title: str,
    tasks: Sequence[TaskRecord],
    runs: Sequence[RunRecord],
    *,
    form: Format,
    terminal: bool = False,
) -> str:
    from airquery.report import render, run_report  # noqa: PLC0415 - as above
    from airquery.report.export import report_csv, report_json  # noqa: PLC0415 - as above

    match form:
        case "json":
            return f"{report_json(tasks, runs)}\n"
        case "csv":
            return report_csv(runs)
        case "html":
            return render(run_report(tasks, runs, title=title))
        case "text":
            from airquery.cli.page_text import page_text  # noqa: PLC0415 - as above

            return page_text(run_report(tasks, runs, title=title), terminal=terminal)


def _list(records: Records) -> None:
    from rich.table import Table  # noqa: PLC0415 - as above
    from rich.text import Text  # noqa: PLC0415 - as above

    from airquery.cli.rows import print_table  # noqa: PLC0415 - as above
    from airquery.report.run_tables import runs_table  # noqa: PLC0415 - as above

    found = runs_table(records.recent(_LISTED))
    table = Table(*(one.name for one in found.columns))
    for row in found.rows:
        table.add_row(*(Text(harmless("" if cell is None else str(cell))) for cell in row))
    print_table(table, sys.stdout)
