"""What one call of a function needs that is not said by the arguments every function has."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias


if TYPE_CHECKING:
    from collections.abc import Mapping

    from airquery.output.value import Shape
    from airquery.tasks.steps import Steps


# No envelope; a JSON object of `response` and `error_message`; the same with `metadata`.
Envelope: TypeAlias = Literal["none", "response", "response and metadata"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """A prepared call.

    `endpoint_task` is the kind of endpoint it asks, None for any; with a kind there is a default
    endpoint. `system`, `response_format`, `shape` and `steps` stand instead of what the arguments
    say; `parameters` are sent beside those of the call where the endpoint's format has them. `as_text` asks rows that are no text as their JSON text. An
    `envelope` holds the failure of its row, so that no row fails the statement.
    """

    endpoint_task: str | None = None
    system: str | None = None
    response_format: dict[str, object] | None = None
    shape: Shape | None = None
    steps: Steps | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    as_text: bool = True
    envelope: Envelope = "none"
