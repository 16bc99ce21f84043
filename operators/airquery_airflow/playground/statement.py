"""Write a question as the one statement that is shown, run and copied.

What is shown is what is run, so that whoever runs it later has its answers from the journal.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

import orjson

from airquery.errors import suggestion
from airquery.quoting import NotWritable, literal, quoted, written
from airquery_airflow.playground.question import Unclear


if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from airquery.endpoints.endpoint import Endpoint
    from airquery_airflow.playground.question import Question


# {{name}} is a text, {name} a column.
_PLACEHOLDER: Final = re.compile(r"\{\{(\w+)\}\}|\{(\w+)\}")
_NEXT: Final = ",\n  "


def statement_of(question: Question, endpoint: Endpoint, columns: Sequence[str] = ()) -> str:
    """Return the statement that asks one endpoint; `columns` are those of the table.

    Raises `Unclear`.
    """
    arguments = _NEXT.join(_arguments(question, endpoint, columns))
    call = f"ai_query(\n  {arguments}\n)"
    if question.over is None:
        return f"SELECT {call} AS answer"
    shown = [quoted(name) for name in _used(question, columns)]
    value = _NEXT.join([*shown, f"{call} AS answer"])
    limit, table = question.over.limit, question.over.table
    return f"SELECT\n  {value}\nFROM (FROM {table.sql} LIMIT {limit})"


def _written(value: object) -> str:
    try:
        return written(value)
    except NotWritable as problem:
        raise Unclear(
            f"{problem.value!r:.60} cannot be written as SQL. Give a JSON value."
        ) from None


def _arguments(question: Question, endpoint: Endpoint, columns: Sequence[str]) -> Iterator[str]:
    yield literal(endpoint.name)
    yield _request(question, endpoint, columns)
    if question.return_type is not None:
        yield f"returnType => {literal(question.return_type)}"
    if question.system is not None:
        yield f"system => {literal(question.system)}"
    if question.parameters:
        yield f"modelParameters => {_written(question.parameters)}"
    if question.response_format is not None:
        yield f"responseFormat => {literal(question.response_format)}"
    if question.picture is not None:
        yield f"files => {literal(str(question.picture))}"
    yield "failOnError => false"
    yield "details => true"


def _request(question: Question, endpoint: Endpoint, columns: Sequence[str]) -> str:
    row = _object(question.prompt) if endpoint.task == "custom" else None
    if question.over is None:
        return literal(question.prompt) if row is None else _written(row)
    if row is not None:
        return _with_columns(row, columns)
    last = question.over.column
    if last is None or _mentioned(question.prompt):
        return _text(question.prompt, columns)
    parts = [_column(last, columns)]
    if question.prompt:
        parts.insert(0, _text(question.prompt + "\n\n", columns))
    return " || ".join(parts)


def _object(prompt: str) -> dict[str, object] | None:
    """Read the features of a custom model; None if the prompt is no JSON object."""
    try:
        found = orjson.loads(prompt)
    except orjson.JSONDecodeError:
        return None
    return found if isinstance(found, dict) and found else None


def _with_columns(value: object, columns: Sequence[str]) -> str:
    """Write a JSON value as SQL, a text that is {column} as that column."""
    if isinstance(value, str):
        alone = _PLACEHOLDER.fullmatch(value)
        if alone is not None and alone[2] is not None:
            return quoted(_known(alone[2], columns))
        return _text(value, columns)
    if isinstance(value, Mapping):
        pairs = (f"{literal(str(k))}: {_with_columns(v, columns)}" for k, v in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_with_columns(one, columns) for one in value) + "]"
    return _written(value)


def _text(template: str, columns: Sequence[str]) -> str:
    """Write a text with {column}s in it as an expression; a row whose column is NULL asks nothing."""
    parts, said, end = [], "", 0
    for found in _PLACEHOLDER.finditer(template):
        said += template[end : found.start()]
        end = found.end()
        if found[1] is not None:
            said += f"{{{found[1]}}}"
            continue
        if said:
            parts.append(literal(said))
        parts.append(_column(found[2], columns))
        said = ""
    said += template[end:]
    if said or not parts:
        parts.append(literal(said))
    return " || ".join(parts)


def _column(name: str, columns: Sequence[str]) -> str:
    return f"CAST({quoted(_known(name, columns))} AS VARCHAR)"


def _mentioned(template: str) -> list[str]:
    return [found[2] for found in _PLACEHOLDER.finditer(template) if found[2] is not None]


def _known(name: str, columns: Sequence[str]) -> str:
    for column in columns:
        if column.lower() == name.lower():
            return column
    raise Unclear(
        f"The table has no column {name!r}. {suggestion(name, columns)} For the text itself write "
        f"{{{{{name}}}}}."
    )


def _used(question: Question, columns: Sequence[str]) -> list[str]:
    """Name the columns that stand in the request, to be shown beside its answer."""
    wanted = _mentioned(question.prompt)
    if not wanted and question.over is not None and question.over.column is not None:
        wanted = [question.over.column]
    return list(dict.fromkeys(_known(name, columns) for name in wanted))
