"""A forward proxy on this machine: it resolves every name to this machine and keeps what it saw."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import Self


class ProxyServer:
    """A context manager. `asked` are the request lines, `authorizations` what came with them.

    Args:
        authorization: what `Proxy-Authorization` has to be; others are refused with 407.
        status: refuse everybody with this status.
    """

    def __init__(self, *, authorization: str | None = None, status: int | None = None) -> None:
        self._authorization = authorization
        self._status = status
        self.asked: list[str] = []
        self.authorizations: list[str | None] = []
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._serving: dict[asyncio.Task[object], asyncio.StreamWriter] = {}
        self._thread = threading.Thread(target=self._run, name="proxy-server", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._left.set)
        self._thread.join()

    @property
    def host(self) -> str:
        """Return where it listens: host and port."""
        return f"127.0.0.1:{self._port}"

    def _run(self) -> None:
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            runner.run(self._listen())

    async def _listen(self) -> None:
        self._left = asyncio.Event()
        server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self._port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        await self._left.wait()
        server.close()
        for writer in self._serving.values():
            writer.close()
        await asyncio.gather(*self._serving, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._serving[task] = writer
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            await self._forward(reader, writer)
        await _close(writer)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        line, *headers = head.removesuffix("\r\n\r\n").split("\r\n")
        self.asked.append(line)
        given = {name.lower(): value for name, _, value in (one.partition(": ") for one in headers)}
        self.authorizations.append(given.get("proxy-authorization"))
        refused = self._status or (
            407 if self._authorization not in (None, given.get("proxy-authorization")) else None
        )
        if refused is not None:
            writer.write(f"HTTP/1.1 {refused} No\r\nContent-Length: 0\r\n\r\n".encode())
            await writer.drain()
            return
        method, target, _ = line.split(" ")
        authority = target if method == "CONNECT" else target.split("/")[2]
        port = int(authority.rpartition(":")[2])
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        if method == "CONNECT":
            writer.write(b"HTTP/1.1 200 Connection established\r\n\r\n")
        else:
            kept = [one for one in headers if not one.lower().startswith("proxy-")]
            inner_writer.write("\r\n".join([line, *kept, "", ""]).encode("latin-1"))
        await asyncio.gather(_pipe(reader, inner_writer), _pipe(inner_reader, writer))


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
            await writer.drain()
    await _close(writer)


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(ConnectionError):
        await writer.wait_closed()
