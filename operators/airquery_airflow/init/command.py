"""`airquery init`: its options, and what it says when the files are there."""

from __future__ import annotations

import shlex
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airquery.cli.message import say_error


if TYPE_CHECKING:
    from airquery_airflow.init.scaffold import Scaffold


Name = Annotated[
    str, typer.Argument(help="The pipeline's name: lower-case letters, digits and underscores.")
]
Directory = Annotated[
    Path, typer.Option(help="The project's folder; it is made if it is not there.")
]
Endpoint = Annotated[
    str | None,
    typer.Option(
        help="The chat endpoint to ask; by default the first of the endpoint file. One that is not "
        "in the file is added to it."
    ),
]
Endpoints = Annotated[
    Path | None,
    typer.Option(help="The endpoint file; by default endpoints.yaml in the project's folder."),
]
Source = Annotated[
    Path | None,
    typer.Option(
        help="Your own table: a CSV, TSV, JSON or Parquet file. Without it, a small sample is made."
    ),
]
Text = Annotated[
    str | None, typer.Option(help="The column to ask about; by default the longest texts.")
]
Key = Annotated[
    str | None,
    typer.Option(help="The column that tells rows apart; by default the first that does."),
]
Day = Annotated[
    str | None,
    typer.Option(help="The column with a row's day; by default the first that holds dates."),
]
Force = Annotated[bool, typer.Option("--force", help="Replace files that are there.")]


def init(
    name: Name,
    *,
    directory: Directory = Path(),
    endpoint: Endpoint = None,
    endpoints: Endpoints = None,
    source: Source = None,
    text: Text = None,
    key: Key = None,
    day: Day = None,
    force: Force = False,
) -> None:
    """Make the files of a pipeline: DAG, SQL, suite, endpoint, test.

    It runs and its test passes as it is made. No file is replaced without --force: those that are
    there are named, nothing is written, and the exit code is 1.
    """
    from airquery_airflow.init.endpoint_entry import Entry  # noqa: PLC0415 - not for the help
    from airquery_airflow.init.scaffold import Scaffold, check_name  # noqa: PLC0415 - as above
    from airquery_airflow.init.source import Choice, read_source  # noqa: PLC0415 - as above

    check_name(name)
    root = directory.expanduser().absolute()
    today = datetime.now(UTC).date()
    found = read_source(source, Choice(text=text, key=key, day=day), today=today)
    entry = Entry.read(endpoints or root / "endpoints.yaml", endpoint)
    scaffold = Scaffold(name=name, root=root, endpoint=entry.name, source=found)
    files = scaffold.files()
    if not force:
        _check_absent([root / path for path in files])
    for path, content in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(content, encoding="utf-8")
    _tell(scaffold, [*map(str, files), entry.write()], entry.file)


def _check_absent(files: list[Path]) -> None:
    """End with 1 if one of the files is there already."""
    there = [file for file in files if file.exists()]
    if there:
        listed = "".join(f"\n  {file}" for file in there)
        say_error(
            f"nothing was written, because these files are there:{listed}\n"
            "Choose another name, or replace them with --force."
        )
        raise typer.Exit(1)


def _tell(scaffold: Scaffold, made: list[str], endpoints: Path) -> None:
    """Name what was made and chosen, and the next three commands."""
    typer.echo(f"Made in {scaffold.root}:")
    for line in made:
        typer.echo(f"  {line}")
    typer.echo(f"\n{scaffold.source.said}\n\nNext:")
    if scaffold.root != Path.cwd():
        typer.echo(f"  cd {shlex.quote(str(scaffold.root))}")
    for command in scaffold.next_commands(endpoints):
        typer.echo(f"  {command}")
