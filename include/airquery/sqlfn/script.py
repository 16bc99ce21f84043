"""A text of SQL, cut into statements that DuckDB reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import duckdb

from airquery.errors import StatementError
from airquery.plan.build import parse
from airquery.sqlfn.calls import call_sites
from airquery.sqlfn.databricks import substitute, to_duckdb


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.endpoints.registry import Registry

Dialect: TypeAlias = Literal["duckdb", "databricks"]


def read_script(
    sql: str, *, dialect: Dialect = "duckdb", variables: Mapping[str, str] | None = None
) -> list[str]:
    """Return the statements of a text in DuckDB's spelling, at least one.

    Raises:
        StatementError: there is none, `${name}` has no value, or it is not Databricks SQL.
        duckdb.ParserException: it is not DuckDB SQL.
    """
    if variables is not None or dialect == "databricks":
        sql = substitute(sql, variables or {})
    texts = to_duckdb(sql) if dialect == "databricks" else _split(sql)
    if not texts:
        raise StatementError("AI_FUNCTION_COMPILATION_ERROR", "There is no statement in the text.")
    return texts


def endpoint_names(sql: str, registry: Registry | None = None) -> list[str]:
    """Return the endpoints that the calls of DuckDB text name, sorted.

    With a registry, also those that it sets as defaults of functions called without one.
    """
    trees = [parse(text) for text in _split(sql)]
    sites = [site for tree in trees if tree is not None for site in call_sites(tree)]
    names = {site.endpoint for site in sites}
    if registry is not None:
        unnamed = {site.function for site in sites if site.endpoint is None} - {"ai_query"}
        names |= {registry.default_name(function) for function in unnamed}
    return sorted(name for name in names if name is not None)


def _split(sql: str) -> list[str]:
    return [statement.query for statement in duckdb.extract_statements(sql)]
