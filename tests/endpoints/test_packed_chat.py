"""Several chat requests in one prompt, in every wire format for chat."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given, strategies as st

from airquery.answer import Answer, Failure, Usage
from airquery.endpoints.adapters import adapter_for, many_adapter_for
from airquery.endpoints.endpoint import Endpoint
from airquery.endpoints.openai_chat import OpenAIChat
from airquery.endpoints.packed_answers import Told, answers_by_id
from airquery.endpoints.packed_chat import PackedChat
from airquery.endpoints.packed_prompt import ids, response_format
from airquery.endpoints.shares import usages
from airquery.request import Request
from airquery.testing.frames import chat, message, response


OPENAI = Endpoint(name="llm", task="chat", base_url="http://h/v1", model="m")
FORMATS = {
    "openai": (OPENAI, chat),
    "responses": (replace(OPENAI, api="responses"), response),
    "databricks": (replace(OPENAI, provider="databricks"), chat),
    "anthropic": (replace(OPENAI, provider="anthropic"), message),
}
PACKED = PackedChat(OpenAIChat(), salt=b"a salt of the test")


def requests(*texts: str, endpoint: Endpoint = OPENAI, **given: Any) -> list[Request]:
    fields = {"rows_per_prompt": 8, **given}
    return [Request(endpoint=endpoint, input=text, **fields) for text in texts]


def rows_of(body: dict[str, Any]) -> list[dict[str, str]]:
    """Return the rows of a prompt, in whichever format it is."""
    turns = body.get("messages") or body["input"]
    rows: list[dict[str, str]] = orjson.loads(turns[-1]["content"])["rows"]
    return rows


def read(asked: list[Request], text: str) -> list[object]:
    """Read a reply in the OpenAI format: each row's value, or None where it has failed."""
    body = {"choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    found = PACKED.decode_many(asked, orjson.dumps(body))
    assert isinstance(found, list)
    return [one.value if isinstance(one, Answer) else None for one, _ in found]


def reply(asked: list[Request], *answers: object) -> str:
    names = [row["id"] for row in rows_of(orjson.loads(PACKED.encode_many(asked).body))]
    entries = [{"id": n, "answer": a} for n, a in zip(names, answers, strict=True)]
    return orjson.dumps({"answers": entries[::-1]}).decode()


@pytest.mark.parametrize("name", FORMATS)
@pytest.mark.parametrize(
    "format_", [None, "json_object", "json_schema"], ids=["text", "object", "schema"]
)
def test_each_part_of_a_reply_means_alone_what_it_meant_among_the_others(
    name: str, format_: str | None
) -> None:
    endpoint, frame = FORMATS[name]
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}}
    wanted: dict[str, object] = {"type": format_}
    if format_ == "json_schema":
        wanted["json_schema"] = {"name": "s", "schema": schema}
    asked = requests(
        "a", "bb", "cc", endpoint=endpoint, response_format=wanted if format_ else None
    )
    packed = many_adapter_for(endpoint, rows_per_prompt=8)
    assert packed is not None
    body = orjson.loads(packed.encode_many(asked).body)
    entries = [
        {"id": row["id"], "answer": {"n": 1} if format_ else f"to {row['request']}"}
        for row in rows_of(body)
    ]

    found = packed.decode_many(asked, orjson.dumps(frame(body, {"answers": entries[:0:-1]})))

    assert isinstance(found, list)
    values = [one.value if isinstance(one, Answer) else None for one, _ in found]
    assert values == ([None, '{"n":1}', '{"n":1}'] if format_ else [None, "to bb", "to cc"])
    for request, (outcome, part) in zip(asked[1:], found[1:], strict=True):
        assert adapter_for(endpoint).decode(request, part) == outcome
        assert isinstance(outcome, Answer)
        assert (outcome.finish_reason, outcome.model) == ("stop", body.get("model"))


