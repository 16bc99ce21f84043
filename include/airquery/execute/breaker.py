"""Decide when what single requests ended in is the endpoint's doing, and every further one's end.

An unknown model or path is a 404, a key that may not use it a 403; but either may be a single
request's as well. So it counts as the endpoint's only while a statement has had no answer of it at
all, and so many requests in a row ended alike. One answer, and it is the rows' for good.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from airquery.answer import Answer, Failure
from airquery.execute.flight import whole_failure


if TYPE_CHECKING:
    from collections.abc import Sequence

    from airquery.answer import Outcome
    from airquery.execute.flight import Ending, Flight


ALIKE: Final = 8
STATUSES: Final = frozenset({403, 404})


@dataclass(slots=True)
class Breaker:
    """What one statement has seen of one endpoint, request by request."""

    _answered: bool = False
    _status: int | None = None
    _alike: int = 0

    def ended(self, outcome: Outcome) -> bool:
        """Note how a request ended that was sent; True if every further one would end the same."""
        if isinstance(outcome, Answer):
            self._answered = True
        elif outcome.http_status == self._status:
            self._alike += 1
        else:
            self._status, self._alike = outcome.http_status, 1
        return not self._answered and self._status in STATUSES and self._alike >= ALIKE


def judged(flights: Sequence[Flight], endings: Sequence[Ending]) -> tuple[Sequence[Ending], bool]:
    """Make fatal what every request of those who wait ended in so far; True if it was not.

    What was sent as one counts as one.
    """
    if endings[0].attempts == 0:
        return endings, False
    failure = whole_failure(endings)
    endpoint = flights[0].request.endpoint.name
    waiting = {statement for flight in flights for statement in flight.waiting}
    outcome = endings[0].outcome if failure is None else failure
    open_for = [statement.breakers[endpoint].ended(outcome) for statement in waiting]
    if failure is None or failure.fatal or not open_for or not all(open_for):
        return endings, False
    fatal = _opened(failure, endpoint=endpoint)
    return [replace(ending, outcome=fatal) for ending in endings], True


def _opened(failure: Failure, *, endpoint: str) -> Failure:
    """Return a failure as that of the endpoint, with what to check."""
    return replace(
        failure,
        message=f"{failure.message} The first {ALIKE} requests of this statement all ended so. Check "
        "the endpoint's model name, base_url and what its key may do: airquery endpoints test "
        f"{endpoint}",
        fatal=True,
    )
