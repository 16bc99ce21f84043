"""From a published OpenAPI document to the type of an answer."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import orjson
import pytest

from airquery.endpoints import published
from airquery.endpoints.endpoint import Endpoint, Secret
from airquery.errors import StatementError


if TYPE_CHECKING:
    from airquery.output.structure import Structure

ENDPOINT = Endpoint(
    name="ner", task="custom", base_url="https://h:8443", model="my model", api_key=Secret("k-hush")
)


def document(items: object, **more: object) -> dict[str, object]:
    schema = {
        "type": "object",
        "properties": {"predictions": {"type": "array", "items": items}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "ner", "version": "1"},
        "paths": {
            "/serving-endpoints/ner/invocations": {
                "post": {
                    "requestBody": {"content": {"application/json": {"schema": {"oneOf": []}}}},
                    "responses": {
                        "200": {
                            "description": "Successful operation",
                            "content": {"application/json": {"schema": schema}},
                        }
                    },
                }
            }
        },
        **more,
    }


@pytest.mark.parametrize(
    ("items", "structure"),
    [
        ({"type": "string"}, "VARCHAR"),
        ({"type": "integer", "format": "int32"}, "BIGINT"),
        ({"type": "number", "format": "double"}, "DOUBLE"),
        ({"type": "boolean"}, "BOOLEAN"),
        ({"type": ["string", "null"]}, "VARCHAR"),
        ({"anyOf": [{"type": "number"}, {"type": "null"}]}, "DOUBLE"),
        ({"type": "array", "items": {"type": "number"}}, ["DOUBLE"]),
        ({"type": "object"}, "JSON"),
        (
            {
                "type": "object",
                "properties": {
                    "label": {"type": "string"},
                    "scores": {"type": "array", "items": {"type": "number"}},
                    "span": {"type": "object", "properties": {"from": {"type": "integer"}}},
                },
            },
            {"label": "VARCHAR", "scores": ["DOUBLE"], "span": {"from": "BIGINT"}},
        ),
        ({"$ref": "#/components/schemas/Row"}, {"label": "VARCHAR"}),
    ],
)
def test_a_schema_becomes_a_type(items: object, structure: Structure) -> None:
    row = {"type": "object", "properties": {"label": {"type": "string"}}}
    body = orjson.dumps(document(items, components={"schemas": {"Row": row}}))

    assert published.read(ENDPOINT, body) == structure


NO_PATH = "no POST path ending in /invocations has a JSON reply with a schema"
CIRCLE = {"type": "array", "items": {"$ref": "#/x"}}


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"", NO_PATH),
        (b"<html>", NO_PATH),
        (b"[]", NO_PATH),
        (b"{}", NO_PATH),
        (b'{"paths": {"/x/invocations": {"get": {}}}}', NO_PATH),
        (b'{"paths": {"/x/invocations": {"post": {"responses": {"200": {}}}}}}', NO_PATH),
        (document({"type": "null"}), "predictions has type 'null', which no value here can have"),
        (document({"type": "date"}), "predictions has type 'date', which no value here can have"),
        (document({}), "predictions has type None, which no value here can have"),
        (
            document({"type": ["string", "number"]}),
            "predictions has type ['string', 'number'], which no value here can have",
        ),
        (
            document({"type": "object", "properties": {"a": {"type": "array"}}}),
            "predictions.a[] has type None, which no value here can have",
        ),
        (document({"oneOf": [{"type": "string"}, {"type": "number"}]}), "of several types"),
        (document({"$ref": "#/no/where"}), "it refers to '#/no/where', which is not in it"),
        (document({"$ref": "#/x"}, x={"$ref": "#/x"}), "it refers to itself in a circle"),
        (document({"$ref": "#/x"}, x=CIRCLE), "is nested without end"),
    ],
)
def test_a_document_that_cannot_be_read_is_named_with_the_mend(
    body: bytes | dict[str, object], why: str
) -> None:
    content = body if isinstance(body, bytes) else orjson.dumps(body)

    with pytest.raises(StatementError) as refused:
        published.read(ENDPOINT, content)

    assert refused.value.condition == "AI_FUNCTION_MODEL_SCHEMA_PARSE_ERROR"
    assert str(refused.value).startswith(
        "[AI_FUNCTION_MODEL_SCHEMA_PARSE_ERROR] Endpoint 'ner' publishes a schema that cannot be "
        "read: "
    )
    assert why in str(refused.value)
    assert "returnType => " in str(refused.value)
    assert str(refused.value).endswith("SQLSTATE: 2203G")


def test_a_reply_without_predictions_is_named() -> None:
    body = orjson.dumps(document({"type": "string"})).replace(b"predictions", b"outputs")

    with pytest.raises(StatementError, match="its reply has no list 'predictions'"):
        published.read(ENDPOINT, body)


def test_a_secret_in_a_document_is_not_shown() -> None:
    with pytest.raises(StatementError) as refused:
        published.read(ENDPOINT, b'{"servers": [{"url": "https://h/?key=k-hush"}]}')

    assert "key=***" in str(refused.value)
    assert "hush" not in str(refused.value)


@pytest.mark.parametrize(
    ("base_url", "model", "url"),
    [
        (
            "https://h:8443",
            "my model",
            "https://h:8443/api/2.0/serving-endpoints/my%20model/openapi",
        ),
        ("https://h/deep/er", None, "https://h/api/2.0/serving-endpoints/ner/openapi"),
        (
            "https://h/serving-endpoints/a%2Fb/invocations",
            None,
            "https://h/api/2.0/serving-endpoints/a%2Fb/openapi",
        ),
    ],
)
def test_a_document_is_looked_for_on_the_host_of_the_endpoint(
    base_url: str, model: str | None, url: str
) -> None:
    endpoint = Endpoint(name="ner", task="custom", base_url=base_url, model=model)

    assert published.url(endpoint) == url


def test_whatever_is_published_ends_as_a_type_or_a_named_error() -> None:
    chance = random.Random(20261127)  # noqa: S311 - a reproducible test
    rubbish: list[object] = [None, True, 0, "", "object", [], {}, [None], {"type": []}, {"$ref": 5}]
    whole = document({"type": "object", "properties": {"a": {"type": "string"}}})

    def mutated(value: object) -> object:
        if chance.random() < 0.1:
            return chance.choice(rubbish)
        if isinstance(value, dict):
            return {key: mutated(part) for key, part in value.items()}
        return value

    ended = set()
    for _ in range(2_000):
        try:
            ended.add(type(published.read(ENDPOINT, orjson.dumps(mutated(whole)))).__name__)
        except StatementError as error:
            ended.add(error.condition)

    assert ended == {"dict", "str", "AI_FUNCTION_MODEL_SCHEMA_PARSE_ERROR"}
