"""What somebody asks on the page: one question to one to three endpoints, or over some rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final


if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from airquery.warehouse.names import TableName


MOST_ENDPOINTS: Final = 3
MOST_ROWS: Final = 100


class Unclear(ValueError):
    """The form says something that cannot be asked; the message says what to write instead."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """The first rows of a table. `column` is put after the prompt where no {column} stands in it."""

    table: TableName
    limit: int
    column: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One question, as `ai_query` takes it. `picture` is a file of ours."""

    endpoints: tuple[str, ...]
    prompt: str
    system: str | None = None
    parameters: Mapping[str, object] = field(default_factory=dict)
    response_format: str | None = None
    return_type: str | None = None
    picture: Path | None = None
    over: Rows | None = None
