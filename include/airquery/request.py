"""What is asked: one frozen request, and the key by which its answer is remembered."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from hashlib import blake2b
from typing import TYPE_CHECKING, Final, Literal

import orjson


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Endpoint


# Parameters that Databricks only records beside a request: a new id is no new question.
BESIDE_THE_ANSWER = frozenset({"client_request_id", "usage_context"})

# What no prompt holds, and what it is in JSON.
MARK: Final = "\ue000airquery input\ue000"
_MARKED: Final = orjson.dumps(MARK)


@dataclass(frozen=True, slots=True, kw_only=True)
class Image:
    """A picture that goes with a request: the bytes of a whole JPEG or PNG file."""

    media_type: Literal["image/jpeg", "image/png"]
    data: bytes = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request to one endpoint.

    `input` is the JSON value of the SQL argument `request`: a string, or an object for a struct.
    `system` is the instruction that stands before it, `files` the pictures it is about; only chat
    has them. `rows_per_prompt` is how many requests one prompt may hold, this one among them: an
    answer given among others is another answer, whoever the others are. An answer of another
    `namespace` is another answer, too.
    `parameters` are the model parameters as they go over the wire, `response_format` the OpenAI
    `response_format` object or None. `key` is 32 bytes of BLAKE2b over the canonical form of all
    that can change the answer: equal keys mean the same answer, in any process and on any day.
    `around` is what `around_input` says of a request like this one, for speed.
    """

    endpoint: Endpoint
    input: object
    system: str | None = None
    files: tuple[Image, ...] = ()
    parameters: dict[str, object] = field(default_factory=dict)
    response_format: dict[str, object] | None = None
    rows_per_prompt: int = 1
    namespace: str | None = None
    around: tuple[bytes, bytes] | None = field(default=None, repr=False, compare=False)
    key: bytes = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "key", _fingerprint(self))


def around_input(request: Request) -> tuple[bytes, bytes] | None:
    """Return what stands in the canonical form before a request's input, and after it.

    It is the same for all requests that differ in their input alone, and may be given to them.
    None if the rest of the request holds the mark that stands for the input here.
    """
    before, _, after = _canonical(replace(request, input=MARK)).partition(_MARKED)
    return None if _MARKED in after else (before, after)


def key_around(around: tuple[bytes, bytes], given: object) -> bytes:
    """Return the key of a request with this input, of which the rest is known."""
    before, after = around
    asked = orjson.dumps(given, option=orjson.OPT_SORT_KEYS)
    return blake2b(before + asked + after, digest_size=32).digest()


def _fingerprint(request: Request) -> bytes:
    """Hash the canonical form. The endpoint's name, key and limits are not part of it."""
    if request.around is None:
        return blake2b(_canonical(request), digest_size=32).digest()
    return key_around(request.around, request.input)


def _canonical(request: Request) -> bytes:
    endpoint = request.endpoint
    # What was not given is left out, so that a new argument changes no key of before.
    given: dict[str, object] = {}
    if request.system is not None:
        given["system"] = request.system
    if request.files:
        given["files"] = [blake2b(file.data, digest_size=32).hexdigest() for file in request.files]
    if request.rows_per_prompt > 1:
        given["rows_per_prompt"] = request.rows_per_prompt
    if request.namespace is not None:
        given["namespace"] = request.namespace
    # A remembered reply can only be read by the format that wrote it.
    if endpoint.api != "chat_completions":
        given["api"] = endpoint.api
    if endpoint.format != "dataframe_split":
        given["format"] = endpoint.format
    return orjson.dumps(
        {
            **given,
            "identity": endpoint.identity,
            "provider": endpoint.provider,
            "task": endpoint.task,
            "model": endpoint.model,
            "revision": endpoint.revision,
            "input": request.input,
            "parameters": {
                name: value
                for name, value in request.parameters.items()
                if name not in BESIDE_THE_ANSWER
            },
            "response_format": request.response_format,
        },
        option=orjson.OPT_SORT_KEYS,
    )
