"""ai_extract: named pieces of information, as a struct of texts or as JSON of a typed schema.

Version 1 gives the struct. Version 2 gives a JSON object with the values, the row's error, and
where in the text each value stands if that was asked for.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import orjson

from airquery.answer import Answer, Failure
from airquery.output.value import Shape, json_object, misfit
from airquery.sqlfn.given import invalid
from airquery.sqlfn.response_format import enveloped
from airquery.tasks.citations import Citations
from airquery.tasks.fields import Field, json_schema, lines, read_fields
from airquery.tasks.options import Options, flag_of, instructions_of, read_options, version_of
from airquery.tasks.prompt import filled, prompt
from airquery.tasks.steps import Read, Reading, Row
from airquery.tasks.task import Task


if TYPE_CHECKING:
    from airquery.sqlfn.given import Given


OPTIONS = ("version", "instructions", "enableCitations", "enableConfidenceScores")
VERSIONS = ("1.0", "2.0", "2.1")


def extracting(given: Given) -> Task:
    """Prepare a call. Raises `StatementError`."""
    options = read_options(given, OPTIONS)
    listed = isinstance(given.more.get("schema"), list)
    version = version_of(given, options, VERSIONS, default="1.0" if listed else "2.1")
    fields = read_fields(given, _schema(given))
    cited = _cited(given, options, version)
    if version == "1.0" and any(one.kind != "string" for one in fields.properties.values()):
        raise invalid(
            given.function,
            "version 1.0 takes names only, and gives text. Take the types out, or the version.",
        )
    system = filled(
        prompt(given),
        {
            "fields": lines(fields),
            "instructions": instructions_of(given, options),
            "citations": prompt(given, "systemCitations") if cited else "",
        },
    )
    read = partial(_texts, fields) if version == "1.0" else partial(_values, fields, version, cited)
    return Task(
        endpoint_task="chat",
        system=system,
        response_format=enveloped("extracted", json_schema(fields, cited=cited)),
        shape=Shape(structure=dict.fromkeys(fields.properties, "VARCHAR")),
        steps=Read(read),
        envelope="none" if version == "1.0" else "response and metadata",
    )


def _schema(given: Given) -> object:
    value = given.more.get("schema")
    if not isinstance(value, str):
        return value
    try:
        parsed: object = orjson.loads(value)
    except orjson.JSONDecodeError as problem:
        raise invalid(
            given.function,
            f"schema is not JSON ({problem}). Write an array of names, an object of fields such as "
            '{"total": {"type": "number"}}, or a list.',
        ) from problem
    return parsed


def _cited(given: Given, options: Options, version: str) -> bool:
    if flag_of(given, options, "enableConfidenceScores"):
        raise invalid(
            given.function,
            "enableConfidenceScores cannot be had: no endpoint says how sure it is of one value "
            "within a JSON answer, and a number that a model writes about itself is no measure. "
            "Use enableCitations, or ai_decide.",
        )
    cited = flag_of(given, options, "enableCitations")
    if cited and version == "1.0":
        raise invalid(
            given.function, "version 1.0 has no place for enableCitations. Use version 2.1."
        )
    return cited


def _texts(fields: Field, answer: Answer, row: Row) -> Reading:
    """Read every value as text; what is missing is NULL."""
    del row
    found = json_object(answer)
    if isinstance(found, Failure):
        return Reading(value=found)
    values = {name: _text(found.get(name)) for name in fields.properties}
    return Reading(value=orjson.dumps(values).decode())


def _text(value: object) -> str | None:
    return value if isinstance(value, str | None) else orjson.dumps(value).decode()


def _values(fields: Field, version: str, cited: bool, answer: Answer, row: Row) -> Reading:
    """Read every value by its type."""
    found = json_object(answer)
    if isinstance(found, Failure):
        return Reading(value=found)
    citations = Citations(str(row.input)) if cited else None
    try:
        value = _Reader(citations).value(fields, found, "answer")
    except _Misfit as problem:
        return Reading(value=misfit(answer, str(problem)))
    metadata: dict[str, object] = {"version": version}
    if citations is not None:
        metadata["citations"] = citations.listed()
    return Reading(value=orjson.dumps(value).decode(), metadata=orjson.dumps(metadata).decode())


class _Misfit(ValueError):
    """A value is not of its type."""


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads values of JSON by their fields."""

    citations: Citations | None

    def value(self, of: Field, given: object, at: str) -> object:
        if of.kind == "object":
            if given is None:
                return None
            if not isinstance(given, dict):
                raise _Misfit(f"{at} is no object")
            return {
                name: self.value(one, given.get(name), f"{at}.{name}")
                for name, one in of.properties.items()
            }
        if of.items is not None:
            if not isinstance(given, list | None):
                raise _Misfit(f"{at} is no array")
            return [
                self.value(of.items, one, f"{at}[{place}]") for place, one in enumerate(given or [])
            ]
        return self._single(of, given, at)

    def _single(self, of: Field, given: object, at: str) -> object:
        if self.citations is None:
            return _scalar(of, given, at)
        cited = given if isinstance(given, dict) else {"value": given}
        value, quote = _scalar(of, cited.get("value"), at), cited.get("quote")
        ids = self.citations.ids_of(quote if isinstance(quote, str) else None)
        return {
            "value": value,
            "citation_ids": ids if value is not None else [],
            "confidence_score": None,
        }


def _scalar(of: Field, given: object, at: str) -> object:
    fits = {
        "string": isinstance(given, str),
        "integer": isinstance(given, int) and not isinstance(given, bool),
        "number": isinstance(given, int | float) and not isinstance(given, bool),
        "boolean": isinstance(given, bool),
        "enum": given in of.labels,
    }
    if given is None or fits[of.kind]:
        return given
    if of.kind == "string" and isinstance(given, int | float):
        return orjson.dumps(given).decode()
    if of.kind == "integer" and isinstance(given, float) and given.is_integer():
        return int(given)
    raise _Misfit(f"{at} is {orjson.dumps(given).decode():.60}, which is no {of.kind}")
