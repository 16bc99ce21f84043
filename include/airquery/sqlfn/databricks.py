"""Databricks SQL as it stands, as DuckDB text.

Widgets (`${name}`) are substituted first, textually and before anything is parsed, as notebooks do.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from airquery.errors import StatementError
from airquery.sqlfn.dialects import AirqueryDatabricks


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


_WIDGET = re.compile(r"\$\{\s*([A-Za-z_][A-Za-z0-9_.]*)\s*\}")


def substitute(text: str, variables: Mapping[str, str]) -> str:
    """Put the values of `${name}` into a text.

    Raises:
        StatementError: a name has no value; all such names are listed.
    """
    missing = sorted({name for name in _WIDGET.findall(text) if name not in variables})
    if missing:
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR",
            f"No value for {', '.join('${' + name + '}' for name in missing)}. "
            f"Give it as {' '.join(f'--var {name}=…' for name in missing)}, or in `variables`.",
        )
    return _WIDGET.sub(lambda found: variables[found.group(1)], text)


def to_duckdb(text: str) -> list[str]:
    """Translate a script of Databricks SQL, statement by statement. Raises `StatementError`."""
    try:
        trees: Iterable[exp.Expr | None] = sqlglot.parse(text, read=AirqueryDatabricks)
    except SqlglotError as problem:
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR", f"The statement is not Databricks SQL: {problem}"
        ) from problem
    return [tree.sql(dialect="duckdb") for tree in trees if tree is not None]
