from __future__ import annotations

import orjson

from airquery.answer import Answer
from airquery.endpoints.endpoint import Endpoint
from airquery.endpoints.openai_completions import OpenAICompletions
from airquery.request import Request


ENDPOINT = Endpoint(name="llm", task="completions", base_url="http://h/v1", model="m")


def test_logprobs_are_kept_as_they_were_sent() -> None:
    logprobs = {"tokens": ["A"], "token_logprobs": [-0.1], "top_logprobs": None}
    body = orjson.dumps({"choices": [{"text": "A", "logprobs": logprobs}]})

    outcome = OpenAICompletions().decode(Request(endpoint=ENDPOINT, input=""), body)

    assert outcome == Answer(value="A", logprobs=logprobs)
