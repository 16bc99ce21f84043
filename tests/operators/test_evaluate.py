from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from airquery_airflow import EvaluateOperator, TransformOperator
from tests.operators.conftest import task_instance


if TYPE_CHECKING:
    from tests.operators.conftest import Execute, Rows

TRUTH = "SELECT * FROM (VALUES (1, 'A', 10.0), (2, 'B', 20.0)) AS truth (id, vendor, total)"
FOUND = "SELECT * FROM (VALUES (1, 'a', 10), (2, NULL, 21)) AS found (id, vendor, total)"
EVERY_SCORE = "SELECT * EXCLUDE (partition_key) FROM s.scores ORDER BY field"
SCORES = [
    ("(all)", 4, 3, 2, 2 / 3, 0.5, 4 / 7),
    ("total", 2, 2, 1, 0.5, 0.5, 0.5),
    ("vendor", 2, 1, 1, 1.0, 0.5, 2 / 3),
]


def evaluate(**arguments: Any) -> EvaluateOperator:
    given: dict[str, Any] = {
        "source": "s.found",
        "truth": "s.truth",
        "key": "id",
        "fields": ["vendor", "total"],
        **arguments,
    }
    return EvaluateOperator(task_id="evaluate", table="s.scores", **given)


@pytest.fixture
def tables(execute: Execute) -> None:
    execute(TransformOperator(task_id="truth", sql=TRUTH, table="s.truth"))
    execute(TransformOperator(task_id="found", sql=FOUND, table="s.found"))


@pytest.mark.usefixtures("tables")
def test_every_field_and_all_of_them_get_a_row_of_scores(
    execute: Execute, rows: Rows, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        returned = execute(evaluate(minimum_f1="{{ params.lowest }}"), params={"lowest": 0.5})

    assert rows(EVERY_SCORE) == SCORES
    assert (returned["table"], returned["rows"], returned["requests_sent"]) == ("s.scores", 3, 0)
    assert (returned["precision"], returned["recall"], returned["f1"]) == (2 / 3, 0.5, 4 / 7)
    assert (
        "(all): F1 0.57, precision 0.67, recall 0.50 (2 right of 3 found, 4 true)"
        in caplog.messages
    )


@pytest.mark.usefixtures("tables")
def test_a_score_below_the_minimum_is_written_and_fails_the_task_at_once(
    execute: Execute, rows: Rows
) -> None:
    pushed: list[tuple[str, Any]] = []
    ti = task_instance("evaluate", xcom_push=lambda *, key, value: pushed.append((key, value)))

    with pytest.raises(AirflowFailException) as caught:
        execute(evaluate(minimum_f1=0.6), ti=ti)

    assert str(caught.value) == (
        "F1 over all fields is 0.571 in partition '2026-10-03' of 's.found', below the minimum "
        "0.6. The scores of each field are in 's.scores': mend the prompt or the model, or lower "
        "the minimum."
    )
    assert rows(EVERY_SCORE) == SCORES
    ((key, summary),) = pushed
    assert (key, summary["f1"]) == ("return_value", 4 / 7)


@pytest.mark.usefixtures("tables")
def test_a_partition_of_nothing_has_no_score_and_passes(execute: Execute, rows: Rows) -> None:
    returned = execute(evaluate(minimum_f1=1), ds="2026-11-20")

    assert returned["f1"] is None
    assert rows("SELECT DISTINCT f1, expected FROM s.scores") == [(None, 0)]


@pytest.mark.parametrize("minimum", ["much", "1.5", -0.1, "{{ params.lowest }}"])
def test_a_minimum_that_is_no_share_is_refused_before_anything_is_read(
    execute: Execute, minimum: object
) -> None:
    with pytest.raises(AirflowFailException, match="must be a number from 0 to 1, not"):
        execute(evaluate(minimum_f1=minimum), params={"lowest": None})


@pytest.mark.usefixtures("tables")
def test_what_cannot_be_compared_fails_at_once(execute: Execute) -> None:
    with pytest.raises(AirflowFailException, match=r"Table s\.truth has no column 'sum'"):
        execute(evaluate(source="s.truth", fields=["sum"]))
