"""One partition of a table into a table of another database."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airquery_airflow.manifest import Manifest
from airquery_airflow.table_task import TableTask


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery_airflow.database import Database


log = logging.getLogger(__name__)


class PublishSQLOperator(TableTask):
    """Copy a partition to an Airflow SQL connection, in one transaction.

    The rows of the partition there are replaced, and only those: a retry leaves the same rows. They
    have the partition in the column `partition_key`. An attempt that runs late writes nothing.

    Args:
        table: The table of the warehouse to read, as `schema.table`.
        conn_id: The Airflow connection to write to. Its provider has to be installed.
        target: The table to write there, as `table` or `schema.table`.
        sql: A SELECT over the relation `source`, the partition's rows, when not every row or
            column is wanted. It keeps `partition_key`.
        create: Create the table there if it does not exist.
    """

    template_fields: Sequence[str] = (*TableTask.template_fields, "conn_id", "target", "sql")

    def __init__(
        self,
        *,
        conn_id: str,
        target: str,
        sql: str = "SELECT * FROM source",
        create: bool = True,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.conn_id = conn_id
        self.target = target
        self.sql = sql
        self.create = create
        self._written |= {"conn_id": conn_id, "target": target}
        self._database: Database | None = None

    def write(self) -> Manifest:
        """Copy the rows."""
        from airquery_airflow.database import Database  # noqa: PLC0415
        from airquery_airflow.database_partition import DatabasePartition  # noqa: PLC0415
        from airquery_airflow.published_rows import published_rows  # noqa: PLC0415

        with self.session() as session:
            rows, version = published_rows(session, self.table, self.sql)
            self._database = Database(self.conn_id, cancel=session.cancel)
            writer = DatabasePartition(
                database=self._database,
                target=self.target,
                partition=self.partition,
                run_number=session.run_number,
            )
            count = writer.replace(rows, create=self.create)
        log.info("Wrote %d rows to %r of connection %r.", count, self.target, self.conn_id)
        return Manifest(
            table=f"{self.conn_id}:{self.target}",
            partition=self.partition,
            version=version,
            rows=count,
        )

    def on_kill(self) -> None:
        """Stop the transaction: nothing of it is written."""
        super().on_kill()
        if self._database is not None:
            self._database.interrupt()
