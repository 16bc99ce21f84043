"""Write names and values into SQL: the only place that knows how they are quoted.

A parameter binds what is a value. A name, a path of a table function and an option cannot be bound,
and go through here, whoever they come from.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence


class NotWritable(TypeError):
    """A value that is none of JSON's; `value` may be one inside of what was given."""

    def __init__(self, value: object) -> None:
        super().__init__(f"A {type(value).__name__} cannot be written as SQL.")
        self.value = value


def quoted(identifier: str) -> str:
    """Write a name: of a column, a table, a schema, an option."""
    return '"' + identifier.replace('"', '""') + '"'


def literal(text: str) -> str:
    """Write a text, for DuckDB and for a Delta predicate."""
    return "'" + text.replace("'", "''") + "'"


def written(value: object) -> str:
    """Write a value of JSON, such as an option. Raises `NotWritable`."""
    match value:
        case None:
            return "NULL"
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case str():
            return literal(value)
        case Mapping():
            pairs = (f"{literal(str(key))}: {written(item)}" for key, item in value.items())
            return "{" + ", ".join(pairs) + "}"
        case Sequence():
            return "[" + ", ".join(map(written, value)) + "]"
    raise NotWritable(value)
