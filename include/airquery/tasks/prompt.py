"""Put what a call was given into the prompts of its macro, and what a row holds into text."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import orjson


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.sqlfn.given import Given


_PLACE = re.compile(r"\{(\w+)\}")


def filled(template: str, values: Mapping[str, str]) -> str:
    """Replace `{name}` by its value, once: what a value holds is not looked at again."""
    return _PLACE.sub(lambda found: values.get(found[1], found[0]), template)


def prompt(given: Given, name: str = "system") -> str:
    """Return one of the prompts that a macro hands over."""
    return str(given.system if name == "system" else given.more[name])


def as_text(value: object) -> str:
    """Return text as it is, and any other JSON value as its JSON text."""
    return value if isinstance(value, str) else orjson.dumps(value).decode()
