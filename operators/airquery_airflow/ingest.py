"""Files or URLs into one partition of a table, as they are."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airquery_airflow.manifest import Manifest
from airquery_airflow.table_task import TableTask


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery_airflow.reader import Format


log = logging.getLogger(__name__)


class IngestOperator(TableTask):
    """Read CSV, TSV, JSON or Parquet into a partition.

    A line that does not fit fails the task and is named; no file at all fails it too.

    Args:
        source: A path, a glob or an HTTP(S) URL, or a list of them.
        format: What the files are; without it, their names tell. A CSV has a header, commas and
            double quotes unless `options` say otherwise.
        columns: Names and types, in the order of the file.
        sql: A SELECT over the relation `source`, when not every row or column is wanted as it is.
        options: Options of DuckDB's reader, such as `delim`, `header`, `quote`.
    """

    template_fields: Sequence[str] = (*TableTask.template_fields, "source", "sql")

    def __init__(
        self,
        *,
        source: str | Sequence[str],
        format: Format | None = None,  # noqa: A002 - what every reader calls it
        columns: Mapping[str, str] | None = None,
        sql: str = "SELECT * FROM source",
        options: Mapping[str, object] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.format = format
        self.columns = columns
        self.sql = sql
        self.options = options

    def write(self) -> Manifest:
        """Read the files and publish the partition."""
        from airquery_airflow.reader import Reader  # noqa: PLC0415

        reader = Reader(
            sources=[self.source] if isinstance(self.source, str) else self.source,
            format=self.format,
            columns=self.columns,
            options=self.options or {},
        )
        with self.session() as session:
            with self.progress.step("Looking at the files"):
                files = reader.create_view(session.connection, folder=session.folder)
            self.progress.count(files=len(files))
            self.lineage.reads(*reader.sources)
            session.attach_tables_of(self.sql)
            session.create_output(self.sql)
            published = session.publish(self.table, "FROM _output")
        log.info("Read %d files.", len(files))
        return Manifest.of(published)
