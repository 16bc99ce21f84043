"""Write one partition of one table: atomically, and once per run.

A publication is one Delta commit, so a reader sees the old rows or the new ones. It carries the
run's number as the application transaction of its partition; the check for that number and the
commit use one snapshot, so of two writers of a run one commits, and a run older than the recorded
one commits nothing. A commit that met another one is repeated on a new snapshot.
"""

from __future__ import annotations

import json
import logging
import re
from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from deltalake import (
    CommitProperties,
    DeltaTable,
    Transaction,
    WriterProperties,
    write_deltalake,
)
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from airquery.errors import WarehouseError
from airquery.warehouse.increments import Advance, check_mark
from airquery.warehouse.names import PARTITION_COLUMN, TableName
from airquery.warehouse.reading import check_readable, predicate_of
from airquery.warehouse.rows import is_spent, with_partition


if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb


# Each failed attempt means that another writer has committed, so a bound is only ever met by
# hundreds of writers that all change the table's columns at once.
_ATTEMPTS = 50
# Commits to other partitions only need a new number, which costs one small file.
_RENUMBERINGS = 100
# The writer holds a row group in memory; the default of a million rows doubles its footprint.
_WRITER = WriterProperties(compression="ZSTD", max_row_group_size=100_000)

# Notes only save work, so those of a partition that was written long ago may be forgotten.
_COMMITS_LOOKED_AT = 1_000
_NOTES = "airquery.notes"

