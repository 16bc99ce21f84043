from __future__ import annotations

import json
import shutil
from typing import TYPE_CHECKING

import pytest
from deltalake import DeltaTable, TableFeatures, write_deltalake

from airquery.errors import WarehouseError
from airquery.warehouse import Warehouse


if TYPE_CHECKING:
    from pathlib import Path

    import duckdb

    Rows = list[tuple[object, ...]]


ODD_PARTITIONS = [
    "2026-11-21",
    "007",
    "true",
    'O\'Hara "x"',
    "a/b\\c",
    "../..",
    "..",
    " a b ",
    "50%2F%",
    "*?[x]{y}",
    "a=b&c#d;e",
    "Zürich 日本 \U0001f600",
    "line\nbreak\ttab",
    "-- $1",
    "x" * 200,
]


@pytest.mark.parametrize("partition", ODD_PARTITIONS)
def test_any_partition_value_is_written_found_and_read_as_it_is(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, partition: str
) -> None:
    warehouse.publish("main.t", con.sql("SELECT 0 AS a"), partition="other", run_number=1)
    for run_number in (1, 2):
        rows = con.sql(f"SELECT {run_number} AS a")
        done = warehouse.publish("main.t", rows, partition=partition, run_number=run_number)
        assert done.rows == 1
    again = warehouse.publish("main.t", con.sql("SELECT 3"), partition=partition, run_number=2)
    assert not again.written
    warehouse.attach(con)
    found = con.sql("SELECT a, partition_key FROM main.t ORDER BY a").fetchall()
    assert found == [(0, "other"), (2, partition)]
    [file] = warehouse.partition_files("main.t", partition)
    assert con.execute("SELECT a FROM read_parquet(?)", [[file]]).fetchall() == [(2,)]


@pytest.mark.parametrize(
    ("partition", "problem"),
    [
        ("", "is empty"),
        ("a\x00b", "NUL"),
        ("__HIVE_DEFAULT_PARTITION__", "read back as NULL"),
        ("Null", "read back as NULL"),
        ("ü" * 100, "255 bytes"),
    ],
)
def test_a_partition_value_that_would_not_come_back_is_refused(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, partition: str, problem: str
) -> None:
    with pytest.raises(WarehouseError, match=problem):
        warehouse.publish("main.t", con.sql("SELECT 1"), partition=partition, run_number=1)
    with pytest.raises(WarehouseError, match=problem):
        warehouse.partition_files("main.t", partition)
    with pytest.raises(WarehouseError, match=problem):
        warehouse.attach(con, "main.t", partition=partition)


@pytest.mark.parametrize(
    "name", ["t", "main.", ".t", "main.t.x", "../t", "main./etc", 'main."t"', "main.t;", "ma in.t"]
)
def test_only_a_schema_and_a_table_make_a_name(warehouse: Warehouse, name: str) -> None:
    with pytest.raises(WarehouseError, match=r"is no table name\. Write schema\.table"):
        warehouse.version(name)


