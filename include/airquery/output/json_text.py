"""Find the JSON in what a model wrote: whole, fenced, inside prose, or slightly broken."""

from __future__ import annotations

import json
import re
from typing import Literal, TypeAlias

import orjson


Kind: TypeAlias = Literal["object", "array", "any"]

_FENCE = re.compile(r"```[a-zA-Z0-9]*\s*\n(.*?)(?:\n\s*```|\Z)", re.DOTALL)
_OPENING = {"object": "{", "array": "[", "any": "{["}


class NotJson(ValueError):
    """There is no JSON of the wanted kind in a text."""


def find_json(text: str, *, kind: Kind = "any", repair: bool = True) -> object:
    """Return the JSON value that a text is, or holds.

    Args:
        text: what the model wrote.
        kind: what the value must be; "any" also takes a text that is one JSON scalar.
        repair: mend single quotes, trailing commas and cut-off tails (json-repair). Without it
            only whole, valid JSON counts.

    Raises:
        NotJson: nothing of that kind was found.
    """
    try:
        value: object = orjson.loads(text)
    except orjson.JSONDecodeError:
        value = _repaired(text, kind) if repair else None
    if _is_of(kind, value) or (kind == "any" and value is not None):
        return _writable(value)
    raise NotJson(f"no JSON {'value' if kind == 'any' else kind} in it")


def _writable(value: object) -> object:
    """Return a value that can be written again as it is. Raises `NotJson`."""
    try:
        orjson.dumps(value)
        # Where one looks for JSON, NaN and infinities are found too; orjson would write null.
        json.dumps(value, allow_nan=False)
    except (TypeError, ValueError, RecursionError) as problem:
        raise NotJson(
            "it is nested too deep, or holds a number or a character that JSON has not"
        ) from problem
    return value


def _repaired(text: str, kind: Kind) -> object:
    """Mend the first fenced block, or what begins with the first opening bracket."""
    fenced = _FENCE.search(text)
    body = fenced.group(1) if fenced else text
    starts = [at for bracket in _OPENING[kind] if (at := body.find(bracket)) >= 0]
    if not starts:
        return None
    # Most models write JSON that needs no mending.
    import json_repair  # noqa: PLC0415

    try:
        value: object = json_repair.loads(body[min(starts) :])
    except (RecursionError, ValueError):
        return None
    if kind == "object" and isinstance(value, list):
        # Several documents came back as one list: the first object is the answer.
        return next((item for item in value if isinstance(item, dict)), None)
    return value if isinstance(value, dict | list) else None


def _is_of(kind: Kind, value: object) -> bool:
    match kind:
        case "object":
            return isinstance(value, dict)
        case "array":
            return isinstance(value, list)
        case "any":
            return isinstance(value, dict | list)
