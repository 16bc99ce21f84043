"""The OpenAI embeddings format: one text in, one vector of finite numbers out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.answer import Answer
from airquery.endpoints import wire
from airquery.endpoints.parameters import check_parameters, refuse


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.answer import Outcome
    from airquery.endpoints.adapter import HttpRequest
    from airquery.endpoints.endpoint import Endpoint
    from airquery.request import Request


class OpenAIEmbeddings:
    """POST {base_url}/embeddings, one input a request."""

    def check(self, endpoint: Endpoint, parameters: Mapping[str, object]) -> None:
        """Refuse what embeddings can never send. Raises `StatementError`."""
        check_parameters(endpoint, parameters)
        if parameters.get("encoding_format") not in (None, "float"):
            refuse(
                endpoint,
                "UNSUPPORTED_MODEL_PARAMETER",
                "modelParameters 'encoding_format' must be 'float': a vector is read as numbers.",
            )

    def encode(self, request: Request) -> HttpRequest:
        """Write text as a list of one input."""
        endpoint = request.endpoint
        wire.refuse_response_format(request)
        if not isinstance(request.input, str):
            raise wire.unsupported(endpoint, "takes text. Concatenate columns to one text.")
        body = wire.payload(request, {"input": [request.input]})
        return wire.post(endpoint, wire.url(endpoint, "/embeddings"), body)

    def decode(self, request: Request, body: bytes) -> Outcome:
        """Read the only vector."""
        reply = wire.json_object(body)
        if reply is None:
            return wire.no_answer(request.endpoint, body, "a reply that is not a JSON object")
        vector = _vector(wire.mapping(wire.only(reply.get("data"))).get("embedding"))
        if vector is None:
            problem = "a reply without one vector of finite numbers for the one input"
            return wire.no_answer(request.endpoint, body, problem)
        return Answer(
            value=vector,
            usage=wire.usage(reply),
            model=wire.text_or_none(reply.get("model")),
            request_id=wire.text_or_none(reply.get("id")),
        )


def _vector(numbers: object) -> list[float] | None:
    """Return the numbers as floats. They are finite: a body with others is no JSON."""
    if not isinstance(numbers, list) or not numbers or not set(map(type, numbers)) <= {int, float}:
        return None
    return list(map(float, numbers))
