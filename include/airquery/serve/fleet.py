"""The models of one server, from their names to their end.

Every name is known from the start, so a wrong one is refused even while models load. A fleet is
ready once every model is loaded, and no longer when one of them has died. The entity model is
loaded by the first request for it.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal

from airquery.serve.bert_ner_process import BertNer
from airquery.serve.llama_process import LlamaProcess, LlamaSettings
from airquery.serve.minilm import ensure_converted
from airquery.serve.options import ENTITY_MODEL
from airquery.serve.vader import Lexicon


if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from airquery.serve.models import Kind, Model
    from airquery.serve.options import ServeOptions


State = Literal["loading", "ok", "failed"]

# What the embedding model was trained for; a longer text is refused by it.
_EMBEDDING_CONTEXT = 512


class Fleet:
    """The loaded models, by name."""

    def __init__(self, models: Sequence[Model], options: ServeOptions) -> None:
        self.kinds: dict[str, Kind] = {model.name: model.kind for model in models}
        self._models = models
        self._options = options
        self._llamas: dict[str, LlamaProcess] = {}
        self._custom: dict[str, Lexicon | BertNer] = {}
        self._loaded = False

    @property
    def state(self) -> State:
        """Say whether requests can be answered."""
        if not self._loaded:
            return "loading"
        models = (*self._llamas.values(), *self._custom.values())
        return "ok" if all(model.alive for model in models) else "failed"

    def llama(self, name: str) -> LlamaProcess | None:
        """Return the process of a chat or embedding model, if it runs."""
        llama = self._llamas.get(name)
        return llama if llama is not None and llama.alive else None

    def custom(self, name: str) -> Lexicon | BertNer | None:
        """Return a custom model, once it can be asked and as long as it can."""
        model = self._custom.get(name)
        return model if model is not None and model.alive else None

    async def load(self) -> None:
        """Load every model, side by side. Raises `InvalidSetting` for one that cannot be."""
        try:
            async with asyncio.TaskGroup() as group:
                for model in self._models:
                    group.create_task(self._load(model))
        except ExceptionGroup as failed:
            # One reason is enough to act on, and a group of one tells a command line nothing.
            raise failed.exceptions[0] from None
        self._loaded = True

    async def close(self) -> None:
        """End every model."""
        models = (*self._llamas.values(), *self._custom.values())
        await asyncio.gather(*(model.close() for model in models))

    async def _load(self, model: Model) -> None:
        match model.kind:
            case "custom" if model.name == ENTITY_MODEL:
                self._custom[model.name] = BertNer(model.path)
            case "custom":
                self._custom[model.name] = await asyncio.to_thread(Lexicon)
            case "chat":
                await self._start(model, model.path)
            case "embeddings":
                cache_dir = self._options.cache_dir
                await self._start(
                    model, await asyncio.to_thread(ensure_converted, model.path, cache_dir)
                )

    async def _start(self, model: Model, path: Path) -> None:
        embedding = model.kind == "embeddings"
        self._llamas[model.name] = await LlamaProcess.start(
            LlamaSettings(
                name=model.name,
                path=path,
                embedding=embedding,
                slots=self._options.slots,
                context_per_slot=(
                    _EMBEDDING_CONTEXT if embedding else self._options.context_per_slot
                ),
                threads=self._options.threads,
            )
        )
