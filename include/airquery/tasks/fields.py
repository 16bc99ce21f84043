"""The schema of ai_extract: fields of a few types, as the JSON Schema a model is held to.

A field is text of JSON: its name alone, or an object of its type. Limits are those of Databricks.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias, get_args

from airquery.errors import suggestion
from airquery.sqlfn.given import invalid


if TYPE_CHECKING:
    from airquery.sqlfn.given import Given


Kind: TypeAlias = Literal["string", "integer", "number", "boolean", "enum", "object", "array"]

MOST_FIELDS = 256
LONGEST_NAME = 150
MOST_LEVELS = 12
MOST_VALUES = 500
_PARTS: Mapping[str, str] = {"enum": "labels", "object": "properties", "array": "items"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Field:
    """One field, whose `labels`, `properties` or `items` are set where its kind has them."""

    kind: Kind
    description: str = ""
    labels: tuple[str, ...] = ()
    properties: Mapping[str, Field] = field(default_factory=dict)
    items: Field | None = None


def read_fields(given: Given, value: object) -> Field:
    """Read a schema: an array of names, or an object of typed fields. Raises `StatementError`."""
    reader = _Reader(given)
    if isinstance(value, list):
        value = dict.fromkeys(reader.names(value), "string")
    if not isinstance(value, Mapping) or not value:
        raise invalid(
            given.function,
            "schema must be an array of names, or an object of fields such as "
            '{"total": {"type": "number"}}.',
        )
    return reader.fields(value, at="schema", level=1)


def json_schema(of: Field, *, cited: bool = False) -> dict[str, object]:
    """Describe a field as strict structured output accepts it: every name is there, or null.

    `cited` asks a quote of the text beside every single value.
    """
    about = {"description": of.description} if of.description else {}
    if of.kind == "object":
        return {
            "type": "object",
            **about,
            "properties": {n: json_schema(f, cited=cited) for n, f in of.properties.items()},
            "required": list(of.properties),
            "additionalProperties": False,
        }
    if of.items is not None:
        return {"type": "array", **about, "items": json_schema(of.items, cited=cited)}
    single: dict[str, object] = {"type": [of.kind, "null"], **about}
    if of.kind == "enum":
        single |= {"type": ["string", "null"], "enum": [*of.labels, None]}
    if not cited:
        return single
    return {
        "type": "object",
        "properties": {"value": single, "quote": {"type": ["string", "null"]}},
        "required": ["value", "quote"],
        "additionalProperties": False,
    }


def lines(of: Field, *, indent: str = "") -> str:
    """Describe the fields of an object as lines of a prompt."""
    found = []
    for name, one in of.properties.items():
        inner = one
        while inner.items is not None:
            inner = inner.items
        kind = "" if one.kind == "string" else f" ({_named(one)})"
        about = one.description or inner.description
        found.append(f"{indent}- {name}{kind}{f': {about}' if about else ''}")
        if inner.properties:
            found.append(lines(inner, indent=indent + "  "))
    return "\n".join(found)


def _named(of: Field) -> str:
    if of.items is not None:
        return f"array of {_named(of.items)}"
    return f"one of {', '.join(of.labels)}" if of.kind == "enum" else of.kind


class _Reader:
    """Reads fields and counts them."""

    def __init__(self, given: Given) -> None:
        self._function = given.function
        self._count = 0

    def names(self, value: object) -> list[str]:
        """Return the names of a list, each once."""
        names = value if isinstance(value, list) else []
        texts = [name for name in names if isinstance(name, str)]
        if not texts or len({text.casefold() for text in texts}) < len(names):
            raise invalid(self._function, "schema must be a list of names, each given once.")
        return texts

    def fields(self, value: Mapping[str, object], *, at: str, level: int) -> Field:
        if level > MOST_LEVELS:
            raise invalid(self._function, f"{at} is nested deeper than {MOST_LEVELS} levels.")
        self._count += len(value)
        if self._count > MOST_FIELDS:
            raise invalid(self._function, f"schema has more than {MOST_FIELDS} fields.")
        fields = {}
        for name, one in value.items():
            if not name.strip() or len(name) > LONGEST_NAME:
                raise invalid(
                    self._function,
                    f"the name {name[:LONGEST_NAME]!r} in {at} must have 1 to {LONGEST_NAME} "
                    "characters.",
                )
            fields[name] = self._field(one, at=f"{at}.{name}", level=level)
        return Field(kind="object", properties=fields)

    def _field(self, value: object, *, at: str, level: int) -> Field:
        given = {"type": value} if isinstance(value, str) else value
        if not isinstance(given, Mapping):
            raise invalid(self._function, f'{at} must be an object such as {{"type": "string"}}.')
        kind = self._kind(given.get("type", "string"), at)
        part = _PARTS.get(kind)
        for name in given:
            known = ("type", "description", *([part] if part else []))
            if name not in known:
                raise invalid(self._function, f"{at} has {name!r}. {suggestion(str(name), known)}")
        about = given.get("description")
        if not isinstance(about, str | None):
            raise invalid(self._function, f"the description of {at} must be text.")
        description = about or ""
        inner = given.get(part) if part else None
        if kind == "enum":
            return Field(kind=kind, description=description, labels=self._labels(inner, at))
        if kind == "array":
            if level == MOST_LEVELS:
                raise invalid(self._function, f"{at} is nested deeper than {MOST_LEVELS} levels.")
            items = self._field(inner or "string", at=f"{at}.items", level=level + 1)
            return Field(kind=kind, description=description, items=items)
        if kind != "object":
            return Field(kind=kind, description=description)
        if not isinstance(inner, Mapping) or not inner:
            raise invalid(self._function, f"{at} is an object and needs properties.")
        found = self.fields(inner, at=at, level=level + 1)
        return Field(kind=kind, description=description, properties=found.properties)

    def _kind(self, value: object, at: str) -> Kind:
        for known in get_args(Kind):
            if value == known:
                kind: Kind = known
                return kind
        raise invalid(
            self._function, f"{at} has type {value!r}. {suggestion(str(value), get_args(Kind))}"
        )

    def _labels(self, value: object, at: str) -> tuple[str, ...]:
        found = value if isinstance(value, list) else []
        texts = [one for one in found if isinstance(one, str)]
        if not texts or len(texts) < len(found) or len(set(texts)) < len(texts):
            raise invalid(self._function, f"{at} is an enum and needs labels, each given once.")
        if len(texts) > MOST_VALUES:
            raise invalid(
                self._function,
                f"{at} has {len(texts)} labels; at most {MOST_VALUES} are allowed.",
            )
        return tuple(texts)
