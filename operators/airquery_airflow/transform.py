"""One SELECT over tables of the warehouse into one partition of another."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airquery_airflow.manifest import Manifest
from airquery_airflow.table_task import TableTask


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery.sqlfn.script import Dialect


log = logging.getLogger(__name__)


_LINES = 20


class TransformOperator(TableTask):
    """Run a SELECT and publish its rows.

    Args:
        sql: The statement, or the name of a `.sql` template. It reads tables as `schema.table`,
            all their partitions: filter on `partition_key`.
        dialect: How the statement is spelled, "duckdb" or "databricks".
        variables: Values for `${name}` in the statement, and for `:name` in Databricks text.
        log_column: A text column of the result to write to the log, a line for each of the first
            rows. The run's report shows these rows.
    """

    template_fields: Sequence[str] = (*TableTask.template_fields, "sql", "variables")

    def __init__(
        self,
        *,
        sql: str,
        dialect: Dialect = "duckdb",
        variables: Mapping[str, str] | None = None,
        log_column: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.sql = sql
        self.dialect: Dialect = dialect
        self.variables = variables
        self.log_column = log_column

    def write(self) -> Manifest:
        """Run the statement and publish the partition."""
        from airquery.sqlfn.script import read_select  # noqa: PLC0415

        text = read_select(self.sql, dialect=self.dialect, variables=self.variables)
        with self.session() as session:
            if self.dialect == "databricks":
                text = session.lead_names_of(text)
            session.attach_tables_of(text)
            session.create_output(text)
            published = session.publish(self.table, "FROM _output")
            lines: list[str] = []
            if self.log_column:
                lines = session.output_texts(self.log_column, limit=_LINES)
                found = session.connection.table("_output")
                self.recording.show_some("evaluation", self.table, found, total=published.rows)
        for line in lines:
            log.info("%s", line)
        return Manifest.of(published)
