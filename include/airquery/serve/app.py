"""The HTTP routes: which model a request is for, and whether that model can answer it.

A request reaches a model only under that model's name and on a path of its kind; llama.cpp itself
would answer to any name. What it answers is passed on as it is, streams included.
"""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, Any, Final

import orjson
from aiohttp import ClientError, web

from airquery.serve import replies
from airquery.serve.bert_ner_process import ModelEnded
from airquery.serve.rows import read_texts


if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from aiohttp import ClientResponse
    from aiohttp.typedefs import Middleware

    from airquery.serve.fleet import Fleet
    from airquery.serve.llama_process import LlamaProcess
    from airquery.serve.models import Kind

    Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


LARGEST_BODY: Final = 64 * 1024 * 1024

_KINDS: dict[str, Kind] = {
    "/chat/completions": "chat",
    "/completions": "chat",
    "/embeddings": "embeddings",
}
# What an invocation asks for is told by the field that holds the question.
_PATHS: dict[str, str] = {
    "messages": "/v1/chat/completions",
    "prompt": "/v1/completions",
    "input": "/v1/embeddings",
}
_FIELDS: dict[str, tuple[str, ...]] = {"chat": ("messages", "prompt"), "embeddings": ("input",)}

# Between two batches of rows the server can be stopped, and the client can have gone.
_ROWS_AT_ONCE = 100


def make_app(fleet: Fleet, *, token: str | None) -> web.Application:
    """Return the application that answers for a fleet."""
    app = web.Application(
        middlewares=[_refusals_as_json, _authentication(token)], client_max_size=LARGEST_BODY
    )
    routes = _Routes(fleet)
    app.router.add_get("/health", routes.health)
    app.router.add_get("/v1/models", routes.models)
    for prefix in ("/v1", "/serving-endpoints"):
        for path in _KINDS:
            app.router.add_post(prefix + path, routes.openai)
    app.router.add_post("/serving-endpoints/{name}/invocations", routes.invocations)
    return app


class _Routes:
    def __init__(self, fleet: Fleet) -> None:
        self._fleet = fleet

    async def health(self, _request: web.Request) -> web.Response:
        state = self._fleet.state
        return web.json_response({"status": state}, status=200 if state == "ok" else 503)

    async def models(self, _request: web.Request) -> web.Response:
        data = [
            {"id": name, "object": "model", "created": 0, "owned_by": "airquery", "kind": kind}
            for name, kind in self._fleet.kinds.items()
        ]
        return web.json_response({"object": "list", "data": data})

    async def openai(self, request: web.Request) -> web.StreamResponse:
        raw, body = await _read(request)
        name = body.get("model")
        if name is None:
            known = ", ".join(self._fleet.kinds)
            raise replies.bad_request(f"The field 'model' is missing. Known: {known}.")
        path = request.path.removeprefix("/v1").removeprefix("/serving-endpoints")
        model, kind = self._known(name)
        if kind != _KINDS[path]:
            raise replies.wrong_kind(model, kind)
        return await self._pass_on(request, model, f"/v1{path}", raw)

    async def invocations(self, request: web.Request) -> web.StreamResponse:
        _, body = await _read(request)
        name, kind = self._known(request.match_info["name"])
        if kind == "custom":
            return await self._predict(name, body)
        asked = [field for field in _FIELDS[kind] if field in body]
        if len(asked) != 1:
            fields = " or ".join(map(repr, _FIELDS[kind]))
            raise replies.bad_request(f"The model {name!r} is asked by {fields}: one of them.")
        raw = orjson.dumps({**body, "model": name})
        return await self._pass_on(request, name, _PATHS[asked[0]], raw)

    async def _predict(self, name: str, body: dict[str, Any]) -> web.Response:
        model = self._fleet.custom(name)
        if model is None:
            raise replies.unavailable(name, loading=self._fleet.state == "loading")
        try:
            texts = read_texts(body)
        except ValueError as error:
            raise replies.bad_request(str(error)) from None
        predictions: list[object] = []
        try:
            for start in range(0, len(texts), _ROWS_AT_ONCE):
                predictions += await model.predictions(texts[start : start + _ROWS_AT_ONCE])
        except ModelEnded as error:
            raise replies.lost(name) from error
        return web.json_response({"predictions": predictions}, headers={"served-model-name": name})

    def _known(self, name: object) -> tuple[str, Kind]:
        kind = self._fleet.kinds.get(name) if isinstance(name, str) else None
        if not isinstance(name, str) or kind is None:
            raise replies.unknown_model(name, self._fleet.kinds)
        return name, kind

    async def _pass_on(
        self, request: web.Request, name: str, path: str, raw: bytes
    ) -> web.StreamResponse:
        llama = self._fleet.llama(name)
        if llama is None:
            raise replies.unavailable(name, loading=self._fleet.state == "loading")
        try:
            return await _relay(request, llama, name=name, path=path, raw=raw)
        except ClientError as error:
            raise replies.lost(name) from error


async def _relay(
    request: web.Request, llama: LlamaProcess, *, name: str, path: str, raw: bytes
) -> web.StreamResponse:
    answer = await llama.post(path, raw)
    async with answer:
        headers = {
            "Content-Type": answer.headers.get("Content-Type", "application/json"),
            "served-model-name": name,
        }
        if answer.content_type == "text/event-stream":
            return await _relay_stream(request, answer, headers)
        return web.Response(status=answer.status, body=await answer.read(), headers=headers)


async def _relay_stream(
    request: web.Request, answer: ClientResponse, headers: dict[str, str]
) -> web.StreamResponse:
    response = web.StreamResponse(status=answer.status, headers=headers)
    await response.prepare(request)
    try:
        async for piece in answer.content.iter_any():
            await response.write(piece)
    except ClientError:
        # A part is sent already: only a broken connection tells the client that more is missing.
        if request.transport is not None:
            request.transport.abort()
    return response


async def _read(request: web.Request) -> tuple[bytes, dict[str, Any]]:
    """Return the body as it was sent, and as the object it holds."""
    try:
        raw = await request.read()
        body = orjson.loads(raw)
    except web.RequestPayloadError:
        raise replies.bad_request("The body is not in the encoding that it claims.") from None
    except orjson.JSONDecodeError as error:
        raise replies.bad_request(f"The body is not JSON: {error}.") from None
    if not isinstance(body, dict):
        raise replies.bad_request("The body must be a JSON object.")
    return raw, body


@web.middleware
async def _refusals_as_json(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except web.HTTPException as refused:
        if refused.status < 400 or refused.content_type == "application/json":  # noqa: PLR2004
            raise
        return replies.as_json(request, refused)


def _authentication(token: str | None) -> Middleware:
    """Ask every request but `/health` for the token, if there is one."""
    expected = None if token is None else f"Bearer {token}".encode()

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        sent = request.headers.get("Authorization", "").encode(errors="surrogateescape")
        open_to_all = expected is None or request.path == "/health"
        if not open_to_all and not hmac.compare_digest(sent, expected or b""):
            raise replies.unauthorized()
        return await handler(request)

    return check
