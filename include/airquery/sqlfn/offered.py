"""The AI functions of Databricks that airquery does not offer, refused by name in both spellings."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from airquery.errors import StatementError


if TYPE_CHECKING:
    from sqlglot import exp


NOT_OFFERED = {
    "ai_detect_anomalies": "Compare each value with its window's average and deviation in SQL.",
    "ai_enrich": "Give what is known to ai_query in its prompt.",
    "ai_forecast": "Forecast outside of SQL and join the result.",
    "ai_generate_text": "Use ai_query.",
    "ai_parse_document": "Read the document's text beforehand and give it to ai_query.",
    "ai_predict_class": "Use ai_query with a custom endpoint that serves the model.",
    "ai_predict_value": "Use ai_query with a custom endpoint that serves the model.",
    "ai_prep_search": "Cut the text in SQL and embed the parts with ai_query.",
    "ai_search": "Embed both sides with ai_query and order by list_cosine_similarity.",
    "ai_top_drivers": "Compare the groups in SQL.",
    "ai_transcribe": "Use ai_query with a custom endpoint that serves the model.",
    "vector_search": "Embed both sides with ai_query and order by list_cosine_similarity.",
}


def check_offered(tree: exp.Expr) -> None:
    """Refuse calls of functions that are not offered. Raises `StatementError`."""
    from sqlglot import exp  # noqa: PLC0415 - `NOT_OFFERED` is asked for before anything is parsed

    for node in tree.find_all(exp.Anonymous):
        _check(node.name)


def check_offered_names(text: str) -> None:
    """Do the same for text that no parser reads. Raises `StatementError`."""
    for found in re.finditer(r"\b(\w+)\s*\(", text):
        _check(found[1])


def _check(name: str) -> None:
    instead = NOT_OFFERED.get(name.lower())
    if instead is not None:
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR", f"airquery does not offer {name.lower()}. {instead}"
        )
