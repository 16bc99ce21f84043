"""The warehouse: named Delta tables under one folder or one prefix of an object store.

`schema.table` is the Delta table `<root>/<schema>/<table>`, partitioned by the column
`partition_key`. There is no catalog and there are no locks: writers of different partitions never
wait for each other, and readers see the snapshot of the moment they attached.

delta-rs starts threads on its first use, and a forked child cannot use it after that: a process
that has opened a warehouse starts others with `spawn` or `exec`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
from deltalake import DeltaTable
from deltalake.exceptions import DeltaError

from airquery.errors import UnknownTable, WarehouseError, suggestion
from airquery.quoting import quoted
from airquery.warehouse.drift import SchemaChange, changes
from airquery.warehouse.increments import Advance, advance_of, new_rows
from airquery.warehouse.names import PARTITION_COLUMN, TableName, check_partition, local_root
from airquery.warehouse.objects import address_of, folders
from airquery.warehouse.parts import staging_of
from airquery.warehouse.publishing import Overwrite, Publication, find, plain
from airquery.warehouse.reading import files_of, select_of
from airquery.warehouse.rows import stored_columns
from airquery.warehouse.staging import Staging
from airquery.warehouse.types import read_as


if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path


class Warehouse:
    """Named Delta tables under one root.

    Args:
        root: A folder, or the URL of a prefix in an object store (`s3://bucket/tables`).
        storage_options: What delta-rs needs to reach an object store: keys, region, endpoint.
    """

    def __init__(
        self, root: str | Path, *, storage_options: Mapping[str, str] | None = None
    ) -> None:
        self._folder = local_root(root)
        self._root = str(root if self._folder is None else self._folder).rstrip("/")
        self._storage_options = dict(storage_options) if storage_options else None

    def __repr__(self) -> str:
        return f"Warehouse({self._root!r})"

    def tables(self) -> list[str]:
        """List the tables as `schema.table`, sorted."""
        try:
            return sorted(
                text
                for schema, table in self._folders()
                if _is_name(text := f"{schema}.{table}")
                and DeltaTable.is_deltatable(
                    f"{self._root}/{schema}/{table}", self._storage_options
                )
            )
        except (DeltaError, OSError) as error:
            raise WarehouseError(
                f"The tables under {self._root} cannot be listed. {plain(error)}"
            ) from error

    def attach(
        self,
        con: duckdb.DuckDBPyConnection,
        *tables: str,
        partition: str | None = None,
        catalog: str | None = None,
    ) -> None:
        """Make each table a view `schema.table` of the connection: its rows as they are now.

        All tables when none is named. With `partition`, each view has only that one's rows. The
        views are made in the attached database `catalog`, or in the current one.
        """
        place = "" if catalog is None else f"{quoted(catalog)}."
        for text in tables or self.tables():
            name = TableName.parse(text)
            if partition is not None:
                check_partition(name, partition)
            table = self._open(name)
            try:
                select = self._select(con, name, table, partition)
                con.execute(f"CREATE SCHEMA IF NOT EXISTS {place}{quoted(name.schema)}")
                con.execute(f"CREATE OR REPLACE VIEW {place}{name.sql} AS {select}")
            except duckdb.Error as error:
                raise WarehouseError(f"Table {name} cannot be attached. {plain(error)}") from error

    def attach_new(
        self,
        con: duckdb.DuckDBPyConnection,
        source: str,
        *,
        target: str,
        most_commits: int | None = None,
    ) -> Advance:
        """Make the view `source` of the connection: its rows that `target` has not taken yet.

        Pass what is returned to `publish`, which writes them to `target` and moves its mark in one
        commit. At most so many commits of the source are taken; all without `most_commits`.
        """
        name, taker = TableName.parse(source), TableName.parse(target)
        now = self._open(name)
        taken = find(taker, self._uri(taker), self._storage_options)
        advance = advance_of(name, now, taken, most_commits=most_commits)
        try:
            if advance.after != now.version():
                now.load_as_version(advance.after)
            before = None if advance.before is None else self._at(name, advance.before)
            select = new_rows(
                con, name, now=now, before=before, storage_options=self._storage_options
            )
            con.execute(f"CREATE SCHEMA IF NOT EXISTS {quoted(name.schema)}")
            con.execute(f"CREATE OR REPLACE VIEW {name.sql} AS {select}")
        except (duckdb.Error, DeltaError, OSError) as error:
            raise WarehouseError(
                f"What is new in table {name} since version {advance.before} cannot be told: its "
                "old versions may have been removed. Take its rows into another table than "
                f"{taker} to begin again: what was answered is not paid for twice. {error}"
            ) from error
        return advance

    def select(
        self,
        con: duckdb.DuckDBPyConnection,
        table: str,
        *,
        partition: str,
        version: int | None = None,
    ) -> str:
        """Write the SELECT of one partition's rows: as they are now, or were at a version."""
        name = TableName.parse(table)
        check_partition(name, partition)
        opened = self._open(name)
        try:
            if version is not None:
                opened.load_as_version(version)
            return self._select(con, name, opened, partition)
        except (duckdb.Error, DeltaError, OSError) as error:
            at = "" if version is None else f" at version {version}"
            raise WarehouseError(f"Table {name} cannot be read{at}. {plain(error)}") from error

    def staging(self, table: str, partition: str) -> Staging:
        """Return the place where parts of one partition are kept until they are merged."""
        target = TableName.parse(table)
        name = TableName.parse(staging_of(table))
        return Staging(
            name=name,
            uri=self._uri(name),
            target_uri=self._uri(target),
            storage_options=self._storage_options,
            partition=partition,
        )

    def published(self, table: str, partition: str) -> Publication | None:
        """Say what was published of a partition, also if that were no rows; None for nothing."""
        return self._overwrite(table, partition, run_number=0).recorded()

    def publish(
        self,
        table: str,
        rows: duckdb.DuckDBPyRelation,
        *,
        partition: str,
        run_number: int,
        advance: Advance | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> Publication:
        """Make `rows` the whole of one partition, in one commit; no rows empty it.

        The table is created on first use, a new column is added to it. Nothing is written when
        `run_number` is not above the one that last published the partition: a run and its retries
        have one number, a later run has a larger one. The rows are read again when the commit met
        another writer's, so they must be a table or a query, not a stream. With `advance`, the table has
        read its source that far from this commit on; if another run read it meanwhile, nothing is
        written and `WarehouseError` says so. `notes` are kept in the commit, for `notes` to read.
        """
        writer = self._overwrite(
            table, partition, run_number=run_number, advance=advance, notes=notes
        )
        return writer.publish(rows)

    def notes(self, table: str, partition: str) -> Mapping[str, str]:
        """Return what was noted with the rows of a partition as they are; empty if nothing is known.

        They are in the commit that wrote the rows, so they go with the rows, the table or the log.
        """
        return self._overwrite(table, partition, run_number=0).recorded_notes()

    def partition_files(self, table: str, partition: str) -> list[str]:
        """List the Parquet files of one partition; none if it has no rows."""
        name = TableName.parse(table)
        check_partition(name, partition)
        return [*map(address_of, self._files(name, self._open(name), partition))]

    def address(self, table: str) -> str:
        """Return where a table is or would be, as a URL."""
        uri = self._uri(TableName.parse(table))
        return uri if self._folder is None else f"file://{uri}"

    def drift(self, table: str, rows: duckdb.DuckDBPyRelation) -> tuple[SchemaChange, ...]:
        """Say how the columns of rows differ from the table's; not at all if there is no table."""
        before = self.columns(table)
        return changes(before, stored_columns(TableName.parse(table), rows)) if before else ()

    def columns(self, table: str) -> dict[str, str]:
        """Map the table's columns to their types, without its partition; none without a table."""
        name = TableName.parse(table)
        held = find(name, self._uri(name), self._storage_options)
        fields = () if held is None else held.schema().fields
        found = {field.name: read_as(f"Table {name}", field.name, field.type) for field in fields}
        found.pop(PARTITION_COLUMN, None)
        return found

    def version(self, table: str) -> int:
        """Return the number of the table's last commit."""
        return self._open(TableName.parse(table)).version()

    def _folders(self) -> Iterable[tuple[str, str]]:
        if self._folder is None:
            return folders(self._root, self._storage_options)
        logs = self._folder.glob("*/*/_delta_log")
        return ((log.parent.parent.name, log.parent.name) for log in logs)

    def _overwrite(
        self,
        table: str,
        partition: str,
        *,
        run_number: int,
        advance: Advance | None = None,
        notes: Mapping[str, str] | None = None,
    ) -> Overwrite:
        name = TableName.parse(table)
        check_partition(name, partition)
        return Overwrite(
            name=name,
            uri=self._uri(name),
            storage_options=self._storage_options,
            partition=partition,
            run_number=run_number,
            advance=advance,
            notes=notes or {},
        )

    def _select(
        self,
        con: duckdb.DuckDBPyConnection,
        name: TableName,
        table: DeltaTable,
        partition: str | None,
    ) -> str:
        return select_of(con, name, table, self._files(name, table, partition))

    def _files(self, name: TableName, table: DeltaTable, partition: str | None) -> list[str]:
        return files_of(name, table, partition, storage_options=self._storage_options)

    def _at(self, name: TableName, version: int) -> DeltaTable:
        return DeltaTable(self._uri(name), version=version, storage_options=self._storage_options)

    def _uri(self, name: TableName) -> str:
        return f"{self._root}/{name.schema}/{name.table}"

    def _open(self, name: TableName) -> DeltaTable:
        table = find(name, self._uri(name), self._storage_options)
        if table is None:
            raise UnknownTable(
                f"There is no table {name} under {self._root}. {self._others_than(name)}"
            )
        return table

    def _others_than(self, name: TableName) -> str:
        try:
            return suggestion(str(name), self.tables())
        except WarehouseError:
            # Who may read objects of a store may not always list them.
            return "Check its name."


def _is_name(text: str) -> bool:
    """Say whether a folder is one that `TableName` can lead to."""
    try:
        return str(TableName.parse(text)) == text
    except WarehouseError:
        return False
