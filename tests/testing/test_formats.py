"""The scripted endpoint answers in every wire format."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import orjson
import pytest

from airquery.answer import Answer, Failure, Usage
from airquery.endpoints.adapters import adapter_for, many_adapter_for
from airquery.request import Request
from airquery.testing import EndpointServer, Reply
from tests.testing.test_server import ask, value


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Endpoint, Format, Task


RESPONSES = {"api": "responses"}
ANTHROPIC = {"provider": "anthropic"}
DATABRICKS = {"provider": "databricks"}
SCHEMA = {
    "type": "object",
    "properties": {"label": {"enum": ["good", "bad"]}, "why": {"type": "string"}},
    "required": ["label", "why"],
}
JSON_SCHEMA: dict[str, object] = {
    "type": "json_schema",
    "json_schema": {"name": "s", "schema": SCHEMA},
}


def many(
    endpoint: Endpoint, *texts: str, **parameters: object
) -> list[Answer | Failure] | httpx.Response:
    """Ask for several embeddings at once; return a reply that is no success as it is."""
    adapter = many_adapter_for(endpoint)
    assert adapter is not None
    asked = [Request(endpoint=endpoint, input=text, parameters=parameters) for text in texts]
    sent = adapter.encode_many(asked)
    reply = httpx.post(sent.url, headers=dict(sent.headers), content=sent.body)
    if not reply.is_success:
        return reply
    found = adapter.decode_many(asked, reply.content)
    assert isinstance(found, list)
    return [outcome for outcome, _ in found]


@pytest.mark.parametrize(
    ("task", "fields"),
    [
        ("chat", RESPONSES),
        ("chat", ANTHROPIC),
        ("chat", DATABRICKS),
        ("completions", DATABRICKS),
    ],
)
def test_every_format_of_text_echoes(task: Task, fields: dict[str, Any]) -> None:
    with EndpointServer() as server:
        answer = ask(server.endpoint("llm", task, **fields), "What is it?")

    assert isinstance(answer, Answer)
    assert (answer.value, answer.finish_reason) == ("What is it?", "stop")
    assert answer.usage == Usage(prompt_tokens=3, completion_tokens=3)


@pytest.mark.parametrize("fields", [{}, RESPONSES, ANTHROPIC, DATABRICKS])
def test_every_chat_format_answers_a_response_format(fields: dict[str, Any]) -> None:
    with EndpointServer() as server:
        endpoint = server.endpoint(**fields)
        request = Request(endpoint=endpoint, input="text", response_format=JSON_SCHEMA)
        loose = replace(request, response_format={"type": "json_object"})
        answers = [whole(request), whole(loose)]

    assert answers == ['{"label":"good","why":""}', '{"echo":"text"}']


def whole(request: Request) -> object:
    """Send a request and return the value that the same request reads from the reply."""
    adapter = adapter_for(request.endpoint)
    sent = adapter.encode(request)
    reply = httpx.post(sent.url, headers=dict(sent.headers), content=sent.body)
    outcome = adapter.decode(request, reply.content)
    assert isinstance(outcome, Answer)
    return outcome.value


@pytest.mark.parametrize("fields", [{}, RESPONSES, ANTHROPIC, DATABRICKS])
def test_an_own_answer_is_framed_for_every_chat_format(fields: dict[str, Any]) -> None:
    with EndpointServer(answer=lambda _: '{"label": "bad"}') as server:
        endpoint = server.endpoint(**fields)
        plain = Request(endpoint=endpoint, input="text")
        shaped = Request(endpoint=endpoint, input="text", response_format=JSON_SCHEMA)

        assert [orjson.loads(str(whole(one))) for one in (plain, shaped)] == [
            {"label": "bad"},
            {"label": "bad"},
        ]


@pytest.mark.parametrize("format_", ["dataframe_split", "dataframe_records", "instances", "inputs"])
@pytest.mark.parametrize("provider", ["custom", "databricks"])
def test_a_custom_model_gives_its_row_back_in_every_format(format_: Format, provider: str) -> None:
    with EndpointServer() as server:
        endpoint = server.endpoint("ner", "custom", provider=provider, format=format_)
        answers = [value(endpoint, {"a": 1, "b": "x"}), value(endpoint, "text")]
        paths = {request.path for request in server.requests}

    unnamed = "text" if format_ in {"instances", "inputs"} else {"input": "text"}
    assert answers == [{"a": 1, "b": "x"}, unnamed]
    assert paths == {"/serving-endpoints/ner/invocations"}


@pytest.mark.parametrize("fields", [{}, DATABRICKS])
def test_an_embedding_is_the_same_alone_and_among_others(fields: dict[str, Any]) -> None:
    with EndpointServer() as server:
        endpoint = server.endpoint("vectors", "embeddings", **fields)
        alone = [value(endpoint, text) for text in ("a", "b b", "a")]
        among = many(endpoint, "a", "b b", "a")
        short = many(endpoint, "a", dimensions=3)

    assert isinstance(among, list)
    assert isinstance(short, list)
    assert [one.value for one in among if isinstance(one, Answer)] == alone
    assert alone[0] == alone[2] != alone[1]
    assert [len(one.value) for one in short if isinstance(one, Answer)] == [3]  # type: ignore[arg-type]  # a vector
    assert sum(one.usage.prompt_tokens for one in among if isinstance(one, Answer)) == 4


def test_an_own_answer_is_asked_once_an_input() -> None:
    def length(body: Any) -> object:
        (text,) = body["input"]
        return [len(text)]

    with EndpointServer(answer=length) as server:
        found = many(server.endpoint(task="embeddings"), "a", "bcd")

    assert isinstance(found, list)
    assert [one.value for one in found if isinstance(one, Answer)] == [[1.0], [3.0]]


@pytest.mark.parametrize(
    ("reply", "statuses"),
    [(Reply(status=503, body="busy"), {503: 1}), (Reply.stall(0.01), {200: 1})],
)
def test_an_own_reply_to_one_input_is_the_reply_to_all(
    reply: Reply, statuses: dict[int, int]
) -> None:
    def answer(body: Any) -> object:
        return reply if body["input"] == ["b"] else [1]

    with EndpointServer(answer=answer) as server:
        found = many(server.endpoint(task="embeddings"), "a", "b")
        counted = server.statuses

    assert counted == statuses
    if isinstance(found, list):
        assert [len(one.value) for one in found if isinstance(one, Answer)] == [8, 8]  # type: ignore[arg-type]  # vectors
    else:
        assert found.text == "busy"


@pytest.mark.parametrize("fields", [{}, RESPONSES, ANTHROPIC, DATABRICKS])
def test_only_its_key_is_let_in_however_the_format_sends_it(fields: dict[str, Any]) -> None:
    with EndpointServer(api_key="a-key-of-this-test") as server:
        endpoint = server.endpoint(**fields)
        stranger = ask(replace(endpoint, api_key=None), "text")

        assert value(endpoint, "text") == "text"

    assert isinstance(stranger, Failure)
    assert stranger.http_status == 401


def test_a_message_without_its_limit_is_refused() -> None:
    with EndpointServer() as server:
        reply = httpx.post(f"{server.url}/v1/messages", json={"messages": [], "model": "m"})

    assert reply.status_code == 400
    assert "max_tokens: Field required." in reply.text


@pytest.mark.parametrize("path", ["/serving-endpoints/x/invocations", "/v1/nothing"])
def test_what_has_no_format_is_not_found(path: str) -> None:
    with EndpointServer() as server:
        reply = httpx.post(f"{server.url}{path}", json={"question": "?"})

    assert reply.status_code == 404


@pytest.mark.parametrize(
    ("fields", "url"),
    [
        ({}, "/v1/chat/completions"),
        (RESPONSES, "/v1/responses"),
        (ANTHROPIC, "/v1/messages"),
        (DATABRICKS, "/serving-endpoints/llm/invocations"),
    ],
)
def test_an_endpoint_of_the_server_asks_where_its_format_does(
    fields: dict[str, Any], url: str
) -> None:
    with EndpointServer() as server:
        value(server.endpoint("llm", **fields), "text")

        assert [request.path for request in server.requests] == [url]
