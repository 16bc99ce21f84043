"""The counters of one statement."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

from airquery.answer import Answer, Failure


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.execute.answers import Result


@dataclass(frozen=True, slots=True, kw_only=True)
class RunStats:
    """Counters of one statement, at one moment.

    `requests` are distinct ones, `answered` those that have ended, one way or the other: sent
    (`sent`), or answered by the journal or by another statement that is asking the same
    (`from_journal`). `failed` are those that ended as a
    failure, or with an answer that does not fit its type; `retries` the attempts beyond the first,
    `hedged` those of them that were made although the first had not ended.
    `price` is what `sent` cost by the endpoint's price list. `batch_jobs` are waited for, which have
    `batch_requests`, of which `batch_done` have ended at the provider. `collected` says that no
    further request is expected.
    """

    requests: int = 0
    answered: int = 0
    sent: int = 0
    from_journal: int = 0
    failed: int = 0
    retries: int = 0
    hedged: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    price: float = 0.0
    currency: str = "USD"
    batch_jobs: int = 0
    batch_requests: int = 0
    batch_done: int = 0
    seconds: float = 0.0
    collected: bool = False


@dataclass(slots=True)
class Counters:
    """The same while they grow; whoever holds them keeps others out."""

    requests: int = 0
    answered: int = 0
    sent: int = 0
    from_journal: int = 0
    failed: int = 0
    retries: int = 0
    hedged: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    price: float = 0.0
    currency: str = "USD"

    def count(self, result: Result, *, price: float, currency: str) -> None:
        """Count how a request ended. Only one that was sent has a price."""
        self.name_currency(currency)
        self.answered += 1
        failed = isinstance(result.outcome, Failure)
        self.failed += failed
        if result.source == "journal":
            self.from_journal += 1
            return
        if result.attempts == 0:
            return
        self.sent += 1
        self.retries += result.attempts - 1
        self.hedged += result.hedged
        if isinstance(result.outcome, Answer):
            self.prompt_tokens += result.outcome.usage.prompt_tokens
            self.completion_tokens += result.outcome.usage.completion_tokens
            self.price += price

    def name_currency(self, currency: str) -> None:
        """Say in what the price is, until something was paid for.

        What is free does not change it then: its currency may be the default one.
        """
        if not self.price:
            self.currency = currency

    def at(
        self, seconds: float, *, collected: bool, batches: Sequence[tuple[int, int]] = ()
    ) -> RunStats:
        """Return them as they are now; `batches` have ended requests, of so many."""
        return RunStats(
            **asdict(self),
            batch_jobs=len(batches),
            batch_requests=sum(requests for _, requests in batches),
            batch_done=sum(done for done, _ in batches),
            seconds=seconds,
            collected=collected,
        )
