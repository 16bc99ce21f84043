from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest

from airquery.answer import Answer, Failure
from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.custom import Custom
from airquery.endpoints.endpoint import Endpoint
from airquery.request import Request


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Format


def endpoint(base_url: str, model: str | None = None) -> Endpoint:
    return Endpoint(name="my ner/1", task="custom", base_url=base_url, model=model)


@pytest.mark.parametrize(
    ("base_url", "model", "url"),
    [
        ("http://h", None, "http://h/serving-endpoints/my%20ner%2F1/invocations"),
        ("http://h/", "ner", "http://h/serving-endpoints/ner/invocations"),
        ("http://h/serving-endpoints", "ner", "http://h/serving-endpoints/ner/invocations"),
        ("http://h/invocations", None, "http://h/invocations"),
        ("http://h/invocations/", "ner", "http://h/invocations"),
    ],
)
def test_the_url_is_the_base_url_or_its_serving_endpoint(
    base_url: str, model: str | None, url: str
) -> None:
    request = Request(endpoint=endpoint(base_url, model), input="text")

    assert Custom().encode(request).url == url


@pytest.mark.parametrize(
    ("asked", "split"),
    [
        ({"b": 1, "a": None}, {"columns": ["b", "a"], "data": [[1, None]]}),
        ({"tags": ["x"]}, {"columns": ["tags"], "data": [[["x"]]]}),
        ("text", {"columns": ["input"], "data": [["text"]]}),
        (0, {"columns": ["input"], "data": [[0]]}),
        ([1.5], {"columns": ["input"], "data": [[[1.5]]]}),
    ],
)
def test_fields_are_columns_in_their_order(asked: object, split: object) -> None:
    request = Request(endpoint=endpoint("http://h"), input=asked)

    assert orjson.loads(Custom().encode(request).body) == {"dataframe_split": split}


@pytest.mark.parametrize(
    ("predictions", "value"),
    [
        ([{"label": "PER"}], {"label": "PER"}),
        ([[{"label": "PER"}, {"label": "ORG"}]], [{"label": "PER"}, {"label": "ORG"}]),
        ([0.5], 0.5),
        ([None], None),
        ({"label": "PER"}, {"label": "PER"}),
        ({"label": ["PER"], "score": [0.9]}, {"label": "PER", "score": 0.9}),
        ({"label": ["PER"], "score": 0.9}, {"label": ["PER"], "score": 0.9}),
        ({"labels": ["PER", "ORG"]}, {"labels": ["PER", "ORG"]}),
    ],
)
def test_a_prediction_may_be_any_json_value(predictions: object, value: object) -> None:
    request = Request(endpoint=endpoint("http://h"), input="text")

    for name in ("predictions", "outputs"):
        outcome = Custom().decode(request, orjson.dumps({name: predictions}))

        assert outcome == Answer(value=value)


def test_a_reply_may_be_the_columns_themselves() -> None:
    request = Request(endpoint=endpoint("http://h"), input="text")

    outcome = Custom().decode(request, b'{"label": ["PER"], "score": [0.9]}')

    assert outcome == Answer(value={"label": "PER", "score": 0.9})


@pytest.mark.parametrize(
    "reply",
    [
        {"label": ["PER"], "score": 0.9},
        {"label": ["PER", "ORG"]},
        {"label": "PER"},
        {"errors": ["no such column"]},
        {"detail": [{"msg": "no such column"}]},
    ],
)
def test_any_other_object_is_no_row_of_columns(reply: object) -> None:
    request = Request(endpoint=endpoint("http://h"), input="text")

    assert isinstance(Custom().decode(request, orjson.dumps(reply)), Failure)


@pytest.mark.parametrize(
    ("format_", "asked", "row"),
    [
        ("dataframe_records", {"b": 1, "a": None}, [{"b": 1, "a": None}]),
        ("dataframe_records", "text", [{"input": "text"}]),
        ("instances", {"b": 1, "a": None}, [{"b": 1, "a": None}]),
        ("instances", [1.5, 2.5], [[1.5, 2.5]]),
        ("inputs", {"b": 1, "a": [1.5]}, {"b": [1], "a": [[1.5]]}),
        ("inputs", "text", ["text"]),
    ],
)
def test_the_row_is_written_in_the_endpoints_format(
    format_: Format, asked: object, row: object
) -> None:
    request = Request(endpoint=replace(endpoint("http://h"), format=format_), input=asked)

    assert orjson.loads(Custom().encode(request).body) == {format_: row}


def test_a_custom_endpoint_is_asked_in_the_custom_format_however_it_was_made() -> None:
    made = Endpoint(name="ner", task="custom", provider="openai", base_url="http://h")

    assert isinstance(adapter_for(made), Custom)
    assert made.provider == "custom"
