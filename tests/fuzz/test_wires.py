"""Whatever a server sends: an answer or a failure with a message, never an exception."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, strategies as st

from airquery.answer import Answer, Failure
from airquery.endpoints import published
from airquery.endpoints.adapters import adapter_for, many_adapter_for
from airquery.endpoints.endpoint import Endpoint, OAuth, Secret
from airquery.endpoints.failures import read_failure
from airquery.endpoints.packed_answers import answers_by_id
from airquery.endpoints.told_limits import told_in_text, told_limits
from airquery.errors import StatementError
from airquery.execute.credentials import Token, read_token
from airquery.execute.reply import Reply
from tests.endpoints.test_published import document
from tests.endpoints.wires import CHAT, OPENAI_EMBEDDINGS, WIRES, Wire
from tests.fuzz.drawing import JSON, bodies, cut_and_mixed, examples


NOW = 1_800_000_000.0
HEADERS = {
    "retry-after": "120",
    "retry-after-ms": "1500.5",
    "Retry-After": "Wed, 21 Oct 2026 07:28:00 GMT",
    "x-ratelimit-remaining-requests": "59",
    "x-ratelimit-limit-requests": "60",
    "x-ratelimit-reset-requests": "1m12.5s",
    "x-ratelimit-remaining-tokens": "149984",
    "x-ratelimit-reset-tokens": "6m0s",
    "anthropic-ratelimit-input-tokens-remaining": "40",
    "anthropic-ratelimit-input-tokens-reset": "2026-01-01T00:00:00Z",
    "x-ratelimit-remaining": "0",
    "x-ratelimit-reset": "1800000100",
    "ratelimit": '"default";r=5;t=30',
    "ratelimit-policy": '"default";q=100;w=60',
    "location": "https://elsewhere.example/v1?a=b#c",
}
VALUES = (
    st.sampled_from(sorted(HEADERS.values())).flatmap(cut_and_mixed)
    | st.text(max_size=30)
    | st.sampled_from(
        [
            "nan",
            "inf",
            "-1",
            "1e999",
            "9" * 400,
            "٣",
            "1_000",
            "0x10",
            " 5 ",
            "9999-12-31T23:59:59+00:00",
            "0001-01-01T00:00:00+23:59",
            "Fri, 31 Dec 9999 23:59:59 -2359",
            "Mon, 01 Jan 0001 00:00:00 +2359",
        ]
    )
)
SOME_HEADERS = st.fixed_dictionaries({}, optional=dict.fromkeys(HEADERS, VALUES))
REFUSAL = {
    "error": {
        "message": "Rate limit reached on tokens per min (TPM): Limit 10000, Used 9000, Requested "
        "2000. Please try again in 6.5s.",
        "type": "rate_limit_exceeded",
        "code": "insufficient_quota",
        "retry_after": 5,
    },
    "detail": ["a", {"msg": "b"}],
}


def check(outcome: object) -> None:
    """An outcome says what it is, and can be written down."""
    if isinstance(outcome, Answer):
        json.dumps([outcome.value, outcome.logprobs], allow_nan=False)
        usage = outcome.usage
        counts = [usage.prompt_tokens, usage.completion_tokens]
        assert all(type(count) is int and 0 <= count < 2**53 for count in counts)
        return
    assert isinstance(outcome, Failure)
    assert outcome.message.endswith((".", "!", "?"))
    assert str(outcome).isprintable() or "\n" not in outcome.message
    check_wait(outcome.retry_after_s)


def check_wait(seconds: float | None) -> None:
    assert seconds is None or (math.isfinite(seconds) and seconds >= 0)


@pytest.mark.parametrize("wire", WIRES, ids=[wire.name for wire in WIRES])
def test_any_reply_is_an_answer_or_a_failure(wire: Wire) -> None:
    @given(bodies(wire.reply))
    @examples(12)
    def holds(body: bytes) -> None:
        check(adapter_for(wire.request().endpoint).decode(wire.request(), body))

    holds()


@given(bodies({"data": [{"index": i, "embedding": [0.5, 1]} for i in range(3)], "usage": {}}))
@examples(25)
def test_any_reply_to_several_inputs_is_one_outcome_for_each(body: bytes) -> None:
    request = OPENAI_EMBEDDINGS.request()
    adapter = many_adapter_for(request.endpoint)
    assert adapter is not None
    found = adapter.decode_many([replace(request, input=str(i)) for i in range(3)], body)

    if isinstance(found, Failure):
        check(found)
        return
    assert len(found) == 3
    for outcome, part in found:
        check(outcome)
        assert adapter_for(request.endpoint).decode(request, part) == outcome


@pytest.mark.parametrize("wire", CHAT, ids=[wire.name for wire in CHAT])
def test_any_reply_to_rows_that_share_a_prompt_is_one_outcome_for_each(wire: Wire) -> None:
    requests = [replace(wire.request(f"row {i}"), rows_per_prompt=8) for i in range(3)]
    adapter = many_adapter_for(requests[0].endpoint, rows_per_prompt=8)
    assert adapter is not None
    adapter.encode_many(requests)

    @given(bodies(wire.reply))
    @examples(12)
    def holds(body: bytes) -> None:
        found = adapter.decode_many(requests, body)
        for outcome, _ in [] if isinstance(found, Failure) else found:
            check(outcome)
        assert isinstance(found, Failure) or len(found) == 3

    holds()


@given(
    cut_and_mixed(
        'Sure:\n```json\n[{"id": "a1", "answer": "x"}, {"id": "b2", "answer": [1.5]}]\n```'
    )
)
@examples(40)
def test_any_text_with_answers_by_their_ids_is_read_or_is_none(text: str) -> None:
    found = answers_by_id(text)
    assert found is None or all(isinstance(name, str) for name in found)


@given(st.integers(100, 599), SOME_HEADERS, bodies(REFUSAL))
@examples(50)
def test_any_refusal_is_a_failure_that_waits_for_a_finite_time(
    status: int, headers: dict[str, str], body: bytes
) -> None:
    endpoint = WIRES[0].request().endpoint
    check(read_failure(endpoint, status=status, headers=headers, body=body, now=NOW))
    for told in (*told_limits(headers, now=NOW), *told_in_text(body.decode("utf-8", "replace"))):
        check_wait(told.reset_s)
        assert told.remaining >= 0
        assert told.limit is None or told.limit > 0


@given(bodies({"access_token": "t-1", "expires_in": 3600, "token_type": "Bearer"}))
@examples(40)
def test_any_reply_to_a_request_for_a_token_is_a_token_or_a_failure(body: bytes) -> None:
    oauth = OAuth(client_id="c", client_secret=Secret("s-0123"), token_url="http://h/t")
    endpoint = Endpoint(name="llm", task="chat", base_url="http://h", model="m", oauth=oauth)
    found = read_token(
        endpoint, oauth, Reply(status=200, headers={}, body=body), began=5.0, now=NOW
    )

    if isinstance(found, Token):
        assert found.renew_at >= 5.0
        assert not math.isnan(found.renew_at)
    else:
        check(found)


ITEMS = {
    "anyOf": [{"type": "null"}, {"$ref": "#/components/schemas/Row"}],
}
ROW = {
    "type": "object",
    "properties": {
        "a": {"type": ["number", "null"]},
        "b": {"type": "array", "items": {"type": "string"}},
    },
}


@given(
    bodies(document(ITEMS, components={"schemas": {"Row": ROW}}))
    | JSON.map(document).map(json.dumps).map(str.encode)
)
@examples(40)
def test_any_published_document_is_a_type_or_an_error_of_ours(body: bytes) -> None:
    endpoint = Endpoint(name="m", task="custom", base_url="http://h")
    found: Any
    try:
        found = published.read(endpoint, body)
    except StatementError as problem:
        found = str(problem)
    assert found
