"""`airquery functions`: which SQL functions there are, and how one is called."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer


if TYPE_CHECKING:
    from airquery.sqlfn.functions import Function


def show_functions(
    name: Annotated[
        str | None, typer.Argument(help="One of them, to show whole.", show_default=False)
    ] = None,
) -> None:
    """List the SQL functions, or show one with its arguments and what it returns."""
    from rich.table import Table  # noqa: PLC0415 - not needed to show the help
    from rich.text import Text  # noqa: PLC0415

    from airquery.cli.rows import print_table  # noqa: PLC0415
    from airquery.errors import StatementError, suggestion  # noqa: PLC0415
    from airquery.sqlfn.functions import functions  # noqa: PLC0415

    known = functions()
    if name is None:
        table = Table("function", "what it does")
        for one in sorted(known):
            required = known[one].required
            more = ("…",) if len(known[one].arguments) > len(required) else ()
            table.add_row(f"{one}({', '.join((*required, *more))})", Text(known[one].headline))
        print_table(table, sys.stdout)
        return
    function = known.get(name.lower())
    if function is None:
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR",
            f"There is no function {name!r}. {suggestion(name, known)}",
        )
    _show(function)


def _show(function: Function) -> None:
    from rich.table import Table  # noqa: PLC0415
    from rich.text import Text  # noqa: PLC0415

    from airquery.cli.rows import print_table  # noqa: PLC0415

    typer.echo(f"{function.signature()}\n\n{function.summary}\n")
    table = Table("argument", "type", "meaning")
    for one in function.arguments:
        kind = f"{one.kind}, constant" if one.constant else one.kind
        table.add_row(Text(one.name), Text(kind), Text(one.meaning))
    print_table(table, sys.stdout)
    typer.echo(f"\nReturns {function.returns}")
