from __future__ import annotations

import re
from typing import TYPE_CHECKING

import duckdb
import pytest

from airquery.errors import WarehouseError


if TYPE_CHECKING:
    from airquery.warehouse import Warehouse


# DuckDB 1.5 takes a bare NULL for an INTEGER before anyone can ask for its type.
BARE_NULL = "INTEGER" if duckdb.__version__.startswith("1.") else "VARCHAR"
KEPT = [
    ("true", "BOOLEAN"),
    ("(-128)::TINYINT", "TINYINT"),
    ("(-32768)::SMALLINT", "SMALLINT"),
    ("2147483647", "INTEGER"),
    ("9223372036854775807", "BIGINT"),
    ("0.1::FLOAT", "FLOAT"),
    ("'nan'::DOUBLE", "DOUBLE"),
    ("1234567.89::DECIMAL(9, 2)", "DECIMAL(9,2)"),
    ("'O''Hara \U0001f600'", "VARCHAR"),
    ("'\\x00\\xFF'::BLOB", "BLOB"),
    ("DATE '1583-01-01'", "DATE"),
    ("TIMESTAMP '2026-11-21 10:00:00.123456'", "TIMESTAMP"),
    ("TIMESTAMPTZ '2026-11-21 10:00:00.123456+02'", "TIMESTAMP WITH TIME ZONE"),
    ("[1, NULL, 3]", "INTEGER[]"),
    ("[]::INTEGER[]", "INTEGER[]"),
    ("MAP {'a': 1.5::DOUBLE}", "MAP(VARCHAR, DOUBLE)"),
    ("{'a': 1, 'b': [{'c': 'x'}]}", "STRUCT(a INTEGER, b STRUCT(c VARCHAR)[])"),
    ("NULL::STRUCT(a DATE)", "STRUCT(a DATE)"),
]
CHANGED = [
    ("255::UTINYINT", "SMALLINT", 255),
    ("65535::USMALLINT", "INTEGER", 65535),
    ("4294967295::UINTEGER", "BIGINT", 4294967295),
    ("18446744073709551615::UBIGINT", "DECIMAL(20,0)", 18446744073709551615),
    ("sum(1::BIGINT) OVER ()", "DECIMAL(38,0)", 1),
    ("7::UHUGEINT", "DECIMAL(38,0)", 7),
    ("'{\"a\": 1}'::JSON", "VARCHAR", '{"a": 1}'),
    ("'x'::VARIANT", "VARCHAR", '"x"'),
    ("{'v': [{'a': 1}::VARIANT, 'x'::VARIANT]}", "STRUCT(v VARCHAR[])", {"v": ['{"a":1}', '"x"']}),
    ("MAP {'k': 'x'::VARIANT}", "MAP(VARCHAR, VARCHAR)", {"k": '"x"'}),
    ("'b'::ENUM ('a', 'b')", "VARCHAR", "b"),
    (
        "'00000000-0000-0000-0000-00000000000a'::UUID",
        "VARCHAR",
        "00000000-0000-0000-0000-00000000000a",
    ),
    ("'101'::BIT", "VARCHAR", "101"),
    ("[1, 2]::FLOAT[2]", "FLOAT[]", [1.0, 2.0]),
    ("NULL", BARE_NULL, None),
    ("[]", f"{BARE_NULL}[]", []),
    ("{'a': NULL}", f"STRUCT(a {BARE_NULL})", {"a": None}),
]
REFUSED = [
    ("TIME '10:00'", "TIME", r'CAST\("v" AS VARCHAR\)'),
    ("INTERVAL 1 DAY", "INTERVAL", r'CAST\("v" AS VARCHAR\)'),
    ("{'t': [TIME '10:00']}", "TIME", r'CAST\("v" AS VARCHAR\)'),
    ("union_value(a := 1)", r"UNION\(a INTEGER\)", r'CAST\("v" AS VARCHAR\)'),
]


def read_back(warehouse: Warehouse, con: duckdb.DuckDBPyConnection) -> tuple[str, object]:
    """Return the type and the value of the only cell of main.t."""
    warehouse.attach(con, "main.t")
    rows = con.sql("SELECT v FROM main.t")
    [(value,)] = rows.fetchall()
    return str(rows.types[0]), value


@pytest.mark.parametrize(("expression", "kind"), KEPT)
def test_a_value_comes_back_with_its_type(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, expression: str, kind: str
) -> None:
    rows = con.sql(f"SELECT {expression} AS v")
    [(before,)] = rows.fetchall()
    warehouse.publish("main.t", rows, partition="p", run_number=1)
    found_kind, after = read_back(warehouse, con)
    assert found_kind == kind
    assert repr(after) == repr(before)


@pytest.mark.parametrize(("expression", "kind", "value"), CHANGED)
def test_a_value_without_a_delta_type_comes_back_as_the_nearest_one(
    warehouse: Warehouse,
    con: duckdb.DuckDBPyConnection,
    expression: str,
    kind: str,
    value: object,
) -> None:
    rows = con.sql(f"SELECT {expression} AS v")
    warehouse.publish("main.t", rows, partition="p", run_number=1)
    assert read_back(warehouse, con) == (kind, value)


