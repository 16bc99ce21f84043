"""What a statement, or a day, may spend, and what was spent so far.

A request is let through only if what it is expected to cost fits beside what was spent and what is
reserved by those in flight. So a statement spends more than its budget only by what its requests in
flight cost beyond what was expected of them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from airquery.answer import Failure
from airquery.endpoints.cost import Cost, expected_cost
from airquery.errors import BUDGET_EXCEEDED, InvalidSetting


if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import date

    from airquery.request import Request


Verdict: TypeAlias = Literal["send", "wait", "refuse"]
RunOutcome: TypeAlias = Literal["complete", "partial", "budget_stopped", "jobs_out", "aborted"]

# Before an endpoint's name: what is spent on it a day, whoever asks.
OF_ENDPOINT: Final = "endpoint:"
# Sums of prices are not exact to the last digit.
_EXACT: Final = 1 + 1e-9


@dataclass(frozen=True, slots=True, kw_only=True)
class Budget:
    """The most that one run may spend; None is no bound.

    `requests` are distinct ones that are sent, `tokens` those of both sides, `money` is in the
    currency of the endpoints' price lists. What the journal answers costs nothing. With `per_day`,
    a name, it bounds what all runs that give this name spend on a day (UTC), together.
    """

    requests: int | None = None
    tokens: int | None = None
    money: float | None = None
    per_day: str | None = None

    def __post_init__(self) -> None:
        for name in ("requests", "tokens", "money"):
            given = getattr(self, name)
            if given is not None and not 0 <= given < math.inf:
                raise InvalidSetting(f"A budget of {given} {name} is none: give a number from 0.")
        scope = self.per_day
        if scope is not None and not (scope.strip() and scope.isprintable()):
            raise InvalidSetting(f"per_day={scope!r} is no name: give the day's budget one.")

    @property
    def is_bound(self) -> bool:
        """Tell whether there is any bound; without one a day's name only counts."""
        return (self.requests, self.tokens, self.money) != (None, None, None)


def budgets_of(given: Budget | Sequence[Budget] | None) -> tuple[Budget, ...]:
    """Return the budgets of a run. Raises `InvalidSetting` for two of one kind."""
    budgets = () if given is None else (given,) if isinstance(given, Budget) else tuple(given)
    scopes = [budget.per_day for budget in budgets]
    for scope in scopes:
        if scopes.count(scope) > 1:
            kind = "for the run" if scope is None else f"a day of {scope!r}"
            raise InvalidSetting(f"There are two budgets {kind}: give one, with all its bounds.")
        if scope is not None and scope.startswith(OF_ENDPOINT):
            raise InvalidSetting(
                f"per_day={scope!r} is the endpoint's own: write it as 'budget: {{per_day: ...}}' of "
                "the endpoint."
            )
    return budgets


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
class Account:
    """What one run spent, or all runs of a day that name a scope. Whoever changes it keeps others out.

    `elsewhere` is what other processes spent, as far as that was read. `waits` says that something
    did not fit beside what is reserved, and may fit later.
    """

    spent: Amount = field(default_factory=Amount)
    reserved: Amount = field(default_factory=Amount)
    elsewhere: Amount = field(default_factory=Amount)
    currency: str | None = None
    day: date | None = None
    waits: bool = False
    _answers: int = 0
    _output_tokens: int = 0

    @property
    def total(self) -> Amount:
        """Return what was spent here and elsewhere."""
        return self.spent.plus(self.elsewhere)

    @property
    def usual_output(self) -> float:
        """Return how many tokens an answer had so far."""
        return self._output_tokens / self._answers if self._answers else 0.0

    def begin(self, day: date) -> None:
        """Begin a day, with nothing spent on it yet; what is in flight stays reserved."""
        self.day, self.currency = day, None
        self.spent = self.elsewhere = Amount()

    def add(self, used: Amount, currency: str) -> None:
        """Count what was spent and not reserved; money only of the account's first currency."""
        if self.currency is None and used.money:
            self.currency = currency
        money = used.money if currency == self.currency else 0.0
        self.spent = self.spent.plus(replace(used, money=money))

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


@dataclass(frozen=True, slots=True)
class Spending:
    """A budget, and the account that it bounds."""

    budget: Budget
    account: Account = field(default_factory=Account)

    def expected(self, request: Request) -> Amount:
        """Return what a request will cost; an answer without a bound is as long as those so far."""
        return amount_of(request, expected_cost(request, usual_output=self.account.usual_output))

    def verdict(self, request: Request, amount: Amount) -> Verdict:
        """Say whether a request may be sent: now, perhaps later, or not at all."""
        total = self.account.total
        if not self._same_currency(request) or self._over(total.plus(amount)):
            return "refuse"
        return "wait" if self._over(total.plus(self.account.reserved).plus(amount)) else "send"

    def reserve(self, request: Request, amount: Amount) -> None:
        """Keep what a request will cost from others."""
        self.account.reserved = self.account.reserved.plus(amount)
        if self.account.currency is None and amount.money:
            self.account.currency = request.endpoint.price.currency

    @property
    def closed(self) -> bool:
        """Tell whether nothing is left for any request."""
        spent, budget = self.account.total, self.budget
        pairs: Iterable[tuple[float, float | None]] = (
            (spent.requests, budget.requests),
            (spent.tokens, budget.tokens),
            (spent.money, budget.money if spent.money else None),
        )
        return any(most is not None and used >= most for used, most in pairs)

    def refusal(self, request: Request | None = None) -> Failure:
        """Return what a request ends as that is not sent, and how to go on."""
        currency = self.account.currency
        if request is not None and not self._same_currency(request):
            price = request.endpoint.price.currency
            why = f"the money budget is spent in {currency}, and its endpoint's price is in {price}"
            mend = "Ask endpoints of one currency in a run, or give no money budget."
        else:
            bounds = shown(self.budget.requests, self.budget.tokens, self.budget.money, currency)
            why = f"it does not fit the budget of {bounds}{self._of_the_day()}"
            when = "" if self.account.day is None else " after that, or"
            mend = (
                f"Run it again{when} with a larger budget: what was answered is kept and not paid "
                "again."
            )
        return Failure(
            condition=BUDGET_EXCEEDED,
            message=f"The request was not sent: {why}. {mend}",
            attempts=0,
        )

    def _of_the_day(self) -> str:
        day, total = self.account.day, self.account.total
        if day is None:
            return ""
        money = total.money if total.money or self.budget.money is not None else None
        spent = shown(total.requests, total.tokens, money, self.account.currency)
        return (
            f" a day of {self.budget.per_day!r}: on {day} it has spent {spent}. The day ends at "
            f"{day + timedelta(days=1)} 00:00 UTC"
        )

    def _same_currency(self, request: Request) -> bool:
        price, currency = request.endpoint.price, self.account.currency
        free = price.input_per_million == price.output_per_million == 0.0
        if self.budget.money is None or currency is None or free:
            return True
        return currency == price.currency

    def _over(self, amount: Amount) -> bool:
        budget = self.budget
        return (
            (budget.requests is not None and amount.requests > budget.requests)
            or (budget.tokens is not None and amount.tokens > budget.tokens)
            or (budget.money is not None and amount.money > budget.money * _EXACT)
        )


def shown(
    requests: int | None, tokens: int | None, money: float | None, currency: str | None
) -> str:
    """Say so many requests, tokens and money in words; what is None is left out."""
    parts = (
        None if requests is None else f"{requests:,} requests",
        None if tokens is None else f"{tokens:,} tokens",
        None if money is None else f"{money:.6g} {currency or ''}".strip(),
    )
    return ", ".join(one for one in parts if one is not None)


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
