"""What the scripted endpoint answers when nothing else is scripted, in each wire format.

Every answer follows from the request alone: chat and completions echo their text, embeddings are a
small unit vector of it, custom models give each row back as an object.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final, TypeAlias

import orjson

from airquery.testing.reply import Reply, error_body
from airquery.testing.schema import smallest


# A request is JSON from outside: any field may hold anything.
Body: TypeAlias = Mapping[str, Any]
Answering: TypeAlias = Callable[[Body], object]

MODEL: Final = "test-model"
_DIMENSIONS: Final = 8


def listing(path: str) -> Reply:
    """Answer a GET: the list of models."""
    if path.endswith("/models"):
        return Reply(body={"object": "list", "data": [{"id": MODEL, "object": "model"}]})
    return Reply(status=404, body=error_body(404, f"Nothing is served at {path}."))


def answered(path: str, body: Body, own: Answering | None) -> Reply:
    """Answer a request to a path, with what `own` says of its body if that is given."""
    found = next((found for suffix, found in _FORMATS.items() if path.endswith(suffix)), None)
    if found is None:
        return Reply(status=404, body=error_body(404, f"Nothing is served at {path}."))
    default, frame = found
    value = (own or default)(body)
    if not isinstance(value, Reply):
        return Reply(body=frame(body, value))
    if value.content() is None:
        return replace(value, body=frame(body, default(body)))
    return value


def _echo(body: Body) -> object:
    wanted = body.get("response_format") or {}
    if wanted.get("type") == "json_schema":
        return smallest(wanted["json_schema"]["schema"])
    text = _text(body["messages"][-1]["content"])
    return {"echo": text} if wanted.get("type") == "json_object" else text


def _text(content: object) -> str:
    if isinstance(content, list):
        return "".join(block.get("text", "") for block in content)
    return str(content)


def _chat(body: Body, value: object) -> object:
    text = _written(value)
    message = {"role": "assistant", "content": text}
    asked = " ".join(_text(one["content"]) for one in body["messages"])
    return {
        "id": f"chatcmpl-{_digest(text)}",
        "object": "chat.completion",
        "model": body.get("model"),
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": _usage(asked, text),
    }


def _completion(body: Body, value: object) -> object:
    text = _written(value)
    return {
        "id": f"cmpl-{_digest(text)}",
        "object": "text_completion",
        "model": body.get("model"),
        "choices": [{"index": 0, "text": text, "logprobs": None, "finish_reason": "stop"}],
        "usage": _usage(str(body["prompt"]), text),
    }


def _vector(body: Body) -> object:
    """Return a unit vector that only the text decides."""
    count = body.get("dimensions") or _DIMENSIONS
    text = str(_inputs(body)[0]).encode()
    numbers = [
        blake2b(text, digest_size=1, salt=place.to_bytes(8, "big")).digest()[0] - 127.5
        for place in range(count)
    ]
    length = math.hypot(*numbers)
    return [number / length for number in numbers]


def _embeddings(body: Body, value: object) -> object:
    inputs = _inputs(body)
    return {
        "object": "list",
        "model": body.get("model"),
        "data": [
            {"object": "embedding", "index": index, "embedding": value}
            for index in range(len(inputs))
        ],
        "usage": _usage(" ".join(map(str, inputs)), ""),
    }


def _inputs(body: Body) -> list[object]:
    given = body["input"]
    return given if isinstance(given, list) else [given]


def _row(body: Body) -> object:
    split = body["dataframe_split"]
    return dict(zip(split["columns"], split["data"][0], strict=True))


def _predictions(body: Body, value: object) -> object:
    del body
    return {"predictions": [value]}


def _written(value: object) -> str:
    return value if isinstance(value, str) else orjson.dumps(value).decode()


def _usage(asked: str, answered: str) -> dict[str, int]:
    """Count words as tokens."""
    prompt, completion = len(asked.split()), len(answered.split())
    return {
        "prompt_tokens": prompt,
        "completion_tokens": completion,
        "total_tokens": prompt + completion,
    }


def _digest(text: str) -> str:
    return blake2b(text.encode(), digest_size=8).hexdigest()


# `/chat/completions` stands before `/completions`, which ends the same.
_FORMATS: Final[Mapping[str, tuple[Answering, Callable[[Body, object], object]]]] = {
    "/chat/completions": (_echo, _chat),
    "/completions": (lambda body: body["prompt"], _completion),
    "/embeddings": (_vector, _embeddings),
    "/invocations": (_row, _predictions),
}
