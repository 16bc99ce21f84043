"""The rows that are new in a table since the last batch, as a batch of their own.

A batch is one partition of the table of batches. It is taken once: whoever runs its task again,
after a kill, a failure or a clear, finds the same rows, so that the tasks after it may be run again
too. A row is in one batch, whatever was killed and however many runs there are at once.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery_airflow.manifest import Manifest
from airquery_airflow.table_task import TableTask


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery_airflow.session import Session


log = logging.getLogger(__name__)


class NewRowsOperator(TableTask):
    """Take the rows of a table that no batch has yet.

    What is new is told by the versions of the source, a Delta table of the warehouse: rows of a
    partition that was written again are new if they are others than before. A row that was only
    removed is not told of. Old versions are needed for that, so vacuum the source only of what is
    older than the last batch.

    Args:
        source: The table to read.
        table: The table of batches. Its log holds how far the source was read.
        partition: The name of the batch, another one for each run. The default is the partition
            key of the run, or the time it is for.
        most_commits: At most so many commits of the source make a batch, and later batches take
            the others; it may be a template. All by default.
    """

    template_fields: Sequence[str] = (*TableTask.template_fields, "source", "most_commits")

    def __init__(
        self,
        *,
        source: str,
        partition: str = "{{ dag_run.partition_key or ts_nodash }}",
        most_commits: int | str | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(partition=partition, **kwargs)
        self.source = source
        self.most_commits = most_commits

    def write(self) -> Manifest:
        """Take the batch, or find it taken."""
        most = self._most()
        with self.session() as session:
            taken = session.warehouse.published(self.table, self.partition)
            if taken is not None:
                log.info("Batch %r was taken before: it keeps its rows.", self.partition)
                return Manifest.of(taken)
            return self._take(session, most)

    def _take(self, session: Session, most: int | None) -> Manifest:
        from airquery.warehouse.names import TableName  # noqa: PLC0415

        advance = session.warehouse.attach_new(
            session.connection, self.source, target=self.table, most_commits=most
        )
        session.cancel.check()
        session.lineage.reads(session.warehouse.address(self.source))
        rows = session.connection.sql(f"FROM {TableName.parse(self.source).sql}")
        with self.progress.step(f"Taking what is new in {self.source}"):
            published = session.warehouse.publish(
                self.table,
                rows,
                partition=self.partition,
                run_number=session.run_number,
                advance=advance,
            )
        if not published.written:
            raise AirflowException(
                f"Batch {self.partition!r} of {self.table!r} was not written: an attempt that "
                "began later has written it already."
            )
        session.wrote(published, rows)
        log.info(
            "Batch %r: %d rows of %s that are new between version %s and %d.",
            self.partition,
            published.rows,
            self.source,
            advance.before,
            advance.after,
        )
        return Manifest.of(published)

    def _most(self) -> int | None:
        """Read the bound; a template renders it as text, and none as "None"."""
        if self.most_commits in (None, "", "None"):
            return None
        try:
            most = int(str(self.most_commits))
        except ValueError:
            most = 0
        if most < 1:
            raise AirflowFailException(
                f"most_commits must be a whole number above 0, not {self.most_commits!r}."
            )
        return most
