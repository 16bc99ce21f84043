"""Make the smallest value that a JSON schema accepts.

The same schema always gives the same value. Keywords that only narrow text (`pattern`, `format`)
are not looked at.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Final, TypeAlias


if TYPE_CHECKING:
    from collections.abc import Callable


# A schema is JSON from outside: any keyword may hold anything.
Schema: TypeAlias = dict[str, Any]

_DEPTH: Final = 32


def smallest(schema: Schema) -> object:
    """Return the smallest value of the schema, with the required properties only."""
    return _smallest(schema, schema, 0)


def _smallest(schema: Schema, root: Schema, depth: int) -> object:
    schema = _followed(schema, root)
    choices = [schema["const"]] if "const" in schema else schema.get("enum")
    if choices:
        return choices[0]
    kind = schema.get("type", "object" if "properties" in schema else "null")
    kind = kind[0] if isinstance(kind, list) else kind
    count = 0 if depth > _DEPTH else schema.get("minItems", 0)
    names = [] if depth > _DEPTH else schema.get("required", [])
    values = schema.get("properties", {})
    made: dict[str, Callable[[], object]] = {
        "array": lambda: [_smallest(schema.get("items", {}), root, depth + 1)] * count,
        "boolean": lambda: False,
        "integer": lambda: _number(schema),
        "null": lambda: None,
        "number": lambda: _number(schema),
        "object": lambda: {one: _smallest(values.get(one, {}), root, depth + 1) for one in names},
        "string": lambda: "x" * schema.get("minLength", 0),
    }
    return made[kind]()


def _followed(schema: Schema, root: Schema) -> Schema:
    """Return the schema that this one stands for: what `$ref` names, or its first choice."""
    for _ in range(_DEPTH):
        choice = next((key for key in ("anyOf", "oneOf", "allOf") if schema.get(key)), None)
        if "$ref" in schema:
            schema = _named(schema["$ref"], root)
        elif choice is not None:
            schema = schema[choice][0]
        else:
            return schema
    raise ValueError("The schema refers to itself in a circle.")


def _named(reference: str, root: Schema) -> Schema:
    found = root
    for step in reference.removeprefix("#").split("/")[1:]:
        found = found[step]
    return found


def _number(schema: Schema) -> float:
    """Return 0, or the bound that is nearest to it."""
    low: float = schema.get("minimum", schema.get("exclusiveMinimum", -math.inf) + 1)
    high: float = schema.get("maximum", schema.get("exclusiveMaximum", math.inf) - 1)
    return max(low, min(0, high))
