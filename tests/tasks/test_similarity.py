"""ai_similarity: two embeddings a row."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airquery.tasks.similarity import cosine
from airquery.testing import Reply


if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.tasks.conftest import Ways


VECTORS = {"a": [1, 0], "b": [0, 2], "c": [3, 4], "long": [1, 2, 3], "zero": [0, 0]}
PAIRS = "(VALUES (1, 'a', 'c'), (2, 'c', 'a'), (3, 'a', 'b'), (4, 'a', NULL), (5, 'b', 'b')) AS v(i, x, y)"


def test_each_text_is_asked_once_however_many_pairs_it_is_in(ways: Ways) -> None:
    ways.script.answer = lambda body: VECTORS[body["input"][0]]

    asked = ways.ask(f"SELECT ai_similarity(x, y) AS r FROM {PAIRS} ORDER BY i")

    assert asked.values == pytest.approx([0.6, 0.6, 0.0, None, 1.0])
    assert asked.inputs == ["a", "b", "c"]


def test_a_pair_with_a_failed_text_fails_and_no_other(ways: Ways) -> None:
    ways.script.answer = lambda body: (
        Reply(status=400) if body["input"][0] == "bad" else VECTORS[body["input"][0]]
    )

    asked = ways.ask(
        "SELECT ai_similarity(x, y, failOnError => false) AS r"
        " FROM (VALUES ('a', 'b'), ('a', 'bad')) AS v(x, y)"
    )

    assert asked.values[0] == {"result": 0.0, "errorMessage": None}
    assert "HTTP 400" in asked.values[1]["errorMessage"]


def test_vectors_of_different_length_are_a_named_failure(ways: Ways) -> None:
    ways.script.answer = lambda body: VECTORS[body["input"][0]]

    asked = ways.ask("SELECT ai_similarity('a', 'long', failOnError => false) AS r")

    assert "the other text's has 2 numbers and this one 3" in asked.values[0]["errorMessage"]


def test_a_chat_endpoint_is_refused_by_name(ways: Ways) -> None:
    told = ways.refused("SELECT ai_similarity('a', 'b', endpoint => 'llm')")

    assert "ai_similarity asks embeddings endpoints; 'llm' is a chat endpoint." in told


@pytest.mark.parametrize(
    ("one", "other", "value"),
    [
        ([1, 0], [2, 0], 1.0),
        ([1, 0], [-1, 0], -1.0),
        ([0, 0], [1, 0], 0.0),
        ([1, 1], [1, 0], 0.7071),
    ],
)
def test_the_cosine_is_of_the_angle_alone(
    one: Sequence[float], other: Sequence[float], value: float
) -> None:
    assert cosine(one, other) == pytest.approx(value, abs=1e-4)
