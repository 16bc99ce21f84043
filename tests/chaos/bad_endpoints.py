"""Everything an endpoint can do wrong, as data: what it replies to a row, and how rows may end then."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

import orjson

from airquery.endpoints.endpoint import Limits
from airquery.testing import Reply


# What it replies to a row; None is the right answer. The dice are the endpoint's own.
Replying: TypeAlias = Callable[[int, random.Random], Reply | None]
Ends: TypeAlias = Literal["values", "failures", "half"]

QUICK = Limits(max_attempts=2, deadline_s=20.0)
# How long nothing may be taken, and a reply may take: good rows keep it on a machine that is busy.
PATIENCE_S, REPLY_S = 3.0, 1.0
# Attempts enough for a fault that is drawn anew for each of them.
STEADY = Limits(max_attempts=12, deadline_s=60.0)
CHAT = {"choices": [{"message": {"content": "of nobody"}, "finish_reason": "stop"}]}
HTML = "<!doctype html><title>Sign in</title><p>Your session has ended."


@dataclass(frozen=True, slots=True, kw_only=True)
class Bad:
    """One kind of bad endpoint.

    `ends` says how rows end: all as values, all as failures, or every second row as a failure whose
    message has `said` in it.
    """

    replies: Replying
    ends: Ends
    said: str = ""
    call: str = "ai_query('llm', 'row ' || i, failOnError => false)"
    task: Literal["chat", "embeddings"] = "chat"
    limits: Limits = QUICK
    timeout_s: float = 20.0
    # Of the long form. Who is slow to half of the rows is asked less and less of them at once.
    rows: int = 200
    latency_s: Callable[[Mapping[str, Any]], float] | float = 0.0
    answer: Callable[[int], object] = field(default=lambda i: f"row {i}")
    # What of an answer is compared.
    expected: Callable[[int], object] = field(default=lambda i: f"row {i}")


def framed(content: object, *, length: int) -> bytes:
    """Return a reply of status 200 whose Content-Length lies by so many bytes."""
    body = orjson.dumps(content)
    return b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body) + length, body)


def every_second(reply: Reply) -> Replying:
    """Reply so to odd rows."""
    return lambda row, _: reply if row % 2 else None


def at_random(share: float, reply: Reply) -> Replying:
    """Reply so to a share of the requests."""
    return lambda _, dice: reply if dice.random() < share else None


def always(reply: Reply) -> Replying:
    """Reply so to every request."""
    return lambda _row, _dice: reply


def vector(row: int) -> list[float]:
    """Return what an endpoint of embeddings answers to a row."""
    return [float(row), 0.5]


def embeddings(vectors: list[list[float]]) -> object:
    """Return a reply of embeddings."""
    data = [{"object": "embedding", "index": i, "embedding": v} for i, v in enumerate(vectors)]
    return {"object": "list", "data": data}


EMBED: dict[str, Any] = {
    "task": "embeddings",
    "call": "ai_query('llm', 'row ' || i, failOnError => false)",
    "answer": vector,
    "expected": vector,
}
STRUCT: dict[str, Any] = {
    "call": (
        "ai_query('llm', 'row ' || i, failOnError => false, responseFormat => 'STRUCT<row: INT>')"
    ),
    "answer": lambda row: {"row": row},
    "expected": lambda row: {"row": row},
}
SWAPPED = random.Random(7)  # noqa: S311

BAD: dict[str, Bad] = {
    "429-to-everything": Bad(
        replies=always(Reply(status=429, headers={"Retry-After": "0.05"})),
        ends="failures",
        said="HTTP 429",
        limits=Limits(max_attempts=2, deadline_s=PATIENCE_S),
    ),
    "500-at-random": Bad(replies=at_random(0.2, Reply(status=500)), ends="values", limits=STEADY),
    "500-to-everything": Bad(replies=always(Reply(status=500)), ends="failures", said="HTTP 500"),
    "drops-at-random": Bad(replies=at_random(0.2, Reply.drop()), ends="values", limits=STEADY),
    "drops": Bad(replies=every_second(Reply.drop()), ends="half", said="broke the connection off"),
    "stalls": Bad(
        replies=every_second(Reply.stall(600)),
        ends="half",
        said="gave no whole reply in 1 s",
        timeout_s=REPLY_S,
        rows=30,
    ),
    "trickles": Bad(
        replies=every_second(Reply(drip_s=0.2)),
        ends="half",
        said="gave no whole reply in 1 s",
        timeout_s=REPLY_S,
        rows=30,
    ),
    "html-with-200": Bad(
        replies=every_second(Reply(body=HTML, headers={"Content-Type": "text/html"})),
        ends="half",
        said="a reply that is not a JSON object",
    ),
    "random-order": Bad(
        replies=lambda _row, _dice: None, ends="values", latency_s=lambda _: SWAPPED.uniform(0, 0.3)
    ),
    "content-length-too-long": Bad(
        replies=every_second(Reply.raw(framed(CHAT, length=50))),
        ends="half",
        said="broke the connection off",
    ),
    "content-length-too-short": Bad(
        replies=every_second(Reply.raw(framed(CHAT, length=-20))),
        ends="half",
        said="sent ",
    ),
    "embedding-where-chat-was-asked": Bad(
        replies=every_second(Reply(body=embeddings([[0.5, 0.5]]))), ends="half", said=" "
    ),
    "chat-where-embedding-was-asked": Bad(
        # In one request with the others, and so in one reply: none of them has a vector.
        replies=always(Reply(body=CHAT)),
        ends="failures",
        said="without a list of vectors",
        **EMBED,
    ),
    "array-where-object": Bad(
        replies=every_second(
            Reply(body={"choices": [{"message": {"content": "[1]"}, "finish_reason": "stop"}]})
        ),
        ends="half",
        said=" ",
        **STRUCT,
    ),
    "fewer-embeddings": Bad(
        replies=every_second(Reply(body=embeddings([]))), ends="half", said=" ", **EMBED
    ),
    "more-embeddings": Bad(
        replies=always(Reply(body=embeddings([[9.0, 9.0]] * 99))),
        ends="failures",
        said="a reply with vectors for 99 inputs, not for ",
        **EMBED,
    ),
}
