from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from airquery.serve.rows import LONGEST_TEXT, read_texts
from airquery.serve.vader import Lexicon, sentiment_of


if TYPE_CHECKING:
    import httpx


PATH = "/serving-endpoints/vader/invocations"


def test_a_split_frame_gets_one_prediction_per_row_in_order(client: httpx.Client) -> None:
    frame = {"columns": ["review"], "data": [["Great!"], ["It is a table."], ["Awful, awful."]]}
    answer = client.post(PATH, json={"dataframe_split": frame})
    assert answer.status_code == 200
    assert answer.headers["served-model-name"] == "vader"
    assert answer.json() == {
        "predictions": [
            {"compound": 0.6588, "sentiment": "Positive"},
            {"compound": 0.0, "sentiment": "Neutral"},
            {"compound": -0.7184, "sentiment": "Negative"},
        ]
    }


def test_records_are_scored_like_a_split_frame(client: httpx.Client) -> None:
    texts = [f"{word} number {row}" for row in range(150) for word in ("good", "bad")]
    split = {"columns": ["text"], "index": [7] * 300, "data": [[text] for text in texts]}
    by_split = client.post(PATH, json={"dataframe_split": split}).json()
    by_records = client.post(PATH, json={"dataframe_records": [{"text": t} for t in texts]}).json()
    assert by_records == by_split
    assert len(by_split["predictions"]) == 300


def test_the_column_named_text_is_read_among_others() -> None:
    frame = {"columns": ["id", "text"], "data": [[1, "good"], [2, "bad"]]}
    records = [{"text": "good", "id": 1}, {"id": 2, "text": "bad"}]
    assert read_texts({"dataframe_split": frame}) == ["good", "bad"]
    assert read_texts({"dataframe_records": records}) == ["good", "bad"]


def test_no_rows_get_no_predictions() -> None:
    assert read_texts({"dataframe_records": []}) == []
    assert read_texts({"dataframe_split": {"columns": ["text"], "data": []}}) == []
    assert Lexicon().predict([]) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({}, "Send either"),
        ({"inputs": ["good"]}, "Send either"),
        ({"dataframe_split": {"columns": ["a"], "data": []}, "dataframe_records": []}, "either"),
        ({"dataframe_split": []}, "dataframe_split must be"),
        ({"dataframe_split": {"columns": "text", "data": [["x"]]}}, "dataframe_split must be"),
        ({"dataframe_split": {"columns": ["text"], "data": ["x"]}}, "Row 0: must be a list of 1"),
        ({"dataframe_split": {"columns": ["text"], "data": [["x", "y"]]}}, "Row 0: must be a list"),
        (
            {"dataframe_split": {"columns": ["a", "b"], "data": [["x", "y"]]}},
            "one column: the only one, or the one named 'text'. Columns sent: a, b.",
        ),
        ({"dataframe_split": {"columns": [], "data": []}}, "Columns sent: none."),
        ({"dataframe_split": {"columns": ["text", "text"], "data": []}}, "Columns sent: text"),
        ({"dataframe_split": {"columns": ["text"], "data": [[None]]}}, "not null"),
        ({"dataframe_split": {"columns": ["text"], "data": [["x"], [5]]}}, "Row 1: the text must"),
        ({"dataframe_split": {"columns": ["text"], "data": [[True]]}}, "not a boolean"),
        ({"dataframe_split": {"columns": ["text"], "data": [[{}]]}}, "not an object"),
        ({"dataframe_split": {"columns": ["text"], "data": [[[]]]}}, "not a list"),
        ({"dataframe_records": {"text": "x"}}, "dataframe_records must be a list"),
        ({"dataframe_records": ["x"]}, "dataframe_records must be a list"),
        ({"dataframe_records": [{"text": "x"}, {"id": 1}]}, "Row 1: has no 'text'."),
        ({"dataframe_records": [{"a": "x", "b": "y"}]}, "Columns sent: a, b."),
        ({"dataframe_records": [{"a": "x" * (LONGEST_TEXT + 1)}]}, "30001 characters; 30000"),
    ],
)
def test_what_cannot_be_scored_is_refused_with_what_can(body: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=re.escape(said)):
        read_texts(body)


def test_a_refusal_is_a_400_in_the_shape_of_every_error(client: httpx.Client) -> None:
    frame = {"columns": ["a", "b"], "data": [["x", "y"]]}
    answer = client.post(PATH, json={"dataframe_split": frame})
    assert answer.status_code == 400
    assert answer.json() == {
        "error": {
            "message": "The model reads one column: the only one, or the one named 'text'. "
            "Columns sent: a, b.",
            "type": "invalid_request_error",
            "param": None,
            "code": None,
        }
    }


@pytest.mark.parametrize(
    ("compound", "label"),
    [
        (1.0, "Positive"),
        (0.05, "Positive"),
        (0.0499, "Neutral"),
        (-0.0499, "Neutral"),
        (-0.05, "Negative"),
        (-1.0, "Negative"),
    ],
)
def test_the_label_changes_at_the_thresholds(compound: float, label: str) -> None:
    assert sentiment_of(compound) == label
