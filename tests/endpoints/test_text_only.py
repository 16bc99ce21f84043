"""Completions and embeddings take text and nothing else."""

from __future__ import annotations

import pytest

from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.endpoint import Endpoint, Provider, Task
from airquery.errors import StatementError
from airquery.request import Request


@pytest.mark.parametrize("provider", ["openai", "databricks"])
@pytest.mark.parametrize("task", ["completions", "embeddings"])
@pytest.mark.parametrize("asked", [None, 1, ["text"], {"prompt": "text"}, {"messages": []}])
def test_anything_but_text_is_refused(task: Task, asked: object, provider: Provider) -> None:
    endpoint = Endpoint(name="llm", task=task, base_url="http://h/v1", model="m", provider=provider)

    with pytest.raises(StatementError, match=f"'llm' of task '{task}' takes text. Concatenate"):
        adapter_for(endpoint).encode(Request(endpoint=endpoint, input=asked))


def test_vectors_as_base64_are_refused_before_the_first_request() -> None:
    endpoint = Endpoint(name="llm", task="embeddings", base_url="http://h/v1", model="m")

    with pytest.raises(StatementError, match=r"UNSUPPORTED_MODEL_PARAMETER.*'encoding_format'"):
        adapter_for(endpoint).check(endpoint, {"encoding_format": "base64"})
