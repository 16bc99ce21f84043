"""What a task asked before it left its worker: its manifest and its budget are of all together."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from airquery.execute.budget import Amount


if TYPE_CHECKING:
    from airquery import RunStats


@dataclass(frozen=True, slots=True, kw_only=True)
class Earlier:
    """Requests that were `sent` and have ended, `failed` ones among them, and what they cost."""

    sent: int = 0
    failed: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    price: float = 0.0
    currency: str = ""

    @property
    def spent(self) -> Amount:
        """Return what a budget has less of."""
        tokens = self.prompt_tokens + self.completion_tokens
        return Amount(requests=self.sent, tokens=tokens, money=self.price)

    def then(self, stats: RunStats) -> Self:
        """Return this and what a run asked that went again."""
        return replace(
            self,
            sent=self.sent + stats.sent,
            failed=self.failed + stats.failed,
            prompt_tokens=self.prompt_tokens + stats.prompt_tokens,
            completion_tokens=self.completion_tokens + stats.completion_tokens,
            price=self.price + stats.price,
            currency=stats.currency if stats.sent else self.currency,
        )

    def and_last(self, stats: RunStats) -> RunStats:
        """Return the counters of all together; the last run found the earlier answers itself."""
        together = self.then(stats)
        return replace(
            stats,
            sent=together.sent,
            from_journal=max(0, stats.from_journal - (self.sent - self.failed)),
            prompt_tokens=together.prompt_tokens,
            completion_tokens=together.completion_tokens,
            price=together.price,
            currency=together.currency or stats.currency,
        )
