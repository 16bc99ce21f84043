"""What a statement may spend, and what it has spent so far.

A request is let through only if what it is expected to cost fits beside what was spent and what is
reserved by those in flight. So a statement spends more than its budget only by what its requests in
flight cost beyond what was expected of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from airquery.answer import Failure
from airquery.endpoints.cost import Cost, expected_cost
from airquery.errors import BUDGET_EXCEEDED, InvalidSetting


if TYPE_CHECKING:
    from collections.abc import Iterable

    from airquery.request import Request


Verdict: TypeAlias = Literal["send", "wait", "refuse"]
RunOutcome: TypeAlias = Literal["complete", "partial", "budget_stopped", "aborted"]

# Sums of prices are not exact to the last digit.
_EXACT: Final = 1 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that one run may spend; None is no bound.

    `requests` are distinct ones that are sent, `tokens` those of both sides, `money` is in the
    currency of the endpoints' price lists. What the journal answers costs nothing.
    """

    requests: int | None = None
    tokens: int | None = None
    money: float | None = None

    def __post_init__(self) -> None:
        for name in ("requests", "tokens", "money"):
            given = getattr(self, name)
            if given is not None and not 0 <= given < math.inf:
                raise InvalidSetting(f"A budget of {given} {name} is none: give a number from 0.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Amount:
    """What requests cost."""

    requests: int = 0
    tokens: int = 0
    money: float = 0.0

    def plus(self, other: Amount, *, times: int = 1) -> Amount:
        """Return both together."""
        return Amount(
            requests=self.requests + times * other.requests,
            tokens=self.tokens + times * other.tokens,
            money=self.money + times * other.money,
        )


@dataclass(slots=True)
class Spending:
    """What a statement with a budget spends. Whoever changes it keeps others out.

    `waits` says that something did not fit beside what is reserved, and may fit later.
    """

    budget: Budget
    spent: Amount = field(default_factory=Amount)
    reserved: Amount = field(default_factory=Amount)
    waits: bool = False
    _currency: str | None = None
    _answers: int = 0
    _output_tokens: int = 0

    def expected(self, request: Request) -> Amount:
        """Return what a request will cost; an answer without a bound is as long as those so far."""
        usual = self._output_tokens / self._answers if self._answers else 0.0
        cost = expected_cost(request, usual_output=usual)
        return amount_of(request, cost)

    def verdict(self, request: Request, amount: Amount) -> Verdict:
        """Say whether a request may be sent: now, perhaps later, or not at all."""
        if not self._same_currency(request) or self._over(self.spent.plus(amount)):
            return "refuse"
        if self._over(self.spent.plus(self.reserved).plus(amount)):
            self.waits = True
            return "wait"
        return "send"

    def reserve(self, request: Request, amount: Amount) -> None:
        """Keep what a request will cost from others."""
        self.reserved = self.reserved.plus(amount)
        if self._currency is None and amount.money:
            self._currency = request.endpoint.price.currency

    def settle(self, amount: Amount, used: Amount, *, output_tokens: int | None) -> bool:
        """Put what a request cost in place of what was reserved; True if others wait for that.

        `output_tokens` are those of its answer, if it has one that tells.
        """
        self.reserved = self.reserved.plus(amount, times=-1)
        self.spent = self.spent.plus(used)
        if output_tokens is not None:
            self._answers += 1
            self._output_tokens += output_tokens
        waited, self.waits = self.waits, False
        return waited

    @property
    def closed(self) -> bool:
        """Tell whether nothing is left for any request."""
        spent, budget = self.spent, self.budget
        pairs: Iterable[tuple[float, float | None]] = (
            (spent.requests, budget.requests),
            (spent.tokens, budget.tokens),
            (spent.money, budget.money if spent.money else None),
        )
        return any(most is not None and used >= most for used, most in pairs)

    def refusal(self, request: Request | None = None) -> Failure:
        """Return what a request ends as that is not sent, and how to go on."""
        if request is not None and not self._same_currency(request):
            price = request.endpoint.price.currency
            why = f"the money budget is spent in {self._currency}, and its endpoint's price is in {price}"
            mend = "Ask endpoints of one currency in a run, or give no money budget."
        else:
            why = f"it does not fit the budget of {self._bounds()}"
            mend = (
                "Run it again with a larger budget: what was answered is kept and not paid again."
            )
        return Failure(
            condition=BUDGET_EXCEEDED,
            message=f"The request was not sent: {why}. {mend}",
            attempts=0,
        )

    def _bounds(self) -> str:
        budget = self.budget
        money = None if budget.money is None else f"{budget.money:g} {self._currency or ''}".strip()
        shown = (
            None if budget.requests is None else f"{budget.requests:,} requests",
            None if budget.tokens is None else f"{budget.tokens:,} tokens",
            money,
        )
        return ", ".join(one for one in shown if one is not None)

    def _same_currency(self, request: Request) -> bool:
        price = request.endpoint.price
        free = price.input_per_million == price.output_per_million == 0.0
        if self.budget.money is None or self._currency is None or free:
            return True
        return self._currency == price.currency

    def _over(self, amount: Amount) -> bool:
        budget = self.budget
        return (
            (budget.requests is not None and amount.requests > budget.requests)
            or (budget.tokens is not None and amount.tokens > budget.tokens)
            or (budget.money is not None and amount.money > budget.money * _EXACT)
        )


def amount_of(request: Request, cost: Cost) -> Amount:
    """Return what a request costs, with the price of its tokens."""
    money = request.endpoint.charged.of(
        prompt_tokens=cost.input_tokens, completion_tokens=cost.output_tokens
    )
    return Amount(requests=1, tokens=cost.of("tokens"), money=money)


def outcome_of(failures: Iterable[Failure]) -> RunOutcome:
    """Say how a run ended that ended with rows. One that raised an error is `aborted`."""
    conditions = {failure.condition for failure in failures}
    if BUDGET_EXCEEDED in conditions:
        return "budget_stopped"
    return "partial" if conditions else "complete"
