"""One call site of an AI function, resolved from its constant arguments.

Everything that can be wrong with a call is found here, while DuckDB binds the statement: before the
first row is read and before anything is sent.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import orjson

from airquery.endpoints.adapters import adapter_for
from airquery.endpoints.parameters import in_one_spelling
from airquery.errors import StatementError
from airquery.output.form import Form
from airquery.output.structure import parse_ddl
from airquery.output.value import Shape
from airquery.request import Request, around_input, key_around
from airquery.sqlfn.given import Files, Given, read_given
from airquery.sqlfn.response_format import read_response_format
from airquery.sqlfn.rows_per_prompt import check_rows_per_prompt, check_text
from airquery.tasks.prepare import prepared
from airquery.tasks.prompt import as_text
from airquery.tasks.steps import Reasking, Row, Single, Steps


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.endpoints.endpoint import Endpoint
    from airquery.endpoints.registry import Registry
    from airquery.execute.flight import Cache
    from airquery.output.structure import Structure
    from airquery.request import Image
    from airquery.tasks.task import Task


# What Databricks does, and what its REST default of 1.0 is not: equal rows get equal answers.
DEFAULT_TEMPERATURE = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What of Databricks is followed beyond its contract, and what calls that say nothing do.

    See `Settings`.
    """

    strict_databricks: bool = False
    compat_error_struct: bool = False
    cache: Cache = "reuse"


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """What every row of a call site shares.

    `shape` is what an answer must become, `form` how the result looks around it, `steps` how a row
    comes to it. `strict` says that a failed row fails the statement, `grouped` that each row comes
    with the group its failure counts for.
    """

    function: str
    endpoint: Endpoint
    shape: Shape
    form: Form
    steps: Steps
    strict: bool
    parameters: dict[str, object]
    response_format: dict[str, object] | None
    system: str | None
    files: Files
    cache: Cache
    namespace: str | None
    max_error_ratio: float | None
    grouped: bool
    rows_per_prompt: int
    as_text: bool
    _alike: list[tuple[Request, tuple[bytes, bytes] | None]] = field(
        default_factory=list, repr=False, compare=False
    )

    def row(self, given: object, files: tuple[Image, ...] = ()) -> Row:
        """Make a row of the JSON value of its request."""
        return Row(as_text(given) if self.as_text else given, files)

    def row_of(self, text: str, files: tuple[Image, ...] = ()) -> Row:
        """Make a row of what its macro handed over. Raises `orjson.JSONDecodeError`."""
        given: object = orjson.loads(text)
        if not self.grouped or not isinstance(given, dict):
            return self.row(given, files)
        return replace(self.row(given["request"], files), group=given["group"])

    def key(self, given: object, around: tuple[bytes, bytes]) -> bytes:
        """Return the key of a plain row's request, of the JSON value it is about."""
        return key_around(around, as_text(given) if self.as_text else given)

    def ask(self, row: Row, *, asked: object = None, system: str | None = None) -> Request:
        """Make a request of a row: of its own input, or of what is asked instead of it.

        Raises `StatementError` for a row that cannot be one of several in a prompt.
        """
        # What is asked instead, such as a correction, is about this row alone.
        rows = self.rows_per_prompt if asked is None else 1
        if rows > 1:
            check_text(self.function, row.input)
        plain = asked is None and system is None and not row.files
        return Request(
            endpoint=self.endpoint,
            input=row.input if asked is None else asked,
            system=self.system if system is None else system,
            files=row.files,
            parameters=self.parameters,
            response_format=self.response_format,
            rows_per_prompt=rows,
            namespace=self.namespace,
            around=self.alike()[1] if plain else None,
        )

    def alike(self) -> tuple[Request, tuple[bytes, bytes] | None]:
        """Return a request that differs from those of plain rows in its input alone.

        Beside it stands what `around_input` says of all of them.
        """
        if not self._alike:
            alike = Request(
                endpoint=self.endpoint,
                input="",
                system=self.system,
                parameters=self.parameters,
                response_format=self.response_format,
                rows_per_prompt=self.rows_per_prompt,
                namespace=self.namespace,
            )
            self._alike.append((alike, around_input(alike)))
        return self._alike[0]

    def ask_again(self, row: Row, *, answered: str, problem: str) -> Request:
        """Make the request that shows the model its answer and what is wrong with it."""
        asked = row.input
        given = asked.get("messages") if isinstance(asked, dict) else None
        before = given if isinstance(given, list) else [{"role": "user", "content": asked}]
        correction = (
            f"This answer cannot be used. {problem} Answer again, with the corrected answer alone."
        )
        turns = [
            {"role": "assistant", "content": answered or "(nothing)"},
            {"role": "user", "content": correction},
        ]
        return self.ask(row, asked={"messages": [*before, *turns]})

    def result_structure(self) -> Structure:
        """Return the type of the call's result."""
        return self.form.structure(self.shape.structure)


