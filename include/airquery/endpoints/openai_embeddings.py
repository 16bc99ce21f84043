"""The OpenAI embeddings format: texts in, one vector of finite numbers out for each.

A reply to several texts is cut into one reply a text, as the endpoint would have sent it alone. It
is read from there, so that a remembered part means the same as the whole did. A vector belongs to
the text that its `index` names, wherever in the list it stands.
"""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

import orjson

from airquery.answer import Answer
from airquery.endpoints import wire
from airquery.endpoints.parameters import check_parameters, refuse
from airquery.endpoints.shares import shares


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery.answer import Failure, Outcome
    from airquery.endpoints.adapter import HttpRequest
    from airquery.endpoints.endpoint import Endpoint
    from airquery.request import Request


class OpenAIEmbeddings:
    """POST {base_url}/embeddings."""

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
        return self.encode_many([request])

    def encode_many(self, requests: Sequence[Request]) -> HttpRequest:
        """Write the texts of requests that differ in nothing else.

        Raises `StatementError` as `encode` does, and `ValueError` for none or for different ones.
        """
        first = requests[0] if requests else None
        if first is None or any(not _go_together(first, other) for other in requests):
            raise ValueError("One request for embeddings has inputs for one endpoint, asked alike.")
        return self.post(first, {"input": [_text(request) for request in requests]})

    def post(self, request: Request, own: Mapping[str, object]) -> HttpRequest:
        """Frame the body for where the format is spoken."""
        endpoint = request.endpoint
        return wire.post(endpoint, wire.url(endpoint, "/embeddings"), wire.payload(request, own))

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

    def decode_many(
        self, requests: Sequence[Request], body: bytes
    ) -> list[tuple[Outcome, bytes]] | Failure:
        """Read one outcome and one reply of its own for each request, in their order.

        An input that no vector or more than one is for has failed, beside the others. A reply that
        is for none of them is one `Failure`. Never raises.
        """
        reply = wire.json_object(body)
        if reply is None:
            endpoint = requests[0].endpoint
            return wire.no_answer(endpoint, body, "a reply that is not a JSON object")
        rows = reply.get("data")
        if not isinstance(rows, list):
            return wire.no_answer(requests[0].endpoint, body, "a reply without a list of vectors")
        found = _by_index(rows)
        if len(found) > len(requests):
            # Nobody knows which of them are for what was asked.
            problem = f"a reply with vectors for {len(found)} inputs, not for {len(requests)}"
            return wire.no_answer(requests[0].endpoint, body, problem)
        # What was paid is paid for the answers: a failed input is asked again, and counted then.
        weights = [
            len(str(request.input)) if _answered(found[place]) else 0
            for place, request in enumerate(requests)
        ]
        tokens = shares(wire.usage(reply).prompt_tokens, weights)
        parts = [_part(reply, found[place], count) for place, count in enumerate(tokens)]
        return [
            (self.decode(request, part), part)
            for request, part in zip(requests, parts, strict=True)
        ]


def _go_together(one: Request, other: Request) -> bool:
    return one.endpoint == other.endpoint and one.parameters == other.parameters


def _text(request: Request) -> str:
    wire.refuse_what_only_chat_has(request)
    if not isinstance(request.input, str):
        raise wire.unsupported(request.endpoint, "takes text. Concatenate columns to one text.")
    return request.input


def _by_index(rows: list[object]) -> defaultdict[int, list[object]]:
    """Return what stands for each input, as if it had been the only one."""
    found: defaultdict[int, list[object]] = defaultdict(list)
    for row in map(wire.mapping, rows):
        index, numbers = row.get("index"), row.get("embedding")
        if isinstance(index, int) and not isinstance(index, bool):
            vector = None if _vector(numbers) is None else numbers
            found[index].append({"object": "embedding", "index": 0, "embedding": vector})
    return found


def _answered(rows: list[object]) -> bool:
    return wire.mapping(wire.only(rows)).get("embedding") is not None


def _part(reply: wire.Json, rows: list[object], tokens: int) -> bytes:
    """Write the reply that the endpoint would have sent to one input alone."""
    said = {name: wire.text_or_none(reply.get(name)) for name in ("object", "id", "model")}
    usage = {"prompt_tokens": tokens, "total_tokens": tokens}
    return orjson.dumps({**said, "data": rows, "usage": usage})


def _vector(numbers: object) -> list[float] | None:
    """Return the numbers as floats. They are finite: a body with others is no JSON."""
    if not isinstance(numbers, list) or not numbers or not set(map(type, numbers)) <= {int, float}:
        return None
    return list(map(float, numbers))
