"""The model serving of Databricks: the OpenAI bodies, sent to a serving endpoint's invocations.

The URL says which model is asked, so that no body names one. What goes beside the sampling
parameters (`extra_params`, `client_request_id`, `usage_context`, the `instruction` of an embedding)
is a parameter too. Custom models have the format of `airquery.endpoints.custom`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.endpoints import wire
from airquery.endpoints.invocations import invocations_url
from airquery.endpoints.openai_chat import OpenAIChat
from airquery.endpoints.openai_completions import OpenAICompletions
from airquery.endpoints.openai_embeddings import OpenAIEmbeddings


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.endpoints.adapter import HttpRequest
    from airquery.request import Request


def _post(request: Request, own: Mapping[str, object]) -> HttpRequest:
    body = wire.payload(request, {**own, "model": None})
    return wire.post(request.endpoint, invocations_url(request.endpoint), body)


class DatabricksChat(OpenAIChat):
    """A served chat model."""

    def post(self, request: Request, own: Mapping[str, object]) -> HttpRequest:
        """Send it to the invocations, without the model."""
        return _post(request, own)


class DatabricksCompletions(OpenAICompletions):
    """A served completions model."""

    def post(self, request: Request, own: Mapping[str, object]) -> HttpRequest:
        """Send it to the invocations, without the model."""
        return _post(request, own)


class DatabricksEmbeddings(OpenAIEmbeddings):
    """A served embedding model."""

    def post(self, request: Request, own: Mapping[str, object]) -> HttpRequest:
        """Send it to the invocations, without the model."""
        return _post(request, own)
