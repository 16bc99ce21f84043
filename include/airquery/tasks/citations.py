"""Where in a text a quote stands: exactly, or else with other white space or another case."""

from __future__ import annotations

import re
from dataclasses import dataclass, field


@dataclass(slots=True)
class Citations:
    """The places of a text that were quoted, each with an id from 1."""

    text: str
    _spans: dict[tuple[int, int], int] = field(default_factory=dict)

    def ids_of(self, quote: str | None) -> list[int]:
        """Return the id of the first place of a quote, or nothing if the text has it not."""
        span = find(self.text, quote or "")
        if span is None:
            return []
        return [self._spans.setdefault(span, len(self._spans) + 1)]

    def listed(self) -> list[dict[str, int]]:
        """Return the places: `start` is the first character, counted from 0, `stop` is after it."""
        return [{"id": n, "start": start, "stop": stop} for (start, stop), n in self._spans.items()]


def find(text: str, quote: str) -> tuple[int, int] | None:
    """Return where a quote starts and ends in a text, in characters."""
    words = quote.split()
    if not words:
        return None
    at = text.find(quote)
    if at >= 0:
        return at, at + len(quote)
    found = re.search(r"\s+".join(map(re.escape, words)), text, re.IGNORECASE)
    return found.span() if found else None
