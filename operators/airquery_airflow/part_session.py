"""The session of a task that works on one part: it sees the part's rows and writes them aside."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any

from airflow.sdk.exceptions import AirflowFailException

from airquery.planning.row_by_row import check_row_by_row
from airquery.quoting import quoted
from airquery.warehouse.names import TableName
from airquery.warehouse.parts import Part, staging_of
from airquery_airflow.session import Session


if TYPE_CHECKING:
    from collections.abc import Mapping

    import airquery


@dataclass(frozen=True, slots=True, kw_only=True)
class PartSession(Session):
    """A session whose `source` is one part, and whose partition is the part's place."""

    part: Part

    def attach_tables_of(self, sql: str) -> None:
        """Make views of the tables a statement reads; its source is the part, under both names.

        Raises `StatementError` for a statement that parts would give another result.
        """
        source = TableName.parse(self.part.source)
        check_row_by_row(self.connection, sql, sources={"source", str(source)})
        Session.attach_tables_of(self, sql)
        whole = self.warehouse.select(
            self.connection,
            self.part.source,
            partition=self.part.partition,
            version=self.part.version,
        )
        self.lineage.reads(self.warehouse.address(self.part.source))
        select = self.part.select(self.connection, whole)
        # Not a view: DuckDB 1.5 calls functions also for values of a file that its filter leaves
        # out, and would ask about the rows of other parts. Statements are read ahead on other
        # cursors, which see no temporary table.
        self.connection.execute(f"CREATE OR REPLACE TABLE source AS {select}")
        self.connection.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(source.schema)}")
        self.connection.execute(f"CREATE OR REPLACE VIEW {source.sql} AS FROM main.source")

    def publish(
        self, table: str, query: str, *, notes: Mapping[str, str] | None = None
    ) -> airquery.Publication:
        """Write the part aside, if each of its rows gave one."""
        ((made,),) = self.connection.sql(query).aggregate("count(*)").fetchall()
        if made != self.part.rows:
            raise AirflowFailException(
                f"Part {self.part.name} of {self.part.partition!r} has {self.part.rows} rows in "
                f"{self.part.source!r}, and the statement made {made} of them. On parts, it must "
                "make one row of each: filter and join in a task before the split, or after the "
                "merge. What was answered is kept."
            )
        return Session.publish(self, staging_of(table), query, notes=notes)


def part_session(session: Session, values: Mapping[str, Any]) -> PartSession:
    """Narrow a session to one part."""
    part = Part.read(values)
    known: dict[str, Any] = {field.name: getattr(session, field.name) for field in fields(session)}
    return PartSession(**{**known, "partition": part.staged, "part": part})
