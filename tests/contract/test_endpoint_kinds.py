"""What only some kinds of endpoints have: pictures and instructions, and a published type."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

import orjson
import pytest

import airquery
from airquery.endpoints.endpoint import Endpoint
from airquery.errors import StatementError, Unreachable
from airquery.testing import EndpointServer
from tests.execute.raw_server import RawServer, framed, sends


if TYPE_CHECKING:
    from collections.abc import Callable

PICTURE = b"\x89PNG\r\n\x1a\nrest"
CODED = b64encode(PICTURE).decode()
ASKED = (
    "SELECT ai_query('vision', s, system => 'Be brief.', files => f) AS r FROM (VALUES"
    " ('What is it?', unhex('89504E470D0A1A0A') || 'rest'::BLOB), ('No picture.', NULL)) AS v(s, f)"
)
URL = f"data:image/png;base64,{CODED}"
# How an endpoint is declared, and what it must be sent.
WIRES: dict[str, tuple[dict[str, Any], Callable[[Any], object]]] = {
    "chat": (
        {},
        lambda body: (
            body["messages"]
            == [
                {"role": "system", "content": "Be brief."},
                {
                    "role": "user",
                    "content": [
                        {"type": "text", "text": "What is it?"},
                        {"type": "image_url", "image_url": {"url": URL}},
                    ],
                },
            ]
        ),
    ),
    "responses": (
        {"api": "responses"},
        lambda body: (
            body["instructions"] == "Be brief."
            and {"type": "input_image", "image_url": URL} in body["input"][-1]["content"]
        ),
    ),
    "databricks": (
        {"provider": "databricks"},
        lambda body: (
            body["messages"][0] == {"role": "system", "content": "Be brief."}
            and body["messages"][1]["content"][1]
            == {"type": "image_url", "image_url": {"url": URL}}
        ),
    ),
    "anthropic": (
        {"provider": "anthropic"},
        lambda body: (
            body["system"] == "Be brief."
            and body["messages"][-1]["content"][-1]
            == {
                "type": "image",
                "source": {"type": "base64", "media_type": "image/png", "data": CODED},
            }
        ),
    ),
}


@pytest.mark.parametrize("wire", WIRES)
def test_every_chat_format_sends_the_instruction_first_and_the_picture_after_the_text(
    settings: airquery.Settings, wire: str
) -> None:
    declared, sent = WIRES[wire]
    with EndpointServer() as server:
        registry = airquery.Registry().with_endpoints(server.endpoint("vision", **declared))
        with airquery.connect(registry=registry, settings=settings) as connection:
            table = airquery.run(connection, ASKED).table

        assert table is not None
        assert [row["r"] is None for row in table.to_pylist()] == [False, True]
        assert [sent(request.body) for request in server.requests] == [True]


def published(document: object) -> RawServer:
    return RawServer(sends(framed(orjson.dumps(document))))


def openapi(items: object) -> object:
    schema = {"properties": {"predictions": {"type": "array", "items": items}}}
    reply = {"200": {"content": {"application/json": {"schema": schema}}}}
    return {"paths": {"/serving-endpoints/ner/invocations": {"post": {"responses": reply}}}}


def type_of(settings: airquery.Settings, **fields: Any) -> str:
    endpoint = Endpoint(name="ner", task="custom", provider="databricks", **fields)
    registry = airquery.Registry().with_endpoints(endpoint)
    with airquery.connect(registry=registry, settings=settings) as connection:
        relation = connection.sql(
            "SELECT ai_query('ner', s) AS r FROM (VALUES ('x')) AS v(s) WHERE s = 'none'"
        )
        return str(relation.types[0]).replace('"', "")


def test_a_custom_model_returns_what_its_endpoint_declares(settings: airquery.Settings) -> None:
    found = type_of(settings, base_url="http://127.0.0.1:9", returns="STRUCT<a: INT, b: STRING>")

    assert found == "STRUCT(a INTEGER, b VARCHAR)"


def test_a_custom_model_returns_what_its_endpoint_publishes(settings: airquery.Settings) -> None:
    items = {"type": "object", "properties": {"label": {"type": "string"}}}
    with published(openapi(items)) as server:
        assert type_of(settings, base_url=server.url, revision="1") == "STRUCT(label VARCHAR)"


@pytest.mark.parametrize("way", ["planned", "inline"])
def test_a_published_type_that_cannot_be_read_is_refused_before_a_request(
    settings: airquery.Settings, way: str
) -> None:
    with published(openapi({"type": "picture"})) as server:
        endpoint = Endpoint(
            name="ner",
            task="custom",
            provider="databricks",
            base_url=server.url,
            revision=f"unreadable {way}",
        )
        registry = airquery.Registry().with_endpoints(endpoint)
        with airquery.connect(registry=registry, settings=settings) as connection:
            text = "AI_FUNCTION_MODEL_SCHEMA_PARSE_ERROR"
            if way == "planned":
                with pytest.raises(StatementError, match=f"{text}.*2203G"):
                    airquery.run(connection, "SELECT ai_query('ner', 'x') AS r")
            else:
                with pytest.raises(Exception, match=text):
                    connection.sql("SELECT ai_query('ner', 'x') AS r").fetchall()
        assert all(head.startswith(b"GET ") for head in server.heads)


def test_a_host_that_does_not_answer_is_said_while_the_statement_is_bound(
    settings: airquery.Settings,
) -> None:
    endpoint = Endpoint(
        name="ner", task="custom", base_url="http://127.0.0.1:9", revision="nobody there"
    )
    registry = airquery.Registry().with_endpoints(endpoint)
    with (
        airquery.connect(registry=registry, settings=settings) as connection,
        pytest.raises(Unreachable, match="could not be reached"),
    ):
        airquery.run(connection, "SELECT ai_query('ner', 'x') AS r")
