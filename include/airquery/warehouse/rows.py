"""Rows on their way into a table: its names, storable types, and the partition as a column.

What does not fit the table is refused here, before a row is read: delta-rs alone would cast, and
lose what the column's type cannot hold.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
from deltalake import Field as DeltaField, Schema as DeltaSchema

from airquery.errors import WarehouseError
from airquery.quoting import literal, quoted
from airquery.warehouse.names import PARTITION_COLUMN, TableName
from airquery.warehouse.types import accepts, check_name, read_as, stored


if TYPE_CHECKING:
    from duckdb.sqltypes import DuckDBPyType


def is_spent(rows: duckdb.DuckDBPyRelation) -> bool:
    """Say whether the rows were a stream that is at its end; DuckDB 1.5 takes it for no rows."""
    if "ARROW_SCAN" not in rows.explain():
        return False
    try:
        return not rows.limit(1).fetchall()
    except duckdb.Error:
        return True


def with_partition(
    name: TableName,
    rows: duckdb.DuckDBPyRelation,
    partition: str,
    *,
    held: DeltaSchema | None,
) -> duckdb.DuckDBPyRelation:
    """Give the rows the table's names and storable types, and the partition as their last column.

    Raises `WarehouseError` where a column has another type in the table than in the rows.
    """
    where = f"Table {name}"
    fields = {} if held is None else {field.name.lower(): field for field in held.fields}
    chosen: dict[str, str] = {}
    for column, kind in zip(rows.columns, rows.types, strict=True):
        folded = column.lower()
        if folded == PARTITION_COLUMN:
            continue
        check_name(where, column)
        if folded in chosen:
            raise WarehouseError(f"{where}: the rows have two columns {column!r}. Rename one.")
        chosen[folded] = _column(where, column, kind, fields.get(folded))
    if not chosen:
        raise WarehouseError(f"{where}: the rows have no column but {PARTITION_COLUMN}.")
    chosen[PARTITION_COLUMN] = f"{literal(partition)} AS {PARTITION_COLUMN}"
    columns = rows.project(", ".join(chosen.values()))
    if held is not None:
        _check_types(where, columns, held)
    return columns


def stored_columns(name: TableName, rows: duckdb.DuckDBPyRelation) -> dict[str, str | None]:
    """Map each column of the rows to the type it comes back with; None where none has a value."""
    where = f"Table {name}"
    untyped = {
        column for column, kind in zip(rows.columns, rows.types, strict=True) if kind.id == "null"
    }
    columns = with_partition(name, rows, "", held=None).limit(0).to_arrow_table()
    return {
        field.name: None if field.name in untyped else read_as(where, field.name, field.type)
        for field in DeltaSchema.from_arrow(columns.schema).fields
        if field.name != PARTITION_COLUMN
    }


def _column(where: str, column: str, kind: DuckDBPyType, held: DeltaField | None) -> str:
    """Write one column of the SELECT: cast to what is stored, spelled as the table spells it."""
    if held is not None and kind.id == "null":
        target = read_as(where, column, held.type)
    else:
        target = stored(where, column, kind)
    value = quoted(column)
    if "VARIANT" in str(kind):
        value = f"CAST({value} AS {stored(where, column, kind, variant='JSON')})"
    spelled = column if held is None else held.name
    return f"CAST({value} AS {target}) AS {quoted(spelled)}"


def _check_types(where: str, columns: duckdb.DuckDBPyRelation, held: DeltaSchema) -> None:
    """Refuse rows of other types than the table's."""
    empty = columns.limit(0).to_arrow_table()
    fields = {field.name: field.type for field in held.fields}
    for field in DeltaSchema.from_arrow(empty.schema).fields:
        kind = fields.get(field.name, field.type)
        if not accepts(kind, field.type):
            before = read_as(where, field.name, kind)
            raise WarehouseError(
                f"{where}: column {field.name!r} is {before} in the table and "
                f"{read_as(where, field.name, field.type)} in the rows. Write "
                f"CAST({quoted(field.name)} AS {before}), or give the column a new name."
            )
