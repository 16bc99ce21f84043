from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from airquery.errors import QualityError
from airquery.quality import Comparison, FieldScore


if TYPE_CHECKING:
    from collections.abc import Iterator

TRUTH = """
CREATE TABLE s.truth AS
SELECT *, '2026-10-03' AS partition_key
FROM (VALUES
  (1, 'Halden Paper', DATE '2026-10-01', 12.5),
  (2, 'Lumen', NULL, 99.0),
  (3, 'Kessler', DATE '2026-10-02', NULL)
) AS truth (id, vendor, issued_on, total)
"""
FOUND = """
CREATE TABLE s.found AS
SELECT *, '2026-10-03' AS partition_key
FROM (VALUES
  (1, ' halden  PAPER ', '2026-10-01', '12.50'),
  (2, ' ', 'in autumn', '98'),
  (4, 'Nobody', NULL, NULL)
) AS found (id, vendor, issued_on, total)
"""


@pytest.fixture
def con() -> Iterator[duckdb.DuckDBPyConnection]:
    with duckdb.connect() as con:
        con.execute("CREATE SCHEMA s")
        con.execute(TRUTH)
        con.execute(FOUND)
        yield con


def comparison(*fields: str, key: tuple[str, ...] = ("id",)) -> Comparison:
    return Comparison(found="s.found", truth="s.truth", key=key, fields=fields)


def test_every_value_of_both_sides_counts(con: duckdb.DuckDBPyConnection) -> None:
    scores = comparison("vendor", "issued_on", "total").scores(con, partition="2026-10-03")

    assert scores == (
        # One is right in other words, one blank, one of a row that is missing, one is of none.
        FieldScore(field="vendor", expected=3, predicted=2, correct=1),
        # What is no date is a wrong one, though there is none.
        FieldScore(field="issued_on", expected=2, predicted=2, correct=1),
        FieldScore(field="total", expected=2, predicted=2, correct=1),
    )


def test_a_row_of_another_partition_does_not_count(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("INSERT INTO s.found VALUES (3, 'Kessler', NULL, NULL, '2026-10-04')")

    assert comparison("vendor").scores(con, partition="2026-10-04") == (
        FieldScore(field="vendor", expected=0, predicted=1, correct=0),
    )
    assert comparison("vendor").scores(con, partition="2026-10-05") == (
        FieldScore(field="vendor", expected=0, predicted=0, correct=0),
    )


def test_a_row_is_found_by_all_columns_of_its_key(con: duckdb.DuckDBPyConnection) -> None:
    con.execute("UPDATE s.found SET issued_on = '2026-10-02'")

    assert comparison("vendor", key=("id", "partition_key")).scores(
        con, partition="2026-10-03"
    ) == (FieldScore(field="vendor", expected=3, predicted=2, correct=1),)


def test_rows_that_their_key_does_not_tell_apart_are_refused(
    con: duckdb.DuckDBPyConnection,
) -> None:
    con.execute("INSERT INTO s.found VALUES (2, 'Lumen', NULL, NULL, '2026-10-03')")

    with pytest.raises(QualityError) as caught:
        comparison("vendor").scores(con, partition="2026-10-03")

    assert str(caught.value) == (
        "Partition '2026-10-03' of table s.found has several rows with the key id = 2. "
        "Name columns that tell its rows apart."
    )


def test_a_column_that_a_table_has_not_is_named(con: duckdb.DuckDBPyConnection) -> None:
    with pytest.raises(QualityError, match=r"Table s\.found has no column 'sum'\. It has: id, "):
        comparison("sum").scores(con, partition="2026-10-03")


@pytest.mark.parametrize(("key", "fields"), [((), ("vendor",)), (("id",), ())])
def test_a_comparison_of_nothing_is_refused(
    con: duckdb.DuckDBPyConnection, key: tuple[str, ...], fields: tuple[str, ...]
) -> None:
    with pytest.raises(QualityError, match="needs a key and fields"):
        comparison(*fields, key=key).scores(con, partition="2026-10-03")
