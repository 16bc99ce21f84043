"""How a partition is cut: the same way by everyone, every row into exactly one part."""

from __future__ import annotations

from itertools import chain
from typing import TYPE_CHECKING

import pytest

from airquery.warehouse.parts import Part, count_parts, parts_among, staging_of


if TYPE_CHECKING:
    import duckdb

ROWS = (
    "SELECT i AS id, CASE WHEN i % 3 THEN 'text ' || i % 10 END AS text, "
    "DATE '2026-10-01' + i::INTEGER AS day, i / 7 AS share FROM range(100) AS r(i)"
)


def part(number: int, *, key: tuple[str, ...] = (), rows: int = 0) -> Part:
    return Part(
        source="s.docs",
        version=3,
        partition="2026-10-03",
        split=17,
        number=number,
        of=4,
        rows=rows,
        key=key,
    )


@pytest.mark.parametrize("key", [(), ("id",), ("text", "day")])
def test_every_row_is_in_exactly_one_part(
    connection: duckdb.DuckDBPyConnection, key: tuple[str, ...]
) -> None:
    selects = [part(number, key=key).select(connection, ROWS) for number in range(1, 5)]

    cut = [connection.sql(select).fetchall() for select in selects]

    assert sorted(chain.from_iterable(cut)) == connection.sql(f"{ROWS} ORDER BY ALL").fetchall()
    assert count_parts(connection, ROWS, key=key, parts=4) == {
        number: len(rows) for number, rows in enumerate(cut, start=1)
    }


def test_equal_keys_share_a_part(connection: duckdb.DuckDBPyConnection) -> None:
    selects = [part(number, key=("text",)).select(connection, ROWS) for number in range(1, 5)]

    texts = [{row[1] for row in connection.sql(select).fetchall()} for select in selects]

    assert sum(map(len, texts)) == len(set().union(*texts)) == 11


def test_the_parts_are_the_same_in_every_version_of_duckdb(
    connection: duckdb.DuckDBPyConnection,
) -> None:
    assert count_parts(connection, ROWS, key=(), parts=4) == {1: 30, 2: 25, 3: 21, 4: 24}


def test_a_part_survives_being_json() -> None:
    cut = part(3, key=("id",), rows=25)

    values = cut.to_json()

    assert Part.read(values) == cut
    assert values["name"] == "03 of 04"
    assert cut.staged == "2026-10-03/17/03-of-04"


def test_what_is_removed_are_the_parts_of_this_partition_up_to_a_split() -> None:
    held = [
        "2026-10-03/16/01-of-04",
        "2026-10-03/17/02-of-04",
        "2026-10-03/18/01-of-04",
        "2026-10-03/hour/16/01-of-04",
        "2026-10-04/16/01-of-04",
        "2026-10-03",
    ]

    assert parts_among(held, partition="2026-10-03", until=17) == held[:2]
    assert staging_of("S.Answers") == "s.answers__parts"
