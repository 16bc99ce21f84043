"""What is looked up beside the states of runs: failed tasks with their logs, and what was paid.

Who may not read what tasks returned still gets all the rest: then the price is said to be unknown.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from airquery_airflow.backfill.errors import AirflowRefused
from airquery_airflow.backfill.price import OPERATOR, Forecast, Spent
from airquery_airflow.backfill.report import FailedDay


if TYPE_CHECKING:
    from collections.abc import Callable

    from airquery_airflow.backfill.dag import Backfill, BackfilledDag
    from airquery_airflow.backfill.outcome import Standing


def failed_days(dag: BackfilledDag, standing: Standing) -> list[FailedDay]:
    """Look for the tasks that failed, on every day that did."""
    return [
        FailedDay(
            standing=one,
            run=None if one.run is None else dag.run_link(one.run),
            tasks=() if one.run is None else tuple(dag.failed_tasks(one.run)),
        )
        for one in standing.failed
    ]


def spent(
    dag: BackfilledDag, standing: Standing, backfill: Backfill | None, say: Callable[[str], None]
) -> Spent | None:
    """Add up what the runs of a backfill paid; None if they asked nothing, or nobody tells."""
    if backfill is None:
        return None
    runs = [one.run for one in standing.days if one.run and one.run.ended]
    # A run that was cleared is the same as before but for its times.
    its = [run for run in runs if run.ended and run.ended >= backfill.created]
    try:
        found = Spent.of(one.value for run in its for one in dag.returned(OPERATOR, run=run))
    except AirflowRefused as error:
        say(f"what was paid is not known. {error}")
        return None
    return found if found.requests_sent or found.from_journal else None


def forecast(dag: BackfilledDag, *, days: int, say: Callable[[str], None]) -> Forecast | None:
    """Say what days may cost, by what the latest runs of the DAG paid; None if nobody knows."""
    earlier: dict[str, list[object]] = defaultdict(list)
    try:
        for one in dag.returned(OPERATOR):
            earlier[one.run_id].append(one.value)
    except AirflowRefused as error:
        say(f"the price is not known. {error}")
        return None
    return Forecast.of(earlier, days=days)
