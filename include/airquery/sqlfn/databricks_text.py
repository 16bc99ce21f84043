"""Trees rewritten, and written as the text that DuckDB reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import duckdb
from sqlglot import exp
from sqlglot.errors import ErrorLevel


if TYPE_CHECKING:
    from collections.abc import Callable


Node = TypeVar("Node", bound=exp.Expr)


def replace_all(tree: exp.Expr, kind: type[Node], write: Callable[[Node], exp.Expr]) -> exp.Expr:
    """Replace every node of a kind by what is written for it, the innermost first."""
    for node in reversed(list(tree.find_all(kind))):
        if (written := write(node)) is not node:
            node.replace(written)
    return tree


def statements_of(text: str) -> tuple[str, ...]:
    """Cut the text of a transaction into its statements."""
    return tuple(one.query.strip() for one in duckdb.extract_statements(text))


def duckdb_text(tree: exp.Expr) -> str:
    """Write a tree without its comments. Raises `UnsupportedError` for what DuckDB cannot say."""
    return tree.sql(dialect="duckdb", comments=False, unsupported_level=ErrorLevel.RAISE)