def test_names_do_not_differ_by_case(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    done = warehouse.publish("Main.Reviews", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    assert done.table == "main.reviews"
    assert (tmp_path / "main" / "reviews" / "_delta_log").is_dir()
    warehouse.attach(con, "MAIN.REVIEWS")
    assert con.sql("SELECT a FROM main.reviews").fetchall() == [(1,)]


def test_tables_are_listed_sorted_without_what_is_none(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    assert warehouse.tables() == []
    for table in ("b.t", "a.u", "a.t"):
        warehouse.publish(table, con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    (tmp_path / "a" / "begun" / "_delta_log").mkdir(parents=True)
    (tmp_path / "a" / "folder").mkdir()
    shutil.copytree(tmp_path / "a" / "t", tmp_path / "a" / "odd name")
    assert warehouse.tables() == ["a.t", "a.u", "b.t"]


def test_attach_makes_a_view_of_every_table_or_of_the_named_ones(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    for table in ("a.t", "b.u"):
        warehouse.publish(table, con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    views = (
        "SELECT schema_name || '.' || view_name FROM duckdb_views() WHERE NOT internal ORDER BY 1"
    )
    warehouse.attach(con, "b.u")
    assert con.sql(views).fetchall() == [("b.u",)]
    warehouse.attach(con)
    assert con.sql(views).fetchall() == [("a.t",), ("b.u",)]


def test_a_view_keeps_its_snapshot_until_it_is_attached_again(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    warehouse.publish("main.t", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    warehouse.attach(con)
    warehouse.publish("main.t", con.sql("SELECT 2 AS a"), partition="p", run_number=2)
    assert con.sql("SELECT a FROM main.t").fetchall() == [(1,)]
    warehouse.attach(con)
    assert con.sql("SELECT a FROM main.t").fetchall() == [(2,)]


def test_one_partition_can_be_attached_with_all_columns_of_the_table(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    warehouse.publish("main.t", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    warehouse.publish("main.t", con.sql("SELECT 2 AS a, 'x' AS b"), partition="q", run_number=1)
    for partition, rows in (("p", [(1, None, "p")]), ("q", [(2, "x", "q")]), ("r", [])):
        warehouse.attach(con, "main.t", partition=partition)
        view = con.sql("FROM main.t")
        assert view.fetchall() == rows
        assert [str(kind) for kind in view.types] == ["INTEGER", "VARCHAR", "VARCHAR"]


def test_a_table_without_files_is_a_typed_view_without_rows(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    rows = con.sql("SELECT 1::DECIMAL(9, 2) AS d, {'a': [now()]} AS s WHERE false")
    warehouse.publish("main.t", rows, partition="p", run_number=1)
    warehouse.attach(con)
    view = con.sql("FROM main.t")
    assert view.fetchall() == []
    assert dict(zip(view.columns, map(str, view.types), strict=True)) == {
        "d": "DECIMAL(9,2)",
        "s": "STRUCT(a TIMESTAMP WITH TIME ZONE[])",
        "partition_key": "VARCHAR",
    }


def test_a_column_that_no_file_has_any_more_is_null(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    warehouse.publish("main.t", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    warehouse.publish("main.t", con.sql("SELECT 1 AS a, 2 AS b"), partition="q", run_number=1)
    warehouse.publish("main.t", con.sql("SELECT 1 AS a WHERE false"), partition="q", run_number=2)
    warehouse.attach(con)
    assert con.sql("SELECT a, b FROM main.t").fetchall() == [(1, None)]


def test_an_unknown_table_is_named_with_its_nearest_one(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    warehouse.publish("main.reviews", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    with pytest.raises(WarehouseError, match=r"no table main\.review .*mean 'main\.reviews'\?"):
        warehouse.attach(con, "main.review")
    with pytest.raises(WarehouseError, match=r"Known: main\.reviews"):
        warehouse.version("x.y")
    with pytest.raises(WarehouseError, match="no table"):
        warehouse.partition_files("main.other", "p")


def test_a_table_of_the_connection_is_not_replaced_by_a_view(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    warehouse.publish("main.t", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    con.execute("CREATE TABLE main.t AS SELECT 'mine' AS a")
    with pytest.raises(WarehouseError, match=r"main\.t cannot be attached\..*Table"):
        warehouse.attach(con)
    assert con.sql("SELECT a FROM main.t").fetchall() == [("mine",)]


@pytest.mark.parametrize("folder", ["my tables", "Zürich", "50% & more", "O'Hara's `1` <x>"])
def test_a_root_may_have_any_ordinary_name(
    tmp_path: Path, con: duckdb.DuckDBPyConnection, folder: str
) -> None:
    warehouse = Warehouse(tmp_path / folder)
    warehouse.publish("main.t", con.sql("SELECT 1 AS a"), partition="p/q", run_number=1)
    warehouse.attach(con)
    assert con.sql("FROM main.t").fetchall() == [(1, "p/q")]
    assert warehouse.tables() == ["main.t"]


@pytest.mark.parametrize("folder", ["a*", "a?", "a[1]", "env=prod", "a^b", "a\nb", "a#b"])
def test_a_root_that_readers_take_for_a_pattern_is_refused(tmp_path: Path, folder: str) -> None:
    with pytest.raises(WarehouseError, match="cannot live under"):
        Warehouse(tmp_path / folder)


def test_a_root_is_found_from_any_working_directory(
    tmp_path: Path, con: duckdb.DuckDBPyConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    warehouse = Warehouse("tables")
    monkeypatch.chdir("/")
    warehouse.publish("main.t", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    assert Warehouse(f"file://{tmp_path}/tables").tables() == ["main.t"]


def test_a_store_nobody_knows_is_an_error_that_names_the_table() -> None:
    with pytest.raises(WarehouseError, match=r"main\.t cannot be opened") as error:
        Warehouse("memory://bucket/tables").version("main.t")
    assert "\x1b" not in str(error.value)


def test_a_broken_log_is_an_error_that_names_the_table(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    log = tmp_path / "main" / "t" / "_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000000.json").write_text("no JSON")
    with pytest.raises(WarehouseError, match=r"main\.t cannot be opened"):
        warehouse.version("main.t")


def test_a_lost_file_is_an_error_that_names_the_table(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    warehouse.publish("main.t", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    [file] = warehouse.partition_files("main.t", "p")
    shutil.move(file, file + ".lost")
    with pytest.raises(WarehouseError, match=r"main\.t cannot be attached"):
        warehouse.attach(con)


def test_a_table_of_another_tool_is_read_with_its_own_partitions(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = con.sql("SELECT 1 AS a, DATE '2026-11-21' AS day UNION ALL SELECT 2, NULL")
    write_deltalake(tmp_path / "main" / "days", rows, partition_by="day")
    write_deltalake(tmp_path / "main" / "plain", con.sql("SELECT 1 AS a"))
    warehouse.attach(con)
    view = con.sql("SELECT a, day FROM main.days ORDER BY a")
    assert [str(kind) for kind in view.types] == ["INTEGER", "DATE"]
    assert [(a, str(day)) for a, day in view.fetchall()] == [(1, "2026-11-21"), (2, "None")]
    assert con.sql("FROM main.plain").fetchall() == [(1,)]
    with pytest.raises(WarehouseError, match=r"main\.days is not partitioned by partition_key"):
        warehouse.partition_files("main.days", "p")


@pytest.mark.parametrize(
    ("feature", "named"),
    [
        (TableFeatures.DeletionVectors, "deletionVectors"),
        (TableFeatures.ColumnMapping, "columnMapping"),
    ],
)
def test_a_table_whose_files_do_not_say_its_rows_is_refused(
    warehouse: Warehouse,
    con: duckdb.DuckDBPyConnection,
    tmp_path: Path,
    feature: TableFeatures,
    named: str,
) -> None:
    warehouse.publish("main.t", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    table = DeltaTable(tmp_path / "main" / "t")
    table.alter.add_feature(feature, allow_protocol_versions_increase=True)
    with pytest.raises(WarehouseError, match=rf"main\.t uses {named}"):
        warehouse.attach(con)
    with pytest.raises(WarehouseError, match=rf"main\.t uses {named}"):
        warehouse.publish("main.t", con.sql("SELECT 1 AS a"), partition="p", run_number=2)


def test_column_mapping_of_an_older_protocol_is_refused_too(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    warehouse.publish("main.t", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    log = tmp_path / "main" / "t" / "_delta_log" / f"{0:020}.json"
    actions = [json.loads(line) for line in log.read_text().splitlines()]
    for action in actions:
        if "metaData" in action:
            action["metaData"]["configuration"] = {"delta.columnMapping.mode": "name"}
    log.write_text("\n".join(json.dumps(action) for action in actions))
    with pytest.raises(WarehouseError, match=r"main\.t uses columnMapping"):
        warehouse.attach(con)


def test_folders_that_do_not_name_the_partition_are_refused(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    warehouse.publish("main.t", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    folder = tmp_path / "main" / "t"
    shutil.move(folder / "partition_key=p", folder / "hashed")
    log = folder / "_delta_log" / f"{0:020}.json"
    log.write_text(log.read_text().replace("partition_key=p/", "hashed/"))
    with pytest.raises(WarehouseError, match="do not name the partition column 'partition_key'"):
        warehouse.attach(con)


def test_a_type_only_other_tools_can_read_is_refused_by_name(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, tmp_path: Path
) -> None:
    rows = con.sql("SELECT 'x' AS a, TIMESTAMP '2026-11-21' AS t")
    warehouse.publish("main.t", rows, partition="p", run_number=1)
    log = tmp_path / "main" / "t" / "_delta_log" / f"{0:020}.json"
    text = log.read_text().replace('\\"string\\"', '\\"variant\\"', 1)
    log.write_text(text.replace('["timestampNtz"]', '["timestampNtz","variantType"]'))
    with pytest.raises(WarehouseError, match=r"main\.t, column 'a': .* variant cannot be read"):
        warehouse.attach(con)


def test_opening_a_warehouse_writes_nothing(tmp_path: Path) -> None:
    assert Warehouse(tmp_path / "new").tables() == []
    assert list(tmp_path.iterdir()) == []
    assert repr(Warehouse(tmp_path)) == f"Warehouse({str(tmp_path)!r})"
