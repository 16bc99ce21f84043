"""The OpenAI completions format: one prompt in, the text of the first choice out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.answer import Answer
from airquery.endpoints import wire
from airquery.endpoints.parameters import check_parameters


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.answer import Outcome
    from airquery.endpoints.adapter import HttpRequest
    from airquery.endpoints.endpoint import Endpoint
    from airquery.request import Request


class OpenAICompletions:
    """POST {base_url}/completions."""

    def check(self, endpoint: Endpoint, parameters: Mapping[str, object]) -> None:
        """Refuse what completions can never send. Raises `StatementError`."""
        check_parameters(endpoint, parameters)

    def encode(self, request: Request) -> HttpRequest:
        """Write text as the prompt."""
        wire.refuse_what_only_chat_has(request)
        if not isinstance(request.input, str):
            raise wire.unsupported(request.endpoint, "takes text. Concatenate columns to one text.")
        return self.post(request, {"prompt": request.input})

    def post(self, request: Request, own: Mapping[str, object]) -> HttpRequest:
        """Frame the body for where the format is spoken."""
        endpoint = request.endpoint
        return wire.post(endpoint, wire.url(endpoint, "/completions"), wire.payload(request, own))

    def decode(self, request: Request, body: bytes) -> Outcome:
        """Read the text of the first choice."""
        reply = wire.json_object(body)
        if reply is None:
            return wire.no_answer(request.endpoint, body, "a reply that is not a JSON object")
        choices = reply.get("choices")
        choice = wire.mapping(choices[0] if isinstance(choices, list) and choices else None)
        text = choice.get("text")
        if not isinstance(text, str):
            return wire.no_answer(request.endpoint, body, "a reply without the text of a choice")
        logprobs = wire.mapping(choice.get("logprobs"))
        return Answer(
            value=text,
            usage=wire.usage(reply),
            model=wire.text_or_none(reply.get("model")),
            finish_reason=wire.text_or_none(choice.get("finish_reason")),
            request_id=wire.text_or_none(reply.get("id")),
            logprobs=logprobs if logprobs and wire.writable(logprobs) else None,
        )
