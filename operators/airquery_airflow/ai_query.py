"""A SELECT with ai_query in it, into one partition of a table.

Requests are made by the engine, each once and remembered: a retry, a second run or a backfill sends
only what no run has been answered yet. A killed task stops asking within a second. A key stays in
its endpoint.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import TYPE_CHECKING, Any

import airquery
from airquery_airflow.known_endpoints import known_endpoints
from airquery_airflow.manifest import Manifest
from airquery_airflow.spending import Planned, budgets, check_ratio, check_spending
from airquery_airflow.table_task import TableTask


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery.execute.flight import Cache
    from airquery.sqlfn.script import Dialect


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
    """

    template_fields: Sequence[str] = (*TableTask.template_fields, "sql", "variables", "budget")

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

    def write(self) -> Manifest | Planned:
        """Run the statement and publish the partition."""
        from airquery.sqlfn.script import read_select  # noqa: PLC0415
        from airquery_airflow.session import output_statement  # noqa: PLC0415

        text = read_select(self.sql, dialect=self.dialect, variables=self.variables)
        allowed = budgets(self.budget, dag_id=self.dag_id)
        with self.session(known_endpoints(text), cache=self.cache) as session:
            if self.dialect == "databricks":
                text = session.lead_names_of(text)
            session.attach_tables_of(text)
            if self.only_plan:
                estimate = airquery.plan(session.connection, text)
                return Planned(table=self.table, partition=self.partition, estimate=estimate)
            run = airquery.run(
                session.connection,
                output_statement(text),
                on_progress=self.progress.asked,
                cancel=session.cancel,
                budget=allowed,
            )
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
        return Manifest.of(published, asked=run.stats, outcome=run.outcome)
