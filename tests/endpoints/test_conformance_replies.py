"""What every wire format must make of a reply, run against all of them."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest

from airquery.answer import Answer, Failure, Usage
from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.failures import read_failure
from tests.endpoints.test_conformance import assert_no_secret
from tests.endpoints.wires import HEADER, KEY, WIRES


if TYPE_CHECKING:
    from tests.endpoints.wires import Wire


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
    b'{"choices": [{"message": {"content": "\xff"}, "text": "\xff"}]}',
    b'{"choices": []}',
    b'{"choices": null, "data": null, "predictions": null, "outputs": null}',
    b'{"choices": {}, "data": {}, "predictions": {}, "output": {}, "content": {}}',
    b'{"choices": [null], "data": [null], "predictions": [], "output": [null], "content": [null]}',
    b'{"choices": [{"message": {}, "index": 0, "finish_reason": null}], "id": null}',
    b'{"predictions": [1, 2]}',
    b'{"predictions": "text"}',
    b'{"outputs": []}',
    b'{"predictions": [' + b"[" * 500 + b"]" * 500 + b"]}",
    b'{"error": {"message": "overloaded", "type": "server_error"}}',
    b'{"output": [], "status": "completed"}',
    b'{"output": [{"type": "reasoning", "summary": []}], "status": "in_progress"}',
    b'{"output": "text", "status": []}',
    b'{"output": [{"type": "message", "content": "text"}], "status": "completed"}',
    b'{"content": [], "stop_reason": null}',
    b'{"content": "text", "stop_reason": "end_turn"}',
    b'{"content": [{"type": "thinking", "thinking": "Hm."}], "stop_reason": "end_turn"}',
    b'{"content": [{"type": "tool_use", "input": null}], "stop_reason": "tool_use"}',
]
# For a custom model these are one row of columns.
NO_ANSWERS_BUT_COLUMNS = [
    b'{"choices": [{"message": {"content": null}, "text": null}]}',
    b'{"choices": [{"message": {"content": 3}, "text": 3}]}',
    b'{"choices": [{"message": {"content": []}, "text": []}]}',
    b'{"choices": [{"message": {"content": [{"type": "image"}, 4, null]}}]}',
    b'{"choices": [{"message": "text"}]}',
    b'{"data": [{"index": 0, "embedding": []}]}',
    b'{"data": [{"index": 0, "embedding": "Zm9v"}]}',
    b'{"data": [{"index": 0, "embedding": [1.0, null]}]}',
    b'{"data": [{"index": 0, "embedding": [1.0, true]}]}',
    b'{"data": [{"index": 0, "embedding": [1.0, "2"]}]}',
    b'{"content": [{"type": "text", "text": null}]}',
    b'{"output": [{"type": "message", "content": [{"type": "output_text", "text": 3}]}]}',
]
NOT_EVEN_JSON = [
    b'{"data": [{"index": 0, "embedding": [1e999]}]}',
    b'{"data": [{"index": 0, "embedding": [NaN]}]}',
    b'{"data": [{"embedding": [1.0]}, {"embedding": [2.0]}]}',
]
CASES = [
    pytest.param(wire, body, id=f"{wire.name} {body[:60].decode('latin-1')}")
    for wire in WIRES
    for body in [
        *NO_ANSWERS,
        *NOT_EVEN_JSON,
        *([] if wire.task == "custom" else NO_ANSWERS_BUT_COLUMNS),
    ]
]
# The shapes a serving platform's failures come in, and what of each is said.
ERRORS = [
    (
        b'{"error_code": "BAD_REQUEST", "message": "no such model", "details": [{"a": 1}]}',
        "said: BAD_REQUEST: no such model.",
    ),
    (b'{"error": "no such model"}', "said: no such model."),
    (
        b'{"schemas": ["urn:scim:api:messages:2.0:Error"], "detail": "no such model"}',
        "said: no such model.",
    ),
    (b"BAD_REQUEST: no such model", "said: BAD_REQUEST: no such model."),
    (b"<html><body><h1>no such model</h1></body></html>", "said: no such model."),
    (b"", "said nothing."),
    (
        b'{"error": {"message": "too fast", "type": "rate_limit_exceeded", "code": 429}}',
        "said: rate_limit_exceeded: too fast.",
    ),
    (
        b'{"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}',
        "said: overloaded_error: Overloaded.",
    ),
]
KEPT = {"choices", "data", "predictions", "output", "status", "content", "stop_reason"}
RUBBISH: list[object] = [None, True, 0, -1, 2**63, 1.5, "", "text", [], {}, [[]], {"": None}]


def decoded(wire: Wire, body: bytes) -> Answer | Failure:
    request = wire.request()
    return adapter_for(request.endpoint).decode(request, body)


def test_the_documented_reply_is_read(wire: Wire) -> None:
    assert decoded(wire, orjson.dumps(wire.reply)) == wire.answer


def test_a_reply_without_usage_model_or_id_is_read(wire: Wire) -> None:
    bare = {key: value for key, value in wire.reply.items() if key in KEPT}

    answer = decoded(wire, orjson.dumps({**bare, "usage": None, "model": None, "id": 5}))

    assert answer == replace(wire.answer, usage=Usage(), model=None, request_id=None)


@pytest.mark.parametrize(
    "usage",
    [
        [],
        "7",
        {"prompt_tokens": "7", "completion_tokens": -1, "prompt_tokens_details": [1]},
        {"prompt_tokens": True, "completion_tokens": None, "completion_tokens_details": 7},
        {"prompt_tokens": 2**63, "completion_tokens": 1e300},
        {"prompt_tokens_details": {"cached_tokens": "4"}},
        {"input_tokens": "7", "output_tokens": -1, "input_tokens_details": [1]},
        {"input_tokens": 2**63, "output_tokens": 1e300, "output_tokens_details": None},
        {"cache_read_input_tokens": "4", "cache_creation_input_tokens": {}},
    ],
)
def test_usage_that_is_no_count_counts_as_none(wire: Wire, usage: object) -> None:
    answer = decoded(wire, orjson.dumps({**wire.reply, "usage": usage}))

    assert answer == replace(wire.answer, usage=Usage())


@pytest.mark.parametrize(("wire", "body"), CASES)
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


@pytest.mark.parametrize(("body", "said"), ERRORS)
def test_every_shape_of_a_failure_is_read(wire: Wire, body: bytes, said: str) -> None:
    endpoint = wire.request().endpoint

    failure = read_failure(endpoint, status=529, headers={}, body=body, now=0.0)

    assert failure.message.endswith(said)
    assert failure.retryable
    assert failure.raw == (body.decode() or None)


@pytest.mark.parametrize("body", [body for body, _ in ERRORS])
def test_a_failure_that_comes_as_a_success_is_no_answer(wire: Wire, body: bytes) -> None:
    outcome = decoded(wire, body)

    assert isinstance(outcome, Failure)
    assert outcome.retryable
    assert outcome.raw == (body.decode() or None)


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


def test_half_a_character_pair_loses_no_answer(wire: Wire) -> None:
    """A model that stops inside an emoji makes its server write an escape that JSON refuses."""
    whole = orjson.dumps({**wire.reply, "model": "m #", "id": "a \\ud83d#"})

    outcome = decoded(wire, whole.replace(b"#", b"\\ud83d"))

    assert outcome == replace(wire.answer, model="m \ufffd", request_id="a \\ud83d\ufffd")


def test_whatever_json_comes_back_ends_as_an_outcome(wire: Wire) -> None:
    """Replace parts of the documented reply at random, thirteen thousand replies in all."""
    chance = random.Random(20261121)  # noqa: S311 - a reproducible test
    for _ in range(1_000):
        reply = mutated(wire.reply, chance)

        outcome = decoded(wire, orjson.dumps(reply))

        assert isinstance(outcome, Answer | Failure)
        assert str(outcome)


def mutated(value: object, chance: random.Random) -> object:
    """Return the value with about every eighth part replaced by rubbish."""
    if chance.random() < 0.12:
        return chance.choice(RUBBISH)
    if isinstance(value, dict):
        return {key: mutated(part, chance) for key, part in value.items() if chance.random() > 0.05}
    if isinstance(value, list):
        return [mutated(part, chance) for part in value] * chance.choice([0, 1, 1, 1, 2])
    return value
