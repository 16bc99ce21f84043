"""One call site of ai_query, resolved from its constant arguments.

Everything that can be wrong with a call is found here, while DuckDB binds the statement: before the
first row is read and before anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import orjson

from airquery.endpoints.adapters import adapter_for
from airquery.errors import StatementError
from airquery.output.structure import Structure, json_schema, parse_ddl
from airquery.output.value import Shape
from airquery.request import Request


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.endpoints.endpoint import Endpoint
    from airquery.endpoints.registry import Registry


# What Databricks does, and what its REST default of 1.0 is not: equal rows get equal answers.
DEFAULT_TEMPERATURE = 0.0
SHOWN = 200
FORMAT_TYPES = ("text", "json_object", "json_schema")


class Arguments(NamedTuple):
    """The constant arguments of a call, as the SQL function receives them."""

    endpoint: str | None
    return_type: str | None
    fail_on_error: bool | None
    model_parameters: str | None
    response_format: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What every row of a call site shares. `strict` is failOnError."""

    endpoint: Endpoint
    shape: Shape
    strict: bool
    parameters: dict[str, object]
    response_format: dict[str, object] | None

    def request(self, text: str) -> Request:
        """Make the request of one row from the JSON text of its `request` argument."""
        return Request(
            endpoint=self.endpoint,
            input=orjson.loads(text),
            parameters=self.parameters,
            response_format=self.response_format,
        )

    def result_structure(self) -> Structure:
        """Return the type of the call's result, the error struct included."""
        if self.strict:
            return self.shape.structure
        return {"result": self.shape.structure, "errorMessage": "VARCHAR"}


def resolve(arguments: Arguments, registry: Registry) -> Call:
    """Check the constant arguments of a call and put them in the form the engine needs.

    Raises:
        UnknownEndpoint, InvalidEndpoint: the endpoint cannot be asked.
        StatementError: an argument is wrong, or does not go with this endpoint.
    """
    if arguments.endpoint is None:
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR", "ai_query: endpoint is NULL. Name one."
        )
    if arguments.fail_on_error is None:
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR", "ai_query: failOnError is NULL. Write true or false."
        )
    endpoint = registry.get(arguments.endpoint)
    response_format, shape = _shape(endpoint, arguments)
    return Call(
        endpoint=endpoint,
        shape=shape,
        strict=arguments.fail_on_error,
        parameters=_parameters(endpoint, arguments.model_parameters),
        response_format=response_format,
    )


def _parameters(endpoint: Endpoint, text: str | None) -> dict[str, object]:
    given = orjson.loads(text) if text is not None else None
    if given is not None and not isinstance(given, dict):
        raise StatementError(
            "AI_FUNCTION_INVALID_MODEL_PARAMETERS.INVALID_PARAMETER_DATA_TYPE",
            f"modelParameters for endpoint {endpoint.name!r} must be a struct such as "
            f"named_struct('max_tokens', 100), not {text}.",
        )
    parameters = {name: value for name, value in (given or {}).items() if value is not None}
    adapter_for(endpoint).check(endpoint, parameters)
    if endpoint.task in ("chat", "completions"):
        parameters.setdefault("temperature", DEFAULT_TEMPERATURE)
    return parameters


def _shape(endpoint: Endpoint, arguments: Arguments) -> tuple[dict[str, object] | None, Shape]:
    """Decide the result type, and what the endpoint is told about it."""
    if arguments.response_format is not None and endpoint.task != "chat":
        raise StatementError(
            "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT",
            f"responseFormat works with chat endpoints only; {endpoint.name!r} is a "
            f"{endpoint.task} endpoint. Use returnType.",
        )
    if arguments.return_type is not None:
        structure = parse_ddl(arguments.return_type)
        if arguments.response_format is None:
            return None, Shape(structure=structure)
        format_, shape = _response_format(arguments.response_format)
        return format_, Shape(structure=structure, schema=shape.schema)
    if arguments.response_format is not None:
        return _response_format(arguments.response_format)
    match endpoint.task:
        case "embeddings":
            return None, Shape(structure=["DOUBLE"], embedding=True)
        case "custom":
            raise StatementError(
                "AI_FUNCTION_COMPILATION_ERROR",
                f"Endpoint {endpoint.name!r} is a custom model without a published schema: say what "
                "it returns, for example returnType => 'DOUBLE' or 'STRUCT<label: STRING>'.",
            )
        case _:
            return None, Shape(structure="VARCHAR")


def _response_format(text: str) -> tuple[dict[str, object] | None, Shape]:
    """Read the format string: DDL gives a typed value, the JSON forms give text."""
    if not text.lstrip().startswith("{"):
        structure = parse_ddl(text, argument="responseFormat")
        if not isinstance(structure, dict):
            raise StatementError(
                "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT.DDL_STRING",
                f"responseFormat {text!r} must be a STRUCT, for example 'STRUCT<answer: STRING>'.",
            )
        name = next(iter(structure)) if len(structure) == 1 else "answer"
        envelope = {"name": name, "schema": json_schema(structure), "strict": True}
        return {"type": "json_schema", "json_schema": envelope}, Shape(structure=structure)
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
            _check_schema(text, schema)
            return format_, Shape(structure="VARCHAR", json_kind="any", schema=schema)
        case {"type": "json_schema"}:
            raise _bad_format(text, 'json_schema needs {"name": ..., "schema": {...}}')
    raise _bad_format(text, f"its type must be one of {', '.join(FORMAT_TYPES)}")


def _check_schema(text: str, schema: Mapping[str, object]) -> None:
    import jsonschema_rs  # noqa: PLC0415  (only structured output needs it)

    try:
        jsonschema_rs.validator_for(dict(schema))
    except (ValueError, jsonschema_rs.ValidationError) as problem:
        raise _bad_format(text, f"its schema is not valid JSON Schema ({problem})") from problem


def _bad_format(text: str, problem: str) -> StatementError:
    shown = text if len(text) <= SHOWN else text[:SHOWN] + "…"
    return StatementError(
        "AI_FUNCTION_INVALID_RESPONSE_FORMAT_TYPE",
        f"responseFormat {shown!r}: {problem}. Write DDL such as 'STRUCT<answer: STRING>', or "
        '{"type": "json_object"}.',
    )
