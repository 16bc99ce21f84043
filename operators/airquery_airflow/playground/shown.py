"""What is shown of an answer: its text, what it took, and where it came from."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final


if TYPE_CHECKING:
    from collections.abc import Mapping


LONGEST: Final = 50_000
LONGEST_CELL: Final = 500
_MOST_NUMBERS: Final = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class ShownAnswer:
    """One answer. `error` is there instead of `text` where there is none; `raw` what came then."""

    text: str
    error: str = ""
    raw: str = ""
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    latency_s: float | None = None
    from_journal: bool = False
    model: str | None = None
    finish_reason: str | None = None
    attempts: int | None = None
    http_status: int | None = None


def shown_answer(details: Mapping[str, Any] | None) -> ShownAnswer | None:
    """Read the struct that `details => true` gives; None for a row that asked nothing."""
    if details is None:
        return None
    usage = details["usage"] or {}
    return ShownAnswer(
        text="" if details["errorMessage"] else shown_value(details["result"]),
        error=details["errorMessage"] or "",
        raw=details["raw"] or "",
        prompt_tokens=usage.get("prompt_tokens"),
        completion_tokens=usage.get("completion_tokens"),
        latency_s=details["latency_s"],
        from_journal=details["source"] == "journal",
        model=details["model"],
        finish_reason=details["finish_reason"],
        attempts=details["attempts"],
        http_status=details["http_status"],
    )


def shown_value(value: object) -> str:
    """Write a value for a reader: text as it is, a vector by its begin, the rest as JSON."""
    if isinstance(value, str):
        return _cut(value, LONGEST)
    if isinstance(value, list) and value and all(isinstance(one, float) for one in value):
        begin = ", ".join(f"{number:.6g}" for number in value[:_MOST_NUMBERS])
        more = ", ..." if len(value) > _MOST_NUMBERS else ""
        return f"[{begin}{more}] ({len(value):,} numbers)"
    text = json.dumps(value, default=str, ensure_ascii=False, indent=2)
    return _cut(text, LONGEST)


def shown_cell(value: object) -> str | None:
    """Write a value of a column; None is NULL."""
    return None if value is None else _cut(str(value), LONGEST_CELL)


def _cut(text: str, most: int) -> str:
    return text if len(text) <= most else f"{text[:most]}..."
