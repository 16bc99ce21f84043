from __future__ import annotations

from dataclasses import replace

import orjson
import pytest

from airquery.answer import Answer, Failure
from airquery.endpoints.endpoint import Endpoint
from airquery.endpoints.openai_responses import OpenAIResponses
from airquery.request import Image, Request


ENDPOINT = Endpoint(name="llm", task="chat", api="responses", base_url="http://h/v1", model="m")
PICTURE = Image(media_type="image/png", data=b"\x89PNG")


def body_of(request: Request) -> dict[str, object]:
    body = orjson.loads(OpenAIResponses().encode(request).body)
    assert isinstance(body, dict)
    return body


def sent(asked: object, **parameters: object) -> dict[str, object]:
    return body_of(Request(endpoint=ENDPOINT, input=asked, parameters=parameters))


def decoded(*content: object, status: str = "completed", **fields: object) -> Answer | Failure:
    output = [{"type": "message", "role": "assistant", "content": list(content)}]
    body = {"status": status, "output": output, **fields}
    return OpenAIResponses().decode(Request(endpoint=ENDPOINT, input=""), orjson.dumps(body))


def text(said: str) -> dict[str, object]:
    return {"type": "output_text", "text": said}


def test_messages_become_items_and_the_system_message_the_instructions() -> None:
    messages = [
        {"role": "system", "content": [{"type": "text", "text": "Be brief."}]},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
        {"role": "user", "content": "Bye"},
    ]

    assert sent({"messages": messages}) == {
        "model": "m",
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "Hello"}]},
            {"role": "assistant", "content": [{"type": "output_text", "text": "Hi"}]},
            {"role": "user", "content": "Bye"},
        ],
    }


def test_pictures_stand_after_the_text() -> None:
    request = Request(endpoint=ENDPOINT, input="What is it?", system="Look.", files=(PICTURE,))

    assert body_of(request) == {
        "model": "m",
        "instructions": "Look.",
        "input": [
            {
                "role": "user",
                "content": [
                    {"type": "input_text", "text": "What is it?"},
                    {"type": "input_image", "image_url": "data:image/png;base64,iVBORw=="},
                ],
            }
        ],
    }


def test_a_picture_of_a_struct_keeps_its_detail_and_other_blocks_their_type() -> None:
    content = [
        {"type": "image_url", "image_url": {"url": "https://h/a.png", "detail": "low"}},
        {"type": "input_file", "file_id": "f"},
    ]

    assert sent({"messages": [{"role": "user", "content": content}]})["input"] == [
        {
            "role": "user",
            "content": [
                {"type": "input_image", "image_url": "https://h/a.png", "detail": "low"},
                {"type": "input_file", "file_id": "f"},
            ],
        }
    ]


def test_a_json_schema_is_sent_without_its_envelope() -> None:
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    format_: dict[str, object] = {
        "type": "json_schema",
        "json_schema": {"name": "s", "schema": schema, "strict": True},
    }
    request = Request(
        endpoint=ENDPOINT,
        input="Hello",
        parameters={"text": {"verbosity": "low"}},
        response_format=format_,
    )

    assert body_of(request)["text"] == {
        "verbosity": "low",
        "format": {"type": "json_schema", "name": "s", "schema": schema, "strict": True},
    }
    assert body_of(replace(request, response_format={"type": "json_object"}))["text"] == {
        "verbosity": "low",
        "format": {"type": "json_object"},
    }


def test_parameters_have_their_names_and_places() -> None:
    given = {"reasoning_effort": "low", "reasoning": {"summary": "auto"}, "logprobs": True}

    assert sent("Hello", **given, max_tokens=5.0, include=["a"], top_p=0.5, user="u") == {
        "model": "m",
        "input": [{"role": "user", "content": "Hello"}],
        "max_output_tokens": 5,
        "reasoning": {"summary": "auto", "effort": "low"},
        "include": ["a", "message.output_text.logprobs"],
        "top_p": 0.5,
        "user": "u",
    }
    assert sent("Hello", max_output_tokens=7, reasoning={"effort": "high"}, logprobs=False) == {
        "model": "m",
        "input": [{"role": "user", "content": "Hello"}],
        "max_output_tokens": 7,
        "reasoning": {"effort": "high"},
    }


def test_an_answer_that_was_cut_off_says_so() -> None:
    outcome = decoded(
        text("A data"), status="incomplete", incomplete_details={"reason": "max_output_tokens"}
    )

    assert outcome == Answer(value="A data", finish_reason="length")


@pytest.mark.parametrize(
    ("reason", "problem", "retryable"),
    [
        ("max_output_tokens", "incomplete for 'max_output_tokens'. Raise max_tokens.", False),
        ("content_filter", "incomplete for 'content_filter'.", False),
        ("something_new", "incomplete for 'something_new'.", True),
    ],
)
def test_a_response_cut_off_before_its_text_is_a_failure(
    reason: str, problem: str, retryable: bool
) -> None:
    outcome = decoded(status="incomplete", incomplete_details={"reason": reason})

    assert isinstance(outcome, Failure)
    assert outcome.message.endswith(problem)
    assert outcome.retryable is retryable


def test_a_refusal_is_not_asked_for_again() -> None:
    outcome = decoded({"type": "refusal", "refusal": "I cannot help."})

    assert isinstance(outcome, Failure)
    assert outcome.message.endswith("sent a refusal: I cannot help.")
    assert not outcome.retryable


@pytest.mark.parametrize(
    ("code", "retryable"),
    [("server_error", True), ("rate_limit_exceeded", True), ("invalid_prompt", False)],
)
def test_a_failed_response_is_no_answer_whatever_it_holds(code: str, retryable: bool) -> None:
    error = {"code": code, "message": "It broke."}

    outcome = decoded(text("half"), status="failed", error=error)

    assert isinstance(outcome, Failure)
    assert outcome.message.endswith(f"a response that is 'failed'. It said: {code}: It broke.")
    assert outcome.retryable is retryable


def test_the_text_of_several_messages_is_joined_without_calls_and_thoughts() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "message", "content": [text("one ")]},
        {"type": "web_search_call", "id": "ws_1"},
        {"type": "message", "content": [text("two")]},
    ]

    assert decoded(output=output) == Answer(value="one two", finish_reason="stop")


def test_empty_text_is_an_answer() -> None:
    assert decoded(text("")) == Answer(value="", finish_reason="stop")
