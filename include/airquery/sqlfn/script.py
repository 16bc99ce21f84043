"""A text of SQL, cut into statements that DuckDB reads."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, TypeAlias

import duckdb

from airquery.errors import StatementError


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.endpoints.registry import Registry
    from airquery.sqlfn.databricks import Unit

Dialect: TypeAlias = Literal["duckdb", "databricks"]

_BYTE_ORDER_MARK = "\ufeff"


def read_script(
    sql: str, *, dialect: Dialect = "duckdb", variables: Mapping[str, str] | None = None
) -> list[Unit]:
    """Return the statements of a text in DuckDB's spelling, at least one.

    The statements of one tuple belong into one transaction. DuckDB text is never translated.

    Raises:
        StatementError: there is none, a name has no value, or it is not Databricks SQL.
        duckdb.ParserException: it is not DuckDB SQL.
    """
    sql = sql.removeprefix(_BYTE_ORDER_MARK)
    if dialect == "databricks":
        # sqlglot takes a tenth of a second to load: DuckDB text without a call does not need it.
        from airquery.sqlfn.databricks import to_duckdb, without_comments  # noqa: PLC0415

        known = variables or {}
        units = to_duckdb(_substituted(without_comments(sql), known), known)
    else:
        units = [(text,) for text in _split(_substituted(sql, variables))]
    if not units:
        raise StatementError("AI_FUNCTION_COMPILATION_ERROR", "There is no statement in the text.")
    return units


def read_select(
    sql: str, *, dialect: Dialect = "duckdb", variables: Mapping[str, str] | None = None
) -> str:
    """Return the one statement of a text in DuckDB's spelling. Raises what `read_script` raises."""
    if dialect == "duckdb":
        return _substituted(sql, variables)
    units = read_script(sql, dialect=dialect, variables=variables)
    match units:
        case [(text,)]:
            return text
    raise StatementError(
        "AI_FUNCTION_COMPILATION_ERROR", "The text must be one SELECT: its rows are the table's."
    )


def endpoint_names(sql: str, registry: Registry | None = None) -> list[str]:
    """Return the endpoints that the calls of DuckDB text name, sorted.

    With a registry, also those that it sets as defaults of functions called without one.
    """
    from airquery.planning.build import parse  # noqa: PLC0415 - as above
    from airquery.sqlfn.calls import call_sites  # noqa: PLC0415

    trees = [parse(text) for text in _split(sql)]
    sites = [site for tree in trees if tree is not None for site in call_sites(tree)]
    names = {site.endpoint for site in sites}
    if registry is not None:
        unnamed = {site.function for site in sites if site.endpoint is None} - {"ai_query"}
        names |= {registry.default_name(function) for function in unnamed}
    return sorted(name for name in names if name is not None)


def _substituted(sql: str, variables: Mapping[str, str] | None) -> str:
    if variables is None:
        return sql
    from airquery.sqlfn.databricks import substitute  # noqa: PLC0415 - as above

    return substitute(sql, variables)


def _split(sql: str) -> list[str]:
    return [statement.query for statement in duckdb.extract_statements(sql)]
