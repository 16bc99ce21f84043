"""`airquery endpoints list` and `airquery endpoints test`: which there are, and which answer.

A key is never shown, only whether there is one. Testing asks for the list of models, which costs
nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from airquery.cli.message import harmless


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Endpoint
    from airquery.endpoints.registry import Registry


File = Annotated[
    Path | None,
    typer.Option("--endpoints", help="The YAML file; by default what AIRQUERY_ENDPOINTS names."),
]

endpoints = typer.Typer(name="endpoints", no_args_is_help=True, help="Show or try the endpoints.")


@endpoints.command("list")
def list_endpoints(*, file: File = None) -> None:
    """List the declared endpoints, also those that cannot be used yet, and the functions' defaults."""
    from rich.table import Table  # noqa: PLC0415 - not needed to show the help

    from airquery.cli.rows import print_table  # noqa: PLC0415
    from airquery.endpoints.registry import DEFAULT  # noqa: PLC0415
    from airquery.errors import InvalidEndpoint  # noqa: PLC0415

    registry = _registry(file)
    if not registry.names():
        typer.echo(
            "No endpoint is declared. Name a file with --endpoints or AIRQUERY_ENDPOINTS, or set "
            "AIRQUERY_ENDPOINT_<NAME>.",
            err=True,
        )
        return
    table = Table("name", "task", "provider", "model", "base URL", "key", "mode")
    problems = []
    for name in registry.names():
        try:
            table.add_row(*map(harmless, _row(registry.get(name))))
        except InvalidEndpoint as error:
            table.add_row(name, "", "", "", "not usable, see below", "", "")
            problems.append(str(error))
    print_table(table, sys.stdout)
    for function, name in registry.defaults():
        who = "every other function" if function == DEFAULT else function
        typer.echo(harmless(f"{who} asks {name} by default"))
    for problem in problems:
        typer.echo(harmless(problem))


@endpoints.command("test")
def try_endpoints(
    names: Annotated[
        list[str] | None, typer.Argument(help="Which ones; by default all.", show_default=False)
    ] = None,
    *,
    file: File = None,
) -> None:
    """Ask endpoints for their list of models, which costs nothing. Exit code 1 if one failed."""
    import airquery  # noqa: PLC0415 - not needed to show the help
    from airquery.errors import AirqueryError  # noqa: PLC0415

    registry = _registry(file)
    failed = 0
    for name in names or registry.names():
        try:
            typer.echo(harmless(f"ok      {airquery.probe(registry.get(name))}"))
        except AirqueryError as error:
            failed += 1
            typer.echo(harmless(f"failed  {name}: {error}"))
    if failed:
        raise typer.Exit(1)


def _registry(file: Path | None) -> Registry:
    from airquery.endpoints.registry import Registry  # noqa: PLC0415 - not needed to show the help
    from airquery.settings import Settings  # noqa: PLC0415

    return Registry.read(Settings.read(**({} if file is None else {"endpoints": file})))


def _row(endpoint: Endpoint) -> tuple[str, ...]:
    return (
        endpoint.name,
        endpoint.task,
        endpoint.provider,
        endpoint.model or "",
        endpoint.base_url,
        "set" if endpoint.api_key or endpoint.headers or endpoint.oauth else "none",
        "online" if endpoint.batch is None else "batch",
    )
