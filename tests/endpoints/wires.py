"""Every wire format: its documented request and reply, and what they mean."""

from __future__ import annotations

from dataclasses import dataclass, field

from airquery.answer import Answer, Usage
from airquery.endpoints.endpoint import Api, Endpoint, Format, Provider, Secret, Task
from airquery.request import Request


KEY = "sk-conformance-0123456789"
HEADER = "Token tenant-abcdefgh"
ASKED = "What is DuckDB?"
BEARER = {"Authorization": f"Bearer {KEY}"}
USER = {"role": "user", "content": ASKED}
LOGPROBS = [{"token": "A", "logprob": -0.1, "top_logprobs": []}]


@dataclass(frozen=True, slots=True, kw_only=True)
class Wire:
    """One wire format: the documented request and reply."""

    name: str
    task: Task
    url: str
    body: dict[str, object]
    reply: dict[str, object]
    answer: Answer
    provider: Provider = "openai"
    api: Api = "chat_completions"
    format: Format = "dataframe_split"
    base_url: str = "http://127.0.0.1:8080/v1/"
    key: dict[str, str] = field(default_factory=lambda: BEARER)
    fixed: dict[str, str] = field(default_factory=dict)
    parameters: dict[str, object] = field(default_factory=dict)

    def request(self, asked: object = ASKED) -> Request:
        endpoint = Endpoint(
            name="under-test",
            task=self.task,
            provider=self.provider,
            api=self.api,
            format=self.format,
            base_url=self.base_url,
            model="my-model",
            api_key=Secret(KEY),
            headers={"X-Tenant": Secret(HEADER)},
        )
        return Request(endpoint=endpoint, input=asked, parameters=self.parameters)


OPENAI_CHAT = Wire(
    name="openai chat",
    task="chat",
    url="http://127.0.0.1:8080/v1/chat/completions",
    parameters={"max_tokens": 100.0, "temperature": 0.1, "logprobs": True},
    body={
        "model": "my-model",
        "messages": [USER],
        "max_tokens": 100,
        "temperature": 0.1,
        "logprobs": True,
    },
    reply={
        "model": "my-model-2026-08-06",
        "choices": [
            {
                "message": {"role": "assistant", "content": "A database."},
                "index": 0,
                "finish_reason": "stop",
                "logprobs": {"content": LOGPROBS, "refusal": None},
            }
        ],
        "usage": {
            "prompt_tokens": 7,
            "completion_tokens": 74,
            "total_tokens": 81,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 64},
        },
        "object": "chat.completion",
        "id": "chatcmpl-1",
        "created": 1698824353,
    },
    answer=Answer(
        value="A database.",
        usage=Usage(prompt_tokens=7, completion_tokens=74, cached_tokens=4, reasoning_tokens=64),
        model="my-model-2026-08-06",
        finish_reason="stop",
        request_id="chatcmpl-1",
        logprobs=LOGPROBS,
    ),
)

OPENAI_RESPONSES = Wire(
    name="openai responses",
    task="chat",
    api="responses",
    url="http://127.0.0.1:8080/v1/responses",
    parameters={"max_tokens": 100.0, "temperature": 0.1, "reasoning_effort": "low"},
    body={
        "model": "my-model",
        "input": [USER],
        "max_output_tokens": 100,
        "temperature": 0.1,
        "reasoning": {"effort": "low"},
    },
    reply={
        "id": "resp_1",
        "object": "response",
        "created_at": 1741476542,
        "status": "completed",
        "error": None,
        "incomplete_details": None,
        "model": "my-model-2026-08-06",
        "output": [
            {
                "type": "reasoning",
                "id": "rs_1",
                "summary": [{"type": "summary_text", "text": "Hm"}],
            },
            {
                "type": "message",
                "id": "msg_1",
                "status": "completed",
                "role": "assistant",
                "content": [
                    {"type": "output_text", "text": "A ", "annotations": [], "logprobs": LOGPROBS},
                    {"type": "output_text", "text": "database.", "annotations": []},
                ],
            },
        ],
        "usage": {
            "input_tokens": 36,
            "input_tokens_details": {"cached_tokens": 30},
            "output_tokens": 87,
            "output_tokens_details": {"reasoning_tokens": 64},
            "total_tokens": 123,
        },
    },
    answer=Answer(
        value="A database.",
        usage=Usage(prompt_tokens=36, completion_tokens=87, cached_tokens=30, reasoning_tokens=64),
        model="my-model-2026-08-06",
        finish_reason="stop",
        request_id="resp_1",
        logprobs=LOGPROBS,
    ),
)

