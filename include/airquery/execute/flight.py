"""A request on its way: who waits for it, whether it is on the wire, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, TypeAlias


if TYPE_CHECKING:
    import asyncio
    from collections.abc import Sequence

    from airquery.answer import Failure, Outcome
    from airquery.execute.statement import Statement
    from airquery.request import Request


Cache: TypeAlias = Literal["reuse", "refresh", "off"]


@dataclass(slots=True, eq=False)
class Flight:
    """A request on its way, and the statements that wait for it; `payer` is the one it counts for.

    `cache` says what the journal has to do with it, `beside` are those that share its HTTP request,
    itself among them, and `on_wire` is set from the moment it is sent
    until it failed, or until its answer is durable.
    """

    request: Request
    payer: Statement
    waiting: list[Statement]
    cache: Cache = "reuse"
    task: asyncio.Task[None] | None = None
    beside: Sequence[Flight] = ()
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


def refused(flights: Sequence[Flight]) -> Failure | None:
    """Return what flights end in, unsent, whose statements were all refused while they waited."""
    refusals = [statement.refusal for flight in flights for statement in flight.waiting]
    return None if None in refusals else next(iter(refusals), None)
