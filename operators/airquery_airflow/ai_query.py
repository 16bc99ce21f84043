"""A SELECT with ai_query in it, into one partition of a table.

Requests are made by the engine, each once and remembered: a retry, a second run or a backfill sends
only what no run has been answered yet. A killed task stops asking within a second. A key stays in
its endpoint.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

import airquery
from airquery_airflow.known_endpoints import known_endpoints
from airquery_airflow.manifest import Manifest
from airquery_airflow.table_task import TableTask


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

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
        progress_every_s: How often the log says how far it is.
    """

    template_fields: Sequence[str] = (*TableTask.template_fields, "sql", "variables")

    def __init__(
        self,
        *,
        sql: str,
        dialect: Dialect = "duckdb",
        variables: Mapping[str, str] | None = None,
        progress_every_s: float = 10.0,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql = sql
        self.dialect: Dialect = dialect
        self.variables = variables
        self.progress_every_s = progress_every_s

    def write(self) -> Manifest:
        """Run the statement and publish the partition."""
        from airquery.sqlfn.script import read_select  # noqa: PLC0415
        from airquery_airflow.session import output_statement  # noqa: PLC0415

        text = read_select(self.sql, dialect=self.dialect, variables=self.variables)
        with self.session(known_endpoints(text)) as session:
            if self.dialect == "databricks":
                text = session.lead_names_of(text)
            session.attach_tables_of(text)
            run = airquery.run(
                session.connection,
                output_statement(text),
                on_progress=_Progress(every_s=self.progress_every_s),
                cancel=session.cancel,
            )
            published = session.publish(self.table, "FROM _output")
        for condition, count in Counter(one.condition for one in run.failures).most_common():
            log.warning("%d requests failed with %s", count, condition)
        return Manifest.of(published, asked=run.stats)


class _Progress:
    """Writes a line now and then; the engine calls it far more often."""

    def __init__(self, *, every_s: float) -> None:
        self._every_s = every_s
        self._next = time.monotonic() + every_s

    def __call__(self, stats: airquery.RunStats) -> None:
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + self._every_s
        log.info(
            "%d of %d requests answered: %d sent, %d from the journal, %d failed, %.6f %s, %.0f s",
            stats.answered,
            stats.requests,
            stats.sent,
            stats.from_journal,
            stats.failed,
            stats.price,
            stats.currency,
            stats.seconds,
        )
