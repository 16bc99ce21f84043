"""What a request costs an endpoint's rate limits."""

from __future__ import annotations

import pytest

from airquery.answer import Answer, Failure, Usage
from airquery.endpoints.cost import Cost, expected_cost, used_cost
from airquery.endpoints.endpoint import Endpoint
from airquery.request import Image, Request


CHAT = Endpoint(name="llm", task="chat", base_url="http://h/v1", model="m")
EMBEDDINGS = Endpoint(name="e", task="embeddings", base_url="http://h/v1", model="m")


@pytest.mark.parametrize(
    ("request_", "tokens"),
    [
        (Request(endpoint=CHAT, input="x" * 400), 104),
        (Request(endpoint=CHAT, input="x" * 400, system="y" * 40), 118),
        (Request(endpoint=CHAT, input="語" * 400), 304),
        (Request(endpoint=CHAT, input={"a": ["x" * 40, {"b": "y" * 40}], "n": 7}), 24),
        (Request(endpoint=CHAT, input=None), 4),
        (
            Request(endpoint=CHAT, input="", files=(Image(media_type="image/png", data=b"p"),)),
            1004,
        ),
    ],
)
def test_the_prompt_is_estimated_from_its_texts(request_: Request, tokens: int) -> None:
    assert expected_cost(request_, usual_output=0.0) == Cost(input_tokens=tokens)


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
def test_the_answer_is_as_long_as_it_may_be(name: str) -> None:
    request = Request(endpoint=CHAT, input="", parameters={name: 50})

    assert expected_cost(request, usual_output=20.0).output_tokens == 50


def test_an_answer_without_a_bound_is_as_long_as_usual() -> None:
    assert expected_cost(Request(endpoint=CHAT, input=""), usual_output=20.4).output_tokens == 20


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -50, "many", None])
def test_a_bound_that_is_no_number_of_tokens_is_left_out(value: object) -> None:
    request = Request(endpoint=CHAT, input="", parameters={"max_tokens": value})

    assert expected_cost(request, usual_output=20.0).output_tokens == 20


def test_an_embedding_has_no_output_tokens() -> None:
    request = Request(endpoint=EMBEDDINGS, input="x" * 40)

    assert expected_cost(request, usual_output=20.0) == Cost(input_tokens=14)


@pytest.mark.parametrize(
    ("quota", "amount"),
    [("requests", 1), ("input_tokens", 20), ("output_tokens", 3), ("tokens", 23)],
)
def test_a_cost_is_counted_by_side_and_together(quota: str, amount: int) -> None:
    assert Cost(input_tokens=20, output_tokens=3).of(quota) == amount


def test_an_answer_says_what_it_cost() -> None:
    answer = Answer(value="a", usage=Usage(prompt_tokens=20, completion_tokens=3))

    assert used_cost(answer) == Cost(input_tokens=20, output_tokens=3)


def test_what_says_nothing_of_its_tokens_leaves_the_estimate() -> None:
    assert used_cost(Answer(value="a")) is None
    assert used_cost(Failure(condition="AI_FUNCTION_HTTP_REQUEST_ERROR", message="m")) is None
