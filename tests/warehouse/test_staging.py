"""Parts are written, counted and removed while others are written."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import duckdb
import pytest

import airquery
from airquery.errors import WarehouseError
from airquery.warehouse.parts import Part, staging_of
from tests.object_store import running_object_store


if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

DAYS = ("2026-10-03", "2026-10-04")


@pytest.fixture
def warehouse(tmp_path: Path) -> airquery.Warehouse:
    return airquery.Warehouse(tmp_path)


@pytest.fixture(params=["folder", "bucket"])
def anywhere(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[airquery.Warehouse]:
    if request.param == "folder":
        yield airquery.Warehouse(tmp_path)
        return
    with running_object_store() as store:
        yield airquery.Warehouse("s3://bucket/tables", storage_options=store.options)


def parts(partition: str, *, rows: int = 5) -> list[Part]:
    return [
        Part(
            source="s.docs",
            version=0,
            partition=partition,
            split=17,
            number=number,
            of=3,
            rows=rows,
        )
        for number in (1, 2, 3)
    ]


def stage(warehouse: airquery.Warehouse, part: Part) -> None:
    """Write five rows as a part."""
    with duckdb.connect() as connection:
        rows = connection.sql(f"SELECT {part.number} AS number, i AS id FROM range(5) AS r(i)")
        warehouse.publish(
            staging_of("s.answers"), rows, partition=part.staged, run_number=part.number
        )


def test_parts_are_removed_while_those_of_another_partition_are_written(
    anywhere: airquery.Warehouse,
) -> None:
    gone, kept = parts(DAYS[0]), parts(DAYS[1])
    for part in gone:
        stage(anywhere, part)
    old, new = (anywhere.staging("s.answers", day) for day in DAYS)

    with ThreadPoolExecutor() as pool:
        writing = [pool.submit(stage, anywhere, part) for part in kept]
        old.remove(until=17)
        for written in writing:
            written.result()
    old.remove(until=17)

    assert old.missing(gone) == gone
    assert new.missing(kept) == []
    with duckdb.connect() as connection:
        found = connection.sql(new.select(connection, kept[:2])).order("ALL").fetchall()
    assert found == [(n, i, kept[n - 1].staged) for n in (1, 2) for i in range(5)]


def test_a_part_that_was_not_written_or_has_other_rows_is_missing(
    warehouse: airquery.Warehouse,
) -> None:
    first, second, third = parts(DAYS[0])
    staging = warehouse.staging("s.answers", DAYS[0])

    assert staging.missing([first, second]) == [first, second]
    stage(warehouse, first)
    (other, *_) = parts(DAYS[0], rows=6)

    assert staging.missing([first, second, third]) == [second, third]
    assert staging.missing([other]) == [other]


def test_a_version_that_is_not_there_is_told(warehouse: airquery.Warehouse) -> None:
    with duckdb.connect() as connection:
        warehouse.publish("s.docs", connection.sql("SELECT 1 AS a"), partition="p", run_number=1)

        with pytest.raises(WarehouseError, match=r"Table s\.docs cannot be read at version 9"):
            warehouse.select(connection, "s.docs", partition="p", version=9)
