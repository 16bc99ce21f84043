"""Text that a model wrote into typed columns; what does not fit into quarantine.

Every input row ends in exactly one of the two tables, in the typed one with all its elements. The
counts are checked before anything is written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import airquery
from airquery_airflow.manifest import Manifest
from airquery_airflow.table_task import TableTask


if TYPE_CHECKING:
    from collections.abc import Sequence


class ExtractJSONOperator(TableTask):
    """Find the JSON in a text column, check it against a schema, and make columns of it.

    The fields of a STRUCT become columns. A schema that is an ARRAY gives one row per element, with
    its number from 1 in `ordinal`; an empty array makes no row, so its row is quarantined. All
    other columns are kept. The quarantine table holds the kept columns, the text in `raw` and the
    reason in `reason`.

    Args:
        source: The table to read, this partition of it.
        column: The column that holds the text.
        schema: What it should be, such as `STRUCT<label: STRING, score: DOUBLE>`.
        table: The table of typed rows.
        quarantine: The table of the others.
        error_column: A column with the reason why there is no text, if the source has one.
        explode: The ARRAY field of a STRUCT schema to make rows of.
    """

    template_fields: Sequence[str] = (
        *TableTask.template_fields,
        "source",
        "column",
        "schema",
        "quarantine",
        "error_column",
        "explode",
    )

    def __init__(
        self,
        *,
        source: str,
        column: str,
        schema: str,
        quarantine: str,
        error_column: str | None = None,
        explode: str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.column = column
        self.schema = schema
        self.quarantine = quarantine
        self.error_column = error_column
        self.explode = explode

    def write(self) -> Manifest:
        """Sort the rows and publish both partitions, quarantine first."""
        from airquery_airflow.fitting import Fitting  # noqa: PLC0415

        fitting = Fitting(
            source=self.source,
            column=self.column,
            schema=self.schema,
            error_column=self.error_column,
            explode=self.explode,
        )
        with self.session(airquery.Registry()) as session:
            session.attach(self.source, partition=self.partition)
            with self.progress.step("Reading the answers", percent=session.percent):
                fitting.run(session.connection, partition=self.partition)
            quarantined = session.publish(self.quarantine, "FROM _quarantine")
            unfit = session.connection.table("_quarantine")
            self.recording.show_some("quarantine", self.quarantine, unfit, total=quarantined.rows)
            published = session.publish(self.table, "SELECT * EXCLUDE (_row) FROM _typed")
        return Manifest.of(published, quarantined=quarantined.rows)
