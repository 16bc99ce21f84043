"""What a validation found, as its report shows it: the outcomes, and some of the rows that fail."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final

import duckdb

import airquery
from airquery.warehouse.names import TableName


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airquery.quality import ExpectationOutcome, QualityResult
    from airquery_airflow.recording import Recording


log = logging.getLogger(__name__)

_COLUMNS: Final = ("expectation", "column", "severity", "result", "observed", "failing", "of")


def show_result(recording: Recording, result: QualityResult) -> None:
    """Show every outcome, those that do not hold first."""
    outcomes = sorted(result.outcomes, key=lambda one: one.success)
    recording.show("validation", result.table, _COLUMNS, _rows(outcomes))


def show_quarantine(
    recording: Recording, warehouse: airquery.Warehouse, table: str, partition: str, *, total: int
) -> None:
    """Show some of the rows that were sent to quarantine. No task fails because they cannot be read."""
    try:
        with duckdb.connect() as connection:
            warehouse.attach(connection, table, partition=partition)
            rows = connection.sql(f"FROM {TableName.parse(table).sql}")
            recording.show_some("quarantine", table, rows, total=total)
    except (airquery.AirqueryError, duckdb.Error) as problem:
        log.warning("The rows in quarantine are in no report: %s", problem)


def _rows(outcomes: Sequence[ExpectationOutcome]) -> Iterator[tuple[object, ...]]:
    for one in outcomes:
        yield (
            one.name,
            one.column,
            one.severity,
            "holds" if one.success else "does not hold",
            one.observed,
            one.unexpected_count,
            one.element_count,
        )
