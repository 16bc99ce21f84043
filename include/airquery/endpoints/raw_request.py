"""A body that somebody wrote by hand: an example of one, and the request that it is, if it is ours.

A body is ours if the endpoint's own format writes just that for a request. Then its answer is that
of `ai_query`, and can be remembered as such.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from airquery.endpoints import wire
from airquery.endpoints.adapters import adapter_for
from airquery.errors import AirqueryError
from airquery.request import Request


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Endpoint


_EXAMPLES: Final[dict[str, object]] = {
    "chat": "What is a quoll?",
    "completions": "What is a quoll?",
    "embeddings": "What is a quoll?",
    "custom": {"text": "What is a quoll?"},
}
_PARAMETERS: Final[dict[str, dict[str, object]]] = {
    "chat": {"temperature": 0.0, "max_tokens": 64},
    "completions": {"temperature": 0.0, "max_tokens": 64},
}


def example_body(endpoint: Endpoint) -> str:
    """Return a body that the endpoint answers, as `ai_query` would send it, to be changed."""
    request = Request(
        endpoint=endpoint,
        input=_EXAMPLES[endpoint.task],
        parameters=_PARAMETERS.get(endpoint.task, {}),
    )
    body = orjson.loads(adapter_for(endpoint).encode(request).body)
    return orjson.dumps(body, option=orjson.OPT_INDENT_2).decode()


def request_of(endpoint: Endpoint, body: wire.Json) -> Request | None:
    """Return the request that a body is; None if its answer would be none of `ai_query`."""
    own = {"model", *_OWN[endpoint.task]}
    parameters = {name: value for name, value in body.items() if name not in own}
    if endpoint.task == "custom":
        parameters = {}
    try:
        for asked, system in _asked(endpoint, body):
            request = Request(
                endpoint=endpoint,
                input=asked,
                system=system,
                parameters=parameters,
                response_format=dict(wire.mapping(body.get("response_format"))) or None,
            )
            if _written(request) == body:
                return request
    except AirqueryError:
        return None
    return None


_OWN: Final[dict[str, tuple[str, ...]]] = {
    "chat": ("messages", "response_format"),
    "completions": ("prompt",),
    "embeddings": ("input",),
    "custom": (),
}


def _asked(endpoint: Endpoint, body: wire.Json) -> list[tuple[object, str | None]]:
    """Return what may have been asked, and under which instruction; the likeliest first."""
    match endpoint.task:
        case "chat":
            return _of_messages(body.get("messages"))
        case "completions":
            return [(body.get("prompt"), None)]
        case "embeddings":
            return [(wire.only(body.get("input")), None)]
        case _:
            return [(row, None) for row in _rows(body.get(endpoint.format))]


def _of_messages(messages: object) -> list[tuple[object, str | None]]:
    listed = messages if isinstance(messages, list) else []
    found: list[tuple[object, str | None]] = []
    match listed:
        case [{"role": "user", "content": str(text)}]:
            found.append((text, None))
        case [{"role": "system", "content": str(system)}, {"role": "user", "content": str(text)}]:
            found.append((text, system))
    return [*found, ({"messages": listed}, None)]


def _rows(given: object) -> list[object]:
    """Return what one row of a custom model may have been before it was written."""
    match given:
        case {"columns": list(columns), "data": [list(values)]} if len(columns) == len(values):
            row = dict(zip(map(str, columns), values, strict=True))
        case [dict(row)]:
            pass
        case [value]:
            return [value]
        case dict(fields):
            row = {name: wire.only(value) for name, value in fields.items()}
        case _:
            return []
    return [row, *row.values()] if len(row) == 1 else [row]


def _written(request: Request) -> object:
    return orjson.loads(adapter_for(request.endpoint).encode(request).body)
