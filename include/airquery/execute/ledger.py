"""What one statement asked of each endpoint, and what that cost."""

from __future__ import annotations

from array import array
from dataclasses import dataclass, field
from statistics import quantiles
from typing import TYPE_CHECKING

from airquery.answer import Failure
from airquery.errors import BUDGET_EXCEEDED
from airquery.execute.stats import Counters


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.answers import Result
    from airquery.execute.course import Course


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointUsage:
    """What a run asked of one endpoint.

    `rows` had a request, `requests` are distinct ones that ended, `not_asked` of those that `failed`
    had no room in the budget. Tokens, price and latencies are those of the answers that were sent for.
    """

    endpoint: str
    model: str | None
    rows: int
    requests: int
    sent: int
    from_journal: int
    failed: int
    not_asked: int
    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    price: float
    currency: str
    latency_p50_s: float | None
    latency_p95_s: float | None


@dataclass(slots=True)
class _Page:
    """The figures of one endpoint while they grow."""

    model: str | None
    currency: str
    rows: int = 0
    not_asked: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0
    counters: Counters = field(default_factory=Counters)
    latencies_s: array[float] = field(default_factory=lambda: array("d"))


class Ledger:
    """A page for each endpoint of a statement. Whoever writes keeps others out.

    `course` is told of the same, and when it was, if anybody wants to know.
    """

    def __init__(self) -> None:
        self.course: Course | None = None
        self._pages: dict[str, _Page] = {}

    def rows(self, endpoint: Endpoint, count: int) -> None:
        """Note rows that have a request."""
        self._page(endpoint).rows += count

    def count(self, endpoint: Endpoint, result: Result, *, price: float, currency: str) -> None:
        """Note how a request ended."""
        page = self._page(endpoint)
        page.counters.count(result, price=price, currency=currency)
        if self.course is not None:
            self.course.ended(endpoint.name, result)
        outcome = result.outcome
        if isinstance(outcome, Failure):
            page.not_asked += outcome.condition == BUDGET_EXCEEDED
        elif result.source == "endpoint":
            page.latencies_s.append(result.latency_s)
            page.cached_tokens += outcome.usage.cached_tokens
            page.reasoning_tokens += outcome.usage.reasoning_tokens

    def remembered(self, endpoint: Endpoint, count: int) -> None:
        """Note requests that the journal answered."""
        counters = self._page(endpoint).counters
        counters.answered += count
        counters.from_journal += count
        if self.course is not None:
            self.course.remembered(count)

    def misfit(self, endpoint: Endpoint, failure: Failure) -> None:
        """Note that an answer turned out to be none."""
        self._page(endpoint).counters.failed += 1
        if self.course is not None:
            self.course.misfit(endpoint.name, failure)

    def refused(self, failure: Failure) -> None:
        """Note a request that could not be made."""
        if self.course is not None:
            self.course.refused(failure)

    def usage(self) -> tuple[EndpointUsage, ...]:
        """Return the figures of each endpoint that something was asked of."""
        return tuple(_usage(name, page) for name, page in sorted(self._pages.items()))

    def latencies_s(self) -> dict[str, array[float]]:
        """Return how long each endpoint took for each answer."""
        return {name: page.latencies_s[:] for name, page in self._pages.items()}

    def _page(self, endpoint: Endpoint) -> _Page:
        page = self._pages.get(endpoint.name)
        if page is None:
            page = self._pages[endpoint.name] = _Page(endpoint.model, endpoint.price.currency)
        return page


def _usage(name: str, page: _Page) -> EndpointUsage:
    counters = page.counters
    p50, p95 = _quantiles(page.latencies_s)
    return EndpointUsage(
        endpoint=name,
        model=page.model,
        rows=page.rows,
        requests=counters.answered,
        sent=counters.sent,
        from_journal=counters.from_journal,
        failed=counters.failed,
        not_asked=page.not_asked,
        prompt_tokens=counters.prompt_tokens,
        completion_tokens=counters.completion_tokens,
        cached_tokens=page.cached_tokens,
        reasoning_tokens=page.reasoning_tokens,
        price=counters.price,
        currency=page.currency,
        latency_p50_s=p50,
        latency_p95_s=p95,
    )


def _quantiles(latencies_s: array[float]) -> tuple[float | None, float | None]:
    if len(latencies_s) < 2:  # noqa: PLR2004 - shares are of several
        alone = latencies_s[0] if latencies_s else None
        return alone, alone
    shares = quantiles(latencies_s, n=20, method="inclusive")
    return shares[9], shares[18]
