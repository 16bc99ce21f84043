"""Read the type of a custom model's answers from the OpenAPI document its endpoint publishes.

Databricks serves it for models that were logged with a signature: the 200 reply of the path that
ends in `/invocations` has a property `predictions`, a list of one answer a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final
from urllib.parse import quote, unquote, urlsplit

from airquery.endpoints import wire
from airquery.endpoints.redaction import raw, readable
from airquery.errors import StatementError


if TYPE_CHECKING:
    from airquery.endpoints.endpoint import Endpoint
    from airquery.output.structure import Structure


_SCALARS: Final = {
    "string": "VARCHAR",
    "integer": "BIGINT",
    "number": "DOUBLE",
    "boolean": "BOOLEAN",
}
_DEPTH: Final = 32
_SHOWN: Final = 200


class _Unreadable(Exception):
    """The document does not say what is looked for; says where."""


def url(endpoint: Endpoint) -> str:
    """Return where the endpoint would publish its document."""
    parts = urlsplit(endpoint.base_url)
    name = quote(_name(endpoint), safe="")
    return f"{parts.scheme}://{parts.netloc}/api/2.0/serving-endpoints/{name}/openapi"


def read(endpoint: Endpoint, body: bytes) -> Structure:
    """Return the type of one answer.

    Raises `StatementError` AI_FUNCTION_MODEL_SCHEMA_PARSE_ERROR if the document does not tell it.
    """
    document = wire.json_object(body) or {}
    try:
        return _structure(_items(document), document, where="predictions", depth=0)
    except _Unreadable as problem:
        why = str(problem)
    shown = (raw(readable(endpoint, body)) or "nothing")[:_SHOWN]
    raise StatementError(
        "AI_FUNCTION_MODEL_SCHEMA_PARSE_ERROR",
        f"Endpoint {endpoint.name!r} publishes a schema that cannot be read: {why}. Say what it "
        f"returns: returnType => 'STRUCT<label: STRING>', or the endpoint's field returns. It "
        f"published: {shown}",
    )


def _name(endpoint: Endpoint) -> str:
    before, found, _ = endpoint.base_url.rstrip("/").rpartition("/invocations")
    return unquote(before.rpartition("/")[2]) if found else endpoint.model or endpoint.name


def _items(document: wire.Json) -> wire.Json:
    """Return the schema of one prediction."""
    paths = wire.mapping(document.get("paths"))
    post = next(
        (wire.mapping(item).get("post") for path, item in paths.items() if _invokes(path)), None
    )
    schema: object = post
    for step in ("responses", "200", "content", "application/json", "schema"):
        schema = _followed(wire.mapping(schema).get(step), document)
    if not schema:
        raise _Unreadable("no POST path ending in /invocations has a JSON reply with a schema")
    predictions = _followed(
        wire.mapping(wire.mapping(schema).get("properties")).get("predictions"), document
    )
    if predictions.get("type") != "array" or "items" not in predictions:
        raise _Unreadable("its reply has no list 'predictions'")
    return wire.mapping(predictions["items"])


def _invokes(path: str) -> bool:
    return path.rstrip("/").endswith("/invocations")


def _structure(schema: object, document: wire.Json, *, where: str, depth: int) -> Structure:
    if depth == _DEPTH:
        raise _Unreadable(f"{where} is nested without end")
    found = _followed(schema, document)
    kind = _kind(found, where)
    if kind == "array":
        return [_structure(found.get("items"), document, where=f"{where}[]", depth=depth + 1)]
    if kind != "object":
        return _SCALARS[kind]
    properties = wire.mapping(found.get("properties"))
    if not properties:
        # Without names it can only be kept as it comes.
        return "JSON"
    return {
        name: _structure(part, document, where=f"{where}.{name}", depth=depth + 1)
        for name, part in properties.items()
    }


def _kind(schema: wire.Json, where: str) -> str:
    """Return the one type of a schema; that it may also be null says nothing."""
    given = schema.get("type")
    kinds = [kind for kind in (given if isinstance(given, list) else [given]) if kind != "null"]
    if len(kinds) != 1 or kinds[0] not in (*_SCALARS, "array", "object"):
        raise _Unreadable(f"{where} has type {given!r:.60}, which no value here can have")
    return str(kinds[0])


def _followed(schema: object, document: wire.Json) -> wire.Json:
    """Return what a schema stands for: what `$ref` names, or its only choice beside null."""
    for _ in range(_DEPTH):
        found = wire.mapping(schema)
        reference = found.get("$ref")
        choices = found.get("anyOf") or found.get("oneOf") or found.get("allOf")
        if isinstance(reference, str):
            schema = _named(reference, document)
        elif isinstance(choices, list):
            others = [one for one in choices if wire.mapping(one).get("type") != "null"]
            if len(others) != 1:
                raise _Unreadable("a value in it may be of several types")
            schema = others[0]
        else:
            return found
    raise _Unreadable("it refers to itself in a circle")


def _named(reference: str, document: wire.Json) -> object:
    found: object = document
    for step in reference.removeprefix("#").split("/")[1:]:
        found = wire.mapping(found).get(step.replace("~1", "/").replace("~0", "~"))
    if not isinstance(found, Mapping):
        raise _Unreadable(f"it refers to {reference!r:.80}, which is not in it")
    return found