_COLOUR = re.compile(r"\x1b\[\d*m")
_WAY = re.compile(r"\ATraceback[^\n]*\n(?:[ \t][^\n]*\n)*")
_NEXT_REASON = re.compile(r"\s*\u21b3\s*")

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Publication:
    """What a call of `publish` did.

    `version` is the table's version after it. `written` is False when this run, or a newer one,
    had already published the partition; `rows` counts what this call wrote.
    """

    table: str
    partition: str
    version: int
    rows: int
    written: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Overwrite:
    """The rows that shall become one partition of the table at `uri`."""

    name: TableName
    uri: str
    storage_options: dict[str, str] | None
    partition: str
    run_number: int
    advance: Advance | None = None
    notes: Mapping[str, str] = field(default_factory=dict)

    def recorded_notes(self) -> Mapping[str, str]:
        """Return the notes of the commit that made the partition what it is, if they are found."""
        table = find(self.name, self.uri, self.storage_options)
        number = None if table is None else table.transaction_version(self._application)
        if table is None or number is None:
            return {}
        for commit in table.history(_COMMITS_LOOKED_AT):
            noted = commit.get(_NOTES)
            if noted is None:
                continue
            of = json.loads(noted)
            if (of["partition"], of["run"]) == (self.partition, number):
                return dict(of["notes"])
        return {}

    def recorded(self) -> Publication | None:
        """Return what any run published of the partition."""
        table = find(self.name, self.uri, self.storage_options)
        if table is None or table.transaction_version(self._application) is None:
            return None
        return self._publication(table, rows=rows_of(table).get(self.partition, 0), written=False)

    def publish(self, rows: duckdb.DuckDBPyRelation) -> Publication:
        """Commit the rows, unless this run or a newer one already did."""
        for attempt in range(_ATTEMPTS):
            if attempt and is_spent(rows):
                raise WarehouseError(
                    f"Table {self.name}: another writer's commit came before that of the partition "
                    f"{self.partition!r}, whose rows were a stream and cannot be read again. "
                    "Publish a table or a query."
                )
            table = find(self.name, self.uri, self.storage_options)
            if table is not None and self._is_published(table):
                return self._result(table, written=False)
            if self.advance is not None:
                check_mark(self.name, table, self.advance)
            done = self._create(rows) if table is None else self._replace(table, rows)
            if done is not None:
                return self._result(done, written=True)
        raise WarehouseError(
            f"Table {self.name}: {_ATTEMPTS} attempts to publish the partition {self.partition!r} "
            "each met another writer's commit. Run it again when fewer writers are at work."
        )

    @property
    def _application(self) -> str:
        """Tell the partitions apart: writers of one application id refuse each other."""
        return application_of(self.partition)

    def _is_published(self, table: DeltaTable) -> bool:
        recorded = table.transaction_version(self._application)
        return recorded is not None and recorded >= self.run_number

    def _create(self, rows: duckdb.DuckDBPyRelation) -> DeltaTable | None:
        """Make the table and its first partition in one commit; None if another writer did."""
        columns = with_partition(self.name, rows, self.partition, held=None)
        try:
            # Renumbered, a second creation would replace the first one's columns by its own.
            write_deltalake(
                self.uri,
                columns,
                mode="error",
                partition_by=[PARTITION_COLUMN],
                storage_options=self.storage_options,
                writer_properties=_WRITER,
                commit_properties=self._commit(renumberings=0),
            )
        except Exception as error:
            if find(self.name, self.uri, self.storage_options) is not None:
                return None
            raise self._failed(error) from error
        return DeltaTable(self.uri, version=0, storage_options=self.storage_options)

    def _replace(self, table: DeltaTable, rows: duckdb.DuckDBPyRelation) -> DeltaTable | None:
        """Overwrite the partition; None if another commit came between."""
        check_readable(self.name, table)
        if table.metadata().partition_columns != [PARTITION_COLUMN]:
            raise WarehouseError(
                f"Table {self.name} is not partitioned by {PARTITION_COLUMN} alone, so no run can "
                "overwrite its part of it. Publish to another table."
            )
        try:
            write_deltalake(
                table,
                with_partition(self.name, rows, self.partition, held=table.schema()),
                mode="overwrite",
                predicate=predicate_of(self.partition),
                schema_mode="merge",
                writer_properties=_WRITER,
                commit_properties=self._commit(renumberings=_RENUMBERINGS),
            )
        except CommitFailedError as error:
            logger.info("table=%s partition=%s retried: %s", self.name, self.partition, error)
            return None
        except WarehouseError:
            raise
        # delta-rs raises bare exceptions too, and a broken row is an error of DuckDB's.
        except Exception as error:
            raise self._failed(error) from error
        return table

    def _commit(self, *, renumberings: int) -> CommitProperties:
        marks = [Transaction(self._application, self.run_number)]
        if self.advance is not None:
            marks.append(Transaction(self.advance.application, self.advance.after))
        kept = {"partition": self.partition, "run": self.run_number, "notes": dict(self.notes)}
        return CommitProperties(
            app_transactions=marks,
            max_commit_retries=renumberings,
            custom_metadata={_NOTES: json.dumps(kept)} if self.notes else None,
        )

    def _result(self, table: DeltaTable, *, written: bool) -> Publication:
        done = self._publication(
            table, rows=rows_of(table).get(self.partition, 0) if written else 0, written=written
        )
        logger.info("published %s run=%s", done, self.run_number)
        return done

    def _publication(self, table: DeltaTable, *, rows: int, written: bool) -> Publication:
        return Publication(
            table=str(self.name),
            partition=self.partition,
            version=table.version(),
            rows=rows,
            written=written,
        )

    def _failed(self, error: Exception) -> WarehouseError:
        return WarehouseError(
            f"Table {self.name}: the partition {self.partition!r} was not published, and is as it "
            f"was before. {plain(error)}"
        )


def application_of(partition: str) -> str:
    """Name the application whose number is the run that published a partition."""
    return f"airquery/{partition}"


def rows_of(table: DeltaTable) -> dict[str, int]:
    """Count the rows of each partition in a snapshot, from its files' statistics.

    The table's history would not do: it begins with the newest commit, whoever made it.
    """
    files = table.get_add_actions(flatten=True)
    partitions = files.column(f"partition.{PARTITION_COLUMN}").to_pylist()
    counted: Counter[str] = Counter()
    for partition, count in zip(partitions, files.column("num_records").to_pylist(), strict=True):
        counted[partition] += count
    return dict(counted)


def find(name: TableName, uri: str, storage_options: dict[str, str] | None) -> DeltaTable | None:
    """Open the newest snapshot of a table, or return None if there is no such table."""
    try:
        return DeltaTable(uri, storage_options=storage_options)
    except TableNotFoundError:
        return None
    # An object store that cannot be reached is an OSError.
    except (DeltaError, OSError) as error:
        raise WarehouseError(f"Table {name} cannot be opened. {plain(error)}") from error


def plain(error: Exception) -> str:
    """Return the message in one line: without colours, a stack or the way through Python."""
    text = _COLOUR.sub("", str(error)).partition("\n   0: ")[0]
    return _NEXT_REASON.sub(": ", _WAY.sub("", text)).strip()
