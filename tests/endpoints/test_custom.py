from __future__ import annotations

import orjson
import pytest

from airquery.answer import Answer
from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.custom import Custom
from airquery.endpoints.endpoint import Endpoint
from airquery.request import Request


def endpoint(base_url: str, model: str | None = None) -> Endpoint:
    return Endpoint(name="my ner/1", task="custom", base_url=base_url, model=model)


@pytest.mark.parametrize(
    ("base_url", "model", "url"),
    [
        ("http://h", None, "http://h/serving-endpoints/my%20ner%2F1/invocations"),
        ("http://h/", "ner", "http://h/serving-endpoints/ner/invocations"),
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
    ],
)
def test_a_prediction_may_be_any_json_value(predictions: object, value: object) -> None:
    request = Request(endpoint=endpoint("http://h"), input="text")

    outcome = Custom().decode(request, orjson.dumps({"predictions": predictions}))

    assert outcome == Answer(value=value)


def test_a_custom_endpoint_is_asked_in_the_custom_format_however_it_was_made() -> None:
    made = Endpoint(name="ner", task="custom", provider="openai", base_url="http://h")

    assert isinstance(adapter_for(made), Custom)
    assert made.provider == "custom"
