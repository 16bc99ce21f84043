"""What came back over HTTP, whoever carried it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A complete HTTP reply. The names of its headers are found in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes
