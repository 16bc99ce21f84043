"""What the scripted endpoint answers when nothing else is scripted, in each wire format.

Every answer follows from the request alone: chat and completions echo their text, embeddings are a
small unit vector of each input, custom models give the row back as an object. An invocation is in
the format of the field that its body has.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import blake2b
from typing import Any, Final, TypeAlias

from airquery.testing import frames
from airquery.testing.frames import inputs, text_of
from airquery.testing.reply import Reply, error_body
from airquery.testing.schema import smallest


Body: TypeAlias = frames.Body
Answering: TypeAlias = Callable[[Body], object]
Format: TypeAlias = tuple[Answering, Callable[[Body, object], object]]

MODEL: Final = "test-model"
_DIMENSIONS: Final = 8


def listing(path: str) -> Reply:
    """Answer a GET: the list of models."""
    if path.endswith("/models"):
        return Reply(body={"object": "list", "data": [{"id": MODEL, "object": "model"}]})
    return Reply(status=404, body=error_body(404, f"Nothing is served at {path}."))


def answered(path: str, body: Body, own: Answering | None) -> Reply:
    """Answer a request to a path, with what `own` says of its body if that is given.

    For embeddings `own` is asked once an input, as if each had come alone.
    """
    found = _format(path, body)
    if found is None:
        return Reply(status=404, body=error_body(404, f"Nothing is served at {path}."))
    default, frame = found
    value = _each(own or default, body) if found is _EMBEDDINGS else (own or default)(body)
    if not isinstance(value, Reply):
        return Reply(body=frame(body, value))
    if value.content() is None:
        usual = _each(default, body) if found is _EMBEDDINGS else default(body)
        return replace(value, body=frame(body, usual))
    return value


def _format(path: str, body: Body) -> Format | None:
    if path.endswith("/invocations"):
        return next((found for field, found in _INVOKED.items() if field in body), None)
    return next((found for suffix, found in _FORMATS.items() if path.endswith(suffix)), None)


def _each(answering: Answering, body: Body) -> object:
    """Answer each input by itself; a `Reply` to one of them is the reply to all."""
    values = [answering({**body, "input": [text]}) for text in inputs(body)]
    return next((value for value in values if isinstance(value, Reply)), values)


def _chat_echo(body: Body) -> object:
    wanted = body.get("response_format") or {}
    schema = wanted["json_schema"]["schema"] if wanted.get("type") == "json_schema" else None
    loose = wanted.get("type") == "json_object"
    return _echo(body["messages"][-1]["content"], schema, loose=loose)


def _response_echo(body: Body) -> object:
    wanted = (body.get("text") or {}).get("format") or {}
    loose = wanted.get("type") == "json_object"
    return _echo(body["input"][-1]["content"], wanted.get("schema"), loose=loose)


def _message_echo(body: Body) -> object:
    if "max_tokens" not in body:
        raise ValueError("max_tokens: Field required.")
    tools = body.get("tools") or [{}]
    schema = tools[0].get("input_schema")
    loose = schema is not None and "properties" not in schema
    return _echo(body["messages"][-1]["content"], schema, loose=loose)


def _echo(content: object, schema: dict[str, Any] | None, *, loose: bool) -> object:
    """Say what was said, as an object if any will do, or the schema's smallest value."""
    if loose:
        return {"echo": text_of(content)}
    return text_of(content) if schema is None else smallest(schema)


def _vector(body: Body) -> object:
    """Return a unit vector that only the text decides."""
    count = body.get("dimensions") or _DIMENSIONS
    text = str(inputs(body)[0]).encode()
    numbers = [
        blake2b(text, digest_size=1, salt=place.to_bytes(8, "big")).digest()[0] - 127.5
        for place in range(count)
    ]
    length = math.hypot(*numbers)
    return [number / length for number in numbers]


def _split_row(body: Body) -> object:
    split = body["dataframe_split"]
    return dict(zip(split["columns"], split["data"][0], strict=True))


def _columns_row(body: Body) -> object:
    columns = body["inputs"]
    if isinstance(columns, list):
        return columns[0]
    return {name: values[0] for name, values in columns.items()}


_CHAT: Final[Format] = (_chat_echo, frames.chat)
_COMPLETIONS: Final[Format] = (lambda body: body["prompt"], frames.completion)
_EMBEDDINGS: Final[Format] = (_vector, frames.embeddings)
# `/chat/completions` stands before `/completions`, which ends the same.
_FORMATS: Final[Mapping[str, Format]] = {
    "/chat/completions": _CHAT,
    "/completions": _COMPLETIONS,
    "/embeddings": _EMBEDDINGS,
    "/responses": (_response_echo, frames.response),
    "/v1/messages": (_message_echo, frames.message),
}
_INVOKED: Final[Mapping[str, Format]] = {
    "messages": _CHAT,
    "prompt": _COMPLETIONS,
    "input": _EMBEDDINGS,
    "dataframe_split": (_split_row, frames.predictions),
    "dataframe_records": (lambda body: body["dataframe_records"][0], frames.predictions),
    "instances": (lambda body: body["instances"][0], frames.predictions),
    "inputs": (_columns_row, frames.predictions),
}
