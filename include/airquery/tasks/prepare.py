"""What a function's constant arguments mean beyond those of ai_query: its task.

Most functions need nothing: their macro says it all. The others are prepared by a module each.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from airquery.errors import StatementError, suggestion
from airquery.output.structure import parse_ddl
from airquery.output.value import Shape
from airquery.sqlfn.given import invalid
from airquery.sqlfn.response_format import read_response_format
from airquery.tasks.aggregate import aggregating
from airquery.tasks.classify import classifying
from airquery.tasks.decide import deciding
from airquery.tasks.extract import extracting
from airquery.tasks.mask import masking
from airquery.tasks.similarity import comparing
from airquery.tasks.summarize import summarizing
from airquery.tasks.task import Task
from airquery.tasks.translate import translating


if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airquery.sqlfn.given import Given


VERSIONS = ("1.0",)


def prepared(given: Given) -> Task:
    """Return the task of a call. Raises `StatementError` for arguments it cannot have."""
    version = given.more.get("version", VERSIONS[0])
    if version not in VERSIONS:
        raise invalid(
            given.function, f"version is {version!r}. {suggestion(str(version), VERSIONS)}"
        )
    task = _PREPARE.get(given.function, _as_its_macro_says)(given)
    if task.envelope != "none" and given.details:
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR",
            f"{given.function}: details has no place in the JSON that this version returns. Leave "
            "it out.",
        )
    return task


def _as_its_macro_says(given: Given) -> Task:
    """Ask chat, with the response format of the macro; `pick` names the field that is the value."""
    pick = given.more.get("pick")
    if pick is None or given.response_format is None or given.return_type is None:
        return Task(endpoint_task="chat")
    format_, shape = read_response_format(given.response_format, strict=False)
    return Task(
        endpoint_task="chat",
        response_format=format_,
        shape=Shape(structure=parse_ddl(given.return_type), schema=shape.schema, pick=str(pick)),
    )


_PREPARE: Mapping[str, Callable[[Given], Task]] = {
    "ai_query": lambda _: Task(as_text=False),
    "ai_agg": aggregating,
    "ai_classify": classifying,
    "ai_decide": deciding,
    "ai_embed": lambda _: Task(endpoint_task="embeddings"),
    "ai_extract": extracting,
    "ai_mask": masking,
    "ai_similarity": comparing,
    "ai_summarize": summarizing,
    "ai_summarize_agg": aggregating,
    "ai_translate": translating,
}
