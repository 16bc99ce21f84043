"""What a task may spend, and what it would: budgets from an operator's arguments, and a dry run.

Whatever a task asks counts for its DAG's day, the scope `dag:<dag_id>`, with or without a budget.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

import airquery
from airquery.errors import InvalidSetting, TooManyFailures, suggestion
from airquery_airflow.failures import BudgetSpent


if TYPE_CHECKING:
    from airquery import Budget, Estimate, Run
    from airquery.execute.budget import Amount

_BOUNDS = ("requests", "tokens", "money")


@dataclass(frozen=True, slots=True, kw_only=True)
class Planned:
    """What a dry run hands on in place of a manifest: names and numbers only."""

    table: str
    partition: str
    estimate: Estimate

    def to_xcom(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {
            "dry_run": True,
            "table": self.table,
            "partition": self.partition,
            "requests_new": self.estimate.new,
            "endpoints": [asdict(one) for one in self.estimate.endpoints],
            "notes": list(self.estimate.notes),
        }

    def __str__(self) -> str:
        """Say it as lines of a log."""
        dry = f"dry run of {self.table} [{self.partition}]: nothing is sent, nothing is written"
        return "\n".join((dry, *self.lines()))

    def lines(self) -> tuple[str, ...]:
        """Say of each endpoint what it would be asked, and what is not counted."""
        said = []
        for one in self.estimate.endpoints:
            price = "of no declared price"
            if one.price is not None:
                high = "any" if one.price.high is None else f"{one.price.high:,.6f}"
                price = f"for {one.price.low:,.6f} to {high} {one.currency}"
            said.append(
                f"{one.endpoint}: {one.rows} rows, {one.requests} requests, {one.answered} in the "
                f"journal, {one.new} to send {price}"
            )
        return (*said, *self.estimate.notes)


def budgets(given: Mapping[str, object] | Budget | None, *, dag_id: str) -> list[Budget]:
    """Return the budgets of a task: its run's, and its DAG's for a day. Raises `InvalidSetting`."""
    scope = f"dag:{dag_id}"
    if isinstance(given, airquery.Budget):
        daily = [] if given.per_day == scope else [airquery.Budget(per_day=scope)]
        return [given, *daily]
    if given is not None and not isinstance(given, Mapping):
        raise InvalidSetting(
            f"budget is {given!r}. Give {{'requests': ..., 'tokens': ..., 'money': ...}}, and in it "
            "'per_day' with the same for all that the DAG's tasks spend on a day."
        )
    own = dict(given or {})
    daily_bounds = own.pop("per_day", None) or {}
    if not isinstance(daily_bounds, Mapping):
        raise InvalidSetting(
            f"budget: 'per_day' is {daily_bounds!r}. Give {{'money': 20}} or the like."
        )
    return [
        airquery.Budget(**bounds(own)),
        airquery.Budget(**bounds(daily_bounds), per_day=scope),
    ]


def less(budget: Budget, spent: Amount) -> Budget:
    """Return what is left of a run's budget; that of a day knows what was spent."""
    if budget.per_day is not None:
        return budget
    names = [name for name in _BOUNDS if getattr(budget, name) is not None]
    left = {name: max(0, getattr(budget, name) - getattr(spent, name)) for name in names}
    return replace(budget, **left)


def check_spending(run: Run) -> None:
    """Fail a task whose budget stopped it: trying again would not have more."""
    if run.outcome != "budget_stopped":
        return
    unasked = [one for one in run.failures if one.condition == "AI_FUNCTION_BUDGET_EXCEEDED"]
    stats = run.stats
    raise BudgetSpent(
        f"{len(unasked)} of {stats.requests} requests were not sent, so nothing was published. "
        f"{stats.sent} were, for {stats.prompt_tokens} + {stats.completion_tokens} tokens and "
        f"{stats.price:.6f} {stats.currency}; what they answered is kept. {unasked[0]}"
    )


def check_ratio(run: Run, most: float | None) -> None:
    """Fail a task of whose requests more failed than may. Raises `TooManyFailures`."""
    failed = len(run.failures)
    if most is not None and failed > most * run.stats.requests:
        raise TooManyFailures(
            failed=failed, requests=run.stats.requests, ratio=most, example=run.failures[0]
        )


def bounds(given: Mapping[str, object]) -> dict[str, Any]:
    """Read bounds that may be what a template rendered: text, and nothing is no bound."""
    found: dict[str, Any] = {}
    for name, value in given.items():
        if name not in _BOUNDS:
            raise InvalidSetting(
                f"budget has {name!r}. {suggestion(str(name), (*_BOUNDS, 'per_day'))}"
            )
        if value is None or str(value).strip() in {"", "None"}:
            continue
        try:
            found[name] = float(str(value)) if name == "money" else int(str(value))
        except ValueError:
            raise InvalidSetting(f"budget: {name!r} is {value!r}, which is no number.") from None
    return found
