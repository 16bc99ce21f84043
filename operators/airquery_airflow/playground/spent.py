"""What is left of a day's budget, for a page to say."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from airquery.connection import journal_for
from airquery.execute.budget import Amount, Budget, shown
from airquery.journal.address import is_postgres
from airquery.journal.spent import utc_day


if TYPE_CHECKING:
    from airquery import Settings
    from airquery.journal.spent import Spent


@dataclass(frozen=True, slots=True, kw_only=True)
class Spending:
    """What a budget's name has spent today, and what it may, in words."""

    spent: str
    allowed: str


def spending_of(budget: Budget, settings: Settings) -> Spending:
    """Read what was spent today under the name of a budget. Raises `JournalError`."""
    total, currency = Amount(), None
    for one in _today(settings):
        if one.scope == budget.per_day:
            used = Amount(requests=one.requests, tokens=one.tokens, money=one.money)
            total, currency = total.plus(used), one.currency
    money = None if budget.money is None and not total.money else total.money
    tokens = None if budget.tokens is None else total.tokens
    return Spending(
        spent=shown(total.requests, tokens, money, currency),
        allowed=shown(budget.requests, budget.tokens, budget.money, currency),
    )


def _today(settings: Settings) -> list[Spent]:
    # To look at a journal must not make one.
    if not is_postgres(settings.journal) and not settings.journal_path().exists():
        return []
    return journal_for(settings.journal).spent(utc_day(time.time()))
