from __future__ import annotations

import jsonschema_rs
import pytest

from airquery.testing.schema import Schema, smallest


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"type": "string"}, ""),
        ({"type": "string", "minLength": 3}, "xxx"),
        ({"type": "string", "enum": ["b", "a"]}, "b"),
        ({"const": 5}, 5),
        ({"type": "integer"}, 0),
        ({"type": "number"}, 0),
        ({"type": "integer", "minimum": 1, "maximum": 5}, 1),
        ({"type": "integer", "maximum": -2}, -2),
        ({"type": "integer", "exclusiveMinimum": 0}, 1),
        ({"type": "integer", "minimum": -5, "maximum": 5}, 0),
        ({"type": "boolean"}, False),
        ({"type": "null"}, None),
        ({"type": ["string", "null"]}, ""),
        ({"type": "array", "items": {"type": "string"}}, []),
        ({"type": "array", "items": {"type": "string"}, "minItems": 2}, ["", ""]),
        ({"anyOf": [{"type": "integer"}, {"type": "null"}]}, 0),
        ({"type": "object", "properties": {"a": {"type": "string"}}}, {}),
        (
            {
                "properties": {
                    "a": {"$ref": "#/$defs/label"},
                    "b": {"type": "object", "required": ["c"], "properties": {"c": {}}},
                },
                "required": ["b", "a"],
                "$defs": {"label": {"enum": ["good"]}},
            },
            {"b": {"c": None}, "a": "good"},
        ),
        ({"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"const": 1}}}, 1),
        ({}, None),
    ],
)
def test_the_smallest_value_conforms(schema: Schema, value: object) -> None:
    assert smallest(schema) == value
    assert jsonschema_rs.is_valid(schema, value)


def test_a_schema_without_end_comes_to_one() -> None:
    node = {"type": "object", "properties": {"next": {"$ref": "#"}}, "required": ["next"]}

    assert isinstance(smallest(node), dict)


def test_a_schema_that_only_refers_to_itself_has_no_value() -> None:
    with pytest.raises(ValueError, match="in a circle"):
        smallest({"$ref": "#"})
