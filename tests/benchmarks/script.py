"""What the benchmark's endpoint plays: how long each row takes, and which rows go wrong.

Everything follows from the row's number, so that all clients meet the same latencies and faults
and the bound is computed from them too. A prompt names its row: "row 123".
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import asdict, dataclass
from statistics import NormalDist
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Sequence

ROW = re.compile(rb"\brow (\d+)")
# What the others of a request for several rows add to its longest one.
SHARE_OF_FURTHER_ROWS = 0.15
CHARACTERS_PER_TOKEN = 4
_WORD = 2**64 - 1
_normal = NormalDist().inv_cdf


@dataclass(frozen=True, slots=True, kw_only=True)
class Script:
    """The latencies, the cap and the faults of one endpoint.

    A row takes a lognormal time of this median, or with `tokens_per_s` as long as its answer's
    tokens do: a lognormal number around `median_tokens`. With `prefill_tokens_per_s` the part of a
    prompt that no earlier request began with is read at that speed first. Beyond `cap` requests in
    flight a request gets 429. `fails_once` is the share of rows whose first request gets a 503,
    `poison` are rows that always get a 400, `hangs` rows whose first request takes `hang_s` longer.
    """

    median_s: float = 0.2
    sigma: float = 0.6
    cap: int | None = None
    retry_after_s: int = 1
    tokens_per_s: float | None = None
    median_tokens: int = 50
    prefill_tokens_per_s: float | None = None
    fails_once: float = 0.0
    poison: tuple[int, ...] = ()
    hangs: tuple[int, ...] = ()
    hang_s: float = 20.0

    def tokens(self, row: int) -> int:
        """Return how many tokens the answer to a row has; the same for all if they take no time."""
        if self.tokens_per_s is None:
            return self.median_tokens
        return max(1, round(self.median_tokens * math.exp(_draw(row) * self.sigma)))

    def latency_s(self, row: int) -> float:
        """Return how long a row takes when nothing is wrong and nothing is cached."""
        if self.tokens_per_s is not None:
            return self.tokens(row) / self.tokens_per_s
        return self.median_s * math.exp(_draw(row) * self.sigma) if self.median_s else 0.0

    def request_s(self, rows: Sequence[int]) -> float:
        """Return how long a request for these rows takes."""
        if len(rows) == 1:
            return self.latency_s(rows[0])
        latencies = [self.latency_s(row) for row in rows]
        longest = max(latencies, default=0.0)
        return longest + SHARE_OF_FURTHER_ROWS * (sum(latencies) - longest)

    def fails_first(self, row: int) -> bool:
        """Tell whether the first request for a row gets a 503."""
        return self.fails_once > 0 and _chance(row, 1) < self.fails_once

    def to_json(self) -> str:
        """Write it for the command line of the server."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, text: str) -> Script:
        """Read what `to_json` wrote."""
        fields = json.loads(text)
        lists = {name: tuple(fields[name]) for name in ("poison", "hangs")}
        return cls(**{**fields, **lists})


def rows_of(body: bytes) -> tuple[int, ...]:
    """Return the rows that a request asks for, each once."""
    return tuple(dict.fromkeys(map(int, ROW.findall(body))))


def _chance(row: int, purpose: int) -> float:
    """Return a number between 0 and 1 that is always the same: a round of splitmix64."""
    mixed = (row * 4 + purpose + 1) * 0x9E3779B97F4A7C15 & _WORD
    mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _WORD
    mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _WORD
    return ((mixed ^ mixed >> 31) + 0.5) / 2**64


def _draw(row: int) -> float:
    return _normal(_chance(row, 0))
