"""Run `bert_ner.py` as a child process and give it texts, those of several requests together.

The child is started by the first request: a server whose entities nobody asks for does not hold
the model in memory. Texts that wait while it computes make up the next batch; what its client no
longer waits for is left out of it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from airquery.serve import child
from airquery.serve.entities import entities_of


if TYPE_CHECKING:
    from asyncio import Future, Task
    from asyncio.subprocess import Process
    from collections.abc import Sequence

    from airquery.serve.entities import Entity

    Waiting = tuple[str, Future[list[Entity]]]


_PROGRAM = Path(__file__).with_name("bert_ner.py")
_TEXTS_AT_ONCE = 16


class ModelEnded(Exception):
    """The child could not start, or has died. What it says of it is on stderr."""


class BertNer:
    """The model of entities, once somebody asks for it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._waiting: asyncio.Queue[Waiting] = asyncio.Queue()
        self._working: Task[None] | None = None

    @property
    def alive(self) -> bool:
        """Say whether it can be asked: it is not started yet, or runs."""
        return self._working is None or not self._working.done()

    async def predictions(self, texts: Sequence[str]) -> list[list[Entity]]:
        """Return the entities of each text. Raises `ModelEnded`."""
        if self._working is None:
            self._working = asyncio.create_task(self._work())
        if self._working.done():
            raise ModelEnded
        loop = asyncio.get_running_loop()
        asked: list[Waiting] = [(text, loop.create_future()) for text in texts]
        for each in asked:
            self._waiting.put_nowait(each)
        return await asyncio.gather(*(found for _, found in asked))

    async def close(self) -> None:
        """End the child; requests in flight fail."""
        if self._working is not None:
            self._working.cancel()
            await asyncio.wait({self._working})

    async def _work(self) -> None:
        """Answer what waits, until the child dies or the server ends; then fail the rest."""
        batch: list[Waiting] = []
        try:
            process = await child.start(_PROGRAM)
            try:
                told = orjson.dumps({"path": str(self._folder)}) + b"\n"
                answer = await child.converse(process, told)
                while answer.endswith(b"\n"):
                    batch = await self._next_batch()
                    answer = await _ask(process, batch)
            finally:
                await child.end(process)
        finally:
            while not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            for _, found in batch:
                if not found.done():
                    found.set_exception(ModelEnded())

    async def _next_batch(self) -> list[Waiting]:
        batch: list[Waiting] = []
        while not batch:
            batch = [await self._waiting.get()]
            while len(batch) < _TEXTS_AT_ONCE and not self._waiting.empty():
                batch.append(self._waiting.get_nowait())
            batch = [each for each in batch if not each[1].done()]
        return batch


async def _ask(process: Process, batch: Sequence[Waiting]) -> bytes:
    """Have the child read a batch of texts, and hand out what is in them."""
    answer = await child.converse(process, orjson.dumps([text for text, _ in batch]) + b"\n")
    if answer.endswith(b"\n"):
        for (text, found), tokens in zip(batch, orjson.loads(answer), strict=True):
            if not found.done():
                found.set_result(entities_of(text, tokens))
    return answer
