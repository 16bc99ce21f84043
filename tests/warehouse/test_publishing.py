from __future__ import annotations

import json
from functools import partial
from threading import Thread
from typing import TYPE_CHECKING

import duckdb
import pytest
from deltalake import DeltaTable

from airquery.errors import WarehouseError
from airquery.warehouse import Publication, Warehouse


if TYPE_CHECKING:
    import subprocess
    from collections.abc import Callable, Iterable
    from pathlib import Path

    Writer = subprocess.Popen[str]
    Rows = list[tuple[object, ...]]
    Interrupt = Callable[[Callable[[], object]], None]


def publish(
    warehouse: Warehouse, sql: str, *, partition: str = "p", run_number: int = 1
) -> Publication:
    """Publish through a connection of its own."""
    with duckdb.connect() as con:
        return warehouse.publish("main.t", con.sql(sql), partition=partition, run_number=run_number)


def test_the_first_publication_creates_the_table_in_one_commit(
    warehouse: Warehouse, rows_of: Callable[[str], Rows]
) -> None:
    done = publish(warehouse, "SELECT 1 AS a", run_number=7)
    assert done == Publication(table="main.t", partition="p", version=0, rows=1, written=True)
    assert rows_of("main.t") == [(1, "p")]
    assert warehouse.version("main.t") == 0


def test_a_partition_is_replaced_and_the_others_stay(
    warehouse: Warehouse, rows_of: Callable[[str], Rows]
) -> None:
    publish(warehouse, "SELECT 1 AS a", partition="p")
    publish(warehouse, "SELECT 2 AS a FROM range(3)", partition="q")
    done = publish(warehouse, "SELECT 3 AS a FROM range(2)", partition="q", run_number=2)
    assert (done.rows, done.version) == (2, 2)
    assert rows_of("main.t") == [(1, "p"), (3, "q"), (3, "q")]


def test_the_given_partition_replaces_a_column_of_that_name(
    warehouse: Warehouse, rows_of: Callable[[str], Rows]
) -> None:
    publish(warehouse, "SELECT 5 AS Partition_Key, 1 AS a", partition="p")
    assert rows_of("main.t") == [(1, "p")]


def test_the_same_run_publishes_once(warehouse: Warehouse, rows_of: Callable[[str], Rows]) -> None:
    publish(warehouse, "SELECT 1 AS a", run_number=5)
    again = publish(warehouse, "SELECT 1 AS a", run_number=5)
    assert again == Publication(table="main.t", partition="p", version=0, rows=0, written=False)
    assert rows_of("main.t") == [(1, "p")]


def test_an_older_run_is_told_it_is_stale(
    warehouse: Warehouse, rows_of: Callable[[str], Rows]
) -> None:
    publish(warehouse, "SELECT 1 AS a", run_number=5)
    publish(warehouse, "SELECT 2 AS a", run_number=6)
    assert not publish(warehouse, "SELECT 3 AS a", run_number=5).written
    assert rows_of("main.t") == [(2, "p")]
    assert warehouse.version("main.t") == 1


def test_run_numbers_of_one_partition_do_not_bind_another(warehouse: Warehouse) -> None:
    publish(warehouse, "SELECT 1 AS a", partition="p", run_number=9)
    assert publish(warehouse, "SELECT 1 AS a", partition="q", run_number=3).written


def test_an_identical_later_run_replaces_the_rows_by_equal_ones(
    warehouse: Warehouse, rows_of: Callable[[str], Rows]
) -> None:
    publish(warehouse, "SELECT i AS a FROM range(3) t(i)", run_number=1)
    before = rows_of("main.t")
    assert publish(warehouse, "SELECT i AS a FROM range(3) t(i)", run_number=2).rows == 3
    assert rows_of("main.t") == before


@pytest.mark.parametrize("run_number", [2, 1], ids=["newer run", "same run"])
def test_no_rows_empty_the_partition_and_record_the_run(
    warehouse: Warehouse, rows_of: Callable[[str], Rows], run_number: int
) -> None:
    publish(warehouse, "SELECT 1 AS a", partition="q")
    publish(warehouse, "SELECT 1 AS a WHERE false", run_number=run_number)
    assert not publish(warehouse, "SELECT 1 AS a", run_number=run_number).written
    assert rows_of("main.t") == [(1, "q")]


