"""What `rowsPerPrompt` does not go with: refused before anything is sent."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airquery.endpoints.adapters import many_adapter_for
from airquery.errors import StatementError
from airquery.sqlfn.given import invalid


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.endpoints.endpoint import Endpoint
    from airquery.sqlfn.given import Given


_NO_ROWS: Final = "Leave rowsPerPrompt out, or take it out of modelParameters"
# Parameters that are about one reply, and mean something else where it holds several answers.
_OF_ONE_REPLY: Final[Mapping[str, str]] = {
    "stop": "would end the reply in the middle of the first answer that has it",
    "stop_sequences": "would end the reply in the middle of the first answer that has it",
    "logprobs": "are those of the whole reply and of no single row",
    "top_logprobs": "are those of the whole reply and of no single row",
}


def check_rows_per_prompt(endpoint: Endpoint, given: Given) -> None:
    """Refuse what has no meaning for several rows in one prompt. Raises `StatementError`."""
    rows = given.rows_per_prompt
    if rows == 1:
        return
    if many_adapter_for(endpoint, rows_per_prompt=rows) is None:
        raise StatementError(
            "AI_FUNCTION_UNSUPPORTED_REQUEST",
            f"{given.function}: rowsPerPrompt works with chat endpoints only; {endpoint.name!r} is "
            f"{_kind(endpoint)}.",
        )
    if given.files != "none":
        raise invalid(
            given.function,
            "files go with one row, and rowsPerPrompt puts several into one prompt. Leave one out.",
        )
    for name, why in _OF_ONE_REPLY.items():
        if given.model_parameters.get(name) not in (None, False):
            raise invalid(
                given.function,
                f"modelParameters {name!r} {why}, and rowsPerPrompt is {rows}. {_NO_ROWS}.",
            )


def check_text(function: str, request: object) -> None:
    """Refuse a request that is not text. Raises `StatementError`."""
    if not isinstance(request, str):
        raise StatementError(
            "AI_FUNCTION_UNSUPPORTED_REQUEST",
            f"{function}: rowsPerPrompt puts texts into one prompt, and a request is none, such as "
            "{'messages': ...}. Concatenate it to one text, or leave rowsPerPrompt out.",
        )


def _kind(endpoint: Endpoint) -> str:
    if endpoint.function is not None:
        return "a Python function"
    return f"a {endpoint.task} endpoint"
