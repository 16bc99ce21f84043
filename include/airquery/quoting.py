"""Write names and texts into SQL: the only place that knows how they are quoted.

A parameter binds what is a value. A name, a path of a table function and an option cannot be bound,
and go through here, whoever they come from.
"""

from __future__ import annotations


def quoted(identifier: str) -> str:
    """Write a name: of a column, a table, a schema, an option."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Write a text, for DuckDB and for a Delta predicate."""
    return "'" + text.replace("'", "''") + "'"
