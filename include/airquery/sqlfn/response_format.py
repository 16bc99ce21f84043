"""Read `responseFormat`: what the endpoint is told, and what its answer must become.

DDL (`STRUCT<...>`) gives a value of that type. The JSON forms of OpenAI give text, checked against
their schema. Under `strict_databricks` whatever Databricks refuses is refused here too, before
anything is sent.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING

import orjson

from airquery.errors import StatementError
from airquery.output.structure import NESTED, json_schema, parse_ddl
from airquery.output.value import Shape


if TYPE_CHECKING:
    from collections.abc import Iterator

    from airquery.output.structure import Structure


log = logging.getLogger(__name__)

SHOWN = 200
FORMAT_TYPES = ("text", "json_object", "json_schema")
# What a JSON Schema without its envelope is known by.
_SCHEMA_KEYWORDS = frozenset({"properties", "items", "enum", "$ref", "anyOf", "oneOf", "allOf"})
# The limits that Databricks documents for structured outputs.
MOST_KEYS = 64
UNSUPPORTED = frozenset({"pattern", "anyOf", "oneOf", "allOf", "prefixItems", "$ref"})


def read_response_format(text: str, *, strict: bool) -> tuple[dict[str, object] | None, Shape]:
    """Return the OpenAI `response_format` object, None for plain text, and the answer's shape.

    Raises:
        StatementError: AI_FUNCTION_INVALID_RESPONSE_FORMAT_TYPE for what is no format,
            AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT for a type or a keyword that cannot be had.
    """
    if not text.lstrip().startswith("{"):
        return _from_ddl(text, strict=strict)
    try:
        format_ = orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        raise _bad_format(text, f"it is not valid JSON ({problem})") from problem
    match format_:
        case {"type": "text"}:
            return None, Shape(structure="VARCHAR")
        case {"type": "json_object"}:
            return format_, Shape(structure="VARCHAR", json_kind="object")
        case {"type": "json_schema", "json_schema": {"name": str(), "schema": dict(schema)}}:
            return format_, _from_schema(text, schema, strict=strict)
        case {"type": "json_schema"}:
            raise _bad_format(text, 'json_schema needs {"name": ..., "schema": {...}}')
    if isinstance(format_, dict) and _SCHEMA_KEYWORDS & format_.keys():
        return _bare(text, format_, strict=strict)
    raise _bad_format(text, f"its type must be one of {', '.join(FORMAT_TYPES)}")


def enveloped(name: str, schema: Mapping[str, object]) -> dict[str, object]:
    """Put a strict JSON Schema into the envelope that endpoints expect."""
    envelope = {"name": name, "schema": schema, "strict": True}
    return {"type": "json_schema", "json_schema": envelope}


def _from_ddl(text: str, *, strict: bool) -> tuple[dict[str, object], Shape]:
    structure = parse_ddl(text, argument="responseFormat")
    if not isinstance(structure, dict):
        raise StatementError(
            "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT.DDL_STRING",
            f"responseFormat {text!r} must be a STRUCT, for example 'STRUCT<answer: STRING>'.",
        )
    if strict:
        _check_as_databricks(text, structure)
    name = next(iter(structure)) if len(structure) == 1 else "answer"
    return enveloped(name, json_schema(structure)), Shape(structure=structure)


def _check_as_databricks(text: str, structure: dict[str, Structure]) -> None:
    if len(structure) != 1 or not isinstance(next(iter(structure.values())), dict):
        raise StatementError(
            "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT.DDL_STRING",
            f"responseFormat {text!r}: Databricks takes exactly one top-level field, a STRUCT, and "
            "strict_databricks is set. Write 'STRUCT<answer: STRUCT<...>>'.",
        )
    _check_keys(json_schema(structure))


def _from_schema(text: str, schema: Mapping[str, object], *, strict: bool) -> Shape:
    import jsonschema_rs  # noqa: PLC0415  (only structured output needs it)

    try:
        jsonschema_rs.validator_for(dict(schema))
    except (ValueError, jsonschema_rs.ValidationError) as problem:
        raise _bad_format(text, f"its schema is not valid JSON Schema ({problem})") from problem
    if strict:
        try:
            _check_keys(schema)
        except RecursionError:
            raise _bad_format(text, NESTED) from None
    return Shape(structure="VARCHAR", json_kind="any", schema=schema)


def _bare(text: str, schema: dict[str, object], *, strict: bool) -> tuple[dict[str, object], Shape]:
    if strict:
        raise _bad_format(
            text,
            "Databricks refuses a schema without its envelope, and strict_databricks is set. Write "
            '{"type": "json_schema", "json_schema": {"name": "answer", "schema": ...}}',
        )
    shape = _from_schema(text, schema, strict=False)
    log.warning(
        "responseFormat is a bare JSON Schema, which Databricks refuses; it is sent in an envelope"
    )
    return enveloped("answer", schema), shape


def _check_keys(schema: Mapping[str, object]) -> None:
    keys = list(_keys(schema))
    used = sorted(UNSUPPORTED.intersection(keyword for keyword, _ in keys))
    listed = [v for k, v in keys if k == "type" and isinstance(v, list) and not _nullable(v)]
    if used or listed:
        what = used[0] if used else f"type {listed[0]}"
        raise StatementError(
            "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT.JSON_STRING",
            f"responseFormat uses {what!r}, which Databricks does not support "
            "(strict_databricks is set). Supported: type, properties, required, items, enum, and "
            'a list of types only as ["string", "null"].',
        )
    count = sum(len(v) for k, v in keys if k == "properties" and isinstance(v, Mapping))
    if count > MOST_KEYS:
        raise StatementError(
            "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT.JSON_STRING",
            f"responseFormat has {count} keys; Databricks takes at most {MOST_KEYS} "
            "(strict_databricks is set).",
        )


def _keys(schema: object) -> Iterator[tuple[str, object]]:
    """Yield the keywords of a schema and of all schemas in it, not the names of properties."""
    if isinstance(schema, list):
        for one in schema:
            yield from _keys(one)
    if not isinstance(schema, Mapping):
        return
    for keyword, value in schema.items():
        yield keyword, value
        if keyword in {"properties", "$defs", "definitions"} and isinstance(value, Mapping):
            for one in value.values():
                yield from _keys(one)
        elif keyword not in {"enum", "const", "default", "examples"}:
            yield from _keys(value)


def _nullable(types: list[object]) -> bool:
    return len(types) == 2 and "null" in types  # noqa: PLR2004  (a type, or nothing)


def _bad_format(text: str, problem: str) -> StatementError:
    shown = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    return StatementError(
        "AI_FUNCTION_INVALID_RESPONSE_FORMAT_TYPE",
        f"responseFormat {shown!r}: {problem}. Write DDL such as 'STRUCT<answer: STRING>', or "
        '{"type": "json_object"}.',
    )
