"""Decide when what single requests ended in is the endpoint's doing, and every further one's end.

An unknown model or path is a 404, a key that may not use it a 403; but either may be a single
request's as well. So it counts as the endpoint's only while a statement has had no answer of it at
all, and so many requests in a row ended alike. One answer, and it is the rows' for good.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from airquery.answer import Answer, Failure


if TYPE_CHECKING:
    from airquery.answer import Outcome


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


def opened(failure: Failure, *, endpoint: str) -> Failure:
    """Return a failure as that of the endpoint, with what to check."""
    return replace(
        failure,
        message=f"{failure.message} The first {ALIKE} requests of this statement all ended so. Check "
        "the endpoint's model name, base_url and what its key may do: airquery endpoints test "
        f"{endpoint}",
        fatal=True,
    )
