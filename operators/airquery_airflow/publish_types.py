"""Columns of a table as another database declares them, and as its driver takes their values.

What is nested goes as JSON text. SQLite has four types, so what is none of them goes as text.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airquery.quoting import quoted


if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType


_NESTED = {"array", "list", "map", "struct"}
_STANDARD = {
    "bigint": "bigint",
    "blob": "blob",
    "boolean": "boolean",
    "date": "date",
    "double": "double precision",
    "float": "real",
    "integer": "integer",
    "smallint": "smallint",
    "timestamp": "timestamp",
    "timestamp with time zone": "timestamp with time zone",
    "tinyint": "smallint",
    "varchar": "text",
}
_SPELLED = {
    "postgresql": {"blob": "bytea", "nested": "jsonb"},
    "mysql": {
        "blob": "longblob",
        "double": "double",
        "float": "float",
        "nested": "json",
        "timestamp": "datetime(6)",
        "timestamp with time zone": "datetime(6)",
        "varchar": "longtext",
    },
    "mssql": {
        "blob": "varbinary(max)",
        "boolean": "bit",
        "double": "float",
        "nested": "nvarchar(max)",
        "timestamp": "datetime2",
        "timestamp with time zone": "datetimeoffset",
        "varchar": "nvarchar(max)",
    },
    "sqlite": {
        "bigint": "integer",
        "boolean": "integer",
        "date": "text",
        "decimal": "text",
        "double": "real",
        "smallint": "integer",
        "timestamp": "text",
        "timestamp with time zone": "text",
        "tinyint": "integer",
    },
}
# Only what SQLite's driver itself can bind.
_BOUND_BY_SQLITE = {
    "bigint",
    "blob",
    "boolean",
    "double",
    "float",
    "integer",
    "smallint",
    "tinyint",
}


def declared(kind: DuckDBPyType, dialect: str) -> str:
    """Name the type of a column in the other database."""
    spelled = _SPELLED.get(dialect, {})
    if kind.id in _NESTED:
        return spelled.get("nested", "text")
    if kind.id == "decimal":
        found = re.search(r"\(.*\)", str(kind))
        return spelled.get("decimal", f"numeric{found.group() if found else ''}")
    return spelled.get(kind.id) or _STANDARD.get(kind.id, "text")


def selected(column: str, kind: DuckDBPyType, dialect: str) -> str:
    """Write a column of the SELECT whose values the driver can bind."""
    name = quoted(column)
    if kind.id in _NESTED:
        return f"CAST(to_json({name}) AS VARCHAR) AS {name}"
    if dialect == "sqlite" and kind.id not in _BOUND_BY_SQLITE:
        return f"CAST({name} AS VARCHAR) AS {name}"
    return name
