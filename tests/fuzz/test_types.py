"""Whatever stands for a type, a schema or an answer: it is read, or refused in our words."""

from __future__ import annotations

import json
from typing import Any

from hypothesis import example, given, strategies as st

from airquery.answer import Answer, Failure
from airquery.errors import StatementError
from airquery.output.json_text import NotJson, find_json
from airquery.output.structure import json_schema, parse_ddl
from airquery.output.value import Shape, json_object, json_texts
from airquery.sqlfn.given import read_given
from airquery.sqlfn.response_format import enveloped, read_response_format
from airquery.sqlfn.schema_of import schema_of_json
from tests.fuzz.drawing import DEEP, JSON, cut_and_mixed, examples, spoilt


DDL = "STRUCT<a: INT, `b c`: ARRAY<STRUCT<d: DECIMAL(10, 2) NOT NULL, e: MAP<STRING, DATE>>> COMMENT 'x'>"
SCHEMA = {
    "type": "object",
    "properties": {"a": {"type": "string", "enum": ["x", "y"]}, "b": {"type": ["integer", "null"]}},
    "required": ["a"],
    "additionalProperties": False,
}
WRITTEN = (
    'Of course!\n```json\n{"a": "x", \'b\': [1, 2.5, null,], "c": {"d": True}\n```\nAnything else?'
)
NESTED: dict[str, Any] = {}
for _ in range(250):
    NESTED = {"type": "array", "items": NESTED}
GIVEN = {
    "function": "ai_query",
    "endpoint": "llm",
    "returnType": "STRING",
    "responseFormat": None,
    "failOnError": True,
    "modelParameters": {"temperature": 0.5, "stop": ["a"]},
    "files": None,
    "system": "s",
    "cache": "reuse",
    "maxErrorRatio": None,
    "rowsPerPrompt": 8,
}
TYPES = cut_and_mixed(DDL) | st.text(max_size=30) | DEEP
SHAPES = [
    Shape(structure="VARCHAR"),
    Shape(structure="VARCHAR", json_kind="object"),
    Shape(structure="VARCHAR", json_kind="any", schema=SCHEMA),
    Shape(structure={"a": "VARCHAR", "b": ["DOUBLE"], "c": {"d": "BOOLEAN"}}),
    Shape(structure=["INTEGER"]),
    Shape(structure="DATE"),
]


@given(TYPES)
@example("ARRAY<" * 300)
@example("STRUCT<" + "ARRAY<" * 300)
@example("ARRAY<" * 120 + "INT" + ">" * 120)
@examples(40)
def test_any_type_is_read_or_refused(text: str) -> None:
    try:
        structure = parse_ddl(text)
    except StatementError as problem:
        assert "SQLSTATE" in str(problem)
    else:
        assert json_schema(structure)


@given(
    st.booleans(),
    TYPES
    | spoilt(enveloped("answer", SCHEMA)).map(json.dumps)
    | cut_and_mixed(json.dumps(enveloped("answer", SCHEMA)))
    | spoilt(SCHEMA).map(json.dumps),
)
@example(True, json.dumps(enveloped("a", NESTED)))
@examples(40)
def test_any_response_format_is_read_or_refused(strict: bool, text: str) -> None:
    try:
        _, shape = read_response_format(text, strict=strict)
    except StatementError as problem:
        assert "SQLSTATE" in str(problem)
    else:
        assert shape.structure


@given(JSON.map(json.dumps) | cut_and_mixed(json.dumps(GIVEN)) | DEEP)
@example("[" * 1200)
@examples(40)
def test_the_type_of_any_document_is_a_type_or_refused(text: str) -> None:
    try:
        ddl = schema_of_json(text)
    except StatementError as problem:
        assert "SQLSTATE" in str(problem)
    else:
        assert ddl


@given(spoilt(GIVEN))
@examples(40)
def test_any_constants_of_a_call_are_read_or_refused(given_: Any) -> None:
    fields = given_ if isinstance(given_, dict) else {}
    try:
        read = read_given(json.dumps({**fields, "function": "ai_query"}))
    except StatementError as problem:
        assert "SQLSTATE" in str(problem)
    else:
        assert read.function == "ai_query"


@given(
    cut_and_mixed(WRITTEN) | st.text(max_size=60) | DEEP | JSON.map(json.dumps),
    st.sampled_from(["object", "array", "any"]),
    st.booleans(),
)
@examples(40)
def test_any_text_holds_json_that_can_be_written_again_or_none(
    text: str,
    kind: Any,
    repair: bool,
) -> None:
    try:
        value = find_json(text, kind=kind, repair=repair)
    except NotJson as problem:
        assert str(problem)
    else:
        json.dumps(value, allow_nan=False)


@given(
    cut_and_mixed(WRITTEN) | st.text(max_size=60) | DEEP | JSON.map(json.dumps),
    st.sampled_from(SHAPES),
    st.sampled_from(["stop", "length", None]),
)
@examples(40)
def test_any_answer_is_a_value_of_its_type_or_a_failure(
    text: str, shape: Shape, finish_reason: str | None
) -> None:
    answer = Answer(value=text, finish_reason=finish_reason)
    for found in (*json_texts([answer], shape), json_object(answer)):
        if isinstance(found, Failure):
            assert found.message.endswith((".", "!", "?", "'", '"', "}", "]")) or found.message
        elif isinstance(found, str):
            json.loads(found)
