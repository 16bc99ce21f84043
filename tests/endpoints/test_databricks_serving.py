from __future__ import annotations

from typing import TYPE_CHECKING

import orjson
import pytest

from airquery.answer import Answer, Failure, Usage
from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.endpoint import Endpoint
from airquery.request import Request


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Task


HOST = "https://example.cloud.databricks.com"


def served(
    task: Task, base_url: str = HOST, *, name: str = "my llm", model: str | None = None
) -> Endpoint:
    return Endpoint(name=name, task=task, provider="databricks", base_url=base_url, model=model)


@pytest.mark.parametrize("task", ["chat", "completions", "embeddings", "custom"])
@pytest.mark.parametrize(
    ("base_url", "model", "url"),
    [
        (HOST, None, f"{HOST}/serving-endpoints/my%20llm/invocations"),
        (f"{HOST}/", "llama", f"{HOST}/serving-endpoints/llama/invocations"),
        (f"{HOST}/serving-endpoints", "llama", f"{HOST}/serving-endpoints/llama/invocations"),
        (
            f"{HOST}/1/serving-endpoints/x/invocations/",
            "y",
            f"{HOST}/1/serving-endpoints/x/invocations",
        ),
    ],
)
def test_the_url_is_completed_from_a_host_or_taken_whole(
    task: Task, base_url: str, model: str | None, url: str
) -> None:
    endpoint = served(task, base_url, model=model)

    assert adapter_for(endpoint).encode(Request(endpoint=endpoint, input="Hello")).url == url


def test_two_serving_endpoints_of_one_host_do_not_share_answers() -> None:
    one, other = served("chat", name="one"), served("chat", name="other")

    assert Request(endpoint=one, input="Hi").key != Request(endpoint=other, input="Hi").key


def test_the_reply_may_have_no_id_and_no_finish_reason() -> None:
    endpoint = served("chat")
    body = {
        "model": "dbrx",
        "choices": [{"message": {"content": "Hi."}, "index": 0, "finish_reason": None}],
        "usage": {"prompt_tokens": 7, "completion_tokens": 74, "total_tokens": 81},
        "object": "chat.completion",
        "id": None,
        "created": 1698824353,
    }

    outcome = adapter_for(endpoint).decode(
        Request(endpoint=endpoint, input="Hello"), orjson.dumps(body)
    )

    assert outcome == Answer(
        value="Hi.", usage=Usage(prompt_tokens=7, completion_tokens=74), model="dbrx"
    )


def test_an_empty_message_is_a_named_failure() -> None:
    endpoint = served("chat")
    body: dict[str, object] = {
        "choices": [{"message": {}, "index": 0, "finish_reason": None}],
        "id": None,
    }

    outcome = adapter_for(endpoint).decode(
        Request(endpoint=endpoint, input="Hello"), orjson.dumps(body)
    )

    assert isinstance(outcome, Failure)
    assert outcome.message == "Endpoint 'my llm' sent a message without content."
    assert outcome.retryable
