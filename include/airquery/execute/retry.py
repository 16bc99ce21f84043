"""Decide whether and when a failed attempt is made again.

Pure: the elapsed time and the draw of the dice are arguments. A 429 is the endpoint asking for
patience, not a fault of the request: it never uses up attempts, only time. So is a 529, and so is a
server that was reached before and cannot be now: it is away, and nothing was sent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING


if TYPE_CHECKING:
    from airquery.answer import Failure
    from airquery.endpoints.endpoint import Limits


FIRST_WAIT_S = 0.5
LEAST_WAIT_S = 0.02
LONGEST_WAIT_S = 30.0
TOO_MANY_REQUESTS = 429
UNAVAILABLE = 503
# What Anthropic sends when all its users together are too many.
OVERLOADED = 529


def asks_for_patience(failure: Failure, *, reached: bool = False) -> bool:
    """Tell whether an endpoint has too much to do, or is away, and not that it cannot do it."""
    if failure.http_status == UNAVAILABLE:
        return failure.retry_after_s is not None
    return is_free(failure, reached=reached)


def is_free(failure: Failure, *, reached: bool = False) -> bool:
    """Tell whether a failure uses up no attempt. `reached` says that the server once replied."""
    if failure.unreachable:
        return reached and failure.retryable
    return failure.http_status in (TOO_MANY_REQUESTS, OVERLOADED)


def is_taken(failure: Failure | None) -> bool:
    """Tell whether a server did anything with a request but refuse it: answered it, or failed at it."""
    if failure is None:
        return True
    return failure.http_status is not None and not asks_for_patience(failure)


def wait_before_next(
    failure: Failure, *, attempt: int, faults: int, elapsed_s: float, dice: float, limits: Limits
) -> float | None:
    """Return the seconds to wait before the next attempt, or None to give up.

    Args:
        failure: what the last attempt ended as.
        attempt: how many attempts were made, from 1.
        faults: how many of them were not `is_free`.
        elapsed_s: time since the first attempt began.
        dice: a draw from [0, 1), the jitter ("equal jitter": half fixed, half random).
        limits: `max_attempts` bounds the faults, `deadline_s` the whole.
    """
    if not failure.retryable or faults >= limits.max_attempts:
        return None
    backoff_s = min(LONGEST_WAIT_S, FIRST_WAIT_S * 2.0 ** min(attempt - 1, 10))
    wait_s = backoff_s * (0.5 + dice / 2)
    if failure.retry_after_s is not None:
        # Never earlier than asked; a little later, so that not all come back in one instant.
        # Who says 0 is asked less and less often all the same.
        least_s = min(1.0, LEAST_WAIT_S * 2.0 ** min(attempt - 1, 10))
        wait_s = max(failure.retry_after_s, least_s) * (1 + dice / 10)
    return wait_s if elapsed_s + wait_s < limits.deadline_s else None
