"""What one request ends as: an `Answer` or a `Failure`, never an exception and never nothing."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TypeAlias

from airquery.errors import condition_text


@dataclass(frozen=True, slots=True, kw_only=True)
class Usage:
    """Tokens as the endpoint counted them.

    `cached_tokens` are part of `prompt_tokens`, `reasoning_tokens` of `completion_tokens`.
    """

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached_tokens: int = 0
    reasoning_tokens: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One decoded reply.

    `value` is text (chat, completions), a list of floats (embeddings) or any JSON value (custom).
    `logprobs` is what the endpoint says of the tokens' probabilities, as it sent it: for chat a list
    of `{"token", "logprob", "top_logprobs"}`.
    """

    value: object
    usage: Usage = field(default_factory=Usage)
    model: str | None = None
    finish_reason: str | None = None
    request_id: str | None = None
    logprobs: object = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Failure:
    """One named failure. `str()` of it is the row's `errorMessage`.

    `condition` is one of `airquery.errors.SQLSTATE`, `retryable` says whether asking again may
    help, `retry_after_s` is how long the endpoint asked to wait, `raw` the reply it is about. `fatal`
    says that every further request to the endpoint would end the same: its key is refused or its
    quota used up. `unreachable` says that there was no connection to send anything over, `unkept` that
    an answer came and the journal could not keep it.
    """

    condition: str
    message: str
    http_status: int | None = None
    retryable: bool = False
    retry_after_s: float | None = None
    attempts: int = 1
    raw: str | None = None
    fatal: bool = False
    unreachable: bool = False
    unkept: bool = False

    def __str__(self) -> str:
        return condition_text(self.condition, self.message)


Outcome: TypeAlias = Answer | Failure
