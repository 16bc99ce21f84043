"""What a request costs an endpoint's rate limits: expected before it is sent, counted afterwards."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from airquery.answer import Answer


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airquery.answer import Outcome
    from airquery.request import Request


# English text has about so many characters a token. Other scripts have fewer characters, but take
# more bytes each.
BYTES_PER_TOKEN: Final = 4
# What the format adds to each message.
_TOKENS_PER_MESSAGE: Final = 4
# A picture of a million pixels, by the rules that OpenAI and Anthropic publish: 765 to 1,334.
_TOKENS_PER_IMAGE: Final = 1_000
_MAX_TOKENS: Final = ("max_tokens", "max_completion_tokens", "max_output_tokens")


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What one HTTP request, or several together, cost."""

    requests: int = 1
    input_tokens: int = 0
    output_tokens: int = 0

    def of(self, quota: str) -> int:
        """Return how much of a quota it is: `requests`, `tokens`, or those of one side."""
        match quota:
            case "requests":
                return self.requests
            case "input_tokens":
                return self.input_tokens
            case "output_tokens":
                return self.output_tokens
            case _:
                return self.input_tokens + self.output_tokens


def expected_cost(request: Request, *, usual_output: float) -> Cost:
    """Estimate what a request will cost.

    The answer is as long as its parameters allow, or else `usual_output` tokens.
    """
    texts = (request.system or "", *_texts(request.input))
    length = sum(len(text.encode(errors="replace")) for text in texts)
    output: float = 0
    if request.endpoint.task in ("chat", "completions"):
        most = most_output(request)
        output = usual_output if most is None else most
    return Cost(
        input_tokens=length // BYTES_PER_TOKEN
        + _TOKENS_PER_MESSAGE * (1 if request.system is None else 2)
        + _TOKENS_PER_IMAGE * len(request.files),
        output_tokens=round(output),
    )


def most_output(request: Request) -> float | None:
    """Return how many tokens a request allows its answer; None if it does not say."""
    allowed = [request.parameters.get(name) for name in _MAX_TOKENS]
    # What is no such number is refused when it is sent; until then it must not stop the lane.
    return next((n for n in allowed if isinstance(n, int | float) and 0 <= n < math.inf), None)


def used_cost(outcome: Outcome) -> Cost | None:
    """Return what an answer cost by its own account; None if it does not say."""
    if not isinstance(outcome, Answer):
        return None
    usage = outcome.usage
    if not usage.prompt_tokens and not usage.completion_tokens:
        return None
    return Cost(input_tokens=usage.prompt_tokens, output_tokens=usage.completion_tokens)


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for inner in value.values():
            yield from _texts(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner)
