"""Which wire formats can be declared, and which cannot."""

from __future__ import annotations

import pytest

from airquery.endpoints import Endpoint, Limits, Registry
from airquery.errors import InvalidEndpoint


HOST = "https://h"


def declared(**fields: object) -> Endpoint:
    return Registry.from_mapping({"llm": {"base_url": HOST, **fields}}, environ={}).get("llm")


@pytest.mark.parametrize(
    ("fields", "endpoint"),
    [
        (
            {"task": "chat", "model": "m", "api": "responses"},
            Endpoint(name="llm", task="chat", base_url=HOST, model="m", api="responses"),
        ),
        (
            {"task": "chat", "model": "m", "provider": "anthropic"},
            Endpoint(name="llm", task="chat", base_url=HOST, model="m", provider="anthropic"),
        ),
        (
            {"task": "chat", "provider": "databricks"},
            Endpoint(name="llm", task="chat", base_url=HOST, model="llm", provider="databricks"),
        ),
        (
            {"task": "completions", "model": "m", "provider": "databricks"},
            Endpoint(
                name="llm", task="completions", base_url=HOST, model="m", provider="databricks"
            ),
        ),
        (
            {"task": "custom", "provider": "databricks", "format": "inputs"},
            Endpoint(
                name="llm", task="custom", base_url=HOST, provider="databricks", format="inputs"
            ),
        ),
        (
            {"task": "custom", "format": "instances"},
            Endpoint(name="llm", task="custom", base_url=HOST, format="instances"),
        ),
        (
            {"task": "embeddings", "model": "m", "limits": {"inputs_per_request": 8}},
            Endpoint(
                name="llm",
                task="embeddings",
                base_url=HOST,
                model="m",
                limits=Limits(inputs_per_request=8),
            ),
        ),
    ],
)
def test_a_format_is_declared_by_its_fields(fields: dict[str, object], endpoint: Endpoint) -> None:
    assert declared(**fields) == endpoint


def test_a_request_for_embeddings_carries_32_inputs_unless_declared() -> None:
    assert declared(task="embeddings", model="m").limits.inputs_per_request == 32


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        (
            {"task": "completions", "model": "m", "provider": "anthropic"},
            (
                "task 'completions' does not go with provider 'anthropic', which has chat. Change "
                "one of them, or leave provider out."
            ),
        ),
        (
            {"task": "chat", "provider": "anthropic"},
            (
                "field 'model' is missing, which task 'chat' needs. "
                "Add it, for example model: my-model."
            ),
        ),
        (
            {"task": "chat", "provider": "databricks", "api": "responses"},
            "api 'responses' goes only with provider 'openai' and task 'chat'. Leave api out.",
        ),
        (
            {"task": "embeddings", "model": "m", "api": "responses"},
            "api 'responses' goes only with provider 'openai' and task 'chat'. Leave api out.",
        ),
        (
            {"task": "chat", "model": "m", "format": "instances"},
            "format 'instances' goes only with task 'custom'. Leave format out.",
        ),
        (
            {"task": "custom", "format": "csv"},
            (
                "field 'format' is 'csv' but should be 'dataframe_split', 'dataframe_records', "
                "'instances' or 'inputs'."
            ),
        ),
        (
            {"task": "chat", "model": "m", "api": "assistants"},
            "field 'api' is 'assistants' but should be 'chat_completions' or 'responses'.",
        ),
        (
            {"task": "embeddings", "model": "m", "limits": {"inputs_per_request": 0}},
            "field 'limits.inputs_per_request' is 0 but should be greater than or equal to 1.",
        ),
        (
            {"task": "embeddings", "model": "m", "limits": {"inputs_per_request": 1.5}},
            "field 'limits.inputs_per_request' is 1.5 but should be a valid integer.",
        ),
        (
            {"task": "chat", "model": "m", "base_url": f"{HOST}/v1/responses"},
            "field 'base_url' must not end with '/responses', which is added to it. Leave it out.",
        ),
        (
            {
                "task": "chat",
                "model": "m",
                "provider": "anthropic",
                "base_url": f"{HOST}/v1/messages",
            },
            "field 'base_url' must not end with '/messages', which is added to it. Leave it out.",
        ),
    ],
)
def test_what_does_not_go_together_is_named_with_its_mend(
    fields: dict[str, object], problem: str
) -> None:
    with pytest.raises(InvalidEndpoint) as refused:
        declared(**fields)

    assert str(refused.value) == f"Endpoint 'llm' (Python): {problem}"
