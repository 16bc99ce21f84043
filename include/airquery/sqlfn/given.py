"""The constant arguments of a call, as its macro hands them over: one JSON object, checked here.

Everything that DuckDB lets through and no call can mean is refused while the statement is bound:
before the first row is read, and before anything is sent.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias

import orjson

from airquery.errors import StatementError, suggestion
from airquery.execute.flight import CACHES


if TYPE_CHECKING:
    from airquery.execute.flight import Cache

Files: TypeAlias = Literal["none", "bytes", "paths"]

MOST_ROWS_PER_PROMPT = 64
_NO_TYPE = '"NULL"'
_FILES: dict[str, Files] = {
    _NO_TYPE: "none",
    "BLOB": "bytes",
    "BLOB[]": "bytes",
    "VARCHAR": "paths",
    "VARCHAR[]": "paths",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Given:
    """What a call was given. `more` holds what only its own function knows, such as labels."""

    function: str
    endpoint: str | None = None
    return_type: str | None = None
    fail_on_error: bool = True
    model_parameters: dict[str, object] = field(default_factory=dict)
    response_format: str | None = None
    files: Files = "none"
    system: str | None = None
    cache: Cache = "reuse"
    max_error_ratio: float | None = None
    grouped: bool = False
    details: bool = False
    reask: bool = False
    rows_per_prompt: int = 1
    more: Mapping[str, object] = field(default_factory=dict)


def read_given(text: str) -> Given:
    """Read what a macro hands over. Raises `StatementError`."""
    try:
        fields: dict[str, object] = orjson.loads(text)
    except orjson.JSONDecodeError as problem:
        # DuckDB writes these numbers into JSON, which has none.
        raise StatementError(
            "AI_INVALID_ARGUMENT_VALUE_ERROR",
            f"A constant argument holds NaN or an infinity: {text[:200]}. Take it out.",
        ) from problem
    function = str(fields.pop("function"))
    reader = _Reader(function, fields)
    given = Given(
        function=function,
        endpoint=reader.text("endpoint"),
        return_type=reader.text("returnType"),
        fail_on_error=reader.flag("failOnError", default=True),
        model_parameters=reader.parameters(),
        response_format=reader.text("responseFormat"),
        files=reader.files(),
        system=reader.text("system"),
        cache=reader.cache(),
        max_error_ratio=reader.ratio(),
        grouped=fields.pop("errorGroup", _NO_TYPE) != _NO_TYPE,
        details=reader.flag("details", default=False),
        reask=reader.flag("reask", default=False),
        rows_per_prompt=reader.rows_per_prompt(),
        more=fields,
    )
    if given.max_error_ratio is not None and given.fail_on_error:
        raise invalid(
            function,
            "maxErrorRatio lets rows fail, so it needs failOnError => false: each failed row then "
            "carries its message.",
        )
    if given.grouped and given.max_error_ratio is None:
        raise invalid(
            function,
            "errorGroup says where maxErrorRatio holds as well, so it needs one: "
            "maxErrorRatio => 0.1.",
        )
    return given


def invalid(function: str, problem: str) -> StatementError:
    """Return the error for an argument whose value cannot be used."""
    return StatementError("AI_INVALID_ARGUMENT_VALUE_ERROR", f"{function}: {problem}")


class _Reader:
    """Takes arguments out of what was handed over, one by one."""

    def __init__(self, function: str, fields: dict[str, object]) -> None:
        self._function = function
        self._fields = fields

    def text(self, name: str) -> str | None:
        value = self._fields.pop(name, None)
        if value is None or isinstance(value, str):
            return value
        raise self._wrong(name, "text", value)

    def flag(self, name: str, *, default: bool) -> bool:
        given = name in self._fields
        value = self._fields.pop(name, default)
        if isinstance(value, bool):
            return value
        if value is None and given:
            raise _compile_error(self._function, f"{name} is NULL. Write true or false.")
        raise self._wrong(name, "true or false", value)

    def parameters(self) -> dict[str, object]:
        value = self._fields.pop("modelParameters", None)
        if isinstance(value, Mapping):
            return dict(value)
        if value is None:
            return {}
        raise StatementError(
            "AI_FUNCTION_INVALID_MODEL_PARAMETERS.INVALID_PARAMETER_DATA_TYPE",
            f"{self._function}: modelParameters must be a struct such as "
            f"named_struct('max_tokens', 100), not {_shown(value)}.",
        )

    def files(self) -> Files:
        kind = str(self._fields.pop("files", '"NULL"'))
        if kind not in _FILES:
            raise invalid(
                self._function,
                f"files must be BLOB (the bytes of pictures) or VARCHAR (paths), or a list of "
                f"them, not {kind}.",
            )
        return _FILES[kind]

    def cache(self) -> Cache:
        value = self.text("cache")
        for known in CACHES:
            if value is None or value == known:
                return known
        raise invalid(
            self._function, f"cache is {value!r}. {suggestion(str(value), CACHES)}".rstrip()
        )

    def ratio(self) -> float | None:
        value = self._fields.pop("maxErrorRatio", None)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
            return float(value)
        raise self._wrong("maxErrorRatio", "a number from 0.0 to 1.0", value)

    def rows_per_prompt(self) -> int:
        value = self._fields.pop("rowsPerPrompt", None)
        if value is None:
            return 1
        if type(value) is int and 1 <= value <= MOST_ROWS_PER_PROMPT:
            return value
        wanted = f"a whole number from 2 to {MOST_ROWS_PER_PROMPT}, or 1 or NULL for one row"
        raise self._wrong("rowsPerPrompt", wanted, value)

    def _wrong(self, name: str, wanted: str, value: object) -> StatementError:
        return invalid(self._function, f"{name} must be {wanted}, not {_shown(value)}.")


def _compile_error(function: str, problem: str) -> StatementError:
    return StatementError("AI_FUNCTION_COMPILATION_ERROR", f"{function}: {problem}")


def _shown(value: object) -> str:
    return orjson.dumps(value).decode()[:60]
