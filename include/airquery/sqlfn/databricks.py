"""Databricks SQL as it stands, as DuckDB text.

Widgets (`${name}`) are substituted first, textually and before anything is parsed, as notebooks do.
The rest is done on the tree: sqlglot knows most of both spellings, the modules beside this one do
what it leaves alone. What none of them can do is refused by name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, TypeAlias

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError, UnsupportedError

from airquery.errors import StatementError
from airquery.output.structure import NESTED
from airquery.sqlfn.databricks_files import read_files
from airquery.sqlfn.databricks_functions import (
    adjacent_texts,
    created_functions,
    format_strings,
)
from airquery.sqlfn.databricks_json import from_json, json_paths
from airquery.sqlfn.databricks_markers import fill_markers
from airquery.sqlfn.databricks_refused import unread
from airquery.sqlfn.databricks_schema import json_schemas
from airquery.sqlfn.databricks_streams import refresh_texts, refuse_other_streams
from airquery.sqlfn.databricks_tables import (
    materialized_view,
    overwrite_texts,
    use_name,
    without_storage,
)
from airquery.sqlfn.databricks_text import duckdb_text
from airquery.sqlfn.dialects import AirqueryDatabricks, quiet_sqlglot
from airquery.sqlfn.offered import check_offered


if TYPE_CHECKING:
    from collections.abc import Mapping

Unit: TypeAlias = tuple[str, ...]

_WIDGET = re.compile(r"\$\{\s*([A-Za-z_][A-Za-z0-9_.]*)\s*\}")
# Strings are passed over, so that a comment's sign inside of one is none.
_COMMENT = re.compile(
    r"""r'[^']*' | r"[^"]*" | '(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | `[^`]*`
    | (?P<comment> --[^\n]* | /\*.*?\*/ )""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_EXPLAIN = re.compile(r"\s*EXPLAIN\s+(?:(?:EXTENDED|CODEGEN|COST|FORMATTED)\s+)?", re.IGNORECASE)
_REWRITES = (
    created_functions,
    without_storage,
    use_name,
    adjacent_texts,
    json_schemas,
    from_json,
    json_paths,
    format_strings,
    read_files,
    materialized_view,
)
_COMMANDS = (exp.Analyze, exp.Cache, exp.Grant, exp.Revoke, exp.Uncache)


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


def without_comments(text: str) -> str:
    """Blank the comments of Databricks SQL: nothing in them has to have a value."""
    return _COMMENT.sub(lambda found: " " if found["comment"] else found.group(), text)


def to_duckdb(text: str, variables: Mapping[str, str] | None = None) -> list[Unit]:
    """Translate a script of Databricks SQL, statement by statement.

    Args:
        text: the script, its widgets filled in.
        variables: the values of `:name` markers; each becomes a literal and can be nothing else.

    Returns:
        The statements in order. Those of one tuple belong into one transaction.

    Raises:
        StatementError: it is not Databricks SQL, or holds what airquery does not translate.
    """
    try:
        with quiet_sqlglot():
            parsed = sqlglot.parse(text, read=AirqueryDatabricks)
        trees = fill_markers([tree for tree in parsed if tree is not None], variables or {})
        return [_translated(tree, variables or {}) for tree in trees]
    except SqlglotError as problem:
        raise unread(text, problem) from problem
    except RecursionError:
        raise unread("", f"{NESTED}.") from None


def _translated(tree: exp.Expr, variables: Mapping[str, str]) -> Unit:
    if isinstance(tree, exp.Command):
        return _command(tree, variables)
    if isinstance(tree, _COMMANDS):
        raise unread("", f"{tree.key.upper()} has no place in DuckDB.")
    check_offered(tree)
    for rewrite in _REWRITES:
        tree = rewrite(tree)
    try:
        if (texts := refresh_texts(tree)) is not None:
            return texts
        refuse_other_streams(tree)
        return overwrite_texts(tree) or (duckdb_text(tree),)
    except UnsupportedError as problem:
        raise unread("", f"{problem}.") from problem


def _command(tree: exp.Command, variables: Mapping[str, str]) -> Unit:
    """Translate what the parser keeps as text: EXPLAIN of a statement, and SHOW as it is."""
    name, text = tree.name.upper(), tree.sql(dialect="databricks")
    explained = _EXPLAIN.match(text)
    if explained is not None:
        units = to_duckdb(text[explained.end() :], variables)
        return tuple(f"EXPLAIN {one}" for unit in units for one in unit)
    if name != "SHOW":
        raise unread(text, f"{name} has no place in DuckDB.")
    return (text,)
