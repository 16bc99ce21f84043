"""Values stand in SQL as they are."""

from __future__ import annotations

from datetime import date

import duckdb
import pytest

from airquery.quoting import NotWritable, written


@pytest.mark.parametrize(
    "value",
    [
        None,
        True,
        7,
        -1.5,
        "it's",
        "'; DROP TABLE kept; --",
        [1, 2],
        {"a 'key'": {"deep": ["x", "it's", None]}, "flag": False},
    ],
)
def test_a_value_of_json_comes_back_as_it_is(value: object) -> None:
    with duckdb.connect() as connection:
        ((found,),) = connection.execute(f"SELECT {written(value)}").fetchall()

    assert found == value or float(found) == value


def test_what_is_no_value_of_json_is_named() -> None:
    day = date(2026, 10, 3)

    with pytest.raises(NotWritable, match=r"^A date cannot be written as SQL\.$") as refused:
        written({"days": [day]})

    assert refused.value.value is day
