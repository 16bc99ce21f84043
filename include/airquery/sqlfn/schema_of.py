"""`schema_of_json`: the DDL of a JSON example, as Spark infers it.

Whole numbers are BIGINT or, beyond 64 bits, DECIMAL, others DOUBLE, null is STRING; fields are in
alphabetical order as Spark sorts them. The items of an array share one type: of objects the union
of their fields, of what has nothing in common STRING.
"""

from __future__ import annotations

import json
from typing import TypeAlias

from airquery.errors import StatementError


# A type's name, a list of one, or the fields of an object; None for null.
Kind: TypeAlias = "str | list[Kind] | dict[str, Kind] | None"

SHOWN = 60
_END_OF_BIGINT = 2**63
_SCALARS = {bool: "BOOLEAN", float: "DOUBLE", str: "STRING"}
_WIDER = ("BIGINT", "DECIMAL(38,0)", "DOUBLE")


def schema_of_json(document: str) -> str:
    """Return the DDL type of a JSON text. Raises `StatementError`."""
    try:
        # Unlike orjson it reads whole numbers of any size.
        value = json.loads(document)
    except ValueError as problem:
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR",
            f"schema_of_json: {document[:SHOWN]!r} is not JSON ({problem}). Give an example document.",
        ) from problem
    except RecursionError:
        raise _nested(document) from None
    return _ddl(_kind(value))


def _nested(document: str) -> StatementError:
    return StatementError(
        "AI_FUNCTION_COMPILATION_ERROR",
        f"schema_of_json: {document[:SHOWN]!r} is nested too deep. Give a simpler document.",
    )


def _kind(value: object) -> Kind:
    match value:
        case int() if not isinstance(value, bool):
            return "BIGINT" if -_END_OF_BIGINT <= value < _END_OF_BIGINT else "DECIMAL(38,0)"
        case dict():
            return {name: _kind(field) for name, field in value.items()}
        case list():
            item: Kind = None
            for one in value:
                item = _shared(item, _kind(one))
            return [item]
    return _SCALARS.get(type(value))


def _shared(one: Kind, other: Kind) -> Kind:
    """Return the type that holds the values of both."""
    match one, other:
        case (None, kind) | (kind, None):
            return kind
        case dict(), dict():
            return {name: _shared(one.get(name), other.get(name)) for name in {**one, **other}}
        case [a], [b]:
            return [_shared(a, b)]
        case str(), str() if one in _WIDER and other in _WIDER:
            return max(one, other, key=_WIDER.index)
    return one if one == other else "STRING"


def _ddl(kind: Kind) -> str:
    match kind:
        case dict():
            # Spark sorts the fields that it finds by name.
            fields = ", ".join(f"{_field(name)}: {_ddl(kind[name])}" for name in sorted(kind))
            return f"STRUCT<{fields}>"
        case [item]:
            return f"ARRAY<{_ddl(item)}>"
        case str():
            return kind
    return "STRING"


def _field(name: str) -> str:
    return name if name.isidentifier() else "`" + name.replace("`", "``") + "`"
