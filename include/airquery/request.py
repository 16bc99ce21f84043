"""What is asked: one frozen request, and the key by which its answer is remembered."""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b
from typing import TYPE_CHECKING

import orjson


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Endpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to one endpoint.

    `input` is the JSON value of the SQL argument `request`: a string, or an object for a struct.
    `parameters` are the model parameters as they go over the wire, `response_format` the OpenAI
    `response_format` object or None. `key` is 32 bytes of BLAKE2b over the canonical form of all
    that can change the answer: equal keys mean the same answer, in any process and on any day.
    """

    endpoint: Endpoint
    input: object
    parameters: dict[str, object] = field(default_factory=dict)
    response_format: dict[str, object] | None = None
    key: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", _fingerprint(self))


def _fingerprint(request: Request) -> bytes:
    """Hash the canonical form. The endpoint's name, key and limits are not part of it."""
    endpoint = request.endpoint
    canonical = orjson.dumps(
        {
            "identity": endpoint.identity,
            "provider": endpoint.provider,
            "task": endpoint.task,
            "model": endpoint.model,
            "revision": endpoint.revision,
            "input": request.input,
            "parameters": request.parameters,
            "response_format": request.response_format,
        },
        option=orjson.OPT_SORT_KEYS,
    )
    return blake2b(canonical, digest_size=32).digest()
