"""Asking a person before a task spends much: what is asked, and what the answer allows.

Up to `approve_above` a task goes on by itself and cannot spend more; above it, or where nobody can
know the price, a person sees the plan first. What was approved is the budget of the run, so that it
costs no more than was seen. Numbers and names only are shown.
"""

from __future__ import annotations

import hashlib
import logging
import math
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any, Final, NoReturn

from airflow.sdk.exceptions import AirflowFailException

import airquery
from airquery.errors import InvalidSetting
from airquery_airflow.compat import state_store, wait_for_person
from airquery_airflow.spending import bounds


if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import timedelta

    from airflow.sdk import BaseOperator, Context

    from airquery import Budget, Estimate, Span
    from airquery_airflow.spending import Planned


log = logging.getLogger(__name__)

APPROVE: Final = "Approve"
REJECT: Final = "Reject"
STORED: Final = "airquery_approved"
_DIGITS: Final = 1_000_000


def threshold_of(given: object) -> Budget:
    """Read up to what a task needs nobody. Raises `InvalidSetting`."""
    if isinstance(given, airquery.Budget):
        found = given
    else:
        found = airquery.Budget(**bounds(given if isinstance(given, Mapping) else {"money": given}))
    if not found.is_bound or found.per_day is not None:
        raise InvalidSetting(
            f"approve_above is {given!r}. Give the money that a run may cost without a person, or "
            "{'requests': ..., 'tokens': ..., 'money': ...}."
        )
    return found


def ceiling_of(estimate: Estimate, threshold: Budget) -> Budget:
    """Return what a plan costs at most: in money if that is known, else in requests."""
    money = _most_money(estimate)
    by_requests = money is None or threshold.requests is not None
    return airquery.Budget(
        requests=estimate.new if by_requests else None,
        tokens=_most_tokens(estimate) if threshold.tokens is not None else None,
        # What is shown has six digits, and is not less than what is meant.
        money=None if money is None else math.ceil(money * _DIGITS) / _DIGITS,
    )


def is_within(estimate: Estimate, bound: Budget) -> bool:
    """Tell whether a plan surely costs no more than a bound. What nobody knows may cost more."""
    if not estimate.new:
        return True
    pairs = (
        (estimate.new, bound.requests),
        (_most_tokens(estimate), bound.tokens),
        (_most_money(estimate), bound.money),
    )
    return all(most is None or (figure is not None and figure <= most) for figure, most in pairs)


def allowed_alone(
    estimate: Estimate, *, threshold: Budget, approved: Budget | None
) -> Budget | None:
    """Return what a plan may spend without a question; None if a person has to see it.

    What was `approved` in an earlier try holds for a plan that costs no more, and then for that.
    """
    if is_within(estimate, threshold):
        return threshold
    if approved is not None and is_within(estimate, approved):
        return ceiling_of(estimate, threshold)
    return None


def narrowed(budgets: Iterable[Budget], ceiling: Budget) -> list[Budget]:
    """Return budgets of which that of the run allows no more than a ceiling."""
    return [one if one.per_day is not None else _least(one, ceiling) for one in budgets]


def remembered(context: Context, *, plan: str) -> Budget | None:
    """Return what was approved for a plan in an earlier try, where Airflow keeps that."""
    store = state_store(context)
    kept = None if store is None else store.get(STORED)
    if not isinstance(kept, Mapping) or kept.get("plan") != plan:
        return None
    return airquery.Budget(**kept["ceiling"])


def remember(context: Context, *, plan: str, ceiling: Budget) -> None:
    """Keep an approval for later tries, where Airflow does."""
    if (store := state_store(context)) is not None:
        store.set(STORED, {"plan": plan, "ceiling": asdict(ceiling)})


def use_up(context: Context) -> None:
    """Forget an approval: what it was for is done, and doing it again is another matter."""
    if (store := state_store(context)) is not None and store.get(STORED) is not None:
        store.delete(STORED)


def plan_id(*parts: str) -> str:
    """Return what tells a plan from others: its statement, and where its rows go."""
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()


def ask_person(
    task: BaseOperator,
    context: Context,
    planned: Planned,
    *,
    ceiling: Budget,
    timeout: timedelta | None,
) -> NoReturn:
    """Show a plan under the task's required actions, and wait; `approved` is called then."""
    # Loads Airflow's channel to its supervisor, which a task process has.
    from airflow.sdk.execution_time.hitl import upsert_hitl_detail  # noqa: PLC0415

    allowed = said(ceiling, planned.estimate)
    options = [APPROVE, REJECT]
    ti_id = context["ti"].id
    upsert_hitl_detail(
        ti_id=ti_id,
        options=options,
        params={},
        subject=f"May {task.task_id} spend up to {allowed} on {planned.table} [{planned.partition}]?",
        body="\n\n".join(
            (
                *planned.lines(),
                f"Approved, it may spend {allowed} and no more. Rejected, nothing is sent.",
            )
        ),
    )
    log.info("waiting for a person to approve up to %s", allowed)
    wait_for_person(
        task,
        ti_id=ti_id,
        options=options,
        method_name="approved",
        kwargs={"ceiling": asdict(ceiling)},
        timeout=timeout,
    )


def check_answer(event: Mapping[str, Any]) -> None:
    """Fail a task for good unless a person approved: nothing was sent."""
    if "error" in event:
        raise AirflowFailException(
            f"Nobody approved the price, so nothing was sent: {event['error']} Clear the task to ask "
            "again, or raise approve_above."
        )
    person = (event.get("responded_by_user") or {}).get("name", "somebody")
    if list(event["chosen_options"]) != [APPROVE]:
        raise AirflowFailException(
            f"{person} rejected the price, so nothing was sent. Ask for less and clear the task, "
            "or raise approve_above."
        )
    log.info("the price was approved by %s", person)


def said(ceiling: Budget, estimate: Estimate) -> str:
    """Say a ceiling in words."""
    currency = next((one.currency for one in estimate.endpoints if one.new), "")
    parts = (
        None if ceiling.money is None else f"{ceiling.money:,.6f} {currency}",
        None if ceiling.tokens is None else f"{ceiling.tokens:,} tokens",
        None if ceiling.requests is None else f"{ceiling.requests:,} requests",
    )
    return ", ".join(part for part in parts if part is not None)


def _most_money(estimate: Estimate) -> float | None:
    asked = [one for one in estimate.endpoints if one.new]
    if len({one.currency for one in asked}) > 1:
        return None
    return _sum(one.price for one in asked)


def _most_tokens(estimate: Estimate) -> int | None:
    asked = [one for one in estimate.endpoints if one.new]
    most = _sum(span for one in asked for span in (one.input_tokens, one.output_tokens))
    return None if most is None else math.ceil(most)


def _sum(spans: Iterable[Span | None]) -> float | None:
    """Add up the most of each; None if one of them is not known."""
    total = 0.0
    for span in spans:
        if span is None or span.high is None:
            return None
        total += span.high
    return total


def _least(one: Budget, other: Budget) -> Budget:
    def least(name: str) -> Any:
        given = [value for value in (getattr(one, name), getattr(other, name)) if value is not None]
        return min(given, default=None)

    return replace(one, **{name: least(name) for name in ("requests", "tokens", "money")})
