"""ai_summarize: how long the summary may be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.errors import StatementError
from airquery.tasks.prompt import filled, prompt
from airquery.tasks.task import Task


if TYPE_CHECKING:
    from airquery.sqlfn.given import Given


def summarizing(given: Given) -> Task:
    """Prepare a call. Raises `StatementError`."""
    words = given.more.get("max_words")
    if isinstance(words, bool) or not isinstance(words, int) or words < 0:
        raise StatementError(
            "AI_FUNCTION_INVALID_MAX_WORDS",
            f"{given.function}: max_words must be a whole number, 0 for no limit, not {words!r}.",
        )
    limit = f" in at most {words} words" if words else ""
    return Task(endpoint_task="chat", system=filled(prompt(given), {"limit": limit}))
