"""ai_mask: the kinds of entities that its prompt names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.tasks.labels import read_labels
from airquery.tasks.prompt import filled, prompt
from airquery.tasks.task import Task


if TYPE_CHECKING:
    from airquery.sqlfn.given import Given


MOST = 100


def masking(given: Given) -> Task:
    """Prepare a call. Raises `StatementError`."""
    labels = read_labels(given, least=1, most=MOST)
    names = ", ".join(labels.described)
    return Task(endpoint_task="chat", system=filled(prompt(given), {"labels": names}))
