"""What all wire formats share: the frame of a request, and the careful reading of a reply.

A reply is read field by field and nothing in it is trusted: a wrong type counts as absent, and what
is no answer becomes a `Failure` that quotes it without secrets.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias
from urllib.parse import quote, urlencode

import orjson

from airquery.answer import Failure, Usage
from airquery.endpoints.adapter import HttpRequest
from airquery.endpoints.failures import error_text
from airquery.endpoints.parameters import in_one_spelling
from airquery.endpoints.redaction import KEY_USER, basic, raw, readable, redact, sentence
from airquery.errors import StatementError


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Endpoint
    from airquery.request import Request


Json: TypeAlias = Mapping[str, object]

# More than this no number of tokens is, and a journal's columns hold 64 bits.
_COUNT_END: Final = 2**53
# One escape of JSON at a time, so that the `u` after an escaped backslash is not taken for one.
_ESCAPE: Final = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}"
    rb"|(?P<lone>u[dD][89a-fA-F][0-9a-fA-F]{2})|.)",
    re.DOTALL,
)


def post(endpoint: Endpoint, url: str, payload: Mapping[str, object]) -> HttpRequest:
    """Frame a JSON body with the endpoint's headers."""
    framed = {"Content-Type": "application/json", **headers(endpoint)}
    return HttpRequest(url=url, headers=framed, body=orjson.dumps(payload))


def headers(endpoint: Endpoint) -> dict[str, str]:
    """Return what every request to the endpoint carries. Its own go before those set here."""
    usual = {"Accept": "application/json"}
    if endpoint.api_key is not None:
        usual.update(_authorization(endpoint, endpoint.api_key.reveal()))
    own = {name: value.reveal() for name, value in endpoint.headers.items()}
    taken = {name.lower() for name in own}
    return {**{name: value for name, value in usual.items() if name.lower() not in taken}, **own}


def _authorization(endpoint: Endpoint, key: str) -> dict[str, str]:
    if endpoint.api_key_header is not None:
        return {endpoint.api_key_header: key}
    if endpoint.api_key_scheme == "basic":
        return {"Authorization": f"Basic {basic(KEY_USER, key)}"}
    return {"Authorization": f"Bearer {key}"}


def url(endpoint: Endpoint, path: str) -> str:
    """Return the URL of a path under the endpoint's base URL, with the endpoint's query."""
    query = {name: value.reveal() for name, value in endpoint.query.items()}
    added = f"?{urlencode(query, quote_via=quote)}" if query else ""
    return f"{endpoint.base_url.rstrip('/')}{path}{added}"


def payload(request: Request, own: Mapping[str, object]) -> dict[str, object]:
    """Put the format's own fields over the parameters, and leave out what is NULL."""
    fields = {**in_one_spelling(request.parameters), "model": request.endpoint.model, **own}
    return {name: value for name, value in fields.items() if value is not None}


def unsupported(endpoint: Endpoint, problem: str) -> StatementError:
    """Return the error for an input that has no form on the endpoint's wire."""
    return StatementError(
        "AI_FUNCTION_UNSUPPORTED_REQUEST",
        f"Endpoint {endpoint.name!r} of task {endpoint.task!r} {problem}",
    )


def refuse_what_only_chat_has(request: Request) -> None:
    """Refuse a response format, a system instruction and pictures. Raises `StatementError`."""
    if request.response_format is not None:
        raise unsupported(
            request.endpoint, "takes no responseFormat. Leave it out, or ask a chat endpoint."
        )
    if request.system is not None:
        raise unsupported(
            request.endpoint,
            "takes no system instruction. Write it into the request, or ask a chat endpoint.",
        )
    if request.files:
        raise unsupported(
            request.endpoint, "takes no files. Leave them out, or ask a chat endpoint."
        )


def json_object(body: bytes) -> Json | None:
    """Return a body that is a JSON object, and None for any other.

    Half a character pair, which models write and JSON has no meaning for, becomes U+FFFD.
    """
    try:
        reply = orjson.loads(body)
    except orjson.JSONDecodeError:
        try:
            reply = orjson.loads(_ESCAPE.sub(_mended, body))
        except orjson.JSONDecodeError:
            return None
    return reply if isinstance(reply, dict) else None


def no_answer(endpoint: Endpoint, body: bytes, problem: str, *, retryable: bool = True) -> Failure:
    """Name a 2xx reply that holds no answer, with the error it may tell of instead."""
    told = error_text(json_object(body))
    text = redact(endpoint, f"{problem}. It said: {told}" if told else problem)
    return Failure(
        condition="AI_FUNCTION_INVALID_HTTP_RESPONSE",
        message=f"Endpoint {endpoint.name!r} sent {sentence(text)}",
        retryable=retryable,
        raw=raw(readable(endpoint, body)),
    )


def only(values: object) -> object:
    """Return the only element of a list, and None when it is none or has more or fewer."""
    return values[0] if isinstance(values, list) and len(values) == 1 else None


def usage(reply: Json, *, asked: str = "prompt", answered: str = "completion") -> Usage:
    """Read the tokens; what is missing, null or no count is 0.

    `asked` and `answered` are what the format calls the two sides.
    """
    counts = mapping(reply.get("usage"))
    asked_details = counts.get(f"{asked}_tokens_details")
    answered_details = counts.get(f"{answered}_tokens_details")
    return Usage(
        prompt_tokens=count(counts.get(f"{asked}_tokens")),
        completion_tokens=count(counts.get(f"{answered}_tokens")),
        cached_tokens=count(mapping(asked_details).get("cached_tokens")) if asked_details else 0,
        reasoning_tokens=count(mapping(answered_details).get("reasoning_tokens"))
        if answered_details
        else 0,
    )


def texts(blocks: object, kind: str) -> str | None:
    """Join the text of a list's blocks of one type, and return None if it has none.

    Blocks of other types, such as what a model thought before it answered, are left out.
    """
    listed = [mapping(block) for block in blocks] if isinstance(blocks, list) else []
    found = [block.get("text") for block in listed if block.get("type") == kind]
    whole_texts = [text for text in found if isinstance(text, str)]
    return "".join(whole_texts) if whole_texts else None


def writable(value: object) -> bool:
    """Say whether a value can be written as JSON again: it may be read deeper than written."""
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return False
    return True


def part(value: object) -> bytes:
    """Write a part of a reply as a body of its own; what cannot be written is no answer."""
    return orjson.dumps(value) if writable(value) else b""


def mapping(value: object) -> Json:
    """Return an object as it is, and anything else as an empty one."""
    # A parsed object is a dict; asking for any Mapping takes ten times as long.
    return value if isinstance(value, dict) else {}


def text_or_none(value: object) -> str | None:
    """Return text as it is, and anything else as None."""
    return value if isinstance(value, str) else None


def count(value: object) -> int:
    """Return a number of tokens, and 0 for what is none."""
    if type(value) is int:
        return value if 0 <= value < _COUNT_END else 0
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return 0
    return int(value) if 0 <= value < _COUNT_END else 0


def _mended(escape: re.Match[bytes]) -> bytes:
    return b"\\ufffd" if escape["lone"] else escape[0]
