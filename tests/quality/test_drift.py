"""How far labels have moved, as numbers and through a suite."""

from __future__ import annotations

from typing import TYPE_CHECKING

import duckdb
import pytest

from airquery.errors import QualityError
from airquery.quality import Suite, check
from airquery.quality.drift import drift


if TYPE_CHECKING:
    from collections.abc import Callable

    from airquery.warehouse import Warehouse

KIND = "expect_label_distribution_to_be_within_bounds_of_earlier_partitions"


def test_each_earlier_partition_weighs_the_same_however_many_rows_it_has() -> None:
    found = drift({"a": 5, "b": 5}, [{"a": 1}, {"a": 500, "b": 500}])

    assert [(move.label, move.before, move.now) for move in found.moves] == [
        ("a", 0.75, 0.5),
        ("b", 0.25, 0.5),
    ]
    # (0.5 - 0.75) ln(0.5 / 0.75) + (0.5 - 0.25) ln(0.5 / 0.25)
    assert found.psi == pytest.approx(0.2746530722)
    assert found.within(max_share_change=0.25, max_psi=0.28)
    assert not found.within(max_share_change=0.24, max_psi=None)
    assert not found.within(max_share_change=None, max_psi=0.27)
    assert found.within(max_share_change=None, max_psi=None)


def test_labels_that_came_and_went_are_named() -> None:
    found = drift({"a": 1, "new": 1}, [{"a": 1, "old": 1}])

    assert str(found) == (
        "largest change 'new' 0.0% -> 50.0%; PSI 8.515 against 1 earlier partitions; "
        "new: 'new'; vanished: 'old'"
    )


def test_labels_that_have_not_moved_have_no_drift() -> None:
    found = drift({"a": 2, "b": 2}, [{"a": 1, "b": 1}])

    assert (found.psi, found.moves[0].change) == (0.0, 0.0)


def test_a_suite_compares_a_partition_with_the_last_ones_before_it_and_no_others(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    with duckdb.connect() as con:
        for day, labels in (
            ("01", "'x'"),
            ("02", "'a', 'b'"),
            ("03", "'b', NULL, 'a'"),
            ("04", "'a', 'a', 'a', 'c'"),
            ("05", "'y'"),
            ("06", "CAST(NULL AS VARCHAR)"),
        ):
            rows = con.sql(f"SELECT unnest([{labels}]) AS label")
            warehouse.publish("s.labelled", rows, partition=day, run_number=1)
    given = {"column": "label", "partitions": 2, "min_partitions": 2, "max_psi": None}
    strict = {"type": KIND, "kwargs": {**given, "max_share_change": 0.2}, "severity": "warning"}
    loose = {"type": KIND, "kwargs": {**given, "max_share_change": 0.5}}
    unknown = {"type": KIND, "kwargs": {"column": "sentiment"}}
    suite = suite_of(strict, loose, unknown)

    def observed(day: str) -> list[tuple[bool, str | None]]:
        result = check(suite, warehouse, table="s.labelled", partition=day)
        return [(outcome.success, outcome.observed) for outcome in result.outcomes]

    said = (
        "largest change 'b' 50.0% -> 0.0%; PSI 6.314 against 2 earlier partitions; "
        "new: 'c'; vanished: 'b'"
    )
    assert observed("04") == [(False, said), (True, said), (False, None)]
    early = "nothing yet: 1 earlier partitions have labels, 2 are needed"
    assert observed("02")[:2] == [(True, early), (True, early)]
    none = "nothing, because the partition has no labels"
    assert observed("06")[:2] == [(True, none), (True, none)]


@pytest.mark.parametrize("given", [{"partitions": 0}, {"min_partitions": "many"}])
def test_bounds_that_make_no_sense_are_refused_when_the_suite_is_read(
    suite_of: Callable[..., Suite], given: dict[str, object]
) -> None:
    with pytest.raises(QualityError, match=r"expectation 1: '\w+' must be a whole number"):
        suite_of({"type": KIND, "kwargs": {"column": "label", **given}})


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        (None, "must be a JSON Schema, a response_format object with one, or a type"),
        ("STRUKT<a: INT>", "AI_FUNCTION_UNSUPPORTED_RETURN_TYPE"),
        ({"type": "objekt"}, "is no valid JSON Schema"),
    ],
)
def test_a_schema_that_is_none_is_refused_when_the_suite_is_read(
    suite_of: Callable[..., Suite], schema: object, said: str
) -> None:
    kind = "expect_column_values_to_conform_to_json_schema"
    with pytest.raises(QualityError, match=rf"reviews\.json, expectation 1: .*{said}"):
        suite_of({"type": kind, "kwargs": {"column": "label", "json_schema": schema}})
