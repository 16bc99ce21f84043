"""ai_agg and ai_summarize_agg: a task over all texts of a group."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.output.value import Shape
from airquery.sqlfn.given import invalid
from airquery.tasks.prompt import filled, prompt
from airquery.tasks.reduce import Reduce
from airquery.tasks.task import Task


if TYPE_CHECKING:
    from airquery.sqlfn.given import Given


LEAST_TOKENS = 16


def aggregating(given: Given) -> Task:
    """Prepare a call. Raises `StatementError`."""
    tokens = given.more.get("contextTokens")
    if isinstance(tokens, bool) or not isinstance(tokens, int) or tokens < LEAST_TOKENS:
        raise invalid(
            given.function,
            f"context_tokens must be a whole number of at least {LEAST_TOKENS}, not {tokens!r}.",
        )
    task = given.more.get("task", "")
    if not isinstance(task, str) or ("task" in given.more and not task.strip()):
        raise invalid(given.function, "task must say in words what to do.")
    whole, part, combine = (
        filled(prompt(given, name), {"task": task.strip()})
        for name in ("system", "systemPart", "systemCombine")
    )
    return Task(
        endpoint_task="chat",
        shape=Shape(structure="VARCHAR"),
        as_text=False,
        steps=Reduce(context_tokens=tokens, whole=whole, part=part, combine=combine),
    )
