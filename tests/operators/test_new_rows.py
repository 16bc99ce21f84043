from __future__ import annotations

import logging
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowException, AirflowFailException

from airquery_airflow import NewRowsOperator, TransformOperator


if TYPE_CHECKING:
    from tests.operators.conftest import Execute, Rows


def write(execute: Execute, day: str, *values: int) -> None:
    """Write one partition of the source."""
    listed = f"SELECT unnest({list(values)}) AS n"
    task = TransformOperator(task_id="write", sql=listed, table="s.days", partition=day)
    execute(task)


def take(execute: Execute, batch: str, **arguments: Any) -> dict[str, Any]:
    task = NewRowsOperator(task_id="take", source="s.days", table="s.batches", **arguments)
    return execute(task, ts_nodash=batch)


def test_a_run_takes_what_is_new_and_running_it_again_takes_the_same(
    execute: Execute, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    write(execute, "1", 10, 11)
    with caplog.at_level(logging.INFO):
        first = take(execute, "20261003T000000")
    write(execute, "2", 20)
    again = take(execute, "20261003T000000")
    second = take(execute, "20261004T000000")

    assert (first["rows"], again["rows"], second["rows"]) == (2, 2, 1)
    assert again["partition"] == first["partition"] == "20261003T000000"
    assert rows("SELECT n, partition_key FROM s.batches ORDER BY ALL") == [
        (10, "20261003T000000"),
        (11, "20261003T000000"),
        (20, "20261004T000000"),
    ]
    said = "2 rows of s.days that are new between version None and 0."
    assert f"Batch '20261003T000000': {said}" in caplog.messages


def test_a_batch_of_nothing_keeps_being_one(execute: Execute) -> None:
    write(execute, "1", 10)
    take(execute, "a")
    nothing = take(execute, "b")
    write(execute, "2", 20)

    assert (nothing["rows"], take(execute, "b")["rows"], take(execute, "c")["rows"]) == (0, 0, 1)


def test_an_attempt_that_is_older_than_the_one_that_took_the_batch_finds_it_taken(
    execute: Execute, rows: Rows
) -> None:
    write(execute, "1", 10)
    task = NewRowsOperator(task_id="take", source="s.days", table="s.batches", partition="a")
    execute(task, started=datetime(2026, 11, 2, tzinfo=UTC))

    assert execute(task, started=datetime(2026, 11, 1, tzinfo=UTC))["rows"] == 1
    assert rows("SELECT n FROM s.batches") == [(10,)]


def test_the_size_of_a_batch_may_be_a_template(execute: Execute) -> None:
    for day in ("1", "2", "3"):
        write(execute, day, int(day))

    bound = {"most_commits": "{{ params.most }}"}
    task = NewRowsOperator(task_id="take", source="s.days", table="s.batches", **bound)
    taken = [
        execute(task, ts_nodash=name, params={"most": most})["rows"]
        for name, most in (("a", 1), ("b", None), ("c", 5))
    ]

    assert taken == [1, 2, 0]


@pytest.mark.parametrize("most", [0, -1, "many", "1.5"])
def test_a_size_that_is_none_is_refused(execute: Execute, most: object) -> None:
    with pytest.raises(AirflowFailException, match="most_commits must be a whole number above 0"):
        take(execute, "a", most_commits=most)


def test_a_source_that_is_not_there_may_still_come(execute: Execute) -> None:
    with pytest.raises(AirflowException, match=r"There is no table s\.days"):
        take(execute, "a")
