"""A request on its way: who waits for it, whether it is on the wire, and how it ended."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from airquery.answer import Failure
from airquery.errors import AirqueryError, JournalError, StatementError


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.answer import Outcome
    from airquery.endpoints.told_limits import Told
    from airquery.execute.budget import Amount, Spending
    from airquery.execute.statement import Statement
    from airquery.request import Request


Cache: TypeAlias = Literal["reuse", "refresh", "off"]
CACHES: Final[tuple[Cache, ...]] = ("reuse", "refresh", "off")


@dataclass(slots=True, eq=False)
class Flight:
    """A request on its way, and the statements that wait for it; `payer` is the one it counts for.

    `cache` says what the journal has to do with it, and `on_wire` is set from the moment it is sent
    until it failed, or until its answer is durable. Answers from before `since`, in seconds since
    1970, are too old for it. `reserved` is what it takes of each budget meanwhile.
    """

    request: Request
    payer: Statement
    waiting: list[Statement]
    cache: Cache = "reuse"
    since: float = 0.0
    on_wire: bool = False
    reserved: tuple[tuple[Spending, Amount], ...] = ()

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

    `attempts` is 0 for what was never sent; `hedged` of them were made beside another. `told` is what
    the reply said of the endpoint's limits.
    """

    outcome: Outcome
    body: bytes = field(default=b"", repr=False)
    latency_s: float = 0.0
    attempts: int = 0
    hedged: int = 0
    told: tuple[Told, ...] = ()


def refused(flights: Sequence[Flight]) -> Failure | None:
    """Return what flights end in, unsent, whose statements were all refused while they waited."""
    refusals = [statement.refusal for flight in flights for statement in flight.waiting]
    return None if None in refusals else next(iter(refusals), None)


def whole_failure(endings: Sequence[Ending]) -> Failure | None:
    """Return the failure of all of what was sent as one; None where each ended for itself."""
    first = endings[0].outcome
    same = all(one.outcome is first for one in endings)
    return first if same and isinstance(first, Failure) else None


def unsendable(problem: BaseException) -> Failure:
    """Name what kept a request, or its answer, from where it was to go."""
    if isinstance(problem, StatementError):
        return Failure(condition=problem.condition, message=problem.message)
    shown = str(problem) if isinstance(problem, AirqueryError) else type(problem).__name__
    return Failure(
        condition="AI_FUNCTION_HTTP_REQUEST_ERROR",
        message=shown,
        retryable=isinstance(problem, AirqueryError) and problem.retryable,
    )


def unkept(problem: BaseException, ending: Ending) -> Ending:
    """Name what kept an answer out of the journal; it was asked and paid all the same."""
    fatal = isinstance(problem, JournalError) and problem.keeps_nothing
    failure = replace(unsendable(problem), attempts=ending.attempts, fatal=fatal, unkept=True)
    return Ending(outcome=failure, attempts=ending.attempts, hedged=ending.hedged)
