"""Which batch API an endpoint's provider has."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airquery.endpoints.anthropic_batch import AnthropicBatch
from airquery.endpoints.batches import BATCHED
from airquery.endpoints.openai_batch import OpenAIBatch
from airquery.errors import InvalidEndpoint


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.endpoints.batch import BatchWire
    from airquery.endpoints.endpoint import Endpoint, Provider


_WIRES: Final[Mapping[Provider, BatchWire]] = {
    "openai": OpenAIBatch(),
    "anthropic": AnthropicBatch(),
}


def batch_wire_for(endpoint: Endpoint) -> BatchWire:
    """Return the batch API of an endpoint. Raises `InvalidEndpoint` if it has none."""
    if (endpoint.provider, endpoint.task) not in BATCHED or endpoint.function is not None:
        raise InvalidEndpoint(
            endpoint.name,
            f"provider {endpoint.provider!r} has no batch API for task {endpoint.task!r}. "
            "Leave batch out.",
            source="Python",
        )
    return _WIRES[endpoint.provider]
