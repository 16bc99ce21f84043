"""What `airquery sql` and `airquery plan` are given: a statement, and where it runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal, TypeAlias

import typer

from airquery.errors import InvalidSetting


STDIN = Path("-")

Statement: TypeAlias = Annotated[
    str | None, typer.Argument(help="The SQL text; or use -f.", show_default=False)
]
File: TypeAlias = Annotated[
    Path | None, typer.Option("-f", "--file", help="Read the SQL from a file; - is stdin.")
]
Database: TypeAlias = Annotated[
    str,
    typer.Option(
        help="A DuckDB file, made if it is not there. Its name without the ending is the "
        "catalog: catalog.duckdb holds catalog.schema.table."
    ),
]
ReadOnly: TypeAlias = Annotated[
    bool, typer.Option("--read-only", help="Open the database for reading only.")
]
Endpoints: TypeAlias = Annotated[
    Path | None, typer.Option(help="YAML file of endpoints; by default AIRQUERY_ENDPOINTS.")
]
Journal: TypeAlias = Annotated[
    str | None,
    typer.Option(help="File or URL of the journal; by default AIRQUERY_JOURNAL."),
]
Dialect: TypeAlias = Annotated[
    Literal["duckdb", "databricks"], typer.Option(help="How the SQL is spelled.")
]
Variables: TypeAlias = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME=VALUE",
        help="A value for ${NAME}, and for :NAME in Databricks SQL. May be repeated.",
    ),
]
MaxAge: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--cache-max-age",
        metavar="AGE",
        help="Ask again what was answered longer ago, such as 30d; by default AIRQUERY_CACHE_MAX_AGE.",
    ),
]
Namespace: TypeAlias = Annotated[
    str | None,
    typer.Option(
        "--cache-namespace",
        metavar="NAME",
        help="Know only answers of this name, and keep new ones under it; by default "
        "AIRQUERY_CACHE_NAMESPACE.",
    ),
]


def text_of(statement: str | None, file: Path | None) -> str:
    """Return the SQL text, given one way or the other."""
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


def variables_of(given: list[str]) -> dict[str, str]:
    """Return the values of `--var`."""
    pairs = [one.partition("=") for one in given]
    for name, equals, _ in pairs:
        if not name.strip() or not equals:
            raise typer.BadParameter(f"--var wants NAME=VALUE, not {name!r}.")
    return {name.strip(): value for name, _, value in pairs}


def settings_of(
    endpoints: Path | None, journal: str | None, max_age: str | None, namespace: str | None
) -> dict[str, str | Path]:
    """Return the settings that were given in place of the environment's."""
    given: dict[str, str | Path | None] = {
        "endpoints": endpoints,
        "journal": None if journal is None else journal_url(journal),
        "cache_max_age": max_age,
        "cache_namespace": namespace,
    }
    return {name: value for name, value in given.items() if value is not None}


def journal_url(text: str) -> str:
    """Return the URL of a journal that is named by its URL or its file."""
    return text if "://" in text else f"sqlite:///{Path(text).expanduser().absolute()}"
