"""What a range costs: what its runs paid, and what planned days may, by what earlier runs did.

The tasks of `AIQueryOperator` return what they sent and paid. An earlier run that took answers from
the journal paid less than the same day would without them, so its price is scaled to all that it
asked. A planned day may cost nothing, if the journal has its answers.
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Self


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

OPERATOR = "AIQueryOperator"


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was asked and paid; prices by currency."""

    requests_sent: int = 0
    from_journal: int = 0
    prices: Mapping[str, float]

    @classmethod
    def of(cls, values: Iterable[object]) -> Self:
        """Add up what tasks returned; what is no manifest counts nothing."""
        sent = known = 0
        prices: dict[str, float] = defaultdict(float)
        for manifest in map(_manifest, values):
            if manifest is None:
                continue
            sent += manifest["requests_sent"]
            known += manifest["from_journal"]
            if manifest["price"]:
                prices[manifest["currency"]] += manifest["price"]
        return cls(requests_sent=sent, from_journal=known, prices=dict(prices))

    def __str__(self) -> str:
        """Say it."""
        return (
            f"{self.requests_sent:,} requests sent, {self.from_journal:,} from the journal, "
            f"{prices_text(self.prices)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Forecast:
    """What planned days may cost at most, by the dearest of earlier runs."""

    days: int
    runs: int
    requests: int
    prices: Mapping[str, float]

    @classmethod
    def of(cls, earlier: Mapping[str, Iterable[object]], *, days: int) -> Self | None:
        """Scale earlier runs, each with what its tasks returned; None if none of them paid."""
        spent = [Spent.of(values) for values in earlier.values()]
        asked = [one for one in spent if one.requests_sent]
        if not asked:
            return None
        scaled = [
            (one, (one.requests_sent + one.from_journal) / one.requests_sent) for one in asked
        ]
        currencies = sorted({currency for one in asked for currency in one.prices})
        return cls(
            days=days,
            runs=len(asked),
            requests=days * max(one.requests_sent + one.from_journal for one in asked),
            prices={
                currency: days * max(one.prices.get(currency, 0.0) * by for one, by in scaled)
                for currency in currencies
            },
        )

    def __str__(self) -> str:
        """Say it."""
        latest = (
            "the latest run" if self.runs == 1 else f"the dearest of the latest {self.runs} runs"
        )
        return (
            f"at most about {self.requests:,} requests and {prices_text(self.prices)}, if every "
            f"day is like {latest} and the journal has none of its answers"
        )


def prices_text(prices: Mapping[str, float]) -> str:
    """Say prices, one for each currency."""
    if not prices:
        return "no price (free, or no price list)"
    return " + ".join(f"{price:,.4f} {currency}" for currency, price in sorted(prices.items()))


def _manifest(value: object) -> dict[str, Any] | None:
    """Read a manifest, which the API gives as an object or as its JSON."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    fields = {"requests_sent", "from_journal", "price", "currency"}
    return value if isinstance(value, dict) and fields <= value.keys() else None
