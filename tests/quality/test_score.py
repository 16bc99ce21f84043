from __future__ import annotations

from airquery.quality import FieldScore, total


def scores(score: FieldScore) -> tuple[float | None, float | None, float | None]:
    return score.precision, score.recall, score.f1


def test_precision_is_of_what_was_found_and_recall_of_what_is_true() -> None:
    score = FieldScore(field="total", expected=8, predicted=4, correct=3)

    assert scores(score) == (0.75, 0.375, 0.5)
    assert str(score) == (
        "total: F1 0.50, precision 0.75, recall 0.38 (3 right of 4 found, 8 true)"
    )


def test_a_score_that_would_divide_by_nothing_is_none() -> None:
    nothing_found = FieldScore(field="total", expected=2, predicted=0, correct=0)
    nothing_true = FieldScore(field="total", expected=0, predicted=2, correct=0)
    neither = FieldScore(field="total", expected=0, predicted=0, correct=0)

    assert scores(nothing_found) == (None, 0.0, 0.0)
    assert scores(nothing_true) == (0.0, None, 0.0)
    assert scores(neither) == (None, None, None)
    assert (
        str(neither) == "total: F1 none, precision none, recall none (0 right of 0 found, 0 true)"
    )


def test_the_total_weighs_every_value_the_same() -> None:
    often = FieldScore(field="vendor", expected=90, predicted=90, correct=90)
    seldom = FieldScore(field="note", expected=10, predicted=10, correct=0)

    assert total([often, seldom]) == FieldScore(
        field="(all)", expected=100, predicted=100, correct=90
    )
    assert total([]).f1 is None
