from __future__ import annotations

import dataclasses
import tempfile
from typing import TYPE_CHECKING

import duckdb
import pytest

from airquery.errors import QualityError, WarehouseError
from airquery.quality import (
    Expectation,
    ExpectationOutcome,
    QualityResult,
    Suite,
    check,
    load_suite,
)
from airquery.quality.suite import known_types


if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from airquery.warehouse import Warehouse


ROWS = {"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 1}}
LABELS = {
    "type": "expect_column_values_to_be_in_set",
    "kwargs": {"column": "label", "value_set": ["positive", "negative"]},
    "severity": "warning",
}
ANSWERED = {
    "type": "expect_column_values_to_not_be_null",
    "kwargs": {"column": "response", "mostly": 0.95},
    "severity": "info",
}
JSON_ANSWERS = {
    "type": "unexpected_rows_expectation",
    "kwargs": {"unexpected_rows_query": "SELECT * FROM {batch} WHERE NOT json_valid(response)"},
    "description": "Every answer is JSON",
}
MISSING = {"type": "expect_column_values_to_be_unique", "kwargs": {"column": "missing"}}


def run(suite: Suite, warehouse: Warehouse, partition: str) -> QualityResult:
    return check(
        suite,
        warehouse,
        table="main.reviews",
        partition=partition,
        settings={"threads": "1", "memory_limit": "500MB"},
    )


def test_a_partition_that_meets_every_expectation_passes(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    result = run(suite_of(ROWS, LABELS, ANSWERED, JSON_ANSWERS), warehouse, "good")
    assert (result.suite, result.table, result.partition) == ("reviews", "main.reviews", "good")
    assert (result.success, result.worst_severity) == (True, None)
    held = "Unexpected rows: 0 of 100."
    assert [dataclasses.astuple(outcome) for outcome in result.outcomes] == [
        (ROWS["type"], None, "critical", True, None, None, None, "Observed 100.", "100"),
        (LABELS["type"], "label", "warning", True, 0, 100, 0.0, held, None),
        (ANSWERED["type"], "response", "info", True, 0, 100, 0.0, held, None),
        (
            JSON_ANSWERS["type"],
            None,
            "critical",
            True,
            0,
            None,
            None,
            "Every answer is JSON: Unexpected rows: 0.",
            "0",
        ),
    ]


def test_only_the_named_partition_is_looked_at(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    one = {
        "type": "expect_column_values_to_be_in_set",
        "kwargs": {"column": "partition_key", "value_set": ["poor"]},
    }
    result = run(suite_of(one), warehouse, "poor")
    assert (result.success, result.outcomes[0].element_count) == (True, 100)


def test_a_failed_warning_is_a_failure_of_that_severity(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    result = run(suite_of(ROWS, ANSWERED, LABELS), warehouse, "poor")
    assert (result.success, result.worst_severity) == (False, "warning")
    assert [outcome.success for outcome in result.outcomes] == [True, False, False]
    assert result.outcomes[2] == ExpectationOutcome(
        name="expect_column_values_to_be_in_set",
        column="label",
        severity="warning",
        success=False,
        unexpected_count=25,
        element_count=100,
        unexpected_percent=25.0,
        message="Unexpected rows: 25 of 100.",
    )


def test_a_failed_sql_condition_is_critical_unless_the_suite_says_otherwise(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    result = run(suite_of(JSON_ANSWERS, LABELS), warehouse, "poor")
    assert result.worst_severity == "critical"
    assert result.outcomes[0].unexpected_count == 1
    assert result.outcomes[0].message == "Every answer is JSON: Unexpected rows: 1."
    mild = run(suite_of({**JSON_ANSWERS, "severity": "info"}), warehouse, "poor")
    assert mild.worst_severity == "info"


def test_what_cannot_be_evaluated_is_a_failed_critical_outcome_and_spoils_no_other(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    broken_sql = {
        "type": "unexpected_rows_expectation",
        "kwargs": {"unexpected_rows_query": "SELECT nothing FROM {batch}"},
    }
    no_regex = {
        "type": "expect_column_values_to_match_regex",
        "kwargs": {"column": "label", "regex": "^p"},
    }
    uncaught = {
        "type": MISSING["type"],
        "kwargs": {"column": "missing", "catch_exceptions": False},
        "severity": "info",
    }
    suite = suite_of(uncaught, broken_sql, no_regex, ROWS, LABELS)
    result = run(suite, warehouse, "good")
    assert [(o.success, o.severity) for o in result.outcomes] == [
        (False, "critical"),
        (False, "critical"),
        (False, "critical"),
        (True, "critical"),
        (True, "warning"),
    ]
    told = [outcome.message for outcome in result.outcomes]
    assert 'column "missing"' in told[0]
    assert '"nothing" not found' in told[1]
    assert "[SQL" not in told[1]
    assert "Regex is not supported" in told[2]
    assert "Write it as SQL, in an unexpected_rows_expectation." in told[2]
    assert result.worst_severity == "critical"


def test_an_empty_partition_has_its_columns_and_no_rows(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    columns = {"type": "expect_column_to_exist", "kwargs": {"column": "response"}}
    average = {
        "type": "expect_column_mean_to_be_between",
        "kwargs": {"column": "id", "min_value": 0},
    }
    suite = suite_of(columns, LABELS, JSON_ANSWERS, ROWS, average)
    for partition in ("none", "never published"):
        result = run(suite, warehouse, partition)
        assert [o.success for o in result.outcomes] == [True, True, True, False, False]
        assert result.outcomes[0].message == "It holds."
        assert result.outcomes[1].element_count == 0
        assert result.outcomes[3].message == "Observed 0."


def test_a_missing_column_does_not_hold(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    expectation = {"type": "expect_column_to_exist", "kwargs": {"column": "missing"}}
    [outcome] = run(suite_of(expectation), warehouse, "good").outcomes
    assert (outcome.success, outcome.message) == (False, "It does not hold.")


def test_every_row_whose_value_is_there_again_is_counted_and_no_null(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    query = "FROM (VALUES (1, 'a'), (1, 'b'), (2, 'b'), (NULL, 'c'), (NULL, 'd')) AS t (id, label)"
    with duckdb.connect() as connection:
        warehouse.publish("main.twins", connection.sql(query), partition="p", run_number=1)
    unique = "expect_column_values_to_be_unique"
    only = {"type": "comparison", "column": {"name": "id"}, "operator": "==", "parameter": 1}
    claims = [
        {"type": unique, "kwargs": {"column": "id"}},
        {"type": unique, "kwargs": {"column": "label"}},
        {"type": unique, "kwargs": {"column": "label", "row_condition": only}},
    ]

    result = check(suite_of(*claims), warehouse, table="main.twins", partition="p")

    counted = [(one.success, one.unexpected_count) for one in result.outcomes]
    assert counted == [(False, 2), (False, 2), (True, 0)]


def test_equal_expectations_have_an_outcome_each_in_the_order_of_the_suite(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    result = run(suite_of(LABELS, ROWS, LABELS, MISSING, ROWS), warehouse, "good")
    names = [item["type"] for item in (LABELS, ROWS, LABELS, MISSING, ROWS)]
    assert [outcome.name for outcome in result.outcomes] == names


def test_parameters_of_the_suite_are_filled_in(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    rows = {
        "type": "expect_table_row_count_to_be_between",
        "kwargs": {"min_value": {"$PARAMETER": "fewest"}},
    }
    assert run(suite_of(rows, suite_parameters={"fewest": 100}), warehouse, "good").success
    assert not run(suite_of(rows, suite_parameters={"fewest": 101}), warehouse, "good").success


def test_a_parameter_without_a_value_is_an_error_that_names_the_suite(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    rows = {"type": ROWS["type"], "kwargs": {"min_value": {"$PARAMETER": "fewest"}}}
    with pytest.raises(QualityError, match=r"reviews\.json cannot be run\..*fewest"):
        run(suite_of(rows), warehouse, "good")


def test_doubled_braces_reach_the_sql_as_single_ones(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    query = "SELECT * FROM {batch} WHERE response <> '{{\"n\": 1}}'"
    custom = {"type": "unexpected_rows_expectation", "kwargs": {"unexpected_rows_query": query}}
    assert run(suite_of(custom), warehouse, "good").success
    assert not run(suite_of(custom), warehouse, "poor").success


@pytest.mark.parametrize(
    ("kind", "kwargs", "problem"),
    [
        ("expect_column_values_to_be_unique", {}, "column field required"),
        ("expect_column_values_to_be_unique", {"column": "id", "x": 1}, "x extra fields"),
        ("expect_column_values_to_be_unique", {"column": "id", "mostly": 7}, "mostly"),
    ],
)
def test_wrong_arguments_are_an_error_that_names_the_file_and_the_expectation(
    warehouse: Warehouse,
    suite_of: Callable[..., Suite],
    kind: str,
    kwargs: dict[str, object],
    problem: str,
) -> None:
    suite = suite_of(ROWS, {"type": kind, "kwargs": kwargs})
    with pytest.raises(QualityError, match=rf"reviews\.json, expectation 2 \({kind}\).*{problem}"):
        run(suite, warehouse, "good")


def test_a_type_that_no_file_was_checked_for_is_an_error_too(warehouse: Warehouse) -> None:
    suite = Suite(name="mine", expectations=(Expectation(type="expect_luck", kwargs={}),))
    with pytest.raises(QualityError, match=r"Suite mine, expectation 1 \(expect_luck\)"):
        run(suite, warehouse, "good")


def test_any_table_name_can_be_checked(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    with duckdb.connect() as con:
        warehouse.publish("select.2026", con.sql("SELECT 1 AS a"), partition="p", run_number=1)
    result = check(suite_of(ROWS), warehouse, table="SELECT.2026", partition="p")
    assert (result.table, result.success) == ("select.2026", True)


def test_an_unknown_table_is_the_error_of_the_warehouse(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    with pytest.raises(WarehouseError, match=r"no table main\.review "):
        check(suite_of(ROWS), warehouse, table="main.review", partition="good")


def test_a_check_leaves_no_files_behind(
    warehouse: Warehouse,
    suite_of: Callable[..., Suite],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    run(suite_of(ROWS, MISSING), warehouse, "good")
    assert list(folder.iterdir()) == []


def test_a_suite_that_great_expectations_wrote_can_be_loaded_and_run(
    warehouse: Warehouse, tmp_path: Path
) -> None:
    import great_expectations as gx  # seconds, and only here

    between = {
        "type": "expect_column_values_to_be_between",
        "kwargs": {"column": "id", "min_value": 0, "max_value": 98},
        "severity": "warning",
        "notes": "why",
    }
    count = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 100}}
    written = gx.ExpectationSuite(name="theirs", expectations=[between, count])
    path = tmp_path / "theirs.json"
    path.write_text(str(written))
    result = run(load_suite(path), warehouse, "good")
    assert (result.suite, result.worst_severity) == ("theirs", "warning")
    assert [outcome.unexpected_count for outcome in result.outcomes] == [1, None]


def test_every_registered_type_is_known_without_an_import() -> None:
    from great_expectations.expectations.registry import (
        list_registered_expectation_implementations,
    )

    assert known_types() >= set(list_registered_expectation_implementations())
