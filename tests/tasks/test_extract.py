"""ai_extract: schemas and their limits, values by their types, and where they were found."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import orjson
import pytest

from airquery.tasks.citations import find
from airquery.testing import Reply
from tests.tasks.test_classify import as_json, names, sql


if TYPE_CHECKING:
    from tests.tasks.conftest import Ways


ORDER = {
    "id": {"type": "integer", "description": "the number at the top"},
    "state": {"type": "enum", "labels": ["open", "closed"]},
    "buyer": {"type": "object", "properties": {"name": "string", "vip": {"type": "boolean"}}},
    "lines": {
        "type": "array",
        "items": {"type": "object", "properties": {"price": {"type": "number"}}},
    },
    "tags": {"type": "array", "items": {"type": "string"}},
}


def nested(levels: int, leaf: object = "string") -> dict[str, Any]:
    """Return a schema whose innermost field is on that level."""
    schema: dict[str, Any] = {"leaf": leaf}
    for _ in range(levels - 1):
        schema = {"inner": {"type": "object", "properties": schema}}
    return schema


def extracted(ways: Ways, schema: object, answer: object, options: str = "") -> dict[str, Any]:
    """Extract from a text with a scripted answer, by version 2."""
    ways.script.answer = lambda _: answer
    asked = ways.ask(f"SELECT ai_extract('Order 7 of Ada, open', {as_json(schema)}{options}) AS r")
    found: dict[str, Any] = orjson.loads(asked.values[0])
    return found


def test_version_one_gives_a_struct_of_texts_and_null_for_what_is_missing(ways: Ways) -> None:
    ways.script.answer = lambda _: {"name": "Ada", "age": 36, "roles": ["a"], "more": 1}

    asked = ways.ask("SELECT ai_extract('x', ['name', 'age', 'roles', 'town']) AS r")

    assert asked.values == [{"name": "Ada", "age": "36", "roles": '["a"]', "town": None}]
    schema = asked.bodies[0]["response_format"]["json_schema"]["schema"]
    assert schema["properties"]["town"] == {"type": ["string", "null"]}
    assert schema["required"] == ["name", "age", "roles", "town"]


def test_a_failed_row_of_version_one_has_its_message(ways: Ways) -> None:
    ways.script.answer = lambda _: "I do not know."

    asked = ways.ask("SELECT ai_extract('x', ['name'], failOnError => false) AS r")

    assert asked.values[0]["result"] is None
    assert "[AI_FUNCTION_JSON_PARSE_ERROR]" in asked.values[0]["errorMessage"]


def test_null_content_gives_null_in_both_versions(ways: Ways) -> None:
    asked = ways.ask(
        "SELECT ai_extract(t, ['a']) AS one, ai_extract(t, '[\"a\"]') AS two"
        " FROM (VALUES (NULL::VARCHAR)) AS v(t)"
    )

    assert (asked.rows, asked.bodies) == ([{"one": None, "two": None}], [])


def test_a_typed_schema_is_sent_strictly_and_told_in_words(ways: Ways) -> None:
    asked = ways.ask(
        f"SELECT ai_extract('x', {as_json(ORDER)}, {{'instructions': 'Euros only.'}}) AS r"
    )

    [(system, _)] = asked.messages
    assert system.splitlines()[1:-3] == [
        "- id (integer): the number at the top",
        "- state (one of open, closed)",
        "- buyer (object)",
        "  - name",
        "  - vip (boolean)",
        "- lines (array of object)",
        "  - price (number)",
        "- tags (array of string)",
        "Give each as the text says it. What the text does not say is null: do not guess.",
    ]
    assert system.splitlines()[-2] == "Euros only."
    schema = asked.bodies[0]["response_format"]["json_schema"]["schema"]
    assert schema["required"] == list(ORDER)
    assert schema["properties"]["state"]["enum"] == ["open", "closed", None]
    assert schema["properties"]["lines"]["items"]["additionalProperties"] is False


def test_values_have_their_types_and_what_is_missing_is_null(ways: Ways) -> None:
    answer = {"id": 7.0, "state": "open", "buyer": {"name": 12}, "lines": [{"price": 1}, {}]}

    assert extracted(ways, ORDER, answer) == {
        "response": {
            "id": 7,
            "state": "open",
            "buyer": {"name": "12", "vip": None},
            "lines": [{"price": 1}, {"price": None}],
            "tags": [],
        },
        "error_message": None,
        "metadata": {"version": "2.1"},
    }


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        ({"id": "seven"}, 'answer.id is "seven", which is no integer'),
        ({"id": True}, "answer.id is true, which is no integer"),
        ({"state": "lost"}, 'answer.state is "lost", which is no enum'),
        ({"buyer": ["Ada"]}, "answer.buyer is no object"),
        ({"lines": {}}, "answer.lines is no array"),
        ({"lines": [{"price": "?"}]}, 'answer.lines[0].price is "?", which is no number'),
    ],
)
def test_a_value_of_another_type_fails_its_row_by_name(
    ways: Ways, answer: object, told: str
) -> None:
    found = extracted(ways, ORDER, answer)

    assert (found["response"], found["metadata"]) == (None, None)
    assert told in found["error_message"]


def test_a_failed_request_is_told_in_its_row_and_fails_no_statement(ways: Ways) -> None:
    ways.server.fail_when(lambda body: "bad" in str(body["messages"][-1]), Reply(status=400))

    asked = ways.ask("SELECT ai_extract(t, '[\"a\"]') AS r FROM (VALUES ('good'), ('bad')) AS v(t)")

    good, bad = (orjson.loads(value) for value in asked.values)
    assert (good["response"], good["error_message"]) == ({"a": ""}, None)
    assert bad["response"] is None
    assert "HTTP 400" in bad["error_message"]


def test_citations_say_where_in_the_text_each_value_stands(ways: Ways) -> None:
    answer = {
        "buyer": {"value": "Ada", "quote": "of ada,"},
        "id": {"value": 7, "quote": "Order 7"},
        "state": {"value": "open", "quote": "of  Ada,"},
        "town": {"value": None, "quote": None},
        "tags": [{"value": "made up", "quote": "not in the text"}],
    }
    schema = {"buyer": "string", "id": "integer", "state": "string", "town": "string"}

    found = extracted(
        ways,
        {**schema, "tags": {"type": "array", "items": "string"}},
        answer,
        ", MAP {'enableCitations': 'true', 'version': '2.0'}",
    )

    assert found["response"] == {
        "buyer": {"value": "Ada", "citation_ids": [1], "confidence_score": None},
        "id": {"value": 7, "citation_ids": [2], "confidence_score": None},
        "state": {"value": "open", "citation_ids": [1], "confidence_score": None},
        "town": {"value": None, "citation_ids": [], "confidence_score": None},
        "tags": [{"value": "made up", "citation_ids": [], "confidence_score": None}],
    }
    assert found["metadata"] == {
        "version": "2.0",
        "citations": [{"id": 1, "start": 8, "stop": 15}, {"id": 2, "start": 0, "stop": 7}],
    }
    wanted = ways.server.requests[0].body["response_format"]["json_schema"]["schema"]  # type: ignore[index]
    assert wanted["properties"]["id"]["required"] == ["value", "quote"]


@pytest.mark.parametrize(
    ("text", "quote", "span"),
    [
        ("one two", "two", (4, 7)),
        ("ÄÖ two", "two", (3, 6)),
        ("one\n  two", "One two", (0, 9)),
        ("a+b", "A+B", (0, 3)),
        ("one", "three", None),
        ("one", " ", None),
    ],
)
def test_a_quote_is_found_in_characters_with_any_white_space_and_case(
    text: str, quote: str, span: tuple[int, int] | None
) -> None:
    assert find(text, quote) == span


@pytest.mark.parametrize(
    ("schema", "told"),
    [
        (sql([]), "schema must be a list of names"),
        (sql(["a", "A"]), "schema must be a list of names, each given once"),
        (as_json(["a", 1]), "schema must be a list of names"),
        (as_json({}), "schema must be an array of names, or an object of fields"),
        (as_json(7), "schema must be an array of names, or an object of fields"),
        (sql("name, age"), "schema is not JSON"),
        (as_json(names(257)), "schema has more than 256 fields"),
        (as_json(["a" * 151]), "must have 1 to 150 characters"),
        (as_json([""]), "must have 1 to 150 characters"),
        (as_json(nested(13)), "is nested deeper than 12 levels"),
        (as_json(nested(12, {"type": "array"})), "is nested deeper than 12 levels"),
        (as_json({"a": {"type": "enum", "labels": names(501)}}), "has 501 labels; at most 500"),
        (as_json({"a": {"type": "enum"}}), "schema.a is an enum and needs labels"),
        (as_json({"a": {"type": "object"}}), "schema.a is an object and needs properties"),
        (as_json({"a": {"type": "strnig"}}), "type 'strnig'. Did you mean 'string'?"),
        (as_json({"a": {"type": "string", "descripton": ""}}), "Did you mean 'description'?"),
        (as_json({"a": {"type": "string", "description": 1}}), "description of schema.a must be"),
        (as_json({"a": 1}), "schema.a must be an object such as"),
        (as_json(["a"]) + ", {'enableCitation': 'true'}", "Did you mean 'enableCitations'?"),
        (as_json(["a"]) + ", {'enableConfidenceScores': true}", "cannot be had: no endpoint says"),
        (as_json(["a"]) + ", {'version': '1.1'}", "option version is '1.1'"),
        (as_json({"a": "integer"}) + ", {'version': '1.0'}", "version 1.0 takes names only"),
        (sql(["a"]) + ", {'enableCitations': true}", "version 1.0 has no place for"),
    ],
)
def test_a_limit_is_refused_before_the_first_request(ways: Ways, schema: str, told: str) -> None:
    message = ways.refused(f"SELECT ai_extract('x', {schema})")

    assert message.startswith("[AI_INVALID_ARGUMENT_VALUE_ERROR] ai_extract: ")
    assert told in message


@pytest.mark.parametrize(
    "schema",
    [names(256), ["a" * 150], nested(12), {"a": {"type": "enum", "labels": names(500)}}],
    ids=["fields", "name", "levels", "labels"],
)
def test_as_much_as_the_limit_is_taken(ways: Ways, schema: object) -> None:
    asked = ways.ask(f"SELECT ai_extract('x', {as_json(schema)}) AS r")

    assert orjson.loads(asked.values[0])["error_message"] is None