@pytest.mark.parametrize("name", FORMATS)
@given(
    counts=st.lists(st.integers(0, 10**6), min_size=4, max_size=4),
    text=st.text(max_size=20),
    finish=st.sampled_from(["stop", None]),
)
def test_a_written_reply_is_read_as_what_was_written(
    name: str, counts: list[int], text: str, finish: str | None
) -> None:
    adapter = adapter_for(FORMATS[name][0])
    prompt, cached, completion, reasoning = counts
    usage = Usage(
        prompt_tokens=prompt + cached,
        completion_tokens=completion + reasoning,
        cached_tokens=cached,
        reasoning_tokens=reasoning,
    )
    answer = Answer(value=text, usage=usage, model="m", finish_reason=finish, request_id="r")

    assert adapter.decode(requests("a")[0], adapter.reply(answer)) == answer  # type: ignore[attr-defined]


@given(
    total=st.lists(st.integers(0, 10**6), min_size=4, max_size=4),
    lengths=st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=1, max_size=64),
)
def test_the_parts_of_the_tokens_sum_up_and_no_part_exceeds_its_whole(
    total: list[int], lengths: list[tuple[int, int]]
) -> None:
    prompt, cached, completion, reasoning = total
    whole = Usage(
        prompt_tokens=prompt + cached,
        completion_tokens=completion + reasoning,
        cached_tokens=cached,
        reasoning_tokens=reasoning,
    )

    parts = usages(whole, asked=[a for a, _ in lengths], answered=[b for _, b in lengths])

    assert whole == Usage(
        prompt_tokens=sum(one.prompt_tokens for one in parts),
        completion_tokens=sum(one.completion_tokens for one in parts),
        cached_tokens=sum(one.cached_tokens for one in parts),
        reasoning_tokens=sum(one.reasoning_tokens for one in parts),
    )
    assert all(one.cached_tokens <= one.prompt_tokens for one in parts)
    assert all(one.reasoning_tokens <= one.completion_tokens for one in parts)


@given(texts=st.lists(st.text(max_size=10), min_size=1, max_size=64))
def test_ids_are_unlike_each_other_and_in_no_rows_text(texts: list[str]) -> None:
    asked = requests(*texts)
    known = ids(asked, salt=b"s")
    # Whoever knew them would write them into a row: then they are others.
    named = requests(*texts[:-1], " ".join(known))

    assert len(set(known)) == len(texts)
    assert ids(asked, salt=b"s") == known
    assert ids(asked, salt=b"other") != known
    assert all(name not in request.input for name in ids(named, salt=b"s") for request in named)  # type: ignore[operator]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('{"answers": []}', {}),
        ('{"answers": [{"id": "a", "answer": "x"}]}', {"a": "x"}),
        ('Well: {"answers": [{"id": "a", "answer": "x"}]} Bye.', {"a": "x"}),
        ('{ "no": 1} {"answers": [{"id": "a", "answer": 1}]}', {"a": 1}),
        ('{"answers": [{"id": "a", "answer": 1}, {"id": "a", "answer": 1}]}', {}),
        ('{"answers": [{"id": "a", "answer": 1}]} {"answers": [{"id": "a", "answer": 2}]}', {}),
        ('{"answers": [{"id": "a", "answer": 1, "id": "b"}]}', {}),
        ('{"answers": [{"id": "a", "answer": 1, "answer": 2}]}', {}),
        ('{"answers": [{"id": 1, "answer": 1}, {"answer": 2}, {"id": "b"}, "c", null]}', {}),
        ('{"answers": {"a": "x"}}', None),
        ('{"answers": [{"id": "a", "answer": "x"}', None),
        ('[{"id": "a", "answer": "x"}]', None),
        ('"{\\"answers\\": [{\\"id\\": \\"a\\", \\"answer\\": 1}]}"', None),
        ('{"answers": [{"id": "a", "answer": NaN}]}', None),
        ('{"answers": [{"id": "a", "answer": 1e999}]}', None),
        ('{"answers"' * 100_000, None),
        ('{"answers":[' * 100_000, None),
        ("", None),
    ],
)
def test_an_answer_is_read_only_where_there_is_no_doubt_whose_it_is(
    text: str, expected: dict[str, object] | None
) -> None:
    told = None if expected is None else {name: Told(value) for name, value in expected.items()}

    assert answers_by_id(text) == told


