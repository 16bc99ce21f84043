"""The Anthropic Messages format: messages in, the text of the reply's blocks out.

The system instruction stands beside the messages, and `max_tokens` is required. A response format
becomes a tool that the model has to call: the call's input is the answer, as JSON text. Tokens read
from or written to the provider's cache are counted beside `input_tokens`, and here among them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import orjson

from airquery.answer import Answer, Usage
from airquery.endpoints import wire
from airquery.endpoints.endpoint import Secret
from airquery.endpoints.messages import blocks, image_url, messages_of, without_system
from airquery.endpoints.parameters import (
    BOUNDS,
    RESERVED,
    Bounds,
    check_parameters,
    in_one_spelling,
)
from airquery.errors import StatementError


if TYPE_CHECKING:
    from airquery.answer import Failure, Outcome
    from airquery.endpoints.adapter import HttpRequest
    from airquery.endpoints.endpoint import Endpoint
    from airquery.request import Request


MAX_TOKENS: Final = 4096
VERSION: Final = "2023-06-01"
_RESERVED: Final = RESERVED | {"system"}
_UNSUPPORTED: Final[Mapping[str, str]] = {
    "n": "Leave it out.",
    "logprobs": "Leave it out.",
    "top_logprobs": "Leave it out.",
    "seed": "Leave it out.",
    "frequency_penalty": "Leave it out.",
    "presence_penalty": "Leave it out.",
    "logit_bias": "Leave it out.",
    "max_completion_tokens": "Use max_tokens.",
    "reasoning_effort": "Use thinking.",
}
_BOUNDS: Final = {**BOUNDS, "temperature": Bounds(low=0, high=1)}
_FINISH: Final[Mapping[str | None, str]] = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "tool_use": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}
_DATA_URL: Final = re.compile(r"data:(?P<media_type>[^;,]+);base64,(?P<data>.*)", re.DOTALL)
_TOOL_NAME: Final = re.compile(r"[^A-Za-z0-9_-]")
_TOOL_NAME_LENGTH: Final = 64


class AnthropicMessages:
    """POST {base_url}/v1/messages, whether the base URL ends in /v1 or not."""

    def check(self, endpoint: Endpoint, parameters: Mapping[str, object]) -> None:
        """Refuse what Messages can never send. Raises `StatementError`."""
        check_parameters(
            endpoint, parameters, reserved=_RESERVED, unsupported=_UNSUPPORTED, bounds=_BOUNDS
        )

    def encode(self, request: Request) -> HttpRequest:
        """Write text as one user message, and an object of `messages` as those."""
        endpoint = request.endpoint
        system, messages = without_system(request, messages_of(request))
        given = in_one_spelling(request.parameters)
        stop = given.get("stop", given.get("stop_sequences"))
        own = {
            "system": system,
            "messages": [_message(message) for message in messages],
            "max_tokens": given.get("max_tokens") or MAX_TOKENS,
            "stop": None,
            "stop_sequences": [stop] if isinstance(stop, str) else stop,
            **_forced(request),
        }
        url = wire.url(endpoint, messages_path(endpoint))
        return wire.post(with_version(endpoint), url, wire.payload(request, own))

    def decode(self, request: Request, body: bytes) -> Outcome:
        """Read the text blocks, joined, or the call of the tool; what was thought is left out."""
        reply = wire.json_object(body)
        if reply is None:
            return wire.no_answer(request.endpoint, body, "a reply that is not a JSON object")
        stop_reason = wire.text_or_none(reply.get("stop_reason"))
        text = _text(reply.get("content"), stop_reason, shaped=_shaped(request))
        if text is None or stop_reason == "refusal":
            return _withheld(request.endpoint, body, stop_reason)
        return Answer(
            value=text,
            usage=_usage(reply),
            model=wire.text_or_none(reply.get("model")),
            finish_reason=_FINISH.get(stop_reason, stop_reason),
            request_id=wire.text_or_none(reply.get("id")),
        )

    def reply(self, answer: Answer) -> bytes:
        """Write a message with one block of text, also where an answer is the call of a tool."""
        usage = answer.usage
        ended = answer.finish_reason == "stop"
        return orjson.dumps(
            {
                "id": answer.request_id,
                "type": "message",
                "role": "assistant",
                "model": answer.model,
                "content": [{"type": "text", "text": answer.value}],
                "stop_reason": "end_turn" if ended else answer.finish_reason,
                "usage": {
                    "input_tokens": usage.prompt_tokens - usage.cached_tokens,
                    "cache_read_input_tokens": usage.cached_tokens,
                    "output_tokens": usage.completion_tokens,
                    "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
                },
            }
        )


def messages_path(endpoint: Endpoint) -> str:
    """Return what stands behind the base URL, which may name the version or not."""
    return "/messages" if endpoint.base_url.rstrip("/").endswith("/v1") else "/v1/messages"


def with_version(endpoint: Endpoint) -> Endpoint:
    """Return the endpoint as it is sent to: it has to be told which version of the API is meant."""
    if "anthropic-version" in {name.lower() for name in endpoint.headers}:
        return endpoint
    return replace(endpoint, headers={"anthropic-version": Secret(VERSION), **endpoint.headers})


def _message(message: Mapping[str, object]) -> dict[str, object]:
    content = message["content"]
    if isinstance(content, str):
        return dict(message)
    return {**message, "content": [_block(block) for block in blocks(content)]}


def _block(block: wire.Json) -> wire.Json:
    url = image_url(block)
    if url is None:
        return block
    data = _DATA_URL.fullmatch(url)
    source = {"type": "url", "url": url} if data is None else {"type": "base64", **data.groupdict()}
    return {"type": "image", "source": source}


def _shaped(request: Request) -> bool:
    """Say whether the answer is the call of a tool."""
    return (request.response_format or {}).get("type") in {"json_object", "json_schema"}


def _forced(request: Request) -> dict[str, object]:
    """Write the response format as the one tool that has to be called."""
    if not _shaped(request):
        return {}
    envelope = wire.mapping((request.response_format or {}).get("json_schema"))
    schema = envelope.get("schema", {"type": "object"})
    if wire.mapping(schema).get("type") != "object":
        raise StatementError(
            "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT.JSON_STRING",
            f"Endpoint {request.endpoint.name!r}: the schema of responseFormat must have type "
            "object at its top. Put what it describes into a property.",
        )
    name = _TOOL_NAME.sub("_", str(envelope.get("name") or "answer"))[:_TOOL_NAME_LENGTH]
    tool = {"name": name, "description": "Give the answer.", "input_schema": schema}
    choice = {"type": "tool", "name": name, "disable_parallel_tool_use": True}
    return {"tools": [tool], "tool_choice": choice}


def _text(content: object, stop_reason: str | None, *, shaped: bool) -> str | None:
    found = blocks(content) if isinstance(content, list) else []
    calls = [block.get("input") for block in found if block.get("type") == "tool_use"]
    if shaped and calls:
        # What was cut off is no answer, though it may look like one: fields are missing.
        cut_off = _FINISH.get(stop_reason) == "length"
        whole_call = isinstance(calls[0], Mapping) and wire.writable(calls[0])
        return orjson.dumps(calls[0]).decode() if whole_call and not cut_off else None
    if content == [] and stop_reason in {"end_turn", "stop_sequence"}:
        return ""
    return wire.texts(content, "text")


def _usage(reply: wire.Json) -> Usage:
    counted = wire.usage(reply, asked="input", answered="output")
    counts = wire.mapping(reply.get("usage"))
    cached = wire.count(counts.get("cache_read_input_tokens"))
    written = wire.count(counts.get("cache_creation_input_tokens"))
    return replace(
        counted,
        prompt_tokens=counted.prompt_tokens + cached + written,
        cached_tokens=cached,
    )


def _withheld(endpoint: Endpoint, body: bytes, stop_reason: str | None) -> Failure:
    if stop_reason == "refusal":
        return wire.no_answer(endpoint, body, "a refusal", retryable=False)
    why = f", stop_reason {stop_reason!r:.60}" if stop_reason else ""
    mend = ". Raise max_tokens" if stop_reason == "max_tokens" else ""
    return wire.no_answer(
        endpoint,
        body,
        f"a message without a whole answer{why}{mend}",
        retryable=_FINISH.get(stop_reason) != "length",
    )
