"""Which model parameters are refused before the first request.

Refused are names that belong in the request itself, names that a format can never take, and values
that no server accepts. Any other parameter goes over the wire as it is: the server knows it better.
NULL means: not given. SQL's `100.0` is a whole number, and is sent as one where one is needed.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, NoReturn

import orjson

from airquery.errors import StatementError


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.endpoints.endpoint import Endpoint


_NONE: Final[Mapping[str, str]] = {}
RESERVED: Final = frozenset(
    {"messages", "prompt", "input", "model", "stream", "response_format", "n", "files"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Which numbers a parameter takes."""

    low: float
    high: float = math.inf
    whole: bool = False

    def __str__(self) -> str:
        kind = "a whole number" if self.whole else "a number"
        if self.high == math.inf:
            return f"{kind} of at least {self.low:g}"
        return f"{kind} from {self.low:g} to {self.high:g}"


BOUNDS: Final[Mapping[str, Bounds]] = {
    "temperature": Bounds(low=0, high=2),
    "top_p": Bounds(low=0, high=1),
    "max_tokens": Bounds(low=1, whole=True),
    "max_completion_tokens": Bounds(low=1, whole=True),
    "max_output_tokens": Bounds(low=1, whole=True),
    "dimensions": Bounds(low=1, whole=True),
}
_WHOLE: Final = frozenset(
    {
        *(name for name, one in BOUNDS.items() if one.whole),
        "seed",
        "top_k",
        "top_logprobs",
    }
)


def in_one_spelling(parameters: Mapping[str, object]) -> dict[str, object]:
    """Make equal numbers equal: 0, 0.0 and a DOUBLE are one temperature, `100.0` tokens are 100.

    Doing it twice changes nothing. What is no such number is left to `check_parameters`.
    """
    return {name: _spelled(name, value) for name, value in parameters.items()}


def check_parameters(
    endpoint: Endpoint,
    parameters: Mapping[str, object],
    *,
    reserved: frozenset[str] = RESERVED,
    unsupported: Mapping[str, str] = _NONE,
    bounds: Mapping[str, Bounds] = BOUNDS,
) -> None:
    """Refuse what can never be sent. Raises `StatementError`.

    `unsupported` says of each parameter that the format does not have what to do instead.
    """
    for name, given in parameters.items():
        # A message shows other numbers as they were written.
        value = _spelled(name, given) if name in _WHOLE else given
        if name.lower() in unsupported and value is not None:
            refuse(
                endpoint,
                "UNSUPPORTED_MODEL_PARAMETER",
                f"its format has no modelParameters {name!r}. {unsupported[name.lower()]}",
            )
        if name.lower() in reserved:
            refuse(
                endpoint,
                "FOUND_RESERVED_PARAMETER_NAME",
                f"{name!r} belongs to the request. Take it out of modelParameters.",
            )
        if value is None:
            continue
        if name in bounds:
            _check_number(endpoint, name, value, bounds[name])
        elif name == "stop":
            _check_stop(endpoint, value)
        elif name == "reasoning_effort" and not isinstance(value, str):
            refuse(
                endpoint,
                "INVALID_PARAMETER_DATA_TYPE",
                f"modelParameters 'reasoning_effort' must be text, not {value!r:.60}.",
            )
        else:
            _check_json(endpoint, name, value)


def _spelled(name: str, value: object) -> object:
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return value
    if name in _WHOLE:
        return int(value) if value == int(value) else value
    return float(value) if name in BOUNDS else value


def refuse(endpoint: Endpoint, subcondition: str, problem: str) -> NoReturn:
    """Raise the `StatementError` for model parameters."""
    raise StatementError(
        f"AI_FUNCTION_INVALID_MODEL_PARAMETERS.{subcondition}",
        f"Endpoint {endpoint.name!r}: {problem}",
    )


def _check_number(endpoint: Endpoint, name: str, value: object, bounds: Bounds) -> None:
    problem = f"modelParameters {name!r} must be {bounds}, not {value!r:.60}."
    if isinstance(value, bool) or not isinstance(value, int if bounds.whole else int | float):
        refuse(endpoint, "INVALID_PARAMETER_DATA_TYPE", problem)
    if not bounds.low <= value <= bounds.high:
        refuse(endpoint, "INVALID_NUMERIC_PARAMETER", problem)


def _check_stop(endpoint: Endpoint, value: object) -> None:
    texts = value if isinstance(value, list | tuple) else [value]
    if not all(isinstance(text, str) for text in texts):
        refuse(
            endpoint,
            "INVALID_PARAMETER_DATA_TYPE",
            f"modelParameters 'stop' must be text or a list of texts, not {value!r:.60}.",
        )


def _check_json(endpoint: Endpoint, name: str, value: object) -> None:
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        refuse(
            endpoint,
            "INVALID_PARAMETER_DATA_TYPE",
            f"modelParameters {name!r} has a value that JSON cannot hold: {value!r:.60}.",
        )
