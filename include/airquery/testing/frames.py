"""How the scripted endpoint writes an answer in each wire format, with its words counted as tokens."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import blake2b
from typing import Any, TypeAlias

import orjson


# A request is JSON from outside: any field may hold anything.
Body: TypeAlias = Mapping[str, Any]


def chat(body: Body, value: object) -> object:
    """Frame a chat completion."""
    text = _written(value)
    message = {"role": "assistant", "content": text}
    asked = " ".join(text_of(one["content"]) for one in body["messages"])
    return {
        "id": f"chatcmpl-{_digest(text)}",
        "object": "chat.completion",
        "model": body.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": _usage(asked, text),
    }


def completion(body: Body, value: object) -> object:
    """Frame a completion."""
    text = _written(value)
    return {
        "id": f"cmpl-{_digest(text)}",
        "object": "text_completion",
        "model": body.get("model"),
        "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}],
        "usage": _usage(str(body["prompt"]), text),
    }


def response(body: Body, value: object) -> object:
    """Frame an OpenAI response, with an item of reasoning before the message."""
    text = _written(value)
    asked = " ".join(
        [str(body.get("instructions") or ""), *(text_of(one["content"]) for one in body["input"])]
    )
    usage = _usage(asked, text)
    content = [{"type": "output_text", "text": text, "annotations": []}]
    return {
        "id": f"resp_{_digest(text)}",
        "object": "response",
        "status": "completed",
        "model": body.get("model"),
        "output": [
            {"type": "reasoning", "id": "rs_1", "summary": []},
            {"type": "message", "role": "assistant", "status": "completed", "content": content},
        ],
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage["completion_tokens"],
            "total_tokens": usage["total_tokens"],
        },
    }


def message(body: Body, value: object) -> object:
    """Frame an Anthropic message: text, or the call of the tool that has to be called."""
    text = _written(value)
    asked = " ".join(
        [str(body.get("system") or ""), *(text_of(one["content"]) for one in body["messages"])]
    )
    usage = _usage(asked, text)
    forced = body.get("tool_choice", {}).get("type") == "tool"
    block: dict[str, object] = {"type": "text", "text": text}
    if forced:
        called = orjson.loads(value) if isinstance(value, str) else value
        name = body["tool_choice"]["name"]
        block = {"type": "tool_use", "id": f"toolu_{_digest(text)}", "name": name, "input": called}
    return {
        "id": f"msg_{_digest(text)}",
        "type": "message",
        "role": "assistant",
        "model": body.get("model"),
        "content": [block],
        "stop_reason": "tool_use" if forced else "end_turn",
        "stop_sequence": None,
        "usage": {
            "input_tokens": usage["prompt_tokens"],
            "output_tokens": usage["completion_tokens"],
        },
    }


def embeddings(body: Body, values: object) -> object:
    """Frame vectors, one an input."""
    vectors = values if isinstance(values, list) else []
    return {
        "object": "list",
        "model": body.get("model"),
        "data": [
            {"object": "embedding", "index": index, "embedding": vector}
            for index, vector in enumerate(vectors)
        ],
        "usage": _usage(" ".join(map(str, inputs(body))), ""),
    }


def predictions(body: Body, value: object) -> object:
    """Frame the prediction for one row."""
    del body
    return {"predictions": [value]}


def inputs(body: Body) -> list[object]:
    """Return the inputs of a request for embeddings, which may be one text."""
    given = body["input"]
    return given if isinstance(given, list) else [given]


def text_of(content: object) -> str:
    """Return the text of a message, joined if it stands in blocks."""
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content)
    return str(content)


def _written(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _usage(asked: str, answered: str) -> dict[str, int]:
    prompt, completion = len(asked.split()), len(answered.split())
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()
