"""Types on their way through Delta: what DuckDB has, what a Delta column holds, what comes back.

A value that is stored comes back equal, if need be as text; what has no such form is refused by
name before anything is read or written.
"""

from __future__ import annotations

import re

from deltalake.schema import ArrayType, DataType, MapType, PrimitiveType, StructType
from duckdb.sqltypes import DuckDBPyType

from airquery.errors import WarehouseError
from airquery.quoting import quoted


_KEPT = {
    "bigint",
    "blob",
    "boolean",
    "date",
    "decimal",
    "double",
    "float",
    "integer",
    "smallint",
    "timestamp",
    "timestamp with time zone",
    "tinyint",
}
# Delta has no unsigned integers, so each takes the next wider type; the 128-bit ones keep 38 digits.
_STORED_AS = {
    "bignum": "VARCHAR",
    "bit": "VARCHAR",
    "enum": "VARCHAR",
    "hugeint": "DECIMAL(38,0)",
    "null": "VARCHAR",
    "timestamp_ms": "TIMESTAMP",
    "timestamp_ns": "TIMESTAMP",
    "timestamp_s": "TIMESTAMP",
    "ubigint": "DECIMAL(20,0)",
    "uhugeint": "DECIMAL(38,0)",
    "uinteger": "BIGINT",
    "usmallint": "INTEGER",
    "utinyint": "SMALLINT",
    "uuid": "VARCHAR",
    "varchar": "VARCHAR",
}
_MENDS = {
    "geometry": "ST_AsWKB({column})",
    "tuple": "struct_pack(first := ..., second := ...), which names its fields",
}
_READ_AS = {
    "binary": "BLOB",
    "boolean": "BOOLEAN",
    "byte": "TINYINT",
    "date": "DATE",
    "double": "DOUBLE",
    "float": "FLOAT",
    "integer": "INTEGER",
    "long": "BIGINT",
    "short": "SMALLINT",
    "string": "VARCHAR",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ntz": "TIMESTAMP",
    "void": "VARCHAR",
}
# Spark and Databricks refuse a table whose columns or fields are named with one of these.
_UNUSABLE_IN_NAME = re.compile(r"[ ,;{}()\n\t=]|^$")


def check_name(where: str, name: str) -> None:
    """Refuse a column or field name that other readers of Delta tables cannot take."""
    if _UNUSABLE_IN_NAME.search(name):
        raise WarehouseError(
            f"{where}: {name!r} cannot be the name of a column or field in a Delta table. "
            "Give it one with AS, without spaces and ,;{}()=."
        )


def stored(where: str, column: str, kind: DuckDBPyType, *, variant: str = "VARCHAR") -> str:
    """Name the DuckDB type as which a column is stored.

    `variant` is what a VARIANT becomes; its way to text leads over JSON, which keeps the quotes.
    """
    if kind.id == "struct":
        fields = []
        for name, field in _parts(kind):
            check_name(f"{where}, column {column!r}", name)
            fields.append(f"{quoted(name)} {stored(where, column, field, variant=variant)}")
        return f"STRUCT({', '.join(fields)})"
    if kind.id in {"list", "array"}:
        return f"{stored(where, column, _parts(kind)[0][1], variant=variant)}[]"
    if kind.id == "map":
        key, value = (stored(where, column, part, variant=variant) for _, part in _parts(kind))
        return f"MAP({key}, {value})"
    if kind.id == "variant":
        return variant
    if kind.id in _KEPT:
        return str(kind)
    if kind.id in _STORED_AS:
        return _STORED_AS[kind.id]
    mend = _MENDS.get(kind.id, "CAST({column} AS VARCHAR)").format(column=quoted(column))
    raise WarehouseError(
        f"{where}, column {column!r}: a Delta table has no type for {kind}. Write {mend}."
    )


def read_as(where: str, column: str, kind: DataType) -> str:
    """Name the DuckDB type in which a Delta column is read."""
    if isinstance(kind, StructType):
        fields = (f"{quoted(f.name)} {read_as(where, column, f.type)}" for f in kind.fields)
        return f"STRUCT({', '.join(fields)})"
    if isinstance(kind, ArrayType):
        return f"{read_as(where, column, kind.element_type)}[]"
    if isinstance(kind, MapType):
        key = read_as(where, column, kind.key_type)
        return f"MAP({key}, {read_as(where, column, kind.value_type)})"
    if kind.type.startswith("decimal"):
        return kind.type.upper()
    if kind.type not in _READ_AS:
        raise WarehouseError(
            f"{where}, column {column!r}: its Delta type {kind.type} cannot be read here. "
            "Read the table where it was written, and publish it from there as another type."
        )
    return _READ_AS[kind.type]


def accepts(held: DataType, new: DataType) -> bool:
    """Say whether a column of type `held` takes `new` values as they are.

    A struct may gain and lack fields, at any depth; anything else must be the same. delta-rs alone
    would cast instead, and make a DATE of a TIMESTAMP without a word.
    """
    if isinstance(held, StructType) and isinstance(new, StructType):
        fields = {field.name: field.type for field in held.fields}
        return all(accepts(fields.get(field.name, field.type), field.type) for field in new.fields)
    if isinstance(held, ArrayType) and isinstance(new, ArrayType):
        return accepts(held.element_type, new.element_type)
    if isinstance(held, MapType) and isinstance(new, MapType):
        return accepts(held.key_type, new.key_type) and accepts(held.value_type, new.value_type)
    same_kind = isinstance(held, PrimitiveType) and isinstance(new, PrimitiveType)
    return same_kind and held == new


def _parts(kind: DuckDBPyType) -> list[tuple[str, DuckDBPyType]]:
    """Return the element, the key and value, or the fields of a nested type."""
    return [(name, part) for name, part in kind.children if isinstance(part, DuckDBPyType)]
