"""What the operators that bring rows in share: a relation `source`, a SELECT over it, a partition.

A column that is new, missing or of another type than in the table is told of, and by default stops
the task before it writes: what a provider changed without a word must not be found weeks later.
"""

from __future__ import annotations

import logging
from abc import abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args

from airflow.sdk.exceptions import AirflowFailException

from airquery_airflow.manifest import Manifest
from airquery_airflow.table_task import TableTask


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery.warehouse.drift import SchemaChange
    from airquery_airflow.session import Session


log = logging.getLogger(__name__)

OnSchemaChange: TypeAlias = Literal["fail", "evolve"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the rows of `source` came from, in words; `notes` are kept beside them in the log."""

    said: str
    notes: Mapping[str, str] = field(default_factory=dict)


class IngestTask(TableTask):
    """Bring rows from elsewhere into a partition.

    Args:
        sql: A SELECT over the relation `source`, when not every row or column is wanted as it is.
        on_schema_change: What to do when the columns are not those of the table: "fail" writes
            nothing and names them; "evolve" adds new columns, leaves missing ones NULL, warns, and
            says so in the manifest. A changed type always fails.
    """

    template_fields: Sequence[str] = (*TableTask.template_fields, "sql")

    def __init__(
        self,
        *,
        sql: str = "SELECT * FROM source",
        on_schema_change: OnSchemaChange = "fail",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        if on_schema_change not in get_args(OnSchemaChange):
            raise ValueError(
                f"on_schema_change must be 'fail' or 'evolve', not {on_schema_change!r}."
            )
        self.sql = sql
        self.on_schema_change: OnSchemaChange = on_schema_change

    @abstractmethod
    def read(self, session: Session) -> Origin | None:
        """Make the relation `source`; None says that the partition is up to date already."""

    def origin_of(self, session: Session, change: SchemaChange) -> str:
        """Say which part of what was read made a change, if that can be told."""
        return ""

    def write(self) -> Manifest:
        """Read the rows and publish the partition."""
        with self.session() as session:
            with self.progress.step("Reading the source"):
                origin = self.read(session)
            if origin is None:
                return self._unchanged(session)
            session.attach_tables_of(self.sql)
            held = session.warehouse.columns(self.table)
            output = session.output_of(self.sql, held=held)
            changes = self._changes(session, origin, output)
            published = session.publish(self.table, output, notes=origin.notes)
        log.info("Read %s.", origin.said)
        return Manifest.of(published, schema_changes=changes)

    def _unchanged(self, session: Session) -> Manifest:
        published = session.warehouse.published(self.table, self.partition)
        if published is None:
            raise AirflowFailException(
                f"Partition {self.partition!r} of {self.table!r} went away while it was compared."
            )
        return Manifest.of(published)

    def _changes(self, session: Session, origin: Origin, output: str) -> list[str]:
        """Report how the columns differ from the table's. Raises `AirflowFailException`."""
        found = session.warehouse.drift(self.table, session.connection.sql(output))
        said = [f"{change}{self.origin_of(session, change)}" for change in found]
        retyped = any(change.kind == "type" for change in found)
        if retyped or (found and self.on_schema_change == "fail"):
            follow = "" if retyped else " Or let it follow with on_schema_change='evolve'."
            raise AirflowFailException(
                f"The columns of {origin.said} are not those of table {self.table!r}: "
                f"{'; '.join(said)}.{follow} Nothing was written."
            )
        for one in said:
            log.warning("Table %s: %s.", self.table, one)
        return said
