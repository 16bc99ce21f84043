"""The staging table of a table: parts of one partition, each a partition of its own.

It is an ordinary table, so writers of different parts never wait for each other. That a split was
merged is recorded in the target's log by the commit that merges it, so a task that was killed after
that commit does not need the parts, which are removed next.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from airquery.errors import WarehouseError
from airquery.quoting import literal
from airquery.warehouse.increments import Advance
from airquery.warehouse.names import PARTITION_COLUMN, TableName
from airquery.warehouse.parts import parts_among
from airquery.warehouse.publishing import application_of, find, rows_of
from airquery.warehouse.reading import files_of, select_of


if TYPE_CHECKING:
    from collections.abc import Sequence

    import duckdb

    from airquery.warehouse.parts import Part


# A removal meets the commits of parts that are written at the same time, at most some dozens.
_ATTEMPTS = 50

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Staging:
    """The parts of one partition, in the table `name` at `uri`, for the table at `target_uri`."""

    name: TableName
    uri: str
    target_uri: str
    storage_options: dict[str, str] | None
    partition: str

    def missing(self, parts: Sequence[Part]) -> list[Part]:
        """List the parts that were never written, or whose rows are not all there."""
        table = find(self.name, self.uri, self.storage_options)
        if table is None:
            return list(parts)
        held = rows_of(table)
        return [
            part
            for part in parts
            if table.transaction_version(application_of(part.staged)) is None
            or held.get(part.staged, 0) != part.rows
        ]

    def select(self, con: duckdb.DuckDBPyConnection, parts: Sequence[Part]) -> str:
        """Write the SELECT of the rows of these parts, none of which is missing."""
        table = DeltaTable(self.uri, storage_options=self.storage_options)
        files = [
            file
            for part in parts
            for file in files_of(
                self.name, table, part.staged, storage_options=self.storage_options
            )
        ]
        return select_of(con, self.name, table, files)

    def advance(self, split: int) -> Advance:
        """Return the mark that says which split was merged last, to be moved to this one."""
        mark = Advance(source=str(self.name), source_id=self.partition, before=None, after=split)
        target = find(self.name, self.target_uri, self.storage_options)
        before = None if target is None else target.transaction_version(mark.application)
        return replace(mark, before=before)

    def remove(self, *, until: int) -> None:
        """Remove the parts of a split, and what older ones left, in one commit."""
        for _ in range(_ATTEMPTS):
            table = find(self.name, self.uri, self.storage_options)
            held = {} if table is None else rows_of(table)
            gone = parts_among(held, partition=self.partition, until=until)
            if table is None or not gone:
                return
            try:
                table.delete(
                    f"{PARTITION_COLUMN} IN ({', '.join(map(literal, gone))})",
                    commit_properties=CommitProperties(max_commit_retries=_ATTEMPTS),
                )
            except CommitFailedError as error:
                logger.info("table=%s removal retried: %s", self.name, error)
            except (DeltaError, OSError) as error:
                raise self._not_removed(str(error)) from error
            else:
                return
        raise self._not_removed("Each attempt met the commit of another part.")

    def _not_removed(self, reason: str) -> WarehouseError:
        return WarehouseError(
            f"Table {self.name}: the parts of {self.partition!r}, which are merged already, were "
            f"not removed. {reason}"
        )
