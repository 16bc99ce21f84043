"""JSON in Databricks SQL: from_json, get_json_object and `x:a.b`.

Spark gives NULL for text that is no JSON, where DuckDB stops the statement.
"""

from __future__ import annotations

import orjson
import sqlglot
from sqlglot import exp

from airquery.output.structure import Structure, parse_ddl
from airquery.sqlfn.databricks_refused import refused
from airquery.sqlfn.databricks_text import replace_all
from airquery.sqlfn.dialects import AirqueryDuckDB


# A list of one, filtered, names its value once: a CASE would name it twice, and a call in it would
# stand beside itself.
_VALID = sqlglot.parse_one(
    "list_extract(list_filter([_text], lambda j: json_valid(j)), 1)", read=AirqueryDuckDB
)
_SCHEMA = "the schema of from_json"


def from_json(tree: exp.Expr) -> exp.Expr:
    """Give from_json the structure that DuckDB's function of this name reads."""
    return replace_all(tree, exp.FromJson, _typed)


def json_paths(tree: exp.Expr) -> exp.Expr:
    """Read get_json_object and `x:a.b` as text."""
    tree = replace_all(tree, exp.JSONExtractScalar, _extracted)
    return replace_all(tree, exp.JSONExtract, _extracted)


def _typed(node: exp.FromJson) -> exp.Expr:
    schema = node.expression
    if node.args.get("options") is not None:
        raise refused("from_json with options")
    if not isinstance(schema, exp.Literal | exp.RawString):
        raise refused("from_json without a literal schema")
    structure = exp.Literal.string(orjson.dumps(_structure(schema.name)).decode())
    return exp.Anonymous(this="from_json", expressions=[_valid(node.this), structure])


def _structure(ddl: str) -> Structure:
    """Read a type, or a list of columns."""
    try:
        columns = exp.DataType.build(f"STRUCT<{ddl}>", dialect="databricks")
    except (sqlglot.errors.SqlglotError, ValueError):
        columns = None
    is_list = (
        columns is not None
        # Or a bracket in it could end the STRUCT before its last columns.
        and ddl.count("<") == ddl.count(">")
        and columns.expressions
        and all(
            isinstance(one, exp.ColumnDef) and one.args.get("kind") for one in columns.expressions
        )
    )
    return parse_ddl(f"STRUCT<{ddl}>" if is_list else ddl, argument=_SCHEMA)


def _extracted(node: exp.JSONExtract | exp.JSONExtractScalar) -> exp.Expr:
    path = node.expression.copy()
    if isinstance(path, exp.JSONPath):
        path = sqlglot.parse_one(path.sql(dialect="duckdb"), read=AirqueryDuckDB)
    if "*" in path.name:
        raise refused("get_json_object with [*]")
    return exp.Anonymous(this="json_extract_string", expressions=[_valid(node.this), path])


def _valid(document: exp.Expr) -> exp.Expr:
    """Write a text that is NULL unless it is JSON."""
    guard = _VALID.copy()
    for column in list(guard.find_all(exp.Column)):
        column.replace(document.copy())
    return guard