def resolve(text: str, registry: Registry, rules: Rules, *, namespace: str | None = None) -> Call:
    """Check the constant arguments of a call and put them in the form the engine needs.

    `namespace` is the part of the journal that its answers are kept in.

    Raises:
        UnknownEndpoint, InvalidEndpoint: the endpoint cannot be asked.
        StatementError: an argument is wrong, or does not go with this endpoint.
    """
    given = read_given(text)
    task = prepared(given)
    endpoint = _endpoint(given, registry, kind=task.endpoint_task)
    response_format, shape = task.response_format, task.shape
    if shape is None:
        response_format, shape = _shape(endpoint, given, rules)
    _check_extras(endpoint, given)
    check_rows_per_prompt(endpoint, given)
    single: Steps = Reasking() if given.reask else Single()
    return Call(
        function=given.function,
        endpoint=endpoint,
        shape=shape,
        form=_form(given, task, rules),
        steps=task.steps or single,
        strict=given.fail_on_error and task.envelope == "none",
        parameters=_parameters(endpoint, given.model_parameters, wished=task.parameters),
        response_format=response_format,
        system=task.system if task.system is not None else given.system,
        files=given.files,
        namespace=namespace,
        cache=rules.cache if given.cache == "reuse" else given.cache,
        max_error_ratio=given.max_error_ratio,
        grouped=given.grouped,
        rows_per_prompt=given.rows_per_prompt,
        as_text=task.as_text,
    )


def _form(given: Given, task: Task, rules: Rules) -> Form:
    if task.envelope != "none":
        return Form(kind="response", metadata=task.envelope == "response and metadata")
    struct = given.details or not given.fail_on_error
    return Form(
        kind="struct" if struct else "value",
        details=given.details,
        aliases=rules.compat_error_struct,
    )


def _endpoint(given: Given, registry: Registry, *, kind: str | None) -> Endpoint:
    if given.endpoint is not None:
        endpoint = registry.get(given.endpoint)
    elif kind is None:
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR", f"{given.function}: endpoint is NULL. Name one."
        )
    else:
        endpoint = registry.default(given.function, task=kind)
    if kind is not None and endpoint.task != kind:
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR",
            f"{given.function} asks {kind} endpoints; {endpoint.name!r} is a {endpoint.task} "
            "endpoint. Name another with endpoint => '...'.",
        )
    return endpoint


def _check_extras(endpoint: Endpoint, given: Given) -> None:
    """Refuse what only chat has. Raises `StatementError`."""
    if endpoint.task == "chat":
        return
    for name, found in (
        ("files", given.files != "none"),
        ("system", given.system is not None and given.function == "ai_query"),
        ("reask", given.reask),
    ):
        if found:
            raise StatementError(
                "AI_FUNCTION_UNSUPPORTED_REQUEST",
                f"{given.function}: {name} works with chat endpoints only; {endpoint.name!r} is a "
                f"{endpoint.task} endpoint.",
            )


def _parameters(
    endpoint: Endpoint, given: Mapping[str, object], *, wished: Mapping[str, object]
) -> dict[str, object]:
    """Return what is sent: NULL is the endpoint's own default, also for the temperature."""
    named = {name: value for name, value in given.items() if value is not None}
    parameters = in_one_spelling(named)
    adapter_for(endpoint).check(endpoint, parameters)
    if wished and _accepts(endpoint, {**wished, **parameters}):
        parameters = {**wished, **parameters}
    if endpoint.task in ("chat", "completions") and "temperature" not in given:
        parameters["temperature"] = DEFAULT_TEMPERATURE
    return parameters


def _accepts(endpoint: Endpoint, parameters: Mapping[str, object]) -> bool:
    try:
        adapter_for(endpoint).check(endpoint, parameters)
    except StatementError:
        return False
    return True


def _shape(
    endpoint: Endpoint, given: Given, rules: Rules
) -> tuple[dict[str, object] | None, Shape]:
    """Decide the result type, and what the endpoint is told about it."""
    strict = rules.strict_databricks
    if given.response_format is not None and endpoint.task != "chat":
        raise StatementError(
            "AI_FUNCTION_UNSUPPORTED_RESPONSE_FORMAT",
            f"responseFormat works with chat endpoints only; {endpoint.name!r} is a "
            f"{endpoint.task} endpoint. Use returnType.",
        )
    if given.return_type is not None:
        structure = parse_ddl(given.return_type)
        if given.response_format is None:
            return None, Shape(structure=structure, closed=endpoint.task == "custom")
        format_, shape = read_response_format(given.response_format, strict=strict)
        return format_, Shape(structure=structure, schema=shape.schema)
    if given.response_format is not None:
        return read_response_format(given.response_format, strict=strict)
    match endpoint.task:
        case "embeddings":
            return None, Shape(structure=["DOUBLE"], embedding=True)
        case "custom":
            return None, Shape(structure=_custom_structure(endpoint), closed=True)
        case _:
            return None, Shape(structure="VARCHAR")


def _published(endpoint: Endpoint) -> Structure | None:
    # Few endpoints are asked for it, and it takes an event loop.
    from airquery.execute.fetch import published_structure  # noqa: PLC0415

    return published_structure(endpoint)


def _custom_structure(endpoint: Endpoint) -> Structure:
    """Return what a custom model returns: as declared, or as its endpoint publishes it."""
    structure = parse_ddl(endpoint.returns) if endpoint.returns else _published(endpoint)
    if structure is None:
        raise StatementError(
            "AI_FUNCTION_COMPILATION_ERROR",
            f"Endpoint {endpoint.name!r} is a custom model without a published schema: say what "
            "it returns, for example returnType => 'DOUBLE' or 'STRUCT<label: STRING>', or declare "
            "it once with the endpoint's field 'returns'.",
        )
    return structure
