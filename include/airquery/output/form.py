"""The forms a result comes in: the value alone, a struct beside its error, or an object with both.

Each form is a type, and the JSON text of one row in that type.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import orjson

from airquery.answer import Answer, Failure
from airquery.errors import raised_by


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.execute.answers import Result
    from airquery.output.structure import Structure


Kind: TypeAlias = Literal["value", "struct", "response"]

DETAILS: dict[str, Structure] = {
    "usage": {
        "prompt_tokens": "BIGINT",
        "completion_tokens": "BIGINT",
        "cached_tokens": "BIGINT",
        "reasoning_tokens": "BIGINT",
    },
    "model": "VARCHAR",
    "finish_reason": "VARCHAR",
    "latency_s": "DOUBLE",
    "source": "VARCHAR",
    "request_id": "VARCHAR",
    "error_code": "VARCHAR",
    "http_status": "INTEGER",
    "retryable": "BOOLEAN",
    "attempts": "INTEGER",
    "raw": "VARCHAR",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the result of a call looks.

    `kind` is "value" (failures are raised), "struct" (`result`, `errorMessage`) or "response" (a
    JSON object of `response` and `error_message`, as the later AI functions of Databricks return
    it, and with `metadata` if the function has it). `details` adds what is known of the request to
    a struct; `aliases` adds `response` and `errorStatus`, two other names of its two fields.
    """

    kind: Kind = "value"
    metadata: bool = False
    details: bool = False
    aliases: bool = False

    def structure(self, inner: Structure) -> Structure:
        """Return the type of the result around the type of the value."""
        if self.kind == "value":
            return inner
        if self.kind == "response":
            return "JSON"
        fields: dict[str, Structure] = {"result": inner, "errorMessage": "VARCHAR"}
        if self.aliases:
            fields |= {"response": inner, "errorStatus": "VARCHAR"}
        return {**fields, **DETAILS} if self.details else fields

    def text(self, value: str | Failure, result: Result | None, *, metadata: str = "null") -> str:
        """Write one row as JSON text of `structure`.

        Raises `RowFailed` where a failure has no place, `EndpointRefused` if it is fatal, and
        `BudgetExceeded` for a row that was not asked.
        """
        failed = isinstance(value, Failure)
        if self.kind == "value":
            if isinstance(value, Failure):
                raise raised_by(value)
            return value
        shown, message = ("null", str(value)) if failed else (str(value), None)
        if self.kind == "response":
            more = {"metadata": metadata} if self.metadata else {}
            return _object({"response": shown, "error_message": _dumps(message), **more})
        fields = {"result": shown, "errorMessage": _dumps(message)}
        if self.aliases:
            fields |= {"response": shown, "errorStatus": _dumps(message)}
        if self.details:
            failure = value if isinstance(value, Failure) else None
            fields |= {n: _dumps(v) for n, v in _details(result, failure).items()}
        return _object(fields)


def _details(result: Result | None, failure: Failure | None) -> dict[str, object]:
    found: dict[str, object] = dict.fromkeys(DETAILS)
    if result is not None:
        found |= {"source": result.source, "latency_s": result.latency_s}
        found["attempts"] = result.attempts
        if isinstance(result.outcome, Answer):
            answer = result.outcome
            found |= {
                "usage": {
                    "prompt_tokens": answer.usage.prompt_tokens,
                    "completion_tokens": answer.usage.completion_tokens,
                    "cached_tokens": answer.usage.cached_tokens,
                    "reasoning_tokens": answer.usage.reasoning_tokens,
                },
                "model": answer.model,
                "finish_reason": answer.finish_reason,
                "request_id": answer.request_id,
            }
    if failure is not None:
        found |= {
            "error_code": failure.condition,
            "http_status": failure.http_status,
            "retryable": failure.retryable,
            "raw": failure.raw,
        }
    return found


def _object(fields: Mapping[str, str]) -> str:
    return "{" + ",".join(f"{_dumps(name)}:{text}" for name, text in fields.items()) + "}"


def _dumps(value: object) -> str:
    return orjson.dumps(value).decode()
