"""The OpenAI chat format: messages in, the text of the first choice out.

The reply's `model` is recorded, not compared: providers answer with a dated alias of what was
asked. An answer that the model withheld (a refusal, a content filter) or that was cut off before
its first word is not asked for again, because the same question has the same end.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import orjson

from airquery.answer import Answer
from airquery.endpoints import wire
from airquery.endpoints.messages import messages_of
from airquery.endpoints.parameters import check_parameters


if TYPE_CHECKING:
    from collections.abc import Mapping

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
        own = {"messages": messages_of(request), "response_format": request.response_format}
        return self.post(request, own)

    def post(self, request: Request, own: Mapping[str, object]) -> HttpRequest:
        """Frame the body for where the format is spoken."""
        endpoint = request.endpoint
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
        content = message.get("content")
        text = content if isinstance(content, str) else wire.texts(content, "text")
        finish_reason = wire.text_or_none(choice.get("finish_reason"))
        if text is None:
            return _withheld(request.endpoint, body, message, finish_reason)
        said = choice.get("logprobs")
        logprobs = wire.mapping(said).get("content") if said else None
        listed = isinstance(logprobs, list) and wire.writable(logprobs)
        return Answer(
            value=text,
            usage=wire.usage(reply),
            model=wire.text_or_none(reply.get("model")),
            finish_reason=finish_reason,
            request_id=wire.text_or_none(reply.get("id")),
            logprobs=logprobs if listed else None,
        )

    def reply(self, answer: Answer) -> bytes:
        """Write a completion with one choice."""
        usage = answer.usage
        message = {"role": "assistant", "content": answer.value}
        choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason}
        return orjson.dumps(
            {
                "id": answer.request_id,
                "object": "chat.completion",
                "model": answer.model,
                "choices": [choice],
                "usage": {
                    "prompt_tokens": usage.prompt_tokens,
                    "completion_tokens": usage.completion_tokens,
                    "total_tokens": usage.prompt_tokens + usage.completion_tokens,
                    "prompt_tokens_details": {"cached_tokens": usage.cached_tokens},
                    "completion_tokens_details": {"reasoning_tokens": usage.reasoning_tokens},
                },
            }
        )


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
