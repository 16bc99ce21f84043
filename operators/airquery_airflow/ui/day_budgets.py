"""What is spent today of the bounds that endpoints declare, and by which DAGs.

A DAG's own bound stands in the budget of its operators, which only its tasks know; so of a DAG only
what it spent is told.
"""

from __future__ import annotations

import time
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import airquery
from airquery.execute.budget import OF_ENDPOINT
from airquery.journal.address import is_postgres
from airquery.journal.opening import open_journal
from airquery.journal.spent import utc_day
from airquery.report.usage_report import Left


if TYPE_CHECKING:
    from collections.abc import Iterator, Set as AbstractSet

    from airquery.journal.spent import Spent

OF_DAG: Final = "dag:"


@dataclass(frozen=True, slots=True, kw_only=True)
class Today:
    """The endpoints' bounds, and what DAGs spent: requests, tokens, and money in a currency."""

    left: tuple[Left, ...] = ()
    dags: tuple[tuple[str, Spent], ...] = ()


def today(
    settings: airquery.Settings, *, endpoints: AbstractSet[str], dags: AbstractSet[str]
) -> Today:
    """Return what these endpoints and DAGs spent today.

    Raises `AirqueryError` if an endpoint's declaration or the journal cannot be read.
    """
    spent = _spent(settings)
    return Today(
        left=tuple(_left(spent, endpoints)),
        dags=tuple(
            (one.scope.removeprefix(OF_DAG), one)
            for one in spent
            if one.scope.startswith(OF_DAG) and one.scope.removeprefix(OF_DAG) in dags
        ),
    )


def _spent(settings: airquery.Settings) -> list[Spent]:
    # To look at a journal must not make one.
    if not is_postgres(settings.journal) and not settings.journal_path().exists():
        return []
    with closing(open_journal(settings.journal)) as journal:
        return journal.spent(utc_day(time.time()))


def _left(spent: list[Spent], endpoints: AbstractSet[str]) -> Iterator[Left]:
    registry = airquery.Registry.read()
    for name in sorted(endpoints & set(registry.names())):
        endpoint = registry.get(name)
        own = [one for one in spent if one.scope == OF_ENDPOINT + name]
        currency = endpoint.price.currency
        for unit, bound, figure in (
            ("requests", endpoint.per_day.requests, sum(one.requests for one in own)),
            ("tokens", endpoint.per_day.tokens, sum(one.tokens for one in own)),
            (
                currency,
                endpoint.per_day.money,
                sum(one.money for one in own if one.currency == currency),
            ),
        ):
            if bound is not None:
                yield Left(name=name, unit=unit, spent=figure, bound=bound)
