"""Several inputs in one request for embeddings."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import orjson
import pytest
from hypothesis import given, strategies as st

from airquery.answer import Answer, Failure, Usage
from airquery.endpoints.adapters import adapter_for, many_adapter_for
from airquery.endpoints.endpoint import Endpoint
from airquery.errors import StatementError
from airquery.request import Request


if TYPE_CHECKING:
    from airquery.endpoints.adapter import ManyAdapter
    from airquery.endpoints.endpoint import Provider


ENDPOINT = Endpoint(name="vectors", task="embeddings", base_url="http://h/v1", model="m")


def requests(*texts: object, endpoint: Endpoint = ENDPOINT) -> list[Request]:
    return [Request(endpoint=endpoint, input=text) for text in texts]


def adapter(endpoint: Endpoint = ENDPOINT) -> ManyAdapter:
    found = many_adapter_for(endpoint)
    assert found is not None
    return found


def row(index: object, *numbers: float) -> dict[str, object]:
    return {"object": "embedding", "index": index, "embedding": list(numbers)}


def decoded(asked: list[Request], *rows: object, tokens: int = 0) -> list[Answer | Failure]:
    """Read a reply, and check that each part read alone means the same."""
    body = {"object": "list", "model": "m-1", "data": rows, "usage": {"prompt_tokens": tokens}}
    found = adapter().decode_many(asked, orjson.dumps(body))
    assert isinstance(found, list)
    for request, (outcome, part) in zip(asked, found, strict=True):
        assert adapter_for(ENDPOINT).decode(request, part) == outcome
    return [outcome for outcome, _ in found]


@pytest.mark.parametrize(
    ("provider", "url", "model"),
    [
        ("openai", "http://h/v1/embeddings", {"model": "m"}),
        ("databricks", "http://h/v1/serving-endpoints/m/invocations", {}),
    ],
)
def test_the_inputs_are_written_as_one_list(
    provider: Provider, url: str, model: dict[str, object]
) -> None:
    endpoint = replace(ENDPOINT, provider=provider)
    asked = [
        replace(request, parameters={"dimensions": 2.0})
        for request in requests("b", "a", "b", endpoint=endpoint)
    ]

    sent = adapter(endpoint).encode_many(asked)

    assert sent.url == url
    assert orjson.loads(sent.body) == {**model, "input": ["b", "a", "b"], "dimensions": 2}


def test_one_input_is_written_as_it_is_alone() -> None:
    asked = requests("a")

    assert adapter().encode_many(asked) == adapter_for(ENDPOINT).encode(asked[0])


def test_vectors_are_matched_by_their_index_not_by_their_place() -> None:
    asked = requests("one", "two", "three")

    found = decoded(asked, row(2, 3.0), row(0, 1.0), row(1, 2.0), tokens=11)

    assert found == [
        Answer(value=[1.0], usage=Usage(prompt_tokens=3), model="m-1"),
        Answer(value=[2.0], usage=Usage(prompt_tokens=3), model="m-1"),
        Answer(value=[3.0], usage=Usage(prompt_tokens=5), model="m-1"),
    ]


def test_a_part_is_the_reply_to_one_input() -> None:
    body = {
        "object": "list",
        "id": "e-1",
        "data": [row(1, 2, 0.5), row(0, 1)],
        "model": "m-1",
        "usage": {"prompt_tokens": 4, "total_tokens": 4},
    }

    found = adapter().decode_many(requests("a", "bcd"), orjson.dumps(body))

    assert isinstance(found, list)
    assert [orjson.loads(part) for _, part in found] == [
        {
            "object": "list",
            "id": "e-1",
            "model": "m-1",
            "data": [{"object": "embedding", "index": 0, "embedding": [1]}],
            "usage": {"prompt_tokens": 1, "total_tokens": 1},
        },
        {
            "object": "list",
            "id": "e-1",
            "model": "m-1",
            "data": [{"object": "embedding", "index": 0, "embedding": [2, 0.5]}],
            "usage": {"prompt_tokens": 3, "total_tokens": 3},
        },
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [row(0, 1.0)],
        [row(0, 1.0), row(2, 2.0)],
        [row(0, 1.0), row(-1, 2.0)],
        [row(0, 1.0), row(None, 2.0)],
        [row(0, 1.0), row(True, 2.0)],
        [row(0, 1.0), row(1.0, 2.0)],
        [row(0, 1.0), row(1, 2.0), row(1, 2.0)],
        [row(0, 1.0), row(1)],
        [row(0, 1.0), {"index": 1, "embedding": "Zm9v"}],
        [row(0, 1.0), {"index": 1, "embedding": [None]}],
        [row(0, 1.0), None],
    ],
)
def test_an_input_without_its_one_vector_fails_beside_the_others(rows: list[object]) -> None:
    answer, failure = decoded(requests("a", "b"), *rows, tokens=7)

    assert answer == Answer(value=[1.0], usage=Usage(prompt_tokens=7), model="m-1")
    assert isinstance(failure, Failure)
    assert failure.retryable
    assert failure.message == (
        "Endpoint 'vectors' sent a reply without one vector of finite numbers for the one input."
    )


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        (b"", "a reply that is not a JSON object."),
        (b"[]", "a reply that is not a JSON object."),
        (b'{"data": [', "a reply that is not a JSON object."),
        (b"{}", "a reply without a list of vectors."),
        (
            orjson.dumps({"data": [row(index, 1.0) for index in range(3)]}),
            "a reply with vectors for 3 inputs, not for 2.",
        ),
        (b'{"error": {"message": "busy"}}', "a reply without a list of vectors. It said: busy."),
    ],
)
def test_a_reply_to_none_of_them_is_one_failure(body: bytes, problem: str) -> None:
    failure = adapter().decode_many(requests("a", "b"), body)

    assert isinstance(failure, Failure)
    assert failure.message == f"Endpoint 'vectors' sent {problem}"
    assert failure.retryable


@given(
    texts=st.lists(st.text(max_size=20), min_size=1, max_size=40),
    tokens=st.integers(min_value=0, max_value=100_000),
)
def test_the_parts_of_the_usage_sum_up_to_the_whole(texts: list[str], tokens: int) -> None:
    rows = [row(index, 1.0) for index in range(len(texts))]

    found = decoded(requests(*texts), *rows, tokens=tokens)

    usages = [outcome.usage.prompt_tokens for outcome in found if isinstance(outcome, Answer)]
    assert len(usages) == len(texts)
    assert sum(usages) == tokens
    length = sum(map(len, texts))
    for text, usage in zip(texts, usages, strict=True):
        fair = tokens * len(text) / length if length else tokens / len(texts)
        assert abs(usage - fair) <= 1


@given(
    vectors=st.lists(
        st.lists(
            st.one_of(
                st.floats(allow_nan=False, allow_infinity=False),
                st.integers(min_value=-(2**63), max_value=2**64 - 1),
            ),
            min_size=1,
        ),
        min_size=1,
        max_size=5,
    )
)
def test_a_vector_is_the_same_alone_and_among_others(vectors: list[list[float]]) -> None:
    asked = requests(*map(str, range(len(vectors))))
    alone = [
        adapter_for(ENDPOINT).decode(request, orjson.dumps({"data": [row(0, *vector)]}))
        for request, vector in zip(asked, vectors, strict=True)
    ]

    among = decoded(asked, *(row(place, *vector) for place, vector in enumerate(vectors)))

    assert [replace(one, model="m-1") for one in alone if isinstance(one, Answer)] == among


@pytest.mark.parametrize(
    "asked",
    [
        [],
        [*requests("a"), replace(requests("b")[0], parameters={"dimensions": 2})],
        [*requests("a"), *requests("b", endpoint=replace(ENDPOINT, model="other"))],
    ],
)
def test_requests_that_do_not_go_together_are_refused(asked: list[Request]) -> None:
    with pytest.raises(ValueError, match="inputs for one endpoint, asked alike"):
        adapter().encode_many(asked)


def test_one_of_them_that_is_no_text_is_refused() -> None:
    with pytest.raises(StatementError, match="takes text"):
        adapter().encode_many(requests("a", 1))


def test_only_embeddings_go_several_at_once() -> None:
    assert many_adapter_for(replace(ENDPOINT, task="chat")) is None
    assert many_adapter_for(replace(ENDPOINT, task="custom")) is None
    assert many_adapter_for(ENDPOINT) is not None
