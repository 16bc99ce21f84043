"""A SELECT with ai_query in it, into one partition of a table.

Requests are made by the engine, each once and remembered: a retry, a second run or a backfill sends
only what no run has been answered yet. A killed task stops asking within a second. A key stays in
its endpoint.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections import Counter
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, NoReturn, cast

from airflow.configuration import conf
from airflow.sdk.exceptions import AirflowFailException

import airquery
from airquery.errors import Cancelled, JobsOut
from airquery.execute.stats import RunStats
from airquery_airflow.approval import (
    allowed_alone,
    ask_person,
    ceiling_of,
    check_answer,
    narrowed,
    plan_id,
    remember,
    remembered,
    threshold_of,
    use_up,
)
from airquery_airflow.batch_mode import MOST_RETURNS, asked_in, cancel_jobs, described, named
from airquery_airflow.earlier import Earlier
from airquery_airflow.known_endpoints import endpoints_named, known_endpoints
from airquery_airflow.manifest import Manifest
from airquery_airflow.spending import Planned, budgets, check_ratio, check_spending, less
from airquery_airflow.table_task import TableTask


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import timedelta

    from airflow.sdk import Context

    from airquery import Budget, Estimate
    from airquery.endpoints.endpoint import Mode
    from airquery.execute.flight import Cache
    from airquery.sqlfn.script import Dialect
    from airquery_airflow.session import Session


log = logging.getLogger(__name__)


class AIQueryOperator(TableTask):
    """Run a SELECT whose ai_query calls are answered by endpoints.

    An endpoint is looked up in the file of endpoints and the `AIRQUERY_ENDPOINT_...` variables,
    then as an Airflow connection of that id.

    Args:
        sql: The statement, or the name of a `.sql` template.
        dialect: How the statement is spelled, "duckdb" or "databricks".
        variables: Values for `${name}` in the statement, and for `:name` in Databricks text.
        budget: The most that the task may spend: `requests`, `tokens`, `money`, and under `per_day`
            the same for all tasks of the DAG on a day (UTC); or an `airquery.Budget`. What has no
            room is not sent, and fails the task for good; what was answered is kept.
        max_error_ratio: The share of the requests, 0.0 to 1.0, that may fail before the task does.
        cache: What the journal's answers are to calls that do not say: "reuse", "refresh" or "off".
        dry_run: Log and return what would be asked and what it would cost; send and write nothing.
        progress_every_s: How often the log says how far it is.
        mode: How the endpoints are asked, "online" or in a "batch"; without it as each declares.
        deferrable: Whether the task leaves its worker while its batch jobs are out, and a trigger
            waits for them. Without it, with mode "batch" and where Airflow's `default_deferrable`
            says so. It waits no longer than `execution_timeout`.
        cancel_on_kill: Whether batch jobs are stopped at their provider when a user stops the task.
            Otherwise they go on, and the next run reads what they bring.
        approve_above: What a run may cost by its plan before a person has to approve it in Airflow:
            an amount of money, or `requests`, `tokens` and `money`. No run spends more than this,
            or than what was approved.
        approval_timeout: How long a person is waited for; then the task fails.
    """

    template_fields: Sequence[str] = (
        *TableTask.template_fields,
        "sql",
        "variables",
        "budget",
        "approve_above",
    )

    def __init__(
        self,
        *,
        sql: str,
        dialect: Dialect = "duckdb",
        variables: Mapping[str, str] | None = None,
        budget: Mapping[str, object] | airquery.Budget | None = None,
        max_error_ratio: float | None = None,
        cache: Cache = "reuse",
        dry_run: bool = False,
        progress_every_s: float = 10.0,
        mode: Mode | None = None,
        deferrable: bool | None = None,
        cancel_on_kill: bool = False,
        approve_above: float | str | Mapping[str, object] | Budget | None = None,
        approval_timeout: timedelta | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql = sql
        self.dialect: Dialect = dialect
        self.variables = variables
        self.budget = budget
        self.max_error_ratio = max_error_ratio
        self.cache: Cache = cache
        # Every operator has a method `dry_run`.
        self.only_plan = dry_run
        self.progress_every_s = progress_every_s
        self.mode: Mode | None = mode
        self.deferrable = _deferrable(mode) if deferrable is None else deferrable
        self.cancel_on_kill = cancel_on_kill
        self.approve_above = approve_above
        self.approval_timeout = approval_timeout
        # What a trigger said with which the task came back, what it may spend in all, and what it
        # asked before it came back.
        self._event: Mapping[str, Any] | None = None
        self._ceiling: Budget | None = None
        self._earlier = Earlier()
        self._context: Context | None = None
        # What was planned in this stretch, if anybody asked for a plan.
        self._estimate: Estimate | None = None

    def execute(self, context: Context) -> dict[str, Any]:
        """Write the partition; return its manifest."""
        return self._go_on(context)

    def approved(
        self, context: Context, event: Mapping[str, Any], ceiling: Mapping[str, Any]
    ) -> dict[str, Any]:
        """Go on after a person answered, within what was approved."""
        check_answer(event)
        self._ceiling = airquery.Budget(**ceiling)
        remember(context, plan=self._plan_id(), ceiling=self._ceiling)
        return self._go_on(context)

    def resume(self, context: Context, event: Mapping[str, Any]) -> dict[str, Any]:
        """Go on after batch jobs: read what they brought, and publish."""
        for one in event["jobs"]:
            log.info(
                "batch %s of endpoint %r with %d requests: %s",
                one["batch"],
                one["endpoint"],
                one["requests"],
                one["ended"],
            )
        self._event = event
        if (ceiling := event["carried"].get("ceiling")) is not None:
            self._ceiling = airquery.Budget(**ceiling)
        self._earlier = Earlier(**event["carried"].get("earlier", {}))
        return self._go_on(context)

    def _go_on(self, context: Context) -> dict[str, Any]:
        self._context = context
        # Airflow guards `execute` against callers other than its own, such as who came back.
        returned: dict[str, Any] = inspect.unwrap(TableTask.execute)(self, context)
        if self.approve_above is not None and not self.only_plan:
            use_up(context)
        return returned

    def write(self) -> Manifest | Planned:
        """Run the statement and publish the partition."""
        from airquery.sqlfn.script import read_select  # noqa: PLC0415
        from airquery_airflow.session import output_statement  # noqa: PLC0415

        text = read_select(self.sql, dialect=self.dialect, variables=self.variables)
        allowed = budgets(self.budget, dag_id=self.dag_id)
        with self.session(self._endpoints_of(text), cache=self.cache) as session:
            if self.dialect == "databricks":
                text = session.lead_names_of(text)
            session.attach_tables_of(text)
            if self.only_plan:
                estimate = airquery.plan(session.connection, text)
                return Planned(table=self.table, partition=self.partition, estimate=estimate)
            if self.approve_above is not None:
                allowed = narrowed(allowed, self._most(session, text))
            run = self._run(session, output_statement(text), allowed)
            check_spending(run)
            check_ratio(run, self.max_error_ratio)
            published = session.publish(self.table, "FROM _output")
        examples = {one.condition: one.message for one in reversed(run.failures)}
        for condition, count in Counter(one.condition for one in run.failures).most_common():
            log.warning(
                "%d requests failed with %s, the first with: %s Running the task again asks them "
                "again, and only them.",
                count,
                condition,
                examples[condition],
            )
        asked = self._earlier.and_last(run.stats)
        return Manifest.of(published, asked=asked, outcome=run.outcome)

    def _most(self, session: Session, text: str) -> Budget:
        """Return what the run may spend, once nobody has to be asked for it."""
        if self._ceiling is not None:
            # A person was shown a plan; what came back from batch jobs has begun.
            if self._event is None:
                self._estimate = airquery.plan(session.connection, text)
            return self._ceiling
        threshold = threshold_of(self.approve_above)
        estimate = self._estimate = airquery.plan(session.connection, text)
        context = cast("Context", self._context)
        known = remembered(context, plan=self._plan_id())
        ceiling = allowed_alone(estimate, threshold=threshold, approved=known)
        if ceiling is None:
            planned = Planned(table=self.table, partition=self.partition, estimate=estimate)
            ceiling = ceiling_of(estimate, threshold)
            ask_person(self, context, planned, ceiling=ceiling, timeout=self.approval_timeout)
        self._ceiling = ceiling
        return ceiling

    def _plan_id(self) -> str:
        return plan_id(self.sql, str(self.variables), self.table, self.partition)

    def _endpoints_of(self, text: str) -> airquery.Registry:
        registry = known_endpoints(text)
        if self.mode is None:
            return registry
        return asked_in(registry, airquery.endpoint_names(text, registry), self.mode)

    def _run(self, session: Session, text: str, allowed: Sequence[Budget]) -> airquery.Run:
        """Run the statement; leave the worker while batch jobs are out."""
        returns = self._event["returns"] if self._event else 0
        try:
            return airquery.run(
                session.connection,
                text,
                on_progress=self.progress.asked,
                cancel=session.cancel,
                budget=[less(one, self._earlier.spent) for one in allowed],
                detach=self.deferrable and returns < MOST_RETURNS,
                origin=self.recording.origin,
                estimate=self._estimate,
                on_record=self.recording.ran,
            )
        except JobsOut as out:
            self._wait_for(out, returns=returns)
        except Cancelled as stopped:
            self._cancel_jobs_of(stopped)
            raise

    def _wait_for(self, out: JobsOut, *, returns: int) -> NoReturn:
        """Leave the worker until batch jobs are over."""
        from airquery_airflow.batch_trigger import BatchJobsTrigger  # noqa: PLC0415 - few need it

        jobs = described(out.jobs)
        if self._event and (problem := self._event["problem"]):
            raise AirflowFailException(
                f"The triggerer cannot wait for {named(jobs)}. {problem} Declare the endpoint where "
                "the triggerer runs as it is declared for workers, or give the task "
                "deferrable=False; then clear it. The jobs go on and are not submitted again."
            )
        log.info("leaving the worker until %s is over", named(jobs))
        self.defer(
            trigger=BatchJobsTrigger(
                jobs=jobs,
                returns=returns,
                cancel_on_kill=self.cancel_on_kill,
                carried={
                    "ceiling": None if self._ceiling is None else asdict(self._ceiling),
                    "earlier": asdict(self._earlier.then(out.stats or RunStats())),
                },
            ),
            method_name="resume",
            timeout=self.execution_timeout,
        )

    def _cancel_jobs_of(self, stopped: Cancelled) -> None:
        if not self.cancel_on_kill or not stopped.jobs:
            return
        jobs = described(stopped.jobs)
        asyncio.run(cancel_jobs(endpoints_named(one["endpoint"] for one in jobs), jobs))


def _deferrable(mode: Mode | None) -> bool:
    return mode == "batch" or conf.getboolean("operators", "default_deferrable", fallback=False)
