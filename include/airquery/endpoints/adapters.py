"""Which wire format an endpoint speaks."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Final

from airquery.endpoints.anthropic_messages import AnthropicMessages
from airquery.endpoints.custom import Custom
from airquery.endpoints.databricks_serving import (
    DatabricksChat,
    DatabricksCompletions,
    DatabricksEmbeddings,
)
from airquery.endpoints.openai_chat import OpenAIChat
from airquery.endpoints.openai_completions import OpenAICompletions
from airquery.endpoints.openai_embeddings import OpenAIEmbeddings
from airquery.endpoints.openai_responses import OpenAIResponses
from airquery.endpoints.packed_chat import PackedChat
from airquery.endpoints.python_function import PythonFunction
from airquery.errors import InvalidEndpoint


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.endpoints.adapter import Adapter, ChatAdapter, ManyAdapter
    from airquery.endpoints.endpoint import Endpoint


_EMBEDDINGS: Final[Mapping[tuple[str, str], OpenAIEmbeddings]] = {
    ("openai", "embeddings"): OpenAIEmbeddings(),
    ("databricks", "embeddings"): DatabricksEmbeddings(),
}
_CHAT: Final[Mapping[tuple[str, str], ChatAdapter]] = {
    ("openai", "chat"): OpenAIChat(),
    ("databricks", "chat"): DatabricksChat(),
    ("anthropic", "chat"): AnthropicMessages(),
}
_ADAPTERS: Final[Mapping[tuple[str, str], Adapter]] = {
    ("openai", "chat"): _CHAT["openai", "chat"],
    ("openai", "completions"): OpenAICompletions(),
    ("custom", "custom"): Custom(),
    ("databricks", "chat"): _CHAT["databricks", "chat"],
    ("databricks", "completions"): DatabricksCompletions(),
    ("databricks", "custom"): Custom(),
    ("anthropic", "chat"): _CHAT["anthropic", "chat"],
    **_EMBEDDINGS,
}
_RESPONSES: Final[Mapping[tuple[str, str], ChatAdapter]] = {("openai", "chat"): OpenAIResponses()}
# Drawn anew in each process, so that nobody can write a row that knows the ids of others.
_SALT: Final = secrets.token_bytes(16)
_PACKED: Final = {known: PackedChat(adapter, salt=_SALT) for known, adapter in _CHAT.items()}
_PACKED_RESPONSES: Final = {
    known: PackedChat(adapter, salt=_SALT) for known, adapter in _RESPONSES.items()
}


PYTHON: Final = PythonFunction()


def adapter_for(endpoint: Endpoint) -> Adapter:
    """Return the adapter for the endpoint. Raises `InvalidEndpoint` if there is none."""
    if endpoint.function is not None:
        return PYTHON
    adapters: Mapping[tuple[str, str], Adapter] = (
        _RESPONSES if endpoint.api == "responses" else _ADAPTERS
    )
    adapter = adapters.get((endpoint.provider, endpoint.task))
    if adapter is None:
        known = ", ".join(f"{provider} {task}" for provider, task in adapters)
        api = f" in the api {endpoint.api!r}" if endpoint.api == "responses" else ""
        raise InvalidEndpoint(
            endpoint.name,
            f"provider {endpoint.provider!r} has no task {endpoint.task!r}{api}. Known: {known}.",
            source="Python",
        )
    return adapter


def many_adapter_for(endpoint: Endpoint, *, rows_per_prompt: int = 1) -> ManyAdapter | None:
    """Return what puts several requests into one, and None if the format has nothing for that.

    With more than one of the rows per prompt that is a prompt of them, which only chat has.
    """
    known = (endpoint.provider, endpoint.task)
    if rows_per_prompt == 1:
        return _EMBEDDINGS.get(known)
    return (_PACKED_RESPONSES if endpoint.api == "responses" else _PACKED).get(known)
