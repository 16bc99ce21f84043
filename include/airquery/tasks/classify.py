"""ai_classify: one of several labels, or all that fit.

Version 1 gives the label, version 2 a JSON object with a list of labels and the row's error.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import orjson

from airquery.answer import Answer, Failure
from airquery.output.value import Shape, json_object, misfit
from airquery.sqlfn.given import invalid
from airquery.sqlfn.response_format import enveloped
from airquery.tasks.labels import Labels, read_labels
from airquery.tasks.options import flag_of, instructions_of, read_options, version_of
from airquery.tasks.prompt import filled, prompt
from airquery.tasks.steps import Read, Reading, Row
from airquery.tasks.task import Task


if TYPE_CHECKING:
    from airquery.sqlfn.given import Given


OPTIONS = ("version", "instructions", "multilabel")
VERSIONS = ("1.0", "2.0")
LEAST = 2
MOST = {"1.0": 20, "2.0": 500}


def classifying(given: Given) -> Task:
    """Prepare a call. Raises `StatementError`."""
    options = read_options(given, OPTIONS)
    listed = isinstance(given.more.get("labels"), list)
    version = version_of(given, options, VERSIONS, default="1.0" if listed else "2.0")
    labels = read_labels(given, least=LEAST, most=MOST[version])
    many = flag_of(given, options, "multilabel")
    if many and version == "1.0":
        raise invalid(
            given.function,
            "multilabel gives several labels, and version 1.0 returns one. Add 'version': '2.0'.",
        )
    answer = prompt(given, "systemMany" if many else "systemOne")
    return Task(
        endpoint_task="chat",
        system=filled(
            prompt(given),
            {
                "labels": labels.lines(),
                "instructions": instructions_of(given, options),
                "answer": answer,
            },
        ),
        response_format=enveloped("labels", _schema(labels, many=many)),
        shape=Shape(structure="VARCHAR"),
        steps=Read(partial(_one if version == "1.0" else _several, labels)),
        envelope="none" if version == "1.0" else "response",
    )


def _schema(labels: Labels, *, many: bool) -> dict[str, object]:
    names = list(labels.described)
    field: dict[str, object] = (
        {"type": "array", "items": {"type": "string", "enum": names}}
        if many
        else {"type": ["string", "null"], "enum": [*names, None]}
    )
    name = "labels" if many else "label"
    return {
        "type": "object",
        "properties": {name: field},
        "required": [name],
        "additionalProperties": False,
    }


def _one(labels: Labels, answer: Answer, row: Row) -> Reading:
    del row
    found = _found(labels, answer)
    if isinstance(found, Failure):
        return Reading(value=found)
    return Reading(value=orjson.dumps(found[0] if found else None).decode())


def _several(labels: Labels, answer: Answer, row: Row) -> Reading:
    del row
    found = _found(labels, answer)
    return Reading(value=found if isinstance(found, Failure) else orjson.dumps(found).decode())


def _found(labels: Labels, answer: Answer) -> list[str] | Failure:
    """Return the labels of an answer, which may also be the bare name of one."""
    if isinstance(answer.value, str) and (bare := labels.find(answer.value)) is not None:
        return [bare]
    value = json_object(answer)
    if isinstance(value, Failure):
        return value
    given = value.get("labels", value.get("label"))
    names = given if isinstance(given, list) else [] if given is None else [given]
    found = [labels.find(str(name)) for name in names]
    unknown = [str(name) for name, label in zip(names, found, strict=True) if label is None]
    if unknown or not {"label", "labels"} & value.keys():
        return misfit(answer, f"{unknown[0]!r} is no label" if unknown else "it names no label")
    return list(dict.fromkeys(label for label in found if label is not None))
