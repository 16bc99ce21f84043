"""What every wire format must do, run against all of them."""

from __future__ import annotations

import pickle
import random
from dataclasses import dataclass, field, replace

import orjson
import pytest

from airquery.answer import Answer, Failure, Usage
from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.endpoint import Endpoint, Secret, Task
from airquery.errors import StatementError
from airquery.request import Request


KEY = "sk-conformance-0123456789"
HEADER = "Token tenant-abcdefgh"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One wire format: the documented request and reply."""

    task: Task
    url: str
    body: dict[str, object]
    reply: dict[str, object]
    answer: Answer
    parameters: dict[str, object] = field(default_factory=dict)

    def request(self, asked: object = "What is DuckDB?") -> Request:
        endpoint = Endpoint(
            name="under-test",
            task=self.task,
            base_url="http://127.0.0.1:8080/v1/",
            model="my-model",
            api_key=Secret(KEY),
            headers={"X-Tenant": Secret(HEADER)},
        )
        return Request(endpoint=endpoint, input=asked, parameters=self.parameters)


WIRES = [
    Wire(
        task="chat",
        url="http://127.0.0.1:8080/v1/chat/completions",
        parameters={"max_tokens": 100, "temperature": 0.1},
        body={
            "model": "my-model",
            "messages": [{"role": "user", "content": "What is DuckDB?"}],
            "max_tokens": 100,
            "temperature": 0.1,
        },
        reply={
            "model": "my-model-2026-08-06",
            "choices": [
                {
                    "message": {"role": "assistant", "content": "A database."},
                    "index": 0,
                    "finish_reason": "stop",
                }
            ],
            "usage": {
                "prompt_tokens": 7,
                "completion_tokens": 74,
                "total_tokens": 81,
                "prompt_tokens_details": {"cached_tokens": 4},
            },
            "object": "chat.completion",
            "id": "chatcmpl-1",
            "created": 1698824353,
        },
        answer=Answer(
            value="A database.",
            usage=Usage(prompt_tokens=7, completion_tokens=74, cached_tokens=4),
            model="my-model-2026-08-06",
            finish_reason="stop",
            request_id="chatcmpl-1",
        ),
    ),
    Wire(
        task="completions",
        url="http://127.0.0.1:8080/v1/completions",
        parameters={"max_tokens": 100, "stop": ["Human:"], "extra_params": {"top_p": 0.9}},
        body={
            "model": "my-model",
            "prompt": "What is DuckDB?",
            "max_tokens": 100,
            "stop": ["Human:"],
            "extra_params": {"top_p": 0.9},
        },
        reply={
            "id": "cmpl-1",
            "object": "text_completion",
            "created": 1698809382,
            "model": "gpt-3.5-turbo-instruct",
            "choices": [
                {"text": "A database.", "index": 0, "logprobs": None, "finish_reason": "stop"}
            ],
            "usage": {"prompt_tokens": 5, "completion_tokens": 83, "total_tokens": 88},
        },
        answer=Answer(
            value="A database.",
            usage=Usage(prompt_tokens=5, completion_tokens=83),
            model="gpt-3.5-turbo-instruct",
            finish_reason="stop",
            request_id="cmpl-1",
        ),
    ),
    Wire(
        task="embeddings",
        url="http://127.0.0.1:8080/v1/embeddings",
        parameters={"dimensions": 2},
        body={"model": "my-model", "input": ["What is DuckDB?"], "dimensions": 2},
        reply={
            "object": "list",
            "data": [{"object": "embedding", "index": 0, "embedding": [0.6, -0.8, 1]}],
            "model": "text-embedding-ada-002-v2",
            "usage": {"prompt_tokens": 2, "total_tokens": 2},
        },
        answer=Answer(
            value=[0.6, -0.8, 1.0],
            usage=Usage(prompt_tokens=2),
            model="text-embedding-ada-002-v2",
        ),
    ),
    Wire(
        task="custom",
        url="http://127.0.0.1:8080/v1/serving-endpoints/my-model/invocations",
        body={"dataframe_split": {"columns": ["input"], "data": [["What is DuckDB?"]]}},
        reply={"predictions": [{"label": "POSITIVE", "score": 0.9}]},
        answer=Answer(value={"label": "POSITIVE", "score": 0.9}),
    ),
]

NO_ANSWERS = [
    b"",
    b"   ",
    b"null",
    b"true",
    b"17",
    b'"text"',
    b"[]",
    b"{}",
    b"{" * 5_000,
    b"<!doctype html><html><title>Sign in</title></html>",
    b"upstream connect error",
    b"\xff\xfe\x00\x01",
    b'{"choices": []}',
    b'{"choices": null, "data": null, "predictions": null}',
    b'{"choices": {}, "data": {}, "predictions": {}}',
    b'{"choices": [null], "data": [null], "predictions": []}',
    b'{"choices": [{"message": {}, "index": 0, "finish_reason": null}], "id": null}',
    b'{"choices": [{"message": {"content": null}, "text": null}]}',
    b'{"choices": [{"message": {"content": 3}, "text": 3}]}',
    b'{"choices": [{"message": {"content": []}, "text": []}]}',
    b'{"choices": [{"message": {"content": [{"type": "image"}, 4, null]}}]}',
    b'{"choices": [{"message": "text"}]}',
    b'{"data": [{"embedding": []}]}',
    b'{"data": [{"embedding": "Zm9v"}]}',
    b'{"data": [{"embedding": [1.0, null]}]}',
    b'{"data": [{"embedding": [1.0, true]}]}',
    b'{"data": [{"embedding": [1.0, "2"]}]}',
    b'{"data": [{"embedding": [1e999]}]}',
    b'{"data": [{"embedding": [NaN]}]}',
    b'{"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]}',
    b'{"predictions": [1, 2]}',
    b'{"predictions": "text"}',
    b'{"predictions": [' + b"[" * 500 + b"]" * 500 + b"]}",
    b'{"error": {"message": "overloaded", "type": "server_error"}}',
]

RUBBISH: list[object] = [None, True, 0, -1, 2**63, 1.5, "", "text", [], {}, [[]], {"": None}]


@pytest.fixture(params=WIRES, ids=lambda wire: wire.task)
def wire(request: pytest.FixtureRequest) -> Wire:
    chosen = request.param
    assert isinstance(chosen, Wire)
    return chosen


def decoded(wire: Wire, body: bytes) -> Answer | Failure:
    request = wire.request()
    return adapter_for(request.endpoint).decode(request, body)


def assert_no_secret(text: str) -> None:
    assert KEY not in text
    assert HEADER not in text
    assert HEADER.split()[1] not in text


def test_a_request_is_written_as_documented(wire: Wire) -> None:
    request = wire.request()

    sent = adapter_for(request.endpoint).encode(request)

    assert sent.url == wire.url
    assert orjson.loads(sent.body) == wire.body
    assert dict(sent.headers) == {
        "Accept": "application/json",
        "Authorization": f"Bearer {KEY}",
        "Content-Type": "application/json",
        "X-Tenant": HEADER,
    }


def test_without_a_key_nobody_is_authorized(wire: Wire) -> None:
    request = wire.request()
    open_request = replace_endpoint(request, api_key=None, headers={})

    sent = adapter_for(request.endpoint).encode(open_request)

    assert dict(sent.headers) == {"Accept": "application/json", "Content-Type": "application/json"}


def test_own_headers_go_before_the_usual_ones_however_they_are_spelt(wire: Wire) -> None:
    own = {"authorization": Secret("Basic dTpw"), "ACCEPT": Secret("*/*")}
    request = replace_endpoint(wire.request(), headers=own)

    sent = adapter_for(request.endpoint).encode(request)

    assert dict(sent.headers) == {
        "ACCEPT": "*/*",
        "Content-Type": "application/json",
        "authorization": "Basic dTpw",
    }


def test_the_documented_reply_is_read(wire: Wire) -> None:
    assert decoded(wire, orjson.dumps(wire.reply)) == wire.answer


def test_a_reply_without_usage_model_or_id_is_read(wire: Wire) -> None:
    bare = {key: wire.reply[key] for key in wire.reply if key in {"choices", "data", "predictions"}}

    answer = decoded(wire, orjson.dumps({**bare, "usage": None, "model": None, "id": 5}))

    assert answer == replace(wire.answer, usage=Usage(), model=None, request_id=None)


@pytest.mark.parametrize(
    "usage",
    [
        [],
        "7",
        {"prompt_tokens": "7", "completion_tokens": -1, "prompt_tokens_details": [1]},
        {"prompt_tokens": True, "completion_tokens": None},
        {"prompt_tokens": 2**63, "completion_tokens": 1e300},
        {"prompt_tokens_details": {"cached_tokens": "4"}},
    ],
)
def test_usage_that_is_no_count_counts_as_none(wire: Wire, usage: object) -> None:
    answer = decoded(wire, orjson.dumps({**wire.reply, "usage": usage}))

    assert answer == replace(wire.answer, usage=Usage())


@pytest.mark.parametrize("body", NO_ANSWERS, ids=lambda body: body[:60].decode("latin-1"))
def test_what_is_no_answer_is_a_retryable_failure(wire: Wire, body: bytes) -> None:
    outcome = decoded(wire, body)

    assert isinstance(outcome, Failure)
    assert outcome.condition == "AI_FUNCTION_INVALID_HTTP_RESPONSE"
    assert outcome.retryable
    assert "'under-test'" in str(outcome)
    assert outcome.message.endswith(".")


def test_a_truncated_reply_is_a_retryable_failure(wire: Wire) -> None:
    whole = orjson.dumps(wire.reply)

    for length in range(len(whole)):
        outcome = decoded(wire, whole[:length])

        assert isinstance(outcome, Failure)
        assert outcome.retryable


def test_an_error_inside_a_2xx_reply_is_quoted(wire: Wire) -> None:
    outcome = decoded(wire, b'{"error": {"message": "model is loading", "code": 503}}')

    assert isinstance(outcome, Failure)
    assert outcome.message.endswith("It said: model is loading.")


def test_a_failure_keeps_the_beginning_of_the_reply(wire: Wire) -> None:
    outcome = decoded(wire, b"<html>" + b"x" * 100_000)

    assert isinstance(outcome, Failure)
    assert outcome.raw == "<html>" + "x" * 1_994


def test_a_secret_that_the_server_echoes_is_not_kept(wire: Wire) -> None:
    body = orjson.dumps({"error": {"message": f"{KEY} and {HEADER} are wrong"}})

    outcome = decoded(wire, body)

    assert_no_secret(repr(outcome))


def test_no_text_of_anything_shows_a_secret(wire: Wire) -> None:
    request = wire.request()
    adapter = adapter_for(request.endpoint)
    sent = adapter.encode(request)

    for shown in (request, request.endpoint, request.endpoint.headers, sent, adapter):
        assert_no_secret(repr(shown))
        assert_no_secret(str(shown))


def test_a_refused_input_does_not_show_a_secret(wire: Wire) -> None:
    request = wire.request({})

    with pytest.raises(StatementError) as refused:
        adapter_for(request.endpoint).encode(request)

    assert refused.value.condition == "AI_FUNCTION_UNSUPPORTED_REQUEST"
    assert "'under-test'" in str(refused.value)
    assert_no_secret(str(refused.value))


@pytest.mark.parametrize(
    "name",
    ["messages", "prompt", "input", "model", "stream", "response_format", "n", "files", "Messages"],
)
def test_a_parameter_that_belongs_to_the_request_is_refused(wire: Wire, name: str) -> None:
    endpoint = wire.request().endpoint
    expected = "UNSUPPORTED_ENDPOINT_TYPE" if wire.task == "custom" else "FOUND_RESERVED"

    with pytest.raises(StatementError, match=rf"PARAMETERS\.{expected}.*'under-test'"):
        adapter_for(endpoint).check(endpoint, {name: 1})


def test_no_parameters_are_always_accepted(wire: Wire) -> None:
    endpoint = wire.request().endpoint

    assert adapter_for(endpoint).check(endpoint, {}) is None  # type: ignore[func-returns-value]  # that it returns is the claim


def test_a_response_format_is_refused_where_only_chat_has_one(wire: Wire) -> None:
    request = replace(wire.request(), response_format={"type": "json_object"})
    adapter = adapter_for(request.endpoint)

    if wire.task == "chat":
        sent = orjson.loads(adapter.encode(request).body)
        assert sent["response_format"] == {"type": "json_object"}
    else:
        with pytest.raises(StatementError, match="takes no responseFormat"):
            adapter.encode(request)


def test_an_endpoint_travels_to_another_process(wire: Wire) -> None:
    request = wire.request()

    assert pickle.loads(pickle.dumps(request)) == request  # noqa: S301 - our own bytes


def test_whatever_json_comes_back_ends_as_an_outcome(wire: Wire) -> None:
    """Replace parts of the documented reply at random, ten thousand values in all."""
    chance = random.Random(20261121)  # noqa: S311 - a reproducible test
    for _ in range(2_500):
        reply = mutated(wire.reply, chance)

        outcome = decoded(wire, orjson.dumps(reply))

        assert isinstance(outcome, Answer | Failure)
        assert str(outcome)


def replace_endpoint(request: Request, **changes: object) -> Request:
    return replace(request, endpoint=replace(request.endpoint, **changes))  # type: ignore[arg-type]  # names come from the tests


def mutated(value: object, chance: random.Random) -> object:
    """Return the value with about every eighth part replaced by rubbish."""
    if chance.random() < 0.12:
        return chance.choice(RUBBISH)
    if isinstance(value, dict):
        return {key: mutated(part, chance) for key, part in value.items() if chance.random() > 0.05}
    if isinstance(value, list):
        return [mutated(part, chance) for part in value] * chance.choice([0, 1, 1, 1, 2])
    return value
