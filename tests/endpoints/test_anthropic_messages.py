from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from airquery.answer import Answer, Failure
from airquery.endpoints.anthropic_messages import AnthropicMessages
from airquery.endpoints.endpoint import Endpoint
from airquery.endpoints.failures import read_failure
from airquery.errors import StatementError
from airquery.request import Image, Request


ENDPOINT = Endpoint(
    name="claude", task="chat", provider="anthropic", base_url="http://h", model="m"
)
PICTURE = Image(media_type="image/jpeg", data=b"\xff\xd8\xff")
SCHEMA = {"type": "object", "properties": {"label": {"type": "string"}}, "required": ["label"]}
JSON_SCHEMA: dict[str, object] = {
    "type": "json_schema",
    "json_schema": {"name": "my schema!", "schema": SCHEMA, "strict": True},
}


def body_of(request: Request) -> dict[str, object]:
    body = orjson.loads(AnthropicMessages().encode(request).body)
    assert isinstance(body, dict)
    return body


def sent(asked: object, **parameters: object) -> dict[str, object]:
    return body_of(Request(endpoint=ENDPOINT, input=asked, parameters=parameters))


def decoded(
    *content: object, stop_reason: str = "end_turn", shape: dict[str, object] | None = None
) -> Answer | Failure:
    body = {"type": "message", "content": list(content), "stop_reason": stop_reason}
    request = Request(endpoint=ENDPOINT, input="", response_format=shape)
    return AnthropicMessages().decode(request, orjson.dumps(body))


@pytest.mark.parametrize("base_url", ["http://h", "http://h/", "http://h/v1", "http://h/v1/"])
def test_the_base_url_may_end_in_v1(base_url: str) -> None:
    request = Request(endpoint=replace(ENDPOINT, base_url=base_url), input="Hello")

    assert AnthropicMessages().encode(request).url == "http://h/v1/messages"


def test_the_system_message_of_a_struct_stands_at_the_top() -> None:
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
    ]

    assert sent({"messages": messages}, max_tokens=7.0, top_k=5) == {
        "model": "m",
        "max_tokens": 7,
        "top_k": 5,
        "system": "Be brief.",
        "messages": [{"role": "user", "content": [{"type": "text", "text": "Hello"}]}],
    }


@pytest.mark.parametrize(
    "messages",
    [
        [{"role": "user", "content": "Hello"}, {"role": "system", "content": "Be brief."}],
        [{"role": "system", "content": "Be brief."}, {"role": "system", "content": "Rhyme."}],
        [{"role": "system", "content": [{"type": "image"}]}, {"role": "user", "content": "Hello"}],
    ],
)
def test_a_system_message_stands_once_first_as_text(messages: list[object]) -> None:
    with pytest.raises(StatementError, match="takes the system role once, first, as text"):
        sent({"messages": messages})


def test_pictures_are_blocks_of_the_last_message_of_the_user() -> None:
    messages = [
        {"role": "user", "content": "Hello"},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}]},
        {"role": "assistant", "content": "It is"},
    ]
    request = Request(endpoint=ENDPOINT, input={"messages": messages}, files=(PICTURE,))
    image = {
        "type": "image",
        "source": {"type": "base64", "media_type": "image/jpeg", "data": "/9j/"},
    }

    assert body_of(request)["messages"] == [
        {"role": "user", "content": "Hello"},
        {"role": "user", "content": [{"type": "text", "text": "What is it?"}, image]},
        {"role": "assistant", "content": "It is"},
    ]


def test_a_picture_without_text_stands_alone() -> None:
    request = Request(endpoint=ENDPOINT, input="", files=(PICTURE,))

    assert orjson.dumps(body_of(request)["messages"]).count(b'"type":"text"') == 0


def test_a_picture_of_a_struct_may_be_an_address() -> None:
    content = [{"type": "image_url", "image_url": "https://h/a.png"}]

    assert sent({"messages": [{"role": "user", "content": content}]})["messages"] == [
        {
            "role": "user",
            "content": [{"type": "image", "source": {"type": "url", "url": "https://h/a.png"}}],
        }
    ]


def test_stops_are_a_list_under_their_own_name() -> None:
    assert sent("Hello", stop=["a", "b"])["stop_sequences"] == ["a", "b"]
    assert sent("Hello", stop_sequences=["a"])["stop_sequences"] == ["a"]
    assert "stop" not in sent("Hello", stop="a")


