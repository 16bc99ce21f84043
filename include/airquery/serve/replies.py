"""What the server says when it does not pass a request on: OpenAI's error body.

`{"error": {"message", "type", "param", "code"}}`, for every refusal and on every path, so that a
client reads one shape.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from aiohttp import web


if TYPE_CHECKING:
    from collections.abc import Iterable

    from airquery.serve.models import Kind


_JSON = "application/json"

_HOW_TO_ASK: dict[Kind, str] = {
    "chat": "is a chat model. Ask it by POST /v1/chat/completions or /v1/completions.",
    "embeddings": "is an embedding model. Ask it by POST /v1/embeddings.",
    "custom": "is a custom model. Ask it by POST /serving-endpoints/{name}/invocations.",
}


def error_body(status: int, message: str, *, code: str | None = None) -> str:
    """Return the body of a refusal."""
    kinds = {401: "authentication_error", 503: "unavailable_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "server_error")  # noqa: PLR2004
    error = {"message": message, "type": kind, "param": None, "code": code}
    return json.dumps({"error": error})


def bad_request(message: str) -> web.HTTPBadRequest:
    """Return a 400 to raise."""
    return web.HTTPBadRequest(text=error_body(400, message), content_type=_JSON)


def unauthorized() -> web.HTTPUnauthorized:
    """Return a 401 to raise. It does not repeat the token that was sent."""
    message = "The token is missing or wrong. Send it as: Authorization: Bearer <token>."
    return web.HTTPUnauthorized(
        text=error_body(401, message, code="invalid_api_key"),
        content_type=_JSON,
        headers={"WWW-Authenticate": "Bearer"},
    )


def unknown_model(name: object, known: Iterable[str]) -> web.HTTPNotFound:
    """Return a 404 to raise, naming the models that are served."""
    message = f"The model {name!r} is not served here. Known: {', '.join(known)}."
    text = error_body(404, message, code="model_not_found")
    return web.HTTPNotFound(text=text, content_type=_JSON)


def wrong_kind(name: str, kind: Kind) -> web.HTTPBadRequest:
    """Return a 400 to raise, naming the path that the model answers on."""
    return bad_request(f"The model {name!r} {_HOW_TO_ASK[kind].format(name=name)}")


def unavailable(name: str, *, loading: bool) -> web.HTTPServiceUnavailable:
    """Return a 503 to raise: the model loads, or its process has ended."""
    if loading:
        message, headers = f"The model {name!r} is loading.", {"Retry-After": "1"}
    else:
        message = f"The process of the model {name!r} has ended. Start the server again."
        headers = {}
    return web.HTTPServiceUnavailable(
        text=error_body(503, message), content_type=_JSON, headers=headers
    )


def lost(name: str) -> web.HTTPBadGateway:
    """Return a 502 to raise: the model's process broke the connection."""
    message = f"The model {name!r} broke off while it answered."
    return web.HTTPBadGateway(text=error_body(502, message), content_type=_JSON)


def as_json(request: web.BaseRequest, refused: web.HTTPException) -> web.Response:
    """Return aiohttp's own refusal (unknown path, wrong method, body too large) in our shape."""
    headers = {"Allow": refused.headers["Allow"]} if "Allow" in refused.headers else {}
    message = f"{request.method} {request.path}: {refused.text or refused.reason}"
    return web.json_response(
        text=error_body(refused.status, message), status=refused.status, headers=headers
    )
