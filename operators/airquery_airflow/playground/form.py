"""Read a question from the fields of the form.

Every line break becomes one and the same: a browser sends others than it shows, and what is copied from the
page must be what was asked.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Final

import orjson

from airquery.errors import WarehouseError
from airquery.warehouse.names import TableName
from airquery_airflow.playground.question import (
    MOST_ENDPOINTS,
    MOST_ROWS,
    Question,
    Rows,
    Unclear,
)


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path


MOST_CHARACTERS: Final = 200_000
FIELDS: Final = (
    "prompt",
    "system",
    "temperature",
    "max_tokens",
    "top_p",
    "seed",
    "stop",
    "more",
    "response_format",
    "return_type",
    "table",
    "column",
    "limit",
)
_WHOLE: Final = ("max_tokens", "seed")
_NUMBERS: Final = ("temperature", "max_tokens", "top_p", "seed")


def read_question(
    given: Mapping[str, str], endpoints: Sequence[str], *, picture: Path | None
) -> Question:
    """Return what a form asks. Raises `Unclear`."""
    names = tuple(dict.fromkeys(endpoints))
    if not 1 <= len(names) <= MOST_ENDPOINTS:
        raise Unclear(f"Choose one to {MOST_ENDPOINTS} endpoints.")
    fields = {name: text_of(given.get(name, "")) for name in FIELDS}
    for name, text in fields.items():
        _check_text(name, text)
    over = _rows(fields)
    if not fields["prompt"].strip() and (over is None or over.column is None):
        raise Unclear("The prompt is empty. Write what to ask.")
    return Question(
        endpoints=names,
        prompt=fields["prompt"],
        system=fields["system"] if fields["system"].strip() else None,
        parameters=_parameters(fields),
        response_format=fields["response_format"].strip() or None,
        return_type=fields["return_type"].strip() or None,
        picture=picture,
        over=over,
    )


def text_of(given: str) -> str:
    """Return a field with the line breaks that a page shows."""
    return given.replace("\r\n", "\n").replace("\r", "\n")


def _check_text(name: str, text: str) -> None:
    if len(text) > MOST_CHARACTERS:
        raise Unclear(f"{name} has more than {MOST_CHARACTERS:,} characters. Shorten it.")
    for sign in text:
        # What a page cannot show cannot be copied from it.
        if (
            (sign < " " and sign not in "\n\t")
            or "\x7f" <= sign < "\xa0"
            or "\ud800" <= sign < "\ue000"
        ):
            raise Unclear(f"{name} holds the control character {sign!a}. Take it out.")


def _parameters(fields: Mapping[str, str]) -> dict[str, object]:
    found: dict[str, object] = {}
    for name in _NUMBERS:
        if text := fields[name].strip():
            found[name] = _number(name, text)
    if stops := [line for line in fields["stop"].split("\n") if line]:
        found["stop"] = stops
    if more := fields["more"].strip():
        found |= _more(more, found)
    return found


def _number(name: str, text: str) -> float:
    try:
        value = int(text) if name in _WHOLE else float(text)
    except ValueError:
        value = math.nan
    if not math.isfinite(value):
        kind = "a whole number" if name in _WHOLE else "a number"
        raise Unclear(f"{name} is {text!r:.60}. Write {kind}, or nothing.")
    return value


def _more(text: str, known: Mapping[str, object]) -> dict[str, object]:
    try:
        found = orjson.loads(text)
    except orjson.JSONDecodeError:
        found = None
    if not isinstance(found, dict):
        raise Unclear('Further parameters are no JSON object. Write {"presence_penalty": 0.5}.')
    for name in found:
        if name in known:
            raise Unclear(f"{name!r} is given twice. Take it out of the further parameters.")
    return found


def _rows(fields: Mapping[str, str]) -> Rows | None:
    name = fields["table"].strip()
    if not name:
        return None
    text = fields["limit"].strip() or "10"
    if not text.isdecimal() or not 1 <= int(text) <= MOST_ROWS:
        raise Unclear(f"The number of rows is {text!r:.60}. Write 1 to {MOST_ROWS}.")
    try:
        table = TableName.parse(name)
    except WarehouseError as problem:
        raise Unclear(str(problem)) from None
    return Rows(table=table, limit=int(text), column=fields["column"].strip() or None)
