"""Three-part names, `catalog.schema.table`, of catalogs that are not attached.

Read, such a table is the warehouse's `schema.table`: a view in a database of its own in memory, so
that nothing is left in the caller's. Written, it is refused: the rows would have no home.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sqlglot import exp

from airquery.errors import StatementError, WarehouseError
from airquery.planning.build import parse


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import duckdb

    from airquery.sqlfn.databricks import Unit
    from airquery.warehouse import Warehouse


CATALOG = "_airquery_warehouse"
_WRITES = (exp.Create, exp.Insert, exp.Merge, exp.Update, exp.Delete, exp.Drop, exp.Alter)


def with_tables(
    connection: duckdb.DuckDBPyConnection, units: Sequence[Unit], warehouse: str | Warehouse
) -> list[Unit]:
    """Return the statements with each unattached three-part name leading to the warehouse's table.

    Raises:
        StatementError: such a table is written.
        WarehouseError: the warehouse has no table of that name either, or cannot be read.
    """
    rows = connection.execute("SELECT lower(database_name) FROM duckdb_databases()").fetchall()
    attached = {str(name) for (name,) in rows}
    found = [[_unattached(text, attached) for text in unit] for unit in units]
    names = {_name(table): table for unit in found for _, tables in unit for table in tables}
    if not names:
        return list(units)
    for table in names.values():
        _attach(connection, table, warehouse)
    return [
        tuple(_led(text, *one) for text, one in zip(unit, parsed, strict=True))
        for unit, parsed in zip(units, found, strict=True)
    ]


def _unattached(text: str, attached: set[str]) -> tuple[exp.Expr | None, list[exp.Table]]:
    tree = parse(text)
    if tree is None:
        return None, []
    tables = [
        one
        for one in tree.find_all(exp.Table)
        if one.catalog and one.catalog.lower() not in attached
    ]
    for table in tables:
        if any(table is target for target in _targets(tree)):
            raise _unwritable(table)
        if _is_stored(tree):
            raise _unkept(table)
    return tree, tables


def _targets(tree: exp.Expr) -> Iterator[exp.Expr]:
    """Name the tables that a statement changes."""
    if isinstance(tree, _WRITES):
        targets = [tree.args.get("this"), *(tree.args.get("tables") or ()), *tree.expressions]
        for target in targets:
            table = target.this if isinstance(target, exp.Schema) else target
            if isinstance(table, exp.Table):
                yield table


def _is_stored(tree: exp.Expr) -> bool:
    """Tell whether a statement keeps its query, which would be read when our names are gone."""
    return (
        isinstance(tree, exp.Create)
        and tree.kind in {"VIEW", "FUNCTION"}
        and tree.find(exp.TemporaryProperty) is None
    )


def _attach(
    connection: duckdb.DuckDBPyConnection, table: exp.Table, warehouse: str | Warehouse
) -> None:
    # The warehouse's library takes half a second to import, and few statements need it.
    from airquery.warehouse import Warehouse  # noqa: PLC0415

    connection.execute(f"ATTACH IF NOT EXISTS ':memory:' AS {CATALOG} (READ_WRITE)")
    try:
        known = Warehouse(warehouse) if isinstance(warehouse, str) else warehouse
        known.attach(connection, f"{table.db}.{table.name}", catalog=CATALOG)
    except WarehouseError as problem:
        raise type(problem)(
            f"There is no catalog {table.catalog!r} for {_name(table)}, and the warehouse does not "
            f"have it either. {_mend(table)} or write the table {table.db}.{table.name} to the "
            f"warehouse. {problem}"
        ) from problem


def _led(text: str, tree: exp.Expr | None, tables: list[exp.Table]) -> str:
    if tree is None or not tables:
        return text
    names = {_name(table) for table in tables}
    for table in tables:
        table.set("catalog", exp.to_identifier(CATALOG))
    for column in tree.find_all(exp.Column):
        parts = [column.catalog, column.db, column.table]
        if ".".join(parts).lower() in names:
            column.set("catalog", exp.to_identifier(CATALOG))
    return tree.sql(dialect="duckdb", comments=False)


def _name(table: exp.Table) -> str:
    return f"{table.catalog}.{table.db}.{table.name}".lower()


def _mend(table: exp.Table) -> str:
    catalog = table.catalog
    return (
        f"Attach a database of that name (ATTACH '{catalog}.duckdb' AS {catalog}, or --database "
        f"{catalog}.duckdb)"
    )


def _unkept(table: exp.Table) -> StatementError:
    return StatementError(
        "AI_FUNCTION_COMPILATION_ERROR",
        f"{_name(table)} is a table of the warehouse for this statement only: a stored view would "
        f"lose it. {_mend(table)}, or make the view TEMPORARY.",
    )


def _unwritable(table: exp.Table) -> StatementError:
    return StatementError(
        "AI_FUNCTION_COMPILATION_ERROR",
        f"{_name(table)} cannot be written: no catalog {table.catalog!r} is attached. "
        f"{_mend(table)}, or write the name without its catalog.",
    )
