"""Files or URLs into one partition of a table, as they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airquery_airflow.ingest_task import IngestTask, Origin


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery.warehouse.drift import SchemaChange
    from airquery_airflow.formats import Format
    from airquery_airflow.session import Session


class IngestOperator(IngestTask):
    """Read CSV, TSV, JSON or Parquet into a partition.

    A line that does not fit fails the task and is named; no file at all fails it too.

    Args:
        source: A path, a glob, an HTTP(S) URL or an object store's URL, or a list of them. An
            object store's may name an Airflow connection: `s3://conn_id@bucket/day=*/*.parquet`.
        format: What the files are; without it, their names tell. A CSV has a header, commas and
            double quotes unless `options` say otherwise.
        columns: Names and types, in the order of the file.
        sql: A SELECT over the relation `source`, when not every row or column is wanted as it is.
        options: Options of DuckDB's reader, such as `delim`, `header`, `quote`.
        on_schema_change: "fail" or "evolve", for columns that are not those of the table.
    """

    template_fields: Sequence[str] = (*IngestTask.template_fields, "source")

    def __init__(
        self,
        *,
        source: str | Sequence[str],
        format: Format | None = None,  # noqa: A002 - what every reader calls it
        columns: Mapping[str, str] | None = None,
        options: Mapping[str, object] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.format = format
        self.columns = columns
        self.options = options
        self._files: Sequence[str] = ()

    def read(self, session: Session) -> Origin:
        """Make `source` of the files."""
        from airquery_airflow.reader import Reader  # noqa: PLC0415

        reader = Reader(
            sources=[self.source] if isinstance(self.source, str) else self.source,
            format=self.format,
            columns=self.columns,
            options=self.options or {},
        )
        self._reader = reader
        self.lineage.reads(*reader.sources)
        self._files = reader.create_view(session.connection, folder=session.folder)
        number = len(self._files)
        self.progress.count(files=number)
        return Origin(said=f"{number} file{'' if number == 1 else 's'}")

    def origin_of(self, session: Session, change: SchemaChange) -> str:
        """Name the files that have the column so, or lack it."""
        names = []
        for file in self._files:
            columns = self._reader.columns_of(session.connection, file)
            kinds = {name.lower(): kind for name, kind in columns.items()}
            kind = kinds.get(change.column.lower())
            if (kind is None) == (change.kind == "missing"):
                names.append(file)
        return f" (in {', '.join(names[:5])})" if names else ""
