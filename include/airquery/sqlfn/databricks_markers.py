"""`:name` markers and IDENTIFIER(...): values that come from outside the text.

A value becomes one literal, or one name of quoted parts, in the tree: whatever it holds, it can be
nothing else.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sqlglot import exp

from airquery.errors import StatementError
from airquery.sqlfn.databricks_refused import refused


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


_PART = r"(?:`[^`]+`|[^\s.`'\"()]+)"
_NAME = re.compile(rf"{_PART}(?:\.{_PART}){{0,2}}")
_IDENTIFIER = "IDENTIFIER"


def fill_markers(trees: Sequence[exp.Expr], variables: Mapping[str, str]) -> list[exp.Expr]:
    """Put the values of all markers of a script into its statements.

    Raises:
        StatementError: a marker has no value (all are listed), or its value cannot stand there.
    """
    markers = [marker for tree in trees for marker in tree.find_all(exp.Placeholder)]
    if any(not marker.this for marker in markers):
        raise refused("the marker ?")
    missing = sorted({marker.name for marker in markers} - variables.keys())
    if missing:
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR",
            f"No value for {', '.join(':' + name for name in missing)}. "
            f"Give it as {' '.join(f'--var {name}=…' for name in missing)}, or in `variables`.",
        )
    for marker in markers:
        marker.replace(_literal(marker, variables[marker.name]))
    return [tree.transform(_identified) for tree in trees]


def _literal(marker: exp.Expr, value: str) -> exp.Expr:
    if not isinstance(marker.parent, exp.Limit | exp.Offset):
        return exp.Literal.string(value)
    if not re.fullmatch(r"[0-9]+", value.strip(), re.ASCII):
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR",
            f"The value of :{marker.name} in {marker.parent.key.upper()} must be a whole number.",
        )
    return exp.Literal.number(value.strip())


def _identified(node: exp.Expr) -> exp.Expr:
    """Turn an IDENTIFIER(...) into the name in it."""
    # As the target of CREATE and INSERT it is read as a table with a list of columns.
    if isinstance(node, exp.Schema) and _named(node.this) == _IDENTIFIER:
        values = node.expressions
        if len(values) == 1 and not isinstance(values[0], exp.Identifier | exp.ColumnDef):
            return _table(_parts(values[0]))
    if isinstance(node, exp.Table) and _is_call(node.this):
        table = _table(_parts(*node.this.expressions))
        for key in ("alias", "joins", "laterals", "pivots", "sample"):
            table.set(key, node.args.get(key))
        return table
    if _is_call(node) and isinstance(node, exp.Anonymous):
        table_first = _parts(*node.expressions)
        return exp.column(*reversed(table_first))
    return node


def _named(node: object) -> str:
    return node.name.upper() if isinstance(node, exp.Table) else ""


def _is_call(node: object) -> bool:
    return isinstance(node, exp.Anonymous) and node.name.upper() == _IDENTIFIER


def _table(parts: list[exp.Identifier]) -> exp.Table:
    names = dict(zip(("this", "db", "catalog"), reversed(parts), strict=False))
    return exp.Table(**names)


def _parts(*values: exp.Expr) -> list[exp.Identifier]:
    """Cut a name into its parts."""
    name = _text(values[0]).strip() if len(values) == 1 else ""
    if not _NAME.fullmatch(name):
        raise refused(_IDENTIFIER)
    return [exp.to_identifier(part.strip("`"), quoted=True) for part in re.findall(_PART, name)]


def _text(value: exp.Expr) -> str:
    """Return the text of a literal, or of literals joined by || or concat."""
    if isinstance(value, exp.Literal) and value.is_string:
        return value.name
    if isinstance(value, exp.DPipe):
        return _text(value.this) + _text(value.expression)
    if isinstance(value, exp.Concat):
        return "".join(_text(one) for one in value.expressions)
    if isinstance(value, exp.Paren):
        return _text(value.this)
    raise refused(_IDENTIFIER)
