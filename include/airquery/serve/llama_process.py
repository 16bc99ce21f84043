"""Run `llama.py` as a child process and pass requests on to it.

The child listens on loopback with a key that only this process knows. It ends with this process,
however that ends. No more requests are passed on at once than the child has threads for; the rest
wait here.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from aiohttp import ClientSession, ClientTimeout, TCPConnector

from airquery.errors import InvalidSetting
from airquery.serve import child


if TYPE_CHECKING:
    from asyncio.subprocess import Process

    from aiohttp import ClientResponse


_PROGRAM = Path(__file__).with_name("llama.py")


@dataclass(frozen=True, slots=True, kw_only=True)
class LlamaSettings:
    """What the child is told about the model it is to serve."""

    name: str
    path: Path
    embedding: bool
    slots: int
    context_per_slot: int
    threads: int

    @property
    def connections(self) -> int:
        """Return how many requests are passed on at once: the next ones wait beside the slots."""
        return 2 * self.slots


class LlamaProcess:
    """One running child. Its `post` is the only way to it."""

    def __init__(self, process: Process, session: ClientSession) -> None:
        self._process = process
        self._session = session

    @classmethod
    async def start(cls, settings: LlamaSettings) -> Self:
        """Start the child and return when its model is loaded."""
        key = secrets.token_urlsafe()
        process = await child.start(_PROGRAM)
        try:
            url = await _introduce(process, settings, key)
        except BaseException:
            await child.end(process)
            raise
        session = ClientSession(
            base_url=url,
            # A connection that the child has just closed as idle would look like a failure.
            connector=TCPConnector(limit=settings.connections, force_close=True),
            headers={"Authorization": f"Bearer {key}"},
            timeout=ClientTimeout(total=None),
        )
        return cls(process, session)

    @property
    def alive(self) -> bool:
        """Say whether the child still runs."""
        return self._process.returncode is None

    async def post(self, path: str, body: bytes) -> ClientResponse:
        """Pass a request on. The caller closes the response."""
        headers = {"Content-Type": "application/json"}
        return await self._session.post(path, data=body, headers=headers)

    async def close(self) -> None:
        """End the child; requests in flight fail."""
        await self._session.close()
        await child.end(self._process)


async def _introduce(process: Process, settings: LlamaSettings, key: str) -> str:
    """Tell the child what to serve and return where it does."""
    told = {
        "name": settings.name,
        "path": str(settings.path),
        "embedding": settings.embedding,
        "slots": settings.slots,
        "context_per_slot": settings.context_per_slot,
        "threads": settings.threads,
        "connections": settings.connections,
        "api_key": key,
    }
    line = await child.converse(process, json.dumps(told).encode() + b"\n")
    answer = json.loads(line) if line.endswith(b"\n") else {}
    if "url" in answer:
        return str(answer["url"])
    reason = answer.get("error") or f"its process ended with {await process.wait()}"
    raise InvalidSetting(
        f"The model file {str(settings.path)!r} could not be loaded: {reason} "
        "llama.cpp says more above. Is the file whole, and is there memory for it?"
    )
