"""`airquery plan`: what a statement would ask and cost, before it asks anything."""

from __future__ import annotations

import sys
from contextlib import closing
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from airquery.cli.message import harmless
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


if TYPE_CHECKING:
    from airquery.planning.estimate import EndpointEstimate, Estimate, Span

UNKNOWN = "unknown"
_COLUMNS = (
    "endpoint",
    "model",
    "rows",
    "requests",
    "answered",
    "new",
    "input tokens",
    "output tokens",
    "price",
    "duration",
)


def plan(
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
    output: Annotated[
        Literal["table", "json"], typer.Option(help="How the figures are written.")
    ] = "table",
) -> None:
    """Say what SQL with ai_query in it would ask and cost. Nothing is sent or changed.

    Requests are counted; tokens and price are ranges. What depends on answers is not counted: a
    note on stderr says so.
    """
    import airquery  # noqa: PLC0415 - not needed to show the help

    text, variables = text_of(statement, file), variables_of(var or [])
    settings = airquery.Settings.read(
        **settings_of(endpoints, journal, cache_max_age, cache_namespace)
    )
    with closing(airquery.connect(database, settings=settings, read_only=read_only)) as connection:
        found = airquery.plan(connection, text, dialect=dialect, variables=variables or None)
    _show(found, output)


def _show(found: Estimate, output: Literal["table", "json"]) -> None:
    for note in found.notes:
        typer.echo(harmless(f"note: {note}"), err=True)
    if output == "json":
        import orjson  # noqa: PLC0415 - not needed to show the help

        typer.echo(orjson.dumps(asdict(found), option=orjson.OPT_INDENT_2))
        return
    if not found.endpoints:
        typer.echo("Nothing would be asked, as far as it can be counted.", err=True)
        return
    from rich.table import Table  # noqa: PLC0415 - json needs none of it
    from rich.text import Text  # noqa: PLC0415 - as above

    from airquery.cli.rows import print_table  # noqa: PLC0415 - as above

    table = Table(*_COLUMNS)
    for one in found.endpoints:
        table.add_row(*(Text(harmless(cell)) for cell in _row(one)))
    print_table(table, sys.stdout)


def _row(one: EndpointEstimate) -> tuple[str, ...]:
    return (
        one.endpoint,
        one.model or "",
        f"{one.rows:,}",
        f"{one.requests:,}",
        f"{one.answered:,}",
        f"{one.new:,}",
        _span(one.input_tokens, ",.0f"),
        _span(one.output_tokens, ",.0f"),
        "not declared" if one.price is None else f"{_span(one.price, ',.6f')} {one.currency}",
        UNKNOWN if one.seconds is None else f"{one.seconds:,.1f} s",
    )


def _span(span: Span, form: str) -> str:
    if span.high is None:
        return f"at least {span.low:{form}}"
    if span.low == span.high:
        return f"{span.low:{form}}"
    return f"{span.low:{form}} - {span.high:{form}}"
