"""Estimate tokens by the rule of ai_count_tokens, and pack texts by it.

The rule stands twice, here and in the macro, which asks nobody and needs no Python.
"""

from __future__ import annotations

import itertools
import re
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator


SEPARATOR = "\n---\n"
_TOKEN = re.compile(r"[A-Za-z]{1,8}|[0-9]{1,3}|[^A-Za-z0-9 \t\n\r]")
_SEPARATOR_TOKENS = 3


def count_tokens(text: str) -> int:
    """Return about how many tokens a text has."""
    return sum(1 for _ in _TOKEN.finditer(text))


def pack(texts: Iterable[str], most: int) -> list[str]:
    """Join texts, in their order, to pieces of at most so many tokens.

    A longer text is cut into several; one of white space alone is left out.
    """
    pieces: list[str] = []
    held: list[str] = []
    size = 0
    for text in texts:
        for part in _cut(text, most):
            count = count_tokens(part)
            if not count:
                continue
            if held and size + _SEPARATOR_TOKENS + count > most:
                pieces.append(SEPARATOR.join(held))
                held, size = [], 0
            size += count + (_SEPARATOR_TOKENS if held else 0)
            held.append(part)
    return [*pieces, SEPARATOR.join(held)] if held else pieces


def _cut(text: str, most: int) -> Iterator[str]:
    starts = [found.start() for found in _TOKEN.finditer(text)]
    if len(starts) <= most:
        yield text
        return
    bounds = [0, *starts[most::most], len(text)]
    for start, stop in itertools.pairwise(bounds):
        yield text[start:stop]
