from __future__ import annotations

import orjson
import pytest

from airquery.answer import Answer, Failure
from airquery.endpoints.endpoint import Endpoint
from airquery.endpoints.openai_chat import OpenAIChat
from airquery.errors import StatementError
from airquery.request import Image, Request


ENDPOINT = Endpoint(name="llm", task="chat", base_url="http://h/v1", model="m")


def sent(asked: object, **parameters: object) -> dict[str, object]:
    request = Request(endpoint=ENDPOINT, input=asked, parameters=parameters)
    body = orjson.loads(OpenAIChat().encode(request).body)
    assert isinstance(body, dict)
    return body


def decoded(message: object, finish_reason: str | None = None) -> Answer | Failure:
    body = {"choices": [{"message": message, "finish_reason": finish_reason}]}
    return OpenAIChat().decode(Request(endpoint=ENDPOINT, input=""), orjson.dumps(body))


def test_messages_of_a_struct_are_sent_as_they_are() -> None:
    messages = [
        {"role": "system", "content": "You are brief."},
        {"role": "user", "content": [{"type": "text", "text": "Hello"}]},
    ]

    assert sent({"messages": messages}) == {"model": "m", "messages": messages}


def test_null_fields_of_a_message_are_left_out() -> None:
    asked = {"messages": [{"role": "user", "content": "Hello", "name": None}]}

    assert sent(asked)["messages"] == [{"role": "user", "content": "Hello"}]


def test_a_null_parameter_is_left_to_the_endpoint() -> None:
    assert "max_tokens" not in sent("Hello", max_tokens=None, seed=7)
    assert sent("Hello", max_tokens=None, seed=7)["seed"] == 7


@pytest.mark.parametrize(
    ("asked", "problem"),
    [
        (None, "takes text, or a struct"),
        (3, "takes text, or a struct"),
        (["Hello"], "takes text, or a struct"),
        ({"prompt": "Hello"}, "takes text, or a struct"),
        ({"messages": []}, "takes text, or a struct"),
        ({"messages": "Hello"}, "takes text, or a struct"),
        ({"messages": [{"role": "user", "content": "Hi"}, {"role": "user"}]}, "message 2 is none"),
        ({"messages": ["Hello"]}, "message 1 is none"),
        ({"messages": [{"role": 1, "content": "Hi"}]}, "message 1 is none"),
        ({"messages": [{"role": "user", "content": ["Hi"]}]}, "message 1 is none"),
        (
            {"messages": [{"role": "user", "content": "Hi"}], "max_tokens": 5},
            "'max_tokens'. Put parameters into modelParameters",
        ),
    ],
)
def test_an_input_without_a_form_on_the_wire_is_refused(asked: object, problem: str) -> None:
    with pytest.raises(StatementError, match=problem) as refused:
        sent(asked)

    assert refused.value.condition == "AI_FUNCTION_UNSUPPORTED_REQUEST"


def test_text_blocks_are_joined_and_reasoning_is_left_out() -> None:
    content = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "text", "text": "Good "},
        {"type": "text", "text": "morning"},
    ]

    outcome = decoded({"content": content})

    assert isinstance(outcome, Answer)
    assert outcome.value == "Good morning"


def test_empty_text_is_an_answer() -> None:
    assert decoded({"content": ""}, "stop") == Answer(value="", finish_reason="stop")


@pytest.mark.parametrize(
    ("message", "finish_reason", "problem"),
    [
        ({"content": None, "refusal": "I cannot help."}, "stop", "a refusal: I cannot help."),
        ({"content": None}, "content_filter", "finish_reason 'content_filter'."),
        ({"content": None}, "length", "finish_reason 'length'. Raise max_tokens."),
    ],
)
def test_a_withheld_answer_is_not_asked_for_again(
    message: object, finish_reason: str, problem: str
) -> None:
    outcome = decoded(message, finish_reason)

    assert isinstance(outcome, Failure)
    assert outcome.message.endswith(problem)
    assert not outcome.retryable


def test_a_message_without_content_and_reason_is_asked_for_again() -> None:
    outcome = decoded({})

    assert isinstance(outcome, Failure)
    assert outcome.retryable


def test_a_system_instruction_and_pictures_stand_in_their_messages() -> None:
    pictures = (
        Image(media_type="image/png", data=b"\x89PNG"),
        Image(media_type="image/jpeg", data=b"\xff\xd8\xff"),
    )
    request = Request(endpoint=ENDPOINT, input="What is it?", system="Look.", files=pictures)

    assert orjson.loads(OpenAIChat().encode(request).body)["messages"] == [
        {"role": "system", "content": "Look."},
        {
            "role": "user",
            "content": [
                {"type": "text", "text": "What is it?"},
                {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw=="}},
                {"type": "image_url", "image_url": {"url": "data:image/jpeg;base64,/9j/"}},
            ],
        },
    ]


def test_logprobs_that_are_no_list_are_left_out() -> None:
    choice = {"message": {"content": "A"}, "logprobs": {"content": "high"}}
    body = orjson.dumps({"choices": [choice]})

    outcome = OpenAIChat().decode(Request(endpoint=ENDPOINT, input=""), body)

    assert outcome == Answer(value="A")


def test_half_a_character_pair_in_an_answer_becomes_the_replacement_character() -> None:
    body = rb'{"choices": [{"message": {"content": "\ud83d\ude00 \ude00 \\ud83d \uD83D"}}]}'

    outcome = OpenAIChat().decode(Request(endpoint=ENDPOINT, input=""), body)

    assert outcome == Answer(value="\U0001f600 \ufffd \\ud83d \ufffd")


def test_the_first_of_several_choices_is_taken() -> None:
    body = {"choices": [{"message": {"content": "one"}}, {"message": {"content": "two"}}]}

    outcome = OpenAIChat().decode(Request(endpoint=ENDPOINT, input=""), orjson.dumps(body))

    assert outcome == Answer(value="one")
