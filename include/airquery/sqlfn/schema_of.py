"""`schema_of_json`: the DDL of a JSON example, as Spark infers it.

Whole numbers are BIGINT, others DOUBLE, null is STRING, fields are in alphabetical order as Spark
sorts them. The items of an array share one type: of objects the union of their fields.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson

from airquery.errors import StatementError


if TYPE_CHECKING:
    from collections.abc import Sequence


_PLAIN = re.compile(r"[A-Za-z_]\w*")


def schema_of_json(document: str) -> str:
    """Return the DDL type of a JSON text, for returnType. Raises `StatementError`."""
    try:
        value = orjson.loads(document)
    except orjson.JSONDecodeError as problem:
        raise StatementError(
            "AI_FUNCTION_UNSUPPORTED_RETURN_TYPE",
            f"schema_of_json: {document[:60]!r} is not JSON ({problem}). Give an example document.",
        ) from problem
    return _type([value])


def _type(values: Sequence[object]) -> str:
    """Return the type that all these values have."""
    known = [value for value in values if value is not None]
    if known and all(isinstance(value, bool) for value in known):
        return "BOOLEAN"
    if known and all(type(value) is int for value in known):
        return "BIGINT"
    if known and all(type(value) in {int, float} for value in known):
        return "DOUBLE"
    if known and all(isinstance(value, list) for value in known):
        items = [item for value in known if isinstance(value, list) for item in value]
        return f"ARRAY<{_type(items)}>"
    if known and all(isinstance(value, dict) for value in known):
        return _struct([value for value in known if isinstance(value, dict)])
    return "STRING"


def _struct(objects: Sequence[dict[str, object]]) -> str:
    names = sorted({name for one in objects for name in one})
    fields = [f"{_name(name)}: {_type([one.get(name) for one in objects])}" for name in names]
    return f"STRUCT<{', '.join(fields)}>"


def _name(name: str) -> str:
    return name if _PLAIN.fullmatch(name) else "`" + name.replace("`", "``") + "`"
