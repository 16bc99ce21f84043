"""The rows of a query to another database into one partition of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from airquery_airflow.ingest_task import IngestTask, Origin


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery_airflow.database import Database
    from airquery_airflow.session import Session


class IngestSQLOperator(IngestTask):
    """Read a query's rows from an Airflow SQL connection into a partition.

    Rows are read in batches through the connection's hook, from PostgreSQL with a cursor on the
    server: memory is bounded, however many there are.

    Args:
        conn_id: The Airflow connection. Its provider has to be installed.
        query: The SELECT that the database runs, or the name of a `.sql` template.
        parameters: Values for the query's placeholders, as its driver spells them.
        columns: DuckDB types of columns whose types the database does not tell, such as SQLite's.
        sql: A SELECT of DuckDB's over the relation `source`, the query's rows.
        on_schema_change: "fail" or "evolve", for columns that are not those of the table.
    """

    template_fields: Sequence[str] = (
        *IngestTask.template_fields,
        "conn_id",
        "query",
        "parameters",
    )
    template_fields_renderers: ClassVar[dict[str, str]] = {"sql": "sql", "query": "sql"}

    def __init__(
        self,
        *,
        conn_id: str,
        query: str,
        parameters: Mapping[str, Any] | Sequence[Any] | None = None,
        columns: Mapping[str, str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.query = query
        self.parameters = parameters
        self.columns = columns
        self._database: Database | None = None

    def read(self, session: Session) -> Origin:
        """Make `source` of the query's rows."""
        from airquery_airflow.database import Database  # noqa: PLC0415
        from airquery_airflow.database_rows import load  # noqa: PLC0415

        self._database = Database(self.conn_id, cancel=session.cancel)
        count = load(
            self._database,
            self.query,
            into=session.connection,
            columns=self.columns or {},
            parameters=self.parameters,
        )
        return Origin(said=f"{count:,} rows of connection {self.conn_id!r}")

    def on_kill(self) -> None:
        """Stop the query, and what else the task is doing."""
        super().on_kill()
        if self._database is not None:
            self._database.interrupt()
