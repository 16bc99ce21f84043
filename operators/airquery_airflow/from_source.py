"""Statements that read the relation `source`: one partition of one table, or one part of it.

A statement so needs neither the table's name nor a filter, and the same statement runs on the whole
of the partition and on parts of it.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airquery_airflow.ai_query import AIQueryOperator
from airquery_airflow.table_task import TableTask
from airquery_airflow.transform import TransformOperator


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import airquery
    from airquery.execute.flight import Cache
    from airquery_airflow.session import Session


class FromSource(TableTask):
    """A task whose statement reads the relation `source`.

    Args:
        source: The table, as `schema.table`, whose rows of this partition are `source`.
    """

    template_fields: Sequence[str] = (*TableTask.template_fields, "source")

    def __init__(self, *, source: str, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.source = source

    @contextmanager
    def session(
        self, registry: airquery.Registry | None = None, *, cache: Cache = "reuse"
    ) -> Iterator[Session]:
        """Open the task's DuckDB session, with the relation `source`."""
        with super().session(registry, cache=cache) as session:
            select = session.warehouse.select(
                session.connection, self.source, partition=self.partition
            )
            session.lineage.reads(session.warehouse.address(self.source))
            # Statements are read ahead on other cursors, which see no temporary view.
            session.connection.execute(f"CREATE VIEW source AS {select}")
            yield session


class TransformSourceOperator(FromSource, TransformOperator):
    """Run a SELECT over `source` and publish its rows.

    Args:
        source: The table whose rows of this partition are `source`.
        sql: The statement, or the name of a `.sql` template. It may read other tables as well.
    """

    template_fields: Sequence[str] = (*TransformOperator.template_fields, "source")


class AIQuerySourceOperator(FromSource, AIQueryOperator):
    """Run a SELECT over `source` whose ai_query calls are answered by endpoints.

    Args:
        source: The table whose rows of this partition are `source`.
        sql: The statement, or the name of a `.sql` template. It may read other tables as well.
    """

    template_fields: Sequence[str] = (*AIQueryOperator.template_fields, "source")
