"""Types as Databricks spells them (`STRUCT<a: INT, b: ARRAY<STRING>>`), as the rest needs them.

A `Structure` is what DuckDB's from_json_strict reads: a type name, a list of one, or a mapping of
field names. Only types that a JSON value can become are accepted.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TypeAlias

from airquery.errors import StatementError


Structure: TypeAlias = str | list["Structure"] | dict[str, "Structure"]

JSON_TYPES: dict[str, dict[str, object]] = {
    "VARCHAR": {"type": "string"},
    "BOOLEAN": {"type": "boolean"},
    "TINYINT": {"type": "integer"},
    "SMALLINT": {"type": "integer"},
    "INTEGER": {"type": "integer"},
    "BIGINT": {"type": "integer"},
    "HUGEINT": {"type": "integer"},
    "FLOAT": {"type": "number"},
    "DOUBLE": {"type": "number"},
    "DATE": {"type": "string", "format": "date"},
    "TIME": {"type": "string", "format": "time"},
    "TIMESTAMP": {"type": "string", "format": "date-time"},
    "TIMESTAMPTZ": {"type": "string", "format": "date-time"},
    "JSON": {},
}
SPELLINGS = {"TEXT": "VARCHAR", "INT": "INTEGER", "REAL": "FLOAT", "VARIANT": "JSON"}
NESTED = "it is nested too deep"
_SHOWN = 500
_DEEPEST = 64
EXAMPLE = "for example 'STRING', 'ARRAY<DOUBLE>' or 'STRUCT<name: STRING, total: DOUBLE>'"


@lru_cache(maxsize=256)
def parse_ddl(ddl: str, *, argument: str = "returnType") -> Structure:
    """Read a DDL type string.

    Raises:
        StatementError: AI_FUNCTION_UNSUPPORTED_RETURN_TYPE, or for a responseFormat
            AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT, naming the text and what is accepted.
    """
    from sqlglot import exp  # noqa: PLC0415  (0.2 s that a plain import of airquery need not pay)
    from sqlglot.errors import SqlglotError  # noqa: PLC0415

    if _depth(ddl) > _DEEPEST:
        raise _unsupported(argument, ddl, NESTED)
    try:
        kind = exp.DataType.build(ddl, dialect="databricks")
    except (SqlglotError, ValueError) as problem:
        raise _unsupported(argument, ddl, "it is not a SQL type") from problem
    except RecursionError:
        # Its own text is thousands of frames long.
        raise _unsupported(argument, ddl, NESTED) from None
    return _structure(kind, argument=argument, ddl=ddl)


def json_schema(structure: Structure) -> dict[str, object]:
    """Describe a structure as a JSON Schema that strict structured output accepts."""
    match structure:
        case str():
            name = structure.partition("(")[0]
            return {"type": "number"} if name == "DECIMAL" else dict(JSON_TYPES[name])
        case [item]:
            return {"type": "array", "items": json_schema(item)}
        case dict():
            return {
                "type": "object",
                "properties": {name: json_schema(field) for name, field in structure.items()},
                "required": list(structure),
                "additionalProperties": False,
            }
    raise AssertionError(structure)


def _depth(ddl: str) -> int:
    """Count how deep brackets stand in brackets: the parser's time grows with its square and more."""
    depth = deepest = 0
    for bracket in re.findall(r"[<>()\[\]]", ddl):
        depth = depth + 1 if bracket in "<([" else max(0, depth - 1)
        deepest = max(deepest, depth)
    return deepest


def shortened(text: str) -> str:
    """Cut a text to a length at which a message can show it."""
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _structure(kind: object, *, argument: str, ddl: str) -> Structure:
    from sqlglot import exp  # noqa: PLC0415

    if not isinstance(kind, exp.DataType):
        raise _unsupported(argument, ddl, "a field has no type")
    if kind.is_type("struct"):
        fields: dict[str, Structure] = {}
        for field in kind.expressions:
            if not isinstance(field, exp.ColumnDef) or field.name in fields:
                raise _unsupported(argument, ddl, "every field of a STRUCT needs a name of its own")
            fields[field.name] = _structure(field.args.get("kind"), argument=argument, ddl=ddl)
        if not fields:
            raise _unsupported(argument, ddl, "a STRUCT needs fields")
        return fields
    if kind.is_type("array", "list"):
        if len(kind.expressions) != 1:
            raise _unsupported(argument, ddl, "an ARRAY needs the type of its items")
        return [_structure(kind.expressions[0], argument=argument, ddl=ddl)]
    return _scalar(kind.sql("duckdb").upper(), argument=argument, ddl=ddl)


def _scalar(name: str, *, argument: str, ddl: str) -> str:
    name = SPELLINGS.get(name, name)
    if name in JSON_TYPES or name == "DECIMAL" or name.startswith("DECIMAL("):
        return name
    raise _unsupported(argument, ddl, f"{name} is not a type an answer can have")


def _unsupported(argument: str, ddl: str, problem: str) -> StatementError:
    of_format = argument == "responseFormat"
    return StatementError(
        "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT.DDL_STRING"
        if of_format
        else "AI_FUNCTION_UNSUPPORTED_RETURN_TYPE",
        f"{argument} {shortened(ddl)!r}: {problem}. Write a type, {EXAMPLE}.",
    )
