"""Answers become JSON text of a type, each for itself."""

from __future__ import annotations

import pytest

from airquery.answer import Answer, Failure
from airquery.errors import StatementError
from airquery.output.structure import json_schema, parse_ddl
from airquery.output.value import Shape, json_texts


def test_a_misfit_among_many_is_the_only_failure() -> None:
    answers = [Answer(value=f'{{"n": {n}}}') for n in range(50)]
    answers[20] = Answer(value='{"n": "twenty"}')

    texts = json_texts(answers, Shape(structure={"n": "INTEGER"}))

    failures = [i for i, text in enumerate(texts) if isinstance(text, Failure)]
    assert failures == [20]
    assert texts[21] == '{"n":21}'


def test_an_answer_that_was_cut_off_is_not_mended_but_named() -> None:
    answer = Answer(value='{"n": 1, "text": "and then', finish_reason="length")

    [text] = json_texts([answer], Shape(structure={"n": "INTEGER", "text": "VARCHAR"}))

    assert isinstance(text, Failure)
    assert "It was cut off: raise max_tokens." in text.message
    assert text.raw == answer.value


@pytest.mark.parametrize(
    ("ddl", "schema"),
    [
        ("STRING", {"type": "string"}),
        ("ARRAY<DOUBLE>", {"type": "array", "items": {"type": "number"}}),
        (
            "STRUCT<a: INT, b: STRUCT<c: DATE>>",
            {
                "type": "object",
                "properties": {
                    "a": {"type": "integer"},
                    "b": {
                        "type": "object",
                        "properties": {"c": {"type": "string", "format": "date"}},
                        "required": ["c"],
                        "additionalProperties": False,
                    },
                },
                "required": ["a", "b"],
                "additionalProperties": False,
            },
        ),
    ],
)
def test_a_type_is_described_to_the_endpoint_as_a_strict_schema(ddl: str, schema: object) -> None:
    assert json_schema(parse_ddl(ddl)) == schema


@pytest.mark.parametrize(
    "ddl",
    ["StringType", "", "STRUCT<>", "STRUCT<a: INT, a: INT>", "MAP<STRING, INT>", "BINARY", "ARRAY"],
)
def test_a_type_that_no_answer_can_have_is_refused(ddl: str) -> None:
    with pytest.raises(StatementError, match="AI_FUNCTION_UNSUPPORTED_RETURN_TYPE"):
        parse_ddl(ddl)