def test_a_json_schema_is_a_tool_that_has_to_be_called() -> None:
    request = Request(endpoint=ENDPOINT, input="Hello", response_format=JSON_SCHEMA)

    body = body_of(request)

    assert body["tools"] == [
        {"name": "my_schema_", "description": "Give the answer.", "input_schema": SCHEMA}
    ]
    assert body["tool_choice"] == {
        "type": "tool",
        "name": "my_schema_",
        "disable_parallel_tool_use": True,
    }


def test_a_json_object_is_a_tool_that_takes_any() -> None:
    request = Request(endpoint=ENDPOINT, input="Hello", response_format={"type": "json_object"})

    assert body_of(request)["tools"] == [
        {"name": "answer", "description": "Give the answer.", "input_schema": {"type": "object"}}
    ]


def test_plain_text_as_a_format_asks_for_nothing() -> None:
    request = Request(endpoint=ENDPOINT, input="Hello", response_format={"type": "text"})

    assert "tools" not in body_of(request)


def test_a_schema_that_is_no_object_is_refused() -> None:
    shape: dict[str, object] = {
        "type": "json_schema",
        "json_schema": {"name": "s", "schema": {"type": "array"}},
    }

    with pytest.raises(StatementError) as refused:
        body_of(Request(endpoint=ENDPOINT, input="Hello", response_format=shape))

    assert str(refused.value) == (
        "[AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT.JSON_STRING] Endpoint 'claude': the schema of "
        "responseFormat must have type object at its top. Put what it describes into a property. "
        "SQLSTATE: 0A000"
    )


def test_the_input_of_the_call_is_the_answer() -> None:
    said = {"type": "text", "text": "Here it is."}
    call = {"type": "tool_use", "id": "toolu_1", "name": "my_schema_", "input": {"label": "good"}}

    outcome = decoded(said, call, stop_reason="tool_use", shape=JSON_SCHEMA)

    assert outcome == Answer(value='{"label":"good"}', finish_reason="stop")


def test_without_the_call_the_text_is_the_answer() -> None:
    said = {"type": "text", "text": '{"label": "good"}'}

    outcome = decoded(said, shape=JSON_SCHEMA)

    assert outcome == Answer(value='{"label": "good"}', finish_reason="stop")


def test_a_call_that_was_cut_off_is_not_taken_for_an_answer() -> None:
    call = {"type": "tool_use", "id": "toolu_1", "name": "my_schema_", "input": {}}

    outcome = decoded(call, stop_reason="max_tokens", shape=JSON_SCHEMA)

    assert isinstance(outcome, Failure)
    assert outcome.message.endswith("stop_reason 'max_tokens'. Raise max_tokens.")
    assert not outcome.retryable


@pytest.mark.parametrize(
    ("stop_reason", "finish_reason"),
    [
        ("end_turn", "stop"),
        ("stop_sequence", "stop"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("pause_turn", "pause_turn"),
    ],
)
def test_why_it_ended_is_said_as_chat_says_it(stop_reason: str, finish_reason: str) -> None:
    outcome = decoded({"type": "text", "text": "A"}, stop_reason=stop_reason)

    assert outcome == Answer(value="A", finish_reason=finish_reason)


def test_a_refusal_is_withheld_also_if_it_began_to_speak() -> None:
    outcome = decoded({"type": "text", "text": "Well"}, stop_reason="refusal")

    assert isinstance(outcome, Failure)
    assert outcome.message.endswith("sent a refusal.")
    assert not outcome.retryable


def test_nothing_said_until_the_end_is_empty_text() -> None:
    assert decoded() == Answer(value="", finish_reason="stop")


def test_only_thoughts_before_the_limit_are_not_asked_for_again() -> None:
    outcome = decoded({"type": "thinking", "thinking": "Hm."}, stop_reason="max_tokens")

    assert isinstance(outcome, Failure)
    assert not outcome.retryable


def test_overload_may_pass() -> None:
    body = b'{"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}'

    failure = read_failure(ENDPOINT, status=529, headers={}, body=body, now=0.0)

    assert failure.message == (
        "Endpoint 'claude' answered with HTTP 529 and said: overloaded_error: Overloaded."
    )
    assert failure.retryable
