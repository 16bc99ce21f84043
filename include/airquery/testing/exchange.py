"""How the scripted endpoint takes a request off the connection and puts a reply on it."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING, Final

import orjson
from aiohttp import web
from multidict import CIMultiDict

from airquery.testing.reply import Received, Reply


if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter
    from aiohttp.http import RawRequestMessage
    from aiohttp.streams import StreamReader
    from aiohttp.web_protocol import RequestHandler

    from airquery.testing.answers import Body


_BODY_BYTES: Final = 64 << 20


def new_request(
    message: RawRequestMessage,
    payload: StreamReader,
    protocol: RequestHandler,
    writer: AbstractStreamWriter,
    task: asyncio.Task[None],
) -> web.BaseRequest:
    """Make a request whose body may be as long as a document."""
    loop = asyncio.get_running_loop()
    return web.BaseRequest(
        message, payload, protocol, writer, task, loop, client_max_size=_BODY_BYTES
    )


def json_object(body: bytes) -> Body | None:
    """Return a body that is a JSON object, and None for any other."""
    try:
        found = orjson.loads(body)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) else None


def received(request: web.BaseRequest, body: Body) -> Received:
    """Freeze what came in."""
    headers = {name.lower(): value for name, value in request.headers.items()}
    return Received(
        path=request.path,
        query=dict(request.query),
        headers=headers,
        body=body,
        at=time.monotonic(),
    )


async def send(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Put a reply on the connection, or as much of it as it says."""
    content = reply.content() or b""
    headers = CIMultiDict({"Content-Type": "application/json"})
    headers.update(reply.headers)
    if reply.end == "whole" and not reply.drip_s:
        return web.Response(status=reply.status, body=content, headers=headers)
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.content_length = len(content)
    if reply.end == "raw" and request.transport is not None:
        request.transport.write(content)
    if reply.end == "whole":
        await response.prepare(request)
        for place in range(len(content)):
            await asyncio.sleep(reply.drip_s)
            await response.write(content[place : place + 1])
        return response
    if reply.end == "cut":
        await response.prepare(request)
        await response.write(content[: len(content) // 2])
    request.protocol.force_close()
    return response