def test_an_emptied_partition_has_no_files(warehouse: Warehouse) -> None:
    publish(warehouse, "SELECT 1 AS a", run_number=1)
    assert len(warehouse.partition_files("main.t", "p")) == 1
    done = publish(warehouse, "SELECT 1 AS a WHERE false", run_number=2)
    assert (done.rows, done.written) == (0, True)
    assert warehouse.partition_files("main.t", "p") == []


def test_a_table_may_begin_without_rows(
    warehouse: Warehouse, rows_of: Callable[[str], Rows]
) -> None:
    done = publish(warehouse, "SELECT 1 AS a, 'x' AS b WHERE false")
    assert (done.rows, done.written) == (0, True)
    assert rows_of("main.t") == []
    publish(warehouse, "SELECT 2 AS a, 'y' AS b", partition="q")
    assert rows_of("main.t") == [(2, "y", "q")]


def test_every_row_of_several_batches_is_counted_and_kept_in_small_row_groups(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    done = publish(warehouse, "SELECT i AS a FROM range(300_001) t(i)")
    assert done.rows == 300_001
    [file] = warehouse.partition_files("main.t", "p")
    groups = con.execute(
        "SELECT DISTINCT row_group_num_rows FROM parquet_metadata(?) ORDER BY ALL", [file]
    ).fetchall()
    assert groups == [(1,), (100_000,)]


def test_a_table_can_be_published_from_a_view_on_itself(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, rows_of: Callable[[str], Rows]
) -> None:
    publish(warehouse, "SELECT i AS a FROM range(3) t(i)")
    warehouse.attach(con)
    rows = con.sql("SELECT a + 10 AS a FROM main.t")
    warehouse.publish("main.t", rows, partition="p", run_number=2)
    assert rows_of("main.t") == [(10, "p"), (11, "p"), (12, "p")]


def test_rows_that_fail_midway_commit_nothing_and_keep_the_connection(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, rows_of: Callable[[str], Rows]
) -> None:
    publish(warehouse, "SELECT 1::BIGINT AS a")
    failing = "CASE WHEN i = 250_000 THEN error('row 250000 is broken') ELSE i END"
    rows = con.sql(f"SELECT {failing} AS a FROM range(300_000) t(i)")
    with pytest.raises(WarehouseError, match=r"main\.t.*'p' was not published.*row 250000"):
        warehouse.publish("main.t", rows, partition="p", run_number=2)
    assert rows_of("main.t") == [(1, "p")]
    assert con.sql("SELECT 1").fetchall() == [(1,)]
    assert publish(warehouse, "SELECT 2::BIGINT AS a", run_number=2).written


def test_rows_that_fail_in_the_first_publication_leave_no_table(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection
) -> None:
    rows = con.sql("SELECT error('broken') AS a FROM range(3)")
    with pytest.raises(WarehouseError, match="was not published"):
        warehouse.publish("main.t", rows, partition="p", run_number=1)
    assert warehouse.tables() == []


def test_an_orphan_that_began_before_the_newer_run_adds_nothing(
    warehouse: Warehouse,
    con: duckdb.DuckDBPyConnection,
    interrupted_by: Interrupt,
    rows_of: Callable[[str], Rows],
) -> None:
    publish(warehouse, "SELECT 1 AS a", run_number=1)
    interrupted_by(lambda: publish(warehouse, "SELECT 3 AS a", run_number=3))
    orphan = warehouse.publish(
        "main.t", con.sql("SELECT meanwhile(2) AS a"), partition="p", run_number=2
    )
    assert orphan == Publication(table="main.t", partition="p", version=1, rows=0, written=False)
    assert rows_of("main.t") == [(3, "p")]


@pytest.mark.parametrize("partition", ["new", "p"])
def test_a_second_writer_of_the_same_run_adds_nothing(
    warehouse: Warehouse,
    con: duckdb.DuckDBPyConnection,
    interrupted_by: Interrupt,
    rows_of: Callable[[str], Rows],
    partition: str,
) -> None:
    publish(warehouse, "SELECT 1 AS a", partition="p", run_number=1)
    sql = "SELECT 2 AS a FROM range(4)"
    interrupted_by(lambda: publish(warehouse, sql, partition=partition, run_number=2))
    slow = con.sql("SELECT meanwhile(2) AS a FROM range(4)")
    second = warehouse.publish("main.t", slow, partition=partition, run_number=2)
    assert not second.written
    assert rows_of("main.t").count((2, partition)) == 4


def test_a_newer_run_that_met_an_older_one_replaces_its_rows(
    warehouse: Warehouse,
    con: duckdb.DuckDBPyConnection,
    interrupted_by: Interrupt,
    rows_of: Callable[[str], Rows],
) -> None:
    publish(warehouse, "SELECT 1 AS a", run_number=1)
    interrupted_by(lambda: publish(warehouse, "SELECT 2 AS a", run_number=2))
    done = warehouse.publish(
        "main.t", con.sql("SELECT meanwhile(3) AS a"), partition="p", run_number=3
    )
    assert done == Publication(table="main.t", partition="p", version=2, rows=1, written=True)
    assert rows_of("main.t") == [(3, "p")]


def test_a_table_that_appears_while_it_is_created_keeps_both_partitions_and_all_columns(
    warehouse: Warehouse,
    con: duckdb.DuckDBPyConnection,
    interrupted_by: Interrupt,
    rows_of: Callable[[str], Rows],
) -> None:
    interrupted_by(lambda: publish(warehouse, "SELECT 1 AS a, 2 AS b", partition="q"))
    done = warehouse.publish(
        "main.t", con.sql("SELECT meanwhile(1) AS a, 3 AS c"), partition="p", run_number=1
    )
    assert (done.rows, done.version, done.written) == (1, 1, True)
    assert rows_of("main.t") == [(1, 2, None, "q"), (1, None, 3, "p")]


def test_columns_that_two_writers_add_at_once_are_both_kept(
    warehouse: Warehouse,
    con: duckdb.DuckDBPyConnection,
    interrupted_by: Interrupt,
    rows_of: Callable[[str], Rows],
) -> None:
    publish(warehouse, "SELECT 1 AS a", partition="p")
    interrupted_by(lambda: publish(warehouse, "SELECT 1 AS a, 2 AS b", partition="q"))
    warehouse.publish(
        "main.t", con.sql("SELECT meanwhile(1) AS a, 3 AS c"), partition="r", run_number=1
    )
    assert rows_of("main.t") == [
        (1, 2, None, "q"),
        (1, None, 3, "r"),
        (1, None, None, "p"),
    ]


def test_a_stream_is_not_taken_for_an_empty_table_when_the_commit_is_repeated(
    warehouse: Warehouse,
    con: duckdb.DuckDBPyConnection,
    interrupted_by: Interrupt,
    rows_of: Callable[[str], Rows],
) -> None:
    publish(warehouse, "SELECT 1 AS a", run_number=1)
    interrupted_by(lambda: publish(warehouse, "SELECT 2 AS a", run_number=2))
    con.execute("CREATE TABLE source AS SELECT 3 AS a")
    with con.cursor() as other:
        stream = con.from_arrow(other.sql("FROM source").to_arrow_reader())
        rows = stream.project("meanwhile(a) AS a")
        with pytest.raises(WarehouseError, match="a stream and cannot be read again"):
            warehouse.publish("main.t", rows, partition="p", run_number=3)
    assert rows_of("main.t") == [(2, "p")]


def test_an_arrow_table_is_read_again_when_the_commit_is_repeated(
    warehouse: Warehouse,
    con: duckdb.DuckDBPyConnection,
    interrupted_by: Interrupt,
    rows_of: Callable[[str], Rows],
) -> None:
    publish(warehouse, "SELECT 1 AS a", run_number=1)
    interrupted_by(lambda: publish(warehouse, "SELECT 2 AS a", run_number=2))
    table = con.from_arrow(con.sql("SELECT 3 AS a").to_arrow_table())
    done = warehouse.publish(
        "main.t", table.project("meanwhile(a) AS a"), partition="p", run_number=3
    )
    assert (done.rows, done.written) == (1, True)
    assert rows_of("main.t") == [(3, "p")]


def test_a_writer_that_always_meets_another_commit_gives_up_with_the_reason(
    warehouse: Warehouse, con: duckdb.DuckDBPyConnection, rows_of: Callable[[str], Rows]
) -> None:
    publish(warehouse, "SELECT 0 AS a", run_number=0)
    run_numbers = iter(range(1, 1000))

    def overtaken(value: int) -> int:
        sql = f"SELECT {value} AS a"
        run = partial(publish, warehouse, sql, run_number=next(run_numbers))
        thread = Thread(target=run)
        thread.start()
        thread.join()
        return value

    con.create_function("overtaken", overtaken, ["INTEGER"], "INTEGER", side_effects=True)
    rows = con.sql("SELECT overtaken(7) AS a")
    with pytest.raises(WarehouseError, match="attempts to publish the partition 'p'"):
        warehouse.publish("main.t", rows, partition="p", run_number=1000)
    assert rows_of("main.t") == [(7, "p")]


def go(writers: Iterable[Writer]) -> list[list[dict[str, object]]]:
    """Let waiting writers begin at once; return what each one published."""
    waiting = list(writers)
    for writer in waiting:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in waiting:
        assert writer.stdin is not None
        writer.stdin.write("go\n")
        writer.stdin.flush()
    outputs = [writer.communicate(timeout=120)[0] for writer in waiting]
    assert [writer.returncode for writer in waiting] == [0] * len(waiting)
    return [[json.loads(line) for line in output.splitlines()] for output in outputs]


def test_four_processes_create_one_table_and_publish_their_partitions_at_once(
    start_writer: Callable[..., Writer], rows_of: Callable[[str], Rows]
) -> None:
    runs = [1, 2, 3, 4, 5]
    done = go(
        start_writer(
            f"SELECT {i} AS a, 'x' AS own_{i} FROM range({i + 1})",
            table="main.t",
            partition=f"p{i}",
            run_numbers=runs,
        )
        for i in range(4)
    )
    assert [[(d["rows"], d["written"]) for d in each] for each in done] == [
        [(i + 1, True)] * len(runs) for i in range(4)
    ]
    assert {d["version"] for each in done for d in each} == set(range(20))
    rows = rows_of("main.t")
    assert sorted((row[0], row.count("x")) for row in rows) == [
        (i, 1) for i in range(4) for _ in range(i + 1)
    ]


def test_two_processes_of_one_run_publish_its_rows_once(
    start_writer: Callable[..., Writer], rows_of: Callable[[str], Rows]
) -> None:
    order = {"table": "main.t", "partition": "p", "run_numbers": [1, 2, 3]}
    done = go(start_writer("SELECT 1 AS a FROM range(1000)", **order) for _ in range(2))
    written = [(d["version"], d["rows"]) for each in done for d in each if d["written"]]
    assert 1 <= len(written) <= 3
    assert len({version for version, _ in written}) == len(written)
    assert rows_of("main.t") == [(1, "p")] * 1000


@pytest.mark.parametrize("existing", [True, False], ids=["existing table", "new table"])
def test_a_killed_publication_leaves_what_was_there_and_a_new_try_mends_it(
    warehouse: Warehouse,
    start_writer: Callable[..., Writer],
    rows_of: Callable[[str], Rows],
    *,
    existing: bool,
) -> None:
    if existing:
        publish(warehouse, "SELECT 1::BIGINT AS a", run_number=1)
    sql = "SELECT CASE WHEN i = 250_000 THEN pause(i) ELSE i END AS a FROM range(300_000) t(i)"
    writer = start_writer(sql, table="main.t", partition="p", run_numbers=[2])
    assert writer.stdin is not None
    assert writer.stdout is not None
    writer.stdin.write("go\n")
    writer.stdin.flush()
    assert [writer.stdout.readline() for _ in range(2)] == ["ready\n", "paused\n"]
    writer.kill()
    writer.wait()
    assert warehouse.tables() == (["main.t"] if existing else [])
    if existing:
        assert rows_of("main.t") == [(1, "p")]
    done = publish(warehouse, "SELECT i AS a FROM range(3) t(i)", run_number=2)
    assert done.written
    assert rows_of("main.t") == [(0, "p"), (1, "p"), (2, "p")]


def test_a_table_that_runs_do_not_own_is_not_written(
    warehouse: Warehouse, tmp_path: Path, con: duckdb.DuckDBPyConnection
) -> None:
    from deltalake import write_deltalake  # noqa: PLC0415 - here only, to play another tool

    uri = tmp_path / "main" / "t"
    write_deltalake(uri, con.sql("SELECT 1 AS a, 'x' AS region"), partition_by="region")
    with pytest.raises(WarehouseError, match="not partitioned by partition_key alone"):
        publish(warehouse, "SELECT 1 AS a")
    assert DeltaTable(uri).version() == 0
