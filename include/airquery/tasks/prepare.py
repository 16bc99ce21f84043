"""What a function's constant arguments mean beyond those of ai_query: its task.

Most functions need nothing: their macro says it all. The others are prepared by a module each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.tasks.task import Task


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airquery.sqlfn.given import Given


_CHAT = Task(endpoint_task="chat")
_PREPARE: Mapping[str, Callable[[Given], Task]] = {
    "ai_query": lambda _: Task(),
}


def prepared(given: Given) -> Task:
    """Return the task of a call. Raises `StatementError` for arguments it cannot have."""
    prepare = _PREPARE.get(given.function)
    return _CHAT if prepare is None else prepare(given)
