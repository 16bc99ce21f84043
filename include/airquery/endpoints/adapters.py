"""Which wire format an endpoint speaks."""

from __future__ import annotations

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
from airquery.endpoints.python_function import PythonFunction
from airquery.errors import InvalidEndpoint


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.endpoints.adapter import Adapter, ManyAdapter
    from airquery.endpoints.endpoint import Endpoint


_MANY: Final[Mapping[tuple[str, str], ManyAdapter]] = {
    ("openai", "embeddings"): OpenAIEmbeddings(),
    ("databricks", "embeddings"): DatabricksEmbeddings(),
}
_ADAPTERS: Final[Mapping[tuple[str, str], Adapter]] = {
    ("openai", "chat"): OpenAIChat(),
    ("openai", "completions"): OpenAICompletions(),
    ("custom", "custom"): Custom(),
    ("databricks", "chat"): DatabricksChat(),
    ("databricks", "completions"): DatabricksCompletions(),
    ("databricks", "custom"): Custom(),
    ("anthropic", "chat"): AnthropicMessages(),
    **_MANY,
}
_RESPONSES: Final[Mapping[tuple[str, str], Adapter]] = {("openai", "chat"): OpenAIResponses()}


PYTHON: Final = PythonFunction()


def adapter_for(endpoint: Endpoint) -> Adapter:
    """Return the adapter for the endpoint. Raises `InvalidEndpoint` if there is none."""
    if endpoint.function is not None:
        return PYTHON
    adapters = _RESPONSES if endpoint.api == "responses" else _ADAPTERS
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


def many_adapter_for(endpoint: Endpoint) -> ManyAdapter | None:
    """Return the adapter that puts several requests into one, and None if the format has none."""
    return _MANY.get((endpoint.provider, endpoint.task))
