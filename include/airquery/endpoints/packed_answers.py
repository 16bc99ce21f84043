"""Read which row got which answer, out of what a model wrote to several rows.

An answer belongs to the id beside it and to nothing else. What leaves a doubt is no answer: an id
that comes twice, a field that comes twice in one entry, an entry without one of the two.
"""

from __future__ import annotations

import json
import math
import re
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airquery.endpoints import wire


if TYPE_CHECKING:
    from collections.abc import Iterator


_FIELDS: Final = frozenset({"id", "answer", "answers"})
# In prose, or in a fence. Inside of a JSON text the quotes would be escaped.
_OPENING: Final = re.compile(r'\{\s*"answers"')
# More than a model writes; each may be searched to the end of the text.
_MOST_OPENINGS: Final = 32


@dataclass(frozen=True, slots=True)
class Told:
    """What stands beside an id."""

    answer: object


def answers_by_id(text: str) -> dict[str, Told] | None:
    """Return the answers whose id comes once, by it; None for a text without any list of answers."""
    lists = list(_lists(text))
    if not lists:
        return None
    found: defaultdict[str, list[Told]] = defaultdict(list)
    for entry in (wire.mapping(entry) for entries in lists for entry in entries):
        name = entry.get("id")
        if isinstance(name, str) and "answer" in entry:
            found[name].append(Told(entry["answer"]))
    return {name: told[0] for name, told in found.items() if len(told) == 1}


def _lists(text: str) -> Iterator[list[object]]:
    """Yield each list of answers, whether the text is one or holds it among other words."""
    whole = text.strip()
    at = 0 if whole.startswith("{") else _next(whole, 0)
    for _ in range(_MOST_OPENINGS):
        if at is None:
            return
        try:
            value, end = _DECODER.raw_decode(whole, at)
        except (ValueError, RecursionError):
            # An opening that is followed by no JSON may be prose; what was cut off has no end.
            value, end = None, at + 1
        entries = wire.mapping(value).get("answers")
        if isinstance(entries, list):
            yield entries
        at = _next(whole, end)


def _next(text: str, start: int) -> int | None:
    found = _OPENING.search(text, start)
    return found.start() if found else None


def _object(pairs: list[tuple[str, object]]) -> dict[str, object] | None:
    """Return an object, and None for one that says twice what must be said once."""
    fields = dict(pairs)
    names = [name for name, _ in pairs if name in _FIELDS]
    return fields if len(names) == len(set(names)) else None


def _finite(digits: str) -> float:
    number = float(digits)
    if math.isinf(number):
        raise ValueError(f"{digits} is too large")
    return number


def _refuse(constant: str) -> object:
    raise ValueError(f"{constant} is no JSON")


_DECODER: Final = json.JSONDecoder(
    object_pairs_hook=_object, parse_float=_finite, parse_constant=_refuse, strict=False
)