@pytest.mark.parametrize("answer", [None, 10**30, [[]] * 2])
def test_what_cannot_be_an_answer_leaves_its_row_to_be_asked_alone(answer: object) -> None:
    asked = requests("a", "b")
    text = reply(asked, "x", "y").replace('"y"', str(answer).replace("None", "null"))

    assert read(asked, text)[0] == "x"
    assert read(asked, text)[1] == ("[[],[]]" if isinstance(answer, list) else None)


def test_half_a_character_pair_leaves_its_row_to_be_asked_alone() -> None:
    asked = requests("a", "b")
    text = reply(asked, "x", "y").replace('"y"', '"\\ud800"')

    assert read(asked, text) == ["x", None]


@pytest.mark.parametrize(
    ("schema", "written", "expected"),
    [
        ({"type": "object"}, {"n": 1}, '{"n":1}'),
        ({"type": "object"}, '{"n": 1}', '{"n": 1}'),
        ({"type": "string"}, "x", '"x"'),
        ({"enum": ["x"]}, "x", '"x"'),
        ({"type": ["object", "null"]}, None, "null"),
    ],
)
def test_an_answer_is_written_as_its_schema_would_have_it_alone(
    schema: dict[str, object], written: object, expected: str
) -> None:
    format_ = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    asked = requests("a", response_format=format_)

    assert read(asked, reply(asked, written)) == [expected]


def test_references_of_a_nested_schema_still_lead_to_what_they_named() -> None:
    schema = {
        "type": "object",
        "properties": {"next": {"$ref": "#"}, "x": {"$ref": "#/$defs/x"}, "e": {"enum": ["$ref"]}},
        "$defs": {"x": {"properties": {"y": {"$ref": "#/properties/e"}}}},
    }
    format_ = {"type": "json_schema", "json_schema": {"name": "s", "schema": schema}}
    [request] = requests("a", response_format=format_)

    nested: Any = response_format(request)["json_schema"]

    here = "#/properties/answers/items/properties/answer"
    assert nested["name"] == "s"
    assert nested["schema"]["$defs"] == {
        "x": {"properties": {"y": {"$ref": f"{here}/properties/e"}}}
    }
    assert nested["schema"]["properties"]["answers"]["items"]["properties"]["answer"] == {
        "type": "object",
        "properties": {"next": {"$ref": here}, "x": {"$ref": "#/$defs/x"}, "e": {"enum": ["$ref"]}},
    }


@pytest.mark.parametrize("finish", ["length", "content_filter"])
def test_a_reply_that_was_cut_off_is_read_for_nobody_and_not_sent_again_as_it_is(
    finish: str,
) -> None:
    asked = requests("a", "b")
    choice = {"message": {"content": reply(asked, "x", "y")}, "finish_reason": finish}

    failure = PACKED.decode_many(asked, orjson.dumps({"choices": [choice]}))

    assert isinstance(failure, Failure)
    assert failure.message == "Endpoint 'llm' sent answers to 2 rows that were cut off."
    assert not failure.retryable


@pytest.mark.parametrize(
    "asked",
    [
        [],
        [*requests("a"), *requests("b", system="s")],
        [*requests("a"), *requests("b", parameters={"top_p": 0.5})],
        [*requests("a"), *requests("b", response_format={"type": "json_object"})],
        [*requests("a"), *requests("b", endpoint=replace(OPENAI, model="other"))],
        [replace(requests("a")[0], input={"messages": []})],
    ],
)
def test_requests_that_do_not_go_together_are_refused(asked: list[Request]) -> None:
    with pytest.raises(ValueError, match="texts for one endpoint, asked alike"):
        PACKED.encode_many(asked)


def test_only_chat_has_several_rows_in_one_prompt() -> None:
    for task in ("completions", "embeddings"):
        assert many_adapter_for(replace(OPENAI, task=task), rows_per_prompt=8) is None
