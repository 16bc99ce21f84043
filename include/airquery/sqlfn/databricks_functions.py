"""What the two spellings write differently: format_string, 'a' 'b', CREATE FUNCTION."""

from __future__ import annotations

import re

from sqlglot import exp

from airquery.sqlfn.databricks_refused import refused
from airquery.sqlfn.databricks_text import replace_all


_DIRECTIVE = re.compile(r"%(?P<flags>[-#+ 0,(]*\d*(?:\.\d+)?)(?P<kind>[a-zA-Z%])|%")
_NUMBERS = {"d": "BIGINT", "x": "BIGINT", "X": "BIGINT", "o": "BIGINT"} | dict.fromkeys(
    "feEgG", "DOUBLE"
)


def format_strings(tree: exp.Expr) -> exp.Expr:
    """Write format_string as printf, each argument of the type that its directive takes."""
    return replace_all(tree, exp.Format, _formatted)


def adjacent_texts(tree: exp.Expr) -> exp.Expr:
    """Join texts that stand side by side: a constant argument of ai_query is one literal."""
    return replace_all(tree, exp.Concat, _joined)


def created_functions(tree: exp.Expr) -> exp.Expr:
    """Cast the body of a SQL function to the type that it says it RETURNS."""
    if not isinstance(tree, exp.Create) or tree.kind != "FUNCTION":
        return tree
    language = tree.find(exp.LanguageProperty)
    if language is not None and language.name.upper() != "SQL":
        raise refused("CREATE FUNCTION ... LANGUAGE")
    for parameter in tree.this.find_all(exp.ColumnDef):
        kinds = [constraint.kind for constraint in parameter.args.get("constraints") or ()]
        if any(isinstance(kind, exp.DefaultColumnConstraint) for kind in kinds):
            raise refused("CREATE FUNCTION ... DEFAULT")
    returns = tree.find(exp.ReturnsProperty)
    if returns is not None and isinstance(returns.this, exp.DataType):
        body = tree.expression
        body.replace(exp.Return(this=exp.cast(exp.paren(body.this.copy()), returns.this.copy())))
    return tree


def _joined(node: exp.Concat) -> exp.Expr:
    # concat_ws is a kind of Concat to sqlglot.
    if type(node) is exp.Concat and all(
        isinstance(one, exp.Literal) and one.is_string for one in node.expressions
    ):
        return exp.Literal.string("".join(one.name for one in node.expressions))
    return node


def _formatted(node: exp.Format) -> exp.Expr:
    template = node.this
    if not isinstance(template, exp.Literal):
        raise refused("format_string")
    found = list(_DIRECTIVE.finditer(template.name))
    kinds = [one["kind"] for one in found if one["kind"] != "%"]
    known = all(kind is not None and (kind in _NUMBERS or kind == "s") for kind in kinds)
    if not known or len(kinds) > len(node.expressions):
        raise refused("format_string")
    values = [_value(kind, value) for kind, value in zip(kinds, node.expressions, strict=False)]
    return exp.Anonymous(this="printf", expressions=[template.copy(), *values])


def _value(kind: str | None, value: exp.Expr) -> exp.Expr:
    if kind in _NUMBERS:
        return exp.cast(value.copy(), _NUMBERS[kind])
    # Spark writes NULL as the word null.
    return exp.func("coalesce", exp.cast(value.copy(), "VARCHAR"), exp.Literal.string("null"))