@pytest.mark.parametrize(("expression", "kind", "mend"), REFUSED)
def test_a_type_delta_cannot_hold_is_refused_with_the_cast_to_write(
    warehouse: Warehouse,
    con: duckdb.DuckDBPyConnection,
    expression: str,
    kind: str,
    mend: str,
) -> None:
    rows = con.sql(f"SELECT {expression} AS v")
    with pytest.raises(WarehouseError, match=rf"main\.t, column 'v': .*{kind}\. Write {mend}"):
        warehouse.publish("main.t", rows, partition="p", run_number=1)
    assert warehouse.tables() == []


def test_a_struct_without_field_names_is_refused(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    rows = con.sql("SELECT row(1, 2) AS v")
    with pytest.raises(WarehouseError, match=r"column 'v'"):
        warehouse.publish("main.t", rows, partition="p", run_number=1)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT count(*)", r"'count_star\(\)' cannot be the name"),
        ("SELECT {'a b': 1} AS v", "column 'v': 'a b' cannot be the name"),
        ('SELECT 1 AS a, 2 AS "A"', "two columns 'A'"),
        ("SELECT 1 AS partition_key", "no column but partition_key"),
    ],
)
def test_columns_other_readers_could_not_take_are_refused(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, sql: str, message: str
) -> None:
    with pytest.raises(WarehouseError, match=message):
        warehouse.publish("main.t", con.sql(sql), partition="p", run_number=1)


@pytest.mark.parametrize(
    ("held", "new", "told"),
    [
        ("1", "2::BIGINT", "INTEGER in the table and BIGINT"),
        ("1::BIGINT", "2", "BIGINT in the table and INTEGER"),
        ("1", "'x'", "INTEGER in the table and VARCHAR"),
        ("'x'", "1", "VARCHAR in the table and INTEGER"),
        ("1.5::FLOAT", "1.5::DOUBLE", "FLOAT in the table and DOUBLE"),
        ("DATE '2026-01-01'", "TIMESTAMP '2026-01-01'", "DATE in the table and TIMESTAMP"),
        (
            "1.5::DECIMAL(9, 2)",
            "1.5::DECIMAL(12, 3)",
            "DECIMAL(9,2) in the table and DECIMAL(12,3)",
        ),
        ("[1]", "['x']", "INTEGER[] in the table and VARCHAR[]"),
        (
            "{'a': {'b': 1}}",
            "{'a': {'b': 'x'}}",
            'STRUCT("a" STRUCT("b" INTEGER)) in the table and STRUCT("a" STRUCT("b" VARCHAR))',
        ),
        (
            "MAP {'a': 1}",
            "MAP {'a': 'x'}",
            "MAP(VARCHAR, INTEGER) in the table and MAP(VARCHAR, VARCHAR)",
        ),
        ("{'a': 1}", "'x'", 'STRUCT("a" INTEGER) in the table and VARCHAR'),
    ],
)
def test_a_changed_type_is_refused_with_both_types_and_the_mend(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, held: str, new: str, told: str
) -> None:
    warehouse.publish("main.t", con.sql(f"SELECT {held} AS v"), partition="p", run_number=1)
    message = re.escape(f"main.t: column 'v' is {told} in the rows. Write CAST(\"v\" AS ")
    with pytest.raises(WarehouseError, match=message):
        warehouse.publish("main.t", con.sql(f"SELECT {new} AS V"), partition="q", run_number=1)
    assert warehouse.version("main.t") == 0


def test_new_and_missing_columns_and_fields_are_null_where_they_are_not(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    first = "SELECT 1 AS id, 'x' AS gone, {'a': 1} AS s, [{'a': 1}] AS l"
    second = "SELECT 2 AS ID, {'b': 2} AS s, [{'a': 2, 'b': 3}] AS l, DATE '2026-01-01' AS d"
    warehouse.publish("main.t", con.sql(first), partition="p", run_number=1)
    warehouse.publish("main.t", con.sql(second), partition="q", run_number=1)
    warehouse.attach(con)
    rows = con.sql("SELECT id, gone, s, l, d::VARCHAR, partition_key FROM main.t ORDER BY id")
    assert rows.fetchall() == [
        (1, "x", {"a": 1, "b": None}, [{"a": 1, "b": None}], None, "p"),
        (2, None, {"a": None, "b": 2}, [{"a": 2, "b": 3}], "2026-01-01", "q"),
    ]


def test_a_bare_null_takes_the_type_the_table_has(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    held = "SELECT 1 AS v" if BARE_NULL == "INTEGER" else "SELECT {'a': 1} AS v"
    [kind] = con.sql(held).types
    warehouse.publish("main.t", con.sql(held), partition="p", run_number=1)
    warehouse.publish("main.t", con.sql("SELECT NULL AS v"), partition="p", run_number=2)
    assert read_back(warehouse, con) == (str(kind), None)