ANTHROPIC = Wire(
    name="anthropic chat",
    task="chat",
    provider="anthropic",
    url="http://127.0.0.1:8080/v1/messages",
    key={"x-api-key": KEY},
    fixed={"anthropic-version": "2023-06-01"},
    parameters={"temperature": 0.1, "stop": "Human:"},
    body={
        "model": "my-model",
        "messages": [USER],
        "max_tokens": 4096,
        "temperature": 0.1,
        "stop_sequences": ["Human:"],
    },
    reply={
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "my-model-20250514",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": "c2ln"},
            {"type": "text", "text": "A "},
            {"type": "text", "text": "database."},
        ],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": 12,
            "cache_creation_input_tokens": 5,
            "cache_read_input_tokens": 100,
            "output_tokens": 6,
        },
    },
    answer=Answer(
        value="A database.",
        usage=Usage(prompt_tokens=117, completion_tokens=6, cached_tokens=100),
        model="my-model-20250514",
        finish_reason="stop",
        request_id="msg_1",
    ),
)

OPENAI_COMPLETIONS = Wire(
    name="openai completions",
    task="completions",
    url="http://127.0.0.1:8080/v1/completions",
    parameters={"max_tokens": 100, "stop": ["Human:"], "extra_params": {"top_p": 0.9}},
    body={
        "model": "my-model",
        "prompt": ASKED,
        "max_tokens": 100,
        "stop": ["Human:"],
        "extra_params": {"top_p": 0.9},
    },
    reply={
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1698809382,
        "model": "gpt-3.5-turbo-instruct",
        "choices": [{"text": "A database.", "index": 0, "logprobs": None, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 83, "total_tokens": 88},
    },
    answer=Answer(
        value="A database.",
        usage=Usage(prompt_tokens=5, completion_tokens=83),
        model="gpt-3.5-turbo-instruct",
        finish_reason="stop",
        request_id="cmpl-1",
    ),
)

OPENAI_EMBEDDINGS = Wire(
    name="openai embeddings",
    task="embeddings",
    url="http://127.0.0.1:8080/v1/embeddings",
    parameters={"dimensions": 2},
    body={"model": "my-model", "input": [ASKED], "dimensions": 2},
    reply={
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [0.6, -0.8, 1]}],
        "model": "text-embedding-ada-002-v2",
        "usage": {"prompt_tokens": 2, "total_tokens": 2},
    },
    answer=Answer(
        value=[0.6, -0.8, 1.0],
        usage=Usage(prompt_tokens=2),
        model="text-embedding-ada-002-v2",
    ),
)


def on_databricks(wire: Wire, **parameters: object) -> Wire:
    """Return the same format as Databricks serves it: its own URL, and no model in the body."""
    body = {**wire.body, **parameters}
    del body["model"]
    return Wire(
        name=wire.name.replace("openai", "databricks"),
        task=wire.task,
        provider="databricks",
        base_url="https://example.cloud.databricks.com",
        url="https://example.cloud.databricks.com/serving-endpoints/my-model/invocations",
        parameters={**wire.parameters, **parameters},
        body=body,
        reply=wire.reply,
        answer=wire.answer,
    )


def custom(format_: Format, row: object, provider: Provider = "custom") -> Wire:
    """Return one way to write the row of a custom model."""
    return Wire(
        name=f"{provider} {format_}",
        task="custom",
        provider=provider,
        format=format_,
        url="http://127.0.0.1:8080/v1/serving-endpoints/my-model/invocations",
        body={format_: row},
        reply={"predictions": [{"label": "POSITIVE", "score": 0.9}]},
        answer=Answer(value={"label": "POSITIVE", "score": 0.9}),
    )


WIRES = [
    OPENAI_CHAT,
    OPENAI_RESPONSES,
    ANTHROPIC,
    OPENAI_COMPLETIONS,
    OPENAI_EMBEDDINGS,
    on_databricks(OPENAI_CHAT, client_request_id="run-1", usage_context={"team": "reviews"}),
    on_databricks(OPENAI_COMPLETIONS),
    on_databricks(OPENAI_EMBEDDINGS, instruction="Represent the sentence:"),
    custom("dataframe_split", {"columns": ["input"], "data": [[ASKED]]}),
    custom("dataframe_split", {"columns": ["input"], "data": [[ASKED]]}, "databricks"),
    custom("dataframe_records", [{"input": ASKED}]),
    custom("instances", [ASKED]),
    custom("inputs", [ASKED]),
]
CHAT = [wire for wire in WIRES if wire.task == "chat"]
