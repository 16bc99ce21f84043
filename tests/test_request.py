"""The key by which an answer is remembered."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from airquery.endpoints.endpoint import Endpoint, Limits
from airquery.request import MARK, Request, around_input


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Format


CHAT = Endpoint(name="a", task="chat", base_url="http://h/v1", model="m", revision="r1")
CUSTOM = Endpoint(name="b", task="custom", base_url="http://h", model="ner")


def test_the_key_of_a_chat_request_never_changes() -> None:
    request = Request(
        endpoint=CHAT,
        input="What?",
        parameters={"max_tokens": 10},
        response_format={"type": "json_object"},
    )

    assert request.key.hex() == "f6875b69ecacc049026603b6189bb6d8fd34ea5f200d3738a1578a60e323e30b"


def test_the_key_of_a_custom_request_never_changes() -> None:
    request = Request(endpoint=CUSTOM, input={"text": "What?"})

    assert request.key.hex() == "f19d27337da66143d7f99f9a0ee81631498a446c45bc0453fd9be0d57617384b"


def test_another_api_is_asked_another_question() -> None:
    other = replace(CHAT, api="responses")

    assert Request(endpoint=CHAT, input="").key != Request(endpoint=other, input="").key


@pytest.mark.parametrize("format_", ["dataframe_records", "instances", "inputs"])
def test_another_format_is_asked_another_question(format_: Format) -> None:
    other = replace(CUSTOM, format=format_)

    assert Request(endpoint=CUSTOM, input=1).key != Request(endpoint=other, input=1).key


def test_how_many_inputs_go_at_once_does_not_matter() -> None:
    other = replace(CHAT, limits=Limits(inputs_per_request=1))

    assert Request(endpoint=CHAT, input="").key == Request(endpoint=other, input="").key


def test_an_answer_among_others_is_another_one_whoever_the_others_are() -> None:
    keys = {n: Request(endpoint=CHAT, input="", rows_per_prompt=n).key for n in (1, 2, 8)}

    assert keys[1] == Request(endpoint=CHAT, input="").key
    assert len(set(keys.values())) == 3


def test_an_id_that_is_only_recorded_asks_no_new_question() -> None:
    plain = Request(endpoint=CHAT, input="", parameters={"max_tokens": 5})
    noted = {"max_tokens": 5, "client_request_id": "run 7", "usage_context": {"team": "a"}}

    assert Request(endpoint=CHAT, input="", parameters=noted).key == plain.key


def test_two_custom_models_of_one_host_are_two_even_without_a_model() -> None:
    one, other = (Endpoint(name=name, task="custom", base_url="http://h") for name in ("a", "b"))

    assert Request(endpoint=one, input=1).key != Request(endpoint=other, input=1).key


def test_what_stands_around_the_input_may_be_worked_out_once() -> None:
    parameters: dict[str, object] = {"temperature": 0.0}
    alike = Request(endpoint=CHAT, input="", system="Be brief.", parameters=parameters)
    around = around_input(alike)

    for asked in ("text", 'a "quoted" one', {"messages": [{"role": "user", "content": "x"}]}, 5):
        slow = Request(endpoint=CHAT, input=asked, system="Be brief.", parameters=parameters)
        quick = Request(
            endpoint=CHAT, input=asked, system="Be brief.", parameters=parameters, around=around
        )
        assert quick.key == slow.key
    assert around_input(Request(endpoint=CHAT, input="", system=MARK)) is None
