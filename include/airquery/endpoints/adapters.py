"""Which wire format an endpoint speaks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airquery.endpoints.custom import Custom
from airquery.endpoints.openai_chat import OpenAIChat
from airquery.endpoints.openai_completions import OpenAICompletions
from airquery.endpoints.openai_embeddings import OpenAIEmbeddings
from airquery.errors import InvalidEndpoint


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.endpoints.adapter import Adapter
    from airquery.endpoints.endpoint import Endpoint


_ADAPTERS: Final[Mapping[tuple[str, str], Adapter]] = {
    ("openai", "chat"): OpenAIChat(),
    ("openai", "completions"): OpenAICompletions(),
    ("openai", "embeddings"): OpenAIEmbeddings(),
    ("custom", "custom"): Custom(),
}


def adapter_for(endpoint: Endpoint) -> Adapter:
    """Return the adapter for the endpoint. Raises `InvalidEndpoint` if there is none."""
    adapter = _ADAPTERS.get((endpoint.provider, endpoint.task))
    if adapter is None:
        known = ", ".join(f"{provider} {task}" for provider, task in _ADAPTERS)
        raise InvalidEndpoint(
            endpoint.name,
            f"provider {endpoint.provider!r} has no task {endpoint.task!r}. Known: {known}.",
            source="Python",
        )
    return adapter
