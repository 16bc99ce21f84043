"""What validations found is a table, and a section of the report."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import duckdb

from airquery.quality import (
    RESULTS,
    Attempt,
    ExpectationOutcome,
    QualityResult,
    append,
    latest,
)
from airquery.report import validation_table
from airquery.warehouse import Warehouse


if TYPE_CHECKING:
    from pathlib import Path


def attempt(day: int, *, try_number: int = 1) -> Attempt:
    return Attempt(
        dag_id="reviews",
        run_id=f"run {day}",
        task_id="validate",
        map_index=-1,
        try_number=try_number,
        began=datetime(2026, 10, day, 3, try_number, tzinfo=UTC),
    )


def result(day: int, unexpected: int) -> QualityResult:
    labels = ExpectationOutcome(
        name="expect_column_values_to_be_in_set",
        column="label",
        severity="warning",
        success=not unexpected,
        unexpected_count=unexpected,
        element_count=2000,
        unexpected_percent=unexpected / 20,
        message="Unexpected rows.",
    )
    rows = ExpectationOutcome(
        name="expect_table_row_count_to_equal",
        column=None,
        severity="critical",
        success=True,
        unexpected_count=None,
        element_count=None,
        unexpected_percent=None,
        message="Observed 2000.",
        observed="2000",
    )
    return QualityResult(
        suite="labels", table="s.labels", partition=f"2026-10-0{day}", outcomes=(labels, rows)
    )


def test_every_attempt_is_kept_once_and_the_newest_is_shown_with_the_trend(tmp_path: Path) -> None:
    warehouse = Warehouse(tmp_path)
    append(warehouse, result(1, 0), attempt(1))
    append(warehouse, result(2, 1500), attempt(2))
    append(warehouse, result(2, 20), attempt(2, try_number=2))
    append(warehouse, result(3, 1200), attempt(3))

    again = append(warehouse, result(3, 1200), attempt(3))

    assert not again.written
    with duckdb.connect() as con:
        warehouse.attach(con, RESULTS)
        assert con.sql(
            f"SELECT run_id, try_number, unexpected_count, success FROM {RESULTS} "
            "WHERE position = 1 ORDER BY checked_at"
        ).fetchall() == [
            ("run 1", 1, 0, True),
            ("run 2", 1, 1500, False),
            ("run 2", 2, 20, False),
            ("run 3", 1, 1200, False),
        ]
    table = validation_table(latest(warehouse, partitions=2))
    assert table.rows == [
        [
            "s.labels",
            "2026-10-03",
            "expect_column_values_to_be_in_set",
            "label",
            "warning",
            "does not hold",
            None,
            "1,200 (60.0 %)",
            "1.0 % → 60.0 %",
        ],
        [
            "s.labels",
            "2026-10-03",
            "expect_table_row_count_to_equal",
            None,
            "critical",
            "holds",
            "2000",
            None,
            "holds → holds",
        ],
    ]
