"""schema_of_json('...') in a statement: computed while it is translated."""

from __future__ import annotations

from sqlglot import exp

from airquery.sqlfn.databricks_refused import refused
from airquery.sqlfn.databricks_text import replace_all
from airquery.sqlfn.schema_of import schema_of_json


def json_schemas(tree: exp.Expr) -> exp.Expr:
    """Compute schema_of_json of a literal. Raises `StatementError`."""
    return replace_all(tree, exp.Anonymous, _schema)


def _schema(node: exp.Anonymous) -> exp.Expr:
    if node.name.lower() != "schema_of_json":
        return node
    match node.expressions:
        case [exp.Literal() | exp.RawString() as text]:
            pass
        case _:
            raise refused("schema_of_json of an expression")
    return exp.Literal.string(schema_of_json(text.name))
