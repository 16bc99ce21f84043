"""The commands, with those that other packages add by the entry point group `airquery.commands`.

A package's code is loaded when its command runs. `airquery --help` shows the first line of the
function's docstring, read from its source, so that listing a command never imports it.
"""

from __future__ import annotations

import ast
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import typer
from typer.core import TyperGroup


if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint, EntryPoints

    from typer._click import Command, Context


GROUP = "airquery.commands"


class Commands(TyperGroup):
    """Our own commands first, then those of installed packages."""

    def list_commands(self, ctx: Context) -> list[str]:
        """Name every command."""
        own = super().list_commands(ctx)
        return own + sorted(_entries().names - set(own))

    def get_command(self, ctx: Context, cmd_name: str) -> Command | None:
        """Return a command; that of another package as its name and summary only."""
        own = super().get_command(ctx, cmd_name)
        entry = None if own else _entry(cmd_name)
        return own if entry is None else _command(cmd_name, _nothing, summary=summary_of(entry))

    def resolve_command(
        self, ctx: Context, args: list[str]
    ) -> tuple[str | None, Command | None, list[str]]:
        """Return the command that is to run, with its code."""
        name = args[0]
        entry = None if name in self.commands else _entry(name)
        if entry is None:
            return super().resolve_command(ctx, args)
        return name, _command(name, entry.load()), args[1:]


def summary_of(entry: EntryPoint) -> str:
    """Return the first line of a function's docstring without importing its module."""
    with suppress(ImportError, OSError, SyntaxError, ValueError):
        spec = find_spec(entry.module)
        if spec is not None and spec.origin is not None:
            for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
                if isinstance(node, ast.FunctionDef) and node.name == entry.attr:
                    return (ast.get_docstring(node) or "").partition("\n")[0]
    return f"A command of {entry.module}."


def _entry(name: str) -> EntryPoint | None:
    return next(iter(_entries().select(name=name)), None)


def _entries() -> EntryPoints:
    # It looks through all that is installed, which a command of our own does not wait for.
    from importlib.metadata import entry_points  # noqa: PLC0415

    return entry_points(group=GROUP)


def _command(name: str, function: Callable[..., object], *, summary: str | None = None) -> Command:
    one = typer.Typer(add_completion=False, rich_markup_mode=None)
    one.command(name, help=summary)(function)
    return typer.main.get_command(one)


def _nothing() -> None:
    """Stand for a command that is only listed."""
