"""Several chat requests in one prompt, in the wire format of any chat adapter.

The prompt is one request like any other, and its reply is read like any other. Then it is cut into
one reply a row, as the endpoint would have sent it to that row alone, so that a remembered part
means the same as the whole did. What a reply lacks is asked again alone; a reply that is none, or
that was cut off, says so by a `Failure` that is not worth repeating as it is.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

import orjson

from airquery.answer import Answer, Failure
from airquery.endpoints import packed_prompt, wire
from airquery.endpoints.packed_answers import Told, answers_by_id
from airquery.endpoints.shares import usages


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airquery.answer import Outcome
    from airquery.endpoints.adapter import ChatAdapter, HttpRequest
    from airquery.request import Request


# By these an answer says that it ends where the model did not want to end.
CUT_OFF: Final = frozenset({"length", "content_filter"})


class PackedChat:
    """Puts rows into one prompt; `salt` is what the ids of rows are drawn from."""

    def __init__(self, adapter: ChatAdapter, *, salt: bytes) -> None:
        self._adapter = adapter
        self._salt = salt

    def encode_many(self, requests: Sequence[Request]) -> HttpRequest:
        """Write requests that differ in nothing but their text.

        Raises `StatementError` as `encode` does, and `ValueError` for none or for different ones.
        """
        first = requests[0] if requests else None
        if first is None or any(not _go_together(first, other) for other in requests):
            raise ValueError("One prompt has texts for one endpoint, asked alike.")
        return self._adapter.encode(self._prompt(requests))

    def decode_many(
        self, requests: Sequence[Request], body: bytes
    ) -> list[tuple[Outcome, bytes]] | Failure:
        """Read one outcome and one reply of its own for each request, in their order.

        A row without its one answer has failed, beside the others. Never raises.
        """
        # The prompt's format, not the rows', says how its reply is read.
        whole = self._adapter.decode(self._prompt(requests), body)
        if isinstance(whole, Failure):
            return whole
        endpoint = requests[0].endpoint
        text = whole.value if isinstance(whole.value, str) else ""
        if whole.finish_reason in CUT_OFF:
            problem = f"answers to {len(requests)} rows that were cut off"
            return wire.no_answer(endpoint, body, problem, retryable=False)
        told = answers_by_id(text)
        if told is None:
            problem = f"no JSON with the answers to {len(requests)} rows"
            return wire.no_answer(endpoint, body, problem, retryable=False)
        return self._parts(requests, whole, told, body)

    def _prompt(self, requests: Sequence[Request]) -> Request:
        first = requests[0]
        names = packed_prompt.ids(requests, salt=self._salt)
        return replace(
            first,
            input=packed_prompt.written(names, requests),
            system=packed_prompt.instruction(first),
            parameters=packed_prompt.parameters(first, len(requests)),
            response_format=packed_prompt.response_format(first),
        )

    def _parts(
        self, requests: Sequence[Request], whole: Answer, told: Mapping[str, Told], body: bytes
    ) -> list[tuple[Outcome, bytes]]:
        names = packed_prompt.ids(requests, salt=self._salt)
        texts = {
            place: text
            for place, (name, request) in enumerate(zip(names, requests, strict=True))
            if (text := _content(request, told.get(name))) is not None
        }
        # What was paid is paid for the answers: a failed row is asked again, and counted then.
        parts = usages(
            whole.usage,
            asked=[len(str(requests[place].input)) for place in texts],
            answered=[len(text) for text in texts.values()],
        )
        replies = {
            place: self._adapter.reply(replace(whole, value=text, usage=usage, logprobs=None))
            for (place, text), usage in zip(texts.items(), parts, strict=True)
        }
        return [
            (self._adapter.decode(request, replies[place]), replies[place])
            if place in replies
            else (_lacking(request, body), body)
            for place, request in enumerate(requests)
        ]


def _go_together(one: Request, other: Request) -> bool:
    return isinstance(other.input, str) and one == replace(other, input=one.input)


def _lacking(request: Request, body: bytes) -> Failure:
    return wire.no_answer(request.endpoint, body, "a reply without one answer to one of its rows")


def _content(request: Request, told: Told | None) -> str | None:
    """Return what the model would have written to the row alone; None if that cannot be told."""
    answer = None if told is None else told.answer
    schema = _schema(request)
    if told is None or (answer is None and schema is None) or not wire.writable(answer):
        return None
    if isinstance(answer, str) and not _takes_text(schema):
        return answer
    return orjson.dumps(answer).decode()


def _takes_text(schema: wire.Json | None) -> bool:
    """Tell whether a text can be a value of a schema; else it can only be the JSON of one."""
    if schema is None:
        return False
    kind = schema.get("type")
    kinds = kind if isinstance(kind, list) else [kind]
    return any(one not in ("object", "array", "null") for one in kinds)


def _schema(request: Request) -> wire.Json | None:
    """Return the schema that each answer was asked to meet."""
    format_ = request.response_format or {}
    if format_.get("type") != "json_schema":
        return None
    return wire.mapping(wire.mapping(format_.get("json_schema")).get("schema"))
