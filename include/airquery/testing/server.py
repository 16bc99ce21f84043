"""An endpoint on this machine that speaks real HTTP and plays a script.

It runs in a thread of its own, so a test may block. What it is told from any thread holds for the
requests that come in afterwards. Everything it answers follows from the request and the script.
"""

from __future__ import annotations

import asyncio
import re
import socket
import threading
from collections import Counter, deque
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any, Final, Self

from aiohttp import web

from airquery.endpoints.endpoint import Endpoint, Secret, Task
from airquery.testing.answers import MODEL, Body, answered, listing
from airquery.testing.batches import Batches, BatchScript, Submitted
from airquery.testing.exchange import json_object, new_request, received, send
from airquery.testing.reply import Received, Reply, error_body


if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Mapping
    from types import TracebackType


_HOST: Final = "127.0.0.1"
_BACKLOG: Final = 1_024
_OK: Final = 200
_HANDSHAKE_S: Final = 2.0


class EndpointServer:
    """A context manager; the server listens inside of it.

    Args:
        answer: What to answer to a request's body: text for chat and completions, a list of
            numbers for embeddings, any JSON value for custom models, or a `Reply`. It runs in the
            server's thread. By default the request is echoed.
        latency_s: How long an answer takes, or a function of the body that says so.
        api_key: The only key that is let in; without it everybody is.
        capacity: How many requests may be in flight; others get 429.
        retry_after_s: What `Retry-After` says in such a 429; None leaves it out.
        record: Whether to keep requests. Turn it off for very many.
        tls: Speak https with this certificate.
        batch_api: Whether there are the batch APIs.
    """

    def __init__(
        self,
        *,
        answer: Callable[[Body], object] | None = None,
        latency_s: float | Callable[[Body], float] = 0.0,
        api_key: str | None = None,
        capacity: int | None = None,
        retry_after_s: float | None = 0.05,
        record: bool = True,
        tls: ssl.SSLContext | None = None,
        batch_api: bool = True,
    ) -> None:
        self._answer = answer
        self._latency_s = latency_s
        self._api_key = api_key
        self._capacity = capacity
        self._retry_after_s = retry_after_s
        self._record = record
        self._tls = tls
        self._script: deque[Reply] = deque()
        self._rules: list[tuple[Callable[[Body], bool], Reply]] = []
        self._holds: list[tuple[Callable[[Body], bool], asyncio.Event]] = []
        self._received: list[Received] = []
        self._batch_api = batch_api
        self._batches = Batches(self._answered_in_batch)
        self._statuses: Counter[int] = Counter()
        self._count = self._in_flight = self._in_flight_max = 0
        self._port = 0

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def start(self) -> None:
        """Listen, after a stop where it did before. Entering does this."""
        listener = socket.create_server((_HOST, self._port), backlog=_BACKLOG)
        self._port = listener.getsockname()[1]
        self._loop, self._left = asyncio.new_event_loop(), asyncio.Event()
        self._thread = threading.Thread(
            target=self._run, args=(listener,), name="endpoint-server", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Break all connections and be away. Leaving does this."""
        self._loop.call_soon_threadsafe(self._left.set)
        self._thread.join()

    @property
    def url(self) -> str:
        """Return where it listens, without a path."""
        return f"{'http' if self._tls is None else 'https'}://{_HOST}:{self._port}"

    @property
    def requests(self) -> tuple[Received, ...]:
        """Return all requests so far, in the order they came in."""
        return tuple(self._received)

    @property
    def count(self) -> int:
        """Return how many requests came in, also those refused; asking for models is none."""
        return self._count

    @property
    def statuses(self) -> Mapping[int, int]:
        """Return how often each status was sent; a dropped connection counts as 0."""
        return dict(self._statuses)

    @property
    def in_flight_max(self) -> int:
        """Return how many requests were in flight at most, without those refused at once."""
        return self._in_flight_max

    def script(self, *replies: Reply) -> None:
        """Use these replies, one a request in this order, before answering as usual again."""
        self._script.extend(replies)

    def fail_when(self, matches: Callable[[Body], bool], reply: Reply) -> None:
        """Give this reply to every request whose body matches. The first such rule holds."""
        self._rules.append((matches, reply))

    def hold_when(self, matches: Callable[[Body], bool]) -> Callable[[], object]:
        """Answer no request whose body matches until the function that is returned was called."""
        released = asyncio.Event()
        self._holds.append((matches, released))
        return partial(self._loop.call_soon_threadsafe, released.set)

    @property
    def batches(self) -> tuple[Submitted, ...]:
        """Return all batches that were submitted, the oldest first. Their requests are no `count`."""
        return self._batches.made

    def script_batches(self, *scripts: BatchScript) -> None:
        """Let the next batches go so, one each; others end at the second look at them."""
        self._batches.script(*scripts)

    def hold_batches(self, *, held: bool = True) -> None:
        """Let no batch end, or let them end again."""
        self._batches.held = held

    def endpoint(self, name: str = "test-llm", task: Task = "chat", **overrides: Any) -> Endpoint:
        """Return an endpoint that asks this server; `overrides` are fields of `Endpoint`."""
        provider = overrides.get("provider", "custom" if task == "custom" else "openai")
        fields: dict[str, Any] = {
            "name": name,
            "task": task,
            "base_url": f"{self.url}/v1" if provider == "openai" else self.url,
            "model": MODEL if provider in ("openai", "anthropic") else None,
            "api_key": None if self._api_key is None else Secret(self._api_key),
        }
        return Endpoint(**{**fields, **overrides})

    def _run(self, listener: socket.socket) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._serve(listener))

    async def _serve(self, listener: socket.socket) -> None:
        server = web.Server(
            self._handle,
            request_factory=new_request,
            access_log=None,
            # Who hangs up is not in flight any more.
            handler_cancellation=True,
        )
        serving = await self._loop.create_server(
            server,
            sock=listener,
            backlog=_BACKLOG,
            ssl=self._tls,
            ssl_handshake_timeout=None if self._tls is None else _HANDSHAKE_S,
        )
        # Before it is closed: only who waits then also waits for handshakes that are under way.
        closed = self._loop.create_task(serving.wait_closed())
        await self._left.wait()
        serving.close()
        open_now = [handler.transport for handler in server.connections]
        await server.shutdown(timeout=0.01)
        for transport in open_now:
            if transport is not None:
                transport.abort()
        await closed

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        content = await request.read()
        batch = self._in_batches(request, content)
        if batch is not None:
            await asyncio.sleep(batch.after_s)
            return await send(request, self._refused_key(request) or batch)
        if request.method == "GET":
            return await send(request, self._refused_key(request) or listing(request.path))
        body = json_object(content)
        self._count += 1
        if self._record:
            self._received.append(received(request, body or {}))
        if body is None:
            reply = Reply(status=400, body=error_body(400, "The body is not a JSON object."))
        else:
            refused = self._refused_key(request) or self._over_capacity()
            reply = refused or await self._admitted(request.path, body)
        self._statuses[0 if reply.end == "drop" else reply.status] += 1
        return await send(request, reply)

    def _in_batches(self, request: web.BaseRequest, content: bytes) -> Reply | None:
        kind = request.headers.get("Content-Type", "")
        asked = (request.method, request.path, request.query, content, kind)
        if self._batch_api:
            return self._batches.reply(*asked)
        absent = re.search(r"/(files|batches)\b", request.path) is not None
        return Reply(status=404) if absent else None

    def _refused_key(self, request: web.BaseRequest) -> Reply | None:
        keys = (request.headers.get("Authorization"), request.headers.get("x-api-key"))
        if self._api_key is None or f"Bearer {self._api_key}" in keys or self._api_key in keys:
            return None
        return Reply(status=401, body=error_body(401, "The key is not known."))

    def _over_capacity(self) -> Reply | None:
        if self._capacity is None or self._in_flight < self._capacity:
            return None
        wait = self._retry_after_s
        return Reply(status=429, headers={} if wait is None else {"Retry-After": f"{wait:g}"})

    async def _admitted(self, path: str, body: Body) -> Reply:
        self._in_flight += 1
        self._in_flight_max = max(self._in_flight_max, self._in_flight)
        try:
            return await self._play(path, body)
        except Exception as error:  # noqa: BLE001 - what is wrong with the body, or with a test's own function, is told to who asked
            return Reply(status=400, body=error_body(400, f"{type(error).__name__}: {error}"))
        finally:
            self._in_flight -= 1

    async def _play(self, path: str, body: Body) -> Reply:
        """Wait as long as the script says, and return what is sent then."""
        for matches, released in self._holds:
            if matches(body):
                await released.wait()
        scripted = self._scripted(body)
        if scripted is not None:
            await asyncio.sleep(scripted.after_s)
            if scripted.content() is not None or scripted.end == "drop":
                return scripted
        latency_s = self._latency_s(body) if callable(self._latency_s) else self._latency_s
        if latency_s:
            await asyncio.sleep(latency_s)
        reply = answered(path, body, self._answer)
        if reply.after_s:
            await asyncio.sleep(reply.after_s)
        if scripted is None:
            return reply
        status = reply.status if scripted.status == _OK else scripted.status
        headers = {**reply.headers, **scripted.headers}
        return replace(reply, status=status, headers=headers, end=scripted.end)

    def _answered_in_batch(self, path: str, body: Body) -> Reply:
        scripted = self._scripted(body)
        if scripted is not None and (scripted.content() is not None or scripted.end == "drop"):
            return scripted
        return answered(path, body, self._answer)

    def _scripted(self, body: Body) -> Reply | None:
        for matches, reply in self._rules:
            if matches(body):
                return reply
        return self._script.popleft() if self._script else None
