"""What each scope has spent today, and the budgets that hold for a request: run's, day's, endpoint's.

A scope is a name that a day's budget has, or an endpoint. What other processes spend is read from
the journal: before the first request, and then about once a second. Whoever calls keeps others out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airquery.execute.budget import OF_ENDPOINT, Account, Amount, Budget, Spending


if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Set as AbstractSet
    from datetime import date

    from airquery.endpoints.endpoint import Endpoint
    from airquery.execute.statement import Statement
    from airquery.journal.spent import Spent

REFRESH_S: Final = 1.0


class Days:
    """The accounts of one process, by scope, and which of them some budget bounds."""

    def __init__(self) -> None:
        self._accounts: dict[str, Account] = {}
        self._bounded: set[str] = set()
        self._read_at = float("-inf")
        self._day: date | None = None

    def account(self, scope: str, day: date) -> Account:
        """Return what a scope has spent on a day; the day before is over."""
        account = self._accounts.setdefault(scope, Account())
        if account.day != day:
            account.begin(day)
        return account

    def spendings(self, statement: Statement, endpoint: Endpoint, day: date) -> list[Spending]:
        """Return all that a statement's request to an endpoint has to fit."""
        found = [] if statement.spending is None else [statement.spending]
        found += [
            Spending(budget, self.account(budget.per_day or "", day))
            for budget in _of_day(statement, endpoint)
        ]
        return found

    def unread(self, statement: Statement, endpoints: Iterable[Endpoint]) -> set[str]:
        """Return for which scopes the journal has to be read before these may be asked."""
        budgets = [b for endpoint in endpoints for b in _of_day(statement, endpoint)]
        return {budget.per_day or "" for budget in budgets} - self._bounded

    def stale(self, now: float, day: date) -> bool:
        """Tell whether it is time to read the journal again; then it will be."""
        if not self._bounded or (day == self._day and now - self._read_at < REFRESH_S):
            return False
        self._day, self._read_at = day, now
        return True

    def learn(
        self, day: date, elsewhere: Iterable[Spent], scopes: AbstractSet[str] = frozenset()
    ) -> None:
        """Take what other processes have spent on a day; `scopes` are bounded from now on."""
        self._bounded |= scopes
        found: dict[str, list[Spent]] = {}
        for one in elsewhere:
            found.setdefault(one.scope, []).append(one)
        for scope in self._bounded:
            account = self.account(scope, day)
            spent = found.get(scope, [])
            if account.currency is None:
                account.currency = next((one.currency for one in spent if one.money), None)
            account.elsewhere = Amount(
                requests=sum(one.requests for one in spent),
                tokens=sum(one.tokens for one in spent),
                money=sum(one.money for one in spent if one.currency == account.currency),
            )


def _of_day(statement: Statement, endpoint: Endpoint) -> Iterator[Budget]:
    yield from (budget for budget in statement.per_day if budget.is_bound)
    per_day = endpoint.per_day
    if per_day.is_bound:
        yield Budget(
            requests=per_day.requests,
            tokens=per_day.tokens,
            money=per_day.money,
            per_day=OF_ENDPOINT + endpoint.name,
        )


def scopes_of(statement: Statement, endpoint: Endpoint) -> list[str]:
    """Name all that a request counts for on its day."""
    names = [budget.per_day for budget in statement.per_day if budget.per_day is not None]
    return [OF_ENDPOINT + endpoint.name, *names]
