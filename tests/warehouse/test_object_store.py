from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest
from pyarrow import BufferReader, parquet

from airquery.errors import WarehouseError
from airquery.warehouse import Publication, Warehouse
from tests.object_store import ObjectStore, running_object_store


if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path


@pytest.fixture
def store() -> Iterator[ObjectStore]:
    with running_object_store() as server:
        yield server


@pytest.fixture
def bucket(store: ObjectStore) -> Warehouse:
    return Warehouse("s3://bucket/tables/", storage_options=store.options)


def values_of(store: ObjectStore, warehouse: Warehouse, partition: str) -> list[object]:
    """Read the column `a` of a partition, from the bytes in the store."""
    values: list[object] = []
    for file in warehouse.partition_files("main.t", partition):
        values += parquet.read_table(BufferReader(store.read(file))).column("a").to_pylist()
    return values


def test_a_bucket_holds_tables_as_a_folder_does(
    store: ObjectStore, bucket: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    rows = con.sql("SELECT 1 AS a")
    first = bucket.publish("main.t", rows, partition="a/ü", run_number=1)
    assert first == Publication(table="main.t", partition="a/ü", version=0, rows=1, written=True)
    assert not bucket.publish("main.t", rows, partition="a/ü", run_number=1).written
    more = con.sql("SELECT 2 AS a FROM range(2)")
    assert bucket.publish("main.t", more, partition="b", run_number=1).version == 1
    assert bucket.publish("main.t", more, partition="a/ü", run_number=2).version == 2
    assert values_of(store, bucket, "a/ü") == [2, 2]
    assert values_of(store, bucket, "b") == [2, 2]
    assert bucket.version("main.t") == 2


@pytest.mark.parametrize("existing", [True, False], ids=["existing table", "new table"])
def test_of_two_writers_of_one_run_to_a_bucket_one_commits(
    store: ObjectStore,
    bucket: Warehouse,
    con: duckdb.DuckDBPyConnection,
    interrupted_by: Callable[[Callable[[], object]], None],
    *,
    existing: bool,
) -> None:
    def publish(sql: str, run_number: int) -> Publication:
        with duckdb.connect() as other:
            return bucket.publish("main.t", other.sql(sql), partition="p", run_number=run_number)

    if existing:
        publish("SELECT 1 AS a", run_number=1)
    interrupted_by(lambda: publish("SELECT 2 AS a", run_number=2))
    rows = con.sql("SELECT meanwhile(2) AS a")
    assert not bucket.publish("main.t", rows, partition="p", run_number=2).written
    assert values_of(store, bucket, "p") == [2]


def test_duckdb_reads_what_a_bucket_holds(
    bucket: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    bucket.publish("main.t", con.sql("SELECT 1 AS a"), partition="a/ü %[*]?", run_number=1)
    bucket.publish("main.t", con.sql("SELECT 2 AS a, 'x' AS b"), partition="b", run_number=1)
    bucket.publish("other.u", con.sql("SELECT 3 AS c"), partition="b", run_number=1)

    bucket.attach(con)

    assert bucket.tables() == ["main.t", "other.u"]
    assert con.sql("FROM main.t ORDER BY a").fetchall() == [
        (1, None, "a/ü %[*]?"),
        (2, "x", "b"),
    ]
    assert con.sql("FROM other.u").fetchall() == [(3, "b")]
    bucket.attach(con, "main.t", partition="a/ü %[*]?")
    assert con.sql("SELECT a FROM main.t").fetchall() == [(1,)]


def test_the_addresses_of_a_bucket_stay_free_for_others(
    bucket: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    bucket.publish("main.t", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    bucket.attach(con, "main.t")

    assert con.list_filesystems() == ["warehouse"]
    assert con.cursor().sql("SELECT a FROM main.t").fetchall() == [(1,)]


def test_many_threads_read_one_file_of_a_bucket(
    store: ObjectStore, bucket: Warehouse, tmp_path: Path, con: duckdb.DuckDBPyConnection
) -> None:
    rows = con.sql("SELECT i, i % 7 AS h FROM range(1_500_000) AS _(i)")
    sums = "SELECT count(*), sum(i), sum(hash(i, h)) FROM main.t"
    seen = []
    for warehouse in (Warehouse(tmp_path), bucket):
        warehouse.publish("main.t", rows, partition="p", run_number=1)
        with duckdb.connect(config={"threads": 8}) as other:
            warehouse.attach(other, "main.t")
            seen.append(other.sql(sums).fetchall())

    assert seen[0] == seen[1]
    reads = [(method, key) for method, key in store.requests() if key.endswith(".parquet")]
    # How long a file is stands in the table's log, so the store is not asked for it.
    assert {method for method, _ in reads} == {"GET", "PUT"}


def test_an_older_version_of_a_bucket_is_read(
    bucket: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    for number in (1, 2):
        rows = con.sql(f"SELECT {number} AS a")
        bucket.publish("main.t", rows, partition="p", run_number=number)

    before = bucket.select(con, "main.t", partition="p", version=0)
    bucket.attach(con, "main.t")

    assert con.sql(before).fetchall() == [(1, "p")]
    assert con.sql("FROM main.t").fetchall() == [(2, "p")]


def test_what_is_new_in_a_bucket_is_read(bucket: Warehouse, con: duckdb.DuckDBPyConnection) -> None:
    def take() -> list[tuple[object, ...]]:
        advance = bucket.attach_new(con, "main.source", target="main.target")
        new = con.sql("SELECT a FROM main.source ORDER BY a")
        found = new.fetchall()
        bucket.publish(
            "main.target", new, partition="p", run_number=advance.after + 1, advance=advance
        )
        return found

    bucket.publish("main.source", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    assert take() == [(1,)]
    rows = con.sql("SELECT i::INTEGER AS a FROM range(1, 3) AS _(i)")
    bucket.publish("main.source", rows, partition="p", run_number=2)
    assert take() == [(2,)]


def test_a_store_that_refuses_is_told_of_without_a_secret(
    store: ObjectStore, con: duckdb.DuckDBPyConnection
) -> None:
    options = {**store.options, "AWS_SECRET_ACCESS_KEY": "very-secret", "max_retries": "0"}
    bucket = Warehouse("s3://bucket/tables", storage_options=options)
    bucket.publish("main.t", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    bucket.attach(con, "main.t")
    store.deny("GET")

    said = []
    with pytest.raises(duckdb.Error, match=r"part-.*\.parquet") as reading:
        con.sql("SELECT a FROM main.t").fetchall()
    said.append(str(reading.value))
    for use in (bucket.tables, lambda: bucket.attach(con, "main.t")):
        with pytest.raises(WarehouseError, match="403 Forbidden") as refused:
            use()
        said.append(str(refused.value))

    assert "very-secret" not in " ".join(said)


def test_a_file_that_is_gone_from_a_bucket_is_named(
    store: ObjectStore, bucket: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    bucket.publish("main.t", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    [file] = bucket.partition_files("main.t", "p")
    store.remove(file)

    with pytest.raises(WarehouseError, match=r"main\.t cannot be attached\..*part-.*not found"):
        bucket.attach(con, "main.t")


def test_a_bucket_without_the_table_says_which_there_are(
    bucket: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    bucket.publish("main.there", con.sql("SELECT 1 AS a"), partition="p", run_number=1)

    with pytest.raises(WarehouseError, match=r"no table main\.ther under s3://.*main\.there"):
        bucket.attach(con, "main.ther")
