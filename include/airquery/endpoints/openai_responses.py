"""The OpenAI Responses format: input items in, the text of the output messages out.

What the model thought is an item of its own and left out. A reply that is `incomplete` is cut off:
with text it is an answer, whose `finish_reason` says so as chat does, and without text the same
question has the same end. One that is `failed` is no answer, whatever else it holds.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from airquery.answer import Answer
from airquery.endpoints import wire
from airquery.endpoints.messages import blocks, image_url, messages_of, without_system
from airquery.endpoints.parameters import RESERVED, check_parameters, in_one_spelling


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.answer import Failure, Outcome
    from airquery.endpoints.adapter import HttpRequest
    from airquery.endpoints.endpoint import Endpoint
    from airquery.request import Request


_RESERVED: Final = RESERVED | {"instructions", "background"}
_UNSUPPORTED: Final[Mapping[str, str]] = {
    "stop": "Leave it out, or declare the endpoint with api: chat_completions.",
    "seed": "Leave it out, or declare the endpoint with api: chat_completions.",
    "frequency_penalty": "Leave it out.",
    "presence_penalty": "Leave it out.",
    "logit_bias": "Leave it out.",
    "max_completion_tokens": "Use max_tokens.",
}
_LOGPROBS: Final = "message.output_text.logprobs"
_FINISH: Final[Mapping[str, str]] = {
    "max_output_tokens": "length",
    "content_filter": "content_filter",
}
_ENDED: Final = frozenset({"completed", "incomplete", None})
# What else makes a response fail is in the request, and stays.
_MAY_PASS: Final = frozenset({"server_error", "rate_limit_exceeded", "vector_store_timeout", None})


class OpenAIResponses:
    """POST {base_url}/responses."""

    def check(self, endpoint: Endpoint, parameters: Mapping[str, object]) -> None:
        """Refuse what Responses can never send. Raises `StatementError`."""
        check_parameters(endpoint, parameters, reserved=_RESERVED, unsupported=_UNSUPPORTED)

    def encode(self, request: Request) -> HttpRequest:
        """Write text as one item of the user, and an object of `messages` as one item each."""
        endpoint = request.endpoint
        instructions, messages = without_system(request, messages_of(request))
        given = in_one_spelling(request.parameters)
        own = {
            "instructions": instructions,
            "input": [_item(message) for message in messages],
            "max_output_tokens": given.get("max_tokens") or given.get("max_output_tokens"),
            "reasoning": _reasoning(given),
            "text": _text_format(request),
            "include": _include(given),
        }
        # These have another name or place here.
        moved = dict.fromkeys(("max_tokens", "reasoning_effort", "logprobs"))
        body = wire.payload(request, {**own, **moved})
        return wire.post(endpoint, wire.url(endpoint, "/responses"), body)

    def decode(self, request: Request, body: bytes) -> Outcome:
        """Read the text of all output messages, joined."""
        reply = wire.json_object(body)
        if reply is None:
            return wire.no_answer(request.endpoint, body, "a reply that is not a JSON object")
        status = wire.text_or_none(reply.get("status"))
        if status not in _ENDED:
            code = wire.text_or_none(wire.mapping(reply.get("error")).get("code"))
            problem = f"a response that is {status!r:.60}"
            return wire.no_answer(request.endpoint, body, problem, retryable=code in _MAY_PASS)
        parts = _parts(reply)
        text = wire.texts(parts, "output_text")
        reason = wire.mapping(reply.get("incomplete_details")).get("reason")
        if text is None:
            return _withheld(request.endpoint, body, parts, wire.text_or_none(reason))
        return Answer(
            value=text,
            usage=wire.usage(reply, asked="input", answered="output"),
            model=wire.text_or_none(reply.get("model")),
            finish_reason=_finish_reason(status, wire.text_or_none(reason)),
            request_id=wire.text_or_none(reply.get("id")),
            logprobs=_logprobs(parts),
        )

    def reply(self, answer: Answer) -> bytes:
        """Write a completed response with one message."""
        usage = answer.usage
        block = {"type": "output_text", "text": answer.value, "annotations": []}
        return orjson.dumps(
            {
                "id": answer.request_id,
                "object": "response",
                "status": "completed" if answer.finish_reason == "stop" else None,
                "model": answer.model,
                "output": [{"type": "message", "role": "assistant", "content": [block]}],
                "usage": {
                    "input_tokens": usage.prompt_tokens,
                    "output_tokens": usage.completion_tokens,
                    "total_tokens": usage.prompt_tokens + usage.completion_tokens,
                    "input_tokens_details": {"cached_tokens": usage.cached_tokens},
                    "output_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
                },
            }
        )


def _item(message: Mapping[str, object]) -> dict[str, object]:
    """Write one message as an input item, its blocks by the names they have here."""
    content = message["content"]
    if isinstance(content, str):
        return dict(message)
    kind = "output_text" if message["role"] == "assistant" else "input_text"
    return {**message, "content": [_block(block, kind) for block in blocks(content)]}


def _block(block: wire.Json, kind: str) -> wire.Json:
    if block.get("type") == "text":
        return {**block, "type": kind}
    url = image_url(block)
    if url is None:
        return block
    detail = wire.mapping(block.get("image_url")).get("detail")
    image = {"type": "input_image", "image_url": url}
    return image if detail is None else {**image, "detail": detail}


def _reasoning(given: Mapping[str, object]) -> object:
    effort = given.get("reasoning_effort")
    if effort is None:
        return given.get("reasoning")
    return {**wire.mapping(given.get("reasoning")), "effort": effort}


def _include(given: Mapping[str, object]) -> object:
    include = given.get("include")
    if given.get("logprobs") is not True:
        return include
    return [*(include if isinstance(include, list) else []), _LOGPROBS]


def _text_format(request: Request) -> object:
    """Write the response format, whose envelope is flat here, beside what is said of the text."""
    given = request.parameters.get("text")
    if request.response_format is None:
        return given
    envelope = wire.mapping(request.response_format.get("json_schema"))
    return {
        **wire.mapping(given),
        "format": {"type": request.response_format.get("type"), **envelope},
    }


def _parts(reply: wire.Json) -> list[wire.Json]:
    """Return the blocks of every message of the output; what the model thought is none."""
    output = reply.get("output")
    items = [wire.mapping(item) for item in output] if isinstance(output, list) else []
    contents = [item.get("content") for item in items if item.get("type") == "message"]
    return [wire.mapping(block) for part in contents if isinstance(part, list) for block in part]


def _finish_reason(status: str | None, reason: str | None) -> str | None:
    if status == "incomplete":
        return _FINISH.get(reason or "", reason)
    return "stop" if status == "completed" else None


def _logprobs(parts: list[wire.Json]) -> object:
    listed = [part.get("logprobs") for part in parts if part.get("type") == "output_text"]
    found = [one for part in listed if isinstance(part, list) for one in part]
    return found if found and wire.writable(found) else None


def _withheld(
    endpoint: Endpoint, body: bytes, parts: list[wire.Json], reason: str | None
) -> Failure:
    refusals = [wire.text_or_none(part.get("refusal")) for part in parts]
    refusal = next(filter(None, refusals), None)
    if refusal:
        return wire.no_answer(endpoint, body, f"a refusal: {refusal}", retryable=False)
    why = f", incomplete for {reason!r:.60}" if reason else ""
    mend = ". Raise max_tokens" if reason == "max_output_tokens" else ""
    return wire.no_answer(
        endpoint,
        body,
        f"a response without text{why}{mend}",
        retryable=reason not in _FINISH,
    )
