"""Text from outside as it may come: anything at all, and what is real with a part of it spoilt.

`HYPOTHESIS_PROFILE=thorough` draws thousands of examples, other ones each time.
"""

from __future__ import annotations

import json
import os
from copy import deepcopy
from datetime import timedelta
from typing import Any

from hypothesis import HealthCheck, settings, strategies as st


_THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"


def examples(quick: int) -> settings:
    """Return how many examples are drawn: few and always the same, or many and others."""
    return settings(
        max_examples=int(os.environ.get("AIRQUERY_EXAMPLES", "3000")) if _THOROUGH else quick,
        derandomize=not _THOROUGH,
        database=None,
        # What takes so long hangs.
        deadline=timedelta(seconds=20),
        suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
    )


NUMBERS = (
    st.integers()
    | st.floats()
    | st.sampled_from([10**400, -(10**30), 2**63, 1e308, float("nan"), float("inf"), -0.0, True])
)
SCALARS = st.none() | st.booleans() | NUMBERS | st.text(max_size=20)
JSON: st.SearchStrategy[Any] = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=8,
)
DEEP = st.sampled_from(
    ["[" * 1200, '{"a":' * 1200, "[" * 500 + "]" * 500, "ARRAY<" * 300, "(" * 300]
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """List the way to every part of a JSON value."""
    parts: Any = ()
    if isinstance(value, dict):
        parts = value.items()
    elif isinstance(value, list):
        parts = enumerate(value)
    return [path, *(place for key, part in parts for place in _places(part, (*path, key)))]


@st.composite
def spoilt(draw: st.DrawFn, real: object) -> Any:
    """Draw a JSON value that is the real one, but for up to three of its parts."""
    value: Any = {"": deepcopy(real)}
    for _ in range(draw(st.integers(1, 3))):
        way = draw(st.sampled_from(_places(value)[1:]))
        owner = value
        for step in way[:-1]:
            owner = owner[step]
        if draw(st.booleans()) and len(way) > 1:
            del owner[way[-1]]
        else:
            owner[way[-1]] = draw(JSON)
        if not value[""]:
            break
    return value[""]


@st.composite
def cut_and_mixed(draw: st.DrawFn, real: str) -> str:
    """Draw a text that is the real one with a piece of it gone, doubled, or replaced by another."""
    start = draw(st.integers(0, len(real)))
    end = draw(st.integers(start, min(len(real), start + 40)))
    piece = draw(
        st.text(max_size=10)
        | st.just(real[start:end] * 2)
        | DEEP
        | st.sampled_from("'\"`;)(<>{}$:,*/\\\0")
    )
    return real[:start] + piece + real[end:]


def bodies(real: object) -> st.SearchStrategy[bytes]:
    """Draw the body of a reply."""
    text = json.dumps(real)
    return (
        spoilt(real).map(lambda value: json.dumps(value).encode())
        | cut_and_mixed(text).map(lambda one: one.encode("utf-8", "surrogatepass"))
        | st.binary(max_size=60)
        | JSON.map(lambda value: json.dumps(value).encode("utf-8", "surrogatepass"))
        | DEEP.map(str.encode)
    )
