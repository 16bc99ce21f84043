"""Failing rows go to a table of their own, by their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import duckdb
import pytest

from airquery.errors import QualityError
from airquery.quality import QualityResult, Quarantine, Suite, check


if TYPE_CHECKING:
    from collections.abc import Callable

    from airquery.warehouse import Warehouse

PERSON = {
    "type": "object",
    "properties": {"n": {"type": "integer"}},
    "required": ["n"],
}
CONFORM = {
    "type": "expect_column_values_to_conform_to_json_schema",
    "kwargs": {"column": "response", "json_schema": PERSON},
    "severity": "warning",
}
KNOWN = {
    "type": "expect_column_values_to_be_in_set",
    "kwargs": {"column": "label", "value_set": ["positive"]},
    "description": "Every label is known",
}


def run(
    suite: Suite, warehouse: Warehouse, partition: str, *, run_number: int = 1, **given: Any
) -> QualityResult:
    quarantine = Quarantine(
        table="main.reviews_quarantine", key=("id",), run_number=run_number, **given
    )
    return check(suite, warehouse, table="main.reviews", partition=partition, quarantine=quarantine)


def quarantined(warehouse: Warehouse, query: str) -> list[tuple[Any, ...]]:
    with duckdb.connect() as con:
        warehouse.attach(con, "main.reviews_quarantine")
        return con.sql(query).fetchall()


def test_the_rows_that_fail_are_kept_with_their_key_and_the_reason_until_they_are_mended(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    twins = {
        "type": "expect_compound_columns_to_be_unique",
        "kwargs": {"column_list": ["label", "response"]},
    }
    missing = {
        "type": "expect_column_values_to_not_be_null",
        "kwargs": {"column": "response"},
    }
    query = {
        "type": "unexpected_rows_expectation",
        "kwargs": {"unexpected_rows_query": "SELECT label, id FROM {batch} WHERE id > 97;"},
        "severity": "info",
    }
    keyless = {
        "type": "unexpected_rows_expectation",
        "kwargs": {"unexpected_rows_query": "SELECT label FROM {batch}"},
    }
    rows = {"type": "expect_table_row_count_to_equal", "kwargs": {"value": 1}}
    suite = suite_of(CONFORM, KNOWN, twins, missing, query, keyless, rows)

    result = run(suite, warehouse, "poor")

    counts = [outcome.unexpected_count for outcome in result.outcomes]
    assert counts == [90, 25, 89, 10, 2, 100, None]
    assert result.quarantined == 90 + 25 + 89 + 10 + 2
    assert result.notes == (
        "unexpected_rows_expectation: no rows can be told apart, so none are in quarantine.",
        "expect_table_row_count_to_equal: no rows can be told apart, so none are in quarantine.",
    )
    assert quarantined(
        warehouse, "FROM main.reviews_quarantine WHERE id IN (3, 50, 99) ORDER BY ALL"
    ) == [
        (3, KNOWN["type"], "label", "critical", "unsure", "Not so: Every label is known", "poor"),
        (3, missing["type"], "response", "critical", None, f"Not so: {missing['type']}", "poor"),
        (50, CONFORM["type"], "response", "warning", "no JSON", "it is not JSON", "poor"),
        (99, CONFORM["type"], "response", "warning", "{}", '"n" is a required property', "poor"),
        (
            99,
            twins["type"],
            "label, response",
            "critical",
            "positive, {}",
            f"Not so: {twins['type']}",
            "poor",
        ),
        (99, query["type"], None, "info", None, f"Not so: {query['type']}", "poor"),
    ]

    assert run(suite_of(rows), warehouse, "poor", run_number=2).quarantined == 0
    assert quarantined(warehouse, "SELECT count(*) FROM main.reviews_quarantine") == [(0,)]


def test_no_expectation_sends_more_rows_than_it_may_and_the_rest_is_told(
    warehouse: Warehouse, suite_of: Callable[..., Suite]
) -> None:
    result = run(suite_of(KNOWN, CONFORM), warehouse, "poor", most_rows=20)

    assert result.quarantined == 40
    assert result.notes == (
        f"{KNOWN['type']}: 20 of 25 rows are in quarantine.",
        f"{CONFORM['type']}: 20 of 90 rows are in quarantine.",
    )


@pytest.mark.parametrize(
    ("key", "said"),
    [("idd", r"no column 'idd'\. Did you mean 'id'\?"), ("reason", "there is no column 'reason'")],
)
def test_a_key_that_the_table_has_not_is_refused(
    warehouse: Warehouse, suite_of: Callable[..., Suite], key: str, said: str
) -> None:
    quarantine = Quarantine(table="main.q", key=(key,), run_number=1)

    with pytest.raises(QualityError, match=said):
        check(
            suite_of(KNOWN),
            warehouse,
            table="main.reviews",
            partition="poor",
            quarantine=quarantine,
        )
    assert warehouse.tables() == ["main.reviews"]


@pytest.mark.parametrize(
    "schema",
    [
        PERSON,
        "STRUCT<n: INT>",
        {"type": "json_schema", "json_schema": {"name": "a", "schema": PERSON}},
    ],
)
def test_a_schema_may_be_a_type_or_a_response_format_and_a_column_may_be_of_any_type(
    warehouse: Warehouse, suite_of: Callable[..., Suite], schema: object
) -> None:
    with duckdb.connect() as con:
        rows = con.sql("SELECT 1 AS id, {n: 1} AS made UNION ALL SELECT 2, {n: NULL}")
        warehouse.publish("main.made", rows, partition="p", run_number=1)
    conform = {"type": CONFORM["type"], "kwargs": {"column": "made", "json_schema": schema}}

    [outcome] = check(suite_of(conform), warehouse, table="main.made", partition="p").outcomes

    assert (outcome.success, outcome.unexpected_count, outcome.element_count) == (False, 1, 2)
