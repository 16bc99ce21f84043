"""Section 5 of the contract: the forms of responseFormat, and the answers they let through."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import orjson
import pytest

from airquery.testing import Reply
from tests.contract.conftest import WAYS, error, value


if TYPE_CHECKING:
    from collections.abc import Callable

    import duckdb

    from airquery.testing import EndpointServer

DDL = "STRUCT<label: STRING, score: DOUBLE>"
WANTED = {
    "type": "object",
    "properties": {
        "label": {"type": "string", "enum": ["good", "bad"]},
        "score": {"type": "number"},
    },
    "required": ["label"],
    "additionalProperties": False,
}


def envelope(schema: object) -> str:
    """Return a schema in the envelope of OpenAI."""
    its = {"name": "s", "schema": schema, "strict": True}
    return orjson.dumps({"type": "json_schema", "json_schema": its}).decode()


def asked(format_: str, prompt: str = "x", more: str = "") -> str:
    """Return a call with a format."""
    literal = format_.replace("'", "''")
    return f"ai_query('llm', '{prompt}', responseFormat => '{literal}'{more})"


def sent(ddl_schema: dict[str, object], name: str) -> dict[str, object]:
    """Return what an endpoint is told of DDL."""
    its = {"name": name, "schema": ddl_schema, "strict": True}
    return {"type": "json_schema", "json_schema": its}


def an_object(**properties: object) -> dict[str, object]:
    """Return the strict schema of an object."""
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


STRING, NUMBER, WHOLE = {"type": "string"}, {"type": "number"}, {"type": "integer"}
TOLD: dict[str, object] = {
    '{"type": "text"}': None,
    '{"type": "json_object"}': {"type": "json_object"},
    envelope(WANTED): orjson.loads(envelope(WANTED)),
    orjson.dumps(WANTED).decode(): sent(WANTED, "answer"),
    DDL: sent(an_object(label=STRING, score=NUMBER), "answer"),
    "STRUCT<a: STRING>": sent(an_object(a=STRING), "a"),
    "STRUCT<result: STRUCT<a: INT, b: ARRAY<STRING>>>": sent(
        an_object(result=an_object(a=WHOLE, b={"type": "array", "items": STRING})), "result"
    ),
}


@pytest.mark.parametrize(("format_", "told"), TOLD.items())
def test_the_endpoint_is_told_the_format(
    connection: duckdb.DuckDBPyConnection,
    server: EndpointServer,
    format_: str,
    told: object,
) -> None:
    value(connection, asked(format_, more=", failOnError => false"))

    assert server.requests[0].body.get("response_format") == told


def test_a_bare_schema_is_warned_of(
    connection: duckdb.DuckDBPyConnection, said: dict[str, object], caplog: pytest.LogCaptureFixture
) -> None:
    said["x"] = '{"label": "good"}'
    with caplog.at_level(logging.WARNING, logger="airquery"):
        found = value(connection, asked(orjson.dumps(WANTED).decode()))

    assert found == '{"label":"good"}'
    assert ["bare JSON Schema" in record.getMessage() for record in caplog.records] == [True]


NO_FORMATS = {
    '{"type": "yaml"}': "its type must be one of text, json_object, json_schema",
    '{"type": ': "it is not valid JSON",
    "{}": "its type must be one of",
    '{"type": "json_schema"}': 'json_schema needs {"name"',
    '{"type": "json_schema", "json_schema": {"schema": {}}}': 'json_schema needs {"name"',
    '{"type": "json_schema", "json_schema": {"name": "s"}}': 'json_schema needs {"name"',
    '{"type": "json_schema", "json_schema": {"name": "s", "schema": {"type": "text"}}}': "not valid JSON Schema",
    '{"type": "json_schema", "json_schema": {"name": "s", "schema": {"$ref": "#/nowhere"}}}': "not valid JSON Schema",
    "STRING": "must be a STRUCT",
    "ARRAY<STRING>": "must be a STRUCT",
    "STRUCT<a: MAP<STRING, INT>>": "is not a type an answer can have",
    "json": "must be a STRUCT",
    "": "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT",
}


@pytest.mark.parametrize(("format_", "message"), NO_FORMATS.items())
def test_what_is_no_format_is_refused_before_anything_is_asked(
    connection: duckdb.DuckDBPyConnection, server: EndpointServer, format_: str, message: str
) -> None:
    for way in WAYS:
        told = error(connection, f"SELECT {asked(format_, more=', failOnError => false')}", way)
        assert message in told
        assert "SQLSTATE: 0A000" in told
    assert server.count == 1


def an_object_of(count: int) -> dict[str, object]:
    """Return a schema of so many keys."""
    return an_object(**{f"k{i}": STRING for i in range(count)})


DATABRICKS_REFUSES = {
    DDL: "exactly one top-level field",
    "STRUCT<a: ARRAY<STRING>>": "exactly one top-level field",
    "STRUCT<a: STRING>": "exactly one top-level field",
    orjson.dumps(WANTED).decode(): "refuses a schema without its envelope",
    envelope(an_object_of(65)): "has 65 keys; Databricks takes at most 64",
    f"STRUCT<r: STRUCT<{', '.join(f'k{i}: INT' for i in range(64))}>>": "has 65 keys",
    envelope(an_object(a={"type": "string", "pattern": "x+"})): "'pattern'",
    envelope(an_object(a={"anyOf": [STRING, NUMBER]})): "'anyOf'",
    envelope(an_object(a={"oneOf": [STRING, NUMBER]})): "'oneOf'",
    envelope(an_object(a={"allOf": [STRING]})): "'allOf'",
    envelope(an_object(a={"type": "array", "prefixItems": [STRING]})): "'prefixItems'",
    envelope({**an_object(a={"$ref": "#/$defs/n"}), "$defs": {"n": NUMBER}}): "'$ref'",
    envelope(an_object(a={"type": ["string", "number"]})): "['string', 'number']",
    envelope(an_object(a={"type": ["string", "number", "null"]})): "type [",
}
DATABRICKS_TAKES = (
    "STRUCT<r: STRUCT<a: STRING, b: ARRAY<INT>>>",
    envelope(an_object_of(64)),
    envelope(an_object(pattern=STRING, anyOf=NUMBER)),
    envelope(an_object(a={"type": ["string", "null"]})),
    envelope(an_object(a={"type": "string", "maxLength": 5, "enum": ["pattern"]})),
    '{"type": "json_object"}',
    '{"type": "text"}',
)


@pytest.mark.parametrize(("format_", "message"), DATABRICKS_REFUSES.items())
def test_what_databricks_refuses_is_refused_when_that_is_set_and_taken_otherwise(
    open_with: Callable[..., duckdb.DuckDBPyConnection],
    server: EndpointServer,
    format_: str,
    message: str,
) -> None:
    call = asked(format_, more=", failOnError => false")
    told = error(open_with(strict_databricks=True), f"SELECT {call}", "planned")

    assert message in told
    assert "strict_databricks is set" in told
    assert server.count == 1
    assert set(value(open_with(), call)) == {"result", "errorMessage"}
    assert server.count == 2


@pytest.mark.parametrize("format_", DATABRICKS_TAKES)
def test_what_databricks_takes_is_taken_when_that_is_set(
    open_with: Callable[..., duckdb.DuckDBPyConnection], server: EndpointServer, format_: str
) -> None:
    value(open_with(strict_databricks=True), asked(format_, more=", failOnError => false"))

    assert server.count == 1


GOOD = {"label": "good", "score": 0.5}
UNTIDY = {
    '{"label": "good", "score": 0.5}': GOOD,
    '```json\n{"label": "good", "score": 0.5}\n```': GOOD,
    '```\n{"label": "good", "score": 0.5}\n```': GOOD,
    'Sure! Here it is:\n{"label": "good", "score": 0.5}\nHope that helps.': GOOD,
    "{'label': 'good', 'score': 0.5}": GOOD,
    '{"label": "good", "score": 0.5,}': GOOD,
    '{"label": "good", "score": 0.5': GOOD,
    '{label: "good", score: 0.5}': GOOD,
    '\ufeff{"label": "good", "score": 0.5}': GOOD,
    '  \n{"score": 0.5, "label": "good"}  ': GOOD,
    "{'label': 'it's good', 'score': 1}": {"label": "it's good", "score": 1.0},
    '{"label": null, "score": null}': {"label": None, "score": None},
    '{"label": "good", "score": "0.5"}': GOOD,
    '{"label": "good", "score": 0.5, "more": 1}': GOOD,
    '{"label": 5, "score": 0.5}': {"label": "5", "score": 0.5},
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("answer", "expected"), UNTIDY.items())
def test_an_untidy_answer_still_becomes_the_struct(
    connection: duckdb.DuckDBPyConnection,
    said: dict[str, object],
    answer: str,
    expected: object,
    way: str,
) -> None:
    said["x"] = answer

    assert value(connection, asked(DDL), way) == expected


PARSE, CAST = "[AI_FUNCTION_JSON_PARSE_ERROR]", "[AI_FUNCTION_HTTP_PARSE_CAST_ERROR]"
MISFITS: dict[tuple[str, str], tuple[str, str]] = {
    (DDL, "no json here"): (PARSE, "no JSON object in it"),
    (DDL, ""): (PARSE, "is not JSON"),
    (DDL, "[1, 2]"): (PARSE, "no JSON object"),
    (DDL, '{"score": 0.5}'): (CAST, "does not have key"),
    (DDL, '{"label": "good", "score": "high"}'): (CAST, "high"),
    (envelope(WANTED), "no json here"): (PARSE, "no JSON value in it"),
    (envelope(WANTED), '{"label": "so-so"}'): (CAST, "is not one of"),
    (envelope(WANTED), '{"score": 1}'): (CAST, "label"),
    (envelope(WANTED), '{"label": "good", "more": 1}'): (CAST, "more"),
    (envelope(WANTED), '{"label": "good", "score": "1"}'): (CAST, "number"),
    (envelope(WANTED), "[1]"): (CAST, "object"),
    ('{"type": "json_object"}', "[1, 2]"): (PARSE, "no JSON object in it"),
    ('{"type": "json_object"}', "no"): (PARSE, "no JSON object in it"),
}


@pytest.mark.parametrize(("format_", "answer"), MISFITS)
def test_an_answer_that_does_not_fit_is_a_failure_that_keeps_it(
    connection: duckdb.DuckDBPyConnection, said: dict[str, object], format_: str, answer: str
) -> None:
    said["x"] = answer
    condition, problem = MISFITS[format_, answer]

    for way in WAYS:
        found = value(
            connection, asked(format_, more=", details => true, failOnError => false"), way
        )
        assert found["result"] is None
        assert found["errorMessage"].startswith(condition)
        assert problem in found["errorMessage"]
        assert f"[{found['error_code']}]" == condition
        assert (found["raw"], found["retryable"]) == (answer, False)
        assert condition in error(connection, f"SELECT {asked(format_)}", way)


CHECKED_TEXT: dict[tuple[str, str], str] = {
    (envelope(WANTED), '```json\n{"label": "good",}\n```'): '{"label":"good"}',
    ('{"type": "json_object"}', 'It is {"b": [1, 2]}.'): '{"b":[1,2]}',
    (envelope({"type": "array", "items": NUMBER}), "[1, 2]"): "[1,2]",
    (orjson.dumps(WANTED).decode(), "{'label': 'bad'}"): '{"label":"bad"}',
}


@pytest.mark.parametrize(("format_", "answer"), CHECKED_TEXT)
def test_a_json_format_gives_text_that_was_checked(
    connection: duckdb.DuckDBPyConnection, said: dict[str, object], format_: str, answer: str
) -> None:
    said["x"] = answer

    for way in WAYS:
        assert value(connection, asked(format_), way) == CHECKED_TEXT[format_, answer]


def cut_off(text: str) -> dict[str, Any]:
    """Return a body that says its answer was cut off."""
    message = {"role": "assistant", "content": text}
    return {"choices": [{"index": 0, "message": message, "finish_reason": "length"}]}


def test_an_answer_that_the_endpoint_says_was_cut_off_is_not_mended(
    connection: duckdb.DuckDBPyConnection, said: dict[str, object]
) -> None:
    said["x"] = Reply(body=cut_off('{"label": "good", "score": 0.'))

    told = value(connection, asked(DDL, more=", failOnError => false"))["errorMessage"]

    assert told.startswith(PARSE)
    assert "It was cut off: raise max_tokens" in told
