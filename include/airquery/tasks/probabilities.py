"""How likely each symbol was, by what an endpoint says of the first token of its answer."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Iterable


def probabilities(logprobs: object, symbols: Iterable[str]) -> dict[str, float] | None:
    """Return the share of each symbol among all of them; None where the endpoint tells nothing.

    `logprobs` is a list of `{"token", "logprob", "top_logprobs"}`. The first token that is not
    white space decides; it must be a whole symbol.
    """
    known = {symbol.casefold(): symbol for symbol in symbols}
    first = next((one for one in _entries(logprobs) if _symbol(one)), None)
    if first is None or _symbol(first) not in known:
        return None
    masses = dict.fromkeys(known.values(), 0.0)
    for entry in _entries(first.get("top_logprobs")) or [first]:
        logprob = entry.get("logprob")
        if (symbol := known.get(_symbol(entry))) and isinstance(logprob, int | float):
            masses[symbol] += math.exp(min(0.0, logprob))
    total = math.fsum(masses.values())
    return {symbol: mass / total for symbol, mass in masses.items()} if total > 0 else None


def _entries(value: object) -> list[dict[str, object]]:
    return [one for one in value if isinstance(one, dict)] if isinstance(value, list) else []


def _symbol(entry: dict[str, object]) -> str:
    return str(entry.get("token", "")).strip(" \t\r\n\u2581\u0120\"'*`").casefold()
