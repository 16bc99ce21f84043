"""A request on its way: who waits for it, whether it is on the wire, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias


if TYPE_CHECKING:
    import asyncio

    from airquery.answer import Outcome
    from airquery.execute.statement import Statement
    from airquery.request import Request


Cache: TypeAlias = Literal["reuse", "refresh", "off"]


@dataclass(slots=True, eq=False)
class Flight:
    """A request on its way, and the statements that wait for it; `payer` is the one it counts for.

    `cache` says what the journal has to do with it, `on_wire` is set from the moment it is sent
    until it failed, or until its answer is durable.
    """

    request: Request
    payer: Statement
    waiting: list[Statement]
    cache: Cache = "reuse"
    task: asyncio.Task[None] | None = None
    on_wire: bool = False

    def leave(self, statement: Statement) -> bool:
        """Stop waiting for it; True if that leaves nobody."""
        if statement not in self.waiting:
            return False
        self.waiting.remove(statement)
        if self.waiting and self.payer is statement:
            self.payer = self.waiting[0]
        return not self.waiting


@dataclass(frozen=True, slots=True, kw_only=True)
class Ending:
    """How the last attempt of a request ended, and the raw body to remember.

    `attempts` is 0 for what was never sent.
    """

    outcome: Outcome
    body: bytes = field(default=b"", repr=False)
    latency_s: float = 0.0
    attempts: int = 0
