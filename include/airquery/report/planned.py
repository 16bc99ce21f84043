"""What was planned for each endpoint, beside what it cost.

A task that is tried again has a new plan for what is left. The first one was for all of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.planning.estimate import Span


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.records import RunRecord


def planned_prices(runs: Sequence[RunRecord]) -> dict[str, tuple[Span, str]]:
    """Return the planned price of each endpoint whose price was planned."""
    prices: dict[str, tuple[Span, str]] = {}
    seen: set[tuple[object, ...]] = set()
    for run in sorted(runs, key=lambda one: one.began_at):
        origin = run.origin
        whose = (origin.dag_id, origin.run_id, origin.task_id, origin.map_index)
        for one in run.estimate:
            if one.price is None or (whose != _NOBODY and (*whose, one.endpoint) in seen):
                continue
            seen.add((*whose, one.endpoint))
            before, _ = prices.get(one.endpoint, (Span(low=0.0, high=0.0), ""))
            prices[one.endpoint] = (_sum(before, one.price), one.currency)
    return prices


_NOBODY = (None, None, None, None)


def _sum(one: Span, other: Span) -> Span:
    high = None if one.high is None or other.high is None else one.high + other.high
    return Span(low=one.low + other.low, high=high)
