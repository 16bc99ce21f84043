"""The OpenAI chat format: messages in, the text of the first choice out.

The reply's `model` is recorded, not compared: providers answer with a dated alias of what was
asked. An answer that the model withheld (a refusal, a content filter) or that was cut off before
its first word is not asked for again, because the same question has the same end.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from airquery.answer import Answer
from airquery.endpoints import wire
from airquery.endpoints.parameters import check_parameters


if TYPE_CHECKING:
    from airquery.answer import Failure, Outcome
    from airquery.endpoints.adapter import HttpRequest
    from airquery.endpoints.endpoint import Endpoint
    from airquery.request import Request


_FINAL: Final = frozenset({"content_filter", "length"})


class OpenAIChat:
    """POST {base_url}/chat/completions."""

    def check(self, endpoint: Endpoint, parameters: Mapping[str, object]) -> None:
        """Refuse what chat can never send. Raises `StatementError`."""
        check_parameters(endpoint, parameters)

    def encode(self, request: Request) -> HttpRequest:
        """Write text as one user message, and an object of `messages` as those."""
        endpoint = request.endpoint
        own = {"messages": _messages(request), "response_format": request.response_format}
        return wire.post(
            endpoint, wire.url(endpoint, "/chat/completions"), wire.payload(request, own)
        )

    def decode(self, request: Request, body: bytes) -> Outcome:
        """Read the first choice; blocks of text are joined, those of reasoning left out."""
        reply = wire.json_object(body)
        if reply is None:
            return wire.no_answer(request.endpoint, body, "a reply that is not a JSON object")
        choices = reply.get("choices")
        if not isinstance(choices, list) or not choices:
            return wire.no_answer(request.endpoint, body, "a reply without choices")
        choice = wire.mapping(choices[0])
        message = wire.mapping(choice.get("message"))
        text = _text(message.get("content"))
        finish_reason = wire.text_or_none(choice.get("finish_reason"))
        if text is None:
            return _withheld(request.endpoint, body, message, finish_reason)
        return Answer(
            value=text,
            usage=wire.usage(reply),
            model=wire.text_or_none(reply.get("model")),
            finish_reason=finish_reason,
            request_id=wire.text_or_none(reply.get("id")),
        )


def _messages(request: Request) -> list[object]:
    asked = request.input
    if isinstance(asked, str):
        return [{"role": "user", "content": asked}]
    messages = asked.get("messages") if isinstance(asked, Mapping) else None
    if not isinstance(asked, Mapping) or not isinstance(messages, list) or not messages:
        raise wire.unsupported(
            request.endpoint,
            "takes text, or a struct with a list 'messages' of {role, content}. "
            "Concatenate columns to one text, or build the messages.",
        )
    others = [name for name in asked if name != "messages"]
    if others:
        raise wire.unsupported(
            request.endpoint,
            f"takes nothing beside 'messages', but the request has {others[0]!r:.60}. "
            "Put parameters into modelParameters.",
        )
    return [_message(request, place, message) for place, message in enumerate(messages, start=1)]


def _message(request: Request, place: int, message: object) -> dict[str, object]:
    fields = {name: value for name, value in wire.mapping(message).items() if value is not None}
    role, content = fields.get("role"), fields.get("content")
    blocks = isinstance(content, list) and all(isinstance(block, Mapping) for block in content)
    if not isinstance(role, str) or not role or not (isinstance(content, str) or blocks):
        raise wire.unsupported(
            request.endpoint,
            f"takes messages with a role and a content, both text, but message {place} is none.",
        )
    return fields


def _text(content: object) -> str | None:
    if isinstance(content, str):
        return content
    if not isinstance(content, list):
        return None
    blocks = [wire.mapping(block) for block in content]
    texts = [block.get("text") for block in blocks if block.get("type") == "text"]
    found = [text for text in texts if isinstance(text, str)]
    return "".join(found) if found else None


def _withheld(
    endpoint: Endpoint, body: bytes, message: wire.Json, finish_reason: str | None
) -> Failure:
    refusal = wire.text_or_none(message.get("refusal"))
    if refusal:
        return wire.no_answer(endpoint, body, f"a refusal: {refusal}", retryable=False)
    why = f", finish_reason {finish_reason!r}" if finish_reason else ""
    mend = ". Raise max_tokens" if finish_reason == "length" else ""
    return wire.no_answer(
        endpoint,
        body,
        f"a message without content{why}{mend}",
        retryable=finish_reason not in _FINAL,
    )
