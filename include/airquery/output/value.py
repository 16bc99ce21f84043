"""Turn an answer into the JSON text that from_json_strict reads, or into a named failure.

Whatever leaves this module fits the type it is for: one misfit never fails the rows beside it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from airquery.answer import Answer, Failure
from airquery.output.fit import Fitter
from airquery.output.json_text import Kind, NotJson, find_json


if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import jsonschema_rs

    from airquery.output.structure import Structure

SHOWN = 300

_fitter = Fitter()


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What an answer must become: a type, and for text in a JSON format the rule it must meet.

    `json_kind` asks for JSON in a VARCHAR result ("object" for json_object), `schema` is the JSON
    Schema it must meet. `embedding` says that the value is a list of floats already. `pick` names
    the field of a JSON object that is the value. `closed` refuses fields that the type has not.
    """

    structure: Structure
    json_kind: Kind | None = None
    schema: Mapping[str, object] | None = None
    embedding: bool = False
    pick: str | None = None
    closed: bool = False
    _validator: list[jsonschema_rs.Validator] = field(default_factory=list, compare=False)

    def problem(self, value: object) -> str | None:
        """Say how a JSON value breaks the schema, or None."""
        if self.schema is None:
            return None
        if not self._validator:
            import jsonschema_rs  # noqa: PLC0415  (only structured output needs it)

            self._validator.append(jsonschema_rs.validator_for(dict(self.schema)))
        error = next(iter(self._validator[0].iter_errors(value)), None)
        if error is None:
            return None
        at = "/".join(str(step) for step in error.instance_path)
        return f"{error.message}{f' at {at}' if at else ''}"


def json_texts(answers: Sequence[Answer], shape: Shape) -> list[str | Failure]:
    """Return for each answer its value as JSON text of `shape.structure`, or why it has none."""
    texts = [_json_text(answer, shape) for answer in answers]
    if shape.embedding or shape.structure == "VARCHAR":
        return texts
    positions = [i for i, text in enumerate(texts) if isinstance(text, str)]
    misfits = _fitter.misfits([str(texts[i]) for i in positions], shape.structure)
    for at, reason in misfits.items():
        texts[positions[at]] = misfit(answers[positions[at]], reason)
    return texts


def json_object(answer: Answer) -> dict[str, object] | Failure:
    """Return the JSON object that an answer is or holds, or why it has none."""
    value = answer.value
    if isinstance(value, str):
        try:
            value = find_json(value, kind="object", repair=answer.finish_reason != "length")
        except NotJson as problem:
            return not_json(answer, str(problem))
    return value if isinstance(value, dict) else misfit(answer, "it is not a JSON object")


def _json_text(answer: Answer, shape: Shape) -> str | Failure:
    if shape.pick is not None:
        return _picked(answer, shape, shape.pick)
    if shape.closed and (more := _further(answer.value, shape.structure)):
        return _columns(answer, more)
    if shape.structure == "VARCHAR":
        return _text(answer, shape)
    return _typed(answer, shape.structure)


def _text(answer: Answer, shape: Shape) -> str | Failure:
    value = answer.value
    if not isinstance(value, str):
        return _dumps(_dumps(value))
    return _dumps(value) if shape.json_kind is None else _checked_text(answer, value, shape)


def _typed(answer: Answer, structure: Structure) -> str | Failure:
    value = answer.value
    if not isinstance(value, str):
        return _dumps(value)
    kind = _kind(structure)
    if kind == "any":
        return _scalar_text(answer, value)
    try:
        return _dumps(find_json(value, kind=kind, repair=answer.finish_reason != "length"))
    except NotJson as problem:
        return not_json(answer, str(problem))


def _picked(answer: Answer, shape: Shape, field: str) -> str | Failure:
    """Check an object against its schema, and take one field of it."""
    value = json_object(answer)
    if isinstance(value, Failure):
        return value
    if (broken := shape.problem(value)) is not None:
        return misfit(answer, broken)
    if field not in value:
        return misfit(answer, f"it has no field {field!r}")
    return _dumps(value[field])


def _further(value: object, structure: Structure) -> list[str]:
    """Return the fields of an object that a STRUCT has not."""
    if not isinstance(value, dict) or not isinstance(structure, dict):
        return []
    known = {name.lower() for name in structure}
    return [str(name) for name in value if str(name).lower() not in known]


def _checked_text(answer: Answer, text: str, shape: Shape) -> str | Failure:
    """Keep JSON text as the model wrote it, once it meets its schema; mended text is rewritten."""
    try:
        value = find_json(
            text, kind=shape.json_kind or "any", repair=answer.finish_reason != "length"
        )
    except NotJson as problem:
        return not_json(answer, str(problem))
    if (broken := shape.problem(value)) is not None:
        return misfit(answer, broken)
    return _dumps(_dumps(value))


def _scalar_text(answer: Answer, text: str) -> str | Failure:
    """Read a scalar answer; what is not JSON is left to the cast, as a string."""
    try:
        return _dumps(orjson.loads(text))
    except orjson.JSONDecodeError:
        return _dumps(text.strip())
    except orjson.JSONEncodeError:
        # JSON may be read deeper than it can be written.
        return not_json(answer, "it is nested too deep")


def _kind(structure: Structure) -> Kind:
    match structure:
        case dict():
            return "object"
        case list():
            return "array"
        case str():
            return "any"


def not_json(answer: Answer, problem: str) -> Failure:
    """Return the failure of an answer without the JSON that was asked for."""
    cut = " It was cut off: raise max_tokens." if answer.finish_reason == "length" else ""
    return Failure(
        condition="AI_FUNCTION_JSON_PARSE_ERROR",
        message=f"The answer is not JSON ({problem}): {_shown(answer)}.{cut}",
        raw=_raw(answer),
    )


def misfit(answer: Answer, problem: str) -> Failure:
    """Return the failure of an answer that cannot become its value."""
    return Failure(
        condition="AI_FUNCTION_HTTP_PARSE_CAST_ERROR",
        message=f"The answer does not fit its type ({problem}): {_shown(answer)}.",
        raw=_raw(answer),
    )


def _columns(answer: Answer, more: Sequence[str]) -> Failure:
    return Failure(
        condition="AI_FUNCTION_HTTP_PARSE_COLUMNS_ERROR",
        message=f"The model returned columns that returnType has not: {', '.join(more)}. Add them to "
        f"returnType. It returned: {_shown(answer)}.",
        raw=_raw(answer),
    )


def _raw(answer: Answer) -> str:
    return answer.value if isinstance(answer.value, str) else _dumps(answer.value)


def _shown(answer: Answer) -> str:
    raw = _raw(answer)
    return repr(raw if len(raw) <= SHOWN else raw[:SHOWN] + "…")


def _dumps(value: object) -> str:
    return orjson.dumps(value).decode()
