from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airquery.errors import WarehouseError


if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from airquery.warehouse import Warehouse

Rows = list[tuple[Any, ...]]
TAKER = Path(__file__).with_name("taker.py")


@pytest.fixture
def write(warehouse: Warehouse, con: duckdb.DuckDBPyConnection) -> Callable[..., None]:
    """Write one partition of `s.days`, another run each time."""
    runs = iter(range(1, 100))

    def write(partition: str, *values: int, columns: str = "column0 AS n") -> None:
        listed = f"VALUES {', '.join(f'({value})' for value in values)}" if values else "SELECT 1"
        rows = con.sql(f"SELECT {columns} FROM ({listed}) AS t(column0) LIMIT {len(values)}")
        warehouse.publish("s.days", rows, partition=partition, run_number=next(runs))

    return write


@pytest.fixture
def take(warehouse: Warehouse, con: duckdb.DuckDBPyConnection) -> Callable[..., Rows]:
    """Take what is new into `s.batches`, and return it."""

    def take(batch: str, *, most_commits: int | None = None) -> Rows:
        advance = warehouse.attach_new(con, "s.days", target="s.batches", most_commits=most_commits)
        found = con.sql("SELECT n FROM s.days ORDER BY ALL").fetchall()
        warehouse.publish(
            "s.batches", con.sql("FROM s.days"), partition=batch, run_number=1, advance=advance
        )
        return found

    return take


def test_every_batch_has_the_rows_that_came_since_the_one_before(
    write: Callable[..., None], take: Callable[..., Rows]
) -> None:
    write("1", 10, 11)
    assert take("a") == [(10,), (11,)]
    assert take("b") == []
    write("2", 20)
    write("3", 30)
    assert take("c") == [(20,), (30,)]


def test_of_a_partition_that_is_written_again_only_other_rows_are_new(
    write: Callable[..., None], take: Callable[..., Rows]
) -> None:
    write("1", 10, 11, 11)
    write("2", 20)
    take("a")
    write("1", 11, 10, 11)
    assert take("b") == []
    write("1", 10, 11, 11, 11, 12)
    write("2")
    assert take("c") == [(11,), (12,)]
    write("2", 20)
    assert take("d") == [(20,)]


def test_lists_and_missing_values_that_are_written_again_are_not_new(
    write: Callable[..., None], take: Callable[..., Rows]
) -> None:
    columns = "column0 AS n, [column0, NULL] AS list, {'a': NULL, 'b': 'nan'::DOUBLE} AS pair"
    write("1", 10, 11, columns=columns)
    take("a")
    write("1", 12, 11, 10, columns=columns)

    assert take("b") == [(12,)]


def test_a_batch_may_be_bounded_by_commits_and_the_next_takes_the_rest(
    write: Callable[..., None], take: Callable[..., Rows]
) -> None:
    for number in range(1, 6):
        write(str(number), number)

    batches = [take(name, most_commits=2) for name in "abcd"]

    assert batches == [[(1,), (2,)], [(3,), (4,)], [(5,)], []]


def test_a_column_that_the_source_got_is_in_the_batches_after(
    write: Callable[..., None], take: Callable[..., Rows], rows_of: Callable[[str], Rows]
) -> None:
    write("1", 10)
    take("a")
    write("2", 20, columns="column0 AS n, 'x' AS note")

    assert take("b") == [(20,)]
    assert rows_of("s.batches") == [(10, None, "a"), (20, "x", "b")]


def test_a_source_that_was_made_anew_is_read_from_its_beginning(
    write: Callable[..., None], take: Callable[..., Rows], tmp_path: Path
) -> None:
    write("1", 10)
    take("a")
    shutil.rmtree(tmp_path / "s" / "days")
    write("1", 10)

    assert take("b") == [(10,)]


def test_of_two_runs_at_once_one_takes_the_rows_and_the_other_is_told(
    warehouse: Warehouse,
    con: duckdb.DuckDBPyConnection,
    write: Callable[..., None],
    take: Callable[..., Rows],
    interrupted_by: Callable[[Callable[[], object]], None],
) -> None:
    write("1", 10)
    take("a")
    write("2", 20)
    advance = warehouse.attach_new(con, "s.days", target="s.batches")
    other = con.cursor()

    def take_first() -> None:
        found = warehouse.attach_new(other, "s.days", target="s.batches")
        rows = other.sql("SELECT 20 AS n")
        warehouse.publish("s.batches", rows, partition="b", run_number=1, advance=found)

    interrupted_by(take_first)
    rows = con.sql("SELECT meanwhile(CAST(n AS INTEGER)) AS n FROM s.days")
    with pytest.raises(WarehouseError) as caught:
        warehouse.publish("s.batches", rows, partition="c", run_number=1, advance=advance)

    assert str(caught.value) == (
        "Table s.batches: another run has taken rows of s.days meanwhile, up to version 1. "
        "Nothing was written; a new attempt takes what is left."
    )
    assert warehouse.published("s.batches", "c") is None
    assert take("c") == []


def test_what_was_published_of_a_partition_is_told_also_if_it_is_empty(
    warehouse: Warehouse, write: Callable[..., None]
) -> None:
    assert warehouse.published("s.days", "1") is None
    write("1", 10, 11)
    write("2")

    one, none = warehouse.published("s.days", "1"), warehouse.published("s.days", "2")

    assert one is not None
    assert (one.rows, one.version, one.written) == (2, 1, False)
    assert none is not None
    assert none.rows == 0
    assert warehouse.published("s.days", "3") is None


def test_old_versions_that_are_gone_are_an_error_and_no_loss(
    write: Callable[..., None], take: Callable[..., Rows], tmp_path: Path
) -> None:
    write("1", 10)
    take("a")
    for file in (tmp_path / "s" / "days").rglob("*.parquet"):
        file.unlink()
    write("1", 10, 11)

    with pytest.raises(WarehouseError, match=r"What is new in table s\.days since version 0"):
        take("b")


def test_every_row_is_in_one_batch_however_often_the_taker_is_killed(
    tmp_path: Path, rows_of: Callable[[str], Rows]
) -> None:
    day = 1
    for lines in (1, 4, 3):
        with subprocess.Popen(
            [sys.executable, str(TAKER), str(tmp_path), str(day)],
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        ) as taker:
            assert taker.stdout is not None
            said = [taker.stdout.readline().split() for _ in range(lines)]
            taker.kill()
        # The day that was under way is begun again, as a retry would.
        day = int(said[-1][1])

    taken = rows_of("s.batches")
    written = rows_of("s.days")
    counted = {row[:2] for row in taken}
    assert len(counted) == len(taken)
    # The last day may have been written and not taken when its taker was killed.
    assert counted >= {row[:2] for row in written if row[0] < day}
    assert counted <= {row[:2] for row in written}
    assert day == 3
