"""JSON as models write it."""

from __future__ import annotations

import pytest

from airquery.output.json_text import Kind, NotJson, find_json


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ('{"a": 1}', "object", {"a": 1}),
        ("[1, 2]", "array", [1, 2]),
        ('  {"a": 1}\n', "any", {"a": 1}),
        ('Sure!\n```json\n{"a": [1, 2]}\n```\nAnything else?', "object", {"a": [1, 2]}),
        ("```\n[1]\n```", "array", [1]),
        ('The answer is {"a": "b"}.', "object", {"a": "b"}),
        ("{'a': 'it's me', 'b': 2,}", "object", {"a": "it's me", "b": 2}),
        ('{"a": "cut off he', "object", {"a": "cut off he"}),
        ('see [1] for {"a": 1}', "object", {"a": 1}),
    ],
)
def test_json_is_found_and_mended(text: str, kind: Kind, value: object) -> None:
    assert find_json(text, kind=kind) == value


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "any"),
        ("I cannot do that.", "object"),
        ("[1, 2]", "object"),
        ('{"a": 1}', "array"),
        ("42", "object"),
    ],
)
def test_what_holds_no_such_json_is_refused(text: str, kind: Kind) -> None:
    with pytest.raises(NotJson):
        find_json(text, kind=kind)


def test_without_repair_only_whole_json_counts() -> None:
    assert find_json('{"a": 1}', kind="object", repair=False) == {"a": 1}
    with pytest.raises(NotJson):
        find_json('{"a": "cut off he', kind="object", repair=False)
