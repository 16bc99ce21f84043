"""What a Delta table looks like from DuckDB: a SELECT over the files of one snapshot.

The columns and their types are the table's own, whatever the files hold: a file older than a
column gives NULL, a table without files gives no rows, a partition value is never guessed at.
A table whose files alone do not say what its rows are is refused.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from airquery.errors import WarehouseError
from airquery.quoting import literal, quoted
from airquery.warehouse import objects
from airquery.warehouse.names import PARTITION_COLUMN, TableName
from airquery.warehouse.types import read_as


if TYPE_CHECKING:
    from collections.abc import Mapping

    import duckdb
    from deltalake import DeltaTable


# Rows hidden in a side file, and columns stored under other names: only Delta readers see them.
_NOT_IN_THE_FILES = {"deletionVectors", "columnMapping"}


def check_readable(name: TableName, table: DeltaTable) -> None:
    """Refuse a table whose files hold deleted rows, or columns under other names."""
    found = _NOT_IN_THE_FILES.intersection(table.protocol().reader_features or ())
    if table.metadata().configuration.get("delta.columnMapping.mode", "none") != "none":
        found.add("columnMapping")
    if found:
        raise WarehouseError(
            f"Table {name} uses {', '.join(sorted(found))}, so its files alone do not say what its "
            "rows are. Rewrite it where it was written, with the feature dropped from the table."
        )


def predicate_of(partition: str) -> str:
    """Write the condition that selects one partition."""
    return f"{PARTITION_COLUMN} = {literal(partition)}"


def files_of(
    name: TableName,
    table: DeltaTable,
    partition: str | None = None,
    *,
    storage_options: Mapping[str, str] | None,
) -> list[str]:
    """List the files of the snapshot, or of one partition of it, as DuckDB can open them."""
    if partition is None:
        uris = table.file_uris()
    elif PARTITION_COLUMN in table.metadata().partition_columns:
        uris = table.file_uris(file_pruning_predicate=predicate_of(partition))
    else:
        raise WarehouseError(f"Table {name} is not partitioned by {PARTITION_COLUMN}.")
    where = urlparse(table.table_uri)
    if where.scheme != "file":
        return objects.names_of(table, uris, storage_options)
    # delta-rs percent-encodes the folder of a local table, which is no longer the folder's name.
    folder = Path(unquote(where.path))
    return [str(folder / uri.removeprefix(where.path)) for uri in uris]


def select_of(
    con: duckdb.DuckDBPyConnection, name: TableName, table: DeltaTable, files: list[str]
) -> str:
    """Write the SELECT that gives the rows of these files with the table's columns and types."""
    check_readable(name, table)
    if urlparse(table.table_uri).scheme != "file":
        objects.register(con)
    keys = table.metadata().partition_columns
    # delta-rs puts a merged column anywhere; the partition comes last, whatever the table's age.
    fields = sorted(table.schema().fields, key=lambda field: field.name in keys)
    types = {field.name: read_as(f"Table {name}", field.name, field.type) for field in fields}
    source, present = _source(con, name, table, files)
    columns = (
        f"CAST({quoted(column) if column.lower() in present else 'NULL'} AS {kind}) "
        f"AS {quoted(column)}"
        for column, kind in types.items()
    )
    return f"SELECT {', '.join(columns)} {source}"


def _source(
    con: duckdb.DuckDBPyConnection, name: TableName, table: DeltaTable, files: list[str]
) -> tuple[str, set[str]]:
    """Return the FROM clause, and the columns it has."""
    if not files:
        return "WHERE false", set()
    keys = table.metadata().partition_columns
    options = f"union_by_name = true, hive_partitioning = {'true' if keys else 'false'}"
    if keys:
        options += ", hive_types_autocast = false"
    scan = f"FROM read_parquet([{', '.join(map(literal, files))}], {options})"
    present = {column.lower() for column in con.sql(scan).columns}
    unnamed = [key for key in keys if key.lower() not in present]
    if unnamed:
        raise WarehouseError(
            f"Table {name}: its folders do not name the partition column {unnamed[0]!r}, so its "
            "values cannot be read. Rewrite the table with folders named column=value."
        )
    return scan, present
